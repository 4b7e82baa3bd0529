"""Customers as the ERP knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.batches import CustomerBatch
from store.errors import SnapshotMismatchError
from store.keyed_rows import KeyedChanges, KeyedRows, KeyedTable
from store.open_items import SnapshotCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from store.database import Database
    from store.keyed_rows import Key, StoredRows

__all__ = ["CustomerChanges", "Customers"]

_TABLE: Final = KeyedTable(name="customer", batch_class=CustomerBatch)


class Customers(KeyedRows[CustomerBatch]):
    """What may be asked about customers."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        super().__init__(database, _TABLE)

    def list_customers(
        self,
        company_id: str,
        after: Key | None,
        limit: int,
        *,
        companies: Collection[str] | None = None,
        changed_after: int = 0,
    ) -> tuple[StoredRows[CustomerBatch], Key | None]:
        """At most `limit` customers after the key `after`, of one company or (empty) of all.

        Of `companies` (None: all), changed after the booking `changed_after`.
        """
        conditions = {"company_id = ?": company_id} if company_id else {}
        return self.page(conditions | self.within(companies, changed_after), after, limit)


class CustomerChanges(Customers, KeyedChanges[CustomerBatch]):
    """What a booking may do with customers."""

    def __init__(self, database: Database, booking_number: Callable[[], int]) -> None:
        """Change customers in the booking whose number `booking_number` gives."""
        KeyedChanges.__init__(self, database, _TABLE, booking_number)

    def replace(self, batch: CustomerBatch, declared: dict[str, int]) -> SnapshotCounts:
        """Make `batch` all customers of the companies of `declared`, which counts them.

        Raises `SnapshotMismatchError` where `batch` has other counts.
        """
        companies = batch.strings("company_id")
        for company in sorted(declared.keys() | set(companies)):
            count = companies.count(company)
            if declared.get(company) != count:
                message = (
                    f"company {company!r}: declared {declared.get(company, 0)} customers, "
                    f"received {count}; nothing was changed"
                )
                raise SnapshotMismatchError(message, company_id=company)
        changes = self.upsert(batch)
        return SnapshotCounts(*changes, self._remove_others(batch, sorted(declared)))
