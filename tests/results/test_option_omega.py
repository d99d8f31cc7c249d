"""Trades as rows of a trade log, and returns for quantstats; by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest
from reports.report_fakes import LOST, UNRESOLVED, WON, market, two_trades
from typed_records import changed

from bt_gex.errors import BadValue
from bt_gex.results.option_omega import (
    COLUMNS,
    TradeLogRow,
    daily_returns,
    read_rows,
    trade_log_rows,
    write_daily_returns,
    write_rows,
)

COMMISSION = {"fills": {"entry_slippage": 1.0, "exit_slippage": 1.0, "commission": 0.65}}


def written(folder: Path, rows: Iterable[TradeLogRow]) -> list[dict[str, str]]:
    """Cells of the file by the names of their columns."""
    write_rows(folder / "trades.csv", rows)
    with (folder / "trades.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_losing_put_spread(tmp_path: Path) -> None:
    """Sold at 5.10 - 2.75 = 2.35, $45 lost; four fills of 0.65 are 2.60."""
    config = two_trades().config | COMMISSION
    trade = changed(LOST, commission_dollars=2.60, pnl_dollars=-47.60)
    (row,) = written(tmp_path, trade_log_rows([trade], config, market([("2026-01-12", 780)])))
    assert row == {
        "Date Opened": "2026-01-12",
        "Time Opened": "09:36:00",
        "Opening Price": "6962.16",
        "Legs": "1 Jan 12 6955 P STO 5.10 | 1 Jan 12 6945 P BTO 2.75",
        "Premium": "235.0",
        "Closing Price": "6960.5",
        "Date Closed": "2026-01-12",
        "Time Closed": "09:38:30",
        "Avg. Closing Cost": "280.0",
        "Reason For Close": "Stop Loss",
        "P/L": "-47.6",
        "P/L %": "-19.15",
        "No. of Contracts": "1",
        "Funds at Close": "24952.4",
        "Margin Req.": "765.0",
        "Strategy": "SPX PUT",
        "Opening Commissions + Fees": "1.3",
        "Closing Commissions + Fees": "1.3",
        "Opening Short/Long Ratio": "1.96",  # 5.20 / 2.65
        "Closing Short/Long Ratio": "1.9",  # 5.50 / 2.90
        "Opening VIX": "14.62",
        "Closing VIX": "15.01",
        "Gap": "",  # the first session
        "Movement": "2.16",  # the session began at 6960
        "Max Profit": "2.13",  # 5 / 235
        "Max Loss": "-17.02",  # -40 / 235
    }
    assert tuple(row) == COLUMNS


def test_funds_go_by_the_close_and_a_condor_has_four_legs() -> None:
    rows = list(trade_log_rows([LOST, WON, UNRESOLVED], two_trades().config))
    assert [row.funds_at_close for row in rows] == [24_955.0, 25_170.0, 25_170.0]
    assert rows[1].legs == (
        "1 Jan 12 7000 C STO 4.00 | 1 Jan 12 7010 C BTO 2.00 | "
        "1 Jan 12 6960 P STO 3.90 | 1 Jan 12 6950 P BTO 1.65"
    )
    assert rows[2].pnl_dollars is rows[2].avg_closing_cost is None
    assert rows[2].closing_ratio is None
    assert rows[0].movement_pts is None  # without a market nothing is known


def test_gap_from_the_last_session() -> None:
    two = market([("2026-01-12", 780), ("2026-01-13", 780)])
    spots = two["spot"].to_pylist()
    later = changed(LOST, expiration="2026-01-13", spot_entry=spots[781] + 1.5)
    (row,) = trade_log_rows([later], two_trades().config, two)
    assert row.gap_pts == round(spots[781] - spots[780], 2)
    assert row.movement_pts == 1.5


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    whole = changed(LOST, pnl_dollars=-45, pnl_percent=-1e-7)
    rows = list(trade_log_rows([whole, WON, UNRESOLVED], two_trades().config))
    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    write_rows(first, rows)
    assert read_rows(first) == rows
    write_rows(again, read_rows(first))
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("09:36:00", "9h36", "line 2, column 'Time Opened'"),
        (",235.0,", ",,", "line 2, column 'Premium'"),
        (",280.0,", ",nan,", "line 2, column 'Avg. Closing Cost'"),
        ("Stop Loss,", "Stop Loss,,", "line 2"),
        ("P/L,", "PL,", "line 1"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "trades.csv"
    write_rows(path, trade_log_rows([LOST], two_trades().config))
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(BadValue, match=rf"trades\.csv, {named}"):
        read_rows(path)


def test_the_file_has_empty_cells_for_what_is_not_known(tmp_path: Path) -> None:
    saved = two_trades().save(tmp_path)
    assert saved.folder
    with (saved.folder / "trades.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first["Gap"] == ""
    assert second["P/L"] == "215.0"


def test_returns_are_on_the_account_before_the_session() -> None:
    assert daily_returns({"a": 100.0, "b": -110.0}, 1_000.0) == {"a": 0.1, "b": -0.1}
    assert daily_returns({"a": -1_000.0, "b": 5.0}, 1_000.0) == {"a": -1.0}  # used up


def test_a_series_as_quantstats_reads_it(tmp_path: Path) -> None:
    write_daily_returns(tmp_path / "r.csv", {"2026-01-12": 100.0, "2026-01-13": 0.0}, 1_000.0)
    read = pd.read_csv(tmp_path / "r.csv", index_col="date", parse_dates=True)["return"]
    result = two_trades()
    returns = result.daily_returns
    assert list(returns.index) == [pd.Timestamp("2026-01-12")]  # the other has no data
    assert returns.iloc[0] == pytest.approx(170 / 25_000)
    assert returns.name == read.name == "return"
    assert (read.index[0], read.tolist()) == (pd.Timestamp("2026-01-12"), [0.1, 0.0])
