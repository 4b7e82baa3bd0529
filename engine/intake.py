"""From the input batches to the first situation: canonical order, payers, references, rules.

Payments are sorted by id, lines by payment and number, items and customers by their keys: whatever
order rows came in, everything behind sees the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.advices import JoinedAdvices, join_advices
from engine.batches import NO_DATE, PaymentBatch, RemittanceBatch
from engine.creditor_references import customers_by_creditor_reference
from engine.customer_directory import CustomerDirectory, Relations
from engine.identify import RELIABILITY, Payers, companies_of, identify_payers
from engine.learned_facts import LearnedFacts
from engine.open_item_index import OpenItemIndex, build_index
from engine.payer_names import confirm_by_name
from engine.reference_keys import joined_digits
from engine.reference_slots import NO_LINE
from engine.references import read_references
from engine.settle import PolicyTable
from engine.situation import Lines, Situation

if TYPE_CHECKING:
    import datetime

    from numpy.typing import NDArray

    from engine.calibration import Calibration
    from engine.match_input import MatchInput, StageObserver
    from engine.precision_ledger import PrecisionLedger
    from engine.reference_slots import ReferenceSlots

__all__ = ["Intake", "take_in"]

_FEE: Final = (
    r"(?i)\b(?:bank|wire|transfer|sha|ben|our|less|net of) ?(?:charge|fee|cost)|"
    r"\bcharges? (?:sha|ben|our)\b|\bspesen|\bbankgeb|\bgeb(?:ue|ü)hr|\bfrais bancaires|"
    r"\bbankkosten"
)
_FEE_REASON: Final = r"(?i)bank|charge|fee|spesen|geb(?:ue|ü)hr|kosten"
_REASON: Final = (
    r"(?i)\b(?:less|deduct|damage|short ?ship|shortage|returned|returns|claim|debit note|"
    r"chargeback|price diff|pricing|quality|freight|allowance|promo|k(?:ue|ü)rzung|abzug|"
    r"minderung|reklam)"
)
_NOT_RECEIVABLE: Final = (
    r"(?i)\b(?:interest|zins|habenzins|int[eé]r[eê]ts?\b|rente\b|intereses|sweep|zba\b|"
    r"zero ?balanc|cash concentration|cash ?pool|own (?:funds|account)|eigenes konto|"
    r"eigen rekening|umbuchung|interne overboeking|internal transfer|refund|erstattung|"
    r"r(?:ue|ü)ckerstattung|restitutie|teruggaaf|remboursement|rimborso|devoluci|fee credit|"
    r"(?:reversal|correction) of|fee reversal|storno|loan (?:draw|disburse|proceeds)|darlehen|"
    r"dividend|money market|term deposit|festgeld|treasury (?:transfer|bill)|deposit correction)"
)


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the rounds start from; arrays have one entry per payment in sorted order.

    order: input row of each sorted payment; held: an intake code forbids automatic application;
    homeless: our bank account is in no list, so the company is not known;
    idle: per customer, inactive or blocked; elsewhere, other_currency: a reference leads to an
    item of the amount in another company, or in another currency;
    not_receivable: no customer's payment; precedence: rank by date and bank reference;
    refused: sets of items a clerk refused, by payment id;
    calibration, precision: what outcomes of earlier decisions say.
    """

    payments: PaymentBatch
    order: NDArray[np.int64]
    advices: JoinedAdvices
    remittances: RemittanceBatch
    directory: CustomerDirectory
    index: OpenItemIndex
    payers: Payers
    currencies: list[str]
    held: NDArray[np.bool_]
    homeless: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    elsewhere: NDArray[np.bool_]
    other_currency: NDArray[np.bool_]
    not_receivable: NDArray[np.bool_]
    precedence: NDArray[np.int64]
    refused: dict[str, frozenset[tuple[str, ...]]]
    calibration: Calibration
    precision: PrecisionLedger
    situation: Situation


