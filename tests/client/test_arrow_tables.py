"""Arrow tables in and out: the rows that messages carry, and of any size."""

import asyncio

import pyarrow as pa
import pytest

from tests.server.requests import bai2_file, items, payments
from tests.server.running_server import RunningServer
from tieout.client import AsyncClient, Client
from tieout.v1 import customer_service_pb2, imports_pb2, match_service_pb2, rows_pb2

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


def table(batch):
    return pa.Table.from_batches([batch.record_batch])


def test_tables_are_matched_as_messages_are(server):
    with Client(server.address) as client:
        header = match_service_pb2.StreamMatchHeader(request_id="R-1")
        found = client.match_tables(
            payments=table(payments()), open_items=table(items()), header=header
        )
    assert found.summary.state == match_service_pb2.MATCH_STATE_MATCHED
    assert found.summary.request_id == "R-1"
    (row,) = found.tables["applications"].to_pylist()
    assert (row["payment_id"], row["open_item_id"], row["applied_minor"]) == ("P-1", "I-1", 10_000)
    assert found.tables["payment_outcomes"]["status"].to_pylist() == ["applied", "unidentified"]
    assert found.tables["reversals"].num_rows == 0


def test_large_tables_go_in_chunks(server):
    count = 60_000
    many = items().record_batch
    wide = pa.Table.from_pydict(
        {
            "open_item_id": [f"I-{one}" for one in range(count)],
            "customer_id": ["C-1"] * count,
            "document_number": [f"INV-{one + 1_000_000}-{one * 7}" for one in range(count)],
            "currency": ["USD"] * count,
            "open_minor": pa.array([100 + one for one in range(count)], pa.int64()),
        }
    )
    assert set(wide.column_names) <= set(many.schema.names)
    paid = pa.table(
        {
            "payment_id": ["P-1"],
            "amount_minor": pa.array([100 + 59_999], pa.int64()),
            "currency": ["USD"],
            "remittance_text": [f"INV-1059999-{59_999 * 7}"],
        }
    )
    with Client(server.address) as client:
        found = client.match_tables(payments=paid, open_items=wide)
    assert found.tables["applications"]["open_item_id"].to_pylist() == ["I-59999"]


def test_a_files_result_is_the_same_in_both_encodings(server):
    content = bai2_file((25_050, "INV-20544"), (7, "NOBODY"), account="ARROW")

    async def asked():
        async with AsyncClient(server.address) as client:
            sent = await client.submit_bank_file(content, "arrow.bai")
            file_id = sent.bank_file.file_id
            tables = await client.bank_file_tables(file_id)
            rows = {}
            async for part in client.bank_file_result(file_id, rows_pb2.ROW_ENCODING_MESSAGES):
                name = part.WhichOneof("part")
                rows[name] = rows.get(name, 0) + getattr(part, name).row_count
            return tables, rows

    tables, rows = asyncio.run(asked())
    assert {name: one.num_rows for name, one in tables.items()} == rows
    assert sorted(tables["payments"]["amount_minor"].to_pylist()) == [7, 25_050]


def test_a_table_is_imported_as_a_snapshot_with_its_sums(server):
    more = table(items(open_item_id=["I-1", "I-2", "I-9"]))
    with Client(server.address) as client:
        tried = client.import_open_item_table(more, snapshot=True, validate_only=True).summary
        assert tried.state == imports_pb2.IMPORT_STATE_VALIDATED
        assert (tried.inserted_count, tried.removed_count) == (1, 1)
        done = client.import_open_item_table(more, snapshot=True, request_id="T").summary
        assert (done.inserted_count, done.removed_count) == (1, 1)
        assert client.import_open_item_table(more, snapshot=True, request_id="T").summary == done
        listed = [one.open_item.open_item_id for one in client.open_items(company_id="K")]
    assert listed == ["I-1", "I-2", "I-9"]


def test_customers_are_imported_as_changes_and_as_a_snapshot(server):
    named = {"company_id": ["K", "K", "L"], "customer_id": ["C-1", "C-2", "C-1"]}
    three = pa.table(named | {"name": ["Alder", "Birch", "Cedar"]})
    with Client(server.address) as client:
        done = client.import_customer_table(three, request_id="C").summary
        assert (done.inserted_count, done.removed_count) == (3, 0)
        assert client.import_customer_table(three, request_id="C").summary == done
        tried = client.import_customer_table(three[:1], snapshot=True, validate_only=True).summary
        assert tried.state == imports_pb2.IMPORT_STATE_VALIDATED
        assert (tried.inserted_count, tried.removed_count) == (0, 1)
        left = client.import_customer_table(three[:1], snapshot=True).summary
        assert left.removed_count == 1
        request = customer_service_pb2.ListCustomersRequest()
        (page,) = client.pages(request, customer_service_pb2.ListCustomersResponse)
    stored = [(one.customer.company_id, one.customer.name) for one in page.customers]
    assert stored == [("K", "Alder"), ("L", "Cedar")]
