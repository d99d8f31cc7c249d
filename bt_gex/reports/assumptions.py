"""What a run takes for granted, with its settings: for those who must judge it."""

from __future__ import annotations

from bt_gex.config.run_config import DataParams, RunConfig, plain_value
from bt_gex.reports.words import count, dollars


def _quotes(data: DataParams) -> str:
    most, widest, gap_s = data.one_sided_max_ask, data.max_spread_pct, data.max_leg_age_gap_s
    parts = [
        "A quote without a bid counts whatever its ask"
        if most is None
        else f"A quote without a bid counts up to an ask of {most:g} times the index's scale",
        "spreads whose legs contradict each other trade at clamped values"
        if data.trade_contradictions
        else "spreads whose legs contradict each other have no price",
    ]
    if widest is not None:
        parts.append(f"a quote wider than {widest:g} % of its mid does not count")
    if gap_s is not None:
        parts.append(f"legs quoted more than {gap_s:g} s apart give no price")
    return "; ".join(parts) + "."


def assumptions(config: RunConfig) -> list[tuple[str, str]]:
    """Topic and assumption, the ones that move results most first."""
    fills, exits, data = config.fills, config.exit, config.data
    entry, account, setup = config.entry, config.account, config.setup
    most_open = "any number" if entry.max_open is None else f"{entry.max_open}"
    least = "any above 0" if entry.min_credit is None else f"{entry.min_credit:g} points"
    size = (
        f"{count(account.quantity, 'contract')} a trade"
        if account.sizing == "fixed"
        else "half Kelly on the trades before"
    )
    when = (
        f"{count(fills.latency_bars, 'bar')} after an entry's check, at once at exits"
        if fills.latency_bars
        else "at once"
    )
    peaks = "competing peaks give their midpoint" if entry.use_competing_peaks else (
        "competing peaks are not used"
    )  # fmt: skip
    return [
        ("Fills", f"Every leg fills {when}, at mid plus {100 * fills.entry_slippage:g} % of "
         f"its half-spread at entry and {100 * fills.exit_slippage:g} % at exit, against the "
         "trader; all legs fill or none does. Size does not move the market."),
        ("Commission", f"{dollars(fills.commission)} per contract, per leg, per side; none at "
         "settlement."),
        ("Stops and targets", "Looked at on the mid of the spread every 30 s from the bar after "
         "the entry; what happens between two quotes is not seen."),
        ("Exits", f"Profit at {100 * exits.profit_target_high:g} % (HIGH) or "
         f"{100 * exits.profit_target_medium:g} % (MEDIUM) of the credit, stop at a loss of "
         f"{100 * exits.stop_loss:g} %, emergency stop at {100 * exits.emergency_stop:g} % "
         f"of the credit, and {exits.end_of_day_minutes:g} minutes before the close whatever "
         "the price."),
        ("Settlement", "A spread without a quote to close on settles in cash at the close, on the "
         "newest index price; if that is older than 120 s, on put-call parity of the quotes, and "
         "else on the old price, flagged."),
        ("Entries", f"Looked for at {', '.join(plain_value(entry.times))} New York, on what is "
         f"known at that instant; open spreads allowed: {most_open}; credit: {least}."),
        ("Setup", f"No trade from VIX {setup.vix_threshold:g} on, or more than "
         f"{setup.far_max * config.index_spec.scale:g} points from the pin; the pin is the first "
         f"gamma peak, {peaks}."),
        ("Age of data", f"A quote counts for {data.quote_max_age_s:g} s, index price, VIX and "
         f"peaks for {data.context_max_age_s:g} s; nothing older is carried on."),
        ("Quotes", _quotes(data)),
        ("Account", f"Starts with {dollars(account.balance)}; {size}. A spread reserves its "
         "width less the credit; an order beyond that is refused."),
        ("Marks", "Open spreads are valued at mid, clamped to 0..width; a bar without a quote "
         "keeps the last value."),
    ]  # fmt: skip
