"""get_gex_trade_setup: the decision table with its golden vectors, and its two repairs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bt_gex import get_gex_trade_setup
from bt_gex.errors import BadValue, UnknownName, UsageError
from bt_gex.market.grid import round_to_grid
from bt_gex.market.indexes import NDX, SPX, Index
from bt_gex.rules.gex.params import SetupParams
from bt_gex.rules.gex.setup import Confidence, Setup, spread_width

Strikes = list[int]
Vector = tuple[float, float, float, str, Strikes, str | None, str, int]

CONDOR_6050 = [6070, 6080, 6030, 6020]

# Golden vectors, executed on the bot's own function: pin, price, VIX → strategy, strikes,
# direction, confidence, distance.
SPX_GOLDEN: list[Vector] = [
    (6050, 6050, 15, "IC", CONDOR_6050, "NEUTRAL", "HIGH", 0),
    (6050, 6050, 14.99, "IC", [6070, 6075, 6030, 6025], "NEUTRAL", "HIGH", 0),
    (6050, 6050, 20, "SKIP", [], None, "LOW", 0),
    (6050, 6056, 15, "IC", CONDOR_6050, "NEUTRAL", "HIGH", 6),
    (6050, 6057, 12, "CALL", [6065, 6070], "BEARISH", "HIGH", 7),
    (6050, 6058, 15, "CALL", [6065, 6075], "BEARISH", "HIGH", 8),
    (6050, 6060, 15, "CALL", [6070, 6080], "BEARISH", "HIGH", 10),
    (6050, 6065, 15, "CALL", [6075, 6085], "BEARISH", "HIGH", 15),
    (6050, 6066, 15, "CALL", [6080, 6090], "BEARISH", "MEDIUM", 16),
    (6050, 6070, 15, "CALL", [6080, 6090], "BEARISH", "MEDIUM", 20),
    (6050, 6100, 15, "CALL", [6110, 6120], "BEARISH", "MEDIUM", 50),
    (6050, 6101, 15, "SKIP", [], None, "LOW", 51),
    (6050, 6044, 15, "IC", CONDOR_6050, "NEUTRAL", "HIGH", -6),
    (6050, 6043, 15, "PUT", [6035, 6025], "BULLISH", "HIGH", -7),
    (6050, 6035, 15, "PUT", [6025, 6015], "BULLISH", "HIGH", -15),
    (6050, 6034, 15, "PUT", [6020, 6010], "BULLISH", "MEDIUM", -16),
    (6050, 6010, 15, "PUT", [6000, 5990], "BULLISH", "MEDIUM", -40),
    (6050, 6010, 14.99, "PUT", [6000, 5995], "BULLISH", "MEDIUM", -40),
    (6050, 6000, 15, "PUT", [5990, 5980], "BULLISH", "MEDIUM", -50),
    (6050, 5999, 15, "SKIP", [], None, "LOW", -51),
    (6047, 6047, 15, "IC", [6065, 6075, 6025, 6015], "NEUTRAL", "HIGH", 0),
    (6980, 6960.66, 15.49, "PUT", [6950, 6940], "BULLISH", "MEDIUM", -19),
    (6985, 6962.16, 14.62, "PUT", [6950, 6945], "BULLISH", "MEDIUM", -23),
    (6980, 6950, 15.0, "PUT", [6940, 6930], "BULLISH", "MEDIUM", -30),
    (6952, 6940, 13.5, "PUT", [6930, 6925], "BULLISH", "HIGH", -12),
    # prices are rounded to whole points, half to even, before anything else
    (6050, 6056.5, 15, "IC", CONDOR_6050, "NEUTRAL", "HIGH", 6),
    (6050, 6056.51, 15, "CALL", [6065, 6075], "BEARISH", "HIGH", 7),
    (6050, 6065.5, 15, "CALL", [6080, 6090], "BEARISH", "MEDIUM", 16),
    (6050, 6100.5, 15, "CALL", [6110, 6120], "BEARISH", "MEDIUM", 50),
]

CONDOR_NDX = [21600, 21610, 21400, 21390]
HOLE: tuple[str, Strikes, None, str] = ("SKIP", [], None, "LOW")
NDX_GOLDEN: list[Vector] = [
    (21500, 21500, 14, "IC", [21600, 21600, 21400, 21400], "NEUTRAL", "HIGH", 0),
    (21500, 21500, 15, "IC", CONDOR_NDX, "NEUTRAL", "HIGH", 0),
    (21500, 21530, 15, "IC", CONDOR_NDX, "NEUTRAL", "HIGH", 30),
    *((21500, 21500 + d, 15, *HOLE, d) for d in (31, 32, 33, 34)),
    *((21500, 21500 - d, 15, *HOLE, -d) for d in (31, 32, 33, 34)),
    (21500, 21535, 15, "CALL", [21580, 21590], "BEARISH", "HIGH", 35),
    (21500, 21535, 14, "CALL", [21580, 21580], "BEARISH", "HIGH", 35),
    (21500, 21575, 15, "CALL", [21620, 21630], "BEARISH", "HIGH", 75),
    *((21500, 21500 + d, 15, *HOLE, d) for d in (76, 77, 78, 79)),
    (21500, 21580, 15, "CALL", [21640, 21650], "BEARISH", "MEDIUM", 80),
    (21500, 21750, 15, "CALL", [21810, 21820], "BEARISH", "MEDIUM", 250),
    (21500, 21751, 15, *HOLE, 251),
    (21500, 21465, 15, "PUT", [21420, 21410], "BULLISH", "HIGH", -35),
    (21500, 21420, 16, "PUT", [21360, 21350], "BULLISH", "MEDIUM", -80),
    (25690, 25600, 14.56, "PUT", [25540, 25540], "BULLISH", "MEDIUM", -90),
    (21505, 21505, 16, "IC", CONDOR_NDX, "NEUTRAL", "HIGH", 0),
]

# What the two repairs make of the holes and zero widths; worked out by hand from A1.
NDX_REPAIRED: list[Vector] = [
    # width 5 at VIX < 15 becomes one whole increment of 10
    (21500, 21500, 14, "IC", CONDOR_NDX, "NEUTRAL", "HIGH", 0),
    (21500, 21535, 14, "CALL", [21580, 21590], "BEARISH", "HIGH", 35),
    # min(25690-125, 25600-60) = 25540
    (25690, 25600, 14.56, "PUT", [25540, 25530], "BULLISH", "MEDIUM", -90),
    # 31..34 belong to HIGH: max(21575, px+40 = 21571..21574) = 21575 → 21580
    *(
        (21500, 21500 + d, 15, "CALL", [21580, 21590], "BEARISH", "HIGH", d)
        for d in (31, 32, 33, 34)
    ),
    # min(21425, px-40 = 21429..21426) = 21425 → 21420
    *(
        (21500, 21500 - d, 15, "PUT", [21420, 21410], "BULLISH", "HIGH", -d)
        for d in (31, 32, 33, 34)
    ),
    # 76..79 belong to MEDIUM: max(21625, px+60 = 21636..21639) → 21640
    *(
        (21500, 21500 + d, 15, "CALL", [21640, 21650], "BEARISH", "MEDIUM", d)
        for d in (76, 77, 78, 79)
    ),
    # min(21375, px-60 = 21364..21361) → 21360
    *(
        (21500, 21500 - d, 15, "PUT", [21360, 21350], "BULLISH", "MEDIUM", -d)
        for d in (76, 77, 78, 79)
    ),
    (21500, 21530, 15, "IC", CONDOR_NDX, "NEUTRAL", "HIGH", 30),
    (21500, 21750, 15, "CALL", [21810, 21820], "BEARISH", "MEDIUM", 250),
    (21500, 21751, 15, *HOLE, 251),
    (21500, 21249, 15, *HOLE, -251),
]


def check(found: Setup, vector: Vector) -> None:
    _, _, vix, strategy, strikes, direction, confidence, distance = vector
    assert found.strategy == strategy
    assert list(found.strikes) == strikes
    assert found.direction == direction
    assert found.confidence == confidence
    assert found.distance == distance
    assert found.vix == vix


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("vector", SPX_GOLDEN)
def test_golden_spx(vector: Vector, parity: bool) -> None:
    """SPX has neither holes nor zero widths: the repairs change nothing."""
    check(get_gex_trade_setup(*vector[:3], parity=parity), vector)


@pytest.mark.parametrize("vector", NDX_GOLDEN)
def test_golden_ndx_in_parity_mode(vector: Vector) -> None:
    check(get_gex_trade_setup(*vector[:3], index_symbol="NDX", parity=True), vector)


@pytest.mark.parametrize("vector", NDX_REPAIRED)
def test_ndx_repaired(vector: Vector) -> None:
    check(get_gex_trade_setup(*vector[:3], index_symbol="NDX"), vector)


def test_arguments_are_positional_as_the_bot_calls_it() -> None:
    found = get_gex_trade_setup(21500, 21535, 15, 20.0, "NDX")
    assert list(found.strikes) == [21580, 21590]
    assert get_gex_trade_setup(6050, 6050, 15, 15.0).strategy == "SKIP"  # inclusive
    assert get_gex_trade_setup(6050, 6050, 15, 15.01).strategy == "IC"


@pytest.mark.parametrize(
    ("vix", "spx", "ndx", "ndx_parity"),
    [
        (0.0, 5, 10, 5),
        (14.999, 5, 10, 5),
        (15, 10, 10, 10),
        (19.999, 10, 10, 10),
        (20, 15, 20, 15),
        (24.999, 15, 20, 15),
        (25, 20, 20, 20),
        (80, 20, 20, 20),
    ],
)
def test_width_by_vix(vix: float, spx: float, ndx: float, ndx_parity: float) -> None:
    assert spread_width(vix, 5, False) == spread_width(vix, 5, True) == spx
    assert spread_width(vix, 10, False) == ndx
    assert spread_width(vix, 10, True) == ndx_parity
    # the result carries it, also on a skip
    assert get_gex_trade_setup(6050, 6050, vix).spread_width == spx
    assert get_gex_trade_setup(6050, 6050, vix, 1000).spread_width == spx


def test_long_strike_in_parity_mode_is_rounded_half_even() -> None:
    # VIX 22: width 15; 21600+15 = 2161.5 tens → 2162; 21400−15 = 2138.5 tens → 2138
    found = get_gex_trade_setup(21500, 21500, 22, 30, "NDX", parity=True)
    assert found.strikes == (21600, 21620, 21400, 21380)


@pytest.mark.parametrize(
    ("points", "increment", "on_grid"),
    [
        (6002.5, 5, 6000),
        (6007.5, 5, 6010),
        (6012.5, 5, 6010),
        (21505, 10, 21500),
        (21515, 10, 21520),
        (21525, 10, 21520),
        (602.25, 0.5, 602.0),
        (602.75, 0.5, 603.0),
        (-2.5, 5, 0),
    ],
)
def test_half_even_ties(points: float, increment: float, on_grid: float) -> None:
    assert round_to_grid(points, increment) == on_grid


def test_rounding_of_pin_and_price_is_half_even_too() -> None:
    # 6056.5 → 6056 and 6057.5 → 6058; pin 6049.5 → 6050, 6050.5 → 6050
    assert get_gex_trade_setup(6050, 6057.5, 12).distance == 8
    assert get_gex_trade_setup(6049.5, 6056, 12).distance == 6
    assert get_gex_trade_setup(6050.5, 6056, 12).distance == 6


class TestText:
    def test_too_far(self) -> None:
        found = get_gex_trade_setup(6050, 6101, 15)
        assert found.description == "SPX 51pts from pin — too far, skip (limit: 50pts)"
        found = get_gex_trade_setup(21500, 21249, 15, 20, "NDX")
        assert found.description == "NDX 251pts from pin — too far, skip (limit: 250pts)"

    def test_vix_too_high(self) -> None:
        found = get_gex_trade_setup(6050, 6050, 20.5)
        assert found.description == "VIX 20.5 too high (>=20.0), skip trading"
        assert (found.spread_width, found.distance) == (15, 0)

    def test_a_high_vix_comes_before_the_distance(self) -> None:
        assert get_gex_trade_setup(6050, 7000, 20).description.startswith("VIX")

    def test_a_hole_of_the_original_table_has_the_bots_own_text(self) -> None:
        found = get_gex_trade_setup(21500, 21531, 15, 20, "NDX", parity=True)
        assert found.description == "NDX 31pts from pin — too far, skip (limit: 250pts)"

    def test_a_skip_has_no_legs(self) -> None:
        assert get_gex_trade_setup(6050, 6101, 15).spread is None

    def test_whole_strikes_are_whole_numbers(self) -> None:
        strikes = get_gex_trade_setup(6050, 6050, 15).strikes
        assert all(type(strike) is int for strike in strikes)


class TestInput:
    """D22: a configuration in the threshold's place must not pass as a number."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"SPX": {"strike_increment": 5}},
            SPX,
            SetupParams(),
            None,
            "20",
            True,
            math.nan,
            math.inf,
            [20.0],
        ],
    )
    def test_vix_threshold(self, wrong: Any) -> None:
        with pytest.raises(BadValue, match="vix_threshold must be a finite number"):
            get_gex_trade_setup(6050, 6050, 15, wrong)

    @pytest.mark.parametrize("name", ["pin", "spot", "vix"])
    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, None, True, "6050", {}])
    def test_numbers(self, name: str, wrong: Any) -> None:
        given_ = {"pin": 6050, "spot": 6050, "vix": 15, name: wrong}
        with pytest.raises(BadValue, match=f"^{name} must be a finite number"):
            get_gex_trade_setup(**given_)

    @pytest.mark.parametrize(
        ("symbol", "near"), [("spx", "SPX"), ("SPXW", "SPX"), ("NDQ", "NDX"), ("NDXP", "NDX")]
    )
    def test_unknown_index_names_the_nearest(self, symbol: str, near: str) -> None:
        with pytest.raises(UnknownName, match=f"did you mean {near}") as caught:
            get_gex_trade_setup(6050, 6050, 15, 20.0, symbol)
        assert caught.value.suggestion == near
        assert isinstance(caught.value, UsageError)

    def test_an_index_like_none_known_lists_them(self) -> None:
        with pytest.raises(UnknownName, match="known: NDX, SPX"):
            get_gex_trade_setup(6050, 6050, 15, 20.0, "ZZZZ")

    @pytest.mark.parametrize("wrong", [{"SPX": {"strike_increment": 5}}, None, SPX, 5])
    def test_an_index_symbol_that_is_no_text(self, wrong: Any) -> None:
        with pytest.raises(UsageError):
            get_gex_trade_setup(6050, 6050, 15, 20.0, wrong)

    @pytest.mark.parametrize("kind", [np.int64, np.float32, np.float64])
    def test_any_finite_number_will_do(self, kind: Any) -> None:
        """As a data frame hands them out."""
        found = get_gex_trade_setup(kind(6050), kind(6057), kind(12))
        assert found.strikes == (6065, 6070)


