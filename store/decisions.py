"""Decisions about money: applications posted, taken back, cash moved; who decided, and when.

A set is posted as a whole or not at all. Items and payments are taken from conditionally, by what
the store holds at that moment: a caller who saw an older state gets `PostingRejectedError` with the
items and payments that are in the way, and nothing has happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from store.decision_records import (
    BUCKETS,
    CashMove,
    KeptPostingBatch,
    PaymentBalance,
    PostedSet,
    PostingBatch,
    PostingFilter,
    PostingRefusal,
)
from store.errors import PostingRejectedError, StoreIntegrityError
from store.posting_refusals import item_refusals, payment_refusals
from store.posting_sql import COVERED, MOVE_CASH, TAKE_FROM_ITEM
from store.row_tables import batch_of
from store.written_postings import WrittenPostings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.batches import PaymentBatch, PaymentOutcomeBatch
    from store.database import Database
    from store.decision_records import Bucket, Decision

__all__ = ["DecisionChanges", "Decisions"]

_NUMBERS_PER_QUERY: Final = 5_000
_IDS_PER_QUERY: Final = 500

_KEPT: Final = """
SELECT p.posting_number, p.booking_number, p.kind, p.payment_id, p.company_id, p.open_item_id,
    p.customer_id, p.currency, p.bucket, p.applied_minor, p.discount_minor, p.deduction_minor,
    p.write_off_minor, p.deduction_reason, p.write_off_reason, p.taken_minor,
    coalesce(p.reverses, 0), p.subject, p.decided_by, p.is_human, r.posting_number IS NOT NULL,
    p.decided_at_ms, p.reason, p.cash_minor, p.cash_currency
FROM posting p LEFT JOIN posting_line r ON r.reverses = p.posting_number
"""
_UNPOSTED: Final = """
SELECT b.payment_id, b.applied_minor
FROM payment_outcome o JOIN payment_balance b ON b.payment_id = o.payment_id
LEFT JOIN posting_line p ON p.payment_id = b.payment_id
WHERE o.file_id = ?
GROUP BY b.payment_id, b.applied_minor
HAVING b.applied_minor <> coalesce(sum(coalesce(p.cash_minor, p.applied_minor)), 0)
LIMIT 1
"""
_OWN: Final = ("company_id", "currency")
_DEFAULTS: Final = {
    **dict.fromkeys(("customer_id", "deduction_reason", "write_off_reason", "cash_currency"), ""),
    **dict.fromkeys(("discount_minor", "deduction_minor", "write_off_minor"), 0),
    **dict.fromkeys(("reverses", "cash_minor")),
}
"""Columns of a posting, with the default that most postings have: nothing."""
_OPEN_TO_ALL: Final = (
    f"{TAKE_FROM_ITEM} AND {COVERED} AND NOT open_item.is_deleted "
    "AND open_item.status = {expected_status} "
    "AND ({item_version} = 0 OR open_item.version = {item_version})"
)


class Decisions:
    """What may be asked about decisions."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def list_postings(
        self, posting_filter: PostingFilter, after_number: int, limit: int
    ) -> KeptPostingBatch:
        """At most `limit` postings after number `after_number` (0: from the start), in order."""
        conditions, values = ["p.posting_number > ?"], [cast("Any", after_number)]
        for name in PostingFilter.__struct_fields__:
            value = getattr(posting_filter, name)
            if value:
                conditions.append(f"p.{name} = ?")
                values.append(value)
        where = f"WHERE {' AND '.join(conditions)} ORDER BY p.posting_number LIMIT {limit}"
        return self._kept(where, *values)

    def find_postings(self, numbers: Sequence[int]) -> KeptPostingBatch:
        """The postings with these numbers that there are, in order."""
        wanted = sorted(set(numbers))
        parts = [
            self._kept(f"WHERE p.posting_number IN ({', '.join(map(str, part))})")
            for part in _parts(wanted, _NUMBERS_PER_QUERY)
        ]
        found = KeptPostingBatch.concat(parts)
        return found.take(pc.sort_indices(found.record_batch["posting_number"]).to_numpy())

    def find_balances(self, payment_ids: Sequence[str]) -> dict[str, PaymentBalance]:
        """Where the money of payments is now, by payment; unknown ones are left out."""
        names = PaymentBalance.__struct_fields__
        found = {}
        for part in _parts(sorted(set(payment_ids)), _IDS_PER_QUERY):
            marks = ", ".join("?" * len(part))
            for row in self._database.rows(
                f"SELECT {', '.join(names)} FROM payment_balance "  # noqa: S608 - names of ours
                f"WHERE payment_id IN ({marks})",
                *part,
            ):
                found[row[0]] = PaymentBalance(**dict(zip(names, row, strict=True)))
        return found

    def pinned_payments(self, payment_ids: Sequence[str]) -> set[str]:
        """Those of `payment_ids` that a person has decided: no run of the matcher may."""
        return {
            one for one, balance in self.find_balances(payment_ids).items() if balance.pinned_by
        }

    def _kept(self, where: str, *values: Any) -> KeptPostingBatch:
        rows = self._database.read_table(f"{_KEPT} {where}", KeptPostingBatch.SCHEMA, *values)
        return cast("KeptPostingBatch", batch_of(KeptPostingBatch, rows))


