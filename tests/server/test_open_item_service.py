"""Open items and customers brought in over a real server, on both stores, by two tenants."""

import io
import time

import grpc
import pyarrow as pa
import pytest

from rpc.api_keys import write_keys
from rpc.caller import Role
from rpc.limits import CHUNK_BYTES_MAX
from tests.server.identity import SECRET, Carrying, key_record
from tests.server.imported_rows import (
    CHANGES,
    SNAPSHOT,
    customer_parts,
    item_parts,
    named_customers,
    one_item,
    removed_items,
    total,
)
from tests.server.requests import bai2_file, items, payments, table
from tests.server.running_server import RunningServer
from tieout.client import Client, Credentials
from tieout.client.credentials import open_channel
from tieout.v1 import (
    cases_pb2,
    customer_service_pb2,
    customer_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    exception_service_pb2,
    imports_pb2,
    match_service_pb2,
    match_service_pb2_grpc,
    open_item_service_pb2,
    open_item_service_pb2_grpc,
)

pytestmark = pytest.mark.xdist_group("imports")

SETTINGS = """
[server]
workers = 2
[store]
url_file = "store.url"
[authentication]
keys_file = "keys.toml"
keys_secret_file = "keys.secret"
[tenants.acme]
bank_accounts = "accounts.csv"
[tenants.globex]
bank_accounts = "accounts.csv"
"""
ERP = (Role.ADMIN,)
CALLERS = {
    "acme": {"roles": ERP, "tenant": "acme"},
    "acme K": {"roles": ERP, "tenant": "acme", "companies": ("K",)},
    "acme viewer": {"roles": (Role.VIEWER,), "tenant": "acme"},
    "acme submitter": {"roles": (Role.SUBMITTER,), "tenant": "acme"},
    "globex": {"roles": ERP, "tenant": "globex"},
}
IMPORTED = imports_pb2.IMPORT_STATE_IMPORTED
VALIDATED = imports_pb2.IMPORT_STATE_VALIDATED
REFUSED = imports_pb2.IMPORT_STATE_REFUSED
WAIT_SECONDS = 30


class Caller:
    """What one caller asks a server."""

    def __init__(self, address, key):
        self.credentials = Credentials(api_key=key)
        self.channel = channel = open_channel(address, self.credentials)
        shown = self.credentials.metadata()
        self.items = Carrying(open_item_service_pb2_grpc.OpenItemServiceStub(channel), shown)
        self.customers = Carrying(customer_service_pb2_grpc.CustomerServiceStub(channel), shown)
        self.match = Carrying(match_service_pb2_grpc.MatchServiceStub(channel), shown)
        self.events = Carrying(event_service_pb2_grpc.EventServiceStub(channel), shown)
        self.client = Client(address, timeout_seconds=60, credentials=self.credentials)

    def bring(self, *batches, **options):
        """Import open items."""
        parts = item_parts(*batches, **{"mode": CHANGES} | options)
        return self.items.ImportOpenItems(parts, timeout=60)

    def bring_customers(self, batch, **options):
        """Import customers."""
        parts = customer_parts(batch, **{"mode": CHANGES} | options)
        return self.customers.ImportCustomers(parts, timeout=60)

    def get(self, identity, company="K"):
        """One item with its etag."""
        request = open_item_service_pb2.GetOpenItemRequest(
            company_id=company, open_item_id=identity
        )
        return self.items.GetOpenItem(request, timeout=60)

    def listed(self, **filters):
        """Ids of all items, page by page."""
        request = open_item_service_pb2.ListOpenItemsRequest(**filters)
        found = []
        while True:
            page = self.items.ListOpenItems(request, timeout=60)
            found += [
                (one.open_item.company_id, one.open_item.open_item_id) for one in page.open_items
            ]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def close(self):
        self.client.close()
        self.channel.close()


