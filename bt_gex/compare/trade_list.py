"""A user's list of trades: a CSV file whose trades a run can be compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from bt_gex.compare import trade_cells as cells
from bt_gex.compare.records import ComparedTrade, Rounding
from bt_gex.compare.trade_cells import Cell
from bt_gex.compare.trade_rows import Row, read_rows
from bt_gex.errors import UnknownName, UsageError
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import Strategy
from bt_gex.market.money import to_cents

IN_DOLLARS = ("premium", "avg. closing cost")  # columns with dollars a contract, not points
NO_PRICE = "unresolved"  # the reason of a trade whose exit value and P&L may be empty
PLACES = 2  # decimals a price is taken to have at least, as 2.40 is often written 2.4
EXPIRED = "Expiration Settlement"
SAME_REASONS = {"expired": EXPIRED, "expiration": EXPIRED, "eod": "End of Day Auto-Close"}
HALF_DAY = timedelta(hours=12)
ZONES = (
    *("UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("Europe/Berlin", "Europe/Helsinki", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read.

    columns     field -> name of its column; with an empty name the field is not read
    zone        of times without an offset
    day         of times without a date
    index       symbol of the trades of a file that does not tell
    multiplier  dollars a contract makes a point
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str | None = None
    day: date | None = None
    index: str = "SPX"
    multiplier: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeList:
    """A list as it was read.

    zone      in which times without an offset were read; None when all carry their own
    columns   field -> the column it was read from
    """

    path: Path
    trades: list[ComparedTrade]
    zone: str | None
    rounding: Rounding
    columns: dict[str, str]


def read_trade_list(path: str | Path, reading: Reading) -> TradeList:
    """Read a CSV file with a line of headers, a line a trade.

    Raises UsageError, BadValue and UnknownName that name file, line, column and value.
    """
    place = Path(path)
    rows, columns = read_rows(place, reading.columns)
    zone = _zone(reading.zone)
    return TradeList(
        path=place,
        trades=[_trade(row, reading, zone) for row in rows],
        zone=reading.zone if any(map(_needs_zone, rows)) else None,
        rounding=Rounding(
            entry_credit=_rounding((row.credit for row in rows), reading.multiplier),
            exit_value=_rounding((row.exit_value for row in rows), reading.multiplier),
            pin=_rounding(row.pin for row in rows),
            spot_entry=_rounding(row.spot for row in rows),
            vix_entry=_rounding(row.vix for row in rows),
        ),
        columns=columns,
    )


def nearest_zone(listed: TradeList, hours: int) -> str | None:
    """The zone in which a list's times would be so many hours later; None when its times carry
    offsets of their own, or no usual zone does it."""
    if listed.zone is None or not listed.trades:
        return None
    read = listed.trades[0].timestamp_entry
    clock = read.astimezone(ZoneInfo(listed.zone)).replace(tzinfo=None)
    wanted = read + timedelta(hours=hours)
    for name in ZONES:
        if wanted.astimezone(ZoneInfo(name)).replace(tzinfo=None) == clock:
            return name
    return None


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    if name not in available_timezones():
        raise UnknownName("zone", name, available_timezones())
    return ZoneInfo(name)


def _rounding(column: Iterable[Cell | None], multiplier: float = 1.0) -> float:
    """Half a unit of the last decimal that any number of a column has, points."""
    written = [cell for cell in column if cell]
    if not written:
        return 0.0
    most = max(PLACES, *map(cells.places, written))
    return float(0.5 * 10.0**-most) / (multiplier if _in_dollars(written[0]) else 1.0)


# ---------------------------------------------------------------------------------- a trade


def _trade(row: Row, reading: Reading, zone: ZoneInfo | None) -> ComparedTrade:
    """A line as a trade; times UTC, prices in points, money in dollars."""
    entry, leave = _moments(row, reading, zone)
    strategy, strikes = _spread(row)
    quantity = cells.contracts(row.quantity) if row.quantity else None
    reason = _reason(row.reason) if row.reason else None
    credit = _points(row.credit, reading.multiplier) if row.credit else None
    value = _exit_value(row, reading.multiplier)
    pin, spot, vix = map(_seen, (row.pin, row.spot, row.vix))
    paid = [cells.number(cell) for cell in (row.commission, row.exit_commission) if cell]
    commission = to_cents(sum(map(abs, paid))) if paid else None
    pnl = _pnl(row, credit, value, quantity, commission, reading.multiplier)
    return ComparedTrade(
        order_id=f"line {row.entry.line}",
        index_symbol=_symbol(row.index, reading.index),
        session=entry.astimezone(NEW_YORK).date(),
        timestamp_entry=entry,
        timestamp_exit=leave,
        strategy=strategy,
        strikes=strikes,
        entry_credit=credit,
        exit_value=value,
        quantity=quantity,
        pnl_dollars=pnl,
        commission_dollars=commission,
        exit_reason=reason,
        pin=pin,
        spot_entry=spot,
        vix_entry=vix,
    )


def _symbol(cell: Cell | None, own: str) -> str:
    """The index, as SPX; the run's where there is no column."""
    if cell is None:
        return own
    symbol = cell.text.strip().upper().lstrip("$^")
    if symbol == own.upper():  # an index of one's own may be spelt otherwise
        return own
    if not symbol:
        raise cell.wrong("an index symbol such as SPX")
    return symbol


