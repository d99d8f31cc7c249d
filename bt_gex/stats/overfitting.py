"""How often the best variant of a sweep is a poor one on sessions it was not chosen on.

Combinatorially symmetric cross-validation: the sessions are cut into an even number of blocks,
every half of the blocks is once what the winner is chosen on, and the other half shows its rank
among all variants (D. H. Bailey, J. M. Borwein, M. López de Prado and Q. J. Zhu, "The Probability
of Backtest Overfitting", Journal of Computational Finance, 2016). The measure is the Sharpe ratio
a session; a variant without deviation has none and ranks last. Ties share their middle rank.
Variants that are the same in all they made count as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bt_gex.trades.records import STRICT

Numbers = npt.NDArray[np.float64]
BLOCKS = 16
FEWEST_BLOCKS = 4
CELLS = 2_000_000  # of one table at a time: splits x variants
NONE = -1e300  # a ratio that does not exist


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What the splits say.

    probability       share of splits whose winner ranks at or below the middle out of sample
    loss_probability  share of splits whose winner loses money out of sample
    mean_in, mean_out mean Sharpe ratio a session of the winners, in and out of sample
    """

    __pydantic_config__: ClassVar = STRICT

    probability: float
    loss_probability: float
    mean_in: float | None
    mean_out: float | None
    blocks: int
    splits: int
    sessions: int
    variants: int


def overfitting(pnls: npt.ArrayLike, blocks: int = BLOCKS) -> Overfitting | None:
    """Of P&Ls, a row a session and a column a variant; None with fewer than two variants or four
    sessions. Variants that made the same in every session are one: nothing was chosen.

    blocks  fewer where there are fewer sessions: the largest even number of them
    """
    table = np.asarray(pnls, dtype=np.float64)
    if table.size:
        table = np.unique(table, axis=1)
    sessions, variants = table.shape
    blocks = min(blocks, sessions) // 2 * 2
    if variants < 2 or blocks < FEWEST_BLOCKS:
        return None
    parts = np.array_split(np.arange(sessions), blocks)
    counts = np.array([len(part) for part in parts], dtype=np.float64)
    sums = np.array([table[part].sum(axis=0) for part in parts])
    squares = np.array([(table[part] ** 2).sum(axis=0) for part in parts])
    member = _halves(blocks)
    poor = losing = 0
    ratios: list[tuple[Numbers, Numbers]] = []
    step = max(1, CELLS // variants)
    for first in range(0, len(member), step):
        halves = (member[first : first + step], 1.0 - member[first : first + step])
        sharpes = [_sharpe(half @ sums, half @ squares, half @ counts) for half in halves]
        totals = [half @ sums for half in halves]
        for inside, outside in ((0, 1), (1, 0)):
            best = sharpes[inside].argmax(axis=1)
            there = np.arange(len(best)), best
            poor += int((_rank(sharpes[outside], best) <= 0.5).sum())
            losing += int((totals[outside][there] < 0).sum())
            ratios.append((sharpes[inside][there], sharpes[outside][there]))
    splits = comb(blocks, blocks // 2)
    return Overfitting(
        probability=poor / splits,
        loss_probability=losing / splits,
        mean_in=_mean(np.concatenate([pair[0] for pair in ratios])),
        mean_out=_mean(np.concatenate([pair[1] for pair in ratios])),
        blocks=blocks,
        splits=splits,
        sessions=sessions,
        variants=variants,
    )


def _halves(blocks: int) -> Numbers:
    """Every split of the blocks: a row a split, 1 for each block that is chosen on.

    A split and its mirror image take the same two tables, so one of each pair is here.
    """
    chosen = [rows for rows in combinations(range(blocks), blocks // 2) if rows[0] == 0]
    member = np.zeros((len(chosen), blocks))
    for split, rows in enumerate(chosen):
        member[split, list(rows)] = 1.0
    return member


def _sharpe(sums: Numbers, squares: Numbers, counts: Numbers) -> Numbers:
    """Mean over sample deviation; NONE where there is no deviation."""
    number = counts[:, None]
    mean = sums / number
    variance = (squares - number * mean**2) / np.maximum(number - 1.0, 1.0)
    floor = 1e-12 * np.maximum(squares / number, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > floor, mean / np.sqrt(variance), NONE)


def _rank(sharpes: Numbers, best: npt.NDArray[np.int64]) -> Numbers:
    """Relative rank of one variant a split: rank / (variants + 1), 1 the highest rank."""
    own = sharpes[np.arange(len(best)), best][:, None]
    below, same = (sharpes < own).sum(axis=1), (sharpes == own).sum(axis=1)
    return np.asarray((below + (same + 1) / 2) / (sharpes.shape[1] + 1), dtype=np.float64)


def _mean(values: Numbers) -> float | None:
    known = values[values > NONE]
    return float(known.mean()) if len(known) else None
