"""What findings are made from, whatever kind of result it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bt_gex.config.origin import FoundBy
from bt_gex.config.run_config import FillParams, RunConfig
from bt_gex.rules.gex.params import ExitParams
from bt_gex.stats.bootstrap import Bootstrap
from bt_gex.stats.sharpe import SharpeFigures
from bt_gex.stats.summary import Funnel, Totals
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A result that may be acted on: how sure it is, and how it was chosen.

    costs    slippage and P&L in dollars without a latency, as far as they were tried, ascending
    sweep    what found the settings
    changed  settings that differ from their profile's defaults
    """

    bootstrap: Bootstrap | None
    sharpe: SharpeFigures
    costs: Sequence[tuple[float, float]] = ()
    sweep: FoundBy | None = None
    changed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Records of a run, of a variant of a sweep, or of windows of a walk-forward.

    trades, decisions  in order of time; decisions are empty where they were not kept
    max_drawdown_mtm   dollars, over the account marked at every bar
    balance            dollars before the first trade
    multiplier         dollars a point; contracts: of a trade, 1 where they vary
    fills, exits       None where they differ from trade to trade
    one_account        False: the account begins anew within the records
    claim              None for a part of a result, such as one window
    """

    trades: Sequence[SpreadTrade]
    decisions: Sequence[Decision]
    totals: Totals
    funnel: Funnel
    sessions: Sequence[SessionSummary]
    max_drawdown_mtm: float
    balance: float
    multiplier: float
    contracts: int = 1
    fills: FillParams | None = None
    exits: ExitParams | None = None
    claim: Claim | None = None
    one_account: bool = True


def terms_of(config: RunConfig) -> dict[str, Any]:
    """The terms of one configuration, as Evidence has them."""
    account = config.account
    return {
        "balance": account.balance,
        "multiplier": float(config.index_spec.multiplier),
        "contracts": account.quantity if account.sizing == "fixed" else 1,
        "fills": config.fills,
        "exits": config.exit,
    }
