"""Earlier runs, and what this one leaves to the next: seen payments, what is left of items, facts.

What is remembered of a match is told bucket by bucket. What is left of an item is said by the task
that has its file: what it was exported with stands there. All of it comes together on the driver,
for a memory is files of one folder (`EarlierRuns`); a ledger is the memory of runs that are larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.flow import begun, gathered
from cluster.mapped_values import mapped_value
from cluster.packets import packed
from cluster.read_inputs import EXPORTED, exported_place, items_place
from cluster.rows import NUMBERED_ITEM, batch_of
from cluster.run_key import run_key
from cluster.stage_files import kept_batches, kept_table
from engine.batches import OpenItemBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.packets import Packet, Received
    from cluster.places import Place
    from cluster.run import Run

__all__ = ["CLOSED", "LEFT", "keep_told", "remember"]

CLOSED: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("company_id", "open_item_id")),
        pa.field("amount_minor", pa.int64()),
    ]
)
"""What a row of a result takes off an item (less than nothing: a return gave it back), by the
company its payment is settled for."""

LEFT: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("company_id", "open_item_id", "currency")),
        pa.field("amount_minor", pa.int64()),
    ]
)
"""What is left of an item that is exported with more."""

_CLOSED, _LEFT, _KNOWN = "closed", "left", "known"
_HIT: Final = pa.schema([pa.field("row", pa.int64())])
_NAMED: Final = pa.schema([CLOSED.field("company_id"), CLOSED.field("open_item_id")])


def keep_told(run: Run, found: Received) -> None:
    """Keep what buckets tell of their matches, in `found`, until the result stands."""
    if run.hooks.earlier is None:
        return
    schemas = run.hooks.earlier.schemas
    run.put({name: found.table(name, schema) for name, schema in schemas.items()}, "told")


def remember(run: Run) -> dict[str, int]:
    """Let the next run know of this one; nothing where nothing was applied."""
    earlier = run.hooks.earlier
    if earlier is None or run.is_remembered:
        return {}
    if run.value("facts").policy.default.automation.mode != "apply":
        return {}
    told: dict[str, pa.Table] = dict(run.value("told"))
    closed = told.pop(_CLOSED)
    found = _looked_at(run, closed)
    missing = np.setdiff1d(np.arange(len(closed)), found.table("hits", _HIT)["row"].to_numpy())
    if len(missing):
        # A return's own company may be another one, or none: then its item goes by its id alone.
        closed = _named_anew(run, closed, missing)
        found = _looked_at(run, closed)
    told[_LEFT] = found.table(_LEFT, LEFT)
    told[_KNOWN] = found.table(_KNOWN, _HIT)
    remembered = earlier.remember(told)
    # Whoever is stopped behind this line comes back with other earlier runs than it began with.
    run.leave(run_key(run.job, run.hooks, remembered.key))
    remembered.write()
    return {name: len(rows) for name, rows in told.items()}


def _looked_at(run: Run, closed: pa.Table) -> Received:
    """Of all files of items: what is left of them, the rows of `closed` whose item is there, and
    the facts of earlier runs that are about them.
    """
    run.put(closed, "closed")
    folder, closed_at = run.folder, run.place_of("closed")
    facts_at = run.place_of("earlier")
    known = run.hooks.earlier.known if run.hooks.earlier else None

    def look(file: int) -> Iterator[Packet]:
        rows = mapped_value(closed_at)
        items = _items(folder, file)
        at = pc.index_in(_keys(rows), value_set=items.key_strings())
        hits = np.flatnonzero(at.is_valid().to_numpy(zero_copy_only=False))
        opened = items.int64("open_minor")
        left = opened.copy()
        item = at.drop_null().to_numpy(zero_copy_only=False)
        np.subtract.at(left, item, rows["amount_minor"].to_numpy()[hits])
        behind = kept_table(exported_place(folder, file), EXPORTED)
        exported = opened.copy()
        exported[behind["row"].to_numpy()] = behind["open_minor"].to_numpy()
        more = np.flatnonzero(np.abs(exported) > np.abs(left))
        names = [items.text(name).take(pa.array(more)) for name in LEFT.names[:-1]]
        yield from packed({_LEFT: pa.table([*names, left[more]], schema=LEFT)})
        yield from packed({"hits": pa.table([hits], schema=_HIT)})
        if known is not None:
            about = np.flatnonzero(known(mapped_value(facts_at).facts, items))
            yield from packed({_KNOWN: pa.table([about], schema=_HIT)})

    return gathered(begun(run.spark, run.value("item_files"), look))


def _named_anew(run: Run, closed: pa.Table, missing: Any) -> pa.Table:
    """`closed` with the company of the item that has the id, in the `missing` rows; rows whose item
    is in no file are left out.
    """
    rows = closed.take(pa.array(missing))
    ids = pc.unique(rows["open_item_id"].combine_chunks())
    folder = run.folder

    def name(file: int) -> Iterator[Packet]:
        items = _items(folder, file)
        mask = pc.is_in(items.text("open_item_id"), value_set=ids)
        yield from packed({"named": pa.table(items.record_batch.filter(mask).select(_NAMED.names))})

    found = gathered(begun(run.spark, run.value("item_files"), name)).table("named", _NAMED)
    named = found.group_by("open_item_id").aggregate([("company_id", "min")])
    at = pc.index_in(rows["open_item_id"], value_set=named["open_item_id"].combine_chunks())
    there = at.is_valid()
    company = named["company_id_min"].take(at.filter(there))
    some = rows.filter(there)
    some = some.set_column(0, CLOSED.field("company_id"), company)
    kept = np.setdiff1d(np.arange(len(closed)), missing)
    return pa.concat_tables([closed.take(pa.array(kept)), some]).combine_chunks()


def _items(folder: Place, file: int) -> OpenItemBatch:
    rows = pa.Table.from_batches(kept_batches(items_place(folder, file), NUMBERED_ITEM.names))
    return batch_of(OpenItemBatch, rows)


def _keys(rows: pa.Table) -> pa.StringArray:
    names = [rows[name].combine_chunks() for name in ("company_id", "open_item_id")]
    return pc.binary_join_element_wise(*names, "\x1f")
