"""Tables in Arrow over HTTP against a real server, and streams cut and spliced without pyarrow."""

from __future__ import annotations

import email
import io
import json
import uuid

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.requests import bai2_file, items, match_request, payments
from tests.web.door_requests import FILE, get, post, problem, told
from tieout.client import Client
from web.json_door.arrow_streams import ARROW, SplicedStream, pieces
from web.json_door.problems import DoorError

door = pytest.mark.xdist_group("web")
STREAM = {"content-type": ARROW}


def stream(batch, rows=None, **options):
    """Rows as an Arrow stream, in record batches of `rows`."""
    table = pa.Table.from_batches(
        [batch if isinstance(batch, pa.RecordBatch) else batch.record_batch]
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def read(content):
    return pa.ipc.open_stream(content).read_all()


def form(message=None, **tables):
    """Headers and body of a form: a file for each table, `message` as JSON."""
    boundary = uuid.uuid4().hex
    body = b""
    if message is not None:
        body += f'--{boundary}\r\ncontent-disposition: form-data; name="message"\r\n\r\n'.encode()
        body += (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\r\n"
    for name, content in tables.items():
        head = (
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="t"\r\n\r\n'
        )
        body += head.encode() + content + b"\r\n"
    return {"content-type": f"multipart/form-data; boundary={boundary}"}, body + (
        f"--{boundary}--\r\n".encode()
    )


def parts(answer):
    """Names and contents of the parts of an answer."""
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.body)
    assert message.is_multipart()
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]


def by_grpc(server):
    """The tables of the same match over gRPC."""
    with Client(server.address) as client:
        answer = client.match_payments(match_request(answer_arrow=True))
    return {
        name: read(getattr(answer, name).arrow.ipc_stream)
        for name in ("applications", "payment_outcomes", "exceptions", "reversals")
    }


@door
def test_a_match_in_arrow_both_ways_gives_what_grpc_gives(served):
    headers, body = form(
        {"requestId": "A-1"}, payments=stream(payments()), openItems=stream(items())
    )
    expected = by_grpc(served)
    answer = post(served, "/v1/payments:match", body, headers, accept=ARROW)
    assert (answer.status, answer.headers["content-type"]) == (200, ARROW)
    assert answer.headers["vary"] == "accept"
    assert read(answer.body).equals(expected["applications"])
    summary = json.loads(answer.headers["tieout-summary"])
    assert (summary["requestId"], summary["state"]) == ("A-1", "MATCH_STATE_MATCHED")
    for name, table in expected.items():
        answer = post(served, "/v1/payments:match", body, headers, accept=f"{ARROW}; table={name}")
        assert read(answer.body).equals(table), name
    answer = post(served, "/v1/payments:match", body, headers, accept="multipart/mixed")
    found = parts(answer)
    assert [name for name, _, _ in found] == ["summary", *expected]
    assert json.loads(found[0][2]) == summary
    for name, kind, content in found[1:]:
        assert kind == ARROW
        assert read(content).equals(expected[name]), name


@door
def test_either_side_may_be_json(served):
    headers, body = form(payments=stream(payments()), open_items=stream(items()))
    answer = told(post(served, "/v1/payments:match?requestId=A-2", body, headers))
    assert answer["summary"]["requestId"] == "A-2"
    (row,) = answer["applications"]["messages"]["applications"]
    assert (row["openItemId"], row["appliedMinor"]) == ("I-1", "10000")
    asked = {
        "payments": {
            "rowCount": 1,
            "messages": {
                "payments": [
                    {"paymentId": "P-1", "amountMinor": 1, "currencyCode": "USD",
                     "valueDate": "2026-03-31"}
                ]
            },
        }
    }  # fmt: skip
    answer = post(served, "/v1/payments:match", asked, accept=f"{ARROW};table=payment_outcomes")
    assert read(answer.body).column("payment_id").to_pylist() == ["P-1"]


@door
def test_wrong_rows_are_listed_as_json_whatever_the_caller_takes(served):
    wrong = stream(payments(currency=["USD", "XX"]))
    for path in ("/v1/payments:match", "/v1/payments:streamMatch"):
        headers, body = form(payments=wrong, open_items=stream(items()))
        answer = post(served, path, body, headers, accept=ARROW)
        assert (answer.status, answer.headers["content-type"]) == (422, "application/json")
        (error,) = told(answer)["summary"]["rowErrors"]
        assert (error["table"], error["rowIndex"], error["column"]) == ("payments", "1", "currency")


