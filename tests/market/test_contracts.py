"""Option legs and the spreads made of them."""

from __future__ import annotations

import pytest

from bt_gex.errors import UnknownName
from bt_gex.market.contracts import LONG, SHORT, Leg, make_spread
from bt_gex.market.indexes import BUILT_IN, NDX, SPX, Index, find_index


def test_condor() -> None:
    spread = make_spread("IC", [6070, 6080, 6030, 6015])
    assert spread.legs == (
        Leg(6070, "C", SHORT),
        Leg(6080, "C", LONG),
        Leg(6030, "P", SHORT),
        Leg(6015, "P", LONG),
    )
    assert (spread.width, spread.narrowest) == (15, 10)  # the larger of its two widths
    assert spread.label == "IC 6070/6080/6030/6015"


@pytest.mark.parametrize(
    ("strategy", "strikes", "right"), [("CALL", [6065, 6070], "C"), ("PUT", [6035, 6030], "P")]
)
def test_verticals(strategy: str, strikes: list[float], right: str) -> None:
    spread = make_spread(strategy, strikes)  # type: ignore[arg-type]
    assert [(leg.strike, leg.right, leg.side) for leg in spread.legs] == [
        (strikes[0], right, SHORT),
        (strikes[1], right, LONG),
    ]
    assert spread.width == spread.narrowest == 5


def test_zero_width_is_seen() -> None:
    assert make_spread("CALL", [21580, 21580]).narrowest == 0
    condor = make_spread("IC", [21600, 21600, 21400, 21390])
    assert (condor.width, condor.narrowest) == (10, 0)


@pytest.mark.parametrize(
    ("strategy", "strikes"), [("IC", [1, 2]), ("CALL", [1, 2, 3, 4]), ("PUT", [1]), ("PUT", [])]
)
def test_wrong_number_of_strikes(strategy: str, strikes: list[float]) -> None:
    with pytest.raises(ValueError, match="strikes, got"):
        make_spread(strategy, strikes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strike", "label"), [(6070, "6070C"), (6070.0, "6070C"), (602.5, "602.5C")]
)
def test_label(strike: float, label: str) -> None:
    assert Leg(strike, "C", SHORT).label == label


def test_facts_of_the_built_in_indexes() -> None:
    """OCC symbols and roots."""
    assert BUILT_IN == {"SPX": SPX, "NDX": NDX}
    assert (SPX.strike_increment, SPX.scale, SPX.option_root) == (5, 1, "SPXW")
    assert (NDX.strike_increment, NDX.scale, NDX.option_root) == (10, 5, "NDXP")
    assert SPX.multiplier == NDX.multiplier == 100
    assert (SPX.peak_window_fraction, NDX.peak_window_fraction) == (0.015, 0.020)


def test_find_index() -> None:
    own = Index(symbol="SPX", strike_increment=25)
    assert find_index("SPX") is SPX
    assert find_index("SPX", {"SPX": own}) is own
    with pytest.raises(UnknownName, match="unknown index 'NDXX'; did you mean NDX"):
        find_index("NDXX")
