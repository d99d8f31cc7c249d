"""Whether a session is what it recorded, and why it is not what a replay of the database gives.

The way from the session to the database is walked in steps, one reason at a time: each step is a
replay, and what a trade changes in a step that step's reason has made. So the dollars of all
reasons add up to the whole difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bt_gex.blackbox.tail import Tail
from bt_gex.compare.comparison import Comparison, compare
from bt_gex.compare.sides import run_side
from bt_gex.config.files import stored_run_config
from bt_gex.config.run_config import RunConfig
from bt_gex.journal.base import Journal
from bt_gex.ledger.amounts import ZERO
from bt_gex.ledger.book import booked, fresh_book, spread_exit
from bt_gex.ledger.events import Event, SpreadFilled
from bt_gex.live.bars import RecordedBars
from bt_gex.live.books import TOLERANCE, Answer, AnsweredBooks, answers_of
from bt_gex.live.session import account_config, cerebro_of, end_day, growing_day
from bt_gex.live.store import BarRead, SessionFacts, SessionStore, late_rows
from bt_gex.market.calendar import BAR_NS, Session, sessions
from bt_gex.results.result import RunResult
from bt_gex.runs.collection import no_collection
from bt_gex.runs.replay import assemble, run
from bt_gex.sessions.day import Day, load_day
from bt_gex.sessions.growing import GrowingDay, SeenRow
from bt_gex.trades.reasons import SkipKind

Rows = Mapping[int, Sequence[SeenRow]]


class Reason(StrEnum):
    """Why a session and a replay of its database differ, in the order of the steps."""

    CHANGED = "changed settings or code"
    POLICY = "halt or policy"
    DOWN_TIME = "down-time"
    MISSED = "missed bars"
    LATE = "late rows"
    ROWS = "changed rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a reason made of a trade. dollars: the session's P&L less that without the reason."""

    order_id: str
    cause: Reason
    dollars: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The outcome.

    identical         the recording, replayed, gives the journal's fills
    first_difference  the first fill that it does not
    trades            of the session
    differences       from a replay of the database, all with their reasons
    sum_dollars       of them; it is the difference of both P&Ls
    """

    session_id: str
    identical: bool
    first_difference: str | None
    trades: int
    differences: tuple[Difference, ...]
    sum_dollars: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A session as it is kept: what was seen, and what the journal answered."""

    facts: SessionFacts
    config: RunConfig
    session: Session
    bars: Sequence[BarRead]
    rows: Rows
    events: Sequence[Event]

    @property
    def answers(self) -> dict[str, Answer]:
        return answers_of(self.events, self.facts.session_id)

    @property
    def is_closed(self) -> bool:
        """Whether the close was read."""
        return bool(self.bars) and self.bars[-1].row == self.session.bars

    @property
    def late(self) -> int:
        """Number of rows that came after their bar."""
        return len(late_rows(self.bars, self.rows, self.session))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recording played again."""

    result: RunResult
    fills: Sequence[SpreadFilled]
    day: GrowingDay


def read_recorded(store: SessionStore, journal: Journal) -> Recorded:
    """Everything kept of a session."""
    facts = store.facts()
    bars, rows = store.read()
    (session,) = sessions(facts.day, facts.day)
    return Recorded(
        facts=facts,
        config=stored_run_config(facts.config),
        session=session,
        bars=bars,
        rows=rows,
        events=journal.events(facts.workspace),
    )


def replayed(
    recorded: Recorded,
    bars: Sequence[BarRead] | None = None,
    rows: Rows | None = None,
    answers: Mapping[str, Answer] | None = None,
) -> Replayed:
    """Play a recording again; by default its own bars and rows, with the journal's refusals."""
    facts, config = recorded.facts, recorded.config
    day = growing_day(facts, recorded.session, config)
    played = RecordedBars(
        day,
        recorded.bars if bars is None else bars,
        recorded.rows if rows is None else rows,
    )
    refused = recorded.answers if answers is None else answers
    books = AnsweredBooks(facts.session_id, facts.workspace, refused)
    cerebro = cerebro_of(config, facts, day, played, books)
    with no_collection():
        strategy = cerebro.run()[0]
    end_day(day)
    return Replayed(result=_result(recorded, day, strategy), fills=books.fills, day=day)


