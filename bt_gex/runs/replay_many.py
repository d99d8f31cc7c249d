"""Many replays of one recording, side by side: a grid of parameters, several processes."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bt_gex.errors import BadValue, BtGexError, EngineError
from bt_gex.recordings.columns import parameters_sha256
from bt_gex.recordings.figures import positions_of_json
from bt_gex.recordings.records import RecordedReplay
from bt_gex.recordings.values import plain_json
from bt_gex.runs.outcome import outcome_of
from bt_gex.runs.recorded_run import RecordedMarket
from bt_gex.runs.replayable import Resolved
from bt_gex.runs.session_replayer import (
    SessionReplayer,
    finished,
    new_replay,
    result_of,
)
from bt_gex.trades.codec import Json

MOST_VARIANTS = 100_000
Variant = dict[str, Json]
Progress = Callable[[int, int], None]


def variants_of(
    variants: Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]],
) -> list[Variant]:
    """Sets of parameters: of a grid {name: values} every combination, the last name fastest.

    Raises BadValue for none, and for too many.
    """
    if isinstance(variants, Mapping):
        names = list(variants)
        rows = itertools.islice(itertools.product(*variants.values()), MOST_VARIANTS + 1)
        found: list[Variant] = [
            {n: plain_json(v) for n, v in zip(names, row, strict=True)} for row in rows
        ]
    else:
        found = [{n: plain_json(v) for n, v in one.items()} for one in variants]
    if not found or len(found) > MOST_VARIANTS:
        raise BadValue(f"a sweep has 1 to {MOST_VARIANTS:,} sets of parameters")
    return found


@dataclass(frozen=True, slots=True)
class Job:
    """A set of parameters to be run, or why it cannot be."""

    number: int
    row: RecordedReplay
    resolved: Resolved | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job."""

    number: int
    row: RecordedReplay
    result: dict[str, Any]


def replay_many(
    db: object,
    recording_id: str,
    variants: Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]],
    *,
    strategy: object = None,
    workers: int = 1,
    save: bool = True,
    resume: bool = True,
    progress: Progress | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Replay a recording once for each set of parameters; results in the order of the sets.

    variants  a grid, {name: values}, or the sets one by one
    strategy  as of `SessionReplayer.replay`; `options` are those of SessionReplayer
    workers   processes; the bars are read once and shared. The results are the same
    resume    take a stored replay of the same bars, strategy and parameters instead of running it

    A set that cannot be run is a result with status failed and its `error`, and no other is lost.
    Equal sets run once.
    """
    replayer = SessionReplayer(db, recording_id, save=save, **options)
    market, chosen = replayer.market(), replayer.strategy(strategy)
    sets = variants_of(variants)
    jobs: dict[str, Job] = {}
    keys: list[str] = []
    for modified in sets:
        job = _job(replayer, chosen, modified, len(jobs))
        parameters = job.row.parameters if job.resolved else {"invalid": dict(modified)}
        key = parameters_sha256([chosen.name, plain_json(parameters)])
        jobs.setdefault(key, job)
        keys.append(key)
    known = _stored(replayer, market, chosen.name) if resume and save else {}
    found = {key: known[key] for key in jobs if key in known}
    waiting = {job.number: key for key, job in jobs.items() if key not in found}
    for count, done in enumerate(_run(market, [jobs[k] for k in waiting.values()], workers)):
        found[waiting[done.number]] = done.result
        if save:
            replayer.store.save_replay(done.row)
        if progress:
            progress(count + 1, len(waiting))
    return [
        {**found[key], "modified_parameters": modified}
        for key, modified in zip(keys, sets, strict=True)
    ]


def _job(replayer: SessionReplayer, chosen: Any, modified: Variant, number: int) -> Job:
    try:
        resolved = replayer.resolve(chosen, modified)
        error = None
    except BtGexError as refused:
        resolved, error = None, str(refused)
    row = new_replay(replayer.recording_id, chosen.name, modified, resolved, None)
    return Job(number, row, resolved, error)


def _stored(
    replayer: SessionReplayer, market: RecordedMarket, strategy: str
) -> dict[str, dict[str, object]]:
    """Results of completed replays of the same bars by the same code, by strategy and parameters;
    the newest of each."""
    version = new_replay("", strategy, {}, None, None).code_version
    found: dict[str, dict[str, object]] = {}
    for row in replayer.store.replays(replayer.recording_id):
        about = row.comparison_data or {}
        same = about.get("market_sha256") == market.sha256 and row.code_version == version
        if row.status == "completed" and same and row.strategy_name == strategy:
            key = parameters_sha256([strategy, dict(row.parameters or {})])
            found.setdefault(key, result_of_row(row, market))
    return found


def result_of_row(row: RecordedReplay, market: RecordedMarket) -> dict[str, object]:
    """A stored replay as its result was."""
    names = ("total_trades", "winning_trades", "losing_trades", "win_rate", "total_pnl",
             "max_drawdown", "sharpe_ratio")  # fmt: skip
    return {
        "replay_id": row.replay_id,
        "recording_id": row.recording_id,
        "status": row.status,
        "modified_parameters": dict(row.modified_parameters),
        **{name: getattr(row, name) for name in names},
        "comparison": dict(row.comparison_data or {}),
        "positions": positions_of_json(row.replay_events or []),
        "incomplete": market.incomplete,
        "warnings": [],
    }


class _Shared:
    """What a forked worker inherits."""

    market: RecordedMarket
    jobs: Sequence[Job]


def _run(market: RecordedMarket, jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Jobs in their order."""
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    if workers <= 1 or len(jobs) <= 1 or not can_fork:
        yield from (run_job(market, job) for job in jobs)
        return
    _Shared.market, _Shared.jobs = market, jobs
    gc.freeze()  # or each worker's first collection copies all pages it shares with us
    context = multiprocessing.get_context("fork")
    executor = ProcessPoolExecutor(min(workers, len(jobs)), context, _ignore_interrupt)
    try:
        yield from executor.map(_run_shared, range(len(jobs)))
    except BrokenProcessPool as error:
        raise EngineError(
            "a worker process has died, perhaps for lack of memory; what was finished is "
            "stored: start it again to go on, with fewer workers"
        ) from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C


def _run_shared(place: int) -> Done:
    return run_job(_Shared.market, _Shared.jobs[place])


def run_job(market: RecordedMarket, job: Job) -> Done:
    """Run one set of parameters; an error is its result, not the end of the others."""
    began = time.perf_counter()
    error = job.error
    if job.resolved is not None:
        try:
            outcome = outcome_of(market, job.resolved)
            result = result_of(market, job.row, outcome)
            seconds = time.perf_counter() - began
            return Done(job.number, finished(job.row, result, outcome.events, seconds), result)
        except Exception as failure:  # of a user's strategy; its row says so
            error = f"{type(failure).__name__}: {failure}".splitlines()[0]
    seconds = time.perf_counter() - began
    row = replace(
        job.row, status="failed", error=error, wall_seconds=seconds, updated_at=datetime.now(UTC)
    )
    result = {
        "replay_id": row.replay_id,
        "recording_id": row.recording_id,
        "status": "failed",
        "error": error,
    }
    return Done(job.number, row, result)
