"""What the parts of the HTML report say, as words and rows of tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bt_gex.config.run_config import setting_names, setting_of, setting_text
from bt_gex.findings.finding import flagged
from bt_gex.findings.of_run import BAD_QUOTES, MISSING_ENDS
from bt_gex.reports.assumptions import assumptions
from bt_gex.reports.words import (
    NOTHING,
    count,
    dollars,
    drawdown_length,
    drawdown_words,
    fills,
    flags_of,
    gain,
    minutes,
    new_york_time,
    number,
    percent,
    ratio,
    session_cells,
    signed_pct,
    unpriced_words,
)
from bt_gex.stats import breakdown
from bt_gex.stats.bootstrap import Interval
from bt_gex.stats.breakdown import Extreme
from bt_gex.stats.summary import most_frequent_first
from bt_gex.trades.reasons import TradeFlag

if TYPE_CHECKING:
    from bt_gex.findings.analysis import Analysis
    from bt_gex.results.result import RunResult

Rows = list[Sequence[str]]
GROUPS = {
    "by_exit_reason": "By exit reason",
    "by_strategy": "By strategy",
    "by_confidence": "By confidence",
    "by_distance": "By distance from the pin, points",
    "by_vix": "By VIX at entry",
    "by_weekday": "By weekday of entry",
    "by_entry_time": "By time of entry, New York",
}
TRADE_HEAD = ("order", "P&L", "reason", "entry", "exit", "credit", "exit value")
SESSION_HEAD = ("session", "status", "checks", "entries", "P&L", "bars priced", "notes")
MOST_REASONS = 15  # texts of a kind
ALL_SESSIONS = 20  # rows up to which the table of sessions is unfolded
PLAIN_TRADES = 300  # rows up to which a page without JavaScript has the trades
MEANINGS = {
    **BAD_QUOTES,
    "quote rows": "recorded quotes of the options the rules asked for",
    "NULL index price": "rows passed over for the index price",
    "NULL vix": "rows passed over for the VIX",
    "NULL bid": "no bid; counts as 0",
    "locked": "bid equals ask; used as it is",
    "rows of gex_peaks": "recorded peaks",
    "rows of market_context": "recorded index prices and VIX",
    "duplicate peaks": "same instant twice; the later row counts",
    "duplicate context": "same instant twice; the later row counts",
    "chains of another expiry": "option chains that expire on another day; not used for peaks",
    **dict.fromkeys(MISSING_ENDS, "in sessions where it is an hour or more"),
    "no such option": "quotes of neither a call nor a put, or without a strike",
}


class Filter(NamedTuple):
    """What the trade table can be narrowed to by one of its columns."""

    name: str
    label: str
    choices: list[str]


class Setting(NamedTuple):
    """A setting as it was used."""

    name: str
    value: str
    changed: bool


class SessionRow(NamedTuple):
    """A session and what its row says of it."""

    name: str
    cells: Sequence[str]


class Step(NamedTuple):
    """A step of the funnel, how often it was reached, and the width of its bar in percent."""

    name: str
    times: str
    width: str


class Reasons(NamedTuple):
    """Skips of a kind: how many, their share of the checks, and their texts with their counts."""

    kind: str
    times: str
    share: str
    texts: Rows


class Table(NamedTuple):
    """A titled table."""

    title: str
    rows: Rows


class Card(NamedTuple):
    """A figure with its bootstrap interval."""

    id: str
    name: str
    value: str
    note: str
    tone: str = ""


def terms(result: RunResult) -> str:
    """What the result rests on."""
    config = result.run_config
    return (
        f"Profile {config.profile}; fills {fills(config.fills)}; commission "
        f"{dollars(config.fills.commission)} per contract, per leg, per side; balance at start "
        f"{dollars(result.balance)}; data {result.source.get('database', 'of unknown origin')}."
    )


def cards(result: RunResult, analysis: Analysis) -> list[Card]:
    """The verdict in figures, each with its interval."""
    s, b = result.statistics.totals, analysis.bootstrap
    won = f"{s.winners:,} of {count(s.total_trades, 'trade')}"
    tone = "gain" if s.total_pnl > 0 else "loss" if s.total_pnl < 0 else ""
    traded = bool(s.total_trades)
    further = result.statistics.performance
    return [
        Card("pnl", "Profit and loss", gain(s.total_pnl),
             _between(b.total_pnl if b else None, gain), tone),
        Card("return", "Return", signed_pct(s.return_pct),
             _between(b.return_pct if b else None, signed_pct), tone),
        Card("win-rate", "Win rate", percent(s.win_rate if traded else None),
             f"{won}; {_between(b.win_rate if b else None, percent)}"),
        Card("profit-factor", "Profit factor", ratio(s.profit_factor),
             _between(b.profit_factor if b else None, ratio)),
        Card("drawdown", "Maximum drawdown", drawdown_words(further.drawdown),
             f"{drawdown_length(further.drawdown)}; "
             f"{_between(b.max_drawdown_mtm if b else None, dollars)}"),
        Card("expectancy", "Expectancy", gain(further.expectancy),
             "average P&L of a trade" if traded else "no trade"),
    ]  # fmt: skip


def _between(bounds: Interval | None, words: Callable[[float], str]) -> str:
    if bounds is None:
        return "no interval"
    low, high = bounds
    if low is None:
        return "no upper bound"
    return f"{words(low)} to {words(high) if high is not None else 'no upper bound'}"


def cards_note(analysis: Analysis) -> str:
    """What the intervals are."""
    found = analysis.bootstrap
    if found is None:
        return (
            "No intervals: they are resampled from sessions with data, and take at least two of "
            "them and a trade."
        )
    return (
        f"Below each figure: the middle {percent(found.coverage)} of what {found.paths:,} "
        f"resamples of the {found.sessions} sessions gave."
    )


def no_findings(result: RunResult) -> str:
    """What to say where there is no finding."""
    none = "" if result.trade_records else "No trade was made, so there is nothing to check. "
    return (
        f"{none}None of the checks found a reason to distrust the figures. That is no proof: "
        "they look for known faults only."
    )


def groups(analysis: Analysis) -> list[Table]:
    """Breakdowns of the trades."""
    found = []
    for key, title in GROUPS.items():
        rows: Rows = [
            (
                name,
                f"{group.count:,}",
                f"{group.winners:,}",
                percent(group.win_rate),
                gain(group.pnl),
            )
            for name, group in analysis.breakdowns[key].items()
        ]
        if rows:
            found.append(Table(title, rows))
    return found


def figures(result: RunResult, analysis: Analysis) -> Rows:
    """Further figures of the trades."""
    s, streaks, shares = result.statistics.totals, analysis.streaks, analysis.full_profits
    best, further = analysis.best_and_worst, result.statistics.performance
    rows: Rows = [
        ("Return a year, of 252 sessions, compound", signed_pct(further.return_a_year_pct)),
        ("Largest drawdown in percent of its peak", f"{further.max_drawdown_mtm_pct:.1f} %"),
        ("Calmar ratio: return a year over that drawdown", ratio(further.calmar)),
        ("Sortino ratio, annualised, target 0", ratio(further.sortino)),
        ("Average win", dollars(s.avg_win) if s.winners else NOTHING),
        ("Average loss", dollars(s.avg_loss) if s.losers else NOTHING),
        ("Best trade", _named(best.best_trade)),
        ("Worst trade", _named(best.worst_trade)),
        ("Best session", _named(best.best_session)),
        ("Worst session", _named(best.worst_session)),
        ("Longest run of wins", f"{streaks.longest_win:,}"),
        ("Longest run of losses", f"{streaks.longest_loss:,}"),
        ("Capture rate: P&L over all credits received", percent(analysis.capture_rate)),
        (
            "Trades that kept all of their credit, on sound quotes",
            percent(shares.worthless_share),
        ),
        ("Trades that lost all they could, on sound quotes", percent(shares.full_loss_share)),
        ("Minutes held, average", minutes(further.avg_minutes_held)),
        ("Premium received", dollars(further.total_premium)),
        ("Commission paid", dollars(further.total_commission)),
        ("Final balance", dollars(s.final_balance)),
    ]
    if s.unresolved:
        rows.append(("Unresolved", f"{count(s.unresolved, 'trade')}, outside all figures"))
    return rows


def _named(found: Extreme | None) -> str:
    return NOTHING if found is None else f"{gain(found.pnl)} ({found.name})"


def stages(result: RunResult) -> list[Step]:
    """The funnel, widths by the logarithm: bars are many, trades are few."""
    steps = breakdown.stages(result.decision_records, result.statistics.funnel.bars)
    most = math.log1p(max((number for _, number in steps), default=0)) or 1.0
    return [
        Step(name, f"{number:,}", f"{100 * math.log1p(number) / most:.0f}")
        for name, number in steps
    ]


def funnel_words(result: RunResult) -> str:
    """What became of the checks and of the trades' prices."""
    f = result.statistics.funnel
    return (
        f"{count(f.checks, 'check')}: {f.entries:,} entered, {f.skips:,} skipped. "
        f"Open trades: {unpriced_words(f.unpriced_bars, f.unpriced_by_kind)}, "
        f"{count(f.clamped, 'clamped price')}, {count(f.unresolved, 'unresolved trade')}. "
        "The length of a bar goes by the logarithm."
    )


