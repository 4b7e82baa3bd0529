"""The evaluation world beside the repository: read whole, conserved, decided, and never wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tieout.matching_job import MatchingJob, run_matching_job

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
WORLD = SHARED / "evaluation" / "world-dev"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared world is not here")

AUTOMATIC_MIN = 0.75
WRONG_MAX = 0.001


def _job(out: Path, **sources) -> MatchingJob:
    return MatchingJob(
        open_items=WORLD / "open_items.csv",
        customers=WORLD / "customers.csv",
        bank_accounts=WORLD / "bank_accounts.csv",
        out=out,
        **sources,
    )


@pytest.fixture(scope="module")
def from_bank_files(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bank") / "run"
    run_matching_job(_job(out, bank_files=tuple(sorted((WORLD / "bank").iterdir()))))
    return out


@pytest.fixture(scope="module")
def from_tables(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tables") / "run"
    sources = {"payments": WORLD / "payments.csv", "remittances": WORLD / "remittances.csv"}
    run_matching_job(_job(out, **sources))
    return out


def _said(run: Path) -> str:
    """The last line of the scorer, which ends with 0 only where no cent is lost."""
    command = [sys.executable, str(SHARED / "evaluation" / "score.py"), str(WORLD), str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith("auto "))


@pytest.mark.parametrize("source", ["from_bank_files", "from_tables"])
def test_enough_is_decided_and_next_to_nothing_wrongly(source, request):
    said = _said(request.getfixturevalue(source))
    share = float(said.split("=")[1].split(";")[0])
    wrong = float(said.split("(")[1].split()[0])
    assert share >= AUTOMATIC_MIN, said
    assert wrong <= WRONG_MAX, said


def _decisions(run: Path) -> dict[str, dict[str, tuple]]:
    """Items each payment was applied to, by the key both sources share."""
    keys = {}
    for row in pq.read_table(run / "payments.parquet").to_pylist():
        reference = row["bank_reference"] or ""
        key = reference.removeprefix("BK") if reference.startswith("BK") else row["check_number"]
        keys[row["payment_id"]] = (key or "")[-9:].zfill(9)
    decided: dict[str, dict[str, tuple]] = defaultdict(dict)
    for row in pq.read_table(run / "applications.parquet").to_pylist():
        if row["decision"] == "auto":
            amounts = (row["amount_applied"], row["discount_taken"], row["write_off_amount"])
            decided[keys[row["payment_id"]]][row["open_item_id"]] = amounts
    return decided


def test_tables_and_bank_files_never_contradict(from_bank_files, from_tables):
    files, tables = _decisions(from_bank_files), _decisions(from_tables)
    both = files.keys() & tables.keys()
    assert len(both) > 2_000
    assert {key: files[key] for key in both} == {key: tables[key] for key in both}
