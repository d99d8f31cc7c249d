"""The file of a trade list: its columns, and the cells of its lines.

Headers of our own records and of Option Omega's trade log, as `trades.csv` has them, are known;
others the caller names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from bt_gex.compare.trade_cells import Cell, clipped
from bt_gex.errors import BadValue, UnknownName, UsageError

LISTED = 400  # characters of the headers shown where one is missing


def _headers(*names: str) -> dict[str, tuple[str, ...]]:
    """What a column is recognised by, in any case; the first that is there counts."""
    return {"headers": names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The cells of a line; None where the list has no such column."""

    index: Cell | None = field(default=None, metadata=_headers("index_symbol", "index"))
    date: Cell | None = field(default=None, metadata=_headers("date", "date opened"))
    entry: Cell = field(metadata=_headers("timestamp_entry", "entry", "time opened"))
    exit_date: Cell | None = field(default=None, metadata=_headers("date closed"))
    exit: Cell | None = field(
        default=None, metadata=_headers("timestamp_exit", "exit", "time closed")
    )
    strategy: Cell | None = field(default=None, metadata=_headers("strategy"))
    strikes: Cell | None = field(default=None, metadata=_headers("strikes", "legs"))
    credit: Cell | None = field(
        default=None, metadata=_headers("entry_credit", "credit", "premium")
    )
    exit_value: Cell | None = field(
        default=None, metadata=_headers("exit_value", "avg. closing cost")
    )
    quantity: Cell | None = field(default=None, metadata=_headers("quantity", "no. of contracts"))
    pnl: Cell | None = field(default=None, metadata=_headers("pnl_dollars", "pnl", "p/l"))
    reason: Cell | None = field(
        default=None, metadata=_headers("exit_reason", "reason", "reason for close")
    )
    pin: Cell | None = field(default=None, metadata=_headers("pin"))
    spot: Cell | None = field(default=None, metadata=_headers("spot_entry", "spot"))
    vix: Cell | None = field(default=None, metadata=_headers("vix_entry", "vix"))
    commission: Cell | None = field(
        default=None,
        metadata=_headers("commission_dollars", "commission", "opening commissions + fees"),
    )
    exit_commission: Cell | None = field(
        default=None, metadata=_headers("closing commissions + fees")
    )


HEADERS: Mapping[str, tuple[str, ...]] = {f.name: f.metadata["headers"] for f in fields(Row)}


def read_rows(place: Path, columns: Mapping[str, str]) -> tuple[list[Row], dict[str, str]]:
    """The lines of a CSV file, and the column each field was read from.

    columns  field -> name of its column; with an empty name the field is not read

    Raises UsageError, BadValue and UnknownName that name file, line and column.
    """
    lines = _lines(place)
    headers = [header.strip() for header in next(lines, (1, []))[1]]
    if not headers:
        raise UsageError(f"{place}: is empty; write a line of headers and a line a trade")
    read_from = _read_from(place, headers, columns)
    return [_row(place, line, headers, cells, read_from) for line, cells in lines], read_from


def _lines(place: Path) -> Iterator[tuple[int, list[str]]]:
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


def _read_from(place: Path, headers: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Field -> header, of the fields the file tells."""
    for name, column in columns.items():
        if name not in HEADERS:
            raise UnknownName("field of --columns", name, HEADERS)
        if column and column not in headers:
            raise UnknownName(f"column (line 1 of {place})", column, map(clipped, headers))
    lower = {header.lower(): header for header in reversed(headers)}
    known = {
        name: next((lower[one] for one in usual if one in lower), "")
        for name, usual in HEADERS.items()
    }
    found = {name: column for name, column in {**known, **columns}.items() if column}
    for name, column in found.items():
        if headers.count(column) > 1:
            raise BadValue(f"{place}, line 1: column {clipped(column)!r} ({name}) is there twice")
    _check_enough(place, headers, found)
    return found


def _check_enough(place: Path, headers: Sequence[str], found: Mapping[str, str]) -> None:
    """Raise UsageError where a comparison could not be made."""
    needed = ["entry"] if "pnl" in found else ["entry", "credit", "exit_value", "quantity"]
    missing = [name for name in needed if name not in found]
    if missing:
        name = "pnl" if "pnl" not in found and "entry" in found else missing[0]
        if headers[0].startswith(("{", "[")):
            raise UsageError(
                f"{place}: is not CSV, it looks like JSON; give a CSV file with a line of headers "
                "and a line a trade"
            )
        raise UsageError(
            f"{place}, line 1: no column is known as {name}; name it with --columns {name}=COLUMN; "
            f"columns: {clipped(', '.join(headers), LISTED)}"
        )


def _row(
    place: Path, line: int, headers: list[str], cells: list[str], read_from: Mapping[str, str]
) -> Row:
    if len(cells) != len(headers):
        raise BadValue(
            f"{place}, line {line}: {len(cells)} cells under {len(headers)} headers; put quotes "
            "around a cell with a comma in it"
        )
    texts = dict(zip(headers, cells, strict=True))
    return Row(**{name: Cell(place, line, head, texts[head]) for name, head in read_from.items()})
