"""Train and test windows of a walk-forward, in sessions."""

from __future__ import annotations

from dataclasses import dataclass

from bt_gex.errors import BadValue


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of sessions: train from `train_from` up to `train_to`, test likewise; ends excluded."""

    train_from: int
    train_to: int
    test_from: int
    test_to: int


def make_windows(
    sessions: int, *, train: int, test: int, anchored: bool = False, embargo: int = 0
) -> list[Window]:
    """Windows one after the other: test windows do not overlap and leave no session out.

    train     sessions to pick the winner on; with `anchored` the first window's, and each later
              one begins with the first session, too
    test      sessions to trade the winner on; the last window may be shorter
    embargo   sessions left out between the two

    Every test session lies after every train session of its window. Raises BadValue.
    """
    for name, value, least in (("train", train, 1), ("test", test, 1), ("embargo", embargo, 0)):
        if value < least:
            raise BadValue(f"{name} must be at least {least} sessions, got {value}")
    needed = train + embargo + 1
    if sessions < needed:
        raise BadValue(
            f"{sessions} sessions with data are too few: {train} to train"
            + (f", {embargo} left out" if embargo else "")
            + f" and at least 1 to test make {needed}; give more dates or smaller windows"
        )
    return [
        Window(
            0 if anchored else start - embargo - train,
            start - embargo,
            start,
            min(start + test, sessions),
        )
        for start in range(train + embargo, sessions, test)
    ]
