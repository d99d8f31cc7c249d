"""The outcome of a run, and its folder on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from bt_gex.errors import BtGexError, OutputError
from bt_gex.results.option_omega import daily_returns, write_daily_returns, write_journal
from bt_gex.stats.summary import summarise
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.storage.reading import first_line, refuse_constant
from bt_gex.trades.codec import from_json, to_json, to_table
from bt_gex.trades.records import Decision, SpreadTrade

if TYPE_CHECKING:
    import pandas as pd

REPORTED = ("bt-gex", "backtrader", "numpy", "pandas", "SQLAlchemy", "exchange_calendars")

MONEY_COLUMNS = ("equity", "cash", "margin_dollars", "closed_equity")
EQUITY_COLUMNS = ("time", "session", *MONEY_COLUMNS, "open_spreads")
MARKS_COLUMNS = ("order_id", "time", "value")
MARKET_COLUMNS = ("time", "session", "spot", "vix", "pin")
TABLES = ("equity", "marks", "market")
FILES = (
    *("trades.json", "config.yaml", "decisions.jsonl"),
    *(f"{name}.parquet" for name in TABLES),
)
UNREADABLE = (  # what reading a damaged file raises
    OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError,
    yaml.YAMLError, pa.ArrowException,
)  # fmt: skip
CONFIG_PARTS = ("index", "start", "end", "profile", "exit", "fills", "account", "index_facts")
SUMMARY_PARTS: dict[str, Any] = {
    "max_drawdown_mtm": 0.0,
    "funnel": {},
    "sessions": [],
    "data_quality": {},
    "warnings": [],
}


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a replay found.

    config            every setting as it was used
    source            name and fingerprint of the data, versions of the software
    summary           statistics, funnel, sessions, data quality, warnings
    trade_records, decision_records  in order of time
    equity_table      the account, one row a tick; `equity` as a DataFrame
    marks_table       value of each trade while it was open; `marks` as a DataFrame
    market_table      index price, VIX and pin as they were known, one row a tick; NaN: unknown
    folder            where it is saved, None when it is not
    """

    run_id: str
    config: dict[str, Any]
    source: dict[str, Any]
    summary: dict[str, Any]
    trade_records: list[SpreadTrade]
    decision_records: list[Decision]
    equity_table: pa.Table
    marks_table: pa.Table
    market_table: pa.Table
    folder: Path | None = None

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account, one row a tick; times UTC, dollars."""
        return self.equity_table.to_pandas()

    @cached_property
    def marks(self) -> pd.DataFrame:
        """order_id, time (UTC) and value (points) of each trade while it was open."""
        return self.marks_table.to_pandas()

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row a trade; times as UTC timestamps."""
        import pandas as pd

        frame = to_table(SpreadTrade, self.trade_records).to_pandas()
        for name in ("timestamp_entry", "timestamp_exit"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row a check; times as UTC timestamps."""
        import pandas as pd

        frame = to_table(Decision, self.decision_records).to_pandas()
        frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
        return frame

    @property
    def balance(self) -> float:
        """Dollars before the first trade."""
        return float(self.config["account"]["balance"])

    @property
    def daily_pnl(self) -> dict[str, float]:
        """P&L in dollars by session, those with data; in order of time."""
        return {
            str(row["session"]): float(row["trades_pnl_dollars"])
            for row in self.summary["sessions"]
            if row["status"] != "no data"
        }

    @cached_property
    def daily_returns(self) -> pd.Series[float]:
        """Return of the account by session date, for quantstats; ends where it is used up."""
        import pandas as pd

        found = daily_returns(self.daily_pnl, self.balance)
        days = pd.DatetimeIndex(list(found), name="date")
        return pd.Series(list(found.values()), index=days, name="return", dtype="float64")

    def found_by(self, what: Mapping[str, Any]) -> RunResult:
        """The same with what is known of where its settings come from, such as a sweep."""
        return replace(self, source={**self.source, **what})

    def to_json(self) -> str:
        """run_id, summary and trades."""
        trades = [to_json(trade) for trade in self.trade_records]
        content = {"run_id": self.run_id, "summary": self.summary, "trades": trades}
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def save(self, folder: str | Path, extras: Mapping[str, Writer] | None = None) -> RunResult:
        """Write the run as a folder of its own, named by its run id, under `folder`.

        The folder appears whole or not at all; an earlier one of the same run is replaced.
        extras: what writes further files, by their name. Raises OutputError.
        """

        def write(work: Path) -> None:
            self._write(work)
            for name, write_extra in (extras or {}).items():
                write_extra(work / name)

        return replace(self, folder=write_folder(folder, self.run_id, write))

    def _write(self, work: Path) -> None:
        import pyarrow.parquet as pq

        (work / "trades.json").write_text(self.to_json(), encoding="utf-8")
        trades = to_table(SpreadTrade, self.trade_records)
        write_journal(work / "trades.csv", self.trade_records, self.config, self.market_table)
        write_daily_returns(work / "daily_returns.csv", self.daily_pnl, self.balance)
        pq.write_table(trades, work / "trades.parquet")
        for name in TABLES:
            pq.write_table(getattr(self, f"{name}_table"), work / f"{name}.parquet")
        lines = (json.dumps(to_json(one), allow_nan=False) for one in self.decision_records)
        (work / "decisions.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        content = {"run_id": self.run_id, **self.source, "config": self.config}
        (work / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """Read a saved run again. Raises OutputError when the folder is none."""
        place = Path(folder)
        import pyarrow.parquet as pq

        from bt_gex.results.saved import check_saved

        _check_is_run(place)
        try:
            text = (place / "trades.json").read_text("utf-8")
            content = json.loads(text, parse_constant=refuse_constant)
            about = yaml.safe_load((place / "config.yaml").read_text("utf-8"))
            lines = (place / "decisions.jsonl").read_text("utf-8").splitlines()
            result = cls(
                run_id=content["run_id"],
                config=about["config"],
                source={k: v for k, v in about.items() if k not in ("run_id", "config")},
                summary=content["summary"],
                trade_records=from_json(
                    list[SpreadTrade], json.dumps(content["trades"]), "trades.json, trade"
                ),
                decision_records=from_json(
                    list[Decision], f"[{','.join(lines)}]", "decisions.jsonl, check"
                ),
                **{f"{name}_table": pq.read_table(place / f"{name}.parquet") for name in TABLES},
                folder=place,
            )
            _check_whole(result)
            check_saved(result)
            return result
        except BtGexError as error:
            raise OutputError(f"{place} is not a readable run: {error}") from error
        except KeyError as error:
            raise OutputError(f"{place} is not a readable run: {error} is missing in it") from error
        except UNREADABLE as error:
            raise OutputError(f"{place} is not a readable run: {first_line(error)}") from error


def _check_is_run(place: Path) -> None:
    if place.is_file():
        raise OutputError(f"{place} is a file; give the folder of a run")
    if (place / "summary.json").exists():
        raise OutputError(f"{place} is the sum of several runs; give the folder of one of them")
    for name in FILES:
        if not (place / name).exists():
            raise OutputError(f"{place} is not the folder of a run: no {name} in it")


def _check_whole(result: RunResult) -> None:
    """Raise KeyError, TypeError or pyarrow's errors where a report would find a part missing."""
    shapes = {**summarise([], balance=1.0), **SUMMARY_PARTS}
    needed: list[tuple[Iterable[Any], Iterable[str]]] = [
        (result.summary, shapes),
        (result.config, CONFIG_PARTS),
        (result.equity_table.column_names, EQUITY_COLUMNS),
        (result.marks_table.column_names, MARKS_COLUMNS),
        (result.market_table.column_names, MARKET_COLUMNS),
    ]
    for parts, names in needed:
        for name in names:
            if name not in list(parts):
                raise KeyError(name)
    for name, example in shapes.items():
        kind = type(example) if isinstance(example, dict | list) else (int, float, type(None))
        if not isinstance(result.summary[name], kind):
            raise TypeError(f"{name} of the summary is {result.summary[name]!r}")


def versions() -> dict[str, str]:
    """Versions of what a result can depend on."""
    return {name: metadata.version(name) for name in REPORTED}
