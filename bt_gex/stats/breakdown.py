"""Where a result comes from: by entry time and weekday, by bands, by streaks, by what was kept.

Money is dollars, summed in whole cents. Trades without a P&L (unresolved) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

from bt_gex.market.calendar import NEW_YORK
from bt_gex.stats.summary import WEEKDAYS, Record

VIX_EDGES = (12.0, 14.0, 16.0, 18.0, 20.0, 25.0)
UNKNOWN = "unknown"
NO_BID_ASK = 0.50  # points; a leg offered for less may well be worth nothing
CLAMPS = {"clamped_value", "clamped_exit"}


def resolved(trades: Sequence[Record]) -> list[Record]:
    """Trades with a P&L, in order of closing; those closed at once in order of entry."""
    known = [trade for trade in trades if trade["pnl_dollars"] is not None]
    return sorted(known, key=lambda trade: (trade["timestamp_exit"], trade["timestamp_entry"]))


def group_of(trades: Sequence[Record]) -> dict[str, Any]:
    """Count, winners, win rate and P&L of trades with a P&L."""
    winners = sum(1 for trade in trades if trade["pnl_dollars"] > 0)
    return {
        "count": len(trades),
        "winners": winners,
        "win_rate": winners / len(trades) if trades else None,
        "pnl": sum_dollars(trade["pnl_dollars"] for trade in trades),
    }


def sum_dollars(amounts: Iterable[float]) -> float:
    """Sum of amounts in dollars, exact in cents."""
    cents: int = sum(round(amount * 100) for amount in amounts)
    return cents / 100


def by_band(
    trades: Sequence[Record], value: Callable[[Record], float | None], edges: Sequence[float]
) -> dict[str, dict[str, Any]]:
    """Groups by bands of a value: below the first edge, from edge to edge, from the last one on.

    A band holds its lower edge. Bands without a trade are left out; the last one is `unknown`.
    """
    names = band_names(edges)
    groups: dict[str, list[Record]] = {name: [] for name in (*names, UNKNOWN)}
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


def by_vix(trades: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Groups by the VIX at entry."""
    return by_band(trades, lambda trade: trade["vix_entry"], VIX_EDGES)


def by_distance(
    trades: Sequence[Record], setup: Mapping[str, Any], scale: float
) -> dict[str, dict[str, Any]]:
    """Groups by the zones of the setup: how far from the pin the index stood, in points.

    setup  settings near_pin_max, moderate_max, far_max (SPX points, times the index's scale)
    """
    groups: dict[str, list[Record]] = {}
    zones = [float(setup[n]) * scale for n in ("near_pin_max", "moderate_max", "far_max")]
    for trade in resolved(trades):
        groups.setdefault(_zone(trade["distance"], zones), []).append(trade)
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


def time_by_weekday(trades: Sequence[Record]) -> dict[str, dict[str, dict[str, Any]]]:
    """Groups by New York time of entry, and within it by weekday, those with a trade."""
    cells: dict[str, dict[str, list[Record]]] = {}
    for trade in resolved(trades):
        entry = datetime.fromisoformat(str(trade["timestamp_entry"])).astimezone(NEW_YORK)
        row = cells.setdefault(f"{entry:%H:%M}", {})
        row.setdefault(WEEKDAYS[entry.weekday()], []).append(trade)
    return {
        when: {day: group_of(cells[when][day]) for day in WEEKDAYS if day in cells[when]}
        for when in sorted(cells)
    }


def stages(decisions: Sequence[Record], bars: int) -> list[tuple[str, int]]:
    """How many bars became checks, setups, priced spreads and trades."""
    no_setup = ("no index price", "no vix", "no gex peak", "vix too high", "too far from pin")
    setups = [d for d in decisions if d["kind"] not in no_setup]
    return [
        ("bars", bars),
        ("checks", len(decisions)),
        ("setups", len(setups)),
        ("priced", sum(1 for d in setups if d["credit"] is not None)),
        ("filled", sum(1 for d in decisions if d["outcome"] == "entry")),
    ]


def streaks(trades: Sequence[Record]) -> dict[str, int]:
    """Longest runs of wins and of losses in order of closing; an even trade ends both.

    current  trades in the run at the end: wins positive, losses negative
    """
    longest_win = longest_loss = run = 0
    for trade in resolved(trades):
        pnl = trade["pnl_dollars"]
        side = (pnl > 0) - (pnl < 0)
        run = run + side if side and run * side > 0 else side
        longest_win, longest_loss = max(longest_win, run), max(longest_loss, -run)
    return {"longest_win": longest_win, "longest_loss": longest_loss, "current": run}


def most_dollars(trade: Record, multiplier: float) -> float:
    """Dollars a trade makes when its spread ends worthless, before commission."""
    return float(trade["entry_credit"]) * multiplier * int(trade["quantity"])


def capture_rate(trades: Sequence[Record], multiplier: float) -> float | None:
    """Share of the maximum profit that was kept, over all trades; None without one.

    multiplier  dollars a point
    """
    done = resolved(trades)
    most = sum(most_dollars(trade, multiplier) for trade in done)
    return sum_dollars(trade["pnl_dollars"] for trade in done) / most if most > 0 else None


def full_profits(trades: Sequence[Record]) -> dict[str, float | None]:
    """Shares of the trades that kept all of their credit, and that lost all they could; a value
    that had to be clamped, or rests on a leg without a bid, is no such end."""
    done = resolved(trades)
    if not done:
        return {"worthless_share": None, "full_loss_share": None}
    sound = [t for t in done if not CLAMPS & {*t["flags"]} and not no_bid(t)]
    worthless = sum(1 for trade in sound if trade["exit_value"] == 0)
    full = sum(1 for trade in sound if trade["exit_value"] == trade["width"])
    return {"worthless_share": worthless / len(done), "full_loss_share": full / len(done)}


def best_and_worst(trades: Sequence[Record], sessions: Sequence[Record]) -> dict[str, Any]:
    """The best and worst trade and session, with their P&L; None where there is none."""
    done = resolved(trades)
    days = [session for session in sessions if session["entries"]]
    found: dict[str, Any] = {}
    for name, pick in (("best", max), ("worst", min)):
        trade = pick(done, key=lambda t: t["pnl_dollars"], default=None)
        day = pick(days, key=lambda s: s["trades_pnl_dollars"], default=None)
        found[f"{name}_trade"] = trade and (trade["order_id"], trade["pnl_dollars"])
        found[f"{name}_session"] = day and (day["session"], day["trades_pnl_dollars"])
    return found


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


def no_bid(trade: Record) -> bool:
    """Whether a leg had no bid but an ask worth something when the trade was opened or closed."""
    return any(
        bid == 0 and ask >= NO_BID_ASK
        for leg in trade.get("leg_quotes", ())
        for bid, ask in (leg[:2], leg[2:])
        if bid is not None and ask is not None
    )
