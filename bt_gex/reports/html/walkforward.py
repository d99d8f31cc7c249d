"""A walk-forward as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bt_gex.reports.charts.drawing import Numbers, thinned
from bt_gex.reports.console.sweep import in_short, ranked_by, setting
from bt_gex.reports.console.walkforward import headline, picked, verdict, walkforward_figure
from bt_gex.reports.html import variants
from bt_gex.reports.html.parts import Card, Table
from bt_gex.reports.html.template import as_is, picture, rendered
from bt_gex.reports.words import NOTHING, count, dollars, gain, percent, ratio
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.sweeps.judged import WalkForwardFindings, base_config, walkforward_findings

if TYPE_CHECKING:
    from bt_gex.findings.finding import Finding
    from bt_gex.sweeps.records import WindowResult
    from bt_gex.sweeps.walkforward_result import WalkForward
    from bt_gex.trades.records import SpreadTrade

SECTIONS = (
    ("verdict", "Verdict"),
    ("doubtful", "Doubtful trades"),
    ("account", "Account"),
    ("windows", "Windows"),
    ("picks", "What was picked"),
    ("where", "Where it comes from"),
    ("sure", "How sure"),
    ("parameters", "Parameters"),
    ("assumptions", "Assumptions"),
)
GROUPS = {
    "by_exit_reason": "By exit reason",
    "by_strategy": "By strategy",
    "by_entry_time": "By time of entry, New York",
    "by_weekday": "By weekday of entry",
}
WINDOW_HEAD = (
    "test sessions", "account", "out of sample", "on doubtful prices", "trades", "in sample",
    "average variant", "baseline", "picked",
)  # fmt: skip
LINE_WIDTH, LINE_HEIGHT = 110, 30
LINE_POINTS = 160  # two a pixel say no more


class WindowRow(NamedTuple):
    """A window: its cells, its account as a small line, and what speaks against it."""

    test: str
    line: Any
    tone: str
    cells: Sequence[str]
    picked: str
    findings: Sequence[Finding]
    in_short: str


def walkforward_report(result: WalkForward) -> str:
    """The page; the same walk-forward gives the same text."""
    found = walkforward_findings(result)
    doubtful, made, others = variants.split(result.trades)
    base = base_config(result.plan)
    *sentences, judged = verdict(result.summary, found.doubt)
    interval_head, interval_rows = variants.claim_rows(found.claim)
    return rendered(
        "walkforward.html.jinja",
        title=f"bt_gex {result.name}",
        kind=f"bt_gex report, {result.name}",
        sections=SECTIONS,
        verdict=_capital(judged.removeprefix("Verdict: ")),
        terms=_terms(result),
        cards=_cards(result),
        cards_note=f"{headline(result)}.",
        sentences=sentences,
        findings=found.whole,
        no_findings=variants.NO_FINDINGS,
        doubtful_head=variants.DOUBTFUL_HEAD,
        doubtful_rows=variants.doubtful_rows(doubtful),
        doubtful_words=_doubtful_words(result, len(doubtful), made, others),
        equity=picture(
            "equity", walkforward_figure(result),
            "The account over all test sessions, each window going on where the last one ended; "
            "dashed lines: the next pick. Below, how far it stood under its highest value.",
        ),
        window_head=WINDOW_HEAD,
        windows=window_rows(result, found),
        picks=_picks(result),
        groups=_groups(result),
        claim_words=variants.claim_words(found.claim),
        interval_head=interval_head,
        interval_rows=interval_rows,
        parameters=variants.parameter_rows(base, result.plan["grid"]),
        doubt=found.doubt,
        assumptions=variants.assumption_rows(base),
        versions=variants.versions(result.source),
    )  # fmt: skip


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _terms(result: WalkForward) -> str:
    summary = result.summary
    ranked = ranked_by(summary.objective, summary.train)
    anchored = ", from the first session on" if summary.anchored else ""
    return (
        f"In each window the best of {count(summary.variants, 'variant')} on "
        f"{count(summary.train, 'session')}{anchored}, {ranked}, was traded on the next "
        f"{summary.test}. {variants.terms(result.plan, result.source)}"
    )


def _cards(result: WalkForward) -> list[Card]:
    s = result.summary
    doubtful, made, others = variants.split(result.trades)
    sound = sum(1 for window in result.windows if variants.split(_trades(result, window))[2] > 0)
    without = f"{sound:,} without doubtful trades; " if doubtful else ""
    out = s.out_of_sample
    total = float(out["total_pnl"])
    efficiency = "none" if s.efficiency is None else f"{s.efficiency:.2f}"
    return [
        Card("total", "Out of sample", gain(total),
             f"{count(out['total_trades'], 'trade')} in {count(s.windows, 'window')}",
             variants.tone(total)),
        Card("sound", "Without doubtful trades", gain(others),
             f"{count(len(doubtful), 'doubtful trade')} made {gain(made)}",
             variants.tone(others)),
        Card("windows", "Windows that made money", f"{s.profitable_windows:,} of {s.windows:,}",
             f"{without}the pick beat the average variant in {s.beat_average_windows:,}"),
        Card("baseline", "Baseline, same sessions", gain(s.baseline_pnl),
             "the configuration left as it was", variants.tone(s.baseline_pnl)),
        Card("average", "Average variant, same sessions", gain(s.average_variant_pnl),
             "picking none", variants.tone(s.average_variant_pnl)),
        Card("efficiency", "Efficiency", efficiency,
             f"a session: {gain(s.in_sample_a_session)} in sample, "
             f"{gain(s.out_of_sample_a_session)} out of it"),
        Card("drawdown", "Maximum drawdown marked per bar", dollars(out["max_drawdown_mtm"]),
             f"profit factor {ratio(out['profit_factor'])}, {percent(out['win_rate'])} won"),
    ]  # fmt: skip


def _doubtful_words(result: WalkForward, doubtful: int, made: float, others: float) -> str:
    if not doubtful:
        return "No trade rests on a doubtful price."
    return (
        f"{variants.share_of(doubtful, len(result.trades))} trades rest on doubtful prices: they "
        f"made {gain(made)}, all others {gain(others)}."
    )


def window_rows(result: WalkForward, found: WalkForwardFindings) -> list[WindowRow]:
    """One row a window."""
    rows = rows_by_name(result.equity["test_start"])
    equity = to_numpy(result.equity["equity"])
    start = float(result.summary.out_of_sample["final_balance"]) - float(
        result.summary.out_of_sample["total_pnl"]
    )
    found_rows = []
    for window, findings in zip(result.windows, found.windows, strict=True):
        own = rows.get(window.test_start)
        levels = equity[own] if own is not None else np.empty(0)
        found_rows.append(
            WindowRow(
                test=_dates(window),
                line=as_is(account_line(levels - start, window.out_of_sample_pnl)),
                tone=variants.tone(window.out_of_sample_pnl),
                cells=_window_cells(result, window),
                picked=picked(window),
                findings=findings,
                in_short="; ".join(in_short(finding) for finding in findings),
            )
        )
        start = float(levels[-1]) if len(levels) else start
    return found_rows


def _dates(window: WindowResult) -> str:
    if window.test_start == window.test_end:
        return window.test_start
    return f"{window.test_start} to {window.test_end}"


def _trades(result: WalkForward, window: WindowResult) -> list[SpreadTrade]:
    first, last = window.test_start, window.test_end
    return [trade for trade in result.trades if first <= trade.expiration.isoformat() <= last]


def _window_cells(result: WalkForward, window: WindowResult) -> Sequence[str]:
    doubtful, made, _ = variants.split(_trades(result, window))
    return (
        gain(window.out_of_sample_pnl),
        f"{gain(made)} ({len(doubtful):,})" if doubtful else "",
        f"{window.out_of_sample_trades:,}",
        gain(window.in_sample_pnl),
        gain(window.average_variant_pnl),
        gain(window.baseline_pnl),
    )


def account_line(levels: Numbers, pnl: float | None) -> str:
    """An SVG of a window's account from its start, at 0, on; dollars."""
    if not len(levels):
        return ""
    places, values = thinned(np.append(0.0, levels), LINE_POINTS)
    low, high = float(values.min()), float(values.max())
    room = LINE_HEIGHT - 4

    def y(value: float) -> float:
        return 2 + room * (high - value) / (high - low) if high > low else LINE_HEIGHT / 2

    step = LINE_WIDTH / max(int(places[-1]), 1)
    points = [(f"{place * step:.1f}", f"{y(value):.1f}") for place, value in
              zip(places.tolist(), values.tolist(), strict=True)]  # fmt: skip
    kept = [point for n, point in enumerate(points) if n == 0 or point != points[n - 1]]
    drawn = " ".join(f"{x},{height}" for x, height in kept)
    colour = "var(--blue)" if (pnl or 0.0) > 0 else "var(--vermilion)"
    zero = f"{y(0.0):.1f}"
    return (
        f'<svg class="line" role="img" aria-label="account of the window, {gain(pnl)}" '
        f'viewBox="0 0 {LINE_WIDTH} {LINE_HEIGHT}">'
        f'<line x1="0" x2="{LINE_WIDTH}" y1="{zero}" y2="{zero}" stroke="var(--line)"/>'
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{drawn}"/></svg>'
    )


def _picks(result: WalkForward) -> list[Sequence[str]]:
    return [
        (name, setting(one.value), percent(one.share), f"{one.distinct:,}")
        for name, one in result.summary.stability.items()
    ]


def _groups(result: WalkForward) -> list[Table]:
    found = []
    for key, title in GROUPS.items():
        groups = result.summary.out_of_sample.get(key) or {}
        rows: list[Sequence[str]] = [
            (
                name,
                f"{group['count']:,}",
                percent(group["win_rate"]) if group["count"] else NOTHING,
                gain(group["pnl"]),
            )
            for name, group in groups.items()
        ]
        if rows:
            found.append(Table(title, rows))
    return found
