"""A table that breaks a rule is refused with file, row, column, value and what was expected."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parsers.errors import TableError
from parsers.tables import (
    TableContent,
    read_advices,
    read_bank_accounts,
    read_customers,
    read_open_items,
    read_payments,
)

ITEMS = "open_item_id,customer_id,document_number,currency,open_amount"
GOOD = "I1,C1,INV-1,USD,100.00"


def items(*rows, header=ITEMS):
    return TableContent("items.csv", "\n".join([header, *rows, ""]).encode())


def refused(reader, source):
    with pytest.raises(TableError) as caught:
        reader(source)
    return str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("I2,C1,INV-2,USD,12.345", "'12.345' has more than the 2 decimal places of USD"),
        ("I2,C1,INV-2,JPY,10.5", "'10.5' has more than the 0 decimal places of JPY"),
        ('I2,C1,INV-2,USD,"1,234.50"', "'1,234.50' is no amount"),
        ("I2,C1,INV-2,USD,1e3", "'1e3' is no amount"),
        ("I2,C1,INV-2,USD,100.00-", "'100.00-' is no amount"),
        ("I2,C1,INV-2,USD,999999999999999", "larger than any amount handled"),
        ("I2,C1,INV-2,USD,", "column open_amount: '' is empty; an amount is required"),
        ("I2,C1,INV-2,XXQ,1", "column currency: 'XXQ' is no active ISO 4217 currency code"),
        ("I2,C1,INV-2,,1", "column currency: '' is empty"),
        (",C1,INV-2,USD,1", "column open_item_id: '' is empty; a value is required"),
        ("I1,C1,INV-2,USD,1", "open_item_id 'I1' stands in row 1 (line 2) already"),
        ("I2,C1,INV-2,USD,-5,invoice", "has 6 values, the header has 5 columns"),
    ],
)
def test_a_bad_row_of_open_items_names_its_row_line_and_value(row, said):
    message = refused(read_open_items, items(GOOD, row))
    assert message.startswith("items.csv: row 2 (line 3)")
    assert said in message


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("document_date", "30.09.2026", "is no ISO date; write it as 2026-09-30"),
        ("due_date", "2026-02-30", "is no ISO date"),
        ("discount_amount", "abc", "is no amount"),
        ("status", "closed", "is not one of open, disputed, blocked, paid, cancelled"),
        ("status", "paid", "needs open_amount 0"),
        ("document_type", "bill", "is not one of invoice"),
        ("document_type", "credit_memo", "credits are negative: change the sign"),
    ],
)
def test_a_bad_value_of_an_optional_column_names_the_column(column, value, said):
    message = refused(read_open_items, items(f"{GOOD},{value}", header=f"{ITEMS},{column}"))
    assert message.startswith(f"items.csv: row 1 (line 2), column {column}: {value!r}")
    assert said in message


def test_a_negative_invoice_is_refused_with_a_remedy():
    message = refused(
        read_open_items, items("I1,C1,INV-1,USD,-5,invoice", header=f"{ITEMS},document_type")
    )
    assert "give the type credit_memo, or change the sign" in message


def test_a_missing_required_column_is_named_with_a_near_one():
    message = refused(
        read_open_items, items(GOOD, header=ITEMS.replace("open_amount", "OpenAmount"))
    )
    assert "required column 'open_amount' is missing" in message
    assert "did you mean to rename 'OpenAmount'?" in message


def test_the_line_of_a_row_counts_lines_inside_quoted_values():
    table = items('I1,C1,"INV\n1",USD,1', "", "I2,C1,INV-2,USD,x")
    assert "row 2 (line 5), column open_amount: 'x'" in refused(read_open_items, table)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("items.csv", b"", "the file is empty"),
        ("items.csv", b" \r\n\n", "the file is empty"),
        ("items.csv", ITEMS.replace(",", ";").encode(), "separated by semicolons; commas are"),
        ("items.csv", ITEMS.replace(",", "\t").encode(), "separated by tabs; commas are"),
        ("items.csv", b"\xff\xfeo\x00p\x00", "UTF-16"),
        ("items.csv", b"\x89PNG\x0d\x0a\x1a", "line 1 is not UTF-8 text"),
        (
            "items.csv",
            f"{ITEMS}\nI1,C\xe9,1,USD,1".encode("latin-1"),
            "byte 0xe9, which is not UTF-8",
        ),
        ("items.csv", f"{ITEMS},currency\n".encode(), "names the column 'currency' twice"),
        ("items.xlsx", b"PK\x03\x04", "'.xlsx' is no table format; expected one of .csv"),
        ("items.parquet", b"PAR1 not really", "is not a readable Parquet file"),
        ("items.arrow", b"ARROW1 not really", "is not a readable Arrow IPC file"),
        ("items.jsonl", b'{"open_item_id": 1}\n{oops', "line 2 is no JSON object"),
        ("items.jsonl", b'{"open_item_id": {"a": 1}}', "row 1, column open_item_id: an object"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name, content, said):
    message = refused(read_open_items, TableContent(name, content))
    assert message.startswith(f"{name}: ")
    assert said in message


def parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return TableContent("items.parquet", sink.getvalue().to_pybytes())


def parquet_items(open_amount, name="open_amount"):
    text = {"open_item_id": "I1", "customer_id": "C1", "document_number": "D", "currency": "USD"}
    return parquet(**{key: [value] for key, value in text.items()}, **{name: open_amount})


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (pa.array([1.5]), "is of type double; expected exact amounts"),
        (pa.array([150]), "is of type int64; expected decimal128, or the name open_amount_minor"),
    ],
)
def test_amounts_as_floats_or_bare_integers_are_refused(amounts, said):
    assert said in refused(read_open_items, parquet_items(amounts))


def test_minor_units_as_floats_are_refused():
    message = refused(read_open_items, parquet_items(pa.array([1.0]), "open_amount_minor"))
    assert "column open_amount_minor is of type double; expected int64" in message


def test_an_amount_given_twice_is_refused():
    table = items(f"{GOOD},10000", header=f"{ITEMS},open_amount_minor")
    assert "give the same amount twice" in refused(read_open_items, table)


def test_minor_units_of_advice_are_refused_for_they_have_no_currency():
    table = TableContent("r.csv", b"remittance_id,reference,amount_minor\nR1,INV-1,100\n")
    assert "has no meaning without a currency" in refused(read_advices, table)


@pytest.mark.parametrize(
    ("reader", "header", "key"),
    [
        (read_customers, "customer_id,name", "C1,Acme"),
        (read_bank_accounts, "bank_account,company_id", "4402,US01"),
        (read_payments, "payment_id,amount,currency,value_date", "P1,5.00,USD,2026-09-30"),
        (read_advices, "remittance_id,reference,line_number", "R1,INV-1,1"),
    ],
)
def test_a_key_may_stand_once_in_every_table(reader, header, key):
    message = refused(reader, TableContent("t.csv", f"{header}\n{key}\n{key}\n".encode()))
    assert message.startswith("t.csv: row 2 (line 3): ")
    assert "stands in row 1 (line 2) already" in message


def test_a_payment_needs_a_value_date():
    table = TableContent("p.csv", b"payment_id,amount,currency,value_date\nP1,5.00,USD,\n")
    message = refused(read_payments, table)
    assert message == (
        "p.csv: row 1 (line 2), column value_date: '' is empty; an ISO date is required"
    )


def test_dates_of_another_type_are_refused():
    table = parquet(
        payment_id=["P1"], amount=["1"], currency=["USD"], value_date=pa.array([20260930])
    )
    message = refused(read_payments, table)
    assert "column value_date is of type int64; expected ISO dates" in message
    good = parquet(
        payment_id=["P1"], amount=["1"], currency=["USD"], value_date=[datetime.date(2026, 9, 30)]
    )
    assert read_payments(good).int64("amount_minor").tolist() == [100]
