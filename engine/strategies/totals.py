"""Sets a clerk would recognise: one item, two, the balance, a run by due date, all but a few.

Every set that has the payment's amount is proposed with the weight of its class
(`engine.accident`); whether one of them is certain enough is judged over all strategies together.
Sums are looked up in `engine.sum_join`, once per view for all payments that share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.accident import CLASS_WEIGHTS
from engine.batches import NO_DATE
from engine.candidates import CandidateRows, Candidates
from engine.limits import LEFT_OUT_MAX, PAIR_ITEMS_MAX
from engine.segments import expand_ranges, first_of_runs, segment_sum
from engine.sum_join import build_sums, count_structured, pair_work
from engine.sum_sets import FoundSets, pairs_with, runs_with, singles_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation
    from engine.sum_join import SumTables

__all__ = ["Variant", "propose_beside_unusable", "propose_structured", "variants_of"]

_BALANCE_ITEMS_MIN = 2
_DAYS_TO_MONTH = 400


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A way to look at the same views: with or without credits, gross or less discounts.

    share: part of the prior weight of each class; whole: all items are there, so that single
    items, pairs and smaller sets are looked up here, and not once more beside the credits.
    """

    ledgers: PayerLedgers
    net: bool
    whole: bool
    share: float


def variants_of(ledgers: PayerLedgers) -> list[Variant]:
    """All items, debits alone where there are credits, and all less discounts where any is offered.

    `ledgers` has usable rows, discounts taken off.
    """
    gross = ledgers.gross()
    has_credit = ledgers.views_with(gross.value < 0)
    has_offer = ledgers.views_with(ledgers.discount > 0)
    debits = gross.only(gross.value > 0).of_problems(has_credit[ledgers.view])
    return [
        Variant(ledgers=gross, net=False, whole=True, share=0.6),
        Variant(ledgers=debits, net=False, whole=False, share=0.4),
        Variant(
            ledgers=ledgers.of_problems(has_offer[ledgers.view]), net=True, whole=True, share=0.25
        ),
    ]


def _sum_tables(ledgers: PayerLedgers, paired: NDArray[np.bool_] | None = None) -> SumTables:
    """Sums of the views; by default pairs and runs are expanded where the payments are worth it.

    Without a table a pair costs a payment one look-up per item; expanding costs one key per pair.
    """
    if paired is None:
        size = ledgers.size()
        asked = np.bincount(ledgers.view, minlength=len(size))
        paired = (size <= PAIR_ITEMS_MAX) & (pair_work(size) <= 2 * asked * size)
    return build_sums(ledgers.bounds, ledgers.value, paired)


def propose_structured(situation: Situation, variant: Variant) -> Candidates:
    """Every structured set of the payments' amounts in one variant of the views."""
    ledgers = variant.ledgers
    if not len(ledgers):
        return Candidates.none()
    tables = _sum_tables(ledgers)
    cash = situation.cash[ledgers.payment]
    found = [
        _named_totals(situation, variant, cash),
        _terms(situation, variant, cash),
        *_looked_up(situation, variant, tables, cash),
    ]
    candidates = Candidates.concat(found)
    if not variant.net or not len(candidates):
        return candidates
    # Less no discount at all it is the set found gross.
    rows = candidates.rows
    return candidates.at(segment_sum(rows.discount, rows.candidate, len(candidates)) > 0)


def propose_beside_unusable(situation: Situation, ledgers: PayerLedgers) -> Candidates:
    """Single items and pairs of the amount in which something is that must not be paid.

    `ledgers` has all rows, discounts taken off. They are not for paying: they say that an amount
    is not as clear as it looks without what is disputed, blocked or dated later.
    """
    if ledgers.usable.all():
        return Candidates.none()
    ledgers = ledgers.of_problems(ledgers.views_with(~ledgers.usable)[ledgers.view])
    if not len(ledgers):
        return Candidates.none()
    found: list[Candidates] = []
    for seen, single, pair in (
        (ledgers.gross(), "single_amount", "subset_sum"),
        (ledgers, "single_amount_net", "subset_sum_net"),
    ):
        tables = _sum_tables(seen)
        size = tables.size()[seen.view]
        cash = situation.cash[seen.payment]
        small = (size <= PAIR_ITEMS_MAX).nonzero()[0]
        pairs = pairs_with(tables, seen.view[small], cash[small])
        for name, fits, weight in (
            (single, singles_with(tables, seen.view, cash), CLASS_WEIGHTS["single"] / size),
            (
                pair,
                FoundSets(small[pairs.lookup], pairs.rows),
                CLASS_WEIGHTS["pair"] / np.maximum(pair_work(size), 1),
            ),
        ):
            kept = ~seen.usable[fits.rows].all(axis=1)
            sets = FoundSets(fits.lookup[kept], fits.rows[kept])
            found.append(_of_sets(seen, sets, name, weight[sets.lookup]))
    return Candidates.concat(found)


