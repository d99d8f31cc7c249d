"""A recorded run on the option market again: the rows that were seen, through the same replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bt_gex.config.run_config import RunConfig
from bt_gex.market.calendar import Session, Stamps, sessions
from bt_gex.recordings.option_rows import Content, session_rows, unpack_rows
from bt_gex.recordings.reader import RecordingReader
from bt_gex.recordings.records import RecordedEvent
from bt_gex.recordings.writer import MemorySink
from bt_gex.results.result import RunResult
from bt_gex.runs.recorded_config import config_of
from bt_gex.runs.recorded_run import RecordedMarket, load_market
from bt_gex.runs.replay import assemble, run
from bt_gex.sessions.day import Day, load_day


def replay_recorded(
    store: RecordingReader,
    recording_id: str,
    changes: Mapping[str, object] | None = None,
    *,
    allow_incomplete: bool = False,
) -> RunResult:
    """The result of a recorded run with some settings changed; without changes it is the run.

    changes  by dotted name: {"exit.stop_loss": 0.15}. Raises UnknownName, BadValue, NoRecording,
             RecordingState
    """
    market = load_market(store, recording_id, allow_incomplete=allow_incomplete)
    config = config_of(market.session, changes or {})
    days = recorded_days(market, config)
    played = [day for day in days if day.has_data]
    strategy = run(config, played) if played else None
    return assemble(config, f"recording {recording_id}", days, played, strategy)


def events_of_gex(
    market: RecordedMarket, config: RunConfig, mode: Mapping[str, object] | None = None
) -> list[RecordedEvent]:
    """What the strategy does on a recorded option market.

    mode  every_bar: visit every bar; the same events
    """
    played = [day for day in recorded_days(market, config) if day.has_data]
    if not played:
        return []
    sink = MemorySink()
    every_bar = bool((mode or {}).get("every_bar"))
    run(config, played, every_bar, recorder={"sink": sink, "signals_only": True})
    return sink.events


def recorded_days(market: RecordedMarket, config: RunConfig) -> list[Day]:
    """The sessions of a recorded run, as a replay sees them, whatever has been read since."""
    columns = market.columns.get(config.index)
    stamps: Stamps | Sequence[int] = columns.stamps_ns if columns is not None else ()
    by_day: dict[date, list[Content]] = {}
    wanted = sessions(config.start, config.end)
    days = {day.day: day for day in wanted}
    for one in market.options:
        day = _day_of(int(stamps[one.sequence]), wanted)
        if day is not None:
            by_day.setdefault(day.day, []).append(unpack_rows(one.blob))
    name = f"recording {market.session.recording_id}"
    return [
        load_day(
            session_rows(name, config.index, session, by_day.get(day, [])),
            config.index_spec,
            config.load_params,
        )
        for day, session in days.items()
    ]


def _day_of(ns: int, wanted: Sequence[Session]) -> Session | None:
    return next((s for s in wanted if s.open_ns <= ns <= s.close_ns), None)
