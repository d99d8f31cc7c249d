"""`bt-gex lookahead`: statuses, words, and the errors of a person who mistypes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typed import call

from bt_gex.blackbox.writer import new_file
from bt_gex.synthetic.blackbox import SynthConfig, write

BASE = ("--db", "market.db", "--start", "2026-01-12", "--end", "2026-01-12", "--points", "4")
MINE = """
import random
import sys

def at_noon(clock):
    print("a word of its own")
    return clock.close[0] if clock.now().row == 300 else None

def evening(clock):
    return clock.now().day.last_price if clock.now().row == 300 else None

def chance(clock):
    return random.random()

def never(clock):
    return None

def fails(clock):
    return clock.nothing

def leaves(clock):
    sys.exit(0)

def tomorrow(clock):
    day, row = clock.now()
    return int(day.spot[row + 200]) if row == 300 else None
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lookahead") / "market.db"
    start, end = date(2026, 1, 12), date(2026, 1, 12)
    with new_file(path) as engine:
        write(SynthConfig(start=start, end=end, seed=7, strikes_within=60), engine)
    return path


@pytest.fixture
def run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    shutil.copy(made, tmp_path / "market.db")
    (tmp_path / "mine.py").write_text(MINE, "utf-8")
    monkeypatch.chdir(tmp_path)

    def lookahead(*words: str) -> tuple[int, str, str]:
        status, out, err = call(capsys, "lookahead", *words)
        return status, " ".join(out.split()), err

    return lookahead


@pytest.mark.parametrize(
    ("target", "status", "kinds"),
    [
        ("mine.py:at_noon", 0, []),
        ("mine.py:evening", 1, ["look-ahead"]),
        ("mine.py:never", 1, ["no decision"]),
        ("mine.py:chance", 1, ["not deterministic"]),
    ],
)
def test_json(target: str, status: int, kinds: list[str], run: Run) -> None:
    found, out, _ = run(target, *BASE, "--json")
    content = json.loads(out[out.index("{") :])  # after what the strategy prints itself
    assert found == status
    assert content["outcome"] == (kinds or ["clean"])[0]
    assert [warning["kind"] for warning in content["warnings"]] == kinds
    assert (content["violation"] is not None) == (kinds == ["look-ahead"])


def test_our_own_strategy_is_clean(run: Run) -> None:
    status, out, err = run(*BASE)
    assert (status, err) == (0, "")
    assert out.startswith("clean: ")
    assert out.endswith(
        "of GexStrategy checked for look-ahead at 4 instants, 14 runs; none changed"
    )


def test_settings_reach_our_own_strategy(run: Run) -> None:
    assert "clean: 3 decisions of" in run(*BASE, "--set", "entry.times=09:45")[1]


def test_a_clean_rule(run: Run) -> None:
    assert run("mine.py:at_noon", *BASE) == (
        0,
        "clean: 1 decision of at_noon checked for look-ahead at 4 instants, 14 runs; none changed",
        "",
    )


def test_a_look_ahead_is_named(run: Run) -> None:
    status, out, err = run("mine.py:evening", *BASE)
    assert (status, err) == (1, "")
    assert out.startswith(
        "look-ahead: evening uses rows recorded after its decision (4 instants, 14 runs)"
    )
    assert "decided 2026-01-12 12:00:00 New York" in out
    assert "on recorded rows rule returns 7" in out
    assert "perturbation rows after 2026-01-12 1" in out
    assert "depends on rows recorded after 2026-01-12 1" in out


def test_failing_without_the_future_is_a_look_ahead(run: Run) -> None:
    status, out, _ = run("mine.py:tomorrow", *BASE, "--points", "8")
    assert status == 1
    assert out.startswith("look-ahead: tomorrow")
    assert "raises ValueError: cannot convert float NaN to integer (mine.py, line 26)" in out
    assert "perturbation rows after 2026-01-12 12:00:00 dropped" in out
    assert "It reads rows recorded after 2026-01-12 12:00:00 and fails without them" in out


def test_what_is_not_called_clean(run: Run) -> None:
    status, out, _ = run("mine.py:never", *BASE)
    assert status == 1
    assert out.startswith("never made no decision, so nothing was tested")
    status, out, _ = run("mine.py:chance", *BASE)
    assert status == 1
    assert out.startswith("chance is not deterministic: two runs over the same sessions differ")
    assert "first run 2026-01-12 09:30:00 rule returns 0." in out


def test_self_test(run: Run) -> None:
    status, out, err = run("--self-test", *BASE)
    assert (status, err) == (0, "")
    assert "7 of 7 positive controls detected, 0 of 6 negative controls flagged" in out
    assert "WRONG" not in out


def test_a_self_test_that_goes_wrong(run: Run) -> None:
    """Without a check of ours there is nothing to test in our own strategy."""
    status, out, _ = run("--self-test", *BASE, "--points", "2", "--set", "entry.times=15:59")
    assert status == 1
    assert "WRONG" in out
    assert "no decision by GexStrategy: give more sessions" in out


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("mine.py:fails",), 1, "fails on the recorded sessions at 2026-01-12 09:30:00"),
        (("mine.py:leaves",), 1, "at 2026-01-12 09:30:00-05:00: SystemExit: 0 (mine.py, line 22)"),
        (("mine.py:evenin",), 2, "did you mean evening?"),
        (("mine.py",), 2, "TARGET is module:Name or path/to/file.py:Name, got 'mine.py'"),
        (("none.py:x",), 2, "none.py: no such file"),
        (("mine.py:random",), 2, "mine.py:random is a module; TARGET must be a bt.Strategy"),
        (("mine.py:evening", "--self-test"), 2, "leave out mine.py:evening or --self-test"),
        (("--points", "0"), 2, "'--points': 0 is not in the range x>=1"),
        (("--seed", "-1"), 2, "'--seed': -1 is not in the range x>=0"),
        (("--set", "exit.stop_los=1"), 2, "did you mean exit.stop_loss?"),
        (("--index", "NDX"), 1, "no rows of index NDX; it holds SPX"),
        (("--start", "2026-01-10", "--end", "2026-01-11"), 1, "no session from 2026-01-10"),
    ],
)
def test_errors_are_one_line(run: Run, words: tuple[str, ...], status: int, says: str) -> None:
    ended, out, err = run(*BASE, *words)
    assert (ended, out) == (status, "")
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
