"""QuickBooks Online: payments linked to invoices and credit memos, journal entries for differences.

Every request carries `requestid`, by which QuickBooks answers a request sent twice with its first
answer. A payment is of one customer. Linked transactions go by their ids, which are the ids of the
open items; a journal entry's is taken from its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, ResultOf, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import QUICKBOOKS_NOTE_LETTERS, QUICKBOOKS_REFERENCE_LETTERS
from adapters.parts import by_customer, one_company
from adapters.undoing import Undone, undone_documents

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Line, Posting, Reversal

__all__ = [
    "Entity",
    "EntryDetail",
    "EntryLine",
    "JournalEntry",
    "LinkedTxn",
    "Payment",
    "PaymentLine",
    "QuickBooksSettings",
    "Ref",
    "VoidPayment",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "QuickBooks"
_TEXT_LETTERS: Final = 1_000
_TYPES: Final = {
    "invoice": "Invoice",
    "debit_memo": "Invoice",
    "finance_charge": "Invoice",
    "credit_memo": "CreditMemo",
    "on_account": "Payment",
}


class QuickBooksSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The realm of the company (by default the company's id)."""

    realm: str = ""


class Ref(msgspec.Struct, frozen=True):
    """A reference by id."""

    value: str


class LinkedTxn(msgspec.Struct, frozen=True):
    """A transaction a line is linked to."""

    TxnId: str | ResultOf
    TxnType: str


class PaymentLine(msgspec.Struct, frozen=True):
    """An amount (positive) and the one transaction it is for."""

    Amount: Decimal
    LinkedTxn: tuple[LinkedTxn, ...]


