"""Payments and items are laid out in buckets, and references decide once to see that it holds.

Which families must be matched together is found on the driver, out of the few payments that reach
more than one. Then every bucket lets its references decide: that counts at which age items are
paid, and shows, by the engine's own reading, whether a payment reaches into another bucket after
all. Where one does, its families are tied together as well, and it is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as sf

from cluster.bucket_match import FIRST_ROUND, first_round
from cluster.buckets import Buckets, Ties
from cluster.errors import StrayPaymentError
from cluster.mapped_values import mapped_value
from cluster.packed_rows import CHUNK, chunked, unpacked
from cluster.questions import AMOUNT, REFERENCE, frequent_of
from cluster.rows import NUMBERED_ITEM, READ_ROW, batch_of
from cluster.spark_rows import collected, each_chunk, each_group, each_piece
from engine.batches import NO_DATE, OpenItemBatch, PaymentBatch
from engine.due_habits import PaidAges
from engine.returns import find_originals

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from cluster.known_customers import KnownCustomers
    from cluster.places import Place
    from cluster.run import Run
    from cluster.run_facts import RunFacts

__all__ = ["decide_references", "in_buckets", "lay_out", "of_bucket"]

PAYMENTS, ITEMS = "payments", "open_items"
_TRIES_MAX: Final = 3
_NAMED_BY: Final = (
    *("bank_reference", "end_to_end_id", "check_number", "trace_number", "uetr"),
    *("customer_reference", "payment_id"),
)
_FIRST_FAMILY: Final = "coalesce(try_element_at(families, 1), -1L)"
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
    read = run.table("payments_told")
    returns = _originals(read)
    ties = _ties(run, read, returns)
    run.put(ties, "ties-0")
    facts: RunFacts = run.value("facts_looked_up")
    rare = collected(run.table("answers_again").where("payment_no < 0"))
    keys = np.concatenate([facts.whole.frequent_keys, frequent_of(rare, REFERENCE)])
    whole = msgspec.structs.replace(
        facts.whole, frequent_keys=np.sort(keys), frequent_amounts=frequent_of(rare, AMOUNT)
    )
    originals = dict(
        zip(returns["returned_id"].to_pylist(), returns["original_id"].to_pylist(), strict=True)
    )
    run.put(msgspec.structs.replace(facts, whole=whole, originals=originals), "facts_laid_out")
    by_family = collected(
        read.groupBy(sf.expr(_FIRST_FAMILY).alias("family")).agg(sf.count("*").alias("payments"))
    )
    family, count = by_family["family"].to_numpy(), by_family["payments"].to_numpy()
    payments = np.zeros(len(known.directory), dtype=np.int64)
    payments[family[family >= 0]] = count[family >= 0]
    run.put((payments, int(count[family < 0].sum())), "payments_of_families")
    buckets = _cut(run, known, ties, 0)
    return {
        "buckets": buckets.count,
        "giants": len(buckets.giants),
        "ties": int((ties.one != ties.two).sum()),
        "returns": len(returns),
    }


def decide_references(run: Run) -> dict[str, int]:
    """Let references decide in every bucket, until none reaches into another one."""
    for number in range(_TRIES_MAX):
        name = f"buckets-{number}"
        chunks = run.write(in_buckets(run, name), "in_buckets")
        decide = _decider(
            run.place_of("customers"), run.place_of("facts_laid_out"), run.place_of(name)
        )
        found = collected(
            run.write(each_group(chunks, "bucket", decide, FIRST_ROUND), "first_round")
        )
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


def _decider(
    known_at: Place, facts_at: Place, buckets_at: Place
) -> Callable[[int, pa.Table], pa.Table]:
    def decide(bucket: int, chunks: pa.Table) -> pa.Table:
        known, facts, buckets = (mapped_value(one) for one in (known_at, facts_at, buckets_at))
        return first_round(bucket, *of_bucket(chunks), known, facts, buckets)

    return decide


def in_buckets(run: Run, name: str) -> DataFrame:
    """Payments and items in chunks (`CHUNK`), by the bucket they are matched in (as the value
    `name` says); an item that payments of other buckets found stands in those as well.
    """
    known_at, buckets_at = run.place_of("customers"), run.place_of(name)

    def place(piece: pa.Table) -> pa.Table:
        first = pc.fill_null(_first_family(piece), -1).to_numpy(zero_copy_only=False)
        return _placed(PAYMENTS, piece, piece.column("payment_no").to_numpy(), first, buckets_at)

    def at_home(piece: pa.Table) -> pa.Table:
        known: KnownCustomers = mapped_value(known_at)
        buckets: Buckets = mapped_value(buckets_at)
        bucket = buckets.of_family[known.family_of(batch_of(OpenItemBatch, piece))]
        return chunked(ITEMS, piece, bucket)

    def as_guest(piece: pa.Table) -> pa.Table:
        number, own = (piece.column(one).to_numpy() for one in ("payment_no", "own"))
        return _placed(ITEMS, piece.select(NUMBERED_ITEM.names), number, own, buckets_at)

    read = run.table("payments_told")
    again = run.table("found_again").select("payment_no", *NUMBERED_ITEM.names)
    guests = again.join(
        read.select("payment_no", sf.expr(_FIRST_FAMILY).alias("own")), "payment_no"
    )
    payments = each_chunk(read.select(*READ_ROW.names), place, CHUNK)
    items = each_chunk(run.table("open_items").select(*NUMBERED_ITEM.names), at_home, CHUNK)
    return payments.unionByName(items).unionByName(each_chunk(guests, as_guest, CHUNK))


def _placed(
    name: str,
    piece: pa.Table,
    number: NDArray[np.int64],
    first: NDArray[np.int64],
    buckets_at: Place,
) -> pa.Table:
    """`piece` in chunks, by the bucket of its payments: their numbers, and the `first` family each
    reaches.
    """
    buckets: Buckets = mapped_value(buckets_at)
    return chunked(name, piece, buckets.of_payments(number, first))


def of_bucket(chunks: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The payments and the items in the `chunks` of one bucket."""
    return unpacked(chunks, PAYMENTS, READ_ROW), unpacked(chunks, ITEMS, NUMBERED_ITEM)


