"""Worlds that judge match quality: kinds, seeds and sizes, made, matched and evaluated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tieout.evaluation import evaluate_runs
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import generate_world, named_spec, scaled_spec, write_world

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.evaluation.evaluate import Evaluated
    from tieout.worlds import WorldSpec

__all__ = ["ITEMS_PER_PAYMENT", "evaluate_world", "judging_world", "match_world"]

ITEMS_PER_PAYMENT: Final = 6


def judging_world(name: str, seed: int, payments: int) -> WorldSpec:
    """The world called `name` with another seed, at a size."""
    named = named_spec(name)
    spec = scaled_spec(
        named,
        payments,
        payments * ITEMS_PER_PAYMENT,
        with_bank_files=named.with_file_faults,
    )
    return msgspec.structs.replace(spec, seed=seed)


def evaluate_world(spec: WorldSpec, folder: Path) -> Evaluated:
    """Make the world below `folder`, match it, judge the runs; nothing of it is kept."""
    place = folder / f"{spec.name}-{spec.seed}"
    try:
        write_world(generate_world(spec), place, "parquet")
        runs = match_world(spec, place)
        return evaluate_runs(runs, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def match_world(spec: WorldSpec, place: Path) -> list[Path]:
    """Match the world in `place`: as a whole, or the last day apart from those before it."""
    job = MatchingJob(
        open_items=place / "open_items.parquet",
        payments=place / "payments.parquet",
        customers=place / "customers.parquet",
        bank_accounts=place / "bank_accounts.parquet",
        remittances=place / "remittances.parquet",
        policy=place / "policy.toml" if spec.policy else None,
        as_of=spec.as_of,
    )
    if spec.with_file_faults:
        files = tuple(sorted((place / "bank").iterdir()))
        more: list[dict[str, Any]] = [{"bank_files": files, "payments": None, "remittances": None}]
    elif spec.in_two_runs:
        more = [{"payments": one, "memory": place / "memory"} for one in _last_day_apart(place)]
    else:
        more = [{}]
    runs = []
    for number, changes in enumerate(more):
        runs.append(place / f"run-{number}")
        run_matching_job(msgspec.structs.replace(job, out=runs[-1], **changes))
    return runs


def _last_day_apart(place: Path) -> list[Path]:
    """The payments of the days before the last one, and those of the last, as two tables."""
    payments = pq.read_table(place / "payments.parquet")
    last = pc.equal(payments["value_date"], pc.max(payments["value_date"]))
    paths = [place / "payments-0.parquet", place / "payments-1.parquet"]
    for path, rows in zip(paths, (pc.invert(last), last), strict=True):
        pq.write_table(payments.filter(rows), path)
    return paths
