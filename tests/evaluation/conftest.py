"""Small worlds, matched once, for everything that judges runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq
import pytest

from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import generate_world, named_spec, scaled_spec, write_world

if TYPE_CHECKING:
    from pathlib import Path


def matched_world(name: str, seed: int, payments: int, place: Path, **job) -> Path:
    """A world below `place`, its run in `place`/run."""
    spec = msgspec.structs.replace(scaled_spec(named_spec(name), payments, payments * 6), seed=seed)
    write_world(generate_world(spec), place, "parquet")
    match_world(place, place / "run", **job)
    return place


def match_world(world: Path, out: Path, **job) -> None:
    """Match the tables of `world` into `out`."""
    run_matching_job(
        MatchingJob(
            open_items=world / "open_items.parquet",
            payments=world / "payments.parquet",
            customers=world / "customers.parquet",
            bank_accounts=world / "bank_accounts.parquet",
            remittances=world / "remittances.parquet",
            out=out,
            **job,
        )
    )


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A world with whatever can go wrong, matched."""
    return matched_world("dense_numbers", 41, 900, tmp_path_factory.mktemp("dense"))


class EditableRun:
    """A copy of a run whose rows a test may change before it is judged."""

    def __init__(self, run: Path, place: Path):
        """Copy `run` to `place`."""
        shutil.copytree(run, place)
        self.path = place

    def rows(self, table: str) -> list[dict]:
        """Rows of one table."""
        return pq.read_table(self.path / f"{table}.parquet").to_pylist()

    def write(self, table: str, rows: list[dict]) -> None:
        """Replace the rows of one table."""
        path = self.path / f"{table}.parquet"
        schema = pq.read_schema(path)
        pq.write_table(pq.read_table(path).from_pylist(rows, schema=schema), path)


@pytest.fixture
def run(world, tmp_path) -> EditableRun:
    """The run of the world, to be changed."""
    return EditableRun(world / "run", tmp_path / "run")
