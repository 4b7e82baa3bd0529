"""Customers as the ERP knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from engine.batches import CustomerBatch
from store.errors import SnapshotMismatchError
from store.keyed_rows import KeyedChanges, KeyedRows, KeyedTable
from store.open_items import SnapshotCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from store.customer_names import CustomerNames
    from store.database import Database
    from store.keyed_rows import Key, RowChanges, StoredRows
    from store.personal_data import PersonalData

__all__ = ["CustomerChanges", "Customers"]

_TABLE: Final = KeyedTable(name="customer", batch_class=CustomerBatch)

_MATCHING: Final = """
WITH asked AS (SELECT CAST(? AS TEXT) AS plain, CAST(? AS TEXT) AS account)
SELECT company_id, customer_id FROM (
    SELECT c.company_id, c.customer_id, c.name,
        CASE WHEN lower(c.customer_id) = asked.plain THEN 0
            WHEN lower(c.name) LIKE asked.plain || '%' THEN 2 ELSE 3 END AS place
    FROM customer c, asked
    WHERE NOT c.is_deleted AND (lower(c.customer_id) LIKE asked.plain || '%'
        OR lower(c.name) LIKE '%' || asked.plain || '%'
        OR lower(c.aliases) LIKE '%' || asked.plain || '%'
        OR length(asked.account) > 5 AND c.bank_accounts LIKE '%' || asked.account || '%')
    UNION ALL
    SELECT company_id, customer_id, '', 1 FROM open_item
    WHERE lower(document_number) = ? OR lower(open_item_id) = ? OR lower(purchase_order) = ?
) AS found
WHERE ? = '' OR company_id = ?
GROUP BY company_id, customer_id
ORDER BY min(place), max(name), customer_id LIMIT ?
"""
_OWING: Final = """
SELECT company_id, customer_id FROM open_item
WHERE lower(document_number) = ? OR lower(open_item_id) = ? OR lower(purchase_order) = ?
"""
_LOOKED_AT_MAX: Final = 2_000
"""Sealed customers that a search opens to put in order: some 20 ms."""


class Customers(KeyedRows[CustomerBatch]):
    """What may be asked about customers."""

    def __init__(self, database: Database, personal: PersonalData, names: CustomerNames) -> None:
        """Ask `database`; `personal` opens what is sealed there, `names` finds it."""
        super().__init__(database, _TABLE)
        self._personal = personal
        self._names = names

    def _opened(self, batch: CustomerBatch) -> CustomerBatch:
        return self._personal.opened(batch)

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

    def matching(
        self, text: str, company_id: str, companies: Collection[str] | None, limit: int
    ) -> CustomerBatch:
        """Customers whose id, name, aliases or accounts have `text`, or who owe a document of it.

        Exact ids come first, then documents, then names that begin so, then the rest.
        """
        plain = text.strip().lower()
        account = "".join(plain.split()).upper()
        if self._personal.is_sealing:
            return self._matching_sealed(plain, account, company_id, companies, limit)
        found = self._database.rows(
            _MATCHING, plain, account, plain, plain, plain, company_id, company_id, limit * 4
        )
        keys = [(company, customer) for company, customer in found]
        return self._in_order(_within(keys, company_id, companies)[:limit])

    def _matching_sealed(
        self,
        plain: str,
        account: str,
        company_id: str,
        companies: Collection[str] | None,
        limit: int,
    ) -> CustomerBatch:
        """As `matching`, where only we can read what customers are called."""
        self._names.refresh(self._database)
        owing = self._database.rows(_OWING, plain, plain, plain)
        documents = {(company, customer) for company, customer in owing}
        keys = _within([*documents, *self._names.alike(plain, account)], company_id, companies)
        found = self.find(keys[:_LOOKED_AT_MAX]).rows
        ids = zip(found.strings("company_id"), found.strings("customer_id"), strict=True)
        placed = [
            (_place(plain, key, name, documents), name, key[1], key)
            for key, name in zip(ids, found.strings("name"), strict=True)
        ]
        best = [key for _, _, _, key in sorted(placed)]
        return self._in_order(best[:limit])

    def _in_order(self, keys: list[Key]) -> CustomerBatch:
        """The customers of `keys`, in their order."""
        rows = self.find(keys).rows
        places = {key: at for at, key in enumerate(keys)}
        own = zip(rows.strings("company_id"), rows.strings("customer_id"), strict=True)
        order = sorted(range(len(rows)), key=[places[key] for key in own].__getitem__)
        return CustomerBatch.of_distinct(rows.record_batch.take(pa.array(order, pa.int64())))

    def names(
        self, company_id: str, companies: Collection[str] | None, limit: int
    ) -> list[tuple[Key, str]]:
        """Keys and names of at most `limit` customers, for a look at those written much alike."""
        if self._personal.is_sealing:
            self._names.refresh(self._database)
            named = dict(self._names.names())
            return [(key, named[key]) for key in _within(named, company_id, companies)[:limit]]
        rows = self._database.rows(
            "SELECT company_id, customer_id, name FROM customer "
            "WHERE NOT is_deleted AND (? = '' OR company_id = ?) LIMIT ?",
            company_id,
            company_id,
            limit,
        )
        return [
            ((company, customer), name)
            for company, customer, name in rows
            if companies is None or company in companies
        ]


class CustomerChanges(Customers, KeyedChanges[CustomerBatch]):
    """What a booking may do with customers."""

    def __init__(
        self,
        database: Database,
        personal: PersonalData,
        names: CustomerNames,
        booking_number: Callable[[], int],
    ) -> None:
        """Change customers in the booking whose number `booking_number` gives."""
        KeyedChanges.__init__(self, database, _TABLE, booking_number)
        self._personal = personal
        self._names = names

    def upsert(
        self,
        batch: CustomerBatch,
        expected_versions: Sequence[int] | None = None,
        *,
        now_ms: int = 0,
    ) -> RowChanges:
        """As for all keyed rows; names and accounts are sealed by keys of `now_ms`."""
        sealed = self._personal.sealed_customers(batch, now_ms)
        return super().upsert(sealed, expected_versions)

    def seal_all(self, now_ms: int) -> int:
        """Seal the customers that were kept before there was a key, and give how many."""
        return self.upsert(self.read().changed.rows, now_ms=now_ms).updated

    def replace(
        self, batch: CustomerBatch, declared: dict[str, int], *, now_ms: int = 0
    ) -> SnapshotCounts:
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
        changes = self.upsert(batch, now_ms=now_ms)
        return SnapshotCounts(*changes, self._remove_others(batch, sorted(declared)))


def _within(keys: Iterable[Key], company_id: str, companies: Collection[str] | None) -> list[Key]:
    """Each of `keys` once, where it is of the company (empty: any) and of `companies`."""
    return [
        key
        for key in dict.fromkeys(keys)
        if company_id in ("", key[0]) and (companies is None or key[0] in companies)
    ]


def _place(plain: str, key: Key, name: str, documents: Collection[Key]) -> int:
    """How well a customer fits what was asked, the least the best."""
    if key[1].lower() == plain:
        return 0
    if key in documents:
        return 1
    return 2 if name.lower().startswith(plain) else 3
