"""Any sequence of commands against an account of dicts and fractions, and the laws that hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from journal.desk import AT, CONDOR, WORKSPACE, Desk
from journal.model import MULTIPLIER, WIDTH, Model

from bt_gex.journal.base import Journal, Query, set_kill_switch
from bt_gex.journal.memory import MemoryJournal
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import Accepted, Decision
from bt_gex.ledger.events import SpreadFilled
from bt_gex.ledger.fold import fold, fresh_state

EXAMPLES = int(os.environ.get("BT_GEX_JOURNAL_EXAMPLES", "80"))
OTHER = UUID("44444444-4444-4444-4444-444444444444")
NAMES = st.integers(0, 200).map(str)
SYMBOLS = st.sampled_from(["BTC", "ETH"])
QUANTITIES = st.sampled_from(["1", "0.3", "2.5", "0.00000001"])
PRICES = st.sampled_from(["100", "0.1", "33.333333", "1e-8"]).map(lambda x: f"{Decimal(x):f}")
CREDITS = st.integers(1, 999).map(lambda n: f"{n / 100}")
VALUES = st.integers(0, 1_000).map(lambda n: n / 100)
RATES = st.sampled_from(["0", "0.65", "1.0349"])
RARELY = st.sampled_from([False, False, True])
SCOPES = st.sampled_from(["all", "entries"])


class Workspace(RuleBasedStateMachine):
    """One workspace on a journal that is opened again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.folder = TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.journals: list[Journal] = []
        self.desk = Desk(self.opened())
        Desk(self.desk.journal, OTHER).buy("other", 1, 1)

    def opened(self) -> Journal:
        """A journal on the same storage that has read nothing yet."""
        journal = MemoryJournal()
        if self.journals:
            journal._tables = self.journals[0]._tables  # type: ignore[attr-defined]
        self.journals.append(journal)
        return journal

    # ------------------------------------------------------------------------ commands

    def check(self, decision: Decision, code: str, name: str = "") -> bool:
        """Whether it was accepted, which must be as foreseen."""
        found = "" if isinstance(decision, Accepted) else decision.code
        assert found == code, (found, code)
        self.model.opened |= bool(decision.events)
        return not code

    @rule(name=NAMES, symbol=SYMBOLS, qty=QUANTITIES, price=PRICES, rate=RATES)
    def buy(self, name: str, symbol: str, qty: str, price: str, rate: str) -> None:
        code = self.model.refusal(name, opening=True)
        decision = self.desk.buy(name, qty, price, symbol=symbol, fee=rate)
        if self.check(decision, code):
            book = self.model.filled(name)
            book.buy(symbol, Fraction(qty), Fraction(price), Fraction(rate))

    @precondition(lambda self: self.model.book.longs)
    @rule(name=NAMES, price=PRICES, rate=RATES, part=st.sampled_from([None, "9"]))
    def sell(self, name: str, price: str, rate: str, part: str | None) -> None:
        symbol = next(iter(self.model.book.longs))
        code = self.model.refusal(name, opening=False)
        held = self.model.book.longs.get(symbol)
        if not code and part and held and held[0] != Fraction(part):
            code = "PARTIAL_CLOSE_NOT_SUPPORTED"
        decision = self.desk.close(name, part, price, symbol=symbol, fee=rate)
        if self.check(decision, code):
            self.model.filled(name).sell(symbol, Fraction(price), Fraction(rate))

    @rule(name=NAMES, credit=CREDITS, qty=st.integers(1, 3), rate=RATES)
    def open_spread(self, name: str, credit: str, qty: int, rate: str) -> None:
        code = self.model.refusal(name, opening=True)
        decision = self.desk.open_spread(name, credit, qty, fee=rate)
        if self.check(decision, code):
            position = str(decision.events[-1].position_id)
            self.model.filled(name).open(position, Fraction(credit), qty, Fraction(rate))

    @precondition(lambda self: self.model.book.spreads)
    @rule(name=NAMES, value=VALUES, rate=RATES, pick=st.integers(0, 99))
    def close_spread(self, name: str, value: float, rate: str, pick: int) -> None:
        positions = list(self.model.book.spreads)
        position = positions[pick % len(positions)]
        code = self.model.refusal(name, opening=False)
        decision = self.desk.close_spread(name, position, value, fee=rate)
        if self.check(decision, code):
            credit, qty, _, fee = self.model.book.spreads[position]
            pnl = self.model.filled(name).close(position, Fraction(repr(value)), Fraction(rate))
            gross = pnl + fee + Fraction(rate) * qty * 4
            cent = Fraction(1, 100)
            assert gross <= credit * MULTIPLIER * qty + cent
            assert gross >= -(WIDTH - credit) * MULTIPLIER * qty - cent

    @precondition(lambda self: self.model.book.spreads)
    @rule(value=st.none() | VALUES, pick=st.integers(0, 99))
    def settle(self, value: float | None, pick: int) -> None:
        positions = list(self.model.book.spreads)
        position = positions[pick % len(positions)]
        decision = self.desk.settle(position, value)
        assert self.check(decision, "")
        if value is None:
            self.model.book.void(position)
        else:
            self.model.book.close(position, Fraction(repr(value)), Fraction(0))
        assert self.check(self.desk.settle(position, value), "ALREADY_EXECUTED") is False

    @rule(on=RARELY, scope=SCOPES, everywhere=st.booleans())
    def switch(self, on: bool, scope: Any, everywhere: bool) -> None:
        if everywhere:
            set_kill_switch(self.desk.journal, on, scope, self.desk.now, why="w", who="me")
        else:
            self.desk.switch(on, scope)
            self.model.opened = True
        halts = self.model.everywhere if everywhere else self.model.halts
        (halts.add if on else halts.discard)(scope)

    @rule(paused=RARELY)
    def pause(self, paused: bool) -> None:
        self.desk.pause(paused)
        self.model.paused, self.model.opened = paused, True

    @rule()
    def reset(self) -> None:
        self.desk.reset()
        self.model.reset()

    @rule()
    def reconcile(self) -> None:
        outcome = self.desk.journal.reconcile(WORKSPACE, self.desk.now)
        assert outcome.verified
        self.model.reconcile()
        assert Fraction(outcome.cash_after) == self.model.book.cash

    @rule(seconds=st.integers(-100, 3_000))
    def clock(self, seconds: int) -> None:
        self.desk.count = max(0, self.desk.count + seconds) % 20_000

    @rule()
    def open_again(self) -> None:
        self.desk.journal = self.opened()

    # ------------------------------------------------------------------------ laws

    @invariant()
    def the_account_is_the_models(self) -> None:
        found, expected = self.desk.book, self.model.book
        assert Fraction(found.cash) == expected.cash
        assert Fraction(found.realized_pnl) == expected.realized
        held = {name: p for name, p in found.longs.items() if p.quantity}
        assert {n: [Fraction(p.quantity), Fraction(p.cost)] for n, p in held.items()} == {
            name: position[:2] for name, position in expected.longs.items()
        }
        assert all(p.side is None for n, p in found.longs.items() if n not in held)
        assert {
            name: (Fraction(repr(p.credit)), p.quantity, Fraction(p.booked))
            for name, p in found.spreads.items()
        } == {name: position[:3] for name, position in expected.spreads.items()}
        assert found.orders_count == expected.orders
        contracts = sum(position[1] for position in expected.spreads.values())
        reserved = WIDTH * MULTIPLIER * contracts
        assert found.reserved == reserved
        assert Fraction(found.buying_power) == expected.cash - reserved
        if not held and not found.spreads:
            assert found.cash == found.starting_equity + found.realized_pnl

    def teardown(self) -> None:
        journal = self.opened()
        try:
            self.laws(journal)
        finally:
            for opened in self.journals:
                opened.close()
            self.folder.cleanup()

    def laws(self, journal: Journal) -> None:
        events = journal.events(WORKSPACE)
        state = journal.state(WORKSPACE)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert state == self.desk.journal.state(WORKSPACE)
        start = fresh_state(WORKSPACE, 10_000)
        assert fold(start, events) == state
        cut = len(events) // 2
        assert fold(fold(start, events[:cut]), events[cut:]) == state
        assert not events or journal.verify(WORKSPACE).ok
        fills = [event for event in events if event.type == "order_filled"]
        assert len({(e.mode, e.intent_id) for e in fills if e.intent_id}) == sum(
            e.intent_id is not None for e in fills
        )
        assert len({event.order_id for event in fills}) == len(fills)
        self.no_opening_while_halted(events)
        assert journal.state(OTHER).book.cash == 9_999
        for record in journal.records(Query()):
            assert json.loads(record.payload, parse_constant=lambda word: 1 / 0) is not None

    def no_opening_while_halted(self, events: list[Any]) -> None:
        halts: set[str] = set()
        for event in events:
            if event.type == "kill_switch_activated":
                halts.add(event.body.scope)
            if event.type == "kill_switch_deactivated":
                halts.discard(event.body.scope)
            if event.type == "order_filled":
                opens = event.body.side == (
                    "sell" if isinstance(event.body, SpreadFilled) else "buy"
                )
                assert event.body.kind != "trade" or "all" not in halts
                assert not (opens and halts)