class TestOwnIndex:
    SPY = Index(symbol="SPY", strike_increment=1, scale=0.1)

    @pytest.mark.parametrize(
        ("pin", "spot", "vix", "strategy", "strikes", "confidence"),
        [
            # zones 0.6 / 1.5 / 5 points, so 0 / 1 / 2..5; condor buffer 2
            (600, 600, 12, "IC", [602, 607, 598, 593], "HIGH"),
            (600, 600.4, 16, "IC", [602, 612, 598, 588], "HIGH"),
            (600, 601, 12, "CALL", [602, 607], "HIGH"),  # max(601.5, 601.8) → 602
            (600, 599, 12, "PUT", [598, 593], "HIGH"),  # min(598.5, 598.2) → 598
            (600, 602, 12, "CALL", [603, 608], "MEDIUM"),  # max(602.5, 603.2) → 603
            (600, 605, 12, "CALL", [606, 611], "MEDIUM"),  # max(602.5, 606.2) → 606
            (600, 595, 12, "PUT", [594, 589], "MEDIUM"),
            (600, 606, 12, "SKIP", [], "LOW"),
        ],
    )
    def test_scale_below_1(
        self,
        pin: float,
        spot: float,
        vix: float,
        strategy: str,
        strikes: Strikes,
        confidence: str,
    ) -> None:
        found = get_gex_trade_setup(pin, spot, vix, index=self.SPY)
        assert (found.strategy, list(found.strikes)) == (strategy, strikes)
        assert found.confidence == confidence

    def test_its_symbol_is_in_the_text(self) -> None:
        text = get_gex_trade_setup(600, 606, 12, index=self.SPY).description
        assert text == "SPY 6pts from pin — too far, skip (limit: 5pts)"

    def test_an_increment_above_the_width_gives_one_whole_strike(self) -> None:
        wide = replace(SPX, symbol="WIDE", strike_increment=25.0)
        # width 5 → 25; 6070 → 242.8 → 6075, 6030 → 241.2 → 6025
        assert get_gex_trade_setup(6050, 6050, 12, index=wide).strikes == (6075, 6100, 6025, 6000)

    def test_half_strikes(self) -> None:
        fine = replace(self.SPY, strike_increment=2.5)
        # condor: 602 → 240.8 → 602.5; 598 → 239.2 → 597.5; width 5
        assert get_gex_trade_setup(600, 600, 12, index=fine).strikes == (602.5, 607.5, 597.5, 592.5)

    def test_strikes_in_tenths_are_the_listed_ones(self) -> None:
        tenths = Index(symbol="OWN", strike_increment=0.1, scale=0.1)
        # max(601.5, 601.8) = 601.8, as a database writes it, not 601.8000000000001
        assert get_gex_trade_setup(600, 601, 12, index=tenths).strikes == (601.8, 606.8)

    def test_the_last_distance_of_a_zone_belongs_to_it_at_any_scale(self) -> None:
        own = Index(symbol="OWN", strike_increment=1, scale=0.58)
        # 50 · 0.58 = 29; in floats 28.999999999999996
        assert get_gex_trade_setup(100, 129, 12, index=own).strategy == "CALL"
        assert get_gex_trade_setup(100, 130, 12, index=own).strategy == "SKIP"


