"""The cheapest question about an ambiguous amount: the one fact that halves the alternatives.

Several sets have the payment's amount. Asking the payer for everything is slow; often one fact
tells most of them apart: whether one item is among those paid, or which of two totals is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE
from engine.candidates import strategy_code
from engine.money import exponent_of, money_texts
from engine.text_columns import blanks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.intake import Intake

__all__ = ["distinguishing_questions"]

_TOTALS: Final = {
    "balance": "the whole balance",
    "past_due": "what is past due",
    "statement": "what was billed before this month",
    "payment_term": "all items of one payment term",
    "due_until": "everything due until a date",
    "due_from": "everything due from a date on",
    "due_window": "everything due between two dates",
}
"""Totals a payer can be asked about in so many words."""


def distinguishing_questions(
    intake: Intake, proposed: Candidates, ranks: NDArray[np.int64]
) -> pa.StringArray:
    """Per payment what to ask (a clause that begins with "whether"); empty where nothing helps.

    Asked is for the item whose being paid is nearest to even odds, by the doubt of the proposals;
    for two totals where these are the best two proposals.
    """
    count = len(intake.payments)
    nothing = blanks(count)
    if not len(proposed):
        return nothing
    by_amount = proposed.weight > 0
    several = np.bincount(proposed.payment[by_amount], minlength=count) > 1
    candidates = proposed.at(by_amount & several[proposed.payment])
    if not len(candidates):
        return nothing
    asked, item = _most_even_item(candidates)
    ranks = ranks[by_amount & several[proposed.payment]]
    about_totals, clauses = _about_totals(candidates, ranks, count)
    texts = pa.concat_arrays([_about_items(intake, item), clauses, pa.array([""], pa.string())])
    which = np.full(count, len(texts) - 1)
    which[asked] = np.arange(len(asked))
    which[about_totals] = len(asked) + np.arange(len(about_totals))
    return texts.take(pa.array(which))


def _most_even_item(
    candidates: Candidates,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Payments, and the item each should be asked about: of several as good ones the first due."""
    rows = candidates.rows
    payment = candidates.payment[rows.candidate]
    believed = np.maximum(1.0 - candidates.wrong, 1e-9)
    whole = np.bincount(candidates.payment, weights=believed)
    order = np.lexsort((rows.item, payment))
    payment, item = payment[order], rows.item[order]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (np.diff(payment) != 0) | (np.diff(item) != 0)
    start = fresh.nonzero()[0]
    share = np.add.reduceat(believed[rows.candidate[order]], start) / whole[payment[start]]
    payment, item = payment[start], item[start]
    # Rounded, so that shares that are equal by design are equal by number.
    uneven = np.rint(np.abs(share - 0.5) * 1e6).astype(np.int64)
    best = np.lexsort((item, uneven, payment))
    first = np.ones(len(best), dtype=np.bool_)
    first[1:] = np.diff(payment[best]) != 0
    chosen = best[first]
    # An item that is in every proposal, or in none, tells nothing apart.
    chosen = chosen[uneven[chosen] < 500_000]
    return payment[chosen], item[chosen]


def _about_items(intake: Intake, item: NDArray[np.int64]) -> pa.StringArray:
    index = intake.index
    exponents = np.array([exponent_of(name) for name in intake.currencies], dtype=np.int64)
    amount = index.open_minor[item]
    currency = index.currency[item]
    names = pa.array(intake.currencies, pa.string()).take(pa.array(currency))
    amounts = money_texts(np.abs(amount), exponents[currency])
    money = pc.binary_join_element_wise(amounts, names, " ")
    due = index.due_day[item]
    day = pa.array(np.where(due == NO_DATE, 0, due).astype("datetime64[D]"))
    dated = pc.binary_join_element_wise(" due ", pc.strftime(day, "%Y-%m-%d"), "")
    dated = pc.if_else(pa.array(due == NO_DATE), "", dated)
    kind = pc.if_else(pa.array(amount < 0), "whether the credit ", "whether ")
    ending = pc.if_else(pa.array(amount < 0), " is taken", " is among what is paid")
    document = index.text("document_number", item)
    return pc.binary_join_element_wise(kind, document, " of ", money, dated, ending, "")


def _about_totals(
    candidates: Candidates, ranks: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], pa.StringArray]:
    """Payments whose best two proposals are two different totals, and what to ask about them."""
    best = np.zeros((2, count), dtype=np.int64)
    for place in (0, 1):
        at = ranks == place + 1
        best[place, candidates.payment[at]] = candidates.strategy[at] + 1
    payments: list[NDArray[np.int64]] = []
    clauses: list[str] = []
    for first, first_name in _TOTALS.items():
        for second, second_name in _TOTALS.items():
            codes = (strategy_code(first) + 1, strategy_code(second) + 1)
            fits = ((best[0] == codes[0]) & (best[1] == codes[1])).nonzero()[0]
            if first != second and len(fits):
                payments.append(fits)
                clauses += [f"whether it pays {first_name} or {second_name}"] * len(fits)
    none = np.empty(0, dtype=np.int64)
    found = np.concatenate(payments) if payments else none
    return found, pa.array(clauses, pa.string())
