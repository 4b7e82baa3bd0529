"""Events are followed without loss, reports add up, over a running server."""

import threading

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout.client import Client
from tieout.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
)

ROWS = ((10_000, "INV-20431"), (33_300, "THANK YOU"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("events")) as running:
        yield running


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.address) as opened:
        yield opened


def submit(server, content):
    import io  # noqa: PLC0415 - one line needs it

    with Client(server.address) as client:
        return client.submit_bank_file(io.BytesIO(content), "file.bai").bank_file.file_id


def test_events_are_listed_streamed_and_reported(server, channel):
    events = event_service_pb2_grpc.EventServiceStub(channel)
    first = submit(server, bai2_file(*ROWS, account="ONE"))
    page = events.ListEvents(event_service_pb2.ListEventsRequest(page_size=10))
    assert [event.subject for event in page.events] == [first]
    again = events.ListEvents(event_service_pb2.ListEventsRequest(page_token=page.next_page_token))
    assert (list(again.events), again.next_page_token) == ([], page.next_page_token)

    stream = events.StreamEvents(
        event_service_pb2.StreamEventsRequest(
            page_token=page.next_page_token, kinds=["bank_file.processed"]
        ),
        timeout=120,
    )
    sent = []
    sender = threading.Thread(
        target=lambda: sent.append(submit(server, bai2_file(*ROWS, account="TWO")))
    )
    sender.start()
    told = next(stream)
    sender.join()
    stream.cancel()
    assert [event.subject for event in told.events] == sent
    assert '"payment_count":2' in told.events[0].payload_json
    with pytest.raises(grpc.RpcError) as caught:
        events.ListEvents(event_service_pb2.ListEventsRequest(kinds=["nothing"]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as caught:
        events.ListEvents(event_service_pb2.ListEventsRequest(page_token="x"))
    assert dict(caught.value.trailing_metadata())["tieout-reason"] == "CURSOR_INVALID"

    reports = report_service_pb2_grpc.ReportServiceStub(channel)
    told = reports.GetActivityReport(report_service_pb2.GetActivityReportRequest())
    assert [(one.source_format, one.state, one.file_count) for one in told.files] == [
        ("bai2", "processed", 2)
    ]
    (cash,) = told.cash_positions
    assert (cash.currency_code, cash.amount_minor, cash.applied_minor) == ("USD", 86_600, 10_000)
    assert cash.amount_minor == sum(
        getattr(cash, name)
        for name in cash.DESCRIPTOR.fields_by_name
        if name.endswith("_minor") and name != "amount_minor"
    )
    (rates,) = told.straight_through
    assert (rates.payment_count, rates.automatic_payment_count) == (4, 1)
    assert (rates.line_count, rates.automatic_line_count) == (1, 1)
    assert (rates.amount_minor, rates.automatic_minor) == (86_600, 10_000)
    assert sum(one.case_count for one in told.waiting_cases) == 3
    assert {one.days_min for one in told.waiting_cases} == {0}
    only = reports.GetActivityReport(report_service_pb2.GetActivityReportRequest(company_id="Z"))
    assert (list(only.files), list(only.cash_positions)) == ([], [])
    later = report_service_pb2.GetActivityReportRequest(receive_time_min=Timestamp(seconds=1 << 33))
    assert list(reports.GetActivityReport(later).straight_through) == []
