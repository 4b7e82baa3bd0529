"""A real server process over a real socket: services, results, metrics, paging."""

import asyncio
import io
import json
import re
import time
import urllib.error
import urllib.request

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from rpc.limits import CHUNK_BYTES_MAX, RPCS_MAX
from rpc.metrics import METRICS
from rpc.permissions import PUBLIC_RPCS, RPC_PERMISSIONS
from tests.server.requests import bai2_file, items, match_request, payments, table
from tests.server.running_server import RunningServer
from tieout.client import NO_RETRIES, Client, ClientError, UnreachableError
from tieout.v1 import (
    bank_file_service_pb2,
    bank_file_service_pb2_grpc,
    exception_service_pb2,
    exception_service_pb2_grpc,
    match_service_pb2,
    match_service_pb2_grpc,
    rows_pb2,
)

pytestmark = pytest.mark.xdist_group("server")

SERVICES = {
    "tieout.v1.MatchService",
    "tieout.v1.BankFileService",
    "tieout.v1.ExceptionService",
    "tieout.v1.ApplicationService",
    "tieout.v1.OpenItemService",
    "tieout.v1.CustomerService",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running
        assert running.terminate() == 0


@pytest.fixture
def client(server):
    with Client(server.address, timeout_seconds=30) as opened:
        yield opened


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.address) as opened:
        yield opened


def submit(client, content, name="file.bai", **options):
    return client.submit_bank_file(io.BytesIO(content), name, **options)


def test_the_server_and_each_service_are_healthy(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", *SERVICES):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=10)
    assert {service.name for service in answer.list_services_response.service} >= SERVICES


def test_every_call_the_running_server_offers_asks_for_a_permission(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest
    (listed,) = stub.ServerReflectionInfo(iter([ask(list_services="")]), timeout=10)
    names = [service.name for service in listed.list_services_response.service]
    requests = [ask(file_containing_symbol=name) for name in names]
    offered = set()
    for answer in stub.ServerReflectionInfo(iter(requests), timeout=10):
        for content in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(content)
            for service in file.service:
                name = f"{file.package}.{service.name}"
                offered |= {f"{name}/{method.name}" for method in service.method}
    assert {rpc.partition("/")[0] for rpc in offered} == set(names) > SERVICES
    assert offered - PUBLIC_RPCS - set(RPC_PERMISSIONS) == set()


def test_a_match_by_messages_by_arrow_and_by_stream_is_the_same(client):
    plain = client.match_payments(match_request())
    arrow = client.match_payments(match_request(arrow=True))
    assert plain == arrow
    header = match_service_pb2.StreamMatchHeader(request_id="R-1")
    parts = [
        match_service_pb2.StreamMatchPaymentsRequest(header=header),
        match_service_pb2.StreamMatchPaymentsRequest(
            payments=table("payments", payments(), arrow=True)
        ),
        match_service_pb2.StreamMatchPaymentsRequest(
            open_items=table("open_items", items(), arrow=True)
        ),
    ]
    answer = list(client.stream_match_payments(parts))
    assert answer[0].summary == plain.summary
    assert answer[1].applications == plain.applications


def test_a_file_sent_twice_is_processed_once(client):
    content = bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU"), account="TWICE")
    first = submit(client, content, "monday.bai", request_id="TWICE-1")
    again = submit(client, content, "again.bai", request_id="TWICE-2")
    repeated = submit(client, content, "monday.bai", request_id="TWICE-1")
    assert (first.already_processed, again.already_processed) == (False, True)
    assert first.bank_file == again.bank_file == repeated.bank_file
    assert client.get_bank_file(first.bank_file.file_id) == first.bank_file
    parts = {part.WhichOneof("part") for part in client.bank_file_result(first.bank_file.file_id)}
    fields = bank_file_service_pb2.GetBankFileResultResponse.DESCRIPTOR.fields
    assert parts == {field.name for field in fields}


def submit_to(channel):
    return bank_file_service_pb2_grpc.BankFileServiceStub(channel).SubmitBankFile


def test_an_error_carries_its_reason_for_people_and_programs(client):
    submit(client, bai2_file((1, "A"), account="REUSED"), request_id="REUSED")
    with pytest.raises(ClientError) as caught:
        submit(client, bai2_file((2, "B"), account="REUSED"), request_id="REUSED")
    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert caught.value.code is grpc.StatusCode.ALREADY_EXISTS
    status = rpc_status.from_call(caught.value.__cause__)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("REQUEST_ID_REUSED", "tieout")
    assert info.metadata["request_id"] == "REUSED"


def test_what_is_no_bank_file_is_refused(client):
    with pytest.raises(ClientError) as caught:
        submit(client, b"no,bank,file\n")
    assert caught.value.reason == "NOT_A_BANK_FILE"
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"sha256": "0" * 64}, "CHECKSUM_MISMATCH"),
        ({"size_bytes": 1}, "CHECKSUM_MISMATCH"),
        ({"request_id": "x" * 256}, "FIELD_INVALID"),
        ({"file_name": "x" * 256}, "FIELD_INVALID"),
    ],
)
def test_a_header_that_lies_is_refused(channel, header, reason):
    request = bank_file_service_pb2.SubmitBankFileRequest
    parts = [
        request(header=bank_file_service_pb2.SubmitBankFileHeader(**header)),
        request(chunk=bai2_file((1, "LIE"))),
    ]
    with pytest.raises(grpc.RpcError) as caught:
        submit_to(channel)(iter(parts), timeout=30)
    assert dict(caught.value.trailing_metadata())["tieout-reason"] == reason


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "STREAM_ORDER"),
        ([{"chunk": b"01"}], "STREAM_ORDER"),
        ([{"header": {}}, {"chunk": b"x" * (CHUNK_BYTES_MAX + 1)}], "CHUNK_TOO_LARGE"),
    ],
    ids=["empty", "no header", "large chunk"],
)
def test_a_stream_that_breaks_the_rules_is_refused(channel, parts, reason):
    requests = [bank_file_service_pb2.SubmitBankFileRequest(**part) for part in parts]
    with pytest.raises(grpc.RpcError) as caught:
        submit_to(channel)(iter(requests), timeout=30)
    assert dict(caught.value.trailing_metadata())["tieout-reason"] == reason


