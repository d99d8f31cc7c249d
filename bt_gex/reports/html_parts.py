"""What the parts of the HTML report say, as words and rows of tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bt_gex.reports.assumptions import assumptions
from bt_gex.reports.html_trades import flags_of
from bt_gex.reports.words import (
    NOTHING,
    count,
    dollars,
    fills,
    gain,
    odds,
    percent,
    ratio,
    signed_pct,
)
from bt_gex.runs.config import setting_names
from bt_gex.stats import breakdown
from bt_gex.stats.doubts import BAD_QUOTES
from bt_gex.stats.summary import most_frequent_first

if TYPE_CHECKING:
    from bt_gex.runs.analysis import Analysis
    from bt_gex.runs.costs import Costs
    from bt_gex.runs.result import RunResult

Rows = list[Sequence[Any]]
GROUPS = {
    "by_exit_reason": "By exit reason",
    "by_strategy": "By strategy",
    "by_confidence": "By confidence",
    "by_distance": "By distance from the pin, points",
    "by_vix": "By VIX at entry",
    "by_weekday": "By weekday of entry",
    "by_entry_time": "By time of entry, New York",
}
LUCK_HEAD = (
    "share of redraws that end below",
    "1 %",
    "5 %",
    "25 %",
    "50 %",
    "75 %",
    "95 %",
    "99 %",
)
LUCK_ROWS = {
    "final_balance_quantiles": "final balance",
    "max_drawdown_quantiles": "maximum drawdown at closes",
    "max_drawdown_mtm_quantiles": "maximum drawdown marked per bar",
}
SESSION_HEAD = ("session", "status", "notes", "checks", "entries", "P&L", "bars priced")
MEANINGS = {
    **BAD_QUOTES,
    "quote rows": "recorded quotes of the options the rules asked for",
    "NULL index price": "rows passed over for the index price",
    "NULL vix": "rows passed over for the VIX",
    "NULL bid": "no bid; counts as 0",
    "locked": "bid equals ask; used as it is",
    "rows of gex_peaks": "recorded peaks",
    "rows of market_context": "recorded index prices and VIX",
    "duplicate peaks": "same instant twice; the later row counts",
    "duplicate context": "same instant twice; the later row counts",
    "chains of another expiry": "option chains that expire on another day; not used for peaks",
    "no such option": "quotes of neither a call nor a put, or without a strike",
}


class Card(NamedTuple):
    """A figure with what is known of its luck."""

    id: str
    name: str
    value: str
    note: str
    tone: str = ""


def terms(result: RunResult) -> str:
    """What the result rests on."""
    config = result.config
    return (
        f"Profile {config['profile']}; fills {fills(result)}; commission "
        f"{dollars(config['fills']['commission'])} a contract, leg and side; balance at start "
        f"{dollars(result.balance)}; data {result.source.get('database', 'of unknown origin')}."
    )


def cards(result: RunResult, analysis: Analysis) -> list[Card]:
    """The verdict in figures, each with its interval."""
    s, luck = result.summary, analysis.luck or {}
    won = f"{s['winners']:,} of {count(s['total_trades'], 'trade')}"
    tone = "gain" if s["total_pnl"] > 0 else "loss" if s["total_pnl"] < 0 else ""
    traded = bool(s["total_trades"])
    return [
        Card("pnl", "Profit and loss", gain(s["total_pnl"]),
             _between(luck.get("total_pnl"), gain), tone),
        Card("return", "Return", signed_pct(s["return_pct"]),
             _between(luck.get("return_pct"), signed_pct), tone),
        Card("win-rate", "Win rate", percent(s["win_rate"] if traded else None),
             f"{won}; {_between(luck.get('win_rate'), percent)}"),
        Card("profit-factor", "Profit factor", ratio(s["profit_factor"]),
             _between(luck.get("profit_factor"), ratio)),
        Card("drawdown", "Maximum drawdown at closes", dollars(s["max_drawdown"]),
             _between(luck.get("max_drawdown"), dollars)),
        Card("drawdown-mtm", "Maximum drawdown marked per bar", dollars(s["max_drawdown_mtm"]),
             _between(luck.get("max_drawdown_mtm"), dollars)),
    ]  # fmt: skip


def _between(bounds: Sequence[float | None] | None, words: Any) -> str:
    if bounds is None:
        return "no interval"
    low, high = bounds
    if low is None:
        return "no upper bound"
    return f"{words(low)} to {words(high) if high is not None else 'no upper bound'}"


def cards_note(analysis: Analysis) -> str:
    """What the intervals are."""
    luck = analysis.luck
    if luck is None:
        return (
            "No intervals: they are drawn from sessions with data, and take at least two of them "
            "and a trade."
        )
    return (
        f"Below each figure: the middle {percent(luck['coverage'])} of what "
        f"{luck['paths']:,} redraws of the {luck['sessions']} sessions gave."
    )


def groups(analysis: Analysis) -> list[dict[str, Any]]:
    """Breakdowns of the trades."""
    found = []
    for key, title in GROUPS.items():
        rows = [
            (
                name,
                f"{group['count']:,}",
                f"{group['winners']:,}",
                percent(group["win_rate"]),
                gain(group["pnl"]),
            )
            for name, group in analysis.breakdowns[key].items()
        ]
        if rows:
            found.append({"title": title, "rows": rows})
    return found


def figures(result: RunResult, analysis: Analysis) -> Rows:
    """Further figures of the trades."""
    s, streaks, shares = result.summary, analysis.streaks, analysis.full_profits
    best = analysis.best_and_worst
    rows: Rows = [
        ("Average win", dollars(s["avg_win"]) if s["winners"] else NOTHING),
        ("Average loss", dollars(s["avg_loss"]) if s["losers"] else NOTHING),
        ("Best trade", _named(best["best_trade"])),
        ("Worst trade", _named(best["worst_trade"])),
        ("Best session", _named(best["best_session"])),
        ("Worst session", _named(best["worst_session"])),
        ("Longest run of wins", f"{streaks['longest_win']:,}"),
        ("Longest run of losses", f"{streaks['longest_loss']:,}"),
        ("Capture rate: P&L over all credits received", percent(analysis.capture_rate)),
        ("Trades that ended worthless", percent(shares["worthless_share"])),
        ("Trades that lost all they could", percent(shares["full_loss_share"])),
        ("Final balance", dollars(s["final_balance"])),
    ]
    if s["unresolved"]:
        rows.append(("Unresolved", f"{count(s['unresolved'], 'trade')}, outside all figures"))
    return rows


def _named(found: tuple[str, float] | None) -> str:
    return NOTHING if found is None else f"{gain(found[1])} ({found[0]})"


def luck_words(result: RunResult, analysis: Analysis) -> list[str]:
    """How the intervals came about, and the odds of a loss."""
    luck = analysis.luck
    if luck is None:
        return [
            "Sessions cannot be drawn again here: that takes at least two sessions with data and "
            "a trade. Whatever the figures say, they say it of a single case."
        ]
    block = count(luck["block_sessions"], "session")
    losing = ", ".join(
        f"{pct} % or more: {odds(share)}"
        for pct, share in luck["probability_of_losing_pct"].items()
    )
    return [
        f"{luck['paths']:,} accounts of {luck['sessions']} sessions each, drawn with replacement "
        f"in blocks of {block} from the sessions of this run (circular block bootstrap, Politis "
        f"and Romano 1992; seed {luck['seed']}). It knows only the kinds of days that were "
        "recorded; a crash that was not is not in it.",
        f"Probability of a loss over so many sessions: {odds(luck['probability_of_loss'])}. "
        f"Probability that the account is down at some close by {losing}.",
    ]


def luck_rows(analysis: Analysis) -> Rows:
    """Quantiles of the redraws."""
    luck = analysis.luck
    if luck is None:
        return []
    return [
        (name, *(dollars(value) for value in luck[key].values())) for key, name in LUCK_ROWS.items()
    ]


def sharpe_rows(analysis: Analysis) -> Rows:
    """The ratio, its odds, and its worth after so many tries."""
    s = analysis.sharpe
    sessions = s["min_track_record_sessions"]
    rows: Rows = [
        ("Sharpe ratio, annualised", ratio(s["sharpe_annualised"]),
         "mean over sample deviation of the sessions' returns, times √252; a session without a "
         "trade counts as 0"),
        ("Sharpe ratio a session", _fine(s["sharpe_a_session"]),
         f"over {s['sessions'] if s['sessions'] is not None else 'no'} sessions with data; "
         "none with fewer than three, or when all are the same"),
        ("Skewness, kurtosis", f"{_fine(s['skewness'])}, {_fine(s['kurtosis'])}",
         "of the sessions' returns; 0 and 3 for a normal distribution"),
        ("Probabilistic Sharpe ratio", odds(s["probabilistic_sharpe"]),
         "probability that the true ratio is above 0 (Bailey and López de Prado 2012)"),
        ("Minimum track record",
         count(math.ceil(sessions), "session") if sessions is not None else NOTHING,
         "sessions needed to be 95 % sure that the ratio is above 0 (the same)"),
    ]  # fmt: skip
    if analysis.sweep:
        rows += _sweep_rows(analysis.sweep, s)
    else:
        rows.append(
            (
                "Deflated Sharpe ratio",
                NOTHING,
                "these settings did not come out of a sweep; if "
                "you tried others by hand, the probability above flatters them",
            )
        )
    return rows


def _sweep_rows(sweep: Mapping[str, Any], s: Mapping[str, Any]) -> Rows:
    return [
        ("Best ratio of worthless variants", _fine(s["expected_best_sharpe_a_session"]),
         f"a session, expected of the best of {s['trials']:,} (Bailey and López de Prado 2014)"),
        ("Deflated Sharpe ratio", odds(s["deflated_sharpe"]),
         "probability that the true ratio is above that (the same)"),
        ("Probability of overfitting", percent(sweep["overfitting_probability"]),
         "how often the winner of half the sessions ranks in the lower half on the others "
         "(CSCV; Bailey, Borwein, López de Prado and Zhu 2016)"),
        ("Sweep", str(sweep["name"]),
         f"best {gain(sweep['best_total_pnl'])}, average variant "
         f"{gain(sweep['average_total_pnl'])}"),
    ]  # fmt: skip


def _fine(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.3f}"


def cost_words(analysis: Analysis) -> str:
    """Where the profit ends."""
    return " ".join(cost_sentences(analysis.costs)) if analysis.costs else ""


def cost_sentences(costs: Costs) -> list[str]:
    """Where the profit ends, by delay."""
    said = []
    for delay in costs.delays:
        edge = costs.break_even(delay)
        entry = f"{count(delay, 'bar')} late" if delay else "at once"
        first = costs.at(costs.slippages[0], delay)["total_pnl"]
        what = (
            f"nothing is left at {percent(edge)} of the half-spread"
            if edge is not None
            else "there is no profit even at mid"
            if first <= 0
            else f"there is a profit still at {percent(costs.slippages[-1])}"
        )
        said.append(f"Entered {entry}, {what}.")
    return [*said, "Market orders pay about 100 % (the natural side)."]


def cost_rows(analysis: Analysis) -> Rows:
    """The table of costs."""
    if analysis.costs is None:
        return []
    return [
        (
            f"{100 * row['slippage']:g} %",
            f"{count(row['delay_bars'], 'bar')} late" if row["delay_bars"] else "at once",
            gain(row["total_pnl"]),
            f"{row['total_trades']:,}",
            percent(row["win_rate"] if row["total_trades"] else None),
            ratio(row["profit_factor"]),
        )
        for row in analysis.costs.rows
    ]


def stages(result: RunResult) -> list[dict[str, Any]]:
    """The funnel, widths by the logarithm: bars are many, trades are few."""
    steps = breakdown.stages(result.decision_records, result.summary["funnel"]["bars"])
    most = math.log1p(max((number for _, number in steps), default=0)) or 1.0
    return [
        {
            "name": name,
            "count": f"{number:,}",
            "width": f"{100 * math.log1p(number) / most:.0f}",
        }
        for name, number in steps
    ]


def funnel_words(result: RunResult) -> str:
    """What became of the checks and of the trades' prices."""
    f = result.summary["funnel"]
    return (
        f"{count(f['checks'], 'check')}: {f['entries']:,} entered, {f['skips']:,} skipped. "
        f"{count(f['unpriced_bars'], 'bar')} of open trades without a price, "
        f"{count(f['clamped'], 'clamped price')}, {count(f['unresolved'], 'unresolved trade')}. "
        "The length of a bar goes by the logarithm."
    )


