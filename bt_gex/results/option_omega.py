"""Trades and returns in the forms other tools read: trade journals, and quantstats."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_gex.brokers.fills import filled
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import LONG, make_spread
from bt_gex.stats.sharpe import returns_while_solvent
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy

if TYPE_CHECKING:
    import pyarrow as pa

Record = Mapping[str, Any]
# The columns of Option Omega's trade log, which trade journals read.
COLUMNS = (
    "Date Opened", "Time Opened", "Opening Price", "Legs", "Premium", "Closing Price",
    "Date Closed", "Time Closed", "Avg. Closing Cost", "Reason For Close", "P/L", "P/L %",
    "No. of Contracts", "Funds at Close", "Margin Req.", "Strategy",
    "Opening Commissions + Fees", "Closing Commissions + Fees", "Opening Short/Long Ratio",
    "Closing Short/Long Ratio", "Opening VIX", "Closing VIX", "Gap", "Movement", "Max Profit",
    "Max Loss",
)  # fmt: skip
ENTRY, EXIT = 0, 2  # where the quotes of a leg begin in its `leg_quotes`


def write_journal(
    path: Path, trades: Sequence[Record], config: Record, market: pa.Table | None = None
) -> None:
    """Write trades as a journal's rows, in order of entry; an unknown figure is an empty cell.

    market  index price by tick, for Gap and Movement
    """
    write_rows(path, journal_rows(trades, config, market))


def write_rows(path: Path, rows: Iterable[Record]) -> None:
    """Write rows of a journal; None is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows again, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def journal_rows(
    trades: Sequence[Record], config: Record, market: pa.Table | None = None
) -> Iterator[dict[str, Any]]:
    """Trades by COLUMNS; times New York's, money in dollars.

    Premium and Avg. Closing Cost are a contract's; Max Profit and Max Loss the best and worst
    mark in percent of the premium; Gap and Movement the index's points from the last session to
    the first price of this one, and from there to the entry.
    """
    funds = _funds_at_close(trades, float(config["account"]["balance"]))
    opens = _opens(market)
    multiplier = float(config["index_facts"]["multiplier"])
    fills = config["fills"]
    for trade in trades:
        spread = make_spread(trade["strategy"], [float(strike) for strike in trade["strikes"]])
        entry, leave = (_new_york(trade[f"timestamp_{end}"]) for end in ("entry", "exit"))
        credit, value, contracts = trade["entry_credit"], trade["exit_value"], trade["quantity"]
        most = credit * multiplier * contracts
        opening_fees = min(
            float(fills["commission"]) * len(spread.legs) * contracts, trade["commission_dollars"]
        )
        first, before = opens.get(trade["expiration"], (None, None))
        legs = [
            f"{contracts} {entry:%b} {entry.day} {leg.strike:.10g} {leg.right} "
            f"{'BTO' if leg.side == LONG else 'STO'} {_price(quotes, leg.side, fills)}"
            for leg, quotes in zip(spread.legs, trade["leg_quotes"], strict=True)
        ]
        sides = [leg.side for leg in spread.legs]
        yield {
            "Date Opened": f"{entry:%Y-%m-%d}",
            "Time Opened": f"{entry:%H:%M:%S}",
            "Opening Price": trade["spot_entry"],
            "Legs": " | ".join(legs),
            "Premium": round(credit * multiplier, 2),
            "Closing Price": trade["spot_exit"],
            "Date Closed": f"{leave:%Y-%m-%d}",
            "Time Closed": f"{leave:%H:%M:%S}",
            "Avg. Closing Cost": None if value is None else round(value * multiplier, 2),
            "Reason For Close": trade["exit_reason"],
            "P/L": trade["pnl_dollars"],
            "P/L %": trade["pnl_percent"],
            "No. of Contracts": contracts,
            "Funds at Close": funds[trade["order_id"]],
            "Margin Req.": trade["max_loss_dollars"],
            "Strategy": f"{trade['index_symbol']} {trade['strategy']}",
            "Opening Commissions + Fees": round(opening_fees, 2),
            "Closing Commissions + Fees": round(trade["commission_dollars"] - opening_fees, 2),
            "Opening Short/Long Ratio": _ratio(trade["leg_quotes"], sides, ENTRY),
            "Closing Short/Long Ratio": _ratio(trade["leg_quotes"], sides, EXIT),
            "Opening VIX": trade["vix_entry"],
            "Closing VIX": trade["vix_exit"],
            "Gap": _difference(first, before),
            "Movement": _difference(trade["spot_entry"], first),
            "Max Profit": round(100.0 * trade["mfe_dollars"] / most, 2),
            "Max Loss": round(100.0 * trade["mae_dollars"] / most, 2),
        }


def daily_returns(pnls: Mapping[str, float], balance: float) -> dict[str, float]:
    """Return of the account by session; ends where the account is used up.

    pnls     dollars by session, in order of time
    balance  dollars before the first
    """
    return dict(zip(pnls, returns_while_solvent(pnls.values(), balance), strict=False))


def write_daily_returns(path: Path, pnls: Mapping[str, float], balance: float) -> None:
    """Write date and return, a session a row, as quantstats takes a series."""
    lines = [f"{day},{value!r}\n" for day, value in daily_returns(pnls, balance).items()]
    path.write_text("".join(["date,return\n", *lines]), encoding="utf-8")


def _funds_at_close(trades: Sequence[Record], balance: float) -> dict[str, float]:
    """Dollars in the account after each trade's close, by order id."""
    funds: dict[str, float] = {}
    cents = round(balance * 100)
    for trade in sorted(trades, key=lambda t: (t["timestamp_exit"], t["timestamp_entry"])):
        cents += round((trade["pnl_dollars"] or 0.0) * 100)
        funds[trade["order_id"]] = cents / 100
    return funds


def _opens(market: pa.Table | None) -> dict[str, tuple[float | None, float | None]]:
    """By session its first index price, and the last of the session before; None: unknown."""
    found: dict[str, tuple[float | None, float | None]] = {}
    if market is None:
        return found
    before = None
    prices = to_numpy(market["spot"])
    for name, rows in rows_by_name(market["session"]).items():
        spot = prices[rows]
        known = spot[spot == spot]
        found[name] = (float(known[0]) if len(known) else None, before)
        before = float(known[-1]) if len(known) else None
    return found


def _price(quotes: Sequence[float | None], side: int, fills: Record) -> str:
    """What a leg was opened for, two decimals; nothing where its quote is not known."""
    bid, ask = quotes[ENTRY], quotes[ENTRY + 1]
    if bid is None or ask is None:
        return ""
    return f"{filled(bid, ask, float(fills['entry_slippage']), side == LONG):.2f}"


def _ratio(
    quotes: Iterable[Sequence[float | None]], sides: Sequence[int], moment: int
) -> float | None:
    """Mid of what is sold over mid of what is bought; None where that is nothing."""
    sold = bought = 0.0
    for leg, side in zip(quotes, sides, strict=True):
        bid, ask = leg[moment], leg[moment + 1]
        if bid is None or ask is None:
            return None
        sold, bought = (
            (sold, bought + (bid + ask) / 2) if side == LONG else (sold + (bid + ask) / 2, bought)
        )
    return round(sold / bought, 2) if bought > 0 else None


def _difference(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else round(value - base, 2)


def _new_york(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone(NEW_YORK)