def _result(recorded: Recorded, day: Day, strategy: object) -> RunResult:
    config = account_config(recorded.config, recorded.facts)
    played = [day] if day.has_data else []
    return assemble(config, recorded.facts.database, [day], played, strategy if played else None)


def parity(recorded: Recorded, database: str | None = None, of: Replayed | None = None) -> Parity:
    """Replay a session's recording and its database, and name every difference.

    database  in place of the one the session remembers; of: the recording, played already
    Raises DataError when the database cannot be read.
    """
    mine = of or replayed(recorded)
    first = first_difference(recorded, mine)
    differences = changed_since(recorded, mine) if first else []
    differences += walk(recorded, mine.result, database or recorded.facts.database)
    total = sum(round(one.dollars * 100) for one in differences)
    return Parity(
        session_id=recorded.facts.session_id,
        identical=first is None,
        first_difference=first,
        trades=len(mine.result.trade_records),
        differences=tuple(differences),
        sum_dollars=total / 100,
    )


def first_difference(recorded: Recorded, mine: Replayed) -> str | None:
    """The first fill on which journal and replay differ; None where they are the same.

    What was decided on the last bar of a session that is not over need not be journaled yet.
    """
    journaled = [answer.fill for answer in recorded.answers.values() if answer.fill]
    again = list(mine.fills)
    if not recorded.is_closed and recorded.bars and len(again) > len(journaled):
        last_ns = recorded.session.open_ns + recorded.bars[-1].row * BAR_NS
        cut = [fill for fill in again if round(fill.ts.timestamp() * 1e9) < last_ns]
        again = again[: max(len(cut), len(journaled))]
    for fill, other in zip(journaled, again, strict=False):
        if not same_fill(fill, other):
            return f"journaled {_words(fill)}, replayed {_words(other)}"
    if len(journaled) > len(again):
        return f"journaled {_words(journaled[len(again)])}, not replayed"
    if len(again) > len(journaled):
        return f"replayed {_words(again[len(journaled)])}, not journaled"
    return None


def same_fill(one: SpreadFilled, other: SpreadFilled) -> bool:
    """Whether two fills move the same money at the same instant."""
    return (
        (one.order_id, one.side, one.kind, one.qty, one.ts, one.contract)
        == (other.order_id, other.side, other.kind, other.qty, other.ts, other.contract)
        and abs(one.net - other.net) < TOLERANCE
        and abs(one.fees - other.fees) < TOLERANCE
    )


def _words(fill: SpreadFilled) -> str:
    return f"{fill.order_id} {fill.side} {fill.qty} at {fill.net:g}, {fill.ts:%H:%M:%S} UTC"


# ------------------------------------------------------------------------------------------ steps


def walk(recorded: Recorded, mine: RunResult, database: str) -> list[Difference]:
    """The differences of a session from a replay of its database, step by step."""
    found: list[Difference] = []
    here = mine

    def step(reason: Reason, result: RunResult) -> None:
        nonlocal here
        found.extend(between(here, result, reason))
        here = result

    answers = recorded.answers
    down = {name: one for name, one in answers.items() if _is_down_time(one)}
    if len(down) < sum(1 for one in answers.values() if one.refusal):
        step(Reason.POLICY, replayed(recorded, answers=down).result)
    if down:
        step(Reason.DOWN_TIME, replayed(recorded, answers={}).result)
    for reason, fill in ((Reason.MISSED, _with_missed), (Reason.DOWN_TIME, _with_down_time)):
        bars, rows = fill(recorded)
        if bars is not None:
            step(reason, replayed(recorded, bars, rows, {}).result)
    whole = list(_all(recorded.rows))
    step(Reason.LATE, _of_rows(recorded, whole))
    in_database = _database_rows(recorded, database)
    known = {(row.table, row.id) for row in whole}
    after = [row for row in in_database if (row.table, row.id) not in known]
    if after:
        step(Reason.LATE, _of_rows(recorded, [*whole, *after]))
    if not same_rows([*whole, *after], in_database):
        step(Reason.ROWS, _of_rows(recorded, in_database))
    return found


