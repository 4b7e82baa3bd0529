"""Payments and items are laid out in buckets, and references decide once to see that it holds.

Which families must be matched together is found on the driver, out of the few payments that reach
more than one. Then every bucket lets its references decide: that counts at which age items are
paid, and shows, by the engine's own reading, whether a payment reaches into another bucket after
all. Where one does, its families are tied together as well, and it is tried again.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.ask_items import found_again_of, told_of
from cluster.bucket_match import FIRST_ROUND, first_round
from cluster.buckets import Buckets, Ties
from cluster.count_items import OWNER_NAMES
from cluster.errors import StrayPaymentError
from cluster.flow import begun, gathered, passed
from cluster.mapped_values import mapped_value
from cluster.packets import packed, scattered
from cluster.read_inputs import items_place, owners_place
from cluster.rows import NUMBERED_ITEM, READ_ROW, batch_of, first_family, lists_of
from cluster.stage_files import keep_table, kept_batches, kept_table
from engine.batches import PaymentBatch
from engine.due_habits import PaidAges
from engine.returns import find_earlier_originals, find_originals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from cluster.ask_items import ReadNotes
    from cluster.known_customers import KnownCustomers
    from cluster.packets import Packet, Received
    from cluster.pieces import Pieces
    from cluster.places import Place
    from cluster.run import Run
    from cluster.run_facts import RunFacts

__all__ = ["decide_references", "lay_out", "of_bucket"]

_PAYMENTS, _ITEMS = "payments", "open_items"
_TRIES_MAX: Final = 3
_NAMED_BY: Final = (
    *("bank_reference", "end_to_end_id", "check_number", "trace_number", "uetr"),
    *("customer_reference", "payment_id"),
)
_MEANT: Final = "meant"
_RETURN: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("returned_id", "original_id")),
        *(pa.field(name, pa.int64()) for name in ("returned", "original")),
        *(pa.field(name, pa.int64()) for name in ("returned_family", "original_family")),
    ]
)


def lay_out(run: Run) -> dict[str, int]:
    """Tie families together, and cut buckets."""
    known: KnownCustomers = run.value("customers")
    notes: ReadNotes = run.value("read_notes")
    facts: RunFacts = run.value("facts_found_again")
    returns = _originals(run, notes)
    ties = _ties(run, notes, returns)
    run.put(ties, "ties-0")
    here = returns.filter(returns["original_id"].is_valid())
    originals = dict(
        zip(here["returned_id"].to_pylist(), here["original_id"].to_pylist(), strict=True)
    )
    family, count = (notes.by_family[name].to_numpy() for name in ("family", "payments"))
    whole = msgspec.structs.replace(facts.whole, payments=int(count.sum()))
    laid_out = msgspec.structs.replace(facts, originals=originals, whole=whole)
    run.put(laid_out, "facts_laid_out")
    payments = np.zeros(len(known.directory), dtype=np.int64)
    payments[family[family >= 0]] = count[family >= 0]
    run.put((payments, int(count[family < 0].sum())), "payments_of_families")
    buckets = _cut(run, known, ties, 0)
    return {
        "buckets": buckets.count,
        "giants": len(buckets.giants),
        "of_no_family": buckets.alone,
        "ties": int((ties.one != ties.two).sum()),
        "returns": len(here),
    }


def decide_references(run: Run) -> dict[str, int]:
    """Let references decide in every bucket, until none reaches into another one."""
    for number in range(_TRIES_MAX):
        name = f"buckets-{number}"
        found = _first_rounds(run, name)
        strays = found.filter(pc.greater(pc.list_value_length(found["strays"]), 0))
        if not len(strays):
            run.put(run.value(name), "buckets")
            return _count_ages(run, found)
        _tie_more(run, strays, number)
    message = (
        f"{len(strays)} buckets still hold payments that reach into another one after "
        f"{_TRIES_MAX} tries: please report this"
    )
    raise StrayPaymentError(message)


def _first_rounds(run: Run, name: str) -> pa.Table:
    """Bring payments and items together, by the bucket they are matched in (as the value `name`
    says), and let references decide there (`FIRST_ROUND`).
    """
    known_at, facts_at = run.place_of("customers"), run.place_of("facts_laid_out")
    buckets_at, folder, cores = run.place_of(name), run.folder, run.hooks.cores
    pieces: Pieces = run.value("pieces")
    place = _Placing(folder, len(pieces), known_at, buckets_at)

    def decide(bucket: int, received: Received) -> Iterator[Packet]:
        tables = [received.table(_PAYMENTS, READ_ROW), received.table(_ITEMS, NUMBERED_ITEM)]
        for one, rows, schema in zip(_PLACES, tables, (READ_ROW, NUMBERED_ITEM), strict=True):
            keep_table(folder / one / f"{bucket:06}.arrow", [rows], schema)
        known, facts, buckets = (mapped_value(one) for one in (known_at, facts_at, buckets_at))
        with cores() if bucket in buckets.giants else nullcontext(map) as cored:
            told = first_round(bucket, tables[0], tables[1], known, facts, buckets, cored)
        yield from packed({"first_round": told})

    sent = begun(run.spark, len(pieces) + run.value("item_files"), place)
    buckets: Buckets = run.value(name)
    return gathered(passed(sent, buckets.count, decide)).table("first_round", FIRST_ROUND)


_PLACES: Final = ("bucket_payments", "bucket_items")


def of_bucket(folder: Place, bucket: int) -> tuple[pa.Table, pa.Table]:
    """The payments and the items of a bucket, as the first round kept them."""
    payments, items = (folder / one / f"{bucket:06}.arrow" for one in _PLACES)
    return kept_table(payments, READ_ROW), kept_table(items, NUMBERED_ITEM)


class _Placing:
    """The step that sends the payments of a piece, and the items of a file, to their buckets; an
    item that payments of other buckets found goes to those as well.
    """

    def __init__(self, folder: Place, pieces: int, known_at: Place, buckets_at: Place) -> None:
        self._folder, self._pieces = folder, pieces
        self._known_at, self._buckets_at = known_at, buckets_at

    def __call__(self, number: int) -> Iterator[Packet]:
        buckets: Buckets = mapped_value(self._buckets_at)
        if number < self._pieces:
            yield from self._payments(number, buckets)
        else:
            yield from self._items(number - self._pieces, buckets)

    def _payments(self, piece: int, buckets: Buckets) -> Iterator[Packet]:
        rows = told_of(self._folder, piece)
        number, first = rows["payment_no"].to_numpy(), first_family(rows)
        yield from scattered(_PAYMENTS, rows, buckets.of_payments(number, first))
        guests = found_again_of(self._folder, piece)
        if len(guests):
            payment = guests["payment_no"].to_numpy()
            bucket = buckets.of_payments(payment, first[payment - number[0]])
            yield from scattered(_ITEMS, guests.select(NUMBERED_ITEM.names), bucket)

    def _items(self, file: int, buckets: Buckets) -> Iterator[Packet]:
        known: KnownCustomers = mapped_value(self._known_at)
        names = kept_table(owners_place(self._folder, file), OWNER_NAMES)
        customer = known.directory.number_of(*(one.combine_chunks() for one in names.columns))
        bucket = buckets.of_family[known.directory.family[customer]]
        for batch in kept_batches(items_place(self._folder, file)):
            rows = pa.table(batch.select(NUMBERED_ITEM.names))
            yield from scattered(_ITEMS, rows, bucket[batch.column("owner").to_numpy()])


def _originals(run: Run, notes: ReadNotes) -> pa.Table:
    """Returns and the payments that came back; returns of one earlier payment, and the first of
    them, without an original's name (`_RETURN`).
    """
    wanted = pc.unique(notes.named["original_reference"].combine_chunks())
    if not len(wanted):
        return _RETURN.empty_table()
    folder = run.folder
    pieces: Pieces = run.value("pieces")

    def mean(piece: int) -> Iterator[Packet]:
        rows = told_of(folder, piece)
        hit = pc.less(rows["amount_minor"], 0)
        for name in _NAMED_BY:
            hit = pc.or_(hit, pc.is_in(rows[name], value_set=wanted))
        yield from packed({_MEANT: rows.filter(hit).select(_MEANT_ROW.names)})

    table = gathered(begun(run.spark, len(pieces), mean)).table(_MEANT, _MEANT_ROW)
    payments = batch_of(PaymentBatch, table)
    found = find_originals(payments)
    again = _again(run, payments, found)
    row = {name: at for at, name in enumerate(table["payment_id"].to_pylist())}
    first, number = first_family(table), table["payment_no"].to_numpy()
    one = np.array([row[name] for name in (*found, *again)], dtype=np.int64)
    two = np.array([row[name] for name in (*found.values(), *again.values())], dtype=np.int64)
    names = [[*found, *again], [*found.values(), *([None] * len(again))]]
    columns = [*names, number[one], number[two], first[one], first[two]]
    return pa.table(columns, schema=_RETURN).sort_by("returned")


def _again(run: Run, payments: PaymentBatch, found: Mapping[str, str]) -> dict[str, str]:
    """Returns of a payment of an earlier run that another return means as well, and that one: a
    payment comes back once, so they are decided together. Those `found` in this run are none.
    """
    if run.hooks.earlier is None:
        return {}
    first: dict[str, str] = {}
    again: dict[str, str] = {}
    for name, original in sorted(
        find_earlier_originals(payments, run.hooks.earlier.settled).items()
    ):
        if name not in found and first.setdefault(original, name) != name:
            again[name] = first[original]
    return again


_MEANT_ROW: Final = pa.schema(
    [*(READ_ROW.field(one) for one in (*PaymentBatch.SCHEMA.names, "payment_no", "families"))]
)


def _ties(run: Run, notes: ReadNotes, returns: pa.Table) -> Ties:
    """All that ties families together (see module)."""
    owner, member = lists_of(notes.several, "families")
    first = first_family(notes.several)
    none = np.empty(0, dtype=np.int64)
    columns = {
        name: returns[name].to_numpy()
        for name in ("returned", "original", "returned_family", "original_family")
    }
    ties = Ties(
        one=first[owner],
        two=member["families"].to_numpy(),
        found=none,
        found_family=none,
        **columns,
    )
    return ties.with_late(*_late(run.value("late")))


def _tie_more(run: Run, strays: pa.Table, number: int) -> None:
    """Tie what strayed to where it strayed, and cut the buckets again."""
    ties: Ties = run.value(f"ties-{number}")
    columns = [pc.list_flatten(strays[name]) for name in ("strays", "stray_families", "stray_own")]
    rows = pa.table(columns, names=["payment_no", "family", "own"])
    rows = rows.sort_by([("payment_no", "ascending"), ("family", "ascending")])
    more = ties.with_late(*_late(rows))
    run.put(more, f"ties-{number + 1}")
    _cut(run, run.value("customers"), more, number + 1)


def _late(
    rows: pa.Table,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Payments, families they reach after all, and their own first one (-1 none)."""
    payment, family, own = (rows[name].to_numpy() for name in ("payment_no", "family", "own"))
    return payment, family, own


