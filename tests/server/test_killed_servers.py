"""kill -9 of the whole server while files are submitted, payments matched, exceptions resolved,
applications posted and taken back: nothing is lost, nothing counts twice, and whoever asks again
gets the answer he had. `TIEOUT_KILL_ROUNDS` shortens the long run for a look.
"""

import os
import random
import threading
import time
from collections import Counter, deque

import grpc
import pytest

from store import open_repository
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.checking import check_store
from tests.server.forked_server import ForkedServer
from tests.server.requests import bai2_file, match_request
from tests.store.raw_rows import raw_rows
from tieout import commands
from tieout.result_files import ResultFiles
from tieout.v1 import application_service_pb2 as applications
from tieout.v1 import application_service_pb2_grpc as applications_grpc
from tieout.v1 import bank_file_service_pb2 as files
from tieout.v1 import bank_file_service_pb2_grpc as files_grpc
from tieout.v1 import cases_pb2
from tieout.v1 import exception_service_pb2 as cases
from tieout.v1 import exception_service_pb2_grpc as cases_grpc
from tieout.v1 import match_service_pb2 as matching
from tieout.v1 import match_service_pb2_grpc as matching_grpc

pytestmark = pytest.mark.xdist_group("killed")

ROUNDS = 15
ROUNDS_LONG = int(os.environ.get("TIEOUT_KILL_ROUNDS", "1000"))
ROUNDS_OF_A_STORE = 50
"""The auditor reads all there is after every round; a store is left before that takes long."""

KILLED_AFTER = 0.15
"""A handful of calls of each kind, at most."""

CALL_SECONDS = 300
"""How long a call may take on a machine that does much else; what hangs is found all the same."""

PAYMENTS = 2
"""Of each file, and nobody's: one is put aside, one is put on an item."""

CASH, ITEM_OPEN = 100, 10_000_000
ROUNDS_OF_A_RESULT = 5
HEADER = "open_item_id,company_id,customer_id,document_number,currency,open_amount\n"
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class Asked:
    """One request with an effect, and its answer as soon as there is one."""

    def __init__(self, kind, call, parts, cash=0):
        self.kind, self.call, self.parts, self.cash = kind, call, parts, cash
        self.answer = None
        self.is_settled = False

    def send(self, channel):
        """Ask, for the first time or again."""
        stub, name = self.call
        method = getattr(stub(channel), name)
        many = len(self.parts) > 1
        answer = method(iter(self.parts) if many else self.parts[0], timeout=CALL_SECONDS)
        assert self.answer in (None, answer), "an answer that was given is another one now"
        self.answer = answer


