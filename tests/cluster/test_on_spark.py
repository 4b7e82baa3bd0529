"""The whole job on Spark gives the tables of `tieout match`, and nothing where it is stopped."""

from __future__ import annotations

import hashlib
import json

import pytest
from cluster_worlds import differing_tables, in_parts, make_world, matched_in_one_process

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
    return ClusterJob(
        open_items=str(world / "open_items"),
        payments=str(world / "payments.parquet"),
        customers=str(world / "customers.parquet"),
        bank_accounts=str(world / "bank_accounts.parquet"),
        out=str(out),
        **{"cuts": Cuts(bucket_items=1_200, bucket_payments=200, file_payments=250), **more},
    )


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
