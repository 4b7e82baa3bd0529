"""Rules as columns, and which of them each payment and each customer has.

A policy is read once per distinct (company, segment, customer with rules of its own, currency);
payments hold the number of their rule.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import AMOUNT_MINOR_MAX
from engine.policy import minor_units
from engine.precision_ledger import PRECISION_MODES
from engine.segments import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.customer_directory import CustomerDirectory
    from engine.policy import Limit, Policy, PolicyBook

__all__ = ["AssignedRules", "CustomerRules", "PolicyTable", "assign_rules"]

_SURPLUS: Final = ("on_account", "unapplied", "refund")
_NONE: Final = -1


class PolicyTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rules as columns: entry k belongs to the k-th (policy, currency) pair in use.

    Lists (`fees_minor`, `tax_ppm`, `withholding_ppm`) are rows of equal length, filled with -1;
    `surplus` is 0 on account, 1 unapplied, 2 refund.
    """

    under_minor: NDArray[np.int64]
    under_ppm: NDArray[np.int64]
    over_minor: NDArray[np.int64]
    over_ppm: NDArray[np.int64]
    payment_minor: NDArray[np.int64]
    fee_minor: NDArray[np.int64]
    fee_ppm: NDArray[np.int64]
    fees_minor: NDArray[np.int64]
    fee_by_amount: NDArray[np.bool_]
    tax_ppm: NDArray[np.int64]
    book_tax: NDArray[np.bool_]
    withholding_ppm: NDArray[np.int64]
    book_withholding: NDArray[np.bool_]
    step_minor: NDArray[np.int64]
    grace_days: NDArray[np.int64]
    allow_unearned: NDArray[np.bool_]
    book_deduction: NDArray[np.bool_]
    wrong_budget: NDArray[np.float64]
    amount_limit: NDArray[np.int64]
    write_off_limit: NDArray[np.int64]
    discount_limit: NDArray[np.int64]
    hold: NDArray[np.bool_]
    stale_days: NDArray[np.int64]
    apply_unique_amounts: NDArray[np.bool_]
    future_items: NDArray[np.bool_]
    oldest_first: NDArray[np.bool_]
    surplus: NDArray[np.int64]
    shadow: NDArray[np.bool_]
    precision: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Policy, str]]) -> PolicyTable:
        """One entry per (policy, currency) pair."""

        def whole(values: Sequence[int]) -> NDArray[np.int64]:
            return np.array(values, dtype=np.int64)

        def flag(values: Sequence[bool]) -> NDArray[np.bool_]:
            return np.array(values, dtype=np.bool_)

        def amounts(texts: Sequence[str]) -> NDArray[np.int64]:
            currencies = [currency for _, currency in pairs]
            return whole(
                [
                    min(minor_units(text, currency), AMOUNT_MINOR_MAX)
                    for text, currency in zip(texts, currencies, strict=True)
                ]
            )

        def limits(which: Sequence[Limit]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            ppm = whole([limit.parts_per_million for limit in which])
            return amounts([limit.amount for limit in which]), ppm

        under, under_ppm = limits([p.tolerance.under for p, _ in pairs])
        over, over_ppm = limits([p.tolerance.over for p, _ in pairs])
        fee, fee_ppm = limits([p.bank_charges.limit() for p, _ in pairs])
        schedules = [
            [minor_units(text, currency) for text in p.bank_charges.schedule]
            for p, currency in pairs
        ]
        unlimited = str(AMOUNT_MINOR_MAX)
        step = amounts([p.rounding.step for p, _ in pairs])
        has_cap = flag([p.tolerance.payment_amount != "" for p, _ in pairs])
        cap = amounts([p.tolerance.payment_amount or "0" for p, _ in pairs])
        return cls(
            under_minor=under,
            under_ppm=under_ppm,
            over_minor=over,
            over_ppm=over_ppm,
            payment_minor=np.where(has_cap, cap, np.maximum(np.maximum(under, over), step)),
            fee_minor=fee,
            fee_ppm=fee_ppm,
            fees_minor=_padded(schedules),
            fee_by_amount=flag([not p.bank_charges.needs_reference for p, _ in pairs]),
            tax_ppm=_padded([p.tax.parts_per_million for p, _ in pairs]),
            book_tax=flag([p.tax.book for p, _ in pairs]),
            withholding_ppm=_padded([p.withholding.parts_per_million for p, _ in pairs]),
            book_withholding=flag([p.withholding.book for p, _ in pairs]),
            step_minor=step,
            grace_days=whole([p.discount.grace_days for p, _ in pairs]),
            allow_unearned=flag([p.discount.allow_unearned for p, _ in pairs]),
            book_deduction=flag([p.short_pay.book_deduction for p, _ in pairs]),
            wrong_budget=np.array([p.automation.wrong_budget for p, _ in pairs], dtype=np.float64),
            amount_limit=amounts([p.automation.amount_limit or unlimited for p, _ in pairs]),
            write_off_limit=amounts([p.automation.write_off_limit or unlimited for p, _ in pairs]),
            discount_limit=amounts([p.automation.discount_limit or unlimited for p, _ in pairs]),
            hold=flag([p.automation.hold for p, _ in pairs]),
            stale_days=whole([p.automation.stale_days for p, _ in pairs]),
            apply_unique_amounts=flag([p.strategies.unique_amounts == "apply" for p, _ in pairs]),
            future_items=flag([p.strategies.future_items for p, _ in pairs]),
            oldest_first=flag([p.strategies.oldest_first for p, _ in pairs]),
            surplus=whole([_SURPLUS.index(p.overpayment.known_payer) for p, _ in pairs]),
            shadow=flag([p.automation.mode == "shadow" for p, _ in pairs]),
            precision=whole([PRECISION_MODES.index(p.automation.precision) for p, _ in pairs]),
        )


@lru_cache(maxsize=64)
def _table_of(pairs: tuple[tuple[Policy, str], ...]) -> PolicyTable:
    # Matches of few payments ask for the same few rules again and again.
    return PolicyTable.of(pairs)


class CustomerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says of each customer. profiles, names: profiles of policy and customers with
    rules of their own, the last of each for all others; profile, own: entry of each customer; hold,
    shadow: whether it is handled by hand, or only watched.
    """

    profiles: list[str]
    profile: NDArray[np.int64]
    names: list[str]
    own: NDArray[np.int64]
    hold: NDArray[np.bool_]
    shadow: NDArray[np.bool_]

    @classmethod
    def of(cls, book: PolicyBook, directory: CustomerDirectory) -> CustomerRules:
        """Read `book` once per distinct (company, profile, customer with rules of its own)."""
        encoded = directory.policy.dictionary_encode()
        profiles = [*encoded.dictionary.to_pylist(), ""]
        profile = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        names, own = _with_rules_of_their_own(book, directory)
        party = (directory.company * len(profiles) + profile) * len(names) + own
        parties = pa.array(party).dictionary_encode()
        automation = []
        for number in parties.dictionary.to_pylist():
            rest, customer = divmod(number, len(names))
            company, of_profile = divmod(rest, len(profiles))
            rules = book.rules_of(
                directory.companies[company], profiles[of_profile], names[customer]
            )
            automation.append(rules.automation)
        entry = parties.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(
            profiles=profiles,
            profile=profile,
            names=names,
            own=own,
            hold=np.array([one.hold for one in automation], dtype=np.bool_)[entry],
            shadow=np.array([one.mode == "shadow" for one in automation], dtype=np.bool_)[entry],
        )


class AssignedRules(msgspec.Struct, frozen=True, kw_only=True):
    """Who has which rules: `rule` per payment (entry of `table`); per customer, whether it is
    handled by hand (`hold`) or only watched (`shadow`).
    """

    table: PolicyTable
    rule: NDArray[np.int64]
    hold: NDArray[np.bool_]
    shadow: NDArray[np.bool_]


def assign_rules(
    book: PolicyBook,
    directory: CustomerDirectory,
    customers: CustomerRules,
    company: NDArray[np.int64],
    payer: NDArray[np.int64],
    currency: NDArray[np.int64],
    currencies: list[str],
) -> AssignedRules:
    """Rules of each payment by its company, payer (-1 unknown) and currency; and of customers."""
    companies = [*directory.companies, ""]
    profiles, names = customers.profiles, customers.names
    profile = pick(customers.profile, payer, none=len(profiles) - 1)
    own = pick(customers.own, payer, none=len(names) - 1)
    company = np.where(company < 0, len(companies) - 1, company)
    party = (company * len(profiles) + profile) * len(names) + own
    combined = pa.array(party * max(len(currencies), 1) + currency).dictionary_encode()
    pairs = []
    for number in combined.dictionary.to_pylist():
        of_party, money = divmod(number, len(currencies))
        rest, customer = divmod(of_party, len(names))
        of_company, of_profile = divmod(rest, len(profiles))
        rules = book.rules_of(companies[of_company], profiles[of_profile], names[customer])
        pairs.append((rules, currencies[money]))
    return AssignedRules(
        table=_table_of(tuple(pairs)),
        rule=combined.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        hold=customers.hold,
        shadow=customers.shadow,
    )


def _with_rules_of_their_own(
    book: PolicyBook, directory: CustomerDirectory
) -> tuple[list[str], NDArray[np.int64]]:
    """Ids of customers that state rules of their own (`""` last, for all others), and each
    customer's position among them.
    """
    names = sorted({key.rpartition("/")[2] for key in book.customers} | set(book.customers))
    found = pc.index_in(directory.customer_ids, value_set=pa.array(names, pa.string()))
    position = pc.fill_null(found, len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return [*names, ""], position


def _padded(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Rows of equal length, at least one column, filled with -1."""
    width = max([1, *(len(one) for one in lists)])
    table = np.full((len(lists), width), _NONE, dtype=np.int64)
    for row, values in zip(table, lists, strict=True):
        row[: len(values)] = values
    return table
