"""Xero: payments on invoices, credit notes laid on them, overpayments for what is left.

A payment of several invoices is one batch payment, so that it is one line beside the bank
statement. Credits are laid on the invoices of their customer (`Allocations`); what closes an
invoice besides cash is a credit note on the account of the difference, allocated to it; a
deduction is an invoice of its own on the same account. Requests carry an `Idempotency-Key`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import XERO_REFERENCE_LETTERS
from adapters.parts import one_company, paired
from adapters.undoing import Undone, undone_documents

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Item, Line, Posting, Reversal

__all__ = [
    "Account",
    "Allocation",
    "BatchPayment",
    "Contact",
    "CreditNote",
    "Deleted",
    "Invoice",
    "InvoicePayment",
    "LineItem",
    "NewInvoice",
    "Overpayment",
    "Tracking",
    "XeroSettings",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "Xero"
_API: Final = "/api.xro/2.0"
_NUMBER_LETTERS: Final = 20


class XeroSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How open items are known: `number` (the invoice's) or `id` (InvoiceID, CreditNoteID)."""

    item_ids: Literal["id", "number"] = "number"
    tax_type: str = "NONE"


class Invoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invoice by id or number."""

    InvoiceID: str = ""
    InvoiceNumber: str = ""


class Account(msgspec.Struct, frozen=True):
    """An account by its code."""

    Code: str


class Contact(msgspec.Struct, frozen=True):
    """A customer by ContactID."""

    ContactID: str


class InvoicePayment(msgspec.Struct, frozen=True):
    """A payment on one invoice within a batch payment."""

    Invoice: Invoice
    Amount: Decimal


class BatchPayment(msgspec.Struct, frozen=True):
    """Body of `PUT BatchPayments`."""

    Account: Account
    Date: dt.date
    Reference: str
    Payments: tuple[InvoicePayment, ...]


class Tracking(msgspec.Struct, frozen=True):
    """A cost object: category and option."""

    Name: str
    Option: str


class LineItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The line of a credit note, invoice or bank transaction."""

    Description: str
    Quantity: int
    UnitAmount: Decimal
    AccountCode: str = ""
    TaxType: str = ""
    Tracking: tuple[Tracking, ...] = ()


