"""How all reports write numbers, times and settings. Plain ASCII, for any terminal or pipe."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bt_gex.config.run_config import FILLS, FillParams
from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import Spread, make_spread
from bt_gex.rules.gex.exits import profit_target, stop_value
from bt_gex.rules.gex.params import ExitParams
from bt_gex.stats.breakdown import no_bid
from bt_gex.stats.summary import most_frequent_first
from bt_gex.trades.reasons import ExitReason, SkipKind
from bt_gex.trades.records import SessionSummary, SpreadTrade, UnpricedBars

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult
    from bt_gex.results.statistics import RunStatistics
    from bt_gex.stats.performance import Drawdown

Cell = TypeVar("Cell")  # an amount as the kind of report writes it
NOTHING = "n/a"
LISTED = 5  # trades in a message of several
FLAGS = {
    "clamped_value": "on at least one bar the quotes put the spread outside 0 to its width; "
    "the value was brought back to that bound",
    "clamped_exit": "the cost of closing lay outside 0 to the width and was brought back",
    "stale_settlement": "settled on an index price more than 120 s older than the close; "
    "the official print may differ",
    "parity_settlement": "settled on a price implied by put-call parity, as the index price "
    "was too old at the close",
    "unpriced_bars": "on some bars a leg had no valid quote; no exit rule was evaluated there",
    "unresolved": "no price to settle on; outside all figures",
    "no_bid": "a leg had no bid when the trade was opened or closed, so that its mid was half its "
    "ask",
}


def dollars(amount: float | None) -> str:
    """-$1,234.50; the sign only when negative."""
    if amount is None:
        return NOTHING
    return f"{'-' if round(amount, 2) < 0 else ''}${abs(amount):,.2f}"


def gain(amount: float | None) -> str:
    """+$1,234.50: a profit or loss, always signed unless zero."""
    return dollars(amount) if amount is None or round(amount, 2) <= 0 else f"+{dollars(amount)}"


def percent(fraction: float | None) -> str:
    """60.0 % from 0.6."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f} %"


def odds(probability: float | None) -> str:
    """A probability as a percentage; the ends are as good as certain, not certain."""
    if probability is None:
        return NOTHING
    if probability < 0.001:
        return "below 0.1 %"
    return "above 99.9 %" if probability > 0.999 else percent(probability)


def ratio(value: float | None) -> str:
    """3.91, as a profit factor is quoted."""
    return NOTHING if value is None else f"{value:,.2f}"


def number(value: float | None) -> str:
    """A price or level in points: two decimals, up to four where they say more."""
    if value is None:
        return NOTHING
    cut = f"{value:,.4f}".rstrip("0")
    return cut + "0" * (2 - len(cut.partition(".")[2]))


def signed_pct(value: float | None) -> str:
    """+1.28 % from 1.28."""
    return NOTHING if value is None else f"{value:+.2f} %"


def count(amount: int, noun: str) -> str:
    """`1 trade`, `1,200 trades`."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def new_york_time(moment: datetime) -> datetime:
    """An instant on New York's clock."""
    return moment.astimezone(NEW_YORK)


def find_trade(result: RunResult, asked: str) -> SpreadTrade:
    """The one trade that matches; raises UnknownName, and BadValue where several do."""
    found = matching_trades(result, asked)
    if len(found) > 1:
        listed = ", ".join(trade.order_id for trade in found[:LISTED])
        more = f" and {len(found) - LISTED:,} more" if len(found) > LISTED else ""
        raise BadValue(f"{len(found)} trades match {asked}; give one of {listed}{more}")
    return found[0]


def matching_trades(result: RunResult, asked: str) -> list[SpreadTrade]:
    """The trades that are meant, in order of entry; raises UnknownName where there is none.

    asked  an order id, the New York time of entry (09:36), the session (2026-01-12), or both
           (2026-01-12 09:36)
    """
    known = {trade.order_id: trade for trade in result.trade_records}
    if asked in known:
        return [known[asked]]
    wanted = asked.replace("T", " ").split()
    found = [trade for trade in known.values() if wanted and set(wanted) <= _entered(trade)]
    if not found:
        raise UnknownName("trade", asked, known)
    return sorted(found, key=lambda trade: trade.timestamp_entry)


def _entered(trade: SpreadTrade) -> set[str]:
    """New York time of entry, and session."""
    return {f"{new_york_time(trade.timestamp_entry):%H:%M}", trade.expiration.isoformat()}


def spread_of(trade: SpreadTrade) -> Spread:
    """The legs of a trade."""
    return make_spread(trade.strategy, [float(strike) for strike in trade.strikes])


def flags_of(trade: SpreadTrade) -> list[str]:
    """The flags of a trade, and what its quotes say besides."""
    return [*trade.flags, *(["no_bid"] if no_bid(trade) else [])]


