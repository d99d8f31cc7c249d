"""The opening-range breakout of one symbol: bars in, fills and other events out.

The one implementation a replay, a sweep, a paper and a live session drive. Nothing of a bar that
has not closed decides an entry: in entry mode `stop` bar t is traded on the scores of the bar
before it, in `next_open` on its own, but at the open of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bt_gex.errors import DataError
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import utc
from bt_gex.rules.opening_range.context import PastSession, session_context
from bt_gex.rules.opening_range.day import Day
from bt_gex.rules.opening_range.governance import Governance
from bt_gex.rules.opening_range.history import History, session_row
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.plan import Plan, planned
from bt_gex.rules.opening_range.position import Entry, Position
from bt_gex.rules.opening_range.prices import SIGN, Side, above, reaches
from bt_gex.rules.opening_range.records import (
    EntryFilled,
    EntryOrdered,
    EntrySkipped,
    Event,
    Locked,
    RangeSet,
    SessionEnded,
    SessionRecord,
    SkipReason,
    TradeClosed,
)
from bt_gex.rules.opening_range.scoring import Snapshot
from bt_gex.rules.opening_range.session import SessionClock, Window, check_bar


class OpeningRangeMachine:
    """Feed it the bars of one symbol in order of time; bars outside sessions are passed over.

    A session ends with `end_session`, or else when the first bar of the next one comes; the trades
    are the same. Say it as soon as it is known (at the last bar of recorded data, at the close
    in a live session), because the position is closed then.

    daily         daily bars, stamped with midnight UTC of their date; only those before a session
                  are used for it
    check_window  look for missing minutes in the opening range (`window_problems`)
    """

    def __init__(
        self,
        params: OpeningRangeParams,
        daily: Iterable[Bar] = (),
        *,
        check_window: bool = False,
    ) -> None:
        self.params = params
        self.position: Position | None = None
        self._clock = SessionClock(params.instrument)
        self._history = History(daily)
        self._governance = Governance(params.governance)
        self._check_window = check_window
        self._equity = params.backtest.initial_capital
        self._day: Day | None = None
        self._past: PastSession | None = None
        self._ordered: tuple[Side, Snapshot] | None = None
        self._newest: Bar | None = None
        modes: dict[str, Callable[[Day, Bar], list[Event]]] = {
            "stop": self._step_stop,
            "next_open": self._step_next_open,
        }
        self._step_in_mode = modes[params.trade.entry_mode]

    @property
    def snapshot(self) -> Snapshot | None:
        """Factors and scores at the newest bar's close; None before a session's first."""
        return self._day.snapshot if self._day else None

    @property
    def session(self) -> SessionRecord | None:
        """The session as it stands; None outside of one."""
        return self._record(self._day) if self._day else None

    def is_after_range(self, bar: Bar) -> bool:
        """Whether a bar of the session as it stands starts after its opening range."""
        return self._day is not None and self._day.is_after_range(bar)

    def learn(self, bars: Iterable[Bar]) -> None:
        """Take bars from before the first that is traded on, in order of time: they make history
        (daily bars for dates without one, yesterday's volatility), and nothing happens on them."""
        groups: list[tuple[Window, list[Bar]]] = []
        for bar in bars:
            window = self._clock.window_of(bar.ts_ns)
            if window is None:
                continue
            check_bar(bar)
            if not groups or groups[-1][0].day != window.day:
                groups.append((window, []))
            groups[-1][1].append(bar)
            self._newest = bar
        for window, members in groups:
            self._remember(window, members)

    def step(self, bar: Bar) -> list[Event]:
        """What happens on a bar, in order. Raises DataError for an unsound or a late bar."""
        window = self._clock.window_of(bar.ts_ns)
        if window is None:
            return []
        check_bar(bar)
        events = self._enter_session(window, bar)
        day = self._current()
        self._newest = bar
        if day.is_after_range(bar) and not day.is_final:
            events += self._fix_range(day, bar)
        events += self._step_in_mode(day, bar)
        return events

    def end_session(self) -> list[Event]:
        """The session has no more bars: closes the position unless it is kept overnight."""
        day, bar = self._day, self._newest
        if day is None or bar is None:
            return []
        events: list[Event] = []
        if not day.is_final:
            events += self._fix_range(day, bar)
        if self._ordered is not None:
            events.append(_skipped(bar, self._ordered[0], "session over"))
            self._ordered = None
        if self.position is not None and self.params.governance.flatten_at_session_end:
            events += self._booked(self.position.close(bar.ts_ns, bar.close, "end_of_day"))
        events.append(SessionEnded(session=self._record(day)))
        self._remember(day.context.window, day.bars)
        self._day = None
        return events

    def _remember(self, window: Window, bars: list[Bar]) -> None:
        """The session is history."""
        self._history.add(window.day, session_row(window.day, bars))
        self._past = PastSession(window=window, bars=bars)

    def finish(self) -> list[Event]:
        """The data is at its end: ends the session and closes what was kept overnight."""
        events = self.end_session()
        if self.position is not None and self._newest is not None:
            bar = self._newest
            events += self._booked(self.position.close(bar.ts_ns, bar.close, "end_of_data"))
        return events

    def _enter_session(self, window: Window, bar: Bar) -> list[Event]:
        newest = self._newest
        if newest is not None and bar.ts_ns <= newest.ts_ns:
            raise DataError(
                f"bar of {utc(bar.ts_ns):%Y-%m-%d %H:%M} UTC comes after that of "
                f"{utc(newest.ts_ns):%Y-%m-%d %H:%M}; sort the bars and keep one for each minute"
            )
        if self._day is not None and self._day.context.window.day == window.day:
            return []
        if self._past is not None and self._day is None and self._past.window.day == window.day:
            raise DataError(f"a bar of {window.day} comes after the session was ended")
        events = self.end_session()
        context = session_context(
            window, bar.open, self._history, self._past, self._clock, self.params
        )
        self._day = Day(context, self.params, self._check_window)
        self._governance.start_session()
        return events

    def _current(self) -> Day:
        assert self._day is not None
        return self._day

    def _fix_range(self, day: Day, bar: Bar) -> list[Event]:
        day.fix_range()
        return [RangeSet(ts_ns=bar.ts_ns, session=self._record(day))]

    def _step_stop(self, day: Day, bar: Bar) -> list[Event]:
        broken = day.broken(bar)
        if self.position is not None:
            events = _skips(bar, broken, "position open")
            events += self._managed(day, bar)
        else:
            events = self._enter_at_trigger(day, bar, broken)
        self._close_bar(day, bar, broken)
        return events

    def _enter_at_trigger(self, day: Day, bar: Bar, broken: list[Side]) -> list[Event]:
        before = day.snapshot if broken else None
        if before is None:
            return []
        events, taken = self._taken(day, bar, broken, before)
        refused = self._governance.refusal(bar.ts_ns, day.context.cutoff_ns)
        if refused is not None:
            return events + _skips(bar, taken, refused)
        if not taken or day.triggers is None:
            return events
        opened = [side for side in taken if reaches(side, bar.open, day.triggers[side])]
        chosen = opened[0] if opened else _preferred(taken, before)
        events += _skips(bar, [side for side in taken if side != chosen], "other side")
        price = bar.open if opened else day.triggers[chosen]
        return events + self._open(day, bar, chosen, price, before, intrabar=not opened)

    def _step_next_open(self, day: Day, bar: Bar) -> list[Event]:
        broken = day.broken(bar)
        events: list[Event] = []
        if self._ordered is not None:
            (side, decided), self._ordered = self._ordered, None
            refused = self._governance.refusal(bar.ts_ns, day.context.cutoff_ns)
            if refused is not None:
                events.append(_skipped(bar, side, refused))
            else:
                events += self._open(day, bar, side, bar.open, decided, intrabar=False)
        elif self.position is not None:
            events += self._managed(day, bar)
        chances = [side for side in broken if day.has_chance(side, bar)]
        self._close_bar(day, bar, broken)
        if self.position is not None:
            return events + _skips(bar, broken, "position open")
        events += _skips(bar, [side for side in broken if side not in chances], "later break")
        return events + self._order(day, bar, chances)

    def _order(self, day: Day, bar: Bar, chances: list[Side]) -> list[Event]:
        """A market order for the next bar, on the scores of this one, which is closed."""
        now = day.snapshot if chances else None
        if now is None:
            return []
        events = _skips(bar, [side for side in chances if not now.passed[side]], "score")
        taken = [side for side in chances if now.passed[side]]
        if not taken:
            return events
        chosen = _preferred(taken, now)
        self._ordered = chosen, now
        events += _skips(bar, [side for side in taken if side != chosen], "other side")
        return [*events, EntryOrdered(ts_ns=bar.ts_ns, side=chosen)]

    def _taken(
        self, day: Day, bar: Bar, broken: list[Side], scores: Snapshot
    ) -> tuple[list[Event], list[Side]]:
        late = [side for side in broken if not day.has_chance(side, bar)]
        weak = [side for side in broken if side not in late and not scores.passed[side]]
        events = _skips(bar, late, "later break") + _skips(bar, weak, "score")
        return events, [side for side in broken if side not in late and side not in weak]

    def _open(
        self, day: Day, bar: Bar, side: Side, price: float, scores: Snapshot, *, intrabar: bool
    ) -> list[Event]:
        """Fill an entry, and manage its bar."""
        found, instrument, trade = day.found, self.params.instrument, self.params.trade
        assert found is not None
        fill = price + SIGN[side] * trade.slippage_ticks * instrument.tick_size
        plan = planned(side, fill, found, day.context.atr, day.bars, self._equity, self.params)
        if not isinstance(plan, Plan):
            return [_skipped(bar, side, plan)]
        self._governance.filled()
        entry = Entry(
            ts_ns=bar.ts_ns,
            intrabar=intrabar,
            score=scores.score[side],
            required=scores.required,
            factors=scores.active[side],
            or_high=found.high,
            or_low=found.low,
            or_minutes=day.context.or_minutes,
            atr=day.context.atr,
        )
        self.position = Position(plan, entry, self.params)
        return [
            EntryFilled(
                ts_ns=bar.ts_ns,
                side=side,
                price=fill,
                gap_entry=not intrabar,
                stop=plan.stop,
                risk=plan.risk,
                targets=plan.targets,
                contracts=plan.contracts,
            ),
            *self._managed(day, bar),
        ]

    def _managed(self, day: Day, bar: Bar) -> list[Event]:
        assert self.position is not None
        return self._booked(self.position.manage(bar, day.context.atr))

    def _booked(self, events: list[Event]) -> list[Event]:
        """Events of the position; a trade that closed is counted."""
        booked = list(events)
        for event in events:
            if isinstance(event, TradeClosed):
                self.position = None
                self._equity += event.trade.pnl_dollars
                if self._governance.closed(event.trade):
                    reason = self._governance.lockout or ""
                    booked.append(Locked(ts_ns=event.trade.exit_ns, reason=reason))
        return booked

    def _close_bar(self, day: Day, bar: Bar, broken: list[Side]) -> None:
        for side in broken:
            day.breaks[side] += 1
        day.add(bar)

    def _record(self, day: Day) -> SessionRecord:
        context, found, governance = day.context, day.found, self._governance
        return SessionRecord(
            day=context.window.day,
            or_minutes=context.or_minutes,
            norm_vol=context.norm_vol,
            atr=context.atr,
            or_high=found.high if found else None,
            or_low=found.low if found else None,
            triggers=dict(day.triggers) if day.triggers else None,
            reason=day.reason,
            breaks=dict(day.breaks),
            signals=governance.signals,
            day_r=governance.day_r,
            lockout=governance.lockout,
            window_problems=day.problems,
        )


def _preferred(sides: list[Side], scores: Snapshot) -> Side:
    """The higher score; of equal ones the long side."""
    if len(sides) == 1:
        return sides[0]
    return "short" if above(scores.score["short"], scores.score["long"]) else "long"


def _skipped(bar: Bar, side: Side, reason: SkipReason) -> EntrySkipped:
    return EntrySkipped(ts_ns=bar.ts_ns, side=side, reason=reason)


def _skips(bar: Bar, sides: list[Side], reason: SkipReason) -> list[Event]:
    return [_skipped(bar, side, reason) for side in sides]
