"""Reading lists of trades: layouts, times, numbers, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from bt_gex.compare.records import ComparedTrade
from bt_gex.compare.trade_list import Reading, TradeList, nearest_zone, read_trade_list
from bt_gex.errors import UsageError

Read = Callable[..., TradeList]
SHORT = "index,entry,pnl\n"
MONDAY = date(2026, 1, 12)


def utc(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-12T{clock}+00:00")


OMEGA = (
    '"Date Opened","Time Opened","Opening Price","Legs","Premium","Closing Price","Date Closed",'
    '"Time Closed","Avg. Closing Cost","Reason For Close","P/L","No. of Contracts","Strategy",'
    '"Opening Commissions + Fees","Closing Commissions + Fees"\n'
)
OMEGA_LINE = (
    "2026-01-12,9:36:00 AM,6962.16,1 Jan 12 6950 P STO 4.25 | 1 Jan 12 6940 P BTO 0.30,395,6990,"
    "2026-01-12,1:05:30 PM,-210,Profit Target,$364.80,2,My puts,2.60,2.60\n"
)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a text as trades.csv, and read it."""

    def call(text: str | bytes, **how: Any) -> TradeList:
        path = tmp_path / "trades.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_trade_list(path, Reading(**how))

    return call


def refusal(read: Read, text: str | bytes, **how: Any) -> str:
    """What is said of a file; its folder left out."""
    with pytest.raises(UsageError) as caught:
        read(text, **how)
    return re.sub(r"/\S*/(?=trades\.csv)", "", str(caught.value))


# ---------------------------------------------------------------------------------- layouts


def test_the_names_of_our_own_records_come_back_whole(tmp_path: Path) -> None:
    trade: dict[str, Any] = {
        "order_id": "SPX-20260112-093600-PUT-6950-6940",
        "timestamp_entry": "2026-01-12T14:36:00+00:00",
        "timestamp_exit": "2026-01-12T14:51:00+00:00",
        "strategy": "PUT",
        "strikes": "6950/6940",
        "entry_credit": 4.2525,
        "exit_value": 2.1,
        "quantity": 2,
        "index_symbol": "SPX",
        "pnl_dollars": 430.5,
        "exit_reason": "Profit Target",
        "commission_dollars": 0.0,
        "flags": "",
    }
    open_end = {"exit_value": "", "pnl_dollars": "", "exit_reason": "Unresolved"}
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(trade))
        writer.writeheader()
        writer.writerows([trade, trade | open_end])
    listed = read_trade_list(tmp_path / "t.csv", Reading())
    assert listed.trades[0] == ComparedTrade(
        order_id="line 2",
        index_symbol="SPX",
        session=MONDAY,
        timestamp_entry=utc("14:36:00"),
        timestamp_exit=utc("14:51:00"),
        strategy="PUT",
        strikes=(6950.0, 6940.0),
        quantity=2,
        exit_reason="Profit Target",
        entry_credit=4.2525,
        exit_value=2.1,
        commission_dollars=0.0,
        pnl_dollars=430.5,
    )
    assert listed.trades[1].pnl_dollars is listed.trades[1].exit_value is None
    assert listed.zone is None
    assert listed.rounding.entry_credit == pytest.approx(0.00005)
    assert listed.rounding.exit_value == pytest.approx(0.005)


def test_option_omegas_layout(read: Read) -> None:
    """395 dollars a contract are 3.95 points; 210 to close are 2.10; fees 2.60 twice.

    (3.95 - 2.10) x 100 x 2 = 370, less 5.20 is 364.80. On 2026-01-12 New York is UTC-5.
    """
    listed = read(OMEGA + OMEGA_LINE, zone="America/New_York", index="SPX", multiplier=100)
    assert listed.trades == [
        ComparedTrade(
            order_id="line 2",
            index_symbol="SPX",
            session=MONDAY,
            timestamp_entry=utc("14:36:00"),
            timestamp_exit=utc("18:05:30"),
            strategy="PUT",
            strikes=(6950.0, 6940.0),
            quantity=2,
            exit_reason="Profit Target",
            entry_credit=3.95,
            exit_value=2.10,
            commission_dollars=5.20,
            pnl_dollars=364.80,
        )
    ]
    assert listed.zone == "America/New_York"
    assert listed.rounding.entry_credit == pytest.approx(0.00005)


