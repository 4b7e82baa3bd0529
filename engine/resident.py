"""What payments are looked up in: open items, customers, our accounts, policy; indexed once.

A match of many payments builds it and throws it away. Who matches a few payments at a time keeps
it: a match then costs what its payments cost, however many items there are, and its result is the
same to the byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.accident import AmountHabits
from engine.claims import claim_keys
from engine.creditor_references import owners_by_creditor_reference
from engine.customer_directory import CustomerDirectory
from engine.due_habits import DueDays
from engine.gates import youngest_documents
from engine.identify import CustomerNumbers, OurAccounts
from engine.open_item_index import PAID, build_index
from engine.outcomes import Outcomes
from engine.payer_names import KnownNames
from engine.policy_table import CustomerRules
from engine.segments import mix64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import BankAccountBatch, CustomerBatch, OpenItemBatch
    from engine.match_input import MapOrdered
    from engine.open_item_index import OpenItemIndex
    from engine.owner_table import OwnerTable
    from engine.policy import PolicyBook
    from engine.whole import Whole

__all__ = ["Resident", "build_resident", "paid_keys"]


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a match that does not depend on its payments; see the module.

    currencies: those of the items, sorted; creditor: customers by creditor reference; names: of
    all customers, None where the match indexes them itself; rules: policy by customer; idle: per
    customer, inactive or blocked; due: days that what is open is due on; claims: keys of amounts
    customers have claimed before; paid: sorted keys of paid items (customer, currency, amount);
    youngest: day of the youngest document of each company, and of all.
    """

    open_items: OpenItemBatch
    bank_accounts: BankAccountBatch
    our_accounts: OurAccounts
    policy: PolicyBook
    outcomes: Outcomes
    directory: CustomerDirectory
    currencies: list[str]
    index: OpenItemIndex
    creditor: OwnerTable
    numbers: CustomerNumbers
    names: KnownNames | None
    rules: CustomerRules
    idle: NDArray[np.bool_]
    due: DueDays
    claims: NDArray[np.uint64]
    habits: AmountHabits
    paid: NDArray[np.uint64]
    youngest: NDArray[np.int64]


def build_resident(
    open_items: OpenItemBatch,
    customers: CustomerBatch,
    bank_accounts: BankAccountBatch,
    policy: PolicyBook,
    *,
    with_names: bool = True,
    map_ordered: MapOrdered = map,
    whole: Whole | None = None,
    outcomes: Outcomes | None = None,
) -> Resident:
    """Index everything; `with_names` also the names of customers, for payments of any company.
    `whole` tells of all items, where these are some of them.
    """
    directory = CustomerDirectory.of(
        customers, open_items, None if whole is None else whole.companies
    )
    currencies = sorted(open_items.codes("currency")[1]) if whole is None else [*whole.currencies]
    index = build_index(open_items, directory, currencies, map_ordered, whole)
    made: list[Any] = list(
        map_ordered(
            lambda make: make(),
            (
                lambda: owners_by_creditor_reference(index),
                lambda: KnownNames.of(directory, everywhere=True) if with_names else None,
                lambda: AmountHabits.of(
                    index.currency,
                    index.customer,
                    index.original_minor,
                    len(currencies),
                    None if whole is None else whole.amounts,
                ),
                lambda: claim_keys(index),
                lambda: paid_keys(index),
                lambda: DueDays.of(index) if whole is None else whole.due,
            ),
        )
    )
    creditor, names, habits, claims, paid, due = made
    idle = pc.is_in(directory.status, value_set=pa.array(["inactive", "blocked"]))
    return Resident(
        open_items=open_items,
        bank_accounts=bank_accounts,
        our_accounts=OurAccounts.of(bank_accounts),
        policy=policy,
        outcomes=outcomes or Outcomes(),
        directory=directory,
        currencies=currencies,
        index=index,
        creditor=creditor,
        numbers=CustomerNumbers.of(directory.customer_ids),
        names=names,
        rules=CustomerRules.of(policy, directory),
        idle=idle.to_numpy(zero_copy_only=False),
        due=due,
        claims=claims,
        habits=habits,
        paid=paid,
        youngest=youngest_documents(index, len(directory.companies))
        if whole is None
        else whole.youngest,
    )


def paid_keys(index: OpenItemIndex) -> NDArray[np.uint64]:
    """Sorted keys (customer, currency, amount) of items that were paid."""
    paid = (index.status == PAID) & (index.original_minor != 0)
    return np.sort(mix64(index.customer[paid], index.currency[paid], index.original_minor[paid]))
