"""The replay semantics, bar by bar, in exact arithmetic. Slow on purpose."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from .clock import CHECK_TIMES, MINUTE, Session, eastern, iso, sessions
from .figures import Equity, cents, funnel, summarise
from .rules import INDEXES, SETUP_DEFAULTS, IndexSpec, trade_setup
from .spread import (
    Doubts,
    Leg,
    Trade,
    Unpriced,
    clamp,
    exact,
    intrinsic,
    legs_of,
    marks_of,
    widths_of,
)
from .tape import Believed, Readings, SessionTape, Tape

EPS = Fraction(1, 10**9)

DEFAULTS: dict[str, object] = {
    **{f"setup.{name}": value for name, value in SETUP_DEFAULTS.items()},
    "setup.vix_threshold": 20.0,
    "setup.parity": False,
    "entry.times": CHECK_TIMES,
    "entry.use_competing_peaks": False,
    "entry.max_open": None,
    "entry.min_credit": None,
    "exit.profit_target_high": 0.50,
    "exit.profit_target_medium": 0.60,
    "exit.emergency_stop": 0.40,
    "exit.stop_loss": 0.10,
    "exit.end_of_day_minutes": 30,
    "fills.entry_slippage": 1.0,
    "fills.exit_slippage": 1.0,
    "fills.commission": 0.0,
    "fills.latency_bars": 0,
    "data.quote_max_age_s": 120,
    "data.context_max_age_s": 2100,
    "data.one_sided_max_ask": 0.50,
    "data.max_spread_pct": None,
    "data.max_leg_age_gap_s": None,
    "data.trade_contradictions": False,
    "account.balance": 25000,
    "account.quantity": 1,
}


def settlement_price(tape: SessionTape) -> tuple[Fraction | None, str]:
    """The one price at which all legs settle, and where it comes from."""
    fresh = tape.fresh_index_price()
    if fresh is not None:
        return exact(fresh), "index"
    last = tape.last_index_price()
    if last is None:
        return None, "none"
    last_price = float(last.data[0])
    implied = [
        exact(strike) + exact(c.bid) / 2 + exact(c.ask) / 2 - exact(p.bid) / 2 - exact(p.ask) / 2
        for strike, c, p in tape.parity_pairs(last_price)
    ]
    if implied:
        return Fraction(statistics.median(implied)), "parity"
    return exact(last_price), "stale"


@dataclass
class OracleResult:
    index: str
    start: str
    end: str
    settings: dict[str, object]
    sessions: dict[str, str] = field(default_factory=dict)
    decisions: list[dict[str, object]] = field(default_factory=list)
    trades: list[dict[str, object]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    summary: dict[str, object] = field(default_factory=dict)
    funnel: dict[str, object] = field(default_factory=dict)
    equity: list[tuple[str, float]] = field(default_factory=list)
    equity_mtm: list[tuple[str, float]] = field(default_factory=list)


@dataclass
class Order:
    """An entry on its way: decided on one bar, priced on a later one."""

    trade: Trade
    decision: dict[str, object]
    due: int


class Replay:
    def __init__(
        self, tape: Tape, spec: IndexSpec, settings: dict[str, object], readings: Readings
    ) -> None:
        self.tape, self.spec, self.s, self.readings = tape, spec, settings, readings
        self.parameters = {name: float(settings[f"setup.{name}"]) for name in SETUP_DEFAULTS}  # type: ignore[arg-type]
        self.commission_a_leg = exact(settings["fills.commission"])
        self.quantity = int(settings["account.quantity"])  # type: ignore[call-overload]
        self.doubts = Doubts(
            settings["data.max_leg_age_gap_s"], not settings["data.trade_contradictions"]
        )
        self.equity = Equity(exact(settings["account.balance"]))
        self.trades: list[Trade] = []
        self.decisions: list[dict[str, object]] = []
        self.counters = {
            "bars": 0,
            "unpriced_bars": 0,  # (trade, bar) pairs
            "clamped_values": 0,  # `value` on a bar after the entry bar
            "clamped_entry_marks": 0,  # `value` on the entry bar, used for MAE/MFE and equity only
            "clamped_exit_costs": 0,
            "settled_index": 0,
            "settled_parity": 0,
            "settled_stale": 0,
            "unresolved": 0,
            "bad_timestamps": tape.bad_timestamps,
        }

    def commission(self, legs: list[Leg]) -> Fraction:
        dollars: Fraction = self.commission_a_leg * len(legs) * self.quantity
        return dollars

    def run_session(self, session: Session, tape: SessionTape) -> None:
        end_of_day = session.close - int(self.s["exit.end_of_day_minutes"]) * MINUTE  # type: ignore[call-overload]
        checks = {session.at(hhmm) for hhmm in self.s["entry.times"]}  # type: ignore[attr-defined]
        open_trades: list[Trade] = []
        self.orders: list[Order] = []
        latency = int(self.s["fills.latency_bars"]) * MINUTE // 2  # type: ignore[call-overload]
        for bar in session.bars():
            self.counters["bars"] += 1
            for trade in list(open_trades):
                if self.try_exit(trade, tape, bar, end_of_day):
                    open_trades.remove(trade)
                    self.equity.closed(bar, trade.pnl)
            for order in [o for o in self.orders if o.due == bar]:
                self.orders.remove(order)
                self.arrive(order, tape, open_trades)
            if bar in checks and bar < end_of_day:
                entered, decision = self.check_entry(session, tape, bar, open_trades)
                if entered is not None:
                    order = Order(entered, decision, bar + latency)
                    if not latency:
                        self.arrive(order, tape, open_trades)
                    elif order.due < session.close:
                        self.orders.append(order)
                    else:
                        decision.update(outcome="skip", reason="session over")
            self.equity.bar(bar, [t.marked() for t in open_trades])
        for trade in open_trades:
            self.settle(trade, session, tape)
        if open_trades:
            self.equity.bar(session.close, [])

    # --------------------------------------------------------------------------- entry

    def check_entry(
        self, session: Session, tape: SessionTape, bar: int, open_trades: list[Trade]
    ) -> tuple[Trade | None, dict[str, object]]:
        spot, vix, pin = tape.spot(bar), tape.vix(bar), tape.pin(bar)
        outcome = self.decide(session, tape, bar, open_trades, spot, vix, pin)
        decision: dict[str, object] = {
            "session": session.date,
            "time": eastern(bar).strftime("%H:%M"),
            "timestamp": iso(bar),
            "outcome": "skip" if isinstance(outcome, str) else "entry",
            "reason": outcome if isinstance(outcome, str) else "",
            "pin": pin,
            "spot": spot,
            "vix": vix,
        }
        self.decisions.append(decision)
        return (None if isinstance(outcome, str) else outcome), decision

    def decide(
        self,
        session: Session,
        tape: SessionTape,
        bar: int,
        open_trades: list[Trade],
        spot: float | None,
        vix: float | None,
        pin: float | None,
    ) -> Trade | str:
        if spot is None:
            return "no index price"
        if vix is None:
            return "no vix"
        if pin is None:
            return "no gex peak"
        setup = trade_setup(
            pin,
            spot,
            vix,
            self.s["setup.vix_threshold"],  # type: ignore[arg-type]
            self.spec,
            parity=bool(self.s["setup.parity"]),
            zones=self.parameters,
        )
        if setup.strategy == "SKIP":
            return setup.description
        widths = widths_of(setup)
        if min(widths) <= 0:
            return "zero-width spread"
        width = max(widths)
        limit = self.s["entry.max_open"]
        if limit is not None and len(open_trades) + len(self.orders) >= limit:  # type: ignore[operator]
            return "max open positions"
        legs = legs_of(setup)
        marks = marks_of(tape, bar, legs, self.doubts)
        if isinstance(marks, Unpriced):
            return marks.reason
        credit = marks.entry_credit(exact(self.s["fills.entry_slippage"]))
        refused = self.refused_credit(credit, width)
        if refused:
            return refused
        if self.quantity <= 0:
            return "size zero: quantity is 0"
        return Trade(
            session=session.date,
            setup=setup,
            legs=legs,
            width=width,
            pin=pin,
            spot=spot,
            vix=vix,
            entry=bar,
            credit=credit,
            quantity=self.quantity,
            multiplier=self.spec.multiplier,
            entry_commission=self.commission(legs),
            values=[marks.value(width)],
        )

    def refused_credit(self, credit: Fraction, width: Fraction) -> str:
        minimum = self.s["entry.min_credit"]
        if credit <= 0:
            return "credit not positive"
        if credit >= width:
            return "credit not below width"
        if minimum is not None and credit < exact(minimum):
            return "credit below minimum"
        return ""

    def arrive(self, order: Order, tape: SessionTape, open_trades: list[Trade]) -> None:
        """Price an entry on the bar it is due; quotes, credit and margin are those of that bar."""
        refused = self.priced(order.trade, tape, order.due, open_trades)
        if refused:
            order.decision.update(outcome="skip", reason=refused)
            return
        open_trades.append(order.trade)
        self.trades.append(order.trade)

    def priced(self, trade: Trade, tape: SessionTape, bar: int, open_trades: list[Trade]) -> str:
        marks = marks_of(tape, bar, trade.legs, self.doubts)
        if isinstance(marks, Unpriced):
            return marks.reason
        trade.entry, trade.values = bar, [marks.value(trade.width)]
        trade.credit = marks.entry_credit(exact(self.s["fills.entry_slippage"]))
        refused = self.refused_credit(trade.credit, trade.width)
        if refused:
            return refused
        free = self.equity.balance - sum((t.reserve() for t in open_trades), Fraction(0))
        if trade.reserve() > free:
            return f"margin: needs {cents(trade.reserve())}, free {cents(free)}"
        if marks.value(trade.width) != marks.net_mid:
            self.counters["clamped_entry_marks"] += 1
        return ""

    # --------------------------------------------------------------------------- exit

    def try_exit(self, trade: Trade, tape: SessionTape, bar: int, end_of_day: int) -> bool:
        marks = marks_of(tape, bar, trade.legs, self.doubts)
        if isinstance(marks, Unpriced):
            self.counters["unpriced_bars"] += 1
            trade.unpriced[marks.kind] = trade.unpriced.get(marks.kind, 0) + 1
            return False
        value = marks.value(trade.width)
        if value != marks.net_mid:
            self.counters["clamped_values"] += 1
        trade.values.append(value)
        reason = self.exit_reason(trade, value, bar, end_of_day)
        if reason is None:
            return False
        cost = marks.exit_cost(exact(self.s["fills.exit_slippage"]))
        if clamp(cost, trade.width) != cost:
            self.counters["clamped_exit_costs"] += 1
        trade.close(bar, clamp(cost, trade.width), reason, self.commission(trade.legs))
        return True

    def exit_reason(self, trade: Trade, value: Fraction, bar: int, end_of_day: int) -> str | None:
        credit = trade.credit
        level = trade.setup.confidence.lower()  # high or medium: LOW never trades
        if (credit - value) / credit >= exact(self.s[f"exit.profit_target_{level}"]) - EPS:
            return "Profit Target"
        if value >= credit * (1 + exact(self.s["exit.emergency_stop"])) - EPS:
            return "Emergency Stop"
        if value >= credit * (1 + exact(self.s["exit.stop_loss"])) - EPS:
            return "Stop Loss"
        if bar >= end_of_day:
            return "End of Day Auto-Close"
        return None

    def settle(self, trade: Trade, session: Session, tape: SessionTape) -> None:
        price, source = settlement_price(tape)
        if price is None:
            trade.exit_reason = "unresolved"
            trade.commission = trade.entry_commission
            trade.flags.append("unresolved")
            self.counters["unresolved"] += 1
            return
        value = intrinsic(trade.legs, price, trade.width)
        trade.values.append(value)
        trade.settled_on, trade.settlement_price = source, price
        trade.close(session.close, value, "Expiration Settlement", Fraction(0))
        if source == "stale":
            trade.flags.append("stale_settlement")
        self.counters[f"settled_{source}"] += 1
        self.equity.closed(session.close, trade.pnl)


def resolve(settings: Mapping[str, object] | None) -> dict[str, object]:
    unknown = sorted(set(settings or {}) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"unknown settings: {unknown}")
    return {**DEFAULTS, **(settings or {})}


def replay(
    db_path: str | Path,
    index: str,
    start: str,
    end: str,
    settings: Mapping[str, object] | None = None,
    *,
    spec: IndexSpec | None = None,
    readings: Readings | None = None,
) -> OracleResult:
    """Replay the sessions from start to end (ISO dates, both inclusive) of one index."""
    resolved = resolve(settings)
    spec = spec or INDEXES[index]
    tape = Tape(db_path, index)
    readings = readings or Readings()
    run = Replay(tape, spec, resolved, readings)
    result = OracleResult(index, str(start), str(end), resolved)
    for session in sessions(start, end):
        known = SessionTape(
            tape,
            session,
            spec,
            quote_max_age_s=resolved["data.quote_max_age_s"],  # type: ignore[arg-type]
            context_max_age_s=resolved["data.context_max_age_s"],  # type: ignore[arg-type]
            use_competing_peaks=bool(resolved["entry.use_competing_peaks"]),
            readings=readings,
            believed=Believed(resolved["data.one_sided_max_ask"], resolved["data.max_spread_pct"]),
        )
        if known.empty:
            result.sessions[session.date] = "no data"
        else:
            result.sessions[session.date] = "traded"
            run.run_session(session, known)
    result.decisions = run.decisions
    result.trades = [trade.record(index) for trade in run.trades]
    result.counters = run.counters
    result.funnel = funnel(run.decisions, run.counters)
    result.summary = summarise(run.trades, run.equity)
    result.equity = [(iso(at), float(x)) for at, x in run.equity.curve]
    result.equity_mtm = [(iso(at), float(x)) for at, x in run.equity.curve_mtm]
    return result
