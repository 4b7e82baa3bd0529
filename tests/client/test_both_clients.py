"""What a client does when calls fail: the same for threads and for asyncio."""

import asyncio
import io
import os
import threading

import grpc
import pytest

from tests.client.scripted_server import Ending, ScriptedServer, info, retry_after
from tieout.client import AsyncClient, Client, ClientError, Credentials, Retrying, UnreachableError
from tieout.v1 import (
    bank_file_service_pb2,
    event_service_pb2,
    exception_service_pb2,
    match_service_pb2,
    open_item_service_pb2,
    rows_pb2,
    run_service_pb2,
)

QUICK = Retrying(attempts=4, first_seconds=0.01)
CODES = grpc.StatusCode
TOKEN = ".".join("abc")
DOWN = Ending(CODES.UNAVAILABLE, "NOT_READY")
FULL = Ending(CODES.RESOURCE_EXHAUSTED, "OVERLOADED", [retry_after(0.05)])
FILE = bank_file_service_pb2.SubmitBankFileResponse(
    bank_file=bank_file_service_pb2.BankFile(file_id="F")
)


class ForThreads:
    """One operation on a `Client`."""

    def __init__(self, address, **options):
        self.given = (address, options)

    def do(self, name, *arguments, **options):
        with Client(self.given[0], **self.given[1]) as client:
            return getattr(client, name)(*arguments, **options)

    def rows(self, name, *arguments, first=None, **options):
        with Client(self.given[0], **self.given[1]) as client:
            found = []
            for row in getattr(client, name)(*arguments, **options):
                found.append(row)
                if len(found) == first:
                    break
            return found


class ForAsyncio(ForThreads):
    """The same on an `AsyncClient`, in a loop of its own."""

    def do(self, name, *arguments, **options):
        async def asked():
            async with AsyncClient(self.given[0], **self.given[1]) as client:
                return await getattr(client, name)(*arguments, **options)

        return asyncio.run(asked())

    def rows(self, name, *arguments, first=None, **options):
        async def asked():
            found = []
            async with AsyncClient(self.given[0], **self.given[1]) as client:
                async for row in getattr(client, name)(*arguments, **options):
                    found.append(row)
                    if len(found) == first:
                        break
            return found

        return asyncio.run(asked())


@pytest.fixture(params=[ForThreads, ForAsyncio])
def client_of(request):
    def made(server, **options):
        return request.param(getattr(server, "address", server), **{"retrying": QUICK, **options})

    return made


def page(*ids, more=""):
    found = [rows_pb2.ExceptionItem(exception_id=one) for one in ids]
    return exception_service_pb2.ListExceptionsResponse(exceptions=found, next_page_token=more)


def test_a_call_is_made_again_with_the_same_request_id(client_of):
    done = exception_service_pb2.NoteExceptionResponse()
    with ScriptedServer(DOWN, FULL, done) as server:
        request = exception_service_pb2.NoteExceptionRequest(exception_id="E", text="called")
        answer = client_of(server).do("call", request, exception_service_pb2.NoteExceptionResponse)
    assert answer == done
    assert request.request_id == ""
    read = exception_service_pb2.NoteExceptionRequest.FromString
    ids = {read(content).request_id for content in server.received}
    assert len(server.received) == 3
    assert len(ids) == 1
    assert ids != {""}
    assert len({one["x-request-id"] for one in server.metadata}) == 1


def test_a_request_id_of_the_callers_is_kept(client_of):
    with ScriptedServer(exception_service_pb2.NoteExceptionResponse()) as server:
        request = exception_service_pb2.NoteExceptionRequest(request_id="MINE")
        client_of(server).do("call", request, exception_service_pb2.NoteExceptionResponse)
    sent = exception_service_pb2.NoteExceptionRequest.FromString(server.received[0])
    assert sent.request_id == "MINE"


def test_what_says_something_about_the_request_is_said_at_once(client_of):
    wrong = Ending(CODES.INVALID_ARGUMENT, "FIELD_INVALID", [info(field="text")])
    with ScriptedServer(wrong) as server, pytest.raises(ClientError) as caught:
        client_of(server).do("get_bank_file", "F")
    assert caught.value.code is CODES.INVALID_ARGUMENT
    assert caught.value.reason == "FIELD_INVALID"
    assert caught.value.details == {"field": "text"}
    assert len(server.received) == 1


def test_the_last_attempts_end_is_the_calls_end(client_of):
    with ScriptedServer(DOWN, DOWN, DOWN, FULL) as server, pytest.raises(ClientError) as caught:
        client_of(server).do("get_bank_file", "F")
    assert caught.value.reason == "OVERLOADED"
    assert caught.value.retry_seconds == pytest.approx(0.05)
    assert len(server.received) == 4


def test_nobody_there_is_unreachable(client_of):
    with pytest.raises(UnreachableError, match=r"no server answers at 127\.0\.0\.1:1"):
        client_of("127.0.0.1:1").do("get_bank_file", "F")


def test_who_calls_is_said_with_each_call(client_of):
    answer = bank_file_service_pb2.GetBankFileResponse()
    with ScriptedServer(answer, answer) as server:
        client_of(server, credentials=Credentials(api_key="K")).do("get_bank_file", "F")
        client_of(server, credentials=Credentials(token=TOKEN)).do("get_bank_file", "F")
    assert server.metadata[0]["x-api-key"] == "K"
    assert server.metadata[1]["authorization"] == f"Bearer {TOKEN}"