class Server:
    """A server with two tenants and the callers of both."""

    def __init__(self, folder, url):
        made = {name: key_record(name=name, **CALLERS[name]) for name in CALLERS}
        write_keys(folder / "keys.toml", [record for _, record in made.values()])
        (folder / "keys.secret").write_bytes(SECRET.reveal())
        (folder / "store.url").write_text(url)
        (folder / "accounts.csv").write_text("bank_account,company_id,currency\nACC1,K,USD\n")
        self.running = RunningServer(folder, SETTINGS, TIEOUT_SPOOL=str(folder))
        self.callers = {name: Caller(self.running.address, key) for name, (key, _) in made.items()}

    def __getitem__(self, name):
        return self.callers[name]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imports")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'store.db'}"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    opened = Server(folder, url)
    yield opened
    for caller in opened.callers.values():
        caller.close()
    assert opened.running.terminate() == 0


@pytest.fixture
def acme(server):
    """The tenant with the three items and nothing else."""
    declared = [total("K", "USD", 3, 42_575), total("L", "", 0, 0), total("", "", 0, 0)]
    server["acme"].bring(items(), mode=SNAPSHOT, totals=declared)
    return server["acme"]


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    trailers = dict(caught.value.trailing_metadata())
    return caught.value.code().name, trailers.get("tieout-reason", "")


def counts(answer):
    summary = answer.summary
    return (
        summary.inserted_count,
        summary.updated_count,
        summary.unchanged_count,
        summary.removed_count,
    )


@pytest.mark.parametrize("arrow", [False, True], ids=["messages", "arrow"])
def test_rows_are_inserted_updated_left_and_removed(acme, arrow):
    fresh = "NEW-ARROW" if arrow else "NEW"
    changed = items(open_minor=[9_000, 25_050, 7_525]).take([0, 1])
    answer = acme.bring(
        changed,
        one_item(fresh, 500),
        arrow=arrow,
        removed=removed_items(("I-3", "K", ""), arrow=arrow),
    )
    assert answer.summary.state == IMPORTED
    assert counts(answer) == (1, 1, 1, 1)
    assert acme.listed() == [("K", "I-1"), ("K", "I-2"), ("K", fresh)]
    assert acme.get("I-1").open_item.open_minor == 9_000
    assert refused(lambda: acme.get("I-3")) == ("NOT_FOUND", "OPEN_ITEM_NOT_FOUND")
    gone = acme.bring(removed=removed_items(("I-3", "K", ""), ("NEVER", "K", "")))
    assert counts(gone) == (0, 0, 0, 0)


def test_a_wrong_row_refuses_all_and_says_where(acme):
    before = acme.listed()
    wrong = items(customer_id=["C-1", "", "C-2"])
    answer = acme.bring(one_item("GOOD", 1), wrong)
    assert answer.summary.state == REFUSED
    assert [(one.row_index, one.column, one.reason) for one in answer.summary.row_errors] == [
        (2, "customer_id", "VALUE_MISSING")
    ]
    both = acme.bring(one_item("GOOD", 1), removed=removed_items(("GOOD", "K", "")))
    (error,) = both.summary.row_errors
    assert (error.table, error.value, error.reason) == (
        "removed_open_items",
        "GOOD",
        "DUPLICATE_KEY",
    )
    assert acme.listed() == before


def test_what_is_only_validated_says_what_it_would_do(acme):
    answer = acme.bring(
        items(open_minor=[1, 25_050, 7_525]),
        one_item("DRY", 5),
        validate_only=True,
        request_id="dry",
        removed=None,
    )
    assert (answer.summary.state, counts(answer)) == (VALIDATED, (1, 1, 2, 0))
    assert answer.summary.change_number == 0
    assert acme.get("I-1").open_item.open_minor == 10_000
    assert ("K", "DRY") not in acme.listed()
    # Nothing was answered for good: the same id may now be used for the real import.
    assert counts(acme.bring(one_item("REAL", 5), request_id=f"dry-{time.monotonic_ns()}"))[0] == 1


def test_a_request_gets_its_first_answer_again(acme):
    name = f"R-{time.monotonic_ns()}"
    first = acme.bring(one_item(name, 700), request_id=name)
    acme.bring(one_item(name, 800))
    again = acme.bring(one_item(name, 700), request_id=name)
    assert again == first
    assert acme.get(name).open_item.open_minor == 800, "sent again, it changes nothing"
    other = refused(lambda: acme.bring(one_item(name, 900), request_id=name))
    assert other == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


