"""A document as it is sent: whose it is, what must stand before it, and the ERP's own content.

What an ERP gives only when it has posted (the id of a new record) is named by `ResultOf`, what it
knows already by `Found`: who sends the documents puts the values in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from adapters.postings import Held, Posting, Reversal

__all__ = ["Document", "Export", "Found", "ResultOf", "document_lines", "text_of"]

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class ResultOf(msgspec.Struct, frozen=True, rename={"document_id": "$result_of"}):
    """A field of what the ERP answered to an earlier document."""

    document_id: str
    field: str


class Found(
    msgspec.Struct, frozen=True, rename={"model": "$find", "domain": "where"}, omit_defaults=True
):
    """A field of the one record the ERP finds; none or several are an error of the sender."""

    model: str
    domain: tuple[tuple[str, str, Any], ...]
    field: str = "id"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One document of one payment.

    `needs` are ids of documents that must stand before it. `unless` finds what a document sent
    twice would be there already. `expects_minor`, where given, is the amount the record that is
    changed must have. `body` is the ERP's own content.
    """

    document_id: str
    kind: str
    payment_id: str
    company_id: str
    currency: str
    method: str
    path: str
    body: msgspec.Struct
    cash_minor: int = 0
    needs: tuple[str, ...] = ()
    unless: Found | None = None
    expects_minor: int | None = None


class _Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of `documents.jsonl`."""

    document_id: str
    kind: str
    payment_id: str
    method: str
    path: str
    idempotency_key: str
    body: msgspec.Struct
    needs: tuple[str, ...] = ()
    unless: Found | None = None
    expects_minor: int | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """All documents of a run, in the order they are to be sent, and what was held back.

    `postings` and `reversals` are those the documents are of.
    """

    adapter: str
    documents: tuple[Document, ...]
    postings: tuple[Posting, ...]
    reversals: tuple[Reversal, ...]
    held: tuple[Held, ...]


def document_lines(documents: tuple[Document, ...]) -> bytes:
    """`documents` as JSON lines: one object per document, amounts as exact numbers."""
    sent = (
        _Sent(
            one.document_id,
            one.kind,
            one.payment_id,
            one.method,
            one.path,
            one.document_id,
            one.body,
            one.needs,
            one.unless,
            one.expects_minor,
        )
        for one in documents
    )
    return b"".join(_ENCODER.encode(one) + b"\n" for one in sent)


def text_of(*parts: str, length: int) -> str:
    """The parts that say something, with blanks between, cut to `length` letters."""
    return " ".join(part for part in parts if part)[:length].rstrip()
