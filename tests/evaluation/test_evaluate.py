"""Evaluation: agrees with the plain scorer and the independent one; every fault is what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.evaluation.conftest import match_world, matched_world
from tieout.commands import main
from tieout.evaluation import evaluate_runs
from tieout.exit_codes import RunDirectoryError
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import score_run

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
WORLD_DEV = SHARED / "evaluation" / "world-dev"


def evaluate(world, run):
    return evaluate_runs([run], world).evaluation


def assert_agrees_with_the_plain_scorer(world, run):
    plain, ours = score_run(world, run), evaluate(world, run)
    assert ours.payments == plain.payment_count
    assert (ours.automatic.hits, ours.wrong.hits) == (plain.automatic_count, plain.wrong_count)
    assert ours.straight_through_by_payment.rate == pytest.approx(
        plain.automatic_by_payment, abs=1e-6
    )
    assert ours.codes.rate == pytest.approx(plain.code_right_share, abs=1e-6)
    assert ours.first_proposals.rate == pytest.approx(plain.first_proposal_right_share, abs=1e-6)
    assert tuple(ours.unconserved) == plain.unconserved_payments
    assert tuple(ours.over_applied) == plain.over_applied_items
    assert {one.payment_id for one in ours.wrong_payments} == {p.payment_id for p in plain.wrong}
    assert {one.scenario for one in ours.scenarios} == set(plain.scenarios)
    for one in ours.scenarios:
        score = plain.scenarios[one.scenario]
        assert (one.payments, one.right, one.part, one.wrong) == (
            score.payments,
            score.right_automatic,
            score.part_automatic,
            score.wrong_automatic,
        )
        assert (one.proposal_right, one.proposal_wrong, one.left) == (
            score.first_proposal_right,
            score.first_proposal_wrong,
            score.left,
        )
        assert (one.codes.total, one.codes.hits) == (score.code_wanted, score.code_right)
        assert one.primary_codes == score.first_codes


def test_it_agrees_with_the_plain_scorer(world):
    assert_agrees_with_the_plain_scorer(world, world / "run")


@pytest.mark.parametrize("name", ["rent", "unknown_payers"])
def test_it_agrees_with_the_plain_scorer_on_other_worlds(name, tmp_path):
    world = matched_world(name, 77, 400, tmp_path)
    assert_agrees_with_the_plain_scorer(world, world / "run")


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_every_format_of_a_run_is_judged_alike(file_format, world, tmp_path):
    match_world(world, tmp_path / "run", format=file_format)
    assert evaluate(world, tmp_path / "run") == evaluate(world, world / "run")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the independent scorer is not beside the project")
def test_it_agrees_with_the_independent_scorer(tmp_path):
    run_matching_job(
        MatchingJob(
            open_items=WORLD_DEV / "open_items.csv",
            payments=WORLD_DEV / "payments.csv",
            customers=WORLD_DEV / "customers.csv",
            bank_accounts=WORLD_DEV / "bank_accounts.csv",
            remittances=WORLD_DEV / "remittances.csv",
            out=tmp_path / "run",
        )
    )
    judge = [sys.executable, str(SHARED / "evaluation" / "score.py"), str(WORLD_DEV)]
    said = subprocess.run(
        [*judge, str(tmp_path / "run"), "--json"], capture_output=True, text=True, check=True
    )
    theirs = json.loads(said.stdout.splitlines()[0])
    ours = evaluate(WORLD_DEV, tmp_path / "run")
    total = theirs["total"]
    decided = sum(total.get(f"{kind}_auto", 0) for kind in ("right", "part", "wrong"))
    assert ours.automatic.hits == decided
    assert ours.wrong.hits == total.get("wrong_auto", 0)
    assert (ours.codes.total, ours.codes.hits) == (total["code_n"], total["code_right"])
    assert ours.first_proposals.hits == total["right_proposed"]
    assert len(ours.unconserved) == theirs["lost"]
    for one in ours.scenarios:
        counts = theirs["scenarios"][one.scenario]
        names = ("right_auto", "part_auto", "wrong_auto", "right_proposed", "wrong_proposed")
        assert (one.right, one.part, one.wrong, one.proposal_right, one.proposal_wrong) == tuple(
            counts.get(name, 0) for name in names
        )


def whole_payment(rows):
    """An automatic row that is the only one of its payment and takes no difference."""
    owners = [row["payment_id"] for row in rows]
    return next(
        row
        for row in rows
        if row["decision"] == "auto"
        and owners.count(row["payment_id"]) == 1
        and not (row["discount_taken"] or row["write_off_amount"] or row["deduction_amount"])
    )


def test_another_item_is_a_wrong_payment_of_its_strategy(world, run):
    before = evaluate(world, run.path)
    rows = run.rows("applications")
    row = whole_payment(rows)
    items = pq.read_table(world / "open_items.parquet").to_pylist()
    used = {one["open_item_id"] for one in rows}
    row["open_item_id"] = next(
        item["open_item_id"]
        for item in items
        if item["open_item_id"] not in used and item["open_amount"] > row["amount_applied"]
    )
    run.write("applications", rows)
    after = evaluate(world, run.path)
    assert after.wrong.hits == before.wrong.hits + 1
    assert after.precision.precision_by_line.hits == before.precision.precision_by_line.hits - 1
    strategies = {one.strategy: one.automatic for one in after.strategies}
    was = {one.strategy: one.automatic for one in before.strategies}
    assert strategies[row["strategy"]].hits == was[row["strategy"]].hits + 1
    assert after.is_sound
    assert row["payment_id"] in {one.payment_id for one in after.wrong_payments}
    assert_agrees_with_the_plain_scorer(world, run.path)


def test_a_lost_cent_and_an_over_applied_item_are_found(world, run, capsys):
    payments = run.rows("payments")
    payments[0]["unapplied_amount"] = (payments[0]["unapplied_amount"] or 0) + Decimal("0.01")
    run.write("payments", payments)
    rows = run.rows("applications")
    row = whole_payment(rows)
    row["write_off_amount"] = Decimal("0.01")
    run.write("applications", rows)
    found = evaluate(world, run.path)
    assert found.unconserved == [payments[0]["payment_id"]]
    assert found.over_applied == [row["open_item_id"]]
    assert main(["evaluate", str(run.path), "--truth", str(world)]) == 1
    assert "does not account for every cent" in capsys.readouterr().err


def test_a_payment_that_is_in_no_run_is_missing_and_fails_a_gate(world, run, capsys):
    payments = run.rows("payments")
    applied = {row["payment_id"] for row in run.rows("applications")}
    gone = next(row for row in payments if row["payment_id"] not in applied)
    run.write("payments", [row for row in payments if row is not gone])
    found = evaluate(world, run.path)
    assert found.missing == 1
    command = ["evaluate", str(run.path), "--truth", str(world), "--json"]
    assert main(command) == 3
    assert "--allow-missing" in capsys.readouterr().err
    assert main([*command, "--allow-missing"]) == 0


def test_gates_name_what_was_demanded(world, capsys):
    command = ["evaluate", str(world / "run"), "--truth", str(world), "--json"]
    assert main([*command, "--min-automatic", "0.5", "--max-wrong-rate", "0.5"]) == 0
    capsys.readouterr()
    assert main([*command, "--min-automatic", "0.999"]) == 3
    assert "at least 0.999 demanded" in capsys.readouterr().err


def test_a_truth_without_a_table_of_payments_judges_the_payments_it_has(world, tmp_path):
    lines = (world / "truth.csv").read_text("utf-8")
    (tmp_path / "truth.csv").write_text(lines, "utf-8")
    found = evaluate_runs([world / "run"], tmp_path).evaluation
    assert [one.scenario for one in found.scenarios] == ["all"]
    keys = {line.split(",")[0] for line in lines.splitlines()[1:]}
    assert found.payments == len(keys)
    whole = evaluate(world, world / "run")
    assert found.precision.recall_by_line == whole.precision.recall_by_line


def test_payments_are_found_by_their_ids_as_well(world, tmp_path):
    text = (world / "truth.csv").read_text("utf-8")
    header, *lines = text.splitlines()
    named = [header, *(f"P{line}" for line in lines)]
    (tmp_path / "truth.csv").write_text("\n".join(named) + "\n", "utf-8")
    found = evaluate_runs([world / "run"], tmp_path).evaluation
    assert (found.missing, found.repeated) == (0, 0)


def test_two_runs_are_judged_together_and_a_payment_in_both_is_refused(world, run):
    whole = evaluate(world, world / "run")
    payments, rows = run.rows("payments"), run.rows("applications")
    exceptions = run.rows("exceptions")
    first = {row["payment_id"] for row in payments[: len(payments) // 2]}
    halves = []
    for name, wanted in (("a", True), ("b", False)):
        half = type(run)(run.path, run.path.parent / name)
        for table, kept in (("payments", payments), ("applications", rows)):
            half.write(table, [row for row in kept if (row["payment_id"] in first) is wanted])
        half.write(
            "exceptions", [row for row in exceptions if (row["payment_id"] in first) is wanted]
        )
        halves.append(half.path)
    together = evaluate_runs(halves, world).evaluation
    assert together.automatic == whole.automatic
    assert together.scenarios == whole.scenarios
    with pytest.raises(RunDirectoryError, match="several of the runs"):
        evaluate_runs([world / "run", halves[0]], world)


def test_a_truth_of_other_payments_is_refused(world, tmp_path, capsys):
    (tmp_path / "truth.csv").write_text("key,open_item_id,cash\nX-1,I-1,10.00\n", "utf-8")
    assert main(["evaluate", str(world / "run"), "--truth", str(tmp_path)]) == 65
    assert "no payment of the truth" in capsys.readouterr().err


def test_a_table_of_the_truth_is_all_or_nothing(world, tmp_path, capsys):
    (tmp_path / "truth.csv").write_text("key,open_item_id,cash\n1,I-1,ten\n", "utf-8")
    assert main(["evaluate", str(world / "run"), "--truth", str(tmp_path)]) == 65
    assert "truth.csv: row 1 (line 2), column cash: 'ten'" in capsys.readouterr().err
    assert main(["evaluate", str(world / "run"), "--truth", str(tmp_path / "no")]) == 66


def test_the_report_is_the_same_every_time_and_never_replaces_something_else(
    world, tmp_path, capsys
):
    command = ["evaluate", str(world / "run"), "--truth", str(world), "--out"]
    assert main([*command, str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert "evaluation.html" in said
    assert main([*command, str(tmp_path / "b")]) == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"evaluation.html", "evaluation.json", "payments.parquet", "sets.parquet"} <= set(files)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert main([*command, str(tmp_path / "a")]) == 2
    assert main([*command, str(tmp_path / "a"), "--overwrite"]) == 0
    assert main([*command, str(world / "run"), "--overwrite"]) == 2
    assert "no evaluation.json" in capsys.readouterr().err


def test_the_text_says_what_matters_first(world, capsys):
    assert main(["evaluate", str(world / "run"), "--truth", str(world), "--show", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "900 payments of the truth against 1 run"
    assert [line.split("  ")[1].strip() for line in lines[1:4]] == [
        "accounted for",
        "decided alone",
        "wrong",
    ]
