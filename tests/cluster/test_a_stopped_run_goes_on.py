"""A run that is stopped goes on where it was, wherever: nothing is done or remembered twice."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from cluster_worlds import differing_tables, in_parts, make_world
from pyarrow import fs
from without_spark import match_without_spark

import cluster.places as cluster_places
from cluster.errors import PlaceError, ReaderDiedError
from cluster.job import STAGES
from cluster.places import Place, local_copy
from cluster.read_apart import read_marked
from cluster.read_bank_files import shares_of
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_inputs import read_remittance_places
from tieout.cluster_memory import earlier_runs
from tieout.cluster_output import cluster_hooks
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.memories import Memories
from tieout.memory_files import finish_memory_files, write_memory_files

NAMES = [name for name, _ in STAGES]
DIED = ReaderDiedError("its reader ended its process (SIGKILL)")
NO_ROOM = PlaceError("no room")


class Stopped(BaseException):
    """Whoever runs the driver is gone."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = make_world("demo", tmp_path_factory.mktemp("world"), 80, 500, seed=5)
    in_parts(place / "open_items.parquet", 2)
    return place


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    """What one process leaves: its run directory and its memory."""
    folder = tmp_path_factory.mktemp("whole")
    names = ("payments", "customers", "bank_accounts", "remittances", "open_items")
    tables = {name: world / f"{name}.parquet" for name in names}
    run_matching_job(MatchingJob(**tables, memory=folder / "memory", out=folder / "run"))
    return folder


def job_of(world, out, **more):
    names = ("payments", "customers", "bank_accounts")
    tables = {name: str(world / f"{name}.parquet") for name in names}
    job = ClusterJob(
        **tables,
        open_items=str(world / "open_items"),
        out=str(out),
        cuts=Cuts(parts=2, bucket_items=200, bucket_payments=40),
    )
    return msgspec.structs.replace(job, **more)


@pytest.fixture
def match(world, monkeypatch):
    """Runs the job, with a memory where one is given; `after` stops it behind that stage."""

    def run(job, memory=None, after=None, change=lambda hooks: hooks):
        advices = read_remittance_places([str(world / "remittances.parquet")])
        hooks = cluster_hooks(advices, None, None)
        if memory is not None:
            memory.mkdir(exist_ok=True)
            finish_memory_files(memory)
            hooks = msgspec.structs.replace(hooks, earlier=earlier_runs(memory))
        behind = [*NAMES, ""][NAMES.index(after) + 1] if after else None

        def observe(stage, _rows):
            if stage == behind:
                raise Stopped

        report = match_without_spark(monkeypatch, job, change(hooks), observe)
        if behind == "":
            raise Stopped
        return report

    return run


@pytest.mark.parametrize("after", ["decide", "publish"])
def test_what_was_done_is_not_done_again_and_the_same_is_remembered(
    match, world, whole, tmp_path, after
):
    """Once a run that was stopped behind `publish` was refused, and never remembered."""
    job, memory = job_of(world, tmp_path / "out"), tmp_path / "memory"
    with pytest.raises(Stopped):
        match(job, memory, after)
    report = match(job, memory)
    resumed = [one.stage for one in report.stages if one.resumed]
    assert resumed == NAMES[: NAMES.index(after) + 1]
    assert differing_tables(whole / "run", tmp_path / "out") == {}
    assert Memories.read(memory).key == Memories.read(whole / "memory").key
    assert not (tmp_path / ".out.work").exists()


def test_a_run_that_is_remembered_already_is_neither_remembered_nor_matched_again(
    match, world, whole, tmp_path
):
    job, memory = job_of(world, tmp_path / "out", overwrite=True), tmp_path / "memory"

    def stopped_as_it_is_written(hooks):
        def remember(told):
            made = hooks.earlier.remember(told)

            def write():
                made.write()
                raise Stopped

            return msgspec.structs.replace(made, write=write)

        earlier = msgspec.structs.replace(hooks.earlier, remember=remember)
        return msgspec.structs.replace(hooks, earlier=earlier)

    with pytest.raises(Stopped):
        match(job, memory, change=stopped_as_it_is_written)
    report = match(job, memory)
    assert all(one.resumed for one in report.stages[:-1])
    assert report.counts["write.payments"] == 80
    assert differing_tables(whole / "run", tmp_path / "out") == {}
    assert Memories.read(memory).key == Memories.read(whole / "memory").key
    # Done is done: the next run is another one, and knows every payment.
    assert match(job, memory).counts["write.payments"] == 0


