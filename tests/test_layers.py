"""The floors of the house: who may import whom, held against every import in the package.

A part imports only parts that stand above it in this table, and parts of one row don't know each
other. Imports inside functions and for type checkers count, too.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bt_gex

ROOT = Path(bt_gex.__file__).parent

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("market", "storage"),
    ("trades",),
    ("rules",),
    ("stats", "ledger", "sessions"),
    ("config", "blackbox", "bars", "journal", "recordings"),
    ("synthetic",),
    ("feeds",),
    ("brokers",),
    ("sizers", "analyzers"),
    ("strategies",),
    ("results",),
    ("findings",),
    ("runs",),
    ("sweeps", "compare", "lookahead"),
    ("paper", "live"),
    ("reports",),
    ("web",),
    ("cli",),
)
FLOOR_OF = {part: number for number, row in enumerate(FLOORS) for part in row}
MODULES = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
STORES = ("blackbox", "bars", "journal", "recordings")
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
    assert "results/result.py" in files_imported("runs/replay.py")
    assert "sqlalchemy" in packages_imported("blackbox/reader.py")


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__init__.py"])
def test_imports_point_down(module: str) -> None:
    part = part_of(module)
    assert part in FLOOR_OF, f"{part} is a new part: give it a floor of its own in FLOORS"
    for other in parts_imported(module) - {part}:
        assert other in FLOOR_OF, f"{module} imports bt_gex.{other}, which has no floor"
        assert FLOOR_OF[other] < FLOOR_OF[part], f"{module} must not know bt_gex.{other}"


def files_imported(module: str) -> set[str]:
    """Modules of the package a module imports, as paths."""
    found = set()
    for name in imported(module):
        parts = name.split(".")
        if parts[0] != "bt_gex":
            continue
        for length in (len(parts), len(parts) - 1):
            path = "/".join(parts[1:length]) + ".py"
            if path in MODULES:
                found.add(path)
                break
    return found - {module}


def test_there_is_no_circle_of_files() -> None:
    """Neither within a part nor between parts, imports for type checkers included."""
    left = {module: files_imported(module) for module in MODULES}
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert {module: needs & left.keys() for module, needs in left.items()} == {}


@pytest.mark.parametrize("door", ["__init__.py", "rules/__init__.py"])
def test_the_front_doors_load_nothing(door: str) -> None:
    """Their imports are for type checkers; names are looked up when they are first used."""
    body = tree_of(door).body
    shown = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert {ast.unparse(node) for node in shown} == {
        "from __future__ import annotations",
        "from typing import TYPE_CHECKING, Any",
    }
    package = importlib.import_module(".".join(["bt_gex", *door.split("/")[:-1]]))
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError):
        package.no_such_name  # noqa: B018


@pytest.mark.parametrize("module", [m for m in MODULES if m.endswith("/__init__.py")])
def test_the_doors_of_the_parts_are_empty(module: str) -> None:
    if module != "rules/__init__.py":
        assert tree_of(module).body == []


@pytest.mark.parametrize("module", MODULES)
def test_only_stores_know_sqlalchemy(module: str) -> None:
    if module != "storage/databases.py" and part_of(module) not in STORES:
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
    assert "bt_gex.rules.gex.setup" in names
    code = (
        f"import sys, {', '.join(names)}\n"
        "from bt_gex import get_gex_trade_setup\n"
        "assert get_gex_trade_setup(6050, 6057, 12).strikes == (6065, 6070)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "[]"
