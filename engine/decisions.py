"""What was decided and what is only proposed, gathered over the rounds of a match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    opened = situation.remaining[rows.item]
    # Where an item is paid to the cent there is nothing to judge.
    differs = (opened != rows.cash).nonzero()[0]
    if not len(differs):
        return _exactly_paid(candidates)
    judged = settle_rows(_row_facts(situation, candidates, opened, differs), situation.rules)
    judged = _capped(situation, candidates, rows.candidate[differs], judged)
    of = rows.candidate[differs]
    code = np.full(len(candidates), _NO_CODE)
    raised = judged.code > 0
    np.minimum.at(code, of[raised], judged.code[raised])
    code[code == _NO_CODE] = candidates.code[code == _NO_CODE]
    unusable = np.zeros(len(candidates), dtype=np.bool_)
    unusable[of[judged.code == code_number("AMT-NOMATCH")]] = True
    settled = {name: np.zeros(len(rows), dtype=np.int64) for name in _CLOSED_BY}
    for name, values in settled.items():
        values[differs] = getattr(judged, name)
    cash = rows.cash.copy()
    cash[differs] = judged.cash
    kept = rows.write_off != 0
    return msgspec.structs.replace(
        candidates,
        automatic=candidates.automatic & ~unusable,
        code=code,
        surplus=candidates.surplus + segment_sum(judged.surplus, of, len(candidates)),
        rows=CandidateRows(
            candidate=rows.candidate,
            item=rows.item,
            line=rows.line,
            cash=cash,
            discount=settled["discount"],
            deduction=settled["deduction"],
            write_off=np.where(kept, rows.write_off, settled["write_off"]),
            reason=np.where(kept, rows.reason, settled["reason"]),
        ),
    )


_CLOSED_BY: Final = ("discount", "deduction", "write_off", "reason")


def _exactly_paid(candidates: Candidates) -> Candidates:
    """`candidates` whose cash is all their items: nothing closes any of them besides."""
    rows = candidates.rows
    nothing = np.zeros(len(rows), dtype=np.int64)
    return msgspec.structs.replace(
        candidates, rows=msgspec.structs.replace(rows, discount=nothing, deduction=nothing)
    )


def _row_facts(
    situation: Situation,
    candidates: Candidates,
    opened: NDArray[np.int64],
    at: NDArray[np.int64],
) -> RowFacts:
    """What is known of each of the rows `at`: the item's, the payment's and the line's. They are
    all that differ from what is open (`opened`, of every row).
    """
    of, item = candidates.rows.candidate[at], candidates.rows.item[at]
    line, cash, opened = candidates.rows.line[at], candidates.rows.cash[at], opened[at]
    payment = candidates.payment[of]
    lines, index = situation.lines, situation.index
    zero = np.zeros(len(at), dtype=np.int64)
    stated = {"discount": zero, "deduction": zero}
    words = {
        "fee": situation.fee_in_text[payment],
        "tax": situation.tax_in_text[payment],
        "reasoned": situation.reason_in_text[payment],
    }
    cause = situation.cause_in_text[payment]
    if len(lines.amount):
        on_line = line >= 0
        stated = {name: np.where(on_line, getattr(lines, name)[line], 0) for name in stated}
        words = {
            name: said | (on_line & getattr(lines, name)[line]) for name, said in words.items()
        }
        cause |= on_line & lines.reasoned[line]
    short = opened - cash
    whole = situation.unpaid(item)
    total = segment_sum(short, of, len(candidates))[of]
    charges = situation.charges[payment]
    return RowFacts(
        open_minor=opened,
        cash=cash,
        paid=situation.cash[payment],
        offered=np.where(whole, index.discount_minor[item], 0),
        gone=np.where(whole, 0, _discount_of_rest(index, item, short)),
        discount_day=index.discount_day[item],
        pay_day=situation.pay_day[payment],
        charges=np.where(charges == total, charges, 0),
        stated_discount=stated["discount"],
        stated_deduction=stated["deduction"],
        stated_fee=words["fee"],
        stated_tax=words["tax"],
        stated_reason=words["reasoned"],
        stated_cause=cause,
        claimed=claimed_before(situation, item, short),
        plain=is_one_of(candidates.strategy[of], _PLAIN),
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


def _capped(
    situation: Situation,
    candidates: Candidates,
    of: NDArray[np.int64],
    settled: Settlement,
) -> Settlement:
    """`settled`, rows of the candidates `of`, without the tolerances of payments whose items
    together are off by more than the policy's cap: their cash stays, the differences are for a
    clerk to approve.
    """
    small = is_one_of(settled.reason, TOLERATED)
    if not small.any():
        return settled
    total = segment_sum(np.where(small, np.abs(settled.write_off), 0), of, len(candidates))
    cap = situation.rules.payment_minor[situation.rule[candidates.payment]]
    undone = small & (total > cap)[of]
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
    rank = np.arange(len(order)) - payment.searchsorted(payment, side="left") + 1
    kept = np.zeros(len(candidates), dtype=np.bool_)
    kept[order[rank <= PROPOSALS_MAX]] = True
    ranks = np.zeros(len(candidates), dtype=np.int64)
    ranks[order] = rank
    return candidates.at(kept), ranks[kept]
