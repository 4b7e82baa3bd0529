"""Oldest first, where policy says so: cash that names nothing goes to the payer's oldest items.

Open items are taken in order of due date until the cash is used up; the last one may stay partly
open, what the items cannot take stays on account. Credit memos are left alone, discounts and
tolerances are not given. Several payments of one payer follow each other by date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.batches import NO_DATE
from engine.candidates import CandidateRows, Candidates
from engine.payer_ledgers import lay_out
from engine.resolver import ItemAmounts
from engine.segments import first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Situation

__all__ = ["propose_oldest_first"]


def propose_oldest_first(
    situation: Situation, payment: NDArray[np.int64], precedence: NDArray[np.int64]
) -> Candidates:
    """One candidate for each of `payment` (rows of known payers) that finds an open debit item."""
    found: list[Candidates] = []
    ledger = situation.index.ledger_of(situation.payer[payment], situation.currency[payment])
    payment, ledger = payment[ledger >= 0], ledger[ledger >= 0]
    order = np.lexsort((precedence[payment], ledger))
    payment, ledger = payment[order], ledger[order]
    turn = np.arange(len(payment)) - ledger.searchsorted(ledger, side="left")
    remaining = situation.remaining
    # Payments of one payer take turns; each turn is one pass over all payers.
    for number in range(int(turn.max(initial=-1)) + 1):
        now = msgspec.structs.replace(situation, remaining=remaining)
        candidates = _one_turn(now, payment[turn == number])
        every = np.ones(len(candidates), dtype=np.bool_)
        remaining = remaining.less(ItemAmounts.of(candidates, every))
        found.append(candidates)
    return Candidates.concat(found)


def _one_turn(situation: Situation, payment: NDArray[np.int64]) -> Candidates:
    ledgers = lay_out(situation, payment)
    owner, row = ledgers.rows_of(np.arange(len(ledgers), dtype=np.int64))
    item = ledgers.item[row]
    debit = ledgers.usable[row] & (situation.remaining[item] > 0)
    owner, item = owner[debit], item[debit]
    order = _by_age(situation, owner, item)
    owner, item = owner[order], item[order]
    if not len(owner):
        return Candidates.none()
    opened = situation.remaining[item]
    before = opened.cumsum() - opened
    head = first_of_runs(owner)
    before -= before[head.nonzero()[0]][head.cumsum() - 1]
    cash = np.clip(situation.cash[payment[owner]] - before, 0, opened)
    takes = cash > 0
    owner, item, cash = owner[takes], item[takes], cash[takes]
    head = first_of_runs(owner)
    candidate, chosen = head.cumsum() - 1, payment[owner[head]]
    candidates = Candidates.of(
        chosen,
        "oldest_first",
        CandidateRows.of(candidate, item, cash),
        automatic=True,
        wrong=situation.payer_doubt[chosen],
    )
    left = situation.cash[chosen] - candidates.cash()
    return msgspec.structs.replace(candidates, surplus=left)


def _by_age(
    situation: Situation, owner: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rows by payment, due date (undated items by document date), then item."""
    index = situation.index
    day = np.where(index.due_day[item] == NO_DATE, index.document_day[item], index.due_day[item])
    order: NDArray[np.int64] = np.lexsort((item, day, owner))
    return order
