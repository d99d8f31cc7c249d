"""Defects the opening-range runner must not have, and what damaged files and folders come to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from cli.test_backtest_cli import (
    PLAIN,
    RANGE,
    E,
    Q,
    bar_folder,
    call,
    config_file,
    minute_rows,
    rows_of,
)
from engine.bar_cerebros import run_bars, series_of
from orb_tools import real_bars, real_daily

from bt_gex.market.bars import Bar
from bt_gex.strategies.opening_range import OpeningRangeStrategy

DAY = ["--start", "2024-01-03", "--end", "2024-01-03"]
WIN = (100.55, 103.0, 100.5, 102.9)


@pytest.fixture
def won(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run of one trade that wins, so that there is no loss to divide by."""
    data = bar_folder(tmp_path, minute_rows([*RANGE, Q, E, WIN, WIN]))
    words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data), *DAY, "--report"]
    words += ["--config", config_file(tmp_path, PLAIN), "--output-dir", str(tmp_path / "runs")]
    assert call([*words, "--run-id", "won"], capsys)[0] == 0
    return tmp_path / "runs" / "won"


def test_o1_o4_the_range_fills_and_breaks_are_traded(won: Path) -> None:
    (row,) = rows_of(won)
    assert (row["or_high"], row["or_low"], row["direction"]) == ("100.5", "100.0", "long")


def test_o15_config_json_is_whole(won: Path) -> None:
    about = json.loads((won / "config.json").read_text())
    assert about["config"]["orb"]["base_minutes"] == 5
    assert about["config"]["governance"]["time_cutoff"] is None
    assert about["arguments"]["symbols"] == ["SPY"]
    assert set(about["versions"]) >= {"bt-gex", "backtrader"}
    assert len(about["data"]["SPY"]["sha256"]) == 64


def test_o16_the_report_is_written_and_holds_its_parts(won: Path) -> None:
    page = (won / "SPY_report.html").read_text()
    for part in ("Total R", "Win rate", "Sharpe", "Profit factor", "Maximum drawdown",
                 "Opening ranges", "orb.base_minutes: 5", "trade.stop_mode", "Scores",
                 "LONG_20240103_143600"):  # fmt: skip
        assert part in page, part
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is fetched


def test_o24_no_number_that_json_has_not(won: Path) -> None:
    metrics = json.loads((won / "SPY_metrics.json").read_text())
    assert metrics["profit_factor"] is None
    assert metrics["sharpe_ratio"] is None
    for file in won.rglob("*.json"):
        text = file.read_text()
        assert "Infinity" not in text
        assert "NaN" not in text


def test_o23_the_files_have_what_readers_ask_for(won: Path) -> None:
    trades = pq.read_table(won / "SPY_trades.parquet").to_pylist()
    assert {"trade_id", "direction", "realized_r", "mfe_r", "mae_r", "exit_reason", "score",
            "factor_price_action"} <= set(trades[0])  # fmt: skip
    assert trades[0]["gap_entry"] is False
    assert trades[0]["factor_vwap"] is False
    equity = pq.read_table(won / "SPY_equity.parquet").to_pylist()
    assert equity[0]["drawdown_r"] == 0.0
    assert equity[0]["cumulative_r"] == trades[0]["realized_r"]


def test_o18_one_day_is_a_day_and_a_weekend_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", "QQQ", "--synthetic", "--json"]
    words += ["--output-dir", str(tmp_path)]
    friday_to_monday = ["--start", "2026-01-16", "--end", "2026-01-20"]
    status, out, _ = call([*words, *friday_to_monday], capsys)
    assert status == 0
    days = [[day["session"] for day in one["days"]] for one in json.loads(out)["symbols"]]
    assert days == [["2026-01-16", "2026-01-20"]] * 2  # the 19th is a holiday
    status, out, _ = call([*words, "--start", "2026-01-16", "--end", "2026-01-16"], capsys)
    one, other = (row["days"][0] for row in json.loads(out)["symbols"])
    assert one != other


def test_o20_what_yahoo_has_not_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", "--output-dir", str(tmp_path)]
    status, _, err = call([*words, "--start", "2020-01-02", "--end", "2020-01-03"], capsys)
    assert status == 1
    assert "30 days" in err


# ------------------------------------------------------------------------------ properties


