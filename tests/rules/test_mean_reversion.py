"""Mean reversion: hand-worked streams, each rule of entry and exit, and two recorded days."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bt_gex.errors import BadValue, DataError, UnknownName
from bt_gex.market.bars import Bar
from bt_gex.market.calendar import NS, instant_ns, sessions, utc
from bt_gex.rules.mean_reversion import (
    EntryDropped,
    Event,
    MeanReversion,
    PositionClosed,
    PositionOpened,
    SignalDetected,
    by_timestamp,
    run_mean_reversion,
)
from bt_gex.rules.mean_reversion_signal import (
    Indicators,
    MeanReversionParams,
    mean_reversion_params,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOLDEN = SHARED / "golden" / "mean-reversion-days.json"
T0 = instant_ns(datetime(2025, 11, 10, 15, 0, tzinfo=UTC))
MINUTE = 60 * NS
Row = tuple[float, float, float, float]
FLAT19 = [(100.0,) * 4] * 19
FLAT19_95: list[Row] = [*FLAT19, (95.0,) * 4]


def bars(rows: Sequence[Row | None], volumes: Sequence[float] | None = None) -> list[Bar]:
    """Minutes from T0, open, high, low, close; None is a minute without a bar."""
    return [
        Bar(T0 + n * MINUTE, *map(float, row), volumes[n] if volumes else 1000.0)
        for n, row in enumerate(rows)
        if row
    ]


def run(rows: Sequence[Row | None], **params: Any) -> tuple[list[Event], list[PositionClosed]]:
    return run_mean_reversion({"X": bars(rows)}, MeanReversionParams(**params))


def signals(events: Sequence[Event]) -> list[SignalDetected]:
    return [event for event in events if isinstance(event, SignalDetected)]


def trade(closed: PositionClosed) -> tuple[Any, ...]:
    """Entry and exit price, reason, P&L, seconds, as one reads them."""
    return (
        round(closed.opened.price, 9),
        round(closed.price, 9),
        closed.reason,
        round(closed.pnl_dollars, 9),
        closed.duration_s,
    )


class TestIndicators:
    def test_twenty_bars(self) -> None:
        events, _ = run(FLAT19_95)
        (signal,) = signals(events)
        values = signal.indicators
        assert values.bb_middle == pytest.approx(99.75, abs=1e-9)
        assert values.bb_lower == pytest.approx(96.954915, abs=1e-6)
        assert values.bb_upper == pytest.approx(102.545085, abs=1e-6)
        assert (values.rsi, values.volume_ratio) == (0, 1)
        assert signal.ts_ns == T0 + 19 * MINUTE
        assert (signal.direction, signal.strength) == ("LONG", 1.0)
        assert (signal.close, signal.stop_loss) == (95, pytest.approx(94.05))
        assert signal.take_profit == pytest.approx(95.475)

    @pytest.mark.parametrize(("bb_std", "found"), [(4.24, 1), (4.25, 0)])
    def test_the_deviation_is_the_samples(self, bb_std: float, found: int) -> None:
        """95 lies 4.248529 sample deviations below the mean, 4.358899 of the population's."""
        assert len(signals(run(FLAT19_95, bb_std=bb_std)[0])) == found

    def test_no_values_before_twenty_bars(self) -> None:
        machine = MeanReversion()
        for bar in bars(FLAT19_95[1:]):
            assert machine.feed([("X", bar)]) == []
        assert machine.indicators("X") is None
        assert machine.indicators("Y") is None

    def test_an_rsi_of_thirty_is_not_below_thirty(self) -> None:
        closes, last = [100.0], 100.0
        for change in [0] * 5 + [0.5] * 6 + [-0.875] * 8:
            last += change
            closes.append(last)
        machine = MeanReversion()
        events = [e for bar in bars([(c,) * 4 for c in closes]) for e in machine.feed([("X", bar)])]
        values = machine.indicators("X")
        assert values is not None
        assert values.rsi == pytest.approx(30.0, abs=1e-9)
        assert values.bb_middle == pytest.approx(100.15, abs=1e-9)
        assert values.bb_lower == pytest.approx(95.652651, abs=1e-6)
        assert events == []

    @pytest.mark.parametrize(
        ("closes", "rsi"), [([100] * 20, 50), ([100 + n for n in range(20)], 100)]
    )
    def test_an_rsi_without_a_loss(self, closes: list[float], rsi: float) -> None:
        machine = MeanReversion()
        for bar in bars([(c,) * 4 for c in closes]):
            machine.feed([("X", bar)])
        values = machine.indicators("X")
        assert values is not None
        assert values.rsi == rsi

    def test_against_plain_statistics(self) -> None:
        """Other periods, long after the first values: windows slide, nothing piles up."""
        rng = random.Random(7)
        rows, volumes, close = [], [], 100.0
        for _ in range(400):
            close = round(close + rng.uniform(-1, 1), 2)
            rows.append((close,) * 4)
            volumes.append(float(rng.randrange(0, 5000)))
        params = MeanReversionParams(bb_period=7, rsi_period=11, bb_std=1.5)
        machine = MeanReversion(params)
        closes = [row[3] for row in rows]
        for n, bar in enumerate(bars(rows, volumes)):
            machine.feed([("X", bar)])
            values = machine.indicators("X")
            if n + 1 < 12:
                assert values is None
                continue
            assert values is not None
            window = closes[n - 6 : n + 1]
            width = 1.5 * statistics.stdev(window)
            assert values.bb_lower == pytest.approx(statistics.fmean(window) - width, abs=1e-9)
            assert values.bb_upper == pytest.approx(statistics.fmean(window) + width, abs=1e-9)
            moves = [closes[k] - closes[k - 1] for k in range(n - 10, n + 1)]
            ups, downs = (sum(max(s * m, 0) for m in moves) / 11 for s in (1, -1))
            assert values.rsi == pytest.approx(100 - 100 / (1 + ups / downs), abs=1e-9)
            recent = volumes[n - 19 : n + 1] if n >= 19 else []
            ratio = volumes[n] / statistics.fmean(recent) if recent else 0
            assert values.volume_ratio == pytest.approx(ratio, abs=1e-9)

    def test_no_volume_is_no_ratio(self) -> None:
        events, _ = run_mean_reversion({"X": bars(FLAT19_95, [0.0] * 20)})
        assert signals(events)[0].indicators.volume_ratio == 0


