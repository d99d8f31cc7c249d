"""Whoever keeps a broker's books may refuse its fills: an entry is a skip, an exit comes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from defects.handmade_market import AT_0936, MID, MONDAY, Market, put_spread

from bt_gex.blackbox.recording import Recording
from bt_gex.brokers.booking import MemoryBooks, Refusal, SpreadOrder
from bt_gex.brokers.spread import SpreadBroker
from bt_gex.config.run_config import RunConfig
from bt_gex.runs.replay import account_of, build, load_days
from bt_gex.trades.reasons import SkipKind


class RefusingBooks(MemoryBooks):
    """Refuses the first so many fills of a side."""

    def __init__(self, side: str, times: int) -> None:
        super().__init__()
        self.side, self.times = side, times

    def fill(self, order: SpreadOrder) -> Refusal | None:
        if order.side == self.side and order.kind == "trade" and self.times:
            self.times -= 1
            return Refusal(SkipKind.POLICY, "policy: kill_switch_active")
        return super().fill(order)


def played(folder: Path, books: MemoryBooks) -> Any:
    market = Market(folder)
    market.known_all_day()
    market.quotes("09:35", "09:40", put_spread(1.20), every_s=30)
    market.quotes("09:40:30", "16:00", put_spread(0.50), every_s=30)
    settings = {**AT_0936, **MID, "fills.commission": 0.5}
    config = RunConfig(start=MONDAY, end=MONDAY, settings=settings)  # type: ignore[arg-type]
    with Recording(market.save(), use_cache=False) as recording:
        days = load_days(recording, config)
        cerebro = build(config, days, every_bar=True)
        cerebro.setbroker(SpreadBroker(**account_of(config), bookkeeper=books))
        return cerebro.run()[0]


def test_a_refused_entry_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    strategy = played(tmp_path, RefusingBooks("sell", 1))
    (check,) = strategy.analyzers.funnel.records
    assert (check.outcome, check.kind) == ("skip", "policy")
    assert check.reason == "policy: kill_switch_active"
    assert strategy.analyzers.trades.records == []
    assert strategy.broker.getcash() == 25_000


def test_a_refused_exit_is_asked_for_again_on_the_next_bar(tmp_path: Path) -> None:
    strategy = played(tmp_path, RefusingBooks("buy", 2))
    (trade,) = strategy.analyzers.trades.records
    assert f"{trade.timestamp_exit:%H:%M:%S}" == "14:41:30"  # 09:40:30 and two bars more
    assert trade.exit_reason == "Profit Target"
    assert trade.pnl_dollars == 68.0  # (1.20 - 0.50) * 100 less two legs at 0.50 twice
    assert strategy.broker.getcash() == 25_068.0
