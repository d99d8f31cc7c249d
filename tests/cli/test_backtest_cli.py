"""`bt-gex backtest`: recorded answers through the command; files, settings, statuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from orb_tools import recorded, rounded, shared
from pyarrow import parquet

from bt_gex.cli.main import main
from bt_gex.results.bar_folder import read_backtest, read_symbol

SETTINGS = ("guide", "next_open", "overnight")  # all of them: tests/engine/test_orb_engine.py
EQUITIES = ("AAPL", "BAC", "GOOG", "SPY", "TWX")
WEEK = ["--start", "2026-01-12", "--end", "2026-01-16"]
CSV_FIRST = [
    "symbol", "direction", "quantity", "entry_timestamp", "entry_price", "exit_timestamp",
    "exit_price", "exit_reason", "pnl", "realized_r",
]  # fmt: skip


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Status, output and error output of a command."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    out, err = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, out, err


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "all_trades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bar_folder(place: Path, rows: list[str], symbol: str = "SPY") -> Path:
    """A folder with minutes of one symbol."""
    folder = place / "data"
    (folder / "minute").mkdir(parents=True, exist_ok=True)
    head = "timestamp_utc,open,high,low,close,volume\n"
    (folder / "minute" / f"{symbol}.csv").write_text(head + "\n".join(rows) + "\n")
    return folder


def minute_rows(prices: list[tuple[float, ...]], day: str = "2024-01-03") -> list[str]:
    """From 08:30 in Chicago, 14:30 UTC in winter."""
    return [
        f"{day}T{14 + (30 + n) // 60}:{(30 + n) % 60:02}:00Z,{','.join(map(str, row))},1000"
        for n, row in enumerate(prices)
    ]


RANGE = [(100.2, 100.5, 100.0, 100.2)] * 5
Q, E = (100.3, 100.45, 100.2, 100.4), (100.4, 100.6, 100.35, 100.55)
PLAIN = {
    "orb": {"base_minutes": 5, "adaptive": False, "enable_validity_filter": False},
    "scoring": {"enabled": False},
    "governance": {"time_cutoff": None},
}


def config_file(place: Path, content: Any) -> str:
    path = place / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


# ------------------------------------------------------------------------------ recorded answers


@pytest.mark.parametrize("setting", SETTINGS)
def test_real_days(setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All symbols at once, by the files a run leaves behind."""
    data = shared("data", "bars")
    settings, wanted = recorded("orb-settings.json"), recorded("orb-real-days.json")["results"]
    # A symbol is its file's name; the templates of the recorded answers lie under it.
    es = settings["ES"]
    instruments = {
        **dict.fromkeys(EQUITIES, settings["equity"]["instrument"]),
        "ES_201312": {**es["instrument"], "early_closes": {}, "buffers": es["buffers"],
                      "trade": es["trade"]},
    }  # fmt: skip
    config = config_file(tmp_path, {**settings["configs"][setting], "instruments": instruments})
    words = ["backtest", "orb", "--symbols", *EQUITIES, "ES_201312", "--data", str(data)]
    words += ["--start", "2013-10-04", "--end", "2023-08-03", "--config", config]
    words += ["--output-dir", str(tmp_path / "runs"), "--run-id", "real"]
    assert call(words, capsys)[0] == 0
    folder = tmp_path / "runs" / "real"
    found = rows_of(folder)
    for symbol in (*EQUITIES, "ES_201312"):
        expected = wanted[setting][symbol.removesuffix("_201312")]
        mine = [row for row in found if row["symbol"] == symbol]
        assert len(mine) == len(expected["trades"])
        for row, trade in zip(mine, expected["trades"], strict=True):
            for name in ("trade_id", "direction", "entry_timestamp", "exit_timestamp",
                         "exit_reason"):  # fmt: skip
                assert row[name] == trade[name]
            for name in ("entry_price", "exit_price", "realized_r", "pnl", "initial_stop",
                         "mfe_r", "mae_r", "score"):  # fmt: skip
                assert float(row[name]) == pytest.approx(trade[name], abs=1e-6)
            assert (row["gap_entry"] == "true") == trade["gap_entry"]
            fills = [
                [f["timestamp"], f["price"], f["quantity"] / float(row["quantity"]), f["reason"]]
                for f in json.loads(row["fills"])
            ]
            assert rounded(fills) == trade["fills"]
        metrics = json.loads((folder / f"{symbol}_metrics.json").read_text())
        assert rounded({k: metrics[k] for k in expected["metrics"]}) == expected["metrics"]
        days = parquet.read_table(folder / f"{symbol}_days.parquet").to_pylist()
        for name in ("date", "reason", "or_minutes", "signals", "lockout"):
            assert [day[name] for day in days] == [day[name] for day in expected["days"]]
        assert call(["verify", str(folder / symbol)], capsys)[0] == 0
    assert call(["verify", str(folder)], capsys)[0] == 0


