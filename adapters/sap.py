"""SAP ECC and S/4HANA on premise: tables FTPOST and FTCLEAR of the internal posting interface.

A program at the customer hands them to `POSTING_INTERFACE_CLEARING` (transaction FB05) between
`POSTING_INTERFACE_START` and `_END`; a payment that clears nothing goes to
`POSTING_INTERFACE_DOCUMENT` (FB01). An item is cleared only where this payment alone takes the
whole of it; else a payment line with the invoice's reference stands beside it (a partial payment),
and both are cleared when the rest is. Differences are lines of their own, deductions are residual
items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from adapters.csv_text import csv_bytes
from adapters.differences import deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import (
    SAP_ASSIGNMENT_LETTERS,
    SAP_HEADER_TEXT_LETTERS,
    SAP_LINES_MAX,
    SAP_REFERENCE_LETTERS,
    SAP_TEXT_LETTERS,
)

if TYPE_CHECKING:
    import datetime as dt

    from adapters.accounts import Determination, Target
    from adapters.postings import Item, Line, Posting, Reversal

__all__ = [
    "FtClear",
    "FtPost",
    "PostingCall",
    "ReversalCall",
    "SapSettings",
    "files",
    "post",
    "reverse",
]

_DATE_FORMATS: Final = {
    "DD.MM.YYYY": "%d.%m.%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYYMMDD": "%Y%m%d",
}
_BANK_DEBIT, _DEBIT, _CREDIT = "40", "40", "50"
_PAYMENT, _PAYMENT_DIFFERENCE, _OUTGOING = "15", "06", "05"
_KEY_PARTS: Final = (10, 4, 3)
"""BELNR, GJAHR, BUZEI: the letters of each."""


class SapSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the system reads values and finds items.

    `decimal` and `date` are those of the user who posts: batch input reads values as that user
    types them. `select_by`: `XBLNR` finds an item by its document number as reference, `BELNR` by
    an `open_item_id` of accounting document, fiscal year and line, with `/` or `-` between.
    """

    document_type: str = "DZ"
    decimal: Literal[".", ","] = "."
    date: Literal["DD.MM.YYYY", "MM/DD/YYYY", "YYYY-MM-DD", "YYYYMMDD"] = "DD.MM.YYYY"
    select_by: Literal["XBLNR", "BELNR"] = "XBLNR"
    reversal_reason: str = "01"


class FtPost(msgspec.Struct, frozen=True):
    """A field of the document's header (`STYPE` K) or of a line (P)."""

    STYPE: str
    COUNT: str
    FNAM: str
    FVAL: str


class FtClear(msgspec.Struct, frozen=True):
    """An open item to be cleared."""

    AGKOA: str
    AGKON: str
    AGBUK: str
    XNOPS: str
    SELFD: str
    SELVON: str


class PostingCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The parameters of `POSTING_INTERFACE_CLEARING` or `POSTING_INTERFACE_DOCUMENT`."""

    I_TCODE: str
    T_FTPOST: tuple[FtPost, ...]
    I_AUGLV: str = ""
    I_SGFUNCT: str = ""
    T_FTCLEAR: tuple[FtClear, ...] = ()


class ReversalCall(msgspec.Struct, frozen=True):
    """Reset the clearing (FBRA) and reverse the document (FB08) of a reference."""

    BUKRS: str
    XBLNR: str
    STGRD: str
    BUDAT: str


class _Call:
    """Collects the lines of one document."""

    def __init__(self, posting: Posting, settings: SapSettings) -> None:
        self._posting = posting
        self._settings = settings
        self.fields: list[FtPost] = []
        self.clears: list[FtClear] = []
        self._lines = 0

    def header(self) -> None:
        posting, settings = self._posting, self._settings
        values = {
            "BKPF-BUKRS": posting.company_id,
            "BKPF-BLART": settings.document_type,
            "BKPF-BLDAT": _date(posting.document_date, settings),
            "BKPF-BUDAT": _date(posting.posting_date, settings),
            "BKPF-WAERS": posting.currency,
            "BKPF-XBLNR": _reference(posting.document_id("document")),
            "BKPF-BKTXT": posting.reference[:SAP_HEADER_TEXT_LETTERS],
        }
        self.fields += [FtPost("K", "001", name, value) for name, value in values.items() if value]

    def line(
        self,
        key: str,
        account: str,
        minor: int,
        *,
        company_id: str,
        assignment: str = "",
        text: str = "",
        target: Target | None = None,
        invoice: str = "",
    ) -> None:
        """A line of `minor` units (positive); `invoice` is the key of the item it belongs to."""
        self._lines += 1
        if self._lines > SAP_LINES_MAX:
            message = (
                f"the document has more than {SAP_LINES_MAX} lines, the most SAP takes; "
                f"post it in parts by hand"
            )
            raise PostingRefusedError(message, assignment)
        amount = f"{self._posting.major(minor):f}".replace(".", self._settings.decimal)
        values = {
            "RF05A-NEWBS": key,
            "RF05A-NEWKO": account,
            "RF05A-NEWBK": company_id if company_id != self._posting.company_id else "",
            "BSEG-WRBTR": amount,
            "BSEG-ZUONR": assignment[:SAP_ASSIGNMENT_LETTERS],
            "BSEG-SGTXT": text[:SAP_TEXT_LETTERS],
            "BSEG-RSTGR": "" if target is None else target.reason_code,
        }
        if invoice:
            parts = _key_parts(invoice)
            values |= dict(zip(("BSEG-REBZG", "BSEG-REBZJ", "BSEG-REBZZ"), parts, strict=True))
        for name, value in ({} if target is None else target.cost_objects).items():
            values[name if "-" in name else f"COBL-{name}"] = value
        count = f"{self._lines:03d}"
        self.fields += [FtPost("P", count, name, value) for name, value in values.items() if value]

    def clear(self, item: Item) -> None:
        """Select an item to be cleared."""
        by_key = self._settings.select_by == "BELNR"
        if not by_key and not item.is_alone:
            message = (
                f"the customer has several open items with the number {item.document_number!r}, "
                f'and SAP would clear all of them; set settings.select_by = "BELNR"'
            )
            raise PostingRefusedError(message, item.open_item_id)
        value = "".join(_key_parts(item.open_item_id)) if by_key else item.document_number
        if not by_key and len(value) > SAP_REFERENCE_LETTERS:
            message = f"the number {value!r} is longer than the {SAP_REFERENCE_LETTERS} of XBLNR"
            raise PostingRefusedError(message, item.open_item_id)
        self.clears.append(
            FtClear("D", item.customer_id, item.company_id, "X", self._settings.select_by, value)
        )


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """One accounting document: bank, differences, what stays open; cleared items balance it."""
    settings = determination.settings_of(posting.company_id, SapSettings)
    call = _Call(posting, settings)
    call.header()
    company = posting.company_id
    bank = determination.bank(company, posting.bank_account)
    if posting.amount_minor:
        call.line(
            _BANK_DEBIT,
            bank,
            posting.amount_minor,
            company_id=company,
            assignment=posting.reference,
            text=posting.payer_name,
        )
    for line in posting.lines:
        _settle(call, line, settings)
    for difference in differences_of(posting, determination):
        item, minor = difference.line.item, difference.amount_minor
        number, key, account = item.document_number, _DEBIT, difference.target.account
        if minor < 0:
            key = _CREDIT
        if difference.kind == "deduction":
            number = deduction_number(posting, difference.line)
            key, account = _PAYMENT_DIFFERENCE if minor > 0 else _PAYMENT, item.customer_id
        call.line(
            key,
            account,
            abs(minor),
            company_id=item.company_id,
            assignment=number,
            text=text_of(difference.kind, difference.reason, item.document_number, length=50),
            target=difference.target,
        )
    if posting.credit_minor:
        call.line(
            _PAYMENT,
            posting.customer_id,
            posting.credit_minor,
            company_id=company,
            text="on account",
        )
    if posting.suspense_minor:
        target = determination.suspense(company)
        call.line(
            _CREDIT, target.account, posting.suspense_minor, company_id=company, target=target
        )
    return (_document(posting, call),)


def _settle(call: _Call, line: Line, settings: SapSettings) -> None:
    """Clear the item, or put a line of what is taken off it beside it."""
    item = line.item
    if line.closes:
        call.clear(item)
    elif line.closed_minor:
        call.line(
            _PAYMENT if line.closed_minor > 0 else _OUTGOING,
            item.customer_id,
            abs(line.closed_minor),
            company_id=item.company_id,
            assignment=item.document_number,
            text=f"part of {item.document_number}",
            invoice=item.open_item_id if settings.select_by == "BELNR" else "",
        )


def _document(posting: Posting, call: _Call) -> Document:
    clears = bool(call.clears)
    return Document(
        document_id=posting.document_id("document"),
        kind="clearing" if clears else "document",
        payment_id=posting.payment_id,
        company_id=posting.company_id,
        currency=posting.currency,
        method="RFC",
        path=f"POSTING_INTERFACE_{'CLEARING' if clears else 'DOCUMENT'}",
        cash_minor=posting.amount_minor,
        body=PostingCall(
            I_TCODE="FB05" if clears else "FB01",
            I_AUGLV="EINGZAHL" if clears else "",
            I_SGFUNCT="C" if clears else "",
            T_FTPOST=tuple(call.fields),
            T_FTCLEAR=tuple(call.clears),
        ),
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Reset and reverse the original's document, which its reference finds."""
    settings = determination.settings_of(reversal.company_id, SapSettings)
    original = reversal.original_document_id("document")
    return (
        Document(
            document_id=reversal.document_id("reversal"),
            kind="reversal",
            payment_id=reversal.payment_id,
            company_id=reversal.company_id,
            currency=reversal.currency,
            method="RFC",
            path="CALL_FBRA, CALL_FB08",
            cash_minor=-reversal.cash_minor,
            needs=(original,) if reversal.original is not None else (),
            expects_minor=reversal.cash_minor,
            body=ReversalCall(
                BUKRS=reversal.company_id,
                XBLNR=_reference(original),
                STGRD=settings.reversal_reason,
                BUDAT=_date(reversal.posting_date, settings),
            ),
        ),
    )