def _looked_up(
    situation: Situation, variant: Variant, tables: SumTables, cash: NDArray[np.int64]
) -> list[Candidates]:
    """Singles, pairs, runs, all but one, all but two."""
    ledgers = variant.ledgers
    view, size = ledgers.view, tables.size()[ledgers.view]
    excess = tables.total[view] - cash
    counts = count_structured(tables, view, cash)
    unpaired = ~tables.paired[view]
    few = size <= PAIR_ITEMS_MAX
    left_one = (
        (counts.all_but_one > 0) & (counts.all_but_one <= LEFT_OUT_MAX) & (excess != 0)
    ).nonzero()[0]
    pairs = few & ((counts.pair > 0) | unpaired)
    left_two = few & ((counts.all_but_two > 0) | unpaired) & (size >= 5) & (excess != 0)
    runs = (counts.run > 0) | unpaired
    singles = (counts.single > 0).nonzero()[0] if variant.whole else left_one[:0]
    paired = pairs.nonzero()[0] if variant.whole else left_one[:0]

    def looked(problems: NDArray[np.int64], sets: FoundSets) -> FoundSets:
        return FoundSets(problems[sets.lookup], sets.rows)

    out_two = left_two.nonzero()[0]
    run = runs.nonzero()[0]
    one = looked(singles, singles_with(tables, view[singles], cash[singles]))
    two = looked(paired, pairs_with(tables, view[paired], cash[paired]))
    but_one = looked(left_one, singles_with(tables, view[left_one], excess[left_one]))
    but_two = looked(out_two, pairs_with(tables, view[out_two], excess[out_two]))
    scale = 1.0 if not variant.net else variant.share
    name = "single_amount_net" if variant.net else "single_amount"
    single = CLASS_WEIGHTS["single_net" if variant.net else "single"]
    pair = CLASS_WEIGHTS["pair"] * scale
    return [
        _of_sets(ledgers, one, name, single / np.maximum(size[one.lookup], 1)),
        _of_sets(
            ledgers,
            two,
            "subset_sum_net" if variant.net else "subset_sum",
            pair / np.maximum(pair_work(size[two.lookup]), 1),
        ),
        _runs(situation, variant, looked(run, runs_with(tables, view[run], cash[run]))),
        _all_but(variant, but_one, "all_but_one", size),
        _all_but(variant, _few_per_problem(but_two), "all_but_two", size),
    ]


def _few_per_problem(sets: FoundSets) -> FoundSets:
    """The sets of problems that have few: more are all alike, and each lays out the ledger."""
    if not len(sets):
        return sets
    few = np.bincount(sets.lookup)[sets.lookup] <= LEFT_OUT_MAX
    return FoundSets(sets.lookup[few], sets.rows[few])


def _of_sets(
    ledgers: PayerLedgers, sets: FoundSets, name: str, weight: NDArray[np.float64]
) -> Candidates:
    """One candidate per set; `sets.lookup` are problems, `sets.rows` rows of their views."""
    if not len(sets):
        return Candidates.none()
    width = sets.rows.shape[1]
    number = np.arange(len(sets), dtype=np.int64).repeat(width)
    row = sets.rows.ravel()
    rows = CandidateRows.of(
        number, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
    )
    return Candidates.of(ledgers.payment[sets.lookup], name, rows, weight=weight)


def _named_totals(situation: Situation, variant: Variant, cash: NDArray[np.int64]) -> Candidates:
    """The balance, what is past due, and what was due for payment at the end of last month."""
    ledgers = variant.ledgers
    index = situation.index
    day = ledgers.day[ledgers.owner]
    credit = ledgers.value < 0
    due = index.due_day[ledgers.item] < day
    dated = index.document_day[ledgers.item]
    stated = (dated != NO_DATE) & (dated < _month_start(day))
    found: list[Candidates] = []
    for member, name in (
        (np.ones(len(day), dtype=np.bool_), "balance"),
        (due | credit, "past_due"),
        (stated, "statement"),
    ):
        size = np.bincount(ledgers.owner[member], minlength=len(ledgers.day))
        fits = (ledgers.total(member)[ledgers.view] == cash) & (
            size[ledgers.view] >= _BALANCE_ITEMS_MIN
        )
        if np.count_nonzero(fits):
            weight = CLASS_WEIGHTS[name] * variant.share
            found.append(_members(ledgers, fits.nonzero()[0], member, weight, name))
    return Candidates.concat(found)


