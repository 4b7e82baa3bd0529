"""What is resident, written to a file and mapped again, matches as it did before."""

from __future__ import annotations

import numpy as np
import pytest

from engine.batches import BankAccountBatch, CustomerBatch, OpenItemBatch
from engine.matcher import MatchInput, match_payments
from engine.policy import PolicyBook
from engine.resident import build_resident
from parsers import tables
from rpc.errors import SnapshotError
from rpc.snapshot_files import read_snapshot, write_snapshot
from tieout.worlds import generate_world, named_spec, scaled_spec
from tieout.worlds.files import write_world


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("world")
    write_world(generate_world(scaled_spec(named_spec("demo"), 120, 900)), place)
    return place


@pytest.fixture(scope="module")
def resident(place):
    return build_resident(
        tables.read_open_items(place / "open_items.csv"),
        tables.read_customers(place / "customers.csv"),
        tables.read_bank_accounts(place / "bank_accounts.csv"),
        PolicyBook(),
    )


def quiet(stage, row_count):
    del stage, row_count


def test_a_mapped_snapshot_matches_as_what_it_was_made_of(place, resident, tmp_path):
    path = tmp_path / "1.snapshot"
    write_snapshot(resident, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["1.snapshot"]
    payments = tables.read_payments(place / "payments.csv")
    before = match_payments(MatchInput.against(resident, payments), quiet)
    after = match_payments(MatchInput.against(read_snapshot(path), payments), quiet)
    assert len(before.applications) > 50
    for name in before.__struct_fields__:
        assert getattr(before, name) == getattr(after, name), name


def test_the_same_is_written_as_the_same_bytes(resident, tmp_path):
    one, two = tmp_path / "1.snapshot", tmp_path / "2.snapshot"
    write_snapshot(resident, one)
    write_snapshot(read_snapshot(one), two)
    assert one.read_bytes() == two.read_bytes()


def test_what_is_mapped_cannot_be_changed(resident, tmp_path):
    path = tmp_path / "1.snapshot"
    write_snapshot(resident, path)
    with pytest.raises(ValueError, match="read-only"):
        read_snapshot(path).index.open_minor[0] = 1


@pytest.mark.parametrize("damage", ["empty", "other", "cut", "garbled"])
def test_a_file_that_is_no_snapshot_is_said_so(resident, tmp_path, damage):
    path = tmp_path / "1.snapshot"
    write_snapshot(resident, path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "other": b"PAR1" + content,
            "cut": content[: len(content) // 2],
            "garbled": content[:16] + bytes(200) + content[216:],
        }[damage]
    )
    with pytest.raises(SnapshotError, match=r"1\.snapshot"):
        read_snapshot(path)


def test_nothing_is_a_snapshot_too(tmp_path):
    nothing = build_resident(
        OpenItemBatch.empty(),
        CustomerBatch.empty(),
        BankAccountBatch.empty(),
        PolicyBook(),
    )
    write_snapshot(nothing, tmp_path / "0.snapshot")
    assert len(read_snapshot(tmp_path / "0.snapshot").open_items) == 0
    assert np.array_equal(read_snapshot(tmp_path / "0.snapshot").paid, nothing.paid)
