"""Trades and returns in the forms other tools read: Option Omega's trade log, and quantstats."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_gex.brokers.fills import filled
from bt_gex.errors import BadValue
from bt_gex.market.calendar import NEW_YORK
from bt_gex.market.contracts import LONG, Leg, make_spread
from bt_gex.stats.sharpe import returns_while_solvent
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy
from bt_gex.trades.records import LegQuotes, SpreadTrade

if TYPE_CHECKING:
    import pyarrow as pa

Quote = tuple[float | None, float | None]  # bid and ask, points


def _number(cell: str) -> float:
    """As it was written: 5 or 5.0."""
    value = int(cell) if cell.removeprefix("-").isdecimal() else float(cell)
    if not math.isfinite(value):
        raise ValueError(f"must be a finite number, got {cell!r}")
    return value


def _if_known(cell: str) -> float | None:
    return _number(cell) if cell else None


def _column(name: str, read: Callable[[str], object] = _number) -> dict[str, object]:
    """The header of a column in Option Omega's trade log, and what reads its cells again."""
    return {"column": name, "read": read}


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLogRow:
    """A trade as a row of a trade log; times New York's, money in dollars, None: not known.

    premium, avg_closing_cost  of one contract
    funds_at_close      in the account after the close of this trade
    max_profit_pct, max_loss_pct  best and worst mark, percent of the premium
    gap_pts, movement_pts  of the index: from the last price of the session before to the first of
                        this one, and from there to the entry
    """

    date_opened: date = field(metadata=_column("Date Opened", date.fromisoformat))
    time_opened: time = field(metadata=_column("Time Opened", time.fromisoformat))
    opening_price: float | None = field(metadata=_column("Opening Price", _if_known))
    legs: str = field(metadata=_column("Legs", str))
    premium: float = field(metadata=_column("Premium"))
    closing_price: float | None = field(metadata=_column("Closing Price", _if_known))
    date_closed: date = field(metadata=_column("Date Closed", date.fromisoformat))
    time_closed: time = field(metadata=_column("Time Closed", time.fromisoformat))
    avg_closing_cost: float | None = field(metadata=_column("Avg. Closing Cost", _if_known))
    reason_for_close: str = field(metadata=_column("Reason For Close", str))
    pnl_dollars: float | None = field(metadata=_column("P/L", _if_known))
    pnl_pct: float | None = field(metadata=_column("P/L %", _if_known))
    contracts: int = field(metadata=_column("No. of Contracts", int))
    funds_at_close: float = field(metadata=_column("Funds at Close"))
    margin_dollars: float = field(metadata=_column("Margin Req."))
    strategy: str = field(metadata=_column("Strategy", str))
    opening_fees: float = field(metadata=_column("Opening Commissions + Fees"))
    closing_fees: float = field(metadata=_column("Closing Commissions + Fees"))
    opening_ratio: float | None = field(metadata=_column("Opening Short/Long Ratio", _if_known))
    closing_ratio: float | None = field(metadata=_column("Closing Short/Long Ratio", _if_known))
    opening_vix: float | None = field(metadata=_column("Opening VIX", _if_known))
    closing_vix: float | None = field(metadata=_column("Closing VIX", _if_known))
    gap_pts: float | None = field(metadata=_column("Gap", _if_known))
    movement_pts: float | None = field(metadata=_column("Movement", _if_known))
    max_profit_pct: float = field(metadata=_column("Max Profit"))
    max_loss_pct: float = field(metadata=_column("Max Loss"))


COLUMNS: tuple[str, ...] = tuple(f.metadata["column"] for f in fields(TradeLogRow))


def write_trade_log(
    path: Path,
    trades: Sequence[SpreadTrade],
    config: Mapping[str, object],
    market: pa.Table | None = None,
) -> None:
    """Write trades as rows of a trade log; see `trade_log_rows`."""
    write_rows(path, trade_log_rows(trades, config, market))


