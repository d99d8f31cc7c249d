"""Entries with a latency, and what a run costs at other fills; by hand."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from defects.handmade_market import AT_0936, MID, MONDAY, Market, entry_clocks, put_spread

from bt_gex.blackbox.recording import Recording
from bt_gex.config.files import stored_run_config
from bt_gex.config.run_config import RunConfig
from bt_gex.errors import DataError, OutputError
from bt_gex.runs.replay import load_days, replay, run
from bt_gex.sweeps.costs import Costs, count_costs
from bt_gex.trades.codec import to_json


def market(folder: Path, *quotes: tuple[str, str, float]) -> Path:
    """A put spread with these values at mid between these times; a half-spread of 0.05 a leg."""
    made = Market(folder)
    made.known_all_day()
    for start, end, mid in quotes:
        made.quotes(start, end, put_spread(mid, 0.05), every_s=30)
    return made.save()


def records(
    path: Path, delay: int, **settings: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Trades and decisions, the same on event bars and on every bar."""
    config = RunConfig(
        start=MONDAY,  # type: ignore[arg-type]
        end=MONDAY,  # type: ignore[arg-type]
        settings={**AT_0936, **MID, "fills.latency_bars": delay, **settings},
    )
    with Recording(path, use_cache=False) as recording:
        days = load_days(recording, config)
        runs = [run(config, days, every_bar).analyzers for every_bar in (False, True)]
    found, again = [(made.trades.records, made.funnel.records) for made in runs]
    assert found == again
    made, checks = found
    return [to_json(trade) for trade in made], [to_json(check) for check in checks]


def trades(path: Path, delay: int, **settings: Any) -> list[dict[str, Any]]:
    return records(path, delay, **settings)[0]


def skips(path: Path, delay: int, **settings: Any) -> list[tuple[Any, Any]]:
    """Kind and text of each skip."""
    checks = records(path, delay, **settings)[1]
    return [(check["kind"], check["reason"]) for check in checks if check["outcome"] == "skip"]


def test_a_late_order_fills_at_the_quotes_of_its_bar(tmp_path: Path) -> None:
    path = market(
        tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "09:36:30", 1.25), ("09:37", "16:00", 1.3)
    )
    seen = []
    for delay in (0, 1, 2):
        (trade,) = trades(path, delay)
        seen.append((trade["timestamp_entry"][11:19], round(trade["entry_credit"], 6)))
        assert trade["order_id"].startswith("SPX-20260112-093600")  # the check's time
    assert seen == [("14:36:00", 1.2), ("14:36:30", 1.25), ("14:37:00", 1.3)]


def test_the_exit_rules_wait_for_the_entry(tmp_path: Path) -> None:
    """Bought at 1.20 the stop lies at 1.32; bought a bar later at 1.30 it lies at 1.43."""
    path = market(tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "09:40", 1.30),
                  ("09:40:30", "09:45", 1.35), ("09:45:30", "16:00", 0.5))  # fmt: skip
    (now,), (late,) = trades(path, 0), trades(path, 1)
    assert (now["exit_reason"], late["exit_reason"]) == ("Stop Loss", "Profit Target")


def test_an_order_without_a_quote_or_a_credit_is_dropped(tmp_path: Path) -> None:
    gone = market(tmp_path, ("09:30", "09:36", 1.20))  # quotes count for 120 s
    assert len(trades(gone, 4)) == 1
    assert trades(gone, 5) == []
    assert skips(gone, 5) == [("no quote", "no quote: 5980P")]
    worthless = market(tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "16:00", 0.0))
    assert trades(worthless, 1) == []
    assert skips(worthless, 1) == [("credit not positive",) * 2]
    poor = market(tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "16:00", 0.9))
    assert len(trades(poor, 1)) == 1
    assert trades(poor, 1, **{"entry.min_credit": 1.0}) == []
    assert skips(poor, 1, **{"entry.min_credit": 1.0}) == [("credit below minimum",) * 2]
    ((kind, text),) = skips(poor, 1, **{"account.balance": 400})
    assert (kind, text) == ("margin", "margin: needs $410.00, $400.00 free")


