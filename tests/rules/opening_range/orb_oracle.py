"""The opening-range rules a second time: slow, from the text, sharing no code with bt_gex.

Plain dicts; every value is computed anew from the session's bars when it is asked for. A bar is
(datetime UTC, open, high, low, close, volume), a daily row (date, open, high, low, close).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

EPS = 1e-9


def up(price: float, tick: float) -> float:
    return round(math.ceil(price / tick - 1e-6) * tick, 10)


def down(price: float, tick: float) -> float:
    return round(math.floor(price / tick + 1e-6) * tick, 10)


def true_ranges(rows: list[tuple[float, float, float]]) -> list[float]:
    """Of (high, low, close), from the second on."""
    return [
        max(rows[i][0], rows[i - 1][2]) - min(rows[i][1], rows[i - 1][2])
        for i in range(1, len(rows))
    ]


class Oracle:
    def __init__(self, config: dict[str, Any], bars: list[Any], daily: list[Any]) -> None:
        self.c = config
        self.tick = config["instrument"]["tick_size"]
        self.zone = ZoneInfo(config["instrument"]["timezone"])
        seen: dict[datetime, Any] = {}
        for bar in bars:
            seen.setdefault(bar[0], bar)
        self.sessions: dict[Any, list[Any]] = {}
        for stamp in sorted(seen):
            local = stamp.astimezone(self.zone)
            day = local.date()
            end = config["instrument"]["early_closes"].get(
                day.isoformat(), config["instrument"]["session_end"]
            )
            if config["instrument"]["session_start"] <= f"{local:%H:%M}" < end:
                self.sessions.setdefault(day, []).append(seen[stamp])
        self.table = {row[0]: row for row in daily}
        for day, rows in self.sessions.items():
            if day not in self.table:
                self.table[day] = (
                    day,
                    rows[0][1],
                    max(r[2] for r in rows),
                    min(r[3] for r in rows),
                    rows[-1][4],
                )
        self.trades: list[dict[str, Any]] = []
        self.days: list[dict[str, Any]] = []
        self.open: dict[str, Any] | None = None
        self.losses = 0

    def run(self) -> Oracle:
        for day in self.sessions:
            self.session(day)
        if self.open:
            last = list(self.sessions.values())[-1][-1]
            self.exit(last, last[4], self.open["left"], "end_of_data", slip=True)
            self.finish_trade(last, "end_of_data", count=False)
        return self

    # before the session
    def history(self, day: Any) -> list[Any]:
        kept: list[Any] = []
        later, price = day, self.sessions[day][0][1]
        for known in sorted((d for d in self.table if d < day), reverse=True):
            row = self.table[known]
            if (later - known).days > 5 or not 0.5 - EPS <= price / row[4] <= 2 + EPS:
                break
            kept.insert(0, row)
            later, price = known, row[4]
        return kept

    def local(self, day: Any, clock: str) -> datetime:
        hour, minute = map(int, clock.split(":"))
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)

    def atr(self, history: list[Any]) -> float | None:
        n = self.c["orb"]["atr_period"]
        if len(history) < n + 1:
            return None
        return sum(true_ranges([row[2:5] for row in history])[-n:]) / n

    def volatility(self, history: list[Any], atr: float | None) -> float | None:
        orb = self.c["orb"]
        if not orb["adaptive"] or not atr or history[-1][0] not in self.sessions:
            return None
        day, width = history[-1][0], orb["intraday_minutes"]
        start = self.local(day, self.c["instrument"]["session_start"])
        rows: dict[int, list[Any]] = {}
        for bar in self.sessions[day]:
            rows.setdefault(int((bar[0] - start).total_seconds() // 60) // width, []).append(bar)
        merged = [(max(b[2] for b in r), min(b[3] for b in r), r[-1][4]) for r in rows.values()]
        ranges = [merged[0][0] - merged[0][1], *true_ranges(merged)]
        if len(ranges) < orb["atr_period"]:
            return None
        value = sum(ranges[-orb["atr_period"] :]) / orb["atr_period"] / atr
        if orb["norm_vol"] == "raw":
            return value
        inst = self.c["instrument"]
        length = self.local(day, inst["session_end"]) - self.local(day, inst["session_start"])
        return value * math.sqrt(length.total_seconds() / 60 / width)

    # the session
    def session(self, day: Any) -> None:
        orb, gov = self.c["orb"], self.c["governance"]
        bars, history = self.sessions[day], self.history(day)
        self.atr_now = self.atr(history)
        vol = self.volatility(history, self.atr_now)
        n = orb["base_minutes"]
        if vol is not None and vol < orb["low_norm_vol"] - EPS:
            n = orb["short_or_minutes"]
        elif vol is not None and vol > orb["high_norm_vol"] + EPS:
            n = orb["long_or_minutes"]
        start = self.local(day, self.c["instrument"]["session_start"]).astimezone(bars[0][0].tzinfo)
        self.or_end = start + timedelta(minutes=n)
        window = [bar for bar in bars if bar[0] < self.or_end]
        self.prior = history[-1] if history else None
        self.signals, self.day_r, self.lock = 0, 0.0, None
        if not gov["carry_losses"]:
            self.losses = 0
        self.breaks = {"long": 0, "short": 0}
        self.hi = max((bar[2] for bar in window), default=None)
        self.lo = min((bar[3] for bar in window), default=None)
        self.reason, self.trig = self.validity(), None
        if window and not (self.c["buffers"]["use_atr"] and self.atr_now is None):
            room = self.c["buffers"]["fixed"]
            if self.c["buffers"]["use_atr"]:
                room += self.c["buffers"]["atr_mult"] * self.atr_now
            self.trig = {
                "long": up(self.hi + room, self.tick),
                "short": down(self.lo - room, self.tick),
            }
        self.cutoff = gov["time_cutoff"] and self.local(day, gov["time_cutoff"])
        waiting: tuple[str, Any] | None = None
        for i in range(len(bars)):
            waiting = self.bar(bars, i, waiting)
        if self.open and gov["flatten_at_session_end"]:
            self.exit(bars[-1], bars[-1][4], self.open["left"], "end_of_day", slip=True)
            self.finish_trade(bars[-1], "end_of_day")
        self.days.append(
            {
                "date": day.isoformat(),
                "or_minutes": n,
                "norm_vol": vol,
                "atr": self.atr_now,
                "or_high": self.hi,
                "or_low": self.lo,
                "triggers": self.trig,
                "reason": self.reason,
                "breaks": self.breaks,
                "signals": self.signals,
                "day_r": self.day_r,
                "lockout": self.lock,
            }
        )

    def validity(self) -> str | None:
        orb, trade, atr = self.c["orb"], self.c["trade"], self.atr_now
        if self.hi is None:
            return "no bars"
        needs = self.c["buffers"]["use_atr"] or trade["stop_mode"] == "atr_capped"
        if atr is None:
            return "no ATR" if needs or trade["trail_atr_mult"] is not None else None
        if orb["enable_validity_filter"] and self.hi - self.lo < orb["min_atr_mult"] * atr - EPS:
            return "too narrow"
        if orb["enable_validity_filter"] and self.hi - self.lo > orb["max_atr_mult"] * atr + EPS:
            return "too wide"
        return None

    def bar(self, bars: list[Any], i: int, waiting: Any) -> Any:
        stop_mode = self.c["trade"]["entry_mode"] == "stop"
        now, had = bars[i], self.open is not None
        if waiting and self.allowed(now):
            side, facts = waiting
            self.enter(bars, i, side, now[1], False, facts)
        elif had:
            self.manage(now, False)
        broken = self.broken(bars, i)
        gov = self.c["governance"]
        late = now[0] >= self.or_end + timedelta(minutes=gov["second_chance_minutes"])
        fresh = [side for side in broken if self.breaks[side] == 0 or not late]
        order = None
        if stop_mode and not had and fresh and self.allowed(now):
            facts = self.facts(bars, i - 1)
            taken = [side for side in fresh if facts[side][2]]
            beyond = {
                "long": now[1] >= self.trig["long"] - EPS,
                "short": now[1] <= self.trig["short"] + EPS,
            }
            gap = [side for side in taken if beyond[side]]
            if gap:
                self.enter(bars, i, gap[0], now[1], False, facts)
            elif taken:
                side = max(taken, key=lambda s: (facts[s][0], s == "long"))
                self.enter(bars, i, side, self.trig[side], True, facts)
        if not stop_mode and self.open is None and fresh and i + 1 < len(bars):
            facts = self.facts(bars, i)
            taken = [side for side in fresh if facts[side][2]]
            if taken:
                order = max(taken, key=lambda s: (facts[s][0], s == "long")), facts
        for side in broken:
            self.breaks[side] += 1
        return order

    def allowed(self, now: Any) -> bool:
        if self.cutoff and now[0] >= self.cutoff:
            return False
        return self.lock is None and self.signals < self.c["governance"]["max_signals_per_day"]

    def broken(self, bars: list[Any], i: int) -> list[str]:
        if i == 0 or self.reason or bars[i][0] < self.or_end or not self.trig:
            return []
        close, (_, _, high, low, _, _) = bars[i - 1][4], bars[i]
        found = []
        if close < self.trig["long"] - EPS and high >= self.trig["long"] - EPS:
            found.append("long")
        if close > self.trig["short"] + EPS and low <= self.trig["short"] + EPS:
            found.append("short")
        return found

    # factors
    def facts(self, bars: list[Any], i: int) -> dict[str, tuple[float, list[str], bool, int]]:
        scoring, adx = self.c["scoring"], self.c["factors"]["adx"]
        index = self.adx(bars[: i + 1]) if adx["enabled"] else None
        weak = adx["enabled"] and (index is None or index < adx["threshold"] - EPS)
        need = scoring["weak_trend_required" if weak else "base_required"]
        flags = self.flags(bars, i, index)
        result = {}
        for n, side in enumerate(("long", "short")):
            active = sorted(name for name, pair in flags.items() if pair[n])
            score = sum(scoring["weights"].get(name, 1.0) for name in active)
            passed = not scoring["enabled"] or score >= need - EPS
            result[side] = (score, active, passed, need)
        return result

    def flags(self, bars: list[Any], i: int, index: float | None) -> dict[str, tuple[bool, bool]]:
        f = self.c["factors"]
        none = (False, False)
        flags = dict.fromkeys(("price_action", "rel_vol", "profile", "vwap", "adx"), none)
        o, c, h, low, v = (([b[k] for b in bars]) for k in (1, 4, 2, 3, 5))
        length = f["rel_volume"]["lookback"]
        if f["rel_volume"]["enabled"] and i >= length and sum(v[i - length : i]) > 0:
            spike = v[i] / (sum(v[i - length : i]) / length) >= f["rel_volume"]["spike_mult"] - EPS
            flags["rel_vol"] = (spike, spike)
        p = f["price_action"]
        if p["enabled"]:
            k, long, short = p["pivot_len"], False, False
            if p["enable_engulfing"] and i >= 1:
                long |= o[i] < c[i - 1] < o[i - 1] < c[i]
                short |= o[i] > c[i - 1] > o[i - 1] > c[i]
            if p["enable_structure"] and i >= k:
                long |= h[i] > h[i - k] and low[i] > low[i - k]
                short |= h[i] < h[i - k] and low[i] < low[i - k]
            flags["price_action"] = (long, short)
        if f["profile_proxy"]["enabled"] and self.prior and self.hi is not None:
            span, base = self.prior[2] - self.prior[3], self.prior[3]
            val = base + f["profile_proxy"]["val_pct"] * span
            vah = base + f["profile_proxy"]["vah_pct"] * span
            mid, inside = (val + vah) / 2, val + EPS < c[i] < vah - EPS
            flags["profile"] = (
                c[i] > vah + EPS or (inside and self.lo > mid + EPS),
                c[i] < val - EPS or (inside and self.hi < mid - EPS),
            )
        if f["vwap"]["enabled"]:
            since = f["vwap"]["reset_mode"] == "or_end"
            used = [b for b in bars[: i + 1] if not since or b[0] >= self.or_end]
            volume = sum(b[5] for b in used)
            if len(used) >= f["vwap"]["min_bars"] and volume > 0:
                vwap = sum((b[2] + b[3] + b[4]) / 3 * b[5] for b in used) / volume
                flags["vwap"] = (c[i] > vwap + EPS, c[i] < vwap - EPS)
        if index is not None:
            trend = index >= f["adx"]["threshold"] - EPS
            flags["adx"] = (trend, trend)
        return flags

    def adx(self, bars: list[Any]) -> float | None:
        n = self.c["factors"]["adx"]["period"]
        if len(bars) < 2 * n:
            return None

        def wilder(values: list[float]) -> list[float]:
            out = [sum(values[:n]) / n]
            for x in values[n:]:
                out.append((out[-1] * (n - 1) + x) / n)
            return out

        plus, minus = [], []
        for a, b in pairwise(bars):
            rise, fall = b[2] - a[2], a[3] - b[3]
            plus.append(rise if rise > fall and rise > 0 else 0.0)
            minus.append(fall if fall > rise and fall > 0 else 0.0)
        spread = wilder(true_ranges([(b[2], b[3], b[4]) for b in bars]))
        dx = []
        for t, p, m in zip(spread, wilder(plus), wilder(minus), strict=True):
            pdi, mdi = (100 * p / t, 100 * m / t) if t else (0.0, 0.0)
            dx.append(100 * abs(pdi - mdi) / (pdi + mdi) if pdi + mdi else 0.0)
        return wilder(dx)[-1]

    # a trade
    def enter(
        self, bars: list[Any], i: int, side: str, price: float, intrabar: bool, facts: Any
    ) -> None:
        t, tick = self.c["trade"], self.tick
        s = 1 if side == "long" else -1
        fill = price + s * t["slippage_ticks"] * tick
        edge = self.lo if s > 0 else self.hi
        stop = edge - s * t["extra_stop_buffer"]
        if t["stop_mode"] == "swing":
            k = self.c["factors"]["price_action"]["pivot_len"]
            x = [s * b[3 if s > 0 else 2] for b in bars[:i]]
            good = [
                m
                for m in range(k, len(x) - k)
                if x[m] < min(x[m - k : m] + x[m + 1 : m + k + 1]) and x[m] < s * fill - EPS
            ]
            if good:
                stop = s * x[good[-1]] - s * t["extra_stop_buffer"]
        if t["stop_mode"] == "atr_capped":
            cap = fill - s * t["atr_stop_cap_mult"] * self.atr_now
            stop = max(stop, cap) if s > 0 else min(stop, cap)
        stop = down(stop, tick) if s > 0 else up(stop, tick)
        risk = s * (fill - stop)
        if risk < tick - EPS:
            return
        parts = [(t["primary_r"], 1.0)]
        if t["partials"]:
            rest = 1 - t["t1_pct"] - t["t2_pct"]
            parts = [(t["t1_r"], t["t1_pct"]), (t["t2_r"], t["t2_pct"]), (t["runner_r"], rest)]
        snap = up if s > 0 else down
        self.signals += 1
        self.open = {
            "side": side, "s": s, "ts": bars[i][0], "fill": fill, "stop0": stop, "stop": stop,
            "risk": risk, "why": "stop", "left": 1.0, "fills": [], "best": fill, "mfe": 0.0,
            "mae": 0.0, "gap": not intrabar, "score": facts[side][0], "factors": facts[side][1],
            "required": facts[side][3],
            "targets": [[snap(fill + s * r * risk, tick), q] for r, q in parts if q > EPS],
            "done": set(),
        }  # fmt: skip
        self.manage(bars[i], intrabar, entry=True)

    def exit(self, bar: Any, price: float, part: float, why: str, slip: bool = False) -> None:
        p = self.open
        assert p is not None
        if slip:
            price -= p["s"] * self.c["trade"]["slippage_ticks"] * self.tick
        p["fills"].append([f"{bar[0]:%Y-%m-%dT%H:%M:%SZ}", price, part, why])
        p["left"] -= part
        self.see(price)

    def see(self, price: float) -> None:
        p = self.open
        assert p is not None
        r = p["s"] * (price - p["fill"]) / p["risk"]
        p["mfe"], p["mae"] = max(p["mfe"], r), min(p["mae"], r)

    def finish_trade(self, bar: Any, why: str, count: bool = True) -> None:
        p, self.open = self.open, None
        assert p is not None
        r = sum(q * p["s"] * (price - p["fill"]) for _, price, q, _ in p["fills"]) / p["risk"]
        self.trades.append({**p, "exit_ts": bar[0], "reason": why, "r": r})
        if not count:
            return
        gov = self.c["governance"]
        self.day_r += r
        if r > EPS:
            self.losses = 0
        elif r < -EPS and why == "stop" and len(p["fills"]) == 1:
            self.losses += 1
            if self.losses >= gov["lockout_after_losses"]:
                self.lock = f"consecutive losses: {self.losses}"
        if gov["max_daily_loss_r"] is not None and self.day_r <= -gov["max_daily_loss_r"] + EPS:
            self.lock = "daily loss cap"

    def manage(self, bar: Any, intrabar: bool, entry: bool = False) -> None:
        p, t = self.open, self.c["trade"]
        assert p is not None
        s = p["s"]
        ts, open_, high, low, close, _ = bar
        good, bad = (high, low) if s > 0 else (low, high)
        if not entry and s * open_ <= s * p["stop"] + EPS:
            self.exit(bar, open_, p["left"], p["why"], slip=True)
            return self.finish_trade(bar, p["why"])
        careful = self.c["backtest"]["conservative_fills"]
        test = close if intrabar and not careful else bad
        hit = s * test <= s * p["stop"] + EPS
        if hit and careful:
            self.exit(bar, p["stop"], p["left"], p["why"], slip=True)
            return self.finish_trade(bar, p["why"])
        for n, (price, part) in enumerate(p["targets"], start=1):
            if n not in p["done"] and s * good >= s * price - EPS:
                p["done"].add(n)
                at = price if intrabar else s * max(s * price, s * open_)
                self.exit(bar, at, part, f"target_{n}")
        worst = s * min(s * p["fill"], s * close) if intrabar else bad
        if p["left"] <= EPS:
            self.see(worst)
            return self.finish_trade(bar, "targets")
        if hit:
            self.exit(bar, p["stop"], p["left"], p["why"], slip=True)
            return self.finish_trade(bar, p["why"])
        self.see(worst)
        self.see(good)
        age = (ts - p["ts"]).total_seconds() / 60
        if t["max_minutes"] is not None and age >= t["max_minutes"]:
            self.exit(bar, close, p["left"], "time_stop", slip=True)
            return self.finish_trade(bar, "time_stop")
        p["best"] = s * max(s * p["best"], s * good)
        best_r = s * (p["best"] - p["fill"]) / p["risk"]
        moves = []
        if best_r >= t["move_be_at_r"] - EPS:
            moves.append((p["fill"] + s * t["be_buffer"], "breakeven_stop"))
        if t["trail_atr_mult"] is not None and self.atr_now and best_r >= t["trail_start_r"] - EPS:
            moves.append((p["best"] - s * t["trail_atr_mult"] * self.atr_now, "trail_stop"))
        for price, why in moves:
            stop = down(price, self.tick) if s > 0 else up(price, self.tick)
            if s * stop > s * p["stop"] + EPS:
                p["stop"], p["why"] = stop, why
        return None
