"""What a sweep and a walk-forward say of themselves.

Field names are the names of the stored keys. Money is dollars, rates are fractions, None is not
known. Records are read by `trades.codec`: a field that comes later needs a default, so that what is
stored stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bt_gex.stats.overfitting import Overfitting
from bt_gex.trades.records import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class InShort:
    """A variant as the summary names it."""

    __pydantic_config__: ClassVar = STRICT

    variant_id: str
    label: str
    score: float | None
    total_pnl: float
    total_trades: int
    max_drawdown_mtm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """How many variants there were, and how the best stands beside the others.

    success       variants that were run to the end; folded: those of them with the trades of an
                  earlier one, which count once in ranks, averages and odds
    profitable    of those that count
    same_as_best  further variants that made the same of everything
    assumed       swept settings that a trader does not choose: fills and ages of data
    comparable    variants that assume what the best does
    different     those of them with figures of their own
    session_sharpe_variance  of the Sharpe ratios a session of the comparable variants
    edges         best value of each setting where it is the smallest or largest tried
    """

    __pydantic_config__: ClassVar = STRICT

    objective: str
    sessions: int
    sessions_with_data: int
    variants: int
    success: int
    skipped: int
    failed: int
    duplicates: int
    cut: int
    best: InShort | None
    baseline: InShort | None
    average_score: float | None
    median_score: float | None
    without_score: int
    average_total_pnl: float | None
    profitable: int
    same_as_best: int
    assumed: tuple[str, ...]
    comparable: int
    different: int
    session_sharpe_variance: float | None
    overfitting: Overfitting | None
    edges: Mapping[str, object]
    folded: int = 0
    median_total_pnl: float | None = None

    @property
    def ranked(self) -> int:
        """Variants that succeeded, those with the same trades counted once."""
        return self.success - self.folded

    @property
    def best_is_baseline(self) -> bool:
        """Whether nothing beat the configuration as it was."""
        return (
            self.best is not None
            and self.baseline is not None
            and self.best.variant_id == self.baseline.variant_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """One window of a walk-forward: its dates, the winner, and what was made on the test sessions.

    variant_id           of the winner; None: no variant could be run
    average_variant_pnl  of all variants on the test sessions
    """

    __pydantic_config__: ClassVar = STRICT

    train_start: str
    train_end: str
    test_start: str
    test_end: str
    train_sessions: int
    test_sessions: int
    variant_id: str | None
    label: str
    settings: Mapping[str, object]
    in_sample_pnl: float | None
    out_of_sample_pnl: float | None
    out_of_sample_trades: int
    average_variant_pnl: float | None
    baseline_pnl: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Favourite:
    """The value of a setting that was picked most often, in what share of the windows, and how many
    values were picked at all."""

    __pydantic_config__: ClassVar = STRICT

    value: object
    share: float
    distinct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the windows say together; of those in which a variant could be picked.

    efficiency  profit a session out of sample over that in sample; None where in sample none was
                made
    winners     different variants that were picked
    """

    __pydantic_config__: ClassVar = STRICT

    in_sample_a_session: float | None
    out_of_sample_a_session: float | None
    efficiency: float | None
    profitable_windows: int
    average_variant_pnl: float
    beat_average_windows: int
    baseline_pnl: float
    winners: int
    stability: Mapping[str, Favourite]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardSummary(Judgement):
    """The window settings of a walk-forward, its judgement, and the statistics of all its trades.

    train, test, embargo  sessions
    """

    __pydantic_config__: ClassVar = STRICT

    objective: str
    variants: int
    train: int
    test: int
    anchored: bool
    embargo: int
    windows: int
    out_of_sample: Mapping[str, Any]
