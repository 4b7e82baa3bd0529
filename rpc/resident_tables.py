"""The tables a server matches bank files against, read once, shared by its workers as files.

Open items and customers go into the store first; what is matched against is what the store makes of
them: the ERP's word, less what was decided and the ERP has not posted yet.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import BankAccountBatch, Batch, CustomerBatch, OpenItemBatch
from engine.resident_changes import by_key
from parsers.tables import read_bank_accounts, read_customers, read_open_items
from rpc.jobs import LoadTablesDone
from rpc.resident_folder import hash_of_file
from store.audit_log import LeafMark
from store.decision_records import PostingBatch
from store.open_items import item_totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.batches import (
        ApplicationBatch,
        PaymentOutcomeBatch,
        ReversalBatch,
        SettledBatch,
    )
    from rpc.jobs import LoadTablesJob
    from store.keyed_rows import RowFeed
    from store.open_items import SnapshotCounts
    from store.repository import Booking, Repository

__all__ = [
    "ResidentTables",
    "file_postings",
    "load_tables",
    "open_tables",
    "with_changes",
]

_B = TypeVar("_B", bound=Batch)

_NUMBER: Final = b"booking_number"
_LEAF: Final = b"last_leaf"


class ResidentTables(msgspec.Struct, frozen=True, kw_only=True):
    """The server's own tables; `number`: the open items are as of that booking."""

    open_items: OpenItemBatch
    customers: CustomerBatch
    bank_accounts: BankAccountBatch
    number: int


def load_tables(job: LoadTablesJob, folder: Path, repository: Repository) -> LoadTablesDone:
    """Read the tables of `job` into the store and `folder`.

    A table of open items is all that is open in the companies it names; what the store holds of
    others stays. Where none is given and what an earlier server left is whole, that is taken: what
    changed since follows from the store. Raises `TableError`.
    """
    accounts = (
        read_bank_accounts(job.bank_accounts) if job.bank_accounts else BankAccountBatch.empty()
    )
    if not job.open_items and not job.customers and _are_left(job.hashes, folder, repository):
        _write_table("bank_accounts", accounts, folder)
        return _loaded(folder)
    with repository.booking() as booking:
        if job.open_items:
            items = read_open_items(job.open_items)
            counts = booking.open_items.replace(items, item_totals(items))
            _tell(booking, "open_items", job.open_items, counts, job.loaded_at_ms)
        if job.customers:
            customers = read_customers(job.customers)
            companies = Counter(customers.strings("company_id"))
            counts = booking.customers.replace(customers, dict(companies), now_ms=job.loaded_at_ms)
            _tell(booking, "customers", job.customers, counts, job.loaded_at_ms)
    with repository.reading():
        feed, leaf = repository.open_items.read(), repository.audit.last_leaf()
        tables: dict[str, Batch] = {
            "open_items": by_key(feed.changed.rows),
            "customers": repository.customers.read().changed.rows,
        }
    facts = {_NUMBER: str(feed.number), _LEAF: msgspec.json.encode(leaf)}
    for name, batch in (*tables.items(), ("bank_accounts", accounts)):
        _write_table(name, batch, folder, facts if name in tables else None)
    return _loaded(folder)


def _tell(
    booking: Booking, table: str, path: str, counts: SnapshotCounts, loaded_at_ms: int
) -> None:
    """The audit leaf over a table that changed something."""
    changes = {name: getattr(counts, name) for name in ("inserted", "updated", "removed")}
    if any(changes.values()):
        facts = {f"{name}_count": str(count) for name, count in changes.items()}
        booking.audit.record(
            table,
            f"change {booking.number()}",
            actor="server",
            recorded_at_ms=loaded_at_ms,
            facts=facts | {"mode": "table", "content_sha256": hash_of_file(Path(path))},
        )


def _write_table(
    name: str, batch: Batch, folder: Path, facts: dict[bytes, Any] | None = None
) -> None:
    with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink:
        schema = batch.SCHEMA.with_metadata(facts or {})
        with pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(batch.record_batch.replace_schema_metadata(schema.metadata))


def _are_left(hashes: Mapping[str, str], folder: Path, repository: Repository) -> bool:
    """Whether the tables there are whole, and of this store, not of a later time it was restored
    from.
    """
    paths = {name: folder / f"{name}.arrow" for name in ("open_items", "customers")}
    if any(hash_of_file(path) != hashes.get(name) for name, path in paths.items()):
        return False
    with pa.memory_map(str(paths["open_items"])) as file:
        facts = pa.ipc.open_file(file).schema.metadata
    leaf = msgspec.json.decode(facts[_LEAF], type=LeafMark | None)
    return leaf is None or repository.audit.has_leaf(leaf)


