"""Thirty-two callers send the same files and decisions again and again: one effect each.

The auditor is on its own: it reads exported rows, and knows what was sent; it shares no code with
whoever booked it.
"""

import io
import random
import threading
import time
from collections import Counter

import grpc
import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.store.raw_rows import raw_rows
from tieout.client import Client
from tieout.v1 import cases_pb2, exception_service_pb2, exception_service_pb2_grpc

pytestmark = pytest.mark.xdist_group("server")

CALLERS = 32
FILES = 4
AMOUNT = 33_300
OTHER = 10_000
SECONDS_LONG = 60
RETRY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def contents():
    """Files of two payments each; one of all these payments names an invoice."""
    for number in range(FILES):
        text = "INV-20431" if number == 0 else f"NOTHING {number}"
        yield bai2_file((OTHER, text), (AMOUNT, f"THANK YOU {number}"), account=f"ACC{number}")


class Caller:
    """One caller: its own connection, its own order, everything at least twice."""

    def __init__(self, address, seed):
        self.address, self.random = address, random.Random(seed)  # noqa: S311 - chance that can be repeated
        self.answers = []
        self.failures = []

    def run(self):
        try:
            with Client(self.address) as client, grpc.insecure_channel(self.address) as channel:
                desk = exception_service_pb2_grpc.ExceptionServiceStub(channel)
                work = [(number, content) for number, content in enumerate(contents())] * 2
                self.random.shuffle(work)
                for number, content in work:
                    sent = self.retried(
                        lambda c=content, n=number: client.submit_bank_file(
                            io.BytesIO(c), f"file-{n}", request_id=f"FILE-{n}"
                        )
                    )
                    self.answers.append(
                        (f"FILE-{number}", sent.SerializeToString(deterministic=True))
                    )
                    self.decide(client, desk, sent.bank_file.file_id)
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            self.failures.append(repr(error))

    def decide(self, client, desk, file_id):
        """Put what is nobody's money aside, as everybody else does under the same id."""
        for item in client.exceptions(file_id=file_id):
            if item.amount_minor == OTHER and item.is_primary:
                self.decide_in_a_batch(desk, item.payment_id)
            if item.amount_minor != AMOUNT or not item.is_primary:
                continue
            entry = cases_pb2.CaseEntry(
                kind=cases_pb2.ENTRY_KIND_NON_AR, company_id="", cash_minor=AMOUNT
            )
            request = exception_service_pb2.DecideExceptionRequest(
                exception_id=item.payment_id,
                request_id=f"DECIDE-{item.payment_id}",
                entries=[entry],
            )
            case = self.retried(lambda r=request: desk.DecideException(r))
            self.answers.append((request.request_id, case.SerializeToString(deterministic=True)))

    def decide_in_a_batch(self, desk, payment_id):
        """The same by a batch, whose answer is one as well."""
        entry = cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_NON_AR, cash_minor=OTHER)
        decide = exception_service_pb2.DecideExceptionRequest(
            exception_id=payment_id, entries=[entry]
        )
        request = exception_service_pb2.BatchExceptionsRequest(
            request_id=f"BATCH-{payment_id}",
            items=[exception_service_pb2.BatchItem(decide=decide)],
        )
        answer = self.retried(lambda: desk.BatchExceptions(request))
        assert answer.refused_count == 0, answer
        self.answers.append((request.request_id, answer.SerializeToString(deterministic=True)))

    def retried(self, call):
        """The answer; what was turned away for load is sent again, so is every third answer."""
        while True:
            try:
                answer = call()
            except grpc.RpcError as error:
                if error.code() not in RETRY:
                    raise
            except Exception as error:
                if getattr(error, "code", None) not in RETRY:
                    raise
            else:
                if self.random.random() < 1 / 3:
                    continue
                return answer


def run_callers(server):
    callers = [Caller(server.address, seed) for seed in range(CALLERS)]
    threads = [threading.Thread(target=caller.run) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [caller.failures for caller in callers if caller.failures] == []
    return callers


def send_again_and_again(store_url, folder, seconds):
    given = {"TIEOUT_STORE": store_url, "TIEOUT_SPOOL": str(folder), "TIEOUT_WORKERS": "2"}
    with RunningServer(folder, **given) as server:
        end = time.monotonic() + seconds
        callers = run_callers(server)
        while time.monotonic() < end:
            callers += run_callers(server)
        assert server.terminate() == 0
    answers = {}
    for caller in callers:
        for key, answer in caller.answers:
            answers.setdefault(key, set()).add(answer)
    assert {key: len(found) for key, found in answers.items()} == dict.fromkeys(answers, 1)
    assert sum(key.startswith("FILE-") for key in answers) == FILES
    audit(store_url)


def test_every_effect_happens_once_and_everybody_gets_its_first_answer(store_url, tmp_path):
    send_again_and_again(store_url, tmp_path, 0)


@pytest.mark.long
def test_every_effect_happens_once_in_the_long_run(store_url, tmp_path):
    send_again_and_again(store_url, tmp_path, SECONDS_LONG)


def audit(store_url):
    """To the cent: what was sent, against what is there."""
    rows = raw_rows(store_url, "SELECT payment_id, amount_minor FROM payment")
    assert sum(amount for _, amount in rows) == FILES * (OTHER + AMOUNT)
    assert len({payment for payment, _ in rows}) == len(rows) == 2 * FILES
    balances = raw_rows(
        store_url,
        "SELECT amount_minor, applied_minor, on_account_minor, unapplied_minor, "
        "unidentified_minor, suspense_minor, non_ar_minor, refund_minor, returned_minor "
        "FROM payment_balance",
    )
    assert all(amount == sum(buckets) for amount, *buckets in balances)
    applied = raw_rows(
        store_url,
        "SELECT open_item_id, applied_minor FROM application WHERE decision = 'auto'",
    )
    assert applied == [("I-1", 10_000)]
    acts = Counter(row[0] for row in raw_rows(store_url, "SELECT case_id FROM case_act"))
    assert (len(acts), set(acts.values())) == (2 * FILES - 1, {1})
    moved = raw_rows(store_url, "SELECT payment_id, amount_minor FROM cash_move")
    assert len({payment for payment, _ in moved}) == len(moved) == len(acts)
    events = raw_rows(store_url, "SELECT kind, subject FROM event")
    kinds = Counter(kind for kind, _ in events)
    assert kinds["bank_file.processed"] == FILES
    assert kinds["exception.changed"] == len(acts)
    leaves = Counter(kind for (kind,) in raw_rows(store_url, "SELECT kind FROM audit_leaf"))
    assert leaves == {"bank_file": FILES, "case": len(acts), "open_items": 1}