# Bars after nineteen at 100 and one at 95; changed parameters; trades; signals where known
IN = (95.2, 95.3, 95.0, 95.1)
CASES: list[tuple[str, list[Row], dict[str, Any], list[tuple[Any, ...]], int | None]] = [
    (
        "target",
        [(95.2, 95.5, 95, 95.4), (95.4, 95.7, 95.3, 95.6)],
        {},
        [(95.2, 95.676, "take_profit_hit", 4.76, 60)],
        2,
    ),
    (
        "stop on the entry bar",
        [(95.2, 95.5, 94.2, 94.5)],
        {},
        [(95.2, 94.248, "stop_loss_hit", -9.52, 0)],
        None,
    ),
    (
        "stop first",
        [(95.2, 95.7, 94.2, 94.5)],
        {},
        [(95.2, 94.248, "stop_loss_hit", -9.52, 0)],
        None,
    ),
    (
        "target first",
        [(95.2, 95.7, 94.2, 94.5)],
        {"stop_first": False},
        [(95.2, 95.676, "take_profit_hit", 4.76, 0)],
        None,
    ),
    (
        "gap through the stop",
        [IN, (93, 93.5, 92, 93.2)],
        {},
        [(95.2, 93, "stop_loss_hit", -22, 60)],
        None,
    ),
    (
        "a gap through the stop is at the open with the target first, too",
        [IN, (93, 96, 92, 93.2)],
        {"stop_first": False},
        [(95.2, 93, "stop_loss_hit", -22, 60)],
        None,
    ),
    (
        "gap over the target",
        [IN, (96.5, 96.6, 96, 96.2)],
        {},
        [(95.2, 96.5, "take_profit_hit", 13, 60)],
        None,
    ),
    ("end", [IN], {}, [(95.2, 95.1, "session_end", -1, 0)], None),
    ("no bar after the signal", [], {}, [], 1),
    (
        "fill at the close",
        [(95.2, 95.5, 95, 95.4)],
        {"fill": "close"},
        [(95, 95.475, "take_profit_hit", 4.75, 60), (95.4, 95.4, "session_end", 0, 0)],
        None,
    ),
    (
        "middle band",
        [(95.2, 95.5, 95, 95.4), (95.4, 99.9, 95.3, 99)],
        {"target_mode": "bb_middle"},
        [(95.2, 99.75, "take_profit_hit", 45.5, 60)],
        None,
    ),
    (
        "time",
        [IN, (95.1, 95.2, 95, 95.05), (95.1, 95.2, 95, 95.15)],
        {"max_holding_minutes": 2},
        [(95.2, 95.15, "time_stop", -0.5, 120)],
        None,
    ),
    (
        "size",
        [(95.2, 95.5, 95, 95.4), (95.4, 95.7, 95.3, 95.6)],
        {"position_size": 15},
        [(95.2, 95.676, "take_profit_hit", 7.14, 60)],
        None,
    ),
    (
        "no target behind the fill",
        [(99.8, 99.9, 99.7, 99.8)],
        {"target_mode": "bb_middle"},
        [],
        None,
    ),
]


