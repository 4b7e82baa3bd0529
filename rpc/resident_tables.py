"""The tables a server matches bank files against, read once, shared by its workers as files.

What earlier files took from open items is deducted before the next file is matched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import BankAccountBatch, Batch, CustomerBatch, OpenItemBatch
from parsers.tables import read_bank_accounts, read_customers, read_open_items
from store.bank_file_records import ConsumedItemBatch

if TYPE_CHECKING:
    from pathlib import Path

    from engine.batches import ApplicationBatch, PaymentOutcomeBatch, ReversalBatch
    from rpc.jobs import LoadTablesJob

__all__ = ["ResidentTables", "consumed_by", "deduct_consumed", "load_tables", "open_tables"]

_B = TypeVar("_B", bound=Batch)

_KEY: Final = ["company_id", "open_item_id"]


class ResidentTables(msgspec.Struct, frozen=True, kw_only=True):
    """The server's own tables, as its operator gave them."""

    open_items: OpenItemBatch
    customers: CustomerBatch
    bank_accounts: BankAccountBatch


def load_tables(job: LoadTablesJob, folder: Path) -> dict[str, int]:
    """Read the tables of `job` into `folder` and give their row counts; raises `TableError`."""
    counts = {}
    for name, path, read, kind in (
        ("open_items", job.open_items, read_open_items, OpenItemBatch),
        ("customers", job.customers, read_customers, CustomerBatch),
        ("bank_accounts", job.bank_accounts, read_bank_accounts, BankAccountBatch),
    ):
        batch: Batch = read(path) if path else kind.empty()
        counts[name] = len(batch)
        with (
            pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, batch.SCHEMA) as writer,
        ):
            writer.write_batch(batch.record_batch)
    return counts


def open_tables(folder: Path) -> ResidentTables:
    """The tables that `load_tables` left in `folder`, mapped into memory, not copied."""
    return ResidentTables(
        open_items=_mapped(folder / "open_items.arrow", OpenItemBatch),
        customers=_mapped(folder / "customers.arrow", CustomerBatch),
        bank_accounts=_mapped(folder / "bank_accounts.arrow", BankAccountBatch),
    )


def _mapped(path: Path, kind: type[_B]) -> _B:
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return kind.of(reader.get_batch(0))


def deduct_consumed(open_items: OpenItemBatch, consumed: ConsumedItemBatch) -> OpenItemBatch:
    """`open_items` less what earlier files took and the ERP has not posted yet.

    The ERP's part is the movement of the open amount since the item was first touched, as far as
    it goes in the direction we expect. Items that come to 0 are kept as `paid`: a second payment
    of them is recognised.
    """
    if not len(consumed) or not len(open_items):
        return open_items
    items = open_items.record_batch
    at = pc.index_in(consumed.key_strings(), value_set=open_items.key_strings())
    found = at.is_valid().to_numpy(zero_copy_only=False)
    rows = pc.drop_null(at).to_numpy().astype(np.int64)
    open_minor = open_items.int64("open_minor").copy()
    expected = -consumed.int64("consumed_minor")[found]
    moved = open_minor[rows] - consumed.int64("baseline_minor")[found]
    posted = np.clip(moved, np.minimum(expected, 0), np.maximum(expected, 0))
    open_minor[rows] += expected - posted
    paid = np.zeros(len(open_items), dtype=np.bool_)
    paid[rows] = (open_minor[rows] == 0) & (expected != 0)
    status = pc.if_else(pa.array(paid), "paid", open_items.text("status"))
    items = items.set_column(
        items.schema.get_field_index("open_minor"),
        items.schema.field("open_minor"),
        pa.array(open_minor),
    )
    items = items.set_column(
        items.schema.get_field_index("status"), items.schema.field("status"), status
    )
    return OpenItemBatch.of(items)


def consumed_by(
    open_items: OpenItemBatch,
    outcomes: PaymentOutcomeBatch,
    applications: ApplicationBatch,
    reversals: ReversalBatch,
) -> ConsumedItemBatch:
    """What decided `applications` took from items and `reversals` gave back, sorted by key.

    `open_items` are the server's own, before any deduction: they give the baselines.
    """
    decided = pc.equal(applications.text("decision"), "auto")
    auto = pa.table(applications.record_batch).filter(decided)
    taken = auto["applied_minor"]
    for name in ("discount_minor", "deduction_minor", "write_off_minor"):
        taken = pc.add(taken, auto[name])
    moves = pa.concat_tables(
        [
            _moves(auto["payment_id"], auto["open_item_id"], taken),
            _moves(
                reversals.text("payment_id"),
                reversals.text("open_item_id"),
                pc.negate(reversals.record_batch.column("amount_minor")),
            ),
        ]
    )
    companies = pa.table(outcomes.record_batch.select(["payment_id", "company_id"]))
    sums = (
        moves.join(companies, "payment_id", join_type="inner")
        .group_by(_KEY)
        .aggregate([("consumed_minor", "sum")])
        .sort_by([(name, "ascending") for name in _KEY])
    )
    keys = pc.binary_join_element_wise(*(sums[name] for name in _KEY), "\x1f")
    at = pc.index_in(keys, value_set=open_items.key_strings())
    baseline = pc.fill_null(open_items.record_batch.column("open_minor").take(_flat(at)), 0)
    return ConsumedItemBatch.from_columns(
        {
            **{name: sums[name] for name in _KEY},
            "baseline_minor": baseline,
            "consumed_minor": sums["consumed_minor_sum"],
        }
    )


def _moves(payment_id: Any, open_item_id: Any, consumed_minor: Any) -> pa.Table:
    columns = {
        "payment_id": payment_id,
        "open_item_id": open_item_id,
        "consumed_minor": consumed_minor,
    }
    return pa.table(columns)


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