def write_rows(path: Path, rows: Iterable[TradeLogRow]) -> None:
    """Write rows under Option Omega's headers; None is an empty cell."""
    names = [f.name for f in fields(TradeLogRow)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def read_rows(path: Path) -> list[TradeLogRow]:
    """The rows that were written. Raises BadValue."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != COLUMNS:
            raise BadValue(f"{path.name}, line 1: must hold the headers of a trade log")
        return [_row_of(f"{path.name}, line {reader.line_num}", cells) for cells in reader]


def _row_of(place: str, cells: Sequence[str]) -> TradeLogRow:
    if len(cells) != len(COLUMNS):
        raise BadValue(f"{place}: {len(cells)} cells under {len(COLUMNS)} headers")
    values: dict[str, Any] = {}
    for column, cell in zip(fields(TradeLogRow), cells, strict=True):
        try:
            values[column.name] = column.metadata["read"](cell)
        except ValueError as error:
            raise BadValue(f"{place}, column {column.metadata['column']!r}: {error}") from None
    return TradeLogRow(**values)


# ---------------------------------------------------------------------------------- the rows


def trade_log_rows(
    trades: Sequence[SpreadTrade], config: Mapping[str, Any], market: pa.Table | None = None
) -> Iterator[TradeLogRow]:
    """Trades as rows of a trade log, in their order.

    config  of the run, resolved, in plain values
    market  index price by tick, for gap and movement
    """
    funds = _funds_at_close(trades, float(config["account"]["balance"]))
    opens = _opens(market)
    multiplier = float(config["index_facts"]["multiplier"])
    commission, slippage = (
        float(config["fills"][name]) for name in ("commission", "entry_slippage")
    )
    for trade in trades:
        legs = make_spread(trade.strategy, [float(strike) for strike in trade.strikes]).legs
        entry, leave = (
            moment.astimezone(NEW_YORK).replace(microsecond=0)
            for moment in (trade.timestamp_entry, trade.timestamp_exit)
        )
        first, before = opens.get(trade.expiration.isoformat(), (None, None))
        value, fees = trade.exit_value, trade.commission_dollars
        received = trade.entry_credit * multiplier * trade.quantity
        opening_fees = min(commission * len(legs) * trade.quantity, fees)
        quotes = trade.leg_quotes
        yield TradeLogRow(
            date_opened=entry.date(),
            time_opened=entry.time(),
            opening_price=trade.spot_entry,
            legs=_legs(trade, legs, entry, slippage),
            premium=round(trade.entry_credit * multiplier, 2),
            closing_price=trade.spot_exit,
            date_closed=leave.date(),
            time_closed=leave.time(),
            avg_closing_cost=None if value is None else round(value * multiplier, 2),
            reason_for_close=trade.exit_reason,
            pnl_dollars=trade.pnl_dollars,
            pnl_pct=trade.pnl_percent,
            contracts=trade.quantity,
            funds_at_close=funds[trade.order_id],
            margin_dollars=trade.max_loss_dollars,
            strategy=f"{trade.index_symbol} {trade.strategy}",
            opening_fees=round(opening_fees, 2),
            closing_fees=round(fees - opening_fees, 2),
            opening_ratio=_ratio(legs, [(leg.bid_entry, leg.ask_entry) for leg in quotes]),
            closing_ratio=_ratio(legs, [(leg.bid_exit, leg.ask_exit) for leg in quotes]),
            opening_vix=trade.vix_entry,
            closing_vix=trade.vix_exit,
            gap_pts=_difference(first, before),
            movement_pts=_difference(trade.spot_entry, first),
            max_profit_pct=round(100.0 * trade.mfe_dollars / received, 2),
            max_loss_pct=round(100.0 * trade.mae_dollars / received, 2),
        )


def _funds_at_close(trades: Iterable[SpreadTrade], balance: float) -> dict[str, float]:
    """Dollars in the account after each trade's close, by order id."""
    funds: dict[str, float] = {}
    cents = round(balance * 100)
    for trade in sorted(trades, key=lambda one: (one.timestamp_exit, one.timestamp_entry)):
        cents += round((trade.pnl_dollars or 0.0) * 100)
        funds[trade.order_id] = cents / 100
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


def _legs(trade: SpreadTrade, legs: Sequence[Leg], entry: datetime, slippage: float) -> str:
    """1 Jan 12 6950 P STO 4.25 | 1 Jan 12 6940 P BTO 0.30."""
    return " | ".join(
        f"{trade.quantity} {entry:%b} {entry.day} {leg.strike:.10g} {leg.right} "
        f"{'BTO' if leg.side == LONG else 'STO'} {_price(quotes, leg.side == LONG, slippage)}"
        for leg, quotes in zip(legs, trade.leg_quotes, strict=True)
    )


def _price(quotes: LegQuotes, bought: bool, slippage: float) -> str:
    """What a leg was opened for, two decimals; nothing where its quote is not known."""
    if quotes.bid_entry is None or quotes.ask_entry is None:
        return ""
    return f"{filled(quotes.bid_entry, quotes.ask_entry, slippage, bought):.2f}"


def _ratio(legs: Sequence[Leg], quotes: Sequence[Quote]) -> float | None:
    """Mid of what is sold over mid of what is bought; None where that is nothing."""
    sold = bought = 0.0
    for leg, (bid, ask) in zip(legs, quotes, strict=True):
        if bid is None or ask is None:
            return None
        if leg.side == LONG:
            bought += (bid + ask) / 2
        else:
            sold += (bid + ask) / 2
    return round(sold / bought, 2) if bought > 0 else None


def _difference(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else round(value - base, 2)


# ---------------------------------------------------------------------------------- returns


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
