"""What tables mean: formats, amounts, dates, lists, defaults, payment terms, row order."""

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.money import minor_from_text
from parsers.payment_terms import DiscountTerms, discount_terms, discounts_of_terms
from parsers.table_identity import in_key_order, table_hash
from parsers.tables import (
    TableContent,
    read_advices,
    read_bank_accounts,
    read_customers,
    read_open_items,
    read_payments,
)

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
WORLD = SHARED / "evaluation" / "world-dev"

HEADER = "open_item_id,customer_id,document_number,currency,open_amount,document_date,references"
ROWS = [
    "I1,C1,INV-1,USD,1234.50,2026-08-01,PO1;PO2",
    "I2,C1,CM-9,JPY,-500,,",
    "I3,C2,INV-3,KWD,0.125,2026-09-01,RF18 5390",
]


def csv_table(*rows, header=HEADER, name="items.csv"):
    return TableContent(name, "\n".join([header, *rows, ""]).encode())


def as_parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return TableContent("items.parquet", sink.getvalue().to_pybytes())


def as_arrow(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return TableContent("items.arrow", sink.getvalue().to_pybytes())


def typed_items():
    return pa.table(
        {
            "open_amount": pa.array(
                [Decimal("1234.5000"), Decimal("-500.0000"), Decimal("0.1250")],
                pa.decimal128(18, 4),
            ),
            "open_item_id": pa.array(["I1", "I2", "I3"]).dictionary_encode(),
            "customer_id": pa.array(["C1", "C1", "C2"], pa.large_string()),
            "document_number": ["INV-1", "CM-9", "INV-3"],
            "currency": ["USD", "JPY", "KWD"],
            "document_date": [datetime.date(2026, 8, 1), None, datetime.date(2026, 9, 1)],
            "references": [["PO1", "PO2"], None, ["RF18 5390"]],
            "colour": ["red", "green", "blue"],
        }
    )


def test_one_table_is_the_same_in_every_format():
    expected = read_open_items(csv_table(*ROWS))
    assert expected.int64("open_minor").tolist() == [123450, -500, 125]
    lines = (
        '{"open_item_id":"I1","customer_id":"C1","document_number":"INV-1","currency":"USD",'
        '"open_amount":1234.50,"document_date":"2026-08-01","references":["PO1","PO2"]}\n'
        '{"open_item_id":"I2","customer_id":"C1","document_number":"CM-9","currency":"JPY",'
        '"open_amount":-500}\n'
        '{"open_item_id":"I3","customer_id":"C2","document_number":"INV-3","currency":"KWD",'
        '"open_amount":"0.125","document_date":"2026-09-01","references":"RF18 5390"}\n'
    )
    assert read_open_items(as_parquet(typed_items())) == expected
    assert read_open_items(as_arrow(typed_items())) == expected
    assert read_open_items(TableContent("items.jsonl", lines.encode())) == expected


def test_minor_units_are_read_under_their_own_name():
    table = typed_items().drop_columns("open_amount")
    table = table.append_column("open_amount_minor", pa.array([123450, -500, 125]))
    assert read_open_items(as_parquet(table)) == read_open_items(csv_table(*ROWS))


def test_column_order_byte_order_mark_line_ends_and_spaces_do_not_matter():
    header = "open_amount, currency,document_number,customer_id,open_item_id,document_date"
    odd = f"\ufeff{header}\r\n 1234.50 ,usd,INV-1 ,C1,I1,2026-08-01\r\n".encode()
    plain = csv_table("I1,C1,INV-1,USD,1234.50,2026-08-01,")
    assert read_open_items(TableContent("items.csv", odd)) == read_open_items(plain)


def test_defaults_of_open_items():
    batch = read_open_items(
        csv_table("I1,C1,A,USD,10,,", "I2,C1,B,USD,-3,,", "I3,C1,C,USD,0,,", header=HEADER)
    )
    assert batch.strings("document_type") == ["invoice", "credit_memo", "invoice"]
    assert batch.strings("status") == ["open", "open", "paid"]
    assert batch.int64("original_minor").tolist() == [1000, -300, 0]
    assert batch.is_null("discount_date").all()


def test_a_header_alone_is_a_table_without_rows():
    assert len(read_open_items(csv_table())) == 0


def test_a_timestamp_at_midnight_is_a_date():
    batch = read_open_items(csv_table("I1,C1,A,USD,1,2026-08-01 00:00:00,"))
    assert batch.record_batch.column("document_date").to_pylist() == [datetime.date(2026, 8, 1)]


TERMS = "open_item_id,customer_id,document_number,currency,open_amount,document_date,payment_terms"


def test_payment_terms_give_the_discount_where_the_file_does_not():
    header = f"{TERMS},discount_date,discount_amount"
    batch = read_open_items(
        csv_table(
            "I1,C1,A,USD,100.25,2026-08-01,2/10 net 30,,",
            "I2,C1,B,USD,100.00,2026-08-01,2/10 net 30,2026-08-05,1.00",
            "I3,C1,C,USD,100.00,2026-08-01,net 30,,",
            "I4,C1,D,USD,-100.00,2026-08-01,2/10 net 30,,",
            header=header,
        )
    )
    assert batch.int64("discount_minor").tolist() == [201, 100, 0, 0]  # 2.005 rounds half up
    until = batch.record_batch.column("discount_date").to_pylist()
    assert until == [datetime.date(2026, 8, 11), datetime.date(2026, 8, 5), None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2/10 net 30", DiscountTerms(20_000, 10)),
        ("2/10, n/30", DiscountTerms(20_000, 10)),
        ("2% 10 net 30", DiscountTerms(20_000, 10)),
        ("2 % 10 days, net 30 days", DiscountTerms(20_000, 10)),
        ("1.5/15", DiscountTerms(15_000, 15)),
        ("3% 14 Net 60", DiscountTerms(30_000, 14)),
        ("net 30", None),
        ("due on receipt", None),
        ("0/10 net 30", None),
        ("", None),
    ],
)
def test_usual_spellings_of_payment_terms(text, expected):
    assert discount_terms(text) == expected


