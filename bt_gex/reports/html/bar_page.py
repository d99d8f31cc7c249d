"""A symbol of a backtest over bars as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bt_gex.config.bar_settings import flat
from bt_gex.config.run_config import setting_text
from bt_gex.findings.bar_analysis import BarAnalysis, analyse_bars
from bt_gex.reports.bar_words import bar_verdict, in_r, plain_number
from bt_gex.reports.charts.bars import BAR_FIGURES, bar_session_figure
from bt_gex.reports.html.parts import Card, Table
from bt_gex.reports.html.template import picture, rendered
from bt_gex.reports.words import count, dollars, gain, number, percent, ratio
from bt_gex.trades.bar_trades import BarTrade

if TYPE_CHECKING:
    from bt_gex.results.bar_result import BarRecord

Rows = list[Sequence[str]]
SECTIONS = (
    ("verdict", "Verdict"),
    ("account", "Account"),
    ("trades-at-large", "How trades went"),
    ("where", "Where it comes from"),
    ("sessions", "Sessions in pictures"),
    ("trades", "Trades"),
    ("data", "Sessions and data"),
    ("settings", "Settings"),
)
CAPTIONS = {
    "equity": "The account bar by bar with what is open at its close, at closes only, and each "
    "trade at its exit; below, how far it stood under its highest value.",
    "r-curve": "R of the trades in order of exit; shaded: below the peak.",
    "r-distribution": "How often trades made how much.",
    "score": "What entries of each score made.",
    "range-width": "Ranges by width, and which of them were traded.",
}
SESSION_CAPTION = (
    "Bars with open and close, the box of the opening range, its triggers (dashed), entries, "
    "exits, targets (dotted) and the stop as it moved."
)
MOST_PICTURES = 12  # sessions drawn in a page
GROUPS = {
    "by_direction": "By direction",
    "by_exit_reason": "By exit reason",
    "by_entry_hour": "By hour of entry, New York",
    "by_weekday": "By weekday of entry",
}


def bar_page(record: BarRecord, analysis: BarAnalysis | None = None) -> str:
    """The page; the same result gives the same text."""
    known = analysis or analyse_bars(record)
    about = record.source["data"]
    return rendered(
        "bar_report.html.jinja",
        title=f"bt_gex {record.run_id}",
        kind=f"bt_gex report, {record.strategy} {record.symbol}, run {record.run_id}",
        sections=SECTIONS,
        verdict=bar_verdict(record),
        terms=(
            f"Balance at start {dollars(record.balance)}; data {about['source']}, "
            f"{count(about['rows'], 'bar')} from {about['first']} to {about['last']}."
        ),
        cards=_cards(record, known),
        cards_note=_cards_note(known),
        findings=known.findings,
        no_findings="None of the checks found a reason to distrust the figures. That is no proof: "
        "they look for known faults only.",
        pictures={
            name: picture(name, draw(record), CAPTIONS[name]) for name, draw in BAR_FIGURES.items()
        },
        figures=_figures(record),
        groups=_groups(record),
        ranges=_ranges(known),
        effects=_effects(known),
        buckets=_buckets(known),
        session_pictures=_session_pictures(record),
        trade_rows=[_trade_row(trade) for trade in record.trade_records],
        why_none=record.why_no_trades,
        session_rows=_session_rows(record),
        settings=[f"{name}: {setting_text(value)}" for name, value in flat(record.config).items()],
        versions=", ".join(f"{k} {v}" for k, v in record.source["versions"].items()),
    )


def _cards(record: BarRecord, known: BarAnalysis) -> list[Card]:
    m, totals = record.statistics.metrics, record.statistics.totals
    tone = "gain" if totals.total_pnl > 0 else "loss" if totals.total_pnl < 0 else ""
    r, b = known.intervals, known.bootstrap
    won = f"{totals.winners:,} of {count(totals.total_trades, 'trade')}"
    return [
        Card("total-r", "Total R", in_r(m["total_r"]),
             f"{in_r(r.total_r[0])} to {in_r(r.total_r[1])}" if r else "no interval", tone),
        Card("pnl", "Profit and loss", gain(totals.total_pnl),
             f"{gain(b.total_pnl[0])} to {gain(b.total_pnl[1])}" if b else "no interval", tone),
        Card("win-rate", "Win rate", percent(m["win_rate"]), won),
        Card("trades", "Trades", f"{totals.total_trades:,}",
             count(len(record.statistics.sessions), "session")),
        Card("sharpe", "Sharpe", plain_number(m["sharpe_ratio"]),
             f"of single trades; of sessions {plain_number(m['sharpe_daily'])}"),
        Card("profit-factor", "Profit factor", ratio(m["profit_factor"]), ""),
        Card("drawdown", "Maximum drawdown", in_r(m["max_drawdown_r"]),
             f"{dollars(record.statistics.max_drawdown_mtm)} marked per bar"),
    ]  # fmt: skip


def _cards_note(known: BarAnalysis) -> str:
    if known.bootstrap is None:
        return "No intervals: they take at least two sessions and a trade."
    found = known.bootstrap
    return (
        f"Intervals are the middle {percent(found.coverage)} of what {found.paths:,} resamples of "
        f"the {found.sessions} sessions gave."
    )


def _figures(record: BarRecord) -> Rows:
    m, totals = record.statistics.metrics, record.statistics.totals
    return [
        ("Average R, expectancy", in_r(m["expectancy"], 3)),
        ("Median R", in_r(m["median_r"], 3)),
        ("Sortino", plain_number(m["sortino_ratio"])),
        ("Average winner", in_r(m["avg_winner_r"])),
        ("Average loser", in_r(m["avg_loser_r"])),
        ("Largest winner", in_r(m["largest_winner_r"])),
        ("Largest loser", in_r(m["largest_loser_r"])),
        ("Longest run of wins", str(m["consecutive_wins"])),
        ("Longest run of losses", str(m["consecutive_losses"])),
        ("Minutes held, mean", plain_number(m["avg_trade_duration_minutes"], 1)),
        ("Average win", dollars(totals.avg_win)),
        ("Average loss", dollars(totals.avg_loss)),
        ("Final balance", dollars(totals.final_balance)),
    ]


def _groups(record: BarRecord) -> list[Table]:
    found = []
    for key, title in GROUPS.items():
        rows: Rows = [
            (name, f"{g.count:,}", f"{g.winners:,}", percent(g.win_rate), gain(g.pnl))
            for name, g in record.statistics.groups[key].items()
        ]
        if rows:
            found.append(Table(title, rows))
    return found


def _ranges(known: BarAnalysis) -> Rows:
    ranges = known.ranges
    if ranges is None:
        return []
    return [
        ("sessions", f"{ranges.sessions:,}"),
        ("could be traded", f"{ranges.traded:,}"),
        *((f"not traded: {reason}", f"{times:,}") for reason, times in ranges.reasons.items()),
    ]


def _effects(known: BarAnalysis) -> Rows:
    return [
        (
            e.factor, f"{e.present_count:,}", percent(e.present_win_rate),
            in_r(e.present_avg_r, 3), f"{e.absent_count:,}", percent(e.absent_win_rate),
            in_r(e.absent_avg_r, 3), in_r(e.delta_avg_r, 3),
        )
        for e in known.effects
    ]  # fmt: skip


def _buckets(known: BarAnalysis) -> Rows:
    return [
        (f"{b.low:g} to below {b.high:g}", f"{b.count:,}", percent(b.win_rate), in_r(b.avg_r, 3))
        for b in known.buckets
    ]


def _session_pictures(record: BarRecord) -> list[Mapping[str, object]]:
    """Sessions with trades, the dearest and the best first, in order of time."""
    traded = [row for row in record.statistics.sessions if row.trades]
    traded.sort(key=lambda row: -abs(row.trades_pnl_dollars))
    shown = sorted(traded[:MOST_PICTURES], key=lambda row: row.session)
    return [
        {
            "day": str(row.session),
            "picture": picture(
                f"session-{row.session}",
                bar_session_figure(record, str(row.session)),
                SESSION_CAPTION,
            ),
        }
        for row in shown
    ]


def _trade_row(trade: BarTrade) -> Sequence[str]:
    return (
        trade.trade_id,
        trade.direction,
        f"{trade.quantity:g}",
        number(float(trade.entry_price)),
        "" if trade.initial_stop is None else number(float(trade.initial_stop)),
        f"{trade.timestamp_exit:%Y-%m-%d %H:%M}",
        number(trade.exit_price),
        trade.exit_reason,
        gain(trade.pnl_dollars),
        in_r(trade.realized_r),
        in_r(trade.mfe_r),
        in_r(trade.mae_r),
    )


def _session_rows(record: BarRecord) -> Rows:
    days = {day.session: day for day in record.days}
    rows: Rows = []
    for row in record.statistics.sessions:
        day = days.get(row.session)
        rows.append(
            (
                str(row.session),
                f"{row.bars:,}",
                f"{row.missing:,}",
                f"{day.or_minutes}" if day else "",
                plain_number(day.width_atr) if day and day.width_atr is not None else "",
                f"{row.trades:,}",
                gain(float(row.trades_pnl_dollars)) if row.trades else "",
                "; ".join([*([row.reason] if row.reason else []), *row.notes]),
            )
        )
    return rows
