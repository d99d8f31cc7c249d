"""Widths of quotes by the price of the option, against hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from bt_gex.blackbox.quote_widths import bands_of, summed

# bid, ask: mids 0.2 (no bid), 0.2, 0.25, 4.0, 5.0; then crossed, no ask, an ask of 0
BID = np.array([np.nan, 0.15, 0.20, 3.9, 4.5, 2.0, 2.0, 0.0])
ASK = np.array([0.40, 0.25, 0.30, 4.1, 5.5, 1.9, np.nan, 0.0])


def test_each_quote_is_in_the_band_of_its_mid() -> None:
    bands = bands_of(BID, ASK, 1.0)
    assert [(b.low_pts, b.high_pts, b.quotes, b.without_bid) for b in bands] == [
        (0.0, 0.25, 2, 1), (0.25, 1.0, 1, 0), (1.0, 3.0, 0, 0), (3.0, 10.0, 2, 0),
        (10.0, 30.0, 0, 0), (30.0, None, 0, 0),
    ]  # fmt: skip
    assert bands[3].widths == {20: 1, 100: 1}
    assert bands[3].width_pct == pytest.approx(100 * 1.2 / 9.0)
    assert bands[2].width_pct is None


def test_bands_follow_the_scale_of_the_index() -> None:
    assert [band.quotes for band in bands_of(BID, ASK, 20.0)] == [4, 1, 0, 0, 0, 0]


def test_quantiles_are_widths_that_occur() -> None:
    bid = np.full(10, 2.0)
    ask = bid + np.array([0.05] * 5 + [0.10] * 4 + [0.5])
    band = bands_of(bid, ask, 1.0)[2]
    assert [band.quantile_pts(share) for share in (0.5, 0.51, 0.9, 0.91, 1.0)] == [
        0.05, 0.10, 0.10, 0.5, 0.5,
    ]  # fmt: skip


def test_sessions_add_up_to_what_all_their_quotes_are() -> None:
    one, other = bands_of(BID[:4], ASK[:4], 1.0), bands_of(BID[4:], ASK[4:], 1.0)
    both, added = bands_of(BID, ASK, 1.0), summed([one, other])
    assert [band.widths for band in added] == [band.widths for band in both]
    assert [band.quotes for band in added] == [band.quotes for band in both]
    assert [band.width_pct for band in added] == pytest.approx(
        [band.width_pct for band in both], nan_ok=True
    )
    assert summed([]) == ()
