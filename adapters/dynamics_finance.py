"""Dynamics 365 Finance: customer payment journals with the invoices each line settles.

Three data entities: the journal (one per payment, whose number is made of the payment, so that a
package imported twice collides), its lines (one per customer, one per difference), and the settled
invoices. D365 takes cash discounts by itself where they are named; write-offs and deductions are
lines with an offset account, settled with their invoice.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import msgspec

from adapters.csv_text import csv_bytes
from adapters.differences import deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import D365_BATCH_LETTERS, D365_TEXT_LETTERS

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination, Target
    from adapters.postings import Item, Posting, Reversal

__all__ = [
    "D365Settings",
    "Journal",
    "JournalLine",
    "PaymentJournal",
    "SettledInvoice",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "Dynamics 365 Finance"


class D365Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The journal's name, the method of payment, and what stands between dimension values."""

    journal_name: str = "CustPay"
    payment_method: str = ""
    dimension_separator: str = "-"


class Journal(msgspec.Struct, frozen=True, rename="pascal"):
    """Entity "Customer payment journal header"."""

    company: str
    journal_batch_number: str
    journal_name: str
    description: str


class JournalLine(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Entity "Customer payment journal line"."""

    company: str
    journal_batch_number: str
    line_number: int
    transaction_date: dt.date
    document_date: dt.date
    account_type: str
    account_display_value: str
    credit_amount: Decimal
    debit_amount: Decimal
    currency_code: str
    offset_account_type: str
    offset_account_display_value: str
    default_dimension_display_value: str = ""
    payment_method_name: str = ""
    payment_reference: str = ""
    transaction_text: str = ""
    invoice: str = ""


class SettledInvoice(msgspec.Struct, frozen=True, kw_only=True):
    """Entity "Customer payment journal line settled invoice"."""

    JournalLineCompany: str
    JournalBatchNumber: str
    JournalLineNumber: int
    JournalLineAccountType: str
    AccountDisplayValue: str
    InvoiceNumber: str
    InvoiceCompany: str
    InvoiceDueDate: dt.date | None
    SettlementAmountInInvoiceCurrency: Decimal
    CashDiscountToTakeInInvoiceCurrency: Decimal


class PaymentJournal(msgspec.Struct, frozen=True):
    """The journal of one payment."""

    journal: Journal
    lines: tuple[JournalLine, ...]
    settled: tuple[SettledInvoice, ...]


class _Journal:
    """Collects lines and what they settle."""

    def __init__(self, document: Posting | Reversal, settings: D365Settings, number: str) -> None:
        self._document = document
        self._settings = settings
        self._number = number
        self.lines: list[JournalLine] = []
        self.settled: list[SettledInvoice] = []

    def credit(
        self,
        customer: str,
        minor: int,
        offset: tuple[str, str],
        *,
        company_id: str,
        target: Target | None = None,
        text: str = "",
        invoice: str = "",
    ) -> None:
        """Credit `minor` units to the customer against the `offset` (its type, its account)."""
        document = self._document
        kind, account = offset
        objects = () if target is None else target.cost_objects.values()
        self.lines.append(
            JournalLine(
                company=company_id,
                journal_batch_number=self._number,
                line_number=len(self.lines) + 1,
                transaction_date=document.posting_date,
                document_date=document.document_date,
                account_type="Cust",
                account_display_value=customer,
                credit_amount=document.major(max(minor, 0)),
                debit_amount=document.major(max(-minor, 0)),
                currency_code=document.currency,
                offset_account_type=kind,
                offset_account_display_value=account,
                default_dimension_display_value=self._settings.dimension_separator.join(objects),
                payment_method_name=self._settings.payment_method,
                payment_reference=document.reference[:D365_BATCH_LETTERS],
                transaction_text=text[:D365_TEXT_LETTERS],
                invoice=invoice,
            )
        )

    def settle(self, item: Item, minor: int, discount_minor: int = 0) -> None:
        """The last line settles `minor` units of `item`."""
        if not item.is_alone:
            message = (
                f"the customer has several open items with the number {item.document_number!r}, "
                f"and {_ERP} settles an invoice by its number; settle it there by hand"
            )
            raise PostingRefusedError(message, item.open_item_id)
        line = self.lines[-1]
        self.settled.append(
            SettledInvoice(
                JournalLineCompany=line.company,
                JournalBatchNumber=self._number,
                JournalLineNumber=line.line_number,
                JournalLineAccountType=line.account_type,
                AccountDisplayValue=line.account_display_value,
                InvoiceNumber=item.document_number,
                InvoiceCompany=item.company_id,
                InvoiceDueDate=item.due_date,
                SettlementAmountInInvoiceCurrency=self._document.major(minor),
                CashDiscountToTakeInInvoiceCurrency=self._document.major(discount_minor),
            )
        )

    def body(self, description: str) -> PaymentJournal:
        """The whole journal."""
        journal = Journal(
            self._document.company_id, self._number, self._settings.journal_name, description
        )
        return PaymentJournal(journal, tuple(self.lines), tuple(self.settled))


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """A line per customer with the invoices it settles, then a line per difference."""
    if posting.suspense_minor:
        message = f"a payment journal of {_ERP} is of customers, and the payer is not known"
        raise PostingRefusedError(message)
    settings = determination.settings_of(posting.company_id, D365Settings)
    identity = posting.document_id("journal")
    journal = _Journal(posting, settings, _number(identity))
    bank = ("Bank", determination.bank(posting.company_id, posting.bank_account))
    customers = {line.item.customer_id for line in posting.lines}
    if posting.credit_minor or not customers:
        customers |= {posting.customer_id}
    for customer in sorted(customers):
        lines = [line for line in posting.lines if line.item.customer_id == customer]
        credit = posting.credit_minor if customer == posting.customer_id else 0
        cash = credit + sum(line.cash_minor for line in lines)
        journal.credit(customer, cash, bank, company_id=posting.company_id, text=posting.payer_name)
        for line in lines:
            if line.cash_minor or line.discount_minor:
                journal.settle(line.item, line.cash_minor, line.discount_minor)
    for one in differences_of(posting, determination, discounts=False):
        item, minor = one.line.item, one.amount_minor
        text = text_of(one.kind.replace("_", "-"), one.reason, item.document_number, length=60)
        offset = ("Ledger", one.target.account)
        book = functools.partial(
            journal.credit,
            item.customer_id,
            offset=offset,
            company_id=item.company_id,
            target=one.target,
            text=text,
        )
        book(minor)
        journal.settle(item, minor)
        if one.kind == "deduction":
            book(-minor, invoice=deduction_number(posting, one.line))
    return (
        Document(
            document_id=identity,
            kind="payment_journal",
            payment_id=posting.payment_id,
            company_id=posting.company_id,
            currency=posting.currency,
            method="IMPORT",
            path="CustomerPaymentJournalHeader, -Line, -LineSettledInvoice",
            cash_minor=posting.amount_minor,
            body=journal.body(text_of("payment", posting.reference, length=60)),
        ),
    )


def _number(identity: str) -> str:
    return f"T{short_id(identity, D365_BATCH_LETTERS - 1)}"


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """A journal of the opposite lines; undo the original's settlement before it is posted."""
    settings = determination.settings_of(reversal.company_id, D365Settings)
    identity = reversal.document_id("journal")
    number = _number(identity)
    journal = _Journal(reversal, settings, number)
    if reversal.original is not None:
        (posted,) = post(reversal.original, determination)
        assert isinstance(posted.body, PaymentJournal)  # noqa: S101 - what `post` of this module makes
        for line in posted.body.lines:
            opposite = msgspec.structs.replace(
                line,
                journal_batch_number=number,
                transaction_date=reversal.posting_date,
                document_date=reversal.document_date,
                credit_amount=line.debit_amount,
                debit_amount=line.credit_amount,
                payment_reference=reversal.reference[:D365_BATCH_LETTERS],
            )
            journal.lines.append(opposite)
    else:
        bank = ("Bank", determination.bank(reversal.company_id, reversal.bank_account))
        beyond = reversal.reopened_minor - reversal.cash_minor
        customer, *others = reversal.customers
        if others:
            message = (
                f"the payment of an earlier run was of {1 + len(others)} customers, and what of it "
                f"was whose is not known here; reverse it in {_ERP} by hand"
            )
            raise PostingRefusedError(message, reversal.items[0].item.open_item_id)
        journal.credit(
            customer, -reversal.cash_minor, bank, company_id=reversal.company_id, text="returned"
        )
        if beyond > 0:
            target = determination.returned(reversal.company_id)
            offset = ("Ledger", target.account)
            journal.credit(customer, -beyond, offset, company_id=reversal.company_id, target=target)
    original = reversal.original_document_id("journal")
    return (
        Document(
            document_id=identity,
            kind="reversing_journal",
            payment_id=reversal.payment_id,
            company_id=reversal.company_id,
            currency=reversal.currency,
            method="IMPORT",
            path="CustomerPaymentJournalHeader, -Line",
            cash_minor=-reversal.cash_minor,
            needs=(original,) if reversal.original is not None else (),
            body=journal.body(text_of("returned", reversal.original_payment_id, length=60)),
        ),
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """The three entities as CSV, the columns by the entities' own names."""
    bodies = [one.body for one in documents if isinstance(one.body, PaymentJournal)]
    tables: tuple[tuple[str, type[msgspec.Struct], list[msgspec.Struct]], ...] = (
        ("CustomerPaymentJournalHeader.csv", Journal, [one.journal for one in bodies]),
        (
            "CustomerPaymentJournalLine.csv",
            JournalLine,
            [row for one in bodies for row in one.lines],
        ),
        (
            "CustomerPaymentJournalLineSettledInvoice.csv",
            SettledInvoice,
            [row for one in bodies for row in one.settled],
        ),
    )
    return {
        name: csv_bytes(
            kind.__struct_encode_fields__,
            (msgspec.structs.astuple(row) for row in rows),
        )
        for name, kind, rows in tables
    }