@given(st.integers(1, 10**14 - 1), st.integers(1, 99))
def test_a_discount_of_terms_is_exact_and_rounded_half_up(amount, percent):
    date = pa.array([datetime.date(2026, 1, 1)])
    terms = pa.array([f"{percent}/10 net 30"])
    _, discount = discounts_of_terms(terms, pa.array([amount]), date)
    assert discount.to_pylist() == [(amount * percent * 2 + 100) // 200]


def test_customers_bank_accounts_and_their_lists():
    customers = read_customers(
        TableContent("c.csv", b"customer_id,name,aliases,status\nC1,Acme,Acme Corp;ACME,\n")
    )
    assert customers.strings("aliases") == ["Acme Corp;ACME"]
    assert customers.strings("status") == ["active"]
    accounts = read_bank_accounts(
        TableContent("b.csv", b"company_id,bank_account,currency,lockbox\nUS01,44,,0077\n")
    )
    assert accounts.strings("lockbox") == ["0077"]
    assert accounts.strings("currency") == [""]


def test_lines_of_advice_are_numbered_in_file_order_within_their_remittance():
    text = b"remittance_id,reference,amount\nR2,A,1.5\nR1,B,\nR2,C,-0.25\nR2,D,3\n"
    batch = read_advices(TableContent("r.csv", text))
    assert batch.int64("line_number").tolist() == [1, 1, 2, 3]
    amounts = batch.record_batch.column("amount_minor").to_pylist()
    assert amounts == [15_000, None, -2_500, 30_000]


def test_payments_of_a_table_name_their_table_and_nothing_of_their_place():
    header = "payment_id,amount,currency,value_date,payer_name"
    text = f"{header}\nP1,10.00,USD,2026-09-30,Acme\nP2,-10.00,USD,2026-09-30,\n"
    batch = read_payments(TableContent("payments.csv", text.encode()))
    assert batch.int64("amount_minor").tolist() == [1000, -1000]
    assert set(batch.strings("source_file")) == {"payments.csv"}
    assert batch.record_batch.column("booking_date").null_count == 0
    assert batch.record_batch.column("source_line").null_count == 2


def test_the_hash_of_a_table_ignores_row_order_unknown_columns_and_format():
    shuffled = [ROWS[2], ROWS[0], ROWS[1]]
    expected = read_open_items(csv_table(*ROWS))
    other = read_open_items(csv_table(*shuffled))
    assert in_key_order(other) == in_key_order(expected)
    assert table_hash(in_key_order(other)) == table_hash(in_key_order(expected))
    typed = read_open_items(as_parquet(typed_items()))
    assert table_hash(in_key_order(typed)) == table_hash(in_key_order(expected))
    changed = read_open_items(csv_table(*ROWS[:2], ROWS[2].replace("0.125", "0.126")))
    assert table_hash(in_key_order(changed)) != table_hash(in_key_order(expected))


amount_texts = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,11}(\.[0-9]{1,2}0{0,3})?", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{1,4}\.|[+-]?\.[0-9]{1,2}", fullmatch=True),
)


@given(st.lists(amount_texts, min_size=1, max_size=20))
def test_amounts_of_a_column_are_those_of_reading_one_by_one(texts):
    header = "payment_id,amount,currency,value_date"
    rows = [f"P{i},{text},EUR,2026-09-30" for i, text in enumerate(texts)]
    batch = read_payments(csv_table(*rows, header=header))
    expected = [minor_from_text(text, "EUR") for text in texts]
    assert batch.int64("amount_minor").tolist() == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="the evaluation world is not beside the repository")
def test_the_evaluation_world_is_read_to_the_cent():
    items = read_open_items(WORLD / "open_items.csv")
    text = (WORLD / "open_items.csv").read_text().splitlines()[1:]
    assert int(items.int64("open_minor").sum()) == sum(
        int(Decimal(line.split(",")[7]) * 100) for line in text
    )
    payments = read_payments(WORLD / "payments.csv")
    assert len(payments) == 3000
    assert np.all(payments.int64("amount_minor") != 0)
