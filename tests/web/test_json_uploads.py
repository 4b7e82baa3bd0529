"""Bodies that are files, lines of messages or rows, against a real server."""

import http.client
import json
import time
from urllib.parse import quote, urlsplit

import pytest

from tests.server.requests import bai2_file, items, table
from tests.web.door_requests import FILE, LINES, get, post, problem, told
from tieout.client import Client
from web.json_door.writing import plain_of

pytestmark = pytest.mark.xdist_group("web")


def test_an_upload_that_is_not_what_it_says_is_refused(served):
    content = bai2_file((2, "DIGEST"))
    wrong = "sha-256=:" + "A" * 43 + "=:"
    answer = post(served, "/v1/bank-files", content, FILE, content_digest=wrong)
    assert problem(answer) == (400, "CHECKSUM_MISMATCH")
    for media in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = post(served, "/v1/bank-files", content, {"content-type": media})
        assert problem(answer) == (415, "CONTENT_TYPE_UNKNOWN")
        assert "application/octet-stream" in told(answer)["detail"]
    answer = post(served, "/v1/bank-files", content, FILE, content_encoding="gzip")
    assert problem(answer) == (415, "CONTENT_TYPE_UNKNOWN")
    answer = post(served, "/v1/bank-files?sha256=ab&nope=1", content, FILE)
    assert problem(answer) == (400, "UNKNOWN_FIELD")
    assert problem(post(served, "/v1/bank-files", b"", FILE))[0] == 400


def test_an_upload_that_breaks_off_leaves_nothing(served):
    parts = urlsplit(served.url)
    content = bai2_file((3, "BROKEN OFF"))
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("POST", "/v1/bank-files")
    connection.putheader("content-type", "application/octet-stream")
    connection.putheader("content-length", str(len(content) + 1_000))
    connection.endheaders(content)
    time.sleep(0.2)
    connection.close()
    again = told(post(served, "/v1/bank-files", content, FILE))
    assert "alreadyProcessed" not in again


def test_a_large_upload_comes_whole(served):
    rows = [(number + 1, f"PAYMENT NUMBER {number:06} " + "X" * 60) for number in range(30_000)]
    content = bai2_file(*rows)
    assert len(content) > 3 << 20
    answer = post(served, "/v1/bank-files?validateOnly=true", content, FILE)
    assert answer.status == 200
    found = told(answer)["bankFile"]
    assert (found["sizeBytes"], found["paymentCount"]) == (str(len(content)), "30000")


ROW = b"open_item_id,company_id,customer_id,document_number,currency_code,open_minor,references\n"


def test_open_items_come_in_as_messages_or_as_csv(served):
    batch = table("open_items", items(company_id=["J"] * 3), arrow=False)
    header = {"mode": "IMPORT_MODE_SNAPSHOT"}
    total = {"companyId": "J", "currencyCode": "USD", "itemCount": 3, "openMinor": 42_575}
    upserts = {"openItems": {"openItems": plain_of(batch)}}
    lines = [{"header": header | {"totals": [total]}}, upserts]
    content = "\n".join(map(json.dumps, lines)).encode()
    answer = post(served, "/v1/open-items:import", content, LINES, idempotency_key="I-1")
    assert told(answer)["summary"]["insertedCount"] == "3"
    assert told(answer)["summary"]["requestId"] == "I-1"
    replay = post(served, "/v1/open-items:import", content, LINES, idempotency_key="I-1")
    assert replay.body == answer.body
    totals = quote(json.dumps([total | {"openMinor": 1}]))
    rows = post(
        served,
        f"/v1/open-items:import?mode=IMPORT_MODE_SNAPSHOT&totals={totals}",
        [upserts],
    )
    assert problem(rows) == (400, "SNAPSHOT_MISMATCH")
    csv = ROW + b'I-9,J,C-1,"INV,9",USD,123,a;b\n\nI-8,J,C-1,INV-8,USD,-5,\n'
    answer = post(served, "/v1/open-items:import", csv, {"content-type": "text/csv; charset=utf-8"})
    assert told(answer)["summary"]["insertedCount"] == "2"
    item = get(served, "/v1/open-items/I-9?companyId=J")
    assert told(item)["openItem"]["documentNumber"] == "INV,9"
    assert told(item)["openItem"]["references"] == ["a", "b"]
    assert item.headers["etag"] == f'"{told(item)["etag"]}"'
    listed = told(get(served, "/v1/open-items?companyId=J&pageSize=100"))["openItems"]
    assert len(listed) == 5
    with Client(served.address) as client:
        assert [plain_of(one) for one in client.open_items(company_id="J")] == listed
    refused = post(
        served, "/v1/open-items:import", ROW + b"I-7,J,C-1,X,USD,x1\n", {"content-type": "text/csv"}
    )
    assert problem(refused) == (400, "MESSAGE_MALFORMED")
    assert "line 2 has 6 cells" in told(refused)["detail"]


@pytest.mark.parametrize(
    ("csv", "reason", "sentence"),
    [
        (b"open_item_id,nope\nI,1\n", "UNKNOWN_FIELD", "column 'nope' is no field; OpenItem has"),
        (b"openItemId,open_item_id\nI,1\n", "AMBIGUOUS_FIELD", "two columns are open_item_id"),
        (b'open_item_id\n"I\n', "MESSAGE_MALFORMED", "no CSV"),
        (b"open_item_id\n\xff\n", "MESSAGE_MALFORMED", "no CSV in UTF-8"),
        (ROW + b"I,J,C,D,USD,1.00,\n", "FIELD_INVALID", "openMinor: expected an integer"),
    ],
)
def test_csv_that_is_wrong_is_refused_with_its_place(served, csv, reason, sentence):
    answer = post(served, "/v1/open-items:import", csv, {"content-type": "text/csv"})
    assert problem(answer) == (400, reason)
    assert sentence in told(answer)["detail"]


def test_customers_come_in_as_csv(served):
    csv = "\ufeffcustomer_id,company_id,name,aliases\nC-77,J,Zoë & Co,ZOE;Z\n".encode()
    answer = post(served, "/v1/customers:import", csv, {"content-type": "text/csv"})
    assert told(answer)["summary"]["insertedCount"] == "1"
    found = told(get(served, "/v1/customers/C-77?companyId=J"))["customer"]
    assert found["name"] == "Zoë & Co"
    assert found["aliases"] == ["ZOE", "Z"]
