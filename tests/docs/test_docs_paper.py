"""docs/paper.md against the ledger and the journal: codes, columns, types, tests."""

from __future__ import annotations

import re

from docs_tools import ROOT, names, page, section, table

from bt_gex.journal.records import COLUMNS
from bt_gex.ledger.decoding import CLASSES
from bt_gex.ledger.events import RUN_TYPES

TEXT = page("docs/paper.md")


def test_every_code_is_explained() -> None:
    code = "".join(
        (ROOT / "bt_gex" / "ledger" / name).read_text("utf-8")
        for name in ("decide.py", "orders.py", "commands.py")
    )
    written = set(re.findall(r'(?:code=|code: str = |_rejected\(|refused\()"(\w+)"', code))
    documented = {names(row[0])[0] for row in table(section(TEXT, "Answers of an execution"))}
    assert written == documented


def test_the_tests_of_the_guarantees_are_there() -> None:
    rows = table(section(TEXT, "What is guaranteed"))
    assert len(rows) > 10
    for row in rows:
        file, name = names(row[1])[0].split("::")
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), name


def test_columns_and_types() -> None:
    text = section(TEXT, "Events").replace("\n", " ")
    lists = [part.split(", ") for part in re.findall(r"`([a-z_, ]+)`", text)]
    assert sorted(lists[0] + lists[1]) == sorted(COLUMNS)
    types = {name for part in lists[2:] for name in part}
    assert types - set(COLUMNS) == CLASSES.keys() | set(RUN_TYPES)
