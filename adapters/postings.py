"""What was decided about each payment, in the words of a ledger and of no ERP in particular.

One `Posting` per payment: cash and differences per open item, and what is left as the customer's
credit. One `Reversal` per returned payment. What is not posted is `Held`, with the reason: every
payment is one of the three, and the sums are checked (`adapters.export`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from adapters.document_ids import document_id
from engine.money import exponent_of

if TYPE_CHECKING:
    import datetime as dt

__all__ = [
    "Held",
    "Item",
    "Ledger",
    "Line",
    "Posting",
    "ReopenedItem",
    "Reversal",
    "major",
]

HeldReason = Literal["undecided", "no_receivable", "refused"]
"""`undecided`: a clerk has it; `no_receivable`: not this ledger's money; `refused`: see why."""

_CREDITS: Final = ("credit_memo", "on_account")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An open item as the ledger knew it before the payment.

    `is_alone` says that no other open item of the customer bears this document number: only then
    may a number stand for the item.
    """

    open_item_id: str
    company_id: str
    customer_id: str
    document_number: str
    document_type: str
    installment: str
    original_minor: int
    open_minor: int
    due_date: dt.date | None
    is_alone: bool

    @property
    def is_credit(self) -> bool:
        """A credit memo or an on-account credit."""
        return self.document_type in _CREDITS


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment does to one open item; amounts have the sign of the contract.

    `closes`: alone, this line takes the whole of an item that nothing was paid of before.
    """

    item: Item
    cash_minor: int
    discount_minor: int
    deduction_minor: int
    deduction_reason: str
    write_off_minor: int
    write_off_reason: str
    closes: bool

    @property
    def closed_minor(self) -> int:
        """What is taken off the item."""
        return self.cash_minor + self.difference_minor

    @property
    def difference_minor(self) -> int:
        """What closes the item besides its cash."""
        return self.discount_minor + self.deduction_minor + self.write_off_minor


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to be posted: `amount_minor` is its lines' cash, credit and suspense.

    `credit_minor` stays with the customer (on account, unapplied, to be refunded); `suspense_minor`
    is money of nobody known. `reference` is what the bank calls the payment.
    """

    ledger: str
    payment_id: str
    company_id: str
    customer_id: str
    currency: str
    amount_minor: int
    posting_date: dt.date
    document_date: dt.date
    bank_account: str
    method: str
    payer_name: str
    reference: str
    lines: tuple[Line, ...]
    credit_minor: int = 0
    suspense_minor: int = 0

    @property
    def paid_minor(self) -> int:
        """The amount of the payment."""
        return self.amount_minor

    def document_id(self, *part: str) -> str:
        """The id of the part `part` of this payment's documents."""
        return document_id(self.ledger, self.company_id, self.payment_id, *part)

    def major(self, minor: int) -> Decimal:
        """`minor` units of this payment in major units."""
        return major(minor, self.currency)


class ReopenedItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a return re-opens of one item."""

    item: Item
    amount_minor: int


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that came back: `cash_minor` (positive) leaves the bank, items are open again.

    `original` is the original's posting where it is of the same run: then what it closed besides
    cash is known.
    """

    ledger: str
    payment_id: str
    original_payment_id: str
    company_id: str
    currency: str
    cash_minor: int
    posting_date: dt.date
    document_date: dt.date
    bank_account: str
    reference: str
    items: tuple[ReopenedItem, ...]
    original: Posting | None

    @property
    def paid_minor(self) -> int:
        """The amount of the payment: negative, it came back."""
        return -self.cash_minor

    @property
    def reopened_minor(self) -> int:
        """What all items have open again."""
        return sum(one.amount_minor for one in self.items)

    @property
    def customers(self) -> tuple[str, ...]:
        """Whose accounts the original's documents are on, in order."""
        if self.original is not None and self.original.customer_id:
            known = {self.original.customer_id} | {
                line.item.customer_id for line in self.original.lines
            }
            return tuple(sorted(known))
        return tuple(sorted({one.item.customer_id for one in self.items}))

    def document_id(self, *part: str) -> str:
        """The id of the part `part` of the documents of this return."""
        return document_id(self.ledger, self.company_id, self.payment_id, *part)

    def original_document_id(self, *part: str) -> str:
        """The id of that part of the original's documents."""
        return document_id(self.ledger, self.company_id, self.original_payment_id, *part)

    def major(self, minor: int) -> Decimal:
        """`minor` units of this return in major units."""
        return major(minor, self.currency)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A payment without a document, and why."""

    payment_id: str
    company_id: str
    currency: str
    amount_minor: int
    reason: HeldReason
    sentence: str
    open_item_id: str = ""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """All payments of a run: posted, reversed or held, each in the order of their ids."""

    postings: tuple[Posting, ...]
    reversals: tuple[Reversal, ...]
    held: tuple[Held, ...]


def major(minor: int, currency: str) -> Decimal:
    """`minor` units as the exact decimal an ERP is given, with the places of the currency."""
    return Decimal(minor).scaleb(-exponent_of(currency))
