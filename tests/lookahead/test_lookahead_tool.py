"""The look-ahead check: positive controls are detected, negative controls are clean."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date, time
from itertools import count
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pytest
from oracle import nasty

from bt_gex.blackbox.recording import Recording
from bt_gex.blackbox.writer import new_file
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, DataError, EngineError, UnknownName, UsageError
from bt_gex.feeds.clock import ClockFeed
from bt_gex.lookahead.check import (
    CheckResult,
    RecordedSessions,
    check_target,
    choose,
    control_target,
)
from bt_gex.lookahead.controls import CONTROLS, AtTen, Control
from bt_gex.lookahead.observe import observe, shown
from bt_gex.lookahead.perturb import DOWN, UP, dropped, perturbed
from bt_gex.lookahead.target import OWN, Target, find_target
from bt_gex.sessions.day import load_day
from bt_gex.sessions.rows import SessionRows
from bt_gex.synthetic.blackbox import SynthConfig, write

START, END = date(2026, 1, 12), date(2026, 1, 13)
CONFIG = RunConfig(start=START, end=END)
SEEDS = (7, 8, 9)
POINTS = 4


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, RecordedSessions]]:
    """Two days of SPX by seed, strikes near the pin only."""
    found = {}
    for seed in SEEDS:
        path = tmp_path_factory.mktemp("lookahead") / "blackbox.db"
        with new_file(path) as engine:
            write(SynthConfig(start=START, end=END, seed=seed, strikes_within=60), engine)
        found[seed] = sessions_of(path, CONFIG)
    return found


@pytest.fixture(scope="module")
def sessions(markets: dict[int, RecordedSessions]) -> RecordedSessions:
    return markets[7]


def sessions_of(path: Path, config: RunConfig) -> RecordedSessions:
    with Recording(path) as recording:
        wanted = recording.calendar(config.start, config.end)
        return RecordedSessions(recording.sessions("SPX", wanted), config)


def target(made: Any) -> Target:
    return Target(getattr(made, "__name__", "rule"), lambda: made, __file__)


# ------------------------------------------------------------------------------- controls


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.made.__name__)
def test_controls(control: Control, seed: int, markets: dict[int, RecordedSessions]) -> None:
    result = check_target(markets[seed], control_target(control), points=POINTS, seed=seed)
    assert result.outcome == ("look-ahead" if control.looks_ahead else "clean")
    assert result.decisions > 0
    assert (result.instants, result.runs) == (POINTS, 2 + 3 * POINTS)
    if control.looks_ahead:
        assert result.violation
        assert result.violation.ns <= result.violation.t
        assert result.violation.recorded != result.violation.perturbed


def test_our_own_strategy_on_a_market_without_recorded_peaks(tmp_path: Path) -> None:
    """Pins computed from chains, gaps, bad quotes; the midpoint of competing peaks asked for."""
    path = tmp_path / "market.db"
    nasty.make(path, 5, start=str(START), end=str(END), nasty=nasty.Nasty())
    config = RunConfig(start=START, end=END, settings={"entry.use_competing_peaks": True})
    found = sessions_of(path, config)
    result = check_target(found, OWN, points=2 * POINTS)
    assert (result.outcome, result.decisions > 10) == ("clean", True)


def test_the_same_seed_gives_the_same_result(sessions: RecordedSessions) -> None:
    control = control_target(CONTROLS[0])
    one, other = (check_target(sessions, control, points=3, seed=4) for _ in range(2))
    assert one == other


# ------------------------------------------------------------------------------- rules of a user


def check(sessions: RecordedSessions, rule: Any, points: int = POINTS) -> CheckResult:
    return check_target(sessions, target(rule), points=points)


def test_the_settlement_price_of_the_evening(sessions: RecordedSessions) -> None:
    assert check(sessions, lambda clock: clock.now().day.last_price > 0 or None).outcome == "clean"
    result = check(sessions, lambda clock: clock.now().day.last_price)
    assert result.outcome == "look-ahead"
    assert result.changed == POINTS


def test_a_decision_that_is_missing_or_added_counts(sessions: RecordedSessions) -> None:
    def rises(clock: ClockFeed) -> str | None:
        day, row = clock.now()
        return "rises" if day.spot[-60] > day.spot[row] + 5 else None

    violation = check(sessions, rises).violation
    assert violation
    assert None in (violation.recorded, violation.perturbed)


def test_the_next_session_is_future_too(sessions: RecordedSessions) -> None:
    def tomorrow(clock: ClockFeed) -> bool | None:
        days = clock.p.days
        after = days.index(clock.now().day) + 1
        if clock.now().row != len(clock.now().day.grid) - 1 or after == 2:
            return None
        return bool(days[after].spot[100] > clock.close[0])

    result = check(sessions, tomorrow)
    assert result.outcome == "look-ahead"
    assert result.violation
    assert result.violation.raised
    assert "IndexError" in str(result.violation.perturbed)
    assert Path(__file__).name in str(result.violation.perturbed)


def test_failing_after_the_instant_is_no_look_ahead(sessions: RecordedSessions) -> None:
    """A rule that can't do without a price fails when there is none: later, not before."""

    def whole_points(clock: ClockFeed) -> int | None:
        day, row = clock.now()
        return int(clock.close[0]) if row == day.session.bar_at(time(12, 0)) else None

    assert check(sessions, whole_points).outcome == "clean"


