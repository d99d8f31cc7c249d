"""docs/bars.md against the code: rules for bad bars, file columns, parameters of the rules."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import reduce
from typing import Any

import pytest
from docs_tools import ROOT, names, page, section, table

from bt_gex.bars import checks, yahoo
from bt_gex.bars.coverage import SymbolCoverage
from bt_gex.bars.files import FACTORS, STAMP_COLUMNS, SUFFIXES
from bt_gex.bars.series import VALUES
from bt_gex.reports.console.bars import bar_record
from bt_gex.rules.breakout import BreakoutParams
from bt_gex.rules.mean_reversion_signal import ALIASES, MeanReversionParams
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.resolve import nested, setting_names

TEXT = page("docs/bars.md")
TESTS = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "bars").glob("test_*.py"))


def test_every_rule_for_bad_bars_has_its_test() -> None:
    rows = table(section(TEXT, "Bad bars"))
    assert len(rows) >= 15
    for _, _, _, tested in rows:
        assert names(tested)
        for name in names(tested):
            assert re.search(rf"def {name}\(", TESTS), name


def test_the_oddities_are_those_that_are_counted() -> None:
    listed = {name for row in table(section(TEXT, "Bad bars")) for name in names(row[2])}
    counted = {checks.OUT_OF_ORDER, checks.DUPLICATE, checks.CONTRADICTING, checks.BAD_OUTSIDE}
    assert listed == counted | {yahoo.NO_PRICE, yahoo.UNFINISHED}


def test_the_columns_of_the_files() -> None:
    minutes, days, factors = table(section(TEXT, "Files"))
    for row, interval, folder in ((minutes, "1m", "minute"), (days, "1d", "daily")):
        assert names(row[0]) == [f"{folder}/SPY{suffix}" for suffix in SUFFIXES]
        assert names(row[1]) == [STAMP_COLUMNS[interval], *VALUES]
    assert names(factors[0]) == [f"daily/SPY{FACTORS}.csv"]


@pytest.mark.parametrize(
    ("title", "kind"), [("Mean reversion", MeanReversionParams), ("Breakout", BreakoutParams)]
)
def test_parameters_and_defaults(title: str, kind: type) -> None:
    def shown(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return str(value).lower()
        return str(value)

    rows = table(section(TEXT, title))
    documented = [(names(row[0])[0], row[1]) for row in rows]
    assert documented == [(field.name, shown(field.default)) for field in fields(kind)]


def test_settings_of_the_opening_range() -> None:
    defaults = nested(OpeningRangeParams())

    def shown(name: str) -> str:
        value = reduce(lambda table, part: table[part], name.split("."), defaults)
        return "none" if value in (None, {}) else str(value).lower()

    rows = table(section(TEXT, "Opening range"))
    documented = [(names(row[0])[0], row[1].lower()) for row in rows]
    assert documented == [(name, shown(name)) for name in setting_names()]


def test_the_aliases_are_named() -> None:
    rows = {names(row[0])[0]: row[2] for row in table(section(TEXT, "Mean reversion"))}
    for alias, name in ALIASES.items():
        assert f"`{alias}`" in rows[name]


def test_the_limits_of_yahoo_are_said() -> None:
    said = section(TEXT, "Yahoo")
    assert f"about {yahoo.MINUTE_DAYS + 1} days" in said
    assert (yahoo.DAYS_A_REQUEST, "a week" in said) == (7, True)
    assert (yahoo.TRIES, "three times" in said) == (3, True)


def test_the_record_of_a_folder_is_documented() -> None:
    record = bar_record([SymbolCoverage(symbol="X", interval="1m")], "bars")
    documented = table(section(page("docs/commands.md"), "JSON").split("folder of bars")[1])
    assert [names(cells[0])[0] for cells in documented] == list(record["symbols"][0])
