"""The setup function against the golden vectors."""

from __future__ import annotations

import pytest

from .rules import trade_setup

# index pin spot vix -> strategy, strikes, direction, confidence, distance (None: not stated)
GOLDEN = """
SPX 6050 6050 15    IC   6070,6080,6030,6020 NEUTRAL HIGH 0
SPX 6050 6050 14.99 IC   6070,6075,6030,6025 NEUTRAL HIGH 0
SPX 6050 6050 20    SKIP -                   -       LOW  0
SPX 6050 6056 15    IC   6070,6080,6030,6020 NEUTRAL HIGH 6
SPX 6050 6057 12    CALL 6065,6070           BEARISH HIGH 7
SPX 6050 6058 15    CALL 6065,6075           BEARISH HIGH 8
SPX 6050 6060 15    CALL 6070,6080           BEARISH HIGH 10
SPX 6050 6065 15    CALL 6075,6085           BEARISH HIGH 15
SPX 6050 6066 15    CALL 6080,6090           BEARISH MEDIUM 16
SPX 6050 6070 15    CALL 6080,6090           BEARISH MEDIUM 20
SPX 6050 6100 15    CALL 6110,6120           BEARISH MEDIUM 50
SPX 6050 6101 15    SKIP -                   -       LOW  51
SPX 6050 6044 15    IC   6070,6080,6030,6020 NEUTRAL HIGH -6
SPX 6050 6043 15    PUT  6035,6025           BULLISH HIGH -7
SPX 6050 6035 15    PUT  6025,6015           BULLISH HIGH -15
SPX 6050 6034 15    PUT  6020,6010           BULLISH MEDIUM -16
SPX 6050 6010 15    PUT  6000,5990           BULLISH MEDIUM -40
SPX 6050 6010 14.99 PUT  6000,5995           BULLISH MEDIUM -40
SPX 6050 6000 15    PUT  5990,5980           BULLISH MEDIUM -50
SPX 6050 5999 15    SKIP -                   -       LOW  -51
SPX 6047 6047 15    IC   6065,6075,6025,6015 NEUTRAL HIGH 0
SPX 6980 6960.66 15.49 PUT 6950,6940         BULLISH MEDIUM -19
SPX 6985 6962.16 14.62 PUT 6950,6945         BULLISH MEDIUM -23
SPX 6980 6950 15.0  PUT  6940,6930           BULLISH MEDIUM -30
SPX 6952 6940 13.5  PUT  6930,6925           BULLISH HIGH -12
NDX 21500 21500 15  IC   21600,21610,21400,21390 NEUTRAL HIGH 0
NDX 21500 21530 15  IC   21600,21610,21400,21390 NEUTRAL HIGH 30
NDX 21500 21535 15  CALL 21580,21590         BEARISH HIGH 35
NDX 21500 21575 15  CALL 21620,21630         BEARISH HIGH 75
NDX 21500 21580 15  CALL 21640,21650         BEARISH MEDIUM 80
NDX 21500 21750 15  CALL 21810,21820         BEARISH MEDIUM 250
NDX 21500 21751 15  SKIP -                   -       LOW 251
NDX 21500 21465 15  PUT  21420,21410         BULLISH HIGH -35
NDX 21500 21420 16  PUT  21360,21350         BULLISH MEDIUM -80
NDX 21505 21505 16  IC   21600,21610,21400,21390 NEUTRAL HIGH 0
"""
PARITY_ONLY = """
NDX 21500 21500 14    IC   21600,21600,21400,21400 NEUTRAL HIGH 0
NDX 21500 21535 14    CALL 21580,21580         BEARISH HIGH 35
NDX 25690 25600 14.56 PUT  25540,25540         BULLISH MEDIUM -90
NDX 21500 21531 15    SKIP -                   -       LOW 31
NDX 21500 21534 15    SKIP -                   -       LOW 34
NDX 21500 21576 15    SKIP -                   -       LOW 76
NDX 21500 21579 15    SKIP -                   -       LOW 79
"""
REPAIRED = """
NDX 21500 21500 14    IC   21600,21610,21400,21390 NEUTRAL HIGH 0
NDX 21500 21535 14    CALL 21580,21590         BEARISH HIGH 35
NDX 25690 25600 14.56 PUT  25540,25530         BULLISH MEDIUM -90
NDX 21500 21531 15    CALL 21580,21590         BEARISH HIGH 31
NDX 21500 21534 15    CALL 21580,21590         BEARISH HIGH 34
NDX 21500 21576 15    CALL 21640,21650         BEARISH MEDIUM 76
NDX 21500 21424 15    PUT  21360,21350         BULLISH MEDIUM -76
NDX 21500 21469 17    PUT  21420,21410         BULLISH HIGH -31
"""


def lines(block: str) -> list[list[str]]:
    return [line.split() for line in block.strip().splitlines()]


CASES = [(row, parity) for row in lines(GOLDEN) for parity in (True, False)]
CASES += [(row, True) for row in lines(PARITY_ONLY)] + [(row, False) for row in lines(REPAIRED)]


@pytest.mark.parametrize(("row", "parity"), CASES)
def test_golden_vectors(row: list[str], parity: bool) -> None:
    index, pin, spot, vix, strategy, strikes, direction, confidence, distance = row
    setup = trade_setup(float(pin), float(spot), float(vix), 20.0, index, parity=parity)
    assert setup.strategy == strategy
    assert list(setup.strikes) == ([] if strikes == "-" else [int(x) for x in strikes.split(",")])
    assert setup.direction == (None if direction == "-" else direction)
    assert (setup.confidence, setup.distance) == (confidence, int(distance))


@pytest.mark.parametrize(
    ("spot", "outcome"),
    [
        (6056.5, "IC HIGH"),
        (6056.51, "CALL HIGH"),
        (6065.5, "CALL MEDIUM"),
        (6100.5, "CALL MEDIUM"),
        (6100.51, "SKIP LOW"),
    ],
)
def test_spot_is_rounded_first(spot: float, outcome: str) -> None:
    setup = trade_setup(6050, spot, 15)
    assert f"{setup.strategy} {setup.confidence}" == outcome


def test_widths_and_texts() -> None:
    widths = [trade_setup(6050, 6050, v, 99).spread_width for v in (0, 14.99, 15, 20, 25, 60)]
    assert widths == [5, 5, 10, 15, 20, 20]
    assert trade_setup(6050, 6050, 20).spread_width == 15
    assert trade_setup(6050, 6101, 15).description == (
        "SPX 51pts from pin — too far, skip (limit: 50pts)"
    )
    assert trade_setup(6050, 6050, 21.5).description == "VIX 21.5 too high (>=20.0), skip trading"
    assert trade_setup(6050, 6050, 22, 30, "NDX").strikes == (6150, 6170, 5950, 5930)


def test_zones_are_settings() -> None:
    setup = trade_setup(2735, 2730, 9, zones={"ic_buffer": 5})
    assert setup.strikes == (2740, 2745, 2730, 2725)
    assert trade_setup(6050, 6057, 12, zones={"near_pin_max": 7}).strategy == "IC"
