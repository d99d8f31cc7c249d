"""The engines of a sweep: what is loaded once, and how a variant is run on it."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

from bt_gex.blackbox.recording import Recording
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue
from bt_gex.sessions.day import Day, LoadParams, load_day
from bt_gex.sessions.identity import data_sha256
from bt_gex.sessions.rows import SessionRows
from bt_gex.sweeps.evaluate import Metrics, evaluate
from bt_gex.sweeps.pool import Engine

ENGINES = ("backtrader", "compiled")


class Sessions:
    """The sessions of a configuration, read once; as seen with each way of reading asked for."""

    def __init__(self, recording: Recording, config: RunConfig) -> None:
        self.index = config.index_spec
        wanted = recording.calendar(config.start, config.end)
        self.rows: list[SessionRows] = list(recording.sessions(config.index, wanted))
        self._days: dict[LoadParams, list[Day]] = {}
        self._whole: Sessions | None = None
        self._place = slice(0, len(self.rows))

    def part(self, first: int, after: int) -> Sessions:
        """Some of the sessions, from `first` up to but not including `after`."""
        part = copy(self)
        part._whole = self._whole or self
        part.rows = self.rows[first:after]
        start = self._place.start + first
        part._place = slice(start, start + len(part.rows))
        return part

    def with_data(self) -> Sessions:
        """The sessions for which the index has rows."""
        return self._only([rows for rows in self.rows if not rows.is_empty])

    def without_data(self) -> Sessions:
        """The other sessions."""
        return self._only([rows for rows in self.rows if rows.is_empty])

    def _only(self, rows: list[SessionRows]) -> Sessions:
        found = copy(self)
        found.rows = rows
        found._days, found._whole, found._place = {}, None, slice(0, len(rows))
        return found

    def fingerprint(self) -> str:
        """Identity of the data of these sessions."""
        return data_sha256((one.index_symbol, one.session.day, one.sha256) for one in self.rows)

    def days(self, params: LoadParams) -> list[Day]:
        """The sessions with these ages and this pin."""
        if self._whole is not None:
            return self._whole.days(params)[self._place]
        if params not in self._days:
            self._days[params] = [load_day(rows, self.index, params) for rows in self.rows]
        return self._days[params]


class BacktraderEngine:
    """Each variant is a replay on backtrader."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def metrics(self, config: RunConfig) -> Metrics:
        """Figures of one configuration."""
        return evaluate(config, self.sessions.days(config.load_params))


class CompiledSweep:
    """The rule functions compiled; the same trades."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._engines: dict[LoadParams, Any] = {}

    def metrics(self, config: RunConfig) -> Metrics:
        """Figures of one configuration."""
        metrics: Metrics = self.engine(config.load_params).run(config).metrics()
        return metrics

    def engine(self, params: LoadParams) -> Any:
        """The compiled engine over the sessions as seen with these ages and this pin."""
        from bt_gex.sweeps.compiled import CompiledEngine

        if params not in self._engines:
            days = [day for day in self.sessions.days(params) if day.has_data]
            self._engines[params] = CompiledEngine(days)
        return self._engines[params]


def make_engine(name: str, sessions: Sessions) -> Engine:
    """The engine of that name."""
    if name == "backtrader":
        return BacktraderEngine(sessions)
    if name == "compiled":
        return CompiledSweep(sessions)
    raise BadValue(f"engine must be {' or '.join(ENGINES)}, got {name!r}")


def prepare(engine: Engine, configs: Iterable[RunConfig]) -> None:
    """Make ready for each way of reading among the configurations, before workers are forked."""
    for params in dict.fromkeys(config.load_params for config in configs):
        if isinstance(engine, CompiledSweep):
            engine.engine(params)
        elif isinstance(engine, BacktraderEngine):
            engine.sessions.days(params)
