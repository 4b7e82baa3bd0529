"""λ against what is really found: sets that nobody paid and that have the amount all the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from engine.accidental_sums import expected_accidents
from engine.solution_counts import count_solutions
from engine.sum_join import build_sums, count_structured
from engine.sum_sets import fours_with, triples_with

SEED = 20_261_125


def ledgers(count, size, step=1):
    """Log-normal amounts, multiples of `step`, and targets that three items of each make."""
    rng = np.random.default_rng(SEED + size + step)
    amounts = np.maximum(rng.lognormal(np.log(150_000), 1.5, (count, size)), 100).astype(np.int64)
    amounts = np.maximum(amounts // step, 1) * step
    return amounts, amounts[:, :3].sum(axis=1)


def spurious(amounts, targets, items):
    """Sets of so many items that have the target, besides the one that was paid."""
    count, size = amounts.shape
    bounds = np.arange(count + 1) * size
    tables = build_sums(bounds, amounts.ravel(), np.ones(count, dtype=np.bool_))
    ledger = np.arange(count)
    if items == 2:
        return int(count_structured(tables, ledger, targets).pair.sum())
    search = triples_with if items == 3 else fours_with
    sets, many = search(tables, ledger, targets, 10_000)
    assert not many.any()
    return len(sets) - (count if items == 3 else 0)


@pytest.mark.parametrize(
    ("count", "size", "items", "step"),
    [(400, 60, 4, 1), (300, 100, 3, 1), (100, 100, 4, 1), (300, 40, 3, 100), (100, 40, 4, 100)],
)
def test_sets_of_a_size_are_as_many_as_expected_within_a_factor_of_two(count, size, items, step):
    amounts, targets = ledgers(count, size, step)
    known = np.zeros((count, 4), dtype=np.int64)
    known[:, 2] = 1
    expected = expected_accidents(amounts, targets, 4, known)[:, items - 1].sum()
    found = spurious(amounts, targets, items)
    assert found > 10
    assert found / 2 <= expected <= found * 2


@pytest.mark.parametrize(("size", "step"), [(24, 1), (28, 1), (20, 100)])
def test_sets_of_any_size_are_as_many_as_expected_within_a_factor_of_two(size, step):
    amounts, targets = ledgers(120, size, step)
    found = int(count_solutions(amounts, targets).sum()) - len(amounts)
    known = np.ones((len(amounts), 1), dtype=np.int64)
    expected = expected_accidents(amounts, targets, None, known).sum()
    assert found > 10
    assert found / 2 <= expected <= found * 2


def test_credits_take_part_and_absent_items_do_not():
    amounts, targets = ledgers(120, 24)
    amounts[:, 5::6] //= -4
    padded = np.concatenate([amounts, np.zeros((120, 3), dtype=np.int64)], axis=1)
    known = np.ones((120, 1), dtype=np.int64)
    expected = expected_accidents(amounts, targets, None, known)
    assert np.allclose(expected, expected_accidents(padded, targets, None, known))
    found = int(count_solutions(amounts, targets).sum()) - 120
    assert found / 2 <= expected.sum() <= found * 2


def test_a_round_target_among_odd_amounts_is_met_by_round_items():
    odd = np.array([[100_003, 250_007, 370_001, 410_009, 90_011, 50_021]])
    both = np.concatenate([odd, [[20_000, 30_000, 50_000, 70_000, 80_000, 110_000]]], axis=1)
    target = np.array([100_000])
    without = expected_accidents(odd, target, None)[0, 0]
    assert expected_accidents(both, target, None)[0, 0] > 20 * max(without, 1e-6)


@pytest.mark.parametrize("items", [2, 3])
def test_of_a_handful_of_sets_as_many_are_expected_as_are_hit_by_amounts_at_random(items):
    """Whole-dollar ledgers of five; every amount the ledger reaches is tried, set by set."""
    rng = np.random.default_rng(SEED)
    hit, expected = 0, 0.0
    for _ in range(40):
        amounts = rng.integers(100, 2_000, (1, 5)) * 100
        sums = np.array([sum(chosen) for chosen in combinations(amounts[0].tolist(), items)])
        targets = np.arange(sums.min(), sums.max() + 1, 100)[::7]
        hit += int(np.isin(targets, sums).sum())
        rows = np.repeat(amounts, len(targets), axis=0)
        expected += expected_accidents(rows, targets, 4)[:, items - 1].sum()
    assert hit > 20
    assert hit / 2 <= expected <= hit * 2
    near = expected_accidents(np.array([[155, 867, 1_644, 131, 194]]) * 100, np.array([90_000]), 4)
    assert near[0, 2] > 0
