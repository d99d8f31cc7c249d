"""What a reader needs of a saved run is there and of the right kind, or the file is named; what is
missing because the run is older, or unknown because it is newer, keeps nothing from being read."""

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
from bt_gex.config.origin import FoundBy
from bt_gex.errors import BadValue, OutputError
from bt_gex.results.costs import CostRow, Costs
from bt_gex.results.result import RunResult
from bt_gex.storage.atomic import write_bytes
from bt_gex.trades.codec import to_json

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
        ({"order_id": ""}, "trade 0.order_id"),
        ({"flags": "abc"}, ""),
    ],
)
def test_trades(folder: Path, changes: dict[str, Any], says: str) -> None:
    edit_trade(folder, **changes)
    assert says in refused(folder)


def nan_balance(config: dict[str, Any]) -> None:
    config["account"]["balance"] = math.nan


def a_list(config: dict[str, Any]) -> None:
    config["account"] = [1]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (nan_balance, "account.balance must be a number"),
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
    assert "config.yaml versions" in refused(folder)


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


TABLES: list[tuple[str, Callable[[pa.Table], pa.Table], str]] = [
    ("equity", lambda t: t.slice(0, 0), "equity.parquet has 0 rows of session 2026-01-12"),
    ("equity", lambda t: t.slice(0, 400), "has 400 rows of session 2026-01-12, market.parquet 781"),
    ("market", lambda t: t.slice(0, 1), "market.parquet 1; both need all its bars"),
    ("equity", lambda t: t.drop_columns(["cash"]), "equity.parquet: cash is missing in it"),
    ("marks", lambda t: t.drop_columns(["value"]), "marks.parquet: value is missing in it"),
    (
        "equity",
        lambda t: with_column(t, "margin_dollars", pa.nulls(len(t), pa.float64())),
        "margin_dollars must hold numbers",
    ),
    (
        "equity",
        lambda t: with_column(t, "equity", pa.array([math.inf] * len(t))),
        "equity must hold numbers, got double",
    ),
    (
        "equity",
        lambda t: with_column(t, "equity", pc.cast(t["equity"], pa.string())),
        "equity must hold numbers, got string",
    ),
    (
        "equity",
        lambda t: with_column(t, "time", pa.nulls(len(t), t["time"].type)),
        "time must hold instants, got timestamp",
    ),
    (
        "market",
        lambda t: with_column(t, "session", pa.nulls(len(t), pa.int64())),
        "session must hold texts, got int64",
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
    ],
)
def test_what_a_sweep_says_of_itself(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    later = SWEEP | {"of_a_later_version": 1}
    assert to_json(FoundBy.from_json(later)) == SWEEP
    with pytest.raises(BadValue, match=says):
        FoundBy.from_json(SWEEP | change)
    lacking = {k: v for k, v in SWEEP.items() if k not in change}
    (tmp_path / "best.yaml").write_text(yaml.safe_dump({"sweep": lacking or 3}), "utf-8")
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
    assert Costs.load(tmp_path) == Costs([CostRow(**row) for row in rows])
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
        ({"total_pnl": "9e5"}, "summary total_pnl"),
        ({"by_strategy": {"PUT": 0}}, "summary by_strategy PUT"),
        ({"max_win": 10**400}, ""),
        ({"funnel": {}}, "summary funnel bars"),
        ({"sessions": [{}]}, "summary sessions 0.session"),
        ({"data_quality": {"crossed": "x"}}, "data_quality crossed"),
        ({"max_drawdown_mtm": math.nan}, "NaN is not a number"),
    ],
)
def test_summary(folder: Path, changes: dict[str, Any], says: str) -> None:
    edit_summary(folder, **changes)
    assert says in refused(folder)


