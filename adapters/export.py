"""All documents of a run for one ERP, and the proof that no cent was lost on the way.

A payment that cannot be posted is held with the reason, and the others go on. The sums are counted
again at the end: what the documents bring to the bank and what is held are what was paid, currency
by currency.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from adapters.documents import Document, Export
from adapters.errors import PostingRefusedError, PostingTotalsError
from adapters.ledger_rows import ledger_of
from adapters.postings import Held
from engine.money import format_minor

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.accounts import Determination
    from adapters.catalogue import Adapter
    from adapters.ledger_rows import PostingInput
    from adapters.postings import Posting, Reversal

    Source = TypeVar("Source", Posting, Reversal)

__all__ = ["export_documents"]


def export_documents(given: PostingInput, adapter: Adapter, determination: Determination) -> Export:
    """The documents of `given`; raises `AccountsError` or `PostingTotalsError`."""
    ledger = ledger_of(given, determination)
    documents: list[Document] = []
    held = list(ledger.held)
    posted: dict[str, Posting] = {}
    for posting in ledger.postings:
        made = _attempt(adapter.post, posting, determination, held)
        if made is not None:
            documents += made
            posted[posting.payment_id] = posting
    reversed_ones = []
    for reversal in ledger.reversals:
        if reversal.original is not None and reversal.original.payment_id not in posted:
            held.append(_held(reversal, "the payment that came back was not posted"))
            continue
        undone = _attempt(adapter.reverse, reversal, determination, held)
        if undone is not None:
            documents += undone
            reversed_ones.append(reversal)
    export = Export(
        adapter=adapter.name,
        documents=tuple(documents),
        postings=tuple(posted.values()),
        reversals=tuple(reversed_ones),
        held=tuple(sorted(held, key=lambda one: one.payment_id)),
    )
    _check_totals(given, export)
    return export


def _attempt(
    make: Callable[[Source, Determination], tuple[Document, ...]],
    source: Source,
    determination: Determination,
    held: list[Held],
) -> tuple[Document, ...] | None:
    """The documents of one payment; None where it is refused, which is noted."""
    try:
        return make(source, determination)
    except PostingRefusedError as error:
        held.append(_held(source, error.sentence, error.open_item_id))
        return None


def _held(source: Posting | Reversal, sentence: str, open_item_id: str = "") -> Held:
    return Held(
        payment_id=source.payment_id,
        company_id=source.company_id,
        currency=source.currency,
        amount_minor=source.paid_minor,
        reason="refused",
        sentence=sentence,
        open_item_id=open_item_id,
    )


def _check_totals(given: PostingInput, export: Export) -> None:
    """Documents and held payments are all payments, in money and in number."""
    paid: Counter[str] = Counter()
    for currency, amount in zip(
        given.payments.strings("currency"),
        given.payments.int64("amount_minor").tolist(),
        strict=True,
    ):
        paid[currency] += amount
    found: Counter[str] = Counter()
    for document in export.documents:
        found[document.currency] += document.cash_minor
    for one in export.held:
        found[one.currency] += one.amount_minor
    for currency in sorted(paid | found):
        if paid[currency] != found[currency]:
            message = (
                f"the payments are {format_minor(paid[currency], currency)} {currency}, documents "
                f"and held payments {format_minor(found[currency], currency)}: nothing is exported"
            )
            raise PostingTotalsError(message)
    count = len(export.postings) + len(export.reversals) + len(export.held)
    if count != len(given.payments):
        message = f"{len(given.payments)} payments became {count}: nothing is exported"
        raise PostingTotalsError(message)