class Payment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST payment`."""

    CustomerRef: Ref
    TotalAmt: Decimal
    CurrencyRef: Ref
    TxnDate: dt.date
    DepositToAccountRef: Ref
    PaymentRefNum: str
    PrivateNote: str
    Line: tuple[PaymentLine, ...] = ()


class Entity(msgspec.Struct, frozen=True):
    """The customer of a line on receivables."""

    Type: str
    EntityRef: Ref


class EntryDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """Side and account of a line of a journal entry."""

    PostingType: str
    AccountRef: Ref
    Entity: Entity | None = None
    ClassRef: Ref | None = None
    DepartmentRef: Ref | None = None


class EntryLine(msgspec.Struct, frozen=True):
    """A line of a journal entry."""

    Amount: Decimal
    DetailType: str
    Description: str
    JournalEntryLineDetail: EntryDetail


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `POST journalentry`."""

    DocNumber: str
    TxnDate: dt.date
    CurrencyRef: Ref
    PrivateNote: str
    Line: tuple[EntryLine, ...]


class VoidPayment(msgspec.Struct, frozen=True):
    """Body of the void of a payment, or the deletion of a journal entry."""

    Id: ResultOf
    SyncToken: ResultOf
    sparse: bool


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """Per customer: journal entries for the differences, then the payment that links all."""
    one_company(posting, _ERP)
    if posting.suspense_minor:
        message = f"a payment of {_ERP} is of a customer, and the payer is not known"
        raise PostingRefusedError(message)
    settings = determination.settings_of(posting.company_id, QuickBooksSettings)
    documents: list[Document] = []
    for part in by_customer(posting, _ERP):
        differences = tuple(differences_of(part, determination))
        entry = _entry(part, differences, determination, settings) if differences else None
        documents += [] if entry is None else [entry]
        documents += [
            _deduction_item(part, one, determination, settings)
            for one in differences
            if one.kind == "deduction"
        ]
        documents.append(_payment(part, differences, entry, determination, settings))
    return tuple(documents)


def _payment(
    part: Posting,
    differences: tuple[Difference, ...],
    entry: Document | None,
    determination: Determination,
    settings: QuickBooksSettings,
) -> Document:
    lines = [
        PaymentLine(
            part.major(abs(line.closed_minor)),
            (LinkedTxn(line.item.open_item_id, _type(line)),),
        )
        for line in part.lines
        if line.closed_minor
    ]
    if entry is not None:
        # The entry's net on the customer's receivables closes what the invoices take beyond cash.
        net = sum(one.amount_minor for one in differences)
        if net:
            link = LinkedTxn(ResultOf(entry.document_id, "JournalEntry.Id"), "JournalEntry")
            lines.append(PaymentLine(part.major(abs(net)), (link,)))
    identity = part.document_id("payment", part.customer_id)
    body = Payment(
        CustomerRef=Ref(part.customer_id),
        TotalAmt=part.major(part.amount_minor),
        CurrencyRef=Ref(part.currency),
        TxnDate=part.posting_date,
        DepositToAccountRef=Ref(determination.bank(part.company_id, part.bank_account)),
        PaymentRefNum=part.reference[:QUICKBOOKS_REFERENCE_LETTERS],
        PrivateNote=text_of(part.payer_name, part.payment_id, length=QUICKBOOKS_NOTE_LETTERS),
        Line=tuple(lines),
    )
    needs = () if entry is None else (entry.document_id,)
    return _document(part, "payment", identity, body, settings, part.amount_minor, needs)


def _type(line: Line) -> str:
    return _TYPES[line.item.document_type]


def _entry(
    part: Posting,
    differences: tuple[Difference, ...],
    determination: Determination,
    settings: QuickBooksSettings,
) -> Document:
    """The journal entry that closes what cash does not: one line on receivables, as QuickBooks
    links a journal entry as a whole.
    """
    lines: list[EntryLine] = []
    for one in differences:
        text = text_of(
            one.kind.replace("_", "-"),
            one.reason,
            one.line.item.document_number,
            length=_TEXT_LETTERS,
        )
        lines.append(_entry_line(part, one.amount_minor, _target_detail(one), text))
    net = sum(one.amount_minor for one in differences)
    if net:
        lines.append(_entry_line(part, -net, _on_account(part, determination), part.reference))
    return _entry_document(part, ("differences", part.customer_id), lines, settings)


def _deduction_item(
    part: Posting, one: Difference, determination: Determination, settings: QuickBooksSettings
) -> Document:
    """The journal entry that leaves a deduction open on the customer's account."""
    number = deduction_number(part, one.line)
    text = text_of(number, one.reason, one.line.item.document_number, length=_TEXT_LETTERS)
    lines = [
        _entry_line(part, one.amount_minor, _on_account(part, determination), text),
        _entry_line(part, -one.amount_minor, _target_detail(one), text),
    ]
    return _entry_document(part, ("deduction", one.line.item.open_item_id), lines, settings)


def _on_account(part: Posting, determination: Determination) -> EntryDetail:
    receivable = Ref(determination.receivable(part.company_id))
    return EntryDetail("", receivable, Entity("Customer", Ref(part.customer_id)))


def _target_detail(one: Difference) -> EntryDetail:
    objects = one.target.cost_objects
    return EntryDetail(
        "",
        Ref(one.target.account),
        None,
        Ref(objects["class"]) if "class" in objects else None,
        Ref(objects["department"]) if "department" in objects else None,
    )


def _entry_line(part: Posting, minor: int, detail: EntryDetail, text: str) -> EntryLine:
    side = "Debit" if minor > 0 else "Credit"
    return EntryLine(
        part.major(abs(minor)),
        "JournalEntryLineDetail",
        text,
        msgspec.structs.replace(detail, PostingType=side),
    )


def _entry_document(
    part: Posting, key: tuple[str, ...], lines: list[EntryLine], settings: QuickBooksSettings
) -> Document:
    identity = part.document_id(*key)
    body = JournalEntry(
        DocNumber=f"T{short_id(identity, QUICKBOOKS_REFERENCE_LETTERS - 1)}",
        TxnDate=part.posting_date,
        CurrencyRef=Ref(part.currency),
        PrivateNote=text_of("differences of", part.payment_id, length=QUICKBOOKS_NOTE_LETTERS),
        Line=tuple(lines),
    )
    return _document(part, "journalentry", identity, body, settings, 0, ())


def _document(
    part: Posting,
    kind: str,
    identity: str,
    body: msgspec.Struct,
    settings: QuickBooksSettings,
    cash_minor: int,
    needs: tuple[str, ...],
) -> Document:
    realm = quote(settings.realm or part.company_id, safe="")
    return Document(
        document_id=identity,
        kind=kind,
        payment_id=part.payment_id,
        company_id=part.company_id,
        currency=part.currency,
        method="POST",
        path=f"/v3/company/{realm}/{kind}?requestid={identity}",
        body=body,
        cash_minor=cash_minor,
        needs=needs,
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Void the original's payments, then delete the journal entry of its differences."""
    settings = determination.settings_of(reversal.company_id, QuickBooksSettings)
    realm = quote(settings.realm or reversal.company_id, safe="")
    undone = undone_documents(
        reversal,
        determination,
        post,
        lambda customer: (
            ("payment", ("payment", customer)),
            ("journalentry", ("differences", customer)),
        ),
    )
    return tuple(_void(reversal, one, realm) for one in undone)


def _void(reversal: Reversal, one: Undone, realm: str) -> Document:
    identity = reversal.document_id("void", one.document_id)
    answer = "Payment" if one.kind == "payment" else "JournalEntry"
    how = "operation=update&include=void" if one.kind == "payment" else "operation=delete"
    return Document(
        document_id=identity,
        kind="void",
        payment_id=reversal.payment_id,
        company_id=reversal.company_id,
        currency=reversal.currency,
        method="POST",
        path=f"/v3/company/{realm}/{one.kind}?{how}&requestid={identity}",
        body=VoidPayment(
            ResultOf(one.document_id, f"{answer}.Id"),
            ResultOf(one.document_id, f"{answer}.SyncToken"),
            sparse=True,
        ),
        cash_minor=-(one.cash_minor or 0),
        needs=(one.document_id,) if one.document is not None else (),
        expects_minor=one.cash_minor,
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
