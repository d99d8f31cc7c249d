"""One variant of a run plan over bars: runner → policy → broker → journal, bar by bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID, uuid5

from bt_gex.errors import BadValue
from bt_gex.journal.memory import MemoryJournal
from bt_gex.ledger.amounts import amount
from bt_gex.market.calendar import NEW_YORK
from bt_gex.paper.answers import PaperState
from bt_gex.paper.broker import PaperBroker
from bt_gex.paper.generator import PlanVariant, spec_of, variant_workspace
from bt_gex.paper.runner import StrategyRunner
from bt_gex.paper.specs import ExecutionSpec, MarketSnapshot, OHLCVBar, StrategyEvaluation
from bt_gex.rules.breakout import BreakoutParams, first_evaluation, session_ends
from bt_gex.stats.metrics import max_drawdown_pct, sharpe
from bt_gex.stats.objectives import find_objective
from bt_gex.trades.intent import Intent, IntentAction, Json

Status = Literal["success", "skipped", "failed"]
UNDEFINED = -999.0  # score of a variant whose objective has no value


class Runner(Protocol):
    """Anything that evaluates a specification."""

    def evaluate(
        self, spec: ExecutionSpec, snapshot: MarketSnapshot, state: PaperState
    ) -> StrategyEvaluation: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How variants are run.

    starting_equity  dollars
    eod              which bars end a session: the last of each session date (daily bars all do),
                     or only the last of the data
    """

    starting_equity: Decimal = Decimal(10_000)
    eod: Literal["session", "last_bar"] = "session"

    def __post_init__(self) -> None:
        if amount(self.starting_equity, "starting_equity") <= 0:
            raise BadValue(f"starting_equity must be above 0, got {self.starting_equity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantMetrics:
    """Figures of the closed trades of one variant.

    sharpe        of the account's step returns after each trade, not annualised; None below two
                  trades and without deviation
    win_rate      fraction; gross_loss: 0 or negative; profit_factor: None without a loss
    """

    sharpe: float | None
    return_pct: float
    max_drawdown_pct: float
    trade_count: int
    win_rate: float
    ending_equity: float
    gross_profit: float
    gross_loss: float
    profit_factor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRun:
    """What became of a variant.

    objective_score  UNDEFINED where the objective has no value; None unless it succeeded
    events_recorded  events of its own journal
    """

    variant_id: str
    label: str
    status: Status
    metrics: VariantMetrics | None = None
    objective_score: float | None = None
    error: str | None = None
    skip_reason: str | None = None
    events_recorded: int = 0


def metrics_of(starting_equity: Decimal, pnls: Sequence[Decimal]) -> VariantMetrics:
    """The figures of trades by their P&L in dollars, in order of closing."""
    equity = [starting_equity]
    for pnl in pnls:
        equity.append(equity[-1] + pnl)
    curve = [float(value) for value in equity]
    profit = float(sum(pnl for pnl in pnls if pnl > 0))
    loss = float(sum(pnl for pnl in pnls if pnl < 0))
    return VariantMetrics(
        sharpe=sharpe(curve),
        return_pct=float(100 * (equity[-1] - starting_equity) / starting_equity),
        max_drawdown_pct=max_drawdown_pct(curve),
        trade_count=len(pnls),
        win_rate=sum(pnl > 0 for pnl in pnls) / len(pnls) if pnls else 0.0,
        ending_equity=curve[-1],
        gross_profit=profit,
        gross_loss=loss,
        profit_factor=profit / -loss if loss else None,
    )


def score_of(objective: str, metrics: VariantMetrics) -> float:
    """The objective's value; UNDEFINED where it has none."""
    score = find_objective(objective)(asdict(metrics))
    return UNDEFINED if score is None else score


def run_variant(
    spec: ExecutionSpec,
    variant: PlanVariant,
    bars: Sequence[OHLCVBar],
    *,
    run_plan_id: UUID,
    objective: str,
    settings: PlanSettings,
    runner: Runner | None = None,
) -> VariantRun:
    """Run one variant on its first symbol; fills at the close of the bar that gave the signal.

    A variant that is not allowed is skipped, one that raises has failed; both say why.
    """
    try:
        own = spec_of(spec, variant)
    except BadValue as error:
        reason = f"invalid_params: {error}"
        return VariantRun(
            variant_id=variant.variant_id, label=variant.label, status="skipped", skip_reason=reason
        )
    workspace = variant_workspace(run_plan_id, variant.variant_id)
    desk = VariantDesk(own.model_copy(update={"workspace_id": workspace}), settings)
    try:
        desk.run(bars, runner or StrategyRunner())
        metrics = metrics_of(settings.starting_equity, desk.pnls)
        score = score_of(objective, metrics)
    except Exception as error:
        return VariantRun(
            variant_id=variant.variant_id,
            label=variant.label,
            status="failed",
            error=f"{type(error).__name__}: {error}",
        )
    return VariantRun(
        variant_id=variant.variant_id,
        label=variant.label,
        status="success",
        metrics=metrics,
        objective_score=score,
        events_recorded=desk.journal.state(workspace).seq,
    )


class VariantDesk:
    """The account of one variant, and its broker, whose clock is the bar's."""

    def __init__(self, spec: ExecutionSpec, settings: PlanSettings) -> None:
        self.spec, self.settings = spec, settings
        self.journal = MemoryJournal(starting_equity=settings.starting_equity)
        self.pnls: list[Decimal] = []
        self._now: datetime | None = None
        self.broker = PaperBroker(journal=self.journal, require_cash=True, clock=self._clock)
        self._state = self.broker.state(spec.workspace_id)

    def run(self, bars: Sequence[OHLCVBar], runner: Runner) -> None:
        """Evaluate from the first bar with a full look-back on; what is open at the end closes."""
        spec = self.spec
        params = BreakoutParams(lookback_days=spec.entry.lookback_days, eod=self.settings.eod)
        ends = session_ends(session_dates(bars), params)
        for row in range(first_evaluation(params), len(bars)):
            bar = bars[row]
            snapshot = MarketSnapshot(
                symbol=spec.symbols[0],
                ts=bar.ts,
                timeframe=spec.timeframe,
                bars=bars[max(0, row - max(spec.entry.lookback_days, 1)) : row + 1],
                is_eod=ends[row],
            )
            for intent in runner.evaluate(spec, snapshot, self._state).intents:
                self._send(intent, bar)
        for intent in self._closing(bars[-1]):
            self._send(intent, bars[-1])

    def _send(self, intent: Intent, bar: OHLCVBar) -> None:
        self._now = bar.ts
        before = self._realized
        result = self.broker.execute(intent, bar.close)
        if not result.success:
            return
        if result.position_action == "closed":
            self.pnls.append(self._realized - before)
        self._state = self.broker.state(self.spec.workspace_id)

    def _closing(self, last: OHLCVBar) -> Iterator[Intent]:
        """Closes of what is still held at the end of the data."""
        for symbol, position in self._state.positions.items():
            if position.quantity > 0:
                yield Intent(
                    id=uuid5(self.spec.workspace_id, f"end_of_data|{symbol}"),
                    correlation_id="end_of_data",
                    workspace_id=self.spec.workspace_id,
                    action=IntentAction.CLOSE_LONG,
                    strategy_entity_id=self.spec.instance_id,
                    symbol=symbol,
                    timeframe=self.spec.timeframe,
                    created_at=last.ts,
                    reason="end_of_data",
                )

    @property
    def _realized(self) -> Decimal:
        return self.journal.state(self.spec.workspace_id).book.realized_pnl

    def _clock(self) -> datetime:
        assert self._now is not None
        return self._now


def session_dates(bars: Sequence[OHLCVBar]) -> list[date]:
    """The New York date of each bar; where all stamps are midnights UTC they are daily bars and
    name their own."""
    stamps = [bar.ts.astimezone(UTC) for bar in bars]
    if all(stamp.time() == time() for stamp in stamps):
        return [stamp.date() for stamp in stamps]
    return [stamp.astimezone(NEW_YORK).date() for stamp in stamps]


def variant_facts(run: VariantRun) -> dict[str, Json]:
    """What is journaled about a variant that is done."""
    facts: Mapping[str, Json] = {
        "variant_id": run.variant_id,
        "label": run.label,
        "metrics": asdict(run.metrics) if run.metrics else None,
        "score": run.objective_score,
        "error": run.error,
        "skip_reason": run.skip_reason,
        "events_recorded": run.events_recorded,
    }
    return {name: value for name, value in facts.items() if value is not None}
