"""A run, or a user's list of trades, as a side of a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

from bt_gex.compare.records import Side, compared
from bt_gex.compare.trade_list import TradeList
from bt_gex.findings.analysis import analyse
from bt_gex.findings.finding import resting_on
from bt_gex.results.result import RunResult
from bt_gex.storage.arrow_arrays import rows_by_name, to_numpy


def run_side(result: RunResult) -> Side:
    """All that a comparison can use of a run."""
    config = result.config
    settings: dict[str, object] = {
        f"{section}.{name}": value
        for section, part in config.items()
        if isinstance(part, Mapping)
        for name, value in part.items()
    }
    findings = analyse(result).findings
    return Side(
        name=result.run_id,
        trades=[compared(trade) for trade in result.trade_records],
        multiplier=config["index_facts"]["multiplier"],
        index=config["index"],
        settings=settings,
        decisions=result.decision_records,
        sessions={row.session: row.status for row in result.statistics.sessions},
        fingerprint=result.source.get("fingerprint"),
        market=_market(result),
        findings=findings,
        doubt=resting_on(findings, result.trade_records),
    )


def _market(result: RunResult) -> dict[date, str]:
    """A hash of index price, VIX and pin by session."""
    table = result.market_table
    rows = rows_by_name(table["session"])
    digests = {name: hashlib.sha256() for name in rows}
    for column in ("spot", "vix", "pin"):
        values = to_numpy(table[column])
        for name, digest in digests.items():
            digest.update(values[rows[name]].tobytes())
    return {date.fromisoformat(name): digest.hexdigest() for name, digest in digests.items()}


def list_side(listed: TradeList, run: Side) -> Side:
    """A list that is compared with a run, whose contracts it traded."""
    return Side(
        name=listed.path.name,
        trades=listed.trades,
        multiplier=run.multiplier,
        rounding=listed.rounding,
    )