class Overpayment(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `PUT BankTransactions`: money received that is on no invoice."""

    Type: str
    Contact: Contact
    BankAccount: Account
    Date: dt.date
    Reference: str
    CurrencyCode: str
    LineItems: tuple[LineItem, ...]


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `PUT CreditNotes`."""

    Type: str
    Status: str
    CreditNoteNumber: str
    Contact: Contact
    Date: dt.date
    CurrencyCode: str
    Reference: str
    LineItems: tuple[LineItem, ...]


class NewInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `PUT Invoices`: what a deduction becomes, or an item that was overpaid."""

    Type: str
    Status: str
    InvoiceNumber: str
    Contact: Contact
    Date: dt.date
    DueDate: dt.date
    CurrencyCode: str
    Reference: str
    LineItems: tuple[LineItem, ...]


class Allocation(msgspec.Struct, frozen=True):
    """Body of `PUT CreditNotes/{id}/Allocations`."""

    Amount: Decimal
    Invoice: Invoice


class Deleted(msgspec.Struct, frozen=True):
    """Body that deletes a payment or voids a document."""

    Status: str


class _Documents:
    """Collects the documents of one payment."""

    def __init__(self, posting: Posting, determination: Determination) -> None:
        self._posting = posting
        self._determination = determination
        self._settings = determination.settings_of(posting.company_id, XeroSettings)
        self.documents: list[Document] = []

    def add(
        self,
        kind: str,
        path: str,
        body: msgspec.Struct,
        *part: str,
        cash_minor: int = 0,
        needs: tuple[str, ...] = (),
    ) -> str:
        """Add a document; gives its id."""
        posting = self._posting
        identity = posting.document_id(*part)
        self.documents.append(
            Document(
                document_id=identity,
                kind=kind,
                payment_id=posting.payment_id,
                company_id=posting.company_id,
                currency=posting.currency,
                method="PUT",
                path=f"{_API}/{path}",
                body=body,
                cash_minor=cash_minor,
                needs=needs,
            )
        )
        return identity

    def invoice(self, item: Item) -> Invoice:
        """How an invoice is named."""
        if self._settings.item_ids == "id":
            return Invoice(InvoiceID=item.open_item_id)
        if not item.is_alone:
            message = (
                f"the customer has several open items with the number {item.document_number!r}; "
                f'set settings.item_ids = "id", and export their InvoiceIDs'
            )
            raise PostingRefusedError(message, item.open_item_id)
        return Invoice(InvoiceNumber=item.document_number)

    def credit(self, item: Item) -> str:
        """How a credit note is named in a path."""
        named = item.open_item_id if self._settings.item_ids == "id" else item.document_number
        return quote(named, safe="")

    def line_item(self, one: Difference, text: str) -> LineItem:
        """The one line of a document for a difference."""
        return LineItem(
            Description=text,
            Quantity=1,
            UnitAmount=self._posting.major(abs(one.amount_minor)),
            AccountCode=one.target.account,
            TaxType=self._settings.tax_type,
            Tracking=tuple(Tracking(*pair) for pair in one.target.cost_objects.items()),
        )

    def pay(self, amounts: dict[str, int], lines: tuple[Line, ...]) -> None:
        """One batch payment of what is paid in cash on invoices."""
        posting = self._posting
        paid = [line for line in lines if amounts.get(line.item.open_item_id)]
        if not paid:
            return
        bank = self._determination.bank(posting.company_id, posting.bank_account)
        payments = tuple(
            InvoicePayment(self.invoice(line.item), posting.major(amounts[line.item.open_item_id]))
            for line in paid
        )
        body = BatchPayment(
            Account(bank),
            posting.posting_date,
            posting.reference[:XERO_REFERENCE_LETTERS],
            payments,
        )
        cash = sum(amounts[line.item.open_item_id] for line in paid)
        needs = tuple(one.document_id for one in self.documents)
        self.add("batch_payment", "BatchPayments", body, "payment", cash_minor=cash, needs=needs)

    def receive(self, kind: str, account: str, minor: int, text: str) -> None:
        """Money received that is on no invoice: an overpayment, or a gain on `account`."""
        posting = self._posting
        bank = self._determination.bank(posting.company_id, posting.bank_account)
        line = LineItem(
            Description=text,
            Quantity=1,
            UnitAmount=posting.major(minor),
            AccountCode=account,
            TaxType=self._settings.tax_type if account else "",
        )
        body = Overpayment(
            Type=kind,
            Contact=Contact(posting.customer_id),
            BankAccount=Account(bank),
            Date=posting.posting_date,
            Reference=posting.reference[:XERO_REFERENCE_LETTERS],
            CurrencyCode=posting.currency,
            LineItems=(line,),
        )
        part = ("received", kind, text)
        self.add("bank_transaction", "BankTransactions", body, *part, cash_minor=minor)


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """Differences, credits laid on invoices, then the money."""
    one_company(posting, _ERP)
    if posting.suspense_minor:
        message = f"{_ERP} receives money of a contact, and the payer is not known"
        raise PostingRefusedError(message)
    documents = _Documents(posting, determination)
    over: dict[str, int] = {}
    for one in differences_of(posting, determination):
        if one.amount_minor < 0 < one.line.cash_minor and one.kind == "write_off":
            item = one.line.item
            over[item.open_item_id] = over.get(item.open_item_id, 0) - one.amount_minor
            text = text_of("overpaid", item.document_number, length=XERO_REFERENCE_LETTERS)
            documents.receive("RECEIVE", one.target.account, -one.amount_minor, text)
        else:
            _difference(documents, posting, one)
    lines = tuple(
        msgspec.structs.replace(
            line, cash_minor=line.cash_minor - over.get(line.item.open_item_id, 0)
        )
        for line in posting.lines
    )
    pairs, left = paired(lines, _ERP)
    for pair in pairs:
        credit, debit = pair.credit.item, pair.debit.item
        documents.add(
            "allocation",
            f"CreditNotes/{documents.credit(credit)}/Allocations",
            Allocation(posting.major(pair.amount_minor), documents.invoice(debit)),
            "allocation",
            credit.open_item_id,
            debit.open_item_id,
        )
    documents.pay(left, lines)
    if posting.credit_minor:
        documents.receive("RECEIVE-OVERPAYMENT", "", posting.credit_minor, "on account")
    return tuple(documents.documents)


def _difference(documents: _Documents, posting: Posting, one: Difference) -> None:
    """A credit note on the difference's account, laid on the invoice; the item of a deduction."""
    item = one.line.item
    if one.amount_minor < 0:
        message = (
            f"a {one.kind.replace('_', '-')} of a credit is no document of {_ERP}; enter it by hand"
        )
        raise PostingRefusedError(message, item.open_item_id)
    kind = one.kind.replace("_", "-")
    text = text_of(kind, one.reason, item.document_number, length=XERO_REFERENCE_LETTERS)
    lines = (documents.line_item(one, text),)
    number = short_id(posting.document_id(one.kind, item.open_item_id), _NUMBER_LETTERS - 1)
    note = CreditNote(
        Type="ACCRECCREDIT",
        Status="AUTHORISED",
        CreditNoteNumber=f"T{number}",
        Contact=Contact(item.customer_id),
        Date=posting.posting_date,
        CurrencyCode=posting.currency,
        Reference=text,
        LineItems=lines,
    )
    noted = documents.add("credit_note", "CreditNotes", note, one.kind, item.open_item_id)
    documents.add(
        "allocation",
        f"CreditNotes/{{{{{noted}.CreditNoteID}}}}/Allocations",
        Allocation(posting.major(one.amount_minor), documents.invoice(item)),
        "allocation",
        one.kind,
        item.open_item_id,
        needs=(noted,),
    )
    if one.kind == "deduction":
        invoice = NewInvoice(
            Type="ACCREC",
            Status="AUTHORISED",
            InvoiceNumber=deduction_number(posting, one.line),
            Contact=Contact(item.customer_id),
            Date=posting.posting_date,
            DueDate=posting.posting_date,
            CurrencyCode=posting.currency,
            Reference=text,
            LineItems=lines,
        )
        documents.add("invoice", "Invoices", invoice, "deduction_item", item.open_item_id)


_UNDONE: Final = {
    "batch_payment": ("BatchPayments", "BatchPaymentID", "DELETED"),
    "bank_transaction": ("BankTransactions", "BankTransactionID", "DELETED"),
    "credit_note": ("CreditNotes", "CreditNoteID", "VOIDED"),
    "invoice": ("Invoices", "InvoiceID", "VOIDED"),
}


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Delete the original's payment, receipts and `Allocations`, void what was made for them."""
    undone = undone_documents(
        reversal, determination, post, lambda _: (("batch_payment", ("payment",)),)
    )
    return tuple(_delete(reversal, one) for one in undone)


def _delete(reversal: Reversal, one: Undone) -> Document:
    if one.document is not None and one.kind == "allocation":
        method, path = "DELETE", f"{one.document.path}/{{{{{one.document_id}.AllocationID}}}}"
        status = "DELETED"
    else:
        resource, field, status = _UNDONE[one.kind]
        method, path = "POST", f"{_API}/{resource}/{{{{{one.document_id}.{field}}}}}"
    return Document(
        document_id=reversal.document_id("delete", one.document_id),
        kind="deletion",
        payment_id=reversal.payment_id,
        company_id=reversal.company_id,
        currency=reversal.currency,
        method=method,
        path=path,
        body=Deleted(status),
        cash_minor=-(one.cash_minor or 0),
        needs=(one.document_id,) if one.document is not None else (),
        expects_minor=one.cash_minor,
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
