"""What speaks against believing a run: too good to be true, or resting on poor data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from bt_gex.findings.finding import DOUBTFUL, Finding, about, count, flagged, of
from bt_gex.stats.breakdown import asks_without_bid, no_bid
from bt_gex.stats.summary import Funnel, Totals, summarise, unpriced_by_kind
from bt_gex.trades.reasons import MISSING_DATA, STOPS, ExitReason, TradeFlag
from bt_gex.trades.records import SessionSummary, SpreadTrade

FEW_TRADES = 5  # with fewer, all winners or no drawdown is no surprise
MANY_CHECKS = 12  # a session's worth; with fewer, few entries say nothing
BARS_A_MINUTE = 2
UNPRICED_SHARE = 0.10  # of the bars with an open trade
BAD_QUOTE_SHARE = 0.01  # of the recorded quotes read
REFUSED_SHARE = 0.80  # of the checks
MISSING_SHARE = 0.10  # of the checks
AT_ONCE_SHARE = 0.10  # of the trades
MISSING_ENDS = ("minutes without a quote from the open", "minutes without a quote to the close")
ZONE_HOURS = (4, 5, 6)  # New York and Chicago behind UTC, in summer and in winter
ZONE_SLACK_MIN = 5
BAD_QUOTES = {
    "crossed": "bid above ask; they count as no quote, so entries and exits are missed",
    "duplicate quotes": "same option and instant twice; the later row counts, the other is lost",
    "ask not positive": "no ask above 0; they count as no quote, so entries and exits are missed",
    "NULL ask": "no ask; they count as no quote, so entries and exits are missed",
}


class Figures(Protocol):
    """What of a result's figures the findings look at."""

    @property
    def totals(self) -> Totals: ...
    @property
    def funnel(self) -> Funnel: ...
    @property
    def sessions(self) -> Sequence[SessionSummary]: ...
    @property
    def max_drawdown_mtm(self) -> float: ...


def findings_of_run(statistics: Figures, trades: Sequence[SpreadTrade]) -> list[Finding]:
    """What speaks against a result by its own records."""
    funnel = statistics.funnel
    return [
        *_no_drawdown(statistics, trades),
        *_of_trades(statistics.totals, trades, funnel.unpriced_bars, funnel.clamped),
        *_quotes(statistics.sessions),
        *_zone(statistics.sessions),
        *_coverage(statistics.sessions),
        *_refusals(statistics.funnel),
    ]


def doubtful_trades(trades: Sequence[SpreadTrade]) -> list[SpreadTrade]:
    """The trades on doubtful prices, of any of the kinds of DOUBTFUL."""
    totals = summarise(trades, balance=0.0)
    found = [finding for finding in _of_trades(totals, trades, 0, 1) if finding.kind in DOUBTFUL]
    named = {order_id for finding in found for order_id in finding.order_ids}
    return [trade for trade in trades if trade.order_id in named]


def _of_trades(
    totals: Totals, trades: Sequence[SpreadTrade], unpriced_bars: int, clamped: int
) -> Iterator[Finding]:
    yield from _too_good(totals, trades)
    yield from _without_bid(trades)
    yield from _stopped_at_once(trades)
    yield from _targets_lost(trades)
    yield from _ends(trades)
    yield from _prices(unpriced_bars, clamped, trades)


