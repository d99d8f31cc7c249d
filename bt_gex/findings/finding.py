"""A finding: something that speaks against a result, with what it weighs and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bt_gex.stats.summary import sum_dollars
from bt_gex.trades.reasons import TradeFlag
from bt_gex.trades.records import SpreadTrade, Trade

GRAVEST_FIRST = (
    "look-ahead", "not deterministic", "no decision",
    "all_winners", "no_drawdown", "instant_exits", "no_bid", "unresolved", "few_trades",
    "few_sessions", "one_trade", "one_session", "depends_on_fills", "mid_fills", "no_commission",
    "idle_stop", "stopped_at_once", "target_lost", "selection", "overfit_winner", "edge",
    "many_parameters",
    "missing_data", "no_data", "unpriced", "bad_quotes", "settlement", "clamped", "refused",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason not to believe a result.

    kind       short, to tell findings apart by; one of GRAVEST_FIRST
    text       a sentence: what, how many, why it matters
    next_step  a sentence: what to do about it
    trades     trades it is about; None where it is about none
    order_ids  of those trades
    dollars    P&L of those that have one; None where none has
    share      of all trades; a fraction
    """

    kind: str
    text: str
    next_step: str
    trades: int | None = None
    order_ids: tuple[str, ...] = ()
    dollars: float | None = None
    share: float | None = None

    def __str__(self) -> str:
        return f"{self.text} {self.next_step}"


def about(
    kind: str, text: str, next_step: str, trades: Sequence[Trade], everything: Sequence[Trade]
) -> Finding:
    """A finding about some of all trades; its text ends with what the rest made without them."""
    beside = beside_the_others(trades, everything)
    return Finding(
        kind=kind,
        text=f"{text} {beside[0].upper()}{beside[1:]}." if beside else text,
        next_step=next_step,
        trades=len(trades) or None,
        order_ids=tuple(trade.order_id for trade in trades),
        dollars=pnl_dollars(trades) if has_pnl(trades) else None,
        share=len(trades) / len(everything) if trades else None,
    )


def beside_the_others(trades: Sequence[Trade], everything: Sequence[Trade]) -> str:
    """`they made +$10.00, all others together -$5.00`; empty where either side has no P&L."""
    named = {trade.order_id for trade in trades}
    others = [trade for trade in everything if trade.order_id not in named]
    if not has_pnl(trades) or not has_pnl(others):
        return ""
    they = "it" if len(trades) == 1 else "they"
    return f"{they} made {made(trades)}, all others together {made(others)}"


DOUBTFUL = {  # kinds of trades on doubtful prices, and what their trades have in common
    "clamped": "on clamped prices",
    "no_bid": "on a leg without a bid",
    "instant_exits": "closed in the minute of entry",
    "settlement": "settled on a doubtful price",
}


def resting_on(findings: Sequence[Finding], total: float, number: int) -> str:
    """`214 of 573 trades on clamped prices made +$26,870.00, all others -$5,520.00`, for the
    heaviest finding on doubtful prices without whose trades a profit is gone; empty without one.

    total, number  P&L in dollars of all trades, and how many there are
    """
    for finding in findings:
        dollars = finding.dollars
        if finding.kind not in DOUBTFUL or dollars is None or finding.trades is None:
            continue
        others = sum_dollars([total, -dollars])
        if total > 0 >= others:
            return (
                f"{finding.trades:,} of {count(number, 'trade')} {DOUBTFUL[finding.kind]} made "
                f"{signed(dollars)}, all others {signed(others)}"
            )
    return ""


def heaviest_first(findings: Iterable[Finding]) -> list[Finding]:
    """By the dollars of their trades, profit or loss; without any last; ties by GRAVEST_FIRST."""

    def key(finding: Finding) -> tuple[bool, float, int]:
        dollars = finding.dollars
        return dollars is None, -abs(dollars or 0.0), GRAVEST_FIRST.index(finding.kind)

    return sorted(findings, key=key)


def flagged(trades: Sequence[SpreadTrade], *flags: TradeFlag) -> list[SpreadTrade]:
    """The trades with any of the flags."""
    return [trade for trade in trades if not set(flags).isdisjoint(trade.flags)]


def has_pnl(trades: Sequence[Trade]) -> bool:
    """Whether any of the trades has a P&L."""
    return any(trade.pnl_dollars is not None for trade in trades)


def pnl_dollars(trades: Sequence[Trade]) -> float:
    """P&L of the trades that have one, dollars."""
    return sum_dollars(t.pnl_dollars for t in trades if t.pnl_dollars is not None)


def made(trades: Sequence[Trade]) -> str:
    """`-$695.00`, of trades with a P&L."""
    return signed(pnl_dollars(trades))


def signed(dollars: float) -> str:
    """`-$695.00`; a profit with its sign."""
    sign = "+" if dollars > 0 else "-" if dollars < 0 else ""
    return f"{sign}${abs(dollars):,.2f}"


def count(number: int, noun: str) -> str:
    """`1 trade`, `1,200 trades`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def of(number: int, total: int, noun: str) -> str:
    """`3 of 40 trades (7.5 %)`."""
    share = f" ({100 * number / total:.1f} %)" if total else ""
    return f"{number:,} of {count(total, noun)}{share}"
