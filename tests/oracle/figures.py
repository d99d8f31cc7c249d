"""The figures of section 7: equity, drawdowns, summary, groups, funnel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from .clock import eastern

if TYPE_CHECKING:
    from .spread import Trade

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def cents(dollars: Fraction) -> float:
    return float(round(dollars, 2))


class Equity:
    """Closed-trade equity, and the same per bar with open spreads marked."""

    def __init__(self, balance: Fraction) -> None:
        self.start = balance
        self.balance = balance  # realised: the start plus every closed trade's pnl
        self.curve: list[tuple[int, Fraction]] = []
        self.curve_mtm: list[tuple[int, Fraction]] = []

    def closed(self, at: int, pnl: Fraction | None) -> None:
        assert pnl is not None
        self.balance += pnl
        self.curve.append((at, self.balance))

    def bar(self, at: int, open_profits: list[Fraction]) -> None:
        self.curve_mtm.append((at, self.balance + sum(open_profits, Fraction(0))))

    def drawdown(self, curve: list[tuple[int, Fraction]]) -> Fraction:
        """The largest fall from a peak, in dollars, as a number >= 0."""
        peak, worst = self.start, Fraction(0)
        for _, equity in curve:
            peak = max(peak, equity)
            worst = max(worst, peak - equity)
        return worst


def mean(values: Sequence[Fraction]) -> float:
    return cents(sum(values, Fraction(0)) / len(values)) if values else 0.0


def group(trades: Sequence[Trade], key: Callable[[Trade], str]) -> dict[str, dict[str, object]]:
    groups: dict[str, list[Fraction]] = {}
    for trade in trades:
        assert trade.pnl is not None
        groups.setdefault(key(trade), []).append(trade.pnl)
    found: dict[str, dict[str, object]] = {}
    for name, pnls in sorted(groups.items()):
        winners = sum(1 for pnl in pnls if pnl > 0)
        found[name] = {
            "count": len(pnls),
            "winners": winners,
            "win_rate": winners / len(pnls),
            "pnl": cents(sum(pnls, Fraction(0))),
        }
    return found


def summarise(trades: Sequence[Trade], equity: Equity) -> dict[str, object]:
    done = [trade for trade in trades if trade.pnl is not None]
    pnls = [trade.pnl for trade in done if trade.pnl is not None]
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [-pnl for pnl in pnls if pnl < 0]
    total = sum(pnls, Fraction(0))
    return {
        "total_trades": len(done),
        "winners": len(wins),
        "losers": len(losses),
        "breakeven": len(pnls) - len(wins) - len(losses),
        "win_rate": len(wins) / len(pnls) if pnls else 0.0,
        "total_pnl": cents(total),
        "avg_win": mean(wins),
        "avg_loss": mean(losses),
        "max_win": cents(max(wins)) if wins else 0.0,
        "max_loss": -cents(max(losses)) if losses else 0.0,
        "profit_factor": float(sum(wins, Fraction(0)) / sum(losses)) if losses else None,
        "max_drawdown": cents(equity.drawdown(equity.curve)),
        "max_drawdown_mtm": cents(equity.drawdown(equity.curve_mtm)),
        "final_balance": cents(equity.start + total),
        "return_pct": float(100 * total / equity.start),
        "unresolved": len(trades) - len(done),
        "by_strategy": group(done, lambda t: t.setup.strategy),
        "by_confidence": group(done, lambda t: t.setup.confidence),
        "by_exit_reason": group(done, lambda t: t.exit_reason),
        "by_entry_time": group(done, lambda t: eastern(t.entry).strftime("%H:%M")),
        "by_weekday": group(done, lambda t: WEEKDAYS[date.fromisoformat(t.session).weekday()]),
    }


def reason_class(reason: str) -> str:
    """A skip reason without its figures, for comparisons that do not depend on wording."""
    if reason.startswith("VIX "):
        return "vix too high"
    if "too far" in reason:
        return "too far"
    for prefix in ("no quote", "size zero", "margin"):
        if reason.startswith(prefix):
            return prefix
    return reason


def funnel(decisions: Sequence[dict[str, object]], counters: dict[str, int]) -> dict[str, object]:
    skips: dict[str, int] = {}
    for decision in decisions:
        if decision["outcome"] == "skip":
            reason = reason_class(str(decision["reason"]))
            skips[reason] = skips.get(reason, 0) + 1
    return {
        "checks": len(decisions),
        "entries": len(decisions) - sum(skips.values()),
        "skips": dict(sorted(skips.items())),
        "unpriced_bars": counters["unpriced_bars"],
        "clamps": counters["clamped_values"] + counters["clamped_exit_costs"],
        "unresolved": counters["unresolved"],
    }
