"""Matching with what the server keeps: real calls, alone and many at once, and their limits."""

from __future__ import annotations

import asyncio
import io
import time

import grpc
import grpc.aio
import numpy as np
import pyarrow as pa
import pytest

from engine.batches import PaymentBatch, RemittanceBatch
from rpc.conversions import ANSWER_TABLES, row_messages
from tests.server.requests import bai2_file, items, payments, table
from tests.server.running_server import RunningServer
from tieout.client import Client
from tieout.v1 import (
    application_service_pb2,
    application_service_pb2_grpc,
    cases_pb2,
    match_service_pb2_grpc,
    policy_pb2,
    rows_pb2,
)
from tieout.v1 import exception_service_pb2 as desk
from tieout.v1 import match_service_pb2 as contract

pytestmark = pytest.mark.xdist_group("server")

ANSWERS = {kind.field: kind for kind in ANSWER_TABLES}
ARROW = rows_pb2.ROW_ENCODING_ARROW
WHOLE_ITEM = cases_pb2.CaseEntry(
    kind=cases_pb2.ENTRY_KIND_ITEM,
    company_id="K",
    customer_id="C-2",
    open_item_id="I-3",
    cash_minor=7_525,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("resident"), TIEOUT_WORKERS="2") as running:
        yield running
        assert running.terminate() == 0


@pytest.fixture
def match(server):
    with grpc.insecure_channel(server.address) as channel:
        yield match_service_pb2_grpc.MatchServiceStub(channel)


def request(*, arrow=False, batch=None, **fields):
    given = {
        "request_id": "R-1",
        "payments": table("payments", batch or payments(), arrow=arrow),
    }
    return contract.MatchResidentPaymentsRequest(**(given | fields))


def one_payment(number, text, amount_minor):
    return PaymentBatch.from_columns(
        {
            "payment_id": [f"P-{number}"],
            "company_id": ["K"],
            "amount_minor": [amount_minor],
            "currency": ["USD"],
            "booking_date": pa.array([20_543], pa.date32()),
            "value_date": pa.array([20_543], pa.date32()),
            "remittance_text": [text],
        }
    )


def applied(answer):
    rows = answer.applications.messages.applications
    return [(row.payment_id, row.open_item_id, row.decision, row.applied_minor) for row in rows]


def test_a_payment_finds_its_item_among_the_servers_own(match):
    answer = match.MatchResidentPayments(request(), timeout=30)
    assert answer.summary.state == contract.MATCH_STATE_MATCHED
    assert answer.summary.request_id == "R-1"
    assert answer.snapshot_version >= 1
    assert applied(answer) == [("P-1", "I-1", "auto", 10_000)]
    outcomes = answer.payment_outcomes.messages.payment_outcomes
    assert [(row.payment_id, row.status) for row in outcomes] == [
        ("P-1", "applied"),
        ("P-2", "unidentified"),
    ]
    codes = [row.code for row in answer.exceptions.messages.exception_items]
    assert codes == ["PAY-UNKNOWN"]


def test_both_encodings_say_the_same(match):
    plain = match.MatchResidentPayments(request(), timeout=30)
    arrow = match.MatchResidentPayments(request(arrow=True, row_encoding=ARROW), timeout=30)
    for field in ("applications", "payment_outcomes", "exceptions", "reversals"):
        kind = ANSWERS[field]
        sent = pa.ipc.open_stream(getattr(arrow, field).arrow.ipc_stream).read_next_batch()
        rows = row_messages(kind, kind.batch_class.of(sent))
        assert rows == list(getattr(getattr(plain, field).messages, kind.rows_field))
        assert getattr(plain, field).row_count == getattr(arrow, field).row_count == len(rows)


def stream(match, *parts, **header):
    header = contract.StreamMatchHeader(request_id="R-1", resident=True, **header)
    requests = [contract.StreamMatchPaymentsRequest(header=header)]
    requests += [contract.StreamMatchPaymentsRequest(**part) for part in parts]
    return match.StreamMatchPayments(iter(requests), timeout=30)


def test_a_stream_in_chunks_is_one_match_with_the_servers_own(match):
    whole = match.MatchResidentPayments(request(arrow=True, row_encoding=ARROW), timeout=30)
    chunks = [
        {"payments": table("payments", payments().take(np.array([row])), arrow=arrow)}
        for row, arrow in ((0, True), (1, False))
    ]
    summary, *tables = stream(match, *chunks, row_encoding=ARROW)
    assert summary.summary.state == contract.MATCH_STATE_MATCHED
    assert summary.summary.snapshot_version == whole.snapshot_version
    assert summary.summary.policy_sha256 == whole.summary.policy_sha256
    for part in tables:
        field = part.WhichOneof("part")
        assert getattr(part, field) == getattr(whole, field)
    assert len(tables) == 4


