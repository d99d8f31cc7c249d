"""Where a result comes from: by entry time and weekday, by bands, by streaks, by what was kept.

Money is dollars, summed in whole cents. Trades without a P&L (unresolved) are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from bt_gex.market.calendar import WEEKDAYS
from bt_gex.stats.summary import (
    Group,
    entry_new_york,
    group_of,
    most_frequent_first,
    resolved,
    sum_dollars,
)
from bt_gex.trades.reasons import NO_SETUP, TradeFlag
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade, Trade

VIX_EDGES = (12.0, 14.0, 16.0, 18.0, 20.0, 25.0)
UNKNOWN = "unknown"
CLAMPS = frozenset({TradeFlag.CLAMPED_VALUE, TradeFlag.CLAMPED_EXIT})


def by_band(
    trades: Sequence[SpreadTrade],
    value: Callable[[SpreadTrade], float | None],
    edges: Sequence[float],
) -> dict[str, Group]:
    """Groups by bands of a value: below the first edge, from edge to edge, from the last one on.

    A band holds its lower edge. Bands without a trade are left out; the last one is `unknown`.
    """
    names = band_names(edges)
    groups: dict[str, list[SpreadTrade]] = {name: [] for name in (*names, UNKNOWN)}
    for trade in resolved(trades):
        found = value(trade)
        name = UNKNOWN if found is None else names[sum(1 for edge in edges if found >= edge)]
        groups[name].append(trade)
    return {name: group_of(group) for name, group in groups.items() if group}


def band_names(edges: Sequence[float]) -> list[str]:
    """`below 12`, `12 to 14`, `from 14`."""
    if not edges:
        return ["all"]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *inner, f"from {edges[-1]:g}"]


def by_vix(trades: Sequence[SpreadTrade]) -> dict[str, Group]:
    """Groups by the VIX at entry."""
    return by_band(trades, lambda trade: trade.vix_entry, VIX_EDGES)


def by_distance(trades: Sequence[SpreadTrade], zones: Sequence[float]) -> dict[str, Group]:
    """Groups by how far from the pin the index stood at the check.

    zones  ends of the near, the moderate and the far zone, index points
    """
    groups: dict[str, list[SpreadTrade]] = {}
    for trade in resolved(trades):
        groups.setdefault(_zone(trade.distance, zones), []).append(trade)
    names = [*_zone_names(zones), UNKNOWN]
    return {name: group_of(groups[name]) for name in names if name in groups}


def _zone_names(zones: Sequence[float]) -> list[str]:
    near, moderate, far = (f"{zone:g}" for zone in zones)
    return [
        f"up to {near}", f"{near} to {moderate} below", f"{near} to {moderate} above",
        f"{moderate} to {far} below", f"{moderate} to {far} above", f"beyond {far}",
    ]  # fmt: skip


def _zone(distance: float | None, zones: Sequence[float]) -> str:
    """A zone holds its upper end; the far ones are told apart by the side of the pin."""
    if distance is None:
        return UNKNOWN
    near, moderate, far = zones
    names, above = _zone_names(zones), distance > 0
    if abs(distance) <= near:
        return names[0]
    if abs(distance) <= moderate:
        return names[2 if above else 1]
    return names[4 if above else 3] if abs(distance) <= far else names[5]


def time_by_weekday(trades: Sequence[Trade]) -> dict[str, dict[str, Group]]:
    """Groups by New York time of entry, and within it by weekday, those with a trade."""
    cells: dict[str, dict[str, list[Trade]]] = {}
    for trade in resolved(trades):
        entry = entry_new_york(trade)
        row = cells.setdefault(f"{entry:%H:%M}", {})
        row.setdefault(WEEKDAYS[entry.weekday()], []).append(trade)
    return {
        when: {day: group_of(cells[when][day]) for day in WEEKDAYS if day in cells[when]}
        for when in sorted(cells)
    }


def stages(decisions: Sequence[Decision], bars: int) -> list[tuple[str, int]]:
    """How many bars became checks, setups, priced spreads and trades."""
    setups = [decision for decision in decisions if decision.kind not in NO_SETUP]
    return [
        ("bars", bars),
        ("checks", len(decisions)),
        ("setups", len(setups)),
        ("priced", sum(1 for decision in setups if decision.credit is not None)),
        ("filled", sum(1 for decision in decisions if decision.outcome == "entry")),
    ]


def reasons_by_kind(decisions: Sequence[Decision]) -> dict[str, dict[str, int]]:
    """How often each text was given for a skip, by kind; the most frequent first."""
    texts: dict[str, Counter[str]] = {}
    for decision in decisions:
        if decision.outcome == "skip":
            texts.setdefault(decision.kind, Counter())[decision.reason] += 1
    kinds = most_frequent_first({kind: found.total() for kind, found in texts.items()})
    return {kind: most_frequent_first(texts[kind]) for kind in kinds}


@dataclass(frozen=True, slots=True)
class Streaks:
    """Longest runs of wins and of losses in order of closing; an even trade ends both.

    current  trades in the run at the end: wins positive, losses negative
    """

    longest_win: int
    longest_loss: int
    current: int


def streaks(trades: Sequence[Trade]) -> Streaks:
    """Of the resolved trades."""
    longest_win = longest_loss = run = 0
    for trade in resolved(trades):
        pnl = trade.pnl_dollars or 0.0
        side = (pnl > 0) - (pnl < 0)
        run = run + side if side and run * side > 0 else side
        longest_win, longest_loss = max(longest_win, run), max(longest_loss, -run)
    return Streaks(longest_win, longest_loss, run)


def most_dollars(trade: SpreadTrade, multiplier: float) -> float:
    """Dollars a trade makes when its spread ends worthless, before commission."""
    return trade.entry_credit * multiplier * trade.quantity


def capture_rate(trades: Sequence[SpreadTrade], multiplier: float) -> float | None:
    """Share of the maximum profit that was kept, over all trades; None without one.

    multiplier  dollars a point
    """
    done = resolved(trades)
    most = sum(most_dollars(trade, multiplier) for trade in done)
    return sum_dollars(trade.pnl_dollars or 0.0 for trade in done) / most if most > 0 else None


@dataclass(frozen=True, slots=True)
class FullProfits:
    """Shares of the trades that kept all of their credit, and that lost all they could."""

    worthless_share: float | None
    full_loss_share: float | None


def full_profits(trades: Sequence[SpreadTrade]) -> FullProfits:
    """A value that had to be clamped, or rests on a leg without a bid, does not count."""
    done = resolved(trades)
    if not done:
        return FullProfits(None, None)
    sound = [trade for trade in done if CLAMPS.isdisjoint(trade.flags) and not no_bid(trade)]
    worthless = sum(1 for trade in sound if trade.exit_value == 0)
    full = sum(1 for trade in sound if trade.exit_value == trade.width)
    return FullProfits(worthless / len(done), full / len(done))


@dataclass(frozen=True, slots=True)
class Extreme:
    """A trade or session and what it made, dollars."""

    name: str
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BestAndWorst:
    """The best and worst trade and session; None where there is none."""

    best_trade: Extreme | None
    best_session: Extreme | None
    worst_trade: Extreme | None
    worst_session: Extreme | None


def best_and_worst(trades: Sequence[Trade], sessions: Sequence[SessionSummary]) -> BestAndWorst:
    """Of equal ones the first."""
    done = [Extreme(trade.order_id, trade.pnl_dollars or 0.0) for trade in resolved(trades)]
    days = [
        Extreme(session.session.isoformat(), session.trades_pnl_dollars)
        for session in sessions
        if session.entries
    ]
    return BestAndWorst(
        best_trade=max(done, key=_pnl, default=None),
        best_session=max(days, key=_pnl, default=None),
        worst_trade=min(done, key=_pnl, default=None),
        worst_session=min(days, key=_pnl, default=None),
    )


def _pnl(extreme: Extreme) -> float:
    return extreme.pnl


def break_even(points: Sequence[tuple[float, float]]) -> float | None:
    """Where a P&L falls to zero, between points (slippage, dollars) joined by straight lines.

    Slippages ascend. None when the first is not above zero, or none is at or below it.
    """
    if not points or points[0][1] <= 0:
        return None
    for (low, above), (high, below) in pairwise(points):
        if below <= 0:
            share = Fraction(above) / (Fraction(above) - Fraction(below))
            return float(Fraction(low) + (Fraction(high) - Fraction(low)) * share)
    return None


def no_bid(trade: SpreadTrade) -> bool:
    """Whether a leg had no bid when the trade was opened or closed."""
    return bool(asks_without_bid(trade))


def asks_without_bid(trade: SpreadTrade) -> list[float]:
    """The asks, in points, of the legs that had no bid when the trade was opened or closed."""
    return [
        ask
        for leg in trade.leg_quotes
        for bid, ask in ((leg.bid_entry, leg.ask_entry), (leg.bid_exit, leg.ask_exit))
        if ask is not None and not bid
    ]
