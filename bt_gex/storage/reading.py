"""What readers of stored files share."""

from __future__ import annotations


def first_line(error: Exception) -> str:
    """What an exception says, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def refuse_constant(word: str) -> None:
    """What json calls for NaN and Infinity."""
    raise ValueError(f"{word} is not a number")
