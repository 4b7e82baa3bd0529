"""Scoring: a perfect run is perfect, and each way of being wrong is counted as what it is."""

import csv
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tieout.worlds import generate_world, named_spec, scaled_spec, score_run, write_world

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
JUDGE = SHARED / "evaluation" / "score.py"
BUCKETS = (
    "on_account_amount",
    "unapplied_amount",
    "unidentified_amount",
    "suspense_amount",
    "non_ar_amount",
    "refund_amount",
    "returned_amount",
)
APPLICATION = (
    "payment_id",
    "open_item_id",
    "customer_id",
    "decision",
    "proposal_rank",
    "amount_applied",
    "discount_taken",
    "deduction_amount",
    "write_off_amount",
)


@pytest.fixture(scope="module")
def world():
    """A small world whose payments are tables."""
    return generate_world(scaled_spec(named_spec("demo"), 300, 2_400))


@pytest.fixture(scope="module")
def world_dir(world, tmp_path_factory):
    """The small world as a directory."""
    folder = tmp_path_factory.mktemp("world")
    write_world(world, folder)
    return folder


class Run:
    """A run directory made by hand: everything as in the truth until a test changes a row."""

    def __init__(self, world):
        """Apply each line of the truth automatically."""
        self.applications, self.exceptions, self.payments = [], [], []
        truth = {row["key"]: row for row in world.tables["truth_payments"].to_pylist()}
        for line in world.tables["truth"].to_pylist():
            names = ("cash", "discount", "deduction", "write_off")
            cash, discount, deduction, write_off = (line[name] for name in names)
            row = (f"P{line['key']}", line["open_item_id"], "C", "auto", 1)
            booked = (cash, discount, deduction, write_off)
            self.applications.append(dict(zip(APPLICATION, row + booked, strict=True)))
        for payment in world.tables["payments"].to_pylist():
            expected = truth[payment["payment_id"][1:]]
            self.payments.append(payment | dict.fromkeys(BUCKETS, Decimal(0)))
            self.payments[-1]["on_account_amount"] = expected["on_account"]
            self._exception(payment["payment_id"], expected["expected_codes"].split(";")[0])
        self.settle()

    def _exception(self, payment_id, code):
        if code:
            row = {"payment_id": payment_id, "code": code, "is_primary": "true"}
            self.exceptions.append(row)

    def settle(self):
        """Let the buckets follow from the applications: the rest is unapplied."""
        applied = {}
        for row in self.applications:
            if row["decision"] == "auto":
                before = applied.get(row["payment_id"], Decimal(0))
                applied[row["payment_id"]] = before + row["amount_applied"]
        for row in self.payments:
            row["applied_amount"] = applied.get(row["payment_id"], Decimal(0))
            rest = row["amount"] - row["applied_amount"] - row["on_account_amount"]
            row["unapplied_amount"] = rest

    def first_with_one_item(self):
        """The first application that is its payment's only one, and takes no difference."""
        owners = [row["payment_id"] for row in self.applications]
        return next(
            row
            for row in self.applications
            if owners.count(row["payment_id"]) == 1
            and not (row["discount_taken"] or row["write_off_amount"] or row["deduction_amount"])
        )

    def write(self, folder):
        """Write the three tables as CSV and give the folder."""
        for name in ("payments", "applications", "exceptions"):
            table = getattr(self, name)
            with (folder / f"{name}.csv").open("w", newline="") as sink:
                writer = csv.DictWriter(sink, list(table[0]))
                writer.writeheader()
                writer.writerows(table)
        return folder


@pytest.fixture
def run(world):
    """A run that did everything right."""
    return Run(world)


def test_the_truth_itself_scores_perfectly(world, world_dir, run, tmp_path):
    score = score_run(world_dir, run.write(tmp_path))
    assert score.is_sound
    assert (score.wrong_count, score.wrong_rate, score.wrong_value_rate) == (0, 0.0, 0.0)
    assert score.code_right_share == 1.0
    with_lines = len({row["payment_id"] for row in run.applications})
    assert score.total.right_automatic == score.automatic_count == with_lines
    assert score.automatic_by_line == 1.0
    assert score.payment_count == world.tables["payments"].num_rows


