"""CSCV against a plain walk through all splits, written without a line in common."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean, stdev

import numpy as np
import pytest

from bt_gex.stats.overfitting import overfitting


def by_hand(table: list[list[float]], blocks: int) -> tuple[float, float, int]:
    """Probability of overfitting, of a loss, and splits; rows are sessions."""
    size, more = divmod(len(table), blocks)
    parts, start = [], 0
    for n in range(blocks):
        parts.append(table[start : start + size + (n < more)])
        start += size + (n < more)

    def ratio(rows: list[list[float]], variant: int) -> float:
        values = [row[variant] for row in rows]
        spread = stdev(values) if len(values) > 1 else 0.0
        return fmean(values) / spread if spread > 1e-9 else float("-inf")

    variants = range(len(table[0]))
    poor = losing = splits = 0
    for chosen in combinations(range(blocks), blocks // 2):
        inside = [row for n in chosen for row in parts[n]]
        outside = [row for n in range(blocks) if n not in chosen for row in parts[n]]
        best = max(variants, key=lambda v: ratio(inside, v))
        out = [ratio(outside, v) for v in variants]
        below = sum(1 for value in out if value < out[best])
        same = sum(1 for value in out if value == out[best])
        rank = (below + (same + 1) / 2) / (len(out) + 1)
        poor += rank <= 0.5
        losing += sum(row[best] for row in outside) < 0
        splits += 1
    return poor / splits, losing / splits, splits


@pytest.mark.parametrize(("sessions", "variants", "blocks"), [(12, 3, 6), (17, 5, 8), (8, 2, 4)])
def test_against_the_plain_walk(sessions: int, variants: int, blocks: int) -> None:
    generator = np.random.default_rng(sessions)
    table = np.round(generator.normal(1.0, 20.0, (sessions, variants)), 2)
    table[:, 0] = 0.0  # one that never trades
    found = overfitting(table, blocks)
    assert found is not None
    assert (found.probability, found.loss_probability, found.splits) == pytest.approx(
        by_hand(table.tolist(), blocks)
    )


def test_ties_share_their_middle_rank() -> None:
    """A ratio is the mean of two sessions over their distance, so one and two, two and one, and two
    and four have the same. Of one, two, four, eight and two, one, eight, four that makes a tie in
    four of six splits; in {1, 4} the second wins and is beaten in {2, 3}, and the other way round.

    Two variants: a tie is rank 1.5 of 3, at the middle, and so is poor; all six are. With a third
    one below both in every split a tie is rank 2.5 of 4, above the middle; two are poor."""
    one, two, below = [1, 2, 4, 8], [2, 1, 8, 4], [-1, -2, -4, -8]
    for variants, probability in (([one, two], 1.0), ([one, two, below], 2 / 6)):
        found = overfitting(np.transpose(variants))
        assert found is not None
        assert (found.splits, found.probability) == (6, probability)


def test_sixteen_blocks_are_12870_splits() -> None:
    found = overfitting(np.random.default_rng(1).normal(size=(40, 6)))
    assert found is not None
    assert (found.blocks, found.splits, found.sessions, found.variants) == (16, 12_870, 40, 6)


def test_a_true_winner_is_not_overfitted_and_noise_is() -> None:
    generator = np.random.default_rng(3)
    noise = generator.normal(size=(64, 40))
    luck = overfitting(noise)
    noise[:, 7] += 1.0
    skill = overfitting(noise)
    assert luck is not None
    assert skill is not None
    assert skill.probability < 0.01
    assert luck.probability > 0.3
    assert skill.loss_probability == 0.0
    assert luck.mean_in is not None
    assert luck.mean_out is not None
    assert luck.mean_in > luck.mean_out


def test_variants_that_are_all_the_same_are_one() -> None:
    column = np.random.default_rng(5).normal(size=(16, 1))
    assert overfitting(np.repeat(column, 4, axis=1)) is None
    assert overfitting(np.zeros((16, 3))) is None  # nobody trades


def test_copies_of_a_variant_change_nothing() -> None:
    table = np.random.default_rng(6).normal(size=(16, 5))
    copies = np.concatenate([table, table[:, :2], table[:, 4:]], axis=1)
    assert overfitting(copies) == overfitting(table)


@pytest.mark.parametrize("shape", [(16, 1), (3, 5), (0, 5), (16, 0)])
def test_too_few_of_either(shape: tuple[int, int]) -> None:
    assert overfitting(np.random.default_rng(4).normal(size=shape)) is None


def test_fewer_sessions_than_blocks() -> None:
    found = overfitting(np.random.default_rng(2).normal(size=(7, 3)))
    assert found is not None
    assert (found.blocks, found.splits) == (6, 20)
