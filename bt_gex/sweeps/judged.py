"""What speaks against a sweep and a walk-forward: the same list of findings as of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from bt_gex.config.files import sort_out
from bt_gex.config.origin import FoundBy
from bt_gex.config.run_config import RunConfig
from bt_gex.findings.analysis import changed_settings
from bt_gex.findings.evidence import Claim, Evidence, terms_of
from bt_gex.findings.finding import Finding, heaviest_first, resting_on
from bt_gex.findings.of_claim import edge_finding, overfit_finding, same_trades_finding
from bt_gex.findings.of_result import findings_of
from bt_gex.findings.of_terms import stop_is_idle
from bt_gex.stats.bootstrap import bootstrap, session_figures
from bt_gex.stats.sharpe import session_returns, sharpe_figures
from bt_gex.stats.summary import funnel, max_drawdown_dollars, pnl_cents, summarise
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.sweeps.plan import INFORMATIVE, PLAN_KEYS
from bt_gex.sweeps.records import InShort, WindowResult
from bt_gex.sweeps.result import SweepResult
from bt_gex.sweeps.same_trades import SAME_AS
from bt_gex.sweeps.walkforward_result import WalkForward
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFindings:
    """Of the best variant, of the baseline, and of the sweep as a whole.

    claim  how sure the best is; None where its trades were not kept
    doubt  what the best variant's profit rests on, see `resting_on`
    """

    best: list[Finding]
    baseline: list[Finding]
    sweep: list[Finding]
    claim: Claim | None
    doubt: str

    @property
    def of_choice(self) -> list[Finding]:
        """Of the best and of the sweep in one list, the heaviest first, each once."""
        return heaviest_first([*self.best, *(f for f in self.sweep if f not in self.best)])


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardFindings:
    """Of all test sessions together, and of each window's in their order.

    claim  how sure the profit out of sample is
    doubt  what it rests on, see `resting_on`
    """

    whole: list[Finding]
    windows: list[list[Finding]]
    claim: Claim
    doubt: str


def base_config(plan: Mapping[str, Any]) -> RunConfig:
    """The configuration of the baseline of a stored plan, by the rules of its version."""
    rest = {name: v for name, v in plan.items() if name not in (*PLAN_KEYS, *INFORMATIVE)}
    found = sort_out({**rest, **(plan.get("settings") or {})}, also=PLAN_KEYS)
    return RunConfig(settings=found.settings, indexes=found.indexes, **found.plain)


# ---------------------------------------------------------------------------------- a sweep


def sweep_findings(result: SweepResult) -> SweepFindings:
    """Everything that speaks against a sweep, each list the heaviest first."""
    summary = result.summary
    best, baseline = summary.best, summary.baseline
    found_by = (result.best or {}).get("sweep")
    sweep = FoundBy.from_json(found_by) if found_by else None
    judged = _of_variant(result, best, sweep)
    of_best = findings_of(judged) if judged else []
    other = None if summary.best_is_baseline else _of_variant(result, baseline, None)
    return SweepFindings(
        best=of_best,
        baseline=of_best if summary.best_is_baseline else findings_of(other) if other else [],
        sweep=list(_of_sweep(result)),
        claim=judged.claim if judged else None,
        doubt=resting_on(of_best, judged.trades) if judged else "",
    )


def _of_variant(
    result: SweepResult, short: InShort | None, sweep: FoundBy | None
) -> Evidence | None:
    trades = result.trades.get(short.variant_id) if short else None
    if short is None or trades is None:  # not kept by an earlier version
        return None
    row = next(row for row in result.rows if row["variant_id"] == short.variant_id)
    config = variant_config_of(result, row)
    pnls = _session_pnls(result, short.variant_id)
    sessions = result.sessions.get(short.variant_id) or list(_plain_sessions(pnls, trades))
    decisions = result.decisions.get(short.variant_id, [])
    return _evidence(
        trades,
        decisions,
        sessions,
        terms_of(config),
        max_drawdown_mtm=short.max_drawdown_mtm,
        claim=_claim(trades, pnls, config.account.balance, sweep, tuple(changed_settings(config))),
    )


def variant_config_of(result: SweepResult, row: Mapping[str, object]) -> RunConfig:
    """The configuration of a variant that could be run."""
    settings = {name: row[name] for name in result.plan["grid"]}
    return base_config(result.plan).with_settings(settings)


def _session_pnls(result: SweepResult, variant_id: str) -> dict[str, float]:
    table = result.session_pnl
    place = table["variant_id"].to_pylist().index(variant_id)
    return {name: float(table[name][place].as_py()) for name in table.column_names[1:]}


def _of_sweep(result: SweepResult) -> Iterator[Finding]:
    """What speaks against choosing among the variants."""
    summary = result.summary
    odds = summary.overfitting
    if odds and not summary.best_is_baseline:
        yield from overfit_finding(odds.probability)
    if summary.folded:
        yield same_trades_finding(
            summary.folded, summary.success, idle_settings(result.rows, result.plan["grid"]),
            stops=_idle_stops(result),
        )  # fmt: skip
    if summary.edges:
        yield edge_finding(", ".join(f"{name} {value}" for name, value in summary.edges.items()))


def idle_settings(
    rows: Sequence[Mapping[str, object]], grid: Mapping[str, Sequence[object]]
) -> dict[str, list[object]]:
    """Values by setting that made no difference where nothing else differed."""
    first = {row["variant_id"]: row for row in rows}
    found: dict[str, list[object]] = {}
    for row in rows:
        if row.get(SAME_AS) is None:
            continue
        other = first[row[SAME_AS]]
        differing = [name for name in grid if row[name] != other[name]]
        if len(differing) == 1:
            (name,) = differing
            values = found.setdefault(name, [])
            values += [one[name] for one in (other, row) if one[name] not in values]
    return found


def _idle_stops(result: SweepResult) -> list[float]:
    """Stops that can never fire, of variants that share their trades."""
    shared = {row[SAME_AS] for row in result.rows if row.get(SAME_AS) is not None}
    alike = [r for r in result.rows if r.get(SAME_AS) is not None or r["variant_id"] in shared]
    exits = [variant_config_of(result, row).exit for row in alike]
    return sorted({one.stop_loss for one in exits if stop_is_idle(one)})


# ---------------------------------------------------------------------------------- a walk-forward


def walkforward_findings(result: WalkForward) -> WalkForwardFindings:
    """Everything that speaks against a walk-forward, each list the heaviest first."""
    base = base_config(result.plan)
    configs = [_winner_config(base, window) for window in result.windows]
    pnls = _tested_pnls(result)
    sessions = result.sessions or list(_plain_sessions(pnls, result.trades))
    terms = terms_of(base)
    known = [config for config in configs if config is not None]
    if any(config.fills != base.fills for config in known):
        terms["fills"] = None
    claim = _claim(result.trades, pnls, base.account.balance, None, ())
    whole = findings_of(
        _evidence(
            result.trades,
            result.decisions,
            sessions,
            {**terms, "exits": None},
            max_drawdown_mtm=float(result.summary.out_of_sample["max_drawdown_mtm"]),
            claim=claim,
            one_account=False,
        )
    )
    windows = [
        _of_window(result, window, config, sessions, drawdown) if config else []
        for window, config, drawdown in zip(
            result.windows, configs, _window_drawdowns(result), strict=True
        )
    ]
    doubt = resting_on(whole, result.trades)
    return WalkForwardFindings(whole=whole, windows=windows, claim=claim, doubt=doubt)


def _of_window(
    result: WalkForward,
    window: WindowResult,
    config: RunConfig,
    sessions: Sequence[SessionSummary],
    max_drawdown_mtm: float,
) -> list[Finding]:
    first, last = date.fromisoformat(window.test_start), date.fromisoformat(window.test_end)
    return findings_of(
        _evidence(
            [trade for trade in result.trades if first <= trade.expiration <= last],
            [decision for decision in result.decisions if first <= decision.session <= last],
            [session for session in sessions if first <= session.session <= last],
            terms_of(config),
            max_drawdown_mtm=max_drawdown_mtm,
        )
    )


def _window_drawdowns(result: WalkForward) -> list[float]:
    """Largest fall of the account within each window, marked at every bar; dollars."""
    rows, equity = rows_by_name(result.equity["test_start"]), to_numpy(result.equity["equity"])
    none = np.empty(0, np.int64)
    return [max_drawdown_dollars(equity[rows.get(w.test_start, none)]) for w in result.windows]


def _winner_config(base: RunConfig, window: WindowResult) -> RunConfig | None:
    return base.with_settings(dict(window.settings)) if window.variant_id else None


def _tested_pnls(result: WalkForward) -> dict[str, float]:
    """P&L by test session, dollars."""
    cents = dict.fromkeys(result.equity["session"].to_pylist(), 0)
    for trade in result.trades:
        cents[trade.expiration.isoformat()] += pnl_cents(trade)
    return {name: amount / 100 for name, amount in cents.items()}


# ---------------------------------------------------------------------------------- both


def _evidence(
    trades: Sequence[SpreadTrade],
    decisions: Sequence[Decision],
    sessions: Sequence[SessionSummary],
    terms: Mapping[str, Any],
    *,
    max_drawdown_mtm: float,
    claim: Claim | None = None,
    one_account: bool = True,
) -> Evidence:
    bars = sum(session.bars for session in sessions if session.status != "no data")
    return Evidence(
        trades=trades,
        decisions=decisions,
        totals=summarise(trades, balance=terms["balance"]),
        funnel=funnel(decisions, trades, bars),
        sessions=sessions,
        max_drawdown_mtm=max_drawdown_mtm,
        claim=claim,
        one_account=one_account,
        **terms,
    )


def _claim(
    trades: Sequence[SpreadTrade],
    pnls: Mapping[str, float],
    balance: float,
    sweep: FoundBy | None,
    changed: Sequence[str],
) -> Claim:
    own: dict[str, list[SpreadTrade]] = {name: [] for name in pnls}
    for trade in trades:
        own[trade.expiration.isoformat()].append(trade)
    figures = [
        session_figures(of_day, np.cumsum([pnl_cents(trade) for trade in of_day]))
        for of_day in own.values()
    ]
    return Claim(
        bootstrap=bootstrap(figures, balance=balance),
        sharpe=sharpe_figures(
            session_returns(list(pnls.values()), balance),
            trials=sweep.variants if sweep else 1,
            variance=sweep.session_sharpe_variance if sweep else None,
        ),
        sweep=sweep,
        changed=changed,
    )


def _plain_sessions(
    pnls: Mapping[str, float], trades: Sequence[SpreadTrade]
) -> Iterator[SessionSummary]:
    """Sessions of which nothing but the trades was kept."""
    for name, pnl in pnls.items():
        day = date.fromisoformat(name)
        entries = sum(1 for trade in trades if trade.expiration == day)
        yield SessionSummary(
            session=day,
            status="traded" if entries else "no trades",
            checks=entries,
            entries=entries,
            trades_pnl_dollars=pnl,
            bars=0,
            priced_pct=None,
            notes=(),
            quality={},
        )
