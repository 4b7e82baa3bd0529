"""From the input batches to the first situation: canonical order, payers, references, rules.

Payments are sorted by id, lines by payment and number, items and customers by their keys: whatever
order rows came in, everything behind sees the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.advices import JoinedAdvices, join_advices
from engine.batches import NO_DATE, PaymentBatch, RemittanceBatch
from engine.conversions import Conversions, Told, read_converted
from engine.creditor_references import customers_by_creditor_reference
from engine.due_habits import SettledBefore
from engine.gates import Gates, build_gates
from engine.identify import RELIABILITY, Payers, companies_of, identify_payers, in_no_list
from engine.learned_facts import LearnedFacts
from engine.payer_names import KnownNames, confirm_by_name
from engine.payer_table import payers_by_number
from engine.payment_words import (
    CASH_DISCOUNT,
    CAUSE,
    DISCOUNT,
    FEE,
    FEE_REASON,
    NOT_RECEIVABLE,
    REASON,
    TAX,
    says,
)
from engine.policy_table import assign_rules
from engine.reference_slots import NO_LINE
from engine.relations import declare_relations, sister_companies
from engine.remaining import Remaining
from engine.resident import build_resident
from engine.segments import pick
from engine.situation import Lines, Situation
from engine.text_columns import are_empty, is_empty

if TYPE_CHECKING:
    import datetime

    from numpy.typing import NDArray

    from engine.batches import LearnedFactBatch
    from engine.calibration import Calibration
    from engine.customer_directory import CustomerDirectory, Relations
    from engine.identify import CustomerNumbers, OurAccounts
    from engine.match_input import MapOrdered, MatchInput, StageObserver
    from engine.open_item_index import OpenItemIndex
    from engine.owner_table import OwnerTable
    from engine.policy import PolicyBook
    from engine.policy_table import AssignedRules
    from engine.precision_ledger import PrecisionLedger
    from engine.reference_slots import ReadReferences, ReferenceSlots
    from engine.relations import Declared
    from engine.resident import Resident
    from engine.whole import Whole

__all__ = ["Intake", "day_number", "facts_in_force", "find_payers", "sorted_lines", "take_in"]


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the rounds start from; arrays have one entry per payment in sorted order.

    resident: what payments are looked up in; order: input row of each sorted payment; held: an
    intake code forbids automatic application; homeless: our bank account is in no list, so the
    company is not known; conversions: payments matched in another currency than their own; idle:
    per customer, inactive or blocked; elsewhere, other_currency: an item of the amount in another
    company, or in another currency, that a reference leads to (-1 none); not_receivable: no
    customer's payment; precedence: rank by date and bank reference; settled_before: what payments
    of earlier runs settled; whole: what is true of all, where these are some of them; apart:
    payments of several matches, which learn nothing from each other; refused: sets of items a clerk
    refused, by payment id; gates: what policy keeps from going through alone; calibration,
    precision: what outcomes of earlier decisions say; between: numbers inside ranges
    (`ReadReferences`).
    """

    payments: PaymentBatch
    resident: Resident
    order: NDArray[np.int64]
    advices: JoinedAdvices
    remittances: RemittanceBatch
    directory: CustomerDirectory
    index: OpenItemIndex
    payers: Payers
    conversions: Conversions
    currencies: list[str]
    held: NDArray[np.bool_]
    homeless: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    elsewhere: NDArray[np.int64]
    other_currency: NDArray[np.int64]
    not_receivable: NDArray[np.bool_]
    precedence: NDArray[np.int64]
    apart: bool
    settled_before: SettledBefore
    whole: Whole | None
    refused: dict[str, frozenset[tuple[str, ...]]]
    calibration: Calibration
    precision: PrecisionLedger
    gates: Gates
    situation: Situation
    between: tuple[NDArray[np.int64], NDArray[np.int64]]


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the input says, in canonical order, and what it is looked up in."""

    match_input: MatchInput
    payments: PaymentBatch
    order: NDArray[np.int64]
    advices: JoinedAdvices
    remittances: RemittanceBatch
    line_payment: NDArray[np.int64]
    resident: Resident
    directory: CustomerDirectory
    currencies: list[str]
    day: NDArray[np.int64]

    @classmethod
    def of(cls, match_input: MatchInput, observe: StageObserver, map_ordered: MapOrdered) -> _Given:
        """Sort and index."""
        ids = match_input.payments.text("payment_id")
        order = pc.array_sort_indices(ids).to_numpy(zero_copy_only=False).astype(np.int64)
        payments = match_input.payments.take(order)
        joined = join_advices(payments, match_input.remittances, match_input.advices)
        remittances, line_payment = sorted_lines(payments, joined.remittances)
        observe("index", len(match_input.open_items))
        resident = match_input.resident or build_resident(
            match_input.open_items,
            match_input.customers,
            match_input.bank_accounts,
            match_input.policy,
            with_names=False,
            map_ordered=map_ordered,
            whole=match_input.whole,
        )
        stated = set(payments.codes("currency")[1]).difference(resident.currencies)
        return cls(
            match_input=match_input,
            payments=payments,
            order=order,
            advices=joined,
            remittances=remittances,
            line_payment=line_payment,
            resident=resident,
            directory=resident.directory.with_companies(payments.text("company_id")),
            currencies=[*resident.currencies, *sorted(stated)],
            day=_days(match_input)[order],
        )


def take_in(
    match_input: MatchInput, observe: StageObserver, map_ordered: MapOrdered = map
) -> Intake:
    """Sort, index, identify, read references (see module)."""
    given = _Given.of(match_input, observe, map_ordered)
    observe("identify", len(given.payments))
    payers, learned = _identify(given)
    observe("read_references", len(given.payments) + len(given.remittances))
    return _read(given, payers, learned, map_ordered)


def _read(given: _Given, payers: Payers, learned: LearnedFacts, map_ordered: MapOrdered) -> Intake:
    """Read the references, find the rules, look at what stands in the way."""
    payments, resident, directory = given.payments, given.resident, given.directory
    book, index = given.match_input.policy, resident.index
    family = pick(directory.family, np.where(payers.known, payers.payer, -1), none=-1)
    may = sister_companies(book, directory.companies)
    told = Told(
        payments=payments,
        remittances=given.remittances,
        line_payment=given.line_payment,
        company=payers.company,
        family=family,
        currency=_codes_of(payments.text("currency"), given.currencies),
        currencies=given.currencies,
    )
    told, read, conversions = read_converted(told, index, may, book.exchange, map_ordered)
    own = _without_customer_numbers(read.slots, payers, resident.numbers)
    slots = _of_the_payer(own, payments, directory, family, learned.relations, index)
    declared = declare_relations(slots, payments, directory, payers, index, book)
    assigned = assign_rules(
        book,
        directory,
        resident.rules,
        payers.company,
        payers.payer,
        told.currency,
        given.currencies,
    )
    not_receivable, held = _gates(payments, payers, declared.slots)
    situation = _situation(
        told, read, payers, declared, assigned, resident, ~not_receivable, given.day
    )
    return Intake(
        payments=payments,
        resident=resident,
        order=given.order,
        advices=given.advices,
        remittances=given.remittances,
        directory=directory,
        index=index,
        payers=payers,
        conversions=conversions,
        currencies=given.currencies,
        held=held,
        homeless=in_no_list(payments, payers.company, resident.our_accounts),
        idle=resident.idle,
        elsewhere=read.elsewhere,
        other_currency=read.other_currency,
        not_receivable=not_receivable,
        precedence=_precedence(payments, situation.pay_day),
        apart=given.match_input.days is not None,
        settled_before=SettledBefore.of(given.match_input.earlier, index),
        whole=given.match_input.whole,
        refused=learned.refused_sets(),
        calibration=given.match_input.calibration,
        precision=given.match_input.precision,
        gates=build_gates(
            assigned, situation.cash, payers.payer, payers.company, given.day, resident.youngest
        ),
        situation=situation,
        between=read.between,
    )


def _situation(
    told: Told,
    read: ReadReferences,
    payers: Payers,
    declared: Declared,
    assigned: AssignedRules,
    resident: Resident,
    receivable: NDArray[np.bool_],
    day: NDArray[np.int64],
) -> Situation:
    """What the first round looks at; `day` is that of payments without one."""
    return Situation(
        currency=told.currency,
        company=payers.company,
        payer=np.where(payers.conflict, -1, payers.payer),
        payer_family=told.family,
        claimed_family=_claimed(declared.slots, told.family, declared.several, resident.index),
        payer_doubt=1.0 - RELIABILITY[payers.by],
        rule=assigned.rule,
        open_for_matching=(told.payments.int64("amount_minor") > 0) & receivable,
        rules=assigned.table,
        index=resident.index,
        remaining=Remaining.of(resident.index.open_minor),
        slots=declared.slots,
        shared=read.shared,
        lines=_lines(told.remittances, told.line_payment),
        claims=resident.claims,
        **_told_facts(told.payments, declared, day),
    )


def _identify(given: _Given) -> tuple[Payers, LearnedFacts]:
    """Who paid each payment, and the facts it was found by, the master's relations among them."""
    facts, book = given.match_input.learned, given.match_input.policy
    learned = facts_in_force(facts, given.directory, book, int(given.day.max(initial=NO_DATE)))
    told = given.match_input.payers
    if told is not None:
        return payers_by_number(told, given.payments, given.directory), learned
    resident = given.resident
    payers = find_payers(
        given.payments,
        given.remittances,
        given.line_payment,
        given.directory,
        learned,
        resident.our_accounts,
        resident.creditor,
        resident.numbers,
        resident.names,
    )
    return payers, learned


