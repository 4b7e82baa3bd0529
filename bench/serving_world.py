"""Open items, customers and payments for the bench of the server: columns, made in seconds.

Worlds of `tieout.worlds` tell what is true of each payment, row by row. Here only speed is
measured: millions of items, twenty per customer, and payments as systems that hand over one at a
time have them. Most name their invoices; some come from a known account and name nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch

__all__ = ["make_customers", "make_items", "make_payments"]

_ITEMS_PER_CUSTOMER: Final = 20
_SEED: Final = 20_260_331
_DAY: Final = 20_543  # 2026-03-31
_FIRST_DOCUMENT: Final = 40_000_000
_SYLLABLES: Final = "ba co di fer gal hun jor kel lam mir nor pas quin ros sto tal ul ven wes zan"
_ENDINGS: Final = ("Trading", "Industries", "Foods", "Logistics", "Systems", "Supply", "Partners")
_FORMS: Final = ("GmbH", "Inc", "Ltd", "LLC", "SA", "BV")
_NAMES_ONE: Final = 0.7
"""Payments that name their one invoice; half of the others name two, the rest name none."""


def make_customers(count: int) -> CustomerBatch:
    """Customers with names of three syllables and an account each."""
    chance = np.random.default_rng(_SEED)
    syllables = np.array(_SYLLABLES.split())
    parts = [pa.array(syllables[chance.integers(0, len(syllables), count)]) for _ in range(4)]
    name = pc.utf8_capitalize(pc.binary_join_element_wise(*parts, ""))
    ending = pa.array(np.array(_ENDINGS)[chance.integers(0, len(_ENDINGS), count)])
    form = pa.array(np.array(_FORMS)[chance.integers(0, len(_FORMS), count)])
    return CustomerBatch.from_columns(
        {
            "customer_id": _numbered("C", np.arange(count), 7),
            "company_id": pa.repeat(pa.scalar("K100"), count),
            "name": pc.binary_join_element_wise(name, ending, form, " "),
            "bank_accounts": _numbered("021000021/", np.arange(count), 10),
        }
    )


def make_items(count: int) -> OpenItemBatch:
    """Invoices of one company, twenty per customer, log-normal amounts in cents."""
    chance = np.random.default_rng(_SEED + 1)
    number = np.arange(count)
    amount = np.exp(chance.normal(11.0, 1.1, count)).astype(np.int64) + 100
    issued = _DAY - chance.integers(1, 90, count)
    return OpenItemBatch.from_columns(
        {
            "open_item_id": _numbered("OI-", number, 9),
            "company_id": pa.repeat(pa.scalar("K100"), count),
            "customer_id": _numbered("C", chance.permutation(number) // _ITEMS_PER_CUSTOMER, 7),
            "document_number": _numbered("", number + _FIRST_DOCUMENT, 8),
            "document_type": pa.repeat(pa.scalar("invoice"), count),
            "currency": pa.repeat(pa.scalar("USD"), count),
            "original_minor": amount,
            "open_minor": amount,
            "document_date": _dates(issued),
            "due_date": _dates(issued + 30),
            "purchase_order": _numbered("PO-", number * 7 % count, 9),
            "status": pa.repeat(pa.scalar("open"), count),
        }
    )


def make_payments(
    items: OpenItemBatch, customers: CustomerBatch, count: int, seed: int
) -> PaymentBatch:
    """Payments of one or two items of a customer, from the customer's account and by its name."""
    chance = np.random.default_rng(_SEED + seed)
    first = chance.choice(len(items), count, replace=False)
    customer = pc.index_in(items.text("customer_id"), value_set=customers.text("customer_id"))
    owner = customer.to_numpy(zero_copy_only=False)
    by_owner = np.argsort(owner, kind="stable")
    place = np.empty(len(items), dtype=np.int64)
    place[by_owner] = np.arange(len(items))
    next_place = np.minimum(place[first] + 1, len(items) - 1)
    second = by_owner[next_place]
    kind = chance.random(count)
    two = (kind > (1 + _NAMES_ONE) / 2) & (owner[second] == owner[first])
    document, amount = items.text("document_number"), items.int64("open_minor")
    one_named = pc.binary_join_element_wise("Invoice ", document.take(pa.array(first)), "")
    two_named = pc.binary_join_element_wise(one_named, document.take(pa.array(second)), ", ")
    text = pc.if_else(pa.array(two), two_named, one_named)
    unnamed = (kind > _NAMES_ONE) & ~two
    paid_by = pa.array(owner[first])
    return PaymentBatch.from_columns(
        {
            "payment_id": _numbered(f"P{seed}-", np.arange(count), 8),
            "company_id": pa.repeat(pa.scalar("K100"), count),
            "booking_date": _dates(np.full(count, _DAY)),
            "value_date": _dates(np.full(count, _DAY)),
            "amount_minor": amount[first] + np.where(two, amount[second], 0),
            "currency": pa.repeat(pa.scalar("USD"), count),
            "method": pa.repeat(pa.scalar("ach"), count),
            "payer_name": pc.utf8_upper(customers.text("name").take(paid_by)),
            "payer_account": customers.text("bank_accounts").take(paid_by),
            "bank_reference": _numbered(f"BR{seed}", np.arange(count), 9),
            "remittance_text": pc.if_else(pa.array(unnamed), "payment", text),
        }
    )


def _numbered(prefix: str, number: Any, width: int) -> pa.StringArray:
    digits = pc.utf8_lpad(pa.array(number).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def _dates(day: Any) -> pa.Array:
    return pa.array(day.astype(np.int32)).cast(pa.date32())
