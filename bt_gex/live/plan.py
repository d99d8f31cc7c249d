"""What a session is asked to be, what it begins with, and that there is only one of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from filelock import FileLock, Timeout

from bt_gex.blackbox.source import database_name
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import SessionError, UsageError
from bt_gex.journal.base import Journal
from bt_gex.ledger.book import booked, fresh_book, spread_exit
from bt_gex.ledger.events import Event, SpreadFilled
from bt_gex.ledger.fold import LedgerState
from bt_gex.live.bars import GRACE_S
from bt_gex.live.books import NAMES
from bt_gex.live.clock import ClockPlan
from bt_gex.live.store import FOLDER, SessionFacts
from bt_gex.market.calendar import Session, sessions

RECORDED, TRADIER, NOBODY = "recorded", "tradier", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What is to be traded on paper.

    config     of one day: start is end
    provider   recorded: the database is only played; tradier: this process records into it, too;
               empty: somebody else writes it
    clock      a simulated one; None: the wall clock
    workspace  a name for an account that goes on from session to session; None: of a recorded
               session an account of its own, else the one of its index
    """

    config: RunConfig
    database: str
    home: Path
    provider: str = NOBODY
    clock: ClockPlan | None = None
    workspace: str | None = None
    grace_s: float = GRACE_S

    @property
    def session_id(self) -> str:
        """Index, day and account: there is one session of them."""
        name = f"{self.config.index}-{self.config.start.isoformat()}"
        return f"{name}-{self.workspace}" if self.workspace else name

    @property
    def workspace_id(self) -> UUID:
        """The account."""
        try:
            return UUID(self.workspace or "")
        except ValueError:
            own = self.provider == RECORDED
            account = self.session_id if own else f"index {self.config.index}"
            return uuid5(NAMES, f"workspace {self.workspace or account}")

    @property
    def session(self) -> Session:
        """The session of the day. Raises UsageError where there is none."""
        day = self.config.start
        found = sessions(day, day)
        if not found or self.config.end != day:
            raise UsageError(f"{day} is no session of the exchange; give a trading day")
        return found[0]


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold a lock for the life of a session; the file stays. Raises SessionError."""
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SessionError(
            f"{what} is in use by another process; stop that one first: bt-gex paper stop"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_running(home: Path, session_id: str) -> bool:
    """Whether a process trades a session now."""
    lock = FileLock(home / FOLDER / f"{session_id}.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def check_same(facts: SessionFacts, plan: SessionPlan) -> None:
    """Raise UsageError naming the first setting that is not what the session was started with."""
    then = {"provider": facts.provider, "database": facts.database, **flat(facts.config)}
    now = {
        "provider": plan.provider,
        "database": database_name(plan.database),
        **flat(plan.config.resolved()),
    }
    for name in [*now, *(name for name in then if name not in now)]:
        if then.get(name) != now.get(name):
            raise UsageError(
                f"session {facts.session_id} was started with {name} {then.get(name)!r}, now it is "
                f"{now.get(name)!r}; start it as it was, or give another --workspace or --home"
            )


def flat(config: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Settings by dotted name."""
    found: dict[str, object] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def new_facts(plan: SessionPlan, journal: Journal) -> SessionFacts:
    """What a session begins with; its account is checked to be at rest."""
    state, events = journal.state(plan.workspace_id), journal.events(plan.workspace_id)
    if state.book.spreads:
        names = ", ".join(sorted(state.book.spreads))
        raise SessionError(
            f"account {plan.workspace_id} has open spreads of a session that is not over: {names}; "
            "start that session again first"
        )
    return SessionFacts(
        session_id=plan.session_id,
        index=plan.config.index,
        day=plan.config.start,
        workspace=plan.workspace_id,
        provider=plan.provider,
        database=database_name(plan.database),
        config=plan.config.resolved(),
        opening_balance=balance_of(state, plan.config.account.balance),
        earlier=tuple(closed_pnls(events)),
    )


def balance_of(state: LedgerState, balance: float) -> float:
    """Dollars an account has; of one that is not opened yet what it will have."""
    return float(state.book.equity) if state.seq else balance


def closed_pnls(events: Iterable[Event]) -> Iterator[float]:
    """P&L of the spreads an account has closed, dollars a contract, in order."""
    book = fresh_book(0)
    for event in events:
        fill = event.body
        if not isinstance(fill, SpreadFilled):
            continue
        if fill.side == "buy" and fill.position_id in book.spreads:
            pnl = spread_exit(book.spreads[fill.position_id], fill).pnl
            if pnl is not None:
                yield float(pnl) / fill.qty
        book = booked(book, fill)
