"""How many payments pay nothing listed: learned as it is, never less than assumed, in any parts."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from random_worlds import matched

from engine.accident import NONE_WEIGHT
from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.intake import take_in
from engine.limits import UNLISTED_SAMPLE
from engine.match_input import MatchInput
from engine.rounds import decide_by_reference, unlisted_odds
from engine.unlisted import ODDS, count_odds, none_weight, sampled

DAY = datetime.date(2026, 9, 15)
SEED = 20_261_126


def likelihood(weight, counts):
    """Logarithm of how likely the counts are, one power of two after the other."""
    total = 0.0
    for place, count in enumerate(counts.tolist()):
        odds = 2.0 ** (place - 30)
        total += count * (np.log(weight + odds) - np.log(1 + weight))
    return total


def counts_of(nothing, million=0, even=0):
    """Counts of payments nothing fits, of some that are surely listed, of some that may be."""
    odds = [0.0] * nothing + [1e6] * million + [1.0] * even
    return count_odds(np.array(odds))


def test_odds_are_counted_by_powers_of_two_and_lose_nothing():
    odds = np.array([0.0, 1e-30, 2.0**-30, 0.99, 1.0, 1.99, 2.0, 1e6, 1e300, np.inf])
    counts = count_odds(odds)
    assert len(counts) == ODDS
    assert counts.sum() == len(odds)
    named = {place - 30: count for place, count in enumerate(counts.tolist()) if count}
    assert named == {-30: 3, -1: 1, 0: 2, 1: 1, 19: 1, 40: 2}


def test_counts_of_parts_add_up():
    odds = np.exp(np.random.default_rng(SEED).normal(0, 9, 1_000))
    parts = [count_odds(odds[begin::7]) for begin in range(7)]
    assert (np.sum(parts, axis=0) == count_odds(odds)).all()


@pytest.mark.parametrize("counts", [counts_of(0), counts_of(99), counts_of(50, 49)])
def test_fewer_than_a_hundred_payments_teach_nothing(counts):
    assert none_weight(counts) == NONE_WEIGHT


@pytest.mark.parametrize("payments", [100, 5_000])
def test_where_everything_is_listed_it_is_what_is_assumed_and_never_less(payments):
    assert none_weight(counts_of(0, payments)) == NONE_WEIGHT


def test_the_weight_is_the_largest_that_is_not_contradicted():
    for counts in (counts_of(40, 160), counts_of(500, 500, 300), counts_of(3, 300, 40)):
        weight = none_weight(counts)
        tried = NONE_WEIGHT * 2.0 ** (np.arange(-40, 41) / 4)
        likely = np.array([likelihood(one, counts) for one in tried])
        allowed = tried[likely >= likely.max() - 1.353]
        assert weight == pytest.approx(allowed.max())
        assert allowed.max() < tried[-1]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_share_is_learned_and_seldom_too_small(share):
    """Payments whose amounts say something, of a known share that pays nothing listed: a tenth of
    these fits something by accident as well as a listed one would.
    """
    rng = np.random.default_rng(SEED)
    learned = []
    for _ in range(200):
        unlisted = rng.random(1_000) < share
        fits = ~unlisted | (rng.random(1_000) < 0.1)
        odds = np.where(fits, np.where(rng.random(1_000) < 0.5, 1e4, 10.0), 0.0)
        learned.append(none_weight(count_odds(odds)))
    true = share * 0.9 / (1 - share * 0.9)
    assert np.mean(np.array(learned) < true) < 0.08
    assert np.median(learned) < 1.6 * share / (1 - share)


def test_what_may_be_either_says_little_and_only_in_large_numbers():
    weight = none_weight(counts_of(20, 180))
    assert none_weight(counts_of(20, 180, 1_000)) == pytest.approx(weight, rel=0.7)


def names(count):
    return pa.array([f"P-{number:07}" for number in range(count)])


def test_of_a_few_payments_all_are_looked_at():
    assert sampled(names(500), 500).all()
    assert sampled(names(500), 2 * UNLISTED_SAMPLE - 1).all()


@pytest.mark.parametrize("count", [10_000, 50_000])
def test_of_many_as_many_as_the_limit_says_whoever_is_beside_them(count):
    chosen = sampled(names(count), count)
    assert 0.9 * UNLISTED_SAMPLE < chosen.sum() < 2.2 * UNLISTED_SAMPLE
    assert (sampled(names(count).slice(37, 1_000), count) == chosen[37:1_037]).all()


def world(unlisted, payments=400):
    """Customers who owe five whole-dollar items each; of their payments some pay one or two,
    others nothing that is listed.
    """
    rng = np.random.default_rng(SEED)
    items, rows = [], []
    for number in range(payments):
        amounts = (rng.integers(10, 3_000, 5) * 100).tolist()
        items += [
            {
                "open_item_id": f"I-{number}-{place}",
                "customer_id": f"C-{number}",
                "document_number": str(80_000_000 + number * 10 + place),
                "currency": "USD",
                "open_minor": amount,
                "original_minor": amount,
                "document_date": DAY - datetime.timedelta(days=30),
                "due_date": DAY + datetime.timedelta(days=place),
            }
            for place, amount in enumerate(amounts)
        ]
        other = int(rng.integers(10, 3_000)) * 100
        paid = amounts[0] + (amounts[2] if number % 3 == 0 else 0)
        rows.append(
            {
                "payment_id": f"P-{number:04}",
                "amount_minor": other if rng.random() < unlisted else paid,
                "currency": "USD",
                "value_date": DAY,
                "payer_name": f"Payer {number} Limited",
            }
        )
    customers = {
        "customer_id": [f"C-{number}" for number in range(payments)],
        "name": [f"Payer {number} Limited" for number in range(payments)],
    }
    return MatchInput(
        payments=PaymentBatch.from_columns({name: [row[name] for row in rows] for name in rows[0]}),
        open_items=OpenItemBatch.from_columns(
            {name: [item[name] for item in items] for name in items[0]}
        ),
        customers=CustomerBatch.from_columns(customers),
    )


def learned_of(match_input, map_ordered=map):
    intake = take_in(match_input, lambda _stage, _count: None)
    return unlisted_odds(intake, decide_by_reference(intake, intake.situation), map_ordered)


@pytest.mark.parametrize(("unlisted", "least", "most"), [(0.0, 0.02, 0.02), (0.5, 0.7, 1.6)])
def test_a_run_learns_how_many_of_its_payments_pay_nothing_listed(unlisted, least, most):
    counts = learned_of(world(unlisted))
    assert counts.sum() > 300
    assert least <= none_weight(counts) <= most


def test_the_order_of_payments_teaches_nothing():
    match_input = world(0.3, 150)
    turned = match_input.payments.take(np.arange(len(match_input.payments))[::-1])
    backwards = MatchInput(
        payments=turned, open_items=match_input.open_items, customers=match_input.customers
    )
    assert (learned_of(match_input) == learned_of(backwards)).all()


def decided(match_input):
    """Payments that are applied, and how sure each is."""
    rows = matched(match_input).applications.record_batch.to_pylist()
    return {row["payment_id"]: row["confidence"] for row in rows if row["decision"] == "auto"}


def test_beside_many_that_pay_nothing_listed_the_same_amount_proves_less():
    listed, mixed = decided(world(0.0)), decided(world(0.5))
    paid_in_both = [
        one
        for one, two in zip(
            world(0.0).payments.record_batch.to_pylist(),
            world(0.5).payments.record_batch.to_pylist(),
            strict=True,
        )
        if one["amount_minor"] == two["amount_minor"]
    ]
    names_of = {row["payment_id"] for row in paid_in_both}
    assert len(names_of) > 150
    assert len(names_of & mixed.keys()) < 0.7 * len(names_of & listed.keys())