def test_mean_reversion_on_recorded_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shared("data", "bars")
    for number, known in enumerate(recorded("mean-reversion-days.json")["recordings"].values()):
        for name, variant in known["variants"].items():
            run_id = f"{number}-{name}"
            config = config_file(tmp_path, {"mean_reversion": variant["parameters"]})
            words = ["backtest", "mean-reversion", "--symbols", *known["symbols"]]
            words += ["--start", known["day"], "--end", known["day"], "--data", str(data)]
            words += ["--config", config, "--output-dir", str(tmp_path), "--run-id", run_id]
            assert call(words, capsys)[0] == 0
            rows = rows_of(tmp_path / run_id)
            wanted = sorted(variant["trades"], key=lambda t: (t["exit_time"], t["symbol"]))
            assert len(rows) == len(wanted)
            for row, trade in zip(rows, wanted, strict=True):
                assert row["direction"] == trade["direction"].lower()
                assert row["entry_timestamp"] == trade["entry_time"]
                assert row["exit_timestamp"] == trade["exit_time"]
                assert row["exit_reason"] == trade["exit_reason"]
                assert float(row["pnl"]) == pytest.approx(trade["pnl"], abs=1e-6)
                risk = abs(trade["entry_price"] - trade["stop_loss"]) * trade["quantity"]
                assert float(row["realized_r"]) == pytest.approx(trade["pnl"] / risk, abs=1e-6)


