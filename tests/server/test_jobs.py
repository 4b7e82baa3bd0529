"""The worker jobs: one bank file booked whole, one match answered."""

import hashlib
import random
import shutil

import pytest

from engine.errors import ConservationError
from engine.matcher import match_payments
from engine.policy import PolicyBook
from rpc.conversions import ANSWER_TABLES, decode_table, encode_table
from rpc.jobs import (
    BankFileDone,
    BankFileJob,
    FileResultDone,
    FileResultJob,
    JobFailure,
    LoadTablesJob,
    MatchDone,
    MatchJob,
    StreamMatchDone,
    StreamMatchJob,
    TenantSettings,
    WorkerSettings,
    WorkOrder,
)
from rpc.spool import FrameWriter, read_frames
from rpc.worker_process import JobRunner
from store import open_repository
from store.checking import check_store
from tests.server.requests import OPEN_ITEMS_CSV, bai2_file, items, match_request, payments, table
from tieout.v1 import bank_file_service_pb2, match_service_pb2, policy_pb2, rows_pb2

FILE_TABLES = bank_file_service_pb2.GetBankFileResultResponse.DESCRIPTOR.fields_by_name


def failing_with(kind):
    def match(*_):
        message = "secret"
        raise kind(message)

    return match


class Server:
    """A worker's side of a server: one store, resident tables, files to send."""

    snapshot_path = ""

    def __init__(self, folder, store_url="", key_file=""):
        self.folder = folder
        self.settings = WorkerSettings(
            store_url=store_url or f"sqlite:///{folder / 'store.db'}",
            tenants={"default": TenantSettings(tables_folder=str(folder), policy=PolicyBook())},
            encryption_key_file=str(key_file),
        )
        self.export(OPEN_ITEMS_CSV)

    def restart(self, match=match_payments):
        self.runner = JobRunner(self.settings, match)

    def run(self, job):
        return self.runner.run(WorkOrder(tenant="default", caller=None, request_id="", job=job))

    def export(self, csv):
        path = self.folder / "open_items.csv"
        path.write_text(csv, "utf-8")
        self.restart()
        self.run(LoadTablesJob(open_items=str(path), customers="", bank_accounts=""))

    def send(self, content, *, name="file.bai", request_id="", validate_only=False):
        path = self.folder / "content"
        path.write_bytes(content)
        reply = self.run(
            BankFileJob(
                content_path=str(path),
                file_id=hashlib.sha256(content).hexdigest(),
                file_name=name,
                size_bytes=len(content),
                received_at_ms=1_774_915_200_000,
                request_id=request_id,
                validate_only=validate_only,
                snapshot_path=self.snapshot_path,
            )
        )
        if isinstance(reply, BankFileDone):
            return bank_file_service_pb2.SubmitBankFileResponse.FromString(reply.response)
        return reply

    def result(self, file_id, *, arrow=False):
        path = self.folder / "frames"
        path.unlink(missing_ok=True)
        done = self.run(FileResultJob(file_id=file_id, arrow=arrow, responses_path=str(path)))
        assert isinstance(done, FileResultDone)
        tables = {}
        for frame in read_frames(path):
            part = bank_file_service_pb2.GetBankFileResultResponse.FromString(frame)
            name = part.WhichOneof("part")
            tables.setdefault(name, []).append(getattr(part, name))
        return tables

    def consumed(self):
        """Item → what decisions took of it; each sum told by the store's own check as well."""
        repository = open_repository(self.settings.store_url)
        found = "SELECT open_item_id, decided_minor FROM open_item WHERE decided_minor <> 0"
        taken = dict(repository.database.rows(found))
        assert check_store(repository.database) == ()
        repository.close()
        return taken


@pytest.fixture
def server(tmp_path, empty_sqlite):
    shutil.copyfile(empty_sqlite, tmp_path / "store.db")
    return Server(tmp_path)


def match(server, request):
    done = server.run(MatchJob(request.SerializeToString()))
    assert isinstance(done, MatchDone), done
    return match_service_pb2.MatchPaymentsResponse.FromString(done.response)