def _first_family(piece: pa.Table) -> pa.Array:
    lists = piece.column("families").combine_chunks()
    some = pc.greater(pc.list_value_length(lists), 0)
    first = pa.nulls(len(lists), pa.int64())
    return pc.replace_with_mask(first, some, pc.list_element(lists.filter(some), 0))


def _originals(read: DataFrame) -> pa.Table:
    """Returns and the payments that came back (`_RETURN`)."""
    returned = read.where("amount_minor < 0 and original_reference != ''")
    named = collected(returned.select("original_reference").distinct())["original_reference"]
    if not len(named):
        return _RETURN.empty_table()
    wanted = named.combine_chunks()

    def meant(piece: pa.Table) -> pa.Table:
        hit = pc.less(piece.column("amount_minor"), 0)
        for name in _NAMED_BY:
            hit = pc.or_(hit, pc.is_in(piece.column(name), value_set=wanted))
        return piece.filter(hit)

    def match(_: int, table: pa.Table) -> pa.Table:
        found = find_originals(batch_of(PaymentBatch, table))
        row = {name: at for at, name in enumerate(table.column("payment_id").to_pylist())}
        first = pc.fill_null(_first_family(table), -1).to_numpy(zero_copy_only=False)
        number = table.column("payment_no").to_numpy()
        one = np.array([row[name] for name in found], dtype=np.int64)
        two = np.array([row[name] for name in found.values()], dtype=np.int64)
        columns = [[*found], [*found.values()], number[one], number[two], first[one], first[two]]
        return pa.table(columns, schema=_RETURN)

    rows = each_piece(read.select(*READ_ROW.names), meant, READ_ROW)
    return collected(each_group(rows.withColumn("all", sf.lit(0)), "all", match, _RETURN))


def _ties(run: Run, read: DataFrame, returns: pa.Table) -> Ties:
    """All that ties families together (see module)."""
    several = collected(read.where("size(families) > 1").select("families"))["families"]
    lists = several.combine_chunks()
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    member = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
    first = pc.list_element(lists, 0).to_numpy(zero_copy_only=False)
    own = read.select("payment_no", sf.expr(_FIRST_FAMILY).alias("own"))
    again = run.table("found_again").where("family >= 0").select("payment_no", "family")
    late = collected(again.join(own, "payment_no").orderBy("payment_no", "family"))
    none = np.empty(0, dtype=np.int64)
    columns = {
        name: returns[name].to_numpy()
        for name in ("returned", "original", "returned_family", "original_family")
    }
    ties = Ties(one=first[owner], two=member, found=none, found_family=none, **columns)
    return ties.with_late(*_late(late))


def _tie_more(run: Run, strays: pa.Table, number: int) -> None:
    """Tie what strayed to where it strayed, and cut the buckets again."""
    ties: Ties = run.value(f"ties-{number}")
    wanted = pa.table(
        {
            "payment_no": pc.list_flatten(strays["strays"]),
            "family": pc.list_flatten(strays["stray_families"]),
        }
    )
    own = run.table("payments_told").select("payment_no", sf.expr(_FIRST_FAMILY).alias("own"))
    rows = run.spark.createDataFrame(wanted).join(own, "payment_no")
    more = ties.with_late(*_late(collected(rows.orderBy("payment_no", "family"))))
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
    """Keep at which age items are paid, of all buckets together."""
    facts: RunFacts = run.value("facts_laid_out")
    lists = found["paid"].to_pylist()
    paid: NDArray[np.int64] = np.sum(np.array(lists, dtype=np.int64), axis=0)
    latest = collected(
        run.table("payments_told").agg(
            sf.max(sf.unix_date(sf.coalesce("value_date", "booking_date"))).alias("day"),
            sf.max(sf.coalesce("value_date", "booking_date").isNull()).alias("undated"),
        )
    )
    said = latest["day"][0].as_py()
    days = [NO_DATE if said is None else said]
    days += [facts.day] if latest["undated"][0].as_py() else []
    day = max(days)
    whole = msgspec.structs.replace(facts.whole, paid=PaidAges(paid, day))
    run.put(msgspec.structs.replace(facts, whole=whole), "facts")
    return {
        "buckets": len(found),
        "payments": pc.sum(found["payments"]).as_py() or 0,
        "items": pc.sum(found["items"]).as_py() or 0,
        "items_max": pc.max(found["items"]).as_py() or 0,
        "paid": int(paid.sum()),
    }
