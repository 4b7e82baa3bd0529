"""Open items as the ERP and our decisions leave them.

The ERP says an item's open amount again and again, before and after it has posted what we decided.
What is open to us is its amount less what we decided and it has not posted yet: the movement of
its amount since we first touched the item counts as posted, as far as it goes in the direction of
our decisions. So yesterday's export, read again, opens nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa

from engine.batches import OpenItemBatch
from store.errors import SnapshotMismatchError, StoreIntegrityError
from store.keyed_rows import KeyedChanges, KeyedRows, KeyedTable
from store.posting_sql import movement_posted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from store.database import Database
    from store.keyed_rows import Key, StoredRows

__all__ = [
    "ItemFilter",
    "ItemTotal",
    "OpenItemChanges",
    "OpenItems",
    "SnapshotCounts",
    "item_totals",
]

_POSTED: Final = movement_posted(
    "(excluded.erp_minor - open_item.baseline_minor)", "open_item.consumed_minor"
)

_TABLE: Final = KeyedTable(
    name="open_item",
    batch_class=OpenItemBatch,
    written={"open_minor": "erp_minor"},
    read={
        "open_minor": "CASE WHEN is_deleted THEN 0 ELSE open_minor END",
        "status": "CASE WHEN is_deleted OR open_minor = 0 AND decided_minor <> 0 THEN 'paid' "
        "ELSE status END",
    },
    derived={
        "open_minor": (
            "erp_minor",
            f"excluded.erp_minor - open_item.consumed_minor - ({_POSTED})",
        ),
        "baseline_minor": ("erp_minor", "open_item.baseline_minor"),
    },
    # What we settled stays in memory when the ERP drops it: a second payment of it is recognised.
    kept="(NOT is_deleted OR decided_minor <> 0)",
)

_CHANGED_AFTER: Final = (
    "(company_id, open_item_id) IN ("
    "SELECT company_id, open_item_id FROM open_item WHERE change_number > ? "
    "UNION ALL SELECT l.company_id, l.open_item_id FROM posting_set s "
    "JOIN posting_line l ON l.set_number = s.set_number WHERE s.booking_number > ?)"
)


class ItemTotal(msgspec.Struct, frozen=True, order=True):
    """How many items of a company and currency there are, and the sum of their open amounts."""

    company_id: str
    currency: str
    item_count: int
    open_minor: int


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items; the empty string means all."""

    company_id: str = ""
    customer_id: str = ""
    currency: str = ""
    document_number: str = ""
    status: str = ""
    is_open: bool = False


class SnapshotCounts(msgspec.Struct, frozen=True):
    """What a snapshot did."""

    inserted: int
    updated: int
    unchanged: int
    removed: int


def item_totals(batch: OpenItemBatch) -> tuple[ItemTotal, ...]:
    """Counts and sums of `batch`, in order of company and currency."""
    rows = pa.Table.from_batches([batch.record_batch])
    sums = rows.group_by(["company_id", "currency"]).aggregate(
        [("open_minor", "count"), ("open_minor", "sum")]
    )
    columns = (sums[name].to_pylist() for name in _SUMMED)
    return tuple(sorted(ItemTotal(*row) for row in zip(*columns, strict=True)))


_SUMMED: Final = ("company_id", "currency", "open_minor_count", "open_minor_sum")