def test_failing_on_the_recorded_sessions_is_an_error(sessions: RecordedSessions) -> None:
    def fails(clock: ClockFeed) -> None:
        raise KeyError("no such thing")

    with pytest.raises(EngineError, match=r"fails.*KeyError.*test_lookahead_tool.py, line \d+"):
        check(sessions, fails)

    class Limits(AtTen):
        def decide(self, tick: Any, price: float) -> None:
            self.sell(data=self.spread(tick, price), size=1, price=1.0)

    with pytest.raises(EngineError, match="takes market orders"):
        check(sessions, Limits)


def test_no_decision_is_not_called_clean(sessions: RecordedSessions) -> None:
    result = check(sessions, lambda clock: None)
    assert (result.outcome, result.runs) == ("no decision", 2)


def test_random_decisions_are_not_called_clean(sessions: RecordedSessions) -> None:
    numbers = count()
    result = check(sessions, lambda clock: next(numbers))
    assert result.outcome == "not deterministic"
    assert result.first_difference
    assert result.first_difference[0] != result.first_difference[1]


def test_orders_and_checks_are_recorded(sessions: RecordedSessions) -> None:
    class Cancels(AtTen):
        def decide(self, tick: Any, price: float) -> None:
            super().decide(tick, price)
            if self.open and tick.row == 70:
                self.cancel(self.close(data=self.open))

    decisions = observe(CONFIG, sessions.days, target(Cancels)).decisions
    assert [one.what.split()[0] for one in decisions][:4] == ["sell", "sell", "buy", "cancel"]
    assert "[PUT " in decisions[0].what
    assert decisions[0].what.endswith("(Market)")
    assert decisions[0].ns == int(sessions.days[0].grid[60])
    checks = [
        one.what for one in observe(CONFIG, sessions.days, OWN).decisions if "check:" in one.what
    ]
    assert len(checks) > 10


def test_values_are_shown_the_same_where_they_are() -> None:
    assert shown(0.1 + 0.2) == shown(0.3) == "0.3"
    assert shown(np.float64(1) / 3) == "0.3333333333"
    assert shown(np.arange(2_000)).startswith("(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ")  # whole
    for hides in (object(), (n for n in ())):
        with pytest.raises(TypeError, match="a rule"):
            shown(hides)
    assert shown({"a": (True, None, [1.5])}) == "{'a': (True, None, (1.5))}"


# ------------------------------------------------------------------------------- instants, rows


