"""How wide recorded quotes are, by the price of the option, and how many have no bid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bt_gex.market.quotes import Prices

EDGES_PTS = (0.25, 1.0, 3.0, 10.0, 30.0)  # of mids, points of an index of scale 1
PER_POINT = 100  # widths are counted in hundredths of a point


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthBand:
    """Quotes whose mid lies in a band; those that are crossed or have no ask are in none.

    low_pts, high_pts  of the mid, the lower one included; None: no end
    quotes             all of them
    without_bid        of these, without a bid or with one of 0 or less; in no width
    widths             ask less bid in hundredths of a point -> how many
    width_sum_pts, mid_sum_pts  over the quotes with a bid
    """

    low_pts: float
    high_pts: float | None
    quotes: int = 0
    without_bid: int = 0
    widths: Mapping[int, int] = field(default_factory=dict)
    width_sum_pts: float = 0.0
    mid_sum_pts: float = 0.0

    @property
    def width_pct(self) -> float | None:
        """Width in percent of mid, all together."""
        return 100 * self.width_sum_pts / self.mid_sum_pts if self.mid_sum_pts else None

    def quantile_pts(self, share: float) -> float | None:
        """The smallest width that at least this share of the quotes keeps to."""
        total = sum(self.widths.values())
        seen = 0
        for width in sorted(self.widths):
            seen += self.widths[width]
            if seen >= share * total:
                return width / PER_POINT
        return None


def bands_of(bid: Prices, ask: Prices, scale: float) -> tuple[WidthBand, ...]:
    """The bands of these quotes; edges are multiplied by the index's scale. A NaN bid is 0."""
    bid = np.where(np.isnan(bid), 0.0, bid)
    with np.errstate(invalid="ignore"):
        sound = (ask > 0) & (bid <= ask)
    bid, ask = bid[sound], ask[sound]
    edges = [edge * scale for edge in EDGES_PTS]
    mid = (bid + ask) / 2
    place = np.searchsorted(edges, mid, side="right")
    found = []
    for n, (low, high) in enumerate(zip([0.0, *edges], [*edges, None], strict=True)):
        own = place == n
        traded = own & (bid > 0)
        width = ask[traded] - bid[traded]
        cents, times = np.unique(np.round(width * PER_POINT).astype(np.int64), return_counts=True)
        found.append(
            WidthBand(
                low_pts=low,
                high_pts=high,
                quotes=int(own.sum()),
                without_bid=int(own.sum() - traded.sum()),
                widths=dict(zip(cents.tolist(), times.tolist(), strict=True)),
                width_sum_pts=float(width.sum()),
                mid_sum_pts=float(mid[traded].sum()),
            )
        )
    return tuple(found)


def summed(bands: Iterable[tuple[WidthBand, ...]]) -> tuple[WidthBand, ...]:
    """The bands of several sessions of an index together."""
    found = []
    for same in zip(*bands, strict=True):
        widths: Counter[int] = Counter()
        for band in same:
            widths.update(band.widths)
        found.append(
            WidthBand(
                low_pts=same[0].low_pts,
                high_pts=same[0].high_pts,
                quotes=sum(band.quotes for band in same),
                without_bid=sum(band.without_bid for band in same),
                widths=widths,
                width_sum_pts=sum(band.width_sum_pts for band in same),
                mid_sum_pts=sum(band.mid_sum_pts for band in same),
            )
        )
    return tuple(found)
