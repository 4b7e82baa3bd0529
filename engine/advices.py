"""Remittance advice that arrived apart from the cash finds its payment.

Keys are tried from certain to likely (`engine.advice_keys`). A key that fits several payments, or a
payment that advices of different content claim by it, joins nothing: a wrong advice is worse than
none. The same advice from several sources counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.advice_keys import advice_scale, payments_of_lines
from engine.batches import AdviceBatch, PaymentBatch, RemittanceBatch
from engine.owner_table import NOBODY, SEVERAL
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["JoinedAdvices", "OrphanAdvice", "join_advices"]


class OrphanAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """An advice no payment could use; `total_scaled` is the sum of its lines (four decimals).

    `currency` is empty where its source names none.
    """

    remittance_id: str
    file_id: str
    source_file: str
    advice_number: int
    currency: str
    total_scaled: int


class JoinedAdvices(msgspec.Struct, frozen=True, kw_only=True):
    """All remittance lines, those of `joined` advices too, and the advices nobody could use."""

    remittances: RemittanceBatch
    joined: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    orphans: Sequence[OrphanAdvice] = ()


class _Advices(msgspec.Struct, frozen=True):
    """Advices in canonical order, each content once.

    lines: the rows, those of one advice together; line_advice: the advice of each row.
    copies: advice of each row of `every`, which holds the copies of other sources as well.
    head: first row of each advice; content: what its lines say, without its id, as a code.
    """

    lines: AdviceBatch
    line_advice: NDArray[np.int64]
    every: AdviceBatch
    copies: NDArray[np.int64]
    head: NDArray[np.int64]
    content: NDArray[np.int64]


def join_advices(
    payments: PaymentBatch, remittances: RemittanceBatch, advices: AdviceBatch
) -> JoinedAdvices:
    """Add the lines of advices that belong to exactly one payment without lines of its own."""
    if not len(advices):
        return JoinedAdvices(remittances=remittances)
    found = _distinct(advices)
    count = len(found.head)
    payment, by_own_id = payments_of_lines(payments, found.every)
    owner = _owners(payment, found.copies, count)
    lined = np.zeros(len(payments), dtype=np.bool_)
    if len(remittances):
        at = pc.index_in(remittances.text("payment_id"), value_set=payments.text("payment_id"))
        lined[at.drop_null().to_numpy(zero_copy_only=False)] = True
    # A payment may have several advices (one per document) only where they name it by its own id.
    named = np.zeros(count, dtype=np.bool_)
    named[found.copies[by_own_id]] = True
    chosen, alike = _chosen(owner, found.content, len(payments))
    # One entry more than payments, so that "no payment" (-1) has one as well.
    lined = np.append(lined, False)
    at_payment = np.maximum(owner, NOBODY)
    usable = (owner >= 0) & (chosen | named) & ~lined[at_payment]
    lines = usable[found.line_advice].nonzero()[0]
    joined = _as_remittances(payments, found.lines, lines, owner[found.line_advice[lines]])
    # An advice nobody uses is said: only one whose payment has lines of its own, or those of an
    # equal advice, is superfluous.
    superfluous = (owner >= 0) & (lined[at_payment] | alike)
    return JoinedAdvices(
        remittances=RemittanceBatch.concat([remittances, joined]) if len(lines) else remittances,
        joined=joined,
        orphans=_orphans(found, (~usable & ~superfluous).nonzero()[0]),
    )


def _distinct(advices: AdviceBatch) -> _Advices:
    """Rows by id, source and line number; advices of one id and equal lines are one."""
    every = advices.take(_in_order(advices))
    ranks = [_rank(every.text(name)) for name in ("remittance_id", "file_id")]
    first = first_of_runs(*ranks, every.int64("advice_number"))
    head = first.nonzero()[0]
    code = first.cumsum() - 1
    said = pc.binary_join(
        pa.ListArray.from_arrays(
            pa.array(np.append(head, len(every)), pa.int32()), _line_texts(every)
        ),
        "\x1e",
    )
    content = _codes(said)
    by_id_and_content = pc.binary_join_element_wise(
        every.text("remittance_id").take(pa.array(head)), said, "\x1d"
    )
    same = _codes(by_id_and_content)  # in order of first appearance
    kept = (np.diff(np.maximum.accumulate(same), prepend=-1) > 0).nonzero()[0]
    rows = np.isin(code, kept).nonzero()[0]
    return _Advices(
        lines=every.take(rows),
        line_advice=same[code[rows]],
        every=every,
        copies=same[code],
        head=head[kept],
        content=content[kept],
    )


def _in_order(advices: AdviceBatch) -> NDArray[np.int64]:
    """Rows in an order that does not depend on the one they came in."""
    return np.lexsort(
        (
            advices.int64("line_number"),
            advices.int64("advice_number"),
            _rank(advices.text("file_id")),
            _rank(advices.text("remittance_id")),
        )
    )


def _rank(texts: pa.StringArray) -> NDArray[np.int64]:
    rank: NDArray[np.int64] = (
        pc.rank(texts, tiebreaker="dense").to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return rank


def _codes(texts: pa.StringArray) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = (
        texts.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return codes


def _line_texts(advices: AdviceBatch) -> pa.StringArray:
    """What each line says about its document, whatever it says about its payment."""
    amounts = [
        pc.fill_null(advices.record_batch.column(name).cast(pa.string()), "")
        for name in ("amount_minor", "discount_minor", "deduction_minor")
    ]
    return pc.binary_join_element_wise(advices.text("reference"), *amounts, "\x1f")


def _owners(payment: NDArray[np.int64], advice: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The payment all lines of an advice agree on, in every copy that finds one."""
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, NOBODY)
    known = payment != NOBODY
    np.minimum.at(low, advice[known], payment[known])
    np.maximum.at(high, advice[known], payment[known])
    return np.where(high == NOBODY, np.where(low < 0, SEVERAL, NOBODY), _agreed(low, high))


