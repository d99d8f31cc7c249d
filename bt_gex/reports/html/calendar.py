"""P&L in coloured cells: sessions in their months, months in their years, entry time by weekday."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from bt_gex.market.calendar import WEEKDAYS
from bt_gex.reports.html.template import heat_class
from bt_gex.reports.words import count, gain, percent, short_gain
from bt_gex.stats.breakdown import time_by_weekday
from bt_gex.stats.periods import Period, months, years

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult
    from bt_gex.trades.records import SessionSummary

TRADING_DAYS = WEEKDAYS[:5]


class Cell(NamedTuple):
    """A cell: its text and a smaller one, what it says when pointed at, and its colour."""

    text: str = ""
    small: str = ""
    title: str = ""
    style: str = ""


class Day(NamedTuple):
    """A session in its month."""

    name: str
    number: int
    cell: Cell


class Month(NamedTuple):
    """A month of sessions: five columns, None where there is no session."""

    title: str
    pnl: str
    weeks: list[list[Day | None]]


class Heat(NamedTuple):
    """A table of coloured cells: column headings, and rows of a heading and cells."""

    head: list[str]
    rows: list[tuple[str, list[Cell]]]


def calendar(result: RunResult) -> list[Month]:
    """The sessions of a run, month by month."""
    sessions = result.statistics.sessions
    most = _most(row.trades_pnl_dollars for row in sessions)
    found = []
    for period in months(sessions, balance=result.balance):
        own = [row for row in sessions if f"{row.session:%Y-%m}" == period.name]
        title = f"{own[0].session:%B %Y}"
        found.append(Month(title, gain(period.pnl).removesuffix(".00"), _weeks(own, most)))
    return found


def _weeks(sessions: Sequence[SessionSummary], most: float) -> list[list[Day | None]]:
    weeks: dict[date, list[Day | None]] = {}
    for row in sessions:
        day = row.session
        monday = date.fromordinal(day.toordinal() - day.weekday())
        week = weeks.setdefault(monday, [None] * len(TRADING_DAYS))
        week[day.weekday()] = Day(day.isoformat(), day.day, _session_cell(row, most))
    return [weeks[monday] for monday in sorted(weeks)]


def _session_cell(row: SessionSummary, most: float) -> Cell:
    day = f"{WEEKDAYS[row.session.weekday()]} {row.session}"
    if row.status == "no data":
        return Cell("no data", title=f"{day}: no data", style="empty")
    if not row.entries:
        return Cell("-", title=f"{day}: no trades")
    pnl = row.trades_pnl_dollars
    title = f"{day}: {gain(pnl)}, {count(row.entries, 'trade')}"
    return Cell(short_gain(pnl), title=title, style=heat_class(pnl, most))


def month_grid(result: RunResult) -> Heat:
    """A row a year, a column a month, and the sum of the year."""
    sessions, balance = result.statistics.sessions, result.balance
    by_month = {period.name: period for period in months(sessions, balance=balance)}
    columns = sorted({name[5:] for name in by_month})
    most = _most(period.pnl for period in by_month.values())
    rows = []
    for year in years(sessions, balance=balance):
        cells = [_period_cell(by_month.get(f"{year.name}-{month}"), most) for month in columns]
        rows.append((year.name, [*cells, _period_cell(year, 0.0)]))
    names = [f"{date(2000, int(month), 1):%b}" for month in columns]
    return Heat([*names, "Year"], rows)


def _period_cell(period: Period | None, most: float) -> Cell:
    """most  0 for a cell without a colour."""
    if period is None:
        return Cell()
    title = f"{period.name}: {gain(period.pnl)}, {count(period.entries, 'trade')} in "
    title += f"{count(period.with_data, 'session')} with data"
    small = "" if period.return_pct is None else f"{period.return_pct:+.1f} %"
    return Cell(short_gain(period.pnl), small, title, heat_class(period.pnl, most))


def entry_heat(result: RunResult) -> Heat:
    """P&L by New York time of entry and weekday, with the number of trades."""
    groups = time_by_weekday(result.trade_records)
    columns = [day for day in WEEKDAYS if any(day in row for row in groups.values())]
    most = _most(group.pnl for row in groups.values() for group in row.values())
    rows = []
    for when, row in groups.items():
        cells = []
        for day in columns:
            group = row.get(day)
            if group is None:
                cells.append(Cell())
                continue
            title = f"{day} {when}: {gain(group.pnl)}, {count(group.count, 'trade')}, "
            title += f"{percent(group.win_rate)} won"
            style = heat_class(group.pnl, most)
            cells.append(Cell(short_gain(group.pnl), f"{group.count:,}", title, style))
        rows.append((when, cells))
    return Heat(columns, rows)


def _most(amounts: Iterable[float]) -> float:
    return max((abs(amount) for amount in amounts), default=0.0)
