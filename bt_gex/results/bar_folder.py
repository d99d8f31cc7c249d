"""The folders of a backtest over bars: that of a symbol, and that of the whole run around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pyarrow as pa
import yaml

from bt_gex.errors import BadValue, BtGexError, OutputError
from bt_gex.results.bar_result import BacktestRecord, BarRecord, BarSession, BarStatistics
from bt_gex.results.bar_tables import (
    day_table,
    equity_by_trade,
    sample_table,
    trade_table,
    trades_csv,
)
from bt_gex.results.option_omega import write_daily_returns
from bt_gex.results.statistics import GROUPING
from bt_gex.stats.summary import Group, Totals
from bt_gex.storage.atomic import write_folder
from bt_gex.storage.reading import UNREADABLE, first_line, part, read_mapping, read_table
from bt_gex.storage.schema import KEY, Schema
from bt_gex.trades.bar_trades import BarTrade, FactorSample, RangeDay
from bt_gex.trades.codec import Json, from_json, plain, to_json

T = TypeVar("T")
CONFIG, TRADES, DAYS, SAMPLES = "config.yaml", "trades.json", "days.json", "factors.json"
BARS, EQUITY, RUN = "bars.parquet", "equity.parquet", "config.json"
ALL_TRADES = "all_trades.csv"
SCHEMA = Schema(kind="bar result")
RUN_SCHEMA = Schema(kind="backtest")


def folder_of(symbol: str) -> str:
    """Name of a symbol's folder, and how the names of its files begin."""
    return quote(symbol, safe="^=")


def is_bar_result(place: Path) -> bool:
    """Whether the folder is that of a symbol."""
    return (place / BARS).exists() and (place / TRADES).exists()


def is_backtest(place: Path) -> bool:
    """Whether the folder is that of a whole run."""
    return (place / RUN).exists() and (place / ALL_TRADES).exists()


# ------------------------------------------------------------------------------------ writing


def write_symbol(record: BarRecord, work: Path) -> None:
    """Write the files of a symbol into an empty folder."""
    has_range = bool(record.days)
    content = {
        "run_id": record.run_id,
        "symbol": record.symbol,
        "summary": record.statistics.to_json(),
        "trades": [to_json(trade) for trade in record.trade_records],
    }
    _write_json(work / TRADES, content)
    (work / "trades.csv").write_text(trades_csv(record.trade_records, has_range), "utf-8")
    _write_table(work / "trades.parquet", trade_table(record.trade_records, has_range))
    _write_table(work / BARS, record.bars_table)
    _write_table(work / EQUITY, record.equity_table)
    if has_range:
        _write_json(work / DAYS, [to_json(day) for day in record.days])
        _write_json(work / SAMPLES, [to_json(one) for one in record.samples])
    write_daily_returns(work / "daily_returns.csv", record.daily_pnl, record.balance)
    about = {"run_id": record.run_id, "symbol": record.symbol, KEY: SCHEMA.version}
    about |= {**record.source, "config": record.config}
    (work / CONFIG).write_text(yaml.safe_dump(plain(about), sort_keys=False), "utf-8")


def save_backtest(
    run: BacktestRecord,
    out: str | Path,
    extras: Mapping[str, Callable[[Path], None]] | None = None,
) -> Path:
    """Write the folder of a run and those of its symbols, whole or not at all; its place.

    extras  what writes further files, by their name. Raises OutputError, also where the name is
    taken by another run.
    """
    _refuse_another(run, Path(out) / run.run_id)

    def write(work: Path) -> None:
        for one in run.symbols:
            (work / folder_of(one.symbol)).mkdir()
            write_symbol(one, work / folder_of(one.symbol))
            _write_of_symbol(one, work)
        trades = run.trades
        has_range = any(one.days for one in run.symbols)
        _write_table(work / "all_trades.parquet", trade_table(trades, has_range))
        (work / ALL_TRADES).write_text(trades_csv(trades, has_range), "utf-8")
        _write_table(work / "combined_equity.parquet", equity_by_trade(trades))
        _write_json(work / RUN, about_run(run))

    return write_folder(out, run.run_id, write, extras)


def _write_of_symbol(one: BarRecord, work: Path) -> None:
    """The files of a symbol that lie beside those of the run."""
    name, has_range = folder_of(one.symbol), bool(one.days)
    _write_table(work / f"{name}_trades.parquet", trade_table(one.trade_records, has_range))
    _write_json(
        work / f"{name}_metrics.json", {"symbol": one.symbol, **plain_metrics(one.statistics)}
    )
    _write_table(work / f"{name}_equity.parquet", equity_by_trade(one.trade_records))
    if has_range:
        _write_table(work / f"{name}_days.parquet", day_table(one.days))
        _write_table(work / f"{name}_factors.parquet", sample_table(one.samples))


