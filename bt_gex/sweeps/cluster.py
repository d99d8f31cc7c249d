"""Variants on other machines, or on processes of their own, through Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bt_gex.config.run_config import RunConfig
from bt_gex.errors import BadValue, EngineError
from bt_gex.sweeps.engines import Sessions, make_engine
from bt_gex.sweeps.plan import Variant
from bt_gex.sweeps.pool import Engine, run_one
from bt_gex.sweeps.store import Outcome

ADDRESS = "dask://"
LOCAL = "local"
LIVES = 10  # workers a task may lose before it is given up


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; it reads the data itself.

    fingerprint  of the data as the sweep sees it: a worker that sees other data must not answer
    """

    database: str
    base: RunConfig
    engine: str
    fingerprint: str
    cache: str | None
    use_cache: bool


def check_address(text: str) -> None:
    """Raise BadValue for what is no cluster."""
    if text != LOCAL and not (text.startswith(ADDRESS) and ":" in text[len(ADDRESS) :]):
        raise BadValue(f"cluster must be dask://HOST:PORT or local, got {text!r}")


def run_on_cluster(
    address: str,
    job: Job,
    variants: Sequence[Variant],
    workers: int,
    chunk: int,
    report: Callable[[Outcome], None],
) -> None:
    """Report each outcome as it comes; tasks of a worker that is lost are done by another.

    address  dask://HOST:PORT of a scheduler, or local for a cluster of processes on this machine

    Raises EngineError when there is no Dask, no scheduler, or a task can't be done at all.
    """
    distributed = _distributed()
    chunks = [list(variants[n : n + chunk]) for n in range(0, len(variants), chunk)]
    with _client(distributed, address, workers) as client:
        futures = [client.submit(run_chunk, job, part, pure=False) for part in chunks]
        try:
            for future in distributed.as_completed(futures):
                for outcome in future.result():
                    report(outcome)
        except distributed.scheduler.KilledWorker as error:
            raise EngineError(
                "the cluster has lost its workers again and again; what was finished is stored: "
                "look at their logs, then go on with --resume"
            ) from error
        except (OSError, distributed.client.FutureCancelledError) as error:
            raise EngineError(
                f"the cluster at {address} cannot be reached; what was finished is stored: go "
                "on with --resume"
            ) from error


_engines: dict[tuple[object, ...], Engine] = {}


def run_chunk(job: Job, variants: Sequence[Variant]) -> list[Outcome]:
    """Run variants in a worker; the market is read once a worker and kept."""
    engine = _engine_of(job)
    return [run_one(engine, job.base, variant) for variant in variants]


def _engine_of(job: Job) -> Engine:
    from bt_gex.blackbox.recording import Recording

    key = (job.database, job.engine, job.fingerprint)
    if key not in _engines:
        with Recording(job.database, job.cache, job.use_cache, job.base.naive_zone) as recording:
            sessions = Sessions(recording, job.base)
        found = sessions.fingerprint()
        if found != job.fingerprint:
            raise EngineError(
                f"a worker reads other data from {job.database} than the sweep does; "
                "give all of them the same database"
            )
        _engines.clear()
        _engines[key] = make_engine(job.engine, sessions)
    return _engines[key]


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise EngineError("--cluster needs Dask; install bt-gex[cluster]") from error
    return distributed


@contextmanager
def _client(distributed: Any, address: str, workers: int) -> Iterator[Any]:
    import dask

    settings = {"distributed.scheduler.allowed-failures": LIVES}
    with dask.config.set(settings):
        if address == LOCAL:
            with (
                distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None
                ) as cluster,
                distributed.Client(cluster) as client,
            ):
                yield client
            return
        place = f"tcp://{address.removeprefix(ADDRESS)}"
        try:
            client = distributed.Client(place, timeout="5s")
        except (OSError, TimeoutError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {address}; start one with `dask scheduler`"
            ) from error
        with client:
            yield client
