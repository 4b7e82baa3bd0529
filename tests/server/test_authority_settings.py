"""Who may decide what, as a tenant's own file says: read, refused, and followed by the server."""

import io
import re
from pathlib import Path

import pytest

from desk.acts import Decide
from desk.authority import DEFAULT_AUTHORITY
from desk.cases import Entry
from desk.facts import Actor
from engine.errors import PolicyError
from rpc.caller import Caller, Role, leave_call, set_caller
from rpc.desk_work import Command, DeskWork
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.server.test_case_calls import NOW, Desk, items_of
from tieout.client import Client
from tieout.configuration import TenantTable, authority_of, read_configuration
from tieout.v1 import cases_pb2
from tieout.v1 import exception_service_pb2 as contract

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating" / "configuration.md"
ANN = Actor(name="ann", roles=("clerk",))
STRICT = '[roles.clerk.grants.apply]\nalone = "3.00"\n'


def authority_in(folder, text):
    (folder / "authority.toml").write_text(text)
    (folder / "tieout.toml").write_text("[tables]\nauthority = 'authority.toml'\n")
    return authority_of(read_configuration(folder / "tieout.toml", {}).tables)


def test_without_a_file_it_is_what_ships():
    assert authority_of(TenantTable()) == DEFAULT_AUTHORITY


def test_the_example_of_the_page_is_read(tmp_path):
    (example,) = re.findall(r"^```text\n(lease.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    authority = authority_in(tmp_path, example)
    assert authority.alone_minor(ANN, "write_off", "EUR") == 250
    assert authority.alone_minor(ANN, "write_off", "JPY") == 375
    assert authority.alone_minor(ANN, "apply", "EUR") == 5_000_000
    assert authority.alone_minor(ANN, "deduction", "EUR") is None
    assert not authority.permits(Actor(name="bob", roles=("approver",)), "take_over")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[roles.clark]\n", "roles.clark is no role; there are admin, approver"),
        ("[roles.clerk.grants.apply]\nalone = 2.5\n", "Expected `str`, got `float`"),
        ("[roles.clerk.grants.fly]\nalone = '1'\n", "Invalid enum value 'fly'"),
        ("park_days_max = 0\n", "park_days_max = 0 is not between"),
        ("[roles\n", "no TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_the_file_and_the_reason(tmp_path, text, told):
    with pytest.raises(PolicyError, match=re.escape(told)) as caught:
        authority_in(tmp_path, text)
    assert str(tmp_path / "authority.toml") in str(caught.value)


def test_each_tenant_goes_by_its_own(tmp_path):
    own = {"acme": authority_in(tmp_path, STRICT)}
    desk = Desk(f"sqlite:///{tmp_path / 'store.db'}")
    desk.keep("monday", payments=1, amount=800, bucket="unapplied_minor", applied=0)
    with desk.store.booking() as booking:
        booking.open_items.upsert(items_of("K", {"I": 800}, customer_id="C-0"))
    entry = Entry(kind="item", company_id="K", customer_id="C-0", open_item_id="I", cash_minor=800)
    command = Command(identity="monday-0", act=Decide(entries=(entry,)), actor=ANN)
    work = DeskWork(DEFAULT_AUTHORITY, lambda: NOW, own)
    states = {}
    for tenant in ("default", "acme"):
        token = set_caller(Caller(name="ann", tenant=tenant, roles=frozenset({Role.CLERK})))
        (preview,) = work.preview(desk.store, [command])
        states[tenant] = preview.case.state
        leave_call(token)
    desk.close()
    assert states == {"default": "approved", "acme": "pending_approval"}


@pytest.mark.xdist_group("server")
def test_a_server_goes_by_the_file_of_its_settings(tmp_path):
    (tmp_path / "authority.toml").write_text(STRICT.replace("clerk", "admin"))
    settings = (
        "[tables]\nopen_items = 'open_items.csv'\nauthority = 'authority.toml'\n"
        f"[store]\nurl = 'sqlite:///{tmp_path / 'store.db'}'\n"
    )
    entry = cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_ITEM,
        company_id="K",
        customer_id="C-2",
        open_item_id="I-3",
        cash_minor=7_525,
    )
    with RunningServer(tmp_path, settings) as own, Client(own.address) as client:
        client.submit_bank_file(io.BytesIO(bai2_file((8_800, "NO NUMBER"))), "one.bai")
        (case,) = client.call(contract.ListCasesRequest(), contract.ListCasesResponse).cases
        decided = client.call(
            contract.DecideExceptionRequest(exception_id=case.case_id, entries=[entry]),
            contract.DecideExceptionResponse,
        ).case
        assert decided.summary.state == cases_pb2.CASE_STATE_PENDING_APPROVAL
