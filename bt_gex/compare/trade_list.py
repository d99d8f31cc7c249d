"""Somebody's own list of trades: a CSV file read into records that a run's can be held against.

A record has the keys of a run's trade, but only those the file tells. Headers of our own records
and of Option Omega's trade log, as `trades.csv` has them, are known; others the caller names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from bt_gex.compare import trade_cells as cells
from bt_gex.compare.trade_cells import Cell
from bt_gex.errors import BadValue, UnknownName, UsageError
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.money import to_cents

# field -> the headers it is recognised by, in any case; the first that is there counts.
FIELDS = {
    "index": ("index_symbol", "index"),
    "date": ("date", "date opened"),
    "entry": ("timestamp_entry", "entry", "time opened"),
    "exit_date": ("date closed",),
    "exit": ("timestamp_exit", "exit", "time closed"),
    "strategy": ("strategy",),
    "strikes": ("strikes", "legs"),
    "credit": ("entry_credit", "credit", "premium"),
    "exit_value": ("exit_value", "avg. closing cost"),
    "quantity": ("quantity", "no. of contracts"),
    "pnl": ("pnl_dollars", "pnl", "p/l"),
    "reason": ("exit_reason", "reason", "reason for close"),
    "pin": ("pin",),
    "spot": ("spot_entry", "spot"),
    "vix": ("vix_entry", "vix"),
    "commission": ("commission_dollars", "commission", "opening commissions + fees"),
    "exit_commission": ("closing commissions + fees",),
}
IN_DOLLARS = ("premium", "avg. closing cost")  # columns with dollars a contract, not points
PRICES = {
    "credit": "entry_credit",
    "exit_value": "exit_value",
    "pin": "pin",
    "spot": "spot_entry",
    "vix": "vix_entry",
}
SEEN = ("pin", "spot", "vix")  # may be empty: a trade not entered by the rules has seen nothing
UNRESOLVED = "unresolved"  # the reason of a trade whose exit value and P&L may be empty
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
    rounding  by key of the records: how far a number may lie from the true one, as it is written
    fields    field -> the column it was read from
    """

    path: Path
    trades: list[dict[str, Any]]
    zone: str | None
    rounding: dict[str, float]
    fields: dict[str, str]


def read_trade_list(path: str | Path, reading: Reading) -> TradeList:
    """Read a CSV file with a line of headers, a line a trade.

    Raises UsageError, BadValue and UnknownName that name file, line, column and value.
    """
    place = Path(path)
    rows = _rows(place)
    headers = [header.strip() for header in next(rows, (1, []))[1]]
    if not headers:
        raise UsageError(f"{place}: is empty; write a line of headers and a line a trade")
    fields = _fields(place, headers, reading.columns)
    table = [_row(place, line, headers, row, fields) for line, row in rows]
    zone = _zone(reading.zone)
    return TradeList(
        path=place,
        trades=[_record(row, reading, zone) for row in table],
        zone=reading.zone if any(map(_needs_zone, table)) else None,
        rounding=_rounding(table, reading.multiplier),
        fields=fields,
    )


def nearest_zone(listed: TradeList, hours: int) -> str | None:
    """The zone in which a list's times would be so many hours later; None when its times carry
    offsets of their own, or no usual zone does it."""
    if listed.zone is None or not listed.trades:
        return None
    read = datetime.fromisoformat(listed.trades[0]["timestamp_entry"])
    clock = read.astimezone(ZoneInfo(listed.zone)).replace(tzinfo=None)
    wanted = read + timedelta(hours=hours)
    for name in ZONES:
        if wanted.astimezone(ZoneInfo(name)).replace(tzinfo=None) == clock:
            return name
    return None


# ---------------------------------------------------------------------------------- the file


