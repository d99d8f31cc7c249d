"""The replay harness under the names the old bot's documents use; it trades nothing by itself.

Every figure is that of `runs.replay`: these classes only ask it and name what it answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from bt_gex.analyzers.listener import Listener
from bt_gex.blackbox.recording import Recording
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import UsageError
from bt_gex.market.calendar import BAR_S, NEW_YORK, Session, instant_ns, new_york, sessions
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import SessionEnd, assemble, build, load_days
from bt_gex.storage.atomic import write_text
from bt_gex.trades.codec import to_json
from bt_gex.trades.events import Event, SpreadClosed, SpreadOpened, SpreadSettled

OPEN, CLOSE = time(9, 30), time(16)
TOP = 5  # skip reasons shown


class ReplayTimeManager:
    """A clock that steps through market time; it never goes back.

    start, end  dates, or aware datetimes; a date starts at its open and ends at its close
    step        seconds
    """

    def __init__(self, start: date, end: date, step: int = BAR_S) -> None:
        self.start = _moment(start, OPEN)
        self.end = _moment(end, CLOSE)
        self.step = timedelta(seconds=step)
        self._now, self._steps, self._before = self.start, 0, self.start

    def advance(self) -> bool:
        """One step; False once the end is reached."""
        if self._now + self.step > self.end:
            return False
        self._before, self._now = self._now, self._now + self.step
        self._steps += 1
        return True

    def get_current_time(self) -> datetime:
        """The instant, New York."""
        return self._now

    def get_iteration_count(self) -> int:
        """Steps taken."""
        return self._steps

    def get_elapsed_days(self) -> int:
        """Calendar days since the start."""
        return (self._now.date() - self.start.date()).days

    def is_market_hours(self) -> bool:
        """Whether the exchange is open: open ≤ now < close."""
        session = self._session()
        return session is not None and session.open_ns <= self._ns() < session.close_ns

    def is_market_open_time(self) -> bool:
        """Whether this is the instant of the open."""
        session = self._session()
        return session is not None and self._ns() == session.open_ns

    def is_end_of_day(self) -> bool:
        """Whether the session of this day is over."""
        session = self._session()
        return session is None or self._ns() >= session.close_ns

    def is_session_change(self) -> bool:
        """Whether the last step led to another day."""
        return self._before.date() != self._now.date()

    def skip_to_time(self, when: time) -> None:
        """Go on to a time of this day, snapped to the next step; one that is past is left alone."""
        target = datetime.combine(self._now.date(), when, tzinfo=NEW_YORK)
        while self._now < target and self.advance():
            pass

    def skip_to_market_open(self) -> None:
        """Go on to the next open, unless it is now."""
        while not self.is_market_open_time() and self.advance():
            pass

    def skip_to_next_day(self) -> None:
        """Go on to the next day's open time."""
        tomorrow = self._now.date() + timedelta(days=1)
        self._before = self._now
        self._now = min(datetime.combine(tomorrow, OPEN, tzinfo=NEW_YORK), self.end)

    def get_progress(self) -> float:
        """Share of the way, 0 to 1."""
        whole = (self.end - self.start).total_seconds()
        return (self._now - self.start).total_seconds() / whole if whole else 1.0

    def _ns(self) -> int:
        return instant_ns(self._now)

    def _session(self) -> Session | None:
        found = sessions(self._now.date(), self._now.date())
        return found[0] if found else None


class ReplayStateManager:
    """What a replay has made, in the shape the documents show."""

    def __init__(self, result: RunResult) -> None:
        self.result = result

    def get_statistics(self) -> dict[str, object]:
        """The summary's figures, and trades by confidence and by strategy."""
        statistics = self.result.statistics
        totals = to_json(statistics.totals)
        totals.pop("unresolved")
        groups = {
            name.replace("by_", "trades_by_"): {
                key: {
                    "count": group.count, "winners": group.winners, "win_rate": group.win_rate,
                    "pnl": group.pnl,
                }
                for key, group in statistics.groups[name].items()
            }
            for name in ("by_confidence", "by_strategy")
        }  # fmt: skip
        return {**totals, **groups}

    def export_trades_json(self, path: str | Path) -> None:
        """Summary and trades as one JSON file."""
        content = {
            "summary": self.get_statistics(),
            "trades": [to_json(trade) for trade in self.result.trade_records],
        }
        write_text(Path(path), f"{json.dumps(content, indent=1, allow_nan=False)}\n")

    def summary_lines(self) -> Iterable[str]:
        """The report in a few lines."""
        found, funnel = self.get_statistics(), self.result.statistics.funnel
        yield f"trades {found['total_trades']}: {found['winners']} won, {found['losers']} lost"
        yield f"P&L ${found['total_pnl']:,.2f}, drawdown ${found['max_drawdown']:,.2f}"
        yield f"balance ${found['final_balance']:,.2f}"
        attempts = funnel.checks
        rate = 100.0 * funnel.entries / attempts if attempts else 0.0
        yield f"entries {funnel.entries} of {attempts} attempts ({rate:.0f} %)"
        for reason, times in list(funnel.skips_by_reason.items())[:TOP]:
            yield f"  {times} × {reason}"


