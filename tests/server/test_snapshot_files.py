"""What is resident, written to a file and mapped again, matches as it did before."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from engine.batches import BankAccountBatch, CustomerBatch, OpenItemBatch
from engine.matcher import MatchInput, match_payments
from engine.outcomes import Outcomes
from engine.policy import PolicyBook
from engine.precision_ledger import PrecisionLedger, StrategyRecord
from engine.resident import build_resident
from engine.resident_changes import by_key, changed_resident
from parsers import tables
from rpc.errors import SnapshotError
from rpc.snapshot_files import FILES_MAX, open_snapshot, write_snapshot
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
        by_key(tables.read_open_items(place / "open_items.csv")),
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
    after = match_payments(MatchInput.against(open_snapshot(path).resident, payments), quiet)
    assert len(before.applications) > 50
    for name in before.__struct_fields__:
        assert getattr(before, name) == getattr(after, name), name


def test_what_outcomes_have_taught_is_mapped_with_the_rest(place, resident, tmp_path):
    record = StrategyRecord(strategy="remittance_detail", right=1, wrong=99)
    taught = Outcomes(precision=PrecisionLedger(records=(record,)))
    path = tmp_path / "1.snapshot"
    write_snapshot(msgspec.structs.replace(resident, outcomes=taught), path)
    payments = tables.read_payments(place / "payments.csv")
    advices = tables.read_advices(place / "remittances.csv")
    before, after = (
        match_payments(MatchInput.against(one, payments, advices=advices), quiet).applications
        for one in (resident, open_snapshot(path).resident)
    )
    alone = [
        {row["strategy"] for row in rows.record_batch.to_pylist() if row["decision"] == "auto"}
        for rows in (before, after)
    ]
    assert "remittance_detail" in alone[0] - alone[1]
    assert "references" in alone[1]


def test_the_same_is_written_as_the_same_bytes(resident, tmp_path):
    one, two = tmp_path / "1.snapshot", tmp_path / "2.snapshot"
    write_snapshot(resident, one)
    write_snapshot(open_snapshot(one).resident, two)
    assert one.read_bytes().replace(b"1.snapshot", b"2.snapshot") == two.read_bytes()


def test_what_is_mapped_cannot_be_changed(resident, tmp_path):
    path = tmp_path / "1.snapshot"
    write_snapshot(resident, path)
    with pytest.raises(ValueError, match="read-only"):
        open_snapshot(path).resident.index.open_minor[0] = 1


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
            "garbled": content[:-300] + bytes(200) + content[-100:],
        }[damage]
    )
    with pytest.raises(SnapshotError, match=r"1\.snapshot"):
        open_snapshot(path)


def test_nothing_is_a_snapshot_too(tmp_path):
    nothing = build_resident(
        OpenItemBatch.empty(),
        CustomerBatch.empty(),
        BankAccountBatch.empty(),
        PolicyBook(),
    )
    write_snapshot(nothing, tmp_path / "0.snapshot")
    read = open_snapshot(tmp_path / "0.snapshot").resident
    assert len(read.open_items) == 0
    assert np.array_equal(read.paid, nothing.paid)


def test_arrays_that_stay_are_not_written_again(place, resident, tmp_path):
    write_snapshot(resident, tmp_path / "1.snapshot", b"\x01")
    base = open_snapshot(tmp_path / "1.snapshot")
    assert base.facts == b"\x01"
    items = base.resident.open_items
    paid = items.take(np.arange(3)).record_batch
    at = paid.schema.get_field_index("open_minor")
    paid = OpenItemBatch.of(paid.set_column(at, paid.schema.field(at), pa.array([0, 0, 0])))
    changed = changed_resident(base.resident, paid, [])
    written = write_snapshot(changed, tmp_path / "2.snapshot", base=base)
    assert written.files == ("1.snapshot", "2.snapshot")
    size = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert written.size_bytes == size["2.snapshot"] < size["1.snapshot"] / 4
    read = open_snapshot(tmp_path / "2.snapshot")
    assert read.files == written.files
    payments = tables.read_payments(place / "payments.csv")
    before = match_payments(MatchInput.against(changed, payments), quiet)
    after = match_payments(MatchInput.against(read.resident, payments), quiet)
    for name in before.__struct_fields__:
        assert getattr(before, name) == getattr(after, name), name
    (tmp_path / "1.snapshot").unlink()
    with pytest.raises(SnapshotError, match=r"2\.snapshot"):
        open_snapshot(tmp_path / "2.snapshot")


def test_files_of_which_little_is_left_are_not_kept(resident, tmp_path):
    resident = msgspec.structs.replace(resident, open_items=by_key(resident.open_items))
    resident = build_resident(
        resident.open_items, CustomerBatch.empty(), BankAccountBatch.empty(), PolicyBook()
    )
    write_snapshot(resident, tmp_path / "00.snapshot")
    base, counts = open_snapshot(tmp_path / "00.snapshot"), []
    for number in range(1, FILES_MAX + 2):
        row = base.resident.open_items.take(np.array([number])).record_batch
        at = row.schema.get_field_index("open_minor")
        row = OpenItemBatch.of(row.set_column(at, row.schema.field(at), pa.array([number])))
        path = tmp_path / f"{number:02}.snapshot"
        write_snapshot(changed_resident(base.resident, row, []), path, base=base)
        base = open_snapshot(path)
        counts.append(len(base.files))
    assert 1 < max(counts) <= FILES_MAX
    moved = base.resident.open_items.take(np.arange(1)).record_batch.to_pylist()[0]
    moved = OpenItemBatch.from_columns(
        {name: [value] for name, value in (moved | {"open_item_id": "NEW"}).items()}
    )
    whole = write_snapshot(
        changed_resident(base.resident, moved, []), tmp_path / "whole.snapshot", base=base
    )
    assert whole.files == ("whole.snapshot",)
