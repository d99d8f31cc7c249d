"""Making the tables of a journal, and bringing those of an older version up to date.

A step is written once and never changed; stored events are never rewritten by one. Steps run under
the writer's lock, so that of several processes that open a new database one makes the tables.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, inspect, text

from bt_gex.errors import JournalError
from bt_gex.journal.records import ALGORITHM
from bt_gex.storage.databases import run_steps

COLUMNS_1 = """
    workspace_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    "of" INTEGER NOT NULL,
    at TEXT NOT NULL,
    type TEXT NOT NULL,
    v INTEGER NOT NULL,
    payload TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    correlation_id TEXT,
    intent_id TEXT,
    order_id TEXT,
    position_id TEXT,
    strategy_entity_id TEXT,
    symbol TEXT,
    timeframe TEXT,
    mode TEXT,
    PRIMARY KEY (workspace_id, seq),
    CHECK (seq >= 1 AND batch >= 1 AND batch <= seq AND seq < batch + "of")
"""
INDEXES_1 = (
    "CREATE INDEX trade_events_workspace_at ON trade_events (workspace_id, at)",
    "CREATE INDEX trade_events_type_at ON trade_events (type, at)",
    "CREATE INDEX trade_events_correlation ON trade_events (correlation_id)",
    "CREATE INDEX trade_events_strategy ON trade_events (strategy_entity_id)",
    "CREATE INDEX trade_events_symbol ON trade_events (symbol)",
    "CREATE INDEX trade_events_intent ON trade_events (intent_id)",
    "CREATE UNIQUE INDEX trade_events_one_fill_per_intent "
    "ON trade_events (workspace_id, mode, intent_id) "
    "WHERE type = 'order_filled' AND intent_id IS NOT NULL",
    "CREATE UNIQUE INDEX trade_events_one_fill_per_order "
    "ON trade_events (workspace_id, order_id) WHERE type = 'order_filled'",
)
REFUSAL = "events of a journal are never changed or deleted"
SQLITE_TRIGGERS_1 = tuple(
    f"CREATE TRIGGER trade_events_no_{verb.lower()} BEFORE {verb} ON trade_events "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for verb in ("UPDATE", "DELETE")
)
POSTGRES_TRIGGERS_1 = (
    "CREATE FUNCTION trade_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
    "CREATE TRIGGER trade_events_no_change BEFORE UPDATE OR DELETE ON trade_events "
    "FOR EACH ROW EXECUTE FUNCTION trade_events_refuse()",
    "CREATE TRIGGER trade_events_no_truncate BEFORE TRUNCATE ON trade_events "
    "FOR EACH STATEMENT EXECUTE FUNCTION trade_events_refuse()",
)


def _step_1(connection: Connection) -> None:
    triggers = SQLITE_TRIGGERS_1 if connection.dialect.name == "sqlite" else POSTGRES_TRIGGERS_1
    for statement in (
        f"CREATE TABLE trade_events ({COLUMNS_1})",
        *INDEXES_1,
        *triggers,
        "CREATE TABLE journal_meta (schema_version INTEGER NOT NULL, hash_algo TEXT NOT NULL)",
        f"INSERT INTO journal_meta VALUES (0, '{ALGORITHM}')",
    ):
        connection.exec_driver_sql(statement)


STEPS: tuple[Callable[[Connection], None], ...] = (_step_1,)


def version_of(connection: Connection) -> int:
    """Schema version of a database; 0 when it holds no journal.

    Raises JournalError for a journal of a newer program, and for a database of something else.
    """
    tables = set(inspect(connection).get_table_names())
    if "journal_meta" not in tables:
        if "trade_events" in tables:
            raise JournalError(
                "the database has a table trade_events that is no journal of bt-gex; "
                "give the journal a database of its own"
            )
        return 0
    query = text("SELECT schema_version, hash_algo FROM journal_meta")
    version, algorithm = connection.execute(query).one()
    if version > len(STEPS) or algorithm != ALGORITHM:
        raise JournalError(
            f"the journal has schema version {version} ({algorithm}), this program knows versions "
            f"up to {len(STEPS)} ({ALGORITHM}); install the newer bt-gex that wrote it"
        )
    return int(version)


def migrate(connection: Connection) -> None:
    """Run the steps that are missing, in a transaction that holds the writer's lock."""
    run_steps(connection, STEPS, version_of(connection), "journal_meta")
