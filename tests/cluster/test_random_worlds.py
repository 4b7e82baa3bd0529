"""Worlds in which everything that can collide does: cut small, they still give the same result."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from in_one_process import PartedRun, quiet
from random_worlds import CALM, worlds

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
    return pa.Table.from_batches([batch.record_batch for batch in batches]).sort_by(order)


def assert_equal(match_input):
    run = PartedRun(match_input, parts=2, bucket_items=3, bucket_payments=2)
    whole, parts = match_payments(match_input, quiet), run.results()
    for name in KEYS:
        got = [getattr(part, name) for part in parts]
        if name == "exceptions":
            got.append(orphan_exceptions(run.orphans))
        want = rows([getattr(whole, name)], name).combine_chunks()
        assert rows(got, name).combine_chunks().to_pylist() == want.to_pylist(), name


@settings(CALM, max_examples=25)
@given(worlds())
def test_a_random_world_in_parts_is_the_whole(match_input):
    if len(match_input.payments) and len(match_input.open_items) and not len(match_input.earlier):
        assert_equal(match_input)


@pytest.mark.long
@settings(CALM, max_examples=3_000)
@given(worlds())
def test_many_random_worlds_in_parts_are_the_whole(match_input):
    if len(match_input.payments) and len(match_input.open_items) and not len(match_input.earlier):
        assert_equal(match_input)