def test_the_distances_are_parameters_in_spx_points() -> None:
    wide = SetupParams(near_pin_max=0, moderate_max=20, moderate_pin_buffer=40)
    assert get_gex_trade_setup(6050, 6051, 12, params=wide).strategy == "CALL"
    assert get_gex_trade_setup(6050, 6070, 12, params=wide).strikes == (6090, 6095)
    # the same in NDX points: 40·5 = 200 above the pin
    found = get_gex_trade_setup(21500, 21600, 12, index_symbol="NDX", params=wide)
    assert (found.confidence, found.strikes) == ("HIGH", (21700, 21710))


# ------------------------------------------------------------------------------- laws

ZONES = ["IC", "HIGH", "MEDIUM", "SKIP"]
LIMITS = {"SPX": (6, 15, 50), "NDX": (30, 75, 250)}

built_in = st.sampled_from([SPX, NDX])
own = st.builds(
    Index,
    symbol=st.just("OWN"),
    strike_increment=st.sampled_from([0.5, 1.0, 2.5, 5.0, 10.0, 25.0]),
    scale=st.floats(0.05, 10),
)
vixes = st.floats(5, 60)
whole_pins = st.integers(3000, 30000)


def setup_at(pin: float, spot: float, vix: float, index: Index) -> Setup:
    return get_gex_trade_setup(pin, spot, vix, 1000, index=index)


