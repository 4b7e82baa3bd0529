"""Buckets have about as much to do as one another, whatever sizes families have; giants stand
alone, and nothing but what the engine itself reads ties families together.
"""

from __future__ import annotations

import numpy as np
import pytest
from cluster_worlds import input_of, make_world, one_family
from in_one_process import PartedRun
from test_parts_equal_the_whole import assert_equal

from cluster.buckets import Buckets, Ties

NONE = np.empty(0, dtype=np.int64)
NO_TIES = Ties(**dict.fromkeys(Ties.__struct_fields__, NONE))
ITEMS, PAYMENTS = 1_000, 100


def work_of(items, payments, buckets):
    """What each bucket has to do; a full one 1."""
    weight = (items / ITEMS + payments / PAYMENTS) / 2
    at = buckets.of_family >= 0
    return np.bincount(buckets.of_family[at], weights=weight[at], minlength=buckets.count)


def sizes(seed, families=4_000):
    """Items and payments of families, their sizes far apart, some without a payment."""
    dice = np.random.default_rng(seed)
    items = np.minimum((dice.pareto(1.6, families) * 5).astype(np.int64) + 1, ITEMS // 3)
    return items, dice.poisson(items * dice.uniform(0, 0.2, families))


@pytest.mark.parametrize("seed", range(5))
def test_no_bucket_of_many_families_has_much_more_to_do_than_another(seed):
    items, payments = sizes(seed)
    buckets = Buckets.of(items, payments, 0, NO_TIES, ITEMS, PAYMENTS)
    work = work_of(items, payments, buckets)
    assert buckets.count > 20
    assert buckets.giants == ()
    assert 0.5 < work.min() < work.max() < 1.5


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_giant_family_stands_alone_and_the_others_are_even(share):
    items, payments = sizes(1)
    items[7], payments[7] = (int(of.sum() * share / (1 - share)) for of in (items, payments))
    buckets = Buckets.of(items, payments, 0, NO_TIES, ITEMS, PAYMENTS)
    (giant,) = buckets.giants
    assert np.flatnonzero(buckets.of_family == giant).tolist() == [7]
    rest = np.delete(work_of(items, payments, buckets), giant)
    assert rest.max() < 3 * np.median(rest)
    assert rest.max() < 1.5


def test_a_family_with_a_fifth_of_a_world_is_split_out_and_the_result_is_the_same(tmp_path):
    match_input = input_of(one_family(make_world("demo", tmp_path, 500, 5_000, seed=2)))
    run = PartedRun(match_input, bucket_items=400, bucket_payments=40)
    giants = [*run.buckets.giants]
    items = np.bincount(run.item_bucket[run.item_bucket >= 0], minlength=run.buckets.count)
    payments = np.bincount(run.bucket, minlength=run.buckets.count)
    work = (items / 400 + payments / 40) / 2
    assert giants
    assert work[giants].min() >= 1
    rest = np.delete(work, giants)
    assert len(rest) > 5
    assert rest.max() < 3 * np.median(rest)
    assert_equal(match_input, run)


@pytest.mark.parametrize("world", ["demo", "rent", "unknown_payers", "dense_numbers"])
def test_items_of_an_amount_tie_nothing_that_is_not_read_so(world, tmp_path):
    """Once whatever was near a damaged number tied families: by chance alone all into one."""
    run = PartedRun(input_of(make_world(world, tmp_path, 500, 5_000, seed=1)))
    payment, family = run.late
    before = {
        (row, one)
        for row, families in enumerate(run.asking["families"].to_pylist())
        for one in families
    }
    late = {*zip(payment.tolist(), family.tolist(), strict=True)} - before
    assert len(run.again) > 5
    assert len(late) < len(run.again) / 4
    assert not run.buckets.giants
