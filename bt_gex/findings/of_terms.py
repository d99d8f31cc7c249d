"""What speaks against a result by its terms: fills, commission, stops and the account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bt_gex.config.run_config import FillParams
from bt_gex.findings.evidence import Evidence
from bt_gex.findings.finding import Finding, about, count, of
from bt_gex.rules.gex.exits import TOLERANCE, stop_value
from bt_gex.rules.gex.params import ExitParams
from bt_gex.stats.spread_cost import spread_cost
from bt_gex.stats.summary import resolved, sum_dollars
from bt_gex.stats.used_up import used_up
from bt_gex.trades.reasons import ExitReason
from bt_gex.trades.records import SpreadTrade

OPTIMISTIC = 0.5  # slippage below which few are filled
USUAL_COMMISSION = 0.65  # USD per contract, per leg, per side
SPREAD_SHARE = 0.20  # of the credits, paid for crossing the bid-ask spread
NEVER_STOPPED_SHARE = 0.10  # of the trades


def findings_of_terms(evidence: Evidence) -> list[Finding]:
    """Of everything that has terms."""
    trades, fills, exits = evidence.trades, evidence.fills, evidence.exits
    found = [*_used_up(evidence)] if evidence.one_account else []
    if fills is not None:
        found += [*_assumed(trades, fills), *_spread_cost(trades, fills, evidence.multiplier)]
    if exits is not None:
        found += [*_idle_stop(exits), *_beyond_width(trades, exits)]
    return found


def _used_up(evidence: Evidence) -> Iterator[Finding]:
    end = used_up(
        evidence.trades,
        evidence.decisions,
        balance=evidence.balance,
        multiplier=evidence.multiplier,
        contracts=evidence.contracts,
    )
    if end is None:
        return
    refused = (
        f"{count(end.refused, 'check')} refused since"
        if evidence.decisions
        else "how many checks were refused since is not recorded"
    )
    yield about(
        "used_up",
        f"The account is used up on {end.session}: ${end.left:,.2f} of "
        f"${evidence.balance:,.2f} left at closes, {refused}. What the rules would have traded "
        "from then on is in no figure.",
        "Judge the sessions before that date only, or start with a larger account.balance.",
        end.closed,
        evidence.trades,
    )


def _assumed(trades: Sequence[SpreadTrade], fills: FillParams) -> Iterator[Finding]:
    """A profit that rests on fills better, or cheaper, than a trader gets."""
    done = resolved(trades)
    total = sum_dollars(trade.pnl_dollars or 0.0 for trade in done)
    if total <= 0:
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
        cost = sides(done) * USUAL_COMMISSION
        found = about(
            "no_commission",
            f"No commission is counted: at ${USUAL_COMMISSION:.2f} per contract, per leg, per side "
            f"these trades would have cost ${cost:,.2f} of ${total:,.2f}.",
            "Give your broker's with --commission.",
            done,
            trades,
        )
        yield replace(found, dollars=-round(cost, 2))


def sides(trades: Sequence[SpreadTrade]) -> int:
    """Contracts bought or sold, all legs; a settlement is no order."""
    return sum(
        trade.quantity
        * len(trade.strikes)
        * (1 if trade.exit_reason == ExitReason.SETTLEMENT else 2)
        for trade in trades
    )


def _spread_cost(
    trades: Sequence[SpreadTrade], fills: FillParams, multiplier: float
) -> Iterator[Finding]:
    cost = spread_cost(
        trades,
        multiplier=multiplier,
        entry_slippage=fills.entry_slippage,
        exit_slippage=fills.exit_slippage,
    )
    if cost.share <= SPREAD_SHARE:
        return
    done = resolved(trades)
    found = about(
        "spread_cost",
        f"Crossing the bid-ask spread cost ${cost.total:,.2f}, {100 * cost.share:.0f} % of the "
        f"${cost.credit:,.2f} of credit received: ${cost.entry:,.2f} at entry, "
        f"${cost.exit:,.2f} at exit.",
        "See with bt-gex costs what better fills would keep, and sell spreads whose credit is "
        "worth their quotes with entry.min_credit.",
        done,
        trades,
    )
    yield replace(found, dollars=-cost.total)


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


def _beyond_width(trades: Sequence[SpreadTrade], exits: ExitParams) -> Iterator[Finding]:
    """Stops that can never fire: a spread is worth its width at most."""
    loss = min(exits.stop_loss, exits.emergency_stop)
    never = [t for t in trades if stop_value(t.entry_credit, loss) - TOLERANCE > t.width]
    if len(never) > NEVER_STOPPED_SHARE * len(trades):
        yield about(
            "never_stopped",
            f"{of(len(never), len(trades), 'trade')} had a stop that can never fire: at a loss of "
            f"{100 * loss:g} % of the credit it lies beyond the width of the spread, the most a "
            "spread is worth.",
            "Lower exit.stop_loss and exit.emergency_stop, or count on the full loss of these "
            "trades.",
            never,
            trades,
        )
