"""The books of a live session: each order is a command of the journal, durable before it counts.

While the recording is played again the journal answers, for fills and refusals alike; nothing is
asked a second time. What the journal has not answered by then is executed only on the bar on which
the clock still stands.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid5

from bt_gex.brokers.booking import Refusal, SpreadOrder
from bt_gex.brokers.fills import FillModel
from bt_gex.errors import JournalBusy, OutcomeUnknown
from bt_gex.journal.base import Journal
from bt_gex.ledger.book import Book, booked, fresh_book
from bt_gex.ledger.commands import (
    Accepted,
    Command,
    Decision,
    Execute,
    Ids,
    NoPrice,
    Price,
    Settle,
)
from bt_gex.ledger.events import Event, IntentRejected, LegFill, OrderRejected, SpreadFilled
from bt_gex.market.calendar import utc
from bt_gex.market.contracts import LONG
from bt_gex.rules.policy import KillSwitch, Policy
from bt_gex.trades.intent import Intent, IntentAction
from bt_gex.trades.reasons import SkipKind

log = logging.getLogger(__name__)

NAMES = UUID("6f1c2f8e-3d0a-5a7e-9a54-7a4b0d5f3c11")  # of what this program gives ids to
STRATEGY = uuid5(NAMES, "strategy gex")
TIMEFRAME = "30s"
ATTEMPTS = 3  # at a journal that is busy, each as long as it waits for another writer
TINY = 1e-12  # points; less is what floating point leaves of 0
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Answer:
    """What the journal has of an order: its fill, or why there is none."""

    fill: SpreadFilled | None
    refusal: Refusal | None = None


def policy_refusal(reason: str) -> Refusal:
    """The skip of an order that policy refused."""
    return Refusal(SkipKind.POLICY, SkipKind.POLICY.reason(reason.lower()))


def answers_of(events: Iterable[Event], session_id: str) -> dict[str, Answer]:
    """What a session was answered so far, by intent id; settlements by their position's."""
    found: dict[str, Answer] = {}
    opened: set[str | None] = set()
    for event in events:
        if event.correlation_id == session_id:
            opened.add(event.position_id)
        elif event.correlation_id not in opened:  # a settlement's is its position
            continue
        body = event.body
        name = str(event.intent_id) if event.intent_id else settlement_name(event.position_id)
        match body:
            case SpreadFilled():
                found[name] = Answer(body)
            case IntentRejected():
                found[name] = Answer(None, policy_refusal(body.reason))
            case OrderRejected():
                found[name] = Answer(None, refusal_of(body))
            case _:
                pass
    return found


def refusal_of(body: OrderRejected) -> Refusal:
    """The broker's own refusal, as it was journaled."""
    if body.error_code == "no_funds":
        return Refusal(SkipKind.MARGIN, SkipKind.MARGIN.reason(body.error))
    return Refusal(SkipKind.__members__.get(body.error_code), body.error)


def settlement_name(position_id: str | None) -> str:
    """How the settlement of a position is looked up."""
    return f"settlement of {position_id}"


class SessionBooks:
    """What the books of a session and of its replay share: how its orders are named and booked."""

    def __init__(self, session_id: str, workspace: UUID) -> None:
        self.session_id, self.workspace = session_id, workspace
        self.book: Book = fresh_book(0)
        self.fills: list[SpreadFilled] = []

    def begin(self, cash: float) -> None:
        """Begin with what the account had when the session began."""
        self.book = fresh_book(cash)
        self.fills = []

    def name_of(self, order: SpreadOrder) -> str:
        """Under which the answer to an order is found: its intent id, or its settlement's."""
        if order.kind != "trade":
            return settlement_name(order.feed.name)
        return str(self.intent_id(order))

    def intent_id(self, order: SpreadOrder) -> UUID:
        """The same for the same order of the same bar, whoever asks."""
        bar = order.feed.clock.now().row
        action = action_of(order)
        return uuid5(self.workspace, f"{self.session_id}|{bar}|{action}|{order.feed.name}")

    def fill_of(self, order: SpreadOrder, legs: tuple[LegFill, ...] = ()) -> SpreadFilled:
        """The fill of an order at the broker's price."""
        feed = order.feed
        return SpreadFilled(
            kind=order.kind,
            order_id=self.order_id(order),
            intent_id=self.intent_id(order) if order.kind == "trade" else None,
            position_id=feed.name,
            contract=feed.contract,
            side=order.side,
            qty=order.quantity,
            net=net_of(order),
            fees=order.commission,
            ts=utc(feed.clock.now().ns),
            legs=legs,
        )

    def order_id(self, order: SpreadOrder) -> str:
        """An opening order is named as its trade is, which names the position."""
        if order.side == "sell":
            return order.feed.name
        if order.kind == "trade":
            return f"{order.feed.name}:close"
        return f"{order.feed.name}:settlement"

    def keep(self, fill: SpreadFilled) -> None:
        """Book a fill."""
        self.book = booked(self.book, fill)
        self.fills.append(fill)


