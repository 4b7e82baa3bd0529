"""Which payment an advice belongs to: the columns against a slow oracle, and cases by hand."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.advice_join import join

from engine.advices import join_advices
from engine.batches import AdviceBatch, PaymentBatch, RemittanceBatch
from tests.packed_rows import packed_rows

DAY = dt.date(2026, 9, 15)
PAYMENT_TEXT = (
    *("bank_reference", "customer_reference", "uetr", "trace_number", "remittance_id"),
    *("end_to_end_id", "check_number", "payer_name"),
)
ADVICE_TEXT = (
    *("payment_reference", "uetr", "trace_number", "end_to_end_id", "check_number"),
    *("payer_name", "currency"),
)


def payment(number, **facts):
    return (
        dict.fromkeys(PAYMENT_TEXT, "")
        | {"payment_id": f"P{number}", "amount_minor": 10_000, "currency": "USD"}
        | {"value_date": DAY, "booking_date": DAY}
        | facts
    )


def line(reference="INV-1", amount="100.00", **facts):
    minor = None if amount is None else int(amount.replace(".", "")) * 100
    return (
        dict.fromkeys(ADVICE_TEXT, "")
        | {"file_id": "F", "source_file": "f.csv", "remittance_id": "R", "advice_number": 0}
        | {"line_number": 1, "reference": reference, "amount_minor": minor}
        | {"discount_minor": 0, "deduction_minor": 0}
        | {"payment_amount_minor": None, "payment_date": None}
        | facts
    )


def batch(kind, rows):
    names = rows[0] if rows else ()
    return kind.from_columns({name: [row[name] for row in rows] for name in names})


def joined(payments, advices, lined=()):
    own = [
        {"payment_id": name, "line_number": 1, "reference": "OWN", "currency": "USD"}
        for name in lined
    ]
    result = join_advices(
        batch(PaymentBatch, payments), batch(RemittanceBatch, own), batch(AdviceBatch, advices)
    )
    found = {}
    for row in result.remittances.record_batch.to_pylist():
        if row["source"] == "advice":
            found.setdefault(row["payment_id"], []).append(row["reference"])
    return found, sorted(one.remittance_id for one in result.orphans)


@pytest.mark.parametrize(
    ("mine", "its"),
    [
        ("bank_reference", "payment_reference"),
        ("customer_reference", "payment_reference"),
        ("uetr", "uetr"),
        ("trace_number", "trace_number"),
        ("bank_reference", "trace_number"),
        ("customer_reference", "trace_number"),
        ("end_to_end_id", "end_to_end_id"),
        ("customer_reference", "end_to_end_id"),
        ("check_number", "check_number"),
        ("payer_name", "payer_name"),
        ("remittance_id", "remittance_id"),
    ],
)
def test_every_key_joins_alone(mine, its):
    payments = [payment(1, **{mine: "KEY 7"}), payment(2)]
    assert joined(payments, [line(**{its: "KEY 7"})]) == ({"P1": ["INV-1"]}, [])


def test_a_key_two_payments_share_is_told_apart_by_amount_then_by_date():
    payments = [
        payment(1, end_to_end_id="RENT"),
        payment(2, end_to_end_id="RENT", value_date=dt.date(2026, 8, 15)),
        payment(3, end_to_end_id="RENT", amount_minor=500),
    ]
    one = line("INV-3", "5.00", remittance_id="R3", end_to_end_id="RENT")
    two = line("INV-2", remittance_id="R2", end_to_end_id="RENT", payment_date=dt.date(2026, 8, 15))
    assert joined(payments, [one, two]) == ({"P2": ["INV-2"], "P3": ["INV-3"]}, [])
    assert joined(payments, [line(end_to_end_id="RENT")]) == ({}, ["R"])


def test_a_return_carries_the_references_of_its_payment_and_is_never_meant():
    payments = [
        payment(1, uetr="AB-1"),
        payment(2, uetr="AB-1", amount_minor=-10_000),
    ]
    assert joined(payments, [line(uetr="ab-1")]) == ({"P1": ["INV-1"]}, [])


def test_another_currency_or_uetr_is_another_payment():
    payments = [payment(1, end_to_end_id="E", uetr="U1")]
    assert joined(payments, [line(end_to_end_id="E", currency="EUR")]) == ({}, ["R"])
    assert joined(payments, [line(end_to_end_id="E", uetr="U2")]) == ({}, ["R"])
    assert joined(payments, [line(end_to_end_id="E", currency="USD")])[1] == []


@pytest.mark.parametrize(
    ("received", "said", "joins"),
    [
        ("ACME TOOLS INC", "Acme Tools", True),
        ("Acme Tools", "ACME TOOLS INC.", True),
        ("North Printing SA", "North Printing SARL", False),
    ],
)
def test_a_legal_form_that_one_side_leaves_out_does_not_count(received, said, joins):
    found = joined([payment(1, payer_name=received)], [line(payer_name=said)])
    assert found == (({"P1": ["INV-1"]}, []) if joins else ({}, ["R"]))


def test_zeros_before_a_check_number_do_not_count():
    payments = [payment(1, check_number="0004711")]
    assert joined(payments, [line(check_number="4711")]) == ({"P1": ["INV-1"]}, [])


def test_a_check_number_alone_does_not_overrule_the_amount_an_advice_states():
    payments = [payment(1, check_number="4711")]
    stated = line(amount=None, check_number="4711", payment_amount_minor=990_000)
    assert joined(payments, [stated]) == ({}, ["R"])
    silent = line(amount=None, check_number="4711")
    assert joined(payments, [silent]) == ({"P1": ["INV-1"]}, [])


def test_the_same_advice_from_two_sources_counts_once_and_pools_its_keys():
    payments = [payment(1, trace_number="T1")]
    table = line(check_number="99")
    message = line(file_id="G", source_file="g.xml", advice_number=1, trace_number="T1")
    assert joined(payments, [table, message]) == ({"P1": ["INV-1"]}, [])
    assert joined([payment(1)], [table, message]) == ({}, ["R"])


def test_the_same_content_under_two_ids_counts_once():
    payments = [payment(1, trace_number="T1", check_number="7")]
    advices = [line(check_number="7"), line(remittance_id="S", trace_number="T1")]
    assert joined(payments, advices) == ({"P1": ["INV-1"]}, [])


def test_the_same_id_with_other_content_is_kept_apart():
    payments = [payment(1, trace_number="T1"), payment(2, trace_number="T2")]
    advices = [
        line("INV-1", trace_number="T1"),
        line("INV-2", file_id="G", trace_number="T2"),
    ]
    assert joined(payments, advices) == ({"P1": ["INV-1"], "P2": ["INV-2"]}, [])
    rivals = [line("INV-1", trace_number="T1"), line("INV-2", file_id="G", trace_number="T1")]
    assert joined(payments, rivals) == ({}, ["R", "R"])


def test_an_orphan_names_its_file_and_its_total():
    rows = [line(currency="EUR"), line("INV-2", "2.50", line_number=2, currency="EUR")]
    (orphan,) = join_advices(
        batch(PaymentBatch, [payment(1)]), RemittanceBatch.empty(), batch(AdviceBatch, rows)
    ).orphans
    assert (orphan.source_file, orphan.currency, orphan.total_scaled) == (
        "f.csv",
        "EUR",
        1_025_000,
    )


names = ("", "A", "0A", "B")
days = (None, DAY, dt.date(2026, 9, 16))
payments_strategy = packed_rows(
    dict.fromkeys(PAYMENT_TEXT, names)
    | {"amount_minor": (1, 2, -1), "value_date": days, "booking_date": days}
    | {"currency": ("USD", "USD", "KWD", "JPY")},
    max_size=5,
)
advices_strategy = packed_rows(
    dict.fromkeys(ADVICE_TEXT[:-1], names)
    | {"payment_reference": ("", "", "A", "P0", "P1")}
    | {"currency": ("", "", "USD")}
    | {"file_id": "FG", "remittance_id": "AR"}
    | {"advice_number": (0, 1), "line_number": (1, 2)}
    | {"reference": ("I1", "I2")}
    | {"amount_minor": (None, 100, 200, 10)}
    | {"discount_minor": (0,), "deduction_minor": (0, 0, 5)}
    | {"payment_amount_minor": (None, 100, 200, 10, 10_000)}
    | {"payment_date": days, "source_file": ("f",)},
    max_size=5,
    unique_by=lambda row: tuple(
        row[name] for name in ("file_id", "remittance_id", "advice_number", "line_number")
    ),
)


@settings(max_examples=400)
@given(payments_strategy, advices_strategy, st.sets(st.sampled_from(["P0", "P1"])), st.randoms())
def test_joining_equals_the_oracle_in_any_order(payments, advices, lined, random):
    payments = [row | {"payment_id": f"P{at}"} for at, row in enumerate(payments)]
    lined = {name for name in lined if name in {row["payment_id"] for row in payments}}
    expected = join(payments, lined, advices)
    assert joined(payments, advices, sorted(lined)) == expected
    random.shuffle(advices)
    assert joined(payments, advices, sorted(lined)) == expected