def test_etags_let_nobody_overwrite_what_he_has_not_seen(acme):
    seen = acme.get("I-1").etag
    mine = items(open_minor=[9_999, 25_050, 7_525]).take([0])
    acme.bring(mine, etags=[seen])
    assert acme.get("I-1").etag == str(int(seen) + 1)
    stale = ("ABORTED", "STALE_ROW")
    assert refused(lambda: acme.bring(items().take([0]), etags=[seen])) == stale
    assert refused(lambda: acme.bring(items().take([0]), etags=["0"])) == stale
    gone = removed_items(("I-1", "K", seen))
    assert refused(lambda: acme.bring(one_item("ASIDE", 1), removed=gone)) == stale
    assert refused(lambda: acme.get("ASIDE"))[1] == "OPEN_ITEM_NOT_FOUND", "all or nothing"
    assert acme.get("I-1").open_item.open_minor == 9_999
    wrong = refused(lambda: acme.bring(items(), etags=["1"]))
    assert wrong == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert refused(lambda: acme.bring(one_item("E", 1), etags=["x"]))[1] == "FIELD_INVALID"


def test_a_snapshot_is_kept_only_where_counts_and_sums_are_what_it_declares(acme):
    acme.bring(one_item("ELSEWHERE", 100, company="L"), one_item("OLD", 5))
    before = acme.listed()
    mismatch = ("INVALID_ARGUMENT", "SNAPSHOT_MISMATCH")
    for declared in (total("K", "USD", 3, 42_574), total("K", "USD", 2, 42_575)):
        made = {"mode": SNAPSHOT, "totals": [declared]}
        assert refused(lambda made=made: acme.bring(items(), **made)) == mismatch
        assert acme.listed() == before
    declared = [total("K", "USD", 3, 42_575)]
    answer = acme.bring(items(), mode=SNAPSHOT, totals=declared)
    assert counts(answer) == (0, 0, 3, 1)
    assert list(answer.totals) == declared
    assert acme.listed() == [("K", "I-1"), ("K", "I-2"), ("K", "I-3"), ("L", "ELSEWHERE")]
    field = ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert refused(lambda: acme.bring(items(), mode=SNAPSHOT)) == field
    assert refused(lambda: acme.bring(items(), totals=declared)) == field
    twice = {"mode": SNAPSHOT, "totals": declared * 2}
    assert refused(lambda: acme.bring(items(), **twice)) == field
    gone = {"removed": removed_items(("I-1", "K", "")), "mode": SNAPSHOT, "totals": declared}
    assert refused(lambda: acme.bring(items(), **gone)) == field


def test_lists_are_paged_and_filtered(acme):
    acme.bring(one_item("Z-1", 7, company="L", customer="C-9"))
    every = [("K", "I-1"), ("K", "I-2"), ("K", "I-3"), ("L", "Z-1")]
    assert acme.listed(page_size=1) == acme.listed(page_size=3) == acme.listed() == every
    assert acme.listed(company_id="L") == every[3:]
    assert acme.listed(customer_id="C-1") == every[:2]
    assert acme.listed(document_number="INV-30777", currency_code="USD") == every[2:3]
    assert acme.listed(status="disputed") == []
    request = open_item_service_pb2.ListOpenItemsRequest(page_size=1)
    page = acme.items.ListOpenItems(request, timeout=60)
    assert acme.listed(changed_after=page.change_number) == []
    number = acme.bring(items(open_minor=[1, 25_050, 7_525])).summary.change_number
    assert number > page.change_number
    assert acme.listed(changed_after=page.change_number) == every[:1]
    token = {"page_token": page.next_page_token}
    assert refused(lambda: acme.listed(company_id="K", **token)) == (
        "INVALID_ARGUMENT",
        "PAGE_TOKEN_INVALID",
    )
    assert refused(lambda: acme.listed(page_token="never"))[1] == "PAGE_TOKEN_INVALID"
    assert refused(lambda: acme.listed(changed_after=-1))[1] == "FIELD_INVALID"


