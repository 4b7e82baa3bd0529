"""Wrong rows in a request are answered row by row, and nothing is matched."""

import pyarrow as pa
import pytest

from engine.batches import BankAccountBatch, CustomerBatch, OpenItemBatch
from rpc.conversions import decode_table, encode_tables
from rpc.errors import ArrowError, RowCountError
from rpc.import_rows import ImportRows
from rpc.import_tables import CUSTOMERS
from rpc.row_checks import RowErrors, TableChecker
from tests.server.imported_rows import CHANGES, customer_parts, named_customers
from tests.server.requests import KINDS, items, payments, table
from tieout.v1 import rows_pb2


def checked(field, *tables):
    errors = RowErrors()
    checker = TableChecker(KINDS[field], errors)
    for message in tables:
        checker.add(decode_table(KINDS[field], message), message.row_count)
    return checker.finish(), errors.listed


def arrow_table(field, columns):
    sink = pa.BufferOutputStream()
    whole = pa.table(columns)
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    kind = KINDS[field]
    stream = rows_pb2.ArrowRows(ipc_stream=sink.getvalue().to_pybytes())
    return kind.table_class(row_count=whole.num_rows, arrow=stream)


@pytest.mark.parametrize("arrow", [False, True], ids=["messages", "arrow"])
@pytest.mark.parametrize(("field", "batch"), [("payments", payments()), ("open_items", items())])
def test_rows_arrive_as_they_were_sent(field, batch, arrow):
    assert checked(field, table(field, batch, arrow=arrow)) == (batch, [])


def test_several_values_of_one_field_travel_as_a_list():
    batch = items(references=["SO-1;DN-2", "", "PO-9"])
    message = table("open_items", batch, arrow=False)
    assert list(message.messages.open_items[0].references) == ["SO-1", "DN-2"]
    assert checked("open_items", message)[0] == batch


def test_chunks_are_one_table():
    parts = [table("open_items", items().take(rows), arrow=True) for rows in ([0, 1], [2])]
    assert checked("open_items", *parts) == (items(), [])


def test_a_large_table_is_cut_into_chunks_of_a_mebibyte():
    batch = items(references=["x" * 600_000] * 3)
    parts = list(encode_tables(KINDS["open_items"], batch, arrow=True))
    assert [part.row_count for part in parts] == [1, 1, 1]
    assert checked("open_items", *parts)[0] == batch


def test_absent_columns_get_what_they_mean():
    batch, errors = checked(
        "open_items",
        arrow_table(
            "open_items",
            {
                "open_item_id": ["I-1"],
                "customer_id": ["C-1"],
                "document_number": ["INV-1"],
                "currency": ["USD"],
                "open_minor": [100],
                "house_number": ["unknown columns are ignored"],
            },
        ),
    )
    assert errors == []
    assert batch.strings("document_type") == ["invoice"]
    assert batch.strings("status") == ["open"]
    assert batch.int64("original_minor").tolist() == [100]


def test_text_may_come_dictionary_encoded():
    columns = dict(zip(items().SCHEMA.names, items().record_batch.columns, strict=True))
    columns["currency"] = columns["currency"].dictionary_encode()
    assert checked("open_items", arrow_table("open_items", columns)) == (items(), [])


def test_every_wrong_row_is_named_with_place_value_and_expectation():
    batch = items(
        currency=["USD", "XXL", "USD"],
        customer_id=["C-1", "C-1", ""],
        status=["open", "open", "lost"],
        open_minor=[10_000, 10**15, 1],
    )
    result, errors = checked("open_items", table("open_items", batch, arrow=False))
    assert result == OpenItemBatch.empty()
    assert {(error.row_index, error.column, error.reason, error.value) for error in errors} == {
        (1, "currency", "VALUE_INVALID", "XXL"),
        (2, "customer_id", "VALUE_MISSING", ""),
        (2, "status", "VALUE_INVALID", "lost"),
        (1, "open_minor", "VALUE_INVALID", str(10**15)),
    }
    assert errors[0].message.startswith("open_items, row ")


