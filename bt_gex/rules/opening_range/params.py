"""Parameters of the opening-range rules, section by section.

The names are the dotted setting names without their first part: `RangeParams.base_minutes` is
`orb.base_minutes`. Ranges are annotations, so the configuration layer can check and document them;
what must hold between settings is checked when `OpeningRangeParams` is made (BadValue).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from annotated_types import Ge, Gt, Le

from bt_gex.errors import BadValue

Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Multiple = Annotated[float, Gt(0), Le(100)]
Share = Annotated[float, Gt(0), Le(1)]
Threshold = Annotated[float, Ge(0), Le(2)]

EarlyCloses = tuple[tuple[date, time], ...]
RUNNER_ABOVE_R = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentParams:
    """What is traded and when.

    timezone       IANA name of the zone of session_start, session_end and governance.time_cutoff
    session_end    the first instant that is no longer in the session
    early_closes   session_end of single days
    tick_size      price units; triggers, stops and targets lie on it
    point_value    dollars one contract or share gains per price unit
    """

    timezone: str = "America/Chicago"
    session_start: time = time(8, 30)
    session_end: time = time(15, 0)
    early_closes: EarlyCloses = ()
    tick_size: Positive = 0.01
    point_value: Positive = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeParams:
    """Length of the opening range, and which ranges are traded.

    base_minutes          length when not adaptive, or when the volatility is not known
    low_norm_vol, high_norm_vol   below, above: short_or_minutes, long_or_minutes
    atr_period            days of the reference ATR and bars of the intraday ATR
    norm_vol              scaled: times the root of the intraday bars in a session; raw: without
    min_atr_mult, max_atr_mult    allowed width of the range, in reference ATRs, limits included
    """

    base_minutes: Annotated[int, Ge(5), Le(60)] = 15
    adaptive: bool = True
    low_norm_vol: Threshold = 0.35
    high_norm_vol: Threshold = 0.85
    short_or_minutes: Annotated[int, Ge(5), Le(30)] = 10
    long_or_minutes: Annotated[int, Ge(15), Le(60)] = 30
    atr_period: Annotated[int, Ge(5), Le(50)] = 14
    intraday_minutes: Annotated[int, Ge(1), Le(60)] = 5
    norm_vol: Literal["scaled", "raw"] = "scaled"
    enable_validity_filter: bool = True
    min_atr_mult: NotNegative = 0.25
    max_atr_mult: NotNegative = 1.75


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferParams:
    """Distance of the triggers from the range: fixed (price units) + atr_mult · ATR if use_atr."""

    fixed: NotNegative = 0.02
    use_atr: bool = False
    atr_mult: Annotated[float, Ge(0), Le(0.5)] = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RelVolumeParams:
    """A bar's volume over the mean of the `lookback` bars before it reaches spike_mult."""

    enabled: bool = True
    lookback: Annotated[int, Ge(5), Le(100)] = 20
    spike_mult: Annotated[float, Ge(1), Le(5)] = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceActionParams:
    """An engulfing candle, or high and low both beyond those of pivot_len bars ago."""

    enabled: bool = True
    pivot_len: Annotated[int, Ge(2), Le(10)] = 3
    enable_engulfing: bool = True
    enable_structure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileParams:
    """Value area between two fractions of the prior session's range, from its low."""

    enabled: bool = True
    val_pct: Annotated[float, Ge(0), Le(1)] = 0.25
    vah_pct: Annotated[float, Ge(0), Le(1)] = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class VwapParams:
    """Close beyond the volume-weighted price since the session's start or the range's end."""

    enabled: bool = False
    reset_mode: Literal["session", "or_end"] = "session"
    min_bars: Annotated[int, Ge(1), Le(390)] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AdxParams:
    """Wilder's ADX of the session's minutes reaches the threshold."""

    enabled: bool = False
    period: Annotated[int, Ge(5), Le(50)] = 14
    threshold: Annotated[float, Ge(0), Le(50)] = 18.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorParams:
    """The five factors.

    sample_every  bars from one kept sample of factors and scores to the next
    """

    rel_volume: RelVolumeParams = field(default_factory=RelVolumeParams)
    price_action: PriceActionParams = field(default_factory=PriceActionParams)
    profile_proxy: ProfileParams = field(default_factory=ProfileParams)
    vwap: VwapParams = field(default_factory=VwapParams)
    adx: AdxParams = field(default_factory=AdxParams)
    sample_every: Annotated[int, Ge(1), Le(100_000)] = 5

    @property
    def enabled(self) -> int:
        """How many factors are on."""
        parts = (self.rel_volume, self.price_action, self.profile_proxy, self.vwap, self.adx)
        return sum(part.enabled for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightParams:
    """What an active factor adds to the score."""

    price_action: NotNegative = 1.0
    rel_vol: NotNegative = 1.0
    profile: NotNegative = 1.0
    vwap: NotNegative = 1.0
    adx: NotNegative = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringParams:
    """Score an entry needs; weak_trend_required where ADX is on and low or not known yet."""

    enabled: bool = True
    base_required: Annotated[int, Ge(0), Le(10)] = 2
    weak_trend_required: Annotated[int, Ge(0), Le(10)] = 3
    weights: WeightParams = field(default_factory=WeightParams)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeParams:
    """Entry, stop and targets. R is the distance from fill to first stop; *_pct are fractions.

    entry_mode         stop: at the trigger, in the bar that breaks it; next_open: the bar after
    extra_stop_buffer  price units beyond the range's other side, or beyond the pivot
    atr_stop_cap_mult  largest distance of the stop in stop mode atr_capped, reference ATRs
    t1_pct, t2_pct     closed at t1_r, t2_r; the rest at runner_r
    primary_r          the one target without partials
    move_be_at_r       best R from which the stop goes to fill + be_buffer (price units)
    trail_atr_mult     reference ATRs the stop follows the best price at; none: it does not
    trail_start_r      best R from which it follows
    max_minutes        age at which a trade is closed; none: no limit
    slippage_ticks     against the trade, on entries, stops, and exits by time
    """

    entry_mode: Literal["stop", "next_open"] = "stop"
    stop_mode: Literal["or_opposite", "swing", "atr_capped"] = "or_opposite"
    extra_stop_buffer: NotNegative = 0.05
    atr_stop_cap_mult: Annotated[float, Ge(0), Le(3)] = 0.8
    partials: bool = True
    t1_r: Multiple = 1.0
    t1_pct: Share = 0.5
    t2_r: Multiple = 1.5
    t2_pct: Share = 0.25
    runner_r: Multiple = 2.0
    primary_r: Multiple = 1.5
    move_be_at_r: Annotated[float, Ge(0), Le(100)] = 1.0
    be_buffer: NotNegative = 0.01
    trail_atr_mult: Multiple | None = None
    trail_start_r: Annotated[float, Ge(0), Le(100)] = 1.0
    max_minutes: Annotated[int, Ge(1)] | None = None
    slippage_ticks: Annotated[int, Ge(0), Le(1_000)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernanceParams:
    """When nothing more is traded in a session.

    lockout_after_losses   full stops in a row
    max_daily_loss_r       R of the session's closed trades, as a positive number; none: no limit
    time_cutoff            local time from which nothing is filled; none: no limit
    second_chance_minutes  after the range's end; a side's later breaks count only before
    carry_losses           the row of full stops goes on over sessions
    """

    max_signals_per_day: Annotated[int, Ge(1), Le(10)] = 3
    lockout_after_losses: Annotated[int, Ge(1), Le(10)] = 2
    max_daily_loss_r: Positive | None = None
    time_cutoff: time | None = time(13, 30)
    second_chance_minutes: Annotated[int, Ge(0), Le(120)] = 30
    flatten_at_session_end: bool = True
    carry_losses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestParams:
    """Fills inside a bar and size in money.

    conservative_fills  a bar that reaches stop and target is a stop
    whole_contracts     targets close whole contracts; one that would close none is dropped
    sizing              fixed: contracts_per_trade; risk_pct: what loses risk_pct of equity at the
                        first stop, equity being initial_capital and the dollars realised since
    risk_pct            a fraction
    initial_capital     dollars
    random_seed         of synthetic bars
    """

    conservative_fills: bool = True
    contracts_per_trade: Annotated[int, Ge(1)] = 1
    whole_contracts: bool = False
    sizing: Literal["fixed", "risk_pct"] = "fixed"
    risk_pct: Share = 0.01
    initial_capital: Positive = 100_000.0
    random_seed: Annotated[int, Ge(0)] = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDataParams:
    """What is made of bad data.

    or_invalid  where the range's window is checked: report a bad one, or skip its day, too
    """

    or_invalid: Literal["warn", "skip"] = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRangeParams:
    """All of it, for one symbol; raises BadValue where settings contradict each other."""

    instrument: InstrumentParams = field(default_factory=InstrumentParams)
    orb: RangeParams = field(default_factory=RangeParams)
    buffers: BufferParams = field(default_factory=BufferParams)
    factors: FactorParams = field(default_factory=FactorParams)
    scoring: ScoringParams = field(default_factory=ScoringParams)
    trade: TradeParams = field(default_factory=TradeParams)
    governance: GovernanceParams = field(default_factory=GovernanceParams)
    backtest: BacktestParams = field(default_factory=BacktestParams)
    data: RangeDataParams = field(default_factory=RangeDataParams)

    def __post_init__(self) -> None:
        _check_instrument(self.instrument)
        _check_range(self.orb, self.buffers)
        _check_factors(self.factors)
        _check_scoring(self.scoring, self.factors)
        _check_targets(self.trade)


def _check_instrument(instrument: InstrumentParams) -> None:
    try:
        ZoneInfo(instrument.timezone)
    except (KeyError, OSError, ValueError):
        raise BadValue(
            "instrument.timezone must be a zone of the IANA database, as America/New_York, "
            f"got {instrument.timezone!r}"
        ) from None
    start, end = instrument.session_start, instrument.session_end
    if start > end:
        raise BadValue(
            f"instrument.session_start must not be after session_end, got {start} and {end}"
        )


def _check_range(orb: RangeParams, buffers: BufferParams) -> None:
    _ascending("orb.min_atr_mult", orb.min_atr_mult, "orb.max_atr_mult", orb.max_atr_mult)
    if orb.adaptive:
        _ascending("orb.low_norm_vol", orb.low_norm_vol, "orb.high_norm_vol", orb.high_norm_vol)
        _ascending(
            "orb.short_or_minutes", orb.short_or_minutes, "orb.long_or_minutes", orb.long_or_minutes
        )
    if buffers.fixed <= 0 and not buffers.use_atr:
        raise BadValue("buffers.fixed must be above 0 unless buffers.use_atr is true, got 0")


def _check_factors(factors: FactorParams) -> None:
    action, profile = factors.price_action, factors.profile_proxy
    if action.enabled and not (action.enable_engulfing or action.enable_structure):
        raise BadValue(
            "factors.price_action needs enable_engulfing or enable_structure; "
            "to leave it out set factors.price_action.enabled to false"
        )
    _ascending(
        "factors.profile_proxy.val_pct", profile.val_pct, "factors.profile_proxy.vah_pct",
        profile.vah_pct,
    )  # fmt: skip


def _check_scoring(scoring: ScoringParams, factors: FactorParams) -> None:
    base, weak = scoring.base_required, scoring.weak_trend_required
    if scoring.enabled and not base <= weak <= factors.enabled:
        raise BadValue(
            "scoring.base_required must not exceed weak_trend_required, nor that the number of "
            f"enabled factors, got {base}, {weak} and {factors.enabled}; "
            "enable a factor, require less or set scoring.enabled to false"
        )


def _check_targets(trade: TradeParams) -> None:
    if not trade.partials:
        return
    if trade.t1_pct + trade.t2_pct > 1 + 1e-9:
        raise BadValue(
            "trade.t1_pct and trade.t2_pct must not exceed 1 together, "
            f"got {trade.t1_pct:g} and {trade.t2_pct:g}"
        )
    _ascending("trade.t1_r", trade.t1_r, "trade.t2_r", trade.t2_r)
    _ascending("trade.t2_r", trade.t2_r, "trade.runner_r", trade.runner_r)
    if trade.runner_r <= RUNNER_ABOVE_R:
        raise BadValue(f"trade.runner_r must be above {RUNNER_ABOVE_R}, got {trade.runner_r:g}")


def _ascending(low_name: str, low: float, high_name: str, high: float) -> None:
    if low >= high:
        raise BadValue(f"{low_name} must be below {high_name}, got {low:g} and {high:g}")
