"""What people accept, change and take back: out of a store, into tables, back into the engine."""

from __future__ import annotations

import json

import msgspec
import pyarrow.parquet as pq
import pytest

from engine.batches import ApplicationBatch
from store import open_repository
from store.decision_records import PostingBatch
from tests.evaluation.conftest import match_world
from tests.store.kept_postings import keep_items, person, postings, robot
from tests.store.stored_files import file_id_of, file_result
from tieout.commands import main
from tieout.evaluation.set_tables import read_sets
from tieout.outcome_tables import read_calibration, read_precision

CASH = 10_000
ALONE = ("I-1", "I-2", "I-3")
NEVER_MS = 1 << 52


def put_forward(name, rows):
    """Applications of payments of a file: (payment, decision, rank, item, strategy)."""
    evidence = json.dumps({"doubt_per_million": 40}, separators=(",", ":"))
    return ApplicationBatch.from_columns(
        {
            "payment_id": [f"{name}-{row[0]}" for row in rows],
            "decision": [row[1] for row in rows],
            "proposal_rank": [row[2] for row in rows],
            "open_item_id": [row[3] for row in rows],
            "strategy": [row[4] for row in rows],
            "applied_minor": [CASH] * len(rows),
            "currency": ["USD"] * len(rows),
            "uniqueness": ["unique_set"] * len(rows),
            "confidence": [0.9] * len(rows),
            "evidence": [evidence] * len(rows),
        }
    )


def keep(repository, name, payments, bucket, rows):
    result = file_result(name, payments=payments, amount=CASH, bucket=bucket)
    kept = msgspec.structs.replace(result, applications=put_forward(name, rows))
    with repository.booking() as booking:
        booking.bank_files.keep(kept)


def book(repository, act):
    with repository.booking() as booking:
        return act(booking.decisions)


def decided_alone(repository, payment, item, decided_at_ms):
    """What the engine decided for a payment, each apart: they are of different times."""
    rows = postings((payment, item, CASH), bucket="")
    decision = robot("alone", decided_at_ms=decided_at_ms)
    return book(
        repository,
        lambda of: of.post_file(file_id_of(payment), rows, PostingBatch.empty(), decision),
    )


@pytest.fixture
def store(store_url):
    """Three payments decided alone, three that wait with proposals; people have worked on some."""
    repository = open_repository(store_url)
    items = {name.replace("-", "_"): CASH for name in (*ALONE, "I-4", "I-5", "I-6", "I-7", "I-8")}
    keep_items(repository, **{name.replace("_", "-"): cash for name, cash in items.items()})
    alone = [(at, "auto", 1, item, "subset_sum") for at, item in enumerate(ALONE)]
    keep(repository, "alone", 3, "applied_minor", alone)
    stands, taken_back, young = (
        decided_alone(repository, f"alone-{at}", item, NEVER_MS if at == 2 else 1_000)
        for at, item in enumerate(ALONE)
    )
    assert stands.first_number < taken_back.first_number < young.first_number
    book(repository, lambda of: of.reverse([taken_back.first_number], person()))
    book(repository, lambda of: of.post(postings(("alone-1", "I-4", CASH)), person()))
    proposed = [
        (0, "proposed", 1, "I-5", "references"),
        (0, "proposed", 2, "I-6", "single_amount"),
        (1, "proposed", 1, "I-7", "references"),
        (2, "proposed", 1, "I-8", "references"),
    ]
    keep(repository, "waits", 3, "unapplied_minor", proposed)
    book(repository, lambda of: of.post(postings(("waits-0", "I-6", CASH)), person()))
    book(repository, lambda of: of.post(postings(("waits-1", "I-7", CASH)), person()))
    repository.close()
    return store_url


def test_what_people_did_judges_what_was_put_forward(store, tmp_path, capsys):
    out = tmp_path / "outcomes.parquet"
    assert main(["store", "outcomes", str(out), "--store", store]) == 0
    assert "5 outcomes of 4 payments" in capsys.readouterr().out
    rows = [
        (row["key"], row["rank"], row["strategy"], row["right"])
        for row in pq.read_table(out).to_pylist()
    ]
    assert sorted(rows) == [
        ("alone-0", 0, "subset_sum", True),
        ("alone-1", 0, "subset_sum", False),
        ("waits-0", 1, "references", False),
        ("waits-0", 2, "single_amount", True),
        ("waits-1", 1, "references", True),
    ]
    assert set(pq.read_table(out)["doubt_per_million"].to_pylist()) == {40}