# ------------------------------------------------------------------------------ files


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic week of two symbols."""
    out = tmp_path_factory.mktemp("week")
    words = ["backtest", "orb", "--symbols", "SPY", "QQQ", *WEEK, "--synthetic", "--report"]
    with pytest.raises(SystemExit) as caught:
        main([*words, "--output-dir", str(out)])
    assert caught.value.code == 0
    (folder,) = [place for place in out.iterdir() if place.is_dir()]
    assert (out / "backtest_run.log").exists()
    return folder


def test_files(week: Path) -> None:
    own = ("trades.parquet", "metrics.json", "equity.parquet", "days.parquet", "factors.parquet",
           "report.html")  # fmt: skip
    names = {f"{symbol}_{name}" for symbol in ("SPY", "QQQ") for name in own}
    names |= {"all_trades.csv", "all_trades.parquet", "combined_equity.parquet", "config.json"}
    assert {entry.name for entry in week.iterdir()} == names | {"SPY", "QQQ"}
    about = json.loads((week / "config.json").read_text())
    assert about["run_id"] == week.name
    assert about["symbols"] == ["SPY", "QQQ"]
    assert about["failed_symbols"] == {}
    assert len(about["config_hash"]) == 16
    assert about["config"]["orb"]["base_minutes"] == 15
    for symbol in ("SPY", "QQQ"):
        assert about["data"][symbol]["source"] == "synthetic"
        assert about["data"][symbol]["rows"] == 5 * 390
        assert about["data"][symbol]["first"] == "2026-01-12T14:30:00Z"


def test_all_trades(week: Path) -> None:
    rows = rows_of(week)
    assert len(rows) >= 5
    assert list(rows[0])[:10] == CSV_FIRST
    order = [(row["exit_timestamp"], row["symbol"], row["trade_id"]) for row in rows]
    assert order == sorted(order)
    frame = pd.read_parquet(week / "all_trades.parquet")
    assert list(frame["trade_id"]) == [row["trade_id"] for row in rows]
    assert [str(frame["entry_timestamp"].dt.tz)] == ["UTC"]
    record = read_backtest(week)
    for row, trade in zip(rows, record.trades, strict=True):
        assert float(row["entry_price"]) == trade.entry_price  # to the last digit
        assert float(row["exit_price"]) == trade.fills[-1].price
        made = sum(f.quantity * (f.price - trade.entry_price) for f in trade.fills)
        assert float(row["pnl"]) == pytest.approx(trade.sign * made)


def test_o14_the_curves_are_by_time_and_cumulated_anew(week: Path) -> None:
    both = pd.read_parquet(week / "combined_equity.parquet")
    assert both["exit_timestamp"].is_monotonic_increasing
    assert list(both["cumulative_r"]) == pytest.approx(list(both["realized_r"].cumsum()))
    peak = np.maximum(both["cumulative_r"].cummax(), 0.0)
    assert list(both["drawdown_r"]) == pytest.approx(list(both["cumulative_r"] - peak))
    alone = pd.read_parquet(week / "SPY_equity.parquet")
    assert list(alone["trade_number"]) == list(range(1, len(alone) + 1))


def test_the_account_of_a_symbol(week: Path) -> None:
    """Marked bar by bar: by hand, from the fills of each trade."""
    record = read_symbol(week / "SPY")
    bars = pd.read_parquet(week / "SPY" / "bars.parquet").set_index("time")
    equity = pd.read_parquet(week / "SPY" / "equity.parquet").set_index("time")
    for at in bars.index[::37]:
        made = 0.0
        for trade in record.trade_records:
            if trade.timestamp_entry > at:
                continue
            done = [f for f in trade.fills if f.timestamp <= at]
            left = trade.quantity - sum(f.quantity for f in done)
            made += trade.sign * sum(f.quantity * (f.price - trade.entry_price) for f in done)
            made += trade.sign * left * (bars["close"][at] - trade.entry_price)
        assert equity["equity"][at] == pytest.approx(100_000 + made, abs=0.0051)


def test_factors_are_of_every_fifth_bar(week: Path) -> None:
    factors = pd.read_parquet(week / "SPY_factors.parquet")
    day = factors[factors["timestamp"].dt.date == factors["timestamp"].dt.date.iloc[0]]
    assert list(day["bar_number"]) == list(range(15, 390, 5))
    assert (day["score_long"] >= 0).all()


def test_same_bytes_whatever_the_workers(week: Path, tmp_path: Path) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", "QQQ", *WEEK, "--synthetic", "--report"]
    with pytest.raises(SystemExit):
        main([*words, "--output-dir", str(tmp_path), "--workers", "2"])
    again = tmp_path / week.name
    files = [file for file in week.rglob("*") if file.is_file()]
    assert len(files) > 30
    for file in files:
        assert (again / file.relative_to(week)).read_bytes() == file.read_bytes(), file


def test_the_views(week: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trades = read_symbol(week / "SPY").trade_records
    status, out, _ = call(["show", str(week)], capsys)
    assert status == 0
    assert "Aggregated" in out
    assert f"Total Trades          {len(rows_of(week))}" in out
    status, out, _ = call(["show", str(week / "SPY")], capsys)
    assert status == 0
    total = sum(trade.realized_r or 0.0 for trade in trades)
    assert f"{total:+.2f}R" in out
    content = json.loads(call(["show", str(week / "SPY"), "--json"], capsys)[1])
    assert [trade["trade_id"] for trade in content["trades"]] == [t.trade_id for t in trades]
    assert content["bootstrap"]["sessions"] == 5
    assert content["r_intervals"]["total_r"][0] <= total <= content["r_intervals"]["total_r"][1]
    assert {"kind", "text", "next_step", "dollars"} <= set(content["warnings"][0])
    content = json.loads(call(["show", str(week), "--json"], capsys)[1])
    assert content["aggregated"]["total_trades"] == len(rows_of(week))
    for what in ("equity", "r-curve", "r-distribution", "score", "range-width",
                 f"trade:{trades[0].trade_id}", "session:2026-01-16"):  # fmt: skip
        target = tmp_path / "picture.png"
        assert call(["plot", str(week / "SPY"), what, "-o", str(target)], capsys)[0] == 0
        assert target.read_bytes().startswith(b"\x89PNG")
    words = ["trade", str(week / "SPY"), trades[0].order_id, "-o", str(tmp_path / "t.png")]
    status, out, _ = call(words, capsys)
    assert status == 0
    assert f"{trades[0].fills[-1].reason}" in out
    assert call(["plot", str(week), "equity"], capsys)[0] == 2  # two symbols
    assert call(["plot", str(week / "SPY"), "margin"], capsys)[0] == 2
    page = tmp_path / "page.html"
    assert call(["report", str(week / "SPY"), "-o", str(page)], capsys)[0] == 0
    assert trades[0].trade_id in page.read_text()


def test_compare(week: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["compare", str(week), str(week)], capsys)[0] == 0
    words = ["backtest", "orb", "--symbols", "SPY", *WEEK, "--synthetic"]
    words += ["--set", "trade.runner_r=3", "--output-dir", str(tmp_path), "--run-id", "other"]
    assert call(words, capsys)[0] == 0
    status, out, _ = call(["compare", str(week / "SPY"), str(tmp_path / "other"), "--json"], capsys)
    assert status == 1
    found = json.loads(out)
    assert found["settings"]["trade.runner_r"] == [2.0, 3.0]
    assert found["settings"]["instruments.SPY.trade.runner_r"] == [2.0, 3.0]
    assert found["data"] == []
    assert all("targets" in one["changes"] for one in found["changed"])
    a, b = read_symbol(week / "SPY"), read_backtest(tmp_path / "other")
    difference = b.trades and sum(t.pnl_dollars for t in b.trades) - sum(
        t.pnl_dollars for t in a.trade_records
    )
    assert found["difference_dollars"] == pytest.approx(difference, abs=0.05)
    assert call(["compare", str(week), str(tmp_path / "none")], capsys)[0] == 2


def test_verify_finds_what_was_changed(week: Path, tmp_path: Path, capsys: Any) -> None:
    import shutil

    for name, change in (
        ("SPY/trades.json", lambda text: text.replace('"total_pnl": ', '"total_pnl": 1', 1)),
        ("all_trades.csv", lambda text: text.replace("long", "short", 1)),
        ("SPY_metrics.json", lambda text: text.replace('"win_rate": 0', '"win_rate": 1')),
    ):
        copy = tmp_path / name.replace("/", "-") / week.name
        shutil.copytree(week, copy)
        (copy / name).write_text(change((copy / name).read_text()))
        assert call(["verify", str(copy)], capsys)[0] == 1, name


# ------------------------------------------------------------------------------ settings


def test_order_of_precedence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """defaults < sections < instruments.SYM < --set; a symbol without an entry has the sections."""
    config = config_file(
        tmp_path,
        {
            "buffers": {"fixed": 0.1},
            "trade": {"t1_r": 0.9},
            "instruments": {
                "ES": {"tick_size": 0.25, "buffers": {"fixed": 0.5}, "trade": {"t1_r": 0.8}},
                "BRK.B": {"point_value": 2.0},
            },
        },
    )
    words = ["backtest", "orb", "--symbols", "ES,SPY", "BRK.B", *WEEK, "--synthetic"]
    words += ["--config", config, "--output-dir", str(tmp_path / "runs")]
    words += ["--set", "trade.t1_r=0.7", "--set", "instruments.BRK.B.tick_size=0.05"]
    status, out, _ = call([*words, "--json"], capsys)
    assert status == 0
    resolved = json.loads(out)["config"]
    assert resolved["symbols"] == ["ES", "SPY", "BRK.B"]
    facts = resolved["instruments"]
    assert [facts[s]["buffers"]["fixed"] for s in facts] == [0.5, 0.1, 0.1]
    assert [facts[s]["trade"]["t1_r"] for s in facts] == [0.7, 0.7, 0.7]
    assert [facts[s]["tick_size"] for s in facts] == [0.25, 0.01, 0.05]
    assert [facts[s]["point_value"] for s in facts] == [1.0, 1.0, 2.0]
    (folder,) = [place for place in (tmp_path / "runs").iterdir() if place.is_dir()]
    assert (folder / "BRK.B" / "trades.json").exists()


def test_the_id_follows_from_settings_and_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def id_of(*more: str) -> str:
        day = ["--start", "2026-01-12", "--end", "2026-01-12"]
        words = ["backtest", "orb", "--symbols", "SPY", *day, "--synthetic", "--json"]
        found: str = json.loads(call([*words, "--output-dir", str(tmp_path), *more], capsys)[1])[
            "run_id"
        ]
        return found

    plain = id_of()
    assert id_of("--set", "orb.base_minutes=15") == plain  # the default
    assert id_of("--workers", "2", "--report") == plain
    others = {
        id_of("--set", "orb.base_minutes=30"),
        id_of("--set", "backtest.random_seed=7"),
        id_of("--set", "instruments.SPY.tick_size=0.05"),
    }
    assert len(others | {plain}) == 4


def test_a_taken_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", *WEEK, "--synthetic", "--run-id", "mine"]
    words += ["--output-dir", str(tmp_path)]
    assert call(words, capsys)[0] == 0
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    assert call(words, capsys)[0] == 0
    assert (tmp_path / "mine" / "notes.txt").read_text() == "kept"
    before = (tmp_path / "mine" / "all_trades.csv").read_bytes()
    status, _, err = call([*words, "--set", "orb.base_minutes=30"], capsys)
    assert status == 1
    assert "--run-id" in err
    assert (tmp_path / "mine" / "all_trades.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["obr"], "orb"),
        (["orb", "--set", "orb.base_minuts=30"], "orb.base_minutes"),
        (["orb", "--set", "orb.base_minutes=3"], "from 5 to 60"),
        (["orb", "--set", "instruments.SPY.tick=1"], "tick_size"),
        (["orb", "--set", "instruments.SPY.tick_size=0"], "above 0"),
        (["orb", "--set", "base_minutes"], "NAME=VALUE"),
        (["orb", "--interval", "1d"], "minutes"),
        (["mean-reversion", "--set", "mean_reversion.bb_sdt=2"], "bb_std"),
        (["mean-reversion", "--set", "mean_reversion.direction=up"], "long"),
        (["breakout-52w-high", "--set", "breakout_52w_high.lookback=2"], "lookback_days"),
        (["orb", "--run-id", "a/b"], "path"),
        (["orb", "--start", "2026-01-20"], "before start"),
        (["orb", "--data", "bars"], "--synthetic"),
        (["mean-reversion", "--validate-or"], "orb"),
        (["none.py:Mine"], "none.py"),
    ],
)
def test_bad_names_and_values_are_status_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", words[0], "--symbols", "SPY", *WEEK, "--synthetic", *words[1:]]
    status, out, err = call([*command, "--output-dir", str(tmp_path / "runs")], capsys)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err


def test_bad_instruments_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of symbols that are not run."""
    for content, said in (
        ({"instruments": {"ES": {"tick": 0.25}}}, "tick_size"),
        ({"instruments": {"ES": 5}}, "instruments.ES"),
        ({"instruments": {"ES": {"timezone": "Mars/Base"}}}, "timezone"),
        ({"orbb": {"base_minutes": 5}}, "orb"),
        ({"orb": 5}, "orb"),
    ):
        config = config_file(tmp_path, content)
        words = ["backtest", "orb", "--symbols", "SPY", *WEEK, "--synthetic", "--config", config]
        status, _, err = call([*words, "--output-dir", str(tmp_path / "runs")], capsys)
        assert status == 2, content
        assert said in err


