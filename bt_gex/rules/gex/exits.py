"""When an open credit spread is closed."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from bt_gex.market.calendar import NS, Session
from bt_gex.market.quotes import Prices
from bt_gex.rules.gex.params import ExitParams
from bt_gex.trades.reasons import ExitReason

TOLERANCE = 1e-9

HOLD, PROFIT_TARGET, EMERGENCY_STOP, STOP_LOSS, END_OF_DAY = range(5)
EXIT_REASONS = {
    PROFIT_TARGET: ExitReason.PROFIT_TARGET,
    EMERGENCY_STOP: ExitReason.EMERGENCY_STOP,
    STOP_LOSS: ExitReason.STOP_LOSS,
    END_OF_DAY: ExitReason.END_OF_DAY,
}


def end_of_day_ns(session: Session, params: ExitParams) -> int:
    """Instant from which open spreads are closed: 15:30 New York, 12:30 on an early close."""
    return session.close_ns - round(params.end_of_day_minutes * 60 * NS)


def profit_target(confidence: str, params: ExitParams) -> float:
    """Share of the credit at which the profit is taken."""
    return params.profit_target_high if confidence == "HIGH" else params.profit_target_medium


def stop_value(credit: float, loss: float) -> float:
    """Value of a spread in points at which a stop closes it; loss is a share of the credit."""
    return credit * (1.0 + loss)


def exit_outcome(
    credit: float,
    value: float,
    is_end_of_day: bool,
    target: float,
    stop_loss: float,
    emergency_stop: float,
) -> int:
    """The first exit rule that holds, or HOLD; boundaries are inclusive.

    credit and value in points (value: cost of the spread at mid, clamped to its width); target
    and stops as fractions of the credit. Numbers only, so that a compiler takes it as it stands.
    """
    if (credit - value) / credit >= target - TOLERANCE:
        return PROFIT_TARGET
    if value >= stop_value(credit, emergency_stop) - TOLERANCE:
        return EMERGENCY_STOP
    if value >= stop_value(credit, stop_loss) - TOLERANCE:
        return STOP_LOSS
    if is_end_of_day:
        return END_OF_DAY
    return HOLD


def exit_possible(
    credit: float, values: Prices, rows_end_of_day: int, target: float, params: ExitParams
) -> npt.NDArray[np.bool_]:
    """Bars on which an exit rule could hold, of the values of one session; never misses one.

    Only saves asking the rules on the other bars: on a possible bar `decide_exit` still decides.
    rows_end_of_day: first row at or after the end-of-day exit.
    """
    margin = 10.0 * TOLERANCE * max(1.0, credit)
    stop = stop_value(credit, min(params.stop_loss, params.emergency_stop))
    with np.errstate(invalid="ignore"):
        possible = (values <= credit * (1.0 - target) + margin) | (values >= stop - margin)
    possible[rows_end_of_day:] = True
    return possible & ~np.isnan(values)


def decide_exit(
    *,
    credit: float,
    value: float,
    now_ns: int,
    end_of_day_ns: int,
    confidence: Literal["HIGH", "MEDIUM", "LOW"] | str,
    params: ExitParams,
) -> ExitReason | None:
    """Reason to close a spread now, or None to hold it."""
    outcome = exit_outcome(
        credit,
        value,
        now_ns >= end_of_day_ns,
        profit_target(confidence, params),
        params.stop_loss,
        params.emergency_stop,
    )
    return EXIT_REASONS.get(outcome)
