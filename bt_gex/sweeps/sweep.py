"""A sweep: a plan of variants in, one table of their figures out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bt_gex.blackbox.recording import Recording
from bt_gex.errors import BadValue, OutputError
from bt_gex.results.result import versions
from bt_gex.storage.atomic import Writer, check_writable
from bt_gex.sweeps.assemble import assemble
from bt_gex.sweeps.cluster import Job, check_address, run_on_cluster
from bt_gex.sweeps.engines import ENGINES, Sessions, make_engine, prepare
from bt_gex.sweeps.optimizer import run_optstrategy
from bt_gex.sweeps.plan import Plan, Variant, check_runnable, variant_config
from bt_gex.sweeps.pool import Engine, can_fork, run_one, run_variants
from bt_gex.sweeps.result import SweepResult, write_plan
from bt_gex.sweeps.search import STUDY, search_variants
from bt_gex.sweeps.store import Outcome, OutcomeLog

Progress = Callable[[str, int, int], None]
OPTIMIZERS = ("pool", "cerebro")
CHUNK = {"backtrader": 1, "compiled": 25}  # variants handed to a worker at once


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """How a sweep is run; nothing here changes its results.

    engine     backtrader or compiled
    optimizer  pool: processes of our own; cerebro: backtrader's optstrategy
    workers    processes; None: one a core
    resume     go on where an earlier sweep of the same plan and data ended
    cluster    dask://HOST:PORT, or local, to run on Dask's workers instead
    cache      folder of the day cache, None: the user's; use_cache False: none
    """

    engine: str = "backtrader"
    optimizer: str = "pool"
    workers: int | None = None
    resume: bool = False
    cluster: str | None = None
    cache: str | Path | None = None
    use_cache: bool = True

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("engine", self.engine, ENGINES),
            ("optimizer", self.optimizer, OPTIMIZERS),
        ):
            if value not in allowed:
                raise BadValue(f"{name} must be {' or '.join(allowed)}, got {value!r}")
        if self.workers is not None and self.workers < 1:
            raise BadValue(f"workers must be a whole number from 1, got {self.workers}")
        if self.cluster is not None:
            check_address(self.cluster)
            if self.optimizer == "cerebro":
                raise BadValue("a cluster runs variants itself; leave out --optimizer cerebro")
        if self.optimizer == "cerebro" and self.engine != "backtrader":
            raise BadValue("optimizer cerebro is backtrader's own; it has no other engine")

    @property
    def processes(self) -> int:
        """Workers that will run."""
        return (self.workers or os.cpu_count() or 1) if can_fork() else 1


def run_sweep(
    database: str | Path,
    plan: Plan,
    out: str | Path = "sweeps",
    options: SweepOptions | None = None,
    progress: Progress | None = None,
    extras: Callable[[SweepResult], Mapping[str, Writer]] | None = None,
) -> SweepResult:
    """Run the variants of a plan that are not done yet, and write the sweep's folder.

    out       folder for the sweep's folder
    progress  called with what is being done, how much of it is done, and how much there is

    extras    what writes further files into the folder, by their name

    Each finished variant is stored at once. Raises OutputError when there is an unfinished sweep
    of the same plan and data and it is not to be resumed, or when nothing can be written.
    """
    how = options or SweepOptions()
    check_runnable(plan)
    check_writable(Path(out))
    with Recording(database, how.cache, how.use_cache, plan.base.naive_zone) as recording:
        recording.require_index(plan.base.index)
        sessions = Sessions(recording, plan.base)
        plan = plan.ranked_on(len(sessions.with_data().rows))
        data = sessions.fingerprint()
        source = {
            "database": Path(recording.name).name,
            "fingerprint": data,
            "versions": versions(),
        }
        name = plan.name_for(data)
        partial, finished = Path(out) / f"{name}.partial", Path(out) / name
        if how.resume and finished.exists() and not partial.exists():
            return SweepResult.load(finished)
        job = Job(
            str(recording.path.resolve() if recording.path else database),
            plan.base, how.engine, data, str(how.cache) if how.cache else None, how.use_cache,
        )  # fmt: skip
        plan, outcomes = _run_stored(plan, sessions, partial, how, job, progress)
        result = assemble(name, plan, source, outcomes, sessions)
        files = dict(extras(result)) if extras else {}
        if (partial / STUDY).exists():
            files[STUDY] = partial_copy(partial / STUDY)
        result = result.save(Path(out), files)
    shutil.rmtree(partial)
    return result


def _run_stored(
    plan: Plan,
    sessions: Sessions,
    partial: Path,
    how: SweepOptions,
    job: Job,
    progress: Progress | None,
) -> tuple[Plan, list[Outcome]]:
    """Run into the folder of a sweep under way, which is removed again if nothing came of it."""
    with OutcomeLog(partial) as outcome_log:
        if outcome_log.outcomes and not how.resume:
            raise OutputError(
                f"{partial} holds {len(outcome_log.outcomes)} of {len(plan.variants)} variants of "
                "this sweep; go on with --resume, or delete it to begin anew"
            )
        try:
            write_plan(partial, plan)
            return finish(plan, sessions, outcome_log, how, job, progress)
        except BaseException:
            if not outcome_log.outcomes:
                shutil.rmtree(partial, ignore_errors=True)
            raise


def partial_copy(file: Path) -> Writer:
    """What puts a file of a sweep under way into its finished folder."""

    def write(target: Path) -> None:
        shutil.copyfile(file, target)

    return write


def finish(
    plan: Plan,
    sessions: Sessions,
    outcome_log: OutcomeLog,
    how: SweepOptions,
    job: Job,
    progress: Progress | None = None,
) -> tuple[Plan, list[Outcome]]:
    """Run the variants missing in the outcome log; the plan with all of them, and outcomes."""
    engine = make_engine(how.engine, sessions)
    total = plan.search.trials + 1 if plan.search else len(plan.variants)

    def report(outcome: Outcome) -> None:
        outcome_log.add(outcome)
        if progress:
            progress("variants", len(outcome_log.outcomes), total)

    def run(variants: Sequence[Variant]) -> None:
        _run(engine, plan, variants, how, job, report)

    if plan.search:
        found = search_variants(plan, plan.search, outcome_log, run, outcome_log.path.parent)
        return found.plan, found.outcomes
    todo = [v for v in plan.variants if v.variant_id not in outcome_log.outcomes]
    if todo:
        run(todo)
    return plan, [outcome_log.outcomes[variant.variant_id] for variant in plan.variants]


def _run(
    engine: Engine,
    plan: Plan,
    variants: Sequence[Variant],
    how: SweepOptions,
    job: Job,
    report: Callable[[Outcome], None],
) -> None:
    chunk = CHUNK[how.engine]
    if how.cluster is not None:
        run_on_cluster(how.cluster, job, variants, how.processes, chunk, report)
        return
    prepare(engine, (variant_config(plan.base, variant) for variant in reading_apart(variants)))
    report(run_one(engine, plan.base, variants[0]))  # which loads here what most variants need
    if how.optimizer == "cerebro":
        run_optstrategy(engine, plan.base, variants[1:], how.processes, report)
        return
    for outcome in run_variants(engine, plan.base, variants[1:], how.processes, chunk):
        report(outcome)


def reading_apart(variants: Iterable[Variant]) -> Iterator[Variant]:
    """One valid variant for each combination of the settings that decide how rows are read."""
    seen: set[str] = set()
    for variant in variants:
        apart = repr(
            [
                (name, value)
                for name, value in variant.overrides.items()
                if name.startswith("data.") or name == "entry.use_competing_peaks"
            ]
        )
        if not variant.invalid and apart not in seen:
            seen.add(apart)
            yield variant
