"""What was decided and what is only proposed, gathered over the rounds of a match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.candidates import CandidateRows, Candidates, strategy_code
from engine.claims import claimed_before
from engine.exception_codes import code_number
from engine.judge import set_keys
from engine.limits import PROPOSALS_MAX
from engine.segments import first_of_runs, is_one_of, segment_sum
from engine.settle import TOLERATED, RowFacts, settle_rows
from engine.shortfalls import SCALABLE_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.settle import Settlement
    from engine.situation import Situation

__all__ = ["rank_proposals", "settle_candidates"]

_NO_CODE = np.iinfo(np.int64).max
_MILLION = 1_000_000
_PLAIN = tuple(strategy_code(name) for name in ("oldest_first", "installment", "processor_payout"))


def settle_candidates(situation: Situation, candidates: Candidates) -> Candidates:
    """Close the differences of every row by policy; what cannot be used becomes surplus.

    The candidate's code is the most primary one any row raised. Candidates that leave nothing
    usable on some item (more credit than there is) lose their permission.
    """
    if not len(candidates):
        return candidates
    rows = candidates.rows
    settled = settle_rows(_row_facts(situation, candidates), situation.rules)
    settled = _capped(situation, candidates, settled)
    kept = rows.write_off != 0
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
        surplus=candidates.surplus + segment_sum(settled.surplus, rows.candidate, len(candidates)),
        rows=CandidateRows(
            candidate=rows.candidate,
            item=rows.item,
            line=rows.line,
            cash=settled.cash,
            discount=settled.discount,
            deduction=settled.deduction,
            write_off=np.where(kept, rows.write_off, settled.write_off),
            reason=np.where(kept, rows.reason, settled.reason),
        ),
    )


def _row_facts(situation: Situation, candidates: Candidates) -> RowFacts:
    """What is known of each row: the item's, the payment's and the line's."""
    rows = candidates.rows
    payment = candidates.payment[rows.candidate]
    lines, index = situation.lines, situation.index
    zero = np.zeros(len(rows), dtype=np.int64)
    stated = {"discount": zero, "deduction": zero}
    words = {
        "fee": situation.fee_in_text[payment],
        "tax": situation.tax_in_text[payment],
        "reasoned": situation.reason_in_text[payment],
    }
    cause = situation.cause_in_text[payment]
    if len(lines.amount):
        on_line = rows.line >= 0
        stated = {name: np.where(on_line, getattr(lines, name)[rows.line], 0) for name in stated}
        words = {
            name: said | (on_line & getattr(lines, name)[rows.line]) for name, said in words.items()
        }
        cause |= on_line & lines.reasoned[rows.line]
    opened = situation.remaining[rows.item]
    short = opened - rows.cash
    offered = index.discount_minor[rows.item]
    whole = situation.unpaid(rows.item)
    total = segment_sum(short, rows.candidate, len(candidates))[rows.candidate]
    charges = situation.charges[payment]
    return RowFacts(
        open_minor=opened,
        cash=rows.cash,
        paid=situation.cash[payment],
        offered=np.where(whole, offered, 0),
        gone=np.where(whole, 0, _discount_of_rest(index, rows.item, short)),
        discount_day=index.discount_day[rows.item],
        pay_day=situation.pay_day[payment],
        charges=np.where(charges == total, charges, 0),
        stated_discount=stated["discount"],
        stated_deduction=stated["deduction"],
        stated_fee=words["fee"],
        stated_tax=words["tax"],
        stated_reason=words["reasoned"],
        stated_cause=cause,
        claimed=claimed_before(situation, rows.item, short),
        plain=is_one_of(candidates.strategy[rows.candidate], _PLAIN),
        rule=situation.rule[payment],
    )


def _discount_of_rest(
    index: OpenItemIndex, item: NDArray[np.int64], short: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The discount of a partly paid item as a payer may take it again: whole, or of the rest."""
    offered, original = index.discount_minor[item], np.maximum(index.original_minor[item], 1)
    opened = index.open_minor[item]
    small = np.minimum(opened, SCALABLE_MAX) * np.minimum(offered, _MILLION)
    of_rest = (small + original // 2) // original
    usable = (offered <= _MILLION) & (opened > 0) & (opened <= SCALABLE_MAX)
    return np.where(usable & (short == of_rest), of_rest, offered)


def _capped(situation: Situation, candidates: Candidates, settled: Settlement) -> Settlement:
    """`settled` without the tolerances of payments whose items together are off by more than the
    policy's cap: their cash stays, the differences are for a clerk to approve.
    """
    rows = candidates.rows
    small = is_one_of(settled.reason, TOLERATED)
    if not small.any():
        return settled
    total = segment_sum(
        np.where(small, np.abs(settled.write_off), 0), rows.candidate, len(candidates)
    )
    cap = situation.rules.payment_minor[situation.rule[candidates.payment]]
    undone = small & (total > cap)[rows.candidate]
    if not undone.any():
        return settled
    over = np.where(undone & (settled.write_off < 0), -settled.write_off, 0)
    return msgspec.structs.replace(
        settled,
        cash=settled.cash - over,
        surplus=settled.surplus + over,
        write_off=np.where(undone, 0, settled.write_off),
        reason=np.where(undone, 0, settled.reason),
        code=np.where(undone, code_number("AMT-TOLERANCE"), settled.code),
    )


def rank_proposals(
    kept_back: Candidates, others: Candidates, undecided: NDArray[np.bool_]
) -> tuple[Candidates, NDArray[np.int64]]:
    """At most five distinct proposals per undecided payment, best first, and their ranks (from 1).

    Better is: kept back, though nothing but policy or a record is against it (shadow mode, an
    approval); then named by references, then less doubt, then fewer items, then older ones.
    """
    candidates = Candidates.concat([kept_back, others])
    if not len(candidates):
        return candidates, np.empty(0, dtype=np.int64)
    doubted = np.arange(len(candidates)) >= len(kept_back)
    shown = undecided[candidates.payment]
    candidates, doubted = candidates.at(shown), doubted[shown]
    if not len(candidates):
        return candidates, np.empty(0, dtype=np.int64)
    sets, _ = set_keys(candidates)
    oldest = np.full(len(candidates), np.iinfo(np.int64).max)
    np.minimum.at(oldest, candidates.rows.candidate, candidates.rows.item)
    by_amount = candidates.weight > 0
    order = np.lexsort(
        (
            sets,
            oldest,
            candidates.item_count(),
            candidates.wrong,
            by_amount,
            doubted,
            candidates.payment,
        )
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