@pytest.mark.parametrize(
    ("rows", "params", "trades", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_hand_worked_long(
    rows: list[Row], params: dict[str, Any], trades: list[tuple[Any, ...]], found: int | None
) -> None:
    events, closed = run([*FLAT19_95, *rows], **params)
    assert [trade(one) for one in closed] == trades
    if found is not None:
        assert len(signals(events)) == found
    acted = [signal for signal in signals(events) if signal.acted]
    opened = [event for event in events if isinstance(event, PositionOpened)]
    dropped = [event for event in events if isinstance(event, EntryDropped)]
    assert len(acted) == len(opened) + len(dropped)
    assert len(opened) == len(closed) == len(trades)


def test_hand_worked_short() -> None:
    rows = [*FLAT19, (105.0,) * 4, (104.8, 105, 104.5, 104.6), (104.6, 104.7, 104, 104.1)]
    events, (closed,) = run(rows, direction="both")
    assert closed.opened.direction == "SHORT"
    assert closed.opened.stop_loss == pytest.approx(105.848)
    assert trade(closed) == (104.8, 104.276, "take_profit_hit", 5.24, 60)
    assert closed.pnl_pct == pytest.approx(0.5)
    assert {signal.direction for signal in signals(events)} == {"SHORT"}
    assert run(rows, direction="long")[1] == []
    assert run(rows, direction="short")[1] == [closed]


@pytest.mark.parametrize("stop_first", [True, False])
def test_a_short_is_the_mirror_of_a_long(stop_first: bool) -> None:
    """Prices mirrored at 100; stop and target are percents of another price, so wide of both."""
    rows = [*FLAT19_95, IN, (95.1, 95.2, 95, 95.05), (93.9, 97, 93.8, 96)]
    mirrored = [(200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in rows]
    for late, (reason, price) in {
        (93.9, 97, 93.8, 96): ("stop_loss_hit", 93.9),
        (95, 97, 93.8, 96): ("stop_loss_hit", 94.248)
        if stop_first
        else ("take_profit_hit", 95.676),
        (97, 97, 95, 96): ("take_profit_hit", 97),
    }.items():
        rows[-1] = late
        (long,) = run(rows, stop_first=stop_first)[1]
        assert (long.reason, round(long.price, 9)) == (reason, price)
        o, high, low, c = late
        mirrored[-1] = (200 - o, 200 - low, 200 - high, 200 - c)
        (short,) = run(mirrored, stop_first=stop_first, direction="short")[1]
        assert (short.reason, short.opened.price) == (reason, pytest.approx(104.8))
        if price in (93.9, 97):  # at the open
            assert short.pnl_dollars == pytest.approx(long.pnl_dollars)


def test_boundaries_are_inclusive() -> None:
    """A bar that only touches stop or target, within what floating point adds."""
    for low, high, reason in [
        (94.248, 95.3, "stop_loss_hit"),
        (94.249, 95.3, "session_end"),
        (95.0, 95.676, "take_profit_hit"),
        (95.0, 95.675, "session_end"),
    ]:
        ((closed),) = run([*FLAT19_95, IN, (95.1, high, low, 95.2)])[1]
        assert closed.reason == reason


def test_the_open_at_the_stop_is_a_stop_at_the_open() -> None:
    (closed,) = run([*FLAT19_95, IN, (94.248, 95, 94.1, 94.9)])[1]
    assert (closed.reason, closed.price) == ("stop_loss_hit", 94.248)


def test_an_open_at_the_stop_comes_before_any_target() -> None:
    rows = [*FLAT19_95, IN, (94.248, 95.7, 94.2, 94.9)]
    (closed,) = run(rows, stop_first=False)[1]
    assert (closed.reason, closed.price) == ("stop_loss_hit", 94.248)


def test_a_fill_at_the_close_needs_its_target_before_it() -> None:
    """Much volume and an RSI below 99 at a close above the middle band."""
    rows: list[Row] = [(100.0,) * 4] * 18 + [(99.0,) * 4, (100.5,) * 4]
    params = MeanReversionParams(
        entry_rule="two_of_three", rsi_threshold=99, target_mode="bb_middle", fill="close"
    )
    events, closed = run_mean_reversion({"X": bars(rows, [1000.0] * 19 + [50_000.0])}, params)
    (signal,) = signals(events)
    assert signal.indicators.bb_middle == pytest.approx(99.975)
    assert (signal.ignored, signal.conditions) == ("target_behind", ("rsi", "volume"))
    assert (len(events), closed) == (1, [])


def test_the_stop_comes_before_the_time() -> None:
    rows = [*FLAT19_95, IN, (95.1, 95.2, 94, 94.5)]
    (closed,) = run(rows, max_holding_minutes=1)[1]
    assert closed.reason == "stop_loss_hit"
    rows[-1] = (95.1, 95.7, 95, 95.5)
    (closed,) = run(rows, max_holding_minutes=1)[1]
    assert closed.reason == "take_profit_hit"


def test_the_time_is_that_of_the_bars() -> None:
    """Minutes without a bar count: the first bar two minutes after the entry is the exit."""
    rows: list[Row | None] = [*FLAT19_95, IN, None, None, (95.1, 95.2, 95, 95.15)]
    (closed,) = run(rows, max_holding_minutes=2)[1]
    assert (closed.reason, closed.duration_s) == ("time_stop", 180)


class TestEntryRules:
    """Values made to measure: band at 90 to 110, threshold 30, three times the volume."""

    @pytest.mark.parametrize(
        ("close", "rsi", "ratio", "held"),
        [
            (89.9, 29.9, 0.0, ("band", "rsi")),
            (90.0, 29.9, 0.0, ("band", "rsi")),  # touching the band is enough
            (90.0, 50.0, 3.1, ("band", "volume")),
            (95.0, 29.9, 3.1, ("rsi", "volume")),
            (89.9, 29.9, 3.1, ("band", "rsi", "volume")),
            (90.0, 36.0, 2.1, ()),  # near thresholds are strict
            (90.0, 35.9, 0.0, ("near band", "near rsi")),
            (90.45, 35.9, 0.0, ("near band", "near rsi")),  # 1.005 · 90
            (90.46, 35.9, 3.1, ()),
            (90.45, 50.0, 2.11, ("near band", "near volume")),
            (90.0, 30.0, 3.0, ("near band", "near rsi", "near volume")),
        ],
    )
    def test_two_of_three(
        self, close: float, rsi: float, ratio: float, held: tuple[str, ...]
    ) -> None:
        from bt_gex.rules.mean_reversion_signal import signal_of

        params = MeanReversionParams(entry_rule="two_of_three", direction="both")
        values = Indicators(90.0, 100.0, 110.0, rsi, ratio)
        assert signal_of(close, values, params) == (("LONG", held) if held else None)
        # The short side: 0.995 · 110 = 109.45
        above = {90.45: 109.45, 90.46: 109.44}.get(close, 200 - close)
        mirrored = Indicators(90.0, 100.0, 110.0, 100 - rsi, ratio)
        assert signal_of(above, mirrored, params) == (("SHORT", held) if held else None)

    @pytest.mark.parametrize(
        ("close", "rsi", "found"),
        [(89.9, 29.9, True), (90.0, 29.9, False), (89.9, 30.0, False), (89.9, 29.9999, True)],
    )
    def test_band_and_rsi_is_strict(self, close: float, rsi: float, found: bool) -> None:
        from bt_gex.rules.mean_reversion_signal import signal_of

        params = MeanReversionParams(direction="both")
        values = Indicators(90.0, 100.0, 110.0, rsi, 9.0)
        assert (signal_of(close, values, params) is not None) == found
        mirrored = Indicators(90.0, 100.0, 110.0, 100 - rsi, 9.0)
        assert (signal_of(200 - close, mirrored, params) is not None) == found

    def test_long_is_looked_at_first(self) -> None:
        from bt_gex.rules.mean_reversion_signal import signal_of

        params = MeanReversionParams(entry_rule="two_of_three", rsi_threshold=60, direction="both")
        values = Indicators(90.0, 100.0, 110.0, 50.0, 9.0)  # RSI below 60 and above 40
        found = [
            signal_of(100.0, values, MeanReversionParams(**{**_plain(params), "direction": side}))
            for side in ("both", "long", "short")
        ]
        assert [one and one[0] for one in found] == ["LONG", "LONG", "SHORT"]

    @pytest.mark.parametrize(
        ("side", "rsi", "strength"),
        [("LONG", 15, 0.5), ("LONG", 40, 0), ("SHORT", 85, 0.5), ("SHORT", 100, 1), ("LONG", 0, 1)],
    )
    def test_strength(self, side: Any, rsi: float, strength: float) -> None:
        from bt_gex.rules.mean_reversion_signal import strength_of

        assert strength_of(side, rsi, 30) == pytest.approx(strength)
        assert strength_of(side, rsi, 0) == 0


def _plain(params: MeanReversionParams) -> dict[str, Any]:
    return {name: getattr(params, name) for name in MeanReversionParams.__slots__}


def two(first: Sequence[Row | None], second: Sequence[Row | None]) -> dict[str, list[Bar]]:
    return {"A": bars(first), "B": bars(second)}


class TestSeveralSymbols:
    def test_open_and_pending_count_for_the_limit(self) -> None:
        series = two([*FLAT19_95, IN], [*FLAT19_95, IN])
        events, closed = run_mean_reversion(series, MeanReversionParams(max_positions=1))
        assert [(s.symbol, s.ignored) for s in signals(events)][:2] == [
            ("A", None),
            ("B", "max_positions"),
        ]
        assert [one.symbol for one in closed] == ["A"]
        for limit in (2, None):
            both = run_mean_reversion(series, MeanReversionParams(max_positions=limit))[1]
            assert [one.symbol for one in both] == ["A", "B"]

    def test_the_order_of_the_symbols_is_that_of_the_bars(self) -> None:
        series = two([*FLAT19_95, IN], [*FLAT19_95, IN])
        swapped = {"B": series["B"], "A": series["A"]}
        closed = run_mean_reversion(swapped, MeanReversionParams(max_positions=1))[1]
        assert [one.symbol for one in closed] == ["B"]

    def test_a_slot_freed_at_a_timestamp_is_free_at_its_closes(self) -> None:
        """A leaves on its entry bar, at which B, whose turn is before A's, has its first signal."""
        leaves = bars([*FLAT19_95, (95.2, 95.7, 95, 95.6), (95.6,) * 4])
        series = {"B": bars([*FLAT19, (100.0,) * 4, (95.0,) * 4, IN]), "A": leaves}
        events, closed = run_mean_reversion(series, MeanReversionParams(max_positions=1))
        assert [(one.symbol, one.reason) for one in closed] == [
            ("A", "take_profit_hit"),
            ("B", "session_end"),
        ]
        (of_b,) = [s for s in signals(events) if s.symbol == "B" and s.acted]
        assert of_b.ts_ns == closed[0].ts_ns

    def test_exits_of_a_timestamp_precede_its_signals(self) -> None:
        series = two(
            [*FLAT19_95, (95.2, 95.7, 95, 95.6), (95.6,) * 4],
            [*FLAT19, (100.0,) * 4, (95.0,) * 4, IN],
        )
        machine = MeanReversion()
        for stamp in by_timestamp(series):
            kinds = [isinstance(event, SignalDetected) for event in machine.feed(stamp)]
            assert kinds == sorted(kinds)

    def test_a_symbol_without_a_bar_waits(self) -> None:
        """A's entry is pending over a minute in which only B trades."""
        series = two([*FLAT19_95, None, IN], [*FLAT19, (100.0,) * 4, (100.0,) * 4, (100.0,) * 4])
        (closed,) = run_mean_reversion(series)[1]
        assert closed.opened.ts_ns == T0 + 21 * MINUTE

    def test_merging(self) -> None:
        series = two([None, (1,) * 4, (2,) * 4], [(3,) * 4, (4,) * 4])
        merged = [[(symbol, bar.open) for symbol, bar in rows] for rows in by_timestamp(series)]
        assert merged == [[("B", 3)], [("A", 1), ("B", 4)], [("A", 2)]]


class TestBadStreams:
    def test_stamps_must_ascend(self) -> None:
        machine = MeanReversion()
        first, second = bars([(1,) * 4, (2,) * 4])
        machine.feed([("X", second)])
        for bar in (first, second):
            with pytest.raises(DataError, match="bars must ascend"):
                machine.feed([("X", bar)])

    def test_one_timestamp_at_a_time(self) -> None:
        first, second = bars([(1,) * 4, (2,) * 4])
        for given in ([("X", first), ("Y", second)], [("X", first), ("X", first)], []):
            with pytest.raises(DataError, match="one timestamp at a time"):
                MeanReversion().feed(given)

    @pytest.mark.parametrize("place", range(1, 6))
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_values_are_finite(self, place: int, value: float) -> None:
        row: list[Any] = [T0, 1.0, 1.0, 1.0, 1.0, 10.0]
        row[place] = value
        with pytest.raises(DataError, match="X at 2025-11-10 15:00"):
            MeanReversion().feed([("X", Bar(*row))])


class TestParameters:
    def test_defaults(self) -> None:
        assert _plain(MeanReversionParams()) == {
            "rsi_threshold": 30,
            "bb_std": 2.5,
            "position_size": 10,
            "stop_loss_pct": 1.0,
            "take_profit_pct": 0.5,
            "max_positions": 3,
            "bb_period": 20,
            "rsi_period": 14,
            "volume_multiplier": 3.0,
            "direction": "long",
            "entry_rule": "band_and_rsi",
            "target_mode": "pct",
            "fill": "next_open",
            "max_holding_minutes": None,
            "stop_first": True,
        }

    def test_aliases(self) -> None:
        taken = mean_reversion_params({"rsi_oversold": 25, "quantity": "15"})
        assert taken == MeanReversionParams(rsi_threshold=25, position_size=15)
        with pytest.raises(BadValue, match="position_size is given twice"):
            mean_reversion_params({"quantity": 1, "position_size": 2})

    @pytest.mark.parametrize(
        ("name", "near"), [("bb_stdev", "bb_std"), ("stop_loss", "stop_loss_pct")]
    )
    def test_an_unknown_name_suggests_the_nearest(self, name: str, near: str) -> None:
        with pytest.raises(UnknownName, match=f"did you mean mean_reversion.{near}"):
            mean_reversion_params({name: 1})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("rsi_threshold", 101),
            ("bb_std", -1),
            ("position_size", 0),
            ("stop_loss_pct", 0),
            ("stop_loss_pct", 101),
            ("take_profit_pct", 0),
            ("max_positions", 0),
            ("bb_period", 1),
            ("rsi_period", 0),
            ("volume_multiplier", -1),
            ("direction", "up"),
            ("entry_rule", "rsi"),
            ("target_mode", "bb"),
            ("fill", "open"),
            ("max_holding_minutes", 0),
            ("stop_first", "maybe"),
        ],
    )
    def test_ranges(self, name: str, value: Any) -> None:
        with pytest.raises(BadValue, match=f"mean_reversion.{name} must be"):
            mean_reversion_params({name: value})


class TestDefectsOfTheOriginal:
    """Numbers of the list of weaknesses that concern the rule."""

    def test_r1_signals_drive_the_entries(self) -> None:
        assert run([*FLAT19_95, IN], rsi_threshold=0)[1] == []
        assert len(run([*FLAT19_95, IN])[1]) == 1

    def test_r2_band_stop_and_target_are_effective(self) -> None:
        rows = [*FLAT19_95, (95.2, 95.5, 95, 95.4), (95.4, 95.7, 94.2, 95.6)]
        exits = {
            name: [trade(one)[1:3] for one in run(rows, **{name: value})[1]][:1]
            for name, value in [("bb_std", 4.25), ("stop_loss_pct", 0.1), ("take_profit_pct", 0.1)]
        }
        assert exits == {
            "bb_std": [],
            "stop_loss_pct": [(95.1048, "stop_loss_hit")],
            "take_profit_pct": [(95.2952, "take_profit_hit")],
        }

    def test_r5_a_signal_does_not_overwrite_an_open_position(self) -> None:
        rows = [*FLAT19_95, IN, (95.1, 95.2, 94.9, 94.95), (94.95, 95, 94.9, 94.95)]
        events, (closed,) = run(rows)
        ignored = [signal.ignored for signal in signals(events)]
        assert ignored[:2] == [None, "in_position"]
        assert trade(closed) == (95.2, 94.95, "session_end", -2.5, 120)

    def test_r6_each_symbol_ends_at_its_own_last_bar(self) -> None:
        series = two([*FLAT19_95, IN], [*FLAT19_95, IN, (95.1, 95.2, 95, 95.15)])
        closed = run_mean_reversion(series)[1]
        assert [(one.symbol, one.ts_ns, one.price) for one in closed] == [
            ("A", T0 + 20 * MINUTE, 95.1),
            ("B", T0 + 21 * MINUTE, 95.15),
        ]

    def test_r6_trades_are_in_order_of_exit(self) -> None:
        """A's bars end while B is still open."""
        out = (95.1, 95.7, 95, 95.15)
        series = two([*FLAT19_95, IN], [*FLAT19_95, IN, out, (95.2,) * 4])
        events, closed = run_mean_reversion(series, MeanReversionParams(max_positions=2))
        assert [(one.symbol, one.reason) for one in closed] == [
            ("A", "session_end"),
            ("B", "take_profit_hit"),
        ]
        happened = [event.symbol for event in events if isinstance(event, PositionClosed)]
        assert happened == ["B", "A"]

    def test_r7_positions_closed_at_the_end_are_trades(self) -> None:
        events, closed = run([*FLAT19_95, IN])
        assert closed == [event for event in events if isinstance(event, PositionClosed)]
        assert closed[0].reason == "session_end"

    def test_r8_a_gap_through_the_stop_exits_at_the_open(self) -> None:
        (closed,) = run([*FLAT19_95, IN, (93, 93.5, 92, 93.2)])[1]
        assert closed.price == 93

    def test_r9_shorts_are_a_direction(self) -> None:
        rows = [*FLAT19, (105.0,) * 4, (104.8, 105, 104.5, 104.6)]
        assert run(rows, direction="short")[1][0].opened.sign == -1

    def test_r10_a_trade_that_moved_nothing_has_no_loss(self) -> None:
        closed = run([*FLAT19_95, (95.2, 95.5, 95, 95.4)], fill="close")[1]
        assert [one.pnl_dollars for one in closed] == [pytest.approx(4.75), 0.0]

    def test_r12_times_are_those_of_the_bars(self) -> None:
        events, _ = run([*FLAT19_95, IN])
        assert {event.ts_ns for event in events} == {T0 + 19 * MINUTE, T0 + 20 * MINUTE}

    def test_r13_memory_does_not_grow_with_the_bars(self) -> None:
        machine = MeanReversion()
        for bar in bars(FLAT19_95 * 50):
            machine.feed([("X", bar)])
        state = machine._symbols["X"]
        assert (len(state.closes), len(state.volumes)) == (20, 20)

    def test_r18_signals_are_not_positions(self) -> None:
        events, closed = run([*FLAT19_95, (95.2, 95.5, 95, 95.4), (95.4, 95.7, 95.3, 95.6)])
        assert (len(signals(events)), len(closed)) == (2, 1)

    def test_r24_the_stop_comes_first_in_a_bar(self) -> None:
        (closed,) = run([*FLAT19_95, (95.2, 95.7, 94.2, 94.5)])[1]
        assert closed.reason == "stop_loss_hit"


def test_no_lookahead() -> None:
    """Whatever follows a bar leaves the events up to it as they were."""
    rng = random.Random(3)
    rows: list[Row] = []
    close = 100.0
    for _ in range(300):
        start, close = close, round(close + rng.gauss(0, 0.4), 2)
        rows.append((start, max(start, close) + 0.1, min(start, close) - 0.1, close))
    params = {"bb_std": 1.5, "rsi_threshold": 45, "direction": "both"}
    whole = run(rows, **params)[0]
    assert len(whole) > 30
    for cut in range(20, 300, 17):
        garbage = [(rng.uniform(50, 150),) * 4 for _ in rows[cut:]]
        until = T0 + (cut - 1) * MINUTE
        changed = run([*rows[:cut], *garbage], **params)[0]
        early, before = ([e for e in es if e.ts_ns <= until] for es in (changed, whole))
        assert [e for e in early if not _at_the_end(e)] == [e for e in before if not _at_the_end(e)]


def _at_the_end(event: Event) -> bool:
    return isinstance(event, PositionClosed) and event.reason == "session_end"


# -- two recorded days ------------------------------------------------------------------------


def session_bars(symbol: str, day: date) -> list[Bar]:
    (session,) = sessions(day, day)
    found = []
    with (SHARED / "data" / "bars" / "minute" / f"{symbol}.csv").open() as file:
        for row in csv.DictReader(file):
            ns = instant_ns(datetime.fromisoformat(row["timestamp_utc"]))
            if session.open_ns <= ns < session.close_ns:
                values = (float(row[c]) for c in ("open", "high", "low", "close", "volume"))
                found.append(Bar(ns, *values))
    return found


def recorded() -> list[tuple[str, str]]:
    if not GOLDEN.exists():
        return []
    days = json.loads(GOLDEN.read_text())["recordings"]
    return [(day, variant) for day in days for variant in days[day]["variants"]]


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"the recorded days are not here: {GOLDEN}")
@pytest.mark.parametrize(("recording", "variant"), recorded())
def test_recorded_days(recording: str, variant: str) -> None:
    known = json.loads(GOLDEN.read_text())["recordings"][recording]
    expected = known["variants"][variant]
    day = date.fromisoformat(known["day"])
    series: Mapping[str, list[Bar]] = {s: session_bars(s, day) for s in known["symbols"]}
    assert sum(map(len, series.values())) == known["bars"]
    events, closed = run_mean_reversion(series, mean_reversion_params(expected["parameters"]))
    found = [as_recorded(one) for one in closed]
    assert found == [pytest.approx(one, abs=1e-6) for one in expected["trades"]]
    summary = expected["summary"]
    assert len(signals(events)) == summary["signals"]
    assert sum(one.pnl_dollars > 0 for one in closed) == summary["winning_trades"]
    assert sum(one.pnl_dollars < 0 for one in closed) == summary["losing_trades"]
    assert sum(one.pnl_dollars for one in closed) == pytest.approx(summary["total_pnl"], abs=1e-6)