def reasons(result: RunResult) -> Rows:
    """Every reason of a skip with its count."""
    f = result.summary["funnel"]
    kinds = {d["reason"]: d["kind"] for d in result.decision_records if d["outcome"] == "skip"}
    return [
        (reason, kinds.get(reason, ""), f"{times:,}", percent(times / f["checks"]))
        for reason, times in most_frequent_first(f["skips_by_reason"]).items()
    ]


def filters(result: RunResult) -> list[dict[str, Any]]:
    """What the trade table can be narrowed to."""
    trades = result.trade_records
    names = {"index": "index_symbol", "strategy": "strategy", "reason": "exit_reason"}
    found: list[dict[str, Any]] = [
        {"name": name, "label": name.capitalize(), "choices": sorted({t[key] for t in trades})}
        for name, key in names.items()
    ]
    choices = ["won", "lost", "even", "unresolved"]
    flags = sorted({flag for trade in trades for flag in flags_of(trade)})
    return [
        *found,
        {"name": "outcome", "label": "Outcome", "choices": choices},
        {"name": "flag", "label": "Flag", "choices": flags},
    ]


def data_words(result: RunResult) -> list[str]:
    """Coverage in a sentence or two."""
    sessions = result.summary["sessions"]
    f = result.summary["funnel"]
    stale = sum(1 for t in result.trade_records if "stale_settlement" in t["flags"])
    parity = sum(1 for t in result.trade_records if "parity_settlement" in t["flags"])
    with_data = sum(1 for row in sessions if row["status"] != "no data")
    return [
        f"{with_data} of {count(len(sessions), 'session')} have data. "
        f"{count(f['unpriced_bars'], 'bar')} of open trades could not be priced, "
        f"{count(f['clamped'], 'price')} had to be clamped to 0..width, "
        f"{count(stale, 'trade')} settled on a stale index price, {parity} on put-call parity, "
        f"{f['unresolved']} could not be settled at all. A gap is more than 120 s without any "
        "quote. Bars priced: of the bars with an open trade, those on which all its legs "
        "had a quote."
    ]


