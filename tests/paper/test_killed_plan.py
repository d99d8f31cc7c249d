"""A run plan whose process is killed: what was done stays, the rest is done by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from paper.golden_bars import START, make_spec

from bt_gex.errors import JournalError
from bt_gex.journal.base import Query
from bt_gex.journal.sql import SqlJournal
from bt_gex.paper.generator import plain_spec

BARS = 1_500


def words(folder: Path, journal: str, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "bt_gex.cli.main", "plan", "run", str(folder / "plan.yaml"),
        "--csv", str(folder / "bars.csv"), "--journal", str(folder / journal), "--json", *more,
    ]  # fmt: skip


def done(path: Path) -> int:
    """How many variants the journal says are done."""
    try:
        journal = SqlJournal(path, read_only=True)
    except JournalError:
        return 0  # not made yet
    try:
        return journal.counts(Query(types=("variant_completed",))).get("variant_completed", 0)
    finally:
        journal.close()


def result_of(output: str) -> Any:
    found = json.loads(output)
    return {name: found[name] for name in ("run_plan_id", "results", "best_variant_id")}


def test_a_killed_plan_goes_on(tmp_path: Path) -> None:
    lines = ["ts,open,high,low,close,volume"]
    for n in range(BARS):
        price = 100 + (n * n) % 37  # prices that break out now and then
        lines.append(f"{(START + timedelta(days=n)).isoformat()},{price},{price},{price},{price},1")
    (tmp_path / "bars.csv").write_text("\n".join(lines) + "\n")
    plan = {
        "base_spec": plain_spec(make_spec(lookback=5)),
        "constraints": {"lookback_days_values": list(range(5, 17)), "include_ablations": False},
    }
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    whole = subprocess.run(words(tmp_path, "whole.db"), capture_output=True, text=True, check=True)
    process = subprocess.Popen(words(tmp_path, "cut.db"), stdout=subprocess.DEVNULL)
    while done(tmp_path / "cut.db") < 2:
        assert process.poll() is None, "it was done before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = done(tmp_path / "cut.db")
    assert 2 <= kept < 13
    refused = subprocess.run(words(tmp_path, "cut.db"), capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    resumed = subprocess.run(
        words(tmp_path, "cut.db", "--resume"), capture_output=True, text=True, check=True
    )
    assert result_of(resumed.stdout) == result_of(whole.stdout)
    journal = SqlJournal(tmp_path / "cut.db", read_only=True)
    counts = journal.counts(Query())
    assert counts["variant_completed"] == 12
    assert (counts["run_started"], counts["run_failed"], counts["run_completed"]) == (2, 1, 1)
    assert all(journal.verify(name).ok for name in journal.workspaces())
    journal.close()
