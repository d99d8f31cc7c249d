"""Factors, scores and ranges against results."""

from __future__ import annotations

from datetime import date

import pytest

from bt_gex.rules.opening_range.range import NoTrade
from bt_gex.rules.opening_range.records import SessionRecord
from bt_gex.stats.attribution import factor_effects, range_statistics, score_buckets, width_atr


def session(width: float | None, atr: float | None, reason: NoTrade | None = None) -> SessionRecord:
    return SessionRecord(
        day=date(2024, 1, 3),
        or_minutes=15,
        norm_vol=None,
        atr=atr,
        or_high=None if width is None else 100.0 + width,
        or_low=None if width is None else 100.0,
        triggers=None,
        reason=reason,
        breaks={"long": 0, "short": 0},
        signals=0,
        day_r=0.0,
        lockout=None,
    )


def test_factor_that_was_there_when_trades_won() -> None:
    rs = [1.0, 0.5, -0.75]
    vwap, adx = factor_effects(rs, [("vwap",), ("adx", "vwap"), ("adx",)], ["vwap", "adx"])

    assert (vwap.present_count, vwap.absent_count) == (2, 1)
    assert (vwap.present_win_rate, vwap.absent_win_rate) == (1.0, 0.0)
    assert (vwap.present_avg_r, vwap.absent_avg_r) == (0.75, -0.75)
    assert (vwap.delta_win_rate, vwap.delta_avg_r) == (1.0, 1.5)
    assert (adx.delta_win_rate, adx.delta_avg_r) == (-0.5, -1.125)


def test_factor_of_every_trade_has_no_difference() -> None:
    [effect] = factor_effects([1.0], [("vwap",)], ["vwap"])
    assert (effect.absent_count, effect.absent_avg_r, effect.delta_avg_r) == (0, None, None)
    [never] = factor_effects([1.0], [("vwap",)], ["adx"])
    assert (never.present_count, never.present_win_rate, never.delta_win_rate) == (0, None, None)


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        factor_effects([1.0, 2.0], [("vwap",)], ["vwap"])


def test_score_buckets_hold_their_lower_edge() -> None:
    [one] = score_buckets([1.2, 1.4, 1.1], [1.0, -1.0, 0.6])
    assert (one.low, one.high, one.count) == (1.0, 1.5, 3)
    assert (one.avg_r, one.win_rate) == (pytest.approx(0.2), pytest.approx(2 / 3))

    edges = score_buckets([1.5, 1.0, 0.1 + 0.2 + 1.2, 2.0], [1.0, 2.0, 3.0, 4.0])
    assert [(b.low, b.count, b.avg_r) for b in edges] == [
        (1.0, 1, 2.0),
        (1.5, 2, 2.0),
        (2.0, 1, 4.0),
    ]
    assert score_buckets([], []) == []


def test_range_statistics() -> None:
    sessions = [
        session(0.2, 1.0, "too narrow"),
        session(0.25, 1.0),
        session(1.6, 2.0),
        session(None, 1.0, "no bars"),
        session(0.5, None),
        session(0.1, 1.0, "too narrow"),
    ]
    found = range_statistics(sessions)

    assert (found.sessions, found.traded) == (6, 3)
    assert list(found.reasons.items()) == [("too narrow", 2), ("no bars", 1)]
    assert [(w.low, w.high, w.count) for w in found.widths] == [
        (0.0, 0.25, 2),
        (0.25, 0.5, 1),
        (0.5, 0.75, 0),
        (0.75, 1.0, 1),
    ]
    assert range_statistics([]).widths == ()


def test_width_needs_an_atr() -> None:
    assert width_atr(session(0.5, 2.0)) == 0.25
    assert width_atr(session(0.5, 0.0)) is None