class Day:
    """All that was asked over one store, by whatever server was there."""

    def __init__(self, folder, url, seed, results):
        self.folder, self.url = folder, url
        self.random = random.Random(seed)  # noqa: S311 - chance that can be repeated
        self.asked = []
        self.results = deque()
        self.waiting = {"resolve": deque(), "apply": deque()}
        self.applied = deque()
        self.file_count = self.result_count = 0
        self.gone = threading.Event()
        self.matched = {}
        self.starts = 0
        self.running = None
        self._write_ledger(results)

    def _write_ledger(self, results):
        """What is open; one item for each result that is posted."""
        cash = [self._result_cash(one) for one in range(results)]
        rows = ["I-1,K,C-1,INV-20431,USD,100.00", f"I-2,K,C-1,INV-77777,USD,{ITEM_OPEN // 100}.00"]
        rows += [
            f"R-{at},K,C-1,INV-{50_000 + at},USD,{one // 100}.00" for at, one in enumerate(cash)
        ]
        (self.folder / "items.csv").write_text(HEADER + "\n".join(rows) + "\n")
        self.open_minor = 10_000 + ITEM_OPEN + sum(cash)

    def make_result(self):
        """The result of a run over one payment of its own, to be posted."""
        number, self.result_count = self.result_count, self.result_count + 1
        path, out = self.folder / f"{number}.bai", self.folder / f"run-{number}"
        row = (self._result_cash(number), f"INV-{50_000 + number}")
        path.write_bytes(bai2_file(row, account="RUN"))
        given = ["--open-items", str(self.folder / "items.csv"), "--out", str(out)]
        assert commands.main(["match", str(path), *given, "--progress", "none"]) == 0
        self.results.append((ResultFiles.open(out), row[0]))

    @staticmethod
    def _result_cash(number):
        return 1_000 + 100 * number

    def server(self):
        """A server over the store; the first one reads the ledger."""
        given = {} if self.starts else {"TIEOUT_OPEN_ITEMS": str(self.folder / "items.csv")}
        self.starts += 1
        self.running = ForkedServer(self.folder, self.url, **given)
        return self.running

    def of(self, kind):
        return [one for one in self.asked if one.kind == kind]

    # What is asked. Each gives a request, or None where there is nothing to ask about.

    def submit(self):
        number, self.file_count = self.file_count, self.file_count + 1
        rows = ((CASH + at, f"NOBODY {number} {at}") for at in range(PAYMENTS))
        content = bai2_file(*rows, account=f"A{number}")
        header = files.SubmitBankFileHeader(request_id=f"FILE-{number}", file_name="day.bai")
        parts = [
            files.SubmitBankFileRequest(header=header),
            files.SubmitBankFileRequest(chunk=content),
        ]
        return Asked("submit", (files_grpc.BankFileServiceStub, "SubmitBankFile"), parts)

    def resolve(self):
        return self._decide("resolve", cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_NON_AR))

    def apply(self):
        entry = cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_ITEM,
            company_id="K",
            customer_id="C-1",
            open_item_id="I-2",
        )
        return self._decide("apply", entry)

    def _decide(self, kind, entry):
        if not self.waiting[kind]:
            return None
        payment_id, entry.cash_minor = self.waiting[kind].popleft()
        request = cases.DecideExceptionRequest(
            exception_id=payment_id, request_id=f"DECIDE-{payment_id}", entries=[entry]
        )
        call = (cases_grpc.ExceptionServiceStub, "DecideException")
        return Asked(kind, call, [request], entry.cash_minor)

    def take_back(self):
        if not self.applied:
            return None
        payment_id = self.applied.popleft()
        request = applications.ReverseApplicationRequest(
            payment_id=payment_id, line_number=1, reason="wrong", request_id=f"BACK-{payment_id}"
        )
        call = (applications_grpc.ApplicationServiceStub, "ReverseApplication")
        return Asked("take back", call, [request])

    def post(self):
        if not self.results:
            return None
        result, cash = self.results.popleft()
        header = applications.PostResultsHeader(
            manifest_sha256=result.sha256, name="run", request_id=f"RUN-{result.sha256}"
        )
        chunks = (
            applications.ResultFileChunk(path=path, content=content)
            for path, content in result.chunks()
        )
        parts = [
            applications.PostResultsRequest(header=header),
            *(applications.PostResultsRequest(file=one) for one in chunks),
        ]
        call = (applications_grpc.ApplicationServiceStub, "PostResults")
        return Asked("post", call, parts, cash)

    # Who asks.

    def work(self, address, turns, ended):
        """Ask at least once, turn by turn, until the server is gone."""
        with grpc.insecure_channel(address) as channel:
            while True:
                asked = next(filter(None, (turn() for turn in turns)), None)
                if asked is None:
                    self.gone.wait()
                    return
                self.asked.append(asked)
                try:
                    asked.send(channel)
                except grpc.RpcError as error:
                    ended.append(error.code())
                    return

    def match(self, address, ended):
        """Match, by rows that come with the call and by those of the server."""
        payments = match_request().payments
        payments.row_count = 1
        del payments.messages.payments[1:]
        resident = matching.MatchResidentPaymentsRequest(payments=payments)
        with grpc.insecure_channel(address) as channel:
            stub = matching_grpc.MatchServiceStub(channel)
            try:
                while True:
                    self._compare(
                        "brought", stub.MatchPayments(match_request(), timeout=CALL_SECONDS)
                    )
                    self._compare(
                        "kept", stub.MatchResidentPayments(resident, timeout=CALL_SECONDS)
                    )
            except grpc.RpcError as error:
                ended.append(error.code())

    def _compare(self, kind, answer):
        """What was matched before is matched the same by each server."""
        answer = answer.applications if kind == "kept" else answer
        assert self.matched.setdefault(kind, answer) == answer

    def killed(self):
        """One server, asked for everything at once, and killed at any moment of it."""
        server = self.server()
        self.settle(server.address)
        ended = []
        self.gone.clear()
        turns = ((self.submit,), (self.resolve,), (self.post, self.take_back, self.apply))
        threads = [
            threading.Thread(target=self.work, args=(server.address, one, ended)) for one in turns
        ]
        threads.append(threading.Thread(target=self.match, args=(server.address, ended)))
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0, KILLED_AFTER))
        server.kill()
        self.gone.set()
        for thread in threads:
            thread.join()
        assert set(ended) <= set(LOST), ended

    def settle(self, address):
        """Ask again for all of the last round: for what was answered, and what was not."""
        with grpc.insecure_channel(address) as channel:
            for asked in [one for one in self.asked if not one.is_settled]:
                asked.send(channel)
                asked.is_settled = True
                if asked.kind == "submit":
                    self._take_payments(channel, asked.answer.bank_file.file_id)
                if asked.kind == "apply":
                    self.applied.append(asked.parts[0].exception_id)

    def _take_payments(self, channel, file_id):
        request = cases.ListExceptionsRequest(file_id=file_id, page_size=100)
        found = cases_grpc.ExceptionServiceStub(channel).ListExceptions(request)
        primary = [one for one in found.exceptions if one.is_primary]
        assert len(primary) == PAYMENTS
        for at, one in enumerate(primary):
            kind = "resolve" if at % 2 else "apply"
            self.waiting[kind].append((one.payment_id, one.amount_minor))