def _loaded(folder: Path) -> LoadTablesDone:
    tables = open_tables(folder)
    names = ("open_items", "customers", "bank_accounts")
    return LoadTablesDone(
        {name: len(getattr(tables, name)) for name in names},
        {name: hash_of_file(folder / f"{name}.arrow") for name in names},
    )


def open_tables(folder: Path) -> ResidentTables:
    """The tables that `load_tables` left in `folder`, mapped into memory, not copied."""
    with pa.memory_map(str(folder / "open_items.arrow")) as file:
        number = int(pa.ipc.open_file(file).schema.metadata[_NUMBER])
    return ResidentTables(
        open_items=_mapped(folder / "open_items.arrow", OpenItemBatch),
        customers=_mapped(folder / "customers.arrow", CustomerBatch),
        bank_accounts=_mapped(folder / "bank_accounts.arrow", BankAccountBatch),
        number=number,
    )


def _mapped(path: Path, kind: type[_B]) -> _B:
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return kind.of(reader.get_batch(0).replace_schema_metadata(None))


def with_changes(rows: _B, feed: RowFeed[_B]) -> _B:
    """`rows` with what changed since they were read, by `feed`."""
    changed = feed.changed.rows
    if not len(changed) and not feed.removed:
        return rows
    gone = pa.array(["\x1f".join(key) for key in feed.removed], pa.string())
    old = pa.concat_arrays([changed.key_strings(), gone])
    is_old = pc.is_in(rows.key_strings(), value_set=old)
    kept = rows.record_batch.filter(pc.invert(is_old))
    return type(rows).of_distinct(pa.concat_batches([kept, changed.record_batch]))


def file_postings(
    open_items: OpenItemBatch,
    outcomes: PaymentOutcomeBatch,
    applications: ApplicationBatch,
    reversals: ReversalBatch,
    earlier: SettledBatch,
) -> tuple[PostingBatch, PostingBatch]:
    """What a file's match decided, to be posted: applications, and what returns re-open.

    `open_items` are those that were matched against: their status is what the store must hold.
    `earlier` is what payments of other files had settled.
    """
    auto = pa.table(applications.record_batch).filter(
        pc.equal(applications.text("decision"), "auto")
    )
    amounts = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
    words = ("payment_id", "open_item_id", "customer_id", "currency")
    reasons = ("deduction_reason", "write_off_reason")
    company = _companies(auto["payment_id"], outcomes)
    keys = pc.binary_join_element_wise(company, auto["open_item_id"], "\x1f")
    at = pc.index_in(keys, value_set=open_items.key_strings())
    applied = PostingBatch.from_columns(
        {name: auto[name] for name in (*words, *amounts, *reasons, "cash_minor", "cash_currency")}
        | {
            "company_id": company,
            "expected_status": pc.fill_null(open_items.text("status").take(_flat(at)), ""),
        }
    )
    returned = PostingBatch.from_columns(
        {
            "payment_id": reversals.text("payment_id"),
            "open_item_id": reversals.text("open_item_id"),
            "currency": reversals.text("currency"),
            "company_id": _reopened_companies(reversals, outcomes, earlier),
            "applied_minor": pc.negate(reversals.record_batch.column("amount_minor")),
        }
    )
    return applied, returned


def _reopened_companies(
    reversals: ReversalBatch, outcomes: PaymentOutcomeBatch, earlier: SettledBatch
) -> Any:
    """The company of each item that is re-opened: that of the payment which had settled it."""
    names = ("original_payment_id", "open_item_id")
    undone = pc.binary_join_element_wise(*map(reversals.text, names), "\x1f")
    settled = pc.binary_join_element_wise(
        earlier.text("payment_id"), earlier.text("open_item_id"), "\x1f"
    )
    before = earlier.text("company_id").take(pc.index_in(undone, value_set=settled))
    return pc.coalesce(before, _companies(reversals.text("original_payment_id"), outcomes))


def _companies(payment_ids: Any, outcomes: PaymentOutcomeBatch) -> Any:
    """The company that each payment settles items of."""
    at = pc.index_in(payment_ids, value_set=outcomes.text("payment_id"))
    return outcomes.text("company_id").take(_flat(at))


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
