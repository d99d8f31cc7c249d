"""A hand-written blackbox for tests: every row is put down explicitly, times in New York."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from .clock import SECOND, Session, sessions, utc
from .nasty import SCHEMA
from .semantics import OracleResult, replay

DATE = "2024-11-26"  # a Tuesday, EST: 09:30 is 14:30 UTC
ONE = {"entry.times": ["09:36"]}
MID = {"fills.entry_slippage": 0, "fills.exit_slippage": 0}
# the condor of pin 6000, VIX below 15
Quotes = dict[tuple[float, str], tuple[float | None, float | None]]
RICH: Quotes = {
    (6020, "call"): (1.00, 1.10),
    (6025, "call"): (0.40, 0.50),
    (5980, "put"): (1.00, 1.10),
    (5975, "put"): (0.40, 0.50),
}  # mid 1.20, natural credit 1.00, natural cost 1.40
CHEAP: Quotes = {
    (6020, "call"): (0.50, 0.60),
    (6025, "call"): (0.20, 0.30),
    (5980, "put"): (0.50, 0.60),
    (5975, "put"): (0.20, 0.30),
}  # mid 0.60, natural cost 0.80


class Book:
    def __init__(self, path: Path, date: str, index: str = "SPX") -> None:
        self.path, self.index = path, index
        self.session: Session = sessions(date, date)[0]
        self.db = sqlite3.connect(path)
        self.db.executescript(SCHEMA)

    def stamp(self, when: str | int) -> str:
        """`HH:MM[:SS[.ffffff]]` is New York time; longer texts are taken as they are."""
        if isinstance(when, str) and len(when) > 15:
            return when
        at = self.session.at(when) if isinstance(when, str) else when
        moment = utc(at)
        return str(moment.replace(tzinfo=None))

    def context(self, when: str | int, spot: float | None, vix: float | None) -> None:
        self.put("market_context", when, underlying_price=spot, vix=vix)

    def peak(self, when: str | int, strike: float, rank: int = 1) -> None:
        self.put(
            "gex_peaks",
            when,
            peak_rank=rank,
            strike=strike,
            gex=1e9,
            distance_from_price=0,
            distance_pct=0,
            proximity_score=1,
        )

    def competing(self, when: str | int, adjusted: float | None, is_competing: int = 1) -> None:
        self.put("competing_peaks", when, is_competing=is_competing, adjusted_pin=adjusted)

    def chain(
        self,
        when: str | int,
        spot: float | None,
        vix: float | None,
        calls: Mapping[float, float],
        puts: Mapping[float, float] | None = None,
        expiration: str | None = None,
    ) -> None:
        """`calls` and `puts`: strike -> open interest, gamma 0.01 each."""
        options = [
            {"strike": k, "option_type": t, "open_interest": oi, "greeks": {"gamma": 0.01}}
            for t, side in (("CALL", calls), ("put", puts or {}))
            for k, oi in side.items()
        ]
        self.put(
            "options_snapshots",
            when,
            underlying_price=spot,
            vix=vix,
            expiration=expiration or self.session.date,
            chain_data=json.dumps(options),
        )

    def quote(
        self, when: str | int, strike: float, kind: str, bid: float | None, ask: float | None
    ) -> None:
        self.put("options_prices_live", when, strike=strike, option_type=kind, bid=bid, ask=ask)

    def put(self, table: str, when: str | int, **columns: object) -> None:
        names = ["timestamp", "index_symbol", *columns]
        marks = ", ".join("?" * len(names))
        values = [self.stamp(when), self.index, *columns.values()]
        self.db.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)

    def repeat(
        self,
        first: str,
        last: str,
        legs: Mapping[tuple[float, str], tuple[float | None, float | None]],
        every_s: int = 60,
    ) -> None:
        """The same quotes of all legs from `first` to `last`, both inclusive."""
        start, stop = self.session.at(first), self.session.at(last)
        for at in range(start, stop + 1, every_s * SECOND):
            for (strike, kind), (bid, ask) in legs.items():
                self.quote(at, strike, kind, bid, ask)

    def done(self) -> Path:
        self.db.commit()
        self.db.close()
        return self.path


def run(book: Book, settings: dict[str, object] | None = None, **kw: object) -> OracleResult:
    date = book.session.date
    return replay(book.done(), book.index, date, date, {**ONE, **(settings or {})}, **kw)  # type: ignore[arg-type]


def reasons(result: OracleResult) -> list[object]:
    return [d["reason"] or "entry" for d in result.decisions]


def brief(trade: dict[str, object]) -> tuple[object, ...]:
    stamp = str(trade["timestamp_exit"])
    return trade["exit_reason"], stamp[11:19], trade["exit_value"], trade["pnl_dollars"]
