"""`bt-gex record`: append what a provider says to a blackbox."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

import click

from bt_gex.cli.common import DATE, FILLED, INDEX
from bt_gex.errors import UsageError

if TYPE_CHECKING:
    from bt_gex.live.recorder import Polled
    from bt_gex.market.indexes import Index


@click.command(epilog="Example: bt-gex record --db blackbox.db --index SPX")
@click.option("--db", "database", required=True, type=FILLED, help="Blackbox, made where absent.")
@click.option(
    "--index", "symbols", multiple=True, type=INDEX, help="SPX (default) or NDX; may be repeated."
)
@click.option(
    "--provider",
    type=click.Choice(["tradier"]),
    default="tradier",
    show_default=True,
    help="Whose quotes are recorded.",
)
@click.option("--day", type=DATE, help="Session, YYYY-MM-DD; today by default.")
@click.option("--token-file", type=FILLED, help="File of mode 0600; else TRADIER_TOKEN.")
@click.option("--url", type=FILLED, help="Another address of the interface, such as the sandbox's.")
@click.option(
    "--check-times",
    is_flag=True,
    help="Peaks and context only at the twelve check times, as the old bot's recorder.",
)
@click.pass_context
def record(
    context: click.Context,
    database: str,
    symbols: tuple[str, ...],
    provider: str,
    day: date | None,
    token_file: str | None,
    url: str | None,
    check_times: bool,
) -> None:
    """Record a session from a provider, every 30 seconds.

    What is recorded is index price, VIX and the chain that expires that day.

    It only appends, waits for the open and ends at the close. What does not come is recorded as a
    failure with its cause. SIGTERM ends it in order.
    """
    from bt_gex.blackbox.appender import Appender
    from bt_gex.cli.paper_session import Stopping
    from bt_gex.live.clock import WallClock
    from bt_gex.live.recorder import CHECK_TIMES, Recorder, RecordParams
    from bt_gex.live.tradier import URL, TradierProvider, read_token
    from bt_gex.market.calendar import new_york, sessions
    from bt_gex.market.indexes import find_index

    token = read_token(token_file)
    today = day or new_york(time.time_ns()).date()
    found = sessions(today, today)
    if not found:
        raise UsageError(f"{today} is no session of the exchange; give a trading day with --day")
    indexes = [find_index(symbol, {}) for symbol in dict.fromkeys(symbols or ("SPX",))]
    stopping = Stopping()
    with stopping.heard(), Appender(database) as sink:
        asked = TradierProvider(token, url or URL)
        try:
            params = RecordParams(peaks_at=CHECK_TIMES if check_times else None)
            clock = WallClock(stopping.stop)
            Recorder(asked, sink, indexes, found[0], clock, params, _told).run()
        finally:
            asked.close()
    context.exit(130 if stopping.interrupted else 0)


def _told(index: Index, polled: Polled) -> None:
    rows = sum(len(several) for several in polled.rows.values())
    failed = "".join(f"; {one.what}: {one.cause}" for one in polled.failed)
    click.echo(f"{time.strftime('%H:%M:%S')} {index.symbol} {rows} rows{failed}")
