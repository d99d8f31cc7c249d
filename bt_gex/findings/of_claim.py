"""What speaks against acting on a result: chance, one trade, the fills, the selection."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from bt_gex.config.origin import FoundBy
from bt_gex.findings.finding import Finding, about, count, of
from bt_gex.stats.bootstrap import Bootstrap
from bt_gex.stats.breakdown import best_and_worst, break_even
from bt_gex.stats.sharpe import SharpeFigures
from bt_gex.stats.summary import resolved, sum_dollars
from bt_gex.trades.records import SessionSummary, SpreadTrade

MANY_PARAMETERS = 10
FEW_SESSIONS = 30
SURE = 0.95
COIN = 0.5  # a winner that ranks in the lower half this often is picked by chance
ASSUMED = ("fills.", "data.")  # settings that are assumed, not chosen
NATURAL = 1.0  # slippage: the whole half-spread


def findings_of_claim(
    trades: Sequence[SpreadTrade],
    *,
    sessions: Sequence[SessionSummary],
    bootstrap: Bootstrap | None,
    sharpe: SharpeFigures,
    costs: Sequence[tuple[float, float]] = (),
    sweep: FoundBy | None = None,
    changed: Sequence[str] = (),
) -> list[Finding]:
    """The findings that need more than the run itself.

    costs     slippage and P&L in dollars without a latency, as far as they were tried, ascending
    sweep     what found the settings
    changed   settings that differ from their profile's defaults
    """
    total = sum_dollars(trade.pnl_dollars or 0.0 for trade in resolved(trades))
    return [
        *_few(trades, total, bootstrap, sharpe),
        *_one_of_all(trades, sessions, total),
        *_fills(costs),
        *_chosen(sharpe, sweep),
        *_parameters(sweep, changed),
    ]


def _few(
    trades: Sequence[SpreadTrade],
    total: float,
    bootstrap: Bootstrap | None,
    sharpe: SharpeFigures,
) -> Iterator[Finding]:
    """Only a profit is a claim; a loss needs no proof."""
    done = resolved(trades)
    if total <= 0:
        return
    if bootstrap is None:
        yield about(
            "few_trades",
            f"{count(len(done), 'trade')} of a single session say nothing: how much of the profit "
            "is chance cannot even be estimated.",
            "Replay at least two sessions; some dozens for a reliable result.",
            done,
            trades,
        )
        return
    low, _ = bootstrap.total_pnl
    if low is not None and low > 0:
        if bootstrap.sessions < FEW_SESSIONS:
            yield Finding(
                kind="few_sessions",
                text=f"{count(bootstrap.sessions, 'session')} are one stretch of one market: "
                "resampling them knows no other days, so that its intervals and odds are too "
                "narrow.",
                next_step=f"Replay {FEW_SESSIONS} sessions or more, in quiet and in volatile "
                "times.",
            )
        return
    needed = sharpe.min_track_record_sessions
    more = (
        f"At this rate {math.ceil(needed):,} sessions would be needed to be 95 % sure: replay more"
        if needed is not None
        else "Replay more sessions"
    )
    yield about(
        "few_trades",
        f"{count(len(done), 'trade')} in {count(bootstrap.sessions, 'session')} are too few for "
        f"the claim of a profit: resampled by chance, the same sessions lose money in "
        f"{100 * bootstrap.probability_of_loss:.0f} % of all cases.",
        f"{more}, and do not trade on these.",
        done,
        trades,
    )


def _one_of_all(
    trades: Sequence[SpreadTrade], sessions: Sequence[SessionSummary], total: float
) -> Iterator[Finding]:
    """A profit that is gone without its best session, or already without its best trade."""
    done = resolved(trades)
    found = best_and_worst(trades, sessions)
    best, day = found.best_trade, found.best_session
    if total <= 0 or best is None or len(done) < 2:
        return
    if sum_dollars([total, -best.pnl]) <= 0:
        yield about(
            "one_trade",
            f"The whole profit comes from one trade ({best.name}, +${best.pnl:,.2f}): without it "
            f"the other {len(done) - 1:,} make nothing.",
            f"Look at it with bt-gex plot RUN trade:{best.name} and ask whether it can come again.",
            [trade for trade in done if trade.order_id == best.name],
            trades,
        )
        return
    traded = sum(1 for session in sessions if session.entries)
    if day is None or traded < 2:
        return
    if sum_dollars([total, -day.pnl]) <= 0:
        yield about(
            "one_session",
            f"The whole profit comes from one session ({day.name}, +${day.pnl:,.2f}): the other "
            f"{traded - 1:,} together make nothing.",
            f"Look at it with bt-gex plot RUN session:{day.name} and replay more sessions.",
            [trade for trade in trades if trade.expiration.isoformat() == day.name],
            trades,
        )


def _fills(costs: Sequence[tuple[float, float]]) -> Iterator[Finding]:
    edge = break_even(costs)
    if edge is not None and edge < NATURAL:
        yield Finding(
            kind="depends_on_fills",
            text=f"The result depends on the fills: it makes money at mid and loses it once more "
            f"than {100 * edge:.0f} % of the half-spread is paid, and market orders pay all of it.",
            next_step="Find out what your broker's fills really cost before trading this; the "
            "table of costs shows every step.",
        )


def _chosen(sharpe: SharpeFigures, sweep: FoundBy | None) -> Iterator[Finding]:
    """What the choosing among variants is worth."""
    if sweep is None or sweep.is_baseline:  # nothing was picked
        return
    deflated = sharpe.deflated_sharpe
    if deflated is not None and (sharpe.sharpe_a_session or 0.0) > 0 and deflated < SURE:
        yield Finding(
            kind="selection",
            text=f"These settings were picked from {sweep.variants:,} variants: the best of so "
            f"many looks good by chance alone, and the probability that this one is better than "
            f"that is {100 * deflated:.0f} % (deflated Sharpe ratio).",
            next_step="Trade it on sessions that did not pick it with bt-gex walkforward.",
        )
    yield from overfit_finding(sweep.overfitting_probability)
    if sweep.edges:
        named = ", ".join(f"{name} {value}" for name, value in sweep.edges.items())
        yield edge_finding(named)


def overfit_finding(probability: float | None) -> Iterator[Finding]:
    """Whether the winner of some sessions is a poor one on the others."""
    if probability is not None and probability >= COIN:
        yield Finding(
            kind="overfit_winner",
            text=f"Picked by its Sharpe ratio on one half of the sessions, the winner ranks at "
            f"or below the middle of all on the other in {100 * probability:.0f} % of all splits: "
            "an average variant beats it out of sample.",
            next_step="Keep the baseline's settings, sweep fewer values, or replay more sessions.",
        )


def edge_finding(named: str) -> Finding:
    """For swept settings whose best value is the first or last tried, as text."""
    return Finding(
        kind="edge",
        text=f"The winner lies at the edge of what was swept ({named}): a better value may lie "
        "beyond.",
        next_step="Sweep on beyond that edge, or ask why the extreme wins.",
    )


def same_trades_finding(
    folded: int, success: int, idle: Mapping[str, Sequence[object]], *, stops: Sequence[float] = ()
) -> Finding:
    """For variants that make the trades of another.

    idle   values by setting that made no difference where nothing else differed
    stops  those of exit.stop_loss that can never fire
    """
    named = "; ".join(
        f"{name} at {', '.join(map(str, values[:-1]))} and {values[-1]} trades alike"
        for name, values in idle.items()
    )
    never = (
        f" A stop at {', '.join(f'{stop:g}' for stop in stops)} can never fire: the emergency stop "
        "is evaluated first."
        if stops
        else ""
    )
    return Finding(
        kind="same_trades",
        text=f"{of(folded, success, 'variant')} made the same trades as another, so that fewer "
        f"were tried than it seems; they count once{': ' if named else ''}{named}.{never}",
        next_step="Leave those values out, or sweep a setting that decides something here.",
    )


def _parameters(sweep: FoundBy | None, changed: Sequence[str]) -> Iterator[Finding]:
    chosen = {*changed, *(sweep.swept if sweep else ())}
    free = {name for name in chosen if not name.startswith(ASSUMED)}
    if len(free) > MANY_PARAMETERS:
        yield Finding(
            kind="many_parameters",
            text=f"{len(free)} settings were chosen freely: with more than {MANY_PARAMETERS} "
            "almost any past can be fitted.",
            next_step="Leave settings at their defaults unless there is a reason other than the "
            "result.",
        )
