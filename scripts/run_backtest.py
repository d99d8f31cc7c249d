"""Run the opening-range breakout: `python scripts/run_backtest.py --symbols SPY QQQ --start …`.

Takes the options of `bt-gex backtest orb`, and calls it.
"""

from __future__ import annotations

import sys

from bt_gex.cli.main import main

if __name__ == "__main__":
    main(["backtest", "orb", *sys.argv[1:]])
