"""When an account becomes too small for a trade, and what it refuses from then on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bt_gex.stats.summary import resolved, sum_dollars
from bt_gex.trades.reasons import SkipKind
from bt_gex.trades.records import Decision, SpreadTrade

OF_ACCOUNT = frozenset({SkipKind.MARGIN, SkipKind.SIZE_ZERO})


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedUp:
    """From this session on nothing is traded as the account is too small.

    left     dollars at closes
    closed   trades closed until then
    refused  checks refused for the account from then on
    """

    session: date
    left: float
    closed: tuple[SpreadTrade, ...]
    refused: int


def used_up(
    trades: Sequence[SpreadTrade],
    decisions: Sequence[Decision],
    *,
    balance: float,
    multiplier: float,
    contracts: int = 1,
) -> UsedUp | None:
    """Where the balance at closes is gone, or too small for the spread of a refused check with
    nothing open, and no check enters after it; None where that never happens.

    decisions  in order of time; balance: dollars before the first trade
    multiplier dollars a point; contracts: of a trade
    """
    done = resolved(trades)
    refusals = [decision for decision in decisions if decision.kind in OF_ACCOUNT]
    found = [*_emptied(done, balance), *_too_small(done, decisions, balance, multiplier, contracts)]
    if not found:
        return None
    moment, session = min(found)
    closed = [trade for trade in done if trade.timestamp_exit <= moment]
    return UsedUp(
        session=session,
        left=_left(closed, balance),
        closed=tuple(closed),
        refused=sum(1 for refusal in refusals if refusal.timestamp >= moment),
    )


Moment = tuple[datetime, date]  # an instant and its session


def _emptied(done: Sequence[SpreadTrade], balance: float) -> Iterator[Moment]:
    """The first close that leaves nothing."""
    left = balance
    for trade in done:
        left = sum_dollars([left, trade.pnl_dollars or 0.0])
        if left <= 0:
            yield trade.timestamp_exit, trade.expiration
            return


def _too_small(
    done: Sequence[SpreadTrade],
    decisions: Sequence[Decision],
    balance: float,
    multiplier: float,
    contracts: int,
) -> Iterator[Moment]:
    """The first refusal after the last entry that the balance alone explains."""
    entries = (decision.timestamp for decision in decisions if decision.outcome == "entry")
    last_entry = max(entries, default=None)
    for decision in decisions:
        late = last_entry is None or decision.timestamp > last_entry
        if decision.kind not in OF_ACCOUNT or not late:
            continue
        closed = [trade for trade in done if trade.timestamp_exit <= decision.timestamp]
        needed = _needed(decision, multiplier, contracts)
        if decision.kind == SkipKind.SIZE_ZERO or _left(closed, balance) < needed:
            yield decision.timestamp, decision.session
            return


def _left(closed: Sequence[SpreadTrade], balance: float) -> float:
    return sum_dollars([balance, *(trade.pnl_dollars or 0.0 for trade in closed)])


def _needed(decision: Decision, multiplier: float, contracts: int) -> float:
    """Dollars a refused spread could lose; 0 where its width or credit is not known."""
    if decision.width is None or decision.credit is None:
        return 0.0
    return (decision.width - decision.credit) * multiplier * contracts
