"""Payouts of payment processors: many items paid gross, one payment net of the processor's fees.

Policy declares the processor and its fee per item (a share and a fixed part). The difference
between what the items are worth and what came is un-netted where it is that fee: written off item
by item. Where the processor states each item's net amount, each item's fee must be right; where it
states its fee as a line of its own, that may be less than declared, never more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.candidates import CandidateRows, Candidates
from engine.segments import first_of_runs, segment_sum
from engine.settle import PROCESSOR_FEE
from engine.shortfalls import SCALABLE_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Referenced, Situation

__all__ = ["propose_payouts"]

_WRONG = 2e-5
_MILLION = 1_000_000


def propose_payouts(situation: Situation, unread: NDArray[np.int64]) -> Candidates:
    """One candidate for each open payout; `unread` counts references nobody could read."""
    payout = situation.fee_ppm >= 0
    if not np.count_nonzero(payout & situation.open_for_matching):
        return Candidates.none()
    named = situation.referenced()
    opened = situation.remaining[named.item]
    named = named.at(payout[named.payment] & (opened > 0) & (opened <= SCALABLE_MAX))
    if not len(named.payment):
        return Candidates.none()
    head = first_of_runs(named.payment)
    candidate, of = head.cumsum() - 1, named.payment[head]
    count, size = len(of), np.bincount(candidate)
    gross = situation.remaining[named.item]
    share = (gross * situation.fee_ppm[named.payment] + _MILLION // 2) // _MILLION
    expected = share + situation.fee_minor[named.payment]
    declared = segment_sum(expected, candidate, count)
    kept = segment_sum(gross, candidate, count) - situation.cash[of]
    stated, fee_lines, amounts = _stated(situation, named, of, candidate)
    by_item = np.where(
        stated[candidate], gross - amounts, _spread(expected, gross, kept, candidate)
    )
    near = np.abs(kept - declared) <= size
    each = np.abs(by_item - expected) <= 1
    wrong_item = np.bincount(candidate[~each], minlength=count) > 0
    lined = (fee_lines == kept) & (fee_lines > 0) & (kept <= declared + size)
    sure = np.where(
        stated,
        ~wrong_item & (segment_sum(amounts, candidate, count) == situation.cash[of]),
        near | lined,
    )
    sure &= (kept >= 0) & ((unread[of] == 0) | lined)
    usable = np.bincount(candidate[(by_item < 0) | (by_item >= gross)], minlength=count) == 0
    rows = CandidateRows.of(candidate, named.item, gross - by_item, line=named.line)
    rows = msgspec.structs.replace(
        rows, write_off=by_item, reason=np.where(by_item > 0, PROCESSOR_FEE, 0)
    )
    candidates = Candidates.of(of, "processor_payout", rows, automatic=sure, wrong=_WRONG)
    return candidates.at(sure & usable)


def _stated(
    situation: Situation, named: Referenced, of: NDArray[np.int64], candidate: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Payouts whose lines state every item's net amount; the fee other lines state; the amounts."""
    lines, count = situation.lines, len(situation)
    on_line = named.line >= 0
    if not len(lines.amount):
        zero = np.zeros(len(named.item), dtype=np.int64)
        return np.zeros(len(of), dtype=np.bool_), np.zeros(len(of), dtype=np.int64), zero
    amounts = np.where(on_line, lines.amount[named.line], 0)
    given = on_line & lines.given[named.line]
    gross = situation.remaining[named.item]
    is_net = given & (amounts > 0) & (amounts < gross)
    stated = np.bincount(candidate[~is_net], minlength=len(of)) == 0
    taken = np.zeros(len(lines.amount), dtype=np.bool_)
    taken[named.line[on_line]] = True
    other = ~taken & lines.given & (lines.amount < 0)
    fee = segment_sum(np.where(other, -lines.amount, 0), lines.payment, count)
    # Every line is an item or a fee, else something was not understood.
    strange = np.bincount(lines.payment[~taken & ~other], minlength=count) > 0
    return stated & ~strange[of], np.where(strange, 0, fee)[of], amounts


def _spread(
    expected: NDArray[np.int64],
    gross: NDArray[np.int64],
    kept: NDArray[np.int64],
    candidate: NDArray[np.int64],
) -> NDArray[np.int64]:
    """What was kept, spread over the items as the declared fees are; the rest on the largest."""
    count = len(kept)
    total = np.maximum(segment_sum(expected, candidate, count), 1)[candidate]
    small = (
        (kept[candidate] >= 0) & (kept[candidate] < _MILLION * 1000) & (expected < _MILLION * 1000)
    )
    part = np.where(small, expected * np.where(small, kept[candidate], 0) // total, expected)
    rest = kept - segment_sum(part, candidate, count)
    order = np.lexsort((np.arange(len(gross)), -gross, candidate))
    largest = order[first_of_runs(candidate[order])]
    part[largest] += rest[candidate[largest]]
    return part
