"""SAP payment advice: what a payment pays, for SAP's own clearing; the least intrusive way.

Tables AVIK (one advice per customer) and AVIP (its lines). SAP finds the items, takes differences
by its own reason codes and tolerances, and posts. Nothing is posted here, so nothing is reversed
here: a returned payment is reversed in SAP by whoever posted it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from adapters.csv_text import csv_bytes
from adapters.differences import differences_of
from adapters.document_ids import short_id
from adapters.documents import Document
from adapters.errors import PostingRefusedError
from adapters.limits import SAP_REFERENCE_LETTERS
from adapters.parts import by_customer

if TYPE_CHECKING:
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Posting, Reversal

__all__ = ["Advice", "AdviceHeader", "AdviceLine", "files", "post", "reverse"]


class AdviceHeader(msgspec.Struct, frozen=True):
    """AVIK: company, customer, number of the advice, payment amount."""

    BUKRS: str
    KOART: str
    KONTO: str
    AVSID: str
    WAERS: str
    RWBTR: Decimal


class AdviceLine(msgspec.Struct, frozen=True):
    """AVIP: an item by its reference; gross, discount and net amount, reason of the difference."""

    BUKRS: str
    KOART: str
    KONTO: str
    AVSID: str
    AVSPO: str
    WAERS: str
    SFELD: str
    SWERT: str
    WRBTR: Decimal
    WSKTO: Decimal
    NEBTR: Decimal
    RSTGR: str


class Advice(msgspec.Struct, frozen=True):
    """One payment advice."""

    AVIK: AdviceHeader
    AVIP: tuple[AdviceLine, ...]


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """An advice per customer of the payment."""
    if posting.suspense_minor:
        message = "an advice is of a customer, and the payer is not known"
        raise PostingRefusedError(message)
    reasons: dict[str, str] = {}
    for difference in differences_of(posting, determination):
        if difference.target.reason_code and difference.kind != "discount":
            reasons[difference.line.item.open_item_id] = difference.target.reason_code
    return tuple(_advice(part, reasons) for part in by_customer(posting, "a payment advice"))


def _advice(part: Posting, reasons: dict[str, str]) -> Document:
    identity = part.document_id("advice", part.customer_id)
    number = f"T{short_id(identity, SAP_REFERENCE_LETTERS - 1)}"
    lines = tuple(
        AdviceLine(
            BUKRS=line.item.company_id,
            KOART="D",
            KONTO=part.customer_id,
            AVSID=number,
            AVSPO=f"{place:05d}",
            WAERS=part.currency,
            SFELD="XBLNR",
            SWERT=line.item.document_number,
            WRBTR=part.major(line.closed_minor),
            WSKTO=part.major(line.discount_minor),
            NEBTR=part.major(line.cash_minor),
            RSTGR=reasons.get(line.item.open_item_id, ""),
        )
        for place, line in enumerate(part.lines, 1)
    )
    return Document(
        document_id=identity,
        kind="payment_advice",
        payment_id=part.payment_id,
        company_id=part.company_id,
        currency=part.currency,
        method="FILE",
        path="avik.csv, avip.csv",
        cash_minor=part.amount_minor,
        body=Advice(
            AVIK=AdviceHeader(
                BUKRS=part.company_id,
                KOART="D",
                KONTO=part.customer_id,
                AVSID=number,
                WAERS=part.currency,
                RWBTR=part.major(part.amount_minor),
            ),
            AVIP=lines,
        ),
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """Refused: an advice posts nothing that could be reversed."""
    del determination
    message = (
        f"a payment advice cannot be reversed; reverse what SAP posted of payment "
        f"{reversal.original_payment_id} there (FBRA, FB08)"
    )
    raise PostingRefusedError(message)


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """`avik.csv` and `avip.csv`: rows of the tables with their document."""
    given = [(one.document_id, one.body) for one in documents if isinstance(one.body, Advice)]
    return {
        "avik.csv": csv_bytes(
            ("document_id", *AdviceHeader.__struct_fields__),
            ((key, *msgspec.structs.astuple(advice.AVIK)) for key, advice in given),
        ),
        "avip.csv": csv_bytes(
            ("document_id", *AdviceLine.__struct_fields__),
            ((key, *msgspec.structs.astuple(row)) for key, advice in given for row in advice.AVIP),
        ),
    }
