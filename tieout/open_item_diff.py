"""What changed between two states of open items: new, gone, and changed ones, and the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adapters.csv_text import csv_bytes
from engine.money import format_minor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.batches import OpenItemBatch

__all__ = ["ItemChange", "OpenItemDiff", "diff_csv", "diff_open_items", "open_sums"]

_MONEY: Final = ("original_minor", "open_minor", "discount_minor")


class ItemChange(msgspec.Struct, frozen=True, kw_only=True):
    """One item: `new`, `gone` or `changed`, with each field that differs as (before, now)."""

    company_id: str
    open_item_id: str
    customer_id: str
    document_number: str
    change: str
    fields: dict[str, tuple[str, str]] = {}


class OpenItemDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, sums of open amounts per currency before and now, and every change."""

    before: int
    now: int
    new: int
    gone: int
    changed: int
    same: int
    open_before: dict[str, str]
    open_now: dict[str, str]
    changes: list[ItemChange]


def diff_open_items(before: OpenItemBatch, now: OpenItemBatch) -> OpenItemDiff:
    """What differs between `before` and `now`, in the order of the keys."""
    old, new = before.key_strings(), now.key_strings()
    added = pc.indices_nonzero(pc.invert(pc.is_in(new, value_set=old)))
    removed = pc.indices_nonzero(pc.invert(pc.is_in(old, value_set=new)))
    at_old = pc.indices_nonzero(pc.is_in(old, value_set=new))
    at_new = pc.index_in(old.take(at_old), value_set=new)
    left = before.record_batch.take(at_old)
    right = now.record_batch.take(at_new)
    differs = pa.array([False] * len(left))
    for name in before.SCHEMA.names:
        differs = pc.or_(differs, _unequal(left[name], right[name]))
    rows = pc.indices_nonzero(differs)
    changes = [
        *_whole("new", now.record_batch.take(added)),
        *_whole("gone", before.record_batch.take(removed)),
        *_changed(left.take(rows), right.take(rows)),
    ]
    return OpenItemDiff(
        before=len(before),
        now=len(now),
        new=len(added),
        gone=len(removed),
        changed=len(rows),
        same=len(left) - len(rows),
        open_before=open_sums(before),
        open_now=open_sums(now),
        changes=sorted(changes, key=lambda one: (one.company_id, one.open_item_id)),
    )


def open_sums(items: OpenItemBatch) -> dict[str, str]:
    """Open amounts per currency, as decimal text."""
    table = pa.table({name: items.record_batch[name] for name in ("currency", "open_minor")})
    sums = table.group_by("currency").aggregate([("open_minor", "sum")])
    found = dict(zip(sums["currency"].to_pylist(), sums["open_minor_sum"].to_pylist(), strict=True))
    return {code: format_minor(found[code], code) for code in sorted(found)}


def diff_csv(diff: OpenItemDiff) -> bytes:
    """A row per item that is new or gone, and per field that changed."""
    header = (
        *("change", "company_id", "open_item_id", "customer_id", "document_number"),
        *("field", "before", "now"),
    )
    return csv_bytes(header, _rows(diff))


def _rows(diff: OpenItemDiff) -> Iterator[tuple[str, ...]]:
    for one in diff.changes:
        key = (
            *(one.change, one.company_id, one.open_item_id, one.customer_id, one.document_number),
        )
        if not one.fields:
            yield (*key, "", "", "")
        for name, (before, now) in one.fields.items():
            yield (*key, name, before, now)


def _unequal(left: pa.Array, right: pa.Array) -> pa.Array:
    """True where values differ; two nulls are the same, one is not."""
    either = pc.xor(left.is_null(), right.is_null())
    return pc.or_(either, pc.fill_null(pc.not_equal(left, right), False))  # noqa: FBT003  # Arrow's own signature


def _whole(change: str, rows: pa.RecordBatch) -> Iterator[ItemChange]:
    for row in rows.to_pylist():
        amount = format_minor(row["open_minor"], row["currency"])
        told = ("", amount) if change == "new" else (amount, "")
        yield _change(change, row, {"open_amount": told})


def _changed(left: pa.RecordBatch, right: pa.RecordBatch) -> Iterator[ItemChange]:
    for was, now in zip(left.to_pylist(), right.to_pylist(), strict=True):
        fields = {}
        for name, value in now.items():
            if value == was[name]:
                continue
            shown = name.replace("_minor", "_amount") if name in _MONEY else name
            fields[shown] = (_text(was, name), _text(now, name))
        yield _change("changed", now, fields)


def _change(change: str, row: dict[str, Any], fields: dict[str, tuple[str, str]]) -> ItemChange:
    return ItemChange(
        company_id=row["company_id"],
        open_item_id=row["open_item_id"],
        customer_id=row["customer_id"],
        document_number=row["document_number"],
        change=change,
        fields=fields,
    )


def _text(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if name in _MONEY:
        return format_minor(value, row["currency"])
    return "" if value is None else str(value)
