"""A market in which a put spread loses every day, but for three quotes that no market makes.

Each session sells one spread at 09:36 for 2.50 - 0.10 = 2.40 points. It rises to 2.55 at 09:37, to
2.65 at 09:40 and to 3.50 at 09:45: a stop at 5 % (2.52) closes it at 2.55 + 0.10, a loss of $25,
one at 10 % (2.64) at 2.65 + 0.10, a loss of $35, the emergency stop at 40 % (3.36) at 3.60, a loss
of $120. On LUCKY days both legs are quoted without a bid at 09:37: the spread seems worth 0.00, and
is bought back at the short leg's ask of 0.05, a profit of $235. On CONTRADICTING days the bought
leg is quoted far above the sold one at 09:36:30, on ONE_SIDED days without a bid under an ask of
9.00: neither is a price, and nothing is bought back at 0.00.
"""

from __future__ import annotations

from pathlib import Path

from defects.handmade_market import LONG, SHORT, Market, put_spread

SESSIONS = (
    "2026-01-12", "2026-01-13", "2026-01-14", "2026-01-15", "2026-01-16", "2026-01-20",
    "2026-01-21", "2026-01-22", "2026-01-23", "2026-01-26", "2026-01-27", "2026-01-28",
)  # fmt: skip
LUCKY = ("2026-01-16", "2026-01-22", "2026-01-27")  # one in each test window of three sessions
CONTRADICTING = ("2026-01-15", "2026-01-20", "2026-01-26")
ONE_SIDED = ("2026-01-21", "2026-01-28")
DATES = {"start": SESSIONS[0], "end": SESSIONS[-1]}
GRID = {"exit.stop_loss": [0.05, 0.1, 0.4, 0.6], "exit.profit_target_high": [0.4, 0.5]}
SETTINGS = {"entry.times": ["09:36"]}
BY_LUCK, AT_STOP = 235.0, -25.0


def planted_market(folder: Path, without: str = "") -> Path:
    """The file of it; without: a session that was not recorded."""
    market = Market(folder)
    for day in SESSIONS:
        if day == without:
            continue
        market.on(day).known_all_day(until="10:05")
        market.quotes("09:36", "09:36", put_spread(2.5, 0.05))
        if day in CONTRADICTING:
            market.quotes("09:36:30", "09:36:30", {SHORT: (3.45, 3.55), LONG: (21.8, 21.9)})
        if day in ONE_SIDED:
            market.quotes("09:36:30", "09:36:30", {SHORT: (3.45, 3.55), LONG: (0.0, 9.0)})
        if day in LUCKY:
            market.quotes("09:37", "09:37", {SHORT: (0.0, 0.05), LONG: (0.0, 0.05)})
        else:
            market.quotes("09:37", "09:39", put_spread(2.55, 0.05))
        market.quotes("09:40", "09:44", put_spread(2.65, 0.05))
        market.quotes("09:45", "09:50", put_spread(3.5, 0.05))
    return market.save()
