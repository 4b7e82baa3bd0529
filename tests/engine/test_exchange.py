"""Two currencies in one application: exact on both sides, and refused where nothing declares it."""

from __future__ import annotations

import datetime
from fractions import Fraction

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import matched

from engine.audit import audit
from engine.batches import ApplicationBatch, CustomerBatch, OpenItemBatch, PaymentBatch
from engine.conversions import Conversions
from engine.errors import ConservationError, PolicyError
from engine.matcher import MatchInput
from engine.policy import read_policy

DAY = datetime.date(2026, 9, 15)
DECLARED = {
    "exchange": {
        "bank_amount": True,
        "rates": [{"paid_in": "EUR", "items_in": "USD", "rate": "1.10", "on": DAY}],
    }
}


def _world(policy=DECLARED):
    return MatchInput(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": ["P-1", "P-2"],
                "amount_minor": [545_45, 100_00],
                "currency": ["EUR", "EUR"],
                "value_date": [DAY, DAY],
                "payer_name": ["ACME Limited"] * 2,
                "remittance_text": ["INV-10001 INV-10002", "INV-10003"],
                "instructed_currency": ["", "USD"],
                "instructed_minor": [None, 123_45],
            }
        ),
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": ["A", "B", "C"],
                "customer_id": ["ACME"] * 3,
                "document_number": ["INV-10001", "INV-10002", "INV-10003"],
                "currency": ["USD"] * 3,
                "open_minor": [200_00, 400_00, 123_45],
                "original_minor": [200_00, 400_00, 123_45],
                "status": ["open"] * 3,
            }
        ),
        customers=CustomerBatch.from_columns({"customer_id": ["ACME"], "name": ["ACME Limited"]}),
        policy=read_policy(policy),
    )


def _check(world, result):
    audit(
        world.payments,
        world.open_items,
        result.outcomes,
        result.applications,
        result.reversals,
        world.earlier,
        world.policy,
    )


def test_both_ledgers_balance_in_their_own_currency():
    result = matched(_world())
    rows = {row["open_item_id"]: row for row in result.applications.record_batch.to_pylist()}
    assert {name: row["applied_minor"] for name, row in rows.items()} == {
        "A": 200_00,
        "B": 400_00,
        "C": 123_45,
    }
    assert rows["A"]["cash_minor"] + rows["B"]["cash_minor"] == 545_45
    assert rows["C"]["cash_minor"] == 100_00
    assert {row["cash_currency"] for row in rows.values()} == {"EUR"}
    assert "181.82 EUR" in rows["A"]["explanation"]
    assert result.outcomes.int64("applied_minor").tolist() == [545_45, 100_00]


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("cash_minor", 0, 181_81),
        ("cash_minor", 2, 99_99),
        ("cash_minor", 0, None),
        ("cash_currency", 1, "USD"),
        ("cash_currency", 1, ""),
        ("applied_minor", 2, 123_44),
    ],
)
def test_the_audit_refuses_a_changed_leg(column, row, value):
    world = _world()
    result = matched(world)
    _check(world, result)
    columns = result.applications.record_batch.to_pydict()
    columns[column][row] = value
    forged = msgspec.structs.replace(result, applications=ApplicationBatch.from_columns(columns))
    with pytest.raises(ConservationError):
        _check(world, forged)


def test_the_audit_refuses_what_the_policy_does_not_declare():
    world = _world()
    result = matched(world)
    for policy in ({}, {"exchange": {"bank_amount": True}}):
        other = msgspec.structs.replace(world, policy=read_policy(policy))
        with pytest.raises(ConservationError, match="nothing declared"):
            _check(other, result)


@given(
    st.integers(1, 10**9),
    st.lists(st.integers(-(10**7), 10**8).filter(bool), min_size=1, max_size=9),
)
def test_parts_of_a_payment_add_up_and_are_off_by_less_than_a_unit(paid, cash):
    whole = sum(cash)
    if whole <= 0:
        return
    one = Conversions.of([(3, paid, 1, whole, 0)])
    rows = np.full(len(cash), 3)
    converted, legs, money = one.legs(rows, np.zeros(len(cash), dtype=np.int64), np.array(cash))
    assert converted.all()
    assert set(money.tolist()) == {1}
    assert int(legs.sum()) == paid
    for part, leg in zip(cash, legs.tolist(), strict=True):
        assert abs(leg - Fraction(part * paid, whole)) <= 1


def test_payments_of_one_currency_say_nothing():
    one = Conversions.of([(3, 100, 1, 110, 0)])
    rows = np.array([0, 3, 4])
    converted, legs, _ = one.legs(rows, rows, np.array([5, 110, 7]))
    assert converted.tolist() == [False, True, False]
    assert legs.tolist() == [0, 100, 0]
    nothing = Conversions.of([]).legs(rows, rows, rows)
    assert not nothing[0].any()


@pytest.mark.parametrize(
    ("exchange", "complaint"),
    [
        ({"rates": [{"paid_in": "EUR", "items_in": "EUR", "rate": "1", "on": DAY}]}, "to itself"),
        ({"rates": [{"paid_in": "EUR", "items_in": "USD", "rate": "0", "on": DAY}]}, "above 0"),
        ({"rates": [{"paid_in": "EUR", "items_in": "USD", "rate": "x", "on": DAY}]}, "above 0"),
        ({"tolerance_percent": "-1"}, "no percentage"),
        ({"valid_days": 900}, "not between"),
        ({"rates": DECLARED["exchange"]["rates"] * 2}, "two rates"),
        ({"rate": "1"}, "rate"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(exchange, complaint):
    with pytest.raises(PolicyError, match=complaint):
        read_policy({"exchange": exchange})


def test_columns_are_empty_where_payment_and_item_have_one_currency():
    world = _world()
    payments = world.payments.record_batch.to_pydict() | {"currency": ["USD", "USD"]}
    payments["amount_minor"] = [600_00, 123_45]
    result = matched(msgspec.structs.replace(world, payments=PaymentBatch.from_columns(payments)))
    rows = result.applications.record_batch
    assert rows.column("cash_minor").null_count == rows.num_rows == 3
    assert pa.compute.all(pa.compute.equal(rows.column("cash_currency"), "")).as_py()
