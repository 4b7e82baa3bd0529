"""`tieout open-items import|export` and `tieout customers import` against a real server."""

import json

import pytest

from engine.batches import OpenItemBatch
from parsers.tables import read_open_items
from rpc.import_tables import OPEN_ITEMS
from rpc.limits import CHUNK_BYTES_MAX
from tests.server.requests import OPEN_ITEMS_CSV, items
from tests.server.running_server import RunningServer
from tieout.client import Client
from tieout.commands import main
from tieout.commands.server_ledger import send_open_items

pytestmark = pytest.mark.xdist_group("server")

SAP = (
    "Company Code;Customer;Document Number;Fiscal Year;Line item;Reference;Document Type;"
    "Net due date;Amount in doc. curr.;Document currency\n"
    "US01;C1;1800000123;2026;1;INV-1001;RV;15.10.2026;100,00;USD\n"
    "US01;C1;1800000124;2026;1;INV-1002;RV;15.10.2026;250,50;USD\n"
)
CUSTOMERS = "customer_id,company_id,name\nC-1,K,Acme\nC-2,K,Globex\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("ledger")) as running:
        yield running
        assert running.terminate() == 0


@pytest.fixture
def tieout(server, capsys):
    def run(*arguments, code=0):
        assert main([*map(str, arguments), "--server", server.address]) == code
        return capsys.readouterr()

    return run


def test_an_export_of_an_erp_goes_in_and_comes_out_again(tieout, tmp_path):
    sap = tmp_path / "fbl5n.csv"
    sap.write_text(SAP)
    given = ("open-items", "import", sap, "--preset", "sap", "--snapshot")
    dry = tieout(*given, "--dry-run").out
    assert dry.startswith("would be 2 new, 0 changed, 0 the same, 0 gone")
    done = json.loads(tieout(*given, "--json", "--request-id", "sap-1").out)
    assert (done["inserted_count"], done["state"]) == ("2", "IMPORT_STATE_IMPORTED")
    assert json.loads(tieout(*given, "--json", "--request-id", "sap-1").out) == done
    for name in ("out.csv", "out.parquet"):
        told = tieout("open-items", "export", tmp_path / name, "--company", "US01", "--json")
        assert json.loads(told.out) == {"rows": 2, "open_amount": {"USD": "350.50"}}
        read = read_open_items(tmp_path / name)
        assert read.int64("open_minor").tolist() == [10_000, 25_050]
    shown = tieout("open-items", "export", "-", "--customer", "C-2").out
    assert shown.splitlines()[0].startswith("open_item_id,company_id,customer_id")
    assert "I-3" in shown


def test_a_snapshot_takes_away_what_it_does_not_hold(tieout, tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("".join(OPEN_ITEMS_CSV.splitlines(keepends=True)[:3]))
    assert "0 new, 0 changed, 2 the same, 0 gone" in tieout("open-items", "import", table).out
    told = tieout("open-items", "import", table, "--snapshot").out
    assert "0 new, 0 changed, 2 the same, 1 gone" in told
    again = tieout("open-items", "import", table, "--request-id", "A").out
    assert "2 the same" in again
    table.write_text(OPEN_ITEMS_CSV)
    told = tieout("open-items", "import", table, "--request-id", "A", code=5).err
    assert "REQUEST_ID_REUSED" in told
    back = tieout("open-items", "import", table).out
    assert "0 new, 1 changed, 2 the same" in back, "what was gone is back"


def test_customers_go_in_and_errors_have_their_codes(tieout, tmp_path):
    table = tmp_path / "customers.csv"
    table.write_text(CUSTOMERS)
    assert "2 new" in tieout("customers", "import", table, "--snapshot").out
    table.write_text(CUSTOMERS.replace("Globex", ""))
    assert "name" in tieout("customers", "import", table, code=65).err
    tieout("customers", "import", tmp_path / "nowhere.csv", code=66)
    table.write_text(CUSTOMERS)
    assert main(["customers", "import", str(table), "--server", "127.0.0.1:1"]) == 69


def test_large_tables_travel_in_messages_that_are_small_enough(server):
    count = 20_000
    many = OpenItemBatch.from_columns(
        {
            "open_item_id": [f"BIG-{number}" for number in range(count)],
            "company_id": ["BIG"] * count,
            "customer_id": ["C-1"] * count,
            "document_number": [f"INV-{number}" for number in range(count)],
            "document_type": ["invoice"] * count,
            "currency": ["USD"] * count,
            "open_minor": [1] * count,
            "original_minor": [1] * count,
            "purchase_order": ["x" * 100] * count,
            "status": ["open"] * count,
        }
    )
    assert many.SCHEMA == OPEN_ITEMS.rows.batch_class.SCHEMA == items().SCHEMA
    assert many.record_batch.nbytes > 3 * CHUNK_BYTES_MAX
    with Client(server.address, timeout_seconds=60) as client:
        summary = send_open_items(client, many, snapshot=True, dry_run=True, request_id="")
    assert summary.inserted_count == count
