"""A match in parts gives what a match of all gives: the same rows, in many worlds."""

from __future__ import annotations

import tomllib

import pyarrow as pa
import pytest
from cluster_worlds import POLICY, input_of, make_world
from in_one_process import PartedRun, quiet

from engine import unlisted
from engine.accident import NONE_WEIGHT
from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.exception_queue import orphan_exceptions
from engine.intake import take_in
from engine.match_input import MatchInput
from engine.matcher import match_payments
from engine.rounds import decide_by_reference, unlisted_odds

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


@pytest.mark.parametrize("looked_at", [10_000, 700], ids=["all looked at", "a sample"])
def test_what_is_learned_of_payments_that_pay_nothing_listed(looked_at, tmp_path, monkeypatch):
    monkeypatch.setattr(unlisted, "UNLISTED_SAMPLE", looked_at)
    match_input = input_of(make_world("infeasible", tmp_path, 2_000, 14_000))
    run = PartedRun(match_input, parts=3, bucket_items=2_500)
    intake = take_in(match_input, quiet)
    odds = unlisted_odds(intake, decide_by_reference(intake, intake.situation))
    assert unlisted.none_weight(odds) > NONE_WEIGHT
    assert_equal(match_input, run)
    assert run.facts.whole.odds.tolist() == odds.tolist()


def test_under_a_policy_that_ties_companies_and_pays_the_oldest_first(tmp_path):
    match_input = input_of(make_world("unknown_payers", tmp_path), tomllib.loads(POLICY))
    assert_equal(match_input, PartedRun(match_input, parts=5, bucket_items=300))


def conflicts_beside_a_crowd(text, cash):
    """A payment from the account of C-1 in the name of C-2, beside customers of a bucket each."""
    customers = [f"C-{number}" for number in range(1, 9)]
    names = ["Ember Vertex", "Quarry Stone", *(f"Tall Pine {number} Mill" for number in range(6))]
    return MatchInput(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": ["P-1"],
                "amount_minor": [cash],
                "currency": ["EUR"],
                "value_date": [20_700],
                "payer_name": [names[1]],
                "payer_account": ["DE89370400440532013000"],
                "remittance_text": [text],
            }
        ),
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": [f"I-{one}" for one in customers],
                "customer_id": customers,
                "document_number": [f"INV-{26_001_071 + 1_017 * at}" for at in range(8)],
                "currency": ["EUR"] * 8,
                "original_minor": [30_011 + 1_313 * at for at in range(8)],
                "open_minor": [30_011 + 1_313 * at for at in range(8)],
            }
        ),
        customers=CustomerBatch.from_columns(
            {
                "customer_id": customers,
                "name": names,
                "bank_accounts": ["DE89370400440532013000", *[""] * 7],
            }
        ),
    )


@pytest.mark.parametrize(
    ("text", "cash"),
    [("INV-26001017", 30_011), ("INV-26001017", 20_000), ("PAYMENT", 30_011)],
    ids=["a mended number", "a mended number paid in part", "an amount"],
)
def test_where_two_facts_name_two_payers_the_items_of_the_first_are_there(text, cash):
    """Once such a payment did not reach the items of either, and was shown none of them."""
    match_input = conflicts_beside_a_crowd(text, cash)
    whole = match_payments(match_input, quiet)
    (shown,) = whole.applications.record_batch.to_pylist()
    assert (shown["open_item_id"], shown["decision"]) == ("I-C-1", "proposed")
    assert whole.exceptions.strings("code")[0] == "PAY-CONFLICT"
    parts = PartedRun(match_input, parts=2, bucket_items=1, bucket_payments=1).results()
    for name in KEYS:
        got = rows([getattr(part, name) for part in parts], name)
        assert got.equals(rows([getattr(whole, name)], name)), name


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("world", ["demo", "price_list", "unknown_payers", "infeasible", "clean"])
def test_of_many_seeds(world, seed, tmp_path):
    match_input = input_of(make_world(world, tmp_path, 2_000, 14_000, seed=seed))
    assert_equal(match_input, PartedRun(match_input, parts=4, bucket_items=2_500))