def test_an_order_is_not_sent_after_the_close(tmp_path: Path) -> None:
    path = market(tmp_path, ("09:35", "16:00", 1.20))
    late = {"entry.times": ["15:59"], "exit.end_of_day_minutes": 0}
    assert len(trades(path, 1, **late)) == 1
    for delay in (2, 780):
        assert trades(path, delay, **late) == []
        ((kind, text),) = skips(path, delay, **late)
        assert kind == "session over"
        assert text.startswith(f"session over: {delay} bars later")


def test_an_order_under_way_takes_its_place(tmp_path: Path) -> None:
    path = market(tmp_path, ("09:35", "16:00", 1.20))
    both = {"entry.times": ["09:36", "09:37"], "entry.max_open": 1}
    assert [t["timestamp_entry"][11:19] for t in trades(path, 4, **both)] == ["14:38:00"]
    assert skips(path, 4, **both) == [("max open positions",) * 2]


def test_a_refused_entry_gives_up_its_place_before_the_check_of_its_bar(tmp_path: Path) -> None:
    """The spread of 09:36 has lost its quotes when it is due, at 09:39; that of 09:39 has them."""
    made = Market(tmp_path)
    made.context("09:30", 5990, 12)
    made.pin("09:30", 6000)
    made.quotes("09:35", "09:36", put_spread(1.20))
    made.context("09:38:30", 5985, 12)
    lower = {(5975, "put"): (2.2, 2.2), (5970, "put"): (1.0, 1.0)}
    made.quotes("09:38:30", "09:45", lower, every_s=30)
    both = {"entry.times": ["09:36", "09:39"], "entry.max_open": 1}
    made_trades, checks = records(made.save(), 6, **both)
    assert [check["kind"] for check in checks] == ["no quote", ""]
    assert [t["timestamp_entry"][11:19] for t in made_trades] == ["14:42:00"]


def test_the_record_of_a_late_entry_has_the_credit_it_was_filled_at(tmp_path: Path) -> None:
    path = market(tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "16:00", 1.3))
    (trade,), (check,) = records(path, 1, **{"fills.entry_slippage": 0.333})
    assert check["credit"] == trade["entry_credit"] == pytest.approx(1.3 - 0.333 * 0.1, abs=1e-9)
    assert check["order_id"] == trade["order_id"]


def test_margin_freed_on_its_bar_counts_for_a_late_entry(tmp_path: Path) -> None:
    """Of $500 a spread 5 points wide takes $380. Decided at 09:36 and 09:37, priced two bars
    later; the first is bought back at 0.50 on the bar on which the second is due."""
    path = market(tmp_path, ("09:35", "09:37:30", 1.20), ("09:38", "16:00", 0.50))
    settings = {"entry.times": ["09:36", "09:37"], "account.balance": 500}
    first, second = trades(path, 2, **settings)
    assert first["timestamp_exit"][11:19] == second["timestamp_entry"][11:19] == "14:38:00"
    assert len(trades(path, 1, **settings)) == 1  # due at 09:37:30, before that exit


def test_a_late_entry_is_not_closed_on_its_own_bar(tmp_path: Path) -> None:
    """At slippage 1.25 the credit is 1.075 and the stop, at 1.1825, below the mid of 1.20."""
    path = market(tmp_path, ("09:35", "16:00", 1.20))
    (trade,) = trades(path, 3, **{"fills.entry_slippage": 1.25})
    stamps = trade["timestamp_entry"][11:19], trade["timestamp_exit"][11:19]
    assert (*stamps, trade["exit_reason"]) == ("14:37:30", "14:38:00", "Stop Loss")