def test_a_profit_without_what_it_cost_to_close(folder: Path) -> None:
    edit_trade(folder, exit_value=None)
    assert "known together or not at all" in refused(folder)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("config.yaml", "[1]", "config.yaml: must hold values by name"),
        ("config.yaml", "run_id: x\n", "config.yaml: config is missing in it"),
        ("config.yaml", "a: [", "config.yaml: "),
        ("trades.json", "{", "trades.json: "),
        ("trades.json", '{"run_id": 3, "summary": {}, "trades": []}', "trades.json: run_id is 3"),
        ("decisions.jsonl", "{", "decisions.jsonl: "),
        ("decisions.jsonl", "3\n", "decisions.jsonl, check 0"),
        ("equity.parquet", "", "equity.parquet: "),
    ],
)
def test_a_damaged_file_is_named(folder: Path, file: str, text: str, says: str) -> None:
    (folder / file).write_text(text, "utf-8")
    assert says in refused(folder)


def edit_config(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "config.yaml"
    content = yaml.safe_load(path.read_text("utf-8"))
    edit(content)
    path.write_text(yaml.safe_dump(content), "utf-8")


def test_what_a_run_lacks_has_its_default(folder: Path) -> None:
    """As an older one does when a setting, a section or a statistic has been added since."""
    edit_config(folder, lambda c: c["config"].pop("data"))
    edit_config(folder, lambda c: c["config"]["exit"].pop("stop_loss"))
    path = folder / "trades.json"
    content = json.loads(path.read_text("utf-8"))
    del content["summary"]["avg_loss"], content["summary"]["by_weekday"]
    path.write_text(json.dumps(content), "utf-8")
    found = RunResult.load(folder)
    data = found.config["data"]
    assert (data["quote_max_age_s"], data["context_max_age_s"]) == (120, 2100)
    assert (data["one_sided_max_ask"], data["max_spread_pct"]) == (0.5, None)
    assert found.config["exit"]["stop_loss"] == 0.1
    assert found.summary["avg_loss"] == 45.0
    assert found.summary["by_weekday"]["Mon"]["count"] == 2


def test_what_is_not_known_is_passed_over_with_a_note(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a run of a later version of the same schema may hold it."""
    before = RunResult.load(folder)
    edit_config(folder, lambda c: c["config"]["exit"].update(trailing=0.5))
    edit_config(folder, lambda c: c["config"].update(gaps={"longest_s": 3}))
    edit_config(folder, lambda c: c.update(host="here"))
    edit_config(folder, lambda c: c["config"]["index_facts"].update(settles="close"))
    edit_trade(folder, mood="fine")
    edit_summary(folder, omega=1.5)
    path = folder / "marks.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("delta", pa.nulls(len(table), pa.float64())), path)
    with caplog.at_level("INFO"):
        found = RunResult.load(folder)
    assert (found.config, found.source) == (before.config, before.source)
    assert (found.summary, found.trade_records) == (before.summary, before.trade_records)
    assert found.marks_table.equals(before.marks_table)
    for name in ("exit.trailing", "gaps", "host", "index_facts.settles", "omega", "delta"):
        assert name in caplog.text


def test_versions_of_the_schema(folder: Path) -> None:
    assert yaml.safe_load((folder / "config.yaml").read_text("utf-8"))["schema_version"] == 2
    edit_config(folder, lambda c: c.update(schema_version=3))
    said = refused(folder)
    assert "config.yaml is of schema_version 3" in said
    assert "pip install --upgrade bt-gex" in said
    edit_config(folder, lambda c: c.update(schema_version="two"))
    assert "schema_version must be a whole number" in refused(folder)
    edit_config(folder, lambda c: c.update(schema_version=1))
    edit_config(folder, lambda c: c["config"].pop("semantics_version"))
    assert RunResult.load(folder).config["semantics_version"] == 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("summary.json",), "sum of several runs; give the folder of one of them"),
        (("summary.json", "plan.yaml"), "but of a walk-forward"),
        (("summary.json", "plan.yaml", "variants.parquet"), "but of a sweep"),
    ],
)
def test_folders_of_other_kinds(folder: Path, files: tuple[str, ...], says: str) -> None:
    for name in files:
        (folder / name).write_text("{}", "utf-8")
    assert says in refused(folder)


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot write"):
        write_bytes(tmp_path / "a", b"new")
    (tmp_path / "c").symlink_to(tmp_path / "new")
    write_bytes(tmp_path / "c", b"new")
    assert (tmp_path / "new").read_bytes() == b"new"
