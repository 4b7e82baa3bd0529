"""The bench of names: a seeded world, peers stood in for, and a line the docs read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import names
from bench.names_record import NameMeasure, NamesRecord, names_table
from bench.payer_names import make_names
from bench.record import HISTORY, last_line

BENCH = Path(names.__file__).parent


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run; peers live in an environment of their own and are stood in for."""
    folder = tmp_path_factory.mktemp("names")

    def peers(world):
        return [
            NameMeasure(
                name=name,
                customers=len(world.customers),
                names=10,
                names_per_second=1.0,
                right_share=0.5,
            )
            for name in ("one", "two")
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_measure_peers", peers)
        patch.setattr(names, "_PEER_PYTHON", folder)
        arguments = ["--quick", "--date", "2026-01-02"]
        assert names.main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_line(NamesRecord, folder / "history.jsonl")


def test_names_of_a_seed_are_the_same_and_customers_are_distinct():
    one, two = (make_names(300, 50, unknown_share=0.3, seed=5) for _ in range(2))
    assert one == two
    assert len(set(one.customers)) == 300
    assert -1 in one.truth
    assert max(one.truth) < 300
    assert all(len(name) <= 35 for name in one.payers)


def test_nearly_every_damaged_name_finds_its_customer_and_no_amount_is_misapplied(record):
    ours, _, _, many = record.measures
    assert ours.right_share > 0.97
    assert many.customers == 10 * ours.customers
    both = record.precision[-1]
    assert both.kind == "name and amount"
    assert both.decided > 100
    assert both.wrong == 0
    assert sum(one.decided for one in record.precision[:-1]) > both.decided


def test_ratios_are_ours_over_theirs(record):
    ours = record.measures[0].names_per_second
    assert record.ratios == {
        "names / sparse_dot_topn": round(ours, 1),
        "names / rapidfuzz": round(ours, 1),
    }


def test_the_table_says_what_was_measured(record):
    table = names_table(record)
    assert table.count("| Tieout |") == 2
    assert re.search(r"30% of the payers in no master, 0 of \d+ decisions", table)


def test_peers_are_locked_by_hash():
    lock = (BENCH / "names.lock").read_text("utf-8")
    for name in ("rapidfuzz", "scikit-learn", "sparse-dot-topn"):
        assert re.search(rf"^{name}==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE)


def test_the_last_full_run_meets_the_bar():
    last = last_line(NamesRecord, HISTORY)
    assert last.size == "full"
    assert last.ratios["names / sparse_dot_topn"] >= 10
    assert last.ratios["names / rapidfuzz"] >= 25
    assert last.measures[0].right_share >= 0.94
    both = last.precision[-1]
    assert both.wrong <= both.decided / 1_000