def session_rows(result: RunResult) -> Rows:
    """One row a session."""
    return [
        (
            row["session"],
            row["status"],
            "; ".join(row["notes"]),
            f"{row['checks']:,}",
            f"{row['entries']:,}",
            gain(row["trades_pnl_dollars"]) if row["entries"] else "",
            "" if row["priced_pct"] is None else f"{row['priced_pct']:.1f} %",
        )
        for row in result.summary["sessions"]
    ]


def quality(result: RunResult) -> Rows:
    """Odd rows by kind."""
    return [
        (name, MEANINGS.get(name, ""), f"{times:,}")
        for name, times in result.summary["data_quality"].items()
        if times
    ]


def assumption_rows(result: RunResult) -> Rows:
    """What is taken for granted."""
    return [*assumptions(result.config)]


def settings(result: RunResult, analysis: Analysis) -> list[dict[str, Any]]:
    """Every setting, and whether it is a default."""
    found = []
    for name in setting_names():
        section, _, rest = name.partition(".")
        value = result.config[section][rest]
        text = ", ".join(map(str, value)) if isinstance(value, list) else _setting(value)
        found.append({"name": name, "value": text, "changed": name in analysis.changed})
    return found


def _setting(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def versions(result: RunResult) -> str:
    """Software and data the run was made with."""
    known = ", ".join(f"{name} {text}" for name, text in result.source.get("versions", {}).items())
    data = str(result.source.get("fingerprint", "unknown"))[:16]
    return f"Data fingerprint {data}. {known or 'Versions unknown'}."
