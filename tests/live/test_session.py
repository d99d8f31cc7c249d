"""A paper session is the replay of its day: trade by trade, whatever kills it on the way."""

from __future__ import annotations

import os
import random
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from live.desk import (
    DAY,
    Crash,
    CrashingAt,
    ManualClock,
    TimedSource,
    again,
    database_trades,
    kept,
    plan_of,
    play,
    scored,
    session_on,
    trades,
)
from oracle import nasty

from bt_gex.errors import SessionError, UsageError
from bt_gex.live.parity import parity, replayed
from bt_gex.live.plan import only_one
from bt_gex.market.calendar import BAR_NS

KILLS = int(os.environ.get("BT_GEX_KILL_ROUNDS", "3"))
BUSY = {"exit.stop_loss": 0.5, "fills.entry_slippage": 0.3, "fills.exit_slippage": 0.3,
        "fills.commission": 0.65}  # fmt: skip


def market(folder: Path, seed: int, day: date = DAY, **more: Any) -> Path:
    path = folder / f"market-{seed}.db"
    nasty.make(path, seed, start=day, end=day, **more)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("seed", range(int(os.environ.get("BT_GEX_LIVE_SEEDS", "3"))))
def test_a_session_on_a_hostile_market_is_its_replay(tmp_path: Path, seed: int) -> None:
    settings = BUSY if seed % 2 else {}
    plan = plan_of(market(tmp_path, seed), tmp_path / "home", settings=settings)
    outcome = play(plan)
    assert outcome.is_over
    assert outcome.halted is None
    wanted, recorded = database_trades(plan), kept(plan)
    mine = replayed(recorded)
    assert trades(mine.result) == wanted
    score = parity(recorded, of=mine)
    assert (score.identical, score.differences, score.sum_dollars) == (True, (), 0.0)
    fills = [answer.fill for answer in recorded.answers.values() if answer.fill]
    assert len(fills) == 2 * len(wanted)  # each is opened, and closed or settled, in the journal


def test_a_session_that_is_killed_and_started_again_ends_the_same(tmp_path: Path) -> None:
    seed = 4
    path = market(tmp_path, seed)
    settings = {**BUSY, "fills.latency_bars": 2}
    alone = plan_of(path, tmp_path / "alone", settings=settings)
    play(alone)
    killed = plan_of(path, tmp_path / "killed", settings=settings)
    chance = random.Random(seed)
    for row in sorted(chance.sample(range(779), KILLS)):
        with pytest.raises(Crash):
            play(killed, watch=CrashingAt(row))
    assert play(killed).is_over
    assert trades(again(killed).result) == trades(again(alone).result) == database_trades(alone)
    assert scored(killed).identical
    assert [bar.row for bar in kept(killed).bars] == list(range(781))


def test_orders_decided_before_the_kill_are_executed_once(tmp_path: Path) -> None:
    """The process dies between the commit of an order and the next reading, and before it."""
    path = market(tmp_path, 4)
    plan = plan_of(path, tmp_path / "home", settings=BUSY)
    play(plan_of(path, tmp_path / "alone", settings=BUSY))

    class Dying:
        def __init__(self, at: int) -> None:
            self.left = at

        def event(self, event: Any) -> None:
            self.left -= 1
            if self.left == 0:
                raise Crash

        def bar(self, seen: Any) -> None:
            pass

    for at in (1, 3):
        with pytest.raises(Crash):
            play(plan, watch=Dying(at))
    assert play(plan).is_over
    assert trades(again(plan).result) == database_trades(plan)
    assert scored(plan).identical


def test_stopped_it_keeps_its_positions_for_the_next_start(tmp_path: Path) -> None:
    plan = plan_of(market(tmp_path, 4), tmp_path / "home", settings=BUSY)
    stop = threading.Event()

    class Stopping(CrashingAt):
        def bar(self, seen: Any) -> None:
            if seen.row == 300:
                stop.set()

    outcome = play(plan, stop=stop, watch=Stopping())
    assert not outcome.is_over
    assert kept(plan).bars[-1].row == 300
    assert play(plan).is_over
    assert trades(again(plan).result) == database_trades(plan)


def test_a_finished_session_is_not_traded_again(tmp_path: Path) -> None:
    plan = plan_of(market(tmp_path, 2), tmp_path / "home")
    play(plan)
    before = kept(plan)
    assert play(plan, watch=CrashingAt(*range(781))).is_over
    assert kept(plan) == before


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = market(tmp_path, 2)
    home = tmp_path / "home"
    play(plan_of(path, home))
    with pytest.raises(UsageError, match=r"exit\.stop_loss 0\.1, now it is 0\.2"):
        play(plan_of(path, home, settings={"exit.stop_loss": 0.2}))
    with pytest.raises(UsageError, match="database"):
        play(plan_of(market(tmp_path, 3), home))
    with pytest.raises(UsageError, match="provider"):
        play(plan_of(path, home, provider=""))


def test_a_second_process_on_a_session_or_an_account_is_refused(tmp_path: Path) -> None:
    plan = plan_of(market(tmp_path, 2), tmp_path / "home")
    folder = tmp_path / "home" / "sessions"
    folder.mkdir(parents=True)
    for name in (plan.session_id, f"workspace-{plan.workspace_id}"):
        with only_one(folder / f"{name}.lock", "it"), pytest.raises(SessionError, match="in use"):
            play(plan)
    assert play(plan).is_over


def test_a_day_without_a_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2026-01-10"):
        play(plan_of(market(tmp_path, 2), tmp_path / "home", day=date(2026, 1, 10)))


def test_an_account_goes_on_with_its_balance_and_its_closed_trades(tmp_path: Path) -> None:
    days = (date(2026, 1, 12), date(2026, 1, 13))
    kelly = {**BUSY, "account.sizing": "half-kelly"}
    plans = [
        plan_of(market(tmp_path, n, day), tmp_path / "home", day, workspace="main", settings=kelly)
        for n, day in zip((4, 9), days, strict=True)
    ]
    for plan in plans:
        play(plan)
    first, second = (kept(plan) for plan in plans)
    made = [trade["pnl_dollars"] / trade["quantity"] for trade in trades(again(plans[0]).result)]
    assert first.facts.opening_balance == 25_000
    assert first.facts.earlier == ()
    assert second.facts.earlier == pytest.approx(made)
    assert made
    total = sum(trade["pnl_dollars"] for trade in trades(again(plans[0]).result))
    assert second.facts.opening_balance == pytest.approx(25_000 + total)
    assert all(scored(plan).identical for plan in plans)


def test_on_the_wall_clock_it_is_the_same_when_rows_come_in_time(tmp_path: Path) -> None:
    path = market(tmp_path, 4)
    plan = plan_of(path, tmp_path / "home", provider="", settings=BUSY)
    clock = ManualClock(session_on().open_ns - 20 * BAR_NS)
    assert play(plan, clock=clock, source=TimedSource(path)).is_over
    assert trades(again(plan).result) == database_trades(plan)
    assert scored(plan).identical
