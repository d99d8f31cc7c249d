"""A run as one HTML file that needs nothing else: no network, no further file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_gex.findings.finding import resting_on
from bt_gex.reports.charts.drawing import MOST_MARKS
from bt_gex.reports.charts.pictures import equity_figure
from bt_gex.reports.charts.run import PICTURES, costs_figure
from bt_gex.reports.html import calendar, intervals, parts
from bt_gex.reports.html.sessions import session_data
from bt_gex.reports.html.template import Picture, as_is, file_text, picture, rendered
from bt_gex.reports.html.trades import trade_data
from bt_gex.reports.words import verdict, why_no_trades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bt_gex.findings.analysis import Analysis
    from bt_gex.results.result import RunResult

SECTIONS = (
    ("verdict", "Verdict"),
    ("account", "Account"),
    ("sessions", "Sessions"),
    ("breakdown", "Breakdown"),
    ("distribution", "Distribution"),
    ("bootstrap", "Bootstrap intervals"),
    ("fills", "Fills"),
    ("funnel", "Funnel"),
    ("trades", "Trades"),
    ("data", "Data"),
    ("assumptions", "Assumptions"),
)
CAPTIONS = {
    "equity": "The account at every bar with open spreads at mid, and at closes only, with the "
    f"exits of up to {MOST_MARKS} trades; below, the drawdown: how far the account with open "
    "spreads at mid stood under its highest value so far.",
    "margin": "Dollars that the open spreads could have lost at most; of many sessions the most in "
    "each.",
    "mae-mfe": "The worst and the best mark of each trade, and what it made in the end.",
    "distribution": "Number of trades by P&L.",
    "costs": "The same configuration at other fills, and with entries some bars late.",
}
DRAWN = ("margin", "mae-mfe", "distribution")  # of PICTURES; the others are tables here


def html_report(result: RunResult, analysis: Analysis) -> str:
    """The page; the same run gives the same text."""
    return rendered(
        "report.html.jinja",
        title=f"bt_gex {result.run_id}",
        kind=f"bt_gex report, run {result.run_id}",
        sections=SECTIONS,
        trade_data=as_is(trade_data(result)),
        trades_script=as_is(file_text("trades.js")),
        session_data=as_is(session_data(result)),
        session_script=as_is(file_text("session.js")),
        folder=str(result.folder or result.run_id),
        verdict=verdict(result, resting_on(analysis.findings, result.trade_records)),
        terms=parts.terms(result),
        profile=result.run_config.profile,
        cards=parts.cards(result, analysis),
        cards_note=parts.cards_note(analysis),
        findings=analysis.findings,
        no_findings=parts.no_findings(result),
        pictures=_pictures(result, analysis),
        months=calendar.month_grid(result),
        calendar=calendar.calendar(result),
        trading_days=calendar.TRADING_DAYS,
        entry_heat=calendar.entry_heat(result),
        groups=parts.groups(analysis),
        figures=parts.figures(result, analysis),
        interval_words=intervals.interval_words(analysis),
        interval_head=intervals.INTERVAL_HEAD,
        interval_rows=intervals.interval_rows(analysis),
        sharpe_rows=intervals.sharpe_rows(analysis),
        cost_words=intervals.cost_words(analysis),
        cost_rows=intervals.cost_rows(analysis),
        stages=parts.stages(result),
        funnel_words=parts.funnel_words(result),
        reasons=parts.reasons(result),
        trade_count=len(result.trade_records),
        trade_head=parts.TRADE_HEAD,
        plain_trades=parts.plain_trades(result),
        filters=parts.filters(result),
        why_none=why_no_trades(result.statistics),
        data_words=parts.data_words(result),
        session_head=parts.SESSION_HEAD,
        session_rows=parts.session_rows(result),
        all_sessions=parts.ALL_SESSIONS,
        quality=parts.quality(result),
        assumptions=parts.assumption_rows(result),
        settings=parts.settings(result, analysis),
        versions=parts.versions(result),
    )


def _pictures(result: RunResult, analysis: Analysis) -> dict[str, Picture]:
    drawn: dict[str, Figure] = {"equity": equity_figure(result)}
    drawn |= {name: PICTURES[name](result) for name in DRAWN}
    if analysis.costs:
        drawn["costs"] = costs_figure(result, analysis.costs)
    return {name: picture(name, figure, CAPTIONS[name]) for name, figure in drawn.items()}