@pytest.mark.parametrize(
    ("part", "header"),
    [
        ({"open_items": table("open_items", items(), arrow=True)}, {}),
        (
            {"payments": table("payments", payments(), arrow=True)},
            {"policy": policy_pb2.PolicyBook()},
        ),
    ],
    ids=["open items", "policy"],
)
def test_what_the_server_keeps_is_not_brought_as_well(match, part, header):
    with pytest.raises(grpc.RpcError) as caught:
        list(stream(match, part, **header))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "the server's own" in caught.value.details()


def test_a_stream_that_its_caller_leaves_ends_its_work(server, match):
    before = set(server.workers())
    call = stream(match, {"payments": table("payments", payments(), arrow=True)})
    call.cancel()
    with pytest.raises(grpc.RpcError):
        list(call)
    assert applied(match.MatchResidentPayments(request(), timeout=30))
    assert len(server.workers()) == len(before)


def test_nothing_is_kept_by_a_match(match):
    first = match.MatchResidentPayments(request(), timeout=30)
    second = match.MatchResidentPayments(request(), timeout=30)
    assert first == second


def test_validate_only_checks_and_matches_nothing(match):
    answer = match.MatchResidentPayments(request(validate_only=True), timeout=30)
    assert answer.summary.state == contract.MATCH_STATE_VALIDATED
    assert not answer.HasField("applications")


def test_a_wrong_row_is_told_of_and_nothing_is_matched(match):
    batch = payments(currency=["USD", "ABC"])
    answer = match.MatchResidentPayments(request(batch=batch), timeout=30)
    assert answer.summary.state == contract.MATCH_STATE_REFUSED
    (error,) = answer.summary.row_errors
    assert (error.table, error.row_index, error.column) == ("payments", 1, "currency")


def test_a_line_of_a_payment_nobody_sent_is_wrong(match):
    lines = RemittanceBatch.from_columns(
        {
            "payment_id": ["P-9"],
            "line_number": [1],
            "reference": ["INV-20431"],
            "currency": ["USD"],
        }
    )
    sent = request(remittance_lines=table("remittance_lines", lines, arrow=False))
    answer = match.MatchResidentPayments(sent, timeout=30)
    assert answer.summary.state == contract.MATCH_STATE_REFUSED
    assert answer.summary.row_errors[0].table == "remittance_lines"


def test_calls_at_the_same_time_get_the_answers_they_get_alone(server):
    texts = ("INV-20431", "INV-20544", "INV-30777", "thank you", "INV 20431 INV 20544", "")
    amounts = (10_000, 25_050, 7_525, 35_050, 1)
    sent = [
        request(batch=one_payment(number % 7, texts[number % 6], amounts[number % 5]))
        for number in range(48)
    ]
    sent[3] = request(batch=payments(currency=["USD", "ABC"]))
    sent[5] = request(batch=one_payment(5, "INV-20431", 10_000), as_of="tomorrow")
    sent[8] = request(arrow=True, batch=one_payment(8, "INV-20431", 10_000))

    async def answers(together):
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = match_service_pb2_grpc.MatchServiceStub(channel)

            async def ask(one):
                try:
                    return await stub.MatchResidentPayments(one, timeout=60)
                except grpc.aio.AioRpcError as error:
                    return dict(error.trailing_metadata())["tieout-reason"]

            if together:
                return await asyncio.gather(*map(ask, sent))
            return [await ask(one) for one in sent]

    assert asyncio.run(answers(together=True)) == asyncio.run(answers(together=False))


def test_bytes_that_are_no_request_are_nobody_elses_matter(server):
    """A call whose message cannot be read, or asks for what is not known, fails alone."""
    good = request().SerializeToString()
    contents = [good, b"\xff" * 9, good, good + b"\xfa\x7f\x01x", good]
    expected = ["", "MESSAGE_MALFORMED", "", "UNKNOWN_FIELD", ""]

    async def reason(call, content):
        try:
            await call(content)
        except grpc.aio.AioRpcError as error:
            return dict(error.trailing_metadata())["tieout-reason"]
        return ""

    async def ask():
        async with grpc.aio.insecure_channel(server.address) as channel:
            call = channel.unary_unary("/tieout.v1.MatchService/MatchResidentPayments")
            return await asyncio.gather(*(reason(call, content) for content in contents))

    assert asyncio.run(ask()) == expected


