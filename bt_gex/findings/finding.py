"""A finding: something that speaks against a result, with what it weighs and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bt_gex.stats.summary import sum_dollars
from bt_gex.trades.reasons import TradeFlag
from bt_gex.trades.records import SpreadTrade, Trade

GRAVEST_FIRST = (
    "look-ahead", "not deterministic", "no decision", "synthetic",
    "all_winners", "no_drawdown", "instant_exits", "no_bid", "unresolved", "few_trades",
    "few_sessions", "uncertain_total", "one_trade", "one_session", "used_up", "depends_on_fills",
    "mid_fills", "no_commission", "spread_cost", "never_stopped", "idle_stop", "stopped_at_once",
    "target_lost", "selection", "overfit_winner", "same_trades", "edge", "many_parameters",
    "time_zone", "missing_data", "no_data", "unpriced", "contradictory", "bad_quotes",
    "settlement", "clamped", "refused",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason to doubt a result.

    kind       short, to tell findings apart by; of a result one of GRAVEST_FIRST
    text       a sentence: what, how many, why it matters
    next_step  a sentence: what to do about it
    trades     trades it is about; None where it is about none
    order_ids  of those trades
    dollars    P&L of those that have one, or what the finding says they cost; None where none has
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


def resting_on(findings: Sequence[Finding], trades: Sequence[Trade]) -> str:
    """`214 of 573 trades on clamped prices made +$26,870.00, all others -$5,520.00`, for the
    heaviest finding on doubtful prices without whose trades a profit is gone, or for all of them
    where only together they make it; empty without one.

    trades  all trades of the result
    """
    total = pnl_dollars(trades)
    if total <= 0:
        return ""
    doubtful = [found for found in findings if found.kind in DOUBTFUL and found.dollars is not None]
    sets = [(set(found.order_ids), DOUBTFUL[found.kind]) for found in doubtful]
    if len(sets) > 1:
        every = set().union(*(ids for ids, _ in sets))
        sets.append((every, "on doubtful prices"))
    for ids, what in sets:
        named = [trade for trade in trades if trade.order_id in ids]
        others = sum_dollars([total, -pnl_dollars(named)])
        if others <= 0:
            return (
                f"{len(named):,} of {count(len(trades), 'trade')} {what} made {made(named)}, "
                f"all others {signed(others)}"
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
