"""Where lasting things are kept: the option, the environment, the user's data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_gex.config.home import home_folder, journal_path


def test_the_option_wins_over_the_environment() -> None:
    assert home_folder("/srv/gex", {"BT_GEX_HOME": "/var/gex"}) == Path("/srv/gex")


def test_the_environment_wins_over_the_users_folder() -> None:
    assert home_folder(None, {"BT_GEX_HOME": "/var/gex"}) == Path("/var/gex")


@pytest.mark.parametrize("unset", ["", "  "])
def test_an_empty_variable_is_none(unset: str) -> None:
    assert home_folder(None, {"BT_GEX_HOME": unset}) == home_folder(None, {})
    assert home_folder(None, {}).name == "bt-gex"


def test_a_relative_folder_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_folder("here", {}) == tmp_path / "here"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    home = home_folder(tmp_path / "home", {})
    assert journal_path(home) == tmp_path / "home" / "journal.db"
    assert not home.exists()
