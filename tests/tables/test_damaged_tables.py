"""However a table is damaged, it is read or refused with its name: nothing else ever happens."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.errors import TableError
from parsers.tables import TableContent, read_open_items

CSV = (
    b"open_item_id,customer_id,document_number,currency,open_amount,document_date,references\n"
    b'I1,C1,INV-1,USD,1234.50,2026-08-01,"PO1;PO2"\n'
    b"I2,C1,CM-9,JPY,-500,,\n"
)
JSONL = (
    b'{"open_item_id":"I1","customer_id":"C1","document_number":"INV-1","currency":"USD",'
    b'"open_amount":1234.50,"references":["PO1","PO2"]}\n'
)


def columnar(write):
    table = pa.table(
        {
            "open_item_id": ["I1", "I2"],
            "customer_id": ["C1", "C1"],
            "document_number": ["INV-1", "CM-9"],
            "currency": ["USD", "JPY"],
            "open_amount": ["1234.50", "-500"],
        }
    )
    sink = pa.BufferOutputStream()
    write(table, sink)
    return sink.getvalue().to_pybytes()


def write_arrow(table, sink):
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


FILES = {
    "items.csv": CSV,
    "items.jsonl": JSONL,
    "items.parquet": columnar(pq.write_table),
    "items.arrow": columnar(write_arrow),
}


def read_or_refused(name, content):
    try:
        return len(read_open_items(TableContent(name, content)))
    except TableError as error:
        refusal = str(error)
    assert refusal.startswith(f"{name}: ")
    return 0


@pytest.mark.parametrize("name", FILES)
def test_an_undamaged_file_is_read(name):
    assert read_or_refused(name, FILES[name]) >= 1


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_changed_byte_or_an_early_end_is_read_or_refused(name, data):
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    assert read_or_refused(name, bytes(content[:end])) <= 3


@given(st.binary(max_size=200))
def test_any_bytes_as_a_table_are_read_or_refused(content):
    for name in FILES:
        assert read_or_refused(name, content) == 0
