"""What the HTML report says of chance and of the fills, as words and rows of tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bt_gex.reports.words import NOTHING, Cell, count, dollars, gain, odds, percent, ratio
from bt_gex.stats.summary import sum_dollars

if TYPE_CHECKING:
    from bt_gex.config.origin import FoundBy
    from bt_gex.findings.analysis import Analysis
    from bt_gex.results.costs import CostRow, Costs
    from bt_gex.stats.sharpe import SharpeFigures

Rows = list[Sequence[str]]
INTERVAL_HEAD = (
    "share of resamples that end below",
    "1 %",
    "5 %",
    "25 %",
    "50 %",
    "75 %",
    "95 %",
    "99 %",
)


def interval_words(analysis: Analysis) -> list[str]:
    """How the intervals came about, and the odds of a loss."""
    found = analysis.bootstrap
    if found is None:
        return [
            "Sessions cannot be resampled here: that takes at least two sessions with data and a "
            "trade."
        ]
    block = count(found.block_sessions, "session")
    losing = ", ".join(
        f"{pct} % or more: {odds(share)}" for pct, share in found.probability_of_losing_pct.items()
    )
    return [
        f"{found.paths:,} accounts of {found.sessions} sessions each, resampled with replacement "
        f"in blocks of {block} from the sessions of this run (circular block bootstrap, Politis "
        f"and Romano 1992; seed {found.seed}). It knows only the kinds of days that were "
        "recorded: no crash, if none was.",
        f"Probability of a loss over so many sessions: {odds(found.probability_of_loss)}. "
        f"Probability that the account is down at some close by {losing}.",
    ]


def interval_rows(analysis: Analysis) -> Rows:
    """Quantiles of the resamples."""
    found = analysis.bootstrap
    if found is None:
        return []
    return [
        (name, *(dollars(value) for value in quantiles.values()))
        for name, quantiles in (
            ("final balance", found.final_balance_quantiles),
            ("drawdown", found.max_drawdown_mtm_quantiles),
        )
    ]


def sharpe_rows(analysis: Analysis) -> Rows:
    """The Sharpe ratio, its probabilities, and what is left of it after so many trials."""
    s = analysis.sharpe
    sessions = s.min_track_record_sessions
    rows: Rows = [
        ("Sharpe ratio, annualised", ratio(s.sharpe_annualised),
         "mean over sample deviation of the sessions' returns, times √252; a session without a "
         "trade counts as 0"),
        ("Sharpe ratio a session", _fine(s.sharpe_a_session),
         f"over {s.sessions if s.sessions is not None else 'no'} sessions with data; "
         "none with fewer than three, or when all are the same"),
        ("Skewness, kurtosis", f"{_fine(s.skewness)}, {_fine(s.kurtosis)}",
         "of the sessions' returns; 0 and 3 for a normal distribution"),
        ("Probabilistic Sharpe ratio", odds(s.probabilistic_sharpe),
         "probability that the true ratio is above 0 (Bailey and López de Prado 2012)"),
        ("Minimum track record",
         count(math.ceil(sessions), "session") if sessions is not None else NOTHING,
         "sessions needed to be 95 % sure that the ratio is above 0 (the same)"),
    ]  # fmt: skip
    if analysis.sweep:
        rows += _sweep_rows(analysis.sweep, s)
    else:
        rows.append(
            (
                "Deflated Sharpe ratio",
                NOTHING,
                "these settings did not come out of a sweep; if "
                "you tried others by hand, the probability above is too high",
            )
        )
    return rows


def _sweep_rows(sweep: FoundBy, s: SharpeFigures) -> Rows:
    return [
        ("Expected maximum Sharpe under the null", _fine(s.expected_best_sharpe_a_session),
         f"a session, of the best of {s.trials:,} variants without skill (Bailey and López de "
         "Prado 2014)"),
        ("Deflated Sharpe ratio", odds(s.deflated_sharpe),
         "probability that the true ratio is above that (the same)"),
        ("Probability of overfitting", percent(sweep.overfitting_probability),
         "how often the winner of half the sessions ranks in the lower half on the others "
         "(CSCV; Bailey, Borwein, López de Prado and Zhu 2016)"),
        ("Sweep", str(sweep.name),
         f"best {gain(sweep.best_total_pnl)}, average variant "
         f"{gain(sweep.average_total_pnl)}"),
    ]  # fmt: skip


def _fine(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.3f}"


def cost_words(analysis: Analysis) -> str:
    """Where the profit ends."""
    return " ".join(cost_sentences(analysis.costs)) if analysis.costs else ""


def cost_sentences(costs: Costs) -> list[str]:
    """Where the profit ends, by delay."""
    said = []
    for delay in costs.delays:
        edge = costs.break_even(delay)
        entry = f"{count(delay, 'bar')} late" if delay else "at once"
        first = costs.at(costs.slippages[0], delay).total_pnl
        what = (
            f"nothing is left at {percent(edge)} of the half-spread"
            if edge is not None
            else "there is no profit even at mid"
            if first <= 0
            else f"there is a profit still at {percent(costs.slippages[-1])}"
        )
        said.append(f"Entered {entry}, {what}{_without_doubtful(costs, delay)}.")
    return [*said, "Market orders pay about 100 % (the natural side)."]


def _without_doubtful(costs: Costs, delay: int) -> str:
    """Where the profit ends without the trades on doubtful prices; empty where that is the same."""
    row, edge = costs.at(costs.slippages[0], delay), costs.break_even(delay)
    if row.doubtful_pnl is None or row.total_pnl <= 0:
        return ""
    if sum_dollars([row.total_pnl, -row.doubtful_pnl]) <= 0:
        return ", and without the trades on doubtful prices there is no profit at any fill"
    sound = costs.sound_break_even(delay)
    if sound is None or sound == edge:
        return ""
    return f", without the trades on doubtful prices at {percent(sound)}"


def cost_rows(analysis: Analysis) -> Rows:
    """The table of costs."""
    if analysis.costs is None:
        return []
    return [cost_cells(row, gain(row.total_pnl)) for row in analysis.costs.rows]


def cost_cells(row: CostRow, pnl: Cell) -> tuple[str | Cell, ...]:
    """One row of the table of costs, its P&L as the caller writes amounts."""
    return (
        f"{100 * row.slippage:g} %",
        f"{count(row.delay_bars, 'bar')} late" if row.delay_bars else "at once",
        pnl,
        f"{row.total_trades:,}",
        percent(row.win_rate if row.total_trades else None),
        ratio(row.profit_factor),
    )
