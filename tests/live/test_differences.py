"""What keeps a session from its replay is named, in dollars that add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from live.desk import (
    Crash,
    CrashingAt,
    ManualClock,
    TimedSource,
    again,
    change,
    database_trades,
    kept,
    plan_of,
    play,
    scored,
    session_on,
    trades,
)
from oracle import nasty

from bt_gex.config.home import journal_path
from bt_gex.errors import Unreachable
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import Command, Reset, SetKillSwitch
from bt_gex.live.parity import Parity, Reason
from bt_gex.live.plan import SessionPlan
from bt_gex.live.report import health_of
from bt_gex.market.calendar import BAR_NS, NS
from bt_gex.sessions.growing import SeenRow

MILD = nasty.only("null_bid", "duplicates", "on_bar")
SHORT = date(2026, 11, 27)  # an early close: 420 bars
OPEN = session_on(SHORT).open_ns
BARS = 420
BUSY = {"exit.stop_loss": 0.5, "fills.entry_slippage": 0.3, "fills.exit_slippage": 0.3}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "market.db"
    nasty.make(made, 5, start=SHORT, end=SHORT, nasty=MILD)  # type: ignore[arg-type]
    return made


def walled(path: Path, home: Path, **more: Any) -> SessionPlan:
    return plan_of(path, home, **{"day": SHORT, **more}, provider="", settings=BUSY)


def rows_of(path: Path, comes_at: Callable[[SeenRow], int] = lambda row: row.ns) -> TimedSource:
    return TimedSource(path, comes_at, SHORT)


def check_sum(plan: SessionPlan, score: Parity) -> None:
    """The dollars of all causes are the difference of both P&Ls."""

    def total(several: list[dict[str, Any]]) -> float:
        return sum(trade["pnl_dollars"] or 0.0 for trade in several)

    mine, replayed = trades(again(plan).result), database_trades(plan)
    assert score.sum_dollars == round(total(mine) - total(replayed), 2)
    named = {one.order_id for one in score.differences}
    theirs = {trade["order_id"]: trade for trade in replayed}
    for trade in mine:
        if theirs.get(trade["order_id"]) != trade:
            other = theirs.get(trade["order_id"], {})
            moved = [n for n in ("pnl_dollars", "timestamp_exit") if other.get(n) != trade[n]]
            assert not moved or trade["order_id"] in named


def causes(score: Parity) -> set[Reason]:
    return {one.cause for one in score.differences}


def test_late_rows(path: Path, tmp_path: Path) -> None:
    """Quotes between 10:00 and 13:00 arrive 100 seconds late."""
    plan = walled(path, tmp_path / "home")
    late = range(OPEN + 60 * BAR_NS, OPEN + 420 * BAR_NS)
    source = rows_of(path, lambda row: row.ns + (100 * NS if row.ns in late else 0))
    play(plan, clock=ManualClock(OPEN), source=source)
    score = scored(plan)
    assert score.identical
    assert causes(score) == {Reason.LATE}
    check_sum(plan, score)
    assert health_of(kept(plan)).late_rows > 300


def test_missed_bars(path: Path, tmp_path: Path) -> None:
    """The computer sleeps for ten minutes over 10:00 and over 11:00."""
    plan = walled(path, tmp_path / "home")
    clock = ManualClock(OPEN, {58: 600.0, 160: 600.0})
    play(plan, clock=clock, source=rows_of(path))
    recorded, score = kept(plan), scored(plan)
    missed = [bar.row for bar in recorded.bars if bar.missed]
    assert len(missed) == 40
    assert health_of(recorded).late_rows == 0  # what waited meanwhile is backlog
    assert [bar.row for bar in recorded.bars] == list(range(BARS + 1))
    assert score.identical
    assert causes(score) == {Reason.MISSED}
    check_sum(plan, score)


def test_down_time(path: Path, tmp_path: Path) -> None:
    """Killed at 9:58, started again at 10:20; first started at 9:40."""
    plan = walled(path, tmp_path / "home")
    with pytest.raises(Crash):
        play(plan, clock=ManualClock(OPEN + 20 * BAR_NS), source=rows_of(path),
             watch=CrashingAt(56))  # fmt: skip
    play(plan, clock=ManualClock(OPEN + 100 * BAR_NS), source=rows_of(path))
    recorded, score = kept(plan), scored(plan)
    assert [bar.row for bar in recorded.bars] == [*range(20, 57), *range(100, BARS + 1)]
    assert health_of(recorded).absent == 63
    assert score.identical
    assert causes(score) == {Reason.DOWN_TIME}
    check_sum(plan, score)
    morning = [trade for trade in trades(again(plan).result) if "-093600-" in trade["order_id"]]
    assert morning == []


def test_an_order_of_a_bar_that_is_over_is_refused(path: Path, tmp_path: Path) -> None:
    """The process dies as it decides, before its order is in the journal."""
    plan = walled(path, tmp_path / "home")

    class DyingJournal:
        def __init__(self) -> None:
            self.execute = SqlJournal.execute

        def __call__(self, journal: SqlJournal, workspace: UUID, command: Command, *more: Any
                     ) -> Any:  # fmt: skip
            raise Crash

    with pytest.MonkeyPatch.context() as patch:
        dying = DyingJournal()
        patch.setattr(SqlJournal, "execute", lambda *args: dying(*args))
        with pytest.raises(Crash):
            play(plan, clock=ManualClock(OPEN), source=rows_of(path))
    last = kept(plan).bars[-1].row
    play(plan, clock=ManualClock(OPEN + (last + 3) * BAR_NS), source=rows_of(path))
    score = scored(plan)
    refused = [order for order in kept(plan).answers.values() if order.refusal]
    assert [one.refusal.why for one in refused if one.refusal] == ["down-time: the bar was over"]
    assert score.identical
    assert causes(score) == {Reason.DOWN_TIME}
    check_sum(plan, score)


def test_a_clock_that_steps_back_decides_no_bar_twice(path: Path, tmp_path: Path) -> None:
    plan = walled(path, tmp_path / "home")
    clock = ManualClock(OPEN, {100: -400.0, 300: -3_600.0, 301: -10.0})
    play(plan, clock=clock, source=rows_of(path))
    assert [bar.row for bar in kept(plan).bars] == list(range(BARS + 1))
    assert not any(bar.missed for bar in kept(plan).bars)
    score = scored(plan)
    assert score.identical
    check_sum(plan, score)


def test_a_database_that_cannot_be_read_for_a_while(path: Path, tmp_path: Path) -> None:
    class Failing(TimedSource):
        reads = 0

        def read(self, now_ns: int) -> list[SeenRow]:
            self.reads += 1
            if 55 <= self.reads < 75:
                raise Unreachable("the database is locked")
            return super().read(now_ns)

    plan = walled(path, tmp_path / "home")
    play(plan, clock=ManualClock(OPEN), source=Failing(path, day=SHORT))
    health, score = health_of(kept(plan)), scored(plan)
    assert health.faults == 20
    assert health.late_rows > 0
    assert score.identical
    assert causes(score) == {Reason.LATE}
    check_sum(plan, score)


def test_a_recorder_that_stops(path: Path, tmp_path: Path) -> None:
    """No row after 11:30: open spreads settle, and a replay of that database says the same."""
    for table in ("options_prices_live", "market_context", "gex_peaks", "options_snapshots"):
        change(path, f"DELETE FROM {table} WHERE substr(timestamp, 12, 8) >= '16:30'")
    plan = walled(path, tmp_path / "home")
    play(plan, clock=ManualClock(OPEN), source=rows_of(path))
    assert trades(again(plan).result) == database_trades(plan)
    assert scored(plan).differences == ()


def test_rows_changed_afterwards(path: Path, tmp_path: Path) -> None:
    plan = walled(path, tmp_path / "home")
    play(plan, clock=ManualClock(OPEN), source=rows_of(path))
    change(path, "UPDATE options_prices_live SET ask = ask + 0.2 WHERE id % 3 = 0")
    score = scored(plan)
    assert score.identical
    assert causes(score) == {Reason.ROWS}
    check_sum(plan, score)


class Commanding(CrashingAt):
    """Sends a command to the account after a bar, as another process would."""

    def __init__(self, plan: SessionPlan, commands: dict[int, Command]) -> None:
        super().__init__()
        self.plan, self.commands = plan, commands

    def bar(self, seen: Any) -> None:
        if seen.row in self.commands:
            journal = SqlJournal(journal_path(self.plan.home))
            journal.execute(self.plan.workspace_id, self.commands[seen.row], datetime.now(UTC))
            journal.close()


def switch(on: bool) -> SetKillSwitch:
    return SetKillSwitch(on=on, scope="all", why="a test", who="tester")


def test_a_kill_switch(path: Path, tmp_path: Path) -> None:
    """On from 9:59 to 11:45: entries are skips, and the spread of 9:36 is closed only then."""
    plan = walled(path, tmp_path / "home")
    watch = Commanding(plan, {58: switch(True), 270: switch(False)})
    outcome = play(plan, clock=ManualClock(OPEN), source=rows_of(path), watch=watch)
    assert outcome.halted is None
    result = again(plan).result
    skips = [d for d in result.decision_records if d.kind == "policy"]
    assert {skip.reason for skip in skips} == {"policy: kill_switch_active"}
    assert result.statistics.funnel.skips_by_kind["policy"] == len(skips)
    score = scored(plan)
    assert score.identical
    assert causes(score) == {Reason.POLICY}
    check_sum(plan, score)


def test_an_account_that_somebody_else_changes_halts_the_session(
    path: Path, tmp_path: Path
) -> None:
    plan = walled(path, tmp_path / "home")
    watch = Commanding(plan, {70: Reset()})
    outcome = play(plan, clock=ManualClock(OPEN), source=rows_of(path), watch=watch)
    assert outcome.halted
    assert outcome.is_over
    assert "the journal" in outcome.halted
    after = datetime(2026, 11, 27, 15, 6, tzinfo=UTC)
    assert all(trade.timestamp_entry < after for trade in again(plan).result.trade_records)


def test_other_code_in_mid_day_halts_and_names_the_first_difference(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bt_gex.strategies import gex

    plan = walled(path, tmp_path / "home")
    made = database_trades(plan)
    entry = datetime.fromisoformat(made[0]["timestamp_entry"])
    row = round((entry.timestamp() * NS - OPEN) / BAR_NS)
    with pytest.raises(Crash):
        play(plan, clock=ManualClock(OPEN), source=rows_of(path), watch=CrashingAt(row + 1))
    decide = gex.decide_entry

    def never(*args: Any, **more: Any) -> Any:
        return decide(*args, **{**more, "open_positions": 2**31})

    monkeypatch.setattr(gex, "decide_entry", never)
    outcome = play(plan, clock=ManualClock(OPEN + (row + 2) * BAR_NS), source=rows_of(path))
    assert outcome.halted
    assert made[0]["order_id"] in outcome.halted


def test_the_week_daylight_saving_begins(tmp_path: Path) -> None:
    day = date(2026, 3, 9)
    path = tmp_path / "market.db"
    nasty.make(path, 3, start=day, end=day, nasty=MILD)  # type: ignore[arg-type]
    plan = walled(path, tmp_path / "home", day=day)
    clock = ManualClock(session_on(day).open_ns)
    play(plan, clock=clock, source=TimedSource(path, day=day))
    assert len(kept(plan).bars) == 781
    assert trades(again(plan).result) == database_trades(plan)
    assert scored(plan).identical


def test_a_start_after_the_close_reads_the_rest_once_and_settles(
    path: Path, tmp_path: Path
) -> None:
    plan = walled(path, tmp_path / "home")
    made = database_trades(plan)
    entry = datetime.fromisoformat(made[-1]["timestamp_entry"])
    row = round((entry.timestamp() * NS - OPEN) / BAR_NS)
    with pytest.raises(Crash):
        play(plan, clock=ManualClock(OPEN), source=rows_of(path), watch=CrashingAt(row))
    assert play(plan, clock=ManualClock(OPEN + 900 * BAR_NS), source=rows_of(path)).is_over
    recorded = kept(plan)
    assert [bar.row for bar in recorded.bars[-2:]] == [row, BARS]
    last = trades(again(plan).result)[-1]
    assert (last["order_id"], last["exit_reason"]) == (made[-1]["order_id"],
                                                       "Expiration Settlement")  # fmt: skip
    score = scored(plan)
    assert score.identical
    assert causes(score) == {Reason.DOWN_TIME}
    check_sum(plan, score)
