"""Receipts are listed latest first, filtered and paged; so are rows a receipt has no room for."""

import asyncio

import pytest

from rpc.bank_file_lists import BankFileLists
from rpc.caller import Caller, Role, leave_call, set_caller
from rpc.errors import CompanyNotPermittedError, FieldError, PageTokenError
from rpc.reading import StoreReader
from tests.server.requests import bai2_file
from tests.server.test_repeated_files import Store
from tieout.v1 import bank_file_service_pb2 as contract

ADMIN = Caller(name="test", roles=frozenset({Role.ADMIN}))
NAMES = ["monday.bai", "Tuesday.BAI", "monday_2.bai"]
BROKEN = bai2_file((10_000, "INV-20431"), account="B").replace(b"49,10000", b"49,10001")


@pytest.fixture
def lists(tmp_path, store_url):
    store = Store(tmp_path, store_url)
    for number, name in enumerate(NAMES[:2]):
        store.send(bai2_file((10_000, f"TEXT {number}"), account=f"A{number}"), name=name)
    store.send(BROKEN, name=NAMES[2])
    reader = StoreReader({"default": store.open()})

    def ask(call, request, caller=ADMIN):
        token = set_caller(caller)
        try:
            return asyncio.run(getattr(BankFileLists(reader), call)(request, None))
        finally:
            leave_call(token)

    yield ask
    reader.close()
    store.close()


def names(lists, caller=ADMIN, **wanted):
    answer = lists("ListBankFiles", contract.ListBankFilesRequest(**wanted), caller)
    return [one.file_name for one in answer.bank_files]


def test_the_latest_comes_first_and_pages_go_on(lists):
    first = lists("ListBankFiles", contract.ListBankFilesRequest(page_size=2))
    assert [one.file_name for one in first.bank_files] == NAMES[:0:-1]
    assert [total.amount_minor for total in first.bank_files[1].currency_totals] == [10_000]
    token = first.next_page_token
    second = lists("ListBankFiles", contract.ListBankFilesRequest(page_size=2, page_token=token))
    assert [one.file_name for one in second.bank_files] == NAMES[:1]
    assert second.next_page_token == ""
    with pytest.raises(PageTokenError):
        names(lists, page_token=token, source_format="bai2")


def test_filters_hold_together(lists):
    assert names(lists, file_name="MONDAY") == [NAMES[2], NAMES[0]]
    assert names(lists, file_name="monday_") == [NAMES[2]], "_ is a letter, not any letter"
    assert names(lists, state=contract.BANK_FILE_STATE_HELD) == [NAMES[2]]
    assert names(lists, with_failed_checks=True) == [NAMES[2]]
    assert names(lists, source_format="camt.053") == []
    later = contract.ListBankFilesRequest(file_name="monday")
    later.receive_time_from.FromMilliseconds(1_774_915_200_001)
    assert lists("ListBankFiles", later).bank_files == []
    with pytest.raises(FieldError):
        names(lists, state=contract.BANK_FILE_STATE_VALIDATED)


def test_a_caller_sees_files_of_his_companies_only(lists):
    other = Caller(name="ann", roles=frozenset({Role.VIEWER}), companies=frozenset({"L"}))
    everyone = Caller(name="bob", roles=other.roles, companies=frozenset({"", "K"}))
    assert names(lists, other) == []
    assert names(lists, everyone) == NAMES[::-1]


def test_checks_and_diagnostics_are_paged(lists):
    held = lists("ListBankFiles", contract.ListBankFilesRequest(file_name=NAMES[2])).bank_files[0]
    assert (list(held.control_checks), list(held.diagnostics)) == ([], [])
    every, token = [], ""
    while True:
        request = contract.ListControlChecksRequest(
            file_id=held.file_id, page_size=2, page_token=token
        )
        answer = lists("ListControlChecks", request)
        every += answer.control_checks
        token = answer.next_page_token
        if not token:
            break
    assert len(every) == held.control_check_count > 2
    failed = contract.ListControlChecksRequest(file_id=held.file_id, failed_only=True)
    assert list(lists("ListControlChecks", failed).control_checks) == [
        one for one in every if not one.ok
    ]
    said = lists("ListDiagnostics", contract.ListDiagnosticsRequest(file_id=held.file_id))
    assert len(said.diagnostics) == held.diagnostic_count > 0
    other = Caller(name="ann", roles=frozenset({Role.VIEWER}), companies=frozenset({"L"}))
    with pytest.raises(CompanyNotPermittedError):
        lists("ListDiagnostics", contract.ListDiagnosticsRequest(file_id=held.file_id), other)
