"""When a symbol trades no more in a session."""

from __future__ import annotations

from bt_gex.rules.opening_range.params import GovernanceParams
from bt_gex.rules.opening_range.prices import TOLERANCE, at_least
from bt_gex.rules.opening_range.records import RangeTrade, SkipReason

DAILY_LOSS_CAP = "daily loss cap"


class Governance:
    """Signals, closed R and losses of one symbol."""

    def __init__(self, params: GovernanceParams) -> None:
        self._params = params
        self.signals = 0
        self.day_r = 0.0
        self.losses = 0
        self.lockout: str | None = None

    def start_session(self) -> None:
        """All counts anew; the losses in a row only unless they are carried."""
        self.signals, self.day_r, self.lockout = 0, 0.0, None
        if not self._params.carry_losses:
            self.losses = 0

    def refusal(self, ts_ns: int, cutoff_ns: int | None) -> SkipReason | None:
        """Why nothing may be filled at this bar."""
        if self.lockout is not None:
            return "locked"
        if self.signals >= self._params.max_signals_per_day:
            return "signal limit"
        return "cutoff" if cutoff_ns is not None and ts_ns >= cutoff_ns else None

    def filled(self) -> None:
        """Count a signal."""
        self.signals += 1

    def closed(self, trade: RangeTrade) -> bool:
        """Count a closed trade; whether it locked the session.

        A win ends the row of losses; only a full stop prolongs it: one fill, at the first stop,
        at a loss.
        """
        was_locked = self.lockout is not None
        self.day_r += trade.realized_r
        if trade.realized_r > TOLERANCE:
            self.losses = 0
        elif is_full_stop(trade):
            self.losses += 1
            if self.losses >= self._params.lockout_after_losses:
                self.lockout = f"consecutive losses: {self.losses}"
        cap = self._params.max_daily_loss_r
        if cap is not None and at_least(-cap, self.day_r):
            self.lockout = DAILY_LOSS_CAP
        return self.lockout is not None and not was_locked


def is_full_stop(trade: RangeTrade) -> bool:
    """Stopped out whole at the first stop, at a loss."""
    whole = len(trade.fills) == 1 and trade.fills[0].reason == "stop"
    return whole and trade.realized_r < -TOLERANCE