def facts_in_force(
    facts: LearnedFactBatch, directory: CustomerDirectory, book: PolicyBook, day: int
) -> LearnedFacts:
    """What was learned by `day`, the master's relations among it."""
    learned = LearnedFacts.of(facts, directory, book, day)
    relations = directory.relations.with_more(learned.relations)
    return msgspec.structs.replace(learned, relations=relations)


def find_payers(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    directory: CustomerDirectory,
    learned: LearnedFacts,
    our_accounts: OurAccounts,
    creditor: OwnerTable,
    numbers: CustomerNumbers,
    names: KnownNames | None,
) -> Payers:
    """Who paid each payment, of all customers of `directory`: `creditor` are theirs by the creditor
    references of items, `numbers` by what they are called, `names` by name (None: not indexed yet).
    """
    company = companies_of(payments, our_accounts, directory.companies)
    return identify_payers(
        payments,
        directory,
        company,
        learned,
        our_accounts,
        customers_by_creditor_reference(payments, remittances, line_payment, company, creditor),
        numbers,
        names or KnownNames.of(directory, everywhere=bool((company < 0).any())),
    )


def sorted_lines(
    payments: PaymentBatch, remittances: RemittanceBatch
) -> tuple[RemittanceBatch, NDArray[np.int64]]:
    """Lines of known payments by payment and number, and the payment row of each."""
    if not len(remittances):
        return remittances, np.empty(0, dtype=np.int64)
    found = pc.index_in(remittances.text("payment_id"), value_set=payments.text("payment_id"))
    row = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((remittances.int64("line_number"), row))
    order = order[row[order] >= 0]
    return remittances.take(order), row[order]