def test_half_of_the_instants_are_decisions(sessions: RecordedSessions) -> None:
    ticks = sessions.ticks()
    decided = {at.ns for at in ticks[::100]}
    for points in (1, 2, 7, 20):
        chosen = choose(ticks, decided, points, seed=3)
        assert len(set(chosen)) == points
        assert sum(at.ns in decided for at in chosen) == min(points - points // 2, len(decided))
        assert chosen == sorted(chosen, key=lambda at: at.ns)
    assert {at.session for at in choose(ticks, set(), 4, seed=0)} == {0, 1}
    assert len(choose(ticks, decided, 10_000, seed=0)) == len(ticks) == 2 * 781 - 1


@pytest.mark.parametrize("row", [0, 1, 13, 400, 779, 780])
def test_only_the_future_of_a_session_is_changed(row: int, sessions: RecordedSessions) -> None:
    rows, index = sessions.rows[0], CONFIG.index_spec
    before = sessions.days[0]
    t = int(before.grid[row])
    random = np.random.default_rng(0)
    for changed in (
        dropped(rows, t),
        perturbed(rows, t, UP, index, random),
        perturbed(rows, t, DOWN, index, random),
    ):
        day = load_day(changed, index, CONFIG.load_params)
        known = slice(0, row + 1)
        for name in ("spot", "vix", "pin"):
            assert np.array_equal(
                getattr(day, name)[known], getattr(before, name)[known], equal_nan=True
            )
        for key in rows.options():
            legs = day.leg(*key), before.quotes_of(key)
            assert np.array_equal(legs[0].bid[known], legs[1].bid[known], equal_nan=True)
            assert np.array_equal(legs[0].ask[known], legs[1].ask[known], equal_nan=True)
        assert day.has_data == before.has_data
        assert changed.quotes.keys() == sorted(changed.quotes.keys(), key=lambda k: (k[1], k[0]))


@pytest.mark.parametrize("row", [0, 13, 400, 777])
@pytest.mark.parametrize("later_ns", [0, 1, 29_999_999_999])
def test_nothing_recorded_after_the_instant_is_left(
    row: int, later_ns: int, sessions: RecordedSessions
) -> None:
    """Nor is anything missing up to it: counted row by row, by their stamps."""
    rows, t = sessions.rows[0], int(sessions.days[0].grid[row]) + later_ns
    gone = dropped(rows, t)
    assert rows.quotes.stamps.max() > t
    for key in rows.options():
        before, left = rows.leg(key), gone.leg(key)
        expected = [ns for ns in before.stamps.tolist() if ns <= t] if before else []
        assert (left.stamps.tolist() if left else []) == expected
    for name, series in rows.tables.items():
        expected = [ns for ns in series.stamps.tolist() if ns <= t]
        left_over = gone.tables[name].stamps.tolist()
        assert left_over == expected or (not expected and left_over == [rows.session.close_ns])
    false_rows = perturbed(rows, t, UP, CONFIG.index_spec, np.random.default_rng(0))
    known = dict(rows.quotes.items())
    for key, leg in false_rows.quotes.items():
        recorded = set(
            zip(*map(np.ndarray.tolist, (known[key].stamps, known[key].ask)), strict=True)
        )
        after = zip(*map(np.ndarray.tolist, (leg.stamps, leg.ask)), strict=True)
        assert not [pair for pair in after if pair[0] > t and pair in recorded]


def test_perturbed_rows_are_above_and_below(sessions: RecordedSessions) -> None:
    rows, index = sessions.rows[0], CONFIG.index_spec
    before, row = sessions.days[0], 200
    t, random = int(before.grid[row]), np.random.default_rng(0)
    for way in (UP, DOWN):
        day = load_day(perturbed(rows, t, way, index, random), index, CONFIG.load_params)
        for name in ("spot", "vix", "pin"):
            values = getattr(day, name)
            assert (way * (values[row + 1 :] - values[row]) > 0).all()
            assert len(set(values[row + 1 :])) > 50
        key = next(k for k in rows.options() if before.quotes_of(k).mid[row] > 1)
        mid = day.leg(*key).mid
        assert (way * (mid[row + 1 :] - mid[row]) > 0).all()


def test_later_chains_are_dropped_and_perturbed_ones_give_pins(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    no_peaks = nasty.only("quiet")
    nasty.make(path, 5, start=str(START), end=str(START), nasty=no_peaks)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM gex_peaks")
    db.close()
    one = sessions_of(path, RunConfig(start=START, end=START))
    rows, day = one.rows[0], one.days[0]
    assert day.peaks == "computed"
    assert rows.chains
    for row in (0, 300):
        t = int(day.grid[row])
        gone = dropped(rows, t)
        stamps = dict(zip(rows.tables["options_snapshots"]["id"], stamps_of(rows), strict=True))
        assert all(stamps[row_id] <= t for row_id in gone.chains)
        false_rows = perturbed(rows, t, UP, CONFIG.index_spec, np.random.default_rng(1))
        assert all(isinstance(json.loads(chain), list) for chain in false_rows.chains.values())
        for changed in (gone, false_rows):
            then = load_day(changed, CONFIG.index_spec, CONFIG.load_params)
            known = slice(0, row + 1)
            assert np.array_equal(then.pin[known], day.pin[known], equal_nan=True)
        assert (then.pin[row + 1 :] > np.nanmax(day.pin)).all()


def test_a_session_without_snapshots_gets_no_pins(tmp_path: Path) -> None:
    """They would come from nowhere, which is what is known of the session."""
    path = tmp_path / "market.db"
    nasty.make(path, 5, start=str(START), end=str(START), nasty=nasty.only("quiet"))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM gex_peaks")
        db.execute("DELETE FROM options_snapshots")
    db.close()
    one = sessions_of(path, RunConfig(start=START, end=START))
    t, random = int(one.days[0].grid[100]), np.random.default_rng(1)
    false_rows = perturbed(one.rows[0], t, UP, CONFIG.index_spec, random)
    day = load_day(false_rows, CONFIG.index_spec, CONFIG.load_params)
    assert (one.days[0].peaks, day.peaks) == ("none", "none")
    assert np.isnan(day.pin).all()


def stamps_of(rows: SessionRows) -> Any:
    return rows.tables["options_snapshots"].stamps


# ------------------------------------------------------------------------------- targets


def test_sessions_without_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no session from 2026-01-12 to 2026-01-13 has rows of SPX"):
        RecordedSessions([], CONFIG)


def test_points_and_seed_are_checked(sessions: RecordedSessions) -> None:
    for how in ({"points": 0}, {"seed": -1}):
        with pytest.raises(BadValue, match="must be at least"):
            check_target(sessions, OWN, **how)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_keeps_nothing_from_run_to_run(here: Path, sessions: RecordedSessions) -> None:
    """A rule with a memory decides the same in every run; a cache can't hide a look-ahead."""
    code = (
        "import functools\nprint('loaded')\nhigh, days = [], {}\n"
        "def so_far(clock):\n    high.append(clock.close[0])\n    return len(high)\n"
        "def cached(clock):\n    day = clock.now().day\n"
        "    return days.setdefault(day.session.day, day.last_price)\n"
        "class Counts:\n    def __init__(self):\n        self.n = 0\n"
        "    def __call__(self, clock):\n        self.n += 1\n        return self.n\n"
    )
    for name in ("rules_of_mine", "rules_of_mine_too"):
        (here / f"{name}.py").write_text(code, "utf-8")
    for place in ("rules_of_mine.py", "rules_of_mine_too"):
        for name, outcome in (("so_far", "clean"), ("cached", "look-ahead"), ("Counts", "clean")):
            found = check_target(sessions, find_target(f"{place}:{name}"), points=2)
            assert (found.outcome, found.target) == (outcome, name)


def test_invalid_targets(here: Path) -> None:
    (here / "mine.py").write_text("import backtrader as bt\nclass Mine(bt.Strategy): pass\nx = 1\n")
    (here / "broken.py").write_text("def f(:\n", "utf-8")
    (here / "raises.py").write_text("\n1 / 0\n", "utf-8")
    assert issubclass(find_target("mine.py:Mine").load(), bt.Strategy)
    for words, kind, says in (
        ("mine.py", BadValue, "TARGET is module:Name or path/to/file.py:Name, got 'mine.py'"),
        ("mine.py:", BadValue, "TARGET is"),
        ("none.py:Mine", UsageError, "none.py: no such file"),
        ("no_such_module:Mine", UsageError, "no_such_module cannot be used: ModuleNotFound"),
        ("broken.py:f", UsageError, "cannot be used: SyntaxError"),
        ("raises.py:f", UsageError, r"ZeroDivisionError: division by zero \(raises.py, line 2\)"),
        ("mine.py:Mime", UnknownName, "unknown name in mine.py 'Mime'; did you mean Mine"),
        ("mine.py:x", BadValue, "mine.py:x is an int; TARGET must be a bt.Strategy, or a function"),
        ("decimal:Context", BadValue, "TARGET must be"),
    ):
        with pytest.raises(kind, match=says):
            find_target(words)


# ------------------------------------------------------------------------------- targets that hide


HIDING = {
    "generator.py": "def f(clock):\n    yield 1\n",
    "coroutine.py": "async def f(clock):\n    return 'sell'\n",
    "blank.py": "class A:\n    pass\n\ndef f(clock):\n    return A()\n",
    "base.py": "class B(BaseException):\n    pass\n\ndef f(clock):\n    raise B('no')\n",
}


@pytest.mark.parametrize("name", sorted(HIDING))
def test_a_target_whose_answer_cannot_be_seen_is_not_called_clean(
    name: str, tmp_path: Path, sessions: RecordedSessions
) -> None:
    (tmp_path / name).write_text(HIDING[name], "utf-8")
    with pytest.raises(EngineError, match="fails on the recorded sessions"):
        check_target(sessions, find_target(f"{tmp_path / name}:f"), points=2)


def test_targets_that_cannot_be_made(tmp_path: Path) -> None:
    text = "class F:\n    def __init__(self, n): ...\n    def __call__(self, clock): ...\n"
    (tmp_path / "needs.py").write_text(text, "utf-8")
    (tmp_path / "stops.py").write_text("class B(BaseException):\n    pass\n\nraise B\n", "utf-8")
    for name in ("needs.py:F", "stops.py:f"):
        with pytest.raises(UsageError, match="cannot be used"):
            find_target(f"{tmp_path}/{name}")
    assert find_target("builtins:print").file is None


def test_long_answers_are_shown_whole() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": np.arange(300)})
    assert "150" in shown(frame)
    assert "1500" in shown({"x": [np.arange(3_000)]})
    assert shown({"b", "a", "c"}) == "{'a', 'b', 'c'}"
    with pytest.raises(TypeError, match="a rule's return value"):
        shown(slice(object(), None))  # an object inside that shows nothing