def take_in(match_input: MatchInput, observe: StageObserver) -> Intake:
    """Sort, index, identify, read references (see module)."""
    ids = match_input.payments.text("payment_id")
    order = pc.array_sort_indices(ids).to_numpy(zero_copy_only=False).astype(np.int64)
    payments = match_input.payments.take(order)
    joined = join_advices(payments, match_input.remittances, match_input.advices)
    remittances, line_payment = _sorted_lines(payments, joined.remittances)

    items = match_input.open_items
    observe("index", len(items))
    directory = CustomerDirectory.of(match_input.customers, items, payments.text("company_id"))
    currencies = sorted({*payments.codes("currency")[1], *items.codes("currency")[1]})
    index = build_index(items, directory, currencies)

    observe("identify", len(payments))
    payers, learned = _identify(match_input, payments, remittances, line_payment, directory, index)
    family = np.where(payers.known, np.append(directory.family, -1)[payers.payer], -1)
    currency = _codes_of(payments.text("currency"), currencies)

    observe("read_references", len(payments) + len(remittances))
    read = read_references(
        payments, remittances, line_payment, payers.company, family, currency, index
    )
    slots = _without_customer_numbers(read.slots, payers, directory)
    slots = confirm_by_name(slots, payments, directory, family, index.customer)
    slots = _with_third_parties(slots, family, learned.relations, index)
    rules, rule = _rules(match_input, directory, payers, currency, currencies)
    not_receivable, held = _gates(payments, payers, slots)
    situation = Situation(
        cash=payments.int64("amount_minor"),
        pay_day=_pay_days(payments, match_input.as_of),
        currency=currency,
        company=payers.company,
        payer=np.where(payers.conflict, -1, payers.payer),
        payer_family=family,
        claimed_family=_claimed(slots, family, index),
        payer_doubt=1.0 - RELIABILITY[payers.by],
        rule=rule,
        open_for_matching=(payments.int64("amount_minor") > 0) & ~not_receivable,
        rules=rules,
        index=index,
        remaining=index.open_minor,
        slots=slots,
        shared=read.shared,
        lines=_lines(remittances, line_payment),
        **_text_facts(payments),
    )
    return Intake(
        payments=payments,
        order=order,
        advices=joined,
        remittances=remittances,
        directory=directory,
        index=index,
        payers=payers,
        currencies=currencies,
        held=held,
        homeless=(payers.company < 0) & (len(match_input.bank_accounts) > 0),
        idle=_matches(directory.status, "^(?:inactive|blocked)$"),
        elsewhere=read.elsewhere,
        other_currency=read.other_currency,
        not_receivable=not_receivable,
        precedence=_precedence(payments, situation.pay_day),
        refused=learned.refused_sets(),
        calibration=match_input.calibration,
        precision=match_input.precision,
        situation=situation,
    )


def _identify(
    match_input: MatchInput,
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    directory: CustomerDirectory,
    index: OpenItemIndex,
) -> tuple[Payers, LearnedFacts]:
    """Who paid each payment, and the facts it was found by, the master's relations among them."""
    company = companies_of(payments, match_input.bank_accounts, directory.companies)
    day = _last_day(payments, match_input.as_of)
    learned = LearnedFacts.of(match_input.learned, directory, match_input.policy, day)
    relations = directory.relations.with_more(learned.relations)
    learned = msgspec.structs.replace(learned, relations=relations)
    payers = identify_payers(
        payments,
        directory,
        company,
        learned,
        match_input.bank_accounts,
        customers_by_creditor_reference(payments, remittances, line_payment, company, index),
    )
    return payers, learned


def _sorted_lines(
    payments: PaymentBatch, remittances: RemittanceBatch
) -> tuple[RemittanceBatch, NDArray[np.int64]]:
    """Lines of known payments by payment and number, and the payment row of each."""
    found = pc.index_in(remittances.text("payment_id"), value_set=payments.text("payment_id"))
    row = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((remittances.int64("line_number"), row))
    order = order[row[order] >= 0]
    return remittances.take(order), row[order]


def _text_facts(payments: PaymentBatch) -> dict[str, NDArray[np.bool_]]:
    """What the words of a payment say: no payer name, a bank's fee, a reason for paying less."""
    text = payments.text("remittance_text")
    return {
        "nameless": pc.equal(payments.text("payer_name"), "").to_numpy(zero_copy_only=False),
        "fee_in_text": _matches(text, _FEE),
        "reason_in_text": _matches(text, _REASON),
    }


def _claimed(
    slots: ReferenceSlots, family: NDArray[np.int64], index: OpenItemIndex
) -> NDArray[np.int64]:
    """The payer's family, else the family reference and name point to together."""
    claimed = family.copy()
    rows = np.flatnonzero(slots.family & (slots.item >= 0) & (family[slots.payment] < 0))
    claimed[slots.payment[rows]] = index.family[slots.item[rows]]
    return claimed


def _without_customer_numbers(
    slots: ReferenceSlots, payers: Payers, directory: CustomerDirectory
) -> ReferenceSlots:
    """A payer's own customer number is no reference nobody could read."""
    numbers = np.append(joined_digits(directory.customer_ids), np.uint64(0))
    payer = np.where(payers.payer >= 0, payers.payer, len(directory))
    own = (slots.hits == 0) & (slots.line == NO_LINE) & (slots.digits > 0)
    own &= numbers[payer[slots.payment]] == slots.digits
    return msgspec.structs.replace(
        slots, **{name: getattr(slots, name)[~own] for name in slots.__struct_fields__}
    )