class DecisionChanges(Decisions):
    """What a booking may decide."""

    def __init__(self, database: Database, booking_number: Callable[[], int]) -> None:
        """Decide in the booking whose number `booking_number` gives."""
        super().__init__(database)
        self._booking_number = booking_number
        self.written = WrittenPostings()

    def open_balances(self, payments: PaymentBatch, outcomes: PaymentOutcomeBatch) -> None:
        """Keep where the money of new `payments` is; `outcomes` stand in the same order."""
        given = outcomes.record_batch
        names = ["payment_id", "company_id", "currency", *(f"{one}_minor" for one in BUCKETS)]
        rows = pa.table({name: given[name] for name in names})
        rows = rows.append_column("amount_minor", payments.record_batch["amount_minor"])
        self._database.insert_table("payment_balance", self._numbered(rows, "change_number"))

    def post(self, postings: PostingBatch, decision: Decision) -> PostedSet:
        """Post a set of applications: rows kept, items and payments taken from, as one.

        Raises `PostingRejectedError`, with every item and payment that is in the way.
        """
        rows = _with_taken(postings)
        self._take_from_items(rows, _OPEN_TO_ALL)
        self._move_applied(rows, decision, back=False)
        return self._insert(rows, decision, "application")

    def post_file(
        self, file_id: str, postings: PostingBatch, returned: PostingBatch, decision: Decision
    ) -> PostedSet | None:
        """Post what a file's own match decided, whose payments were kept with it.

        `returned` are the items that returned payments of the file re-open, their amounts negative.
        Raises `PostingRejectedError`, or `StoreIntegrityError` where a payment's postings are not
        what its balance says is applied.
        """
        posted = None
        if len(postings):
            rows = _with_taken(postings)
            self._take_from_items(rows, _OPEN_TO_ALL)
            posted = self._insert(rows, decision, "application")
        if len(returned):
            rows = _with_taken(returned)
            self._take_from_items(rows, TAKE_FROM_ITEM)
            nothing = pa.repeat(pa.scalar(0, pa.int64()), len(returned))
            rows = rows.set_column(
                rows.column_names.index("applied_minor"), "applied_minor", nothing
            )
            posted = self._insert(rows, decision, "return")
        wrong = self._database.rows(_UNPOSTED, file_id)
        if wrong:
            message = f"payment {wrong[0][0]}: {wrong[0][1]} applied are not what was posted"
            raise StoreIntegrityError(message, file_id=file_id, payment_id=wrong[0][0])
        return posted

    def reverse(self, numbers: Sequence[int], decision: Decision) -> PostedSet:
        """Take postings back: a compensating row each; items open again by what was taken exactly.

        The cash goes back to the bucket it came from (`unapplied` where it arrived decided). Raises
        `PostingRejectedError`.
        """
        found = self.find_postings(numbers)
        refusals = _not_reversible(found, numbers, self._returned(found.strings("payment_id")))
        if refusals:
            raise PostingRejectedError(tuple(refusals))
        rows = _compensating(found)
        self._take_from_items(rows, TAKE_FROM_ITEM)
        self._move_applied(rows, decision, back=True)
        return self._insert(rows, decision, "reversal")

    def move_cash(self, moves: Sequence[CashMove], decision: Decision) -> None:
        """Move cash of payments between buckets but `applied`; raises `PostingRejectedError`."""
        columns = {
            name: [getattr(move, name) for move in moves] for name in CashMove.__struct_fields__
        }
        rows = self._numbered(pa.table(columns), "booking_number")
        self._database.insert_table("cash_move", _decided(rows, decision))
        for move in moves:
            if "applied" in (move.from_bucket, move.to_bucket):
                message = f"payment {move.payment_id}: cash is applied by postings, not by moves"
                raise StoreIntegrityError(message, payment_id=move.payment_id)
            one = pa.table({"payment_id": [move.payment_id], "cash_minor": [move.amount_minor]})
            self._move(one, move.from_bucket, move.to_bucket, decision)

    def release(self, payment_ids: Sequence[str], decision: Decision) -> None:
        """Let runs of the matcher decide these payments again."""
        del decision
        number = self._booking_number()
        sql = (
            "UPDATE payment_balance SET pinned_by = '', version = version + 1, change_number = ? "
            "WHERE payment_id = ? AND pinned_by <> ''"
        )
        self._database.execute_many(sql, [(number, one) for one in payment_ids])

    def _returned(self, payment_ids: Sequence[str]) -> set[tuple[str, str]]:
        """Payments of these that the bank took back, and the items that this re-opened."""
        found: set[tuple[str, str]] = set()
        for part in _parts(sorted(set(payment_ids)), _IDS_PER_QUERY):
            marks = ", ".join("?" * len(part))
            rows = self._database.rows(
                "SELECT original_payment_id, open_item_id FROM reversal "  # noqa: S608 - marks
                f"WHERE original_payment_id IN ({marks})",
                *part,
            )
            found.update((row[0], row[1]) for row in rows)
        return found

    def _take_from_items(self, rows: pa.Table, statement: str) -> None:
        """Take from items conditionally, in the order of their keys: pages are touched once."""
        keys = ["company_id", "open_item_id", "currency", "expected_status", "item_version"]
        sums = rows.group_by(keys, use_threads=False).aggregate([("taken_minor", "sum")])
        sums = sums.rename_columns([*keys, "taken_minor"])
        sums = sums.sort_by([("company_id", "ascending"), ("open_item_id", "ascending")])
        distinct = (
            sums.group_by(["company_id", "open_item_id"], use_threads=False).aggregate([]).num_rows
        )
        if distinct < sums.num_rows or not self._database.change_all(sums, statement):
            raise PostingRejectedError(item_refusals(self._database, sums))

    def _move_applied(self, rows: pa.Table, decision: Decision, *, back: bool) -> None:
        """Move the cash of `rows` from their buckets to `applied`, or `back`."""
        rows = _in_cash(rows)
        keys = ["payment_id", "company_id", "currency", "bucket"]
        sums = rows.group_by(keys, use_threads=False).aggregate([("applied_minor", "sum")])
        sums = sums.rename_columns([*keys, "cash_minor"]).sort_by("payment_id")
        for bucket in cast("list[Bucket]", sorted(set(sums["bucket"].to_pylist()))):
            part = sums.filter(pc.equal(sums["bucket"], bucket)).drop_columns(["bucket"])
            if not back:
                self._move(part, bucket, "applied", decision)
                continue
            # What was taken back is negative; a credit memo taken back needs cash again.
            returned = pc.less_equal(part["cash_minor"], 0)
            self._move(_negated(part.filter(returned)), "applied", bucket, decision)
            self._move(part.filter(pc.invert(returned)), bucket, "applied", decision)

    def _move(self, rows: pa.Table, source: Bucket, target: Bucket, decision: Decision) -> None:
        pinned = decision.decided_by if decision.is_human else ""
        rows = rows.append_column("pinned_by", pa.repeat(pa.scalar(pinned), rows.num_rows))
        rows = self._numbered(rows, "booking_number")
        own = (
            f" AND payment_balance.{one} = {{{one}}}" for one in _OWN if one in rows.schema.names
        )
        sql = MOVE_CASH.format(from_bucket=f"{source}_minor", to_bucket=f"{target}_minor")
        if not self._database.change_all(rows, sql + "".join(own)):
            balances = self.find_balances(rows["payment_id"].to_pylist())
            raise PostingRejectedError(payment_refusals(balances, rows, source))

    def _insert(self, rows: pa.Table, decision: Decision, kind: str) -> PostedSet:
        kept = [
            name for name in rows.column_names if name not in ("item_version", "expected_status")
        ]
        rows = rows.select(kept)
        number, said = self._insert_set(decision)
        for name, value in (("set_number", number), ("kind", kind)):
            rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
        if "reverses" not in kept:
            rows = rows.append_column("reverses", pa.nulls(rows.num_rows, pa.int64()))
        self._database.insert_table("posting_line", self._told(rows))
        ((last,),) = self._database.rows("SELECT max(posting_number) FROM posting_line")
        first = last - rows.num_rows + 1
        self.written.remember(rows, first, said)
        return PostedSet(self._booking_number(), first, last)

    def _told(self, rows: pa.Table) -> pa.Table:
        """The columns of `rows` that must be told. In SQLite, where a column cannot be given a
        default later on, what is the same in all rows stands in the statement.
        """
        if self._database.dialect == "sqlite":
            return rows
        return rows.drop_columns(
            [name for name in _DEFAULTS if _is_only(rows[name], _DEFAULTS[name])]
        )

    def _insert_set(self, decision: Decision) -> tuple[int, dict[str, Any]]:
        """What is said once of all postings of a set: its number, and what the store has of it."""
        values = {"booking_number": self._booking_number()} | msgspec.structs.asdict(decision)
        names = ", ".join(values)
        ((number, *kept),) = self._database.rows(
            f"INSERT INTO posting_set ({names}) VALUES ({', '.join('?' * len(values))}) "  # noqa: S608 - names of ours
            f"RETURNING set_number, {names}",
            *values.values(),
        )
        return int(number), dict(zip(values, kept, strict=True))

    def _numbered(self, rows: pa.Table, name: str) -> pa.Table:
        number = pa.scalar(self._booking_number(), pa.int64())
        return rows.append_column(name, pa.repeat(number, rows.num_rows))


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _is_only(column: pa.ChunkedArray, value: str | int | None) -> bool:
    """Whether every row has `value`."""
    if value is None or column.null_count:
        return value is None and column.null_count == len(column)
    return pc.all(pc.equal(column, pa.scalar(value, column.type))).as_py() is not False


