"""The folder of a run: what is in it, writing it, reading it by shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from bt_gex.config.files import stored_config, stored_run_config
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, BtGexError, OutputError
from bt_gex.results.migrations import RUN
from bt_gex.results.option_omega import write_daily_returns, write_trade_log
from bt_gex.results.saved import (
    COLUMNS,
    TABLES,
    check_table,
    check_ticks,
    check_trades,
    read_source,
    read_statistics,
)  # fmt: skip
from bt_gex.results.statistics import RunStatistics
from bt_gex.storage.reading import (
    UNREADABLE,
    first_line,
    part,
    read_lines,
    read_mapping,
    read_table,
)
from bt_gex.storage.schema import KEY
from bt_gex.trades.codec import Json, from_json, to_json, to_table
from bt_gex.trades.records import Decision, SpreadTrade

CONFIG, TRADES, DECISIONS = "config.yaml", "trades.json", "decisions.jsonl"
FILES = (TRADES, CONFIG, DECISIONS, *(f"{name}.parquet" for name in TABLES))
WRITTEN = (*FILES, "trades.parquet", "trades.csv", "daily_returns.csv")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run found, as its folder holds it.

    config            every setting as it was used
    source            name and fingerprint of the data, versions of the software
    statistics        totals, groups, funnel, sessions, data quality; `summary` is its stored form
    trade_records, decision_records  in order of time
    equity_table      the account, one row a tick
    marks_table       value of each trade while it was open
    market_table      index price, VIX and pin as they were known, one row a tick; NaN: unknown
    """

    run_id: str
    config: dict[str, Any]
    source: dict[str, Any]
    statistics: RunStatistics
    trade_records: list[SpreadTrade]
    decision_records: list[Decision]
    equity_table: pa.Table
    marks_table: pa.Table
    market_table: pa.Table

    @cached_property
    def run_config(self) -> RunConfig:
        """The configuration it was run with. Raises UnknownName and BadValue."""
        return stored_run_config(self.config)

    @property
    def index_symbol(self) -> str:
        """SPX, NDX, or another index of the configuration."""
        return self.run_config.index

    @property
    def balance(self) -> float:
        """Dollars before the first trade."""
        return self.run_config.account.balance

    @cached_property
    def summary(self) -> dict[str, Json]:
        """The statistics in plain values, as stored."""
        return self.statistics.to_json()

    @property
    def daily_pnl(self) -> dict[str, float]:
        """P&L in dollars by session, those with data; in order of time."""
        return {
            session.session.isoformat(): session.trades_pnl_dollars
            for session in self.statistics.sessions
            if session.status != "no data"
        }

    def to_json(self) -> str:
        """run_id, summary and trades."""
        trades = [to_json(trade) for trade in self.trade_records]
        content = {"run_id": self.run_id, "summary": self.summary, "trades": trades}
        return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_run(run: RunRecord, work: Path) -> None:
    """Write the files of a run into an empty folder."""
    import pyarrow.parquet as pq

    (work / TRADES).write_text(run.to_json(), encoding="utf-8")
    write_trade_log(work / "trades.csv", run.trade_records, run.config, run.market_table)
    write_daily_returns(work / "daily_returns.csv", run.daily_pnl, run.balance)
    pq.write_table(to_table(SpreadTrade, run.trade_records), work / "trades.parquet")
    for name in TABLES:
        pq.write_table(getattr(run, f"{name}_table"), work / f"{name}.parquet")
    lines = (json.dumps(to_json(one), allow_nan=False) for one in run.decision_records)
    (work / DECISIONS).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    content = {"run_id": run.run_id, KEY: RUN.version, **run.source, "config": run.config}
    (work / CONFIG).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")


def read_run(place: Path) -> RunRecord:
    """Read the folder of a run of this or an earlier version. Raises OutputError."""
    _check_is_run(place)
    try:
        return _read(place)
    except BtGexError as error:
        raise OutputError(f"{place} is not a readable run: {error}") from error
    except UNREADABLE as error:
        raise OutputError(f"{place} is not a readable run: {first_line(error)}") from error


def _read(place: Path) -> RunRecord:
    about, trades = read_mapping(place / CONFIG), read_mapping(place / TRADES)
    for content, file, parts in (
        (about, CONFIG, {"run_id": str, "config": dict}),
        (trades, TRADES, {"run_id": str, "summary": dict, "trades": list}),
    ):
        for name, kind in parts.items():
            part(content, name, kind, file)
    found = RUN.migrated(
        {"about": about, "trades": trades, "decisions": read_lines(place / DECISIONS)},
        about.get(KEY),
        CONFIG,
    )
    about, trades = found["about"], found["trades"]
    records = from_json(list[SpreadTrade], json.dumps(trades["trades"]), f"{TRADES}, trade")
    check_trades(records, TRADES)
    config = _read_config(about["config"])
    tables = {name: read_table(place / f"{name}.parquet") for name in TABLES}
    for name, table in tables.items():
        check_table(name, table)
    run_config = stored_run_config(config)
    statistics = read_statistics(
        trades["summary"],
        records,
        tables["equity"],
        balance=run_config.account.balance,
        multiplier=run_config.index_spec.multiplier,
        file=TRADES,
    )
    check_ticks(statistics.sessions, tables["equity"], tables["market"])
    return RunRecord(
        run_id=trades["run_id"],
        config=config,
        source=read_source(about, CONFIG),
        statistics=statistics,
        trade_records=records,
        decision_records=from_json(
            list[Decision], json.dumps(found["decisions"]), f"{DECISIONS}, check"
        ),
        **{f"{name}_table": table.select(list(COLUMNS[name])) for name, table in tables.items()},
    )


def _read_config(stored: Mapping[str, object]) -> dict[str, Any]:
    """Every setting of today, and the version of the rules under which the run was made."""
    try:
        resolved = stored_config(stored, CONFIG).resolved()
    except BtGexError as error:
        raise BadValue(f"{CONFIG}: {error}") from error
    return {**resolved, "semantics_version": stored["semantics_version"]}


def _check_is_run(place: Path) -> None:
    if place.is_file():
        raise OutputError(f"{place} is a file; give the folder of a run")
    if (place / "summary.json").exists():
        raise OutputError(f"{place} is not the folder of a run, but of a {_other_kind(place)}")
    for name in FILES:
        if not (place / name).exists():
            raise OutputError(f"{place} is not the folder of a run: no {name} in it")


def _other_kind(place: Path) -> str:
    if (place / "variants.parquet").exists():
        return "sweep; bt-gex run --config best.yaml makes a run of its best"
    if (place / "plan.yaml").exists():
        return "walk-forward"
    return "sum of several runs; give the folder of one of them"
