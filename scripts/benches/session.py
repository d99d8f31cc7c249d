"""A paper session of a recorded day at --clock max beside `bt-gex run` of that day, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from bt_gex.config.run_config import RunConfig
from bt_gex.live.plan import RECORDED, SessionPlan
from bt_gex.live.session import run_session

PROGRAM = [sys.executable, "-m", "bt_gex.cli.main"]


def seconds(*words: str) -> float:
    """Wall time of a whole command."""
    began = time.perf_counter()
    subprocess.run([*PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(database: str, day: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = seconds("run", "--db", database, "--start", day, "--end", day, "--out", folder)
        paper = seconds(
            "paper", "start", "--provider", "recorded", "--db", database, "--day", day,
            "--home", f"{folder}/home",
        )  # fmt: skip
        config = RunConfig(start=day, end=day)  # type: ignore[arg-type]
        plan = SessionPlan(
            config=config, database=database, home=Path(folder) / "bars", provider=RECORDED
        )
        took_ms = np.array(run_session(plan, threading.Event()).took_s) * 1000
    found = {"run_s": run, "session_s": paper, "median_ms": float(np.median(took_ms)),
             "p99_ms": float(np.percentile(took_ms, 99))}  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
