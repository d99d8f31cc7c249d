"""Sessions once computed, kept beside the day cache: the calendar takes a second to load."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path

from bt_gex.market import calendar
from bt_gex.market.calendar import Session
from bt_gex.storage.atomic import whole_file

FORMAT = 1


def sessions_between(start: date, end: date, folder: Path) -> list[Session]:
    """`calendar.sessions`, with years once computed by the same calendar taken from a file.

    folder  of the day cache. Raises BadValue as `calendar.sessions` does; a file that cannot be
            read or written is done without.
    """
    path = folder / f"calendar-{FORMAT}.json"
    known = _read(path)
    for year, found in known.items():
        calendar.remember(year, found)
    result = calendar.sessions(start, end)
    new = {year for year in range(start.year, end.year + 1) if year not in known}
    if new:
        _write(path, known | {year: tuple(calendar.year_sessions(year)) for year in new})
    return result


@cache
def _made_by() -> list[str]:
    """Everything the sessions depend on; looked up once, as it can't change meanwhile."""
    names = ("exchange_calendars", "tzdata")
    return [str(FORMAT), calendar.EXCHANGE, *(metadata.version(name) for name in names)]


def _read(path: Path) -> dict[int, tuple[Session, ...]]:
    try:
        content = json.loads(path.read_text("utf-8"))
        years = content["years"]
        if content["made_by"] != _made_by() or content["crc"] != _crc(years):
            return {}
        return {
            int(year): tuple(Session(date.fromisoformat(d), o, c) for d, o, c in rows)
            for year, rows in years.items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(path: Path, known: Mapping[int, Sequence[Session]]) -> None:
    years = {
        str(year): [[s.day.isoformat(), s.open_ns, s.close_ns] for s in found]
        for year, found in sorted(known.items())
    }
    content = {"made_by": _made_by(), "crc": _crc(years), "years": years}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as work:
            work.write_text(json.dumps(content), "utf-8")


def _crc(years: object) -> int:
    return zlib.crc32(json.dumps(years, sort_keys=True).encode())
