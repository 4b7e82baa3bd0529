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
from engine.owner_table import HashedOwners, OwnerTable
from engine.payer_accounts import account_keys
from engine.row_texts import FEW_ROWS, as_column, joined
from engine.segments import expand_ranges, first_of_runs, mix64
from engine.text_hashes import same_texts, text_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.batches import CustomerBatch, OpenItemBatch

__all__ = ["ANY_COMPANY", "CustomerDirectory", "Relations", "company_key"]

ANY_COMPANY = "*"
"""Scope of evidence where a payment's company is not known."""

_FAMILY_DOUBLINGS = 6
"""Chains of parents are followed 2^6 steps up."""


class Relations(msgspec.Struct, frozen=True):
    """Families that may pay for others: sorted distinct keys of pairs (`of_pairs`)."""

    pairs: NDArray[np.int64]

    @classmethod
    def of_pairs(cls, payer: NDArray[np.int64], family: NDArray[np.int64]) -> Relations:
        """`payer` families may pay for `family`, pair by pair."""
        pairs = np.sort(_pair_keys(payer, family))
        return cls(pairs[first_of_runs(pairs)] if len(pairs) else pairs)

    def with_more(self, other: Relations) -> Relations:
        """These and the other's."""
        pairs = np.sort(np.concatenate([self.pairs, other.pairs]))
        return Relations(pairs[first_of_runs(pairs)] if len(pairs) else pairs)

    def allow(self, payer: NDArray[np.int64], family: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The families are one, or the first may pay for the second (-1 is no family)."""
        same: NDArray[np.bool_] = payer == family
        if not len(self.pairs):
            return same
        key = _pair_keys(payer, family)
        at = np.minimum(self.pairs.searchsorted(key), len(self.pairs) - 1)
        declared: NDArray[np.bool_] = (self.pairs[at] == key) & (payer >= 0) & (family >= 0)
        return same | declared


def _pair_keys(payer: NDArray[np.int64], family: NDArray[np.int64]) -> NDArray[np.int64]:
    """One key per pair of families, both below 2^31."""
    return payer * (1 << 31) + family


class CustomerDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """All customers (array index = customer number) and the keys that identify them.

    company: code into `companies`; family: number of the topmost parent; names: one row per name
    or alias, `name_owner` its customer, `name_order` the names by customer; accounts,
    account_numbers, bare_accounts: whole accounts, their numbers without a bank, and those the
    master has without one; relations: who the master says may pay for whom.
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
    name_order: NDArray[np.int64]
    accounts: OwnerTable
    account_numbers: OwnerTable
    bare_accounts: OwnerTable
    numbers: OwnerTable
    relations: Relations

    @classmethod
    def of(
        cls,
        customers: CustomerBatch,
        open_items: OpenItemBatch,
        companies: Sequence[str] | None = None,
    ) -> CustomerDirectory:
        """Number the customers of both batches and index their names, accounts and numbers.

        `companies` are those there are, sorted, where these customers are some of theirs.
        """
        listed = company_key(customers.text("company_id"), customers.text("customer_id"))
        everyone = pa.concat_arrays([listed, _owners(open_items)[1]]).unique()
        keys = everyone.take(pc.array_sort_indices(everyone))
        row = (
            pc.index_in(keys, value_set=listed) if len(listed) else pa.nulls(len(keys), pa.int32())
        )
        parts = pc.split_pattern(keys, "\x1f")
        company_ids = pc.list_element(parts, 0) if len(keys) else pa.array([], pa.string())
        companies = sorted(company_ids.unique().to_pylist()) if companies is None else companies

        def column(name: str) -> pa.StringArray:
            return pc.fill_null(customers.text(name).take(row), "")

        found = pc.index_in(company_ids, value_set=pa.array(companies, pa.string()))
        company = found.to_numpy(zero_copy_only=False).astype(np.int64)
        name_text, name_owner, own_count = _names(column("name"), column("aliases"))
        names = normalise_names(name_text)
        family = _families(keys, company_ids, column("parent_customer_id"))
        kept, relations = _third_parties(names, name_owner, own_count, company, family)
        accounts, account_owner = _exploded(column("bank_accounts"))
        account = account_keys(accounts)
        bare = account.bare.nonzero()[0]
        return cls(
            companies=[*companies],
            keys=keys,
            customer_ids=pc.list_element(parts, 1) if len(keys) else pa.array([], pa.string()),
            company=company,
            family=family,
            status=column("status"),
            policy=column("policy"),
            display_name=column("name"),
            has_account=np.isin(np.arange(len(keys)), account_owner),
            names=names.take(kept),
            name_owner=name_owner[kept],
            name_order=np.argsort(name_owner[kept], kind="stable"),
            accounts=_scoped_table(company_ids, account.whole, account_owner),
            account_numbers=_scoped_table(company_ids, account.number, account_owner),
            bare_accounts=_scoped_table(
                company_ids, account.number.take(pa.array(bare)), account_owner[bare]
            ),
            relations=relations,
            numbers=OwnerTable.of(keys, np.arange(len(keys), dtype=np.int64)),
        )

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.keys)

    def with_companies(self, stated: pa.StringArray) -> CustomerDirectory:
        """This directory, where companies that payments state are companies too, behind the others:
        one without customers matches nobody else's items.
        """
        more = set(stated.unique().to_pylist()) - {"", *self.companies}
        if not more:
            return self
        return msgspec.structs.replace(self, companies=[*self.companies, *sorted(more)])

    def names_of(self, customer: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every name of every given customer: owner (position given) and name."""
        order = self.name_order
        low, high = (
            self.name_owner.searchsorted(customer, side=side, sorter=order)
            for side in ("left", "right")
        )
        pair, position = expand_ranges(low, high)
        return pair, order[position]

    def number_of(
        self, company_ids: pa.StringArray, customer_ids: pa.StringArray
    ) -> NDArray[np.int64]:
        """Customer number of each (company, customer id), -1 where there is none."""
        return self.numbers.look_up(company_key(company_ids, customer_ids))

    def owner_of(self, open_items: OpenItemBatch) -> NDArray[np.int64]:
        """Customer number of each row, as `number_of`; each owner is looked up once."""
        code, keys = _owners(open_items)
        return self.numbers.look_up(keys)[code]


def company_key(company_ids: pa.StringArray, keys: pa.StringArray) -> pa.StringArray:
    """`keys` made distinct per company."""
    if len(keys) <= FEW_ROWS:
        return as_column(joined(company_ids.to_pylist(), "\x1f", keys.to_pylist()))
    return pc.binary_join_element_wise(company_ids, keys, "\x1f")


def _owners(open_items: OpenItemBatch) -> tuple[NDArray[np.int64], pa.StringArray]:
    """Which customer each row belongs to, and the key (`company_key`) of each of these."""
    company, customer = (
        pc.dictionary_encode(open_items.text(name)) for name in ("company_id", "customer_id")
    )
    pair = company.indices.to_numpy().astype(np.int64) * len(customer.dictionary)
    pairs = pc.dictionary_encode(pa.array(pair + customer.indices.to_numpy()))
    of_company, of_customer = divmod(pairs.dictionary.to_numpy(), max(len(customer.dictionary), 1))
    keys = company_key(
        company.dictionary.take(pa.array(of_company)),
        customer.dictionary.take(pa.array(of_customer)),
    )
    return pairs.indices.to_numpy().astype(np.int64), keys


def _exploded(column: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """Every value of a `;`-separated column, beside the row it stands in."""
    lists = pc.split_pattern(column, ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    some = pc.not_equal(values, "")
    return values.filter(some), owner[some.to_numpy(zero_copy_only=False)]


def _names(
    names: pa.StringArray, aliases: pa.StringArray
) -> tuple[pa.StringArray, NDArray[np.int64], int]:
    """Every name, then every alias, beside its customer; and how many of them are names."""
    alias, alias_owner = _exploded(aliases)
    own = pc.not_equal(names, "").to_numpy(zero_copy_only=False).nonzero()[0]
    text = pa.concat_arrays([names.take(pa.array(own)), alias])
    return text, np.concatenate([own, alias_owner]), len(own)


def _third_parties(
    names: NormalNames,
    owner: NDArray[np.int64],
    own_count: int,
    company: NDArray[np.int64],
    family: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Relations]:
    """Names that are somebody's own, and who may pay for whom.

    An alias that is the registered name of another customer of the company is no name of this one:
    the master says so that the other pays for it.
    """
    every = np.arange(len(owner))
    if own_count == len(owner):
        return every, Relations(np.empty(0, dtype=np.int64))
    hashes = mix64(text_hashes(names.core), company[owner], names.form)
    registered = HashedOwners.of(hashes[:own_count], owner[:own_count])
    alias = every[own_count:]
    entry = registered.find(hashes[alias])
    row = np.where(entry < 0, -1, registered.row[entry]) if len(registered.key) else entry
    known = same_texts(names.core.take(pa.array(alias)), names.core, row)
    payer, customer = family[owner[row]], family[owner[alias]]
    declared = known & (payer != customer)
    kept = np.ones(len(owner), dtype=np.bool_)
    kept[alias[declared]] = False
    return kept.nonzero()[0], Relations.of_pairs(payer[declared], customer[declared])


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
    """Topmost parent of each customer; customers whose parents go round in a circle are one family,
    named by its least member.
    """
    own = np.arange(len(keys), dtype=np.int64)
    if not len(keys):
        return own
    found = pc.index_in(company_key(company_ids, parents), value_set=keys)
    parent = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    above = np.where(parent < 0, own, parent)
    least, top = own, above
    for _ in range(_FAMILY_DOUBLINGS):
        least, top = np.minimum(least, least[top]), top[top]
    # Above the topmost nobody stands; where somebody still does, the chain is a circle.
    return np.where(above[top] == top, top, least[top])
