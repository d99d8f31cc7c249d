"""What speaks against acting on a result: chance, one trade, the fills, the selection."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bt_gex.config.origin import FoundBy
from bt_gex.config.run_config import FillParams
from bt_gex.findings.finding import Finding, about, count
from bt_gex.rules.gex.params import ExitParams
from bt_gex.stats.bootstrap import Bootstrap
from bt_gex.stats.breakdown import best_and_worst, break_even
from bt_gex.stats.sharpe import SharpeFigures
from bt_gex.stats.summary import resolved, sum_dollars
from bt_gex.trades.reasons import ExitReason
from bt_gex.trades.records import SessionSummary, SpreadTrade

MANY_PARAMETERS = 10
FEW_SESSIONS = 30
OPTIMISTIC = 0.5  # slippage below which few are filled
USUAL_COMMISSION = 0.65  # USD per contract, per leg, per side
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
    fills: FillParams | None = None,
    exits: ExitParams | None = None,
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
        *(_assumed(trades, total, fills) if fills else ()),
        *(_idle_stop(exits) if exits else ()),
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
            "Replay at least two sessions; some dozens before believing anything.",
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


def _assumed(trades: Sequence[SpreadTrade], total: float, fills: FillParams) -> Iterator[Finding]:
    """A profit that rests on fills better, or cheaper, than a trader gets."""
    done = resolved(trades)
    if total <= 0 or not done:
        return
    if min(fills.entry_slippage, fills.exit_slippage) < OPTIMISTIC:
        yield about(
            "mid_fills",
            f"Fills are assumed at {100 * fills.entry_slippage:g} % of the half-spread at entry "
            f"and {100 * fills.exit_slippage:g} % at exit: market orders pay about all of it.",
            "Run it with --fills natural, and see with bt-gex costs where the profit ends.",
            done,
            trades,
        )
    if not fills.commission:
        sides = sum(
            trade.quantity
            * len(trade.strikes)
            * (1 if trade.exit_reason == ExitReason.SETTLEMENT else 2)
            for trade in done
        )
        yield about(
            "no_commission",
            f"No commission is counted: at ${USUAL_COMMISSION:.2f} per contract, per leg, per side "
            f"these trades would have cost ${sides * USUAL_COMMISSION:,.2f} of ${total:,.2f}.",
            "Give your broker's with --commission.",
            done,
            trades,
        )


def _idle_stop(exits: ExitParams) -> Iterator[Finding]:
    if stop_is_idle(exits):
        yield Finding(
            kind="idle_stop",
            text=f"exit.stop_loss {exits.stop_loss:g} is not below exit.emergency_stop "
            f"{exits.emergency_stop:g}: the emergency stop is evaluated first, so that the stop "
            "never acts.",
            next_step="Set exit.emergency_stop above it, or think of it as the only stop.",
        )


def stop_is_idle(exits: ExitParams) -> bool:
    """Whether the emergency stop always acts before the stop."""
    return exits.stop_loss >= exits.emergency_stop


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
