"""Parameters of the rules, as named profiles.

The names are the dotted setting names without their first part: `SetupParams.ic_buffer` is
`setup.ic_buffer`. Ranges are annotations, so the configuration layer can check and document them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Annotated

from annotated_types import Ge, Le

from bt_gex.errors import UnknownName

Points = Annotated[float, Ge(0), Le(100_000)]
Fraction = Annotated[float, Ge(0), Le(1)]
LossFraction = Annotated[float, Ge(0), Le(100)]

CHECK_TIMES = (
    time(9, 36),
    *(time(hour, minute) for hour in range(10, 15) for minute in (0, 30)),
    time(15, 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupParams:
    """Which spread is sold. Distances are SPX points; the index's scale multiplies them.

    near_pin_max, moderate_max, far_max   largest distance index-pin of condor, HIGH, MEDIUM
    ic_buffer                             pin to the condor's short strikes
    *_pin_buffer, *_spot_buffer           pin, index price to the short strike; the farther counts
    vix_threshold                         no trade at this VIX or above
    parity                                the original table with its holes and zero widths
    """

    near_pin_max: Points = 6
    moderate_max: Points = 15
    far_max: Points = 50
    ic_buffer: Points = 20
    moderate_pin_buffer: Points = 15
    moderate_spot_buffer: Points = 8
    far_pin_buffer: Points = 25
    far_spot_buffer: Points = 12
    vix_threshold: Annotated[float, Ge(0), Le(1_000)] = 20.0
    parity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryParams:
    """When a trade is looked for, and what stops it.

    times                New York times on the 30-second grid, each evaluated once a session
    use_competing_peaks  take the midpoint of two competing peaks as the pin
    max_open             open spreads allowed at once; none: no limit
    min_credit           points; none: any positive credit
    """

    times: tuple[time, ...] = CHECK_TIMES
    use_competing_peaks: bool = False
    max_open: Annotated[int, Ge(1)] | None = None
    min_credit: Annotated[float, Ge(0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitParams:
    """When a trade is closed. Fractions of the credit received.

    profit_target_high, profit_target_medium   profit kept, by confidence of the setup
    emergency_stop, stop_loss                  loss on top of the credit: 0.10 closes at 110 %
    end_of_day_minutes                         minutes before the close
    """

    profit_target_high: Fraction = 0.50
    profit_target_medium: Fraction = 0.60
    emergency_stop: LossFraction = 0.40
    stop_loss: LossFraction = 0.10
    end_of_day_minutes: Annotated[float, Ge(0), Le(390)] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One named set of rules."""

    setup: SetupParams = field(default_factory=SetupParams)
    entry: EntryParams = field(default_factory=EntryParams)
    exit: ExitParams = field(default_factory=ExitParams)


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(),
    "parity": Profile(setup=SetupParams(parity=True)),
}


def find_profile(name: str) -> Profile:
    """The profile of that name; raises UnknownName."""
    if name not in PROFILES:
        raise UnknownName("profile", name, PROFILES)
    return PROFILES[name]
