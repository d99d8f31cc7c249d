"""One session as it grows: its bars, opening range, scores and breaks."""

from __future__ import annotations

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.context import SessionContext
from bt_gex.rules.opening_range.params import OpeningRangeParams
from bt_gex.rules.opening_range.prices import SIDES, Side, best_of, beyond, opposite, reaches
from bt_gex.rules.opening_range.range import (
    NoTrade,
    OpeningRange,
    no_trade_reason,
    triggers,
    window_problems,
)
from bt_gex.rules.opening_range.scoring import Scorer, Snapshot
from bt_gex.rules.opening_range.session import MINUTE_NS


class Day:
    """State of one session. All of it is of bars that were added."""

    def __init__(
        self, context: SessionContext, params: OpeningRangeParams, check_window: bool
    ) -> None:
        self.context = context
        self.bars: list[Bar] = []
        self.found: OpeningRange | None = None
        self.triggers: dict[Side, float] | None = None
        self.reason: NoTrade | None = None
        self.is_final = False
        self.breaks: dict[Side, int] = {"long": 0, "short": 0}
        self.problems: tuple[str, ...] = ()
        self._params, self._check_window = params, check_window
        self._scorer = Scorer(context.prior, context.or_end_ns, params.factors, params.scoring)

    @property
    def snapshot(self) -> Snapshot | None:
        """Factors and scores at the last bar's close; None before the first."""
        return self._scorer.snapshot(self.bars, self.found) if self.bars else None

    def is_after_range(self, bar: Bar) -> bool:
        """The bar starts at or after the end of the opening range."""
        return bar.ts_ns >= self.context.or_end_ns

    def fix_range(self) -> None:
        """The opening range is final: there are no more bars in its window."""
        context, params = self.context, self._params
        if self._check_window:
            start = context.window.start_ns
            self.problems = tuple(window_problems(self.bars, start, context.or_minutes))
        self.reason = no_trade_reason(self.found, context.atr, params, len(self.problems))
        if self.found is not None:
            tick = params.instrument.tick_size
            self.triggers = triggers(self.found, context.atr, params.buffers, tick)
        self.is_final = True

    def broken(self, bar: Bar) -> list[Side]:
        """Sides whose trigger this bar, not added yet, crosses from the last close."""
        if self.triggers is None or self.reason is not None or not self.bars:
            return []
        if not self.is_after_range(bar):
            return []
        return [side for side in SIDES if self._crosses(side, bar, self.triggers[side])]

    def _crosses(self, side: Side, bar: Bar, trigger: float) -> bool:
        inside = beyond(opposite(side), self.bars[-1].close, trigger)
        return inside and reaches(side, best_of(side, bar), trigger)

    def has_chance(self, side: Side, bar: Bar) -> bool:
        """The side's first break of the session, or one early enough after the range's end."""
        window_ns = self._params.governance.second_chance_minutes * MINUTE_NS
        return self.breaks[side] == 0 or bar.ts_ns < self.context.or_end_ns + window_ns

    def add(self, bar: Bar) -> None:
        """Take the bar as closed."""
        self.bars.append(bar)
        if not self.is_final and not self.is_after_range(bar):
            known = self.found or OpeningRange(high=bar.high, low=bar.low)
            self.found = OpeningRange(
                high=max(known.high, bar.high), low=min(known.low, bar.low)
            )  # fmt: skip
        self._scorer.add(bar)
