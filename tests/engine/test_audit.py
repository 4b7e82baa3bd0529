"""The audit refuses every result that loses or invents a cent: a check that can fail."""

from __future__ import annotations

import datetime

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.conservation_oracle import violations
from random_worlds import CALM, matched, worlds

from engine.audit import audit
from engine.batches import (
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
    ReversalBatch,
    SettledBatch,
)
from engine.errors import ConservationError
from engine.matcher import MatchInput
from engine.policy import read_policy

BUCKETS = (
    "applied_minor",
    "on_account_minor",
    "unapplied_minor",
    "unidentified_minor",
    "suspense_minor",
    "non_ar_minor",
    "refund_minor",
    "returned_minor",
)
CLOSES = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def _world():
    """Payments of every kind: in full, net, short, over, deducted, returned, strange, unknown."""
    day = datetime.date(2026, 9, 15)
    items = [
        ("I1", 100_00, 0),
        ("I2", 500_00, 10_00),
        ("I3", 300_00, 0),
        ("I4", 200_00, 0),
        ("I5", 1000_00, 0),
        ("I6", -30_00, 0),
        ("I7", 80_00, 0),
    ]
    payments = [
        ("P1", 100_00, "INV-10001", "B1", ""),
        ("P2", 490_00, "INV-10002", "", ""),
        ("P3", 350_00, "INV-10003", "", ""),
        ("P4", 180_00, "", "", ""),
        ("P5", 999_50, "INV-10005", "", ""),
        ("P6", 50_00, "INV-10007 INV-10006", "", ""),
        ("P7", 77_77, "no number", "", ""),
        ("R1", -100_00, "", "", "B1"),
    ]
    count = len(payments)
    return MatchInput(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": [row[0] for row in payments],
                "amount_minor": [row[1] for row in payments],
                "currency": ["USD"] * count,
                "value_date": [day] * count,
                "booking_date": [day] * count,
                "payer_name": [""] * (count - 2) + ["Nobody Known", ""],
                "remittance_text": [
                    f"C4711 {row[2]}" if row[2][:2] != "no" else row[2] for row in payments
                ],
                "bank_reference": [row[3] for row in payments],
                "original_reference": [row[4] for row in payments],
            }
        ),
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": [row[0] for row in items],
                "customer_id": ["C4711"] * len(items),
                "document_number": [f"INV-1000{row[0][1]}" for row in items],
                "currency": ["USD"] * len(items),
                "original_minor": [row[1] for row in items],
                "open_minor": [row[1] for row in items],
                "discount_minor": [row[2] for row in items],
                "discount_date": [day] * len(items),
                "due_date": [day] * len(items),
                "status": ["open"] * len(items),
            }
        ),
        remittances=RemittanceBatch.from_columns(
            {
                "payment_id": ["P4"],
                "line_number": [1],
                "reference": ["INV-10004"],
                "amount_minor": [180_00],
                "deduction_minor": [20_00],
                "deduction_reason": ["damaged"],
                "currency": ["USD"],
            }
        ),
        policy=read_policy({"short_pay": {"book_deduction": True}}),
    )


WORLD = _world()
RESULT = matched(WORLD)


def _audited(world, result):
    audit(
        world.payments,
        world.open_items,
        result.outcomes,
        result.applications,
        result.reversals,
        world.earlier,
        world.policy,
    )


def _changed(batch, column, row, cents):
    record_batch = batch.record_batch
    values = record_batch.column(column).to_pylist()
    values[row] += cents
    place = record_batch.schema.get_field_index(column)
    return type(batch).of(
        record_batch.set_column(place, record_batch.schema.field(place), pa.array(values))
    )


def test_the_world_of_this_file_has_every_kind_of_money():
    outcomes, rows = RESULT.outcomes, RESULT.applications
    filled = {name for name in BUCKETS if outcomes.int64(name).any()}
    assert {"applied_minor", "on_account_minor", "unidentified_minor", "returned_minor"} <= filled
    assert all(rows.int64(name).any() for name in CLOSES)
    assert len(RESULT.reversals) == 1


def test_a_true_result_passes():
    _audited(WORLD, RESULT)
    assert violations(WORLD, RESULT) == []


@pytest.mark.parametrize("cents", [1, -1])
@pytest.mark.parametrize("column", BUCKETS)
def test_a_cent_moved_in_any_bucket_of_any_payment_is_refused(column, cents):
    for row in range(len(RESULT.outcomes)):
        outcomes = _changed(RESULT.outcomes, column, row, cents)
        with pytest.raises(ConservationError):
            _audited(WORLD, msgspec.structs.replace(RESULT, outcomes=outcomes))


@pytest.mark.parametrize("cents", [1, -1])
def test_a_cent_moved_in_any_automatic_row_is_refused(cents):
    for row, decision in enumerate(RESULT.applications.strings("decision")):
        applications = _changed(RESULT.applications, "applied_minor", row, cents)
        changed = msgspec.structs.replace(RESULT, applications=applications)
        if decision == "auto":
            with pytest.raises(ConservationError):
                _audited(WORLD, changed)
        else:
            _audited(WORLD, changed)


