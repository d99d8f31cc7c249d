"""Two runs, or a run and a list of trades, held against each other: for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from bt_gex.compare.attribution import ONLY_A, ONLY_B, PARTS, spread_label
from bt_gex.compare.comparison import Comparison, Differing, Lone, Pair, Side, about
from bt_gex.compare.trade_list import TradeList, nearest_zone
from bt_gex.reports.console.run import colour, coloured, headline, make_table
from bt_gex.reports.words import count, gain, new_york_time

UNKNOWN = "unknown"


def print_comparison(found: Comparison, console: Console, listed: TradeList | None = None) -> None:
    """Verdict, what is not comparable, where the difference comes from, and every trade of it.

    listed  the side that is a list of trades, if one is
    """
    console.print(Text(verdict(found), style=f"bold {colour(found.difference_cents)}"))
    for name, side in (("A", found.a), ("B", found.b)):
        console.print(Text(f"{name}  {_side(side, listed)}", style="dim"))
    for sentence in remarks(found, listed):
        console.print(Text(f"! {sentence}", style="yellow"))
    if found.settings:
        console.print(Text(f"Settings that differ: {_settings(found.settings)}"))
    _print_parts(found, console)
    _print_changed(found.changed, console)
    _print_lones("Only in A", "What B decided", found.only_a, console)
    _print_lones("Only in B", "What A decided", found.only_b, console)


def verdict(found: Comparison) -> str:
    """The comparison in one line."""
    same, changed = len(found.same), len(found.changed)
    told = f"{same:,} the same, {changed:,} changed"
    alone = f"{len(found.only_a):,} only in A, {len(found.only_b):,} only in B"
    if found.identical:
        return f"No difference: {count(same, 'trade')} the same"
    return f"B made {gain(found.difference_cents / 100)} against A: {told}, {alone}"


def remarks(found: Comparison, listed: TradeList | None) -> list[str]:
    """What to know before the figures: what the two do not share, times that lie apart, trades
    without a P&L."""
    sentences = list(found.coverage)
    if found.hours is not None:
        after = "after" if found.hours < 0 else "before"
        zone = nearest_zone(listed, found.hours) if listed else None
        advice = f"read them with --zone {zone}" if zone else "check whose clock they are on"
        sentences.append(
            f"the list's times lie {count(abs(found.hours), 'hour')} {after} the run's: moved by "
            f"that, at least half of its trades would match; {advice}"
        )
    for name, side in (("A", found.a), ("B", found.b)):
        if side.unresolved:
            named = ", ".join(f"{_when(trade)} {spread_label(trade)}" for trade in side.unresolved)
            sentences.append(
                f"{count(len(side.unresolved), 'trade')} of {name} without a P&L, outside all "
                f"figures: {named}"
            )
    return sentences


def _side(side: Side, listed: TradeList | None) -> str:
    kind = "run" if side.is_run else "list"
    told = f"{kind} {side.name}: {count(len(side.trades), 'trade')}"
    if side.is_run or listed is None:
        return f"{told}, {gain(side.total_cents / 100)}"
    zone = f"times read as {listed.zone}" if listed.zone else "times carry their offsets"
    return f"{told}, {gain(side.total_cents / 100)}; {zone}; tells {', '.join(listed.fields)}"


def _print_parts(found: Comparison, console: Console) -> None:
    if not (found.changed or found.only_a or found.only_b):
        return
    headline("Where the difference comes from", console)
    trades, parts = trades_by_cause(found), found.parts
    table = make_table(
        "Cause", ">Trades, by first cause", ">P&L, B less A", "Settings that may be why"
    )
    for cause in PARTS:
        if trades[cause] or parts[cause]:
            why = _settings(about(found.settings, cause))
            if not (why or trades[cause]):
                why = "none: it follows from the causes above"
            table.add_row(cause, f"{trades[cause]:,}", coloured(parts[cause] / 100), why)
    table.add_section()
    total = sum(trades.values())
    table.add_row("Total", f"{total:,}", coloured(found.difference_cents / 100), style="bold")
    console.print(table)


def trades_by_cause(found: Comparison) -> dict[str, int]:
    """How many trades each cause changed first."""
    trades = dict.fromkeys(PARTS, 0)
    for pair in found.changed:
        trades[pair.changes[0][0]] += 1
    trades[ONLY_A], trades[ONLY_B] = len(found.only_a), len(found.only_b)
    return trades


def _print_changed(pairs: Sequence[Pair], console: Console) -> None:
    if not pairs:
        return
    headline("Changed, times New York", console)
    table = make_table("Entry", "Spread", "Changed by", ">A", ">B", ">B less A")
    for place, column in enumerate(table.columns):
        column.no_wrap = place != 2
    for pair in pairs:
        cause, what = pair.changes[0]
        table.add_row(
            _when(pair.a),
            spread_label(pair.a) or spread_label(pair.b),
            f"{cause}: {what}",
            _pnl(pair.a),
            _pnl(pair.b),
            coloured(sum(pair.parts.values()) / 100),
        )
    console.print(table)


def _print_lones(title: str, decided: str, lones: Sequence[Lone], console: Console) -> None:
    if not lones:
        return
    headline(title, console)
    table = make_table("Entry", "Index", "Spread", ">P&L", decided)
    for lone in lones:
        trade = lone.trade
        label = spread_label(trade)
        table.add_row(_when(trade), trade["index_symbol"], label, _pnl(trade), lone.decided)
    console.print(table)


def _when(trade: Mapping[str, Any]) -> str:
    """Date and time of the entry; the seconds only where there are any."""
    time = new_york_time(trade["timestamp_entry"])
    return f"{time:%m-%d %H:%M:%S}" if time.second else f"{time:%m-%d %H:%M}"


def _pnl(trade: Mapping[str, Any]) -> Text:
    pnl = trade.get("pnl_dollars")
    return Text(UNKNOWN) if pnl is None else coloured(pnl)


def _settings(settings: Differing) -> str:
    return ", ".join(f"{name} {_plain(a)} -> {_plain(b)}" for name, (a, b) in settings.items())


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return str(value)


# ---------------------------------------------------------------------------------- as JSON


def comparison_json(found: Comparison, listed: TradeList | None = None) -> dict[str, Any]:
    """The same in plain values; money in dollars, times UTC."""
    return {
        "identical": found.identical,
        "a": _side_json(found.a),
        "b": _side_json(found.b),
        "zone": listed.zone if listed else None,
        "within_s": found.within_s,
        "remarks": remarks(found, listed),
        "settings": _settings_json(found.settings),
        "difference": found.difference_cents / 100,
        "parts": {cause: cents / 100 for cause, cents in found.parts.items()},
        "trades": trades_by_cause(found),
        "same": len(found.same),
        "pairs": [_pair_json(pair) for pair in found.pairs],
        "only_a": [_lone_json(lone) for lone in found.only_a],
        "only_b": [_lone_json(lone) for lone in found.only_b],
    }


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "kind": "run" if side.is_run else "list",
        "trades": len(side.trades),
        "total_pnl": side.total_cents / 100,
        "unresolved": [trade["order_id"] for trade in side.unresolved],
    }


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "a": _trade_json(pair.a),
        "b": _trade_json(pair.b),
        "verdict": "changed" if pair.changes else "same",
        "cause": pair.changes[0][0] if pair.changes else None,
        "changes": [{"cause": cause, "what": what} for cause, what in pair.changes],
        "settings": _settings_json(pair.settings),
        "parts": {cause: cents / 100 for cause, cents in pair.parts.items()},
    }


def _lone_json(lone: Lone) -> dict[str, Any]:
    settings = _settings_json(lone.settings)
    return {**_trade_json(lone.trade), "decided": lone.decided, "settings": settings}


def _trade_json(trade: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "order_id": trade["order_id"],
        "index": trade["index_symbol"],
        "session": trade["expiration"],
        "entry": trade["timestamp_entry"],
        "spread": spread_label(trade),
        "pnl": trade.get("pnl_dollars"),
    }


def _settings_json(settings: Differing) -> dict[str, dict[str, Any]]:
    return {name: {"a": a, "b": b} for name, (a, b) in settings.items()}
