"""How much the fills decide: one configuration at other slippages and order latencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bt_gex.blackbox.recording import Recording
from bt_gex.config.files import stored_run_config
from bt_gex.errors import DataError
from bt_gex.findings.finding import pnl_dollars
from bt_gex.findings.of_run import doubtful_trades
from bt_gex.results.costs import CostRow, Costs
from bt_gex.results.result import RunResult
from bt_gex.runs.replay import fingerprint_of, load_days, run
from bt_gex.stats.summary import summarise

SLIPPAGES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
DELAYS = (0, 1, 2)


def count_costs(
    database: str | Path,
    result: RunResult,
    *,
    slippages: Sequence[float] = SLIPPAGES,
    delays: Sequence[int] = DELAYS,
    cache: str | Path | None = None,
    use_cache: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Costs:
    """Run the configuration of a result at every slippage and latency.

    Raises DataError when the data is not that of the result.
    """
    config = stored_run_config(result.config)
    with Recording(database, cache, use_cache, config.naive_zone) as recording:
        everything = load_days(recording, config)
    if fingerprint_of(everything) != result.source.get("fingerprint"):
        raise DataError(
            f"{database} does not hold the data of {result.run_id}: it is another database, its "
            "sessions have changed since, or an earlier version made the run; run bt-gex run on it "
            "first"
        )
    days = [day for day in everything if day.has_data]
    rows = []
    steps = [(slippage, delay) for delay in delays for slippage in slippages]
    for number, (slippage, delay) in enumerate(steps):
        changed = config.with_settings(
            {
                "fills.entry_slippage": slippage,
                "fills.exit_slippage": slippage,
                "fills.latency_bars": delay,
            }
        )
        trades = run(changed, days).analyzers.trades.records if days else []
        found = summarise(trades, balance=config.account.balance)
        doubtful = doubtful_trades(trades)
        rows.append(
            CostRow(
                slippage=slippage,
                delay_bars=delay,
                total_pnl=found.total_pnl,
                total_trades=found.total_trades,
                win_rate=found.win_rate,
                profit_factor=found.profit_factor,
                max_drawdown=found.max_drawdown,
                doubtful_trades=len(doubtful),
                doubtful_pnl=pnl_dollars(doubtful),
            )
        )
        if progress:
            progress(number + 1, len(steps))
    return Costs(rows)
