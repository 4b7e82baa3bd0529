"""A match in parts gives what a match of all gives: the same rows, in many worlds."""

from __future__ import annotations

import tomllib

import pyarrow as pa
import pytest
from cluster_worlds import POLICY, input_of, make_world
from in_one_process import PartedRun, quiet

from engine.exception_queue import orphan_exceptions
from engine.matcher import match_payments

KEYS = {
    "outcomes": ["payment_id"],
    "applications": ["payment_id", "decision", "proposal_rank", "open_item_id", "applied_minor"],
    "reversals": ["payment_id", "open_item_id", "amount_minor"],
    "exceptions": ["exception_id"],
}


def rows(batches, name):
    order = [(key, "ascending") for key in KEYS[name]]
    table = pa.Table.from_batches([batch.record_batch for batch in batches])
    return table.sort_by(order).combine_chunks()


def assert_equal(match_input, run):
    whole, parts = match_payments(match_input, quiet), run.results()
    for name in KEYS:
        got = [getattr(part, name) for part in parts]
        if name == "exceptions":
            got.append(orphan_exceptions(run.orphans))
        assert rows(got, name).equals(rows([getattr(whole, name)], name)), name
    assert len(whole.applications) > 50


@pytest.mark.parametrize(
    ("world", "seed"),
    [("demo", 1), ("rent", None), ("dense_numbers", None), ("exceptions", 3), ("due_rent", None)],
)
def test_of_many_kinds_of_worlds(world, seed, tmp_path):
    match_input = input_of(make_world(world, tmp_path, seed=seed))
    run = PartedRun(match_input)
    assert run.buckets.count > 2
    assert not any(run.first_rounds()["strays"].to_pylist())
    assert_equal(match_input, run)


def test_under_a_policy_that_ties_companies_and_pays_the_oldest_first(tmp_path):
    match_input = input_of(make_world("unknown_payers", tmp_path), tomllib.loads(POLICY))
    assert_equal(match_input, PartedRun(match_input, parts=5, bucket_items=300))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("world", ["demo", "price_list", "unknown_payers", "infeasible", "clean"])
def test_of_many_seeds(world, seed, tmp_path):
    match_input = input_of(make_world(world, tmp_path, 2_000, 14_000, seed=seed))
    assert_equal(match_input, PartedRun(match_input, parts=4, bucket_items=2_500))
