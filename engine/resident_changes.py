"""What is resident after a few open items came, went or changed: as if it were indexed anew.

Nothing is read or sorted again. Where only open amounts and statuses differ, as after postings,
items keep their numbers and nearly all arrays are the very same objects; where items came or went,
arrays are copied around the places. The result has the bytes of `build_resident` over the items
there are now (`tests/engine/test_resident_changes.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import OpenItemBatch
from engine.claims import claim_keys
from engine.creditor_references import owners_by_creditor_reference
from engine.due_habits import DueDays
from engine.gates import youngest_documents
from engine.key_table import KeyTable
from engine.open_item_index import (
    Amounts,
    Endings,
    build_index,
    ledgers_of,
    standing_minor,
)
from engine.reference_keys import ReferenceKeys, common_shapes, summed_shapes
from engine.resident import paid_keys
from engine.segments import inverse, order_of, with_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.resident import Resident

__all__ = ["CHANGES_MAX", "by_key", "changed_resident"]

CHANGES_MAX: Final = 10_000
"""More changes than these are indexed anew: each is put into its place by itself."""

_MOVING: Final = frozenset(OpenItemBatch.SCHEMA.names) - {"open_minor", "status"}
"""Columns that decide where an item stands and what it is found by."""

_ITEM_COLUMNS: Final = (
    "customer",
    "company",
    "family",
    "currency",
    "status",
    "open_minor",
    "original_minor",
    "discount_minor",
    "discount_day",
    "document_day",
    "due_day",
    "joined_digits",
    "digit_count",
)
"""Arrays of the index with one entry per item that say something about that item alone."""


def changed_resident(
    resident: Resident, changed: OpenItemBatch, removed: Sequence[tuple[str, str]]
) -> Resident | None:
    """`resident` with the rows of `changed` as they are now, without the keys of `removed`.

    Its open items must stand in ascending order of their keys. None where that is a matter for
    `build_resident`: too many changes, customers or currencies that came or went.
    """
    items = resident.open_items
    if not len(items) or len(changed) + len(removed) > CHANGES_MAX:
        return None
    changed = by_key(changed)
    place, there = _find(items, changed)
    differs, moves = _differences(items, changed, place, there)
    gone_place, gone_there = _find(items, _keys_only(removed))
    gone = np.concatenate([place[there & differs], gone_place[gone_there]])
    added = changed.take(differs.nonzero()[0])
    if not len(gone) and not len(added):
        return resident
    if not _is_known(resident, gone, added):
        return None
    change = _Change(resident, np.sort(gone), added, place[differs])
    if gone_there.any() or moves.any() or not there[differs].all():
        return change.moved()
    return change.in_place()


class _Change:
    """Items that go and items that come, each indexed by themselves."""

    def __init__(
        self,
        resident: Resident,
        gone: NDArray[np.int64],
        added: OpenItemBatch,
        place: NDArray[np.int64],
    ) -> None:
        """`gone` are rows of the open items, `place` the rows before which the added ones belong;
        an added one that was there before goes first.
        """
        self._resident = resident
        self._rows = gone
        self._place = place
        make = (resident.directory, resident.currencies)
        self._gone = build_index(resident.open_items.take(gone), *make)
        self._added = build_index(added, *make)
        self._old_number = inverse(resident.index.order)

    def in_place(self) -> Resident:
        """Only open amounts and statuses differ."""
        index, added = self._resident.index, self._added
        row = self._place[added.order]
        item = self._old_number[row]
        opened, status = index.open_minor.copy(), index.status.copy()
        opened[item], status[item] = added.open_minor, added.status
        standing = standing_minor(opened, index.original_minor)
        amounts = index.amounts.with_restated(item, index.currency, standing)
        if len(amounts.restated) > CHANGES_MAX:
            amounts = Amounts.of(index.currency, standing)
        source = _with_values(index.source, self._place, added.source)
        return self._resident_of(
            msgspec.structs.replace(
                index, source=source, open_minor=opened, status=status, amounts=amounts
            )
        )

    def moved(self) -> Resident:
        """Items came or went: those behind have other numbers."""
        index, added = self._resident.index, self._added
        gone = self._old_number[self._rows]
        kept = np.delete(np.arange(len(index)), gone)
        behind = _canonical_places(index, added)
        at = behind - np.sort(gone).searchsorted(behind)
        old = np.insert(kept, at, -1)
        number = (old < 0).nonzero()[0]
        moved = np.full(len(index), -1, dtype=np.int64)
        moved[kept] = (old >= 0).nonzero()[0]
        columns: dict[str, Any] = {}
        for name in _ITEM_COLUMNS:
            values = getattr(index, name)[old]
            values[number] = getattr(added, name)
            columns[name] = values
        source, row, row_of_added = self._source()
        order = row[index.order[old]]
        order[number] = row_of_added[added.order]
        keys, amounts, endings = _renumbered(added, number)
        counts = [
            index.shape_counts,
            added.shape_counts,
            self._gone.shape_counts * np.array([[1], [-1]]),
        ]
        shape_counts = summed_shapes(counts)
        family = columns["family"]
        members = np.bincount(family, minlength=len(self._resident.directory))
        return self._resident_of(
            msgspec.structs.replace(
                index,
                source=source,
                order=order,
                **columns,
                **ledgers_of(columns["customer"], columns["currency"]),
                family_order=order_of(family),
                family_bounds=np.concatenate([[0], members.cumsum()]),
                reference_keys=index.reference_keys.changed(moved, keys),
                endings=index.endings.changed(moved, endings),
                amounts=index.amounts.changed(moved, amounts),
                shapes=common_shapes(shape_counts, len(old)),
                shape_counts=shape_counts,
            )
        )

    def _source(self) -> tuple[OpenItemBatch, NDArray[np.int64], NDArray[np.int64]]:
        """All items by their keys, the new row of each old one, and the rows of those added."""
        old, added = self._resident.open_items.record_batch, self._added.source.record_batch
        row = np.arange(len(self._resident.open_items))
        row -= self._rows.searchsorted(row)
        row += self._place.searchsorted(np.arange(len(row)), side="right")
        going = set(self._rows.tolist())
        parts, start, edge = [], 0, 0
        bounds = sorted({*going, *self._place.tolist(), len(row)})
        for bound in bounds:
            parts.append(old.slice(start, bound - start))
            while edge < len(self._place) and self._place[edge] == bound:
                parts.append(added.slice(edge, 1))
                edge += 1
            start = bound + int(bound in going)
        source = OpenItemBatch.of_distinct(pa.concat_batches(parts))
        row_of_added = self._place - self._rows.searchsorted(self._place)
        row_of_added += np.arange(len(self._place))
        return source, row, row_of_added

    def _resident_of(self, index: OpenItemIndex) -> Resident:
        """What follows from the items, counted on."""
        old, gone, added = self._resident, self._gone, self._added
        bears = [pc.any(pc.not_equal(one.source.text("references"), "")) for one in (gone, added)]
        creditor = old.creditor
        if any(one.as_py() for one in bears):
            creditor = owners_by_creditor_reference(index)
        habits = old.habits
        if index.order is not old.index.order:
            habits = habits.changed(*(_habit_facts(one) for one in (gone, added)))
        return msgspec.structs.replace(
            old,
            open_items=index.source,
            index=index,
            creditor=creditor,
            habits=habits,
            due=old.due.changed(DueDays.of(gone), DueDays.of(added)),
            claims=with_changes(old.claims, claim_keys(gone), claim_keys(added)),
            paid=with_changes(old.paid, paid_keys(gone), paid_keys(added)),
            youngest=youngest_documents(index, len(old.directory.companies)),
        )


def _habit_facts(
    index: OpenItemIndex,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return index.currency, index.customer, index.original_minor


def _renumbered(
    added: OpenItemIndex, number: NDArray[np.int64]
) -> tuple[ReferenceKeys, Amounts, Endings]:
    """What leads to the added items, by the numbers they have among all."""
    nothing = np.empty(0, dtype=np.int64)
    keys = nothing.astype(np.uint64)
    return (
        added.reference_keys.changed(number, ReferenceKeys(KeyTable.of(keys, keys))),
        added.amounts.changed(number, Amounts.of(nothing, nothing)),
        added.endings.changed(number, Endings.of(nothing, keys, nothing)),
    )


def _canonical_places(index: OpenItemIndex, added: OpenItemIndex) -> NDArray[np.int64]:
    """The item before which each added one belongs: by customer, currency, due date, id."""
    identity = added.text("open_item_id", np.arange(len(added))).to_pylist()
    ledger = index.ledger_of(added.customer, added.currency)
    next_ledger = index.ledger_key.searchsorted(added.ledger_key[added.ledger])
    starts = np.append(index.ledger_start, len(index))
    places = []
    for number, one in enumerate(ledger.tolist()):
        if one < 0:
            places.append(int(starts[next_ledger[number]]))
            continue
        start, end = int(index.ledger_start[one]), int(index.ledger_end[one])
        due, day = index.due_day[start:end], added.due_day[number]
        low, high = (start + int(np.searchsorted(due, day, side)) for side in ("left", "right"))
        alike = index.text("open_item_id", np.arange(low, high)).to_pylist()
        places.append(low + sum(other < identity[number] for other in alike))
    return np.array(places, dtype=np.int64)


def _is_known(resident: Resident, gone: NDArray[np.int64], added: OpenItemBatch) -> bool:
    """Customers and currencies stay the same, and so their numbers."""
    directory, index = resident.directory, resident.index
    known = directory.number_of(added.text("company_id"), added.text("customer_id"))
    if (known < 0).any() or set(added.codes("currency")[1]).difference(resident.currencies):
        return False
    items = resident.open_items.take(gone)
    left = resident.habits.items_of.copy()
    code = {name: number for number, name in enumerate(resident.currencies)}
    for batch, sign in ((items, -1), (added, 1)):
        for name in batch.strings("currency"):
            left[code[name]] += sign
    if (left[:-1] <= 0).any():
        return False
    # A customer whom only items name is gone with the last of them.
    owner = directory.number_of(items.text("company_id"), items.text("customer_id"))
    there = [np.searchsorted(index.customer, owner, side) for side in ("left", "right")]
    many = len(directory)
    balance = np.bincount(known, minlength=many) - np.bincount(owner, minlength=many)
    last = owner[there[1] - there[0] + balance[owner] <= 0]
    return all(directory.display_name[one].as_py() for one in last.tolist())


def by_key(items: OpenItemBatch) -> OpenItemBatch:
    """`items` in ascending order of their keys."""
    if items.keys_ascend():
        return items
    names = items.KEY
    order = pc.sort_indices(
        items.record_batch.select(names), sort_keys=[(name, "ascending") for name in names]
    )
    return items.take(order.to_numpy().astype(np.int64))


def _keys_only(keys: Sequence[tuple[str, str]]) -> OpenItemBatch:
    company, identity = ([key[part] for key in sorted(set(keys))] for part in (0, 1))
    return OpenItemBatch.from_columns({"company_id": company, "open_item_id": identity})


def _find(
    items: OpenItemBatch, wanted: OpenItemBatch
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The first row whose key is not below each wanted one, and whether it has that key."""
    low = np.zeros(len(wanted), dtype=np.int64)
    high = np.full(len(wanted), len(items), dtype=np.int64)
    for _ in range(len(items).bit_length()):
        middle = np.minimum((low + high) // 2, len(items) - 1)
        below = _is_below(items, middle, wanted) & (low < high)
        low = np.where(below, middle + 1, low)
        high = np.where(below, high, np.minimum(high, middle))
    inside = pa.array(np.minimum(low, len(items) - 1))
    same = low < len(items)
    for name in items.KEY:
        equal = pc.equal(items.text(name).take(inside), wanted.text(name))
        same &= equal.to_numpy(zero_copy_only=False)
    return low, same


def _is_below(
    items: OpenItemBatch, row: NDArray[np.int64], wanted: OpenItemBatch
) -> NDArray[np.bool_]:
    at = pa.array(row)
    company, identity = items.KEY
    theirs, ours = items.text(company).take(at), wanted.text(company)
    below = pc.less(items.text(identity).take(at), wanted.text(identity))
    found = pc.or_(pc.less(theirs, ours), pc.and_(pc.equal(theirs, ours), below))
    is_below: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return is_below


def _differences(
    items: OpenItemBatch,
    changed: OpenItemBatch,
    place: NDArray[np.int64],
    there: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows of `changed` are not what stands at their place; which differ in more than open
    amount and status.
    """
    before = items.record_batch.take(pa.array(np.minimum(place, len(items) - 1)))
    differs, moves = ~there, np.zeros(len(changed), dtype=np.bool_)
    for name in items.SCHEMA.names:
        old, new = before.column(name), changed.record_batch.column(name)
        same = pc.fill_null(pc.equal(old, new), False)  # noqa: FBT003 - Arrow's own signature
        same = pc.or_(same, pc.and_(pc.is_null(old), pc.is_null(new)))
        other = there & ~same.to_numpy(zero_copy_only=False)
        differs |= other
        if name in _MOVING:
            moves |= other
    return differs, moves


def _with_values(
    items: OpenItemBatch, row: NDArray[np.int64], changed: OpenItemBatch
) -> OpenItemBatch:
    """`items` with open amount and status of the rows of `changed`."""
    batch = items.record_batch
    mask = np.zeros(len(items), dtype=np.bool_)
    mask[row] = True
    for name in ("open_minor", "status"):
        at = batch.schema.get_field_index(name)
        values = pc.replace_with_mask(
            batch.column(name), pa.array(mask), changed.record_batch.column(name)
        )
        batch = batch.set_column(at, batch.schema.field(at), values)
    return OpenItemBatch.of_distinct(batch)
