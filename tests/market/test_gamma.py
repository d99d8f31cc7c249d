"""Gamma exposure, peaks and the pin between competing peaks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_gex.errors import DataError
from bt_gex.market.gamma import (
    Competing,
    GammaRow,
    chain_rows,
    competing,
    exposure_by_strike,
    find_peaks,
)
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import NDX, SPX, Index


def option(strike, option_type="call", gamma=0.01, open_interest=10, **rest):
    return {
        "strike": strike,
        "option_type": option_type,
        "open_interest": open_interest,
        "greeks": {"gamma": gamma},
        **rest,
    }


class TestExposure:
    def test_calls_add_and_puts_subtract_dollars_per_strike(self):
        rows = [
            GammaRow(100.0, "C", 0.02, 30),
            GammaRow(100.0, "P", 0.02, 10),
            GammaRow(105.0, "P", 0.01, 7),
        ]
        # 0.02 · 20 · 100 · 50² = 100 000; −0.01 · 7 · 100 · 50² = −17 500
        assert exposure_by_strike(rows, 50.0) == pytest.approx({100.0: 100_000, 105.0: -17_500})

    def test_the_contract_multiplier_scales_it(self):
        rows = [GammaRow(100.0, "C", 0.02, 30)]
        assert exposure_by_strike(rows, 50.0, multiplier=10) == pytest.approx({100.0: 15_000})

    def test_no_rows_no_exposure(self):
        assert exposure_by_strike([], 50.0) == {}


class TestChainRows:
    @pytest.mark.parametrize("word", ["call", "CALL", "C", "c", "Call"])
    def test_a_call_in_any_spelling(self, word):
        assert chain_rows([option(5950, word)]) == [GammaRow(5950.0, "C", 0.01, 10)]

    @pytest.mark.parametrize("word", ["put", "PUT", "P", "p"])
    def test_a_put_in_any_spelling(self, word):
        assert chain_rows([option(5950, word)]) == [GammaRow(5950.0, "P", 0.01, 10)]

    @pytest.mark.parametrize(
        "empty",
        [
            option(5950, gamma=None),
            option(5950, gamma=0),
            option(5950, gamma=math.nan),
            option(5950, open_interest=None),
            option(5950, open_interest=0),
            {"strike": 5950, "option_type": "call", "open_interest": 10},
            {"strike": 5950, "option_type": "call", "open_interest": 10, "greeks": None},
            {"strike": 5950, "option_type": "call", "open_interest": 10, "greeks": {}},
            {"strike": 5950, "option_type": "call", "greeks": {"gamma": 0.1}},
        ],
    )
    def test_an_option_without_gamma_or_open_interest_is_left_out(self, empty):
        assert chain_rows([empty, option(5955)]) == [GammaRow(5955.0, "C", 0.01, 10)]

    def test_neither_call_nor_put_is_an_error(self):
        with pytest.raises(DataError, match="'future'"):
            chain_rows([option(5950, "future")])


class TestPeaks:
    def test_equal_exposure_the_nearest_wins(self):
        peaks = find_peaks({5940.0: 1e9, 5955.0: 1e9, 5985.0: 1e9}, 5950.0, SPX)
        assert [peak.strike for peak in peaks] == [5955.0, 5940.0, 5985.0]
        assert [peak.rank for peak in peaks] == [1, 2, 3]

    def test_a_near_peak_beats_a_far_one_of_six_times_the_exposure(self):
        peaks = find_peaks({6060.0: 50e9, 6100.0: 300e9}, 6050.0, SPX)
        assert peaks[0].strike == 6060.0

    def test_the_peak_at_the_money_wins_for_ndx(self):
        peaks = find_peaks({21400.0: 4e9, 21500.0: 2e9, 21700.0: 9e9}, 21500.0, NDX)
        assert peaks[0].strike == 21500.0

    def test_numbers_of_a_peak(self):
        # 60 of 6000 points: 1 %, score 3e9 / (0.01⁵ + 1e-12) = 3e9 / 1.01e-10
        (peak,) = find_peaks({6060.0: 3e9}, 6000.0, SPX)
        assert (peak.rank, peak.strike, peak.gex, peak.distance) == (1, 6060.0, 3e9, 60.0)
        assert peak.distance_pct == pytest.approx(1.0)
        assert peak.score == pytest.approx(3e9 / 1.01e-10)

    def test_only_positive_exposure_and_only_three(self):
        exposure = {5930.0: 1e9, 5940.0: -9e9, 5950.0: 1e9, 5960.0: 1e9, 5970.0: 1e9, 5945.0: 0.0}
        assert {p.strike for p in find_peaks(exposure, 5951.0, SPX)} == {5950.0, 5960.0, 5970.0}

    @pytest.mark.parametrize(
        ("index", "spot", "edge"), [(SPX, 6000.0, 90.0), (NDX, 20000.0, 400.0)]
    )
    def test_the_window_is_open(self, index, spot, edge):
        assert find_peaks({spot + edge: 1e9}, spot, index) == ()
        assert len(find_peaks({spot + edge - 1: 1e9}, spot, index)) == 1

    def test_an_index_of_low_price_falls_back_to_points(self):
        small = Index(symbol="XSP", strike_increment=1, scale=0.1, peak_window_fraction=0.001)
        assert [p.strike for p in find_peaks({604.0: 1e6, 605.0: 1e6}, 600.0, small)] == [604.0]

    def test_the_fallback_is_not_mixed_with_the_window(self):
        small = Index(symbol="XSP", strike_increment=1, scale=0.1, peak_window_fraction=0.001)
        peaks = find_peaks({600.5: 1.0, 604.0: 1e9}, 600.0, small)
        assert [p.strike for p in peaks] == [600.5]

    def test_nothing_positive_no_peak(self):
        assert find_peaks({5950.0: -1e9}, 5950.0, SPX) == ()
        assert find_peaks({}, 5950.0, SPX) == ()

    def test_a_full_tie_goes_to_the_lower_strike_in_any_order(self):
        for strikes in ((5940.0, 5960.0), (5960.0, 5940.0)):
            peaks = find_peaks(dict.fromkeys(strikes, 1e9), 5950.0, SPX)
            assert [peak.strike for peak in peaks] == [5940.0, 5960.0]

    @given(
        st.dictionaries(
            st.integers(1150, 1250).map(lambda n: 5.0 * n), st.floats(-1e12, 1e12), max_size=30
        ),
        st.floats(5800, 6200),
    )
    def test_best_first_positive_and_within_the_window(self, exposure, spot):
        peaks = find_peaks(exposure, spot, SPX)
        scores = [peak.score for peak in peaks]
        assert scores == sorted(scores, reverse=True)
        assert [peak.rank for peak in peaks] == list(range(1, len(peaks) + 1))
        window = [k for k, g in exposure.items() if g > 0 and abs(k - spot) < 0.015 * spot]
        assert len(peaks) == min(3, len(window))
        assert all(peak.strike in window for peak in peaks)


class TestCompeting:
    @pytest.mark.parametrize(
        ("spot", "exposure", "ratio", "competes", "pin"),
        [
            (5950, {5900.0: 120e9, 6000.0: 100e9}, 0.833, True, 5950),
            (5920, {5950.0: 100e9, 6000.0: 120e9}, 0.0115, False, 5950),
            (5950, {5900.0: 50e9, 6000.0: 200e9}, 0.25, False, 6000),
        ],
    )
    def test_recorded_expectations_spx(self, spot, exposure, ratio, competes, pin):
        peaks = find_peaks(exposure, spot, SPX)
        found = competing(peaks, spot)
        assert found.is_competing is competes
        assert found.score_ratio == pytest.approx(ratio, abs=5e-4)
        assert (found.adjusted_pin if competes else peaks[0].strike) == pin

    def test_ndx_of_12_january_2026(self):
        found = competing(find_peaks({25640.0: 2.13e9, 25740.0: 1.94e9}, 25690.0, NDX), 25690.0)
        assert found.is_competing
        assert found.adjusted_pin == 25690.0

    def test_the_two_best_by_score_are_reported(self):
        exposure = {5900.0: 120e9, 6000.0: 100e9, 6005.0: 1e9}
        found = competing(find_peaks(exposure, 5950.0, SPX), 5950.0)
        assert (found.peak1_strike, found.peak1_gex) == (5900.0, 120e9)
        assert (found.peak2_strike, found.peak2_gex) == (6000.0, 100e9)

    def test_the_midpoint_is_not_rounded(self):
        found = competing(find_peaks({5940.0: 1e9, 5965.0: 1e9}, 5952.0, SPX), 5952.0)
        assert found.adjusted_pin == 5952.5

    def test_one_side_does_not_compete(self):
        assert not competing(
            find_peaks({5955.0: 1e9, 5960.0: 1e9}, 5950.0, SPX), 5950.0
        ).is_competing

    def test_spot_on_a_peak_does_not_compete(self):
        assert not competing(
            find_peaks({5950.0: 1e9, 5960.0: 1e9}, 5950.0, SPX), 5950.0
        ).is_competing

    def test_a_lopsided_pair_does_not_compete(self):
        # 8 and 20 points: ratio 0.4 is not above 0.4; both lie where distance hardly counts
        lopsided = find_peaks({5992.0: 1e9, 6020.0: 1e9}, 6000.0, SPX)
        assert not competing(lopsided, 6000.0).is_competing
        centred = find_peaks({5991.0: 1e9, 6020.0: 1e9}, 6000.0, SPX)
        assert competing(centred, 6000.0).is_competing

    def test_half_the_score_does_not_compete(self):
        for weaker, competes in ((0.5e9, False), (0.51e9, True)):
            peaks = find_peaks({5990.0: 1e9, 6010.0: weaker}, 6000.0, SPX)
            assert competing(peaks, 6000.0).is_competing is competes

    def test_fewer_than_two_peaks(self):
        assert competing((), 5950.0) == Competing(False)
        assert competing(find_peaks({5950.0: 1e9}, 5950.0, SPX), 5950.0) == Competing(False)


@pytest.mark.parametrize(
    ("points", "increment", "strike"),
    [
        (6002.5, 5, 6000),
        (6007.5, 5, 6010),
        (6012.5, 5, 6010),
        (21505, 10, 21500),
        (21515, 10, 21520),
        (21525, 10, 21520),
        (6003, 5, 6005),
        (600.4, 1, 600),
    ],
)
def test_ties_go_to_the_even_multiple(points, increment, strike):
    assert round_to_grid(points, increment) == strike
    assert isinstance(round_to_grid(points, increment), float)