class OpenItems(KeyedRows[OpenItemBatch]):
    """What may be asked about open items.

    An item the ERP no longer sends is gone, unless we settled some of it: then it is kept as
    `paid` with nothing open.
    """

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        super().__init__(database, _TABLE)

    def totals(self) -> tuple[ItemTotal, ...]:
        """Counts and sums of what is open to us, in order of company and currency."""
        return self._totals("open_minor")

    def open_totals(self) -> tuple[ItemTotal, ...]:
        """As `totals`, of items that have an open amount alone: what a copy must agree with."""
        return self._totals("open_minor", "AND open_minor <> 0")

    def list_items(
        self,
        item_filter: ItemFilter,
        after: Key | None,
        limit: int,
        *,
        companies: Collection[str] | None = None,
        changed_after: int = 0,
    ) -> tuple[StoredRows[OpenItemBatch], Key | None]:
        """At most `limit` items after the key `after`; the key to continue after, if any.

        Of `companies` (None: all), changed after the booking `changed_after`.
        """
        given = msgspec.structs.asdict(item_filter)
        is_open = given.pop("is_open")
        conditions = {
            f"{_TABLE.read.get(name, name)} = ?": value for name, value in given.items() if value
        }
        if item_filter.customer_id and self._database.dialect == "sqlite":
            # Its planner would read all items of the company: measured, 200 times the work.
            conditions["likelihood(customer_id = ?, 0.0001)"] = conditions.pop("customer_id = ?")
        if is_open:
            conditions["open_minor <> ? AND NOT is_deleted"] = 0
        return self.page(conditions | self.within(companies, changed_after), after, limit)

    def _changed_after(self, number: int) -> tuple[str, tuple[int, ...]]:
        """Items that the ERP or a posting changed after booking `number`."""
        return _CHANGED_AFTER, (number, number)

    def _totals(self, amount: str, which: str = "") -> tuple[ItemTotal, ...]:
        rows = self._database.rows(
            f"SELECT company_id, currency, count(*), sum({amount}) FROM open_item "  # noqa: S608 - names of ours
            f"WHERE NOT is_deleted {which} "
            "GROUP BY company_id, currency ORDER BY company_id, currency"
        )
        return tuple(ItemTotal(*row) for row in rows)


class OpenItemChanges(OpenItems, KeyedChanges[OpenItemBatch]):
    """What a booking may do with open items on behalf of the ERP."""

    def __init__(self, database: Database, booking_number: Callable[[], int]) -> None:
        """Change items in the booking whose number `booking_number` gives."""
        KeyedChanges.__init__(self, database, _TABLE, booking_number)

    def changed_customers(self) -> set[Key]:
        """Companies and customers of the items that this booking brought or changed."""
        found = self._database.rows(
            "SELECT DISTINCT company_id, customer_id FROM open_item "
            "WHERE change_number = ? AND NOT is_deleted",
            self._booking_number(),
        )
        return {(company_id, customer_id) for company_id, customer_id in found}

    def replace(self, batch: OpenItemBatch, declared: Sequence[ItemTotal]) -> SnapshotCounts:
        """Make `batch` all that is open in the companies of `declared`; others go.

        Raises `SnapshotMismatchError` where `batch` is not what `declared` says, company by company
        and currency by currency; a company without items is declared with a count of 0.
        """
        companies = sorted({total.company_id for total in declared})
        _compare(declared, item_totals(batch))
        changes = self.upsert(batch)
        removed = self._remove_others(batch, companies)
        kept = [one for one in self._totals("erp_minor") if one.company_id in companies]
        if kept != sorted(total for total in declared if total.item_count):
            message = f"the store holds {kept} after a snapshot of {sorted(declared)}"
            raise StoreIntegrityError(message)
        return SnapshotCounts(*changes, removed)


def _compare(declared: Iterable[ItemTotal], found: Iterable[ItemTotal]) -> None:
    def by_key(totals: Iterable[ItemTotal]) -> dict[Key, tuple[int, int]]:
        return {(one.company_id, one.currency): (one.item_count, one.open_minor) for one in totals}

    said, there = by_key(declared), by_key(found)
    for key in sorted(said.keys() | there.keys()):
        company, currency = key
        expected, actual = said.get(key, (0, 0)), there.get(key, (0, 0))
        if expected != actual:
            message = (
                f"company {company!r}, {currency}: declared {expected[0]} items of {expected[1]} "
                f"minor units, received {actual[0]} of {actual[1]}; nothing was changed"
            )
            raise SnapshotMismatchError(message, company_id=company, currency=currency)
