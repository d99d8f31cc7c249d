"""Records as JSON and as tables: whole, typed, refused where they cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from reports.report_fakes import LOST, UNRESOLVED, WON

from bt_gex.errors import BadValue
from bt_gex.trades.codec import columns_of, from_json, from_table, plain, to_json, to_table
from bt_gex.trades.reasons import ExitReason, TradeFlag
from bt_gex.trades.records import SpreadTrade, UnpricedBars

VALUES = to_json(LOST)


def read(**changes: Any) -> SpreadTrade:
    return from_json(SpreadTrade, json.dumps({**VALUES, **changes}), "trade")


@pytest.mark.parametrize("trade", [WON, LOST, UNRESOLVED], ids=lambda trade: trade.order_id)
def test_a_record_survives_json_and_arrow(trade: SpreadTrade) -> None:
    assert from_json(SpreadTrade, json.dumps(to_json(trade)), "trade") == trade
    assert from_table(SpreadTrade, to_table(SpreadTrade, [trade]), "trades") == [trade]


def test_json_holds_plain_values_in_the_order_of_the_fields() -> None:
    assert list(VALUES)[:4] == ["order_id", "timestamp_entry", "timestamp_exit", "strategy"]
    assert VALUES["timestamp_entry"] == "2026-01-12T14:36:00+00:00"
    assert VALUES["expiration"] == "2026-01-12"
    assert VALUES["flags"] == ["stale_settlement", "unpriced_bars"]
    assert VALUES["leg_quotes"][1] == [2.55, 2.75, 2.8, 3.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (datetime(2026, 1, 12, 14, 36, tzinfo=UTC), "2026-01-12T14:36:00+00:00"),
        (date(2026, 1, 12), "2026-01-12"),
        (ExitReason.STOP_LOSS, "Stop Loss"),
        ((TradeFlag.UNRESOLVED,), ["unresolved"]),
        ({ExitReason.STOP_LOSS: (1, None)}, {"Stop Loss": [1, None]}),
        (True, True),
    ],
)
def test_plain(value: object, found: object) -> None:
    assert plain(value) == found


def test_whole_numbers_stay_as_they_were_written() -> None:
    assert json.dumps(to_json(read(strikes=[6955, 6945.0]))["strikes"]) == "[6955, 6945.0]"


def test_columns_are_typed() -> None:
    columns = columns_of(SpreadTrade)
    assert columns["strikes"] == pa.list_(pa.float64())
    assert columns["leg_quotes"] == pa.list_(pa.list_(pa.float64()))
    assert columns["pnl_dollars"] == pa.float64()
    assert columns["quantity"] == pa.int64()
    assert columns["timestamp_entry"] == pa.string()


def test_a_record_within_a_record_is_a_struct_that_may_be_null() -> None:
    trades = [LOST, replace(LOST, unpriced_by_kind=UnpricedBars(no_quote=1, contradictory=2))]
    table = to_table(SpreadTrade, trades)
    assert table["unpriced_by_kind"].to_pylist() == [
        None,
        {"no_quote": 1, "leg_ages_apart": 0, "contradictory": 2},
    ]
    assert from_table(SpreadTrade, table, "trade") == trades


def test_leg_quotes_of_an_older_run_have_no_ages() -> None:
    legs = read(leg_quotes=[[5.1, 5.3, None, None], [2.55, 2.75, 2.8, 3.0]]).leg_quotes
    assert [leg.age_entry_s for leg in legs] == [None, None]


def test_unknown_keys_are_passed_over() -> None:
    assert read(invented=1) == LOST


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"entry_credit": "2.35"}, "entry_credit"),
        ({"pnl_dollars": 1e308}, "pnl_dollars"),
        ({"timestamp_exit": "2026-01-12T14:00:00"}, "timestamp_exit"),
        ({"leg_quotes": [[1.0, 2.0]]}, "leg_quotes.0"),
        ({"strategy": "BUTTERFLY"}, "strategy"),
        ({"order_id": ""}, "order_id"),
    ],
)
def test_what_is_no_trade_is_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(BadValue, match=rf"^trade {place}"):
        read(**changes)


def test_nan_is_no_amount() -> None:
    text = json.dumps({**VALUES, "pnl_dollars": float("nan")})
    with pytest.raises(BadValue, match="pnl_dollars"):
        from_json(SpreadTrade, text, "trade")
