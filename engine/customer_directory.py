"""Who there is: companies, customers, families, and the tables that lead to them.

Customers are numbered in order of (company, customer id), so that numbers never depend on the order
of input rows. A customer that appears only on open items is numbered too; it just has no name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.names import NormalNames, normalise_names
from engine.owner_table import OwnerTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import CustomerBatch, OpenItemBatch

__all__ = ["ANY_COMPANY", "CustomerDirectory", "company_key", "normalise_accounts"]

ANY_COMPANY = "*"
"""Scope of evidence where a payment's company is not known."""

_FAMILY_DEPTH_MAX = 8


class CustomerDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """All customers (array index = customer number) and the keys that identify them.

    company: code into `companies`; family: number of the topmost parent; names: one row per name
    or alias, `name_owner` its customer.
    """

    companies: list[str]
    keys: pa.StringArray
    customer_ids: pa.StringArray
    company: NDArray[np.int64]
    family: NDArray[np.int64]
    status: pa.StringArray
    policy: pa.StringArray
    display_name: pa.StringArray
    has_account: NDArray[np.bool_]
    names: NormalNames
    name_owner: NDArray[np.int64]
    accounts: OwnerTable
    numbers: OwnerTable

    @classmethod
    def of(
        cls,
        customers: CustomerBatch,
        open_items: OpenItemBatch,
        stated_companies: pa.StringArray | None = None,
    ) -> CustomerDirectory:
        """Number the customers of both batches and index their names, accounts and numbers.

        `stated_companies` are companies payments name: one without customers is a company too, so
        that its payments match nobody else's items.
        """
        listed = _keys(customers)
        everyone = pa.concat_arrays([listed, _keys(open_items)]).unique()
        keys = everyone.take(pc.array_sort_indices(everyone))
        row = (
            pc.index_in(keys, value_set=listed) if len(listed) else pa.nulls(len(keys), pa.int32())
        )
        parts = pc.split_pattern(keys, "\x1f")
        company_ids = pc.list_element(parts, 0) if len(keys) else pa.array([], pa.string())
        everywhere = (
            company_ids
            if stated_companies is None
            else pa.concat_arrays(
                [company_ids, stated_companies.filter(pc.not_equal(stated_companies, ""))]
            )
        )
        companies = sorted(everywhere.unique().to_pylist())

        def column(name: str) -> pa.StringArray:
            return pc.fill_null(customers.text(name).take(row), "")

        found = pc.index_in(company_ids, value_set=pa.array(companies, pa.string()))
        company = found.to_numpy(zero_copy_only=False).astype(np.int64)
        name_text, name_owner = _names(column("name"), column("aliases"))
        accounts = _exploded(column("bank_accounts"))
        account_owner = accounts[1]
        return cls(
            companies=companies,
            keys=keys,
            customer_ids=pc.list_element(parts, 1) if len(keys) else pa.array([], pa.string()),
            company=company,
            family=_families(keys, company_ids, column("parent_customer_id")),
            status=column("status"),
            policy=column("policy"),
            display_name=column("name"),
            has_account=np.isin(np.arange(len(keys)), account_owner),
            names=normalise_names(name_text),
            name_owner=name_owner,
            accounts=_scoped_table(company_ids, normalise_accounts(accounts[0]), account_owner),
            numbers=OwnerTable.of(keys, np.arange(len(keys), dtype=np.int64)),
        )

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.keys)

    def number_of(
        self, company_ids: pa.StringArray, customer_ids: pa.StringArray
    ) -> NDArray[np.int64]:
        """Customer number of each (company, customer id), -1 where there is none."""
        return self.numbers.look_up(company_key(company_ids, customer_ids))


def company_key(company_ids: pa.StringArray, keys: pa.StringArray) -> pa.StringArray:
    """`keys` made distinct per company."""
    return pc.binary_join_element_wise(company_ids, keys, "\x1f")


def normalise_accounts(accounts: pa.StringArray) -> pa.StringArray:
    """Bank accounts without blanks and hyphens, upper case; `routing/account` keeps its slash."""
    packed = pc.replace_substring_regex(pc.utf8_upper(accounts), r"[^A-Z0-9/]+", "")
    return pc.if_else(pc.match_substring_regex(packed, "[A-Z1-9]"), packed, "")


def _keys(batch: CustomerBatch | OpenItemBatch) -> pa.StringArray:
    return company_key(batch.text("company_id"), batch.text("customer_id"))


def _exploded(column: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """Every value of a `;`-separated column, beside the row it stands in."""
    lists = pc.split_pattern(column, ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    some = pc.not_equal(values, "")
    return values.filter(some), owner[some.to_numpy(zero_copy_only=False)]


def _names(
    names: pa.StringArray, aliases: pa.StringArray
) -> tuple[pa.StringArray, NDArray[np.int64]]:
    alias, alias_owner = _exploded(aliases)
    own = np.arange(len(names), dtype=np.int64)
    text = pa.concat_arrays([names, alias])
    owner = np.concatenate([own, alias_owner])
    some = pc.not_equal(text, "")
    return text.filter(some), owner[some.to_numpy(zero_copy_only=False)]


def _scoped_table(
    company_ids: pa.StringArray, values: pa.StringArray, owner: NDArray[np.int64]
) -> OwnerTable:
    """Owners of `values` within their company and, for unknown companies, across all."""
    scope = company_ids.take(pa.array(owner))
    everywhere = pa.repeat(pa.scalar(ANY_COMPANY), len(values))
    some = pc.not_equal(values, "")
    keys = pa.concat_arrays([company_key(scope, values), company_key(everywhere, values)])
    both = pa.concat_arrays([some, some]) if len(some) else some
    mask = both.to_numpy(zero_copy_only=False) if len(both) else np.empty(0, dtype=np.bool_)
    return OwnerTable.of(keys.filter(both) if len(both) else keys, np.tile(owner, 2)[mask])


def _families(
    keys: pa.StringArray, company_ids: pa.StringArray, parents: pa.StringArray
) -> NDArray[np.int64]:
    """Topmost parent of each customer; chains deeper than the bound, and cycles, end there."""
    own = np.arange(len(keys), dtype=np.int64)
    if not len(keys):
        return own
    found = pc.index_in(company_key(company_ids, parents), value_set=keys)
    parent = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    above = np.where(parent < 0, own, parent)
    family = above
    for _ in range(_FAMILY_DEPTH_MAX):
        family = above[family]
    return np.minimum(family, above[family])