# ------------------------------------------------------------------------------ data


def test_no_symbol_with_data_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bar_folder(tmp_path, minute_rows([*RANGE, Q, E]))
    words = ["backtest", "orb", "--data", str(data), "--output-dir", str(tmp_path / "runs")]
    day = ["--start", "2024-01-03", "--end", "2024-01-03"]
    status, _, err = call([*words, "--symbols", "QQQ", *day], capsys)
    assert status == 1
    assert "No data fetched for QQQ" in err
    status, out, err = call([*words, "--symbols", "SPY", "QQQ", *day, "--run-id", "one"], capsys)
    assert status == 0
    assert "No data fetched for QQQ" in out
    about = json.loads((tmp_path / "runs" / "one" / "config.json").read_text())
    assert list(about["failed_symbols"]) == ["QQQ"]
    assert about["symbols"] == ["SPY"]
    weekend = ["--start", "2024-01-06", "--end", "2024-01-07"]
    status, out, _ = call([*words, "--symbols", "SPY", *weekend, "--run-id", "none"], capsys)
    assert status == 0  # no session, so no data is wanted
    assert "no session" in out
    assert rows_of(tmp_path / "runs" / "none") == []
    for verb in ("show", "verify", "report"):
        assert call([verb, str(tmp_path / "runs" / "none")], capsys)[0] == 0
    other = ["--start", "2024-01-09", "--end", "2024-01-09"]
    assert call([*words, "--symbols", "SPY", *other], capsys)[0] == 1
    missing = ["backtest", "orb", "--symbols", "SPY", *day, "--data", str(tmp_path / "none")]
    assert call(missing, capsys)[0] == 1