def _rows(place: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, with their numbers."""
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except OSError as error:
        raise UsageError(f"{place}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{place}: is not UTF-8 text; save it as CSV UTF-8") from error
    except csv.Error as error:
        raise UsageError(f"{place}, line {reader.line_num}: is not CSV: {error}") from error


def _fields(place: Path, headers: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Field -> header, of the fields the file tells."""
    for name, column in columns.items():
        if name not in FIELDS:
            raise UnknownName("field of --columns", name, FIELDS)
        if column and column not in headers:
            raise UnknownName(f"column (line 1 of {place})", column, headers)
    lower = {header.lower(): header for header in reversed(headers)}
    known = {
        name: next((lower[one] for one in usual if one in lower), "")
        for name, usual in FIELDS.items()
    }
    fields = {name: column for name, column in {**known, **columns}.items() if column}
    for name, column in fields.items():
        if headers.count(column) > 1:
            raise BadValue(f"{place}, line 1: column {column!r} ({name}) is there twice")
    _check_enough(place, headers, fields)
    return fields


def _check_enough(place: Path, headers: list[str], fields: Mapping[str, str]) -> None:
    """Raise UsageError where a comparison could not be made."""
    needed = ["entry"]
    if "pnl" not in fields:
        needed += ["credit", "exit_value", "quantity"]
    missing = [name for name in needed if name not in fields]
    if missing:
        name = "pnl" if "pnl" not in fields and "entry" in fields else missing[0]
        raise UsageError(
            f"{place}, line 1: no column is known as {name}; name it with --columns {name}=COLUMN; "
            f"columns: {', '.join(headers)}"
        )


Row = dict[str, Cell]


def _row(
    place: Path, line: int, headers: list[str], row: list[str], fields: Mapping[str, str]
) -> Row:
    """The cells of a line by field."""
    if len(row) != len(headers):
        raise BadValue(
            f"{place}, line {line}: {len(row)} cells under {len(headers)} headers; put quotes "
            "around a cell with a comma in it"
        )
    by_header = dict(zip(headers, row, strict=True))
    return {name: Cell(place, line, head, by_header[head]) for name, head in fields.items()}


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    if name not in available_timezones():
        raise UnknownName("zone", name, available_timezones())
    return ZoneInfo(name)


def _rounding(table: list[Row], multiplier: float) -> dict[str, float]:
    """Half a unit of the last decimal that any number of a column has."""
    found = {}
    for name, key in PRICES.items():
        written = [row[name] for row in table if name in row]
        if written:
            most = max(PLACES, *map(cells.places, written))
            found[key] = 0.5 * 10.0**-most / (multiplier if _in_dollars(written[0]) else 1.0)
    return found


def _in_dollars(cell: Cell) -> bool:
    return cell.column.lower() in IN_DOLLARS


# ---------------------------------------------------------------------------------- a trade


def _record(row: Row, reading: Reading, zone: ZoneInfo | None) -> dict[str, Any]:
    """A line as a record of a trade; times UTC, prices in points, money in dollars."""
    entry, leave = _moments(row, reading, zone)
    record: dict[str, Any] = {
        "order_id": f"line {row['entry'].line}",
        "index_symbol": _symbol(row, reading) or reading.index,
        "expiration": entry.astimezone(NEW_YORK).date().isoformat(),
        "timestamp_entry": entry.isoformat(),
    }
    if leave:
        record["timestamp_exit"] = leave.isoformat()
    record |= _spread(row)
    if "quantity" in row:
        record["quantity"] = cells.contracts(row["quantity"])
    if "reason" in row:
        record["exit_reason"] = _reason(row["reason"])
    record |= _prices(row, reading.multiplier)
    record |= _money(row, record, reading.multiplier)
    return record


def _symbol(row: Row, reading: Reading) -> str:
    """The index, as SPX; nothing where there is no column."""
    if "index" not in row:
        return ""
    symbol = row["index"].text.strip().upper().lstrip("$^")
    if symbol == reading.index.upper():  # an index of one's own may be spelt otherwise
        return reading.index
    if not symbol:
        raise row["index"].wrong("an index symbol such as SPX")
    return symbol


def _spread(row: Row) -> dict[str, Any]:
    """Strategy and strikes; legs tell both."""
    if "strikes" in row and cells.is_legs(row["strikes"]):
        strategy, strikes = cells.legs(row["strikes"])
        return {"strategy": strategy, "strikes": strikes}
    found: dict[str, Any] = {}
    if "strategy" in row:
        found["strategy"] = cells.strategy(row["strategy"])
    if "strikes" in row:
        found["strikes"] = cells.strikes(row["strikes"])
        many = len(found["strikes"]) == 4
        if "strategy" in found and (found["strategy"] == "IC") != many:
            raise row["strikes"].wrong(f"{2 if many else 4} strikes of {found['strategy']}")
    return found


def _reason(cell: Cell) -> str:
    """Why it was closed; ours where it says the same in other words."""
    word = cell.text.strip()
    if not word:
        raise cell.wrong("the reason of the exit")
    return SAME_REASONS.get(word.casefold(), word)


def _prices(row: Row, multiplier: float) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, key in PRICES.items():
        cell = row.get(name)
        if cell is None or (name in SEEN and cell.empty):
            continue
        if name == "exit_value" and _may_be_empty(row, cell):
            found[key] = None
        elif _in_dollars(cell):  # what it cost to close is written as a cost or as a payment
            found[key] = abs(cells.number(cell)) / multiplier
        else:
            found[key] = cells.number(cell)
    return found


def _money(row: Row, record: Mapping[str, Any], multiplier: float) -> dict[str, float | None]:
    """Commission and P&L in dollars; without a column the P&L is what the prices make."""
    found: dict[str, float | None] = {}
    paid = [cells.number(row[name]) for name in ("commission", "exit_commission") if name in row]
    if paid:
        found["commission_dollars"] = to_cents(sum(map(abs, paid)))
    if "pnl" not in row:
        credit, value = record["entry_credit"], record["exit_value"]
        points = None if value is None else credit - value
        made = None if points is None else points * multiplier * record["quantity"]
        paid_dollars = found.get("commission_dollars") or 0.0
        found["pnl_dollars"] = None if made is None else to_cents(made - paid_dollars)
    elif _may_be_empty(row, row["pnl"]):
        found["pnl_dollars"] = None
    else:
        found["pnl_dollars"] = to_cents(cells.number(row["pnl"]))
    return found


def _may_be_empty(row: Row, cell: Cell) -> bool:
    """Whether it is the empty cell of a trade without a price to settle on."""
    reason = row["reason"].text.strip().casefold() if "reason" in row else ""
    return cell.empty and reason == UNRESOLVED


# ---------------------------------------------------------------------------------- its times


def _needs_zone(row: Row) -> bool:
    return any(cells.clock(row[name])[2] is None for name in ("entry", "exit") if name in row)


def _moments(row: Row, reading: Reading, zone: ZoneInfo | None) -> tuple[datetime, datetime | None]:
    """Entry and exit, UTC; an exit without a date comes within half a day after its entry."""
    entry = _moment(row["entry"], _date_of(row, "date") or reading.day, zone)
    if "exit" not in row:
        return entry.astimezone(UTC), None
    cell, on = row["exit"], _date_of(row, "exit_date")
    leave = _moment(cell, on or entry.date(), zone)
    told = on is not None or cells.clock(cell)[0] is not None
    if leave < entry and not told:  # past midnight on the clock of the list
        leave += timedelta(days=1)
    if leave < entry or (not told and leave - entry > HALF_DAY):
        raise cell.wrong(f"a time after the entry at {row['entry'].text.strip()}")
    return entry.astimezone(UTC), leave.astimezone(UTC)


def _date_of(row: Row, name: str) -> date | None:
    return cells.day(row[name]) if name in row else None


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
