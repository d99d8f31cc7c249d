"""A blackbox written by hand, row by row, in the recorder's own schema.

Clock times are New York's on the market's current day; rows are kept in the order they are put
down, so that order is also the order of their ids.

The standing example of the tests ("the put spread"): pin 6000, index 5990, VIX 12. The distance
is −10, so a put spread is sold with confidence HIGH: short min(6000−15, 5990−8) = 5982 → 5980,
width 5 below VIX 15, long 5975. On 2026-01-12 New York is UTC−5.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine
from typed_records import decisions_of, trades_of

from bt_gex.blackbox import schema
from bt_gex.config.run_config import RunConfig
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import replay

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = "2026-01-12"

Quote = tuple[float | None, float | None]
Book = Mapping[tuple[float, str], Quote]  # (strike, "call" or "put") -> bid, ask

AT_0936 = {"entry.times": ["09:36"]}
MID = {"fills.entry_slippage": 0, "fills.exit_slippage": 0}

TWELVE = [
    "09:36",
    "10:00",
    "10:30",
    "11:00",
    "11:30",
    "12:00",
    "12:30",
    "13:00",
    "13:30",
    "14:00",
    "14:30",
    "15:00",
]

SHORT, LONG = (5980, "put"), (5975, "put")


def put_spread(mid: float, half: float = 0.0, long: int = 5975) -> Book:
    """Quotes of the put spread with this value at mid.

    `half` is the half-spread of each leg: sold at the natural side it brings mid − 2·half, bought
    back it costs mid + 2·half.
    """
    return {
        SHORT: (round(1 + mid - half, 6), round(1 + mid + half, 6)),
        (long, "put"): (round(1 - half, 6), round(1 + half, 6)),
    }


def naive(moment: datetime) -> str:
    """The recorder's own form: naive UTC with a space."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


INDIA = timezone(timedelta(hours=5, minutes=30))
FORMS: dict[str, Callable[[datetime], str]] = {
    "space": naive,
    "T": lambda m: naive(m).replace(" ", "T"),
    "space Z": lambda m: naive(m) + "Z",
    "T +00:00": lambda m: m.astimezone(UTC).isoformat(),
    "T microseconds": lambda m: m.astimezone(UTC).isoformat(timespec="microseconds"),
    "New York": lambda m: m.astimezone(NEW_YORK).isoformat(),
    "India": lambda m: m.astimezone(INDIA).isoformat(sep=" "),
}


@cache
def _ddl() -> tuple[str, ...]:
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
        found = tuple(sql for (sql,) in rows if "sqlite_sequence" not in sql)
    engine.dispose()
    return found


class Market:
    """Rows of one index; `run` writes them to a file and replays it."""

    def __init__(self, folder: Path, day: str = MONDAY, index: str = "SPX") -> None:
        self.path, self.day, self.index = folder / "market.db", day, index
        self.form: Callable[[datetime], str] = naive
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def on(self, day: str) -> Market:
        """Put the following rows down on another day."""
        self.day = day
        return self

    def at(self, clock: str) -> datetime:
        """HH:MM[:SS[.ffffff]] of the current day, New York."""
        return datetime.fromisoformat(f"{self.day}T{clock}").replace(tzinfo=NEW_YORK)

    def put(self, table: str, clock: str | datetime, **columns: Any) -> None:
        """One row."""
        moment = self.at(clock) if isinstance(clock, str) else clock
        stamp = self.form(moment)
        self.rows.append((table, {"timestamp": stamp, "index_symbol": self.index, **columns}))

    def context(self, clock: str, spot: float, vix: float | None) -> None:
        """Index price and VIX."""
        self.put("market_context", clock, underlying_price=spot, vix=vix)

    def pin(self, clock: str, strike: float, rank: int = 1) -> None:
        """A gamma peak."""
        numbers = dict.fromkeys(("gex", "distance_from_price", "distance_pct"), 1.0)
        self.put("gex_peaks", clock, peak_rank=rank, strike=strike, proximity_score=1.0, **numbers)

    def chain(
        self,
        clock: str,
        spot: float,
        vix: float | None,
        options: Iterable[Mapping[str, Any]] = (),
        expiration: str | None = None,
    ) -> None:
        """A snapshot of an option chain."""
        self.put(
            "options_snapshots",
            clock,
            underlying_price=spot,
            vix=vix,
            expiration=expiration or self.day,
            chain_data=json.dumps(list(options)),
        )

    def quote(self, clock: str | datetime, strike: float, kind: str, *quote: float | None) -> None:
        """One option's bid and ask."""
        bid, ask = quote
        self.put("options_prices_live", clock, strike=strike, option_type=kind, bid=bid, ask=ask)

    def known_all_day(
        self,
        spot: float = 5990,
        vix: float = 12.0,
        pin: float | None = 6000,
        until: str = "15:59",
    ) -> None:
        """Index price, VIX and pin every half hour from 09:31: young enough at every bar."""
        moment, last = self.at("09:31"), self.at(until)
        while moment <= last:
            clock = moment.strftime("%H:%M:%S")
            self.context(clock, spot, vix)
            if pin is not None:
                self.pin(clock, pin)
            moment += timedelta(minutes=30)

    def quotes(self, start: str, end: str, book: Book, every_s: int = 60) -> None:
        """The same quotes from start to end, both inclusive."""
        moment, last = self.at(start), self.at(end)
        while moment <= last:
            for (strike, kind), (bid, ask) in book.items():
                self.quote(moment, strike, kind, bid, ask)
            moment += timedelta(seconds=every_s)

    def save(self) -> Path:
        """Write the file anew; returns its path."""
        self.path.unlink(missing_ok=True)
        connection = sqlite3.connect(self.path)
        for statement in _ddl():
            connection.execute(statement)
        for table, columns in self.rows:
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values())
            )
        connection.commit()
        connection.close()
        return self.path

    def run(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        start: str | None = None,
        end: str | None = None,
        **config: Any,
    ) -> RunResult:
        """Replay from start to end (default: the current day), in both ways of going through it."""
        chosen = RunConfig(
            index=self.index,
            start=date.fromisoformat(start or self.day),
            end=date.fromisoformat(end or self.day),
            settings=settings or {},
            **config,
        )
        path = self.save()
        result, every_bar = (replay(path, chosen, every_bar=every) for every in (False, True))
        assert result.to_json() == every_bar.to_json()
        assert result.decision_records == every_bar.decision_records
        assert result.equity.equals(every_bar.equity)
        assert result.marks.equals(every_bar.marks)
        return result


def only_trade(result: RunResult) -> dict[str, Any]:
    """The one trade of a run."""
    (trade,) = trades_of(result)
    return trade


def left(trade: Mapping[str, Any]) -> tuple[Any, ...]:
    """How a trade ended: reason, New York time, exit value, dollars."""
    when = datetime.fromisoformat(trade["timestamp_exit"]).astimezone(NEW_YORK)
    return trade["exit_reason"], f"{when:%H:%M:%S}", trade["exit_value"], trade["pnl_dollars"]


def reasons(result: RunResult) -> list[str]:
    """What became of each check, in order: the reason of a skip, or `entry`."""
    return [check["reason"] or "entry" for check in decisions_of(result)]


def entry_clocks(result: RunResult) -> list[str]:
    """New York times of the entries."""
    moments = (datetime.fromisoformat(t["timestamp_entry"]) for t in trades_of(result))
    return [f"{moment.astimezone(NEW_YORK):%m-%d %H:%M:%S}" for moment in moments]
