"""Why a check made no trade and why a trade ended: each text exists once, here."""

from __future__ import annotations

from enum import StrEnum


class SkipKind(StrEnum):
    """Kinds of skips, to count by; the reason of a decision is the exact text."""

    NO_INDEX_PRICE = "no index price"
    NO_VIX = "no vix"
    NO_PEAK = "no gex peak"
    VIX_TOO_HIGH = "vix too high"
    TOO_FAR = "too far from pin"
    ZERO_WIDTH = "zero-width spread"
    MAX_OPEN = "max open positions"
    NO_QUOTE = "no quote"
    AGES_APART = "leg ages apart"
    CONTRADICTORY = "contradictory quotes"
    CREDIT_NOT_POSITIVE = "credit not positive"
    CREDIT_NOT_BELOW_WIDTH = "credit not below width"
    CREDIT_BELOW_MINIMUM = "credit below minimum"
    MARGIN = "margin"
    SIZE_ZERO = "size zero"
    SESSION_OVER = "session over"
    POLICY = "policy"
    HALTED = "halted"
    DOWN_TIME = "down-time"

    def reason(self, detail: str = "") -> str:
        """The text of a skip of this kind."""
        return f"{self.value}: {detail}" if detail else self.value


class ExitReason(StrEnum):
    """Why a trade ended; a user's strategy may give other texts."""

    PROFIT_TARGET = "Profit Target"
    EMERGENCY_STOP = "Emergency Stop"
    STOP_LOSS = "Stop Loss"
    END_OF_DAY = "End of Day Auto-Close"
    SETTLEMENT = "Expiration Settlement"
    UNRESOLVED = "Unresolved"


STOPS = frozenset({ExitReason.STOP_LOSS, ExitReason.EMERGENCY_STOP})
MISSING_DATA = (
    SkipKind.NO_INDEX_PRICE,
    SkipKind.NO_VIX,
    SkipKind.NO_PEAK,
    SkipKind.NO_QUOTE,
    SkipKind.AGES_APART,
    SkipKind.CONTRADICTORY,
)
NO_SETUP = (
    SkipKind.NO_INDEX_PRICE,
    SkipKind.NO_VIX,
    SkipKind.NO_PEAK,
    SkipKind.VIX_TOO_HIGH,
    SkipKind.TOO_FAR,
)  # a check that came to no setup


class TradeFlag(StrEnum):
    """What is odd about a trade."""

    UNPRICED_BARS = "unpriced_bars"
    CLAMPED_VALUE = "clamped_value"
    CLAMPED_EXIT = "clamped_exit"
    PARITY_SETTLEMENT = "parity_settlement"
    STALE_SETTLEMENT = "stale_settlement"
    UNRESOLVED = "unresolved"
