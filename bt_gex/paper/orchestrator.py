"""Running a plan: every variant, each journaled when it is done, so that it can be gone on with.

The events of a plan stand in the journal of its workspace, with the plan's id as correlation id.
What a variant trades stays in a journal of its own in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from bt_gex.config.ids import canonical
from bt_gex.errors import UsageError
from bt_gex.journal.base import Journal
from bt_gex.ledger.amounts import text
from bt_gex.ledger.commands import ReportRun
from bt_gex.paper.bars_csv import CsvBars
from bt_gex.paper.broker import utc_now
from bt_gex.paper.generator import RunPlan, plain_spec
from bt_gex.paper.plan_runs import PlanRun, find_plan_run, interrupted
from bt_gex.paper.variant_run import (
    PlanSettings,
    Runner,
    VariantRun,
    run_variant,
    variant_facts,
)
from bt_gex.stats.objectives import rank
from bt_gex.trades.intent import Json

LEASE_S = 600.0  # a plan without an event for so long has lost its process
Progress = Callable[[int, int], None]
STEPS = {
    "success": "variant_completed", "failed": "variant_failed", "skipped": "variant_skipped",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """What a plan came to. repeated: how many variants had been done before and were not run."""

    run_plan_id: UUID
    workspace_id: UUID
    objective: str
    runs: tuple[VariantRun, ...]
    repeated: int = 0

    @property
    def best(self) -> VariantRun | None:
        """The best that succeeded: score, then return, then smaller drawdown, then id."""
        return best_of(self.runs)


def best_of(runs: Sequence[VariantRun]) -> VariantRun | None:
    """The best of the variants that succeeded, None without one."""
    done = [run for run in runs if run.metrics is not None]
    rows: list[Mapping[str, object]] = [
        {
            "variant_id": run.variant_id,
            "status": run.status,
            "score": run.objective_score,
            **asdict(run.metrics),
        }
        for run in done
        if run.metrics is not None
    ]
    return done[rank(rows)[0]] if rows else None


def plan_run_id(plan: RunPlan, data: CsvBars, settings: PlanSettings) -> UUID:
    """The id of a plan on that data: the same for the same of all three."""
    said = canonical([data.sha256, settings.eod, text(settings.starting_equity)])
    return uuid5(plan.run_plan_id, said)


@dataclass(frozen=True, kw_only=True)
class Orchestrator:
    """Runs plans and journals them; clock gives the instant of each event, aware."""

    journal: Journal
    settings: PlanSettings = field(default_factory=PlanSettings)
    runner: Runner | None = None
    clock: Callable[[], datetime] = utc_now

    def run(
        self,
        plan: RunPlan,
        data: CsvBars,
        *,
        resume: bool = False,
        progress: Progress | None = None,
        canceled: Callable[[], bool] = lambda: False,
    ) -> PlanResult:
        """Run every variant of a plan that has not been run on this data before.

        resume    go on with a plan whose process ended before it was done
        progress  told variants done, and of how many
        canceled  asked between variants; what is done stays

        A plan that is done is answered from the journal. Raises UsageError for one that was begun
        and is not done, without resume, unless nothing was heard of it for LEASE_S: another process
        may be at it.
        """
        report = Reporter(self.journal, plan, plan_run_id(plan, data, self.settings), self.clock)
        before = find_plan_run(self.journal, report.run_plan_id)
        done = dict(before.variants) if before else {}
        if before is None or before.status != "completed":
            if before and before.status == "running":
                self._take_over(report, before, resume)
            report.started(self._facts(plan, data))
            repeated = self._variants(plan, data, report, done, progress, canceled)
        else:
            repeated = len(done)
        runs = tuple(
            done[variant.variant_id] for variant in plan.variants if variant.variant_id in done
        )
        return PlanResult(
            run_plan_id=report.run_plan_id,
            workspace_id=plan.workspace_id,
            objective=plan.objective,
            runs=runs,
            repeated=repeated,
        )

    def _take_over(self, report: Reporter, before: PlanRun, resume: bool) -> None:
        if not resume and not interrupted(before, self.clock(), LEASE_S):
            raise UsageError(
                f"run plan {before.run_plan_id} was begun at {before.started_at:%Y-%m-%d %H:%M:%S} "
                f"UTC and is not done: {len(before.variants)} of {before.n_variants} variants; "
                "if no process is at it any more, go on with --resume"
            )
        report.ended("run_failed", before.variants.values(), {"error": "interrupted"})

    def _variants(
        self,
        plan: RunPlan,
        data: CsvBars,
        report: Reporter,
        done: dict[str, VariantRun],
        progress: Progress | None,
        canceled: Callable[[], bool],
    ) -> int:
        """Run what is not done, and end the plan; how many variants were done before."""
        repeated = len(done)
        try:
            for number, variant in enumerate(plan.variants):
                if progress:
                    progress(number, len(plan.variants))
                if variant.variant_id in done:
                    continue
                if canceled():
                    report.ended("run_canceled", done.values(), {})
                    return repeated
                report.step("variant_started", {"variant_id": variant.variant_id})
                run = run_variant(
                    plan.spec,
                    variant,
                    data.bars,
                    run_plan_id=report.run_plan_id,
                    objective=plan.objective,
                    settings=self.settings,
                    runner=self.runner,
                )
                report.step(
                    STEPS[run.status], variant_facts(run) | {"overrides": dict(variant.overrides)}
                )
                done[variant.variant_id] = run
        except KeyboardInterrupt:
            report.ended("run_canceled", done.values(), {})
            raise
        best = best_of(list(done.values()))
        facts: dict[str, Json] = {}
        if best:
            facts = {
                "best_variant_id": best.variant_id,
                "best_objective_score": best.objective_score,
            }
        report.ended("run_completed", done.values(), facts)
        return repeated

    def _facts(self, plan: RunPlan, data: CsvBars) -> dict[str, Json]:
        return {
            "n_variants": len(plan.variants),
            "objective": plan.objective,
            "dataset_ref": plan.dataset_ref,
            "dataset_sha256": data.sha256,
            "bar_count": len(data.bars),
            "eod": self.settings.eod,
            "starting_equity": text(self.settings.starting_equity),
            "base_spec": plain_spec(plan.spec),
            "variants": [
                {
                    "variant_id": variant.variant_id,
                    "label": variant.label,
                    "tags": list(variant.tags),
                    "overrides": dict(variant.overrides),
                }
                for variant in plan.variants
            ],
        }


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes what happens to one plan."""

    journal: Journal
    plan: RunPlan
    run_plan_id: UUID
    clock: Callable[[], datetime]

    def step(self, step: str, facts: Mapping[str, Json]) -> None:
        """Journal a step."""
        command = ReportRun(step=step, correlation_id=str(self.run_plan_id), facts=facts)
        self.journal.execute(self.plan.workspace_id, command, self.clock())

    def started(self, facts: Mapping[str, Json]) -> None:
        self.step("run_started", facts)

    def ended(self, step: str, runs: Iterable[VariantRun], facts: Mapping[str, Json]) -> None:
        """Journal the end, with how many variants came to what."""
        statuses = [run.status for run in runs]
        counts: dict[str, Json] = {
            "n_variants": len(self.plan.variants),
            "n_success": statuses.count("success"),
            "n_skipped": statuses.count("skipped"),
            "n_failed": statuses.count("failed"),
        }
        self.step(step, counts | dict(facts))