def zone(found: Setup) -> str:
    return found.strategy if found.strategy in ("IC", "SKIP") else found.confidence


@settings(deadline=None)
@given(built_in | own, whole_pins, st.floats(-300, 300), vixes)
def test_strikes_on_the_grid_and_widths_as_asked(
    index: Index, pin: float, off: float, vix: float
) -> None:
    found = setup_at(pin, pin + off, vix, index)
    band = 5 if vix < 15 else 10 if vix < 20 else 15 if vix < 25 else 20
    assert found.spread_width >= max(band, index.strike_increment)
    assert found.spread_width < band + index.strike_increment
    for strike in found.strikes:
        assert strike % index.strike_increment == 0
    for short, long in zip(found.strikes[::2], found.strikes[1::2], strict=True):
        assert abs(long - short) == found.spread_width
    if found.spread:
        assert found.spread.width == found.spread.narrowest == found.spread_width


@settings(deadline=None)
@given(built_in, whole_pins, st.floats(-300, 300), vixes)
def test_short_strikes_are_out_of_the_money(
    index: Index, pin: float, off: float, vix: float
) -> None:
    spot = pin + off
    found = setup_at(pin, spot, vix, index)
    assume(found.spread is not None)
    assert found.spread
    for leg in found.spread.legs:
        assert leg.strike > spot if leg.right == "C" else leg.strike < spot
    for short, long in zip(found.spread.legs[::2], found.spread.legs[1::2], strict=True):
        assert (short.side, long.side) == (-1, 1)
        assert abs(long.strike - spot) > abs(short.strike - spot)


