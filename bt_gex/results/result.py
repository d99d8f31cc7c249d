"""The outcome of a run, and its folder on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_gex.results.folder import RunRecord, read_run, write_run
from bt_gex.results.option_omega import daily_returns
from bt_gex.storage.arrow_arrays import data_frame
from bt_gex.storage.atomic import Writer, write_folder
from bt_gex.trades.codec import to_table
from bt_gex.trades.records import Decision, SpreadTrade

if TYPE_CHECKING:
    import pandas as pd

REPORTED = ("bt-gex", "backtrader", "numpy", "pandas", "SQLAlchemy", "exchange_calendars")


@dataclass(frozen=True, kw_only=True)
class RunResult(RunRecord):
    """What a replay found, its tables as DataFrames, and its folder.

    folder  where it is saved, None when it is not
    """

    folder: Path | None = None

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account, one row a tick; times UTC, dollars."""
        return data_frame(self.equity_table)

    @cached_property
    def marks(self) -> pd.DataFrame:
        """order_id, time (UTC) and value (points) of each trade while it was open."""
        return data_frame(self.marks_table)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row a trade; times as UTC timestamps."""
        import pandas as pd

        frame = data_frame(to_table(SpreadTrade, self.trade_records))
        for name in ("timestamp_entry", "timestamp_exit"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row a check; times as UTC timestamps."""
        import pandas as pd

        frame = data_frame(to_table(Decision, self.decision_records))
        frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
        return frame

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

    def save(self, folder: str | Path, extras: Mapping[str, Writer] | None = None) -> RunResult:
        """Write the run as a folder of its own, named by its run id, under `folder`.

        The folder appears whole or not at all. In an earlier one of the same run the files of the
        run are replaced; others stay, such as costs.json, report.html and files of the user's.
        extras: what writes further files, by their name. Raises OutputError.
        """

        place = write_folder(folder, self.run_id, partial(write_run, self), extras)
        return replace(self, folder=place)

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """Read a saved run again, also one of an earlier version. Raises OutputError."""
        place = Path(folder)
        run = read_run(place)
        return cls(**{f.name: getattr(run, f.name) for f in fields(RunRecord)}, folder=place)


def versions() -> dict[str, str]:
    """Versions of what a result can depend on."""
    return {name: _version(name) for name in REPORTED}


_version = cache(metadata.version)