class Unseekable(io.RawIOBase):
    """A pipe: read once, without a place."""

    def __init__(self, content):
        self._left = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._left.readinto(buffer)


@pytest.mark.parametrize("kind", ["path", "bytes", "open", "pipe"])
def test_a_file_is_sent_whole_however_often_its_transfer_breaks(client_of, tmp_path, kind):
    content = os.urandom(2_500_000)
    path = tmp_path / "large.bai"
    path.write_bytes(content)
    sources = {
        "path": lambda: path,
        "bytes": lambda: content,
        "open": lambda: path.open("rb"),
        "pipe": lambda: io.BufferedReader(Unseekable(content)),
    }
    with ScriptedServer(DOWN, FULL, FILE) as server:
        source = sources[kind]()
        answer = client_of(server).do("submit_bank_file", source, "large.bai")
        if kind == "open":
            source.close()
    assert answer == FILE
    assert len(server.received) == 3
    for parts in server.received:
        read = [bank_file_service_pb2.SubmitBankFileRequest.FromString(one) for one in parts]
        assert read[0].header.size_bytes == len(content)
        assert b"".join(one.chunk for one in read[1:]) == content
        assert max(len(one.chunk) for one in read) <= 1024 * 1024


def test_rows_come_page_by_page_and_a_page_is_asked_for_again(client_of):
    with ScriptedServer(page("1", "2", more="T"), DOWN, page("3")) as server:
        found = client_of(server).rows("exceptions", code="REF-NONE")
    assert [one.exception_id for one in found] == ["1", "2", "3"]
    read = exception_service_pb2.ListExceptionsRequest.FromString
    assert [read(one).page_token for one in server.received] == ["", "T", "T"]


def test_no_page_is_asked_for_that_nobody_reads(client_of):
    with ScriptedServer(page("1", "2", more="T"), page("3")) as server:
        client_of(server).rows("exceptions", first=1)
    assert len(server.received) == 1


def chunk(text):
    row = rows_pb2.Payment(payment_id=text)
    table = rows_pb2.PaymentTable(row_count=1, messages=rows_pb2.PaymentRows(payments=[row]))
    return bank_file_service_pb2.GetBankFileResultResponse(payments=table)


def test_an_answer_in_parts_is_asked_for_again_until_its_first_part(client_of):
    with ScriptedServer([DOWN], [chunk("1"), chunk("2")]) as server:
        assert client_of(server).rows("bank_file_result", "F") == [chunk("1"), chunk("2")]
    assert len(server.received) == 2
    with ScriptedServer([chunk("1"), DOWN]) as server, pytest.raises(ClientError):
        client_of(server).rows("bank_file_result", "F")
    assert len(server.received) == 1


def events(*numbers):
    found = [event_service_pb2.Event(event_number=one) for one in numbers]
    return event_service_pb2.StreamEventsResponse(
        events=found, next_page_token=f"after {numbers[-1]}"
    )


def test_who_follows_events_goes_on_behind_the_last_one(client_of):
    with ScriptedServer([events(1), events(2, 3), DOWN], [DOWN], [events(4)]) as server:
        found = client_of(server).rows("follow_events", after="after 0", first=3)
    assert [one.event_number for part in found for one in part.events] == [1, 2, 3, 4]
    read = event_service_pb2.StreamEventsRequest.FromString
    begun = [read(one).page_token for one in server.received]
    assert begun == ["after 0", "after 3", "after 3"]


def run_in(state):
    run = run_service_pb2.Run(run_id="R", state=getattr(run_service_pb2, f"RUN_STATE_{state}"))
    return run_service_pb2.WatchRunResponse(run=run)


def test_a_run_is_watched_to_its_end_on_whichever_server(client_of):
    running, done = run_in("RUNNING"), run_in("DONE")
    with ScriptedServer([running, DOWN], [DOWN], [running], [done]) as server:
        assert client_of(server).rows("watch_run", "R") == [running, running, done]
    assert len(server.received) == 4


def test_what_can_be_read_once_is_sent_once(client_of):
    contract = open_item_service_pb2
    header = contract.ImportOpenItemsRequest(header=contract.ImportOpenItemsHeader(request_id="R"))
    done = contract.ImportOpenItemsResponse()
    with ScriptedServer(DOWN, done) as server:
        assert client_of(server).do("import_open_items", [header]) == done
    with ScriptedServer(DOWN, done) as server, pytest.raises(ClientError):
        client_of(server).do("import_open_items", iter([header]))
    assert len(server.received) == 1


def test_any_call_of_the_contract_can_be_made_and_no_other(client_of):
    contract = match_service_pb2
    done = contract.ExplainPaymentResponse(snapshot_version=7)
    with ScriptedServer(done) as server:
        asked = client_of(server)
        request = contract.ExplainPaymentRequest()
        assert asked.do("call", request, contract.ExplainPaymentResponse) == done
        with pytest.raises(TypeError, match=r"answers with tieout\.v1\.ExplainPaymentResponse"):
            asked.do("call", request, contract.MatchPaymentsResponse)
        with pytest.raises(TypeError, match="is the request of no RPC"):
            asked.do("call", rows_pb2.Payment(), contract.MatchPaymentsResponse)


def test_threads_share_a_client():
    answers = [bank_file_service_pb2.GetBankFileResponse() for _ in range(40)]
    with ScriptedServer(*answers) as server, Client(server.address) as client:
        threads = [
            threading.Thread(target=lambda: [client.get_bank_file("F") for _ in range(10)])
            for _ in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(server.received) == 40
