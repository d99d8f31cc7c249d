"""The trades of a replay, as the baselines repeat them.

usage: planned.py DATABASE START END [SETTINGS] > TRADES
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bt_gex import RunConfig, replay
from bt_gex.market.contracts import make_spread
from bt_gex.trades.records import SpreadTrade

Trade = dict[str, Any]


def planned_trades(database: str, start: str, end: str, settings: str = "{}") -> list[Trade]:
    """Each trade: its session, instants of entry and exit (UTC), quantity, P&L, and its legs.

    A leg is strike, right ("C" or "P") and side (-1 sold to open, +1 bought).

    settings  changes to the defaults, as JSON
    """
    result = replay(database, RunConfig(start=start, end=end, settings=json.loads(settings)))
    return [planned(record) for record in result.trade_records]


def planned(trade: SpreadTrade) -> Trade:
    """What a baseline needs to know of one trade."""
    return {
        "session": trade.expiration.isoformat(),
        "entry": trade.timestamp_entry.isoformat(),
        "exit": trade.timestamp_exit.isoformat(),
        "quantity": trade.quantity,
        "pnl": trade.pnl_dollars,
        "legs": [list(leg) for leg in make_spread(trade.strategy, trade.strikes).legs],
    }


if __name__ == "__main__":
    print(json.dumps(planned_trades(*sys.argv[1:])))
