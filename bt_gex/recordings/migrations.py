"""Making the tables of recorded sessions, and bringing those of an older version up to date.

A step is written once and never changed. Steps run in a transaction that holds the writer's lock,
so that of several processes that open a new database one makes the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, inspect, text

from bt_gex.errors import RecordingError
from bt_gex.storage.databases import run_steps

META = "recordings_meta"
TYPES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {"key": "INTEGER PRIMARY KEY", "time": "TEXT", "real": "REAL", "json": "TEXT",
               "bytes": "BLOB"},
    "postgresql": {"key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "time": "TIMESTAMPTZ",
                   "real": "DOUBLE PRECISION", "json": "JSON", "bytes": "BYTEA"},
}  # fmt: skip
PART = "REFERENCES recorded_sessions (recording_id) ON DELETE CASCADE"
TABLES_1 = (
    """CREATE TABLE recorded_sessions (
    id {key},
    recording_id VARCHAR(36) NOT NULL UNIQUE,
    session_id VARCHAR(36) NOT NULL,
    instance_id INTEGER NOT NULL,
    strategy_name VARCHAR(100) NOT NULL,
    recording_start_time {time} NOT NULL,
    recording_end_time {time},
    status VARCHAR(20) NOT NULL DEFAULT 'recording',
    original_parameters {json},
    symbols_recorded TEXT,
    total_bars_recorded INTEGER DEFAULT 0,
    total_events_recorded INTEGER DEFAULT 0,
    original_trades INTEGER DEFAULT 0,
    original_pnl {real},
    original_win_rate {real},
    description TEXT,
    tags TEXT,
    created_at {time},
    updated_at {time},
    strategy_path TEXT,
    environment {json},
    schema_version INTEGER NOT NULL,
    first_bar_time {time},
    last_bar_time {time},
    heartbeat {time},
    trigger {json},
    process TEXT)""",
    f"""CREATE TABLE recorded_market_data (
    id {{key}},
    recording_id VARCHAR(36) NOT NULL {PART},
    symbol VARCHAR(64) NOT NULL,
    timestamp {{time}} NOT NULL,
    open {{real}}, high {{real}}, low {{real}}, close {{real}}, volume {{real}},
    indicators {{json}},
    sequence INTEGER NOT NULL,
    created_at {{time}},
    UNIQUE (recording_id, symbol, timestamp))""",
    f"""CREATE TABLE recorded_events (
    id {{key}},
    recording_id VARCHAR(36) NOT NULL {PART},
    event_type VARCHAR(50) NOT NULL,
    timestamp {{time}} NOT NULL,
    sequence INTEGER NOT NULL,
    symbol VARCHAR(64),
    event_data {{json}} NOT NULL,
    decision_metadata {{json}},
    market_state {{json}},
    wall_time {{time}} NOT NULL,
    bar_sequence INTEGER,
    created_at {{time}})""",
    f"""CREATE TABLE recorded_option_rows (
    id {{key}},
    recording_id VARCHAR(36) NOT NULL {PART},
    sequence INTEGER NOT NULL,
    blob {{bytes}} NOT NULL,
    UNIQUE (recording_id, sequence))""",
    f"""CREATE TABLE replay_sessions (
    id {{key}},
    replay_id VARCHAR(36) NOT NULL UNIQUE,
    recording_id VARCHAR(36) NOT NULL {PART},
    replay_time {{time}} NOT NULL,
    status VARCHAR(20) NOT NULL,
    modified_parameters {{json}} NOT NULL,
    total_trades INTEGER DEFAULT 0,
    winning_trades INTEGER DEFAULT 0,
    losing_trades INTEGER DEFAULT 0,
    total_pnl {{real}}, win_rate {{real}}, max_drawdown {{real}}, sharpe_ratio {{real}},
    trades_diff INTEGER, pnl_diff {{real}}, win_rate_diff {{real}},
    comparison_data {{json}},
    replay_events {{json}},
    description TEXT,
    created_at {{time}},
    updated_at {{time}},
    strategy_name TEXT,
    parameters {{json}},
    error TEXT,
    wall_seconds {{real}},
    code_version TEXT)""",
    "CREATE INDEX recorded_sessions_session ON recorded_sessions (session_id)",
    "CREATE INDEX recorded_sessions_instance ON recorded_sessions (instance_id)",
    "CREATE INDEX recorded_sessions_strategy ON recorded_sessions (strategy_name)",
    "CREATE INDEX recorded_sessions_start ON recorded_sessions (recording_start_time)",
    "CREATE INDEX recorded_sessions_status ON recorded_sessions (status)",
    "CREATE UNIQUE INDEX recorded_market_data_sequence "
    "ON recorded_market_data (recording_id, sequence)",
    "CREATE UNIQUE INDEX recorded_events_sequence ON recorded_events (recording_id, sequence)",
    "CREATE INDEX recorded_events_type ON recorded_events (recording_id, event_type)",
    "CREATE INDEX replay_sessions_recording ON replay_sessions (recording_id)",
    "CREATE INDEX replay_sessions_time ON replay_sessions (replay_time)",
    "CREATE INDEX replay_sessions_status ON replay_sessions (status)",
    f"CREATE TABLE {META} (schema_version INTEGER NOT NULL)",
    f"INSERT INTO {META} VALUES (0)",
)


def _step_1(connection: Connection) -> None:
    types = TYPES[connection.dialect.name]
    for statement in TABLES_1:
        connection.exec_driver_sql(statement.format(**types))


STEPS: tuple[Callable[[Connection], None], ...] = (_step_1,)


def version_of(connection: Connection) -> int:
    """Schema version of a database; 0 when it holds no recordings.

    Raises RecordingError for a database of a newer program, and for one of something else.
    """
    tables = set(inspect(connection).get_table_names())
    if META not in tables:
        if "recorded_sessions" in tables:
            raise RecordingError(
                "the database has a table recorded_sessions that is none of bt-gex; "
                "give the recordings a database of their own"
            )
        return 0
    (version,) = connection.execute(text(f"SELECT schema_version FROM {META}")).one()
    if version > len(STEPS):
        raise RecordingError(
            f"the recordings have schema version {version}, this program knows versions up to "
            f"{len(STEPS)}; install the newer bt-gex that wrote them"
        )
    return int(version)


def migrate(connection: Connection) -> None:
    """Run the steps that are missing, in a transaction that holds the writer's lock."""
    run_steps(connection, STEPS, version_of(connection), META)
