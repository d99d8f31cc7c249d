"""What holds a resource until it is closed, or until its `with` block ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Base of a context manager that closes itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what is held."""
        raise NotImplementedError
