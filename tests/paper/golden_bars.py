"""The bars of the golden vectors, made by the formula that describes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bt_gex.paper.specs import ExecutionSpec, OHLCVBar

START = datetime(2023, 1, 1, tzinfo=UTC)
SHA256_STARTS = "8a3a5912b6d72343"


def fifty_bars() -> bytes:
    """A file of 50 days, CRLF: prices from 20,000 by a pattern of seven, volume by ten."""
    lines = ["ts,open,high,low,close,volume"]
    p = 20_000.0
    for i in range(50):
        p *= 1 + ((i % 7) - 3) * 0.02 + i / 50 * 0.01
        stamp = (START + timedelta(days=i)).isoformat()
        close = p * (1 + ((i % 3) - 1) * 0.005)
        volume = 1_000_000 + (i % 10) * 100_000
        lines.append(f"{stamp},{p:.2f},{p * 1.02:.2f},{p * 0.98:.2f},{close:.2f},{volume}")
    return "".join(f"{line}\r\n" for line in lines).encode()


def flat(n: int, *closes: float) -> tuple[OHLCVBar, ...]:
    """Daily bars at 100, the last ones at other closes."""
    values = [100.0] * (n - len(closes)) + list(closes)
    return tuple(
        OHLCVBar(ts=START + timedelta(days=i), open=v, high=v, low=v, close=v, volume=1.0)
        for i, v in enumerate(values)
    )


def make_spec(
    symbols: tuple[str, ...] = ("BTC",), lookback: int = 20, dollars: float = 1000.0, most: int = 3
) -> ExecutionSpec:
    """The specification of the golden ids."""
    return ExecutionSpec.model_validate(
        {
            "strategy_id": "breakout_52w_high",
            "instance_id": "12345678-1234-5678-1234-567812345678",
            "name": "Test Breakout Strategy",
            "workspace_id": "87654321-4321-8765-4321-876543218765",
            "symbols": symbols,
            "timeframe": "daily",
            "entry": {"type": "breakout_52w_high", "lookback_days": lookback},
            "exit": {"type": "eod"},
            "risk": {"dollars_per_trade": dollars, "max_positions": most},
            "enabled": True,
            "created_at": "2024-01-01T00:00:00",
        }
    )
