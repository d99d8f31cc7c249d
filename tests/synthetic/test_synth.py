"""The synthetic market: its cadence, its determinism, and whether it could be a market."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import OperationalError
from vollib.black_scholes.implied_volatility import implied_volatility

from bt_gex.blackbox import schema, writer
from bt_gex.errors import BadValue, UnknownName
from bt_gex.market.calendar import sessions
from bt_gex.synthetic import blackbox as synth
from bt_gex.synthetic import market as synth_market
from bt_gex.synthetic.blackbox import SynthConfig, day_rows

MONDAY, TUESDAY = date(2026, 1, 12), date(2026, 1, 13)
EARLY_CLOSE = date(2025, 11, 28)
SUMMER = date(2025, 7, 1)
SEED = 6
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
CHECKS = [
    "9:36",
    *(f"{hour}:{minute}" for hour in range(10, 15) for minute in ("00", "30")),
    "15:00",
]


def market(day, symbol="SPX", seed=SEED, **more):
    config = SynthConfig(start=day, end=day, seed=seed, indexes=(symbol,), **more)
    (session,) = sessions(day, day)
    (found,) = config.markets(session)
    return found


class Day:
    """The rows of a day as dictionaries, as a reader of the database sees them."""

    def __init__(self, day, symbol="SPX", **more):
        rows = day_rows(market(day, symbol, **more))
        for name in ("snapshots", "peaks", "competing", "context", "quotes"):
            table = getattr(schema, name)
            columns = [column.name for column in table.columns][1:]
            setattr(self, name, [dict(zip(columns, row, strict=True)) for row in rows[table]])
        self.day = day
        self.by_time = defaultdict(list)
        for quote in self.quotes:
            self.by_time[quote["timestamp"]].append(quote)

    def quotes_at(self, moment):
        """The newest quotes at a moment, by (strike, type)."""
        stamps = sorted(self.by_time)
        newest = stamps[bisect_right(stamps, moment) - 1]
        return {(q["strike"], q["option_type"]): q for q in self.by_time[newest]}


def new_york(stamp):
    utc = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(ZoneInfo("America/New_York"))


def utc_text(day, clock):
    hour, minute = map(int, clock.split(":"))
    local = datetime.combine(day, time(hour, minute), ZoneInfo("America/New_York"))
    return f"{local.astimezone(ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S}"


@pytest.fixture(scope="module")
def spx():
    return Day(MONDAY)


@pytest.fixture(scope="module")
def next_spx():
    return Day(TUESDAY)


@pytest.fixture(scope="module")
def ndx():
    return Day(MONDAY, "NDX")


def two_sides(quotes):
    return [q for q in quotes if q["bid"] is not None and q["ask"] is not None]


def two_sided(quotes):
    """Those with a bid, 0 or not, below an ask."""
    return [
        quote
        for quote in quotes
        if quote["bid"] is not None and quote["ask"] is not None and quote["bid"] < quote["ask"]
    ]


class TestCadence:
    @pytest.mark.parametrize("day", [MONDAY, SUMMER, EARLY_CLOSE])
    def test_snapshots_lie_within_a_minute_of_the_check_times(self, day):
        checks = CHECKS[:7] if day == EARLY_CLOSE else CHECKS
        found = Counter()
        for row in Day(day, strikes_within=10).snapshots:
            at = new_york(row["timestamp"])
            assert at.date() == day
            minutes = at.hour * 60 + at.minute
            near = [
                check
                for check in checks
                if abs(int(check[:-3]) * 60 + int(check[-2:]) - minutes) <= 1
            ]
            assert len(near) == 1
            found[near[0]] += 1
        assert list(found) == checks
        assert set(found.values()) <= {1, 2, 3}
        assert max(found.values()) == 3

    def test_a_snapshot_is_known_at_each_check_time_and_fresh(self, spx):
        stamps = [row["timestamp"] for row in spx.snapshots]
        for check in CHECKS:
            moment = utc_text(MONDAY, check)
            newest = stamps[bisect_right(stamps, moment) - 1]
            age = datetime.fromisoformat(moment) - datetime.fromisoformat(newest)
            assert timedelta(0) <= age <= timedelta(seconds=60)

    def test_the_tables_of_a_snapshot_share_its_time(self, spx):
        stamps = [row["timestamp"] for row in spx.snapshots]
        assert [row["timestamp"] for row in spx.context] == stamps
        assert [row["timestamp"] for row in spx.competing] == stamps
        assert sorted({row["timestamp"] for row in spx.peaks}) == stamps

    def test_quotes_come_every_31_seconds_with_a_few_gaps(self, spx):
        seconds = [
            (new_york(stamp) - new_york(utc_text(MONDAY, "9:30"))).total_seconds()
            for stamp in sorted(spx.by_time)
        ]
        assert 3 <= seconds[0] <= 8
        assert 23_400 - 400 < seconds[-1] <= 23_400
        steps = np.diff(seconds)
        assert 680 < len(seconds) < 760
        assert set(steps[steps <= 33]) == {30, 31, 32, 33}
        assert 1 <= (steps > 33).sum() <= 4

    def test_an_early_close_has_no_quote_after_it(self):
        day = Day(EARLY_CLOSE, strikes_within=10)
        assert utc_text(EARLY_CLOSE, "12:50") < max(day.by_time) <= utc_text(EARLY_CLOSE, "13:00")

    def test_rows_are_in_order_of_time(self, spx):
        for rows in (spx.snapshots, spx.peaks, spx.competing, spx.context, spx.quotes):
            stamps = [row["timestamp"] for row in rows]
            assert stamps == sorted(stamps)

    def test_the_expiration_is_the_day(self, spx):
        assert {row["expiration"] for row in spx.snapshots} == {"2026-01-12"}

    def test_the_etf_of_the_index_alone(self, spx, ndx):
        for row in spx.context:
            assert row["spy_price"] == pytest.approx(row["underlying_price"] / 10, abs=0.01)
            assert row["qqq_price"] is None
        assert all(row["spy_price"] is None and row["qqq_price"] > 500 for row in ndx.context)


class TestStrikes:
    @pytest.mark.parametrize(("symbol", "step"), [("SPX", 5), ("NDX", 10)])
    def test_they_lie_on_the_grid(self, symbol, step, spx, ndx):
        day = spx if symbol == "SPX" else ndx
        assert {quote["strike"] % step for quote in day.quotes} == {0}

    def test_as_many_as_the_recorder_sees(self, spx, ndx):
        assert 150 <= len(spx.quotes) / len(spx.by_time) <= 202
        assert len(ndx.quotes) / len(ndx.by_time) == 102

    def test_they_surround_the_latest_pin_and_before_the_first_check_yesterdays(
        self, spx, next_spx
    ):
        pins, of_today = (
            [(p["timestamp"], p["strike"]) for p in day.peaks if p["peak_rank"] == 1]
            for day in (spx, next_spx)
        )
        assert pins[0][1] != pins[-1][1] != of_today[0][1]
        pins = pins[-1:] + of_today
        for stamp, quotes in next_spx.by_time.items():
            pin = [strike for at, strike in pins if at <= stamp][-1]
            strikes = {quote["strike"] for quote in quotes}
            assert pin - 250 <= min(strikes) <= pin - 245  # far out every second strike is listed
            assert pin + 245 <= max(strikes) <= pin + 250

    def test_near_the_money_no_strike_is_missing(self, spx):
        for row in spx.snapshots:
            near = {k for k, _ in spx.quotes_at(row["timestamp"])}
            middle = round(row["underlying_price"] / 5) * 5
            assert near >= {float(middle + 5 * n) for n in range(-20, 21)}

    def test_a_call_and_a_put_for_each_strike(self, spx):
        for quotes in spx.by_time.values():
            calls = [q["strike"] for q in quotes if q["option_type"] == "call"]
            puts = [q["strike"] for q in quotes if q["option_type"] == "put"]
            assert calls == puts == sorted(set(calls))


class TestQuotes:
    def test_prices_are_on_the_tick_grid(self, spx, ndx):
        for points in {q[side] for q in spx.quotes + ndx.quotes for side in ("bid", "ask")}:
            if points is not None:
                ticks = points / (0.10 if points > 3 else 0.05)
                assert ticks == pytest.approx(round(ticks), abs=1e-6)
                assert points == round(points, 2)

    def test_every_quote_has_two_sides_and_the_bid_is_below_the_ask(self, spx, ndx):
        for quote in spx.quotes + ndx.quotes:
            assert quote["bid"] < quote["ask"]

    def test_only_cheap_options_have_no_bid(self, spx, next_spx, ndx):
        # SPX 2018-01-05: of 26,955 quotes without a bid 12 asked for more than 0.40
        for day in (spx, next_spx, ndx):
            assert max(q["ask"] for q in day.quotes if not q["bid"]) <= 0.5

    def test_bad_quotes_come_at_any_price_for_those_who_ask(self):
        day = Day(MONDAY, bad_quotes=True, strikes_within=100)
        count = len(day.quotes)
        whole = two_sides(day.quotes)
        assert 0.001 < sum(q["bid"] is None for q in day.quotes) / count < 0.006
        assert 0.0005 < sum(q["ask"] is None for q in day.quotes) / count < 0.003
        assert 1 <= sum(quote["bid"] > quote["ask"] for quote in whole) <= 40
        assert 1 <= sum(quote["bid"] == quote["ask"] for quote in whole) <= 120
        assert any(q["bid"] is None and q["ask"] and q["ask"] > 20 for q in day.quotes)

    def test_the_ask_is_never_0_and_the_bid_never_negative(self, spx, ndx):
        for quote in spx.quotes + ndx.quotes:
            assert quote["ask"] is None or quote["ask"] > 0
            assert quote["bid"] is None or quote["bid"] >= 0

    def test_mid_is_the_middle_and_null_without_a_bid(self, spx):
        for quote in spx.quotes:
            if quote["bid"] and quote["ask"]:
                assert quote["mid"] == pytest.approx((quote["bid"] + quote["ask"]) / 2, abs=1e-9)
            else:
                assert quote["mid"] is None

    def test_far_calls_have_no_bid(self, spx):
        spot = spx.context[-1]["underlying_price"]
        late = spx.quotes_at(utc_text(MONDAY, "15:30"))
        far = [q for (k, kind), q in late.items() if kind == "call" and k > spot + 100]
        assert far
        assert all(not q["bid"] and q["mid"] is None for q in far)
        assert {q["ask"] for q in far} <= {0.05, None}

    def test_volume_grows_and_open_interest_stays(self, spx):
        first, last = {}, {}
        for quote in spx.quotes:
            key = quote["strike"], quote["option_type"]
            assert first.setdefault(key, quote)["open_interest"] == quote["open_interest"]
            assert last.get(key, quote)["volume"] <= quote["volume"]
            last[key] = quote
        assert sum(q["volume"] for q in last.values()) > 100_000
        assert all(q["last"] is None for q in spx.quotes if q["volume"] == 0)

    def test_quotes_are_wider_in_the_money_and_near_the_close(self, spx):
        def width(moment, low, high):
            return np.mean(
                [
                    q["ask"] - q["bid"]
                    for q in spx.quotes_at(utc_text(MONDAY, moment)).values()
                    if q["bid"] and q["ask"] and low <= q["mid"] < high
                ]
            )

        assert width("11:00", 100, 150) > 2 * width("11:00", 5, 15)
        assert width("15:55", 100, 150) > 1.2 * width("11:00", 100, 150)


def measured(days):
    """Mid, width, ask, bid and points out of the money of each quote until 15:30."""
    rows = []
    for day in days:
        path = synth_market.spot_path(SEED, "SPX", sessions(day.day, day.day)[0], 15.0)
        opening = new_york(utc_text(day.day, "9:30"))
        for quote in day.quotes:
            second = int((new_york(quote["timestamp"]) - opening).total_seconds())
            if second < 360 * 60:
                sign = 1 if quote["option_type"] == "call" else -1
                out = sign * (quote["strike"] - path[second])
                rows.append((quote["bid"], quote["ask"], out))
    bid, ask, out = np.array(rows).T
    return (bid + ask) / 2, ask - bid, ask, bid, out


@pytest.fixture(scope="module")
def found(spx, next_spx):
    return measured((spx, next_spx))


class TestCalibration:
    """Figures of real days, measured by hand from their quotes, beside the synthetic ones."""

    @pytest.mark.parametrize(
        ("low", "high", "narrowest", "widest"),
        [
            # between a tick of SPY 2026, 0.10 of the index at every price out of the money,
            # and SPX 2018 and 2021: 0.09, 0.11, 0.16, 0.19, 0.25, 0.35
            (0.2, 0.5, 0.07, 0.10),
            (0.5, 1, 0.08, 0.11),
            (1, 2, 0.08, 0.16),
            (2, 3, 0.08, 0.19),
            (3, 5, 0.10, 0.25),
            (5, 10, 0.10, 0.35),
        ],
    )
    def test_widths_out_of_the_money(self, found, low, high, narrowest, widest):
        mid, width, _, bid, out = found
        band = (mid >= low) & (mid < high) & (out >= 0) & (bid > 0)
        assert narrowest <= width[band].mean() <= widest

    @pytest.mark.parametrize(
        ("low", "high", "real"),
        [
            (13, 20, 0.475),  # SPX 2026-01-12, eight quotes
            (30, 50, 1.0),  # SPY 2026-07-24 and 08-12, ten quotes, times ten
            (50, 70, 1.7),  # the same, nine quotes; SPXW 2021: 1.86
        ],
    )
    def test_widths_in_the_money(self, found, low, high, real):
        _, width, _, _, out = found
        band = (out <= -low) & (out > -high)
        assert width[band].mean() == pytest.approx(real, rel=0.2)

    @pytest.mark.parametrize(
        ("ask", "real"), [(0.05, 1.0), (0.10, 0.197), (0.15, 0.003), (0.20, 0.018)]
    )
    def test_share_without_a_bid_by_ask(self, found, ask, real):
        # SPX 2018-01-05
        *_, asks, bid, _ = found
        assert np.mean(bid[np.isclose(asks, ask)] == 0) == pytest.approx(real, abs=0.07)

    def test_widths_scatter_and_last_as_long_as_real_ones(self, spx):
        # SPX 2018-01-05, quotes of 0.30 to 1.00: deviation 0.39 of the mean; the autocorrelation
        # of what is left after the width's mean at a price: 0.28 a minute on, 0.10 after five
        mid, width, *_, out = measured([spx])
        band = (mid >= 0.3) & (mid < 1) & (out >= 0)
        assert width[band].std() / width[band].mean() == pytest.approx(0.39, abs=0.08)
        series = defaultdict(dict)
        for quote in spx.quotes:
            if 0.3 <= (quote["bid"] + quote["ask"]) / 2 < 3:
                minute = new_york(quote["timestamp"]).replace(second=0)
                series[quote["strike"], quote["option_type"]][minute] = quote["ask"] - quote["bid"]
        kept = {1: [], 5: []}
        for widths in series.values():
            mean, deviation = np.mean(list(widths.values())), np.std(list(widths.values()))
            for lag, pairs in kept.items():
                later = timedelta(minutes=lag)
                for at, value in widths.items():
                    if at + later in widths and deviation:
                        pairs.append((value - mean) * (widths[at + later] - mean) / deviation**2)
        assert np.mean(kept[1]) == pytest.approx(0.28, abs=0.12)
        assert np.mean(kept[5]) == pytest.approx(0.10, abs=0.10)


class TestNoArbitrage:
    def test_put_call_parity_holds_within_the_spreads(self, spx, ndx):
        for day in (spx, ndx):
            for stamp, quotes in day.by_time.items():
                low, high = forward_bounds(quotes)
                assert low <= high, stamp

    def test_parity_agrees_with_the_index_price(self, spx, ndx):
        for day in (spx, ndx):
            for row in day.snapshots:
                low, high = forward_bounds(json.loads(row["chain_data"]))
                assert low <= row["underlying_price"] <= high

    def test_no_option_asks_less_than_its_intrinsic_value(self, spx, ndx):
        for day in (spx, ndx):
            for row in day.snapshots:
                spot = row["underlying_price"]
                for option in two_sided(json.loads(row["chain_data"])):
                    sign = 1 if option["option_type"] == "call" else -1
                    intrinsic = max(sign * (spot - option["strike"]), 0)
                    assert option["ask"] >= intrinsic - 1e-9

    def test_no_vertical_pays_to_own(self, spx):
        for quotes in spx.by_time.values():
            for kind, sign in (("call", 1), ("put", -1)):
                side = [quote for quote in two_sided(quotes) if quote["option_type"] == kind]
                best_ask = np.inf
                for quote in sorted(side, key=lambda quote: sign * quote["strike"]):
                    assert quote["bid"] <= best_ask
                    best_ask = min(best_ask, quote["ask"])


def forward_bounds(quotes):
    """What the index must be worth by parity: above every synthetic bid, below every ask."""
    pairs = defaultdict(dict)
    for quote in two_sided(quotes):
        pairs[quote["strike"]][quote["option_type"]] = quote
    both = [(k, pair["call"], pair["put"]) for k, pair in pairs.items() if len(pair) == 2]
    assert len(both) > 30
    low = max(call["bid"] - put["ask"] + strike for strike, call, put in both)
    high = min(call["ask"] - put["bid"] + strike for strike, call, put in both)
    return low, high


class TestPeaks:
    @pytest.mark.parametrize(("symbol", "window"), [("SPX", 0.015), ("NDX", 0.020)])
    def test_stored_peaks_follow_from_the_stored_chains(self, symbol, window, spx, ndx):
        day = spx if symbol == "SPX" else ndx
        stored = defaultdict(list)
        for peak in day.peaks:
            stored[peak["timestamp"]].append(peak)
        for row in day.snapshots:
            spot, exposure = row["underlying_price"], defaultdict(float)
            for option in json.loads(row["chain_data"]):
                sign = 1 if option["option_type"] == "call" else -1
                gamma = option["greeks"]["gamma"]
                exposure[option["strike"]] += (
                    sign * gamma * option["open_interest"] * 100 * spot * spot
                )
            scores = {
                strike: gex / ((abs(strike - spot) / spot) ** 5 + 1e-12)
                for strike, gex in exposure.items()
                if gex > 0 and abs(strike - spot) / spot < window
            }
            best = sorted(scores, key=scores.get, reverse=True)[:3]
            peaks = stored[row["timestamp"]]
            assert [peak["strike"] for peak in peaks] == best
            assert [peak["peak_rank"] for peak in peaks] == list(range(1, len(best) + 1))
            for peak in peaks:
                distance = abs(peak["strike"] - spot)
                assert peak["gex"] == pytest.approx(exposure[peak["strike"]])
                assert peak["distance_from_price"] == pytest.approx(distance)
                assert peak["distance_pct"] == pytest.approx(100 * distance / spot)
                assert peak["proximity_score"] == pytest.approx(scores[peak["strike"]])

    def test_competing_rows_follow_from_the_stored_peaks(self, spx, next_spx, ndx):
        seen = set()
        for day in (spx, next_spx, ndx):
            for row, context in zip(day.competing, day.context, strict=True):
                spot = context["underlying_price"]
                one, two = [p for p in day.peaks if p["timestamp"] == row["timestamp"]][:2]
                ratio = two["proximity_score"] / one["proximity_score"]
                distances = sorted(p["distance_from_price"] for p in (one, two))
                expected = (
                    ratio > 0.5
                    and min(one["strike"], two["strike"]) < spot < max(one["strike"], two["strike"])
                    and distances[0] / distances[1] > 0.4
                )
                assert row["is_competing"] is expected
                seen.add(expected)
                if expected:
                    assert row["adjusted_pin"] == (one["strike"] + two["strike"]) / 2
                    assert row["score_ratio"] == pytest.approx(ratio)
                    assert (row["peak1_strike"], row["peak2_gex"]) == (one["strike"], two["gex"])
                else:
                    assert row["peak1_strike"] is row["score_ratio"] is row["adjusted_pin"] is None
        assert seen == {True, False}

    def test_open_interest_heaps_on_round_strikes(self, spx, next_spx):
        held = defaultdict(list)
        for day in (spx, next_spx):
            for option in json.loads(day.snapshots[0]["chain_data"]):
                step = next(n for n in (100, 50, 25, 5) if option["strike"] % n == 0)
                held[step].append(option["open_interest"])
        assert np.mean(held[100]) > np.mean(held[50]) > np.mean(held[5])


class TestPlausible:
    def test_levels_of_2026(self, spx, ndx):
        assert all(6950 * 0.93 < row["underlying_price"] < 6950 * 1.07 for row in spx.context)
        assert all(25600 * 0.9 < row["underlying_price"] < 25600 * 1.1 for row in ndx.context)
        assert all(11 < row["vix"] < 21 for row in spx.context + ndx.context)

    def test_vix_is_the_markets_not_the_indexs(self, spx, ndx):
        stamps = {row["timestamp"]: row["vix"] for row in spx.context}
        for row in ndx.context:
            near = min(stamps, key=lambda at: abs(new_york(at) - new_york(row["timestamp"])))
            assert row["vix"] == pytest.approx(stamps[near], abs=0.5)

    def test_moves_over_half_a_year(self):
        days = sessions(date(2025, 7, 1), date(2025, 12, 31))
        spots = [synth_market.spot_path(SEED, "SPX", day, 15.0) for day in days]
        ndx = [synth_market.spot_path(SEED, "NDX", day, 15.0) for day in days]
        vix = [synth_market.vix_path(SEED, day, 15.0) for day in days]
        within = np.log([path[-1] / path[0] for path in spots])
        overnight = np.log([b[0] / a[-1] for a, b in pairwise(spots)])
        # VIX 15 stands for 0.94 % a day; the open session takes a good 0.4 of it
        assert 0.0028 < within.std() < 0.0052
        assert 0.0018 < overnight.std() < 0.0045
        assert np.corrcoef(within, [np.log(path[-1] / path[0]) for path in vix])[0, 1] < -0.8
        assert np.corrcoef(within, [np.log(path[-1] / path[0]) for path in ndx])[0, 1] > 0.8

    def test_volatility_is_highest_at_the_open_and_rises_to_the_close(self):
        days = [day for day in sessions(date(2025, 7, 1), date(2025, 9, 30)) if day.bars == 780]
        minutes = np.array(
            [np.diff(np.log(synth_market.spot_path(SEED, "SPX", day, 15.0)[::60])) for day in days]
        )
        half_hours = (minutes**2).mean(axis=0).reshape(13, 30).mean(axis=1)
        assert half_hours[0] > half_hours[-1] > 1.2 * half_hours[4:9].mean()

    def test_the_smile_leans_to_the_puts_and_steepens(self, spx):
        def smile(clock):
            moment = utc_text(MONDAY, clock)
            row = [row for row in spx.snapshots if row["timestamp"] <= moment][-1]
            close = datetime.fromisoformat(utc_text(MONDAY, "16:00"))
            left = close - datetime.fromisoformat(row["timestamp"])
            years = left.total_seconds() / (365 * 86_400)
            found = {}
            for option in json.loads(row["chain_data"]):
                distance = option["strike"] - row["underlying_price"]
                is_call = option["option_type"] == "call"
                if option["bid"] and option["ask"] and is_call == (distance > 0):
                    middle = (option["bid"] + option["ask"]) / 2
                    found[distance] = implied_volatility(
                        middle,
                        row["underlying_price"],
                        option["strike"],
                        years,
                        0,
                        "c" if is_call else "p",
                    )
            return row["vix"] / 100, found

        def near(found, points):
            return found[min(found, key=lambda distance: abs(distance - points))]

        vix, morning = smile("10:00")
        assert 0.7 * vix < near(morning, 0) < 1.2 * vix
        assert near(morning, -40) > 1.1 * near(morning, 0)
        assert near(morning, -40) > near(morning, 40)
        _, afternoon = smile("14:30")
        steepness = [near(s, -25) - near(s, 0) for s in (morning, afternoon)]
        assert steepness[1] > steepness[0]

    def test_credits_like_those_of_the_real_market(self):
        # Recorded on 2026-01-12, VIX 14.6: 10:00 a put spread 7 and 17 points out sold for 2.35;
        # live credits of 10-wide spreads in those weeks were 0.2 to 3.
        credit = []
        for session in sessions(date(2026, 1, 5), date(2026, 1, 16))[::2]:
            day = Day(session.day, strikes_within=100)
            for clock in ("10:00", "11:00", "12:00"):
                moment = utc_text(session.day, clock)
                quotes = day.quotes_at(moment)
                spot = [r for r in day.context if r["timestamp"] <= moment][-1]["underlying_price"]
                for kind, sign in (("call", 1), ("put", -1)):
                    short = round((spot + sign * 20) / 5) * 5.0
                    sold, bought = quotes[short, kind], quotes[short + sign * 10, kind]
                    if sold["bid"] is not None and bought["ask"] is not None:
                        credit.append(sold["bid"] - bought["ask"])
        assert np.mean(np.array(credit) > 0) > 0.9
        assert 0.4 < np.median(credit) < 1.6
        assert max(credit) < 4

    def test_two_weeks_fit_into_150_megabytes(self, tmp_path, spx):
        with (
            writer.new_file(tmp_path / "day.db") as engine,
            writer.writing(engine) as connection,
        ):
            for table, rows in day_rows(market(MONDAY)).items():
                writer.insert(connection, table, rows)
        assert (tmp_path / "day.db").stat().st_size * 10 < 150e6


class TestDeterminism:
    def test_the_same_market_twice(self):
        first = day_rows(market(TUESDAY, strikes_within=20))
        for cached in (synth._snapshots, synth_market.spot_path, synth_market._walk):
            cached.cache_clear()
        assert day_rows(market(TUESDAY, strikes_within=20)) == first

    def test_another_seed_is_another_market(self):
        one, two = (day_rows(market(MONDAY, seed=seed, strikes_within=20)) for seed in (1, 2))
        assert one[schema.context] != two[schema.context]
        assert one[schema.quotes] != two[schema.quotes]

    def test_quoting_more_strikes_leaves_the_market_as_it_is(self, spx):
        few = Day(MONDAY, strikes_within=20)
        for name in ("peaks", "competing", "context"):
            assert getattr(few, name) == getattr(spx, name)
        assert few.by_time.keys() == spx.by_time.keys()

    def test_a_day_depends_neither_on_the_range_nor_on_the_other_indexes(self, tmp_path):
        wide = stored(tmp_path / "a.db", date(2026, 1, 9), TUESDAY, ("NDX", "SPX"))
        alone = stored(tmp_path / "b.db", MONDAY, MONDAY, ("SPX",))
        for table, rows in alone.items():
            assert rows
            assert rows == [
                row for row in wide[table] if row[0][:10] == "2026-01-12" and row[1] == "SPX"
            ]

    def test_another_process_with_another_hash_seed_writes_the_same(self):
        program = (
            "import hashlib\n"
            "from datetime import date\n"
            "from bt_gex.synthetic.blackbox import SynthConfig, day_rows\n"
            "from bt_gex.market.calendar import sessions\n"
            "day = date(2026, 1, 13)\n"
            "config = SynthConfig(start=day, end=day, seed=6, strikes_within=20)\n"
            "(session,) = sessions(day, day)\n"
            "(market,) = config.markets(session)\n"
            "print(hashlib.sha256(repr(list(day_rows(market).values())).encode()).hexdigest())\n"
        )
        here = repr(list(day_rows(market(TUESDAY, strikes_within=20)).values()))
        there = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": "12345"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def stored(path, start, end, indexes):
    config = SynthConfig(start=start, end=end, seed=SEED, indexes=indexes, strikes_within=20)
    with writer.new_file(path) as engine:
        written = synth.write(config, engine)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = {
            name: [tuple(row)[1:] for row in connection.execute(select(table))]
            for name, table in schema.metadata.tables.items()
        }
    engine.dispose()
    assert {name: len(rows) for name, rows in found.items()} == written
    return found


def test_weekends_and_holidays_have_no_rows(tmp_path):
    found = stored(tmp_path / "x.db", date(2026, 1, 16), date(2026, 1, 20), ("SPX",))
    for rows in found.values():
        assert {row[0][:10] for row in rows} == {"2026-01-16", "2026-01-20"}


def test_it_writes_to_postgresql_as_well():
    admin = create_engine(POSTGRES, connect_args={"connect_timeout": 3})
    name = f"bt_gex_synth_{os.getpid()}"
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
    except OperationalError:
        admin.dispose()
        pytest.skip(f"no PostgreSQL at {POSTGRES}")
    engine = writer.create(f"{POSTGRES}?options=-csearch_path%3D{name}")
    try:
        config = SynthConfig(start=MONDAY, end=MONDAY, seed=SEED, strikes_within=5)
        written = synth.write(config, engine)
        with engine.connect() as connection:
            for table, count in written.items():
                rows = select(func.count()).select_from(schema.metadata.tables[table])
                assert connection.scalar(rows) == count > 0
    finally:
        engine.dispose()
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.dispose()


@pytest.mark.parametrize("vix", [5.0, 40.0, 100.0])
def test_calm_and_panic_make_a_market_too(vix):
    day = Day(MONDAY, vix=vix, strikes_within=50)
    assert len(day.peaks) == 3 * len(day.snapshots) > 90
    assert np.mean([row["vix"] for row in day.context]) == pytest.approx(vix, rel=0.6)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"vix": 4.9}, BadValue, "5 to 100"),
        ({"vix": float("nan")}, BadValue, "5 to 100"),
        ({"strikes_within": 0}, BadValue, "more than 0"),
        ({"strikes_within": float("inf")}, BadValue, "at most 2000"),
        ({"indexes": ()}, BadValue, "each index once"),
        ({"indexes": ("SPX", "SPX")}, BadValue, "each index once"),
        ({"indexes": ("SPY",)}, UnknownName, "did you mean SPX"),
    ],
)
def test_an_impossible_market_is_refused(more, error, message):
    with pytest.raises(error, match=message):
        SynthConfig(start=MONDAY, end=MONDAY, **more)