def test_a_payment_that_names_its_invoice_is_applied(server):
    response = match(server, match_request())
    assert response.summary.state == match_service_pb2.MATCH_STATE_MATCHED
    assert response.summary.request_id == "R-1"
    applied = [row for row in response.applications.messages.applications if row.decision == "auto"]
    assert [(row.payment_id, row.open_item_id, row.applied_minor) for row in applied] == [
        ("P-1", "I-1", 10_000)
    ]
    outcomes = response.payment_outcomes.messages.payment_outcomes
    assert [row.applied_minor for row in outcomes] == [10_000, 0]
    assert "P-2" in {row.payment_id for row in response.exceptions.messages.exception_items}


def test_messages_and_arrow_give_the_same_result(server):
    plain = match(server, match_request())
    arrow = match(server, match_request(arrow=True, answer_arrow=True))
    assert arrow.applications.WhichOneof("rows") == "arrow"
    assert arrow.summary == plain.summary
    for kind in ANSWER_TABLES:
        columns = decode_table(kind, getattr(arrow, kind.field))
        batch = kind.batch_class.from_columns(columns)
        assert encode_table(kind, batch, arrow=False) == getattr(plain, kind.field)


def test_wrong_rows_are_an_answer_not_an_error(server):
    wrong = table("open_items", items(currency=["USD", "XXL", "USD"]), arrow=True)
    response = match(server, match_request(open_items=wrong))
    assert response.summary.state == match_service_pb2.MATCH_STATE_REFUSED
    assert [(e.table, e.row_index, e.column, e.value) for e in response.summary.row_errors] == [
        ("open_items", 1, "currency", "XXL")
    ]
    assert not response.HasField("payment_outcomes")


def test_a_line_of_a_payment_that_was_not_sent_is_refused(server):
    line = rows_pb2.RemittanceLine(
        payment_id="P-9", line_number=1, reference="INV-20431", currency_code="USD"
    )
    lines = rows_pb2.RemittanceLineTable(
        row_count=1, messages=rows_pb2.RemittanceLineRows(remittance_lines=[line])
    )
    response = match(server, match_request(remittance_lines=lines))
    assert [e.value for e in response.summary.row_errors] == ["P-9"]


def test_validating_matches_nothing(server):
    response = match(server, match_request(validate_only=True))
    assert response.summary.state == match_service_pb2.MATCH_STATE_VALIDATED
    assert not response.HasField("applications")


def test_the_rules_of_a_request_count(server):
    shadow = policy_pb2.PolicyBook(
        common=policy_pb2.Policy(
            automation=policy_pb2.Automation(mode=policy_pb2.AUTOMATION_MODE_SHADOW)
        )
    )
    plain = match(server, match_request())
    shadowed = match(server, match_request(policy=shadow))
    assert plain.summary.policy_sha256 != shadowed.summary.policy_sha256
    wrong = policy_pb2.PolicyBook(
        common=policy_pb2.Policy(discount=policy_pb2.Discount(grace_days=-1))
    )
    failure = server.run(MatchJob(match_request(policy=wrong).SerializeToString()))
    assert isinstance(failure, JobFailure)
    assert failure.reason == "POLICY_INVALID"
    assert "discount.grace_days = -1" in failure.message


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [({"as_of": "31.3.26"}, "as_of is '31.3.26'"), ({"request_id": "x" * 256}, "256 characters")],
)
def test_a_field_out_of_range_is_named(server, fields, complaint):
    failure = server.run(MatchJob(match_request(**fields).SerializeToString()))
    assert failure.reason == "FIELD_INVALID"
    assert complaint in failure.message


def stream(server, parts):
    for name in ("requests", "responses"):
        (server.folder / name).unlink(missing_ok=True)
    with FrameWriter(server.folder / "requests") as writer:
        for part in parts:
            writer.write(match_service_pb2.StreamMatchPaymentsRequest(**part).SerializeToString())
    done = server.run(
        StreamMatchJob(str(server.folder / "requests"), str(server.folder / "responses"))
    )
    if not isinstance(done, StreamMatchDone):
        return done
    return [
        match_service_pb2.StreamMatchPaymentsResponse.FromString(frame)
        for frame in read_frames(server.folder / "responses")
    ]


