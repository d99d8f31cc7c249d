"""Whether what a run has stored agrees with itself: summaries, ids, counts, and file with file.

Reading looks at shapes only, so that an edited or an older folder stays readable; here everything
that follows from something else is computed again. A check yields a line for each thing that
differs.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bt_gex.config.files import stored_run_config
from bt_gex.config.ids import SEMANTICS_VERSION
from bt_gex.errors import BtGexError
from bt_gex.market.calendar import instant_ns
from bt_gex.results.costs import FILE as COSTS_FILE
from bt_gex.results.costs import Costs
from bt_gex.results.folder import CONFIG, TRADES, RunRecord, read_run
from bt_gex.results.option_omega import write_daily_returns, write_trade_log
from bt_gex.results.portfolio import combine, name_of_sum, read_combined
from bt_gex.results.result import RunResult
from bt_gex.results.statistics import account_json, totals_json
from bt_gex.stats.summary import funnel
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.storage.reading import read_mapping, read_table
from bt_gex.trades.codec import from_table, to_json
from bt_gex.trades.records import SpreadTrade

Faults = Iterator[str]
CENT = 0.005 + 1e-9  # half of one: how far rounding may move an amount
PERCENT = 0.005 + 1e-6


def differing(file: str, stored: Mapping[str, object], computed: Mapping[str, object]) -> Faults:
    """A line for each computed value that is stored as another one."""
    for name, value in computed.items():
        if name in stored and stored[name] != value:
            yield f"{file}: {name} is {_short(stored[name])}, computed {_short(value)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def verify_run(place: Path) -> Faults:
    """Of the folder of a run. Raises OutputError when it is none or cannot be read."""
    run = read_run(place)
    yield from _ids(place, run)
    yield from _summary(run)
    yield from _sessions(run)
    yield from _decisions(run)
    for trade in run.trade_records:
        yield from _trade(trade, float(run.run_config.index_spec.multiplier))
    yield from _repeated(trade.order_id for trade in run.trade_records)
    yield from equity_faults(run.equity_table, run.trade_records, run.balance)
    yield from _marks(run)
    yield from table_faults(place / "trades.parquet", run.trade_records)
    yield from _journals(place, run)
    yield from verify_costs(place, run)


def _ids(place: Path, run: RunRecord) -> Faults:
    about = read_mapping(place / CONFIG)
    if about["run_id"] != run.run_id:
        yield f"{CONFIG}: run_id is {about['run_id']}, in {TRADES} {run.run_id}"
    if place.resolve().name != run.run_id:
        yield f"{place.name}: the folder is not named by its run_id {run.run_id}"
    if run.config["semantics_version"] == SEMANTICS_VERSION:
        found = stored_run_config(run.config).run_id(str(run.source.get("fingerprint")))
        if found != run.run_id:
            yield f"{CONFIG}: run_id is {run.run_id}, of this configuration and data {found}"


def _summary(run: RunRecord) -> Faults:
    multiplier = run.run_config.index_spec.multiplier
    computed = {
        **totals_json(run.trade_records, balance=run.balance),
        **account_json(
            run.trade_records, run.equity_table, balance=run.balance, multiplier=multiplier
        ),
    }
    yield from differing(f"{TRADES}, summary", run.summary, computed)
    sessions = run.statistics.sessions
    bars = sum(session.bars for session in sessions if session.status != "no data")
    ways = funnel(run.decision_records, run.trade_records, bars)
    stored = to_json(run.statistics.funnel)
    yield from differing(f"{TRADES}, funnel", stored, to_json(ways))
    quality: Counter[str] = Counter()
    for session in sessions:
        quality.update(session.quality)
    known = run.statistics.data_quality
    yield from differing(f"{TRADES}, data_quality", known, {n: quality[n] for n in known})


def _sessions(run: RunRecord) -> Faults:
    """Each session's row against trades, checks and ticks."""
    trades = _grouped((str(trade.expiration), trade) for trade in run.trade_records)
    checks = _grouped((str(one.session), one) for one in run.decision_records)
    rows = {session.session.isoformat(): session for session in run.statistics.sessions}
    for name in sorted({*trades, *checks} - {*rows}):
        yield f"{TRADES}: session {name} is not among the sessions of the summary"
    for name, row in rows.items():
        pnls = [trade.pnl_dollars or 0.0 for trade in trades.get(name, ())]
        made = {
            "checks": len(checks.get(name, ())),
            "entries": sum(1 for one in checks.get(name, ()) if one.outcome == "entry"),
            "trades_pnl_dollars": round(sum(pnls), 2) + 0.0,
        }
        yield from differing(f"{TRADES}, session {name}", to_json(row), made)
        if (row.status == "traded") != bool(pnls):
            yield f"{TRADES}, session {name}: status is {row.status}, trades {len(pnls)}"
    ticks = {name: row.bars + 1 for name, row in rows.items() if row.status != "no data"}
    yield from _ticks(run, ticks)


