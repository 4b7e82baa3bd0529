"""Every call by JSON against a real server: the answers of gRPC, the errors of gRPC, once each."""

import gzip
import http.client
import json
import threading
from urllib.parse import quote, urlsplit

import grpc
import pytest
from google.protobuf import json_format

from tests.server.requests import bai2_file, match_request
from tests.web.door_requests import FILE, GOLDEN, LINES, get, post, problem, told
from tieout.client import Client
from tieout.v1 import bank_file_service_pb2
from web.json_door.bindings import BINDINGS, Upload
from web.json_door.contract import rpcs
from web.json_door.paths import fields_of_path
from web.json_door.problems import HTTP_STATUSES
from web.json_door.writing import json_of, plain_of

pytestmark = pytest.mark.xdist_group("web")


def by_grpc(served, rpc, messages):
    """The answer, or answers, of the same call over gRPC, or its error."""
    kinds = {
        (False, False): served.channel.unary_unary,
        (True, False): served.channel.stream_unary,
        (False, True): served.channel.unary_stream,
        (True, True): served.channel.stream_stream,
    }
    call = kinds[rpc.streams_requests, rpc.streams_responses](
        rpc.method,
        request_serializer=rpc.request.SerializeToString,
        response_deserializer=rpc.response.FromString,
    )
    try:
        found = call(iter(messages) if rpc.streams_requests else messages[0], timeout=30)
        return list(found) if rpc.streams_responses else [found]
    except grpc.RpcError as error:
        return error


def requested(served, binding, rpc):
    """A small request of `binding`: what is sent by JSON, and the same messages for gRPC."""
    fields = dict.fromkeys(fields_of_path(binding.path), "1")
    path = binding.path
    for name in fields:
        path = path.replace(f"{{{name}}}", quote(fields[name]))
    key = f"K-{binding.rpc}"
    if binding.upload is not None:
        known = rpc.request.DESCRIPTOR.fields_by_name["header"].message_type.fields_by_name
        given = fields | ({"request_id": key} if "request_id" in known else {})
        header = rpc.request(header=given)
        if binding.upload is Upload.FILE:
            content = b"no bank file"
            answer = post(served, path, content, FILE, idempotency_key=key)
            return answer, [header, rpc.request(chunk=content)]
        return post(served, path, json_of(header), LINES), [header]
    if "request_id" in rpc.request.DESCRIPTOR.fields_by_name:
        fields["request_id"] = key
    message = json_format.ParseDict(fields, rpc.request())
    if binding.verb == "POST":
        return post(served, path, idempotency_key=key), [message]
    return get(served, path), [message]


ENDING = [binding for binding in BINDINGS if not binding.is_endless]


@pytest.mark.parametrize("binding", ENDING, ids=lambda binding: binding.rpc)
def test_every_call_answers_by_json_what_it_answers_by_grpc(served, binding):
    rpc = rpcs()[binding.rpc]
    answer, messages = requested(served, binding, rpc)
    other = by_grpc(served, rpc, messages)
    if isinstance(other, grpc.RpcError):
        trailers = dict(other.trailing_metadata())
        status, reason = problem(answer)
        assert reason == trailers["tieout-reason"]
        assert told(answer)["code"] == other.code().name
        assert told(answer)["detail"] == other.details()
        assert status in (HTTP_STATUSES[other.code()], 413)
        return
    assert answer.status in (200, 422)
    texts = answer.body.splitlines() if rpc.streams_responses else [answer.body]
    assert [json_format.Parse(text, rpc.response()) for text in texts] == other


def test_a_match_is_the_one_of_grpc(served):
    request = match_request()
    answer = post(served, "/v1/payments:match", json_of(request))
    with Client(served.address) as client:
        expected = client.match_payments(request)
    assert answer.status == 200
    assert json_format.Parse(answer.body, type(expected)()) == expected
    assert expected.applications.row_count >= 1


def test_a_streamed_match_is_the_one_of_grpc(served):
    request = match_request()
    header = {"header": {"requestId": "R-1", "rowEncoding": "ROW_ENCODING_MESSAGES"}}
    parts = [header, {"openItems": plain_of(request.open_items)}]
    parts.append({"payments": plain_of(request.payments)})
    lines = b"\n\n".join(json.dumps(part).encode() for part in parts)
    answer = post(served, "/v1/payments:streamMatch", lines, LINES)
    as_list = post(served, "/v1/payments:streamMatch", parts)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.body == as_list.body
    found = [json.loads(line) for line in answer.body.splitlines()]
    with Client(served.address) as client:
        whole = client.match_payments(request)
    assert found[0] == {"summary": plain_of(whole.summary)}
    (applied,) = (part["applications"] for part in found if "applications" in part)
    assert applied == plain_of(whole.applications)


def test_wrong_rows_are_listed_and_no_success(served):
    request = match_request()
    request.payments.messages.payments[0].currency_code = "XXY"
    answer = post(served, "/v1/payments:match", json_of(request))
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/json"
    summary = told(answer)["summary"]
    assert summary["state"] == "MATCH_STATE_REFUSED"
    (wrong,) = summary["rowErrors"]
    assert (wrong["table"], wrong["column"], wrong["value"]) == ("payments", "currency", "XXY")