def _date(day: dt.date, settings: SapSettings) -> str:
    return day.strftime(_DATE_FORMATS[settings.date])


def _reference(identity: str) -> str:
    return f"T{short_id(identity, SAP_REFERENCE_LETTERS - 1)}"


def _key_parts(open_item_id: str) -> tuple[str, str, str]:
    """Accounting document, fiscal year and line of an item's id, a company in front left out."""
    parts = open_item_id.replace("/", "-").split("-")[-3:]
    if len(parts) < len(_KEY_PARTS) or not all(part.isalnum() for part in parts):
        message = (
            f"{open_item_id!r} is no accounting document, fiscal year and line such as "
            f'1800000123/2026/001; set settings.select_by = "XBLNR", or export such ids'
        )
        raise PostingRefusedError(message, open_item_id)
    document, year, line = (
        part.rjust(width, "0") for part, width in zip(parts, _KEY_PARTS, strict=True)
    )
    return document, year, line


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """`ftpost.csv`, `ftclear.csv` and `reversals.csv`: rows of the tables with their document."""
    posted = [(one.document_id, one.body) for one in documents if isinstance(one.body, PostingCall)]
    undone = [
        (one.document_id, one.body) for one in documents if isinstance(one.body, ReversalCall)
    ]
    fields = ((key, *msgspec.structs.astuple(row)) for key, call in posted for row in call.T_FTPOST)
    clears = (
        (key, *msgspec.structs.astuple(row)) for key, call in posted for row in call.T_FTCLEAR
    )
    return {
        "ftpost.csv": csv_bytes(("document_id", *FtPost.__struct_fields__), fields),
        "ftclear.csv": csv_bytes(("document_id", *FtClear.__struct_fields__), clears),
        "reversals.csv": csv_bytes(
            ("document_id", *ReversalCall.__struct_fields__),
            ((key, *msgspec.structs.astuple(call)) for key, call in undone),
        ),
    }
