"""The pages of docs/ and the README, held against the code."""

from __future__ import annotations

import ast
import re
import shlex
from datetime import time
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bt_gex.blackbox.schema import metadata
from bt_gex.cli.main import COMMANDS, cli, main
from bt_gex.rules.settings import allowed, hints
from bt_gex.runs.config import SECTIONS, RunConfig, setting_defaults, setting_names
from bt_gex.runs.files import read_config

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two weeks of the README, thinned out."""
    place = tmp_path_factory.mktemp("docs")
    command = f"synth {place}/blackbox.db --start 2026-01-05 --end 2026-01-06 --seed 7"
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(f"{command} --index SPX --strikes-within 80"))
    assert ended.value.code == 0
    return place


def rows_of(page: str, heading: str | None = None) -> list[list[str]]:
    """Cells of the tables of a page, or of one section of it."""
    text = (DOCS / page).read_text("utf-8")
    if heading:
        text = text.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in found if not set(row[0]) <= set("- ")]


def test_every_test_named_in_the_assumptions_exists() -> None:
    text = (DOCS / "assumptions.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 30
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in tests, f"{file} has no {name}"


def test_every_rule_names_its_test() -> None:
    text = (DOCS / "assumptions.md").read_text("utf-8").split("## Time", 1)[1]
    rules = re.split(r"\n- ", text)[1:]
    without = [rule for rule in rules if "`tests/" not in rule and not rule.startswith("Example")]
    assert without == []


def test_tables_of_the_blackbox() -> None:
    rows = {row[0].strip("`"): row[1] for row in rows_of("blackbox.md")[1:]}
    expected = {
        table.name: ", ".join(f"`{column.name}`" for column in table.columns)
        for table in metadata.sorted_tables
    }
    assert rows == expected


def shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(moment.strftime("%H:%M") for moment in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


def test_settings() -> None:
    rows = {row[0].strip("`"): row[1:3] for row in rows_of("settings.md")[1:]}
    defaults = setting_defaults()
    ranges = {
        f"{section}.{name}": allowed(hint)
        for section, kind in SECTIONS.items()
        for name, hint in hints(kind).items()
    }
    assert list(rows) == setting_names()
    assert rows == {name: [shown(defaults[name]), ranges[name]] for name in setting_names()}


def test_the_configuration_file_shown_is_one(tmp_path: Path) -> None:
    text = re.search(r"```yaml\n(.*?)```", (DOCS / "settings.md").read_text("utf-8"), re.S)
    assert text
    path = tmp_path / "shown.yaml"
    path.write_text(text[1], "utf-8")
    file = read_config(path)
    config = RunConfig(
        index="SPY",
        start="2026-01-05",
        end="2026-01-05",
        settings=file.settings,
        indexes=file.indexes,
        profile=file.plain["profile"],
    )
    assert config.entry.times == (time(10), time(11, 30))
    assert (config.fills.exit_slippage, config.exit.stop_loss) == (0.0, 0.25)
    assert config.index_facts.scale == 0.1
    assert isinstance(yaml.safe_load("10:00"), int), "the trap this reader avoids"


@pytest.mark.parametrize("verb", COMMANDS)
def test_options_of_each_verb(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    real = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option not in ("-h", "--help")
    }
    documented = {
        option
        for row in rows_of("commands.md", f"## bt-gex {verb}")
        for option in re.findall(r"`(--?[\w-]+)`", row[0])
    }
    assert documented == real
    assert command.help


def test_examples_of_the_commands_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    text = (DOCS / "commands.md").read_text("utf-8")
    examples = re.findall(r"^    (bt-gex .*)$", text, re.M)
    assert len(examples) == len(COMMANDS)
    run_id = order_id = ""
    for example in examples:
        line = example.replace("RUN_ID", run_id).replace("ORDER_ID", order_id)
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line)[1:])
        assert ended.value.code == 0, (line, capsys.readouterr().err)
        if example.startswith("bt-gex run"):
            (result,) = (folder / "runs").iterdir()
            run_id = result.name
            order_id = (result / "trades.csv").read_text("utf-8").splitlines()[1].split(",")[0]
            files = {row[0] for row in rows_of("commands.md", "## bt-gex run") if "." in row[0]}
            named = {name for cell in files for name in re.findall(r"`([\w.]+)`", cell)}
            assert named == {file.name for file in result.iterdir()}


@pytest.mark.parametrize("page", ["README.md", "docs/backtrader.md"])
def test_python_on_the_pages_runs(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)
    assert blocks
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert capsys.readouterr().out


def test_links_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", text):
        assert (ROOT / target).exists(), target
