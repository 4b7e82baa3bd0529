"""A match with what is indexed already says, byte for byte, what a match from scratch says."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.apart import Apart, Parts, match_apart, match_at_once
from engine.batches import OpenItemBatch, PaymentBatch
from engine.matcher import MatchInput, match_payments
from engine.remaining import Remaining
from engine.resident import Resident, build_resident
from engine.resolver import ItemAmounts
from parsers import tables
from tieout.worlds import generate_world, named_spec, scaled_spec
from tieout.worlds.files import write_world

WORLDS = ("demo", "rent", "dense_numbers")


def quiet(stage: str, row_count: int) -> None:
    del stage, row_count


@pytest.fixture(scope="module", params=WORLDS)
def world(request, tmp_path_factory) -> MatchInput:
    place = tmp_path_factory.mktemp(request.param)
    write_world(generate_world(scaled_spec(named_spec(request.param), 300, 2_000)), place)
    return MatchInput(
        payments=tables.read_payments(place / "payments.csv"),
        open_items=tables.read_open_items(place / "open_items.csv"),
        customers=tables.read_customers(place / "customers.csv"),
        bank_accounts=tables.read_bank_accounts(place / "bank_accounts.csv"),
        advices=tables.read_advices(place / "remittances.csv"),
    )


@pytest.fixture(scope="module")
def resident(world) -> Resident:
    return build_resident(world.open_items, world.customers, world.bank_accounts, world.policy)


def from_scratch(world: MatchInput, payments: PaymentBatch, **more):
    given = {"advices": world.advices, **more}
    return match_payments(
        MatchInput(
            payments=payments,
            open_items=world.open_items,
            customers=world.customers,
            bank_accounts=world.bank_accounts,
            **given,
        ),
        quiet,
    )


def with_resident(world: MatchInput, resident: Resident, payments: PaymentBatch, **more):
    given = {"advices": world.advices, **more}
    return match_payments(MatchInput.against(resident, payments, **given), quiet)


def assert_same(one, other):
    for name in one.__struct_fields__:
        assert getattr(one, name) == getattr(other, name), name


def test_all_payments_together(world, resident):
    scratch = from_scratch(world, world.payments)
    assert len(scratch.applications) > 50
    assert_same(scratch, with_resident(world, resident, world.payments))


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_few_payments_at_a_time(world, resident, size):
    rows = np.random.default_rng(size).permutation(len(world.payments))[: 3 * size]
    for part in np.array_split(rows, 3):
        payments = world.payments.take(part)
        assert_same(from_scratch(world, payments), with_resident(world, resident, payments))


@pytest.mark.parametrize(("count", "largest", "passes_max"), [(40, 1, 20), (25, 4, 26), (6, 40, 7)])
def test_several_matches_in_one_pass_have_the_results_they_have_alone(
    world, resident, count, largest, passes_max
):
    dice = np.random.default_rng(count)
    rows = [
        dice.choice(len(world.payments), dice.integers(1, largest + 1), replace=False)
        for _ in range(count)
    ]
    parts = [Apart(payments=world.payments.take(part)) for part in rows]
    passes = []
    found = match_apart(resident, parts, lambda stage, _: passes.append(stage))
    assert passes.count("audit") <= passes_max
    for part, result in zip(parts, found, strict=True):
        (alone,) = match_apart(resident, [part], quiet)
        assert_same(alone.alone(), result.alone())


@pytest.mark.parametrize("count", [3, 12])
def test_what_is_matched_at_once_is_what_each_has_alone_and_few_are_left(world, resident, count):
    dice = np.random.default_rng(count)
    rows = [dice.choice(len(world.payments), 2, replace=False) for _ in range(count)]
    left = [Apart(payments=world.payments.take(part)) for part in rows]
    left.append(left[0])
    while left:
        found = match_at_once(resident, Parts.of(left), quiet)
        for part, result in zip(left, found, strict=True):
            if result is not None:
                (alone,) = match_apart(resident, [part], quiet)
                assert_same(alone.alone(), result.alone())
        postponed = [part for part, result in zip(left, found, strict=True) if result is None]
        assert 2 * len(postponed) <= len(left)
        left = postponed


def test_who_brings_the_same_payment_is_left_for_later(world, resident):
    payer = world.payments.take(np.arange(1))
    parts = [Apart(payments=payer), Apart(payments=payer)]
    passes = []
    found = match_at_once(resident, Parts.of(parts), lambda stage, _: passes.append(stage))
    assert [result is None for result in found] == [False, True]
    assert passes.count("audit") == 1


def test_matches_of_one_payment_and_of_one_payer_do_not_see_each_other(world, resident):
    first = world.payments.take(np.arange(1))
    parts = [Apart(payments=first, as_of=datetime.date(2026, 1, day)) for day in (1, 2, 3)]
    of_each = [result.alone() for result in match_apart(resident, parts, quiet)]
    for part, result in zip(parts, of_each, strict=True):
        (alone,) = match_apart(resident, [part], quiet)
        assert_same(alone.alone(), result)


def test_no_match_at_all_is_none(resident):
    assert match_apart(resident, [], quiet) == []
    nothing = Apart(payments=PaymentBatch.empty())
    assert len(match_apart(resident, [nothing], quiet)[0].alone().outcomes) == 0


def test_payments_of_companies_and_currencies_nobody_has_items_in(world, resident):
    batch = world.payments.take(np.arange(6)).record_batch
    for name, values in (
        ("company_id", ["", "NOBODY", "", "NOBODY", "AAAA", "ZZZZ"]),
        ("currency", ["AUD", "ZAR", "EUR", "USD", "AUD", "USD"]),
    ):
        at = batch.schema.get_field_index(name)
        batch = batch.set_column(at, batch.schema.field(at), pa.array(values, pa.string()))
    payments = PaymentBatch.of(batch)
    assert_same(from_scratch(world, payments), with_resident(world, resident, payments))


def test_returns_and_what_they_reopen(world, resident):
    settled = from_scratch(world, world.payments)
    paid = world.payments.record_batch
    row = paid.column("payment_id").to_pylist().index(settled.applications.strings("payment_id")[0])
    columns = paid.slice(row, 1).to_pydict()
    columns |= {
        "payment_id": ["RETURN"],
        "amount_minor": [-columns["amount_minor"][0]],
        "original_reference": columns["bank_reference"],
    }
    both = PaymentBatch.concat(
        [world.payments.take(np.array([row])), PaymentBatch.from_columns(columns)]
    )
    assert_same(from_scratch(world, both), with_resident(world, resident, both))


def test_nothing_resident_finds_nobody():
    nothing = MatchInput(payments=PaymentBatch.empty(), open_items=OpenItemBatch.empty())
    resident = build_resident(
        nothing.open_items, nothing.customers, nothing.bank_accounts, nothing.policy
    )
    payments = PaymentBatch.from_columns(
        {"payment_id": ["P"], "amount_minor": [100], "currency": ["EUR"], "company_id": ["K"]}
    )
    scratch = match_payments(MatchInput(payments=payments, open_items=nothing.open_items), quiet)
    assert_same(scratch, match_payments(MatchInput.against(resident, payments), quiet))
    assert scratch.outcomes.strings("status") == ["unidentified"]


@CALM
@given(
    st.lists(st.integers(-500, 500), min_size=1, max_size=300),
    st.lists(
        st.lists(st.tuples(st.integers(0, 299), st.integers(-50, 50)), max_size=4), max_size=4
    ),
)
def test_what_remains_is_what_an_array_would_hold(opened, takings):
    array = np.array(opened, dtype=np.int64)
    remaining = Remaining.of(array.copy())
    for taking in takings:
        taken = {item % len(opened): amount for item, amount in taking}
        items = np.array(sorted(taken), dtype=np.int64)
        amounts = np.array([taken[item] for item in sorted(taken)], dtype=np.int64)
        remaining = remaining.less(ItemAmounts(items, amounts))
        array[items] -= amounts
    every = np.arange(len(opened))
    assert remaining[every].tolist() == array.tolist()
