"""Recorded sessions, their replays and comparisons on a terminal or in a pipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bt_gex.reports.words import count, dollars, gain
from bt_gex.runs.session_comparison import SessionComparison

PREVIEW = 70  # characters of an event's data
MOST_TRADES = 40


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for name in columns:
        is_id = name == "recording"  # copied whole
        side = "right" if name in right else "left"
        table.add_column(name, justify=side, no_wrap=is_id, min_width=36 if is_id else None)  # type: ignore[arg-type]
    return table


def _time(text: str | None) -> str:
    return (text or "")[:19].replace("T", " ")


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def print_recordings(rows: Sequence[Mapping[str, Any]], name: str, console: Console) -> None:
    """A table of recordings."""
    if not rows:
        console.print(f"{name}: no recordings; bt-gex session demo makes one")
        return
    right = ("bars", "events", "trades", "P&L")
    table = _table("recording", "strategy", "status", "began, UTC", *right, right=right)
    for row in rows:
        table.add_row(
            row["recording_id"],
            row["strategy_name"],
            row["status"],
            _time(row["recording_start_time"]),
            str(row["total_bars_recorded"]),
            str(row["total_events_recorded"]),
            str(row["original_trades"]),
            gain(row["original_pnl"]),
        )
    console.print(table)


def print_recording(found: Mapping[str, Any], console: Console) -> None:
    """One recording."""
    console.print(f"{found['recording_id']}: {found['strategy_name']}, {found['status']}")
    if found["description"]:
        console.print(found["description"])
    bars, events = found["total_bars_recorded"], found["total_events_recorded"]
    span = f"{_time(found['first_bar_time'])} to {_time(found['last_bar_time'])} UTC"
    console.print(f"{', '.join(found['symbols'])}: {count(bars, 'bar')}, {span}")
    console.print(
        f"{count(found['original_trades'], 'trade')}, {gain(found['original_pnl'])}, "
        f"{found['original_win_rate']:.1f} % won; {count(events, 'event')}"
    )
    for name, value in found["original_parameters"].items():
        console.print(f"  {name} = {json.dumps(value)}")
    for name, number in found["event_counts"].items():
        console.print(f"  {number:>6} {name}")
    for replay in found["replays"]:
        changes = json.dumps(replay["modified_parameters"])
        total = "" if replay["total_pnl"] is None else f", {gain(replay['total_pnl'])}"
        console.print(f"replay {replay['replay_id']}: {replay['status']} {changes}{total}")


def print_events(page: Mapping[str, Any], console: Console) -> None:
    """A page of events."""
    table = _table("#", "time, UTC", "type", "symbol", "data")
    for event in page["events"]:
        table.add_row(
            str(event["sequence"]),
            _time(event["timestamp"]),
            event["event_type"],
            event["symbol"] or "",
            json.dumps(event["event_data"])[:PREVIEW],
        )
    console.print(table)
    console.print(f"{len(page['events'])} of {count(page['total_events'], 'event')}")


def print_bars(page: Mapping[str, Any], console: Console) -> None:
    """A page of bars."""
    prices = ("open", "high", "low", "close", "volume")
    table = _table("#", "time, UTC", "symbol", *prices, "indicators", right=prices)
    for bar in page["bars"]:
        shown = {n: v for n, v in (bar["indicators"] or {}).items() if v is not None}
        table.add_row(
            str(bar["sequence"]),
            _time(bar["timestamp"]),
            bar["symbol"],
            *(_price(bar[name]) for name in prices),
            ", ".join(f"{n} {_price(v)}" for n, v in shown.items())[:PREVIEW],
        )
    console.print(table)
    console.print(f"{len(page['bars'])} of {count(page['total_bars'], 'bar')}")


def print_replay(result: Mapping[str, Any], console: Console) -> None:
    """A replay beside its recording, trade by trade."""
    old = result["comparison"]
    console.print(f"replay {result['replay_id']} of {result['recording_id']}")
    if result["modified_parameters"]:
        console.print(f"changed: {json.dumps(result['modified_parameters'])}")
    numbers = ("recorded", "replayed", "difference")
    table = _table("", *numbers, right=numbers)
    known = old["trades_diff"] is not None
    table.add_row(
        "trades", str(old["original_trades"]), str(old["replay_trades"]),
        f"{old['trades_diff']:+d}" if known else "",
    )  # fmt: skip
    table.add_row(
        "P&L", gain(old["original_pnl"]), gain(old["replay_pnl"]),
        gain(old["pnl_diff"]) if known else "",
    )  # fmt: skip
    table.add_row(
        "won, %", f"{old['original_win_rate']:.1f}", f"{old['replay_win_rate']:.1f}",
        f"{old['win_rate_diff']:+.1f}" if known else "",
    )  # fmt: skip
    table.add_row("signals", str(old["original_signals"]), str(old["replay_signals"]), "")
    table.add_row("largest fall", "", dollars(result["max_drawdown"]), "")
    console.print(table)
    if old["first_difference"] is None:
        console.print("Every event is the same.")
    else:
        console.print(f"The first difference is at {_time(old['first_difference'])} UTC.")
        _print_states(old["trades"], console)
    for warning in result["warnings"]:
        console.print(f"warning: {warning}")


def _print_states(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    table = _table("entry, UTC", "symbol", "side", "state", "recorded", "replayed", "changed")
    for row in sorted(rows, key=lambda row: row["entry_time"] or "")[:MOST_TRADES]:
        table.add_row(
            _time(row["entry_time"]),
            row["symbol"] or "",
            row["direction"] or "",
            row["state"].replace("_", " ").replace("original", "recorded"),
            gain(row["original"]["pnl"]) if row["original"] else "",
            gain(row["replay"]["pnl"]) if row["replay"] else "",
            ", ".join(row["changed"]),
        )
    console.print(table)
    if len(rows) > MOST_TRADES:
        console.print(f"and {len(rows) - MOST_TRADES} trades more; --json has all")


def print_sweep(results: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Replays of a sweep, in the order of their parameters."""
    right = ("trades", "won, %", "P&L", "largest fall")
    table = _table("parameters", *right, "", right=right)
    for one in results:
        parameters = ", ".join(f"{n}={_shown(v)}" for n, v in one["modified_parameters"].items())
        if one["status"] != "completed":
            table.add_row(parameters, "", "", "", "", f"failed: {one['error']}")
            continue
        table.add_row(
            parameters, str(one["total_trades"]), f"{one['win_rate']:.1f}",
            gain(one["total_pnl"]), dollars(one["max_drawdown"]), "",
        )  # fmt: skip
    console.print(table)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def print_comparison(found: SessionComparison, console: Console) -> None:
    """Runs on one market, the recorded one first; of any two, how many trades they share."""
    right = ("trades", "won, %", "P&L", "largest fall", "Sharpe")
    table = _table("run", *right, right=right)
    for run in found.runs:
        figures = run.figures
        table.add_row(
            run.label,
            str(figures["total_trades"]),
            f"{figures['win_rate']:.1f}",
            gain(figures["total_pnl"]),
            dollars(figures["max_drawdown"]),
            f"{figures['sharpe_ratio']:.3f}",
        )
    console.print(table)
    for pair in found.pairs:
        counts = pair["counts"]
        console.print(
            f"{pair['a']} / {pair['b']}: {counts['same']} trades the same, {counts['changed']} "
            f"changed, {counts['only_original']} and {counts['only_replay']} of one only"
        )