def _ticks(run: RunRecord, ticks: Mapping[str, int]) -> Faults:
    """The rows of the tables against the ticks of each session."""
    for file, table in (("equity", run.equity_table), ("market", run.market_table)):
        found = {name: len(at) for name, at in rows_by_name(table["session"]).items()}
        for name in sorted({*ticks, *found}):
            if ticks.get(name) != found.get(name):
                has, needs = found.get(name, 0), ticks.get(name, 0)
                yield f"{file}.parquet: has {has} rows of session {name}, the run {needs}"


def _grouped(pairs: Iterable[tuple[str, object]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _decisions(run: RunRecord) -> Faults:
    entries = {one.order_id for one in run.decision_records if one.outcome == "entry"}
    for trade in run.trade_records:
        if trade.order_id not in entries:
            yield f"decisions.jsonl: no entry of trade {trade.order_id}"


def _repeated(names: Iterable[str]) -> Faults:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{TRADES}: trade {name} is there {times} times"


def _trade(trade: SpreadTrade, multiplier: float) -> Faults:
    """A trade's own figures; those of an unresolved one are not known."""
    dollars = multiplier * trade.quantity
    alive_s = (trade.timestamp_exit - trade.timestamp_entry).total_seconds()
    computed = {
        "time_alive_minutes": (alive_s / 60.0, 0.05 + 1e-9),
        "max_loss_dollars": ((trade.width - trade.entry_credit) * dollars, CENT),
    }
    if trade.exit_value is not None:
        made = trade.entry_credit - trade.exit_value
        computed["pnl_dollars"] = (made * dollars - trade.commission_dollars, CENT)
        computed["pnl_percent"] = (100.0 * made / trade.entry_credit, PERCENT)
    for name, (value, slack) in computed.items():
        stored = getattr(trade, name)
        if stored is None or abs(stored - value) > slack:
            yield f"{TRADES}, trade {trade.order_id}: {name} is {stored}, computed {value:.4f}"


def equity_faults(table: pa.Table, trades: Sequence[SpreadTrade], balance: float) -> Faults:
    """The account against the trades: what is realised, how many are open; equal when none is."""
    stamps = to_numpy(table["time"])
    if (np.diff(stamps) <= 0).any():
        yield "equity.parquet: times do not ascend"
        return
    cents, spreads = np.zeros(len(stamps) + 1, np.int64), np.zeros(len(stamps) + 1, np.int64)
    for trade in trades:
        ends = [instant_ns(trade.timestamp_entry), instant_ns(trade.timestamp_exit)]
        entry, leave = np.searchsorted(stamps, ends)
        cents[leave] += round((trade.pnl_dollars or 0.0) * 100)
        spreads[entry] += 1
        spreads[leave] -= 1
    is_open = np.cumsum(spreads[:-1])
    realised = balance + np.cumsum(cents[:-1]) / 100.0
    equity, closed = (to_numpy(table[name]) for name in ("equity", "closed_equity"))
    wrong_rows = {
        "closed_equity is not what the trades made": np.abs(closed - realised) > CENT,
        "open_spreads is not the number of open trades": to_numpy(table["open_spreads"]) != is_open,
        "equity is not closed_equity without an open trade": (is_open == 0)
        & (np.abs(equity - closed) > CENT),
    }
    for what, wrong in wrong_rows.items():
        if wrong.any():
            yield f"equity.parquet: {what} in {wrong.sum()} rows, first in row {wrong.argmax()}"


def _marks(run: RunRecord) -> Faults:
    rows = rows_by_name(run.marks_table["order_id"])
    stamps = to_numpy(run.marks_table["time"])
    trades = {trade.order_id: trade for trade in run.trade_records}
    for name in sorted({*rows} ^ {*trades}):
        yield f"marks.parquet: trade {name} is only in {'it' if name in rows else TRADES}"
    for name in rows.keys() & trades.keys():
        first, last = stamps[rows[name]].min(), stamps[rows[name]].max()
        trade = trades[name]
        if first < instant_ns(trade.timestamp_entry) or last > instant_ns(trade.timestamp_exit):
            yield f"marks.parquet: trade {name} has marks outside the time it was open"


def table_faults(path: Path, trades: Sequence[SpreadTrade]) -> Faults:
    """Trades in a parquet file against those known."""
    try:
        stored = from_table(SpreadTrade, read_table(path), path.name)
    except BtGexError as error:
        yield str(error)
        return
    if len(stored) != len(trades):
        yield f"{path.name}: has {len(stored)} trades, {TRADES} {len(trades)}"
        return
    for one, other in zip(stored, trades, strict=True):
        for field in fields(SpreadTrade):
            if getattr(one, field.name) != getattr(other, field.name):
                yield f"{path.name}, trade {other.order_id}: {field.name} differs from {TRADES}"


def _journals(place: Path, run: RunRecord) -> Faults:
    with tempfile.TemporaryDirectory() as work:
        trade_log, returns = Path(work) / "trades.csv", Path(work) / "daily_returns.csv"
        write_trade_log(trade_log, run.trade_records, run.config, run.market_table)
        write_daily_returns(returns, run.daily_pnl, run.balance)
        for computed in (trade_log, returns):
            yield from csv_faults(place / computed.name, _csv_rows(computed))


def _csv_rows(path: Path) -> list[dict[str, str]]:
    """Texts by header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def csv_faults(path: Path, rows: Sequence[Mapping[str, object]]) -> Faults:
    """Rows of a CSV file against those computed, in the columns both have."""
    try:
        stored = _csv_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        yield f"{path.name}: cannot be read: {error}"
        return
    if len(stored) != len(rows):
        yield f"{path.name}: has {len(stored)} rows, computed {len(rows)}"
        return
    for number, (one, other) in enumerate(zip(stored, rows, strict=True), start=1):
        yield from differing(f"{path.name}, row {number}", one, other)


def verify_costs(place: Path, run: RunRecord) -> Faults:
    """costs.json, where there is one, against itself and the run."""
    if not (place / COSTS_FILE).exists():
        return
    costs = Costs.load(place)
    assert costs
    stored = read_mapping(place / COSTS_FILE)
    computed = costs.as_dict()
    yield from differing(COSTS_FILE, stored, {n: v for n, v in computed.items() if n != "rows"})
    fills = run.run_config.fills
    own = fills.entry_slippage
    if own == fills.exit_slippage and own in costs.slippages and 0 in costs.delays:
        row = to_json(costs.at(own, 0))
        same = {name: run.summary[name] for name in row if name in run.summary}
        yield from differing(f"{COSTS_FILE}, slippage {own:g} without a delay", row, same)


def verify_costs_file(path: Path) -> Faults:
    """Of the costs.json in the folder of a run. Raises OutputError when one cannot be read."""
    yield from verify_costs(path.parent, read_run(path.parent))


def verify_sum(place: Path) -> Faults:
    """Of the folder of a sum of runs, whose runs lie beside it. Raises OutputError."""
    combined = read_combined(place)
    missing = [name for name in combined.runs if not (place.parent / name).is_dir()]
    if missing:
        yield f"summary.json: run {', '.join(missing)} does not lie beside the sum"
        return
    results = [RunResult.load(place.parent / name) for name in combined.runs]
    if place.resolve().name != name_of_sum(results):
        yield f"{place.name}: the folder of these runs is named {name_of_sum(results)}"
    found, equity = combine(results)
    yield from differing("summary.json", combined.summary, found.to_json())
    if not combined.equity.to_pandas().equals(equity):
        yield "equity.parquet: is not the sum of the accounts of the runs"
