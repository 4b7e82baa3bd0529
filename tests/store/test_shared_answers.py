"""Answers about several customers go with the first of them who is erased, on both databases."""

import pytest

from rpc.desk_work import Answer, Preview, keep_answer
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.erasure import erase_customer
from store.errors import AnswerErasedError
from store.key_scopes import file_scope, master_scope
from store.requests import request_key
from store.retention import Retention, purge
from tests.store.raw_rows import raw_rows
from tests.store.test_everything_sealed import IN_2026, IN_2028, SAID, run
from tieout.v1 import cases_pb2

KEY, OTHER, MONTH = (request_key(name, "Batch", b"") for name in ("B-1", "B-2", "M-1"))


def preview(payment_id, customer_id=""):
    """What an act did to the case of a payment."""
    summary = cases_pb2.CaseSummary(
        case_id=payment_id, payment_id=payment_id, company_id="K", customer_id=customer_id
    )
    return Preview(message=cases_pb2.Case(summary=summary))


def keep(repository):
    """Two answers to batches, one that is nobody's, and runs of all kinds."""
    acts = [preview("P-1", "C-1"), preview("P-2"), Preview()]
    keep_answer(repository, KEY, Answer(SAID.encode(), acts), IN_2026)
    keep_answer(repository, OTHER, Answer(SAID.encode(), [preview("P-3", "C-3")]), IN_2026)
    keep_answer(repository, MONTH, Answer(b"nothing was done", [Preview()]), IN_2026)
    concerning = {
        "quoted": [master_scope("K", "C-1"), master_scope("K", "C-2")],
        "of another": [master_scope("K", "C-3")],
    }
    with repository.booking() as booking:
        for name in ("quoted", "of another", "of a file"):
            booking.runs.accept(run(name))
        for name, owners in concerning.items():
            booking.runs.finish(name, SAID.encode(), IN_2026, concerning=owners)
        booking.runs.finish("of a file", SAID.encode(), IN_2026, file_scope("F"))


def stored(url):
    """All answers and results, as they lie there."""
    rows = raw_rows(url, "SELECT answer FROM request") + raw_rows(url, "SELECT result FROM run")
    return b" ".join(bytes(row[0]) for row in rows)


def destroyed(url):
    """Subjects of the keys that are no more."""
    found = raw_rows(url, "SELECT subject FROM data_key WHERE wrapped IS NULL ORDER BY subject")
    return [row[0] for row in found]


def erase(repository, customer_id):
    with repository.booking() as booking:
        erase_customer(booking, "K", customer_id, IN_2026, "dpo")


def test_an_answer_about_several_customers_goes_with_any_of_them(opened, store_url):
    repository = opened()
    keep(repository)
    before = stored(store_url)
    assert SAID.encode() not in before
    assert repository.requests.find(KEY) == SAID.encode()
    erase(repository, "C-1")
    assert destroyed(store_url) == ["answers B-1", "runs quoted"]
    for reader in (repository, opened()):
        with pytest.raises(AnswerErasedError):
            reader.requests.find(KEY)
        assert reader.requests.find(OTHER) == SAID.encode()
        assert reader.requests.find(MONTH) == b"nothing was done"
        assert reader.runs.find("quoted").result == b""
        assert reader.runs.find("of another").result == SAID.encode()
        assert reader.runs.find("of a file").result == SAID.encode()
        assert verify_audit(StoredAudit(reader.database)).findings == ()
    assert stored(store_url) == before, "no row had to change"


def test_an_answer_about_nobodys_payment_goes_with_who_turns_out_to_have_paid(opened, store_url):
    repository = opened()
    keep(repository)
    erase(repository, "C-9")
    assert destroyed(store_url) == []
    with repository.booking() as booking:
        booking.keys.attribute("P-2", "K", "C-9")
    erase(repository, "C-9")
    assert destroyed(store_url) == ["answers B-1"]
    with pytest.raises(AnswerErasedError):
        repository.requests.find(KEY)


def test_a_customer_who_is_called_like_a_payment_is_another(opened, store_url):
    repository = opened()
    keep(repository)
    erase(repository, "P-2")
    with repository.booking() as booking:
        erase_customer(booking, "payment", "P-2", IN_2026, "dpo")
    assert destroyed(store_url) == []


def test_keys_of_single_answers_go_with_their_month(opened, store_url):
    repository = opened()
    keep(repository)
    with repository.booking() as booking:
        purge(booking, Retention(answers_days=35, runs_days=90), IN_2028, "ops")
    assert destroyed(store_url) == sorted(
        ["answers", "answers B-1", "answers B-2", "runs of another", "runs quoted"]
    )


def test_without_a_key_file_answers_are_kept_as_they_are(opened, store_url):
    repository = opened(path=None)
    keep(repository)
    assert SAID.encode() in stored(store_url)
    assert repository.requests.find(KEY) == SAID.encode()
    assert raw_rows(store_url, "SELECT count(*) FROM data_key_customer") == [(0,)]
