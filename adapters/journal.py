"""A general journal: balanced entries of debits and credits, for any ledger that reads a table."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from adapters.csv_text import csv_bytes
from adapters.differences import deduction_number, differences_of
from adapters.documents import Document, text_of

if TYPE_CHECKING:
    import datetime as dt

    from adapters.accounts import Determination, Target
    from adapters.differences import Difference
    from adapters.postings import Item, Posting, Reversal

__all__ = ["JournalEntry", "JournalLine", "files", "post", "reverse"]

_TEXT_LETTERS: Final = 100


class JournalLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A debit or a credit. `role` says what it is of: `bank`, `item`, `discount`, `write_off`,
    `deduction_item`, `on_account`, `suspense`, `returned`.
    """

    role: str
    account: str
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    company_id: str
    customer_id: str = ""
    open_item_id: str = ""
    document_number: str = ""
    reason: str = ""
    reason_code: str = ""
    cost_objects: dict[str, str] = {}


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry: its debits equal its credits."""

    posting_date: dt.date
    document_date: dt.date
    company_id: str
    currency: str
    reference: str
    text: str
    lines: tuple[JournalLine, ...]
    reverses: str = ""


class _Entry:
    """Collects the lines of one entry; negative debits are credits."""

    def __init__(self, document: Posting | Reversal) -> None:
        self._document = document
        self.lines: list[JournalLine] = []

    def debit(
        self,
        role: str,
        account: str,
        minor: int,
        *,
        company_id: str = "",
        customer_id: str = "",
        item: Item | None = None,
        number: str = "",
        reason: str = "",
        target: Target | None = None,
    ) -> None:
        """Put `minor` units on `account`; nothing where it is 0."""
        if not minor:
            return
        amount = self._document.major(abs(minor))
        self.lines.append(
            JournalLine(
                role=role,
                account=account,
                debit=amount if minor > 0 else Decimal(0),
                credit=amount if minor < 0 else Decimal(0),
                company_id=company_id or self._document.company_id,
                customer_id=customer_id,
                open_item_id="" if item is None else item.open_item_id,
                document_number=number or ("" if item is None else item.document_number),
                reason=reason,
                reason_code="" if target is None else target.reason_code,
                cost_objects={} if target is None else target.cost_objects,
            )
        )


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """One entry: the bank takes the cash, every item what closes it, accounts the differences."""
    entry = _Entry(posting)
    bank = determination.bank(posting.company_id, posting.bank_account)
    entry.debit("bank", bank, posting.amount_minor)
    for line in posting.lines:
        item = line.item
        entry.debit(
            "item",
            determination.receivable(item.company_id),
            -line.closed_minor,
            company_id=item.company_id,
            customer_id=item.customer_id,
            item=item,
        )
    for difference in differences_of(posting, determination):
        _add_difference(entry, posting, difference)
    entry.debit(
        "on_account",
        determination.receivable(posting.company_id) if posting.credit_minor else "",
        -posting.credit_minor,
        customer_id=posting.customer_id,
    )
    if posting.suspense_minor:
        target = determination.suspense(posting.company_id)
        entry.debit("suspense", target.account, -posting.suspense_minor, target=target)
    return (
        Document(
            document_id=posting.document_id("entry"),
            kind="journal_entry",
            payment_id=posting.payment_id,
            company_id=posting.company_id,
            currency=posting.currency,
            method="FILE",
            path="journal.csv",
            cash_minor=posting.amount_minor,
            body=JournalEntry(
                posting_date=posting.posting_date,
                document_date=posting.document_date,
                company_id=posting.company_id,
                currency=posting.currency,
                reference=posting.reference,
                text=text_of("payment", posting.payer_name, length=_TEXT_LETTERS),
                lines=tuple(entry.lines),
            ),
        ),
    )


def _add_difference(entry: _Entry, posting: Posting, difference: Difference) -> None:
    item, target = difference.line.item, difference.target
    is_item = difference.kind == "deduction"
    entry.debit(
        "deduction_item" if is_item else difference.kind,
        target.account,
        difference.amount_minor,
        company_id=item.company_id,
        customer_id=item.customer_id,
        item=item,
        number=deduction_number(posting, difference.line) if is_item else "",
        reason=difference.reason,
        target=target,
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """The contra entry: what the original closed is open again, the cash leaves the bank."""
    if reversal.original is not None:
        (posted,) = post(reversal.original, determination)
        assert isinstance(posted.body, JournalEntry)  # noqa: S101 - what `post` of this module makes
        lines = tuple(
            msgspec.structs.replace(line, debit=line.credit, credit=line.debit)
            for line in posted.body.lines
        )
    else:
        lines = _reopening(reversal, determination)
    original = reversal.original_document_id("entry")
    return (
        Document(
            document_id=reversal.document_id("entry"),
            kind="journal_reversal",
            payment_id=reversal.payment_id,
            company_id=reversal.company_id,
            currency=reversal.currency,
            method="FILE",
            path="journal.csv",
            cash_minor=-reversal.cash_minor,
            needs=(original,) if reversal.original is not None else (),
            body=JournalEntry(
                posting_date=reversal.posting_date,
                document_date=reversal.document_date,
                company_id=reversal.company_id,
                currency=reversal.currency,
                reference=reversal.reference,
                text=f"returned payment {reversal.original_payment_id}"[:_TEXT_LETTERS],
                lines=lines,
                reverses=original,
            ),
        ),
    )


def _reopening(reversal: Reversal, determination: Determination) -> tuple[JournalLine, ...]:
    """The contra entry of an original of an earlier run: its differences are one sum."""
    entry = _Entry(reversal)
    bank = determination.bank(reversal.company_id, reversal.bank_account)
    entry.debit("bank", bank, -reversal.cash_minor)
    for one in reversal.items:
        item = one.item
        entry.debit(
            "item",
            determination.receivable(item.company_id),
            one.amount_minor,
            company_id=item.company_id,
            customer_id=item.customer_id,
            item=item,
        )
    beyond = reversal.reopened_minor - reversal.cash_minor
    if beyond > 0:
        target = determination.returned(reversal.company_id)
        entry.debit("returned", target.account, -beyond, target=target)
    elif beyond < 0:
        account = determination.receivable(reversal.company_id)
        entry.debit("on_account", account, -beyond, customer_id=reversal.customers[0])
    return tuple(entry.lines)


_COLUMNS: Final = (
    *("document_id", "line_number", "posting_date", "document_date", "company_id", "account"),
    *("debit", "credit", "currency", "role", "customer_id", "open_item_id", "document_number"),
    *("reason", "reason_code", "cost_objects", "reference", "text", "payment_id", "reverses"),
)


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """`journal.csv`: a row per line."""
    rows = []
    for document in documents:
        entry = document.body
        if not isinstance(entry, JournalEntry):
            continue
        for number, line in enumerate(entry.lines, 1):
            objects = ";".join(f"{name}={value}" for name, value in line.cost_objects.items())
            rows.append(
                (
                    *(document.document_id, number, entry.posting_date, entry.document_date),
                    *(line.company_id, line.account, line.debit or "", line.credit or ""),
                    *(entry.currency, line.role, line.customer_id, line.open_item_id),
                    *(line.document_number, line.reason, line.reason_code, objects),
                    *(entry.reference, entry.text, document.payment_id, entry.reverses),
                )
            )
    return {"journal.csv": csv_bytes(_COLUMNS, rows)}
