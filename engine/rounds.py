"""Rounds: what payers name, what amounts alone can prove on what is left, what custom says.

Each round proposes with all its strategies, closes differences by policy, resolves who gets what,
and hands the next round a situation without the payments and amounts that are settled. It works
chunk by chunk over groups of payments (`engine.groups`), on as many cores as `map_ordered` has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from engine.accident import NONE_WEIGHT
from engine.amounts import odds_by_amount, propose_by_amount
from engine.batches import NO_DATE
from engine.candidates import Candidates
from engine.decisions import settle_candidates
from engine.due_habits import DueHabits
from engine.exception_codes import code_number
from engine.gates import GATES
from engine.groups import Groups, Part
from engine.open_item_index import CANCELLED, PAID
from engine.permission import permitted, spoken_for, without_contended
from engine.reference_slots import NO_LINE
from engine.resolver import ItemAmounts, Resolution, possible, resolve
from engine.second_look import second_look
from engine.segments import first_of_runs, is_among, is_one_of, mix64, pick
from engine.strategies.exact import (
    propose_across,
    propose_detail,
    propose_differences,
    propose_sums,
    propose_withheld,
)
from engine.strategies.fuzzy import correct_references, repair_references
from engine.strategies.installments import propose_installments
from engine.strategies.oldest_first import propose_oldest_first
from engine.strategies.payouts import propose_payouts
from engine.unlisted import ODDS, count_odds, none_weight, sampled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.intake import Intake
    from engine.match_input import MapOrdered
    from engine.reference_slots import ReferenceSlots
    from engine.remaining import Remaining
    from engine.situation import Situation

__all__ = [
    "Round",
    "decide_by_amount",
    "decide_by_custom",
    "decide_by_reference",
    "paid_items",
    "paid_twins",
    "unlisted_odds",
    "unread_references",
    "unread_slots",
]

_LEDGER_ROWS_MAX = 400_000
_LEDGERS_MAX = 4_096
_CONTRADICTING_DIGITS = 100_000


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What a round did: candidates, how they were resolved, and the situation after it.

    doubtful: per payment, a reference may be a mistyped one of the same customer; stopped: which
    gate of policy alone keeps each payment from being decided (shape: gates × payments).
    """

    candidates: Candidates
    resolution: Resolution
    situation: Situation
    doubtful: NDArray[np.bool_]
    stopped: NDArray[np.bool_]

    @classmethod
    def nothing(cls, situation: Situation) -> Self:
        """No payment was there to decide."""
        candidates = Candidates.none()
        return cls(
            candidates=candidates,
            resolution=Resolution.nothing(candidates.automatic),
            situation=situation,
            doubtful=_none_of(situation),
            stopped=np.zeros((len(GATES), len(situation)), dtype=np.bool_),
        )


def decide_by_reference(
    intake: Intake, situation: Situation, map_ordered: MapOrdered = map
) -> Round:
    """Lines and references; damaged ones mended where what is read does not foot."""
    groups = Groups.of(situation)
    return _decide(intake, situation, groups, _propose_by_reference, map_ordered, named=True)


def decide_by_amount(intake: Intake, named: Round, map_ordered: MapOrdered = map) -> Round:
    """The payer's items whose amounts are the cash: one, a total, or else a combination; of what
    the round by reference (`named`) has left.
    """
    situation = named.situation
    if not np.count_nonzero(situation.open_for_matching):
        return Round.nothing(situation)
    contradicted = _contradicted(intake, situation)
    habits = intake.resident.habits
    due = _due_habits(intake, named)
    none = _none_weight(intake, named, map_ordered)
    spoken = spoken_for(named.candidates, named.resolution)

    def propose(part: Part) -> _Proposal:
        situation = part.situation
        todo = (situation.open_for_matching & (situation.payer >= 0)).nonzero()[0]
        against = contradicted[part.payment]
        found = [
            propose_by_amount(situation, one, against, habits, due, none)
            for one in _parts(situation, todo)
        ]
        looked = second_look(situation, Candidates.concat(found), against, none)
        looked = _free_of(looked, spoken)
        return _Proposal(looked, situation.slots, _none_of(situation))

    # Of two payers that two facts name the first is looked at, to have something to show.
    payer = np.where(intake.payers.conflict, intake.payers.payer, situation.payer)
    suspected = msgspec.structs.replace(situation, payer=payer)
    # Nothing but the payer's own items is looked at: only payers merely suggested are beyond.
    known = msgspec.structs.replace(
        suspected, open_for_matching=situation.open_for_matching & (payer >= 0)
    )
    groups = Groups.by_payer(known)
    found = _decide(intake, suspected, groups, propose, map_ordered, named=False)
    after = msgspec.structs.replace(found.situation, payer=situation.payer)
    return msgspec.structs.replace(found, situation=after)


