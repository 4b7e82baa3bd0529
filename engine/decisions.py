"""What was decided and what is only proposed, gathered over the rounds of a match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.candidates import CandidateRows, Candidates
from engine.exception_codes import code_number
from engine.judge import set_keys
from engine.limits import PROPOSALS_MAX
from engine.segments import first_of_runs, segment_sum
from engine.settle import settle_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Situation

__all__ = ["rank_proposals", "settle_candidates"]

_NO_CODE = np.iinfo(np.int64).max


def settle_candidates(situation: Situation, candidates: Candidates) -> Candidates:
    """Close the differences of every row by policy; what cannot be used becomes surplus.

    The candidate's code is the most primary one any row raised. Candidates that leave nothing
    usable on some item (more credit than there is) lose their permission.
    """
    rows = candidates.rows
    payment = candidates.payment[rows.candidate]
    lines, index = situation.lines, situation.index
    on_line = rows.line >= 0
    deduction = np.zeros(len(rows), dtype=np.int64)
    discount = np.zeros(len(rows), dtype=np.int64)
    fee = situation.fee_in_text[payment]
    reasoned = situation.reason_in_text[payment]
    if len(lines.amount):
        deduction = np.where(on_line, lines.deduction[rows.line], 0)
        discount = np.where(on_line, lines.discount[rows.line], 0)
        fee = np.where(on_line, lines.fee[rows.line] | fee, fee)
        reasoned = np.where(on_line, lines.reasoned[rows.line] | reasoned, reasoned)
    untouched = situation.remaining[rows.item] == index.open_minor[rows.item]
    settled = settle_rows(
        open_minor=situation.remaining[rows.item],
        cash=rows.cash,
        offered=np.where(untouched, index.discount_minor[rows.item], 0),
        discount_day=index.discount_day[rows.item],
        pay_day=situation.pay_day[payment],
        stated_discount=discount,
        stated_deduction=deduction,
        stated_fee=fee,
        stated_reason=reasoned,
        rules=situation.rules,
        rule=situation.rule[payment],
    )
    code = np.full(len(candidates), _NO_CODE)
    raised = settled.code > 0
    np.minimum.at(code, rows.candidate[raised], settled.code[raised])
    code[code == _NO_CODE] = candidates.code[code == _NO_CODE]
    unusable = np.zeros(len(candidates), dtype=np.bool_)
    unusable[rows.candidate[settled.code == code_number("AMT-NOMATCH")]] = True
    return msgspec.structs.replace(
        candidates,
        automatic=candidates.automatic & ~unusable,
        code=code,
        surplus=segment_sum(settled.surplus, rows.candidate, len(candidates)),
        rows=CandidateRows(
            candidate=rows.candidate,
            item=rows.item,
            line=rows.line,
            cash=settled.cash,
            discount=settled.discount,
            deduction=settled.deduction,
            write_off=settled.write_off,
            reason=settled.reason,
        ),
    )


def rank_proposals(
    candidates: Candidates, undecided: NDArray[np.bool_]
) -> tuple[Candidates, NDArray[np.int64]]:
    """At most five distinct proposals per undecided payment, best first, and their ranks (from 1).

    Better is: named by references, then less doubt, then fewer items, then older ones.
    """
    candidates = candidates.at(undecided[candidates.payment])
    if not len(candidates):
        return candidates, np.empty(0, dtype=np.int64)
    sets, _ = set_keys(candidates)
    oldest = np.full(len(candidates), np.iinfo(np.int64).max)
    np.minimum.at(oldest, candidates.rows.candidate, candidates.rows.item)
    by_amount = candidates.weight > 0
    order = np.lexsort(
        (sets, oldest, candidates.item_count(), candidates.wrong, by_amount, candidates.payment)
    )
    # The same set found twice is one proposal: its best rank stays.
    same = np.lexsort((np.argsort(order), sets, candidates.payment))
    first = np.zeros(len(candidates), dtype=np.bool_)
    first[same[first_of_runs(candidates.payment[same], sets[same])]] = True
    order = order[first[order]]
    payment = candidates.payment[order]
    rank = np.arange(len(order)) - np.searchsorted(payment, payment, side="left") + 1
    kept = np.zeros(len(candidates), dtype=np.bool_)
    kept[order[rank <= PROPOSALS_MAX]] = True
    ranks = np.zeros(len(candidates), dtype=np.int64)
    ranks[order] = rank
    return candidates.at(kept), ranks[kept]