def _agreed(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(low == high, low, SEVERAL)


def _chosen(
    owner: NDArray[np.int64], content: NDArray[np.int64], payments: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The advice each payment may use, and the advices that say no more than a chosen one.

    Of several advices that claim a payment the first is chosen if all say the same of the
    documents, none if they differ.
    """
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    claimed = owner[order]
    first = first_of_runs(claimed) if len(claimed) else np.empty(0, np.bool_)
    chosen = np.zeros(len(owner), dtype=np.bool_)
    alike = np.zeros(len(owner), dtype=np.bool_)
    low = np.full(payments, np.iinfo(np.int64).max)
    high = np.full(payments, -1)
    np.minimum.at(low, claimed, content[order])
    np.maximum.at(high, claimed, content[order])
    agreed = (low == high)[claimed]
    chosen[order] = agreed & first
    alike[order] = agreed & ~first
    return chosen, alike


def _as_remittances(
    payments: PaymentBatch,
    advices: AdviceBatch,
    lines: NDArray[np.int64],
    payment: NDArray[np.int64],
) -> RemittanceBatch:
    order = np.lexsort((lines, payment))
    lines, payment = lines[order], payment[order]
    source = advices.take(lines)
    scale = advice_scale(payments)[payment]

    # Amounts finer than the payment's currency are none of it: better none than rounded ones.
    columns = ("amount_minor", "discount_minor", "deduction_minor")
    fine = np.logical_or.reduce([source.int64(name) % scale != 0 for name in columns])
    missing = source.is_null("amount_minor") | fine

    def minor(name: str) -> NDArray[np.int64]:
        return np.where(fine, 0, source.int64(name) // scale)

    head = first_of_runs(payment).nonzero()[0] if len(payment) else payment
    number = np.arange(len(payment)) - np.repeat(head, np.diff(np.append(head, len(payment)))) + 1
    return RemittanceBatch.from_columns(
        {
            "payment_id": payments.text("payment_id").take(pa.array(payment)),
            "line_number": number,
            "reference": source.text("reference"),
            "reference_kind": source.text("reference_kind"),
            "amount_minor": pa.array(minor("amount_minor"), mask=missing),
            "discount_minor": minor("discount_minor"),
            "deduction_minor": minor("deduction_minor"),
            "deduction_reason": source.text("deduction_reason"),
            "currency": payments.text("currency").take(pa.array(payment)),
            "source": pa.repeat(pa.scalar("advice"), len(lines)),
            "remittance_id": source.text("remittance_id"),
        }
    )


def _orphans(advices: _Advices, wanted: NDArray[np.int64]) -> tuple[OrphanAdvice, ...]:
    totals = segment_sum(
        advices.lines.int64("amount_minor"), advices.line_advice, len(advices.head)
    )
    names = ("remittance_id", "file_id", "source_file", "advice_number", "currency")
    heads = pa.array(advices.head[wanted])
    facts = [advices.every.record_batch.column(name).take(heads).to_pylist() for name in names]
    return tuple(
        OrphanAdvice(**dict(zip(names, row, strict=True)), total_scaled=total)
        for *row, total in zip(*facts, totals[wanted].tolist(), strict=True)
    )
