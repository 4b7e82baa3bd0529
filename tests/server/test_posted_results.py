"""The result of a run made elsewhere is posted once, as far as the store allows, to the cent."""

import hashlib
import json
import threading
import time
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parsers.errors import BundleError
from rpc.clearing_job import prove_file
from rpc.jobs import JobFailure, PostResultsJob
from rpc.spool import FrameWriter
from store import open_repository
from store.checking import check_store
from store.decision_records import PostingFilter
from tests.server.requests import OPEN_ITEMS_CSV, bai2_file
from tests.server.running_server import RunningServer
from tests.server.test_repeated_files import Store
from tests.store.item_rows import items_of
from tests.store.raw_rows import raw_rows
from tieout import commands
from tieout.client import Client, ClientError
from tieout.result_files import ResultFiles
from tieout.v1 import application_service_pb2 as contract
from tieout.v1 import run_service_pb2 as runs

pytestmark = pytest.mark.xdist_group("server")

PAID = bai2_file((10_000, "INV-20431"), (7_525, "INV-30777"), (44_400, "THANK YOU"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The directory of a run of `tieout match` over the items every store here has."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "day.bai").write_bytes(PAID)
    (tmp_path / "items.csv").write_text(OPEN_ITEMS_CSV, "utf-8")
    out = tmp_path / "run"
    given = ["--open-items", str(tmp_path / "items.csv"), "--out", str(out)]
    assert commands.main(["match", str(tmp_path / "day.bai"), *given]) == 0
    return out


class Posting(Store):
    """A store, and results posted into it as a worker does."""

    def post(self, run, *, files=None, **header):
        result = ResultFiles.open(run)
        path = self.folder / f"{time.monotonic_ns()}.parts"
        with FrameWriter(path) as writer:
            for name, content in files or result.chunks():
                chunk = contract.ResultFileChunk(path=name, content=content)
                writer.write(contract.PostResultsRequest(file=chunk).SerializeToString())
        told = contract.PostResultsHeader(manifest_sha256=result.sha256, name="run")
        told.MergeFrom(contract.PostResultsHeader(**header))
        done = self.run(
            PostResultsJob(
                header=told.SerializeToString(), parts_path=str(path), received_at_ms=1_000
            )
        )
        if isinstance(done, JobFailure):
            print(done)
            return done
        return contract.PostResultsResponse.FromString(done.response)

    def open_minor(self):
        repository = open_repository(self.settings.store_url)
        found = repository.open_items.read().changed.rows
        repository.close()
        return dict(zip(found.strings("open_item_id"), found.int64("open_minor"), strict=True))


@pytest.fixture
def store(tmp_path, store_url):
    (tmp_path / "store").mkdir()
    found = Posting(tmp_path / "store", store_url)
    yield found
    found.close()
    repository = open_repository(store_url)
    assert check_store(repository.database) == ()
    repository.close()


def test_a_result_is_posted_once_whoever_sends_it_again(store, run, store_url):
    first = store.post(run, request_id="R-1")
    assert (first.posted_count, first.stale_line_count, first.known_payment_count) == (2, 0, 0)
    assert not first.already_processed
    assert store.open_minor() == {"I-1": 0, "I-2": 25_050, "I-3": 0}
    assert store.post(run, request_id="R-1") == first, "the answer to a request is the first one"
    for answer in (store.post(run, request_id="R-2"), store.post(run)):
        assert answer.already_processed
        answer.already_processed = False
        assert answer == first
    assert store.open_minor() == {"I-1": 0, "I-2": 25_050, "I-3": 0}
    repository = open_repository(store_url)
    identity = ResultFiles.open(run).sha256
    posted = repository.decisions.list_postings(PostingFilter(subject=identity), 0, 10)
    assert sorted(posted.strings("open_item_id")) == ["I-1", "I-3"]
    assert prove_file(repository, identity)[0] == "partly", "there are no bytes of a bank"
    repository.close()
    assert raw_rows(store_url, "SELECT count(*) FROM exception_case") == [(1,)]
    kinds = raw_rows(store_url, "SELECT kind FROM event WHERE kind = 'results.posted'")
    assert kinds == [("results.posted",)]


def test_a_line_whose_item_has_changed_is_told_and_its_money_is_kept(store, run, store_url):
    repository = open_repository(store_url)
    with repository.booking() as booking:
        booking.open_items.upsert(items_of("K", {"I-1": 6_000}, customer_id="C-1"))
    repository.close()
    answer = store.post(run)
    (line,) = answer.stale_lines
    assert (line.open_item_id, line.reason) == ("I-1", "ITEM_NOT_COVERED")
    assert (line.asked_minor, line.available_minor) == (10_000, 6_000)
    assert (answer.posted_count, answer.stale_payment_count) == (1, 1)
    assert store.open_minor() == {"I-1": 6_000, "I-2": 25_050, "I-3": 0}
    codes = raw_rows(
        store_url,
        f"SELECT code, undecided_minor FROM exception_case WHERE payment_id = '{line.payment_id}'",
    )
    assert codes == [("ITM-CHANGED", 10_000)]
    proposed = raw_rows(
        store_url,
        f"SELECT open_item_id, decision FROM application WHERE payment_id = '{line.payment_id}'",
    )
    assert proposed == [("I-1", "proposed")]


def test_what_a_bank_file_brought_before_is_left_out(store, run):
    store.send(PAID)
    before = store.open_minor()
    answer = store.post(run)
    assert (answer.known_payment_count, answer.posted_count) == (3, 0)
    assert answer.bank_file.payment_count == 0
    assert store.open_minor() == before


def test_a_validated_result_leaves_nothing(store, run, store_url):
    answer = store.post(run, validate_only=True)
    assert answer.posted_count == 2
    assert raw_rows(store_url, "SELECT count(*) FROM payment") == [(0,)]
    assert not store.post(run).already_processed


def rewritten(run, change):
    """The manifest after `change`, and the files."""
    result = ResultFiles.open(run)
    manifest = json.loads(result.manifest)
    files = dict(result.chunks())
    change(manifest, files)
    files["manifest.json"] = json.dumps(manifest).encode()
    return files, hashlib.sha256(files["manifest.json"]).hexdigest()


def _without_payments(_, files):
    del files["payments.parquet"]


def _with_another(_, files):
    files["more.parquet"] = b""


def _damaged(_, files):
    files["payments.parquet"] = files["payments.parquet"][:-1] + b"x"


def _with_other_sums(manifest, _):
    manifest["sums"]["USD"]["amount"] = "619.26"


def _of_another_format(manifest, _):
    manifest["format"] = 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without_payments, "payments.parquet was not sent"),
        (_with_another, "more.parquet is not in the manifest"),
        (_damaged, "the manifest says"),
        (_with_other_sums, "USD amount: the manifest says 619.26"),
        (_of_another_format, "has format 2"),
    ],
)
def test_a_result_that_is_not_what_its_manifest_says_is_refused(
    store, run, store_url, change, words
):
    files, sha256 = rewritten(run, change)
    failure = store.post(run, files=list(files.items()), manifest_sha256=sha256)
    assert isinstance(failure, JobFailure)
    assert failure.reason == BundleError.reason
    assert words in failure.message
    assert raw_rows(store_url, "SELECT count(*) FROM payment") == [(0,)]


