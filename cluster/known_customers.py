"""All customers of a run, indexed once and mapped by every process: who is looked for among them.

The customer master is a hundredth of the open items; it is the one table every machine sees whole.
A customer is known by its number, the place of its key among all; a family by the number of its
topmost parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch
from engine.customer_directory import CustomerDirectory
from engine.identify import CustomerNumbers
from engine.payer_names import KnownNames
from engine.segments import expand_ranges, order_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KnownCustomers"]

_FAMILY_BITS = 31


class KnownCustomers(msgspec.Struct, frozen=True, kw_only=True):
    """Customers of the master and those that only items name (as rows without a name).

    rows: columns of a `CustomerBatch`, by number; member, bounds: customers by family, and where
    each family begins; items: open items by family; payer_family, paid_family: who may pay for whom
    by the master, sorted by the latter.
    """

    rows: pa.RecordBatch
    directory: CustomerDirectory
    numbers: CustomerNumbers
    names: KnownNames
    member: NDArray[np.int64]
    bounds: NDArray[np.int64]
    items: NDArray[np.int64]
    payer_family: NDArray[np.int64]
    paid_family: NDArray[np.int64]

    @classmethod
    def of(cls, master: CustomerBatch, owners: pa.Table) -> KnownCustomers:
        """Customers of `master` and of items; `owners` are company, customer and number of items of
        each customer that has some.
        """
        extra = OpenItemBatch.from_distinct(
            {name: owners.column(name) for name in ("company_id", "customer_id")}
        )
        directory = CustomerDirectory.of(master, extra)
        number = directory.number_of(extra.text("company_id"), extra.text("customer_id"))
        items = np.zeros(len(directory), dtype=np.int64)
        np.add.at(items, directory.family[number], owners.column("items").to_numpy())
        pairs = directory.relations.pairs
        payer, paid = pairs >> _FAMILY_BITS, pairs & ((1 << _FAMILY_BITS) - 1)
        by_paid = np.argsort(paid, kind="stable")
        size = np.bincount(directory.family, minlength=len(directory))
        return cls(
            rows=_rows(master, directory),
            directory=directory,
            numbers=CustomerNumbers.of(directory.customer_ids),
            names=KnownNames.of(directory, everywhere=True),
            member=order_of(directory.family),
            bounds=np.concatenate([[0], np.cumsum(size)]),
            items=items,
            payer_family=payer[by_paid],
            paid_family=paid[by_paid],
        )

    def family_of(self, items: OpenItemBatch) -> NDArray[np.int64]:
        """The family of each item's customer."""
        return self.directory.family[self.customer_of(items)]

    def customer_of(self, items: OpenItemBatch) -> NDArray[np.int64]:
        """The number of each item's customer."""
        return self.directory.number_of(items.text("company_id"), items.text("customer_id"))

    def batch_of_families(self, families: NDArray[np.int64]) -> CustomerBatch:
        """All customers of `families`, and of those that may pay for them by the master."""
        wanted = np.zeros(len(self.directory), dtype=np.bool_)
        wanted[families] = True
        wanted[self.payer_family[wanted[self.paid_family]]] = True
        family = np.flatnonzero(wanted)
        _, place = expand_ranges(self.bounds[family], self.bounds[family + 1])
        number = np.sort(self.member[place])
        return CustomerBatch.of_distinct(self.rows.take(pa.array(number)))

    def families_named(self, keys: pa.StringArray) -> NDArray[np.int64]:
        """Families of the customers with the given keys; empty keys are left out."""
        named = keys.filter(pc.not_equal(keys, ""))
        return self.directory.family[self.directory.numbers.look_up(named)]


def _rows(master: CustomerBatch, directory: CustomerDirectory) -> pa.RecordBatch:
    """A row per customer, by number: the master's, or one without a name."""
    row = pc.index_in(directory.keys, value_set=master.key_strings())
    taken = {
        name: pc.fill_null(master.text(name).take(row), "") for name in CustomerBatch.SCHEMA.names
    }
    companies = pa.array(directory.companies, pa.string())
    taken["company_id"] = companies.take(pa.array(directory.company))
    taken["customer_id"] = directory.customer_ids
    return pa.RecordBatch.from_pydict(taken, schema=CustomerBatch.SCHEMA)