def test_a_streamed_match_gives_what_the_unary_one_gives(server):
    header = match_service_pb2.StreamMatchHeader(request_id="R-1")
    chunks = [
        {"open_items": table("open_items", items().take([row]), arrow=bool(row % 2))}
        for row in range(3)
    ]
    chunks += [
        {"payments": table("payments", payments().take([row]), arrow=False)} for row in range(2)
    ]
    answer = stream(server, [{"header": header}, *chunks])
    unary = match(server, match_request())
    assert answer[0].summary == unary.summary
    assert [part.WhichOneof("part") for part in answer[1:]] == [
        kind.field for kind in ANSWER_TABLES
    ]
    for part in answer[1:]:
        name = part.WhichOneof("part")
        assert getattr(part, name) == getattr(unary, name)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"payments": table("payments", payments(), arrow=False)}],
        [{"header": match_service_pb2.StreamMatchHeader()}] * 2,
    ],
    ids=["empty", "no header", "two headers"],
)
def test_a_stream_without_its_header_first_is_refused(server, parts):
    failure = stream(server, parts)
    assert failure.reason == "STREAM_ORDER"


def test_a_bank_file_is_matched_and_kept(server):
    response = server.send(bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU")))
    receipt = response.bank_file
    assert not response.already_processed
    assert receipt.state == bank_file_service_pb2.BANK_FILE_STATE_PROCESSED
    assert (receipt.payment_count, receipt.application_count) == (2, 1)
    (total,) = receipt.currency_totals
    assert (total.currency_code, total.amount_minor, total.applied_minor) == ("USD", 43_300, 10_000)
    assert all(check.ok for check in receipt.control_checks)
    assert server.consumed() == {"I-1": 10_000}


def test_the_same_content_again_gets_the_first_receipt(server):
    content = bai2_file((10_000, "INV-20431"))
    first = server.send(content, name="monday.bai", request_id="R-1")
    again = server.send(content, name="renamed.bai", request_id="R-2")
    assert again.already_processed
    assert again.bank_file == first.bank_file
    assert server.consumed() == {"I-1": 10_000}


def test_one_request_id_is_one_content(server):
    server.send(bai2_file((10_000, "INV-20431")), request_id="R-1")
    failure = server.send(bai2_file((25_050, "INV-20544")), request_id="R-1")
    assert failure.reason == "REQUEST_ID_REUSED"
    assert failure.metadata["request_id"] == "R-1"
    assert server.consumed() == {"I-1": 10_000}, "the second file left nothing behind"


def test_yesterdays_cash_is_not_applied_twice(server):
    server.send(bai2_file((10_000, "INV-20431")))
    second = server.send(bai2_file((10_000, "INV-20431 AGAIN"), account="ACC2"))
    assert second.bank_file.application_count == 0
    assert second.bank_file.exception_count >= 1
    assert server.consumed() == {"I-1": 10_000}


def test_a_restart_with_the_same_export_still_deducts(server):
    server.send(bai2_file((10_000, "INV-20431")))
    server.restart()
    second = server.send(bai2_file((10_000, "INV-20431 AGAIN"), account="ACC2"))
    assert second.bank_file.application_count == 0


def test_only_what_an_item_grew_by_since_is_open_again(server):
    server.send(bai2_file((10_000, "INV-20431")))
    server.export(OPEN_ITEMS_CSV.replace("100.00", "160.00"))
    rest = server.send(bai2_file((6_000, "INV-20431"), account="ACC2"))
    assert rest.bank_file.application_count == 1
    assert server.consumed() == {"I-1": 16_000}


def test_a_payment_that_came_in_an_earlier_file_is_left_out(server):
    server.send(bai2_file((10_000, "INV-20431")))
    grown = server.send(bai2_file((10_000, "INV-20431"), (25_050, "INV-20544")))
    assert grown.bank_file.repeated_payment_count == 1
    assert grown.bank_file.payment_count == 1
    assert grown.bank_file.exception_count == 1, "the repeated one is said, not swallowed"
    assert server.consumed() == {"I-1": 10_000, "I-2": 25_050}


def test_a_file_whose_totals_do_not_foot_is_held(server):
    short = bai2_file((10_000, "INV-20431")).replace(b"99,10000", b"99,10001")
    receipt = server.send(short).bank_file
    assert receipt.state == bank_file_service_pb2.BANK_FILE_STATE_HELD
    assert receipt.application_count == 0
    assert not receipt.control_checks[0].ok, "failed checks stand first"
    assert server.consumed() == {}


def test_validating_a_file_keeps_nothing(server):
    content = bai2_file((10_000, "INV-20431"))
    tried = server.send(content, request_id="R-1", validate_only=True)
    assert tried.bank_file.state == bank_file_service_pb2.BANK_FILE_STATE_VALIDATED
    assert tried.bank_file.application_count == 1
    kept = server.send(content, request_id="R-1")
    assert not kept.already_processed


def test_what_is_no_bank_file_is_refused_and_forgotten(server):
    failure = server.send(b"a,b\n1,2\n", request_id="R-1")
    assert failure.reason == "NOT_A_BANK_FILE"
    assert not server.send(bai2_file((10_000, "INV-20431")), request_id="R-1").already_processed


def test_a_result_the_audit_refuses_is_not_kept(server):
    content = bai2_file((10_000, "INV-20431"))
    server.restart(failing_with(ConservationError))
    assert server.send(content).reason == "CONSERVATION"
    server.restart()
    assert not server.send(content).already_processed


def test_an_error_nobody_foresaw_names_its_class_and_no_more(server, caplog):
    server.restart(failing_with(ZeroDivisionError))
    failure = server.send(bai2_file((10_000, "INV-20431")))
    assert failure.reason == "INTERNAL"
    assert "ZeroDivisionError" in failure.message
    assert "secret" not in failure.message
    assert "BankFileJob failed" in caplog.text


@pytest.mark.parametrize("arrow", [False, True], ids=["messages", "arrow"])
def test_what_became_of_a_kept_file_can_be_read(server, arrow):
    sent = server.send(bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU")))
    tables = server.result(sent.bank_file.file_id, arrow=arrow)
    assert list(tables) == list(FILE_TABLES)
    counts = {name: sum(part.row_count for part in parts) for name, parts in tables.items()}
    assert counts["payments"] == counts["payment_outcomes"] == 2
    assert counts["applications"] >= 1
    assert counts["exceptions"] == sent.bank_file.exception_count


def test_exceptions_of_a_kept_file_name_the_file(server):
    sent = server.send(bai2_file((33_300, "THANK YOU")))
    (chunk,) = server.result(sent.bank_file.file_id)["exceptions"]
    assert {row.file_id for row in chunk.messages.exception_items} == {sent.bank_file.file_id}


def test_a_result_nobody_kept_is_not_found(server):
    failure = server.run(
        FileResultJob(file_id="0" * 64, arrow=False, responses_path=str(server.folder / "x"))
    )
    assert failure.reason == "BANK_FILE_NOT_FOUND"


@pytest.mark.parametrize("seed", range(5))
def test_no_item_is_ever_overdrawn_whatever_comes_in_which_order(server, seed):
    draw = random.Random(seed)  # noqa: S311  # a repeatable mix of files
    open_minor = {"I-1": 10_000, "I-2": 25_050, "I-3": 7_525}
    documents = {"I-1": "INV-20431", "I-2": "INV-20544", "I-3": "INV-30777"}
    for number in range(6):
        item = draw.choice(list(documents))
        amount = draw.choice([open_minor[item], 5_000, 2_500])
        server.send(bai2_file((amount, f"{documents[item]} {number}"), account=f"ACC{number}"))
        if draw.random() < 0.3:
            server.restart()
    taken = server.consumed()
    assert all(0 <= minor <= open_minor[item] for item, minor in taken.items()), taken
