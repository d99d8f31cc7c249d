"""Variants over loaded sessions, in this process or in forked ones that share what is loaded."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BtGexError, EngineError
from bt_gex.sweeps.plan import Variant, variant_config
from bt_gex.sweeps.store import Outcome

AHEAD = 4  # chunks handed out a worker: enough to keep it busy, few to take back


class Engine(Protocol):
    """Runs configurations over sessions it knows."""

    def metrics(self, config: RunConfig) -> dict[str, Any]:
        """Figures of one configuration."""
        ...


def run_variants(
    engine: Engine,
    base: RunConfig,
    variants: Sequence[Variant],
    workers: int,
    chunk: int,
) -> Iterator[Outcome]:
    """Outcomes as they come; with one worker in the order of the variants.

    chunk  variants handed to a worker at once

    A variant whose configuration is invalid is skipped, one that fails keeps its error and the
    others go on. Raises EngineError when a worker dies.
    """
    if workers == 1 or len(variants) <= 1:
        for variant in variants:
            yield run_one(engine, base, variant)
        return
    _Work.engine, _Work.base = engine, base
    chunks = [variants[n : n + chunk] for n in range(0, len(variants), chunk)]
    gc.freeze()  # or each worker's first collection copies all pages it shares with us
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _ignore_interrupt)
    try:
        yield from _collected(executor, chunks, workers * AHEAD)
    except BrokenProcessPool as error:
        raise EngineError(
            "a worker process has died, perhaps for lack of memory; what was finished is "
            "stored: go on with --resume, and fewer --workers"
        ) from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()


def _collected(
    executor: ProcessPoolExecutor, chunks: Sequence[Sequence[Variant]], ahead: int
) -> Iterator[Outcome]:
    waiting: set[Future[list[Outcome]]] = set()
    left = iter(chunks)
    while True:
        for part in left:
            waiting.add(executor.submit(_run_chunk, part))
            if len(waiting) >= ahead:
                break
        if not waiting:
            return
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield from future.result()


class _Work:
    """What a forked worker inherits."""

    engine: Engine
    base: RunConfig


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer


def _run_chunk(variants: Sequence[Variant]) -> list[Outcome]:
    return [run_one(_Work.engine, _Work.base, variant) for variant in variants]


def run_one(engine: Engine, base: RunConfig, variant: Variant) -> Outcome:
    """The outcome of one variant, whatever it is."""
    if variant.invalid:
        return Outcome(variant_id=variant.variant_id, status="skipped", reason=variant.invalid)
    return guarded(variant.variant_id, lambda: engine.metrics(variant_config(base, variant)))


def guarded(variant_id: str, metrics: Callable[[], dict[str, object]]) -> Outcome:
    """Metrics as an outcome; an error is the outcome of this variant, not the end of the others."""
    try:
        return Outcome(variant_id=variant_id, status="success", metrics=metrics())
    except BtGexError as error:
        return Outcome(variant_id=variant_id, status="failed", reason=str(error))
    except Exception as error:  # a fault of one variant's, and its record says so
        text = f"{type(error).__name__}: {error}"
        return Outcome(variant_id=variant_id, status="failed", reason=text)


def can_fork() -> bool:
    """Whether workers can share what is loaded."""
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