def _spread(row: Row) -> tuple[Strategy | None, tuple[float, ...]]:
    """Strategy and strikes; legs tell both."""
    if row.strikes and cells.is_legs(row.strikes):
        return cells.legs(row.strikes)
    strategy = cells.strategy(row.strategy) if row.strategy else None
    strikes = cells.strikes(row.strikes) if row.strikes else ()
    many = len(strikes) == 4
    if row.strikes and strategy and (strategy == "IC") != many:
        raise row.strikes.wrong(f"{2 if many else 4} strikes of {strategy}")
    return strategy, strikes


def _reason(cell: Cell) -> str:
    """Why it was closed; ours where it says the same in other words."""
    word = cell.text.strip()
    if not word:
        raise cell.wrong("the reason of the exit")
    return SAME_REASONS.get(word.casefold(), word)


def _points(cell: Cell, multiplier: float) -> float:
    """A price; what it cost to close is written as a cost or as a payment in dollars."""
    value = cells.number(cell)
    return abs(value) / multiplier if _in_dollars(cell) else value


def _in_dollars(cell: Cell) -> bool:
    return cell.column.lower() in IN_DOLLARS


def _exit_value(row: Row, multiplier: float) -> float | None:
    if row.exit_value is None or _may_be_empty(row, row.exit_value):
        return None
    return _points(row.exit_value, multiplier)


def _seen(cell: Cell | None) -> float | None:
    """May be empty: a trade not entered by the rules has seen nothing."""
    return None if cell is None or cell.empty else cells.number(cell)


def _pnl(
    row: Row,
    credit: float | None,
    value: float | None,
    quantity: int | None,
    commission: float | None,
    multiplier: float,
) -> float | None:
    """P&L in dollars; without a column what the prices make. None: unresolved."""
    if row.pnl:
        return None if _may_be_empty(row, row.pnl) else to_cents(cells.number(row.pnl))
    if credit is None or value is None or quantity is None:
        return None
    return to_cents((credit - value) * multiplier * quantity - (commission or 0.0))


def _may_be_empty(row: Row, cell: Cell) -> bool:
    """Whether it is the empty cell of a trade without a price to settle on."""
    reason = row.reason.text.strip().casefold() if row.reason else ""
    return cell.empty and reason == NO_PRICE


# ---------------------------------------------------------------------------------- its times


def _needs_zone(row: Row) -> bool:
    return any(cells.clock(cell)[2] is None for cell in (row.entry, row.exit) if cell)


def _moments(row: Row, reading: Reading, zone: ZoneInfo | None) -> tuple[datetime, datetime | None]:
    """Entry and exit, UTC; an exit without a date comes within half a day after its entry."""
    entry = _moment(row.entry, _day(row.date) or reading.day, zone)
    if row.exit is None:
        return entry.astimezone(UTC), None
    cell, on = row.exit, _day(row.exit_date)
    leave = _moment(cell, on or entry.date(), zone)
    told = on is not None or cells.clock(cell)[0] is not None
    if leave < entry and not told:  # past midnight on the clock of the list
        leave += timedelta(days=1)
    if leave < entry or (not told and leave - entry > HALF_DAY):
        raise cell.wrong(f"a time after the entry at {row.entry.text.strip()}")
    return entry.astimezone(UTC), leave.astimezone(UTC)


def _day(cell: Cell | None) -> date | None:
    return cells.day(cell) if cell else None


def _moment(cell: Cell, day: date | None, zone: ZoneInfo | None) -> datetime:
    """The instant a cell tells, on its own clock."""
    own_day, at, offset = cells.clock(cell)
    on, where = own_day or day, f"{cell.where}: {cell.text!r}"
    clock: tzinfo | None = offset or zone
    if on is None:
        raise UsageError(
            f"{where} has no date; name the column of the date with --columns date=COLUMN, or give "
            "--date YYYY-MM-DD"
        )
    if clock is None:
        raise UsageError(
            f"{where} has no offset such as Z or -05:00; say whose clock it is: --zone UTC, "
            "--zone America/New_York"
        )
    try:
        moment = datetime.combine(on, at, clock)
        for other in (UTC, NEW_YORK):  # what it will be turned into
            (moment + timedelta(days=1)).astimezone(other)
            moment.astimezone(other)
    except OverflowError:
        raise cell.wrong("a time in the years 1 to 9999") from None
    return moment
