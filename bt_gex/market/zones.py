"""The zone of stamps that carry none, and whether it can be the right one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from bt_gex.errors import BadValue
from bt_gex.market.calendar import NS, Session, Stamps, utc

SUSPECTS = ("America/New_York", "America/Chicago")  # where recorders stand whose stamps are local


@dataclass(frozen=True, slots=True)
class NaiveZone:
    """The zone of stamps without an offset; is_set: somebody has named it, so it is not doubted."""

    name: str = "UTC"
    is_set: bool = False

    @property
    def tzinfo(self) -> tzinfo:
        """As the standard library has it."""
        return find_zone(self.name)


UTC_UNLESS_DOUBTED = NaiveZone()


def find_zone(name: str) -> tzinfo:
    """The zone of that name. Raises BadValue."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue(
            f"data.timezone must be a time zone such as America/New_York or UTC, got {name!r}"
        ) from None


class Doubt(NamedTuple):
    """A zone that explains stamps better than UTC; shares of the rows that lie inside sessions."""

    zone: str
    inside_utc: float
    inside_zone: float


def doubt_of(
    stamps: Stamps, rows: npt.NDArray[np.int64], sessions: Iterable[Session]
) -> Doubt | None:
    """The zone that stamps without an offset are in, if they can't well be UTC.

    stamps  ascending, nanoseconds, read as UTC; rows: how many rows have each of them

    More than half of the rows must lie outside the sessions, and more than 90 % inside when the
    stamps are read in the zone.
    """
    days = list(sessions)
    total = int(rows.sum())
    upto = np.concatenate([[0], np.cumsum(rows)])
    in_zone = {z: inside(stamps, upto, days, find_zone(z)) for z in ("UTC", *SUSPECTS)}
    best = max(SUSPECTS, key=lambda zone: in_zone[zone])
    if 2 * in_zone["UTC"] >= total or 10 * in_zone[best] <= 9 * total:
        return None
    return Doubt(best, in_zone["UTC"] / total, in_zone[best] / total)


def inside(
    stamps: Stamps, upto: npt.NDArray[np.int64], sessions: Iterable[Session], zone: tzinfo
) -> int:
    """Rows whose stamps, read in a zone, lie in a session; upto: rows before each stamp."""
    found = 0
    for session in sessions:
        offset = utc(session.open_ns).astimezone(zone).utcoffset()
        assert offset is not None
        shift = round(offset.total_seconds()) * NS
        first = np.searchsorted(stamps, session.open_ns + shift, side="left")
        after = np.searchsorted(stamps, session.close_ns + shift, side="right")
        found += int(upto[after] - upto[first])
    return found