def _free_of(candidates: Candidates, spoken: NDArray[np.int64]) -> Candidates:
    """`candidates`, of which none with an item that an undecided payment names is decided."""
    rows = candidates.rows
    taken = np.zeros(len(candidates), dtype=np.bool_)
    taken[rows.candidate[is_among(rows.item, spoken)]] = True
    taken &= candidates.automatic
    return msgspec.structs.replace(
        candidates,
        automatic=candidates.automatic & ~taken,
        code=np.where(taken, code_number("AMB-COMPETE"), candidates.code),
    )


def _due_habits(intake: Intake, named: Round) -> DueHabits:
    """By when items are paid: of all payments of a run, where these are some of them."""
    resident, told = intake.resident, None if intake.whole is None else intake.whole.paid
    pay_day = named.situation.pay_day.max(initial=NO_DATE) if told is None else told.day
    day = resident.youngest[-1] if intake.apart else pay_day
    return DueHabits.of(
        named.situation.index,
        resident.due.shares(int(day)),
        len(intake.directory),
        *paid_items(intake, named),
        None if told is None else told.counts,
    )


def paid_items(intake: Intake, named: Round) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items that are paid, and when: by what references decided just now, and what earlier runs
    settled; matches that are apart learn nothing from each other.
    """
    decided = named.candidates.at(named.resolution.accepted & (not intake.apart))
    pay_day = named.situation.pay_day[decided.payment[decided.rows.candidate]]
    before = intake.settled_before
    return (
        np.concatenate([decided.rows.item, before.item]),
        np.concatenate([pay_day, before.pay_day]),
    )


def _none_weight(intake: Intake, named: Round, map_ordered: MapOrdered) -> float:
    """Weight of "it pays nothing listed": matches that are apart learn nothing from each other."""
    if intake.apart:
        return NONE_WEIGHT
    told = None if intake.whole is None else intake.whole.odds
    return none_weight(unlisted_odds(intake, named, map_ordered) if told is None else told)


def unlisted_odds(intake: Intake, named: Round, map_ordered: MapOrdered = map) -> NDArray[np.int64]:
    """Of what the round by reference (`named`) has left to amounts, a sample: how many payments
    there are of each odds that something listed is paid (`engine.unlisted`).
    """
    situation, habits = named.situation, intake.resident.habits
    known = situation.open_for_matching & (situation.payer >= 0)
    rows = (known & ~_contradicted(intake, situation)).nonzero()[0]
    among = len(situation) if intake.whole is None else intake.whole.payments
    rows = rows[sampled(intake.payments.text("payment_id").take(rows), among)]
    part = Part.of(situation, rows).situation
    counts = np.zeros(ODDS, dtype=np.int64)
    for found in map_ordered(
        lambda payment: count_odds(odds_by_amount(part, payment, habits)),
        _parts(part, np.arange(len(rows))),
    ):
        counts += found
    return counts


def decide_by_custom(intake: Intake, situation: Situation, map_ordered: MapOrdered = map) -> Round:
    """Payers whose money goes to their oldest items, as policy says: where they name nothing."""
    wanted = situation.open_for_matching & (situation.payer >= 0)
    wanted &= situation.rules.oldest_first[situation.rule]
    if not np.count_nonzero(wanted):
        return Round.nothing(situation)
    wanted &= ~_names_something(situation)
    flagged = msgspec.structs.replace(situation, open_for_matching=wanted)

    def propose(part: Part) -> _Proposal:
        situation = part.situation
        todo = situation.open_for_matching.nonzero()[0]
        candidates = propose_oldest_first(situation, todo, intake.precedence[part.payment])
        return _Proposal(candidates, situation.slots, _none_of(situation))

    return _decide(intake, flagged, Groups.by_payer(flagged), propose, map_ordered, named=False)


class _Proposal(msgspec.Struct, frozen=True):
    """What is proposed for a part: candidates, its slots as read in the end, doubtful payments."""

    candidates: Candidates
    slots: ReferenceSlots
    doubtful: NDArray[np.bool_]


class _Decided(msgspec.Struct, frozen=True):
    """A part's proposal in the rows of the whole, and what was resolved of it on its own; stopped:
    which gate keeps which candidate from being automatic (gates × candidates).
    """

    part: Part
    proposal: _Proposal
    candidates: Candidates
    stopped: NDArray[np.bool_]
    resolution: Resolution


def _decide(
    intake: Intake,
    situation: Situation,
    groups: Groups,
    propose: Callable[[Part], _Proposal],
    map_ordered: MapOrdered,
    *,
    named: bool,
) -> Round:
    """Payments beyond the groups propose; each group decides what is its own; then the rest."""
    if not groups.chunks and not groups.beyond:
        return Round.nothing(situation)

    def proposed(payment: NDArray[np.int64]) -> _Decided:
        part = Part.of(situation, payment)
        proposal = propose(part)
        settled = settle_candidates(part.situation, proposal.candidates)
        candidates, stopped = permitted(intake, situation, part.back(settled))
        nothing = Resolution.nothing(candidates.automatic)
        return _Decided(part, proposal, candidates, stopped, nothing)

    def contest(candidates: Candidates, remaining: Remaining, others: ItemAmounts) -> Resolution:
        family = situation.claimed_family[candidates.payment]
        rank = intake.precedence[candidates.payment]
        return resolve(candidates, remaining, family, rank, named=named, others=others)

    def grouped(payment: NDArray[np.int64]) -> _Decided:
        found = proposed(payment)
        candidates = _at_home(situation, groups, found.candidates)
        resolution = contest(candidates, situation.remaining, wanted)
        return _Decided(found.part, found.proposal, candidates, found.stopped, resolution)

    beyond = list(map_ordered(proposed, groups.beyond))
    outside = Candidates.concat([one.candidates for one in beyond])
    wanted = ItemAmounts.of(outside, outside.automatic & possible(outside, situation.remaining))
    decided = [*map_ordered(grouped, groups.chunks), *beyond]
    candidates = Candidates.concat([one.candidates for one in decided])
    own = Resolution.concat([one.resolution for one in decided])
    own = without_contended(situation, candidates, own)
    remaining = situation.remaining.less(ItemAmounts.of(candidates, own.accepted))
    resolution = own
    if np.count_nonzero(own.deferred):
        left = msgspec.structs.replace(candidates, automatic=own.deferred)
        across = contest(left, remaining, ItemAmounts.none())
        across = without_contended(situation, candidates, across)
        remaining = remaining.less(ItemAmounts.of(candidates, across.accepted))
        resolution = Resolution(
            accepted=own.accepted | across.accepted,
            second=own.second | across.second,
            contested=own.contested | across.contested,
            deferred=across.deferred,
        )
    still_open = situation.open_for_matching.copy()
    still_open[candidates.payment[resolution.accepted]] = False
    slots, doubtful = _gathered(situation, decided)
    after = msgspec.structs.replace(
        situation,
        remaining=remaining,
        open_for_matching=still_open,
        slots=slots,
    )
    return Round(
        candidates=candidates,
        resolution=resolution,
        situation=after,
        doubtful=doubtful,
        stopped=_stopped_payments(situation, decided),
    )


def _stopped_payments(situation: Situation, decided: list[_Decided]) -> NDArray[np.bool_]:
    """Which gate keeps which payment from being decided (gates × payments)."""
    stopped = np.zeros((len(GATES), len(situation)), dtype=np.bool_)
    for one in decided:
        for gate, stops in enumerate(one.stopped):
            stopped[gate, one.candidates.payment[stops]] = True
    return stopped


def _at_home(situation: Situation, groups: Groups, candidates: Candidates) -> Candidates:
    """No group decides about another one's items: a candidate that has one is only a proposal."""
    if not len(candidates):
        return candidates
    rows = candidates.rows
    home = groups.group[candidates.payment[rows.candidate]]
    automatic = candidates.automatic.copy()
    automatic[rows.candidate[situation.index.family[rows.item] != home]] = False
    return msgspec.structs.replace(candidates, automatic=automatic)


