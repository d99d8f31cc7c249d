"""Results of a sweep on disk: each as soon as it is there, and at the end as one table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

from bt_gex.errors import OutputError

Status = Literal["success", "skipped", "failed"]
OUTCOMES_FILE = "variants.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a variant.

    reason   why it was skipped, or the error it failed with
    metrics  figures by name; empty unless it succeeded
    """

    variant_id: str
    status: Status
    reason: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)


class OutcomeLog:
    """Outcomes in a file, a line each, in the order in which they came.

    A line that was only half written when the process ended is dropped on opening; what it held is
    computed again. Use as a context manager. Raises OutputError.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / OUTCOMES_FILE
        self.outcomes: dict[str, Outcome] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> OutcomeLog:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read()
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(whole)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, outcome: Outcome) -> None:
        """Write an outcome; it is in the file when this returns."""
        assert self._file
        line = json.dumps(asdict(outcome), allow_nan=False).encode() + b"\n"
        start = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
            if written != len(line):  # a disk that is full takes what fits
                self._file.write(line[written:])
        except OSError as error:
            os.ftruncate(self._file.fileno(), start)
            raise self._failed(error) from error
        self.outcomes[outcome.variant_id] = outcome

    def _read(self) -> int:
        """Take in the lines that are whole; returns where the last one ends."""
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                outcome = Outcome(**json.loads(line))
            except (ValueError, TypeError):  # damaged; it is computed again
                continue
            self.outcomes[outcome.variant_id] = outcome
        return len(whole)

    def _failed(self, error: OSError) -> OutputError:
        done = len(self.outcomes)
        return OutputError(
            f"cannot write {self.path}: {error.strerror or error}; the {done} variants finished "
            "before are in it, go on from there with --resume"
        )
