"""Pictures drawn by a process of their own, which loads matplotlib while this one replays."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Painter:
    """Draws figures as PNG beside the caller; use as a context manager.

    Where the process can't be had, or isn't wanted, the picture is drawn here, the same.
    """

    def __init__(self, aside: bool = True) -> None:
        command = [sys.executable, "-P", "-m", "bt_gex.reports.charts.painter"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes) if aside else None  # type: ignore[call-overload]

    def __enter__(self) -> Painter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def draw(self, figure_of: Callable[[Any], Any], subject: Any) -> Callable[[], bytes]:
        """Begin a picture; the function returned waits for its PNG.

        figure_of  a function of a module, given the subject
        """
        sent = self._send((figure_of, subject))

        def wait() -> bytes:
            found = self._answer() if sent else None
            return _png(figure_of, subject) if found is None else found

        return wait

    def _send(self, job: Any) -> bool:
        if self._process is None or self._process.stdin is None:
            return False
        try:
            pickle.dump(job, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            return True
        except BrokenPipeError:  # it could not start, or was killed
            return False

    def _answer(self) -> bytes | None:
        """What the process has drawn; None when it has died. Raises what went wrong there."""
        assert self._process
        assert self._process.stdout
        try:
            content = pickle.load(self._process.stdout)
        except EOFError:
            return None
        if isinstance(content, Exception):
            raise content
        return bytes(content)


def _png(figure_of: Callable[[Any], Any], subject: Any) -> bytes:
    from bt_gex.reports.charts.figures import png_bytes

    return png_bytes(figure_of(subject))


def _warm_up() -> None:
    """Draw something: fonts and tables that the first picture needs are then there."""
    from bt_gex.reports.charts import drawing
    from bt_gex.reports.charts.figures import png_bytes

    figure, top, _ = drawing.two_panels("account ($)", "drawdown ($)")
    drawing.title(top, "0123456789", "abc")
    top.plot([0, 1], [0, 1], label="line", marker="o")
    drawing.legend(top)
    png_bytes(figure)


def serve() -> None:
    """Draw what comes on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to answer
    _warm_up()
    while True:
        try:
            figure_of, subject = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = _png(figure_of, subject)
        except Exception as error:  # goes to the caller, which raises it
            answer = error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