def reasons(result: RunResult) -> list[Reasons]:
    """Every reason of a skip with its count, by kind."""
    f = result.statistics.funnel
    texts = breakdown.reasons_by_kind(result.decision_records)
    found = []
    for kind, times in most_frequent_first(f.skips_by_kind).items():
        own = texts.get(kind, {})
        rows: Rows = [(text, f"{n:,}") for text, n in list(own.items())[:MOST_REASONS]]
        left = list(own.values())[MOST_REASONS:]
        if left:
            rows.append((f"{count(len(left), 'other text')}", f"{sum(left):,}"))
        same = set(own) <= {kind}
        found.append(Reasons(kind, f"{times:,}", percent(times / f.checks), [] if same else rows))
    return found


def filters(result: RunResult) -> list[Filter]:
    """What the trade table can be narrowed to."""
    trades = result.trade_records
    names: dict[str, set[str]] = {
        "index": {trade.index_symbol for trade in trades},
        "strategy": {trade.strategy for trade in trades},
        "reason": {trade.exit_reason for trade in trades},
    }
    found = [Filter(name, name.capitalize(), sorted(choices)) for name, choices in names.items()]
    choices = ["won", "lost", "even", "unresolved"]
    flags = sorted({flag for trade in trades for flag in flags_of(trade)})
    return [
        *found,
        Filter("outcome", "Outcome", choices),
        Filter("flag", "Flag", flags),
    ]