def plain_metrics(statistics: BarStatistics) -> dict[str, Json]:
    """The figures in R, and the dollars beside them."""
    totals = statistics.totals
    return {
        **dict(statistics.metrics),
        "total_pnl": totals.total_pnl,
        "final_balance": totals.final_balance,
        "return_pct": totals.return_pct,
        "max_drawdown_dollars": totals.max_drawdown,
    }


def about_run(run: BacktestRecord) -> dict[str, Json]:
    """What config.json holds."""
    return {
        "run_id": run.run_id,
        KEY: RUN_SCHEMA.version,
        "config_hash": run.run_config.config_hash,
        "config": plain(run.config),
        "arguments": plain(run.arguments),
        "symbols": [one.symbol for one in run.symbols],
        "failed_symbols": dict(run.failed),
        "versions": plain(run.symbols[0].source["versions"]) if run.symbols else {},
        "data": {one.symbol: plain(one.source["data"]) for one in run.symbols},
    }


def _refuse_another(run: BacktestRecord, place: Path) -> None:
    if not place.exists():
        return
    mine = about_run(run)
    try:
        known = read_mapping(place / RUN)
    except BadValue:
        known = {}
    if any(known.get(name) != mine[name] for name in ("run_id", "config", "data")):
        raise OutputError(
            f"{place} is another run's, with other settings or data; give another --run-id, or "
            "move that folder away"
        )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def _write_table(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


# ------------------------------------------------------------------------------------ reading


def read_symbol(place: str | Path) -> BarRecord:
    """Read the folder of a symbol. Raises OutputError."""
    return _guarded(Path(place), "the result of a symbol", _read_symbol)


def read_backtest(place: str | Path) -> BacktestRecord:
    """Read the folder of a run with its symbols. Raises OutputError."""
    return _guarded(Path(place), "a backtest", _read_backtest)


def _guarded(place: Path, what: str, read: Callable[[Path], T]) -> T:
    try:
        return read(place)
    except OutputError:
        raise
    except (BtGexError, *UNREADABLE) as error:
        raise OutputError(f"{place} is not {what}: {first_line(error)}") from error


def _read_backtest(place: Path) -> BacktestRecord:
    stored = read_mapping(place / RUN)
    about = RUN_SCHEMA.migrated(stored, stored.get(KEY), RUN)
    names = part(about, "symbols", list, RUN)
    return BacktestRecord(
        run_id=part(about, "run_id", str, RUN),
        config=part(about, "config", dict, RUN),
        arguments=about.get("arguments"),
        symbols=tuple(read_symbol(place / folder_of(str(name))) for name in names),
        failed=part(about, "failed_symbols", dict, RUN),
        folder=place,
    )


def _read_symbol(place: Path) -> BarRecord:
    stored, trades = read_mapping(place / CONFIG), read_mapping(place / TRADES)
    about = SCHEMA.migrated(stored, stored.get(KEY), CONFIG)
    records = part(trades, "trades", list, TRADES)
    summary = part(trades, "summary", dict, TRADES)
    return BarRecord(
        run_id=part(trades, "run_id", str, TRADES),
        symbol=part(about, "symbol", str, CONFIG),
        config=part(about, "config", dict, CONFIG),
        source={name: part(about, name, dict, CONFIG) for name in ("data", "versions")},
        statistics=_statistics(summary),
        trade_records=from_json(list[BarTrade], json.dumps(records), f"{TRADES}, trade"),
        days=_optional(place / DAYS, RangeDay),
        samples=_optional(place / SAMPLES, FactorSample),
        bars_table=read_table(place / BARS),
        equity_table=read_table(place / EQUITY),
        folder=place,
    )


def _optional(path: Path, kind: type[T]) -> list[T]:
    if not path.exists():
        return []
    return from_json(list[kind], path.read_text("utf-8"), path.name)  # type: ignore[valid-type]


def _statistics(stored: Mapping[str, Json]) -> BarStatistics:
    what = f"{TRADES}, summary"

    def read(kind: type[T], name: str) -> T:
        return from_json(kind, json.dumps(stored.get(name)), f"{what} {name}")

    return BarStatistics(
        totals=from_json(Totals, json.dumps(stored), what),
        groups={name: read(dict[str, Group], name) for name in stored if name.startswith(GROUPING)},
        max_drawdown_mtm=read(float, "max_drawdown_mtm"),
        metrics=read(dict[str, float | int | None], "metrics"),
        sessions=tuple(read(list[BarSession], "sessions")),
        skips=read(dict[str, int], "skips"),
    )