def test_the_legs_of_a_condor_in_any_order(read: Read) -> None:
    legs = (
        "3 Jan 12 6950 P BTO 0.3 | 3 Jan 12 P 6960 STO 1 | 3 Jan 12 7000 C STO 1 | "
        "3 Jan 12 7010 C BTO 0.2"
    )
    line = OMEGA_LINE.replace("1 Jan 12 6950 P STO 4.25 | 1 Jan 12 6940 P BTO 0.30", legs)
    (trade,) = read(OMEGA + line, zone="UTC").trades
    assert (trade.strategy, trade.strikes) == ("IC", (7000.0, 7010.0, 6960.0, 6950.0))


def test_columns_by_name_win_and_an_empty_name_leaves_one_out(read: Read) -> None:
    text = "entry,opened,pnl,strategy\nno time,2026-01-12T14:36Z,5,My own puts\n"
    listed = read(text, columns={"entry": "opened", "strategy": ""}, index="NDX")
    assert listed.columns == {"entry": "opened", "pnl": "pnl"}
    assert listed.trades[0].timestamp_entry == utc("14:36:00")
    assert listed.trades[0].index_symbol == "NDX"


def test_without_a_profit_column_the_prices_make_it(read: Read) -> None:
    """(2.35 - 2.80) x 100 x 3 - 7.80 = -142.80."""
    text = "entry,credit,exit_value,quantity,commission\n2026-01-12T15:00Z,2.35,2.80,3,7.80\n"
    assert read(text).trades[0].pnl_dollars == -142.80


def test_a_byte_order_mark_and_other_line_ends(read: Read) -> None:
    text = "index,entry,pnl\r\nSPX,2026-01-12T15:00Z,5\r\n\r\n,,\r\n".encode("utf-8-sig")
    assert [trade.index_symbol for trade in read(text).trades] == ["SPX"]


def test_a_list_without_trades(read: Read) -> None:
    listed = read(SHORT, zone="UTC")
    assert (listed.trades, listed.zone, nearest_zone(listed, 5)) == ([], None, None)


# ---------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("215", 215.0),
        ("+215.00", 215.0),
        ("-45", -45.0),
        ("-$45", -45.0),
        ("$-45.50", -45.5),
        ('"$1,234.50"', 1234.5),
        ('"-$1,234,567"', -1234567.0),
        ("($45.00)", -45.0),
        (" .5 ", 0.5),
        ("1e2", 100.0),
    ],
)
def test_a_number(text: str, value: float, read: Read) -> None:
    assert read(f"{SHORT}SPX,2026-01-12T15:00Z,{text}\n").trades[0].pnl_dollars == value


@pytest.mark.parametrize(
    "text", ["", " ", "nan", "inf", "-Infinity", "abc", "1.2.3", "--5", "(5", "(-5)"]
)
def test_no_number(text: str, read: Read) -> None:
    assert refusal(read, f"{SHORT}SPX,2026-01-12T15:00Z,{text}\n") == (
        "trades.csv, line 2, column 'pnl': must be a number such as 2.35 or -$1,234.50, "
        f"got {text!r}"
    )


@pytest.mark.parametrize("text", ["1e999", "-1e300", "1000000000.01"])
def test_a_number_too_large_for_cents(text: str, read: Read) -> None:
    said = refusal(read, f"{SHORT}SPX,2026-01-12T15:00Z,{text}\n")
    assert said.endswith(f"must be a number from -1,000,000,000 to 1,000,000,000, got {text!r}")


def test_a_decimal_comma_is_no_thousand(read: Read) -> None:
    assert "got '2,35'" in refusal(read, f'{SHORT}SPX,2026-01-12T15:00Z,"2,35"\n')


def test_an_empty_profit_needs_its_reason(read: Read) -> None:
    text = "entry,pnl,reason\n2026-01-12T15:00Z,,{}\n"
    assert read(text.format("Unresolved")).trades[0].pnl_dollars is None
    assert "column 'pnl'" in refusal(read, text.format("Stop Loss"))


