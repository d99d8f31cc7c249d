"""What the pages of a sweep and of a walk-forward share: terms, cards, doubtful trades, tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bt_gex.config.run_config import setting_defaults, setting_of, setting_text
from bt_gex.findings.of_run import doubtful_trades
from bt_gex.reports.assumptions import assumptions
from bt_gex.reports.console.sweep import setting
from bt_gex.reports.console.sweep import terms as fill_words
from bt_gex.reports.html.intervals import INTERVAL_HEAD
from bt_gex.reports.words import (
    NOTHING,
    count,
    dollars,
    flags_of,
    gain,
    new_york_time,
    number,
    odds,
    percent,
    ratio,
)
from bt_gex.stats.summary import sum_dollars

if TYPE_CHECKING:
    from bt_gex.config.run_config import RunConfig
    from bt_gex.findings.evidence import Claim
    from bt_gex.trades.records import SpreadTrade

Rows = list[Sequence[str]]
MOST_DOUBTFUL = 20  # rows of doubtful trades
DOUBTFUL_HEAD = (
    "entry, New York", "P&L", "spread", "credit", "exit", "paid", "flags",
    "bid / ask of each leg at entry, at exit",
)  # fmt: skip
NO_FINDINGS = (
    "None of the checks found a reason to distrust the figures. That is no proof: they look for "
    "known faults only."
)


def tone(amount: float | None) -> str:
    """The style of an amount."""
    return "" if not amount else "gain" if amount > 0 else "loss"


def terms(plan: Mapping[str, object], source: Mapping[str, object]) -> str:
    """What the variants rest on."""
    paid = fill_words(plan)
    return f"{paid[0].upper()}{paid[1:]}; data {source.get('database', 'of unknown origin')}."


def split(trades: Sequence[SpreadTrade]) -> tuple[list[SpreadTrade], float, float]:
    """The trades on doubtful prices, what they made, and what all others made."""
    doubtful = doubtful_trades(trades)
    named = {trade.order_id for trade in doubtful}
    made = sum_dollars(t.pnl_dollars or 0.0 for t in doubtful)
    others = sum_dollars(t.pnl_dollars or 0.0 for t in trades if t.order_id not in named)
    return doubtful, made, others


def doubtful_rows(trades: Iterable[SpreadTrade]) -> Rows:
    """The trades with what makes them doubtful, the most dollars first."""
    ordered = sorted(trades, key=lambda trade: -abs(trade.pnl_dollars or 0.0))
    return [
        (
            f"{new_york_time(trade.timestamp_entry):%Y-%m-%d %H:%M}",
            gain(trade.pnl_dollars),
            f"{trade.strategy} {'/'.join(f'{strike:.10g}' for strike in trade.strikes)}",
            number(trade.entry_credit),
            f"{new_york_time(trade.timestamp_exit):%H:%M:%S}, {trade.exit_reason}",
            number(trade.exit_value),
            ", ".join(flags_of(trade)) or "closed in the minute of entry",
            "; ".join(
                f"{_quote(leg.bid_entry, leg.ask_entry, leg.age_entry_s)}, "
                f"{_quote(leg.bid_exit, leg.ask_exit, leg.age_exit_s)}"
                for leg in trade.leg_quotes
            ),
        )
        for trade in ordered[:MOST_DOUBTFUL]
    ]


def _quote(bid: float | None, ask: float | None, age_s: float | None) -> str:
    """Bid and ask, and how old they were where that is known and not 0."""
    if ask is None:
        return "none"
    return f"{f'{bid:g}' if bid else 'no bid'}/{ask:g}{f' ({age_s:g} s old)' if age_s else ''}"


def claim_words(claim: Claim | None) -> list[str]:
    """How sure a profit is, in words."""
    if claim is None:
        return []
    resampled, sharpe = claim.bootstrap, claim.sharpe
    said = []
    if resampled is None:
        said.append(
            "Sessions cannot be resampled here: that takes at least two with data and a trade."
        )
    else:
        said.append(
            f"{resampled.sessions} sessions resampled {resampled.paths:,} times (circular block "
            "bootstrap): the probability of a loss over so many sessions is "
            f"{odds(resampled.probability_of_loss)}."
        )
    said.append(
        f"Sharpe ratio, annualised, {ratio(sharpe.sharpe_annualised)}; the probability that the "
        f"true one is above 0 is {odds(sharpe.probabilistic_sharpe)} (probabilistic Sharpe ratio)."
    )
    needed = sharpe.min_track_record_sessions
    if needed is not None:
        said.append(
            f"To be 95 % sure of that takes {count(math.ceil(needed), 'session')} at this rate; "
            f"there are {sharpe.sessions}."
        )
    if sharpe.deflated_sharpe is not None:
        said.append(
            f"The best of {sharpe.trials:,} variants without any skill is expected to show "
            f"{sharpe.expected_best_sharpe_a_session or 0.0:.3f} a session; the probability that "
            f"this one is truly above that is {odds(sharpe.deflated_sharpe)} (deflated Sharpe "
            "ratio)."
        )
    return said


def claim_rows(claim: Claim | None) -> tuple[Sequence[str], Rows]:
    """Head and row of the resampled balances."""
    if claim is None or claim.bootstrap is None:
        return INTERVAL_HEAD, []
    quantiles = claim.bootstrap.final_balance_quantiles.values()
    return INTERVAL_HEAD, [("final balance", *(dollars(value) for value in quantiles))]


def parameter_rows(
    base: RunConfig, grid: Mapping[str, Sequence[Any]], best: Mapping[str, Any] | None = None
) -> Rows:
    """Every setting that is swept or not a default: baseline, best if there is one, and what was
    tried."""
    defaults = setting_defaults()
    changed = [name for name in defaults if setting_of(base, name) != defaults[name]]
    return [
        (
            name,
            setting_text(setting_of(base, name)),
            *([] if best is None else [_value(best, name, base)]),
            ", ".join(setting(value) for value in grid[name]) if name in grid else "not swept",
        )
        for name in dict.fromkeys([*grid, *changed])
    ]


def _value(row: Mapping[str, object], name: str, base: RunConfig) -> str:
    return setting(row[name]) if name in row else setting_text(setting_of(base, name))


def assumption_rows(base: RunConfig) -> Rows:
    """What the baseline takes for granted."""
    return [*assumptions(base)]


def versions(source: Mapping[str, Any]) -> str:
    """Software and data."""
    known = ", ".join(f"{name} {text}" for name, text in source.get("versions", {}).items())
    data = str(source.get("fingerprint", "unknown"))[:16]
    return f"Data fingerprint {data}. {known or 'Versions unknown'}."


def share_of(part: int, whole: int) -> str:
    """`3 of 12 (25.0 %)`."""
    return f"{part:,} of {whole:,} ({percent(part / whole)})" if whole else NOTHING
