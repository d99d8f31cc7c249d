"""Records for tests, from the plain values a stored file would hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bt_gex.results.folder import RunRecord
from bt_gex.trades.codec import from_json, to_json
from bt_gex.trades.records import Decision, SessionSummary, SpreadTrade


def spread_trade(values: Mapping[str, Any]) -> SpreadTrade:
    return from_json(SpreadTrade, json.dumps(values), "trade")


def decision(values: Mapping[str, Any]) -> Decision:
    return from_json(Decision, json.dumps(values), "decision")


def session_summary(values: Mapping[str, Any]) -> SessionSummary:
    return from_json(SessionSummary, json.dumps(values), "session")


def changed(trade: SpreadTrade, **values: Any) -> SpreadTrade:
    """The trade with some of its plain values replaced."""
    return spread_trade({**to_json(trade), **values})


def trades_of(result: RunRecord) -> list[dict[str, Any]]:
    """The trades of a run in plain values, as stored."""
    return [to_json(trade) for trade in result.trade_records]


def decisions_of(result: RunRecord) -> list[dict[str, Any]]:
    """The checks of a run in plain values, as stored."""
    return [to_json(decision) for decision in result.decision_records]