def test_no_trades_is_status_0_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bar_folder(tmp_path, minute_rows([*RANGE, Q, Q, Q]))
    words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data)]
    words += ["--start", "2024-01-03", "--end", "2024-01-03", "--report"]
    words += ["--config", config_file(tmp_path, PLAIN), "--output-dir", str(tmp_path / "runs")]
    status, out, _ = call([*words, "--run-id", "none"], capsys)
    assert status == 0
    assert "No trades generated" in out
    assert "0.00R" in out
    assert "N/A" in out
    folder = tmp_path / "runs" / "none"
    assert rows_of(folder) == []
    assert json.loads((folder / "SPY_metrics.json").read_text())["total_trades"] == 0
    assert len(pd.read_parquet(folder / "SPY_days.parquet")) == 1
    assert call(["verify", str(folder)], capsys)[0] == 0
    assert call(["show", str(folder)], capsys)[0] == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2024-01-03T14:35:00Z,100,99,101,100,1", "can't be true"),
        ("2024-01-03T14:35:00Z,,101,99,100,1", "can't be true"),
        ("2024-01-03T14:35:00,100,101,99,100,1", "zone"),
        ("2024-01-03T14:35:30Z,100,101,99,100,1", "minute"),
        ("2024-01-03T14:35:00Z,abc,101,99,100,1", "number"),
    ],
)
def test_bad_bars_stop_a_symbol_with_its_file_named(
    row: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bar_folder(tmp_path, [*minute_rows(RANGE), row])
    words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data), "--start", "2024-01-03"]
    words += ["--end", "2024-01-03", "--output-dir", str(tmp_path / "runs")]
    status, _, err = call(words, capsys)
    assert status == 1
    assert "SPY.csv" in err
    assert said in err


