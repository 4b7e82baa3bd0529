"""Worlds that judge match quality: kinds, seeds and sizes, made, matched and evaluated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.evaluation import evaluate_runs
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import generate_world, named_spec, scaled_spec, write_world

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.evaluation.evaluate import Evaluated
    from tieout.worlds import WorldSpec

__all__ = ["ITEMS_PER_PAYMENT", "evaluate_world", "judging_world"]

ITEMS_PER_PAYMENT: Final = 6


def judging_world(name: str, seed: int, payments: int) -> WorldSpec:
    """The world called `name` with another seed, at a size."""
    spec = scaled_spec(named_spec(name), payments, payments * ITEMS_PER_PAYMENT)
    return msgspec.structs.replace(spec, seed=seed)


def evaluate_world(spec: WorldSpec, folder: Path) -> Evaluated:
    """Make the world below `folder`, match it, judge the run; nothing of it is kept."""
    place = folder / f"{spec.name}-{spec.seed}"
    try:
        write_world(generate_world(spec), place, "parquet")
        run_matching_job(
            MatchingJob(
                open_items=place / "open_items.parquet",
                payments=place / "payments.parquet",
                customers=place / "customers.parquet",
                bank_accounts=place / "bank_accounts.parquet",
                remittances=place / "remittances.parquet",
                policy=place / "policy.toml" if spec.policy else None,
                out=place / "run",
            )
        )
        return evaluate_runs([place / "run"], place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
