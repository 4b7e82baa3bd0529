"""The whole job on Spark gives the tables of `tieout match`, and nothing where it is stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from cluster_worlds import differing_tables, in_parts, make_world, matched_in_one_process

from cluster.audit import audit_result
from cluster.errors import AuditError, DuplicateRowsError, PlaceError, UnusableInputError
from cluster.job import match_on_cluster
from cluster.places import Place
from cluster.run import Run
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_inputs import read_remittance_places
from tieout.cluster_output import cluster_hooks

pytestmark = pytest.mark.xdist_group("spark")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = make_world("demo", tmp_path_factory.mktemp("world"), 400, 3_000, seed=5)
    in_parts(place / "open_items.parquet", 3)
    return place


def job_of(world, out, **more):
    job = ClusterJob(
        open_items=str(world / "open_items"),
        payments=str(world / "payments.parquet"),
        customers=str(world / "customers.parquet"),
        bank_accounts=str(world / "bank_accounts.parquet"),
        out=str(out),
        cuts=Cuts(bucket_items=1_200, bucket_payments=200, file_payments=250),
    )
    return msgspec.structs.replace(job, **more)


def hooks_of(world):
    return cluster_hooks(read_remittance_places([str(world / "remittances.parquet")]))


@pytest.fixture(scope="module")
def done(spark, world, tmp_path_factory):
    """A run that is done, its working folder beside it."""
    folder = tmp_path_factory.mktemp("done")
    job = job_of(world, folder / "result", work=str(folder / "work"), keep_work=True)
    return job, match_on_cluster(spark, job, hooks_of(world))


def test_the_result_is_that_of_one_process_and_its_manifest_says_so(done, world, tmp_path):
    job, report = done
    out = Path(job.out)
    run = matched_in_one_process(world, tmp_path / "run")
    assert differing_tables(run, out) == {}
    assert report.counts["lay_out.buckets"] > 2
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["rows"]["payments"] == 400
    for file in manifest["files"]:
        content = (out / file["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert len({file["path"] for file in manifest["files"]}) == len(manifest["files"])
    said = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    assert said == report.manifest_sha256
    summary = json.loads((run / "summary.json").read_text())
    assert manifest["exceptions"] == summary["primary_exceptions_by_code"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["result", "work"]


@pytest.mark.parametrize(
    ("table", "damage", "said"),
    [
        ("applications", lambda rows: pa.concat_tables([rows, rows]), "not the sum of its rows"),
        ("payments", lambda rows: rows.slice(1), "goes out with another, or not at all"),
        pytest.param(
            "payments",
            lambda rows: pa.concat_tables([rows, rows]),
            "stands more than once",
            marks=pytest.mark.long,
        ),
        ("payments", lambda rows: doubled(rows, "unapplied_amount"), "not the sum of its buckets"),
        ("applications", lambda rows: doubled(rows, "discount_taken"), "further than it was open"),
        pytest.param(
            "applications",
            lambda rows: renamed(rows, "open_item_id"),
            "is no open item",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "applications",
            lambda rows: renamed(rows, "payment_id"),
            "but is none",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_result_that_was_damaged_on_its_way_is_not_passed_on(
    spark, done, world, tmp_path, table, damage, said
):
    job, _ = done
    key = next(Path(job.work).glob("*/given")).parent.name
    work = tmp_path / "work"
    shutil.copytree(Path(job.work) / key / "given", work / key / "given")
    shutil.copytree(job.out, work / key / "written")
    parts = sorted((work / key / "written" / table).glob("*.parquet"))
    rows = pa.concat_tables([pq.read_table(part) for part in parts])
    for part in parts[1:]:
        part.unlink()
    pq.write_table(damage(rows), parts[0])
    run = Run(spark, job, hooks_of(world), Place.of(work), key, lambda _stage, _rows: None)
    with pytest.raises(AuditError, match=said):
        audit_result(run)


def doubled(rows, name):
    """`rows` with more in the column `name` than was there."""
    more = pc.add(
        rows[name], pc.add(rows["amount" if "amount" in rows.column_names else "amount_applied"], 1)
    )
    return rows.set_column(rows.column_names.index(name), name, more.cast(rows[name].type))


def renamed(rows, name):
    """`rows` with strange names in the column `name` of those that were decided."""
    strange = pc.binary_join_element_wise(rows[name], "X", "-")
    return rows.set_column(rows.column_names.index(name), name, strange)


@pytest.mark.long
def test_bank_files_crashes_and_a_stopped_driver_change_nothing(spark, tmp_path):
    world = make_world("demo", tmp_path / "world", 150, 1_200, seed=8, with_bank_files=True)
    poison = world / "bank" / "poisoned.txt"
    poison.write_bytes(b"no bank file at all")
    killer = world / "bank" / "killer.txt"
    killer.write_bytes(b"kills whoever reads it")
    crashed = tmp_path / "crashed"
    hooks = hooks_of(world)
    tell, read = hooks.tell, hooks.read_bank_file

    def tell_after_a_crash(match_input, result):
        if not crashed.exists():
            crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return tell(match_input, result)

    def read_or_die(name, content, accounts):
        if content == b"kills whoever reads it":
            os.kill(os.getpid(), signal.SIGKILL)
        return read(name, content, accounts)

    job = job_of(world, tmp_path / "out", payments=None, bank_files=(str(world / "bank"),))
    job = msgspec.structs.replace(job, open_items=str(world / "open_items.parquet"))
    hooks = msgspec.structs.replace(hooks, tell=tell_after_a_crash, read_bank_file=read_or_die)

    def stop_at(stage, _rows):
        if stage == "decide":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        match_on_cluster(spark, job, hooks, stop_at)
    assert not (tmp_path / "out").exists()
    report = match_on_cluster(spark, job, hooks)
    assert crashed.exists()
    done = [one.stage for one in report.stages if one.resumed]
    assert done[0] == "inputs"
    assert done[-1] == "decide_references"
    refused = dict(report.refused)
    assert sorted(refused) == ["killer.txt", "poisoned.txt"]
    assert refused["killer.txt"] == "killer.txt: its reader ended its process (SIGKILL)"
    killer.unlink()
    run = matched_in_one_process(world, tmp_path / "run", sorted((world / "bank").iterdir()))
    # The file that was refused here alone has an exception of its own.
    ((name, (rows, more)),) = differing_tables(run, tmp_path / "out").items()
    assert (name, more - rows) == ("exceptions", 1)


def test_a_malformed_part_stops_the_run_with_the_sentence_of_its_reader(spark, world, tmp_path):
    items = tmp_path / "items"
    items.mkdir()
    header = "open_item_id,customer_id,document_number,currency,open_amount\n"
    (items / "a.csv").write_text(header + "I1,C1,1001,USD,10.00\n")
    (items / "b.csv").write_text(header + "I2,C1,1002,USD,ten\n")
    job = msgspec.structs.replace(job_of(world, tmp_path / "out"), open_items=str(items))
    with pytest.raises(UnusableInputError, match=r"^b.csv: row 1 .*column open_amount: 'ten'"):
        match_on_cluster(spark, job, hooks_of(world))
    (items / "b.csv").write_text(header + "I1,C1,1002,USD,5.00\n")
    with pytest.raises(DuplicateRowsError, match="'I1' stands in more than one part"):
        match_on_cluster(spark, job, hooks_of(world))
    assert not (tmp_path / "out").exists()


def test_what_is_no_result_is_not_replaced(tmp_path, world):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(PlaceError, match="is not empty"):
        match_on_cluster(None, job_of(world, out), hooks_of(world))
    with pytest.raises(PlaceError, match="is no result and is not overwritten"):
        match_on_cluster(None, job_of(world, out, overwrite=True), hooks_of(world))
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
