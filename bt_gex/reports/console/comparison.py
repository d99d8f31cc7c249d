"""A comparison of two runs, or of a run and a list of trades: for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bt_gex.compare.attribution import Cause
from bt_gex.compare.comparison import Comparison, Differing, Pair, Unmatched, about
from bt_gex.compare.records import ComparedTrade, Side
from bt_gex.compare.trade_list import TradeList, nearest_zone
from bt_gex.findings.finding import Finding
from bt_gex.market.calendar import NEW_YORK
from bt_gex.reports.console.run import colour, coloured, headline, make_table, print_findings
from bt_gex.reports.words import count, gain
from bt_gex.trades.codec import plain, to_json

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
    _print_unmatched("Only in A", "What B decided", found.only_a, console)
    _print_unmatched("Only in B", "What A decided", found.only_b, console)
    print_findings(_named_findings(found.a.findings, found.b.findings), console)


def _named_findings(a: Sequence[Finding], b: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """What speaks against each side; what is said of both is said once."""
    return [
        *(("A and B: " if finding in b else "A: ", finding) for finding in a),
        *(("B: ", finding) for finding in b if finding not in a),
    ]


def verdict(found: Comparison) -> str:
    """The comparison in one line."""
    doubts = [
        f"; {name} loses without its doubtful trades: {side.doubt}"
        for name, side in (("A", found.a), ("B", found.b))
        if side.doubt
    ]
    return f"{_difference(found)}{''.join(doubts)}"


def _difference(found: Comparison) -> str:
    same, changed = len(found.same), len(found.changed)
    matched = f"{same:,} the same, {changed:,} changed"
    alone = f"{len(found.only_a):,} only in A, {len(found.only_b):,} only in B"
    if found.identical:
        return f"No difference: {count(same, 'trade')} the same"
    return f"B made {gain(found.difference_cents / 100)} against A: {matched}, {alone}"


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
            named = ", ".join(f"{_when(trade)} {trade.spread}" for trade in side.unresolved)
            sentences.append(
                f"{count(len(side.unresolved), 'trade')} of {name} without a P&L, outside all "
                f"figures: {named}"
            )
    return sentences


def _side(side: Side, listed: TradeList | None) -> str:
    kind = "run" if side.is_run else "list"
    trades = count(len(side.trades), "trade")
    total = f"{kind} {side.name}: {trades}, {gain(side.total_cents / 100)}"
    if side.is_run or listed is None:
        return total
    zone = f"times read as {listed.zone}" if listed.zone else "times carry their offsets"
    return f"{total}; {zone}; tells {', '.join(listed.columns)}"


def _print_parts(found: Comparison, console: Console) -> None:
    if not (found.changed or found.only_a or found.only_b):
        return
    headline("Where the difference comes from", console)
    trades, parts = found.trades_by_cause, found.parts
    table = make_table(
        "Cause", ">Trades, by first cause", ">P&L, B less A", "Settings that may be why"
    )
    for cause in Cause:
        if trades[cause] or parts[cause]:
            why = _settings(about(found.settings, cause))
            if not (why or trades[cause]):
                why = "none: it follows from the causes above"
            table.add_row(cause, f"{trades[cause]:,}", coloured(parts[cause] / 100), why)
    table.add_section()
    total = sum(trades.values())
    table.add_row("Total", f"{total:,}", coloured(found.difference_cents / 100), style="bold")
    console.print(table)


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
            pair.a.spread or pair.b.spread,
            f"{cause}: {what}",
            _pnl(pair.a),
            _pnl(pair.b),
            coloured(sum(pair.parts.values()) / 100),
        )
    console.print(table)


def _print_unmatched(
    title: str, decided: str, found: Sequence[Unmatched], console: Console
) -> None:
    if not found:
        return
    headline(title, console)
    table = make_table("Entry", "Index", "Spread", ">P&L", decided)
    for one in found:
        trade = one.trade
        table.add_row(_when(trade), trade.index_symbol, trade.spread, _pnl(trade), one.decided)
    console.print(table)


def _when(trade: ComparedTrade) -> str:
    """Date and time of the entry, New York; the seconds only where there are any."""
    time = trade.timestamp_entry.astimezone(NEW_YORK)
    return f"{time:%m-%d %H:%M:%S}" if time.second else f"{time:%m-%d %H:%M}"


def _pnl(trade: ComparedTrade) -> Text:
    return Text(UNKNOWN) if trade.pnl_dollars is None else coloured(trade.pnl_dollars)


def _settings(settings: Differing) -> str:
    return ", ".join(f"{name} {_shown(a)} -> {_shown(b)}" for name, (a, b) in settings.items())


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)


# ---------------------------------------------------------------------------------- as JSON


def comparison_json(found: Comparison, listed: TradeList | None = None) -> dict[str, object]:
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
        "trades": found.trades_by_cause,
        "same": len(found.same),
        "pairs": [_pair_json(pair) for pair in found.pairs],
        "only_a": [_unmatched_json(one) for one in found.only_a],
        "only_b": [_unmatched_json(one) for one in found.only_b],
    }


def _side_json(side: Side) -> dict[str, object]:
    return {
        "name": side.name,
        "kind": "run" if side.is_run else "list",
        "trades": len(side.trades),
        "total_pnl": side.total_cents / 100,
        "unresolved": [trade.order_id for trade in side.unresolved],
        "warnings": [to_json(finding) for finding in side.findings],
    }


def _pair_json(pair: Pair) -> dict[str, object]:
    return {
        "a": _trade_json(pair.a),
        "b": _trade_json(pair.b),
        "verdict": "changed" if pair.changes else "same",
        "cause": pair.changes[0].cause if pair.changes else None,
        "changes": [{"cause": cause, "what": what} for cause, what in pair.changes],
        "settings": _settings_json(pair.settings),
        "parts": {cause: cents / 100 for cause, cents in pair.parts.items()},
    }


def _unmatched_json(found: Unmatched) -> dict[str, object]:
    settings = _settings_json(found.settings)
    return {**_trade_json(found.trade), "decided": found.decided, "settings": settings}


def _trade_json(trade: ComparedTrade) -> dict[str, object]:
    return {
        "order_id": trade.order_id,
        "index": trade.index_symbol,
        "session": plain(trade.session),
        "entry": plain(trade.timestamp_entry),
        "spread": trade.spread,
        "pnl": trade.pnl_dollars,
    }


def _settings_json(settings: Differing) -> dict[str, dict[str, object]]:
    return {name: {"a": plain(a), "b": plain(b)} for name, (a, b) in settings.items()}
