"""A seeded world, matched as from the command line: its documents move what the run says."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

sys.path.append(str(Path(__file__).parent))

from ledgers import Money
from readers import READERS, Items, lines, minor

from adapters.catalogue import ADAPTERS, template
from adapters.documents import document_lines
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.posting_export import ExportJob, run_export_job
from tieout.run_directory import RunDirectory
from tieout.worlds import generate_world, named_spec, write_world

DIFFERENCES = ("discount_taken", "deduction_amount", "write_off_amount")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posted_world")
    spec = msgspec.structs.replace(
        named_spec("demo"), payment_count=260, open_item_count=2_000, customer_count=160
    )
    write_world(generate_world(spec), folder / "world")
    (folder / "policy.toml").write_text("[short_pay]\nbook_deduction = true\n")
    names = ("open_items", "customers", "payments", "bank_accounts", "remittances")
    tables = {name: folder / "world" / f"{name}.csv" for name in names}
    run_matching_job(MatchingJob(**tables, policy=folder / "policy.toml", out=folder / "run"))
    return RunDirectory.open(folder / "run")


class WorldBook:
    """The open items of a run as readers look them up."""

    def __init__(self, run):
        self.items = run.explain_table("open_items").to_pylist()


def meant(run, posted):
    """The money of the posted payments, straight from the tables of the run."""
    money = Money()
    currency = {}
    customer = {}
    for row in run.table("payments").to_pylist():
        code = currency[row["payment_id"]] = row["currency"]
        customer[row["payment_id"]] = row["customer_id"] or row["payer_customer_id"]
        if row["payment_id"] in posted:
            money.bank[code] += minor(row["amount"], code)
            left = ("on_account_amount", "unapplied_amount", "refund_amount")
            owner = customer[row["payment_id"]]
            money.credit[code, owner] += sum(minor(row[name], code) for name in left)
    for row in run.table("applications").to_pylist():
        if row["payment_id"] in posted and row["decision"] == "auto":
            code = currency[row["payment_id"]]
            beyond = sum(minor(row[name], code) for name in DIFFERENCES)
            key = (code, row["customer_id"], row["open_item_id"])
            money.closed[key] += minor(row["amount_applied"], code) + beyond
            money.differences[code] += beyond
            money.moved[code, row["customer_id"]] += minor(row["deduction_amount"], code)
    return money


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_documents_of_a_world_move_what_its_run_decided(name, run, tmp_path):
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(template(name))
    report = run_export_job(ExportJob(run=run.path, adapter=name, accounts=accounts))
    export = report.export
    refused = [one for one in export.held if one.reason == "refused"]
    assert len(refused) <= len(export.postings) // 100, [one.sentence for one in refused]
    posted = {one.payment_id for one in export.postings}
    assert len(posted) > 200
    files = ADAPTERS[name].files(export.documents)
    items = Items(WorldBook(run))
    found = READERS[name](lines(document_lines(export.documents)), files, items).cleaned()
    truth = meant(run, posted).cleaned()
    if name == "sap_advice":
        found.pop("moved"), truth.pop("moved")
    assert found == truth


class Ledger:
    """An ERP that keeps each document under its key, and is down now and then."""

    def __init__(self):
        self.documents = {}

    def post(self, folder, up_to=None):
        """Take what is in `folder`; of the one at `up_to` it says that it is down, then nothing."""
        answers = []
        for at, line in enumerate((folder / "documents.jsonl").read_bytes().splitlines()):
            document = json.loads(line)
            identity = document["document_id"]
            if at == up_to:
                answers.append({"document_id": identity, "status": 503, "body": "down"})
                break
            assert set(document.get("needs", ())) <= self.documents.keys()
            assert identity not in self.documents, "a second document of the same money"
            assert document["idempotency_key"] == identity
            self.documents[identity] = line
            answers.append({"document_id": identity, "status": 200, "body": {}})
        return answers


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_run_that_was_half_posted_is_finished_without_a_second_document(name, run, tmp_path):
    (tmp_path / "accounts.toml").write_text(template(name))
    told = tmp_path / "answers.jsonl"

    def again(out, answers):
        told.write_text("".join(json.dumps(one) + "\n" for one in answers))
        job = ExportJob(
            run=run.path,
            adapter=name,
            accounts=tmp_path / "accounts.toml",
            answers=told if answers else None,
            out=tmp_path / out,
        )
        return run_export_job(job)

    whole = again("first", []).export.documents
    ledger = Ledger()
    answers = ledger.post(tmp_path / "first", up_to=len(whole) // 2)
    report = again("second", answers)
    failed = [one for one in report.answers if one.state == "post_failed"]
    assert [(one.is_retryable, bool(one.hint)) for one in failed] == [(True, True)]
    states = Counter(one.state for one in report.states)
    assert states["confirmed"] > 0
    assert states["post_failed"] == 1
    assert states["waiting"] > 0
    answers += ledger.post(tmp_path / "second")
    kept = b"".join(ledger.documents[one.document_id] + b"\n" for one in whole)
    assert kept == document_lines(whole)
    assert len(ledger.documents) == len(whole)
    third = again("third", answers)
    assert third.summary.to_send == 0
    assert {one.state for one in third.states} == {"confirmed"}
    assert (tmp_path / "third" / "documents.jsonl").read_bytes() == b""


def test_every_payment_of_the_world_is_posted_reversed_or_held(run):
    report = run_export_job(ExportJob(run=run.path, adapter="journal"))
    export = report.export
    seen = defaultdict(int)
    for one in (*export.postings, *export.reversals, *export.held):
        seen[one.payment_id] += 1
    ids = run.table("payments")["payment_id"].to_pylist()
    assert dict(seen) == dict.fromkeys(ids, 1)