class Auditor:
    """Reads rows, and knows what was asked; it shares no code with whoever booked it."""

    def __init__(self, url):
        self.url = url
        self.repository = open_repository(url)

    def rows(self, query):
        return raw_rows(self.url, query)

    def check_whole(self):
        """Nothing is there in part."""
        assert check_store(self.repository.database) == ()

    def check_all(self, day):
        """What was asked is there once, and nothing else; everything of it was answered."""
        asked = Counter(one.kind for one in day.asked)
        acts = asked["resolve"] + asked["apply"] + asked["take back"]
        kept = sorted(file_id for (file_id,) in self.rows("SELECT file_id FROM bank_file"))
        brought = day.of("submit") + day.of("post")
        assert kept == sorted(one.answer.bank_file.file_id for one in brought)
        assert self.counted("payment") == PAYMENTS * asked["submit"] + asked["post"]
        assert self.counted("case_act") == acts
        assert self.by_kind("event") == +Counter(
            {
                "bank_file.processed": asked["submit"],
                "exception.changed": acts,
                "posting.posted": asked["apply"],
                "posting.reversed": asked["take back"],
                "results.posted": asked["post"],
            }
        )
        assert self.by_kind("audit_leaf") == +Counter(
            {
                "bank_file": asked["submit"],
                "case": acts,
                "open_items": 1,
                "result": asked["post"],
            }
        )
        self.check_cash(day)
        assert verify_audit(StoredAudit(self.repository.database)).findings == ()

    def check_cash(self, day):
        """Every cent that was put on an item, or taken off it again."""
        by_payment = {one.parts[0].exception_id: one.cash for one in day.of("apply")}
        put = sum(by_payment.values())
        posted = sum(one.cash for one in day.of("post"))
        back = sum(by_payment[one.parts[0].payment_id] for one in day.of("take back"))
        sums = "SELECT kind, sum(applied_minor) FROM posting_line GROUP BY kind"
        told = +Counter({"application": put + posted, "reversal": back})
        assert {kind: abs(cash) for kind, cash in self.rows(sums)} == told
        left = dict(self.rows("SELECT open_item_id, open_minor FROM open_item"))
        assert left["I-2"] == ITEM_OPEN - put + back
        assert sum(left.values()) == day.open_minor - put + back - posted

    def counted(self, table):
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]

    def by_kind(self, table):
        return dict(self.rows(f"SELECT kind, count(*) FROM {table} GROUP BY kind"))


def kill_servers(folder, url, rounds, seed):
    """Servers after each other over one store; what was asked of them."""
    day = Day(folder, url, seed, results=-(-rounds // ROUNDS_OF_A_RESULT))
    auditor = Auditor(url)
    try:
        for number in range(rounds):
            if number % ROUNDS_OF_A_RESULT == 0:
                day.make_result()
            day.killed()
            auditor.check_whole()
        server = day.server()
        day.settle(server.address)
        auditor.check_all(day)
        assert server.terminate() == 0
    finally:
        auditor.repository.close()
        if day.running is not None and day.running.process.is_alive():
            day.running.kill()
    return Counter(one.kind for one in day.asked)


@pytest.fixture
def quiet_signals(monkeypatch):
    """Commands of this process leave its signals alone."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.mark.usefixtures("quiet_signals")
def test_killed_servers_lose_nothing_and_double_nothing(tmp_path, store_url):
    asked = kill_servers(tmp_path, store_url, ROUNDS, seed=0)
    assert set(asked) == {"submit", "resolve", "apply", "take back", "post"}


@pytest.mark.long
@pytest.mark.usefixtures("quiet_signals")
@pytest.mark.parametrize("part", range(ROUNDS_LONG // ROUNDS_OF_A_STORE))
def test_killed_servers_in_the_long_run(tmp_path, store_url, part):
    asked = kill_servers(tmp_path, store_url, ROUNDS_OF_A_STORE, seed=1 + part)
    assert min(asked.values()) >= ROUNDS_OF_A_STORE // ROUNDS_OF_A_RESULT