def test_a_bank_file_is_taken_once_and_its_result_read(served):
    content = (GOLDEN / "camt" / "statement_02.xml").read_bytes()
    path = "/v1/bank-files?fileName=day.xml"
    first = post(served, path, content, FILE, idempotency_key='"K-1"')
    again = post(served, path, content, FILE, idempotency_key="K-1")
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body, "the first answer, byte by byte"
    other = post(served, path, bai2_file((1, "OTHER")), FILE, idempotency_key="K-1")
    assert problem(other) == (409, "REQUEST_ID_REUSED")
    assert told(other)["metadata"]["request_id"] == "K-1"
    fresh = told(post(served, path, content, FILE, idempotency_key="K-2"))
    assert fresh["alreadyProcessed"] is True
    bank_file = told(first)["bankFile"]
    assert bank_file["fileName"] == "day.xml"
    file_id = bank_file["fileId"]
    receipt = get(served, f"/v1/bank-files/{file_id}")
    assert told(receipt)["bankFile"] == bank_file
    result = get(served, f"/v1/bank-files/{file_id}/result?rowEncoding=ROW_ENCODING_MESSAGES")
    with Client(served.address) as client:
        expected = list(client.bank_file_result(file_id))
    kind = bank_file_service_pb2.GetBankFileResultResponse
    assert [json_format.Parse(line, kind()) for line in result.body.splitlines()] == expected


def test_cases_are_paged_by_links_and_acted_on_with_etags(served):
    rows = [(amount, f"NOBODY KNOWS {amount}") for amount in range(9_001, 9_006)]
    post(served, "/v1/bank-files", bai2_file(*rows), FILE)
    path, seen = "/v1/cases?filter.states=CASE_STATE_NEW&pageSize=2", []
    while path:
        page = get(served, path)
        seen += told(page)["cases"]
        link = page.headers.get("link", "")
        assert bool(link) == ("nextPageToken" in told(page))
        path = link.partition(">")[0].lstrip("<")
    ids = [case["caseId"] for case in seen]
    assert len(set(ids)) == len(ids) >= 5
    count = told(get(served, "/v1/cases:count?facets=state"))["counts"]
    assert {one["value"] for one in count if one["facet"] == "state"}
    case = f"/v1/cases/{ids[0]}"
    first = get(served, case)
    etag = first.headers["etag"]
    assert get(served, case, if_none_match=etag).status == 304
    claimed = post(served, f"{case}:claim", headers={}, if_match=etag)
    assert claimed.status == 200
    assert claimed.headers["etag"] != etag
    assert told(claimed)["case"]["summary"]["state"] == "CASE_STATE_IN_WORK"
    late = post(served, f"{case}:note", {"text": "mine"}, if_match=etag)
    assert problem(late) == (412, "STALE_ROW")
    assert problem(post(served, f"{case}:note", {"text": "x", "etag": etag.strip('"')})) == (
        409,
        "STALE_ROW",
    )
    noted = post(served, f"{case}:note", {"text": "mine"}, if_match=claimed.headers["etag"])
    assert noted.status == 200
    assert get(served, case).headers["etag"] == noted.headers["etag"]
    replay = [post(served, f"{case}:release", headers={}, idempotency_key="A-1") for _ in "ab"]
    assert [one.status for one in replay] == [200, 200]
    assert replay[0].body == replay[1].body


def test_a_field_in_two_places_must_be_the_same(served):
    same = {"exceptionId": "absent", "requestId": "A-9"}
    answer = post(served, "/v1/cases/absent:claim", same, idempotency_key="A-9")
    assert problem(answer) == (404, "CASE_NOT_FOUND")
    for body in ({"exceptionId": "other"}, {"exception_id": "other"}, {"requestId": "A-8"}):
        answer = post(served, "/v1/cases/absent:claim", body, idempotency_key="A-9")
        assert problem(answer) == (400, "AMBIGUOUS_FIELD")
    assert problem(post(served, "/v1/cases/a:claim?etag=1")) == (400, "UNKNOWN_FIELD")


def test_large_answers_are_packed_for_who_takes_it(served):
    rows = [(amount, f"PACKED {amount}") for amount in range(70_001, 70_031)]
    file_id = told(post(served, "/v1/bank-files", bai2_file(*rows), FILE))["bankFile"]["fileId"]
    for path in (f"/v1/exceptions?fileId={file_id}", f"/v1/bank-files/{file_id}/result"):
        plain = get(served, path)
        packed = get(served, path, accept_encoding="br, gzip;q=0.5")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 3
        for refusal in ("", "identity", "gzip;q=0", "br"):
            assert "content-encoding" not in get(served, path, accept_encoding=refusal).headers


def events_of(served, headers, wanted):
    """Lines of the stream of events until `wanted` of them are there."""
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=30)
    connection.request("GET", "/v1/events:stream", headers=headers)
    response = connection.getresponse()
    assert response.status == 200
    found = [response.readline().decode().rstrip("\n") for _ in range(wanted)]
    connection.close()
    return response.headers["content-type"], found


def test_events_are_streamed_and_continue_where_they_ended(served):
    post(served, "/v1/bank-files", bai2_file((77, "EVENT")), FILE)
    media, found = events_of(served, {"accept": "text/event-stream"}, 6)
    assert media.startswith("text/event-stream")
    assert found[:2] == ["retry: 1000", ""]
    assert any(line.startswith("event: ") for line in found)
    media, (line,) = events_of(served, {}, 1)
    assert media == "application/jsonl"
    whole = json.loads(line)
    place = whole["nextPageToken"]
    later = threading.Timer(
        0.3, lambda: post(served, "/v1/bank-files", bai2_file((78, "LATER")), FILE)
    )
    later.start()
    media, found = events_of(served, {"accept": "text/event-stream", "last-event-id": place}, 5)
    later.join()
    assert found[2].startswith("id: ")
    assert found[3] == "event: bank_file.processed"
    number = json.loads(found[4].removeprefix("data: "))["eventNumber"]
    assert number not in {event["eventNumber"] for event in whole["events"]}