def test_a_date_that_is_none_is_named():
    message = table("payments", payments(), arrow=False)
    message.messages.payments[1].value_date = "31.03.2026"
    _, errors = checked("payments", message)
    assert [(error.row_index, error.column, error.value) for error in errors] == [
        (1, "value_date", "31.03.2026")
    ]


def test_one_date_of_a_payment_stands_for_the_other():
    message = table("payments", payments(), arrow=False)
    for row in message.messages.payments:
        row.booking_date = ""
    assert checked("payments", message) == (payments(), [])


def test_a_repeated_key_is_found_across_chunks():
    whole = table("open_items", items(), arrow=True)
    again = table("open_items", items().take([1]), arrow=True)
    _, errors = checked("open_items", whole, again)
    assert [(error.row_index, error.reason, error.value) for error in errors] == [
        (3, "DUPLICATE_KEY", "K / I-2")
    ]


def test_errors_beyond_the_list_are_counted():
    many = 50_000
    batch = BankAccountBatch.from_columns(
        {
            "bank_account": ["A"] * many,
            "company_id": [""] * many,
            "lockbox": [str(number) for number in range(many)],
        }
    )
    errors = RowErrors()
    checker = TableChecker(KINDS["bank_accounts"], errors)
    message = table("bank_accounts", batch, arrow=True)
    checker.add(decode_table(KINDS["bank_accounts"], message), message.row_count)
    assert len(checker.finish()) == 0
    assert (len(errors.listed), errors.count) == (1_000, many)
    assert errors.listed[-1].row_index == 999


def test_each_repeated_key_names_the_row_that_had_it_first():
    batch = items()
    three_times = [
        table("open_items", batch.take(rows), arrow=True) for rows in ([0, 1], [1, 2], [1])
    ]
    _, errors = checked("open_items", *three_times)
    assert [(error.row_index, error.message.split("expected ")[1]) for error in errors] == [
        (2, "a key that row 1 does not have"),
        (4, "a key that row 1 does not have"),
    ]


def test_a_row_count_that_disagrees_is_refused():
    message = table("payments", payments(), arrow=False)
    message.row_count = 3
    with pytest.raises(RowCountError, match="row_count is 3, the table has 2 rows"):
        checked("payments", message)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"payment_id": ["P-1"]}, "required columns .*amount_minor"),
        (
            {"payment_id": ["P-1"], "amount_minor": [1.5], "currency": ["USD"]},
            "'amount_minor' has type double, expected int64",
        ),
        (
            {"payment_id": [b"\xff"], "amount_minor": [1], "currency": ["USD"]},
            "'payment_id' has type binary, expected string",
        ),
    ],
)
def test_columns_of_a_wrong_type_are_refused(columns, complaint):
    with pytest.raises(ArrowError, match=complaint):
        checked("payments", arrow_table("payments", columns))


@pytest.mark.parametrize("content", [b"", b"no arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00" * 4])
def test_bytes_that_are_no_arrow_stream_are_refused(content):
    message = rows_pb2.PaymentTable(row_count=1, arrow=rows_pb2.ArrowRows(ipc_stream=content))
    with pytest.raises(ArrowError, match="payments: no complete Arrow IPC stream"):
        checked("payments", message)


def test_a_truncated_arrow_stream_is_refused():
    message = table("payments", payments(), arrow=True)
    message.arrow.ipc_stream = message.arrow.ipc_stream[:-200]
    with pytest.raises(ArrowError):
        checked("payments", message)


def test_rows_that_are_quoted_say_whose_they_are():
    rows = ImportRows(CUSTOMERS, CHANGES)
    for names in (("C-1", "C-2"), ("C-3", "C-4")):
        right = named_customers(*names)
        columns = {name: right.record_batch[name] for name in right.SCHEMA.names}
        batch = CustomerBatch.from_columns(columns | {"status": ["active", "Zwirnfeld"]})
        _, part = customer_parts(batch)
        rows.add("customers", part.customers)
    assert not rows.finish()
    assert [error.row_index for error in rows.errors.listed] == [1, 3]
    assert rows.refused == {("K", "C-2"), ("K", "C-4")}
