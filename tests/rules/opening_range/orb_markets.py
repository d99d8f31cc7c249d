"""Random markets and settings, the same for the same generator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from orb_tools import daily_bar

from bt_gex.market.bars import Bar
from bt_gex.market.calendar import instant_ns

FIRST_DAY = date(2024, 1, 3)


def random_market(rng: np.random.Generator) -> tuple[list[Bar], list[Bar]]:
    """Three sessions of 90 minutes on a tick of 0.01 with missing minutes, and daily rows for
    some of the days before."""
    bars: list[Bar] = []
    price, spread = 100.0, rng.choice([0.03, 0.08, 0.2])
    for n in range(3):
        start = datetime.combine(FIRST_DAY + timedelta(days=n), datetime.min.time(), tzinfo=UTC)
        price = round(price + rng.normal(0, 5 * spread), 2)
        for minute in range(-3, 90):
            open_ = round(price + rng.normal(0, spread / 4), 2)
            close = round(open_ + rng.normal(0, spread), 2)
            high = round(max(open_, close) + abs(rng.normal(0, spread / 2)), 2)
            low = round(min(open_, close) - abs(rng.normal(0, spread / 2)), 2)
            price = close
            stamp = instant_ns(start + timedelta(hours=14, minutes=30 + minute))
            if rng.random() > 0.04:
                volume = float(rng.integers(0, 5)) * 100
                bars.append(Bar(stamp, open_, high, low, close, volume))
    daily: list[Bar] = []
    for back in range(int(rng.choice([0, 12, 25])), 0, -1):
        middle = 100 + rng.normal(0, 0.5)
        low, high = round(middle - 8 * spread, 2), round(middle + 8 * spread, 2)
        daily.append(daily_bar(FIRST_DAY - timedelta(days=back), low, high, low, round(middle, 2)))
    return bars, daily


def random_settings(rng: np.random.Generator) -> dict[str, Any]:
    def pick(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    return {
        "instrument": {"session_end": "16:00", "early_closes": pick({}, {"2024-01-04": "09:40"})},
        "orb": {
            "base_minutes": pick(5, 10, 15),
            "adaptive": pick(True, False),
            "norm_vol": pick("scaled", "raw"),
            "atr_period": pick(5, 10),
            "intraday_minutes": pick(3, 5),
            "enable_validity_filter": pick(True, False, False),
            "min_atr_mult": pick(0.1, 0.3),
            "max_atr_mult": pick(0.6, 2.0),
        },
        "buffers": {"fixed": pick(0.01, 0.02, 0.005), "use_atr": pick(False, False, True)},
        "factors": {
            "rel_volume": {"lookback": pick(5, 20), "spike_mult": pick(1.0, 1.25)},
            "price_action": {"pivot_len": pick(2, 3), "enable_engulfing": pick(True, False)},
            "vwap": {
                "enabled": pick(True, False),
                "reset_mode": pick("session", "or_end"),
                "min_bars": pick(1, 5),
            },
            "adx": {"enabled": pick(True, False), "period": pick(5, 10), "threshold": pick(18, 30)},
        },
        "scoring": {
            "enabled": pick(True, False),
            "base_required": pick(0, 1, 2),
            "weak_trend_required": pick(2, 3),
            "weights": {"profile": pick(1.0, 0.7), "rel_vol": pick(1.0, 1.5)},
        },
        "trade": {
            "entry_mode": pick("stop", "next_open"),
            "stop_mode": pick("or_opposite", "swing", "atr_capped"),
            "atr_stop_cap_mult": pick(0.05, 0.8),
            "extra_stop_buffer": pick(0.0, 0.05),
            "partials": pick(True, True, False),
            "t1_r": pick(0.3, 1.0),
            "t2_pct": pick(0.25, 0.5),
            "move_be_at_r": pick(0.5, 1.0),
            "be_buffer": pick(0.01, 0.004),
            "trail_atr_mult": pick(None, None, 0.1),
            "trail_start_r": pick(0.2, 1.0),
            "max_minutes": pick(None, None, 7),
            "slippage_ticks": pick(0, 0, 1),
        },
        "governance": {
            "max_signals_per_day": pick(2, 10),
            "lockout_after_losses": pick(1, 2, 10),
            "max_daily_loss_r": pick(None, 1.0, 2.5),
            "time_cutoff": pick(None, "09:30"),
            "second_chance_minutes": pick(0, 30, 120),
            "flatten_at_session_end": pick(True, False),
            "carry_losses": pick(True, False),
        },
        "backtest": {"conservative_fills": pick(True, False)},
    }
