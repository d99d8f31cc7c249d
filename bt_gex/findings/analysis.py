"""Everything a report says of a run beyond what the run itself wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bt_gex.config.origin import FoundBy
from bt_gex.config.run_config import RunConfig, setting_names, setting_of
from bt_gex.findings.evidence import Claim, Evidence, terms_of
from bt_gex.findings.finding import Finding
from bt_gex.findings.of_result import findings_of
from bt_gex.results.costs import Costs
from bt_gex.results.result import RunResult
from bt_gex.stats import breakdown
from bt_gex.stats.bootstrap import Bootstrap, SessionFigures, bootstrap, session_figures
from bt_gex.stats.breakdown import BestAndWorst, FullProfits, Streaks
from bt_gex.stats.sharpe import SharpeFigures, session_returns, sharpe_figures
from bt_gex.stats.summary import Group
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Statistics of a run, ready to be shown; the sources of the formulas are in `stats`.

    bootstrap    intervals and odds; None where there is too little to resample
    sharpe       figures by session
    breakdowns   groups of trades by name of the breakdown, then by group
    findings     the heaviest first, see `heaviest_first`
    """

    bootstrap: Bootstrap | None
    sharpe: SharpeFigures
    breakdowns: Mapping[str, Mapping[str, Group]]
    streaks: Streaks
    capture_rate: float | None
    full_profits: FullProfits
    best_and_worst: BestAndWorst
    findings: list[Finding]
    costs: Costs | None
    sweep: FoundBy | None
    changed: list[str]


def analyse(result: RunResult, costs: Costs | None = None) -> Analysis:
    """Work out what a report says.

    costs  the same configuration at other fills, None: what is saved beside the run, if anything
    """
    if costs is None and result.folder is not None:
        costs = Costs.load(result.folder)
    trades, config = result.trade_records, result.run_config
    statistics = result.statistics
    found_by = result.source.get("sweep")
    sweep = FoundBy.from_json(found_by) if found_by else None
    resampled = bootstrap(sessions_of(result), balance=result.balance)
    sharpe = sharpe_figures(
        session_returns(list(result.daily_pnl.values()), result.balance),
        trials=sweep.variants if sweep else 1,
        variance=sweep.session_sharpe_variance if sweep else None,
    )
    changed = changed_settings(config)
    claim = Claim(
        bootstrap=resampled,
        sharpe=sharpe,
        costs=costs.at_once if costs else (),
        sweep=sweep,
        changed=changed,
    )
    index, setup = config.index_spec, config.setup
    ends = (setup.near_pin_max, setup.moderate_max, setup.far_max)
    return Analysis(
        bootstrap=resampled,
        sharpe=sharpe,
        breakdowns={
            **{name: statistics.groups[name] for name in SHOWN},
            "by_vix": breakdown.by_vix(trades),
            "by_distance": breakdown.by_distance(trades, [end * index.scale for end in ends]),
        },
        streaks=breakdown.streaks(trades),
        capture_rate=breakdown.capture_rate(trades, index.multiplier),
        full_profits=breakdown.full_profits(trades),
        best_and_worst=breakdown.best_and_worst(trades, statistics.sessions),
        findings=findings_of(evidence_of(result, claim)),
        costs=costs,
        sweep=sweep,
        changed=changed,
    )


def evidence_of(result: RunResult, claim: Claim | None) -> Evidence:
    """What the findings of a run are made from."""
    statistics = result.statistics
    return Evidence(
        trades=result.trade_records,
        decisions=result.decision_records,
        totals=statistics.totals,
        funnel=statistics.funnel,
        sessions=statistics.sessions,
        max_drawdown_mtm=statistics.max_drawdown_mtm,
        claim=claim,
        **terms_of(result.run_config),
    )


SHOWN = ("by_entry_time", "by_weekday", "by_strategy", "by_confidence", "by_exit_reason")


def sessions_of(result: RunResult) -> list[SessionFigures]:
    """What each session with data adds to a path of the bootstrap."""
    rows = rows_by_name(result.equity_table["session"])
    equity = np.round(to_numpy(result.equity_table["equity"]) * 100).astype(np.int64)
    start = round(result.balance * 100)
    found = []
    for session in result.daily_pnl:
        levels = equity[rows[session]]
        trades = [t for t in result.trade_records if t.expiration.isoformat() == session]
        found.append(session_figures(trades, levels - start))
        start = int(levels[-1]) if len(levels) else start
    return found


def changed_settings(config: RunConfig) -> list[str]:
    """Settings of a run that are not its profile's defaults, by dotted name."""
    default = RunConfig(start=config.start, end=config.end, profile=config.profile)
    return [
        name for name in setting_names() if setting_of(config, name) != setting_of(default, name)
    ]
