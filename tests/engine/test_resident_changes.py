"""What is resident after changes is, to the byte, what indexing everything anew gives."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from engine.batches import Batch, OpenItemBatch
from engine.open_item_index import Amounts
from engine.policy import PolicyBook
from engine.resident import build_resident
from engine.resident_changes import CHANGES_MAX, changed_resident
from parsers import tables
from tieout.worlds import generate_world, named_spec, scaled_spec
from tieout.worlds.files import write_world


@pytest.fixture(scope="module", params=["demo", "dense_numbers"])
def world(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    write_world(generate_world(scaled_spec(named_spec(request.param), 60, 600)), place)
    items = by_key(tables.read_open_items(place / "open_items.csv"))
    customers = tables.read_customers(place / "customers.csv")
    accounts = tables.read_bank_accounts(place / "bank_accounts.csv")

    def build(batch):
        return build_resident(batch, customers, accounts, PolicyBook())

    return items, build


def by_key(items):
    rows = sorted(items.record_batch.to_pylist(), key=lambda row: [row[name] for name in items.KEY])
    return of_rows(rows)


def of_rows(rows):
    return OpenItemBatch.of(pa.RecordBatch.from_pylist(rows, schema=OpenItemBatch.SCHEMA))


def assert_equal(one, other, path="resident"):
    """Every array, table and number, with its type."""
    assert type(one) is type(other), path
    match one:
        case np.ndarray():
            assert one.dtype == other.dtype, path
            assert np.array_equal(one, other), path
        case Batch():
            assert one == other, path
        case pa.Array():
            assert one.equals(other), path
        case Amounts():
            assert_same_found(one, other)
        case msgspec.Struct():
            for name in one.__struct_fields__:
                assert_equal(getattr(one, name), getattr(other, name), f"{path}.{name}")
        case tuple() | list():
            assert len(one) == len(other), path
            for number, pair in enumerate(zip(one, other, strict=True)):
                assert_equal(*pair, f"{path}[{number}]")
        case _:
            assert one == other, path


def assert_same_found(one, other):
    """What is restated since stands beside the table; what is found is the same."""
    keys, item = other.table.rows()
    nothing = np.empty(0, dtype=np.int64)
    whole = [
        amounts.changed(np.arange(len(keys)), Amounts.of(nothing, nothing))
        for amounts in (one, other)
    ]
    assert_equal(whole[0].table, whole[1].table)
    assert len(item) == len(keys)


def posted(row, dice, number):
    """An amount, and what follows from it, as after a posting or its reversal."""
    del number
    left = int(dice.integers(0, 3)) * row["original_minor"] // 2
    return [row | {"open_minor": left, "status": "open" if left else "paid"}]


def disputed(row, dice, number):
    del dice, number
    return [row | {"status": "disputed"}]


def gone(row, dice, number):
    del row, dice, number
    return []


def doubled(row, dice, number):
    due = row["due_date"]
    more = {
        "open_item_id": f"NEW-{number}-{row['open_item_id']}"[:: 1 if dice.random() < 0.5 else -1],
        "document_number": f"{row['document_number'][:-2]}{number % 90 + 10}",
        "references": "RF18539007547034" if dice.random() < 0.2 else row["references"],
        "due_date": None if dice.random() < 0.2 else due,
        "open_minor": row["open_minor"] + int(dice.integers(0, 2)),
    }
    return [row, row | more]


def dated(row, dice, number):
    del dice, number
    return [row | {"due_date": row["document_date"], "purchase_order": "PO-77777"}]


IN_PLACE, ANY = (posted, disputed), (posted, disputed, gone, doubled, dated)


@pytest.mark.parametrize("acts", [IN_PLACE, ANY], ids=["amounts", "all"])
@pytest.mark.parametrize("count", [1, 40])
def test_round_after_round_it_is_as_if_built_anew(world, acts, count):
    items, build = world
    resident = build(items)
    dice = np.random.default_rng(count)
    for turn in range(4):
        rows = items.record_batch.to_pylist()
        chosen = set(dice.choice(len(rows), count, replace=False).tolist())
        after, fed, removed = [], [], []
        for number, row in enumerate(rows):
            if number not in chosen:
                after.append(row)
                continue
            becomes = acts[dice.integers(len(acts))](row, dice, turn * len(rows) + number)
            after += becomes
            fed += becomes
            if not becomes:
                removed.append((row["company_id"], row["open_item_id"]))
        items = by_key(of_rows(after))
        order = dice.permutation(len(fed))
        changed = of_rows([fed[at] for at in order.tolist()])
        found = changed_resident(resident, changed, removed)
        assert found is not None
        anew = build(items)
        assert_equal(found, anew)
        index, before = anew.index, resident.index
        asked = [np.concatenate([i.open_minor, i.original_minor]) for i in (index, before)]
        asked = np.unique(np.concatenate(asked))
        for code in range(len(anew.currencies)):
            every = np.full(len(asked), code), asked
            for one, other in zip(
                found.index.amounts.find(*every), index.amounts.find(*every), strict=True
            ):
                assert np.array_equal(one, other)
        if acts is IN_PLACE:
            assert found.index.reference_keys is resident.index.reference_keys
            assert found.index.source.record_batch.column("document_number").equals(
                resident.index.source.record_batch.column("document_number")
            )
        resident = found


def test_what_did_not_change_changes_nothing(world):
    items, build = world
    resident = build(items)
    assert changed_resident(resident, items.take(np.arange(5, 9)), [("NOBODY", "X")]) is resident


def test_who_comes_and_goes_is_a_matter_for_a_whole_build(world):
    items, build = world
    resident = build(items)
    row = items.record_batch.slice(0, 1).to_pylist()[0]
    stranger = of_rows([row | {"customer_id": "NEW CUSTOMER", "open_item_id": "NEW"}])
    assert changed_resident(resident, stranger, []) is None
    foreign = of_rows([row | {"currency": "ISK", "open_item_id": "NEW"}])
    assert changed_resident(resident, foreign, []) is None
    many = [("K", f"{number}") for number in range(CHANGES_MAX + 1)]
    assert changed_resident(resident, OpenItemBatch.empty(), many) is None


def test_the_last_item_of_a_customer_nobody_lists(world):
    items, build = world
    rows = items.record_batch.to_pylist()
    row = rows[0] | {"customer_id": "ONLY ON ITEMS", "open_item_id": "ONE"}
    more = by_key(of_rows([*rows, row]))
    resident = build(more)
    key = (row["company_id"], row["open_item_id"])
    assert changed_resident(resident, OpenItemBatch.empty(), [key]) is None
    again = of_rows([row | {"due_date": row["document_date"]}])
    found = changed_resident(resident, again, [])
    assert found is not None
    assert_equal(found, build(by_key(of_rows([*rows, again.record_batch.to_pylist()[0]]))))
