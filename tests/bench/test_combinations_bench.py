"""The bench of subset sums: the same problems for all, agreement, ratios, a line the docs read."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench import combinations
from bench.combination_record import CombinationRecord
from bench.combination_report import combination_table, print_combinations
from bench.record import HISTORY, last_line
from engine.solution_counts import count_solutions

PEER_SECONDS = 0.25


def _peers_of(problems, wrong=0):
    """Stand-ins of the peers, which live in an environment of their own."""
    sizes = {
        str(size): {
            "seconds": [PEER_SECONDS] * len(several),
            "solutions": [
                int(
                    count_solutions(combinations.np.array([row]), combinations.np.array([target]))[
                        0
                    ]
                )
                + wrong
                for row, target in several
            ],
        }
        for size, several in problems.items()
    }
    return {"dpss": {"version": "1.0", "sizes": sizes}}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run."""
    folder = tmp_path_factory.mktemp("combinations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combinations, "_PEER_PYTHON", folder)
        patch.setattr(combinations, "_run_peers", _peers_of)
        arguments = ["--quick", "--date", "2026-01-02", "--history", str(folder / "history.jsonl")]
        assert combinations.main(arguments) == 0
    return last_line(CombinationRecord, folder / "history.jsonl")


def test_ratios_are_theirs_over_ours(record):
    payment = record.join.lookup_seconds / record.join.payments
    assert record.ratios["payment / dpss, 10 items"] == round(PEER_SECONDS / payment)
    for one in record.singles:
        ratio = record.ratios[f"count / dpss, {one.size} items"]
        assert ratio == round(PEER_SECONDS / one.seconds, 1)


def test_most_payments_find_a_set_and_the_tables_know_every_pair(record):
    join = record.join
    assert join.payments / 2 < join.hits < join.payments
    assert join.sets > join.items


def test_a_peer_that_finds_something_else_is_an_error_and_no_record():
    problems = combinations.make_problems({10: 2})
    counts = {10: [int(one) for one in _peers_of(problems)["dpss"]["sizes"]["10"]["solutions"]]}
    with pytest.raises(AssertionError, match="dpss finds"):
        combinations._peer_measures(_peers_of(problems, wrong=1), counts)


def test_the_screen_and_the_readme_show_every_measurement(record):
    console = Console(file=io.StringIO(), width=240)
    print_combinations(record, console)
    table = combination_table(record)
    for text in (console.file.getvalue(), table):
        assert f"{record.join.items:,}" in text
        assert f"among {record.certificate_size} items, proven" in text
        for one in (*record.singles, *record.batches):
            assert f"among {one.size} items" in text


def test_the_history_has_a_full_line_of_this_kind():
    assert last_line(CombinationRecord, HISTORY).size == "full"