def _with_third_parties(
    slots: ReferenceSlots, family: NDArray[np.int64], relations: Relations, index: OpenItemIndex
) -> ReferenceSlots:
    """A reference to an item of a customer the payer may pay for is one to his own."""
    payer = family[slots.payment]
    rows = np.flatnonzero((slots.item >= 0) & ~slots.family & (payer >= 0))
    of_others = slots.family.copy()
    of_others[rows] = relations.allow(payer[rows], index.family[slots.item[rows]])
    return msgspec.structs.replace(slots, family=of_others)


def _lines(remittances: RemittanceBatch, line_payment: NDArray[np.int64]) -> Lines:
    reason = remittances.text("deduction_reason")
    fee = _matches(reason, _FEE_REASON)
    stated = pc.not_equal(reason, "").to_numpy(zero_copy_only=False)
    return Lines(
        payment=line_payment,
        amount=remittances.int64("amount_minor"),
        given=~remittances.is_null("amount_minor"),
        discount=remittances.int64("discount_minor"),
        deduction=remittances.int64("deduction_minor"),
        fee=fee,
        reasoned=stated & ~fee,
    )


def _codes_of(values: pa.StringArray, names: list[str]) -> NDArray[np.int64]:
    found = pc.index_in(values, value_set=pa.array(names, pa.string()))
    codes: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _matches(text: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    matched: NDArray[np.bool_] = pc.match_substring_regex(text, pattern).to_numpy(
        zero_copy_only=False
    )
    return matched


def _gates(
    payments: PaymentBatch, payers: Payers, slots: ReferenceSlots
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """No customer's payment (as the file says, or by its text where nobody is known); held."""
    read = np.zeros(len(payments), dtype=np.bool_)
    read[slots.payment[(slots.item >= 0) & (slots.strength > 1)]] = True
    codes = payments.text("intake_codes")
    by_file = _matches(codes, "IN-NONAR")
    text = pc.binary_join_element_wise(
        payments.text("payer_name"), payments.text("remittance_text"), " "
    )
    by_text = _matches(text, _NOT_RECEIVABLE) & (payers.payer < 0) & ~read
    held = pc.not_equal(codes, "").to_numpy(zero_copy_only=False)
    credit = payments.int64("amount_minor") > 0
    return (by_file | by_text) & credit, held


def _pay_days(payments: PaymentBatch, as_of: datetime.date | None) -> NDArray[np.int64]:
    """Value date, else booking date, else the as-of date (latest booking date where not given)."""
    booked = payments.days("booking_date")
    day = payments.days("value_date")
    day = np.where(day == NO_DATE, booked, day)
    return np.where(day == NO_DATE, _last_day(payments, as_of), day)


def _last_day(payments: PaymentBatch, as_of: datetime.date | None) -> int:
    """The as-of date, else the latest booking date of the payments."""
    if as_of is not None:
        return as_of.toordinal() - _EPOCH
    return int(payments.days("booking_date").max(initial=NO_DATE))


_EPOCH: Final = 719_163  # datetime.date(1970, 1, 1).toordinal()


def _rules(
    match_input: MatchInput,
    directory: CustomerDirectory,
    payers: Payers,
    currency: NDArray[np.int64],
    currencies: list[str],
) -> tuple[PolicyTable, NDArray[np.int64]]:
    """Rules in use, one entry per distinct (company, profile, currency), and each payment's."""
    encoded = directory.policy.dictionary_encode()
    profiles = [*encoded.dictionary.to_pylist(), ""]
    profile_of = np.append(encoded.indices.to_numpy(zero_copy_only=False), len(profiles) - 1)
    profile = profile_of[np.where(payers.payer >= 0, payers.payer, len(profile_of) - 1)]
    companies = [*directory.companies, ""]
    company = np.where(payers.company < 0, len(companies) - 1, payers.company)
    key = (company * len(profiles) + profile) * len(currencies) + currency
    combined = pa.array(key).dictionary_encode()
    pairs = []
    for number in combined.dictionary.to_pylist():
        rest, money = divmod(number, len(currencies))
        of_company, of_profile = divmod(rest, len(profiles))
        rules = match_input.policy.rules_of(companies[of_company], profiles[of_profile])
        pairs.append((rules, currencies[money]))
    return PolicyTable.of(pairs), combined.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _precedence(payments: PaymentBatch, pay_day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank by date, bank reference, check number, id: which of two equal payments came first."""
    keys = [
        pc.rank(payments.text(name), tiebreaker="dense").to_numpy(zero_copy_only=False)
        for name in ("payment_id", "check_number", "bank_reference")
    ]
    order = np.lexsort((*keys, pay_day))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank
