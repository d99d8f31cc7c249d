"""Commission and money arithmetic of options in backtrader's terms."""

from __future__ import annotations

from typing import Any

import backtrader as bt


class OptionCommission(bt.CommInfoBase):
    """USD per contract, per leg, per side; values and costs carry the contract's multiplier.

    backtrader leaves the multiplier out of a stock-like instrument's value and cost but puts it
    into its profit, so that equity is wrong while a position is open; here it is in all of them.

    commission: dollars a contract and leg; legs: legs of the instrument; mult: dollars a point.
    """

    params = (
        ("commission", 0.0),
        ("legs", 1),
        ("mult", 100.0),
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_FIXED),
        ("percabs", True),
    )

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return float(abs(size) * self.p.commission * self.p.legs)

    def getvaluesize(self, size: float, price: float) -> float:
        return float(size * price * self.p.mult)

    def getvalue(self, position: Any, price: float) -> float:
        return float(position.size * price * self.p.mult)

    def getoperationcost(self, size: float, price: float) -> float:
        return float(abs(size) * price * self.p.mult)

    def getsize(self, price: float, cash: float) -> int:
        return int(self.p.leverage * (cash // (price * self.p.mult)))
