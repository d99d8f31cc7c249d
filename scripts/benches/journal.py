"""Durable commands a second of one process, and folding a journal of many fills, as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid5

from bt_gex.journal.records import GENESIS, sealed
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import Execute, Price
from bt_gex.ledger.events import Event, LongFilled, WorkspaceOpened
from bt_gex.ledger.fold import fold, fresh_state
from bt_gex.trades.intent import Intent, IntentAction

WORKSPACE = UUID(int=1)
AT = datetime(2026, 1, 12, 15, tzinfo=UTC)
PAGE = 1_000


def commands(folder: Path, count: int) -> float:
    """Seconds for so many purchases, each committed before the next."""
    journal = SqlJournal(folder / "commands.db", starting_equity=Decimal(10**9))
    began = time.perf_counter()
    for number in range(count):
        intent = Intent(
            id=uuid5(WORKSPACE, str(number)),
            correlation_id=str(number),
            workspace_id=WORKSPACE,
            action=IntentAction.OPEN_LONG,
            strategy_entity_id=WORKSPACE,
            symbol="BTC",
            timeframe="1d",
            created_at=AT,
            quantity=Decimal(1),
        )
        journal.execute(WORKSPACE, Execute(intent=intent, price=Price(price=Decimal(100))), AT)
    took = time.perf_counter() - began
    journal.close()
    return took


def fills(count: int) -> list[Event]:
    """An account that is opened, then bought and sold again and again."""
    found = [
        Event(
            workspace_id=WORKSPACE, seq=1, batch=1, of=1, at=AT,
            body=WorkspaceOpened(starting_equity=Decimal(10_000)),
        )
    ]  # fmt: skip
    for number in range(count):
        fill = LongFilled(
            order_id=f"order {number}",
            intent_id=uuid5(WORKSPACE, str(number)),
            symbol="BTC",
            side="sell" if number % 2 else "buy",
            qty=Decimal("1.5"),
            fill_price=Decimal(400 + number % 7) / 4,
            fees=Decimal("0.65"),
            ts=AT + timedelta(seconds=number),
            mode="paper",
        )
        seq = number + 2
        found.append(
            Event(
                workspace_id=WORKSPACE, seq=seq, batch=seq, of=1, at=fill.ts, body=fill,
                order_id=fill.order_id, intent_id=fill.intent_id, symbol="BTC", mode="paper",
            )
        )  # fmt: skip
    return found


def folding(folder: Path, count: int) -> dict[str, float]:
    """Seconds for folding fills in memory, and from SQLite with every hash checked."""
    events = fills(count)
    began = time.perf_counter()
    fold(fresh_state(WORKSPACE, 10_000), events)
    fold_s = time.perf_counter() - began
    journal = SqlJournal(folder / "fills.db")
    records = list(sealed(events, GENESIS))
    with journal._writing(WORKSPACE) as rows:
        for first in range(0, len(records), PAGE):
            rows.insert(records[first : first + PAGE])
    journal.close()
    journal = SqlJournal(folder / "fills.db")
    began = time.perf_counter()
    journal.state(WORKSPACE)
    stored_s = time.perf_counter() - began
    journal.close()
    return {"fold_s": fold_s, "stored_fold_s": stored_s}


if __name__ == "__main__":
    sent, filled = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        took_s = commands(Path(place), sent)
        print(json.dumps({"commands_s": sent / took_s} | folding(Path(place), filled)))
