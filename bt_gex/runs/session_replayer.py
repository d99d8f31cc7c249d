"""Replaying a recorded session with other parameters, or another strategy."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any
from uuid import uuid4

import backtrader as bt

from bt_gex.errors import BadValue, UnknownName
from bt_gex.recordings.figures import (
    TOLERANCE,
    compare,
    figures_of,
    positions_of,
)
from bt_gex.recordings.records import RecordedEvent, RecordedReplay, RecordedSession, Totals
from bt_gex.recordings.store import store_of
from bt_gex.recordings.values import iso, plain_json
from bt_gex.recordings.views import event_row
from bt_gex.runs.outcome import outcome_of
from bt_gex.runs.recorded_config import is_of_config
from bt_gex.runs.recorded_run import Outcome, RecordedMarket, load_market
from bt_gex.runs.replayable import GexReplay, Registry, Replayable, Resolved, as_replayable
from bt_gex.trades.codec import Json

log = logging.getLogger(__name__)


class SessionReplayer:
    """Replays one recording, as often as wanted; each replay is stored under an id of its own.

    db                what keeps recordings: a RecordingStore, a path or URL, an engine or session
    strategies        classes by name, for recordings of strategies that are not the package's
    allow_incomplete  replay a failed or interrupted recording, too
    save              False stores nothing

    Raises NoRecording, which is a ValueError, and RecordingState.
    """

    def __init__(
        self,
        db: object,
        recording_id: str,
        *,
        strategies: Mapping[str, type[bt.Strategy]] | None = None,
        allow_incomplete: bool = False,
        save: bool = True,
    ) -> None:
        self.store = store_of(db)
        self.recording_id = recording_id
        self.session: RecordedSession = self.store.get(recording_id)
        self._registry = Registry(strategies)
        self._allow_incomplete, self._save = allow_incomplete, save
        self._modified: dict[str, Json] = {}
        self._market: RecordedMarket | None = None

    def set_parameter(self, name: str, value: object) -> None:
        """Replay with another value of a parameter."""
        if not isinstance(name, str) or not name:
            raise BadValue(f"a parameter has a name, got {name!r}")
        self._modified[name] = plain_json(value)

    def set_parameters(self, values: Mapping[str, object]) -> None:
        """Replay with other values of several parameters."""
        for name, value in values.items():
            self.set_parameter(name, value)

    def get_parameter(self, name: str, default: Any = None) -> Any:
        """The modified value, else the recorded one, else the default."""
        recorded = self.session.original_parameters
        return self._modified.get(name, recorded.get(name, default))

    def replay(
        self,
        strategy_detector: object = None,
        *,
        description: str | None = None,
        mode: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run it; what came out, beside the recording, see docs/recordings.md.

        strategy_detector  None: the recorded strategy; else a strategy's name or class, or a
                           detector. Raises UnknownName and BadValue for parameters it does not take
        mode               of backtrader's Cerebro; the same result
        """
        market = self.market()
        chosen = self.strategy(strategy_detector)
        resolved = self.resolve(chosen)
        row = new_replay(self.recording_id, chosen.name, self._modified, resolved, description)
        if self._save:
            self.store.save_replay(row)
        began = time.perf_counter()
        try:
            drift = not self._modified and self.is_recorded(chosen)
            outcome = outcome_of(market, resolved, with_bars=drift, mode=mode)
        except BaseException as error:
            self._failed(row, error, time.perf_counter() - began)
            raise
        if drift:
            outcome.warnings += drift_warnings(market, outcome)
        result = result_of(market, row, outcome)
        if self._save:
            seconds = time.perf_counter() - began
            self.store.save_replay(finished(row, result, outcome.events, seconds))
        return result

    def again(self, parameters: Mapping[str, object]) -> SessionReplayer:
        """A replayer of the same recording, read once for both, with these parameters alone."""
        other = copy.copy(self)
        other._modified = {}
        other.set_parameters(parameters)
        return other

    def market(self) -> RecordedMarket:
        """The recording, read when first asked for."""
        if self._market is None:
            self._market = load_market(
                self.store, self.recording_id, allow_incomplete=self._allow_incomplete
            )
        return self._market

    def strategy(self, given: object = None) -> Replayable:
        """What is to be replayed."""
        if given is None and is_of_config(self.session):
            return GexReplay(self.session)
        if given is None:
            return self._registry.find(self.session.strategy_name)
        return self._registry.find(given) if isinstance(given, str) else as_replayable(given)

    def is_recorded(self, chosen: Replayable) -> bool:
        """Whether a strategy is the recorded one."""
        name = self.session.strategy_name
        if chosen.name == name:
            return True
        try:
            return self._registry.find(name) == chosen
        except UnknownName:
            return False

    def resolve(self, chosen: Replayable, modified: Mapping[str, Json] | None = None) -> Resolved:
        """The strategy with its parameters: of the recorded one they are the recorded ones."""
        return chosen.resolve(
            self.session.original_parameters, self._modified if modified is None else modified
        )

    def _failed(self, row: RecordedReplay, error: BaseException, seconds: float) -> None:
        if not self._save:
            return
        said = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        now = datetime.now(UTC)
        self.store.save_replay(
            replace(row, status="failed", error=said, wall_seconds=seconds, updated_at=now)
        )