def same_rows(some: Sequence[SeenRow], others: Sequence[SeenRow]) -> bool:
    """Whether these are the same rows with the same values, in any order."""
    return {(row.table, row.id): row.values for row in some} == {
        (row.table, row.id): row.values for row in others
    }


def between(mine: RunResult, other: RunResult, reason: Reason) -> list[Difference]:
    """What one step changed; in whole cents."""
    found: Comparison = compare(run_side(mine), run_side(other))
    changed = [(pair.a, pair.a.pnl_cents - pair.b.pnl_cents) for pair in found.changed]
    changed += [(one.trade, one.trade.pnl_cents) for one in found.only_a]
    changed += [(one.trade, -one.trade.pnl_cents) for one in found.only_b]
    return [
        Difference(order_id=trade.order_id, cause=reason, dollars=cents / 100)
        for trade, cents in sorted(changed, key=lambda one: one[0].timestamp_entry)
    ]


def changed_since(recorded: Recorded, mine: Replayed) -> list[Difference]:
    """What the journal's trades made, less what the replay of the recording makes of them."""
    journaled = [answer.fill for answer in recorded.answers.values() if answer.fill]
    then, now = pnl_cents(journaled), pnl_cents(mine.fills)
    return [
        Difference(
            order_id=name,
            cause=Reason.CHANGED,
            dollars=(then.get(name, 0) - now.get(name, 0)) / 100,
        )
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def pnl_cents(fills: Iterable[SpreadFilled]) -> dict[str, int]:
    """P&L of each closed position, cents; 0 of one that was taken back."""
    book, found = fresh_book(0), {}
    for fill in fills:
        if fill.side == "buy":
            pnl = spread_exit(book.spreads[fill.position_id], fill).pnl
            found[fill.position_id] = int((pnl or ZERO) * 100)
        book = booked(book, fill)
    return found


def _is_down_time(answer: Answer) -> bool:
    return answer.refusal is not None and answer.refusal.kind is SkipKind.DOWN_TIME


def _all(rows: Rows) -> list[SeenRow]:
    return [row for bar in sorted(rows) for row in rows[bar]]


Filled = tuple[Sequence[BarRead] | None, Rows]


def _with_missed(recorded: Recorded) -> Filled:
    """The recording as if no bar had been missed."""
    missed = {bar.row for bar in recorded.bars if bar.missed}
    return _with(recorded, lambda row: row in missed, missed)


def _with_down_time(recorded: Recorded) -> Filled:
    """The recording as if the session had been there from the open to the close, or to where it
    has come."""
    last = recorded.bars[-1].row if recorded.bars else -1
    there = {bar.row for bar in recorded.bars}
    missed = {bar.row for bar in recorded.bars if bar.missed}
    absent = set(range(last + 1)) - there
    return _with(recorded, lambda row: row in absent or row in missed, absent)


def _with(recorded: Recorded, filled: Callable[[int], bool], new: set[int]) -> Filled:
    """The recording with bars filled in, on which rows count from their stamps on."""
    if not new:
        return None, recorded.rows
    there = {bar.row for bar in recorded.bars if not bar.missed}
    read = sorted(there | {row for row in range(recorded.bars[-1].row + 1) if filled(row)})
    bars = [BarRead(row=row, read_ns=0, decided=-1) for row in read]
    rows: dict[int, list[SeenRow]] = {}
    for seen, several in recorded.rows.items():
        for row in several:
            first = max(0, -((recorded.session.open_ns - row.ns) // BAR_NS))
            own = next((bar for bar in range(first, seen) if filled(bar)), seen)
            rows.setdefault(own, []).append(row)
    return bars, rows


def _of_rows(recorded: Recorded, rows: Sequence[SeenRow]) -> RunResult:
    """A replay of these rows as a recorded session."""
    growing = growing_day(recorded.facts, recorded.session, recorded.config)
    growing.seen.add(rows)
    config = account_config(recorded.config, recorded.facts)
    day = load_day(growing.seen.whole(), config.index_spec, config.load_params)
    earlier = recorded.facts.earlier
    return _result(recorded, day, run(config, [day], earlier=earlier) if day.has_data else None)


def _database_rows(recorded: Recorded, database: str) -> list[SeenRow]:
    with Tail(database, recorded.facts.index, recorded.session) as tail:
        return tail.read()
