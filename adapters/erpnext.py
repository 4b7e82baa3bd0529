"""ERPNext: payment entries with references and deductions, one per customer of a payment.

Cash discounts and write-offs are rows of `deductions`; a deduction becomes a journal entry that
closes its part of the invoice and leaves the other side open. Documents are submitted.
"""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.documents import Document, Found, text_of
from adapters.errors import PostingRefusedError
from adapters.parts import by_customer, one_company
from adapters.undoing import Undone, undone_documents

if TYPE_CHECKING:
    import datetime as dt

    from adapters.accounts import Determination
    from adapters.postings import Line, Posting, Reversal

__all__ = [
    "Cancel",
    "Deduction",
    "EntryRow",
    "ErpNextSettings",
    "JournalEntry",
    "PaymentEntry",
    "Reference",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "ERPNext"
_SUBMITTED: Final = 1
_ID_FIELD: Final = "tieout_document_id"
_TEXT_LETTERS: Final = 140


class ErpNextSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The company's name, and the doctype of each type of document.

    `tieout_document_id` is a custom field (Data, unique) of Payment Entry and Journal Entry: with
    it a document that is sent twice is refused by ERPNext itself. Items are known by their names,
    the ids that open items are exported with.
    """

    company: str = ""
    mode_of_payment: str = ""
    doctypes: dict[str, str] = {}


class Reference(msgspec.Struct, frozen=True):
    """A row of `references`; the amount is negative for a credit note."""

    reference_doctype: str
    reference_name: str
    allocated_amount: Decimal


class Deduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of `deductions`: an account takes an amount."""

    account: str
    amount: Decimal
    description: str
    cost_center: str = ""


class PaymentEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST Payment Entry`."""

    docstatus: int
    payment_type: str
    company: str
    posting_date: dt.date
    party_type: str
    party: str
    paid_from: str
    paid_to: str
    paid_amount: Decimal
    received_amount: Decimal
    paid_from_account_currency: str
    paid_to_account_currency: str
    reference_no: str
    reference_date: dt.date
    remarks: str
    mode_of_payment: str = ""
    references: tuple[Reference, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    tieout_document_id: str = ""


class EntryRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of `accounts` of a journal entry."""

    account: str
    party_type: str
    party: str
    user_remark: str
    debit_in_account_currency: Decimal = Decimal(0)
    credit_in_account_currency: Decimal = Decimal(0)
    reference_type: str = ""
    reference_name: str = ""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST Journal Entry`."""

    docstatus: int
    voucher_type: str
    company: str
    posting_date: dt.date
    user_remark: str
    accounts: tuple[EntryRow, ...]
    tieout_document_id: str = ""


class Cancel(msgspec.Struct, frozen=True):
    """Body of `frappe.client.cancel`."""

    doctype: str
    name: Found


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """Per customer: a journal entry for his deductions, then the payment entry."""
    one_company(posting, _ERP)
    if posting.suspense_minor:
        message = f"a payment entry of {_ERP} is of a customer, and the payer is not known"
        raise PostingRefusedError(message)
    settings = determination.settings_of(posting.company_id, ErpNextSettings)
    documents: list[Document] = []
    for part in by_customer(posting, _ERP):
        differences = tuple(differences_of(part, determination))
        moved = tuple(one for one in differences if one.kind == "deduction")
        if moved:
            documents.append(_deductions(part, moved, determination, settings))
        documents.append(_payment(part, differences, determination, settings))
    return tuple(documents)


def _payment(
    part: Posting,
    differences: tuple[Difference, ...],
    determination: Determination,
    settings: ErpNextSettings,
) -> Document:
    identity = part.document_id("payment", part.customer_id)
    # A deduction is closed by its own journal entry: the payment lays the rest on the invoice.
    references = tuple(
        Reference(
            _doctype(line, settings),
            line.item.open_item_id,
            part.major(line.closed_minor - line.deduction_minor),
        )
        for line in part.lines
        if line.closed_minor != line.deduction_minor
    )
    taken = tuple(
        Deduction(
            one.target.account,
            part.major(one.amount_minor),
            text_of(
                one.kind.replace("_", "-"), one.reason, one.line.item.document_number, length=140
            ),
            one.target.cost_objects.get("cost_center", ""),
        )
        for one in differences
        if one.kind != "deduction"
    )
    body = PaymentEntry(
        docstatus=_SUBMITTED,
        payment_type="Receive",
        company=settings.company or part.company_id,
        posting_date=part.posting_date,
        party_type="Customer",
        party=part.customer_id,
        paid_from=determination.receivable(part.company_id),
        paid_to=determination.bank(part.company_id, part.bank_account),
        paid_amount=part.major(part.amount_minor),
        received_amount=part.major(part.amount_minor),
        paid_from_account_currency=part.currency,
        paid_to_account_currency=part.currency,
        reference_no=part.reference[:_TEXT_LETTERS],
        reference_date=part.document_date,
        remarks=text_of(part.payer_name, part.reference, length=_TEXT_LETTERS),
        mode_of_payment=settings.mode_of_payment,
        references=references,
        deductions=taken,
        tieout_document_id=identity,
    )
    return _document(part, "payment_entry", identity, "Payment Entry", body, part.amount_minor)


def _doctype(line: Line, settings: ErpNextSettings) -> str:
    kind = line.item.document_type
    if kind in settings.doctypes:
        return settings.doctypes[kind]
    if kind == "on_account":
        message = (
            f"{_ERP} lays a payment on account on invoices by its payment reconciliation only; "
            f"apply it there, or name its doctype in settings.doctypes.on_account"
        )
        raise PostingRefusedError(message, line.item.open_item_id)
    return "Dunning" if kind == "finance_charge" else "Sales Invoice"


def _deductions(
    part: Posting,
    moved: tuple[Difference, ...],
    determination: Determination,
    settings: ErpNextSettings,
) -> Document:
    """The journal entry that moves deductions off their invoices, onto items of their own."""
    receivable = determination.receivable(part.company_id)
    rows: list[EntryRow] = []
    for one in moved:
        item, number = one.line.item, deduction_number(part, one.line)
        text = text_of(number, one.reason, "of", item.document_number, length=_TEXT_LETTERS)
        row = functools.partial(
            EntryRow,
            account=receivable,
            party_type="Customer",
            party=part.customer_id,
            user_remark=text,
        )
        amount = part.major(one.amount_minor)
        rows.append(
            row(
                credit_in_account_currency=amount,
                reference_type=_doctype(one.line, settings),
                reference_name=item.open_item_id,
            )
        )
        rows.append(row(debit_in_account_currency=amount))
    identity = part.document_id("deductions", part.customer_id)
    body = JournalEntry(
        docstatus=_SUBMITTED,
        voucher_type="Journal Entry",
        company=settings.company or part.company_id,
        posting_date=part.posting_date,
        user_remark=text_of("deductions of", part.reference, length=_TEXT_LETTERS),
        accounts=tuple(rows),
        tieout_document_id=identity,
    )
    return _document(part, "journal_entry", identity, "Journal Entry", body, 0)


def _document(
    part: Posting,
    kind: str,
    identity: str,
    doctype: str,
    body: msgspec.Struct,
    cash_minor: int,
) -> Document:
    return Document(
        document_id=identity,
        kind=kind,
        payment_id=part.payment_id,
        company_id=part.company_id,
        currency=part.currency,
        method="POST",
        path=f"/api/resource/{quote(doctype)}",
        body=body,
        cash_minor=cash_minor,
        unless=Found(doctype, ((_ID_FIELD, "=", identity),), "name"),
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Cancel the original's payment entries, then the journal entries of its deductions."""
    undone = undone_documents(
        reversal,
        determination,
        post,
        lambda customer: (("payment_entry", ("payment", customer)),),
    )
    return tuple(_cancel(reversal, one) for one in undone)


def _cancel(reversal: Reversal, one: Undone) -> Document:
    doctype = "Payment Entry" if one.kind == "payment_entry" else "Journal Entry"
    name = Found(doctype, ((_ID_FIELD, "=", one.document_id),), "name")
    return Document(
        document_id=reversal.document_id("cancel", one.document_id),
        kind="cancel",
        payment_id=reversal.payment_id,
        company_id=reversal.company_id,
        currency=reversal.currency,
        method="POST",
        path="/api/method/frappe.client.cancel",
        body=Cancel(doctype, name),
        cash_minor=-(one.cash_minor or 0),
        needs=(one.document_id,) if one.document is not None else (),
        expects_minor=one.cash_minor,
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
