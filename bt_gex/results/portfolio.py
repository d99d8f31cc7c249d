"""Several runs side by side, each with its own account, and their sum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bt_gex.errors import BadValue, OutputError
from bt_gex.market.calendar import NEW_YORK
from bt_gex.results.migrations import COMBINED
from bt_gex.results.result import RunResult
from bt_gex.results.statistics import Combined
from bt_gex.stats.performance import AccountPath, commission, performance_of, premium
from bt_gex.stats.summary import (
    SPREAD_GROUPINGS,
    grouped,
    max_drawdown_dollars,
    sum_dollars,
    summarise,
)
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import part, read_mapping, read_table
from bt_gex.storage.schema import KEY

SUMMARY, EQUITY = "summary.json", "equity.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSum:
    """A sum of runs as its folder holds it.

    runs    run ids
    equity  time, a column an account, total; dollars
    """

    runs: list[str]
    summary: dict[str, Any]
    equity: pa.Table


def combine(results: Sequence[RunResult]) -> tuple[Combined, pd.DataFrame]:
    """Statistics of all trades over the sum of the accounts, and the summed equity; dollars."""
    balance = sum(result.balance for result in results)
    trades = [trade for result in results for trade in result.trade_records]
    equity = combined_equity(results)
    account = _account_of(equity, balance)
    paid = sum_dollars(
        premium(result.trade_records, result.run_config.index_spec.multiplier) for result in results
    )
    combined = Combined(
        totals=summarise(trades, balance=balance),
        groups=grouped(trades, SPREAD_GROUPINGS),
        max_drawdown_mtm=max_drawdown_dollars([balance, *equity["total"]]),
        performance=performance_of(trades, account, paid, commission(trades)),
    )
    return combined, equity


def _account_of(equity: pd.DataFrame, balance: float) -> AccountPath:
    """The sum of the accounts as one."""
    days = equity["time"].dt.tz_convert(NEW_YORK).dt.date.to_numpy()
    starts = np.flatnonzero(np.append(True, days[1:] != days[:-1])) if len(days) else days
    return AccountPath(
        balance=balance,
        equity=equity["total"].to_numpy(np.float64),
        sessions=list(days[starts.astype(np.int64)]),
        starts=starts.astype(np.int64),
    )


def combined_equity(results: Sequence[RunResult]) -> pd.DataFrame:
    """time, one column an account, and total; an account without a session keeps its value."""
    columns = {result.index_symbol: result.equity.set_index("time")["equity"] for result in results}
    frame = pd.DataFrame(columns).sort_index().ffill()
    for result in results:
        name = result.index_symbol
        frame[name] = frame[name].fillna(result.balance)
    frame["total"] = frame.sum(axis=1).round(2)
    return frame.rename_axis("time").reset_index()


def save_combined(
    results: Sequence[RunResult],
    combined: Combined,
    equity: pd.DataFrame,
    folder: Path,
    extras: Mapping[str, Writer],
) -> Path:
    """Write summary.json, equity.parquet and the extras as a folder beside the runs'."""
    content = {
        KEY: COMBINED.version,
        "runs": [result.run_id for result in results],
        "summary": combined.to_json(),
    }

    def write(work: Path) -> None:
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        (work / SUMMARY).write_text(text, "utf-8")
        equity.to_parquet(work / EQUITY, index=False)

    return write_folder(folder, name_of_sum(results), write, extras)


def name_of_sum(results: Sequence[RunResult]) -> str:
    """Name of the folder: the indexes, and a hash of the run ids."""
    names = "+".join(result.index_symbol.replace("/", "_") for result in results)
    joined = " ".join(result.run_id for result in results)
    return f"{names}-{hashlib.sha256(joined.encode()).hexdigest()[:10]}"


def read_combined(place: Path) -> StoredSum:
    """Read the folder of a sum of runs. Raises OutputError."""
    try:
        stored = read_mapping(place / SUMMARY)
        content = COMBINED.migrated(stored, stored.get(KEY), SUMMARY)
        runs = part(content, "runs", list, SUMMARY)
        if not all(isinstance(name, str) for name in runs):
            raise BadValue(f"{SUMMARY}: runs must be run ids, got {runs!r:.60}")
        return StoredSum(
            runs=runs,
            summary=part(content, "summary", dict, SUMMARY),
            equity=read_table(place / EQUITY),
        )
    except BadValue as error:
        raise OutputError(f"{place} is not a readable sum of runs: {error}") from error
