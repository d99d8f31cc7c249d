"""The floors of the house: who may import whom, held against every import in the package.

A part imports only parts that stand above it in this table, and parts of one row don't know each
other. Imports inside functions and for type checkers count, too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bt_gex

ROOT = Path(bt_gex.__file__).parent

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("market",),
    ("rules",),
    ("stats",),
    ("blackbox",),
    ("feeds",),
    ("brokers",),
    ("sizers", "analyzers"),
    ("strategies",),
    ("runs",),
    ("sweeps",),
    ("reports",),
    ("cli",),
)
FLOOR_OF = {part: number for number, row in enumerate(FLOORS) for part in row}
MODULES = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
HEAVY = ("backtrader", "sqlalchemy", "pandas", "matplotlib")


def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


def part_of(module: str) -> str:
    return module.split("/")[0].removesuffix(".py")


def imported(module: str) -> Iterator[str]:
    """Dotted names a module imports, anywhere in it."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively; write it in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(module: str) -> set[str]:
    names = (name.split(".") for name in imported(module))
    return {name[1] for name in names if name[0] == "bt_gex" and len(name) > 1}


def packages_imported(module: str) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 40
    assert parts_imported("runs/replay.py") > {"blackbox", "strategies", "stats"}
    assert "sqlalchemy" in packages_imported("blackbox/reader.py")


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__init__.py"])
def test_imports_point_down(module: str) -> None:
    part = part_of(module)
    assert part in FLOOR_OF, f"{part} is a new part: give it a floor of its own in FLOORS"
    for other in parts_imported(module) - {part}:
        assert other in FLOOR_OF, f"{module} imports bt_gex.{other}, which has no floor"
        assert FLOOR_OF[other] < FLOOR_OF[part], f"{module} must not know bt_gex.{other}"


def test_the_front_door_loads_nothing() -> None:
    """Its imports are for type checkers; names are looked up when they are first used."""
    body = tree_of("__init__.py").body
    shown = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {ast.unparse(node) for node in shown} == {
        "from __future__ import annotations",
        "from typing import TYPE_CHECKING, Any",
    }
    assert all(getattr(bt_gex, name) is not None for name in bt_gex.__all__)
    with pytest.raises(AttributeError):
        bt_gex.no_such_name  # noqa: B018


@pytest.mark.parametrize("module", [m for m in MODULES if m.endswith("/__init__.py")])
def test_the_doors_of_the_parts_are_empty(module: str) -> None:
    assert tree_of(module).body == []


@pytest.mark.parametrize("module", MODULES)
def test_only_the_blackbox_knows_sqlalchemy(module: str) -> None:
    if part_of(module) != "blackbox":
        assert not packages_imported(module) & {"sqlalchemy", "sqlite3"}


@pytest.mark.parametrize("module", MODULES)
def test_the_lower_floors_know_no_backtrader(module: str) -> None:
    if FLOOR_OF.get(part_of(module), 0) < FLOOR_OF["feeds"]:
        assert "backtrader" not in packages_imported(module)


@pytest.mark.parametrize("module", MODULES)
def test_rules_and_market_do_no_input_or_output(module: str) -> None:
    if part_of(module) in ("rules", "market"):
        assert not packages_imported(module) & {"io", "os", "pathlib", "socket", "subprocess"}
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "input"), f"{module}:{node.lineno}"


def test_only_runs_builds_a_cerebro() -> None:
    builders = {
        part_of(module)
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == "Cerebro"
    }
    assert builders == {"runs"}
    assert not any(name.endswith(".Cerebro") for m in MODULES for name in imported(m))


def test_the_rules_load_no_engine() -> None:
    """The live bot imports them; every module of rules and market, in a fresh interpreter."""
    names = [
        "bt_gex." + module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module in MODULES
        if part_of(module) in ("errors", "market", "rules")
    ]
    assert "bt_gex.rules.setup" in names
    code = (
        f"import sys, {', '.join(names)}\n"
        "from bt_gex import get_gex_trade_setup\n"
        "assert get_gex_trade_setup(6050, 6057, 12).strikes == (6065, 6070)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "[]"