def _negated(rows: pa.Table) -> pa.Table:
    at = rows.column_names.index("cash_minor")
    return rows.set_column(at, "cash_minor", pc.negate(rows["cash_minor"]))


def _in_cash(rows: pa.Table) -> pa.Table:
    """`rows` with cash and currency of their payments in place of their items'."""
    own = {
        "applied_minor": pc.coalesce(rows["cash_minor"], rows["applied_minor"]),
        "currency": pc.if_else(
            pc.equal(rows["cash_currency"], ""), rows["currency"], rows["cash_currency"]
        ),
    }
    for name, column in own.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def _with_taken(postings: PostingBatch) -> pa.Table:
    rows = pa.Table.from_batches([postings.record_batch])
    taken = rows["applied_minor"]
    for name in ("discount_minor", "deduction_minor", "write_off_minor"):
        taken = pc.add_checked(taken, rows[name])
    status = pc.if_else(pc.equal(rows["expected_status"], ""), "open", rows["expected_status"])
    at = rows.column_names.index("expected_status")
    return rows.set_column(at, "expected_status", status).append_column("taken_minor", taken)


def _compensating(found: KeptPostingBatch) -> pa.Table:
    """Rows that take `found` back: the same words, the opposite amounts."""
    given = pa.Table.from_batches([found.record_batch])
    bucket = pc.if_else(pc.equal(given["bucket"], ""), "unapplied", given["bucket"])
    columns = {
        name: given[name] for name in PostingBatch.SCHEMA.names if name in given.schema.names
    }
    amounts = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
    columns |= {name: pc.negate(given[name]) for name in (*amounts, "taken_minor", "cash_minor")}
    many = len(found)
    return pa.table(
        columns
        | {
            "bucket": bucket,
            "reverses": given["posting_number"],
            "expected_status": pa.repeat(pa.scalar(""), many),
            "item_version": pa.repeat(pa.scalar(0, pa.int64()), many),
        }
    )


def _not_reversible(
    found: KeptPostingBatch, numbers: Sequence[int], returned: set[tuple[str, str]]
) -> list[PostingRefusal]:
    there = set(found.int64("posting_number").tolist())
    refusals = [
        PostingRefusal(reason="posting_not_found", posting_number=number)
        for number in sorted(set(numbers) - there)
    ]
    names = ("posting_number", "kind", "is_reversed", "payment_id", "open_item_id")
    columns = (found.record_batch[name].to_pylist() for name in names)
    for number, kind, is_reversed, *settled in zip(*columns, strict=True):
        if kind != "application":
            refusals.append(PostingRefusal(reason="posting_is_reversal", posting_number=number))
        elif is_reversed:
            refusals.append(PostingRefusal(reason="posting_reversed", posting_number=number))
        elif tuple(settled) in returned:
            # The return of its payment has re-opened the item already.
            refusals.append(PostingRefusal(reason="posting_returned", posting_number=number))
    return refusals


def _decided(rows: pa.Table, decision: Decision) -> pa.Table:
    for name in ("subject", "decided_by", "is_human", "decided_at_ms", "reason"):
        value = pa.scalar(getattr(decision, name))
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows
