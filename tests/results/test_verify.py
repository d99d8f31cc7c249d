"""What `bt-gex verify` finds: every file of a run is held to what follows from the others. Each
case changes one thing by hand and names what must be said of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from bt_gex.cli.main import main
from bt_gex.results.result import RunResult
from bt_gex.results.verify import verify_costs_file, verify_run, verify_sum

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "0.1.0" / "runs"
NAME = "SPX-20260112-20260113-cb18be32fc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for run in SAMPLES.iterdir():
        shutil.copytree(run, tmp_path / run.name)
    assert list(verify_run(tmp_path / NAME)) == []
    return tmp_path / NAME


def said(folder: Path) -> str:
    RunResult.load(folder)  # what is inconsistent can be read all the same
    return "\n".join(verify_run(folder))


def edit_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content), "utf-8")


def edit_table(path: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(edit(pq.read_table(path)), path)


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


DRAWDOWN = {
    "dollars": 1.0, "pct": 1.0, "peak": "2026-01-12", "trough": "2026-01-12", "recovered": None,
    "sessions": 9,
}  # fmt: skip
TRADES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda c: c["summary"].update(total_pnl=9e5), "total_pnl is 900000.0, computed -3710.0"),
    (lambda c: c["summary"].update(profit_factor=2.0), "profit_factor is 2.0, computed 0.0"),
    (lambda c: c["summary"].update(max_drawdown_mtm=1.0), "max_drawdown_mtm is 1.0"),
    (lambda c: c["summary"]["by_strategy"].pop("CALL"), "by_strategy is"),
    (lambda c: c["summary"]["funnel"].update(entries=21), "funnel: entries is 21, computed 22"),
    (lambda c: c["summary"]["funnel"].update(bars=5), "funnel: bars is 5, computed 1560"),
    (
        lambda c: c["summary"]["sessions"][0].update(trades_pnl_dollars=1.0),
        "session 2026-01-12: trades_pnl_dollars is 1.0",
    ),
    (lambda c: c["summary"]["sessions"][0].update(entries=1), "entries is 1, computed 10"),
    (
        lambda c: c["summary"]["sessions"][0].update(status="no trades"),
        "session 2026-01-12: status is no trades, trades 10",
    ),
    (lambda c: c["summary"]["sessions"].pop(0), "session 2026-01-12 is not among the sessions"),
    (lambda c: c["summary"]["data_quality"].update(crossed=99), "crossed is 99, computed 1"),
    (lambda c: c["summary"].update(expectancy=1.0), "expectancy is 1.0, computed -"),
    (lambda c: c["summary"].update(total_premium=1.0), "total_premium is 1.0, computed "),
    (lambda c: c["summary"].update(drawdown=DRAWDOWN), "drawdown is {'dollars': 1.0"),
    (lambda c: c["summary"].update(by_month={}), "by_month is {}, computed {'2026-01'"),
    (lambda c: c["trades"].pop(0), "total_trades is 22, computed 21"),
    (lambda c: c["trades"].pop(0), "trades.parquet: has 22 trades, trades.json 21"),
    (lambda c: c["trades"].pop(0), "trades.csv: has 22 rows, computed 21"),
    (lambda c: c["trades"].pop(0), "closed_equity is not what the trades made"),
    (lambda c: c["trades"].pop(0), "is only in it"),
    (lambda c: c["trades"][1].update(c["trades"][0]), "is there 2 times"),
    (lambda c: c["trades"][0].update(pnl_dollars=-1.0), "pnl_dollars is -1.0, computed -"),
    (lambda c: c["trades"][0].update(pnl_dollars=-1.0), "trades.csv, row 1: P/L is"),
    (lambda c: c["trades"][0].update(pnl_dollars=-1.0), "daily_returns.csv, row"),
    (lambda c: c["trades"][0].update(pnl_percent=1.0), "pnl_percent is 1.0, computed -"),
    (lambda c: c["trades"][0].update(time_alive_minutes=99.0), "time_alive_minutes is 99.0"),
    (lambda c: c["trades"][0].update(max_loss_dollars=1.0), "max_loss_dollars is 1.0"),
    (lambda c: c["trades"][0].update(vix_entry=1.0), "vix_entry differs from trades.json"),
    (lambda c: c["trades"][0].update(order_id="SPX-x"), "no entry of trade SPX-x"),
    (
        lambda c: c["trades"][0].update(timestamp_entry="2026-01-12T20:00:00+00:00"),
        "has marks outside the time it was open",
    ),
    (lambda c: c.update(run_id="SPX-y"), f"run_id is {NAME}, in trades.json SPX-y"),
    (lambda c: c.update(run_id="SPX-y"), "the folder is not named by its run_id SPX-y"),
]


@pytest.mark.parametrize(("edit", "says"), TRADES)
def test_trades_json(folder: Path, edit: Callable[[dict[str, Any]], object], says: str) -> None:
    edit_json(folder / "trades.json", edit)
    if "daily_returns" in says:  # it follows from the sessions of the summary
        edit_json(
            folder / "trades.json",
            lambda c: c["summary"]["sessions"][0].update(trades_pnl_dollars=1.0),
        )
    assert says in said(folder)


TABLES: list[tuple[str, Callable[[pa.Table], pa.Table], str]] = [
    (
        "equity",
        lambda t: with_column(t, "closed_equity", pc.add(t["closed_equity"], 0.01)),
        "closed_equity is not what the trades made in 1562 rows, first in row 0",
    ),
    (
        "equity",
        lambda t: with_column(t, "equity", pc.add(t["equity"], 5.0)),
        "equity is not closed_equity without an open trade",
    ),
    (
        "equity",
        lambda t: with_column(t, "open_spreads", pc.add(t["open_spreads"], 1)),
        "open_spreads is not the number of open trades in 1562 rows",
    ),
    ("equity", lambda t: t.take(list(range(len(t)))[::-1]), "times do not ascend"),
    ("marks", lambda t: t.slice(0, 0), "is only in trades.json"),
    (
        "trades",
        lambda t: with_column(t, "spot_exit", pa.array([1.0] * len(t))),
        "spot_exit differs from trades.json",
    ),
    ("trades", lambda t: t.slice(1), "trades.parquet: has 21 trades, trades.json 22"),
    ("trades", lambda t: t.drop_columns(["pin"]), "trades.parquet 0.pin"),
]


@pytest.mark.parametrize(("name", "edit", "says"), TABLES)
def test_tables(folder: Path, name: str, edit: Callable[[pa.Table], pa.Table], says: str) -> None:
    edit_table(folder / f"{name}.parquet", edit)
    assert says in said(folder)


def test_bars_that_were_lost(folder: Path) -> None:
    for name in ("equity", "market"):
        edit_table(folder / f"{name}.parquet", lambda t: t.slice(0, 1500))
    found = said(folder)
    for name in ("equity", "market"):
        assert f"{name}.parquet: has 719 rows of session 2026-01-13, the run 781" in found


@pytest.mark.parametrize("number", range(len(TRADES) + 1))
def test_every_verb_takes_a_run_whose_figures_differ(
    number: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if number < len(TRADES):
        edit_json(folder / "trades.json", TRADES[number][0])
    else:
        for name in ("equity", "market"):
            edit_table(folder / f"{name}.parquet", lambda t: t.slice(0, 1500))
    order = RunResult.load(folder).trade_records[0].order_id
    picture = ("-o", tmp_path / "x.png")
    for words in (
        ("show", folder),
        ("trade", folder, order, *picture),
        ("plot", folder, "mae-mfe", *picture),
        ("plot", folder, "session:2026-01-13", *picture),
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        assert ended.value.code == 0, capsys.readouterr().err


def test_csv_and_decisions(folder: Path) -> None:
    path = folder / "trades.csv"
    path.write_text(path.read_text("utf-8").replace("Emergency Stop", "Profit Target", 1), "utf-8")
    assert "Reason For Close is 'Profit Target'" in said(folder)
    path.unlink()
    assert "trades.csv: cannot be read" in said(folder)
    lines = (folder / "decisions.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "decisions.jsonl").write_text("".join(lines[1:]), "utf-8")
    assert "checks is 24, computed 23" in said(folder)


def test_the_folder_and_the_id(folder: Path) -> None:
    again = RunResult.load(folder)
    old = folder.rename(folder.with_name("mine"))
    assert said(old) == f"mine: the folder is not named by its run_id {NAME}"
    path = old / "config.yaml"
    content = yaml.safe_load(path.read_text("utf-8"))
    content["config"]["semantics_version"] = 2  # an id of today
    path.write_text(yaml.safe_dump({**content, "schema_version": 2}), "utf-8")
    assert f"run_id is {NAME}, of this configuration and data SPX-20260112-" in said(old)
    assert again.run_id == NAME


COSTS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (
        lambda c: c["break_even_slippage_by_delay_bars"].update({"0": 0.3}),
        "break_even_slippage_by_delay_bars is",
    ),
    (
        lambda c: next(r for r in c["rows"] if (r["slippage"], r["delay_bars"]) == (1.0, 0)).update(
            total_pnl=1.0
        ),
        "slippage 1 without a delay: total_pnl is 1.0, computed -3710.0",
    ),
]


@pytest.mark.parametrize(("edit", "says"), COSTS)
def test_costs(folder: Path, edit: Callable[[dict[str, Any]], object], says: str) -> None:
    edit_json(folder / "costs.json", edit)
    assert says in said(folder)
    assert says in "\n".join(verify_costs_file(folder / "costs.json"))


def test_a_sum(folder: Path) -> None:
    place = folder.parent / "SPX+NDX-a81020a571"
    assert list(verify_sum(place)) == []
    edit_json(place / "summary.json", lambda c: c["summary"].update(winners=2))
    assert list(verify_sum(place)) == ["summary.json: winners is 2, computed 1"]
    edit_table(place / "equity.parquet", lambda t: with_column(t, "total", pc.add(t["total"], 1)))
    assert "not the sum of the accounts" in "\n".join(verify_sum(place))
    other = place.rename(place.with_name("SPX+NDX-0000000000"))
    assert "is named SPX+NDX-a81020a571" in "\n".join(verify_sum(other))


@pytest.mark.parametrize(
    ("what", "status", "says"),
    [
        ("{run}", 0, "agrees with itself"),
        ("{run}/costs.json", 0, "agrees with itself"),
        ("{run}/trades.json", 2, "is not a folder"),
        ("nowhere", 2, "is not a folder"),
        ("{run}/..", 2, "holds nothing to verify"),
    ],
)
def test_the_command(
    folder: Path, what: str, status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", what.format(run=folder)])
    shown = capsys.readouterr()
    assert (ended.value.code, says in shown.out + shown.err) == (status, True)


def test_the_command_says_each_fault_and_how_many(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_json(folder / "trades.json", lambda c: c["summary"].update(winners=9, losers=9))
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert lines[-1] == "2 things differ in this run"
    assert [line.split(" is ")[0] for line in lines[:-1]] == [
        "trades.json, summary: winners", "trades.json, summary: losers",
    ]  # fmt: skip
    (folder / "trades.json").write_text("{", "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(folder)])
    assert ended.value.code == 1
    assert "is not a readable run: trades.json: " in capsys.readouterr().err


def test_what_was_noted_is_said_with_v(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    words = [sys.executable, "-m", "bt_gex.cli.main", "verify", str(folder), "-v"]
    assert subprocess.run(words, check=False).returncode == 0
    assert "schema_version 1, migrated to 2" in capfd.readouterr().err