@door
def test_a_streamed_match_takes_batches_of_any_number_and_answers_one_stream(served):
    count = 40_000
    ids = [f"S-{number:06}" for number in range(count)]
    many = payments(
        payment_id=ids,
        company_id=["K"] * count,
        amount_minor=[number + 1 for number in range(count)],
        currency=["USD"] * count,
        booking_date=pa.array([20_543] * count, pa.date32()),
        value_date=pa.array([20_543] * count, pa.date32()),
        remittance_text=["nothing known"] * count,
    )
    content = stream(many, rows=1_000)
    assert len(content) > 4 << 20, "more than a message holds"
    headers, body = form(payments=content, open_items=stream(items()))
    accept = f"{ARROW};table=payment_outcomes"
    answer = post(served, "/v1/payments:streamMatch", body, headers, accept=accept)
    assert answer.status == 200
    assert sorted(read(answer.body).column("payment_id").to_pylist()) == ids
    refusal = post(served, "/v1/payments:match", body, headers, accept=accept)
    assert problem(refusal) == (413, "BODY_TOO_LARGE")
    assert "the streamed call" in told(refusal)["detail"]


@door
def test_rows_of_the_ledger_come_in_as_arrow(served):
    answer = post(
        served,
        "/v1/open-items:import?mode=IMPORT_MODE_CHANGES",
        stream(items(company_id=["AR"] * 3), rows=1),
        STREAM,
        idempotency_key="A-3",
    )
    assert told(answer)["summary"]["insertedCount"] == "3"
    assert told(answer)["summary"]["requestId"] == "A-3"
    item = told(get(served, "/v1/open-items/I-2?companyId=AR"))["openItem"]
    assert (item["documentNumber"], item["openMinor"]) == ("INV-20544", "25050")
    customers = pa.record_batch(
        {"customer_id": ["C-A"], "company_id": ["AR"], "name": ["Zoë"], "aliases": ["Z;ZO"]}
    )
    answer = post(served, "/v1/customers:import", stream(customers), STREAM)
    assert told(answer)["summary"]["insertedCount"] == "1"
    found = told(get(served, "/v1/customers/C-A?companyId=AR"))["customer"]
    assert found["aliases"] == ["Z", "ZO"]


@door
def test_payments_alone_are_matched_with_what_the_server_keeps(served):
    answer = post(
        served, "/v1/payments:matchResident", stream(payments()), STREAM, accept="multipart/mixed"
    )
    found = {name: content for name, _, content in parts(answer)}
    assert read(found["payment_outcomes"]).column("payment_id").to_pylist() == ["P-1", "P-2"]
    streamed = post(
        served,
        "/v1/payments:streamMatch?resident=true",
        stream(payments()),
        STREAM,
        accept="multipart/mixed",
    )
    same = {name: content for name, _, content in parts(streamed)}
    assert read(same["payment_outcomes"]).equals(read(found["payment_outcomes"]))


@door
def test_the_result_of_a_bank_file_comes_as_arrow(served):
    content = bai2_file((12_345, "ARROW"), (54_321, "ARROW TOO"))
    file = told(post(served, "/v1/bank-files", content, FILE))["bankFile"]["fileId"]
    path = f"/v1/bank-files/{file}/result"
    answer = get(served, path, accept=f"{ARROW};table=payments")
    assert sorted(read(answer.body).column("amount_minor").to_pylist()) == [12_345, 54_321]
    with Client(served.address) as client:
        expected = client.bank_file_tables(file)
    found = {
        name: read(part) for name, kind, part in parts(get(served, path, accept="multipart/mixed"))
    }
    assert found.keys() == expected.keys()
    assert all(found[name].equals(table) for name, table in expected.items())


@door
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        (f"application/json, {ARROW}", "application/json"),
        (f"application/json;q=0.5, {ARROW}", ARROW),
        (f"{ARROW};q=0.2, */*", "application/json"),
        (f"{ARROW};q=0", "application/json"),
        (f"{ARROW};q=x", "application/json"),
        (f"multipart/mixed;q=0.9, {ARROW};q=0.8;table=reversals", "multipart/mixed"),
    ],
)
def test_the_caller_says_what_it_takes(served, accept, expected):
    headers, body = form(payments=stream(payments()), open_items=stream(items()))
    answer = post(served, "/v1/payments:match", body, headers, accept=accept)
    assert answer.status == 200
    assert answer.headers["content-type"].partition(";")[0] == expected


