"""The bench of references: inputs that repeat, a record that adds up, tables that show it."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest
from rich.console import Console

from bench import joins, references
from bench.record import last_line
from bench.reference_inputs import damage_payments, make_open_items, make_payments
from bench.references_record import ReferencesRecord
from bench.references_report import print_references, references_table
from engine.damaged_numbers import distances


class StandIn(contextlib.AbstractContextManager):
    """A peer that joins in a second."""

    def __init__(self, name, folder):
        assert {path.name for path in folder.iterdir()} == {"items.parquet", "references.parquet"}
        self.version = name

    def __exit__(self, *_):
        """Nothing to end."""

    def join(self):
        """As many rows as were asked for."""
        return joins.Join(1.0, 2.0, references.QUICK_SIZES.payments)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run; the peers live in an environment of their own and are stood in for."""
    folder = tmp_path_factory.mktemp("references")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "Peer", StandIn)
        patch.setattr(references, "PEER_PYTHON", folder)
        arguments = ["--quick", "--date", "2026-01-02"]
        assert references.main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_line(ReferencesRecord, folder / "history.jsonl")


def test_every_reference_of_the_texts_is_among_the_forms_read(record):
    assert record.extraction.found_share == 1.0
    assert record.extraction.named > record.extraction.texts


def test_damaged_numbers_are_mended_and_none_wrongly(record):
    damage = record.damage
    assert damage.numbers == references.QUICK_SIZES.damaged
    assert damage.mended_right >= 0.99 * damage.numbers
    assert damage.mended_wrong == damage.wrong == 0
    assert damage.automatic > 0


def test_ratios_are_theirs_over_ours(record):
    one = record.extraction
    assert record.ratios["scan / re.findall"] == round(one.re_cpu_seconds / one.scan_cpu_seconds, 1)
    join = record.join
    assert record.ratios["look-up / duckdb join"] == round(1.0 / join.seconds, 1)
    assert record.ratios["hashes / polars join"] == round(1.0 / record.hashed_join.seconds, 1)
    assert join.duckdb_cpu_seconds == join.polars_cpu_seconds == 2.0


def test_the_screen_and_the_readme_show_it(record):
    console = Console(file=io.StringIO(), width=240)
    print_references(record, console)
    table = references_table(record)
    for words in (
        "every canonical form",
        "duckdb",
        "hashes of 64 bits",
        "polars",
        "keying errors",
        "index of",
    ):
        assert words in console.file.getvalue()
        assert words in table


def test_inputs_repeat_and_each_damage_is_one_keying_error():
    items = make_open_items(3_000, 60, 11, dense=True)
    inputs = make_payments(items, 50, 12)
    assert inputs.payments == make_payments(items, 50, 12).payments
    assert inputs.named == len(inputs.items) >= 50
    both, damaged = damage_payments(inputs, items, 200, 13)
    assert damaged.sum() == 200
    texts = both.payments.strings("remittance_text")[50:]
    written = np.array([int(re.sub(r"\D", "", text)) for text in texts], dtype=np.uint64)
    documents = items.strings("document_number")
    true = np.array([int(documents[row]) for row in both.first_item[50:]], dtype=np.uint64)
    assert (distances(written, true, 1) == 1).all()