# ---------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-12T14:36:11Z", "2026-01-12T14:36:11+00:00"),
        ("2026-01-12 09:36:11-05:00", "2026-01-12T14:36:11+00:00"),
        ("2026-01-12 09:36:11.250 -0500", "2026-01-12T14:36:11.250000+00:00"),
        ("9:36", "2026-01-12T14:36:00+00:00"),
        ("9:36 am", "2026-01-12T14:36:00+00:00"),
        ("12:05 PM", "2026-01-12T17:05:00+00:00"),
        ("2026-07-13 09:36", "2026-07-13T13:36:00+00:00"),
    ],
)
def test_a_time(text: str, instant: str, read: Read) -> None:
    listed = read(f"{SHORT}SPX,{text},5\n", zone="America/New_York", day=MONDAY)
    assert listed.trades[0].timestamp_entry.isoformat() == instant
    offset = text.endswith(("Z", "-05:00", "-0500"))
    assert listed.zone == (None if offset else "America/New_York")


@pytest.mark.parametrize(
    "text",
    ["", "noon", "25:00", "9:60", "13:00 PM", "2026-02-30T10:00Z", "2026-01-12", "1:00+9999"],
)
def test_no_time(text: str, read: Read) -> None:
    assert refusal(read, f"{SHORT}SPX,{text},5\n", zone="UTC", day=MONDAY) == (
        "trades.csv, line 2, column 'entry': must be a time such as 14:36:11, 9:36 AM or "
        f"2026-01-12T14:36:11Z, got {text!r}"
    )


def test_a_time_needs_its_zone_and_date(read: Read) -> None:
    assert refusal(read, f"{SHORT}SPX,2026-01-12 14:36:11,5\n") == (
        "trades.csv, line 2, column 'entry': '2026-01-12 14:36:11' has no offset such as Z or "
        "-05:00; say whose clock it is: --zone UTC, --zone America/New_York"
    )
    assert refusal(read, f"{SHORT}SPX,14:36:11Z,5\n") == (
        "trades.csv, line 2, column 'entry': '14:36:11Z' has no date; name the column of the date "
        "with --columns date=COLUMN, or give --date YYYY-MM-DD"
    )
    assert refusal(read, f"{SHORT}SPX,14:36:11,5\n", zone="America/New York", day=MONDAY) == (
        "unknown zone 'America/New York'; did you mean America/New_York?"
    )


def test_the_session_is_new_yorks_date_whatever_the_zone(read: Read) -> None:
    """23:50 and 00:20 in Tokyo are 09:50 and 10:20 in New York, on one session."""
    text = "date,entry,exit,pnl\n2026-01-12,23:50,00:20,5\n2026-01-13,00:30,00:40,5\n"
    one, two = read(text, zone="Asia/Tokyo").trades
    assert one.timestamp_entry == utc("14:50:00")
    assert one.timestamp_exit == utc("15:20:00")
    assert (one.session, two.session) == (MONDAY, MONDAY)


def test_an_exit_before_its_entry(read: Read) -> None:
    for leave in ("14:50", "2026-01-12T14:50"):
        text = f"entry,exit,pnl\n15:00,{leave},5\n"
        assert refusal(read, text, zone="UTC", day=MONDAY) == (
            "trades.csv, line 2, column 'exit': must be a time after the entry at 15:00, "
            f"got {leave!r}"
        )


