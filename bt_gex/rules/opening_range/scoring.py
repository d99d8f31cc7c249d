"""The confluence score of each side, bar by bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bt_gex.market.bars import Bar
from bt_gex.rules.opening_range.factors import (
    NEITHER,
    Adx,
    Flags,
    Vwap,
    price_action,
    profile,
    relative_volume,
)
from bt_gex.rules.opening_range.params import FactorParams, ScoringParams, WeightParams
from bt_gex.rules.opening_range.prices import SIDES, Side, above, at_least
from bt_gex.rules.opening_range.range import OpeningRange

FACTORS = ("adx", "price_action", "profile", "rel_vol", "vwap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Factors and scores at the close of one bar.

    bar_number  0 for the session's first
    rel_vol, vwap, adx   values, None where the factor is off or not known yet
    active      names of the factors that speak for each side
    """

    ts_ns: int
    bar_number: int
    rel_vol: float | None
    vwap: float | None
    adx: float | None
    active: dict[Side, tuple[str, ...]]
    score: dict[Side, float]
    required: int
    passed: dict[Side, bool]


def score_of(active: Iterable[str], weights: WeightParams) -> float:
    """Sum of the weights of the active factors."""
    return float(sum(getattr(weights, name) for name in active))


def required_score(adx: float | None, factors: FactorParams, scoring: ScoringParams) -> int:
    """More in a weak trend: ADX on, and below its threshold or not known yet."""
    params = factors.adx
    weak = params.enabled and (adx is None or not at_least(adx, params.threshold))
    return scoring.weak_trend_required if weak else scoring.base_required


class Scorer:
    """The factors of one session; scores are only computed when they are asked for."""

    def __init__(
        self, prior: Bar | None, or_end_ns: int, factors: FactorParams, scoring: ScoringParams
    ) -> None:
        self._prior, self._or_end_ns = prior, or_end_ns
        self._factors, self._scoring = factors, scoring
        self._volumes: list[float] = []
        self._vwap = Vwap(factors.vwap.min_bars)
        self._adx = Adx(factors.adx.period)

    def add(self, bar: Bar) -> None:
        """Take one more bar."""
        vwap, adx = self._factors.vwap, self._factors.adx
        self._volumes.append(bar.volume)
        if vwap.enabled and (vwap.reset_mode == "session" or bar.ts_ns >= self._or_end_ns):
            self._vwap.add(bar)
        if adx.enabled:
            self._adx.add(bar)

    def snapshot(self, bars: Sequence[Bar], found: OpeningRange | None) -> Snapshot:
        """At the close of the last of the session's bars, all of which were added.

        found  the opening range as far as it is known
        """
        volume = self._relative_volume()
        vwap = self._vwap.value if self._factors.vwap.enabled else None
        adx = self._adx.value if self._factors.adx.enabled else None
        flags = self._flags(bars, found, volume, vwap, adx)
        active: dict[Side, tuple[str, ...]] = {
            "long": tuple(name for name in FACTORS if flags[name].long),
            "short": tuple(name for name in FACTORS if flags[name].short),
        }
        score = {side: score_of(active[side], self._scoring.weights) for side in SIDES}
        required = required_score(adx, self._factors, self._scoring)
        off = not self._scoring.enabled
        return Snapshot(
            ts_ns=bars[-1].ts_ns,
            bar_number=len(bars) - 1,
            rel_vol=volume,
            vwap=vwap,
            adx=adx,
            active=active,
            score=score,
            required=required,
            passed={side: off or at_least(score[side], required) for side in SIDES},
        )

    def _flags(
        self,
        bars: Sequence[Bar],
        found: OpeningRange | None,
        volume: float | None,
        vwap: float | None,
        adx: float | None,
    ) -> dict[str, Flags]:
        factors, close = self._factors, bars[-1].close
        action, area = factors.price_action, factors.profile_proxy
        return {
            "price_action": price_action(bars, action) if action.enabled else NEITHER,
            "rel_vol": _both(volume, factors.rel_volume.spike_mult),
            "profile": profile(close, found, self._prior, area) if area.enabled else NEITHER,
            "vwap": NEITHER if vwap is None else Flags(above(close, vwap), above(vwap, close)),
            "adx": _both(adx, factors.adx.threshold),
        }

    def _relative_volume(self) -> float | None:
        params = self._factors.rel_volume
        return relative_volume(self._volumes, params.lookback) if params.enabled else None


def _both(value: float | None, limit: float) -> Flags:
    known = value is not None and at_least(value, limit)
    return Flags(known, known)