def dates(result: RunResult) -> str:
    """`2026-01-12 to 2026-01-16`, or the one date."""
    start, end = result.run_config.start, result.run_config.end
    return f"{start}" if start == end else f"{start} to {end}"


def fills(params: FillParams) -> str:
    """How trades are filled, by its usual name where it has one."""
    paid = params.entry_slippage, params.exit_slippage
    name = next((name for name, slippage in FILLS.items() if slippage == paid), None)
    words = f"{100 * paid[0]:g} % of the half-spread at entry, {100 * paid[1]:g} % at exit"
    return f"{name} ({words})" if name else words


def thresholds(trade: SpreadTrade, params: ExitParams) -> dict[ExitReason, float]:
    """Spread values in points at which each rule closes a trade; none for a trade not by rules."""
    if trade.confidence is None:
        return {}
    credit = trade.entry_credit
    return {
        ExitReason.PROFIT_TARGET: credit * (1.0 - profit_target(trade.confidence, params)),
        ExitReason.STOP_LOSS: stop_value(credit, params.stop_loss),
        ExitReason.EMERGENCY_STOP: stop_value(credit, params.emergency_stop),
    }


def why_no_trades(statistics: RunStatistics) -> str:
    """What became of the checks when no trade came of them."""
    sessions, funnel = statistics.sessions, statistics.funnel
    if not sessions:
        return "the dates hold no session (weekends or holidays)"
    if all(session.status == "no data" for session in sessions):
        return f"no data for {count(len(sessions), 'session')}"
    if not funnel.checks:
        return "no check was made"
    if funnel.unresolved:
        return f"{count(funnel.unresolved, 'trade')} entered, none could be resolved"
    kinds = list(most_frequent_first(funnel.skips_by_kind).items())
    named = ", ".join(f"{kind} ({times:,})" for kind, times in kinds[:3])
    return f"{count(funnel.checks, 'check')}, all skipped, most often: {named}"


def unpriced_words(bars: int, kinds: UnpricedBars | None) -> str:
    """`3 bars without a price (2 no quote, 1 contradictory quotes)`; the kinds where known."""
    named = {
        SkipKind.NO_QUOTE: kinds.no_quote,
        SkipKind.AGES_APART: kinds.leg_ages_apart,
        SkipKind.CONTRADICTORY: kinds.contradictory,
    } if kinds else {}  # fmt: skip
    said = ", ".join(f"{times:,} {kind}" for kind, times in named.items() if times)
    return f"{count(bars, 'bar')} without a price" + (f" ({said})" if said else "")


def drawdown_words(found: Drawdown | None) -> str:
    """`$60.00 (0.2 %)`: dollars, and percent of the value it fell from."""
    return NOTHING if found is None else f"{dollars(found.dollars)} ({found.pct:.1f} %)"


def drawdown_length(found: Drawdown | None) -> str:
    """How long the account stayed below where it fell from."""
    if found is None:
        return NOTHING
    length = count(found.sessions, "session")
    if found.recovered is None:
        return f"{length} since {found.peak}, not recovered"
    if found.recovered == found.peak:
        return f"within the session of {found.peak}"
    return f"{length} from {found.peak} to {found.recovered}"


def minutes(value: float | None) -> str:
    """16.2."""
    return NOTHING if value is None else f"{value:,.1f}"


def short_gain(amount: float) -> str:
    """`+170`, `-1.2k`: a P&L in dollars for a small cell."""
    if abs(amount) < 999.5:
        return "0" if round(amount) == 0 else f"{amount:+.0f}"
    return f"{amount / 1_000:+.1f}k" if abs(amount) < 9_950 else f"{amount / 1_000:+,.0f}k"


def verdict(result: RunResult, doubt: str = "") -> str:
    """The result in one line.

    doubt  what the profit rests on, see `findings.resting_on`
    """
    totals = result.statistics.totals
    head = f"{result.index_symbol} {dates(result)}"
    if not totals.total_trades:
        return f"{head}: no trades - {why_no_trades(result.statistics)}"
    return (
        f"{head}: {gain(totals.total_pnl)} ({signed_pct(totals.return_pct)}), "
        f"{count(totals.total_trades, 'trade')}, {totals.winners:,} won, {totals.losers:,} lost, "
        f"drawdown {drawdown_words(result.statistics.performance.drawdown)}"
        f"{f'; but {doubt}' if doubt else ''}"
    )


def session_cells(row: SessionSummary, pnl: Cell) -> tuple[str | Cell, ...]:
    """What a table says of a session after its date, the P&L as the caller writes amounts."""
    return (
        row.status,
        f"{row.checks:,}",
        f"{row.entries:,}",
        pnl if row.entries else "",
        "" if row.priced_pct is None else f"{row.priced_pct:.1f} %",
        "; ".join(row.notes),
    )