def test_another_item_is_wrong(world, world_dir, run, tmp_path):
    row = run.first_with_one_item()
    used = {application["open_item_id"] for application in run.applications}
    row["open_item_id"] = next(
        item["open_item_id"]
        for item in world.tables["open_items"].to_pylist()
        if item["open_item_id"] not in used and item["open_amount"] > row["amount_applied"]
    )
    score = score_run(world_dir, run.write(tmp_path))
    assert score.wrong_count == 1
    assert score.wrong[0].payment_id == row["payment_id"]
    assert row["open_item_id"] in score.wrong[0].got
    assert score.is_sound


@pytest.mark.parametrize("booked", ["discount_taken", "write_off_amount", "deduction_amount"])
def test_a_difference_the_truth_does_not_have_is_wrong(world_dir, run, tmp_path, booked):
    run.first_with_one_item()[booked] = Decimal("0.01")
    assert score_run(world_dir, run.write(tmp_path)).wrong_count == 1


def test_a_difference_left_open_is_right(world_dir, run, tmp_path):
    row = next(row for row in run.applications if row["deduction_amount"])
    row["deduction_amount"] = Decimal(0)
    assert score_run(world_dir, run.write(tmp_path)).wrong_count == 0


def test_part_of_the_items_is_part_automatic_not_wrong(world_dir, run, tmp_path):
    owners = [row["payment_id"] for row in run.applications]
    row = next(row for row in run.applications if owners.count(row["payment_id"]) > 2)
    run.applications.remove(row)
    run.settle()
    score = score_run(world_dir, run.write(tmp_path))
    assert (score.total.part_automatic, score.wrong_count) == (1, 0)


def test_a_right_proposal_ranked_first_is_counted(world_dir, run, tmp_path):
    row = run.first_with_one_item()
    row["decision"] = "proposed"
    second = row | {"proposal_rank": 2, "amount_applied": Decimal("0.01")}
    run.applications.append(second)
    run.settle()
    score = score_run(world_dir, run.write(tmp_path))
    assert (score.total.first_proposal_right, score.total.first_proposal_wrong) == (1, 0)
    assert score.first_proposal_right_share == 1.0
    assert score.automatic_by_line < 1.0


def test_a_lost_cent_is_found(world_dir, run, tmp_path):
    run.payments[0]["unapplied_amount"] -= Decimal("0.01")
    score = score_run(world_dir, run.write(tmp_path))
    assert score.unconserved_payments == (run.payments[0]["payment_id"],)
    assert not score.is_sound


def test_an_item_applied_twice_is_over_applied(world_dir, run, tmp_path):
    row = run.first_with_one_item()
    other = next(p for p in run.payments if p["applied_amount"] == 0)
    run.applications.append(row | {"payment_id": other["payment_id"]})
    run.settle()
    score = score_run(world_dir, run.write(tmp_path))
    assert score.over_applied_items == (row["open_item_id"],)
    assert score.wrong_count == 1


def test_a_payment_that_is_not_in_the_run_is_missing(world_dir, run, tmp_path):
    run.payments.pop()
    score = score_run(world_dir, run.write(tmp_path))
    assert score.missing_payments == 1
    assert not score.is_sound


def test_a_run_without_applications_says_which_table_is_absent(world_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no payments\.parquet"):
        score_run(world_dir, tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the independent scorer is not beside the project")
def test_the_independent_scorer_agrees(world_dir, run, tmp_path):
    run.first_with_one_item()["write_off_amount"] = Decimal("0.01")
    command = [sys.executable, str(JUDGE), str(world_dir), str(run.write(tmp_path))]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    score = score_run(world_dir, tmp_path)
    assert f"auto {score.automatic_count}/{score.payment_count}" in said.stdout
    assert f"wrong {score.wrong_count} " in said.stdout