@pytest.mark.parametrize("column", CLOSES[1:])
def test_a_cent_too_much_closed_on_a_full_item_is_refused(column):
    closed = sum(RESULT.applications.int64(name) for name in CLOSES)
    opened = dict(
        zip(
            WORLD.open_items.strings("open_item_id"),
            WORLD.open_items.int64("open_minor").tolist(),
            strict=True,
        )
    )
    refused = 0
    for row, (item, decision) in enumerate(
        zip(
            RESULT.applications.strings("open_item_id"),
            RESULT.applications.strings("decision"),
            strict=True,
        )
    ):
        if decision == "auto" and closed[row] == opened[item]:
            cents = 1 if opened[item] > 0 else -1
            applications = _changed(RESULT.applications, column, row, cents)
            with pytest.raises(ConservationError):
                _audited(WORLD, msgspec.structs.replace(RESULT, applications=applications))
            refused += 1
    assert refused >= 4


@pytest.mark.parametrize("cents", [1, -1])
def test_a_reversal_of_another_amount_is_refused(cents):
    reversals = _changed(RESULT.reversals, "amount_minor", 0, cents)
    with pytest.raises(ConservationError):
        _audited(WORLD, msgspec.structs.replace(RESULT, reversals=reversals))


EARLIER_ROW = {
    "payment_id": ["P-0"],
    "company_id": [""],
    "open_item_id": ["I-0"],
    "currency": ["USD"],
    "paid_minor": [980_00],
    "applied_minor": [980_00],
    "closed_minor": [1000_00],
    "bank_reference": ["B-0"],
}


@pytest.mark.parametrize(
    ("returned", "reopened", "holds"),
    [
        (980_00, 1000_00, True),
        (980_00, 980_00, False),
        (980_00, 1000_01, False),
        (500_00, 500_00, True),
        (500_00, 400_00, False),
    ],
)
def test_a_reversal_of_an_earlier_run_undoes_what_it_settled(returned, reopened, holds):
    world = MatchInput(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": ["R-1"],
                "amount_minor": [-returned],
                "currency": ["USD"],
                "original_reference": ["B-0"],
            }
        ),
        open_items=OpenItemBatch.empty(),
        earlier=SettledBatch.from_columns(EARLIER_ROW),
    )
    result = matched(world)
    assert result.reversals.strings("open_item_id") == ["I-0"]
    reversals = ReversalBatch.from_columns(
        {
            "payment_id": ["R-1"],
            "original_payment_id": ["P-0"],
            "open_item_id": ["I-0"],
            "currency": ["USD"],
            "amount_minor": [reopened],
        }
    )
    changed = msgspec.structs.replace(result, reversals=reversals)
    assert (violations(world, changed) == []) is holds
    if holds:
        assert result.reversals == reversals
        _audited(world, changed)
    else:
        with pytest.raises(ConservationError):
            _audited(world, changed)


def _with_text(batch, column, row, value):
    record_batch = batch.record_batch
    values = record_batch.column(column).to_pylist()
    values[row] = value
    place = record_batch.schema.get_field_index(column)
    return type(batch).of(
        record_batch.set_column(place, record_batch.schema.field(place), pa.array(values))
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [("payment_id", "P9"), ("open_item_id", "I9"), ("open_item_id", "I6"), ("payment_id", "P2")],
)
def test_a_row_moved_to_another_payment_or_item_is_refused(column, value):
    row = RESULT.applications.strings("payment_id").index("P1")
    applications = _with_text(RESULT.applications, column, row, value)
    with pytest.raises(ConservationError):
        _audited(WORLD, msgspec.structs.replace(RESULT, applications=applications))


def test_a_row_repeated_is_refused():
    rows = RESULT.applications.record_batch
    applications = type(RESULT.applications).of(pa.concat_batches([rows, rows.slice(0, 1)]))
    with pytest.raises(ConservationError):
        _audited(WORLD, msgspec.structs.replace(RESULT, applications=applications))


def test_a_payment_without_its_outcome_is_refused():
    outcomes = type(RESULT.outcomes).of(RESULT.outcomes.record_batch.slice(1))
    with pytest.raises(ConservationError, match="exactly one outcome"):
        _audited(WORLD, msgspec.structs.replace(RESULT, outcomes=outcomes))


def test_an_item_of_another_currency_is_refused():
    items = _with_text(WORLD.open_items, "currency", 0, "EUR")
    with pytest.raises(ConservationError, match="different currencies"):
        _audited(msgspec.structs.replace(WORLD, open_items=items), RESULT)


def test_an_item_of_another_company_is_refused():
    items = _with_text(WORLD.open_items, "company_id", 0, "DE01")
    with pytest.raises(ConservationError, match="'I1' is not in the input"):
        _audited(msgspec.structs.replace(WORLD, open_items=items), RESULT)


@settings(CALM, max_examples=60)
@given(worlds(), st.data())
def test_audit_and_its_plain_twin_agree_on_damaged_results(world, data):
    result = matched(world)
    where = [("outcomes", name, row) for name in BUCKETS for row in range(len(result.outcomes))]
    where += [
        ("applications", name, row) for name in CLOSES for row in range(len(result.applications))
    ]
    where += [("reversals", "amount_minor", row) for row in range(len(result.reversals))]
    if where:
        table, column, row = data.draw(st.sampled_from(where))
        cents = data.draw(st.sampled_from([1, -1, 100, -100]))
        changed = _changed(getattr(result, table), column, row, cents)
        result = msgspec.structs.replace(result, **{table: changed})
    refused = None
    try:
        _audited(world, result)
    except ConservationError as error:
        refused = error
    assert bool(violations(world, result)) == (refused is not None)