SETTINGS: dict[str, dict[str, Any]] = {
    "original": {},
    "rsi 25, std 2, size 15": {"rsi_threshold": 25, "bb_std": 2.0, "position_size": 15},
    "rsi 35, std 3": {"rsi_threshold": 35, "bb_std": 3.0},
    "size 15": {"position_size": 15},
    "stop 0.5": {"stop_loss_pct": 0.5},
    "target 1.0": {"take_profit_pct": 1.0},
    "detector both": {
        "entry_rule": "two_of_three",
        "target_mode": "bb_middle",
        "max_holding_minutes": 30,
        "direction": "both",
    },
}
# The published table: number of trades and dollars, by setting
PUBLISHED: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("AIG BAC IBM SPY", "2013-10-08"): (
        (4, -29.6830),
        (4, -53.3835),
        (2, -12.3850),
        (4, -44.5245),
        (5, -17.9540),
        (4, -29.6830),
        (63, -3.7000),
    ),
    ("AIG BAC IBM SPY", "2013-10-09"): (
        (3, 11.9630),
        (8, 20.0985),
        (2, 4.0885),
        (3, 17.9445),
        (3, 11.9630),
        (3, 6.8000),
        (72, 13.8250),
    ),
    ("AAPL TWX", "2014-06-06"): (
        (3, -47.0070),
        (2, -37.4055),
        (2, -24.9370),
        (3, -70.5105),
        (6, -19.5050),
        (3, -45.7370),
        (33, -7.5200),
    ),
    ("SPY", "2023-08-03"): (
        (1, -4.8000),
        (2, 14.6798),
        (1, -4.8000),
        (1, -7.2000),
        (1, -4.8000),
        (1, -4.8000),
        (19, 8.7675),
    ),
}


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"the recorded days are not here: {GOLDEN}")
@pytest.mark.parametrize(("symbols", "day"), PUBLISHED)
def test_published_days(symbols: str, day: str) -> None:
    series = {symbol: session_bars(symbol, date.fromisoformat(day)) for symbol in symbols.split()}
    for params, (trades, dollars) in zip(SETTINGS.values(), PUBLISHED[symbols, day], strict=True):
        closed = run_mean_reversion(series, MeanReversionParams(**params))[1]
        total = sum(one.pnl_dollars for one in closed)
        assert (len(closed), total) == (trades, pytest.approx(dollars, abs=5.1e-5)), params


def as_recorded(closed: PositionClosed) -> dict[str, Any]:
    opened = closed.opened
    return {
        "symbol": opened.symbol,
        "direction": opened.direction,
        "quantity": opened.quantity,
        "entry_price": opened.price,
        "stop_loss": opened.stop_loss,
        "take_profit": opened.take_profit,
        "entry_time": f"{utc(opened.ts_ns):%Y-%m-%dT%H:%M:%SZ}",
        "exit_price": closed.price,
        "exit_time": f"{utc(closed.ts_ns):%Y-%m-%dT%H:%M:%SZ}",
        "exit_reason": closed.reason,
        "pnl": closed.pnl_dollars,
        "pnl_pct": closed.pnl_pct,
        "duration_seconds": closed.duration_s,
    }
