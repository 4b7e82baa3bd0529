"""NetSuite: customer payments that apply invoices and credits, journal entries for differences.

A payment applies documents by internal or external id, never by number, at most 5,000 lines each:
a larger one is cut into several payments of the same bank line. What closes an invoice besides its
cash is a journal entry on the customer's receivables, which the payment applies as a credit; the
other side of a deduction stays on the customer's account as an open debit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import NETSUITE_LINES_MAX
from adapters.parts import by_customer, chunks_of, one_company
from adapters.undoing import Undone, undone_documents

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Line, Posting, Reversal

__all__ = [
    "Apply",
    "CustomerPayment",
    "EntryLine",
    "Items",
    "JournalEntry",
    "NetSuiteSettings",
    "Reference",
    "Void",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "NetSuite"
_RECORDS: Final = "/services/rest/record/v1"
_MEMO_LETTERS: Final = 300
_SEGMENTS: Final = ("department", "class", "location")


class NetSuiteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By which id NetSuite knows items and customers; the subsidiary is the company's id."""

    item_ids: Literal["internal", "external"] = "internal"
    customer_ids: Literal["internal", "external"] = "internal"
    subsidiary: str = ""


class Reference(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A record by internal or external id."""

    id: str = ""
    external_id: str = ""


class Apply(msgspec.Struct, frozen=True, kw_only=True):
    """A document in the sublist `apply` or `credit`, or the `line` of a journal entry."""

    doc: Reference
    apply: bool
    amount: Decimal
    line: int | msgspec.UnsetType = msgspec.UNSET


class Items(msgspec.Struct, frozen=True):
    """A sublist."""

    items: tuple[msgspec.Struct, ...]


class CustomerPayment(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"
):
    """Body of `POST customerPayment`."""

    external_id: str
    customer: Reference
    subsidiary: Reference
    currency: str
    account: Reference
    payment: Decimal
    tran_date: dt.date
    memo: str
    check_num: str = ""
    auto_apply: bool = True
    apply: Items | None = None
    credit: Items | None = None


class EntryLine(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"class_": "class"}
):
    """A line of a journal entry; cost objects are NetSuite's three segments."""

    account: Reference
    debit: Decimal | None = None
    credit: Decimal | None = None
    entity: Reference | None = None
    memo: str = ""
    department: Reference | None = None
    class_: Reference | None = None
    location: Reference | None = None


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of `POST journalEntry`."""

    external_id: str
    subsidiary: Reference
    currency: str
    tran_date: dt.date
    memo: str
    line: Items


class Void(msgspec.Struct, frozen=True, rename="camel"):
    """What `transaction.void` is given; "void transactions using reversing journals" must be on."""

    type: str
    external_id: str
    void_date: dt.date
    memo: str


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """Per customer: a journal entry for the differences, then the payments that apply all."""
    one_company(posting, _ERP)
    if posting.suspense_minor:
        message = f"{_ERP} posts payments of a customer, and the payer is not known"
        raise PostingRefusedError(message)
    settings = determination.settings_of(posting.company_id, NetSuiteSettings)
    documents: list[Document] = []
    for part in by_customer(posting, _ERP):
        documents += _part(part, determination, settings)
    return tuple(documents)


def _part(
    part: Posting, determination: Determination, settings: NetSuiteSettings
) -> list[Document]:
    differences = tuple(differences_of(part, determination))
    shares: dict[str, list[tuple[int, int]]] = {}
    entry = None
    if differences:
        entry, numbered = _entry(part, differences, determination, settings)
        for number, one in numbered:
            item = one.line.item.open_item_id
            shares.setdefault(item, []).append((number, one.amount_minor))
    # Each difference takes a line of its own in the payment that applies it.
    widest = max((len(own) for own in shares.values()), default=0)
    cuts = chunks_of(part.lines, NETSUITE_LINES_MAX // (1 + widest), _ERP)
    documents = [] if entry is None else [entry]
    for at, lines in enumerate(cuts):
        credit = part.credit_minor if at == 0 else 0
        amount = credit + sum(line.cash_minor for line in lines)
        chunk = msgspec.structs.replace(part, lines=lines, credit_minor=credit, amount_minor=amount)
        body = _payment(chunk, entry, shares, settings)
        identity = part.document_id("payment", part.customer_id, str(at))
        body = msgspec.structs.replace(
            body,
            external_id=identity,
            account=Reference(id=determination.bank(part.company_id, part.bank_account)),
        )
        needs = () if entry is None else (entry.document_id,)
        documents.append(
            _document(chunk, "customer_payment", identity, "customerPayment", body, needs=needs)
        )
    return documents


def _payment(
    part: Posting,
    entry: Document | None,
    shares: dict[str, list[tuple[int, int]]],
    settings: NetSuiteSettings,
) -> CustomerPayment:
    """The payment of one chunk, without its id and account."""
    applied: list[msgspec.Struct] = []
    netted: list[msgspec.Struct] = []
    for line in part.lines:
        closed = line.closed_minor
        doc = _item(line, settings)
        given = Apply(doc=doc, apply=True, amount=part.major(abs(closed)))
        (applied if closed >= 0 else netted).append(given)
        for number, minor in shares.get(line.item.open_item_id, ()) if entry else ():
            journal = Reference(external_id=entry.document_id if entry else "")
            amount = part.major(abs(minor))
            share = Apply(doc=journal, apply=True, amount=amount, line=number)
            (netted if minor > 0 else applied).append(share)
    return CustomerPayment(
        external_id="",
        customer=_reference(part.customer_id, settings.customer_ids, "customer", ""),
        subsidiary=Reference(id=settings.subsidiary or part.company_id),
        currency=part.currency,
        account=Reference(),
        payment=part.major(part.amount_minor),
        tran_date=part.posting_date,
        memo=text_of(part.reference, part.payer_name, length=_MEMO_LETTERS),
        check_num=part.reference if part.method == "check" else "",
        auto_apply=False,
        apply=Items(tuple(applied)) if applied else None,
        credit=Items(tuple(netted)) if netted else None,
    )


def _entry(
    part: Posting,
    differences: tuple[Difference, ...],
    determination: Determination,
    settings: NetSuiteSettings,
) -> tuple[Document, list[tuple[int, Difference]]]:
    """The journal entry of what closes items besides cash, and the line each difference is on."""
    customer = _reference(part.customer_id, settings.customer_ids, "customer", "")
    receivable = Reference(id=determination.receivable(part.company_id))
    lines: list[msgspec.Struct] = []
    numbered = []
    for one in differences:
        item, minor = one.line.item, one.amount_minor
        kind = one.kind.replace("_", "-")
        text = text_of(kind, one.reason, item.document_number, length=_MEMO_LETTERS)
        lines.append(_entry_line(part, receivable, -minor, customer, text))
        numbered.append((len(lines), one))
        if one.kind == "deduction":
            number = deduction_number(part, one.line)
            lines.append(_entry_line(part, receivable, minor, customer, f"{number} {text}"))
        else:
            lines.append(_target_line(part, one, text))
    identity = part.document_id("differences", part.customer_id)
    body = JournalEntry(
        external_id=identity,
        subsidiary=Reference(id=settings.subsidiary or part.company_id),
        currency=part.currency,
        tran_date=part.posting_date,
        memo=text_of("differences of", part.reference, length=_MEMO_LETTERS),
        line=Items(tuple(lines)),
    )
    return _document(part, "journal_entry", identity, "journalEntry", body, cash_minor=0), numbered


def _entry_line(
    part: Posting, account: Reference, minor: int, entity: Reference | None, memo: str
) -> EntryLine:
    amount = part.major(abs(minor))
    return EntryLine(
        account=account,
        debit=amount if minor > 0 else None,
        credit=amount if minor < 0 else None,
        entity=entity,
        memo=memo,
    )


def _target_line(part: Posting, one: Difference, memo: str) -> EntryLine:
    """The line on the account of a difference, with its segments."""
    objects = one.target.cost_objects
    for name in objects:
        if name not in _SEGMENTS:
            message = f"cost object {name!r} is none of NetSuite's {', '.join(_SEGMENTS)}"
            raise PostingRefusedError(message, one.line.item.open_item_id)
    line = _entry_line(part, Reference(id=one.target.account), one.amount_minor, None, memo)
    segments = {name: Reference(id=value) for name, value in objects.items()}
    return msgspec.structs.replace(
        line,
        department=segments.get("department"),
        class_=segments.get("class"),
        location=segments.get("location"),
    )


def _item(line: Line, settings: NetSuiteSettings) -> Reference:
    return _reference(line.item.open_item_id, settings.item_ids, "item", line.item.open_item_id)


def _reference(identity: str, kind: str, what: str, open_item_id: str) -> Reference:
    if kind == "external":
        return Reference(external_id=identity)
    if not identity.isdecimal():
        message = (
            f"NetSuite knows a {what} by internal or external id, and {identity!r} is no internal "
            f'id; set settings.{what}_ids = "external", or export internal ids'
        )
        raise PostingRefusedError(message, open_item_id)
    return Reference(id=identity)


def _document(
    part: Posting,
    kind: str,
    identity: str,
    record: str,
    body: msgspec.Struct,
    *,
    needs: tuple[str, ...] = (),
    cash_minor: int | None = None,
) -> Document:
    return Document(
        document_id=identity,
        kind=kind,
        payment_id=part.payment_id,
        company_id=part.company_id,
        currency=part.currency,
        method="POST",
        path=f"{_RECORDS}/{record}",
        body=body,
        cash_minor=part.amount_minor if cash_minor is None else cash_minor,
        needs=needs,
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Void the original's payments, then the journal entry of its differences."""
    undone = undone_documents(
        reversal,
        determination,
        post,
        lambda customer: (
            ("customer_payment", ("payment", customer, "0")),
            ("journal_entry", ("differences", customer)),
        ),
    )
    return tuple(_void(reversal, one) for one in undone)


def _void(reversal: Reversal, one: Undone) -> Document:
    record = "customerPayment" if one.kind == "customer_payment" else "journalEntry"
    text = text_of("returned payment", reversal.reference, length=_MEMO_LETTERS)
    return Document(
        document_id=reversal.document_id("void", one.document_id),
        kind="void",
        payment_id=reversal.payment_id,
        company_id=reversal.company_id,
        currency=reversal.currency,
        method="SUITESCRIPT",
        path="N/transaction.void",
        cash_minor=-(one.cash_minor or 0),
        needs=(one.document_id,) if one.document is not None else (),
        expects_minor=one.cash_minor,
        body=Void(record, one.document_id, reversal.posting_date, text),
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