def data_words(result: RunResult) -> list[str]:
    """Coverage in a sentence or two."""
    sessions = result.statistics.sessions
    f = result.statistics.funnel
    stale = len(flagged(result.trade_records, TradeFlag.STALE_SETTLEMENT))
    parity = len(flagged(result.trade_records, TradeFlag.PARITY_SETTLEMENT))
    with_data = sum(1 for row in sessions if row.status != "no data")
    return [
        f"{with_data} of {count(len(sessions), 'session')} have data. "
        f"{count(f.unpriced_bars, 'bar')} of open trades could not be priced, "
        f"{count(f.clamped, 'price')} had to be clamped to 0..width, "
        f"{count(stale, 'trade')} settled on a stale index price, {parity} on put-call parity, "
        f"{f.unresolved} could not be settled at all. A gap is more than 120 s without any "
        "quote. Bars priced: of the bars with an open trade, those on which all its legs "
        "had a quote."
    ]


def session_rows(result: RunResult) -> list[SessionRow]:
    """One row a session."""
    return [
        SessionRow(row.session.isoformat(), session_cells(row, gain(row.trades_pnl_dollars)))
        for row in result.statistics.sessions
    ]


def plain_trades(result: RunResult) -> Rows:
    """The trades for a page without JavaScript; none where they are too many."""
    if len(result.trade_records) > PLAIN_TRADES:
        return []
    return [
        (
            trade.order_id,
            gain(trade.pnl_dollars),
            trade.exit_reason,
            f"{new_york_time(trade.timestamp_entry):%H:%M:%S}",
            f"{new_york_time(trade.timestamp_exit):%H:%M:%S}",
            number(trade.entry_credit),
            number(trade.exit_value),
        )
        for trade in result.trade_records
    ]


def quality(result: RunResult) -> Rows:
    """Odd rows by kind."""
    return [
        (name, MEANINGS.get(name, ""), f"{times:,}")
        for name, times in result.statistics.data_quality.items()
        if times
    ]


def assumption_rows(result: RunResult) -> Rows:
    """What is taken for granted."""
    return [*assumptions(result.run_config)]


def settings(result: RunResult, analysis: Analysis) -> list[Setting]:
    """Every setting, and whether it is a default."""
    values = ((name, setting_of(result.run_config, name)) for name in setting_names())
    return [Setting(name, setting_text(value), name in analysis.changed) for name, value in values]


def versions(result: RunResult) -> str:
    """Software and data the run was made with."""
    known = ", ".join(f"{name} {text}" for name, text in result.source.get("versions", {}).items())
    data = str(result.source.get("fingerprint", "unknown"))[:16]
    return f"Data fingerprint {data}. {known or 'Versions unknown'}."