@pytest.mark.parametrize("mode", ["stop", "next_open"])
def test_mirrored_prices_swap_long_and_short(mode: str) -> None:
    """p → 2c − p, with c on the tick."""
    bars = real_bars("BAC")
    centre = 14.5
    settings = {
        "trade.entry_mode": mode, "scoring.base_required": 1, "scoring.weak_trend_required": 1,
    }  # fmt: skip

    def mirrored(bar: Bar) -> Bar:
        o, high, low, close = (round(2 * centre - p, 4) for p in bar[1:5])
        return Bar(bar.ts_ns, o, low, high, close, bar.volume)

    def trades(rows: Any, daily: Any) -> list[tuple[Any, ...]]:
        found = run_bars(
            [series_of("BAC", rows)], OpeningRangeStrategy, settings=settings, daily={"BAC": daily}
        )
        return [
            (t.direction, t.timestamp_entry, t.timestamp_exit, round(t.realized_r, 6))
            for t in found.analyzers.report.records
        ]

    daily = [bar for bar in real_daily("BAC") if bar.ts_ns < bars[-1].ts_ns][-20:]
    plain = trades(bars, daily)
    assert len(plain) >= 3
    other = {"long": "short", "short": "long"}
    swapped = trades([mirrored(bar) for bar in bars], [mirrored(bar) for bar in daily])
    assert swapped == [(other[side], *rest) for side, *rest in plain]


@pytest.mark.parametrize("seed", range(6))
def test_garbage_after_a_cut_changes_nothing_before(seed: int) -> None:
    bars, daily = real_bars("SPY"), real_daily("SPY")
    random = np.random.default_rng(seed)
    cut = int(random.integers(500, len(bars) - 500))
    factors = random.uniform(0.7, 1.4, len(bars))
    garbage = [
        Bar(bar.ts_ns, *(round(p * factor, 2) for p in bar[1:5]), bar.volume)
        for bar, factor in zip(bars[cut:], factors, strict=False)
    ]
    until = bars[cut - 1].ts_ns

    def known(rows: Any) -> list[tuple[Any, ...]]:
        found = run_bars(
            [series_of("SPY", rows)],
            OpeningRangeStrategy,
            settings={"scoring.enabled": False},
            daily={"SPY": daily},
        )
        return [
            (name, at, price)
            for t in found.analyzers.report.records
            for name, at, price in (
                ("entry", t.timestamp_entry, t.entry_price),
                *((f.reason, f.timestamp, f.price) for f in t.fills),
            )
            if at.timestamp() * 1e9 <= until
        ]

    expected = known(bars)
    assert known([*bars[:cut], *garbage]) == expected


# ------------------------------------------------------------------------------ damage


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("SPY/trades.json", b"{"),
        ("SPY/trades.json", b"[]"),
        ("SPY/config.yaml", b"\xff\xfe"),
        ("SPY/config.yaml", b"run_id: x\nschema_version: 99\n"),
        ("SPY/bars.parquet", b"PAR1"),
        ("SPY/equity.parquet", None),
        ("SPY/days.json", b'[{"session": "yesterday"}]'),
        ("config.json", b'{"run_id": 5}'),
    ],
)
def test_a_damaged_folder_is_one_line(
    won: Path, file: str, damage: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if damage is None:
        (won / file).unlink()
    else:
        (won / file).write_bytes(damage)
    for verb in ("show", "report", "verify"):
        status, _, err = call([verb, str(won)], capsys)
        assert (status, err.count("\n")) == (1, 1), err
        assert err.startswith("error: ")
    assert call(["compare", str(won), str(won)], capsys)[0] == 2


def test_a_damaged_cache_is_fetched_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", "--start", "2026-01-12", "--end", "2026-01-12"]
    words += ["--synthetic", "--cache", "--cache-dir", str(tmp_path / "cache")]
    words += ["--output-dir", str(tmp_path / "runs")]
    assert call([*words, "--run-id", "first"], capsys)[0] == 0
    (kept,) = (tmp_path / "cache").glob("*.parquet")
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2])
    status, _, err = call([*words, "--run-id", "second"], capsys)
    assert status == 0
    assert "damaged" in err
    assert kept.read_bytes() == content
    first, second = (tmp_path / "runs" / name / "all_trades.csv" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_killed_run_leaves_the_earlier_one(won: Path, tmp_path: Path) -> None:
    """kill −9 at any time: the folder is the old one or the new one, whole."""
    words = [sys.executable, "-m", "bt_gex.cli.main", "backtest", "orb", "--symbols", "SPY",
             "--data", str(tmp_path / "data"), *DAY, "--report", "--run-id", "won",
             "--config", str(tmp_path / "config.yaml"), "--output-dir",
             str(tmp_path / "runs")]  # fmt: skip
    before = {f.relative_to(won): f.read_bytes() for f in won.rglob("*") if f.is_file()}
    for wait in (0.6, 1.2):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        after = {f.relative_to(won): f.read_bytes() for f in won.rglob("*") if f.is_file()}
        assert set(after) == set(before)
        assert after[Path("all_trades.csv")] == before[Path("all_trades.csv")]


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    words = ["backtest", "orb", "--symbols", "SPY", "--start", "2026-01-12", "--end", "2026-01-12"]
    status, _, err = call([*words, "--synthetic", "--output-dir", str(blocked)], capsys)
    assert (status, err.count("\n")) == (1, 1)
    shutil.rmtree(tmp_path, ignore_errors=True)