def new_replay(
    recording_id: str,
    strategy_name: str,
    modified: Mapping[str, Json],
    resolved: Resolved | None,
    description: str | None,
) -> RecordedReplay:
    """The row of a replay that begins now."""
    now = datetime.now(UTC)
    return RecordedReplay(
        replay_id=str(uuid4()),
        recording_id=recording_id,
        replay_time=now,
        status="running",
        modified_parameters=dict(modified),
        description=description,
        created_at=now,
        updated_at=now,
        strategy_name=strategy_name,
        parameters=dict(resolved.parameters) if resolved else None,
        code_version=metadata.version("bt-gex"),
    )


def totals_of_session(session: RecordedSession) -> Totals:
    """Its original_* columns."""
    return Totals(session.original_trades, session.original_pnl, session.original_win_rate)


def result_of(market: RecordedMarket, row: RecordedReplay, outcome: Outcome) -> dict[str, Any]:
    """What a replay came to."""
    positions = positions_of(outcome.events)
    figures = figures_of([position.pnl for position in positions])
    warnings = list(outcome.warnings)
    comparison = compare(market.events, outcome.events, totals_of_session(market.session))
    comparison["market_sha256"] = market.sha256
    if market.incomplete:
        warnings.append("the recording is not complete: totals are not compared")
        for name in ("trades_diff", "pnl_diff", "win_rate_diff"):
            comparison[name] = None
    return {
        "replay_id": row.replay_id,
        "recording_id": row.recording_id,
        "status": "completed",
        "modified_parameters": dict(row.modified_parameters),
        **asdict(figures),
        "comparison": comparison,
        "positions": [asdict(position) for position in positions],
        "incomplete": market.incomplete,
        "warnings": warnings,
    }


def finished(
    row: RecordedReplay, result: Mapping[str, Any], events: list[RecordedEvent], seconds: float
) -> RecordedReplay:
    """The row of a replay that is over."""
    comparison = result["comparison"]
    stored = plain_json(comparison)
    assert isinstance(stored, dict)
    return replace(
        row,
        status="completed",
        total_trades=result["total_trades"],
        winning_trades=result["winning_trades"],
        losing_trades=result["losing_trades"],
        total_pnl=result["total_pnl"],
        win_rate=result["win_rate"],
        max_drawdown=result["max_drawdown"],
        sharpe_ratio=result["sharpe_ratio"],
        trades_diff=comparison["trades_diff"],
        pnl_diff=comparison["pnl_diff"],
        win_rate_diff=comparison["win_rate_diff"],
        comparison_data=stored,
        replay_events=[event_row(event) for event in events],
        wall_seconds=seconds,
        updated_at=datetime.now(UTC),
    )


def drift_warnings(market: RecordedMarket, outcome: Outcome) -> list[str]:
    """Where indicators computed again are not those that were recorded; the first of each."""
    found: dict[tuple[str, str], str] = {}
    rows: dict[str, int] = {}
    for bar in outcome.bars:
        row = rows.get(bar.symbol, 0)
        rows[bar.symbol] = row + 1
        columns = market.columns[bar.symbol]
        for name, values in columns.indicators.items():
            recorded = float(values[row])
            now = (bar.indicators or {}).get(name)
            if recorded != recorded or not isinstance(now, int | float):
                continue
            if abs(recorded - now) > TOLERANCE and (bar.symbol, name) not in found:
                found[bar.symbol, name] = (
                    f"indicator drift: {name} of {bar.symbol} was {recorded:.10g} at "
                    f"{iso(bar.ts_ns)}, computed again it is {now:.10g}"
                )
    return list(found.values())