def test_a_memory_is_replaced_as_a_whole_or_not_at_all(whole, tmp_path, monkeypatch):
    files = Memories.read(whole / "memory")
    replace = Path.replace

    def replaced(path, target):
        if path.name == "memory.parquet":
            raise Stopped
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replaced)
        with pytest.raises(Stopped):
            files.write(tmp_path)
    assert Memories.read(tmp_path).key != files.key
    finish_memory_files(tmp_path)
    assert Memories.read(tmp_path).key == files.key
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with pytest.raises(AttributeError):
        write_memory_files(tmp_path, files.runs.files | {"settled.parquet": None})
    assert Memories.read(tmp_path).key == files.key
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_result_that_cannot_be_put_in_its_place_leaves_the_earlier_one(
    match, world, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    before = match(job_of(world, out))
    move = Place.move_to

    def moved(place, other):
        if place.name == "result":
            raise NO_ROOM
        move(place, other)

    policy = {"strategies": {"oldest_first": True}}
    with monkeypatch.context() as patch:
        patch.setattr(Place, "move_to", moved)
        with pytest.raises(PlaceError):
            match(job_of(world, out, overwrite=True, policy=policy))
    manifest = out / "manifest.json"
    assert json.loads(manifest.read_text())["rows"]["payments"] == 80
    after = match(job_of(world, out, overwrite=True, policy=policy))
    assert after.manifest_sha256 != before.manifest_sha256
    assert not (tmp_path / "out.earlier").exists()


def test_a_bank_file_that_takes_its_reader_with_it_is_found_out(tmp_path):
    place = Place.of(tmp_path / "mark")

    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    def read():
        print("a reader that talks")
        return ["rows", os.getpid()]

    assert read_marked(place, read) == ["rows", os.getpid()]
    assert read_marked(place, read) == ["rows", os.getpid()]
    # Somebody began and did not come back.
    place.write(b"")
    rows, process = read_marked(place, read)
    assert rows == "rows"
    assert process != os.getpid()
    with pytest.raises(ReaderDiedError, match="SIGKILL"):
        read_marked(place, killed)


@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_each_bank_file_is_read_by_one_task_and_none_has_far_more_to_do(most):
    dice = np.random.default_rng(5)
    sizes = (dice.pareto(1.2, 3_000) * 4_000).astype(np.int64).tolist()
    shares = shares_of(sizes, most)
    assert [file for share in shares for file in share] == [*range(len(sizes))]
    assert 0 < len(shares) <= most
    work = [sum(sizes[file] + (1 << 16) for file in share) for share in shares]
    assert max(work) <= sum(work) / most + max(sizes) + (1 << 16)
    assert shares_of([], most) == []


def test_one_bank_file_of_many_is_refused_by_name(match, world, tmp_path):
    bank = make_world("demo", tmp_path / "world", 30, 200, seed=8, with_bank_files=True) / "bank"
    (bank / "aaa.txt").write_bytes(b"kills its reader")
    job = job_of(world, tmp_path / "out", payments=None, bank_files=(str(bank),))

    def killing(hooks):
        read = hooks.read_bank_file

        def killed(name, content, accounts):
            if content == b"kills its reader":
                raise DIED
            return read(name, content, accounts)

        return msgspec.structs.replace(hooks, read_bank_file=killed)

    report = match(job, change=killing)
    assert report.refused == (("aaa.txt", "aaa.txt: its reader ended its process (SIGKILL)"),)
    files = sorted(path for path in bank.iterdir() if path.name != "aaa.txt")
    names = ("customers", "bank_accounts", "remittances", "open_items")
    tables = {name: world / f"{name}.parquet" for name in names}
    run_matching_job(MatchingJob(**tables, bank_files=tuple(files), out=tmp_path / "run"))
    # The refused file has an exception of its own.
    ((name, (rows, more)),) = differing_tables(tmp_path / "run", tmp_path / "out").items()
    assert (name, more - rows) == ("exceptions", 1)


def test_where_no_file_system_is_mounted_the_rows_are_the_same(
    match, world, whole, tmp_path, monkeypatch
):
    """Files are asked for whole, as on HDFS: here they stand in a folder behind a URI."""
    far = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    real = fs.FileSystem.from_uri

    def from_uri(uri):
        return (far, uri.removeprefix("far://")) if uri.startswith("far://") else real(uri)

    system = SimpleNamespace(from_uri=from_uri)
    given = {name: getattr(fs, name) for name in ("FileType", "FileSelector", "FileInfo")}
    monkeypatch.setattr(cluster_places, "fs", SimpleNamespace(FileSystem=system, **given))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    match(job_of(world, "far:///results/out"))
    assert differing_tables(whole / "run", tmp_path / "results" / "out") == {}
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["out"]

    # Once the copy of a file stood for whatever came to lie there later.
    policy = tmp_path / "tieout.toml"
    policy.write_text("one = 1\n")
    assert local_copy(Place.of("far:///tieout.toml")).read_text() == "one = 1\n"
    policy.write_text("two = 2\n")
    os.utime(policy, (1, 1))
    copy = local_copy(Place.of("far:///tieout.toml"))
    assert copy.read_text() == "two = 2\n"
    os.utime(copy, (1, 1))
    policy.write_text("three = 3\n")
    local_copy(Place.of("far:///tieout.toml"))
    assert not copy.exists()


def test_a_dry_run_decides_everything_and_passes_nothing_on(match, world, whole, tmp_path):
    """The same command goes on from there where the dry run kept its work."""
    out, memory = tmp_path / "out", tmp_path / "memory"
    report = match(job_of(world, out, dry_run=True, keep_work=True), memory)
    summary = json.loads((whole / "run" / "summary.json").read_text())
    assert report.exceptions == summary["primary_exceptions_by_code"]
    assert (report.out, report.manifest_sha256) == (None, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.work", "memory"]
    assert not list(memory.glob("*.parquet"))
    report = match(job_of(world, out), memory)
    assert [one.stage for one in report.stages if not one.resumed] == ["publish", "remember"]
    assert differing_tables(whole / "run", out) == {}
    assert Memories.read(memory).key == Memories.read(whole / "memory").key
