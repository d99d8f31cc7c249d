"""docs/settings.md against the settings: names, defaults, ranges, files, precedence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from docs_tools import blocks, names, page, section, table

from bt_gex.config.files import read_config
from bt_gex.config.run_config import (
    FILLS,
    SECTIONS,
    RunConfig,
    parse_fills,
    plain,
    setting_defaults,
    setting_names,
)
from bt_gex.market.indexes import Index
from bt_gex.rules.gex.params import PROFILES
from bt_gex.rules.settings import allowed, hints

TEXT = page("docs/settings.md")
SETTINGS = {names(cells[0])[0]: cells for cells in table(TEXT)}


def written(value: Any) -> str:
    """A default as the table writes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(value)
    return value if isinstance(value, str) else f"{value:g}"


def test_every_setting_is_there_in_order() -> None:
    assert list(SETTINGS) == setting_names() == list(setting_defaults())


@pytest.mark.parametrize("name", setting_names())
def test_default_and_range(name: str) -> None:
    section_name, _, setting = name.partition(".")
    kind = SECTIONS[section_name]
    _, default, range_, meaning = SETTINGS[name]
    assert default == written(plain(kind())[setting])
    assert range_ == allowed(hints(kind)[setting])
    assert meaning


def test_profiles() -> None:
    documented = [names(cells[0])[0] for cells in table(section(TEXT, "Profiles"))]
    assert documented == list(PROFILES)


def test_fills_by_name() -> None:
    rows = {names(c[0])[0]: (c[1], c[2]) for c in table(section(TEXT, "Fills by name"))}
    assert set(FILLS) <= set(rows)
    for text, slippages in rows.items():
        assert [f"{x:g}" for x in parse_fills(text).values()] == list(slippages)


def test_facts_of_an_index() -> None:
    rows = {names(c[0])[0]: c[1:3] for c in table(section(TEXT, "Other underlyings"))}
    known = [field for field in fields(Index) if field.name != "symbol"]
    assert list(rows) == [field.name for field in known]
    for field in known:
        default = "the symbol" if field.name == "option_root" else f"{field.default:g}"
        assert rows[field.name] == [default, allowed(hints(Index)[field.name])]


def config_of(text: str, folder: Path) -> RunConfig:
    path = folder / "settings.yaml"
    path.write_text(text, "utf-8")
    file = read_config(path)
    return RunConfig(**file.plain, settings=file.settings, indexes=file.indexes)


def test_the_files_mean_what_the_page_says(tmp_path: Path) -> None:
    nested, flat, spy = (config_of(text, tmp_path) for text in blocks(TEXT, "yaml"))
    assert nested.resolved() == flat.resolved()
    assert (nested.exit.stop_loss, nested.entry.max_open) == (0.25, 3)
    assert (spy.index_spec.scale, spy.index_spec.strike_increment) == (0.1, 1)
    assert spy.index_spec.peak_window_fraction == 0.015
    assert spy.fills.entry_slippage == spy.fills.exit_slippage == 0.66


def test_a_later_line_wins_in_a_file(tmp_path: Path) -> None:
    days = "start: 2026-01-12\nend: 2026-01-12\n"
    found = config_of(f"{days}fills: natural\nfills.exit_slippage: 0\n", tmp_path)
    assert (found.fills.entry_slippage, found.fills.exit_slippage) == (1, 0)
    found = config_of(f"{days}fills.exit_slippage: 0\nfills: natural\n", tmp_path)
    assert found.fills.exit_slippage == 1
    found = config_of(f"{days}entry.max_open: none\nentry.min_credit: null\n", tmp_path)
    assert (found.entry.max_open, found.entry.min_credit) == (None, None)


def test_an_entry_changes_the_named_facts_of_a_built_in_index(tmp_path: Path) -> None:
    days = "start: 2026-01-12\nend: 2026-01-12\n"
    found = config_of(f"{days}index: NDX\nindexes: {{NDX: {{scale: 4}}}}\n", tmp_path)
    assert found.index_spec == Index(
        symbol="NDX",
        scale=4,
        strike_increment=10,
        option_root="NDXP",
        peak_window_fraction=0.02,
    )
