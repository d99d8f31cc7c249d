"""Run plans in processes of their own, so that requests are answered while they run."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from fastapi import HTTPException

from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.bars_csv import CsvBars
from bt_gex.paper.generator import RunPlan
from bt_gex.paper.orchestrator import Orchestrator, PlanResult, plan_run_id
from bt_gex.paper.variant_run import PlanSettings
from bt_gex.web.problems import business_error

AT_ONCE = 2
RETRY_S = "10"


def run_plan(url: str, plan: RunPlan, bars: CsvBars, settings: PlanSettings) -> PlanResult:
    """Run a plan; what the process of a plan does. A plan that was cut off is gone on with."""
    journal = SqlJournal(url)
    try:
        return Orchestrator(journal=journal, settings=settings).run(plan, bars, resume=True)
    finally:
        journal.close()


@dataclass(frozen=True)
class PlanJob:
    """A plan that is being run."""

    run_plan_id: UUID
    future: Future[PlanResult]

    def result(self) -> PlanResult:
        """Wait for it. Raises HTTPException 500 EXECUTION_ERROR when it failed."""
        try:
            return self.future.result()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise business_error(500, "EXECUTION_ERROR", text) from error


class PlanJobs:
    """At most AT_ONCE plans; one that is being run is not begun a second time."""

    def __init__(self, starting_equity: Decimal) -> None:
        self.settings = PlanSettings(starting_equity=starting_equity)
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[UUID, Future[PlanResult]] = {}
        self._lock = threading.Lock()

    def start(self, url: str, plan: RunPlan, bars: CsvBars) -> PlanJob:
        """Begin a plan, or join it where it is being run already. 429 when too many are."""
        name = plan_run_id(plan, bars, self.settings)
        with self._lock:
            self._running = {k: one for k, one in self._running.items() if not one.done()}
            if name not in self._running:
                if len(self._running) >= AT_ONCE:
                    headers = {"Retry-After": RETRY_S}
                    raise HTTPException(429, f"{AT_ONCE} run plans are being run", headers=headers)
                self._running[name] = self._submit(url, plan, bars)
            return PlanJob(name, self._running[name])

    def _submit(self, url: str, plan: RunPlan, bars: CsvBars) -> Future[PlanResult]:
        try:
            return self._executor().submit(run_plan, url, plan, bars, self.settings)
        except BrokenProcessPool:  # a process of it was killed; another pool takes over
            self._pool = None
            return self._executor().submit(run_plan, url, plan, bars, self.settings)

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(AT_ONCE, mp_context=context)
        return self._pool

    def close(self) -> None:
        """Wait for what is being run."""
        if self._pool is not None:
            self._pool.shutdown()
