"""`tieout exceptions` against a real server: what a clerk does from a terminal."""

import io
import json

import pytest
from click.testing import CliRunner

from store import open_repository
from tests.server.requests import bai2_file, items
from tests.server.running_server import RunningServer
from tieout.client import Client, ClientError
from tieout.commands.exceptions import exceptions_command
from tieout.v1 import exception_service_pb2

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exceptions")
    store = open_repository(f"sqlite:///{folder / 'store.db'}")
    with store.booking() as booking:
        booking.open_items.upsert(items())
    store.close()
    with RunningServer(folder) as running:
        with Client(running.address, timeout_seconds=60) as client:
            content = bai2_file((8_800, "NO NUMBER AT ALL"), (7_000, "NEITHER HERE"))
            client.submit_bank_file(io.BytesIO(content), "monday.bai")
        yield running


def run(server, *arguments, code=0, text=""):
    done = CliRunner().invoke(
        exceptions_command,
        [*arguments, "--server", server.address],
        input=text,
        standalone_mode=False,
    )
    assert done.exception is None, (done.exception, done.output)
    assert done.return_value == code, done.output + done.stderr
    return done.stdout


def cases(server, *options):
    return json.loads(run(server, "list", "--json", *options))


def case_of(server, amount):
    (found,) = [one for one in cases(server) if one["amount_minor"] == str(amount)]
    return found["case_id"]


def test_a_clerk_works_a_payment_from_the_list_to_undo(server):
    case = case_of(server, 8_800)
    shown = run(server, "show", case)
    assert "NO NUMBER AT ALL" in shown
    assert "in_work" in run(server, "claim", case)
    assert "against: the payer is not identified" in run(server, "why", case, "I-3")
    dry = run(server, "resolve", case, "--item", "K/I-1=88.00", "--dry-run")
    assert "approved" in dry
    assert "in_work" in run(server, "list", "--state", "in_work")
    assert "approved" in run(server, "resolve", case, "--numbers", "-", text="inv 20431\n")
    assert "line 1" in run(server, "show", case)
    assert "open" in run(server, "undo", case)
    detail = json.loads(run(server, "show", case, "--json"))
    assert [act["name"] for act in detail["acts"]] == ["claim", "decide", "undo"]


def test_what_needs_a_second_person_says_so_and_ends_with_its_code(server):
    case = case_of(server, 7_000)
    shown = run(server, "resolve", case, "--remainder", "refund")
    assert "pending_approval" in shown
    assert "needs a second person (not local): refund 70.00" in shown
    run(server, "approve", case, code=77)
    assert "in_work" in run(server, "withdraw", case)
    run(server, "approve", case, code=3)
    assert "parked" in run(
        server, "park", case, "--days", "3", "--event", "advice", "--reason", "asked"
    )
    assert "open" in run(server, "wake", case)
    assert "escalated" in run(server, "escalate", case, "--to", "bob", "--reason", "large")
    run(server, "note", case, "--text", "called", "--mention", "bob")
    run(server, "assign", case, "--to", "local", "--backup", "bob")
    assert "local" in run(server, "list", "--assignee", "local")
    assert "state" in run(server, "count")


def test_the_bytes_the_bank_wrote_are_shown(server):
    request = exception_service_pb2.GetPaymentBytesRequest(exception_id=case_of(server, 7_000))
    with Client(server.address) as client:
        answer = client.call(request, exception_service_pb2.GetPaymentBytesResponse)
        assert b"16,165,7000,0" in answer.record
        assert b"NEITHER HERE" in answer.record
        assert b"NO NUMBER AT ALL" in answer.before
        assert answer.source_file == "monday.bai"
        request.context_bytes = 65_537
        with pytest.raises(ClientError):
            client.call(request, exception_service_pb2.GetPaymentBytesResponse)


def test_what_the_engine_decided_is_taken_back_too(server):
    with Client(server.address) as client:
        receipt = client.submit_bank_file(
            io.BytesIO(bai2_file((25_050, "INV-20544"), account="ACC2")), "tuesday.bai"
        ).bank_file
        assert receipt.application_count == 1
        (payment,) = [
            row.payment_id
            for part in client.bank_file_result(receipt.file_id)
            for row in part.payments.messages.payments
        ]
    shown = json.loads(run(server, "show", payment, "--json"))
    assert shown["open_items"][0].get("open_minor", "0") == "0"
    assert "open" in run(server, "undo", payment, "--act", "0", "--reason", "not theirs")
    shown = json.loads(run(server, "show", payment, "--json"))
    assert shown["open_items"][0]["open_minor"] == "25050"
    assert shown["case"]["buckets"]["unapplied_minor"] == "25050"


def test_mistakes_end_with_the_code_of_their_kind(server):
    run(server, "show", "nobody", code=66)
    case = case_of(server, 7_000)
    run(server, "close", case, code=3)
    run(server, "resolve", case, "--item", "K/NOPE=1.00", code=66)
    run(server, "note", case, "--text", "x", "--etag", "99", code=75)
    run(server, "accept", case, "--rank", "4", code=66)
    done = CliRunner().invoke(
        exceptions_command, ["list", "--server", "127.0.0.1:1"], standalone_mode=False
    )
    assert done.return_value == 69
    bad = CliRunner().invoke(
        exceptions_command, ["list", "--state", "odd", "--server", server.address]
    )
    assert bad.exit_code == 2
