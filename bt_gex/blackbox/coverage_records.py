"""What is found of a blackbox: records of sessions and indexes, and the settings they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time

from bt_gex.blackbox.quote_widths import WidthBand, summed
from bt_gex.market.calendar import Session
from bt_gex.market.indexes import Index
from bt_gex.market.zones import UTC_UNLESS_DOUBTED, NaiveZone
from bt_gex.rules.gex.params import EntryParams, ExitParams
from bt_gex.sessions.day import LoadParams
from bt_gex.sessions.gaps import Gap

QUOTES = "options_prices_live"
# Table -> what, beside index and instant, tells its rows apart.
KEYS: Mapping[str, tuple[str, ...]] = {
    "options_snapshots": ("expiration",),
    "gex_peaks": ("peak_rank",),
    "competing_peaks": (),
    "market_context": (),
    QUOTES: ("strike", "option_type"),
}
# Our name of an irregularity -> the reader's.
ODD_QUOTES = {
    "crossed": "crossed",
    "locked": "locked",
    "null_bid": "NULL bid",
    "null_ask": "NULL ask",
    "ask_not_positive": "ask not positive",
    "one_sided": "one-sided",
    "contradictory": "contradictory verticals",
    "negative_bid": "negative bid",
    "unknown_option": "no such option",
}
ODD_CONTEXT = {"null_index_price": "NULL index price", "null_vix": "NULL vix"}
TableRows = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageParams:
    """The settings of a replay that decide what is known when; zone: of stamps without an offset.

    indexes  facts of underlyings that are not built in, or other than those, by symbol
    """

    load: LoadParams = field(default_factory=LoadParams)
    entry: EntryParams = field(default_factory=EntryParams)
    exit: ExitParams = field(default_factory=ExitParams)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    zone: NaiveZone = UTC_UNLESS_DOUBTED


STANDARD = CoverageParams()


@dataclass(frozen=True, slots=True)
class Check:
    """A check time (New York), and what was known at its bar."""

    at: time
    price: bool
    vix: bool
    pin: bool

    @property
    def ready(self) -> bool:
        """Whether the rules have all they look at."""
        return self.price and self.vix and self.pin


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCoverage:
    """One session of one index.

    rows           by table, from open to close
    before, after  by table, the day's rows before the open and after the close
    cadence_s      median seconds between distinct quote stamps, None with fewer than two
    gaps           none when there are no quotes at all
    bars_priced    as the function of that name counts them
    strikes        lowest and highest quoted strike, and how many there are
    pins           where the pin comes from: recorded, computed (from chains) or none
    odd            quotes and context rows by oddity, see ODD_QUOTES and ODD_CONTEXT; verticals as
                   `contradictory_verticals` counts them
    duplicates     by table, rows with the key and instant of another one
    widths         of the quotes, by the price of the option
    expirations    of the option chains, as recorded
    unreadable     what could not be read, and why; its rows are not in the counts
    """

    session: Session
    rows: TableRows
    before: TableRows
    after: TableRows
    first_quote_ns: int | None
    last_quote_ns: int | None
    cadence_s: float | None
    gaps: tuple[Gap, ...]
    bars_priced: int
    strikes: tuple[float, float, int] | None
    checks: tuple[Check, ...]
    pins: str
    odd: dict[str, int]
    duplicates: TableRows
    widths: tuple[WidthBand, ...]
    expirations: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def longest_gap(self) -> Gap | None:
        """The first of the longest gaps."""
        return max(self.gaps, key=lambda gap: gap.length_s, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the sessions of an index.

    outside  rows of all tables outside sessions, those of days without a session included
    checks   check times, of which `ready` with all three values
    """

    rows: TableRows
    outside: int
    bars: int
    bars_priced: int
    gaps: int
    checks: int
    ready: int
    odd: dict[str, int]
    duplicates: TableRows
    widths: tuple[WidthBand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCoverage:
    """One index.

    start, end      dates covered: as requested, else the first and last session with rows
    sessions        those on whose day there is any row, also only outside the session's hours
    without_rows    sessions from start to end with no row between open and close
    off_session     day that is no session -> rows by table
    params          settings of the check
    """

    symbol: str
    start: date | None
    end: date | None
    sessions: tuple[SessionCoverage, ...]
    without_rows: tuple[date, ...]
    off_session: dict[date, TableRows]
    params: CoverageParams = STANDARD

    def totals(self) -> Totals:
        """All sessions together."""
        own = self.sessions
        checks = [check for one in own for check in one.checks]
        outside = [*(s.before for s in own), *(s.after for s in own), *self.off_session.values()]
        return Totals(
            rows=_sum(KEYS, (one.rows for one in own)),
            outside=sum(sum(rows.values()) for rows in outside),
            bars=sum(one.session.bars for one in own),
            bars_priced=sum(one.bars_priced for one in own),
            gaps=sum(len(one.gaps) for one in own),
            checks=len(checks),
            ready=sum(check.ready for check in checks),
            odd=_sum({**ODD_QUOTES, **ODD_CONTEXT}, (one.odd for one in own)),
            duplicates=_sum(KEYS, (one.duplicates for one in own)),
            widths=summed(one.widths for one in own),
        )


def _sum(names: Iterable[str], counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return {name: total[name] for name in names}
