"""A document in several installments: a payment that names the document goes to the next ones due.

Where its cash is exactly the next installments, and no more of them are due already, that is what
is paid. All else is proposed in order of due date, for a clerk to say which installment is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow.compute as pc

from engine.candidates import CandidateRows, Candidates
from engine.exception_codes import code_number
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Situation

__all__ = ["propose_installments"]

_WRONG = 5e-5


def propose_installments(situation: Situation) -> Candidates:
    """One candidate for each open payment all of whose references name one such document."""
    rows = _of_plans(situation)
    if not len(rows):
        return Candidates.none()
    shared, index = situation.shared, situation.index
    payment, item = shared.payment[rows], shared.item[rows]
    order = np.lexsort((item, index.due_day[item], payment))
    rows, payment, item = rows[order], payment[order], item[order]
    kept = first_of_runs(payment, index.due_day[item], item)
    rows, payment, item = rows[kept], payment[kept], item[kept]
    head = first_of_runs(payment)
    candidate, of = head.cumsum() - 1, payment[head]
    opened = situation.remaining[item]
    before = opened.cumsum() - opened
    before -= before[head.nonzero()[0]][candidate]
    cash = np.clip(situation.cash[payment] - before, 0, opened)
    count = len(of)
    paid = np.bincount(candidate[cash > 0], minlength=count)
    due = np.bincount(candidate[index.due_day[item] <= situation.pay_day[payment]], minlength=count)
    partly = np.bincount(candidate[(cash > 0) & (cash < opened)], minlength=count) > 0
    strange = np.bincount(candidate[~shared.family[rows]], minlength=count) > 0
    left = situation.cash[of] - segment_sum(cash, candidate, count)
    sure = ~partly & (left == 0) & (due <= paid) & ~strange
    takes = cash > 0
    candidates = Candidates.of(
        of,
        "installment",
        CandidateRows.of(candidate[takes], item[takes], cash[takes], line=shared.line[rows[takes]]),
        automatic=sure,
        wrong=_WRONG,
        code=np.where(sure, 0, code_number("ITM-INSTALL")),
    )
    return msgspec.structs.replace(candidates, surplus=left)


def _of_plans(situation: Situation) -> NDArray[np.int64]:
    """Shared readings of payments that name one document of several open installments, and
    nothing else.
    """
    shared, index, count = situation.shared, situation.index, len(situation)
    if not len(shared.payment):
        return shared.payment
    live = situation.open_for_matching[shared.payment] & situation.payable(shared.item)
    live &= situation.remaining[shared.item] > 0
    live &= shared.family | (situation.payer_family[shared.payment] < 0)
    rows = live.nonzero()[0]
    if not len(rows):
        return rows
    named = np.bincount(situation.referenced().payment, minlength=count) > 0
    rows = rows[~named[shared.payment[rows]]]
    item, payment = shared.item[rows], shared.payment[rows]
    part = pc.not_equal(index.text("installment", item), "").to_numpy(zero_copy_only=False)
    document = index.text("document_number", item).dictionary_encode()
    code = document.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1, dtype=np.int64)
    np.minimum.at(low, payment, np.where(part, code, -1))
    np.maximum.at(high, payment, code)
    whole: NDArray[np.int64] = rows[(low == high)[payment]]
    return whole