@door
def test_what_cannot_be_is_refused_with_its_reason(served):
    table = stream(payments())
    match = "/v1/payments:match"
    answer = post(served, match, table, STREAM, accept=f"{ARROW};table=nope")
    assert problem(answer) == (406, "NOT_ACCEPTABLE")
    assert "it has applications, payment_outcomes" in told(answer)["detail"]
    assert problem(get(served, "/v1/open-items", accept=ARROW)) == (406, "NOT_ACCEPTABLE")
    assert get(served, "/v1/open-items", accept=f"{ARROW}, */*;q=0.1").status == 200
    headers, body = form({"rowEncoding": "ROW_ENCODING_MESSAGES"}, payments=table)
    assert problem(post(served, match, body, headers, accept=ARROW)) == (400, "AMBIGUOUS_FIELD")
    headers, body = form({"asOf": "2026-03-31"}, payments=table)
    answer = post(served, f"{match}?asOf=2026-03-30", body, headers)
    assert problem(answer) == (400, "AMBIGUOUS_FIELD")
    for given_form, reason in [
        (form(nope=table), "UNKNOWN_FIELD"),
        (form([1], payments=table), "MESSAGE_MALFORMED"),
        (form(b"{", payments=table), "MESSAGE_MALFORMED"),
        (form({"nope": 1}, payments=table), "UNKNOWN_FIELD"),
        (form(payments=b""), "MESSAGE_MALFORMED"),
        (form(payments=table[:-9]), "MESSAGE_MALFORMED"),
        (form(payments=b"PAR1" * 9), "MESSAGE_MALFORMED"),
        (
            form(payments=table, openItems=stream(items()), open_items=stream(items())),
            "AMBIGUOUS_FIELD",
        ),
    ]:
        assert problem(post(served, match, given_form[1], given_form[0])) == (400, reason)
    cut = ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\ncontent-disposition: form")
    assert problem(post(served, match, cut[1], cut[0])) == (400, "MESSAGE_MALFORMED")
    answer = post(
        served, "/v1/bank-files", table, {"content-type": "multipart/form-data; boundary=x"}
    )
    assert problem(answer) == (415, "CONTENT_TYPE_UNKNOWN")
    assert problem(post(served, "/v1/views", table, STREAM)) == (415, "CONTENT_TYPE_UNKNOWN")


WORDS = st.lists(st.text("ab", max_size=3), max_size=40)


@given(words=WORDS, rows=st.integers(1, 9), bytes_max=st.integers(700, 4_000), named=st.booleans())
def test_a_stream_cut_and_spliced_is_the_same_table(words, rows, bytes_max, named):
    column = pa.array(words, pa.string())
    batch = pa.record_batch({"a": column.dictionary_encode() if named else column})
    content = stream(batch, rows)
    cut = list(pieces(io.BytesIO(content), bytes_max))
    assert sum(piece.rows for piece in cut) == len(words)
    assert all(len(piece.content) <= bytes_max for piece in cut)
    tables = [read(piece.content) for piece in cut]
    assert [len(table) for table in tables] == [piece.rows for piece in cut]
    assert pa.concat_tables(tables).to_pydict() == {"a": words}
    spliced = SplicedStream()
    whole = b"".join(spliced.part(piece.content) for piece in cut) + spliced.end()
    assert read(whole).to_pydict() == {"a": words}


def test_dictionaries_that_change_hold_for_what_follows_them():
    sink = io.BytesIO()
    schema = pa.schema({"a": pa.dictionary(pa.int8(), pa.string())})
    with pa.ipc.new_stream(sink, schema) as writer:
        for word in ("x", "y", "z"):
            writer.write_batch(pa.record_batch({"a": pa.array([word]).dictionary_encode()}, schema))
    cut = list(pieces(io.BytesIO(sink.getvalue()), 1 << 20))
    assert [read(piece.content).to_pydict()["a"] for piece in cut] == [["x"], ["y"], ["z"]]


@given(place=st.integers(0, 2_000), value=st.integers(0, 255), end=st.integers(0, 2_000))
def test_damaged_streams_are_refused_or_cut_and_nothing_else(place, value, end):
    content = bytearray(stream(payments(), rows=1))
    content[place % len(content)] = value
    damaged = bytes(content[: end or None])
    try:
        found = [piece.content for piece in pieces(io.BytesIO(damaged), 1 << 16)]
    except DoorError as error:
        found = [error.refusal.value]
    assert found
    assert all(len(one) <= 1 << 16 for one in found)


def test_a_batch_larger_than_a_piece_is_refused():
    batch = pa.record_batch({"a": pa.array(["x" * 5_000])})
    with pytest.raises(DoorError, match="a record batch, with its dictionaries, is larger"):
        list(pieces(io.BytesIO(stream(batch)), 4_000))
    assert [piece.rows for piece in pieces(io.BytesIO(stream(batch)), 8_000)] == [1]
