"""A run as one HTML file that needs nothing else: no network, no further file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_gex.reports.charts.pictures import equity_figure
from bt_gex.reports.charts.run import PICTURES, costs_figure
from bt_gex.reports.html import intervals, parts
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
    ("where", "Where it comes from"),
    ("trades-at-large", "How trades went"),
    ("bootstrap", "Bootstrap intervals"),
    ("fills", "Fills"),
    ("funnel", "Funnel"),
    ("trades", "Trades"),
    ("data", "Data"),
    ("assumptions", "Assumptions"),
)
CAPTIONS = {
    "equity": "The account bar by bar with open spreads at mid, at closes only, and each trade at "
    "its exit; below, how far it stood under its highest value.",
    "drawdown": "Distance to the highest value so far, marked at every bar and at closes only.",
    "margin": "Dollars that open spreads could have lost at most.",
    "calendar": "Each session in its week; gains are blue, losses brown.",
    "entry-times": "By time and weekday of entry. A handful of trades in a cell says little.",
    "mae-mfe": "How far each trade went against and for the account, and what it made in the end.",
    "distribution": "How often trades made how much.",
    "costs": "The same configuration at other fills, and with entries some bars late.",
}


def html_report(result: RunResult, analysis: Analysis) -> str:
    """The page; the same run gives the same text."""
    return rendered(
        "report.html.jinja",
        title=f"bt_gex {result.run_id}",
        kind=f"bt_gex report, run {result.run_id}",
        sections=SECTIONS,
        trade_data=as_is(trade_data(result)),
        trades_script=as_is(file_text("trades.js")),
        folder=str(result.folder or result.run_id),
        verdict=verdict(result),
        terms=parts.terms(result),
        profile=result.run_config.profile,
        cards=parts.cards(result, analysis),
        cards_note=parts.cards_note(analysis),
        findings=analysis.findings,
        no_findings=parts.no_findings(result),
        pictures=_pictures(result, analysis),
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
        filters=parts.filters(result),
        why_none=why_no_trades(result.statistics),
        data_words=parts.data_words(result),
        session_head=parts.SESSION_HEAD,
        session_rows=parts.session_rows(result),
        quality=parts.quality(result),
        assumptions=parts.assumption_rows(result),
        settings=parts.settings(result, analysis),
        versions=parts.versions(result),
    )


def _pictures(result: RunResult, analysis: Analysis) -> dict[str, Picture]:
    drawn: dict[str, Figure] = {"equity": equity_figure(result)}
    drawn |= {name: draw(result) for name, draw in PICTURES.items()}
    if analysis.costs:
        drawn["costs"] = costs_figure(result, analysis.costs)
    return {name: picture(name, figure, CAPTIONS[name]) for name, figure in drawn.items()}