@pytest.fixture
def costly(tmp_path: Path) -> tuple[Path, Any]:
    """Sold at mid 1.20, bought back at the target at mid 0.50: $70 less what the fills take."""
    path = market(tmp_path, ("09:35", "09:40", 1.20), ("09:40:30", "16:00", 0.50))
    config = RunConfig(start=MONDAY, end=MONDAY, settings={**AT_0936, **MID})  # type: ignore[arg-type]
    return path, replay(path, config, use_cache=False)


def test_costs_by_hand(costly: tuple[Path, Any]) -> None:
    """Each leg's half-spread is 0.05, so a round trip of two legs costs 4 x 0.05 x $100 = $20 at
    the natural side. At slippage 1.25 the credit is 1.075 and the stop, at 1.1825, is below the
    mid of 1.20 from the start: bought back at 1.325, -$25; at 1.5 1.05 and 1.35, -$30."""
    path, result = costly
    assert entry_clocks(result) == ["01-12 09:36:00"]
    found = count_costs(path, result, use_cache=False)
    assert found.slippages == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert found.delays == [0, 1, 2]
    assert [row.total_pnl for row in found.rows[:7]] == [70, 65, 60, 55, 50, -25, -30]
    assert found.at(1.0, 2).total_pnl == 50.0
    edges = [found.break_even(delay) for delay in found.delays]
    assert edges == pytest.approx([1 + 0.25 * 50 / 75] * 3)
    assert {row.total_trades for row in found.rows} == {1}


def test_each_delay_is_run_as_it_says(tmp_path: Path) -> None:
    """Sold at mid at 1.20, 1.25 or 1.30 on the check's bar, the next one or the one after; bought
    back at 0.50."""
    path = market(
        tmp_path, ("09:35", "09:36", 1.20), ("09:36:30", "09:36:30", 1.25),
        ("09:37", "09:40", 1.30), ("09:40:30", "16:00", 0.50),
    )  # fmt: skip
    config = RunConfig(start=MONDAY, end=MONDAY, settings={**AT_0936, **MID})  # type: ignore[arg-type]
    result = replay(path, config, use_cache=False)
    found = count_costs(path, result, slippages=(0.0,), use_cache=False)
    rows = [(row.delay_bars, row.total_pnl) for row in found.rows]
    assert rows == [(0, 70.0), (1, 75.0), (2, 80.0)]


def test_costs_are_kept_beside_the_run(costly: tuple[Path, Any], tmp_path: Path) -> None:
    path, result = costly
    saved = result.save(tmp_path / "runs")
    assert Costs.load(saved.folder) is None
    found = count_costs(path, result, slippages=(0.0, 1.0), delays=(0,), use_cache=False)
    file = found.save(saved.folder)
    assert Costs.load(saved.folder) == found
    assert json.loads(file.read_text())["break_even_slippage_by_delay_bars"] == {"0": None}
    file.write_text('{"rows": [{"slippage": 1}]}')
    with pytest.raises(OutputError, match=r"costs\.json is not readable: .*bt-gex costs"):
        Costs.load(saved.folder)


def test_another_database_is_refused(costly: tuple[Path, Any], tmp_path: Path) -> None:
    _, result = costly
    (tmp_path / "other").mkdir()
    other = market(tmp_path / "other", ("09:35", "16:00", 1.20))
    with pytest.raises(DataError, match=r"does not hold the data of SPX-"):
        count_costs(other, result, use_cache=False)


def test_a_change_the_run_never_looked_at_is_refused(costly: tuple[Path, Any]) -> None:
    """A session's data is all of its rows, not what one configuration has read of them."""
    path, result = costly
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO options_prices_live (timestamp, index_symbol, strike, option_type, ask) "
            "VALUES ('2026-01-12 14:31:00', 'SPX', 7000, 'call', 0.05)"
        )
    db.close()
    assert replay(path, stored_run_config(result.config), use_cache=False).trade_records == (
        result.trade_records
    )
    with pytest.raises(DataError, match="its sessions have changed since"):
        count_costs(path, result, use_cache=False)