class ReplayExecutionHarness:
    """Replays sessions of one index; use as a context manager.

    dry_run  nothing is sent anywhere; there is no other way
    verbose  prints ENTRY, EXIT and DAILY lines; `say` prints them
    """

    def __init__(
        self,
        db_path: str | Path,
        start_date: date | str,
        end_date: date | str,
        index_symbol: str = "SPX",
        dry_run: bool = True,
        verbose: bool = False,
        say: Callable[[str], object] = print,
    ) -> None:
        if not dry_run:
            raise UsageError("no order is ever sent; leave dry_run on")
        self.config = RunConfig(index=index_symbol, start=start_date, end=end_date)  # type: ignore[arg-type]
        self.verbose, self._say = verbose, say
        self._recording = Recording(db_path)
        self.interrupted = False
        self.state: ReplayStateManager | None = None
        self._made = 0.0

    def __enter__(self) -> ReplayExecutionHarness:
        return self

    def __exit__(self, *failure: object) -> None:
        self._recording.close()

    @property
    def results_name(self) -> str:
        """File name of the results."""
        config = self.config
        return f"replay_results_{config.index}_{config.start}_to_{config.end}.json"

    def run(self) -> dict[str, Any]:
        """Replay; the statistics. Ctrl-C ends it with what there is by then."""
        self._recording.require_index(self.config.index)
        days = load_days(self._recording, self.config)
        played = [day for day in days if day.has_data]
        cerebro = build(self.config, played) if played else None
        strategy = None
        if cerebro is not None:
            days_left = iter(played)
            cerebro.addanalyzer(Listener, told=self._told)
            cerebro.addanalyzer(
                SessionEnd, report=lambda done, total: self._daily(next(days_left).session.day),
                total=len(played), keep=True,
            )  # fmt: skip
            try:
                cerebro.run()
            except KeyboardInterrupt:
                self.interrupted = True
            strategy = cerebro.runningstrats[0] if cerebro.runningstrats else None
            if self.interrupted and strategy is not None:
                for analyzer in strategy.analyzers:
                    analyzer.stop()  # puts in order what it has
        name = Path(self._recording.name).name
        result = assemble(self.config, name, days, played if strategy is not None else [], strategy)
        self.state = ReplayStateManager(result)
        return self.state.get_statistics()

    def _told(self, event: Event) -> None:
        if isinstance(event, SpreadClosed | SpreadSettled):
            self._made += event.pnl_dollars or 0.0
        if not self.verbose:
            return
        match event:
            case SpreadOpened():
                self._say(f"ENTRY {new_york(event.at_ns):%Y-%m-%d %H:%M:%S} "
                          f"{event.instrument.name} credit {event.credit:.2f}")  # fmt: skip
            case SpreadClosed():
                self._say(f"EXIT  {new_york(event.at_ns):%Y-%m-%d %H:%M:%S} "
                          f"{event.instrument.name} {event.reason} "
                          f"${event.pnl_dollars:,.2f}")  # fmt: skip
            case SpreadSettled():
                made = "unresolved" if event.pnl_dollars is None else f"${event.pnl_dollars:,.2f}"
                self._say(f"EXIT  {new_york(event.at_ns):%Y-%m-%d %H:%M:%S} "
                          f"{event.instrument.name} settled {made}")  # fmt: skip
            case _:
                pass

    def _daily(self, day: date) -> None:
        if self.verbose:
            self._say(f"DAILY {day} P&L so far ${self._made:,.2f}")


def _moment(when: date, otherwise: time) -> datetime:
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise UsageError(f"{when} has no zone; give an aware instant")
        return when.astimezone(NEW_YORK)
    return datetime.combine(when, otherwise, tzinfo=NEW_YORK)
