"""Option legs and the spreads made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

Right = Literal["C", "P"]
Strategy = Literal["IC", "CALL", "PUT"]
SHORT, LONG = -1, 1


class Leg(NamedTuple):
    """One option of a spread; `side` is -1 when sold to open, +1 when bought."""

    strike: float
    right: Right
    side: int

    @property
    def label(self) -> str:
        """Strike and right, as traders write it: 6070C."""
        return f"{self.strike:.10g}{self.right}"


@dataclass(frozen=True, slots=True)
class Spread:
    """A credit spread, legs in the order of its strikes (short, long; calls before puts).

    width: distance of short and long strike in points; of a condor the larger of its two.
    """

    strategy: Strategy
    strikes: tuple[float, ...]
    legs: tuple[Leg, ...]
    width: float
    narrowest: float

    @property
    def label(self) -> str:
        """Strategy and strikes: CALL 6065/6070."""
        return spread_label(self.strategy, self.strikes)

    def side_widths(self) -> tuple[float, ...]:
        """Distance of short and long strike of each vertical, in the order of the legs."""
        pairs = zip(self.strikes[::2], self.strikes[1::2], strict=True)
        return tuple(abs(long - short) for short, long in pairs)


@dataclass(frozen=True, slots=True)
class SpreadContract:
    """A spread of one root and expiration: what is opened, charged and settled as one position.

    root        option root, SPXW
    multiplier  dollars a point
    """

    root: str
    expiration: date
    spread: Spread
    multiplier: int

    @property
    def label(self) -> str:
        """Canonical name: SPXW 2026-01-12 IC 6070C/6080C/6030P/6020P."""
        legs = "/".join(leg.label for leg in self.spread.legs)
        return f"{self.root} {self.expiration} {self.spread.strategy} {legs}"


def spread_label(strategy: str | None, strikes: Iterable[float]) -> str:
    """Strategy and strikes, CALL 6065/6070, or what of them is known."""
    joined = "/".join(f"{strike:.10g}" for strike in strikes)
    return " ".join(word for word in (strategy, joined) if word)


def make_spread(strategy: Strategy, strikes: Sequence[float]) -> Spread:
    """The spread of a setup's strikes: (short, long), for a condor calls first, then puts."""
    rights: tuple[Right, ...] = (
        ("C", "P") if strategy == "IC" else (("C",) if strategy == "CALL" else ("P",))
    )
    if len(strikes) != 2 * len(rights):
        raise ValueError(f"{strategy} takes {2 * len(rights)} strikes, got {list(strikes)}")
    legs: list[Leg] = []
    widths: list[float] = []
    for n, right in enumerate(rights):
        short, long = strikes[2 * n], strikes[2 * n + 1]
        legs += [Leg(short, right, SHORT), Leg(long, right, LONG)]
        widths.append(abs(long - short))
    return Spread(strategy, tuple(strikes), tuple(legs), max(widths), min(widths))