def test_a_file_nobody_sent_is_not_found(client):
    with pytest.raises(ClientError) as caught:
        client.get_bank_file("0" * 64)
    assert (caught.value.reason, caught.value.code) == (
        "BANK_FILE_NOT_FOUND",
        grpc.StatusCode.NOT_FOUND,
    )
    with pytest.raises(ClientError) as caught:
        list(client.bank_file_result("no id"))
    assert caught.value.reason == "FIELD_INVALID"


def test_exceptions_are_listed_page_by_page(client):
    rows = [(100 + number, f"NOTHING {number}") for number in range(7)]
    sent = submit(client, bai2_file(*rows, account="PAGES"))
    file_id = sent.bank_file.file_id
    whole = list(client.exceptions(file_id=file_id))
    paged = list(client.exceptions(file_id=file_id, page_size=3))
    assert [item.exception_id for item in paged] == [item.exception_id for item in whole]
    assert len(whole) == sent.bank_file.exception_count >= 7
    code = whole[0].code
    assert {item.code for item in client.exceptions(code=code, file_id=file_id)} == {code}


def test_a_page_token_of_another_list_is_refused(client, channel):
    rows = [(200 + number, f"TOKEN {number}") for number in range(3)]
    file_id = submit(client, bai2_file(*rows, account="TOKEN")).bank_file.file_id
    call = exception_service_pb2_grpc.ExceptionServiceStub(channel).ListExceptions
    request = {"file_id": file_id, "page_size": 1}
    from_list = exception_request(**request)
    token = call(from_list, timeout=30).next_page_token
    assert token
    for wrong in (exception_request(page_token=text) for text in (token, "never given out")):
        with pytest.raises(grpc.RpcError) as caught:
            call(wrong, timeout=30)
        assert dict(caught.value.trailing_metadata())["tieout-reason"] == "PAGE_TOKEN_INVALID"


def exception_request(**fields):
    return exception_service_pb2.ListExceptionsRequest(**fields)


