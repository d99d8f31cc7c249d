"""Every rule of docs/assumptions.md ends with a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from docs_tools import ROOT, page

TEXT = page("docs/assumptions.md")
LINK = re.compile(r"\[`(tests/[\w/]+\.py)::([\w:]+)`\]\(\.\./(tests/[\w/]+\.py)\)")
LINKS = LINK.findall(TEXT)


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the tests in a file, those of a class as `Class::test`."""
    found = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{m.name}" for m in node.body if isinstance(m, ast.FunctionDef)}
    return frozenset(name for name in found if name.split("::")[-1].startswith("test_"))


@pytest.mark.parametrize(("path", "name", "target"), LINKS, ids=lambda part: part)
def test_the_named_test_exists(path: str, name: str, target: str) -> None:
    assert path == target
    assert name in names_in(path)


def rules() -> list[str]:
    """The items of the lists."""
    items = re.split(r"^- ", TEXT, flags=re.MULTILINE)[1:]
    return [re.split(r"\n\n(?! )|\n#", item)[0].strip() for item in items]


def test_every_rule_ends_with_its_test() -> None:
    assert len(rules()) > 50
    for rule in rules():
        last = rule.splitlines()[-1].strip()
        assert LINK.fullmatch(last), f"no test at the end of: {rule}"


def test_nothing_that_looks_like_a_test_is_missed() -> None:
    assert TEXT.count("::test_") == len(LINKS)
    assert TEXT.count("../tests/") == len(LINKS)
