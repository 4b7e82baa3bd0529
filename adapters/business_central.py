"""Business Central: lines of customer payment journals (API v2.0).

A line applies one amount to one invoice, so a payment is one line per invoice with a common
document number. A journal has one balancing account: the bank's journal takes the cash; every
account of a difference has a journal of its own, named in the settings. The API applies invoices
only: the line of a credit memo carries its number as external document number, and the two are
applied to each other in Business Central ("Apply Customer Entries"). Payments are negative there.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import (
    BUSINESS_CENTRAL_DOCUMENT_LETTERS,
    BUSINESS_CENTRAL_EXTERNAL_LETTERS,
    BUSINESS_CENTRAL_TEXT_LETTERS,
)
from engine.money import minor_from_text

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Item, Posting, Reversal

__all__ = ["BusinessCentralSettings", "CustomerPayment", "files", "post", "reverse"]

_ERP: Final = "Business Central"


class BusinessCentralSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Journals (by their codes) per balancing account; the company by its id in the API.

    An account without an entry is taken for the code of its own journal.
    """

    company: str = ""
    journals: dict[str, str] = {}


class CustomerPayment(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"
):
    """Body of `POST customerPayments`: a line of a payment journal."""

    customer_number: str
    posting_date: dt.date
    document_number: str
    external_document_number: str
    amount: Decimal
    applies_to_invoice_number: str = ""
    description: str = ""
    comment: str = ""


class _Lines:
    """Collects the lines of one document number."""

    def __init__(
        self, document: Posting | Reversal, determination: Determination, identity: str
    ) -> None:
        self._document = document
        self._settings = determination.settings_of(document.company_id, BusinessCentralSettings)
        self._number = f"T{short_id(identity, BUSINESS_CENTRAL_DOCUMENT_LETTERS - 1)}"
        self.documents: list[Document] = []

    def add(
        self,
        account: str,
        customer: str,
        minor: int,
        *,
        part: tuple[str, ...],
        invoice: Item | None = None,
        external: str = "",
        text: str = "",
        number: str = "",
        cash_minor: int = 0,
        needs: tuple[str, ...] = (),
    ) -> None:
        """A line of `minor` units in the customer's sense: what lowers his balance is negative."""
        document = self._document
        if invoice is not None:
            _check_invoice(invoice)
        applied = "" if invoice is None else invoice.document_number
        given = external or document.reference
        company = quote(self._settings.company or document.company_id, safe="")
        journal = quote(self._settings.journals.get(account, account), safe="")
        body = CustomerPayment(
            customer_number=customer,
            posting_date=document.posting_date,
            document_number=number or self._number,
            external_document_number=given[:BUSINESS_CENTRAL_EXTERNAL_LETTERS],
            amount=document.major(minor),
            applies_to_invoice_number=applied,
            description=text[:BUSINESS_CENTRAL_TEXT_LETTERS],
            comment=document.document_id(*part),
        )
        self.documents.append(
            Document(
                document_id=document.document_id(*part),
                kind="journal_line",
                payment_id=document.payment_id,
                company_id=document.company_id,
                currency=document.currency,
                method="POST",
                path=(
                    f"/api/v2.0/companies({company})/customerPaymentJournals({journal})"
                    f"/customerPayments"
                ),
                body=body,
                cash_minor=cash_minor,
                needs=needs,
            )
        )


def _check_invoice(item: Item) -> None:
    if not item.is_alone:
        message = (
            f"the customer has several open items with the number {item.document_number!r}, and "
            f"{_ERP} applies an invoice by its number; apply it there by hand"
        )
        raise PostingRefusedError(message, item.open_item_id)
    if len(item.document_number) > BUSINESS_CENTRAL_DOCUMENT_LETTERS:
        message = (
            f"the number {item.document_number!r} is longer than the "
            f"{BUSINESS_CENTRAL_DOCUMENT_LETTERS} letters of a number in {_ERP}"
        )
        raise PostingRefusedError(message, item.open_item_id)


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """A line per item in the bank's journal, a line per difference in its account's journal."""
    if posting.suspense_minor:
        message = f"a payment journal of {_ERP} is of customers, and the payer is not known"
        raise PostingRefusedError(message)
    lines = _Lines(posting, determination, posting.document_id("document"))
    bank = determination.bank(posting.company_id, posting.bank_account)
    for line in posting.lines:
        if not line.cash_minor:
            continue
        item = line.item
        lines.add(
            bank,
            item.customer_id,
            -line.cash_minor,
            part=("cash", item.open_item_id),
            invoice=None if item.is_credit else item,
            external=item.document_number if item.is_credit else "",
            text=posting.payer_name,
            cash_minor=line.cash_minor,
        )
    for one in differences_of(posting, determination):
        _add_difference(lines, posting, one)
    if posting.credit_minor:
        lines.add(
            bank,
            posting.customer_id,
            -posting.credit_minor,
            part=("on_account",),
            text=text_of("on account", posting.payer_name, length=100),
            cash_minor=posting.credit_minor,
        )
    return tuple(lines.documents)


def _add_difference(lines: _Lines, posting: Posting, one: Difference) -> None:
    item = one.line.item
    text = text_of(one.kind.replace("_", "-"), one.reason, item.document_number, length=100)
    lines.add(
        one.target.account,
        item.customer_id,
        -one.amount_minor,
        part=(one.kind, item.open_item_id),
        invoice=None if item.is_credit else item,
        external=item.document_number,
        text=text,
    )
    if one.kind == "deduction":
        lines.add(
            one.target.account,
            item.customer_id,
            one.amount_minor,
            part=("deduction_item", item.open_item_id),
            external=item.document_number,
            text=text,
            number=deduction_number(posting, one.line),
        )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Lines of the opposite sign: the API cannot unapply, they stand beside the applied entries."""
    lines = _Lines(reversal, determination, reversal.document_id("document"))
    if reversal.original is not None:
        for posted in post(reversal.original, determination):
            body = posted.body
            assert isinstance(body, CustomerPayment)  # noqa: S101 - what `post` of this module makes
            journal = posted.path.split("customerPaymentJournals(")[1].split(")")[0]
            account = unquote(journal)
            lines.add(
                account,
                body.customer_number,
                -minor_from_text(f"{body.amount:f}", reversal.currency),
                part=("opposite", posted.document_id),
                external=body.applies_to_invoice_number or body.external_document_number,
                text=f"returned {reversal.original_payment_id}",
                cash_minor=-posted.cash_minor,
                needs=(posted.document_id,),
            )
        return tuple(lines.documents)
    bank = determination.bank(reversal.company_id, reversal.bank_account)
    beyond = reversal.reopened_minor - reversal.cash_minor
    if beyond > 0 and len(reversal.items) > 1:
        message = (
            f"the return re-opens more than its cash, and what of it is a difference of which item "
            f"is not known for a payment of an earlier run; enter it in {_ERP} by hand"
        )
        raise PostingRefusedError(message, reversal.items[0].item.open_item_id)
    for one in reversal.items:
        item, cash = one.item, one.amount_minor - max(beyond, 0)
        add = functools.partial(lines.add, external=item.document_number, text="returned payment")
        add(bank, item.customer_id, cash, part=("cash", item.open_item_id), cash_minor=-cash)
        if beyond > 0:
            account = determination.returned(reversal.company_id).account
            add(account, item.customer_id, beyond, part=("returned", item.open_item_id))
    if beyond < 0:
        customer = reversal.customers[0]
        lines.add(bank, customer, -beyond, part=("on_account",), cash_minor=beyond)
    return tuple(lines.documents)


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
