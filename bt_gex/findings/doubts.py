"""What speaks against believing a result: too good to be true, or resting on poor data.

Each doubt says what was found and why it matters, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bt_gex.stats.breakdown import NO_BID_ASK, no_bid
from bt_gex.stats.summary import Record

FEW_TRADES = 5  # with fewer, all winners or no drawdown is no surprise
MANY_CHECKS = 12  # a session's worth; with fewer, few entries say nothing
BARS_A_MINUTE = 2
UNPRICED_SHARE = 0.10  # of the bars with an open trade
BAD_QUOTE_SHARE = 0.01  # of the recorded quotes read
REFUSED_SHARE = 0.80  # of the checks
MISSING_SHARE = 0.10  # of the checks
AT_ONCE_SHARE = 0.10  # of the trades
TARGET = "Profit Target"
STOPS = ("Stop Loss", "Emergency Stop")
MISSING_DATA = ("no index price", "no vix", "no gex peak", "no quote")
BAD_QUOTES = {
    "crossed": "bid above ask; they count as no quote, so entries and exits are missed",
    "duplicate quotes": "same option and instant twice; the later row counts, the other is lost",
    "ask not positive": "no ask above 0; they count as no quote, so entries and exits are missed",
    "NULL ask": "no ask; they count as no quote, so entries and exits are missed",
}


GRAVEST_FIRST = (
    "all_winners", "no_drawdown", "instant_exits", "no_bid", "unresolved", "few_trades",
    "few_sessions", "one_trade", "one_session", "depends_on_fills", "mid_fills", "no_commission",
    "idle_stop", "stopped_at_once", "target_lost", "selection", "overfit_winner", "edge",
    "many_parameters",
    "missing_data", "no_data", "unpriced", "bad_quotes", "settlement", "clamped", "refused",
)  # fmt: skip


class Doubt(NamedTuple):
    """One reason not to believe a result.

    name       short, to tell doubts apart by
    what       a sentence: what, how many, why it matters
    next_step  a sentence: what to do about it
    """

    name: str
    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"


def warnings(
    summary: Mapping[str, Any],
    funnel: Mapping[str, Any],
    sessions: Iterable[Record],
    max_drawdown_mtm: float,
    *,
    trades: Iterable[Record],
) -> list[Doubt]:
    """The doubts about one run; the gravest first.

    max_drawdown_mtm  dollars, over the account marked at every bar
    """
    taken, days = list(trades), list(sessions)
    return [
        *_too_good(summary, max_drawdown_mtm, taken),
        *_without_bid(taken),
        *_stopped_at_once(taken),
        *_targets_lost(taken),
        *_ends(taken),
        *_prices(funnel, taken),
        *_quotes(days),
        *_coverage(days),
        *_refusals(funnel),
    ]


def _too_good(
    summary: Mapping[str, Any], max_drawdown_mtm: float, trades: Sequence[Record]
) -> Iterator[Doubt]:
    total = summary["total_trades"]
    if total >= FEW_TRADES and summary["winners"] == total:
        yield Doubt(
            "all_winners",
            f"All {total} trades won: credit spreads that never lose are a sign of wrong prices "
            "or of looking ahead, not of skill.",
            "Hold the strategy against the future with bt-gex lookahead, and look at single "
            "trades with bt-gex trade.",
        )
    if total >= FEW_TRADES and max_drawdown_mtm <= 0:
        yield Doubt(
            "no_drawdown",
            f"The account never fell below an earlier high in {total} trades, marked at every "
            "bar: with real quotes that does not happen.",
            "Look at the marks of some trades with bt-gex trade, and at the quotes with bt-gex "
            "inspect.",
        )
    instant = sum(1 for trade in trades if trade["time_alive_minutes"] == 0)
    if instant:
        yield Doubt(
            "instant_exits",
            f"{_of(instant, len(trades), 'trade')} closed in the minute of entry (0.0 minutes "
            "alive): no exit rule looks before the next bar, so the time stamps are doubtful.",
            "Look at the first of them with bt-gex trade; a day with such times is better left "
            "out.",
        )


def _without_bid(trades: Sequence[Record]) -> Iterator[Doubt]:
    touched = [trade for trade in trades if no_bid(trade)]
    if touched:
        others = [trade for trade in trades if not no_bid(trade)]
        yield Doubt(
            "no_bid",
            f"{_of(len(touched), len(trades), 'trade')} opened or closed on a bar on which a leg "
            f"had no bid and an ask of {NO_BID_ASK:.2f} or more, so that its mid was half its ask: "
            f"they made {_made(touched)}, all others together {_made(others)}.",
            "Pick them in the report's trade table by the flag no_bid, and do not count on what "
            "rests on them.",
        )


def _targets_lost(trades: Sequence[Record]) -> Iterator[Doubt]:
    at_target = [trade for trade in trades if trade["exit_reason"] == TARGET]
    lost = [trade for trade in at_target if (trade["pnl_dollars"] or 0.0) < 0]
    if lost:
        yield Doubt(
            "target_lost",
            f"{_of(len(lost), len(at_target), 'trade')} closed at the profit target lost money: "
            "the target is looked at on the mid, and closing cost more than had been won.",
            "See with bt-gex costs what closing takes, and set targets beyond it.",
        )


def _stopped_at_once(trades: Sequence[Record]) -> Iterator[Doubt]:
    at_once = sum(
        1
        for trade in trades
        if trade["exit_reason"] in STOPS and trade["time_alive_minutes"] <= 1 / BARS_A_MINUTE
    )
    if at_once > AT_ONCE_SHARE * len(trades):
        yield Doubt(
            "stopped_at_once",
            f"{_of(at_once, len(trades), 'trade')} stopped out on the first bar after the entry: "
            "what the fills cost is more than the stop allows, so this measures the bid-ask "
            "spread, not the market.",
            "Sweep exit.stop_loss, or see what other fills would make of it with bt-gex costs.",
        )


def _ends(trades: Sequence[Record]) -> Iterator[Doubt]:
    unresolved = sum(1 for trade in trades if trade["pnl_dollars"] is None)
    if unresolved:
        yield Doubt(
            "unresolved",
            f"{_of(unresolved, len(trades), 'trade')} could not be resolved (no price to settle "
            "on): outside all figures, whatever they made or lost is missing from the result.",
            "Settle them by hand on the official print, and see whether the verdict stands.",
        )
    for flag, why in (
        ("stale_settlement", "an index price older than 120 s at the close"),
        ("parity_settlement", "a price implied by put-call parity, as the index price was too old"),
    ):
        flagged = _flagged(trades, flag)
        if flagged:
            yield Doubt(
                "settlement",
                f"{_of(flagged, len(trades), 'trade')} settled on {why}: the official print may "
                "differ, and near a strike that changes the P&L.",
                "Look up the official print of those sessions, and compare.",
            )


def _prices(funnel: Mapping[str, Any], trades: Sequence[Record]) -> Iterator[Doubt]:
    unpriced = funnel["unpriced_bars"]
    minutes = sum(trade["time_alive_minutes"] or 0.0 for trade in trades)
    bars = max(round(minutes * BARS_A_MINUTE), unpriced)
    if unpriced > UNPRICED_SHARE * bars:
        yield Doubt(
            "unpriced",
            f"Open trades could not be priced on {_of(unpriced, bars, 'bar')}, as a leg had "
            "no valid quote: targets and stops are not seen there, so exits come late.",
            "See with bt-gex inspect which strikes go without quotes, or raise "
            "data.quote_max_age_s knowingly.",
        )
    if funnel["clamped"]:
        touched = [t for t in trades if {"clamped_value", "clamped_exit"} & {*t["flags"]}]
        made = f"; the {_count(len(touched), 'trade')} made {_made(touched)}" if touched else ""
        yield Doubt(
            "clamped",
            f"{_count(funnel['clamped'], 'spread price')} lay outside 0 to width and had to be "
            f"clamped: the quotes of the legs contradict each other there{made}.",
            "Pick them in the report's trade table by the flags clamped_value and clamped_exit.",
        )


def _quotes(sessions: Sequence[Record]) -> Iterator[Doubt]:
    counts = {
        name: sum(session["quality"].get(name, 0) for session in sessions)
        for name in ("quote rows", *BAD_QUOTES)
    }
    rows = counts["quote rows"]
    for name, why in BAD_QUOTES.items():
        if counts[name] > BAD_QUOTE_SHARE * rows:
            yield Doubt(
                "bad_quotes",
                f"{_of(counts[name], rows, 'recorded quote')} have the fault '{name}': {why}.",
                "See with bt-gex inspect which sessions they are in, and whether the result "
                "stands without those.",
            )


def _coverage(sessions: Sequence[Record]) -> Iterator[Doubt]:
    empty = [str(session["session"]) for session in sessions if session["status"] == "no data"]
    if empty:
        named = ", ".join(empty[:3]) + (f" and {len(empty) - 3} more" if len(empty) > 3 else "")
        yield Doubt(
            "no_data",
            f"{_of(len(empty), len(sessions), 'session')} had no data ({named}): the result "
            "covers less than the dates it is asked for.",
            "Record or leave out those dates; a claim about them has no basis.",
        )


def _refusals(funnel: Mapping[str, Any]) -> Iterator[Doubt]:
    checks, skips, kinds = funnel["checks"], funnel["skips"], funnel["skips_by_kind"]
    missing = {name: kinds[name] for name in MISSING_DATA if kinds.get(name)}
    lost = sum(missing.values())
    if lost > MISSING_SHARE * checks:
        named = ", ".join(f"{name} {count}" for name, count in missing.items())
        yield Doubt(
            "missing_data",
            f"{_of(lost, checks, 'check')} failed for want of data ({named}): the trades seen "
            "may not be the trades the rules would have made.",
            "See with bt-gex inspect what is missing when; the recorder may need mending.",
        )
    if checks >= MANY_CHECKS and skips > REFUSED_SHARE * checks:
        name, count = max(kinds.items(), key=lambda item: item[1])
        left = "the figures rest on the few that did" if skips < checks else "nothing was traded"
        yield Doubt(
            "refused",
            f"{_of(skips, checks, 'check')} made no entry, most often for '{name}' ({count}): "
            f"{left}.",
            "Read the reasons in the funnel, and decide whether that rule is meant to refuse so "
            "much.",
        )


def _made(trades: Sequence[Record]) -> str:
    """`-$695.00`, of trades with a P&L."""
    cents = sum(round(t["pnl_dollars"] * 100) for t in trades if t["pnl_dollars"] is not None)
    sign = "+" if cents > 0 else "-" if cents < 0 else ""
    return f"{sign}${abs(cents) / 100:,.2f}"


def _flagged(trades: Sequence[Record], flag: str) -> int:
    return sum(1 for trade in trades if flag in trade["flags"])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _of(number: int, total: int, noun: str) -> str:
    """`3 of 40 trades (7.5 %)`."""
    share = f" ({100 * number / total:.1f} %)" if total else ""
    return f"{number:,} of {_count(total, noun)}{share}"