def test_a_caller_reads_and_writes_its_companies_only(server, acme):
    acme.bring(one_item("L-1", 7, company="L"))
    inside = server["acme K"]
    not_permitted = ("PERMISSION_DENIED", "COMPANY_NOT_PERMITTED")
    assert {company for company, _ in inside.listed()} == {"K"}
    assert inside.get("I-1").open_item.open_minor == 10_000
    assert refused(lambda: inside.get("L-1", "L")) == not_permitted
    assert refused(lambda: inside.listed(company_id="L")) == not_permitted
    assert refused(lambda: inside.bring(one_item("L-1", 1, company="L"))) == not_permitted
    gone = removed_items(("L-1", "L", ""))
    assert refused(lambda: inside.bring(removed=gone)) == not_permitted
    declared = [total("L", "", 0, 0)]
    empty = {"mode": SNAPSHOT, "totals": declared}
    assert refused(lambda: inside.bring(**empty)) == not_permitted
    assert acme.get("L-1", "L").open_item.open_minor == 7
    assert counts(inside.bring(one_item("K-1", 1))) == (1, 0, 0, 0)
    role = ("PERMISSION_DENIED", "ROLE_MISSING")
    assert refused(lambda: server["acme viewer"].bring(one_item("V", 1))) == role
    assert refused(server["acme submitter"].listed) == role
    assert server["acme submitter"].bring(items()).summary.state == IMPORTED


def test_equal_ids_of_two_tenants_never_meet(server, acme):
    globex = server["globex"]
    name = f"T-{time.monotonic_ns()}"
    first = acme.bring(items(), one_item(name, 111), request_id=name)
    assert refused(lambda: globex.get(name)) == ("NOT_FOUND", "OPEN_ITEM_NOT_FOUND")
    second = globex.bring(items(open_minor=[1, 2, 3]), one_item(name, 222), request_id=name)
    assert (counts(first)[0], counts(second)[0]) == (1, 4)
    assert (acme.get(name).open_item.open_minor, globex.get(name).open_item.open_minor) == (
        111,
        222,
    )
    globex.bring(mode=SNAPSHOT, totals=[total("K", "", 0, 0)])
    assert globex.listed() == []
    assert acme.get("I-1").open_item.open_minor == 10_000
    acme.bring_customers(named_customers("C-1"))
    globex.bring_customers(named_customers("C-1", prefix="Other"))
    request = customer_service_pb2.GetCustomerRequest(company_id="K", customer_id="C-1")
    names = [one.customers.GetCustomer(request).customer.name for one in (acme, globex)]
    assert names == ["Customer C-1", "Other C-1"]


def test_resident_matches_and_bank_files_see_what_was_imported(acme):
    name = str(time.monotonic_ns())
    acme.bring(one_item(name, 4_321, customer="C-77"))
    acme.bring_customers(named_customers("C-77"))
    paid = payments(
        amount_minor=[4_321, 1], remittance_text=[f"INV-{name}", ""], payment_id=["P-1", "P-2"]
    )
    request = match_service_pb2.MatchResidentPaymentsRequest(
        payments=table("payments", paid, arrow=False)
    )
    end = time.monotonic() + WAIT_SECONDS
    found = []
    while not found and time.monotonic() < end:
        answer = acme.match.MatchResidentPayments(request, timeout=60)
        rows = answer.applications.messages.applications
        found = [one.open_item_id for one in rows if one.decision == "auto"]
    assert found == [name]
    content = bai2_file((4_321, f"INV-{name}"))
    receipt = acme.client.submit_bank_file(io.BytesIO(content), "a.bai").bank_file
    assert receipt.application_count == 1
    item = acme.get(name)
    assert (item.open_item.open_minor, item.open_item.status) == (0, "paid")
    # The ERP's amount of before the posting opens nothing twice.
    acme.bring(one_item(name, 4_321, customer="C-77"))
    assert acme.get(name).open_item.open_minor == 0


