"""The whole job on Spark gives the tables of `tieout match`, and nothing where it is stopped."""

from __future__ import annotations

import hashlib
import json
import os
import signal

import msgspec
import pytest
from cluster_worlds import differing_tables, in_parts, make_world, matched_in_one_process

from cluster.errors import DuplicateRowsError, PlaceError, UnusableInputError
from cluster.job import match_on_cluster
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_output import cluster_hooks, read_remittance_places

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


def test_the_result_is_that_of_one_process_and_its_manifest_says_so(spark, world, tmp_path):
    out = tmp_path / "result"
    report = match_on_cluster(spark, job_of(world, out), hooks_of(world))
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
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.long
def test_bank_files_crashes_and_a_stopped_driver_change_nothing(spark, tmp_path):
    world = make_world("demo", tmp_path / "world", 150, 1_200, seed=8, with_bank_files=True)
    poison = world / "bank" / "poisoned.txt"
    poison.write_bytes(b"no bank file at all")
    crashed = tmp_path / "crashed"
    hooks = hooks_of(world)
    tell = hooks.tell

    def tell_after_a_crash(match_input, result):
        if not crashed.exists():
            crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return tell(match_input, result)

    job = job_of(world, tmp_path / "out", payments=None, bank_files=(str(world / "bank"),))
    job = msgspec.structs.replace(job, open_items=str(world / "open_items.parquet"))
    hooks = msgspec.structs.replace(hooks, tell=tell_after_a_crash)

    def stop_at(stage, _rows):
        if stage == "decide":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        match_on_cluster(spark, job, hooks, stop_at)
    assert not (tmp_path / "out").exists()
    report = match_on_cluster(spark, job, hooks)
    assert crashed.exists()
    done = [one.stage for one in report.stages if one.resumed]
    assert done[0] == "open_items"
    assert done[-1] == "decide_references"
    assert [name for name, _ in report.refused] == ["poisoned.txt"]
    run = matched_in_one_process(world, tmp_path / "run", sorted((world / "bank").iterdir()))
    assert differing_tables(run, tmp_path / "out") == {}


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