def _cut(run: Run, known: KnownCustomers, ties: Ties, number: int) -> Buckets:
    payments, homeless = run.value("payments_of_families")
    cuts = run.job.cuts
    buckets = Buckets.of(
        known.items, payments, homeless, ties, cuts.bucket_items, cuts.bucket_payments
    )
    run.put(buckets, f"buckets-{number}")
    return buckets


def _count_ages(run: Run, found: pa.Table) -> dict[str, int]:
    """Keep at which age items are paid, and what amounts say, of all buckets together."""
    facts: RunFacts = run.value("facts_laid_out")
    paid, odds = (_added_up(found[name]) for name in ("paid", "odds"))
    paid = paid + run.value("ages_before")
    notes: ReadNotes = run.value("read_notes")
    day = max(notes.day, facts.day) if notes.undated else notes.day
    whole = msgspec.structs.replace(facts.whole, paid=PaidAges(paid, day), odds=odds)
    run.put(msgspec.structs.replace(facts, whole=whole), "facts")
    return {
        "buckets": len(found),
        "payments": pc.sum(found["payments"]).as_py() or 0,
        "items": pc.sum(found["items"]).as_py() or 0,
        "items_max": pc.max(found["items"]).as_py() or 0,
        "paid": int(paid.sum()),
    }


def _added_up(counts: pa.ChunkedArray) -> NDArray[np.int64]:
    """Counts of all buckets, place by place."""
    total: NDArray[np.int64] = np.sum(np.array(counts.to_pylist(), dtype=np.int64), axis=0)
    return total
