"""The cells of a trade list: numbers, times and strikes as people and programs write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta, timezone
from pathlib import Path

from bt_gex.errors import BadValue
from bt_gex.market.contracts import Strategy

_NUMBER = re.compile(
    r"(?P<open>\()?(?P<sign>[+-]?)\s*\$?\s*(?P<minus>-?)"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)(?P<power>[eE][+-]?\d+)?(?P<close>\))?",
    re.ASCII,
)
_CLOCK = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[ T])?(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp][Mm]))?\s*(?P<offset>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_LEG = re.compile(  # 1 Jan 12 6950 P STO 4.25; the right may stand before the strike
    r"(?P<lots>\d+) [A-Za-z]{3} \d{1,2} (?:(?P<strike>[\d.]+) (?P<right>[CP])"
    r"|(?P<right2>[CP]) (?P<strike2>[\d.]+)) (?P<side>STO|BTO)(?: \S+)?",
    re.ASCII,
)
LONGEST = 60  # characters of a cell shown in a message
LARGEST = 1e9  # points or dollars: beyond it cents are no longer exact
STRATEGIES: Mapping[Strategy, tuple[str, ...]] = {
    "PUT": ("put", "putspread", "putcreditspread", "bullput", "bullputspread"),
    "CALL": ("call", "callspread", "callcreditspread", "bearcall", "bearcallspread"),
    "IC": ("ic", "ironcondor", "condor"),
}
RIGHTS: Mapping[Strategy, str] = {"IC": "CP", "CALL": "C", "PUT": "P"}  # calls before puts


def clipped(text: str, longest: int = LONGEST) -> str:
    """The text as far as a message shows it, on one line."""
    line = " ".join(text.splitlines())
    return line if len(line) <= longest else f"{line[:longest]}..."


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and where it stands; the line is that of the file, from 1."""

    path: Path
    line: int
    column: str
    text: str

    @property
    def where(self) -> str:
        """For a message: file, line and column."""
        return f"{self.path}, line {self.line}, column {clipped(self.column)!r}"

    @property
    def empty(self) -> bool:
        """Whether nothing is written in it."""
        return not self.text.strip()

    def wrong(self, allowed: str) -> BadValue:
        """The error that says what is allowed in it."""
        return BadValue(f"{self.where}: must be {allowed}, got {clipped(self.text)!r}")


def number(cell: Cell) -> float:
    """1234.5, -45, $1,234.50, -$45, ($45.00). Raises BadValue."""
    match = _NUMBER.fullmatch(cell.text.strip())
    allowed = "a number such as 2.35 or -$1,234.50"
    if not match or bool(match["open"]) != bool(match["close"]):
        raise cell.wrong(allowed)
    negative = [bool(match["open"]), match["sign"] == "-", bool(match["minus"])]
    value = float(match["digits"].replace(",", "") + (match["power"] or ""))
    if sum(negative) > 1:
        raise cell.wrong(allowed)
    if value > LARGEST:
        raise cell.wrong("a number from -1,000,000,000 to 1,000,000,000")
    return -value if any(negative) else value


def places(cell: Cell) -> int:
    """Decimals a number is written with."""
    digits = re.search(r"\.(\d*)", cell.text)
    return len(digits[1]) if digits else 0


def contracts(cell: Cell) -> int:
    """A whole number from 1. Raises BadValue."""
    value = number(cell)
    if value < 1 or not value.is_integer():
        raise cell.wrong("a whole number of contracts from 1")
    return int(value)


def strategy(cell: Cell) -> Strategy:
    """PUT, CALL or IC by one of its usual names. Raises BadValue."""
    word = "".join(letter for letter in cell.text.casefold() if letter.isalnum())
    for name, words in STRATEGIES.items():
        if word in words:
            return name
    raise cell.wrong("PUT, CALL or IC (or leave the column out with --columns strategy=)")


def strikes(cell: Cell) -> tuple[float, ...]:
    """6950/6940; of a condor 7000/7010/6960/6950. Raises BadValue."""
    parts = re.split(r"\s*[/,]\s*", cell.text.strip())
    try:
        values = [float(part) for part in parts if re.fullmatch(r"\d+(\.\d*)?", part, re.ASCII)]
    except ValueError:
        values = []
    if len(values) != len(parts) or len(values) not in (2, 4):
        raise cell.wrong("two or four strikes such as 6950/6940")
    return tuple(values)


def is_legs(cell: Cell) -> bool:
    """Whether the cell tells whole legs, not only strikes."""
    return "STO" in cell.text or "BTO" in cell.text


def legs(cell: Cell) -> tuple[Strategy, tuple[float, ...]]:
    """Strategy and strikes, short before long and calls before puts, of legs such as
    `1 Jan 12 6950 P STO 4.25 | 1 Jan 12 6940 P BTO 0.30`. Raises BadValue."""
    found: dict[tuple[str, str], float] = {}
    lots = set()
    written = cell.text.split("|")
    for text in written:
        match = _LEG.fullmatch(" ".join(text.replace(",", "").split()))
        if not match:
            raise cell.wrong("legs such as 1 Jan 12 6950 P STO 4.25, with | between them")
        lots.add(match["lots"])
        try:
            strike = float(match["strike"] or match["strike2"])
        except ValueError:
            raise cell.wrong("a strike such as 6950 in each leg") from None
        found[match["right"] or match["right2"], match["side"]] = strike
    for name, rights in RIGHTS.items():
        wanted = [(right, side) for right in rights for side in ("STO", "BTO")]
        if set(found) == set(wanted) and len(written) == len(wanted) and len(lots) == 1:
            return name, tuple(found[leg] for leg in wanted)
    raise cell.wrong("a vertical spread or an iron condor, as many of each leg")


def day(cell: Cell) -> date:
    """YYYY-MM-DD. Raises BadValue."""
    try:
        return date.fromisoformat(re.fullmatch(r"\d{4}-\d\d-\d\d", cell.text.strip())[0])  # type: ignore[index]
    except (TypeError, ValueError):
        raise cell.wrong("a date YYYY-MM-DD") from None


def clock(cell: Cell) -> tuple[date | None, time, timezone | None]:
    """Date, time and offset, the first and the last where they are told: 2026-01-12 14:36:11Z,
    14:36:11, 9:36 AM. Raises BadValue."""
    match = _CLOCK.fullmatch(cell.text.strip())
    try:
        if not match:
            raise ValueError
        on = date.fromisoformat(match["day"]) if match["day"] else None
        micro = int((match["fraction"] or "").ljust(6, "0")[:6])
        at = time(_hour(match), int(match["minute"]), int(match["second"] or 0), micro)
        return on, at, _offset(match["offset"])
    except ValueError:
        raise cell.wrong("a time such as 14:36:11, 9:36 AM or 2026-01-12T14:36:11Z") from None


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"])
    if not match["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if match["half"].upper() == "PM" else 0)


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return timezone(timedelta())
    digits = text[1:].replace(":", "")
    if int(digits[2:]) > 59:
        raise ValueError
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if text[0] == "-" else ahead)
