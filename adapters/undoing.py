"""What a return must undo: the documents its original was posted as.

Where the original is of the same run they are known, with their amounts. Where it is of an earlier
run their ids are known (they follow from the payment), their amounts only where the payment was of
one customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.accounts import Determination
    from adapters.documents import Document
    from adapters.postings import Posting, Reversal

__all__ = ["Undone", "undone_documents"]


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be undone; `cash_minor` is what it brought, None where that is not known.

    `document` is the document itself where the original is of the same run.
    """

    document_id: str
    kind: str
    cash_minor: int | None
    document: Document | None = None


def undone_documents(
    reversal: Reversal,
    determination: Determination,
    post: Callable[[Posting, Determination], tuple[Document, ...]],
    parts: Callable[[str], tuple[tuple[str, tuple[str, ...]], ...]],
) -> tuple[Undone, ...]:
    """The original's documents, the last first.

    `parts` gives for a customer the kinds and id parts of the documents an original of an earlier
    run had: the payment first, then, where more than cash was closed, that of the differences.
    """
    if reversal.original is not None:
        posted = post(reversal.original, determination)
        return tuple(
            Undone(
                document_id=one.document_id,
                kind=one.kind,
                cash_minor=one.cash_minor,
                document=one,
            )
            for one in reversed(posted)
        )
    customers = reversal.customers
    beyond_cash = reversal.reopened_minor != reversal.cash_minor
    found = []
    for customer in customers:
        for at, (kind, part) in enumerate(parts(customer)):
            if at and not beyond_cash:
                continue
            cash = None if len(customers) > 1 else reversal.cash_minor if at == 0 else 0
            identity = reversal.original_document_id(*part)
            found.append(Undone(document_id=identity, kind=kind, cash_minor=cash))
    return tuple(found)
