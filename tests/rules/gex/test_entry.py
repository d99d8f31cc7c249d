"""Entry checks: their order, the reasons they give, the bounds of a credit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from bt_gex.market.contracts import Leg, Spread
from bt_gex.market.indexes import NDX, SPX, Index
from bt_gex.rules.gex.entry import EntryDecision, Seen, decide_entry
from bt_gex.rules.gex.params import EntryParams, SetupParams
from bt_gex.rules.gex.sizing import Size
from bt_gex.trades.reasons import SkipKind

Price = Callable[[Spread], float | Leg]


def at_credit(credit: float) -> Price:
    return lambda spread: credit


def short_leg_missing(spread: Spread) -> float | Leg:
    return spread.legs[0]


STANDARD, NO_LIMITS = SetupParams(), EntryParams()
ONE_POINT, ONE_CONTRACT = at_credit(1.0), Size(1, "")


@dataclass(frozen=True)
class Case:
    """One check with its surroundings; the defaults enter."""

    spot: float = 5990
    vix: float = 12
    pin: float = 6000
    index: Index = SPX
    setup: SetupParams = STANDARD
    entry: EntryParams = NO_LIMITS
    open_positions: int = 0
    price: Price = ONE_POINT
    size: Size = ONE_CONTRACT

    def decide(self) -> EntryDecision:
        return decide_entry(
            Seen(spot=self.spot, vix=self.vix, pin=self.pin),
            index=self.index,
            setup_params=self.setup,
            entry_params=self.entry,
            open_positions=self.open_positions,
            price=self.price,
            size=lambda spread, credit: self.size,
        )


# Everything is wrong at once; then one thing after the other is put right, in the order of the law.
WRONG = Case(
    spot=math.nan,
    vix=math.nan,
    pin=math.nan,
    index=NDX,
    setup=SetupParams(parity=True),
    entry=EntryParams(max_open=1, min_credit=9.0),
    open_positions=1,
    price=short_leg_missing,
    size=Size(0, "no reason"),
)
STEPS: list[tuple[dict[str, object], SkipKind, str]] = [
    ({}, SkipKind.NO_INDEX_PRICE, "no index price"),
    ({"spot": 30_000.0}, SkipKind.NO_VIX, "no vix"),
    ({"vix": 25.0}, SkipKind.NO_PEAK, "no gex peak"),
    ({"pin": 21_500.0}, SkipKind.VIX_TOO_HIGH, "VIX 25.0 too high (>=20.0), skip trading"),
    (
        {"vix": 14.0},
        SkipKind.TOO_FAR,
        "NDX 8500pts from pin — too far, skip (limit: 250pts)",
    ),
    ({"spot": 21_535.0}, SkipKind.ZERO_WIDTH, "zero-width spread"),
    ({"setup": SetupParams()}, SkipKind.MAX_OPEN, "max open positions"),
    ({"open_positions": 0}, SkipKind.NO_QUOTE, "no quote: 21580C"),
    ({"price": at_credit(-0.5)}, SkipKind.CREDIT_NOT_POSITIVE, "credit not positive"),
    # the spread is 10 wide
    (
        {"price": at_credit(10.0), "entry": EntryParams(max_open=1, min_credit=11.0)},
        SkipKind.CREDIT_NOT_BELOW_WIDTH,
        "credit not below width",
    ),
    ({"price": at_credit(8.0)}, SkipKind.CREDIT_BELOW_MINIMUM, "credit below minimum"),
    ({"entry": EntryParams(max_open=1)}, SkipKind.SIZE_ZERO, "size zero: no reason"),
]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_first_failure_is_the_reason(step: int) -> None:
    """Each case also violates everything that is checked after it."""
    repairs: dict[str, object] = {}
    for repair, _, _ in STEPS[: step + 1]:
        repairs |= repair
    decision = replace(WRONG, **repairs).decide()  # type: ignore[arg-type]
    _, kind, text = STEPS[step]
    assert decision.action == "skip"
    assert (decision.kind, decision.reason) == (kind, text)
    assert decision.quantity == 0


def test_with_everything_put_right_it_enters() -> None:
    repairs: dict[str, object] = {"size": Size(2, "")}
    for repair, _, _ in STEPS:
        repairs |= repair
    decision = replace(WRONG, **repairs).decide()  # type: ignore[arg-type]
    assert (decision.action, decision.kind, decision.reason) == ("enter", None, "")
    assert (decision.credit, decision.quantity) == (8.0, 2)
    assert decision.setup
    assert decision.setup.strikes == (21580, 21590)


@pytest.mark.parametrize(
    ("name", "text"),
    [("spot", "no index price"), ("vix", "no vix"), ("pin", "no gex peak")],
)
def test_what_is_missing(name: str, text: str) -> None:
    decision = replace(Case(), **{name: math.nan}).decide()  # type: ignore[arg-type]
    assert decision.reason == text
    assert decision.setup is None
    assert math.isnan(decision.credit)


def test_a_skip_keeps_what_was_seen() -> None:
    decision = Case(spot=6060, vix=13, pin=6000).decide()
    assert decision.seen == Seen(spot=6060, vix=13, pin=6000)
    assert decision.setup
    assert decision.setup.distance == 60
    assert decision.reason == "SPX 60pts from pin — too far, skip (limit: 50pts)"


@pytest.mark.parametrize(
    ("credit", "reason"),
    [
        (-1.0, "credit not positive"),
        (0.0, "credit not positive"),
        (1e-12, "credit not positive"),  # nothing but rounding of floats
        (0.01, ""),
        (4.99, ""),
        (5.0 - 1e-12, "credit not below width"),
        (5.0, "credit not below width"),
        (7.0, "credit not below width"),
    ],
)
def test_bounds_of_the_credit(credit: float, reason: str) -> None:
    """The spread is 5 wide; at 0 nothing is earned, at 5 nothing can be lost: wrong quotes."""
    assert Case(price=at_credit(credit)).decide().reason == reason


@pytest.mark.parametrize(
    ("credit", "minimum", "reason"),
    [
        (0.30, 0.30, ""),
        (1.0 - 0.7, 0.30, ""),  # 0.30000000000000004
        (0.4 - 0.1, 0.3, ""),  # 0.30000000000000004
        (2.9 - 2.6, 0.3, ""),  # 0.2999999999999998: equal but for the rounding of floats
        (0.29, 0.30, "credit below minimum"),
        (0.01, None, ""),
        (0.01, 0.0, ""),
    ],
)
def test_minimum_credit_is_inclusive(credit: float, minimum: float | None, reason: str) -> None:
    case = Case(price=at_credit(credit), entry=EntryParams(min_credit=minimum))
    assert case.decide().reason == reason


@pytest.mark.parametrize(
    ("open_positions", "limit", "reason"),
    [
        (0, 1, ""),
        (1, 1, "max open positions"),
        (2, 1, "max open positions"),
        (2, 3, ""),
        (999, None, ""),
    ],
)
def test_open_positions(open_positions: int, limit: int | None, reason: str) -> None:
    case = Case(open_positions=open_positions, entry=EntryParams(max_open=limit))
    assert case.decide().reason == reason


def test_the_leg_without_a_quote_is_named_with_its_own_type() -> None:
    condor = Case(spot=6000)
    for n, name in enumerate(("6020C", "6025C", "5980P", "5975P")):
        decision = replace(condor, price=lambda spread, n=n: spread.legs[n]).decide()  # type: ignore[misc]
        assert decision.reason == f"no quote: {name}"
        assert decision.kind is SkipKind.NO_QUOTE


def test_legs_of_a_condor() -> None:
    spread = Case(spot=6000).decide().spread
    assert spread
    assert spread.legs == (
        Leg(6020, "C", -1),
        Leg(6025, "C", 1),
        Leg(5980, "P", -1),
        Leg(5975, "P", 1),
    )


def test_price_and_size_are_asked_only_when_needed() -> None:
    def never(*_: object) -> float:
        raise AssertionError("asked although an earlier check had failed")

    assert Case(vix=20, price=never).decide().kind is SkipKind.VIX_TOO_HIGH
    full = Case(open_positions=1, entry=EntryParams(max_open=1), price=never)
    assert full.decide().kind is SkipKind.MAX_OPEN


def test_the_sizer_sees_spread_and_credit() -> None:
    asked: list[tuple[str, float]] = []

    def size(spread: Spread, credit: float) -> Size:
        asked.append((spread.label, credit))
        return Size(3, "")

    decision = decide_entry(
        Seen(spot=5990, vix=12, pin=6000),
        index=SPX,
        setup_params=SetupParams(),
        entry_params=EntryParams(),
        open_positions=0,
        price=at_credit(1.25),
        size=size,
    )
    assert asked == [("PUT 5980/5975", 1.25)]
    assert decision.quantity == 3


def test_the_index_gives_scale_and_grid() -> None:
    own = Index(symbol="SPY", strike_increment=1, scale=0.1)
    decision = Case(spot=601, pin=600, index=own).decide()
    assert decision.setup
    assert decision.setup.strikes == (602, 607)
