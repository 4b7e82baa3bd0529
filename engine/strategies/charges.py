"""One item of the payer, open for exactly what was paid and a fee known to the cent.

Only where policy says that a bank's fee needs no reference: then a payment that names nothing may
be an item less a listed fee, or less what the bank says it took. It counts among all other sets
that have the payment's amount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.accident import CLASS_WEIGHTS
from engine.candidates import CandidateRows, Candidates
from engine.shortfalls import within
from engine.sum_join import build_sums
from engine.sum_sets import singles_with

if TYPE_CHECKING:
    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation

__all__ = ["propose_charged"]


def propose_charged(situation: Situation, ledgers: PayerLedgers) -> Candidates:
    """Single items less one known fee; `ledgers` has usable rows. An item with a discount on offer
    is none of these: less a part of it, it might be anything.
    """
    rules, payment = situation.rules, ledgers.payment
    rule = situation.rule[payment]
    todo = ledgers.of_problems(rules.fee_by_amount[rule])
    if not len(todo.payment):
        return Candidates.none()
    seen = todo.gross()
    payment, rule = seen.payment, situation.rule[seen.payment]
    fees = np.column_stack([rules.fees_minor[rule], situation.charges[payment]])
    known = np.maximum((fees > 0).sum(axis=1), 1)
    tables = build_sums(seen.bounds, seen.value, np.zeros(len(seen.bounds) - 1, dtype=np.bool_))
    size = np.maximum(tables.size()[seen.view], 1)
    found = []
    for fee in fees.T:
        sets = singles_with(tables, seen.view, situation.cash[payment] + np.maximum(fee, 0))
        problem, row = sets.lookup, sets.rows[:, 0]
        item, less = seen.item[row], fee[problem]
        limit = rules.fee_minor[rule[problem]], rules.fee_ppm[rule[problem]]
        fits = (less > 0) & within(less, seen.value[row], *limit)
        fits &= situation.discount_of(item, payment[problem]) == 0
        problem, item = problem[fits], item[fits]
        weight = CLASS_WEIGHTS["charged"] / (size * known)[problem]
        rows = CandidateRows.of(np.arange(len(problem)), item, situation.cash[payment[problem]])
        found.append(Candidates.of(payment[problem], "single_amount_charged", rows, weight=weight))
    return Candidates.concat(found)
