"""Between NaN, which arrays hold, and None, which records hold: a value that is not known."""

from __future__ import annotations

import math


def known(value: float) -> float | None:
    """The value; None for NaN."""
    return None if math.isnan(value) else value
