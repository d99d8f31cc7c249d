"""The month's trades on nautilus_trader, in an environment of its own.

usage: nautilus.py DATABASE START END

Prints one line of JSON, {"skipped": reason} when nautilus_trader cannot be had or does not run.
The environment and the list of trades are kept in .bench.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from nautilus_env import FOLDER, ensure_env, last_line
from planned import planned_trades

SCRIPT = Path(__file__).with_name("nautilus_month.py")


def main(database: str, start: str, end: str) -> str:
    """The line to print."""
    python = ensure_env()
    if isinstance(python, str):
        return json.dumps({"skipped": python})
    trades = FOLDER.with_name(f"trades-{start}-{end}.json")
    trades.write_text(json.dumps(planned_trades(database, start, end)), "utf-8")
    ran = subprocess.run([python, SCRIPT, database, trades], capture_output=True, text=True)
    if ran.returncode:
        return json.dumps({"skipped": last_line(ran.stderr)})
    return last_line(ran.stdout)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
