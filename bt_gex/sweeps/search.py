"""Beyond the grid: let a sampler choose which variants are worth running."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bt_gex.errors import BadValue, EngineError
from bt_gex.sweeps.plan import Plan, Search, Variant, VariantMaker
from bt_gex.sweeps.store import Outcome, OutcomeLog

BATCH = 8  # variants asked for at once, whatever the number of workers: the same search on any
STUDY = "optuna.log"


@dataclass(frozen=True)
class Found:
    """A search that is done: its plan with every variant that was run, and their outcomes."""

    plan: Plan
    outcomes: list[Outcome]


def search_variants(
    plan: Plan,
    search: Search,
    outcome_log: OutcomeLog,
    run: Callable[[Sequence[Variant]], None],
    folder: Path,
) -> Found:
    """Run the baseline and then the trials of a search over the plan's grid.

    run     runs variants and puts their outcomes into the outcome log
    folder  keeps the study, as a file that Optuna's own tools read

    The same seed gives the same trials: a search that is taken up again asks for them anew and
    runs only those that the outcome log does not have. Raises EngineError without Optuna.
    """
    optuna = _optuna()
    if not plan.grid:
        raise BadValue("a search needs settings to vary; give them with --grid")
    maker = VariantMaker(plan.base, plan.grid)
    objective = plan.score
    variants = {plan.variants[0].variant_id: plan.variants[0]}
    _run_missing(list(variants.values()), outcome_log, run)
    study = _new_study(optuna, folder / STUDY)
    for batch, first in enumerate(range(0, search.trials, BATCH)):
        # A sampler of its own for each batch: what it draws depends on the seed and the trials
        # before, not on whether the search was interrupted.
        study.sampler = optuna.samplers.TPESampler(seed=search.seed + batch)
        trials = [study.ask() for _ in range(min(BATCH, search.trials - first))]
        asked = [_variant(maker, plan, trial) for trial in trials]
        new = {variant.variant_id: variant for variant in asked}
        _run_missing(list(new.values()), outcome_log, run)
        for trial, variant in zip(trials, asked, strict=True):
            outcome = outcome_log.outcomes[variant.variant_id]
            score = objective(outcome.metrics) if outcome.status == "success" else None
            if score is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, score)
            variants.setdefault(variant.variant_id, variant)
    everything = tuple(variants.values())
    tried = replace(plan, variants=everything, duplicates=search.trials + 1 - len(everything))
    return Found(tried, [outcome_log.outcomes[v.variant_id] for v in everything])


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise EngineError("--search optuna needs Optuna; install bt-gex[search]") from error
    optuna.logging.set_verbosity(logging.WARNING)
    return optuna


def _new_study(optuna: Any, path: Path) -> Any:
    path.unlink(missing_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.create_study(direction="maximize", storage=storage, study_name="bt-gex")


def _variant(maker: VariantMaker, plan: Plan, trial: Any) -> Variant:
    settings: dict[str, object] = {}
    for name, values in plan.grid.items():
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) == len(values):
            ordered = sorted(numbers)  # a scale, not mere labels: the sampler may know it
            settings[name] = ordered[trial.suggest_int(name, 0, len(values) - 1)]
        else:
            settings[name] = values[trial.suggest_categorical(name, list(range(len(values))))]
    return maker.make(settings, "search", maker.label(settings))


def _run_missing(
    variants: Sequence[Variant], outcome_log: OutcomeLog, run: Callable[[Sequence[Variant]], None]
) -> None:
    todo = [variant for variant in variants if variant.variant_id not in outcome_log.outcomes]
    if todo:
        run(todo)