def matched_until(match, sent, is_enough):
    """Match until the answer is enough; gives the last answer."""
    end = time.monotonic() + 30
    while True:
        answer = match.MatchResidentPayments(sent, timeout=30)
        if is_enough(answer) or time.monotonic() > end:
            return answer
        time.sleep(0.05)


def test_a_booked_file_makes_the_next_snapshot(tmp_path):
    with RunningServer(tmp_path) as own, Client(own.address, timeout_seconds=30) as client:
        content = bai2_file((7_525, "INV-30777"))
        client.submit_bank_file(io.BytesIO(content), "one.bai")
        with grpc.insecure_channel(own.address) as channel:
            stub = match_service_pb2_grpc.MatchServiceStub(channel)
            sent = request(batch=one_payment(1, "INV-30777", 7_525))
            answer = matched_until(stub, sent, lambda one: one.snapshot_version > 1)
        assert applied(answer) == []
        codes = [row.code for row in answer.exceptions.messages.exception_items]
        assert codes == ["REF-CLOSED"]


def test_what_a_clerk_applies_is_offered_to_nobody_until_it_is_taken_back(tmp_path):
    with RunningServer(tmp_path) as own, Client(own.address, timeout_seconds=30) as client:
        client.submit_bank_file(io.BytesIO(bai2_file((8_800, "NO NUMBER"))), "one.bai")
        with grpc.insecure_channel(own.address) as channel:
            stub = match_service_pb2_grpc.MatchServiceStub(channel)
            sent = request(batch=one_payment(1, "INV-30777", 7_525))
            before = matched_until(stub, sent, applied)
            assert applied(before) == [("P-1", "I-3", "auto", 7_525)]
            (case,) = client.call(desk.ListCasesRequest(), desk.ListCasesResponse).cases
            client.call(
                desk.DecideExceptionRequest(
                    exception_id=case.case_id, etag=case.etag, entries=[WHOLE_ITEM]
                ),
                desk.DecideExceptionResponse,
            )
            after = matched_until(stub, sent, lambda one: not applied(one))
            codes = [row.code for row in after.exceptions.messages.exception_items]
            assert codes == ["REF-CLOSED"]
            lines = client.call(
                desk.GetCaseRequest(exception_id=case.case_id), desk.GetCaseResponse
            ).case.lines
            taken_back = application_service_pb2.ReverseApplicationRequest(
                payment_id=case.payment_id, line_number=lines[0].line_number, reason="not theirs"
            )
            application_service_pb2_grpc.ApplicationServiceStub(channel).ReverseApplication(
                taken_back, timeout=30
            )
            again = matched_until(stub, sent, applied)
        assert applied(again) == applied(before)
        assert before.snapshot_version < after.snapshot_version < again.snapshot_version


def test_a_payment_is_explained_beside_the_items_asked_for(match):
    answer = match.ExplainPayment(
        contract.ExplainPaymentRequest(
            request_id="E-1",
            payments=table("payments", one_payment(1, "INV-20431", 10_000), arrow=False),
            open_items=["I-1", "INV-30777", "I-2", "NOBODY"],
        ),
        timeout=30,
    )
    assert answer.payment_outcome.status == "applied"
    assert [row.open_item_id for row in answer.applications] == ["I-1"]
    assert answer.applications[0].explanation
    told = {item.asked: item for item in answer.items}
    assert [item.outcome for item in answer.items] == [
        contract.ITEM_OUTCOME_APPLIED,
        contract.ITEM_OUTCOME_NOT_CHOSEN,
        contract.ITEM_OUTCOME_NOT_CHOSEN,
        contract.ITEM_OUTCOME_NOT_FOUND,
    ]
    against = {fact.topic: fact.sentence for fact in told["INV-30777"].facts if fact.against}
    assert against == {
        "customer": "the item belongs to C-2, the payment settles C-1",
        "reference": "the payment does not name INV-30777 literally",
        "amount": "the payment is 24.75 USD more than its open amount 75.25 USD",
    }
    assert told["I-2"].open_item.document_number == "INV-20544"


def test_two_payments_are_not_explained_at_once(match):
    with pytest.raises(grpc.RpcError) as caught:
        match.ExplainPayment(
            contract.ExplainPaymentRequest(payments=request().payments), timeout=30
        )
    assert dict(caught.value.trailing_metadata())["tieout-reason"] == "FIELD_INVALID"