def test_shuffled_and_repeated_rows_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = minute_rows([*RANGE, Q, E, (100.55, 101.2, 100.5, 101.0), Q])
    config = config_file(tmp_path, PLAIN)

    def trades(name: str, lines: list[str]) -> list[dict[str, str]]:
        data = bar_folder(tmp_path / name, lines)
        words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data), "--run-id", name]
        words += ["--start", "2024-01-03", "--end", "2024-01-03", "--config", config]
        assert call([*words, "--output-dir", str(tmp_path / "runs")], capsys)[0] == 0
        return rows_of(tmp_path / "runs" / name)

    plain = trades("plain", rows)
    assert len(plain) == 1
    assert trades("shuffled", [*rows[4:], *rows[:4], rows[2]]) == plain
    text = (tmp_path / "runs" / "shuffled" / "config.json").read_text()
    assert json.loads(text)["data"]["SPY"]["odd"] == {"duplicate": 1, "out of order": 2}


def test_o17_the_window_is_checked_for_each_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = minute_rows([*RANGE, Q, E, Q])
    gap = [row for n, row in enumerate(minute_rows([*RANGE, Q, E, Q], "2024-01-04")) if n != 2]
    data = bar_folder(tmp_path, [*good, *gap])
    words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data), "--validate-or"]
    words += ["--start", "2024-01-03", "--end", "2024-01-04", "--config",
              config_file(tmp_path, PLAIN)]  # fmt: skip
    words += ["--output-dir", str(tmp_path / "runs")]
    status, _, err = call([*words, "--run-id", "warn"], capsys)
    assert status == 0
    assert "SPY 2024-01-04: opening range" in err
    assert "2024-01-03" not in err
    assert len(rows_of(tmp_path / "runs" / "warn")) == 2
    assert "gap" in call(["show", str(tmp_path / "runs" / "warn" / "SPY")], capsys)[1]
    skip = [*words, "--run-id", "skip", "--set", "data.or_invalid=skip"]
    assert call(skip, capsys)[0] == 0
    assert len(rows_of(tmp_path / "runs" / "skip")) == 1
    days = parquet.read_table(tmp_path / "runs" / "skip" / "SPY_days.parquet")
    assert days["reason"].to_pylist() == [None, "or window"]