class StoredWorkspace(Workspace):
    def opened(self) -> Journal:
        self.journals.append(SqlJournal(f"{self.folder.name}/journal.db"))
        return self.journals[-1]


TestWorkspace = Workspace.TestCase
TestWorkspace.settings = settings(max_examples=EXAMPLES, stateful_step_count=30)
TestStoredWorkspace = StoredWorkspace.TestCase
TestStoredWorkspace.settings = settings(max_examples=max(3, EXAMPLES // 10), stateful_step_count=15)


def test_the_bytes_do_not_depend_on_the_process() -> None:
    """Another hash seed, another process: the same last hash."""
    code = (
        "from journal.contract import JournalContract\n"
        "from journal.desk import Desk, WORKSPACE\n"
        "from bt_gex.journal.memory import MemoryJournal\n"
        "from bt_gex.journal.base import Query\n"
        "desk = Desk(MemoryJournal())\n"
        "JournalContract().busy(desk)\n"
        "print(desk.journal.records(Query(workspace_id=WORKSPACE))[-1].hash)\n"
    )
    found = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1
    assert len(found.pop()) == 64


def test_a_day_later_the_commands_give_other_bytes() -> None:
    """The instants are part of what is hashed."""
    last = []
    for later in (timedelta(0), timedelta(days=1)):
        desk = Desk(MemoryJournal())
        desk.count = int(later.total_seconds())
        desk.buy(1, 1, 100)
        last.append(desk.journal.records(Query())[-1].hash)
    assert last[0] != last[1]
    assert desk.now > AT
    assert CONDOR.spread.width == WIDTH
