"""What speaks against acting on a result: luck, a single stroke, the fills, the choosing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bt_gex.stats.breakdown import break_even, resolved, sum_dollars
from bt_gex.stats.doubts import Doubt
from bt_gex.stats.summary import Record

MANY_PARAMETERS = 10
SURE = 0.95
COIN = 0.5  # a winner that ranks in the lower half this often is picked by chance
ASSUMED = ("fills.", "data.")  # settings that are assumed, not chosen
NATURAL = 1.0  # slippage: the whole half-spread


def diagnose(
    trades: Sequence[Record],
    *,
    sessions: Sequence[Record],
    luck: Mapping[str, Any] | None,
    sharpe: Mapping[str, Any],
    costs: Sequence[Mapping[str, Any]] = (),
    sweep: Mapping[str, Any] | None = None,
    changed: Sequence[str] = (),
) -> list[Doubt]:
    """The doubts that need more than the run itself; the gravest first.

    luck      intervals as `bootstrap` gives them, None without
    sharpe    as `sharpe_figures` gives it
    costs     total_pnl by slippage and delay_bars, as far as they were tried
    sweep     what is known of the sweep that found the settings
    changed   settings that differ from their profile's defaults
    """
    total = sum_dollars(trade["pnl_dollars"] for trade in resolved(trades))
    return [
        *_few(trades, total, luck, sharpe),
        *_one_stroke(trades, sessions, total),
        *_fills(costs),
        *_chosen(sharpe, sweep),
        *_parameters(sweep, changed),
    ]


def _few(
    trades: Sequence[Record],
    total: float,
    luck: Mapping[str, Any] | None,
    sharpe: Mapping[str, Any],
) -> Iterator[Doubt]:
    """Only a profit is a claim; a loss needs no proof."""
    done = len(resolved(trades))
    if total <= 0:
        return
    if luck is None:
        yield Doubt(
            "few_trades",
            f"{_count(done, 'trade')} of a single session say nothing: how much of the profit is "
            "luck cannot even be estimated.",
            "Replay at least two sessions; some dozens before believing anything.",
        )
        return
    low, _ = luck["total_pnl"]
    if low is not None and low > 0:
        return
    needed = sharpe["min_track_record_sessions"]
    more = (
        f"At this rate {math.ceil(needed):,} sessions would be needed to be 95 % sure: replay more"
        if needed is not None
        else "Replay more sessions"
    )
    yield Doubt(
        "few_trades",
        f"{_count(done, 'trade')} in {_count(luck['sessions'], 'session')} are too few for the "
        f"claim of a profit: drawn again by chance, the same sessions lose money in "
        f"{100 * luck['probability_of_loss']:.0f} % of all cases.",
        f"{more}, and do not trade on these.",
    )


def _one_stroke(
    trades: Sequence[Record], sessions: Sequence[Record], total: float
) -> Iterator[Doubt]:
    """A profit that is gone without its best session, or already without its best trade."""
    done = resolved(trades)
    best = max(done, key=lambda trade: trade["pnl_dollars"], default=None)
    if total <= 0 or best is None or len(done) < 2:
        return
    if sum_dollars([total, -best["pnl_dollars"]]) <= 0:
        yield Doubt(
            "one_trade",
            f"The whole profit comes from one trade ({best['order_id']}, "
            f"+${best['pnl_dollars']:,.2f}): without it the other {len(done) - 1:,} make nothing.",
            f"Look at it with bt-gex plot RUN trade:{best['order_id']} and ask whether it can "
            "come again.",
        )
        return
    traded = [session for session in sessions if session["entries"]]
    day = max(traded, key=lambda s: s["trades_pnl_dollars"], default=None)
    if day is None or len(traded) < 2:
        return
    if sum_dollars([total, -day["trades_pnl_dollars"]]) <= 0:
        yield Doubt(
            "one_session",
            f"The whole profit comes from one session ({day['session']}, "
            f"+${day['trades_pnl_dollars']:,.2f}): the other {len(traded) - 1:,} together make "
            "nothing.",
            f"Look at it with bt-gex plot RUN session:{day['session']} and replay more sessions.",
        )


def _fills(costs: Sequence[Mapping[str, Any]]) -> Iterator[Doubt]:
    points = at_once(costs)
    edge = break_even(points)
    if edge is not None and edge < NATURAL:
        yield Doubt(
            "depends_on_fills",
            f"The result depends on the fills: it makes money at mid and loses it once more than "
            f"{100 * edge:.0f} % of the half-spread is paid, and market orders pay all of it.",
            "Find out what your broker's fills really cost before trading this; the table of "
            "costs shows every step.",
        )


def at_once(costs: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Slippage and P&L in dollars of the runs without a delay, by slippage."""
    return sorted((row["slippage"], row["total_pnl"]) for row in costs if not row["delay_bars"])


def _chosen(sharpe: Mapping[str, Any], sweep: Mapping[str, Any] | None) -> Iterator[Doubt]:
    """What the choosing among variants is worth."""
    if not sweep:
        return
    deflated, tried = sharpe["deflated_sharpe"], sweep["variants"]
    if deflated is not None and sharpe["sharpe_a_session"] > 0 and deflated < SURE:
        yield Doubt(
            "selection",
            f"The best of {tried:,} variants was picked: that its ratio is more than the luck of "
            f"the best of so many is only {100 * deflated:.0f} % likely (deflated Sharpe ratio).",
            "Trade it on sessions that did not pick it with bt-gex walkforward.",
        )
    yield from overfit_doubt(sweep["overfitting_probability"])
    if sweep["edges"]:
        named = ", ".join(f"{name} {value}" for name, value in sweep["edges"].items())
        yield edge_doubt(named)


def overfit_doubt(probability: float | None) -> Iterator[Doubt]:
    """Whether the winner of some sessions is a poor one on the others."""
    if probability is not None and probability >= COIN:
        yield Doubt(
            "overfit_winner",
            f"The winner on one half of the sessions ranks in the lower half of all variants on "
            f"the other in {100 * probability:.0f} % of all splits: an average variant beats it "
            "out of sample.",
            "Take the baseline or the average variant's settings, sweep fewer values, or replay "
            "more sessions.",
        )


def edge_doubt(named: str) -> Doubt:
    """For swept settings whose best value is the first or last tried, as text."""
    return Doubt(
        "edge",
        f"The winner lies at the edge of what was swept ({named}): a better value may lie beyond.",
        "Sweep on beyond that edge, or ask why the extreme wins.",
    )


def _parameters(sweep: Mapping[str, Any] | None, changed: Sequence[str]) -> Iterator[Doubt]:
    chosen = {*changed, *(sweep["swept"] if sweep else ())}
    free = {name for name in chosen if not name.startswith(ASSUMED)}
    if len(free) > MANY_PARAMETERS:
        yield Doubt(
            "many_parameters",
            f"{len(free)} settings were chosen freely: with more than {MANY_PARAMETERS} almost "
            "any past can be fitted.",
            "Leave settings at their defaults unless there is a reason other than the result.",
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