def test_rows_before_the_start_are_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second day alone trades as it does after the first, for the opening range."""
    data = shared("data", "bars")
    words = ["backtest", "orb", "--symbols", "SPY", "--data", str(data), "--end", "2013-10-11"]
    words += ["--output-dir", str(tmp_path)]
    assert call([*words, "--start", "2013-10-04", "--run-id", "all"], capsys)[0] == 0
    assert call([*words, "--start", "2013-10-09", "--run-id", "late"], capsys)[0] == 0
    late = [row for row in rows_of(tmp_path / "all") if row["entry_timestamp"] >= "2013-10-09"]
    assert len(late) == 3
    assert rows_of(tmp_path / "late") == late
    days = pd.read_parquet(tmp_path / "late" / "SPY_days.parquet")
    assert days["norm_vol"][0] == pytest.approx(2.443779, abs=1e-6)


def test_o19_the_cache_keeps_bars_by_their_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", "orb", "--symbols", "SPY", *WEEK, "--synthetic", "--cache"]
    words += ["--cache-dir", str(tmp_path / "cache"), "--output-dir", str(tmp_path / "runs")]
    assert call([*words, "--run-id", "first"], capsys)[0] == 0
    kept = sorted(file.name for file in (tmp_path / "cache").iterdir())
    assert kept == [f"synthetic_SPY_2026-01-12_2026-01-16.{end}" for end in ("json", "parquet")]
    assert call([*words, "--run-id", "second"], capsys)[0] == 0
    first, second = (tmp_path / "runs" / name for name in ("first", "second"))
    assert (first / "all_trades.csv").read_bytes() == (second / "all_trades.csv").read_bytes()
    other = [*words, "--run-id", "seed", "--set", "backtest.random_seed=7"]
    assert call(other, capsys)[0] == 0
    assert rows_of(tmp_path / "runs" / "seed") != rows_of(first)


def test_the_script_takes_the_same_options(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = Path(__file__).parents[2] / "scripts" / "run_backtest.py"
    words = [sys.executable, str(script), "--symbols", "SPY", "QQQ", *WEEK, "--synthetic"]
    done = subprocess.run(
        [*words, "--output-dir", str(tmp_path), "--verbose"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Aggregated" in done.stdout


# ------------------------------------------------------------------------------ own strategies

OWN = """
import backtrader as bt

class Cross(bt.Strategy):
    params = (("period", 20), ("size", 3))

    def __init__(self):
        self.cross = {d: bt.ind.CrossOver(d.close, bt.ind.SMA(d.close, period=self.p.period))
                      for d in self.datas}

    def next(self):
        for data, cross in self.cross.items():
            if cross[0] > 0 and not self.getposition(data):
                self.buy(data=data, size=self.p.size)
            elif cross[0] < 0 and self.getposition(data):
                self.close(data=data, reason="below")

class Paid(Cross):
    def start(self):
        self.broker.setcommission(commission=0.5, commtype=bt.CommInfoBase.COMM_FIXED)