def test_the_zone_that_times_were_meant_in(read: Read) -> None:
    text = f"{SHORT}SPX,14:36:11,5\n"
    assert nearest_zone(read(text, zone="America/New_York", day=MONDAY), -5) == "UTC"
    assert nearest_zone(read(text, zone="UTC", day=MONDAY), 5) == "America/New_York"
    assert nearest_zone(read(text, zone="UTC", day=MONDAY), -13) is None
    assert nearest_zone(read(f"{SHORT}SPX,2026-01-12T14:36Z,5\n"), -5) is None


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "how", "says"),
    [
        ("", {}, "trades.csv: is empty; write a line of headers and a line a trade"),
        (
            "index,pnl\n",
            {},
            "trades.csv, line 1: no column is known as entry; name it with --columns entry=COLUMN; "
            "columns: index, pnl",
        ),
        (
            "entry,credit\n",
            {},
            "trades.csv, line 1: no column is known as pnl; name it with --columns pnl=COLUMN; "
            "columns: entry, credit",
        ),
        (SHORT, {"columns": {"exitt": "x"}}, "unknown field of --columns 'exitt'; did you mean"),
        (SHORT, {"columns": {"exit": "entri"}}, "'entri'; did you mean entry?"),
        ("entry,pnl,pnl\n", {}, "trades.csv, line 1: column 'pnl' (pnl) is there twice"),
        (f"{SHORT}SPX,15:00\n", {}, "trades.csv, line 2: 2 cells under 3 headers; put quotes"),
        (f'{SHORT}SPX,15:00,"5\n', {}, "is not CSV: unexpected end of data"),
        (b"entry,pnl\n\xff\xfe,5\n", {}, "trades.csv: is not UTF-8 text; save it as CSV UTF-8"),
        (f"{SHORT} ,15:00Z,5\n", {}, "column 'index': must be an index symbol such as SPX"),
    ],
)
def test_refused(text: str | bytes, how: dict[str, Any], says: str, read: Read) -> None:
    assert says in refusal(read, text, day=MONDAY, **how)


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("strategy", "strangle", "must be PUT, CALL or IC (or leave the column out with"),
        ("strikes", "6950", "must be two or four strikes such as 6950/6940, got '6950'"),
        ("strikes", "6950/x", "must be two or four strikes such as 6950/6940, got '6950/x'"),
        ("strikes", "7000/7010/6960/6950", "must be 2 strikes of PUT"),
        ("strikes", "1 Jan 12 6950 P STO", "must be a vertical spread or an iron condor"),
        ("strikes", "1 Jan 12 6950 X STO", "must be legs such as 1 Jan 12 6950 P STO 4.25"),
        ("strikes", "1 Jan 12 6950 P STO | 2 Jan 12 6940 P BTO", "as many of each leg"),
        ("quantity", "0", "must be a whole number of contracts from 1, got '0'"),
        ("quantity", "1.5", "must be a whole number of contracts from 1, got '1.5'"),
        ("credit", "", "column 'credit': must be a number"),
        ("reason", "", "must be the reason of the exit, got ''"),
        ("date", "01/12/2026", "must be a date YYYY-MM-DD, got '01/12/2026'"),
    ],
)
def test_a_cell_that_says_nothing(column: str, text: str, says: str, read: Read) -> None:
    usual = {"strategy": "PUT", "entry": "15:00Z", "pnl": "5", "date": "2026-01-12"}
    row = usual | {column: text}
    said = refusal(read, f"{','.join(row)}\n{','.join(row.values())}\n")
    assert said.startswith(f"trades.csv, line 2, column '{column}': ")
    assert says in said


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"entry": f"2026-01-12T15:00Z {n}", "pnl": 5} for n in range(9_999)]),
        json.dumps({"trades": [{"entry": "15:00", "pnl": 5}] * 9_999}, indent=1),
        ",".join(f"column {n}" for n in range(99_999)),
        f"entry,pnl\n15:00Z,{'5x' * 9_999}\n",
        f"entry,pnl\n{'15:00Z' * 9_999},5\n",
        f"entry,{'x' * 9_999}\n15:00Z,5\n",
        'entry,pnl\n15:00Z,"5\n5"\n',
    ],
)
def test_what_is_no_list_is_refused_in_a_short_line(text: str, read: Read) -> None:
    said = refusal(read, text, day=MONDAY)
    assert said.startswith("trades.csv")
    assert "\n" not in said
    assert len(said) < 600


def test_json_is_named(read: Read) -> None:
    assert "JSON" in refusal(read, '{"trades": []}')


def test_a_column_that_a_broad_file_does_not_have(read: Read) -> None:
    text = f"{'x' * 9_999},entry,pnl\n"
    assert len(refusal(read, text, columns={"exit": "Closed"})) < 600


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv: cannot be read: No such file"):
        read_trade_list(tmp_path / "none.csv", Reading())
