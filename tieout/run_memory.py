"""What earlier runs did, so that tomorrow's run does not apply yesterday's cash again.

Two facts are kept in one file of a directory: the payments that were seen, and what is left of each
open item after the runs applied to it. A payment seen before is left out. An open item whose export
still shows more open than our runs left is taken at what they left; as soon as an export shows that
amount or less, the ledger has caught up, is believed again, and the fact is forgotten.
"""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import Batch, OpenItemBatch, PaymentBatch, RemittanceBatch
from engine.money import format_minor
from parsers.table_identity import in_key_order, table_hash
from tieout.exit_codes import MemoryBusyError
from tieout.file_exceptions import file_exception
from tieout.memory_files import finish_memory_files, read_memory_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.matcher import MatchInput, MatchResult

__all__ = [
    "MemoryBatch",
    "RunMemory",
    "SeenPayments",
    "left_facts",
    "locked_memory",
    "seen_facts",
]

_FILE: Final = "memory.parquet"
_PAYMENT: Final = "payment"
_ITEM: Final = "open_item"


class MemoryBatch(Batch):
    """One row per fact: `amount_minor` is a payment's amount, or what is left of an item."""

    SCHEMA = pa.schema(
        [
            pa.field("kind", pa.string(), nullable=False),
            pa.field("company_id", pa.string(), nullable=False),
            pa.field("identity", pa.string(), nullable=False),
            pa.field("currency", pa.string(), nullable=False),
            pa.field("amount_minor", pa.int64(), nullable=False),
            pa.field("value_date", pa.date32(), nullable=True),
        ]
    )
    KEY = ("kind", "company_id", "identity")
    __slots__ = ()


class SeenPayments(msgspec.Struct, frozen=True, kw_only=True):
    """Payments without those of earlier runs; `exceptions` are seen ones with other content."""

    payments: PaymentBatch
    remittances: RemittanceBatch
    seen_count: int
    exceptions: list[dict[str, Any]]


class RunMemory:
    """The facts of earlier runs; frozen: `after` gives the memory of the next run."""

    def __init__(self, facts: MemoryBatch) -> None:
        """Hold the `facts`; use `read`."""
        self.facts = facts

    @classmethod
    def read(cls, folder: Path) -> RunMemory:
        """The memory in `folder`, empty where there is none; raises `MemoryFileError`."""
        return cls(read_memory_file(folder / _FILE, MemoryBatch, "earlier runs"))

    @property
    def files(self) -> dict[str, Batch]:
        """What is kept of it, by the name of the file."""
        return {_FILE: self.facts}

    @property
    def content_hash(self) -> str:
        """Hash of the facts: part of what a run depends on."""
        return table_hash(self.facts)

    def __len__(self) -> int:
        """Number of facts."""
        return len(self.facts)

    def without_seen(self, payments: PaymentBatch, remittances: RemittanceBatch) -> SeenPayments:
        """`payments` and their `remittances` that no earlier run has seen."""
        facts = self._of_kind(_PAYMENT)
        found = pc.index_in(payments.text("payment_id"), facts.column("identity"))
        new = found.is_null()
        seen = PaymentBatch.of(payments.record_batch.filter(pc.invert(new)))
        kept = PaymentBatch.of(payments.record_batch.filter(new))
        lines = pc.is_in(remittances.text("payment_id"), kept.text("payment_id"))
        return SeenPayments(
            payments=kept,
            remittances=RemittanceBatch.of(remittances.record_batch.filter(lines)),
            seen_count=len(seen),
            exceptions=_changed(seen, facts.take(found.drop_null())),
        )

    def reduce(self, open_items: OpenItemBatch) -> OpenItemBatch:
        """`open_items` at what earlier runs left, where their export does not show it yet."""
        found, left = self._left(open_items)
        still_open = open_items.int64("open_minor")
        behind = found & (np.abs(still_open) > np.abs(left))
        if not behind.any():
            return open_items
        minor = np.where(behind, left, still_open)
        closed = pa.array(behind & (left == 0))
        status = pc.if_else(closed, "paid", open_items.text("status"))
        columns = {
            name: open_items.record_batch.column(name) for name in OpenItemBatch.SCHEMA.names
        }
        return OpenItemBatch.from_columns(columns | {"open_minor": minor, "status": status})

    def after(
        self, exported: OpenItemBatch, match_input: MatchInput, result: MatchResult
    ) -> RunMemory:
        """The memory after a run: `exported` are its open items before they were reduced.

        Payments held for a fault of their file are not remembered: the bank will send them again.
        """
        items = match_input.open_items
        left = items.int64("open_minor") - _consumed(items, result)
        rows = np.flatnonzero(np.abs(exported.int64("open_minor")) > np.abs(left))
        touched = items.take(rows)
        company, item = touched.text("company_id"), touched.text("open_item_id")
        consumed = left_facts(company, item, touched.text("currency"), pa.array(left[rows]))
        return self.with_run(seen_facts(match_input.payments), consumed, self.about(items))

    def with_run(self, seen: MemoryBatch, left: MemoryBatch, about: pa.BooleanArray) -> RunMemory:
        """With the facts of a run, in place of those `about` its items."""
        kept = MemoryBatch.of(self.facts.record_batch.filter(pc.invert(about)))
        return RunMemory(in_key_order(MemoryBatch.concat([kept, seen, left])))

    def _of_kind(self, kind: str) -> pa.RecordBatch:
        facts = self.facts.record_batch
        return facts.filter(pc.equal(facts.column("kind"), kind))

    def _left(self, open_items: OpenItemBatch) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Per item whether earlier runs applied to it, and what they left."""
        facts = self._of_kind(_ITEM)
        known = pc.binary_join_element_wise(
            facts.column("company_id"), facts.column("identity"), "\x1f"
        )
        rows = pc.index_in(open_items.key_strings(), known)
        left = pc.fill_null(facts.column("amount_minor").take(rows), 0)
        found: NDArray[np.bool_] = rows.is_valid().to_numpy(zero_copy_only=False)
        return found, left.to_numpy(zero_copy_only=False)

    def about(self, open_items: OpenItemBatch) -> pa.BooleanArray:
        """Facts about items that are in `open_items`: this run says anew what is left of them."""
        facts = self.facts.record_batch
        keys = pc.binary_join_element_wise(
            facts.column("company_id"), facts.column("identity"), "\x1f"
        )
        item = pc.equal(facts.column("kind"), _ITEM)
        return pc.and_(item, pc.is_in(keys, open_items.key_strings()))


def seen_facts(payments: PaymentBatch) -> MemoryBatch:
    """Which of `payments` were seen: all but those held for a fault of their file."""
    unheld = payments.record_batch.filter(pc.equal(payments.text("intake_codes"), ""))
    return MemoryBatch.from_columns(
        {
            "kind": pa.repeat(_PAYMENT, len(unheld)),
            "company_id": pa.repeat("", len(unheld)),
            "identity": unheld["payment_id"],
            "currency": unheld["currency"],
            "amount_minor": unheld["amount_minor"],
            "value_date": unheld["value_date"],
        }
    )


def left_facts(
    company: pa.StringArray, item: pa.StringArray, currency: pa.StringArray, left: pa.Int64Array
) -> MemoryBatch:
    """What is `left` of items."""
    return MemoryBatch.from_columns(
        {
            "kind": pa.repeat(_ITEM, len(item)),
            "company_id": company,
            "identity": item,
            "currency": currency,
            "amount_minor": left,
            "value_date": pa.nulls(len(item), pa.date32()),
        }
    )


@contextlib.contextmanager
def locked_memory(folder: Path) -> Iterator[None]:
    """Hold `folder` (made where absent) for one run, and finish what a run that died has decided;
    raises `MemoryBusyError` where one runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{folder} is in use by another run; try again when it has finished"
            raise MemoryBusyError(message) from None
        finish_memory_files(folder)
        yield


