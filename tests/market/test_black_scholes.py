"""Black-Scholes against vollib, against hand values and against laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vollib.black_scholes import black_scholes as oracle_price
from vollib.black_scholes.greeks import analytical as oracle

from bt_gex.market.black_scholes import normal_cdf, price, values

SIX_HOURS = 6.0 / (24 * 365)


@pytest.mark.parametrize(
    ("x", "probability"),
    [
        (0.0, 0.5),
        (1.0, 0.8413447460685429),
        (-1.96, 0.024997895148220435),
        (-10, 7.61985302416e-24),
    ],
)
def test_normal_distribution(x, probability):
    assert normal_cdf(x) == pytest.approx(probability, rel=1e-11)


def test_textbook_values_of_hull():
    # Hull, Options, Futures and Other Derivatives: S = 42, K = 40, r = 10 %, vol 20 %, 6 months
    assert price(42, 40, 0.5, 0.2, True, rate=0.1) == pytest.approx(4.76, abs=0.005)
    assert price(42, 40, 0.5, 0.2, False, rate=0.1) == pytest.approx(0.81, abs=0.005)
    # S = 49, K = 50, r = 5 %, vol 20 %, 0.3846 years; theta a year, vega per 1.00
    call = values(49, 50, 0.3846, 0.2, True, rate=0.05)
    assert call.delta == pytest.approx(0.522, abs=5e-4)
    assert call.gamma == pytest.approx(0.066, abs=5e-4)
    assert call.theta * 365 == pytest.approx(-4.31, abs=5e-3)
    assert call.vega * 100 == pytest.approx(12.1, abs=0.05)


def test_vollib_agrees_on_a_grid():
    grid = itertools.product(
        (6950.0,),
        (6700.0, 6900.0, 6950.0, 6965.0, 7200.0),
        (60 / (365 * 86400), SIX_HOURS, 0.1),
        (0.08, 0.2, 0.9),
        (True, False),
        (0.0, 0.04),
    )
    for spot, strike, years, vol, is_call, rate in grid:
        flag = "c" if is_call else "p"
        mine = values(spot, strike, years, vol, is_call, rate)
        market = (flag, spot, strike, years, rate, vol)
        assert mine.price == pytest.approx(oracle_price(*market), abs=1e-9)
        assert mine.delta == pytest.approx(oracle.delta(*market), abs=1e-12)
        assert mine.gamma == pytest.approx(oracle.gamma(*market), abs=1e-12)
        assert mine.theta == pytest.approx(oracle.theta(*market), rel=1e-9, abs=1e-9)
        assert mine.vega == pytest.approx(oracle.vega(*market), rel=1e-9, abs=1e-9)
        assert price(spot, strike, years, vol, is_call, rate) == mine.price


@pytest.mark.parametrize(("years", "vol"), [(0.0, 0.2), (-1.0, 0.2), (0.1, 0.0), (0.0, 0.0)])
def test_without_time_or_volatility_an_option_is_its_intrinsic_value(years, vol):
    strikes = [6940.0, 6950.0, 6960.0]
    calls = values(6950.0, strikes, years, vol, True)
    puts = values(6950.0, strikes, years, vol, False)
    assert calls.price.tolist() == [10.0, 0.0, 0.0]
    assert puts.price.tolist() == [0.0, 0.0, 10.0]
    assert calls.delta.tolist() == [1.0, 0.5, 0.0]
    assert puts.delta.tolist() == [0.0, -0.5, -1.0]
    for greek in (calls.gamma, calls.theta, calls.vega):
        assert greek.tolist() == [0.0, 0.0, 0.0]


def test_without_volatility_the_strike_is_discounted():
    assert price(100, 95, 1.0, 0.0, True, rate=0.05) == pytest.approx(100 - 95 * math.exp(-0.05))


def test_the_smallest_times_and_volatilities_give_numbers():
    found = values(6950.0, [6940.0, 6950.0, 6960.0], 1e-300, 1e-200, True)
    assert found.price == pytest.approx([10.0, 0.0, 0.0])
    assert not np.isnan(np.stack([found.delta, found.theta, found.vega])).any()


def test_arguments_broadcast():
    assert price(6950.0, np.ones((1, 4)) * 6950, np.ones((3, 1)) * 0.01, 0.2, True).shape == (3, 4)


market = {
    "spot": st.floats(1000, 30000),
    "moneyness": st.floats(0.9, 1.1),
    "years": st.floats(1e-6, 0.5),
    "vol": st.floats(0.01, 2.0),
    "rate": st.floats(-0.02, 0.1),
}


@given(**market)
def test_put_call_parity(spot, moneyness, years, vol, rate):
    strike = spot * moneyness
    call, put = (values(spot, strike, years, vol, is_call, rate) for is_call in (True, False))
    forward = spot - strike * math.exp(-rate * years)
    assert call.price - put.price == pytest.approx(forward, abs=1e-8 * spot)
    assert call.delta - put.delta == pytest.approx(1.0)
    assert call.gamma == pytest.approx(put.gamma)
    assert call.vega == pytest.approx(put.vega)


@given(**market, is_call=st.booleans())
def test_bounds(spot, moneyness, years, vol, rate, is_call):
    strike = spot * moneyness
    present = strike * math.exp(-rate * years)
    worth = float(price(spot, strike, years, vol, is_call, rate))
    intrinsic = max(spot - present, 0) if is_call else max(present - spot, 0)
    assert intrinsic - 1e-8 * spot <= worth <= (spot if is_call else present) * (1 + 1e-9)


@given(**market, is_call=st.booleans())
def test_greeks_are_the_slopes_of_the_price(spot, moneyness, years, vol, rate, is_call):
    strike = spot * moneyness
    found = values(spot, strike, years, vol, is_call, rate)
    deviation = spot * vol * math.sqrt(years)
    step = 0.02 * deviation
    low, middle, high = price([spot - step, spot, spot + step], strike, years, vol, is_call, rate)
    tolerance = 1e-6 * deviation + 1e-11 * spot
    assert found.delta == pytest.approx((high - low) / (2 * step), abs=1e-3)
    assert found.gamma * step**2 == pytest.approx(high - 2 * middle + low, abs=tolerance)
    wide, narrow = price(spot, strike, years, [vol * 1.001, vol * 0.999], is_call, rate)
    assert found.vega == pytest.approx((wide - narrow) / (0.002 * vol) / 100, rel=1e-3, abs=1e-5)
