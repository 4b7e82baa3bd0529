"""Learned facts: what decisions of clerks, and references of payments, taught about payers.

A fact is used only as of the day of the match: learned by then, not revoked by then. Facts that
nobody confirmed for the policy's number of days are *stale*, and what references merely suggest is
no fact before the policy's number of payments said so. A value learned for customers of several
families proves nothing. `not_alias` and `not_account` take a value back, whoever else says it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE, LearnedFactBatch
from engine.customer_directory import ANY_COMPANY, Relations, company_key
from engine.names import normalise_names
from engine.owner_table import OwnerTable
from engine.payer_accounts import account_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.customer_directory import CustomerDirectory
    from engine.policy import PolicyBook

__all__ = ["FACT_KINDS", "LearnedFacts", "fact_keys", "name_keys"]

FACT_KINDS: Final = (
    "alias",
    "payer_account",
    "pays_for",
    "not_alias",
    "not_account",
    "not_items",
)
"""Kinds of facts; see `engine.schemas.LEARNED_FACT`."""


class LearnedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts as tables: who a name or account was learned for, if to one family only.

    stale_aliases, stale_accounts: the same of facts too long unconfirmed; denied: who a value is
    not (`value`, customer id as one key); relations: who may pay for whom; refused: (payment id,
    open item ids) as one key of each refused set.
    """

    aliases: OwnerTable
    accounts: OwnerTable
    stale_aliases: OwnerTable
    stale_accounts: OwnerTable
    denied: pa.StringArray
    relations: Relations
    refused: pa.StringArray

    @classmethod
    def of(
        cls, facts: LearnedFactBatch, directory: CustomerDirectory, policy: PolicyBook, day: int
    ) -> LearnedFacts:
        """The facts that hold on `day` (days since 1970), of customers there are."""
        if not len(facts):
            return cls.none()
        used = _in_force(facts, policy, day)
        fresh = _fresh(facts, policy, day)
        customer = directory.number_of(facts.text("company_id"), facts.text("customer_id"))
        kind = facts.text("kind")
        keys = fact_keys(facts)

        def of_kind(pattern: str, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
            wanted = pc.match_substring_regex(kind, f"^(?:{pattern})$").to_numpy(
                zero_copy_only=False
            )
            return np.flatnonzero(wanted & mask & (customer >= 0))

        def table(name: str, mask: NDArray[np.bool_]) -> OwnerTable:
            rows = of_kind(name, used & mask)
            return _scoped(facts.text("company_id"), keys, rows, customer[rows], directory)

        denying = of_kind("not_alias|not_account", used)
        at = pa.array(denying)
        refused = (pc.equal(kind, "not_items").to_numpy(zero_copy_only=False) & used).nonzero()[0]
        return cls(
            aliases=table("alias", fresh),
            accounts=table("payer_account", fresh),
            stale_aliases=table("alias", ~fresh),
            stale_accounts=table("payer_account", ~fresh),
            denied=_denials(keys.take(at), customer[denying]),
            relations=_payers_of_others(facts, of_kind("pays_for", used), customer, directory),
            refused=pc.binary_join_element_wise(
                facts.text("value"), facts.text("open_item_ids"), "\x1f"
            ).take(pa.array(refused)),
        )

    @classmethod
    @cache
    def none(cls) -> LearnedFacts:
        """Nothing was learned: the same each time."""
        no_text, no_pair = pa.array([], pa.string()), np.empty(0, dtype=np.int64)
        nobody = OwnerTable.of(no_text, no_pair)
        return cls(
            aliases=nobody,
            accounts=nobody,
            stale_aliases=nobody,
            stale_accounts=nobody,
            denied=no_text,
            relations=Relations(no_pair),
            refused=no_text,
        )

    def refused_sets(self) -> dict[str, frozenset[tuple[str, ...]]]:
        """Sets of open item ids (sorted) that a clerk refused, by payment id."""
        sets: dict[str, set[tuple[str, ...]]] = {}
        for text in self.refused.to_pylist():
            payment, _, items = text.partition("\x1f")
            sets.setdefault(payment, set()).add(tuple(sorted(items.split(";"))))
        return {payment: frozenset(found) for payment, found in sets.items()}

    def deny(self, keys: pa.StringArray, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a value (its key) was refused as evidence of the customer found by it."""
        if not len(self.denied):
            return np.zeros(len(found), dtype=np.bool_)
        denied: NDArray[np.bool_] = pc.is_in(_denials(keys, found), value_set=self.denied).to_numpy(
            zero_copy_only=False
        )
        return denied


def fact_keys(facts: LearnedFactBatch) -> pa.StringArray:
    """What values are compared by: accounts by account, everything else as a name."""
    value = facts.text("value")
    of_account = pc.match_substring_regex(facts.text("kind"), "account$")
    return pc.if_else(of_account, account_keys(value).whole, name_keys(value))


def name_keys(names: pa.StringArray) -> pa.StringArray:
    """Folded name and legal form as one key; empty for no name."""
    folded = normalise_names(names)
    form = pa.array(folded.form).cast(pa.string())
    key = pc.binary_join_element_wise(folded.core, form, "\x1e")
    return pc.if_else(pc.equal(folded.core, ""), "", key)


def _in_force(facts: LearnedFactBatch, policy: PolicyBook, day: int) -> NDArray[np.bool_]:
    revoked = facts.days("revoked_on")
    used = (facts.days("learned_on") <= day) & ((revoked == NO_DATE) | (revoked > day))
    suggested = pc.equal(facts.text("source"), "references").to_numpy(zero_copy_only=False)
    enough = facts.int64("confirmations") >= _rules(facts, policy)[1]
    in_force: NDArray[np.bool_] = used & (~suggested | enough)
    return in_force


def _fresh(facts: LearnedFactBatch, policy: PolicyBook, day: int) -> NDArray[np.bool_]:
    said = np.maximum(facts.days("learned_on"), facts.days("confirmed_on"))
    # Confirmed later than the day of the match is not yet known on that day.
    said = np.where(said > day, facts.days("learned_on"), said)
    fresh: NDArray[np.bool_] = day - said <= _rules(facts, policy)[0]
    return fresh


def _rules(
    facts: LearnedFactBatch, policy: PolicyBook
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days a fact stays good, and payments a suggestion needs, by the company of each fact."""
    encoded = facts.text("company_id").dictionary_encode()
    rules = [policy.rules_of(name, "").learning for name in encoded.dictionary.to_pylist()]
    code = encoded.indices.to_numpy(zero_copy_only=False)
    days = np.array([one.confirmed_days for one in rules], dtype=np.int64)
    least = np.array([one.confirmations_min for one in rules], dtype=np.int64)
    return days[code], least[code]


def _scoped(
    companies: pa.StringArray,
    keys: pa.StringArray,
    rows: NDArray[np.int64],
    customer: NDArray[np.int64],
    directory: CustomerDirectory,
) -> OwnerTable:
    """Customers by value within their company and, for unknown companies, across all. Customers of
    one family are no contradiction: the least of them stands for it.
    """
    at = pa.array(rows)
    value, company = keys.take(at), companies.take(at)
    some = pc.not_equal(value, "").to_numpy(zero_copy_only=False)
    both = pa.concat_arrays(
        [
            company_key(company, value),
            company_key(pa.repeat(pa.scalar(ANY_COMPANY), len(rows)), value),
        ]
    )
    table = OwnerTable.of(
        both.filter(pa.array(np.tile(some, 2))), np.tile(customer, 2)[np.tile(some, 2)]
    )
    alike = directory.family[table.least] == directory.family[table.greatest]
    return msgspec.structs.replace(table, owner=np.where(alike, table.least, table.owner))


def _denials(keys: pa.StringArray, customer: NDArray[np.int64]) -> pa.StringArray:
    return pc.binary_join_element_wise(keys, pa.array(customer).cast(pa.string()), "\x1f")


def _payers_of_others(
    facts: LearnedFactBatch,
    rows: NDArray[np.int64],
    customer: NDArray[np.int64],
    directory: CustomerDirectory,
) -> Relations:
    at = pa.array(rows)
    payer = directory.number_of(facts.text("company_id").take(at), facts.text("value").take(at))
    known = payer >= 0
    return Relations.of_pairs(
        directory.family[payer[known]], directory.family[customer[rows][known]]
    )