def _gathered(
    situation: Situation, decided: list[_Decided]
) -> tuple[ReferenceSlots, NDArray[np.bool_]]:
    """The slots as the parts read them in the end, and the doubtful payments of all parts."""
    slots, doubtful = situation.slots, _none_of(situation)
    if all(one.proposal.slots is one.part.situation.slots for one in decided):
        for one in decided:
            doubtful[one.part.payment] = one.proposal.doubtful
        return slots, doubtful
    changed = {name: getattr(slots, name).copy() for name in _READ_AGAIN}
    for one in decided:
        doubtful[one.part.payment] = one.proposal.doubtful
        for name, values in changed.items():
            values[one.part.slot] = getattr(one.proposal.slots, name)
    return msgspec.structs.replace(slots, **changed), doubtful


_READ_AGAIN = ("item", "strength", "repaired", "family", "amount")


def _none_of(situation: Situation) -> NDArray[np.bool_]:
    return np.zeros(len(situation), dtype=np.bool_)


def _propose_by_reference(part: Part) -> _Proposal:
    situation = part.situation
    corrected, doubtful = correct_references(situation)
    situation = msgspec.structs.replace(situation, slots=corrected)
    unread = unread_references(situation, closed=False)
    found: list[Candidates] = []
    now = _collect(found, propose_payouts(situation, unread), situation)
    now = _collect(found, propose_detail(now, partial=False), now)
    now = _collect(found, propose_sums(now), now)
    if np.count_nonzero(now.open_for_matching):
        _propose_less_plainly(now, unread, found)
    candidates = Candidates.concat(found)
    sure = candidates.automatic & ~doubtful[candidates.payment]
    candidates = msgspec.structs.replace(candidates, automatic=sure)
    return _Proposal(candidates, corrected, doubtful)