def _no_drawdown(statistics: Figures, trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    total = statistics.totals.total_trades
    if total >= FEW_TRADES and statistics.max_drawdown_mtm <= 0:
        yield about(
            "no_drawdown",
            f"The account never fell below an earlier high in {total} trades, marked at every "
            "bar: with real quotes that does not happen.",
            "Look at the marks of some trades with bt-gex trade, and at the quotes with bt-gex "
            "inspect.",
            trades,
            trades,
        )


def _too_good(totals: Totals, trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    total = totals.total_trades
    if total >= FEW_TRADES and totals.winners == total:
        yield about(
            "all_winners",
            f"All {total} trades won: credit spreads that never lose are a sign of wrong prices "
            "or of look-ahead, not of skill.",
            "Check the strategy with bt-gex lookahead, and look at single trades with bt-gex "
            "trade.",
            trades,
            trades,
        )
    instant = [trade for trade in trades if trade.time_alive_minutes == 0]
    if instant:
        yield about(
            "instant_exits",
            f"{of(len(instant), len(trades), 'trade')} closed in the minute of entry (0.0 minutes "
            "alive): no exit rule looks before the next bar, so the time stamps are doubtful.",
            "Look at the first of them with bt-gex trade; a day with such times is better left "
            "out.",
            instant,
            trades,
        )


def _without_bid(trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    touched = [trade for trade in trades if no_bid(trade)]
    if touched:
        highest = max(ask for trade in touched for ask in asks_without_bid(trade))
        yield about(
            "no_bid",
            f"{of(len(touched), len(trades), 'trade')} opened or closed on a bar on which a leg "
            f"had no bid, with asks up to {highest:,.2f}: its mid was half its ask.",
            "Pick them in the report's trade table by the flag no_bid, and do not count on what "
            "rests on them.",
            touched,
            trades,
        )


def _targets_lost(trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    at_target = [trade for trade in trades if trade.exit_reason == ExitReason.PROFIT_TARGET]
    lost = [trade for trade in at_target if (trade.pnl_dollars or 0.0) < 0]
    if lost:
        yield about(
            "target_lost",
            f"{of(len(lost), len(at_target), 'trade')} closed at the profit target lost money: "
            "the target is evaluated at the mid, and closing cost more than the profit at the mid.",
            "See with bt-gex costs what closing takes, and set targets beyond it.",
            lost,
            trades,
        )


def _stopped_at_once(trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    stopped = [
        trade
        for trade in trades
        if trade.exit_reason in STOPS and trade.time_alive_minutes <= 1 / BARS_A_MINUTE
    ]
    if len(stopped) > AT_ONCE_SHARE * len(trades):
        yield about(
            "stopped_at_once",
            f"{of(len(stopped), len(trades), 'trade')} stopped out on the first bar after the "
            "entry: what the fills cost is more than the stop allows, so this measures the "
            "bid-ask spread, not the market.",
            "Sweep exit.stop_loss, or see what other fills would make of it with bt-gex costs.",
            stopped,
            trades,
        )


def _ends(trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    unresolved = [trade for trade in trades if trade.pnl_dollars is None]
    if unresolved:
        yield about(
            "unresolved",
            f"{of(len(unresolved), len(trades), 'trade')} could not be resolved (no price to "
            "settle on): outside all figures, whatever they made or lost is missing from the "
            "result.",
            "Settle them by hand on the official print, and see whether the verdict stands.",
            unresolved,
            trades,
        )
    for flag, why in (
        (
            TradeFlag.STALE_SETTLEMENT,
            "an index price older than 120 s at the close",
        ),
        (
            TradeFlag.PARITY_SETTLEMENT,
            "a price implied by put-call parity, as the index price was too old",
        ),
    ):
        settled = flagged(trades, flag)
        if settled:
            yield about(
                "settlement",
                f"{of(len(settled), len(trades), 'trade')} settled on {why}: the official print "
                "may differ, and near a strike that changes the P&L.",
                "Look up the official print of those sessions, and compare.",
                settled,
                trades,
            )


def _prices(unpriced_bars: int, clamped: int, trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    minutes = sum(trade.time_alive_minutes for trade in trades)
    bars = max(round(minutes * BARS_A_MINUTE), unpriced_bars)
    if unpriced_bars > UNPRICED_SHARE * bars:
        yield about(
            "unpriced",
            f"Open trades could not be priced on {of(unpriced_bars, bars, 'bar')} "
            f"({_why_unpriced(trades)}): targets and stops are not seen there, so exits come late.",
            "See with bt-gex inspect which strikes go without quotes, or raise "
            "data.quote_max_age_s knowingly.",
            flagged(trades, TradeFlag.UNPRICED_BARS),
            trades,
        )
    yield from _contradictory(trades)
    if clamped:
        touched = flagged(trades, TradeFlag.CLAMPED_VALUE, TradeFlag.CLAMPED_EXIT)
        where = f", in {of(len(touched), len(trades), 'trade')}" if touched else ""
        yield about(
            "clamped",
            f"{count(clamped, 'spread price')} lay outside 0 to width and had to be "
            f"clamped: the quotes of the legs contradict each other there{where}.",
            "Pick them in the report's trade table by the flags clamped_value and clamped_exit.",
            touched,
            trades,
        )


def _why_unpriced(trades: Sequence[SpreadTrade]) -> str:
    """Bars without a price by what the quotes lacked, those there are."""
    kinds = unpriced_by_kind(trades)
    named = {
        "a leg without a valid quote": kinds.no_quote,
        "legs quoted too far apart in time": kinds.leg_ages_apart,
        "quotes that contradict each other": kinds.contradictory,
    }
    said = [f"{what} {number:,}" for what, number in named.items() if number]
    return ", ".join(said) or "a leg without a valid quote"


def _contradictory(trades: Sequence[SpreadTrade]) -> Iterator[Finding]:
    touched = [t for t in trades if t.unpriced_by_kind and t.unpriced_by_kind.contradictory]
    if touched:
        bars = unpriced_by_kind(touched).contradictory
        yield about(
            "contradictory",
            f"{of(len(touched), len(trades), 'trade')} met quotes that contradict each other, on "
            f"{count(bars, 'bar')}: no price of the spread agrees with them, so it was held "
            "whatever the rules would have said.",
            "Look at those legs with bt-gex trade, and at the sessions with bt-gex inspect: the "
            "recording is wrong there.",
            touched,
            trades,
        )


def _quotes(sessions: Sequence[SessionSummary]) -> Iterator[Finding]:
    counts = {
        name: sum(session.quality.get(name, 0) for session in sessions)
        for name in ("quote rows", *BAD_QUOTES)
    }
    rows = counts["quote rows"]
    for name, why in BAD_QUOTES.items():
        if counts[name] > BAD_QUOTE_SHARE * rows:
            yield Finding(
                kind="bad_quotes",
                text=f"{of(counts[name], rows, 'recorded quote')} have the fault '{name}': {why}.",
                next_step="See with bt-gex inspect which sessions they are in, and whether the "
                "result stands without those.",
            )


def _zone(sessions: Sequence[SessionSummary]) -> Iterator[Finding]:
    """Quotes that lack as many hours at one end as a wrong time zone would take from it."""
    recorded = [session for session in sessions if session.status != "no data"]
    for end, what in zip(MISSING_ENDS, ("begin", "end"), strict=True):
        for hours in ZONE_HOURS:
            odd = [s for s in recorded if 0 <= _off(s, end, hours) <= ZONE_SLACK_MIN]
            if 2 * len(odd) <= len(recorded):
                continue
            where = "after the open" if what == "begin" else "before the close"
            yield Finding(
                kind="time_zone",
                text=f"In {of(len(odd), len(recorded), 'session')} the quotes {what} {hours} hours "
                f"{where}, as they would if their stamps were of another time zone: everything "
                "would have happened at another time than it seems.",
                next_step="Compare a quote's stamp with the clock of an exchange: stamps without "
                "an offset are taken as UTC.",
            )


def _off(session: SessionSummary, end: str, hours: int) -> float:
    """Minutes by which what is missing differs from so many hours."""
    return abs(session.quality.get(end, 0) - 60 * hours)


def _coverage(sessions: Sequence[SessionSummary]) -> Iterator[Finding]:
    empty = [f"{session.session}" for session in sessions if session.status == "no data"]
    if empty:
        named = ", ".join(empty[:3]) + (f" and {len(empty) - 3} more" if len(empty) > 3 else "")
        yield Finding(
            kind="no_data",
            text=f"{of(len(empty), len(sessions), 'session')} had no data ({named}): the result "
            "covers less than the dates it is asked for.",
            next_step="Record or leave out those dates; a claim about them has no basis.",
        )


def _refusals(funnel: Funnel) -> Iterator[Finding]:
    kinds = funnel.skips_by_kind
    missing = {name: kinds[name] for name in MISSING_DATA if kinds.get(name)}
    lost = sum(missing.values())
    if lost > MISSING_SHARE * funnel.checks:
        named = ", ".join(f"{name} {number}" for name, number in missing.items())
        yield Finding(
            kind="missing_data",
            text=f"{of(lost, funnel.checks, 'check')} failed for lack of data ({named}): the "
            "trades seen may not be the trades the rules would have made.",
            next_step="See with bt-gex inspect what is missing when; the recorder may need fixing.",
        )
    if funnel.checks >= MANY_CHECKS and funnel.skips > REFUSED_SHARE * funnel.checks:
        name, most = max(kinds.items(), key=lambda item: item[1])
        left = (
            "the figures rest on the few that did"
            if funnel.skips < funnel.checks
            else "nothing was traded"
        )
        yield Finding(
            kind="refused",
            text=f"{of(funnel.skips, funnel.checks, 'check')} made no entry, most often for "
            f"'{name}' ({most}): {left}.",
            next_step="Read the reasons in the funnel, and decide whether that rule is meant to "
            "refuse so much.",
        )