def test_a_decision_nobody_has_seen_for_long_enough_counts_only_as_taken_back(store, tmp_path):
    out = tmp_path / "outcomes.jsonl"
    long = str(1_000 * 366)
    assert main(["store", "outcomes", str(out), "--store", store, "--settled-days", long]) == 0
    keys = {json.loads(line)["key"] for line in out.read_text("utf-8").splitlines()}
    assert keys == {"alone-1", "waits-0", "waits-1"}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_outcomes_of_people_become_what_the_engine_takes_in(kind, store, world, tmp_path, capsys):
    out = tmp_path / f"outcomes.{kind}"
    assert main(["store", "outcomes", str(out), "--store", store]) == 0
    files = ["--fit", str(tmp_path / "own.json"), "--ledger", str(tmp_path / "record.json")]
    assert main(["calibrate", str(out), *files]) == 0
    told = capsys.readouterr().out
    assert "subset_sum" in told
    assert "demoted" in told
    (record,) = read_precision(tmp_path / "record.json").records
    assert (record.strategy, record.right, record.wrong) == ("subset_sum", 1, 1)
    assert read_calibration(tmp_path / "own.json").groups
    assert main(["calibrate", str(out), "--fail-on-demoted", "--json"]) == 3
    policy = tmp_path / "rules.toml"
    policy.write_text('[outcomes]\ncalibration = "own.json"\nprecision = "record.json"\n', "utf-8")
    match_world(world, tmp_path / "run", policy=policy)
    by = {
        row["strategy"]
        for row in pq.read_table(tmp_path / "run" / "applications.parquet").to_pylist()
        if row["decision"] == "auto"
    }
    assert "references" in by
    assert "subset_sum" not in by


def test_the_sets_of_an_evaluation_are_read_back_as_they_were_judged(world, tmp_path):
    report = tmp_path / "report"
    files = ["--fit", str(tmp_path / "one.json"), "--ledger", str(tmp_path / "two.json")]
    command = ["evaluate", str(world / "run"), "--truth", str(world), "--out", str(report)]
    assert main([*command, *files]) == 0
    again = ["--fit", str(tmp_path / "three.json"), "--ledger", str(tmp_path / "four.json")]
    assert main(["calibrate", str(report / "sets.parquet"), *again]) == 0
    one, three = (read_calibration(tmp_path / name) for name in ("one.json", "three.json"))
    assert one.groups == three.groups
    two, four = (read_precision(tmp_path / name) for name in ("two.json", "four.json"))
    assert two.records == four.records
    assert len(read_sets([report / "sets.parquet"] * 2)) == 2 * len(
        read_sets([report / "sets.parquet"])
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("key,rank\n1,0\n", "no column decision"),
        (
            "key,decision,rank,strategy,uniqueness,confidence,doubt_per_million,withheld,right\n"
            "a,auto,9,references,unique_set,0.5,1,false,true\n",
            "row 1, column rank: 9 is not between 0 and 5",
        ),
        (
            "key,decision,rank,strategy,uniqueness,confidence,doubt_per_million,withheld,right\n"
            "a,auto,0,references,unique_set,0.5,1,false,\n",
            "row 1, column right",
        ),
    ],
)
def test_a_table_that_is_none_of_outcomes_is_refused(line, told, tmp_path, capsys):
    path = tmp_path / "sets.csv"
    path.write_text(line, "utf-8")
    assert main(["calibrate", str(path)]) == 65
    assert told in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path / "none.csv")]) == 66
    assert main(["calibrate", str(tmp_path / "sets.txt")]) == 65


def test_a_policy_that_names_no_table_of_outcomes_is_refused(world, tmp_path, capsys):
    rules = tmp_path / "rules.toml"
    command = ["match", "--payments", str(world / "payments.parquet"), "--dry-run"]
    command += ["--open-items", str(world / "open_items.parquet"), "--policy", str(rules)]
    rules.write_text('[outcomes]\nledger = "record.json"\n', "utf-8")
    assert main(command) == 78
    assert "rules.toml: outcomes" in capsys.readouterr().err
    rules.write_text('[outcomes]\nprecision = "record.json"\n', "utf-8")
    assert main(command) == 66
    (tmp_path / "record.json").write_text('{"version": 2}', "utf-8")
    assert main(command) == 78