def test_metrics_are_counted_and_served(client, server):
    client.match_payments(match_request())
    with urllib.request.urlopen(server.metrics, timeout=10) as answer:  # noqa: S310  # our own
        text = answer.read().decode()
    for metric in METRICS:
        assert f"# TYPE {metric.name.removesuffix('_total')}" in text, metric.name
    method = 'grpc_method="MatchPayments",grpc_service="tieout.v1.MatchService"'
    handled = f'grpc_server_handled_total{{grpc_code="OK",{method},grpc_type="unary"}}'
    assert handled in text
    assert re.search(r"^tieout_server_memory_bytes \d", text, re.MULTILINE)
    assert 'tieout_condition{condition="store"} 1.0' in text
    assert 'tieout_resident_rows{table="open_items"} 3.0' in text
    assert 'tieout_stage_seconds_count{stage="audit"}' in text


def test_alive_and_ready_are_told_over_http(server):
    base = server.metrics.removesuffix("/metrics")
    for path in ("/livez", "/readyz"):
        with urllib.request.urlopen(base + path, timeout=10) as answer:  # noqa: S310  # our own
            told = json.load(answer)
        assert told == {"alive": True, "workers": True, "store": True, "not_draining": True}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(base + "/etc/passwd", timeout=10)  # noqa: S310  # our own


def test_a_deadline_ends_the_call_and_the_server_goes_on(client, channel):
    with pytest.raises(grpc.RpcError) as caught:
        match_service_pb2_grpc.MatchServiceStub(channel).MatchPayments(
            match_request(), timeout=0.0005
        )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert client.match_payments(match_request()).summary.request_id == "R-1"


def test_health_answers_while_the_engine_works(server):
    async def ping_while_matching():
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            match = channel.unary_unary(
                "/tieout.v1.MatchService/MatchPayments",
                request_serializer=match_service_pb2.MatchPaymentsRequest.SerializeToString,
                response_deserializer=match_service_pb2.MatchPaymentsResponse.FromString,
            )
            matches = [match(match_request(), timeout=30) for _ in range(40)]
            pings = []
            for _ in range(20):
                began = time.perf_counter()
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
                pings.append(time.perf_counter() - began)
            answers = await asyncio.gather(*matches)
            return pings, answers

    pings, answers = asyncio.run(ping_while_matching())
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert sorted(pings)[10] < 0.25, "the event loop does not compute"


def test_an_answer_beyond_one_message_asks_for_the_stream(client):
    many = 20_000
    request = match_request(
        payments=table(
            "payments",
            payments(
                payment_id=[f"P-{number}" for number in range(many)],
                company_id=["K"] * many,
                amount_minor=[number + 1 for number in range(many)],
                currency=["USD"] * many,
                booking_date=[20_543] * many,
                value_date=[20_543] * many,
                remittance_text=[f"UNKNOWN {number}" for number in range(many)],
            ),
            arrow=False,
        )
    )
    with pytest.raises(ClientError) as caught:
        client.match_payments(request)
    assert caught.value.reason == "ANSWER_TOO_LARGE"
    parts = [
        match_service_pb2.StreamMatchPaymentsRequest(
            header=match_service_pb2.StreamMatchHeader(row_encoding=rows_pb2.ROW_ENCODING_ARROW)
        ),
        match_service_pb2.StreamMatchPaymentsRequest(payments=request.payments),
        match_service_pb2.StreamMatchPaymentsRequest(open_items=request.open_items),
    ]
    answer = client.stream_match_payments(parts)
    outcomes = sum(
        part.payment_outcomes.row_count
        for part in answer
        if part.WhichOneof("part") == "payment_outcomes"
    )
    assert outcomes == many


def test_more_calls_than_the_server_takes_are_turned_away(server):
    async def crowd():
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            watches = [stub.Watch(request, timeout=120) for _ in range(RPCS_MAX)]
            for watch in watches:
                await watch.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
            for watch in watches:
                watch.cancel()
            return caught.value.code()

    assert asyncio.run(crowd()) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_nobody_there_is_an_error_of_its_own():
    nobody = Client("127.0.0.1:1", timeout_seconds=10, retrying=NO_RETRIES)
    with nobody as client, pytest.raises(UnreachableError):
        client.get_bank_file("0" * 64)
