"""Batches keep their promises: names, types, nulls and keys are checked once, when built."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from engine import batches
from engine.batches import (
    NO_DATE,
    BankAccountBatch,
    Batch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
)
from engine.errors import DuplicateKeyError, SchemaError

KINDS = [
    kind
    for name in batches.__all__
    if isinstance(kind := getattr(batches, name), type) and kind is not Batch
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_batch_can_be_empty_and_be_had_back_from_its_record_batch(kind):
    empty = kind.empty()
    assert len(empty) == 0
    assert kind.of(empty.record_batch) == empty
    assert kind.concat([]) == kind.concat([empty, empty]) == empty


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_keys_and_columns_of_every_batch_are_in_its_schema(kind):
    assert set(kind.KEY) <= set(kind.SCHEMA.names)
    texts = [field for field in kind.SCHEMA if pa.types.is_string(field.type)]
    assert texts
    assert not any(field.nullable for field in texts)
    assert not any(
        pa.types.is_floating(field.type) for field in kind.SCHEMA if field.name.endswith("_minor")
    )


def test_absent_columns_get_their_empty_value():
    batch = PaymentBatch.from_columns({"payment_id": ["P-1"], "amount_minor": [100]})
    assert batch.strings("payer_name") == [""]
    assert batch.days("value_date").tolist() == [NO_DATE]
    assert batch.is_null("source_line").tolist() == [True]
    assert batch.int64("source_line").tolist() == [0]


def test_dates_are_days_since_1970():
    batch = PaymentBatch.from_columns(
        {"payment_id": ["P-1", "P-2"], "value_date": [datetime.date(1970, 1, 2), None]}
    )
    assert batch.days("value_date").tolist() == [1, NO_DATE]


def test_a_column_of_another_name_is_refused_by_name():
    with pytest.raises(SchemaError, match=r"no columns \['colour'\]"):
        PaymentBatch.from_columns({"payment_id": ["P-1"], "colour": ["red"]})


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(SchemaError, match="amount_minor has 2 rows, expected 1"):
        PaymentBatch.from_columns({"payment_id": ["P-1"], "amount_minor": [1, 2]})


def test_a_record_batch_of_another_shape_is_refused():
    with pytest.raises(SchemaError, match="PaymentBatch expects"):
        PaymentBatch.of(pa.RecordBatch.from_pydict({"payment_id": ["P-1"]}))


def test_a_null_where_none_is_allowed_is_refused_by_column():
    with pytest.raises(SchemaError, match=r"PaymentBatch\.payer_name has 1 nulls"):
        PaymentBatch.from_columns({"payment_id": ["P-1", "P-2"], "payer_name": ["ACME", None]})


@pytest.mark.parametrize(
    ("kind", "columns", "named"),
    [
        (PaymentBatch, {"payment_id": ["P-1", "P-1"]}, "'P-1' stands 2 times"),
        (
            OpenItemBatch,
            {"company_id": ["US01"] * 2, "open_item_id": ["I-1"] * 2},
            "'US01 / I-1' stands 2 times",
        ),
        (CustomerBatch, {"customer_id": ["C", "C", "C"]}, "' / C' stands 3 times"),
        (RemittanceBatch, {"payment_id": ["P", "P"], "line_number": [1, 1]}, "'P / 1'"),
    ],
)
def test_a_key_that_stands_twice_is_refused_by_value(kind, columns, named):
    with pytest.raises(DuplicateKeyError, match=named):
        kind.from_columns(columns)


def test_one_id_in_two_companies_is_two_keys():
    batch = OpenItemBatch.from_columns(
        {"company_id": ["US01", "DE01"], "open_item_id": ["I-1", "I-1"]}
    )
    assert len(batch) == 2


def test_joining_batches_checks_keys_again():
    one = PaymentBatch.from_columns({"payment_id": ["P-1"]})
    with pytest.raises(DuplicateKeyError):
        PaymentBatch.concat([one, one])
    assert PaymentBatch.concat([one]) is one


def test_a_batch_is_frozen():
    batch = PaymentBatch.empty()
    with pytest.raises(AttributeError, match="PaymentBatch is frozen"):
        batch.rows = 1


def test_rows_are_taken_in_the_order_asked():
    batch = PaymentBatch.from_columns({"payment_id": ["P-1", "P-2", "P-3"]})
    assert batch.take(np.array([2, 0])).strings("payment_id") == ["P-3", "P-1"]


def test_equality_is_of_class_and_rows():
    one = CustomerBatch.from_columns({"customer_id": ["A"]})
    assert one == CustomerBatch.from_columns({"customer_id": ["A"]})
    assert one != CustomerBatch.from_columns({"customer_id": ["B"]})
    assert CustomerBatch.empty() != BankAccountBatch.empty()
    assert repr(one) == "CustomerBatch(1 rows)"


def test_codes_number_values_in_order_of_appearance():
    batch = PaymentBatch.from_columns({"payment_id": ["1", "2", "3"], "currency": ["B", "A", "B"]})
    codes, names = batch.codes("currency")
    assert codes.tolist() == [0, 1, 0]
    assert names == ["B", "A"]
