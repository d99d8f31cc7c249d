"""The configuration of a run on the option market, as a recording of it keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bt_gex.config.run_config import SECTIONS, RunConfig
from bt_gex.errors import BadValue, RecordingError
from bt_gex.recordings.records import RecordedSession

STRATEGY = "GexStrategy"


def recorded_config(config: RunConfig) -> dict[str, object]:
    """Parameters of a RecordingAnalyzer for a run of a configuration."""
    about = {
        "index": config.index,
        "start": config.start.isoformat(),
        "end": config.end.isoformat(),
        "profile": config.profile,
        "indexes": {name: dict(facts) for name, facts in config.indexes.items()},
    }
    return {
        "strategy_name": STRATEGY,
        "parameters": settings_of(config),
        "environment": {"config": about},
    }


def settings_of(config: RunConfig) -> dict[str, object]:
    """Every setting in plain values, by its dotted name."""
    resolved = config.resolved()
    return {
        f"{section}.{name}": value
        for section in SECTIONS
        for name, value in resolved[section].items()
    }


def is_of_config(session: RecordedSession) -> bool:
    """Whether a recording is of a run on the option market."""
    return isinstance(session.environment.get("config"), Mapping)


def config_of(session: RecordedSession, changes: Mapping[str, object]) -> RunConfig:
    """The configuration of a recorded run, with some settings changed.

    Raises UnknownName and BadValue for these, RecordingError for a recording that holds none.
    """
    about: Any = session.environment["config"]
    try:
        recorded = RunConfig(**about, settings=dict(session.original_parameters))
    except (BadValue, TypeError) as error:
        raise RecordingError(
            f"the configuration of recording {session.recording_id} cannot be read: {error}"
        ) from error
    return recorded.with_settings(changes)
