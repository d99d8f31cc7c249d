"""Stored content of earlier versions is migrated step by step; of later ones, refused in a line."""

from __future__ import annotations

from typing import Any

import pytest

from bt_gex.errors import BadValue
from bt_gex.storage.schema import Schema, note_unknown


def renamed(content: dict[str, Any]) -> dict[str, Any]:
    return {"pnl": content["profit"]}


def in_cents(content: dict[str, Any]) -> dict[str, Any]:
    return {"cents": content["pnl"] * 100}


THING = Schema(kind="thing", version=3, migrations={1: renamed, 2: in_cents})


@pytest.mark.parametrize(
    ("content", "version"),
    [({"profit": 2}, None), ({"profit": 2}, 1), ({"pnl": 2}, 2), ({"cents": 200}, 3)],
)
def test_every_version_becomes_the_current_one(
    content: dict[str, Any], version: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    before = dict(content)
    with caplog.at_level("INFO"):
        assert THING.migrated(content, version, "thing.json") == {"cents": 200}
    assert content == before
    assert ("migrated to 3" in caplog.text) == (version != 3)


@pytest.mark.parametrize("version", ["1", 0, -1, 1.0, True, [1]])
def test_what_is_no_version(version: Any) -> None:
    with pytest.raises(BadValue, match=r"thing\.json: schema_version must be a whole number"):
        THING.migrated({}, version, "thing.json")


def test_a_later_version_says_what_to_do() -> None:
    with pytest.raises(BadValue) as caught:
        THING.migrated({}, 4, "thing.json")
    said = str(caught.value)
    assert "thing.json is of schema_version 4" in said
    assert "up to 3" in said
    assert "pip install --upgrade bt-gex" in said
    assert "\n" not in said


def test_unknown_names_are_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        note_unknown(["a", "c", "b"], ["a", "z"], "x.json")
        note_unknown(["a"], ["a"], "y.json")
    assert [record.getMessage() for record in caplog.records] == [
        "x.json: passed over, as this version does not know it: b, c"
    ]
