"""A saved run that was edited or damaged is refused with its fault named, never read halfway."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from reports.report_fakes import two_trades

from bt_gex.config.files import read_config
from bt_gex.config.origin import check_sweep
from bt_gex.errors import BadValue, OutputError
from bt_gex.results.costs import Costs
from bt_gex.results.result import RunResult
from bt_gex.storage.atomic import write_bytes

SWEEP: dict[str, Any] = {
    "name": "s", "variants": 3, "is_baseline": False, "swept": ["exit.stop_loss"],
    "session_sharpe_variance": 0.1, "overfitting_probability": 0.5, "best_total_pnl": 1.0,
    "average_total_pnl": None, "edges": {"exit.stop_loss": 0.4},
}  # fmt: skip
COST: dict[str, Any] = {
    "slippage": 0.0, "delay_bars": 0, "total_pnl": 1.0, "total_trades": 2, "win_rate": 0.5,
    "profit_factor": None, "max_drawdown": 0.0,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    saved = two_trades().save(tmp_path).folder
    assert saved
    RunResult.load(saved)
    return saved


def refused(folder: Path) -> str:
    with pytest.raises(OutputError) as caught:
        RunResult.load(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    return said.replace(str(folder), "RUN")


def edit_trade(folder: Path, **changes: Any) -> None:
    path = folder / "trades.json"
    content = json.loads(path.read_text("utf-8"))
    content["trades"][0].update(changes)
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"quantity": None}, "trade 0.quantity"),
        ({"quantity": 10**30}, ""),
        ({"quantity": 1.5}, "trade 0.quantity"),
        ({"quantity": 0}, "trade 0.quantity"),
        ({"entry_credit": None}, "trade 0.entry_credit"),
        ({"entry_credit": 0.0}, "trade 0.entry_credit"),
        ({"pnl_dollars": 1e308}, "trade 0.pnl_dollars"),
        ({"pnl_dollars": "5"}, ""),
        ({"leg_quotes": None}, ""),
        ({"leg_quotes": [[1.0, 2.0]]}, "trade 0.leg_quotes.0"),
        ({"leg_quotes": []}, "PUT has 2 leg_quotes, got 0"),
        ({"strikes": []}, "PUT has 2 strikes, got 0"),
        ({"strikes": [None]}, "trade 0.strikes.0"),
        ({"timestamp_entry": "x"}, "trade 0.timestamp_entry"),
        ({"timestamp_exit": "2026-01-12T14:00:00"}, "should have timezone info"),
        ({"timestamp_exit": 1e308}, ""),
        ({"strategy": "x"}, "trade 0.strategy"),
        ({"strategy": 3}, ""),
        ({"exit_reason": ["a"]}, ""),
        ({"order_id": "SPX-won"}, "trade SPX-won is there twice"),
        ({"flags": "abc"}, ""),
    ],
)
def test_trades(folder: Path, changes: dict[str, Any], says: str) -> None:
    edit_trade(folder, **changes)
    assert says in refused(folder)


def no_section(config: dict[str, Any]) -> None:
    del config["data"]


def no_setting(config: dict[str, Any]) -> None:
    del config["entry"]["min_credit"]


def nan_balance(config: dict[str, Any]) -> None:
    config["account"]["balance"] = math.nan


def unknown(config: dict[str, Any]) -> None:
    config["exit"]["stop"] = 1


def a_list(config: dict[str, Any]) -> None:
    config["account"] = [1]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (no_section, "does not hold all of data"),
        (no_setting, "does not hold all of entry"),
        (nan_balance, "account.balance must be a number"),
        (unknown, "unknown setting 'exit.stop'"),
        (a_list, "account"),
    ],
)
def test_configuration(folder: Path, edit: Callable[[dict[str, Any]], None], says: str) -> None:
    path = folder / "config.yaml"
    content = yaml.safe_load(path.read_text("utf-8"))
    edit(content["config"])
    path.write_text(yaml.safe_dump(content), "utf-8")
    assert says in refused(folder)


@pytest.mark.parametrize("named", [3, ["a"], {"numpy": math.nan}])
def test_versions(folder: Path, named: Any) -> None:
    path = folder / "config.yaml"
    content = yaml.safe_load(path.read_text("utf-8")) | {"versions": named}
    path.write_text(yaml.safe_dump(content), "utf-8")
    assert "versions must be texts by name" in refused(folder)


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


TABLES: list[tuple[str, Callable[[pa.Table], pa.Table], str]] = [
    ("equity", lambda t: t.slice(0, 0), "has 0 rows of session 2026-01-12, the run 781"),
    ("equity", lambda t: t.slice(0, 400), "has 400 rows of session 2026-01-12, the run 781"),
    ("market", lambda t: t.slice(0, 1), "market.parquet has 1 rows"),
    (
        "equity",
        lambda t: with_column(t, "margin_dollars", pa.nulls(len(t), pa.float64())),
        "margin_dollars must hold numbers",
    ),
    (
        "equity",
        lambda t: with_column(t, "equity", pa.array([math.inf] * len(t))),
        "equity holds a value that is no finite number",
    ),
    (
        "equity",
        lambda t: with_column(t, "equity", pc.cast(t["equity"], pa.string())),
        "equity must hold numbers, got string",
    ),
    (
        "equity",
        lambda t: with_column(t, "time", pa.nulls(len(t), t["time"].type)),
        "time must hold instants, timestamp",
    ),
    (
        "market",
        lambda t: with_column(t, "session", pa.nulls(len(t), pa.int64())),
        "session is int64, not text",
    ),
    (
        "marks",
        lambda t: with_column(t, "value", pa.array([math.inf] * len(t))),
        "value must hold numbers or NaN",
    ),
    (
        "marks",
        lambda t: with_column(t, "order_id", pa.nulls(len(t), pa.string())),
        "order_id must hold texts",
    ),
]


@pytest.mark.parametrize(("name", "edit", "says"), TABLES)
def test_tables(folder: Path, name: str, edit: Callable[[pa.Table], pa.Table], says: str) -> None:
    path = folder / f"{name}.parquet"
    pq.write_table(edit(pq.read_table(path)), path)
    assert says in refused(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variants": None}, "sweep variants"),
        ({"variants": 0}, "sweep variants"),
        ({"session_sharpe_variance": -1.0}, "sweep session_sharpe_variance"),
        ({"overfitting_probability": 2.0}, "sweep overfitting_probability"),
        ({"edges": [1]}, "sweep edges"),
        ({"swept": None}, "sweep swept"),
        ({"best_total_pnl": math.inf}, "sweep best_total_pnl"),
        ({"more": 1}, "sweep more"),
    ],
)
def test_what_a_sweep_says_of_itself(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    check_sweep(SWEEP)
    with pytest.raises(BadValue, match=says):
        check_sweep(SWEEP | change)
    lacking = {k: v for k, v in SWEEP.items() if k not in change}
    (tmp_path / "best.yaml").write_text(yaml.safe_dump({"sweep": lacking or 3}), "utf-8")
    if set(change) & set(SWEEP):
        with pytest.raises(BadValue, match="sweep"):
            read_config(tmp_path / "best.yaml")


@pytest.mark.parametrize(
    "rows",
    [
        [], {}, None, 3, [COST | {"total_pnl": None}], [COST | {"slippage": "a"}],
        [COST | {"delay_bars": 1.5}], [COST | {"delay_bars": -1}], [COST, COST],
        [COST, COST | {"slippage": 1.0}, COST | {"delay_bars": 1}],
        [COST | {"total_pnl": math.nan}], [COST | {"total_pnl": math.inf}],
        [COST | {"slippage": 1e308}],
    ],
)  # fmt: skip
def test_costs(rows: Any, tmp_path: Path) -> None:
    (tmp_path / "costs.json").write_text(json.dumps({"rows": rows}), "utf-8")
    with pytest.raises(OutputError, match=r"costs\.json is not readable"):
        Costs.load(tmp_path)


def test_good_costs_and_a_deep_file(tmp_path: Path) -> None:
    rows = [COST, COST | {"slippage": 1.0}]
    (tmp_path / "costs.json").write_text(json.dumps({"rows": rows}), "utf-8")
    assert Costs.load(tmp_path) == Costs(rows)
    (tmp_path / "costs.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(OutputError, match=r"costs\.json is not readable"):
        Costs.load(tmp_path)


def test_a_link_stays_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_bytes(tmp_path / "pipe", b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "x", b"new")
    assert list(tmp_path.iterdir()) == []


def edit_summary(folder: Path, **changes: Any) -> None:
    path = folder / "trades.json"
    content = json.loads(path.read_text("utf-8"))
    content["summary"].update(changes)
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"total_pnl": 9e5}, "total_pnl of the summary does not follow from the trades"),
        ({"total_trades": None}, ""),
        ({"by_strategy": {"PUT": 0}}, "by_strategy of the summary does not follow"),
        ({"max_win": 10**400}, ""),
        ({"funnel": {}}, "summary funnel.bars"),
        ({"sessions": [{}]}, "summary sessions.0.session"),
        ({"data_quality": {"crossed": "x"}}, "data_quality.crossed"),
        ({"warnings": "none"}, ""),
        ({"max_drawdown_mtm": math.nan}, "NaN is not a number"),
    ],
)
def test_summary(folder: Path, changes: dict[str, Any], says: str) -> None:
    edit_summary(folder, **changes)
    assert says in refused(folder)


def test_a_trade_cut_out(folder: Path) -> None:
    path = folder / "trades.json"
    content = json.loads(path.read_text("utf-8"))
    del content["trades"][0]
    path.write_text(json.dumps(content), "utf-8")
    assert "of the summary does not follow from the trades" in refused(folder)


def test_a_percentage_without_a_profit(folder: Path) -> None:
    edit_trade(folder, pnl_percent=None)
    assert "known together or not at all" in refused(folder)


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot write"):
        write_bytes(tmp_path / "a", b"new")
    (tmp_path / "c").symlink_to(tmp_path / "new")
    write_bytes(tmp_path / "c", b"new")
    assert (tmp_path / "new").read_bytes() == b"new"