class Broken(bt.Strategy):
    def next(self):
        raise ValueError("no idea")

NOT_A_STRATEGY = 5
"""


def test_a_strategy_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my.py"
    file.write_text(OWN)
    words = ["--symbols", "SPY", "QQQ", *WEEK, "--synthetic", "--output-dir", str(tmp_path)]
    own = ["backtest", f"{file}:Cross", *words, "--set", "Cross.period=60", "--run-id", "own"]
    assert call(own, capsys)[0] == 0
    rows = rows_of(tmp_path / "own")
    assert len(rows) > 10
    assert {row["exit_reason"] for row in rows} <= {"below", "end_of_data"}
    assert {row["realized_r"] for row in rows} == {""}
    assert {row["quantity"] for row in rows} <= {"3", "3.0"}
    for row in rows:
        made = (float(row["exit_price"]) - float(row["entry_price"])) * 3
        assert float(row["pnl"]) == pytest.approx(made)
    assert call(["show", str(tmp_path / "own" / "SPY")], capsys)[0] == 0
    assert call(["report", str(tmp_path / "own")], capsys)[0] == 0
    assert call(["verify", str(tmp_path / "own")], capsys)[0] == 0
    paid = ["backtest", f"{file}:Paid", *words, "--set", "Paid.period=60", "--run-id", "paid"]
    assert call(paid, capsys)[0] == 0
    closed = [row for row in rows_of(tmp_path / "paid") if row["exit_reason"] == "below"]
    assert len(closed) > 10
    for row in closed:
        made = (float(row["exit_price"]) - float(row["entry_price"])) * 3
        assert float(row["pnl"]) == pytest.approx(made - 2 * 0.5 * 3)
    for target, more, status, said in (
        ("Cross", ["--set", "Cross.periode=5"], 2, "period"),
        ("Croos", [], 2, "Cross"),
        ("NOT_A_STRATEGY", [], 2, "NOT_A_STRATEGY"),
        ("Broken", [], 1, "no idea"),
    ):
        found, _, err = call(["backtest", f"{file}:{target}", *words, *more], capsys)
        assert (found, err.count("\n")) == (status, 1), err
        assert said in err


def test_breakout_of_days_and_of_minutes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shared("data", "bars")
    words = ["backtest", "breakout-52w-high", "--symbols", "SPY", "BAC", "--data", str(data)]
    words += ["--start", "2013-06-03", "--end", "2014-06-30", "--output-dir", str(tmp_path)]
    assert call([*words, "--run-id", "days"], capsys)[0] == 0
    rows = rows_of(tmp_path / "days")
    assert len(rows) > 30
    assert all(row["entry_timestamp"] < row["exit_timestamp"] for row in rows)
    assert max(abs(float(r["quantity"]) * float(r["entry_price"]) - 1000) for r in rows) < 1e-3
    assert call(["verify", str(tmp_path / "days")], capsys)[0] == 0
    # AAPL split 7:1 on 2014-06-09: raw prices times the factors of the first row on or after a day.
    words[words.index("BAC")] = "AAPL"
    assert call([*words, "--run-id", "split"], capsys)[0] == 0
    closes = pd.read_csv(data / "daily" / "AAPL.csv", index_col="date")["close"]
    factors = pd.read_csv(data / "daily" / "AAPL_factors.csv", dtype={"date": str})
    found = [row for row in rows_of(tmp_path / "split") if row["symbol"] == "AAPL"]
    assert found
    for row in found:
        day = row["entry_timestamp"][:10]
        step = factors[factors["date"] >= day.replace("-", "")].iloc[0]
        factor = step["price_factor"] * step["split_factor"]
        assert float(row["entry_price"]) == pytest.approx(closes[day] * factor)
    words[words.index("AAPL")] = "BAC"
    minute = ["--interval", "1m", "--set", "breakout_52w_high.lookback_days=100"]
    assert call([*words, *minute, "--run-id", "minutes"], capsys)[0] == 0
    rows = rows_of(tmp_path / "minutes")
    assert rows
    assert all(row["entry_timestamp"][:10] == row["exit_timestamp"][:10] for row in rows)
