"""Limits on the code itself: how much a function may branch, how long a module may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bt_gex

ROOT = Path(bt_gex.__file__).parent
MODULES = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py"))
MOST_BRANCHES = 15
MOST_LINES = 400
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.match_case)
NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def complexity(function: ast.AST) -> int:
    """McCabe's number, counting and/or, comprehensions and nested functions, too."""
    found = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES) or (isinstance(node, NESTED) and node is not function):
            found += 1
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
    return found


def functions(module: str) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_the_measure() -> None:
    source = "def f(a):\n    if a and a > 1:\n        return [x for x in a if x]\n    return 0\n"
    assert complexity(ast.parse(source).body[0]) == 5  # 1, if, and, for, if


@pytest.mark.parametrize("module", MODULES)
def test_no_function_branches_too_much(module: str) -> None:
    found = {f"{f.name}:{f.lineno}": complexity(f) for f in functions(module)}
    assert {name: n for name, n in found.items() if n > MOST_BRANCHES} == {}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long(module: str) -> None:
    assert len((ROOT / module).read_text("utf-8").splitlines()) <= MOST_LINES
