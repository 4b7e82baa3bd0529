"""Who may pay for whom beyond the family, as policy declares: third parties, sister companies,
payment processors. What is not declared stays another customer's, or another company's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.names import normalise_names
from engine.payer_accounts import account_keys
from engine.payer_names import confirm_by_name
from engine.policy import minor_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch
    from engine.customer_directory import CustomerDirectory
    from engine.identify import Payers
    from engine.open_item_index import OpenItemIndex
    from engine.policy import Payer, PolicyBook
    from engine.reference_slots import ReferenceSlots

__all__ = ["Declared", "declare_relations", "sister_companies"]

_EVERYBODY = "*"


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """Slots with the items of declared relations counted as the payer's own, and per payment:
    several, its payer may pay for several customers at once; fee_ppm and fee_minor, what a payment
    processor keeps of each item (-1: no processor's payout).
    """

    slots: ReferenceSlots
    several: NDArray[np.bool_]
    fee_ppm: NDArray[np.int64]
    fee_minor: NDArray[np.int64]


def sister_companies(book: PolicyBook, companies: list[str]) -> NDArray[np.bool_]:
    """Whose items a payment into whose account may settle (companies × companies; the last row and
    column are for a company that is not known).
    """
    code = {name: number for number, name in enumerate(companies)}
    may = np.eye(len(companies) + 1, dtype=np.bool_)
    may[-1] = True
    for pair in book.intercompany.pairs:
        if pair.account_of in code and pair.items_of in code:
            may[code[pair.account_of], code[pair.items_of]] = True
    return may


def declare_relations(
    slots: ReferenceSlots,
    payments: PaymentBatch,
    directory: CustomerDirectory,
    payers: Payers,
    index: OpenItemIndex,
    book: PolicyBook,
) -> Declared:
    """Mark what policy declares (see module)."""
    count = len(payments)
    family = slots.family | _of_sisters(slots, payments, directory, payers, index)
    declared = np.zeros(count, dtype=np.bool_)
    fee_ppm, fee_minor = (np.full(count, -1, dtype=np.int64) for _ in range(2))
    named = (slots.item >= 0).nonzero()[0]
    owner = index.customer[slots.item[named]]
    payer = _Payer.of(payments, directory, payers) if book.relations() else None
    if payer is not None:
        for party in book.third_parties:
            hit = named[
                payer.is_(party)[slots.payment[named]] & _pays_for(party.pays_for, directory)[owner]
            ]
            family[hit] = True
            declared[slots.payment[hit]] = True
        for processor in book.processors:
            paid = payer.is_(processor)
            family[named[paid[slots.payment[named]]]] = True
            declared |= paid
            fee_ppm[paid] = processor.parts_per_million
            for currency in pc.unique(payments.text("currency")).to_pylist():
                of = pc.equal(payments.text("currency"), currency).to_numpy(zero_copy_only=False)
                fee_minor[paid & of] = minor_units(processor.fee_fixed, currency)
    return Declared(
        slots=msgspec.structs.replace(slots, family=family),
        several=declared,
        fee_ppm=fee_ppm,
        fee_minor=fee_minor,
    )


class _Payer(msgspec.Struct, frozen=True):
    """Names, accounts and customer ids of the payers, as policy is compared with them."""

    names: pa.StringArray
    accounts: pa.StringArray
    customers: pa.StringArray

    @classmethod
    def of(cls, payments: PaymentBatch, directory: CustomerDirectory, payers: Payers) -> _Payer:
        ids = pa.concat_arrays([directory.customer_ids, pa.array([""], pa.string())])
        return cls(
            normalise_names(payments.text("payer_name")).full,
            account_keys(payments.text("payer_account")).whole,
            ids.take(pa.array(np.where(payers.payer >= 0, payers.payer, len(directory)))),
        )

    def is_(self, party: Payer) -> NDArray[np.bool_]:
        """Payments of `party`: by its account, its whole name, or as a customer."""
        name = normalise_names(pa.array([party.name], pa.string())).full[0].as_py()
        account = account_keys(pa.array([party.account], pa.string())).whole[0].as_py()
        found = np.zeros(len(self.names), dtype=np.bool_)
        for values, wanted in (
            (self.names, name),
            (self.accounts, account),
            (self.customers, party.customer),
        ):
            if wanted:
                found |= pc.equal(values, wanted).to_numpy(zero_copy_only=False)
        return found


def _pays_for(customers: tuple[str, ...], directory: CustomerDirectory) -> NDArray[np.bool_]:
    """Which customers are meant: by id, or everybody."""
    if _EVERYBODY in customers:
        return np.ones(len(directory), dtype=np.bool_)
    listed = pc.is_in(directory.customer_ids, value_set=pa.array(customers, pa.string()))
    meant: NDArray[np.bool_] = listed.to_numpy(zero_copy_only=False)
    return meant


def _of_sisters(
    slots: ReferenceSlots,
    payments: PaymentBatch,
    directory: CustomerDirectory,
    payers: Payers,
    index: OpenItemIndex,
) -> NDArray[np.bool_]:
    """Slots of a sister company's items whose customer has the payer's name: there the payer is
    another customer, so number and name have to say together that it is the same one.
    """
    company = payers.company[slots.payment]
    named = (slots.item >= 0) & (company >= 0)
    rows = named.nonzero()[0]
    rows = rows[index.company[slots.item[rows]] != company[rows]]
    own = np.zeros(len(slots.payment), dtype=np.bool_)
    if len(rows):
        nobody = np.full(len(payments), -1, dtype=np.int64)
        confirmed = confirm_by_name(slots.at(rows), payments, directory, nobody, index.customer)
        own[rows] = confirmed.family
    return own
