"""The sessions of a run as data for the page that draws them: index price, pin and account.

A line is its rows, as differences (0: every row), and its values in hundredths, as differences;
null where there is none. A year stays under two megabytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bt_gex.market.calendar import BAR_S, WEEKDAYS, new_york
from bt_gex.reports.charts.drawing import Numbers
from bt_gex.reports.html.trades import script_json, thinned_path
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy

if TYPE_CHECKING:
    from bt_gex.results.result import RunResult

MOST_POINTS = 90_000  # of all lines of a kind together
FEWEST_POINTS, ENOUGH_POINTS = 100, 390  # of one
Line = tuple[list[int] | int, list[int | None]]


def session_data(result: RunResult) -> str:
    """JSON for a script element of the page."""
    account, market = result.equity_table, result.market_table
    rows = rows_by_name(account["session"]) if len(account) else {}
    market_rows = rows_by_name(market["session"]) if len(market) else {}
    stamps, equity = to_numpy(account["time"]), to_numpy(account["equity"])
    spot, pin = to_numpy(market["spot"]), to_numpy(market["pin"])
    points = min(ENOUGH_POINTS, max(FEWEST_POINTS, MOST_POINTS // max(len(rows), 1)))
    found, before = [], result.balance
    for row in result.statistics.sessions:
        name = row.session.isoformat()
        content: dict[str, object] = {
            "day": name,
            "weekday": WEEKDAYS[row.session.weekday()],
            "status": row.status,
            "checks": row.checks,
            "pnl": row.trades_pnl_dollars,
        }
        if name in rows and name in market_rows:
            own, levels = market_rows[name], equity[rows[name]]
            opened = new_york(int(stamps[rows[name][0]]))
            content |= {
                "open": opened.hour * 3600 + opened.minute * 60 + opened.second,
                "bars": len(own) - 1,
                "spot": line(spot[own], points),
                "pin": steps(pin[own]),
                "account": line(levels - before, points),
            }
            before = float(levels[-1])
        found.append(content)
    return script_json({"bar_s": BAR_S, "sessions": found})


def line(values: Numbers, points: int) -> Line:
    """A line thinned to about so many points."""
    rows, kept = thinned_path(values, points)
    return _differences(rows) if rows else 0, _coded(kept)


def steps(values: Numbers) -> Line:
    """A line that stays for long: the rows on which it changes, and the last."""
    filled = np.where(np.isnan(values), np.inf, values)
    rows = np.flatnonzero(np.append(True, filled[1:] != filled[:-1]))
    kept = sorted({*rows.tolist(), len(values) - 1})
    known = [None if np.isnan(value) else float(value) for value in values[kept]]
    return _differences(kept), _coded(known)


def _differences(rows: list[int]) -> list[int]:
    return np.diff(rows, prepend=0).tolist()


def _coded(values: list[Any]) -> list[int | None]:
    """Hundredths, each less the one known before."""
    coded: list[int | None] = []
    before = 0
    for value in values:
        if value is None:
            coded.append(None)
            continue
        level = round(100 * value)
        coded.append(level - before)
        before = level
    return coded