@pytest.mark.parametrize("index", [SPX, NDX])
@pytest.mark.parametrize("side", [1, -1])
def test_exactly_one_zone_for_each_distance(index: Index, side: int) -> None:
    near, moderate, far = LIMITS[index.symbol]
    for distance in range(far + 60):
        pin = 21500
        found = setup_at(pin, pin + side * distance, 12, index)
        expected = (
            "IC"
            if distance <= near
            else "HIGH"
            if distance <= moderate
            else "MEDIUM"
            if distance <= far
            else "SKIP"
        )
        assert zone(found) == expected
        if expected in ("HIGH", "MEDIUM"):
            assert found.strategy == ("CALL" if side > 0 else "PUT")


@settings(deadline=None)
@given(built_in | own, whole_pins, vixes, st.sampled_from([1, -1]), st.data())
def test_zones_are_monotone(
    index: Index, pin: float, vix: float, side: int, data: st.DataObject
) -> None:
    near = data.draw(st.integers(0, 600))
    far = data.draw(st.integers(near, 600))
    zones = [zone(setup_at(pin, pin + side * d, vix, index)) for d in (near, far)]
    assert ZONES.index(zones[0]) <= ZONES.index(zones[1])


@settings(deadline=None)
@given(built_in | own, st.integers(600, 3000), st.integers(-300, 300), vixes)
def test_symmetric_above_and_below_the_pin(index: Index, steps: int, off: int, vix: float) -> None:
    pin = steps * 50.0  # on every grid above, and whole
    above, below = (setup_at(pin, pin + d, vix, index) for d in (off, -off))
    assert zone(above) == zone(below)
    assert above.distance == -below.distance
    mirrored = [2 * pin - strike for strike in below.strikes]
    if above.strategy == "IC":
        mirrored = mirrored[2:] + mirrored[:2]
    assert list(above.strikes) == mirrored
    opposite = {"CALL": "PUT", "PUT": "CALL"}
    assert above.strategy == opposite.get(below.strategy, below.strategy)


@settings(deadline=None)
@given(built_in, whole_pins, st.floats(-300, 300), vixes)
def test_direction_follows_the_strategy(index: Index, pin: float, off: float, vix: float) -> None:
    found = setup_at(pin, pin + off, vix, index)
    meaning = {"IC": "NEUTRAL", "CALL": "BEARISH", "PUT": "BULLISH", "SKIP": None}
    assert found.direction == meaning[found.strategy]
    assert found.confidence in get_args(Confidence)
    assert (found.confidence == "LOW") == (found.strategy == "SKIP")
