"""What the routes work on: one journal, and the broker over it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from bt_gex.journal.base import Journal
from bt_gex.journal.sql import SqlJournal
from bt_gex.ledger.commands import PolicyInputs
from bt_gex.paper.bars_csv import CsvBars
from bt_gex.paper.broker import PaperBroker
from bt_gex.paper.generator import RunPlan
from bt_gex.recordings.store import RecordingStore
from bt_gex.web.plan_jobs import PlanJob, PlanJobs
from bt_gex.web.settings import WebSettings


@dataclass
class Service:
    """Opened when it is first needed, closed with the application."""

    settings: WebSettings
    _journal: Journal | None = None
    _recordings: RecordingStore | None = None
    _plans: PlanJobs | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def journal_url(self) -> str:
        """The journal's place. Raises HTTPException 503 where the service has none."""
        if self.settings.journal is None:
            raise HTTPException(503, "Database connection not available")
        return self.settings.journal

    def journal(self) -> Journal:
        """The journal, opened."""
        with self._lock:
            if self._journal is None:
                self._journal = SqlJournal(
                    self.journal_url(),
                    starting_equity=self.settings.starting_equity,
                    profile=self.settings.profile,
                )
            return self._journal

    def recordings(self) -> RecordingStore:
        """The store of recorded sessions, opened."""
        with self._lock:
            if self._recordings is None:
                if self.settings.recordings is None:
                    raise HTTPException(503, "No database of recordings is available")
                self._recordings = RecordingStore(self.settings.recordings)
            return self._recordings

    def broker(self) -> PaperBroker:
        inputs = PolicyInputs(risk_budget_dollars=self.settings.risk_budget_dollars)
        return PaperBroker(journal=self.journal(), inputs=inputs)

    def start_plan(self, url: str, plan: RunPlan, bars: CsvBars) -> PlanJob:
        """Begin a run plan in a process of its own."""
        with self._lock:
            if self._plans is None:
                self._plans = PlanJobs(self.settings.starting_equity)
        return self._plans.start(url, plan, bars)

    def close(self) -> None:
        if self._plans is not None:
            self._plans.close()
        if self._recordings is not None:
            self._recordings.close()
        if self._journal is not None:
            self._journal.close()


def service_of(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def journal_of(service: Annotated[Service, Depends(service_of)]) -> Journal:
    return service.journal()


def broker_of(service: Annotated[Service, Depends(service_of)]) -> PaperBroker:
    return service.broker()


def recordings_of(service: Annotated[Service, Depends(service_of)]) -> RecordingStore:
    return service.recordings()


TheRecordings = Annotated[RecordingStore, Depends(recordings_of)]
TheService = Annotated[Service, Depends(service_of)]
TheJournal = Annotated[Journal, Depends(journal_of)]
TheBroker = Annotated[PaperBroker, Depends(broker_of)]
