"""`tieout facts` against a real server: what was taught, what rests on it, and until when."""

from __future__ import annotations

import datetime
import io
import json

import pytest
from click.testing import CliRunner

from store import open_repository
from tests.server.requests import bai2_file, items
from tests.server.running_server import RunningServer
from tieout.client import Client
from tieout.commands.facts import facts_command
from tieout.v1 import cases_pb2, exception_service_pb2

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    store = open_repository(f"sqlite:///{folder / 'store.db'}")
    with store.booking() as booking:
        booking.open_items.upsert(items())
    store.close()
    with RunningServer(folder) as running:
        yield running


@pytest.fixture(scope="module")
def case(server) -> str:
    """A case in which somebody taught that ACME HOLDING is customer C-1."""
    with Client(server.address, timeout_seconds=60) as client:
        client.submit_bank_file(io.BytesIO(bai2_file((8_800, "NO NUMBER AT ALL"))), "monday.bai")
        (found,) = client.call(
            exception_service_pb2.ListCasesRequest(), exception_service_pb2.ListCasesResponse
        ).cases
        fact = cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_FACT,
            fact_kind="alias",
            value="ACME HOLDING",
            customer_id="C-1",
            company_id="K",
        )
        request = exception_service_pb2.DecideExceptionRequest(
            exception_id=found.case_id, entries=[fact]
        )
        client.call(request, exception_service_pb2.DecideExceptionResponse)
        return found.case_id


def run(server, *arguments, code=0):
    done = CliRunner().invoke(
        facts_command, [*arguments, "--server", server.address], standalone_mode=False
    )
    assert done.exception is None, (done.exception, done.output)
    assert done.return_value == code, done.output + done.stderr
    return done.stdout


def test_a_fact_is_listed_shown_and_given_a_last_day(server, case):
    (line, taught) = run(server, "list").splitlines()
    assert line.startswith(f"{case} 1  alias  K/C-1  ACME HOLDING  until ")
    assert line.endswith(", unless confirmed")
    assert taught.startswith("  taught by local on ")
    assert run(server, "list", "--kind", "pays_for") == ""
    assert run(server, "list", "--customer", "C-2") == ""
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=30)
    said = run(server, "expire", case, "1", "--on", f"{day}")
    assert f"until {day}, as local said" in said
    shown = run(server, "show", case, "1")
    assert said.splitlines()[0] in shown
    assert "payments: 0 before it was taught, 0 of the customer since" in shown
    (listed,) = json.loads(run(server, "list", "--json"))
    assert (listed["expire_date"], listed["expire_date_setter"]) == (f"{day}", "local")


def test_mistakes_end_with_the_code_of_their_kind(server, case):
    run(server, "expire", case, "1", "--on", "2020-01-01", code=65)
    run(server, "expire", case, "1", "--on", "2999-01-01", code=65)
    run(server, "show", case, "2", code=66)
    run(server, "show", "nobody", "1", code=66)
