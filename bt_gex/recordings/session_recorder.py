"""The recorder for a trading loop: it is called with each bar and each thing that happens."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from bt_gex.errors import BadValue
from bt_gex.recordings import records
from bt_gex.recordings.figures import equal
from bt_gex.recordings.process import own_mark
from bt_gex.recordings.records import (
    BarValues,
    RecordedSession,
    Totals,
    checked_symbol,
    checked_tags,
)
from bt_gex.recordings.store import RecordingStore, original, store_of
from bt_gex.recordings.values import mapping_of, ns_of, number, plain_json
from bt_gex.recordings.writer import FLUSH_BARS, FLUSH_S, RecordingWriter, StoreSink

log = logging.getLogger(__name__)
Moment = datetime | str


def new_session(
    *,
    session_id: str,
    instance_id: int,
    strategy_name: str,
    parameters: Mapping[str, object],
    symbols: Sequence[str] = (),
    strategy_path: str | None = None,
    environment: Mapping[str, object] | None = None,
    trigger: object = None,
    recording_id: str | None = None,
) -> RecordedSession:
    """The row of a recording that begins now, in this process."""
    if not strategy_name or len(strategy_name) > 100:
        raise BadValue(f"a strategy's name has 1 to 100 characters, got {strategy_name!r:.120}")
    now = datetime.now(UTC)
    return RecordedSession(
        recording_id=recording_id or str(uuid4()),
        session_id=str(session_id),
        instance_id=instance_id,
        strategy_name=strategy_name,
        recording_start_time=now,
        original_parameters=mapping_of(parameters) or {},
        symbols=tuple(checked_symbol(symbol) for symbol in symbols),
        created_at=now,
        updated_at=now,
        strategy_path=strategy_path,
        environment=mapping_of(environment) or {},
        heartbeat=now,
        trigger=plain_json(trigger),
        process=own_mark(),
    )


class SessionRecorder:
    """Records a session into a database; its row is there at once, with status recording.

    db_session  a RecordingStore, a path or URL, or SQLAlchemy's engine or session
    signals_only  keep events but no bars; such a recording cannot be replayed

    Every event is written at once, bars in batches. After `stop_recording` or `mark_failed` calls
    have no effect.
    """

    def __init__(
        self,
        db_session: object,
        trading_session_id: str,
        instance_id: int,
        strategy_name: str,
        strategy_parameters: Mapping[str, object],
        symbols: Sequence[str],
        *,
        strategy_path: str | None = None,
        environment: Mapping[str, object] | None = None,
        signals_only: bool = False,
        flush_bars: int = FLUSH_BARS,
        flush_seconds: float = FLUSH_S,
    ) -> None:
        self._own_store = not isinstance(db_session, RecordingStore)
        self.store = store_of(db_session)
        marked = {**(environment or {}), **({"signals_only": True} if signals_only else {})}
        session = new_session(
            session_id=trading_session_id,
            instance_id=instance_id,
            strategy_name=strategy_name,
            parameters=strategy_parameters,
            symbols=symbols,
            strategy_path=strategy_path,
            environment=marked,
        )
        self._writer = RecordingWriter(
            StoreSink(self.store, session.recording_id),
            session,
            keep_bars=not signals_only,
            flush_bars=flush_bars,
            flush_seconds=flush_seconds,
        )
        self._summary: Totals | None = None
        self._warned_zone = self._warned_end = False

    @property
    def recording_id(self) -> str:
        """The recording's id."""
        return self._writer.recording_id

    # ---------------------------------------------------------------------------------- bars

    def record_market_data(
        self,
        symbol: str,
        timestamp: Moment,
        open_price: float | None,
        high: float | None,
        low: float | None,
        close: float | None,
        volume: float | None,
        indicators: Mapping[str, object] | None = None,
    ) -> None:
        """A bar and the indicators at its close. A time without a zone counts as UTC."""
        if self._over():
            return
        prices = map(number, (open_price, high, low, close, volume))
        ts_ns = self._ns(timestamp)
        self._writer.bar(checked_symbol(symbol), ts_ns, BarValues(*prices), indicators)

    # -------------------------------------------------------------------------------- events

    def record_event(
        self,
        event_type: str,
        symbol: str | None = None,
        event_data: Mapping[str, object] | None = None,
        decision_metadata: Mapping[str, object] | None = None,
        market_state: Mapping[str, object] | None = None,
        timestamp: Moment | None = None,
    ) -> None:
        """Anything that happened; without a timestamp, at the time of the newest bar."""
        if self._over():
            return
        if not event_type or len(event_type) > 50:
            raise BadValue(f"an event's type has 1 to 50 characters, got {event_type!r:.60}")
        self._writer.event(
            event_type,
            symbol=None if symbol is None else checked_symbol(symbol),
            data=event_data,
            decision=decision_metadata,
            market=market_state,
            ts_ns=None if timestamp is None else self._ns(timestamp),
        )

    def record_signal_detected(
        self,
        symbol: str,
        signal_type: str,
        entry_price: float | None,
        stop_loss: float | None,
        take_profit: float | None,
        indicators: Mapping[str, object] | None,
        signal_strength: float | None,
        reasoning: str | None,
    ) -> None:
        """An entry rule held."""
        data = {
            "signal_type": signal_type,
            "entry_price": entry_price,
            "stop_loss": stop_loss,
            "take_profit": take_profit,
            "signal_strength": signal_strength,
            "reasoning": reasoning,
        }
        decision = {"indicators": dict(indicators or {})}
        self.record_event(records.SIGNAL_DETECTED, symbol, data, decision)

    def record_order_placed(
        self,
        symbol: str,
        order_id: str,
        order_type: str,
        side: str,
        quantity: float,
        price: float | None = None,
    ) -> None:
        """An order was sent."""
        data = {
            "order_id": order_id,
            "order_type": order_type,
            "side": side,
            "quantity": quantity,
            "price": price,
        }
        self.record_event(records.ORDER_PLACED, symbol, data)

    def record_order_filled(
        self, symbol: str, order_id: str, filled_qty: float, filled_price: float
    ) -> None:
        """An order was filled."""
        data = {"order_id": order_id, "filled_qty": filled_qty, "filled_price": filled_price}
        self.record_event(records.ORDER_FILLED, symbol, data)

    def record_position_opened(
        self,
        symbol: str,
        entry_price: float,
        quantity: float,
        direction: str,
        stop_loss: float | None,
        take_profit: float | None,
    ) -> None:
        """A position was opened; direction is LONG or SHORT."""
        data = {
            "entry_price": entry_price,
            "quantity": quantity,
            "direction": direction,
            "stop_loss": stop_loss,
            "take_profit": take_profit,
        }
        self.record_event(records.POSITION_OPENED, symbol, data)

    def record_position_closed(
        self,
        symbol: str,
        exit_price: float,
        quantity: float,
        exit_reason: str,
        pnl: float,
        pnl_pct: float | None,
        duration_seconds: float | None,
    ) -> None:
        """A position was closed; pnl in dollars, pnl_pct in percent."""
        data = {
            "exit_price": exit_price,
            "quantity": quantity,
            "exit_reason": exit_reason,
            "pnl": pnl,
            "pnl_pct": pnl_pct,
            "duration_seconds": duration_seconds,
        }
        self.record_event(records.POSITION_CLOSED, symbol, data)

    def record_scan_cycle(self, scan_number: int, symbols_scanned: Sequence[str] | int) -> None:
        """The loop looked at its symbols."""
        data = {"scan_number": scan_number, "symbols_scanned": symbols_scanned}
        self.record_event(records.SCAN_CYCLE, None, data)

    # --------------------------------------------------------------------------------- states

    def update_summary_stats(self, total_trades: int, total_pnl: float, win_rate: float) -> None:
        """Totals that are to stand instead of those of the recorded positions.

        win_rate  percent. Where they differ, both are kept in the environment.
        """
        if not self._over():
            self._summary = Totals(int(total_trades), float(total_pnl), float(win_rate))

    def stop_recording(
        self, description: str | None = None, tags: Sequence[str] | None = None
    ) -> None:
        """The session is over and whole."""
        if self._over():
            return
        found: dict[str, object] = {"tags": ",".join(checked_tags(tags)) or None}
        if self._summary is not None:
            found.update(original(self._summary))
            computed = self._writer.totals
            if not equal(list(self._summary), list(computed)):
                both = {"given": self._summary._asdict(), "computed": computed._asdict()}
                environment = {**self._writer.session.environment, "summary_mismatch": both}
                found["environment"] = mapping_of(environment)
        self._writer.end("completed", description=description, **found)
        self._release()

    def mark_failed(self, error_message: str) -> None:
        """The session ended with an error; what was recorded until then stays."""
        if self._over():
            return
        self._writer.end("failed", description=f"Recording failed: {error_message}")
        self._release()

    def get_recording_info(self) -> dict[str, object]:
        """The recording as it stands; counters include what is still to be written."""
        session = self._writer.session
        ended = None if self._writer.active else self.store.get(self.recording_id)
        end = ended.recording_end_time if ended else None
        return {
            "recording_id": session.recording_id,
            "session_id": session.session_id,
            "instance_id": session.instance_id,
            "strategy_name": session.strategy_name,
            "status": session.status,
            "recording_start_time": session.recording_start_time.isoformat(),
            "recording_end_time": end.isoformat() if end else None,
            "symbols_recorded": ",".join(session.symbols),
            "total_bars_recorded": self._writer.bars,
            "total_events_recorded": self._writer.events,
            "original_parameters": dict(session.original_parameters),
        }

    def _release(self) -> None:
        if self._own_store:
            self.store.close()

    def _over(self) -> bool:
        if self._writer.active:
            return False
        if not self._warned_end:
            self._warned_end = True
            log.warning(
                "recording %s is %s: what comes after its end is not recorded",
                self.recording_id,
                self._writer.session.status,
            )
        return True

    def _ns(self, timestamp: Moment) -> int:
        ts_ns = ns_of(timestamp)
        if isinstance(timestamp, str):
            timestamp = datetime.fromisoformat(timestamp)
        if timestamp.tzinfo is None and not self._warned_zone:
            self._warned_zone = True
            log.warning(
                "recording %s: times without a zone are taken as UTC, the first is %s",
                self.recording_id,
                timestamp,
            )
        return ts_ns