class AnsweredBooks(SessionBooks):
    """Books of a replay of the recording: only the journal's refusals are taken from it."""

    def __init__(self, session_id: str, workspace: UUID, answers: Mapping[str, Answer]) -> None:
        super().__init__(session_id, workspace)
        self._answers = answers

    def fill(self, order: SpreadOrder) -> Refusal | None:
        """Book the fill at its own price unless the journal refused it."""
        answer = self._answers.get(self.name_of(order))
        if answer and answer.refusal:
            return answer.refusal
        self.keep(self.fill_of(order))
        return None

    def refuse(self, order: SpreadOrder, refusal: Refusal) -> Refusal:
        """The reason the journal has, else the broker's."""
        answer = self._answers.get(self.name_of(order))
        return answer.refusal if answer and answer.refusal else refusal


class JournaledBooks(SessionBooks):
    """Books whose every order is journaded before it counts.

    price    the broker's fill model, for the prices of the legs in the journal
    replayed_to  the last bar of the recording: up to it the journal answers; -1: none
    stands_in    the bar on which the clock still stands, so that orders of it can be executed
    """

    def __init__(
        self, session_id: str, workspace: UUID, journal: Journal, price: FillModel
    ) -> None:
        super().__init__(session_id, workspace)
        self._journal, self._price = journal, price
        self._policy = Policy([KillSwitch()])
        self._answers: dict[str, Answer] = {}
        self.halted: str | None = None
        self.replayed_to = self.stands_in = -1

    def resume(self, events: Iterable[Event], replayed_to: int, stands_in: int) -> None:
        """Let the journal answer up to a bar."""
        self._answers = answers_of(events, self.session_id)
        self.replayed_to, self.stands_in = replayed_to, stands_in

    def halt(self, why: str) -> None:
        """No new entries from here on; exits go on. The first reason stays."""
        if self.halted is None:
            self.halted = why
            log.error("session %s halts, it opens nothing more: %s", self.session_id, why)

    # --------------------------------------------------------------------------------- bookkeeper

    def fill(self, order: SpreadOrder) -> Refusal | None:
        """Have the fill journaled, or take the journal's answer."""
        bar = order.feed.clock.now().row
        answer = self._answers.pop(self.name_of(order), None)
        if answer is not None:
            return self._answered(order, answer)
        if bar <= self.replayed_to and bar != self.stands_in and order.kind == "trade":
            return self._never_answered(order, bar)
        if order.side == "sell" and self.halted:
            return self._journal_refusal(order, self._halt_refusal())
        return self._send(order)

    def refuse(self, order: SpreadOrder, refusal: Refusal) -> Refusal:
        """Have the broker's refusal journaled, or take the journal's."""
        bar = order.feed.clock.now().row
        answer = self._answers.pop(self.name_of(order), None)
        if answer is not None:
            if answer.refusal:
                return answer.refusal
            self.halt(f"{order.feed.name} was filled before, now it is refused: {refusal.why}")
            return refusal
        if bar < self.replayed_to:
            self._differs(order, bar)
            return refusal
        return self._journal_refusal(order, refusal)

    def _answered(self, order: SpreadOrder, answer: Answer) -> Refusal | None:
        if answer.refusal:
            return answer.refusal
        fill, mine = answer.fill, self.fill_of(order)
        assert fill is not None
        same = (
            fill.side == mine.side and fill.qty == mine.qty and fill.contract == mine.contract
            and abs(fill.net - mine.net) < TOLERANCE and abs(fill.fees - mine.fees) < TOLERANCE
        )  # fmt: skip
        if not same:
            self.halt(
                f"{mine.order_id}: journaled {fill.side} {fill.qty} at {fill.net:g}, "
                f"decided again {mine.side} {mine.qty} at {mine.net:g}"
            )
        self.keep(fill)
        return None

    def _never_answered(self, order: SpreadOrder, bar: int) -> Refusal:
        if bar == self.replayed_to:
            down = Refusal(SkipKind.DOWN_TIME, SkipKind.DOWN_TIME.reason("the bar was over"))
            return self._journal_refusal(order, down)
        self._differs(order, bar)
        return self._halt_refusal()

    def _differs(self, order: SpreadOrder, bar: int) -> None:
        self.halt(
            f"bar {bar}: {action_of(order)} of {order.feed.name} is decided now, "
            "and was not when the session was there"
        )

    def _halt_refusal(self) -> Refusal:
        return Refusal(SkipKind.HALTED, SkipKind.HALTED.reason(self.halted or ""))

    def caught_up(self) -> None:
        """All recorded bars are played again: everything the journal has must have come up."""
        left = [answer for answer in self._answers.values() if answer.fill]
        self._answers = {}
        if left:
            fill = left[0].fill
            assert fill is not None
            self.halt(f"{fill.order_id}: journaled at {fill.ts:%H:%M:%S} UTC, not decided again")

    # ------------------------------------------------------------------------------------ journal

    def _send(self, order: SpreadOrder) -> Refusal | None:
        now = utc(order.feed.clock.now().ns)
        ids = Ids(self.order_id(order))
        if order.kind != "trade":
            value = None if order.kind == "void" else -net_of(order)
            decision = self._execute(Settle(position_id=order.feed.name, value=value), now, ids)
        else:
            decision = self._execute(self._command(order), now, ids)
        fill = filled(decision)
        if fill is None and order.kind == "trade":
            return refused(decision)
        if fill is None:  # a settlement is never refused; the accounts have parted before
            fill = self.fill_of(order)
            self.halt(f"{fill.order_id}: {refused(decision).why}")
        self.keep(fill)
        self.check_agreement()
        return None

    def _journal_refusal(self, order: SpreadOrder, refusal: Refusal) -> Refusal:
        code = refusal.kind.name if refusal.kind else "rejected"
        command = self._command(order, NoPrice(why=refusal.why, code=code))
        decision = self._execute(command, utc(order.feed.clock.now().ns), Ids(self.order_id(order)))
        return refused(decision)

    def _execute(self, command: Command, now: object, ids: Ids) -> Decision:
        for attempt in range(ATTEMPTS):
            try:
                return self._journal.execute(self.workspace, command, now, ids)  # type: ignore[arg-type]
            except (JournalBusy, OutcomeUnknown) as error:
                if attempt == ATTEMPTS - 1:
                    raise
                log.warning("%s; sent again", error)
        raise AssertionError("not reached")

    def _command(self, order: SpreadOrder, price: NoPrice | None = None) -> Execute:
        feed, opens = order.feed, order.side == "sell"
        intent = Intent(
            id=self.intent_id(order),
            correlation_id=self.session_id,
            workspace_id=self.workspace,
            action=IntentAction(action_of(order)),
            strategy_entity_id=STRATEGY,
            symbol=feed.contract.label,
            timeframe=TIMEFRAME,
            created_at=utc(feed.clock.now().ns),
            quantity=Decimal(order.quantity) if order.quantity else None,
            reason=order.reason or None,
            contract=feed.contract if opens else None,
            position_id=None if opens else feed.name,
        )
        return Execute(
            intent=intent,
            price=price or Price(price=Decimal(repr(abs(net_of(order)))), legs=self._legs(order)),
            policy=self._policy,
            fee_rate=Decimal(repr(order.rate)),
            require_cash=True,
        )

    def _legs(self, order: SpreadOrder) -> tuple[LegFill, ...]:
        opening, contract = order.side == "sell", order.feed.contract
        found = []
        for leg, bid, ask in order.feed.quotes():
            bought = (leg.side == LONG) == opening
            price = self._price.price(bid, ask, bought=bought, opening=opening)
            found.append(
                LegFill(
                    symbol=contract.root, right=leg.right, strike=leg.strike,
                    expiration=contract.expiration, side=leg.side, ratio=1, price=price,
                    bid=bid, ask=ask,
                )
            )  # fmt: skip
        return tuple(found)

    # ---------------------------------------------------------------------------------- agreement

    def check_agreement(self) -> None:
        """Halt unless the account as the journal folds it is the one the broker trades on."""
        folded, mine = self._journal.state(self.workspace).book, self.book
        mine_now = (cents(mine.cash), cents(mine.equity), cents(mine.reserved), set(mine.spreads))
        journaled = (
            cents(folded.cash), cents(folded.equity), cents(folded.reserved), set(folded.spreads)
        )  # fmt: skip
        if not folded.orders_count and not mine.orders_count:
            return  # the workspace is not opened yet
        if mine_now != journaled:
            names = ("cash", "equity", "margin", "open spreads")
            name, here, there = next(
                (n, a, b) for n, a, b in zip(names, mine_now, journaled, strict=True) if a != b
            )
            self.halt(f"{name}: the broker has {here}, the journal {there}")


def action_of(order: SpreadOrder) -> str:
    """The action of the ledger an order asks for."""
    return "open_spread" if order.side == "sell" else "close_spread"


def net_of(order: SpreadOrder) -> float:
    """Points received; what floating point leaves of 0 is 0."""
    return 0.0 if math.isnan(order.net) or abs(order.net) < TINY else order.net


def filled(decision: Decision) -> SpreadFilled | None:
    """The fill a command led to, now or before; None when it was refused."""
    if isinstance(decision, Accepted):
        events: Iterable[Event] = decision.events
    else:
        events = (decision.prior,) if decision.prior else ()
    return next((event.body for event in events if isinstance(event.body, SpreadFilled)), None)


def refused(decision: Decision) -> Refusal:
    """Why a command was refused."""
    assert not isinstance(decision, Accepted)
    for event in decision.events:
        if isinstance(event.body, IntentRejected):
            return policy_refusal(event.body.reason)
        if isinstance(event.body, OrderRejected):
            return refusal_of(event.body)
    return Refusal(None, f"{decision.code}: {decision.error}")


def cents(amount: Decimal) -> Decimal:
    """An amount in whole cents."""
    return amount.quantize(Decimal("0.01"))
