"""What speaks against acting on a result: luck, a single stroke, the fills, the choosing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bt_gex.findings.doubts import Doubt
from bt_gex.stats.breakdown import break_even, resolved, sum_dollars
from bt_gex.stats.summary import Record

MANY_PARAMETERS = 10
FEW_SESSIONS = 30
OPTIMISTIC = 0.5  # slippage below which few are filled
USUAL_COMMISSION = 0.65  # dollars a contract, leg and side
SETTLED = "Expiration Settlement"
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
    fills: Mapping[str, float] | None = None,
    exits: Mapping[str, float] | None = None,
) -> list[Doubt]:
    """The doubts that need more than the run itself; the gravest first.

    luck      intervals as `bootstrap` gives them, None without
    sharpe    as `sharpe_figures` gives it
    costs     total_pnl by slippage and delay_bars, as far as they were tried
    sweep     what is known of the sweep that found the settings
    changed   settings that differ from their profile's defaults
    fills     entry_slippage, exit_slippage, commission, as they were assumed
    exits     stop_loss and emergency_stop, as they were set
    """
    total = sum_dollars(trade["pnl_dollars"] for trade in resolved(trades))
    return [
        *_few(trades, total, luck, sharpe),
        *_one_stroke(trades, sessions, total),
        *_fills(costs),
        *(_assumed(trades, total, fills) if fills else ()),
        *(_idle_stop(exits) if exits else ()),
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
        if luck["sessions"] < FEW_SESSIONS:
            yield Doubt(
                "few_sessions",
                f"{_count(luck['sessions'], 'session')} are one stretch of one market: drawing "
                "them again knows no other days, so that its intervals and odds are too narrow.",
                f"Replay {FEW_SESSIONS} sessions or more, in quiet and in wild times.",
            )
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


def _assumed(trades: Sequence[Record], total: float, fills: Mapping[str, float]) -> Iterator[Doubt]:
    """A profit that rests on fills better, or cheaper, than a trader gets."""
    done = resolved(trades)
    if total <= 0 or not done:
        return
    shares = [fills["entry_slippage"], fills["exit_slippage"]]
    if min(shares) < OPTIMISTIC:
        yield Doubt(
            "mid_fills",
            f"Fills are assumed at {100 * shares[0]:g} % of the half-spread at entry and "
            f"{100 * shares[1]:g} % at exit: market orders pay about all of it.",
            "Run it with --fills natural, and see with bt-gex costs where the profit ends.",
        )
    if not fills["commission"]:
        sides = sum(
            t["quantity"] * len(t["strikes"]) * (1 if t["exit_reason"] == SETTLED else 2)
            for t in done
        )
        yield Doubt(
            "no_commission",
            f"No commission is counted: at ${USUAL_COMMISSION:.2f} a contract, leg and side these "
            f"trades would have cost ${sides * USUAL_COMMISSION:,.2f} of ${total:,.2f}.",
            "Give your broker's with --commission.",
        )


def _idle_stop(exits: Mapping[str, float]) -> Iterator[Doubt]:
    stop, emergency = exits["stop_loss"], exits["emergency_stop"]
    if stop >= emergency:
        yield Doubt(
            "idle_stop",
            f"exit.stop_loss {stop:g} is not below exit.emergency_stop {emergency:g}: the "
            "emergency stop is looked at first, so that the stop never acts.",
            "Set exit.emergency_stop above it, or think of it as the only stop.",
        )


def at_once(costs: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Slippage and P&L in dollars of the runs without a delay, by slippage."""
    return sorted((row["slippage"], row["total_pnl"]) for row in costs if not row["delay_bars"])


def _chosen(sharpe: Mapping[str, Any], sweep: Mapping[str, Any] | None) -> Iterator[Doubt]:
    """What the choosing among variants is worth."""
    if not sweep or sweep["is_baseline"]:  # nothing was picked
        return
    deflated, tried = sharpe["deflated_sharpe"], sweep["variants"]
    if deflated is not None and sharpe["sharpe_a_session"] > 0 and deflated < SURE:
        yield Doubt(
            "selection",
            f"These settings were picked from {tried:,} variants: the best of so many looks good "
            f"by luck alone, and the chance that this one is better than that is "
            f"{100 * deflated:.0f} % (deflated Sharpe ratio).",
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
            f"Picked by its Sharpe ratio on one half of the sessions, the winner ranks at "
            f"or below the middle of all on the other in {100 * probability:.0f} % of all splits: "
            "an average variant beats it out of sample.",
            "Keep the baseline's settings, sweep fewer values, or replay more sessions.",
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