def _told_facts(
    payments: PaymentBatch, declared: Declared, last: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """What policy says of the payer; what bank and payer say: amount, day, charges taken out (0
    where nothing is said), no payer name, words of a bank's fee, of a tax, of a reason for paying
    less, of one that is no discount. `last` is the day of payments without one, per payment.
    """
    text = payments.text("remittance_text")
    reason = says(text, REASON)
    return {
        "cash": payments.int64("amount_minor"),
        "pay_day": _pay_days(payments, last),
        "declared": declared.several,
        "fee_ppm": declared.fee_ppm,
        "fee_minor": declared.fee_minor,
        "charges": payments.int64("charges_minor"),
        "nameless": is_empty(payments.text("payer_name")),
        "fee_in_text": says(text, FEE),
        "tax_in_text": says(text, TAX),
        "reason_in_text": reason,
        "cause_in_text": _says_cause(text, reason),
    }


def _says_cause(text: pa.StringArray, reason: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which texts, of those that give a `reason`, give one that is no discount."""
    cause, rows = reason.copy(), reason.nonzero()[0]
    if len(rows):
        told = text.take(pa.array(rows))
        cause[rows] = says(told, CAUSE) & ~says(told, DISCOUNT)
    return cause


def _claimed(
    slots: ReferenceSlots,
    family: NDArray[np.int64],
    declared: NDArray[np.bool_],
    index: OpenItemIndex,
) -> NDArray[np.int64]:
    """The payer's family, else the family reference and name point to together; a payer for many
    has none.
    """
    claimed = family.copy()
    nobody = (family < 0) & ~declared
    rows = (slots.family & (slots.item >= 0) & nobody[slots.payment]).nonzero()[0]
    claimed[slots.payment[rows]] = index.family[slots.item[rows]]
    return claimed


def _without_customer_numbers(
    slots: ReferenceSlots, payers: Payers, numbers: CustomerNumbers
) -> ReferenceSlots:
    """A payer's own customer number is no reference nobody could read."""
    own = (slots.hits == 0) & (slots.line == NO_LINE) & (slots.digits > 0)
    own &= pick(numbers.digits, payers.payer[slots.payment]) == slots.digits
    return msgspec.structs.replace(
        slots, **{name: getattr(slots, name)[~own] for name in slots.__struct_fields__}
    )


def _of_the_payer(
    slots: ReferenceSlots,
    payments: PaymentBatch,
    directory: CustomerDirectory,
    family: NDArray[np.int64],
    relations: Relations,
    index: OpenItemIndex,
) -> ReferenceSlots:
    """What number and name together make the payer's own; and a reference to an item of a customer
    the payer may pay for.
    """
    slots = confirm_by_name(slots, payments, directory, family, index.customer)
    payer = family[slots.payment]
    rows = ((slots.item >= 0) & ~slots.family & (payer >= 0)).nonzero()[0]
    of_others = slots.family.copy()
    of_others[rows] = relations.allow(payer[rows], index.family[slots.item[rows]])
    return msgspec.structs.replace(slots, family=of_others)


def _lines(remittances: RemittanceBatch, line_payment: NDArray[np.int64]) -> Lines:
    if not len(remittances):
        return Lines.none()
    reason = remittances.text("deduction_reason")
    fee, discounted = says(reason, FEE_REASON), says(reason, CASH_DISCOUNT)
    stated = ~is_empty(reason) & ~discounted
    discount, deduction = (remittances.int64(f"{name}_minor") for name in ("discount", "deduction"))
    return Lines(
        payment=line_payment,
        amount=remittances.int64("amount_minor"),
        given=~remittances.is_null("amount_minor"),
        discount=discount + np.where(discounted, deduction, 0),
        deduction=np.where(discounted, 0, deduction),
        fee=fee,
        tax=says(reason, TAX),
        reasoned=stated & ~fee,
    )


def _codes_of(values: pa.StringArray, names: list[str]) -> NDArray[np.int64]:
    if len(names) == 1:
        return np.zeros(len(values), dtype=np.int64)
    found = pc.index_in(values, value_set=pa.array(names, pa.string()))
    codes: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _gates(
    payments: PaymentBatch, payers: Payers, slots: ReferenceSlots
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """No customer's payment (as the file says, or by its text where nobody is known); held."""
    read = np.zeros(len(payments), dtype=np.bool_)
    read[slots.payment[(slots.item >= 0) & (slots.strength > 1)]] = True
    codes = payments.text("intake_codes")
    by_file = says(codes, "IN-NONAR")
    by_text = np.zeros(len(payments), dtype=np.bool_)
    unclear = ((payers.payer < 0) & ~read).nonzero()[0]
    if len(unclear):
        text = pc.binary_join_element_wise(
            payments.text("payer_name"), payments.text("remittance_text"), " "
        )
        by_text[unclear] = says(text.take(pa.array(unclear)), NOT_RECEIVABLE)
    return (by_file | by_text) & (payments.int64("amount_minor") > 0), ~is_empty(codes)


def _days(match_input: MatchInput) -> NDArray[np.int64]:
    """Day of the match of each payment, in input order: as given, else the latest booking date."""
    if match_input.days is not None:
        return match_input.days
    payments = match_input.payments
    as_of = match_input.as_of
    latest = payments.days("booking_date").max(initial=NO_DATE)
    return np.full(len(payments), latest if as_of is None else day_number(as_of), dtype=np.int64)


def day_number(day: datetime.date) -> int:
    """Days since 1970."""
    return day.toordinal() - _EPOCH


def _pay_days(payments: PaymentBatch, last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Value date, else booking date, else the day of the run."""
    day = payments.days("value_date")
    if np.count_nonzero(day == NO_DATE):
        day = np.where(day == NO_DATE, payments.days("booking_date"), day)
        day = np.where(day == NO_DATE, last, day)
    return day


_EPOCH: Final = 719_163  # datetime.date(1970, 1, 1).toordinal()


def _precedence(payments: PaymentBatch, pay_day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank by date, bank reference, check number, id: which of two equal payments came first."""
    columns = [payments.text(name) for name in ("check_number", "bank_reference")]
    # Payments stand in the order of their ids; what nobody has ranks nobody.
    keys = [
        pc.rank(column, tiebreaker="dense").to_numpy(zero_copy_only=False)
        for column in columns
        if not are_empty(column)
    ]
    order = np.lexsort((np.arange(len(payments)), *keys, pay_day))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank
