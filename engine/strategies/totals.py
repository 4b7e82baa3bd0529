"""One item, or a whole that a clerk would recognise: the balance, what is past due, all but one.

Every set that has the payment's amount is proposed with the weight of its class
(`engine.accident`); whether one of them is certain enough is judged over all strategies together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.accident import CLASS_WEIGHTS
from engine.candidates import CandidateRows, Candidates
from engine.limits import LEFT_OUT_MAX
from engine.segments import expand_ranges, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation

__all__ = ["propose_singles", "propose_totals"]

_BALANCE_ITEMS_MIN = 2


def propose_singles(situation: Situation, ledgers: PayerLedgers) -> Candidates:
    """Single items of exactly the cash, gross or net of a discount still offered."""
    cash = situation.cash[ledgers.payment[ledgers.owner]]
    share = CLASS_WEIGHTS["single"] / np.maximum(ledgers.size, 1)
    gross = np.flatnonzero(ledgers.remaining == cash)
    net = np.flatnonzero((ledgers.discount > 0) & (ledgers.remaining - ledgers.discount == cash))
    share_net = CLASS_WEIGHTS["single_net"] / np.maximum(ledgers.size, 1)
    none = np.zeros(len(gross), dtype=np.int64)
    return Candidates.concat(
        [
            _one_each(situation, ledgers, gross, none, share, "single_amount"),
            _one_each(
                situation, ledgers, net, ledgers.discount[net], share_net, "single_amount_net"
            ),
        ]
    )


def propose_totals(situation: Situation, ledgers: PayerLedgers) -> Candidates:
    """The balance with and without credits, the past-due total, and everything but one item."""
    count = len(ledgers)
    owner, remaining = ledgers.owner, ledgers.remaining
    cash = situation.cash[ledgers.payment]
    debit = remaining > 0
    due = debit & (
        situation.index.due_day[ledgers.item] < situation.pay_day[ledgers.payment[owner]]
    )
    everything = np.ones(len(owner), dtype=np.bool_)
    has_credit = np.bincount(owner[~debit], minlength=count) > 0
    found: list[Candidates] = []
    weight = CLASS_WEIGHTS["balance"]
    for member, name, share, wanted in (
        (everything, "balance", weight * 0.6, np.ones(count, dtype=np.bool_)),
        (debit, "balance", weight * 0.4, has_credit),
        (due, "past_due", CLASS_WEIGHTS["past_due"], np.ones(count, dtype=np.bool_)),
    ):
        total = segment_sum(np.where(member, remaining, 0), owner, count)
        size = np.bincount(owner[member], minlength=count)
        fits = wanted & (total == cash) & (size >= _BALANCE_ITEMS_MIN)
        found.append(_sets(ledgers, np.flatnonzero(fits), member, share, name))
    found.append(_all_but_one(situation, ledgers))
    return Candidates.concat(found)


def _one_each(
    situation: Situation,
    ledgers: PayerLedgers,
    rows: NDArray[np.int64],
    discount: NDArray[np.int64],
    share: NDArray[np.float64],
    name: str,
) -> Candidates:
    owner = ledgers.owner[rows]
    payment = ledgers.payment[owner]
    return Candidates.of(
        payment,
        name,
        CandidateRows.of(
            np.arange(len(rows), dtype=np.int64),
            ledgers.item[rows],
            situation.cash[payment],
            discount=discount,
        ),
        weight=share[owner],
    )


def _sets(
    ledgers: PayerLedgers,
    problems: NDArray[np.int64],
    member: NDArray[np.bool_],
    weight: float,
    name: str,
) -> Candidates:
    """The members of each of `problems` as one candidate each."""
    bounds = np.searchsorted(ledgers.owner, np.arange(len(ledgers) + 1))
    candidate, row = expand_ranges(bounds[problems], bounds[problems + 1])
    kept = member[row]
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(candidate, ledgers.item[row], ledgers.remaining[row])
    return Candidates.of(ledgers.payment[problems], name, rows, weight=weight)


def _all_but_one(situation: Situation, ledgers: PayerLedgers) -> Candidates:
    """Every item but one, where the balance less that one is the cash (three items at least)."""
    count = len(ledgers)
    total = segment_sum(ledgers.remaining, ledgers.owner, count)
    excess = (total - situation.cash[ledgers.payment])[ledgers.owner]
    left_out = np.flatnonzero(
        (ledgers.remaining == excess) & (excess != 0) & (ledgers.size[ledgers.owner] >= 3)
    )
    few = np.bincount(ledgers.owner[left_out], minlength=count) <= LEFT_OUT_MAX
    left_out = left_out[few[ledgers.owner[left_out]]]
    problems = ledgers.owner[left_out]
    bounds = np.searchsorted(ledgers.owner, np.arange(count + 1))
    candidate, row = expand_ranges(bounds[problems], bounds[problems + 1])
    kept = row != left_out[candidate]
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(candidate, ledgers.item[row], ledgers.remaining[row])
    weight = CLASS_WEIGHTS["all_but_one"] / np.maximum(ledgers.size[problems], 1)
    return Candidates.of(ledgers.payment[problems], "all_but_one", rows, weight=weight)
