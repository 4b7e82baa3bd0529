"""The whole job on a cluster, on one screen: stages one after another, a job of Spark's each.

read and count → index customers → join advices → ask items and read payments → lay out in buckets →
decide by reference → decide → write → audit → publish → remember. Payments and items
meet in buckets, where the engine matches them as it is (`cluster.bucket_match`); what it cannot see
there it is told (`engine.whole`). Stages that are done are not done again (`cluster.run`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.ask_items import find_again, read_all
from cluster.audit import audit_result
from cluster.decide_all import decide_all, write_tables
from cluster.errors import PlaceError
from cluster.failures import failure_of
from cluster.flow import settled
from cluster.join_advices import keep_advices
from cluster.lay_out import decide_references, lay_out
from cluster.places import Place
from cluster.publish import MANIFEST, manifest_sha256, publish, run_of_result
from cluster.read_bank_files import keep_bank_files, refused_files
from cluster.read_inputs import keep_customers, keep_facts, keep_inputs, read_small_table
from cluster.remember import remember
from cluster.run import Run, noted_run
from cluster.run_key import run_key
from cluster.settings import ClusterJob, ClusterReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from cluster.hooks import Hooks

__all__ = ["match_on_cluster"]

STAGES = (
    ("inputs", keep_inputs),
    ("bank_files", keep_bank_files),
    ("customers", keep_customers),
    ("facts", keep_facts),
    ("advices", keep_advices),
    ("read_payments", read_all),
    ("find_again", find_again),
    ("lay_out", lay_out),
    ("decide_references", decide_references),
    ("decide", decide_all),
    ("write", write_tables),
    ("audit", audit_result),
    ("publish", publish),
    ("remember", remember),
)
"""Every stage by its name, in order."""

_PASSING_ON: Final = ("publish", "remember")
"""Stages that a dry run does without."""


def match_on_cluster(
    spark: SparkSession,
    job: ClusterJob,
    hooks: Hooks,
    observe: Callable[[str, int], None] = lambda _stage, _rows: None,
) -> ClusterReport:
    """Run `job`; `observe` hears of each stage as it begins.

    Raises `ClusterError`, `FileNotFoundError`, or what Spark raises; then `out` is as it was.
    """
    out = Place.of(job.out)
    work = Place.of(job.work) if job.work else Place(f"{_above(out)}/.{out.name}.work")
    run = _begun(spark, job, hooks, out, work, observe)
    with settled(spark):
        for name, make in STAGES:
            if not (job.dry_run and name in _PASSING_ON):
                _do(run, name, make)
    written, refused = run.value("written"), refused_files(run)
    if not job.keep_work:
        work.remove()
    return ClusterReport(
        out=None if job.dry_run else str(out),
        manifest_sha256=None if job.dry_run else manifest_sha256(out),
        stages=tuple(run.reports),
        counts={f"{one.stage}.{name}": n for one in run.reports for name, n in one.rows.items()},
        exceptions=written.exceptions,
        decided=written.decided,
        refused=refused,
    )


def _begun(
    spark: SparkSession,
    job: ClusterJob,
    hooks: Hooks,
    out: Place,
    work: Place,
    observe: Callable[[str, int], None],
) -> Run:
    """The run in the folder `work`: a new one, or one that was stopped."""
    key = run_key(job, hooks, hooks.earlier.key if hooks.earlier else "")
    noted = noted_run(work)
    if noted is not None and noted.is_of(key) and run_of_result(out) == noted.run:
        # Stopped after its result appeared: that it is remembered is all that may be left to do.
        run = Run(spark, job, hooks, work, noted.run, observe)
        run.is_remembered = key != noted.run
    else:
        if not job.dry_run:
            _refuse_full(job, out)
        run = Run(spark, job, hooks, work, key, observe)
    if job.bank_accounts is not None:
        run.accounts = read_small_table(job.bank_accounts, hooks.read_bank_accounts)
    run.begin()
    return run


def _do(run: Run, name: str, make: Callable[[Run], dict[str, int]]) -> None:
    """Do a stage; raises what a person can act on where somebody foresaw what stopped it."""
    try:
        run.stage(name, make)
    except Exception as error:
        failure = failure_of(error, name)
        if failure is None or failure is error:
            raise
        raise failure from error


def _refuse_full(job: ClusterJob, out: Place) -> None:
    """Raise `PlaceError` where the result could not be put in its place, before any work."""
    if out.is_empty():
        return
    if not job.overwrite:
        message = f"{out} is not empty; give --out a new folder, or --overwrite to replace a result"
        raise PlaceError(message)
    if not (out / MANIFEST).exists():
        message = f"{out} holds no {MANIFEST}: it is no result and is not overwritten"
        raise PlaceError(message)


def _above(place: Place) -> str:
    return place.uri.rsplit("/", 1)[0]