def _consumed(items: OpenItemBatch, result: MatchResult) -> NDArray[np.int64]:
    """Minor units each item lost to automatic applications, less what returns re-opened."""
    rows = result.applications.record_batch
    auto = rows.filter(pc.equal(rows.column("decision"), "auto"))
    names = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
    amounts = sum(auto.column(name).to_numpy() for name in names)
    consumed = np.zeros(len(items), dtype=np.int64)
    np.add.at(consumed, _rows_of(items, auto, result), amounts)
    reopened = result.reversals.record_batch
    known = pc.is_in(reopened.column("open_item_id"), items.text("open_item_id"))
    reopened = reopened.filter(known)
    where = _rows_of(items, reopened, result)
    np.subtract.at(consumed, where, reopened.column("amount_minor").to_numpy())
    return consumed


def _rows_of(items: OpenItemBatch, rows: pa.RecordBatch, result: MatchResult) -> NDArray[np.int64]:
    """Row of `items` each of `rows` speaks of: by its payment's company, else by its id alone."""
    outcomes = result.outcomes
    owner = pc.index_in(rows.column("payment_id"), outcomes.text("payment_id"))
    company = outcomes.text("company_id").take(owner)
    keys = pc.binary_join_element_wise(company, rows.column("open_item_id"), "\x1f")
    exact = pc.index_in(keys, items.key_strings())
    by_id = pc.index_in(rows.column("open_item_id"), items.text("open_item_id"))
    found: NDArray[np.int32] = pc.coalesce(exact, by_id).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)


def _changed(seen: PaymentBatch, facts: pa.RecordBatch) -> list[dict[str, Any]]:
    """Exceptions for payments whose id was seen with another amount, currency or value date."""
    differs = pa.array(np.zeros(len(seen), dtype=bool))
    for name in ("amount_minor", "currency", "value_date"):
        same = pc.equal(seen.record_batch.column(name), facts.column(name))
        differs = pc.or_(differs, pc.invert(pc.fill_null(same, True)))  # noqa: FBT003  # Arrow's own signature
    now = seen.record_batch.filter(differs).to_pylist()
    before = facts.filter(differs).to_pylist()
    return [_changed_payment(new, old) for new, old in zip(now, before, strict=True)]


def _changed_payment(new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    def told(row: dict[str, Any]) -> str:
        amount = format_minor(row["amount_minor"], row["currency"])
        return f"{amount} {row['currency']} of {row['value_date']}"

    return file_exception(
        "IN-DUPPAY",
        new["payment_id"],
        new["source_file"],
        amount_minor=new["amount_minor"],
        currency=new["currency"],
        message=(
            f"Payment {new['payment_id']} is {told(new)} in {new['source_file']}; an earlier run "
            f"saw it as {told(old)}. It was left out."
        ),
        missing_fact="whether this is a correction or another payment under the same id",
        suggested_action="Give the payment an id of its own, or correct the earlier one by hand.",
    )
