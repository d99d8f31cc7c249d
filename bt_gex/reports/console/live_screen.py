"""One screen that refreshes while a session runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bt_gex.market.calendar import NS, new_york
from bt_gex.reports.console.session import event_line
from bt_gex.rules.gex.exits import profit_target
from bt_gex.rules.gex.setup import get_gex_trade_setup
from bt_gex.strategies.gex import check_rows
from bt_gex.trades.events import Event, SpreadOpened

if TYPE_CHECKING:
    from bt_gex.live.session import Watched

LAST = 8  # events shown
PER_SECOND = 4


class Screen:
    """Clock, data, pin, next check, open spreads, last events, account."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._events: deque[str] = deque(maxlen=LAST)
        self._confidence: dict[str, str] = {}
        self._live = Live(Text(f"session {session_id}"), refresh_per_second=PER_SECOND)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """Keep the line of an event."""
        if isinstance(event, SpreadOpened) and event.facts:
            self._confidence[event.instrument.name] = event.facts.confidence or ""
        if line := event_line(event):
            self._events.append(line)

    def bar(self, seen: Watched) -> None:
        """Show how things stand."""
        content = Group(
            Text("\n".join(market_lines(seen))),
            open_table(seen, self._confidence),
            Text("\n".join(self._events)),
        )
        title = f"{self._session_id}  {new_york(int(seen.day.grid[seen.row])):%H:%M:%S} ET"
        self._live.update(Panel(content, title=title, title_align="left"))


def market_lines(seen: Watched) -> Iterable[str]:
    """The market, its data, the next check and the account."""
    day, row = seen.day, seen.row
    yield (
        f"index {day.spot[row]:,.2f}   VIX {day.vix[row]:.2f}   pin {day.pin[row]:g}   "
        f"bar {row} of {day.session.bars}"
    )
    at_ns = int(day.grid[row])
    ages = (
        ("quotes", day.seen.newest_quote_ns),
        ("index price", day.last_price_ns),
    )
    yield (
        "age  "
        + "   ".join(
            f"{name} {(at_ns - ns) / NS:.0f} s" if ns >= 0 else f"{name} none" for name, ns in ages
        )
        + (f"   {seen.bars.fault}" if seen.bars.fault else "")
    )
    strategy = seen.strategy
    checks = [
        check
        for check in check_rows(day.session, strategy.entry_params.times, strategy.exit_params)
        if check > row
    ]
    when = f"{new_york(int(day.grid[checks[0]])):%H:%M}" if checks else "none left"
    yield f"next check {when}; now it would be: {setup_now(seen)}"
    book = seen.books.book
    yield f"cash {book.cash:,.2f}   equity {book.equity:,.2f}   margin {book.reserved:,.2f}"
    if seen.books.halted:
        yield f"HALTED, opens nothing more: {seen.books.halted}"


def setup_now(seen: Watched) -> str:
    """What the setup rules say of the present bar."""
    day, row, params = seen.day, seen.row, seen.strategy.setup_params
    spot, vix, pin = (float(values[row]) for values in (day.spot, day.vix, day.pin))
    missing = [n for n, v in (("index price", spot), ("VIX", vix), ("pin", pin)) if v != v]
    if missing:
        return f"nothing, no {missing[0]}"
    setup = get_gex_trade_setup(
        pin, spot, vix, params.vix_threshold, day.index.symbol, parity=params.parity,
        params=params, index=day.index,
    )  # fmt: skip
    if not setup.strikes:
        return setup.description
    return f"{setup.strategy} {'/'.join(f'{strike:g}' for strike in setup.strikes)}"


def open_table(seen: Watched, confidence: dict[str, str]) -> Table:
    """Open spreads with value, thresholds and P&L."""
    table = Table(title="open spreads", title_justify="left")
    for name in ("order", "qty", "credit", "value", "target", "stop", "P&L $"):
        table.add_column(name)
    exits = seen.strategy.exit_params
    for name, position in seen.books.book.spreads.items():
        value = float(seen.day.path_of(position.contract.spread)[0][seen.row])
        target = 1.0 - profit_target(confidence.get(name, ""), exits)
        units = position.contract.multiplier * position.quantity
        table.add_row(
            name, str(position.quantity), f"{position.credit:.2f}",
            "none" if value != value else f"{value:.2f}",
            f"{position.credit * target:.2f}", f"{position.credit * (1 + exits.stop_loss):.2f}",
            "" if value != value else f"{(position.credit - value) * units:+,.2f}",
        )  # fmt: skip
    return table
