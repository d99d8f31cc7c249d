"""`bt-gex serve` as a process: it answers, keeps its token to itself and ends when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from cli.typed import call

TOKEN = "s" * 32


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def get(port: int, path: str, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_told_to_end(tmp_path: Path, sent: signal.Signals) -> None:
    port = free_port()
    words = ["serve", "--port", str(port), "--home", str(tmp_path / "home")]
    environ = os.environ | {"BT_GEX_ADMIN_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-m", "bt_gex.cli.main", *words],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                assert get(port, "/health") == 200
                break
            except URLError:
                assert process.poll() is None
                time.sleep(0.1)
        assert get(port, "/intents/rules") == 401
        assert get(port, "/intents/rules", {"X-Admin-Token": TOKEN}) == 200
        process.send_signal(sent)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert f"listening on http://127.0.0.1:{port}" in output
    assert TOKEN not in output
    assert "Traceback" not in output


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket() as taken, pytest.MonkeyPatch.context() as patch:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        patch.setenv("BT_GEX_ADMIN_TOKEN", TOKEN)
        port = taken.getsockname()[1]
        status, out, err = call(capsys, "serve", "--port", port, "--home", tmp_path)
    assert (status, out) == (1, "")
    assert f"port {port}" in err
    assert "--port" in err


@pytest.mark.parametrize(("host", "status"), [("", 2), ("nonsense.invalid", 1), ("::zz", 1)])
def test_hosts_that_are_none(
    host: str, status: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An empty one would have meant every address of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BT_GEX_ADMIN_TOKEN", TOKEN)
        found, out, err = call(capsys, "serve", "--host", host, "--home", tmp_path)
    assert (found, out, err.count("\n")) == (status, "", 1)
