"""From a fill: the first stop, the risk, the targets, the size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.params import BacktestParams, OpeningRangeParams, TradeParams
from bt_gex.rules.opening_range.prices import (
    SIGN,
    TOLERANCE,
    Side,
    above,
    at_least,
    beyond,
    opposite,
    snap_entry,
    snap_stop,
    worst_of,
)
from bt_gex.rules.opening_range.range import OpeningRange
from bt_gex.rules.opening_range.records import SkipReason, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a fill is traded."""

    side: Side
    fill: float
    stop: float
    risk: float
    targets: tuple[Target, ...]
    contracts: int


def planned(
    side: Side,
    fill: float,
    found: OpeningRange,
    atr: float | None,
    closed: Sequence[Bar],
    equity: float,
    params: OpeningRangeParams,
) -> Plan | SkipReason:
    """The trade of a fill, or why there is none.

    closed  the session's bars before the entry bar; equity in dollars
    """
    trade, instrument = params.trade, params.instrument
    stop = first_stop(side, fill, found, atr, closed, params)
    risk = SIGN[side] * (fill - stop)
    if not at_least(risk, instrument.tick_size):
        return "risk below a tick"
    contracts = size(risk * instrument.point_value, equity, params.backtest)
    if contracts < 1:
        return "size zero"
    parts = target_parts(trade, contracts if params.backtest.whole_contracts else None)
    targets = tuple(
        Target(snap_entry(side, fill + SIGN[side] * r * risk, instrument.tick_size), fraction)
        for r, fraction in parts
    )
    return Plan(
        side=side, fill=fill, stop=stop, risk=risk, targets=targets, contracts=contracts
    )  # fmt: skip


def first_stop(
    side: Side,
    fill: float,
    found: OpeningRange,
    atr: float | None,
    closed: Sequence[Bar],
    params: OpeningRangeParams,
) -> float:
    """The stop of the entry bar, on the grid of ticks."""
    trade, tick = params.trade, params.instrument.tick_size
    away = -SIGN[side] * trade.extra_stop_buffer
    stop = (found.low if side == "long" else found.high) + away
    if trade.stop_mode == "swing":
        pivot = newest_pivot(side, fill, closed, params.factors.price_action.pivot_len)
        stop = stop if pivot is None else pivot + away
    elif trade.stop_mode == "atr_capped" and atr is not None:
        cap = fill - SIGN[side] * trade.atr_stop_cap_mult * atr
        stop = cap if beyond(side, cap, stop) else stop
    return snap_stop(side, stop, tick)


def newest_pivot(side: Side, fill: float, closed: Sequence[Bar], arm: int) -> float | None:
    """The extreme of the newest bar that is strictly beyond those of the `arm` bars on each side
    of it and still on the stop's side of the fill: a low for a long, a high for a short."""
    for middle in range(len(closed) - 1 - arm, arm - 1, -1):
        pivot = worst_of(side, closed[middle])
        around = [*closed[middle - arm : middle], *closed[middle + 1 : middle + arm + 1]]
        others = (worst_of(side, bar) for bar in around)
        if side == "long":
            extreme = all(pivot < other for other in others)
        else:
            extreme = all(pivot > other for other in others)
        if extreme and beyond(opposite(side), pivot, fill):
            return pivot
    return None


def target_parts(trade: TradeParams, contracts: int | None) -> list[tuple[float, float]]:
    """(R, fraction) of each target; of whole contracts where their number is given."""
    if not trade.partials:
        return [(trade.primary_r, 1.0)]
    first, second = trade.t1_pct, trade.t2_pct
    if contracts is not None:
        first = math.floor(contracts * first + TOLERANCE) / contracts
        second = math.floor(contracts * second + TOLERANCE) / contracts
    parts = [
        (trade.t1_r, first),
        (trade.t2_r, second),
        (trade.runner_r, 1.0 - first - second),
    ]
    return [(r, fraction) for r, fraction in parts if above(fraction, 0.0)]


def size(risk_dollars: float, equity: float, backtest: BacktestParams) -> int:
    """Contracts; risk_dollars: what one loses at the first stop."""
    if backtest.sizing == "fixed":
        return backtest.contracts_per_trade
    return max(math.floor(backtest.risk_pct * equity / risk_dollars + TOLERANCE), 0)
