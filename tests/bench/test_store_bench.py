"""The bench of the store: both databases beside their floors, and a line the docs read."""

from __future__ import annotations

import pytest

from bench import posting
from bench.posting_record import PostingRecord, posting_table
from bench.record import HISTORY, last_line


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run."""
    history = tmp_path_factory.mktemp("store") / "history.jsonl"
    arguments = ["--quick", "--date", "2026-01-02", "--history", str(history)]
    assert posting.main(arguments) == 0
    return last_line(PostingRecord, history)


def test_both_databases_do_both_pieces_of_work(record):
    assert [(one.store, one.rows) for one in record.measures] == [
        ("SQLite", 5_000),
        ("SQLite", 500),
        ("PostgreSQL", 5_000),
        ("PostgreSQL", 500),
    ]
    assert len(record.ratios) == 4
    assert all(one.ours.cpu_seconds > 0 < one.floor.cpu_seconds for one in record.measures)


@pytest.mark.parametrize("history", [None, HISTORY])
def test_the_table_of_the_readme_has_a_row_of_each(record, history):
    shown = record if history is None else last_line(PostingRecord, history)
    rows = [line for line in posting_table(shown).splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(shown.measures)
    assert "make bench-store" in posting_table(shown)