def _propose_less_plainly(
    now: Situation, unread: NDArray[np.int64], found: list[Candidates]
) -> None:
    """Add to `found` what is proposed for payments whose references do not simply add up."""
    read = now.slots
    mended = msgspec.structs.replace(now, slots=repair_references(now))
    if mended.slots is not read:
        mended = _collect(found, propose_detail(mended, partial=False), mended)
        mended = _collect(found, propose_sums(mended), mended)
    mended = _collect(found, propose_detail(mended, partial=True), mended)
    plain = msgspec.structs.replace(mended, slots=read)
    plain = _collect(found, propose_installments(plain), plain)
    found.append(propose_across(plain))
    found.append(propose_withheld(plain))
    found.append(propose_differences(plain, unread))
    found.append(_near_and_short(mended, found))


def _collect(found: list[Candidates], candidates: Candidates, now: Situation) -> Situation:
    """Add `candidates` to `found`; gives `now` without the payments they decide."""
    if not len(candidates):
        return now
    found.append(candidates)
    still_open = now.open_for_matching.copy()
    still_open[candidates.payment[candidates.automatic]] = False
    return msgspec.structs.replace(now, open_for_matching=still_open)


def _near_and_short(mended: Situation, found: list[Candidates]) -> Candidates:
    """Part payments of items whose numbers were mended, where nothing else is proposed: number and
    amount are both off, so that a clerk is only shown what is nearest.
    """
    idle = mended.open_for_matching.copy()
    for candidates in found:
        idle[candidates.payment] = False
    if not np.count_nonzero(idle):
        return Candidates.none()
    left = msgspec.structs.replace(mended, open_for_matching=idle)
    near = propose_differences(left, unread_references(left, closed=False))
    if not len(near):
        return near
    beyond = near.rows.cash > left.remaining[near.rows.item]
    short = np.bincount(near.rows.candidate[beyond], minlength=len(near)) == 0
    return msgspec.structs.replace(near, automatic=np.zeros(len(near), dtype=np.bool_)).at(short)


