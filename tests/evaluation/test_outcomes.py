"""What outcomes teach: isotonic steps against their definition, honest confidence, demotion."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.candidates import STRATEGIES
from engine.precision_ledger import PrecisionLedger, StrategyRecord
from tests.evaluation.conftest import match_world, matched_world
from tieout.commands import main
from tieout.evaluation import evaluate_runs
from tieout.evaluation.isotonic import falling_shares, outcomes_by_doubt
from tieout.outcome_tables import read_calibration, read_precision, write_outcome_table

if TYPE_CHECKING:
    from pathlib import Path

counts = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda p: (min(p), max(p))), max_size=9
)


def isotonic_by_definition(pools):
    """Falling regression: max over beginnings of min over ends of the mean between them."""

    def mean(first, last):
        part = pools[first : last + 1]
        return Fraction(sum(r for r, _ in part), sum(t for _, t in part))

    size = range(len(pools))
    return [
        min(max(mean(first, last) for last in size if last >= at) for first in size if first <= at)
        for at in size
    ]


@given(counts)
def test_pooling_is_the_isotonic_regression(pools):
    steps = falling_shares([(at, right, total) for at, (right, total) in enumerate(pools)])
    doubts = [doubt for doubt, _, _ in steps]
    fitted = [
        Fraction(*next((r, t) for doubt, r, t in steps if doubt >= at)) for at in range(len(pools))
    ]
    assert doubts == sorted(doubts)
    assert fitted == isotonic_by_definition(pools)
    assert sum(total for _, _, total in steps) == sum(total for _, total in pools)


@given(counts)
def test_with_a_prior_shares_still_fall_and_no_outcome_is_lost(pools):
    steps = falling_shares([(at, r, t) for at, (r, t) in enumerate(pools)], prior=1)
    shares = [Fraction(2 * r + 1, 2 * t + 2) for _, r, t in steps]
    assert all(one > two for one, two in itertools.pairwise(shares))
    assert sum(right for _, right, _ in steps) == sum(right for right, _ in pools)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40), st.integers(1, 9))
def test_outcomes_are_gathered_until_there_are_enough(outcomes, least):
    doubt = np.array([one for one, _ in outcomes], dtype=np.int64)
    right = np.array([one for _, one in outcomes], dtype=np.bool_)
    pools = outcomes_by_doubt(doubt, right, least)
    assert sum(total for _, _, total in pools) == len(outcomes)
    assert sum(good for _, good, _ in pools) == int(right.sum())
    if len(outcomes) >= least:
        assert all(total >= least for _, _, total in pools)
    edges = [edge for edge, _, _ in pools]
    assert edges == sorted(set(edges))


def without_confidence(run):
    table = pq.read_table(run / "applications.parquet")
    return table.drop_columns(["confidence"])


@pytest.fixture(scope="module")
def fitted(world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    command = ["evaluate", str(world / "run"), "--truth", str(world), "--json"]
    files = ["--fit", str(folder / "own.json"), "--ledger", str(folder / "record.json")]
    assert main([*command, *files]) == 0
    return folder


def test_a_calibration_changes_what_is_claimed_and_nothing_else(world, fitted, tmp_path):
    match_world(world, tmp_path / "run", calibration=fitted / "own.json")
    assert without_confidence(tmp_path / "run").equals(without_confidence(world / "run"))
    before, after = (
        pq.read_table(run / "applications.parquet")["confidence"].to_numpy()
        for run in (world / "run", tmp_path / "run")
    )
    assert not np.array_equal(before, after)
    own = json.loads((tmp_path / "run" / "summary.json").read_text())["versions"]
    shipped = json.loads((world / "run" / "summary.json").read_text())["versions"]
    assert own["calibration_hash"] != shipped["calibration_hash"]
    assert own["precision_hash"] == shipped["precision_hash"]


def test_fitting_a_run_matched_with_its_own_calibration_gives_the_same_table(
    world, fitted, tmp_path
):
    match_world(world, tmp_path / "run", calibration=fitted / "own.json")
    command = ["evaluate", str(tmp_path / "run"), "--truth", str(world), "--json"]
    assert main([*command, "--fit", str(tmp_path / "again.json")]) == 0
    assert read_calibration(tmp_path / "again.json") == read_calibration(fitted / "own.json")


def test_the_record_counts_every_decision_once(world, fitted):
    record = read_precision(fitted / "record.json")
    evaluation = evaluate_runs([world / "run"], world).evaluation
    counted = {one.strategy: (one.right, one.wrong) for one in record.records}
    for one in evaluation.strategies:
        if one.automatic.total:
            wrong = one.automatic.hits
            assert counted[one.strategy] == (one.automatic.total - wrong, wrong)


def ledger_file(folder, **wrong_of_hundred):
    records = [
        StrategyRecord(strategy=name, right=100 - wrong, wrong=wrong)
        for name, wrong in wrong_of_hundred.items()
    ]
    path = folder / "record.json"
    write_outcome_table(path, PrecisionLedger(records=tuple(records)))
    return path


def decisions(run):
    rows = pq.read_table(run / "applications.parquet").to_pylist()
    return [row for row in rows if row["decision"] == "auto"], rows


def test_a_strategy_proven_wrong_too_often_proposes_and_says_why(world, tmp_path):
    ledger = ledger_file(tmp_path, subset_sum=2, single_amount=0)
    match_world(world, tmp_path / "run", precision=ledger)
    before, _ = decisions(world / "run")
    after, rows = decisions(tmp_path / "run")
    assert any(row["strategy"] == "subset_sum" for row in before)
    assert not any(row["strategy"] == "subset_sum" for row in after)
    assert any(row["strategy"] == "single_amount" for row in after)
    kept = [row for row in rows if '"withheld":"precision"' in row["evidence"]]
    assert {row["strategy"] for row in kept} == {"subset_sum"}
    assert all(json.loads(row["evidence"])["withheld"] == "precision" for row in kept)
    assert all("record does not let it decide alone" in row["explanation"] for row in kept)
    exceptions = pq.read_table(tmp_path / "run" / "exceptions.parquet").to_pylist()
    owners = {row["payment_id"] for row in kept if row["proposal_rank"] == 1}
    told = [row for row in exceptions if row["payment_id"] in owners and row["is_primary"]]
    assert {row["code"] for row in told} == {"POL-CONFIDENCE"}
    assert all("subset_sum were wrong in 2 of 100" in row["message"] for row in told)
    record = evaluate_runs([tmp_path / "run"], world)
    assert record.judgement.sets.withheld.any()


def test_what_is_kept_back_still_counts_in_the_record(world, tmp_path):
    match_world(world, tmp_path / "run", precision=ledger_file(tmp_path, subset_sum=2))
    command = ["evaluate", str(tmp_path / "run"), "--truth", str(world), "--json"]
    assert main([*command, "--ledger", str(tmp_path / "new.json")]) == 0
    record = {one.strategy: one for one in read_precision(tmp_path / "new.json").records}
    assert record["subset_sum"].right > 0


@pytest.mark.parametrize(
    ("mode", "decides"), [("ignore", True), ("demote", False), ("promote", False)]
)
def test_the_policy_says_what_a_record_may_do(mode, decides, world, tmp_path):
    policy = tmp_path / "tieout.toml"
    policy.write_text(f'[automation]\nprecision = "{mode}"\n', "utf-8")
    match_world(
        world, tmp_path / "run", precision=ledger_file(tmp_path, references=50), policy=policy
    )
    after, _ = decisions(tmp_path / "run")
    assert any(row["strategy"] == "references" for row in after) is decides
    if mode == "promote":
        assert not after


def test_a_long_clean_record_promotes(world, tmp_path):
    policy = tmp_path / "tieout.toml"
    policy.write_text('[automation]\nprecision = "promote"\n', "utf-8")
    path = tmp_path / "record.json"
    records = [StrategyRecord(strategy=name, right=29_956, wrong=0) for name in STRATEGIES]
    write_outcome_table(path, PrecisionLedger(records=tuple(records)))
    match_world(world, tmp_path / "run", precision=path, policy=policy)
    assert without_confidence(tmp_path / "run").equals(without_confidence(world / "run"))


def test_files_that_are_no_tables_of_outcomes_are_refused(world, tmp_path, capsys):
    bad = tmp_path / "bad.json"
    bad.write_text('{"version": 7, "groups": []}', "utf-8")
    command = ["match", "--payments", str(world / "payments.parquet"), "--dry-run"]
    command += ["--open-items", str(world / "open_items.parquet")]
    assert main([*command, "--calibration", str(bad)]) == 78
    assert "bad.json: calibration: version 7" in capsys.readouterr().err
    assert main([*command, "--precision", str(bad)]) == 78
    assert main([*command, "--precision", str(tmp_path / "none.json")]) == 66


def test_shadow_mode_says_what_it_would_have_applied(world, tmp_path):
    policy = tmp_path / "tieout.toml"
    policy.write_text('[automation]\nmode = "shadow"\n', "utf-8")
    match_world(world, tmp_path / "run", policy=policy)
    applied, rows = decisions(tmp_path / "run")
    assert not applied
    kept = [row for row in rows if '"withheld":"shadow"' in row["evidence"]]
    before, _ = decisions(world / "run")
    assert len({row["payment_id"] for row in kept}) > 0.9 * len({r["payment_id"] for r in before})
    assert "It would be applied, were this not shadow mode." in kept[0]["explanation"]


@pytest.mark.parametrize("name", ["demo", "unknown_payers"])
def test_confidence_is_honest_on_worlds_it_was_not_fitted_on(name, tmp_path):
    world = matched_world(name, 611, 3_000, tmp_path)
    found = evaluate_runs([world / "run"], world)
    sets, score = found.judgement.sets, found.evaluation.confidence
    proposed = sets.rank == 1
    off = abs(np.mean(sets.confidence[proposed]) - np.mean(sets.right[proposed]))
    assert off < 0.12
    assert score.expected_error_by_rank["decided"] < 0.002
    assert score.expected_error < 0.02