def _month_start(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first day of the month of each day."""
    return (
        day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    )


def _terms(situation: Situation, variant: Variant, cash: NDArray[np.int64]) -> Candidates:
    """Everything of one payment term: items that have the same number of days to pay."""
    ledgers, index = variant.ledgers, situation.index
    if not len(ledgers.item):
        return Candidates.none()
    days = index.due_day[ledgers.item] - index.document_day[ledgers.item]
    known = (index.due_day[ledgers.item] != NO_DATE) & (index.document_day[ledgers.item] != NO_DATE)
    days = np.where(known, days.clip(-_DAYS_TO_MONTH, _DAYS_TO_MONTH), _DAYS_TO_MONTH + 1)
    order = np.lexsort((days, ledgers.owner))
    fresh = first_of_runs(ledgers.owner[order], days[order])
    group = np.empty(len(order), dtype=np.int64)
    group[order] = fresh.cumsum() - 1
    of_view = ledgers.owner[order[fresh]]
    total = segment_sum(ledgers.value, group, len(of_view))
    size = np.bincount(group)
    first = of_view.searchsorted(np.arange(len(ledgers.day) + 1))
    problem, term = expand_ranges(first[ledgers.view], first[ledgers.view + 1])
    # A view with one term only has its balance, which is looked at anyway.
    several = (first[1:] - first[:-1])[ledgers.view] > 1
    fits = (total[term] == cash[problem]) & (size[term] >= _BALANCE_ITEMS_MIN) & several[problem]
    if not np.count_nonzero(fits):
        return Candidates.none()
    problem, term = problem[fits], term[fits]
    candidate, row = ledgers.rows_of(problem)
    kept = group[row] == term[candidate]
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(
        candidate, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
    )
    weight = CLASS_WEIGHTS["payment_term"] * variant.share
    share = weight / np.maximum(first[ledgers.view + 1] - first[ledgers.view], 1)[problem]
    return Candidates.of(ledgers.payment[problem], "payment_term", rows, weight=share)


def _members(
    ledgers: PayerLedgers,
    problems: NDArray[np.int64],
    member: NDArray[np.bool_],
    weight: float,
    name: str,
) -> Candidates:
    """The `member` rows of each of `problems` as one candidate each."""
    candidate, row = ledgers.rows_of(problems)
    kept = member[row]
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(
        candidate, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
    )
    return Candidates.of(ledgers.payment[problems], name, rows, weight=weight)


def _runs(situation: Situation, variant: Variant, sets: FoundSets) -> Candidates:
    """Everything due up to a date, from a date on, or between two dates.

    A run that parts items of one due date is none of these: which of them it takes is arbitrary.
    """
    ledgers = variant.ledgers
    if not len(sets):
        return Candidates.none()
    view = ledgers.view[sets.lookup]
    begin, end = ledgers.bounds[view], ledgers.bounds[view + 1] - 1
    first, last = sets.rows[:, 0], sets.rows[:, 1]
    part = (first > begin) | (last < end)
    kind = np.where(first == begin, 0, np.where(last == end, 1, 2))
    due = situation.index.due_day[ledgers.item]
    even = (first == begin) | (due[np.maximum(first - 1, 0)] != due[first])
    even &= (last == end) | (due[np.minimum(last + 1, len(due) - 1)] != due[last])
    size = (end - begin + 1).astype(np.float64)
    found: list[Candidates] = []
    for number, name in enumerate(("due_until", "due_from", "due_window")):
        mine = (part & even & (kind == number)).nonzero()[0]
        if name == "due_window":
            # Two items in the middle of a ledger are a pair, whatever stands beside them.
            mine = mine[(last - first)[mine] >= 2]
        candidate, row = expand_ranges(first[mine], last[mine] + 1)
        rows = CandidateRows.of(
            candidate, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
        )
        count = size[mine] if number < 2 else np.maximum(size[mine] * (size[mine] - 1) / 2, 1.0)
        weight = CLASS_WEIGHTS[name] * variant.share / count
        found.append(Candidates.of(ledgers.payment[sets.lookup[mine]], name, rows, weight=weight))
    return Candidates.concat(found)


def _all_but(
    variant: Variant, left_out: FoundSets, name: str, size: NDArray[np.int64]
) -> Candidates:
    """Every item of the view but those found."""
    ledgers = variant.ledgers
    if not len(left_out):
        return Candidates.none()
    candidate, row = ledgers.rows_of(left_out.lookup)
    kept = (row[:, None] != left_out.rows[candidate]).all(axis=1)
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(
        candidate, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
    )
    of = size[left_out.lookup].astype(np.float64)
    count = of if left_out.rows.shape[1] == 1 else of * (of - 1) / 2
    weight = CLASS_WEIGHTS[name] * variant.share / np.maximum(count, 1.0)
    return Candidates.of(ledgers.payment[left_out.lookup], name, rows, weight=weight)