def test_an_import_leaves_an_event_and_wakes_cases_that_wait_for_items(acme):
    name = str(time.monotonic_ns())
    content = bai2_file((6_789, f"UNHEARD OF {name}"))
    file_id = acme.client.submit_bank_file(io.BytesIO(content), "w.bai").bank_file.file_id
    (raised, *_) = list(acme.client.exceptions(file_id=file_id))
    act = {"exception_id": raised.exception_id, "request_id": name}
    waiting = exception_service_pb2.ParkExceptionRequest(
        **act, event="open_item", reason="no invoice yet"
    )
    parked = acme.client.call(waiting, exception_service_pb2.ParkExceptionResponse)
    assert parked.case.summary.state == cases_pb2.CASE_STATE_PARKED
    unchanged = acme.bring(items())
    assert unchanged.summary.woken_case_count == 0
    last = acme.events.ListEvents(event_service_pb2.ListEventsRequest(page_size=1_000))
    answer = acme.bring(one_item(f"W-{name}", 6_789))
    assert answer.summary.woken_case_count == 1
    following = event_service_pb2.ListEventsRequest(page_token=last.next_page_token)
    told = {one.kind: one for one in acme.events.ListEvents(following).events}
    assert set(told) == {"open_items.changed", "exception.changed"}
    event = told["open_items.changed"]
    assert event.subject == str(answer.summary.change_number)
    assert '"inserted_count":1' in event.payload_json
    request = exception_service_pb2.GetCaseRequest(exception_id=raised.exception_id)
    detail = acme.client.call(request, exception_service_pb2.GetCaseResponse)
    assert detail.case.summary.state == cases_pb2.CASE_STATE_OPEN


def test_customers_are_changed_replaced_listed_and_read(server, acme):
    acme.bring_customers(named_customers("A", "B", "C"), mode=SNAPSHOT, totals=[of("K", 3)])
    answer = acme.bring_customers(named_customers("D"), arrow=True, removed=[("K", "A")])
    assert counts(answer) == (1, 0, 0, 1)
    request = customer_service_pb2.ListCustomersRequest(company_id="K", page_size=2)
    page = acme.customers.ListCustomers(request, timeout=60)
    assert [one.customer.customer_id for one in page.customers] == ["B", "C"]
    request.page_token = page.next_page_token
    rest = acme.customers.ListCustomers(request, timeout=60)
    assert [one.customer.customer_id for one in rest.customers] == ["D"]
    assert not rest.next_page_token
    wrong = {"mode": SNAPSHOT, "totals": [of("K", 2)]}
    assert refused(lambda: acme.bring_customers(named_customers("X"), **wrong)) == (
        "INVALID_ARGUMENT",
        "SNAPSHOT_MISMATCH",
    )
    missing = customer_service_pb2.GetCustomerRequest(company_id="K", customer_id="A")
    assert refused(lambda: acme.customers.GetCustomer(missing)) == (
        "NOT_FOUND",
        "CUSTOMER_NOT_FOUND",
    )
    inside = server["acme K"]
    other = named_customers("A", company="L")
    assert refused(lambda: inside.bring_customers(other))[1] == "COMPANY_NOT_PERMITTED"
    nameless = named_customers("E").record_batch.to_pylist()[0] | {"name": ""}
    batch = type(other).from_columns({name: [value] for name, value in nameless.items()})
    refusal = acme.bring_customers(batch).summary
    assert (refusal.state, refusal.row_errors[0].column) == (REFUSED, "name")


def of(company_id, customer_count):
    return customer_service_pb2.CustomerTotal(company_id=company_id, customer_count=customer_count)


def test_a_stream_that_is_none_ends_with_its_reason(acme):
    parts = list(item_parts(items(), mode=CHANGES))
    send = acme.items.ImportOpenItems
    order = ("INVALID_ARGUMENT", "STREAM_ORDER")
    assert refused(lambda: send(iter(parts[1:]))) == order
    assert refused(lambda: send(iter(parts[:1] * 2))) == order
    assert refused(lambda: send(iter([]))) == order
    long = items(purchase_order=["x" * CHUNK_BYTES_MAX, "", ""])
    assert refused(lambda: acme.bring(long)) == ("INVALID_ARGUMENT", "CHUNK_TOO_LARGE")
    parts[1].open_items.open_items.row_count = 4
    assert refused(lambda: send(iter(parts))) == ("INVALID_ARGUMENT", "ROW_COUNT_MISMATCH")
    named = {"request_id": "x" * 256}
    assert refused(lambda: acme.bring(items(), **named)) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("other", pa.string())])):
        pass
    broken = open_item_service_pb2.OpenItemUpserts()
    broken.open_items.row_count = 1
    broken.open_items.arrow.ipc_stream = sink.getvalue().to_pybytes()[:-30]
    stream = [parts[0], open_item_service_pb2.ImportOpenItemsRequest(open_items=broken)]
    assert refused(lambda: send(iter(stream))) == ("INVALID_ARGUMENT", "ARROW_MALFORMED")