def unread_references(
    situation: Situation, *, closed: bool = True, of_anybody: bool = True
) -> NDArray[np.int64]:
    """References per payment that cannot be used (`unread_slots`)."""
    nowhere = unread_slots(situation, closed=closed, of_anybody=of_anybody)
    return np.bincount(situation.slots.payment[nowhere], minlength=len(situation))


def unread_slots(situation: Situation, *, closed: bool, of_anybody: bool) -> NDArray[np.bool_]:
    """Which references cannot be used: unread lines, long numbers in free text, or such as others
    of the text that are read, numbers that are somebody else's or several items'; with `closed`
    also closed and disputed items, with `of_anybody` also items of which nobody can say whether
    they are the payer's, because he is not known. A number of the transfer that leads nowhere is
    none: it need not be of what is paid.
    """
    slots = situation.slots
    long = (slots.digits >= _CONTRADICTING_DIGITS) | slots.alike
    nowhere = (slots.hits == 0) & ((slots.line != NO_LINE) | (~slots.transfer & long))
    named = slots.strength > 1
    doubted = ~situation.credible()
    if not of_anybody:
        doubted &= situation.payer_family[slots.payment] >= 0
    nowhere |= named & ((slots.item < 0) | doubted)
    if closed:
        nowhere |= (slots.item >= 0) & (named | slots.family) & ~situation.payable(slots.item)
    unread: NDArray[np.bool_] = nowhere
    return unread


def paid_twins(intake: Intake, situation: Situation) -> NDArray[np.bool_]:
    """Payments whose payer has a paid item of exactly this amount: perhaps paid a second time."""
    keys = intake.resident.paid
    wanted = mix64(situation.payer, situation.currency, situation.cash)
    twins: NDArray[np.bool_] = is_among(wanted, keys) & (situation.payer >= 0)
    return twins


def _contradicted(intake: Intake, situation: Situation) -> NDArray[np.bool_]:
    """Payments that name something, or may be second ones: their amount alone decides nothing."""
    return _names_something(situation) | paid_twins(intake, situation)


def _names_something(situation: Situation) -> NDArray[np.bool_]:
    """Payments with a reference, usable or not."""
    slots = situation.slots
    status = pick(situation.index.status, slots.item)
    closed = (slots.item >= 0) & is_one_of(status, (PAID, CANCELLED))
    named = (slots.hits > 0) & ((slots.strength > 1) | slots.family & (slots.amount | closed))
    something: NDArray[np.bool_] = unread_references(situation) > 0
    something[slots.payment[named]] = True
    return something


def _parts(situation: Situation, todo: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """`todo` cut so that each part lays out a bounded number of ledgers and of their rows.

    Payments of one ledger stand together: they share what is expanded from it.
    """
    index = situation.index
    ledger = index.ledger_of(situation.payer[todo], situation.currency[todo])
    if not len(index.ledger_start):
        return []
    order = ledger.argsort(kind="stable")
    todo, ledger = todo[order], ledger[order]
    size = np.where(ledger >= 0, index.ledger_end[ledger] - index.ledger_start[ledger], 0)
    part = np.maximum(size.cumsum() // _LEDGER_ROWS_MAX, np.arange(len(todo)) // _LEDGERS_MAX)
    if not len(part) or part[-1] == part[0]:
        return [todo]
    return np.split(todo, first_of_runs(part).nonzero()[0][1:])
