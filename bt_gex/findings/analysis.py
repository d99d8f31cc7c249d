"""Everything a report says of a run beyond what the run itself wrote down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bt_gex.config.files import config_of
from bt_gex.config.run_config import setting_names
from bt_gex.findings.diagnoses import diagnose
from bt_gex.findings.doubts import GRAVEST_FIRST, Doubt, warnings
from bt_gex.results.costs import Costs
from bt_gex.results.result import RunResult
from bt_gex.stats import breakdown
from bt_gex.stats.bootstrap import SessionFigures, bootstrap, session_figures
from bt_gex.stats.sharpe import session_returns, sharpe_figures
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Statistics of a run, ready to be shown; the sources of the formulas are in `stats`.

    luck         intervals and odds by the bootstrap; None where there is too little to draw from
    sharpe       figures by session
    breakdowns   groups of trades by name of the breakdown, then by group
    doubts       the diagnoses, the gravest first
    """

    luck: dict[str, Any] | None
    sharpe: dict[str, Any]
    breakdowns: dict[str, dict[str, Any]]
    streaks: dict[str, int]
    capture_rate: float | None
    full_profits: dict[str, float | None]
    best_and_worst: dict[str, Any]
    doubts: list[Doubt]
    costs: Costs | None
    sweep: dict[str, Any] | None
    changed: list[str]


def analyse(result: RunResult, costs: Costs | None = None) -> Analysis:
    """Work out what a report says.

    costs  the same configuration at other fills, None: what is saved beside the run, if anything
    """
    if costs is None and result.folder is not None:
        costs = Costs.load(result.folder)
    trades, summary = result.trade_records, result.summary
    sweep = result.source.get("sweep")
    luck = bootstrap(sessions_of(result), balance=result.balance)
    sharpe = sharpe_figures(
        session_returns(list(result.daily_pnl.values()), result.balance),
        trials=sweep["variants"] if sweep else 1,
        variance=sweep["session_sharpe_variance"] if sweep else None,
    )
    changed = changed_settings(result)
    own = warnings(
        summary, summary["funnel"], summary["sessions"], summary["max_drawdown_mtm"], trades=trades
    )
    further = diagnose(
        trades,
        sessions=summary["sessions"],
        luck=luck,
        sharpe=sharpe,
        costs=costs.rows if costs else (),
        sweep=sweep,
        changed=changed,
        fills=result.config["fills"],
        exits=result.config["exit"],
    )
    facts = result.config["index_facts"]
    multiplier = float(facts["multiplier"])
    return Analysis(
        luck=luck,
        sharpe=sharpe,
        breakdowns={
            "by_entry_time": summary["by_entry_time"],
            "by_weekday": summary["by_weekday"],
            "by_strategy": summary["by_strategy"],
            "by_confidence": summary["by_confidence"],
            "by_exit_reason": summary["by_exit_reason"],
            "by_vix": breakdown.by_vix(trades),
            "by_distance": breakdown.by_distance(
                trades, result.config["setup"], float(facts["scale"])
            ),
        },
        streaks=breakdown.streaks(trades),
        capture_rate=breakdown.capture_rate(trades, multiplier),
        full_profits=breakdown.full_profits(trades),
        best_and_worst=breakdown.best_and_worst(trades, summary["sessions"]),
        doubts=sorted([*own, *further], key=lambda doubt: GRAVEST_FIRST.index(doubt.name)),
        costs=costs,
        sweep=sweep,
        changed=changed,
    )


def sessions_of(result: RunResult) -> list[SessionFigures]:
    """What each session with data adds to a path of the bootstrap."""
    rows = rows_by_name(result.equity_table["session"])
    equity = np.round(to_numpy(result.equity_table["equity"]) * 100).astype(np.int64)
    start = round(result.balance * 100)
    found = []
    for session in result.daily_pnl:
        levels = equity[rows[session]]
        trades = [t for t in result.trade_records if t["expiration"] == session]
        found.append(session_figures(trades, levels - start))
        start = int(levels[-1]) if len(levels) else start
    return found


def changed_settings(result: RunResult) -> list[str]:
    """Settings of a run that are not its profile's defaults, by dotted name."""
    config = config_of(result.config)
    default = type(config)(start=config.start, end=config.end, profile=config.profile)
    ours, theirs = config.resolved(), default.resolved()
    return [name for name in setting_names() if _at(ours, name) != _at(theirs, name)]


def _at(values: dict[str, Any], name: str) -> Any:
    section, _, rest = name.partition(".")
    return values[section][rest]
