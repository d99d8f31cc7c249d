"""Replay recorded sessions as the old bot's documents show it.

python scripts/run_replay_backtest.py --index SPX --start 2026-01-12 --end 2026-01-16 \
    --db blackbox.db --verbose

Writes replay_results_{INDEX}_{start}_to_{end}.json into the present folder, after Ctrl-C, too.
"""

from __future__ import annotations

import argparse
import sys

from bt_gex.errors import BtGexError, UsageError
from bt_gex.live.harness import ReplayExecutionHarness


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--index", default="SPX")
    parser.add_argument("--start", required=True, help="first session, YYYY-MM-DD")
    parser.add_argument("--end", required=True, help="last session, inclusive")
    parser.add_argument("--db", required=True, help="blackbox")
    parser.add_argument("--verbose", action="store_true", help="print ENTRY, EXIT and DAILY lines")
    given = parser.parse_args(argv)
    try:
        with ReplayExecutionHarness(
            given.db, given.start, given.end, given.index.upper(), verbose=given.verbose
        ) as harness:
            harness.run()
            assert harness.state
            for line in harness.state.summary_lines():
                print(line)
            harness.state.export_trades_json(harness.results_name)
            print(f"results: {harness.results_name}")
            return 130 if harness.interrupted else 0
    except BtGexError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


if __name__ == "__main__":
    sys.exit(main())