def test_money_that_does_not_add_up_is_refused_though_the_manifest_agrees(store, run, store_url):
    def change(manifest, files):
        table = pq.read_table(pa.BufferReader(files["applications.parquet"]))
        at = table.column_names.index("amount_applied")
        doubled = pa.array([2 * one for one in table["amount_applied"].to_pylist()])
        table = table.set_column(at, table.schema.field(at), doubled.cast(table.schema.types[at]))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        content = sink.getvalue().to_pybytes()
        files["applications.parquet"] = content
        for one in manifest["files"]:
            if one["path"] == "applications.parquet":
                one.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    repository = open_repository(store_url)
    with repository.booking() as booking:
        amounts = {"I-1": 90_000, "I-2": 90_000, "I-3": 90_000}
        booking.open_items.upsert(items_of("K", amounts, customer_id="C-1"))
    repository.close()
    files, sha256 = rewritten(run, change)
    failure = store.post(run, files=list(files.items()), manifest_sha256=sha256)
    assert failure.reason == "CONSERVATION"
    assert raw_rows(store_url, "SELECT count(*) FROM payment") == [(0,)]


@pytest.mark.parametrize("killed_after", [0.0, 0.15])
def test_a_server_killed_while_it_posts_posts_once(store_url, run, tmp_path, capsys, killed_after):
    folder = tmp_path / "served"
    folder.mkdir()
    settings = f"""
[server]
spool = "."
[store]
url = "{store_url}"
[tables]
open_items = "open_items.csv"
"""

    def send(address):
        with suppress(ClientError), Client(address) as client:
            result = ResultFiles.open(run)
            header = contract.PostResultsHeader(manifest_sha256=result.sha256)
            parts = [contract.PostResultsRequest(header=header)]
            parts += [
                contract.PostResultsRequest(
                    file=contract.ResultFileChunk(path=path, content=content)
                )
                for path, content in result.chunks()
            ]
            client.send(lambda: parts, contract.PostResultsResponse)

    with RunningServer(folder, settings) as server:
        sender = threading.Thread(target=send, args=(server.address,), daemon=True)
        sender.start()
        sender.join(killed_after)
        server.kill()
    (folder / "tieout.toml").unlink()
    with RunningServer(folder, settings.replace('open_items = "open_items.csv"', "")) as server:
        post = ["post", str(run), "--server", server.address]
        assert commands.main([*post, "--background"]) == 0
        identity = capsys.readouterr().out.split()[1]
        with Client(server.address) as client:
            wanted = runs.WaitRunRequest(run_id=identity, wait_seconds=60)
            waited = client.call(wanted, runs.WaitRunResponse).run
        assert (waited.state, waited.posted.posted_count) == (runs.RUN_STATE_DONE, 2)
        assert (waited.kind, waited.file_name) == (runs.RUN_KIND_RESULTS, "run")
        code = commands.main([*post, "--json"])
        told = json.loads(capsys.readouterr().out)
        assert (code, told["posted_count"]) == (0, "2")
        assert server.terminate() == 0
    assert raw_rows(store_url, "SELECT count(*) FROM posting") == [(2,)]
    assert raw_rows(store_url, "SELECT sum(open_minor) FROM open_item") == [(25_050,)]
    repository = open_repository(store_url)
    assert check_store(repository.database) == ()
    repository.close()


def test_a_table_that_is_no_parquet_is_no_result(run, capsys):
    (run / "payments.parquet").rename(run / "payments.csv")
    assert commands.main(["post", str(run)]) == 65
    assert "a result is posted as Parquet" in capsys.readouterr().err
    assert commands.main(["post", str(run / "nothing")]) == 66
