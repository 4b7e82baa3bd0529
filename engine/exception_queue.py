"""Which exceptions each payment raises, from what was decided and what stood in the way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from engine.batches import ADVICE_SCALE, ExceptionBatch
from engine.exception_codes import CODES, EXCEPTION_CODES, code_number
from engine.exception_messages import exception_messages
from engine.gates import GATES
from engine.identify import FIRST_NAME
from engine.limits import CHOICES_BITS_MAX
from engine.missing_references import cut_off, partly_read, waits_for_advice
from engine.money import exponents_of, format_minor
from engine.open_item_index import BLOCKED, CANCELLED, DISPUTED, OPEN, PAID
from engine.questions import distinguishing_questions
from engine.rounds import paid_twins, unread_references
from engine.segments import first_of_runs, is_one_of, pick, segment_sum
from engine.settle import TOLERATED
from engine.text_columns import are_empty, is_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.advices import OrphanAdvice
    from engine.conclude import Conclusion
    from engine.intake import Intake
    from engine.returns import Returns

__all__ = ["orphan_exceptions", "raise_exceptions"]

_CODES: Final = pa.array(CODES, pa.string())
_DASH: Final = pa.scalar("-")
_MISSING_FACTS, _SUGGESTED_ACTIONS = (
    pa.array(["", *(getattr(entry, name) for entry in EXCEPTION_CODES.values())], pa.string())
    for name in ("missing_fact", "suggested_action")
)
"""What is said of each code, by its number."""
_UNUSABLE: Final = {
    "REF-CLOSED": PAID,
    "REF-CANCELLED": CANCELLED,
    "ITM-DISPUTED": DISPUTED,
    "ITM-LOCKED": BLOCKED,
}
"""Statuses of items nothing can be applied to, by the code that says so."""


def raise_exceptions(
    intake: Intake,
    conclusion: Conclusion,
    returns: Returns,
) -> ExceptionBatch:
    """Exceptions of all payments, and of advices nobody paid; the first by code is primary."""
    payment, code = _pairs(intake, conclusion, returns)
    order = np.lexsort((code, payment))
    payment, code = payment[order], code[order]
    if len(payment):
        kept = first_of_runs(payment, code)
        payment, code = payment[kept], code[kept]
    batch = _batch(intake, conclusion, returns, payment, code)
    orphans = intake.advices.orphans
    return ExceptionBatch.concat([batch, orphan_exceptions(orphans)]) if orphans else batch


def _pairs(
    intake: Intake,
    conclusion: Conclusion,
    returns: Returns,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    raised = _Raised()
    raise_code = raised.add
    raise_code("IN-NONAR", intake.not_receivable)
    cash, settled_by = intake.situation.cash, conclusion.settling.payment
    if np.count_nonzero(cash < 0):
        known = (returns.original >= 0) | returns.posted
        raise_code("RET-RECALL", returns.recalled)
        raise_code("RET-NSF", (returns.original >= 0) & ~returns.recalled)
        raise_code("RET-POSTED", returns.posted)
        raise_code("RET-NOPAYMENT", (cash < 0) & ~known)
    decided, over = (np.zeros(len(cash), dtype=np.bool_) for _ in range(2))
    decided[settled_by] = True
    over[settled_by] = conclusion.settling.surplus > 0
    open_still = (cash > 0) & ~decided & ~intake.not_receivable & ~intake.held
    rest = decided & (cash - conclusion.settled_cash > 0)
    unusable = _unusable_items(intake) if np.count_nonzero(rest | open_still) else {}
    if np.count_nonzero(rest):
        unread = unread_references(intake.situation, of_anybody=False)
        said = np.zeros(len(cash), dtype=np.bool_)
        for code, where in unusable.items():
            raise_code(code, rest & where)
            said |= where
        missing = rest & ((unread > 0) | ~over) & ~said
        partly = partly_read(intake)
        raise_code("RMT-PARTIAL", missing & partly)
        raise_code("REF-NOTFOUND", missing & ~partly)
        # What is left over for something the payer named is no surplus.
        over &= ~(rest & (said | (unread > 0)))
    surplus = conclusion.code_of == code_number("AMT-OVER")
    raise_code(conclusion.code_of, decided & (conclusion.code_of > 0) & ~surplus)
    if np.count_nonzero(over):
        changed = over & _surplus_of_changed_items(intake, conclusion)
        raise_code("ITM-CHANGED", changed)
        raise_code("AMT-OVER", over & ~changed)
    if np.count_nonzero(intake.payers.new_account):
        raise_code("PAY-NEWACCT", _from_new_account(intake, conclusion))
    raise_code("POL-HOLD", conclusion.watched)
    if np.count_nonzero(open_still):
        for gate, stops in zip(GATES, conclusion.stopped, strict=True):
            raise_code(gate, open_still & stops)
        raise_code("POL-HOLD", open_still & intake.gates.hold)
        # Who loses his item to another, or contends for it, hears of that besides.
        open_still &= ~conclusion.stopped.any(axis=0) | conclusion.second | conclusion.contested
    if np.count_nonzero(open_still):
        _raise_undecided(intake, conclusion, open_still, unusable, raised)
    payment, number = raised.pairs()
    told, told_number = _intake_codes(intake)
    return np.concatenate([told, payment]), np.concatenate([told_number, number])


class _Raised:
    """Codes that are raised, each for some payments: gathered, then looked through at once."""

    def __init__(self) -> None:
        self._number: list[int] = []
        self._each: dict[int, NDArray[np.int64]] = {}
        self._where: list[NDArray[np.bool_]] = []

    def add(self, code: str | NDArray[np.int64], where: NDArray[np.bool_]) -> None:
        """Raise `code`, or the payment's own of several, for the payments `where`."""
        if isinstance(code, str):
            self._number.append(code_number(code))
        else:
            self._each[len(self._where)] = code
            self._number.append(0)
        self._where.append(where)

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Payments, and what is raised for each, in no order."""
        of, payment = np.array(self._where).nonzero()
        number = np.array(self._number, dtype=np.int64)[of]
        for place, code in self._each.items():
            rows = (of == place).nonzero()[0]
            number[rows] = code[payment[rows]]
        return payment, number


def _surplus_of_changed_items(intake: Intake, conclusion: Conclusion) -> NDArray[np.bool_]:
    """Payments whose surplus is what became of their items since they were billed: paid in part, or
    credited. The payer paid what the documents say.
    """
    settling, index = conclusion.settling, intake.index
    rows = settling.rows
    gone = index.original_minor[rows.item] - index.open_minor[rows.item]
    since = segment_sum(gone, rows.candidate, len(settling))
    changed = np.zeros(len(intake.payments), dtype=np.bool_)
    changed[settling.payment] = (settling.surplus > 0) & (settling.surplus == since)
    return changed


def _from_new_account(intake: Intake, conclusion: Conclusion) -> NDArray[np.bool_]:
    """Payments settled by amount alone, and nothing else to say of them, of a payer known by name
    who has accounts on file and paid from one that is nobody's.
    """
    decided = conclusion.decided
    clean = (decided.weight > 0) & (decided.code == 0) & (decided.surplus == 0)
    marked = np.zeros(len(intake.payments), dtype=np.bool_)
    marked[decided.payment[clean]] = True
    return marked & intake.payers.new_account & (intake.payers.by >= FIRST_NAME)


def _intake_codes(intake: Intake) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Payments and the codes that their reader gave them."""
    said = intake.payments.text("intake_codes")
    if are_empty(said):
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing
    lists = pc.split_pattern(said, ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    found = pc.index_in(pc.list_flatten(lists), value_set=_CODES[1:])
    known = found.is_valid().to_numpy(zero_copy_only=False)
    return owner[known], found.drop_null().to_numpy(zero_copy_only=False).astype(np.int64) + 1


class _Best(msgspec.Struct, frozen=True):
    """What is proposed first, per payment: its code; whether there is something, named by
    references, a sum of several items found by amount; whether it writes off a small difference.
    """

    code: NDArray[np.int64]
    proposed: NDArray[np.bool_]
    by_reference: NDArray[np.bool_]
    several: NDArray[np.bool_]
    written_off: NDArray[np.bool_]

    @classmethod
    def of(cls, conclusion: Conclusion, count: int) -> Self:
        """Of the proposals of rank 1."""
        best = conclusion.proposed.at(conclusion.ranks == 1)
        code = np.zeros(count, dtype=np.int64)
        code[best.payment] = best.code
        rows = best.rows
        small = rows.candidate[is_one_of(rows.reason, TOLERATED)]
        flags = (
            np.ones(len(best), dtype=np.bool_),
            best.weight == 0,
            (best.weight > 0) & (best.item_count() > 1),
            np.bincount(small, minlength=len(best)) > 0,
        )
        return cls(code, *(np.bincount(best.payment[of], minlength=count) > 0 for of in flags))


def _raise_undecided(
    intake: Intake,
    conclusion: Conclusion,
    undecided: NDArray[np.bool_],
    unusable: dict[str, NDArray[np.bool_]],
    raised: _Raised,
) -> None:
    """One main reason per undecided payment: the first of these that holds."""
    payers, count = intake.payers, len(undecided)
    unread = unread_references(intake.situation, of_anybody=False)
    twins = paid_twins(intake, intake.situation)
    named, payer_idle = _named_items(intake), pick(intake.idle, conclusion.customer)
    best = _Best.of(conclusion, count)
    best_code, proposed, by_reference = best.code, best.proposed, best.by_reference
    unknown = conclusion.customer < 0
    by_amount, waits = proposed & ~by_reference & ~unknown, waits_for_advice(intake)
    cut = (unread > 0) & cut_off(intake, undecided)
    mended = by_reference & (best_code > 0) & (unread > 0) & ~named["open"]
    # What is left over beside a number nobody has is meant for that number, and no surplus.
    beside = by_reference & (best_code == code_number("AMT-OVER")) & (unread > 0)
    reasons: tuple[tuple[str | None, NDArray[np.bool_]], ...] = (
        ("IN-ACCT", intake.homeless),
        ("PAY-CONFLICT", payers.conflict),
        ("PAY-INACTIVE", payer_idle),
        ("IN-DUPPAY", conclusion.second),
        ("AMB-COMPETE", conclusion.contested),
        ("REF-CLOSED", unusable["REF-CLOSED"] & ~named["open"]),
        ("REF-CANCELLED", unusable["REF-CANCELLED"] & ~named["open"]),
        ("ITM-DISPUTED", unusable["ITM-DISPUTED"]),
        ("ITM-LOCKED", unusable["ITM-LOCKED"]),
        ("ITM-INSTALL", best_code == code_number("ITM-INSTALL")),
        ("REF-DUPNO", named["several"]),
        ("PAY-THIRD", named["strange_amount"]),
        ("REF-TYPO", conclusion.doubtful & by_reference),
        ("RMT-SUM", by_reference & _lines_that_do_not_foot(intake)),
        ("RMT-PARTIAL", (unread > 0) & partly_read(intake)),
        # One paid item of the very amount says more than a combination that happens to fit.
        ("REF-CLOSED", twins & best.several),
        ("REF-TRUNC", mended & cut),
        ("REF-TYPO", mended),
        ("REF-TRUNC", beside & cut),
        ("REF-NOTFOUND", beside),
        # What was named, or announced, is missing: that comes before what an amount happens to fit.
        ("REF-TRUNC", cut & by_amount),
        ("REF-NOTFOUND", (unread > 0) & by_amount),
        ("RMT-WAIT", waits & by_amount),
        (None, best_code > 0),
        ("PAY-CROSS", named["strange"]),
        ("AMT-FX", intake.other_currency >= 0),
        ("REF-WRONGCO", intake.elsewhere >= 0),
        ("PAY-AMBIG", unknown & (payers.several | payers.namesake)),
        ("PAY-UNKNOWN", unknown & ~by_reference),
        ("REF-TRUNC", cut),
        ("REF-NOTFOUND", unread > 0),
        ("AMT-TOLERANCE", by_reference & best.written_off),
        ("POL-CONFIDENCE", proposed),
        ("REF-CLOSED", twins),
        ("RMT-WAIT", waits),
        ("AMB-LIMIT", _large_ledgers(intake)),
        ("REF-NONE", _says_nothing(intake)),
        ("AMT-NOMATCH", np.ones(count, dtype=np.bool_)),
    )
    first = np.array([holds for _, holds in reasons]).argmax(axis=0)
    numbers = [0 if code is None else code_number(code) for code, _ in reasons]
    code = np.array(numbers, dtype=np.int64)[first]
    raised.add(np.where(code == 0, best_code, code), undecided)
    raised.add("AMT-NOMATCH", undecided & (code == code_number("REF-NONE")))


def _says_nothing(intake: Intake) -> NDArray[np.bool_]:
    """Payments without a text, a line of advice, or anything else that could be a reference."""
    silent = is_empty(pc.utf8_trim_whitespace(intake.payments.text("remittance_text")))
    silent[intake.situation.lines.payment] = False
    silent[intake.situation.slots.payment] = False
    return silent


def _named_items(intake: Intake) -> dict[str, NDArray[np.bool_]]:
    """Payments that name an open item; several items by one number; an item of somebody else's
    (`strange`), and one of exactly their amount.
    """
    slots, situation = intake.situation.slots, intake.situation
    named, strong = slots.item >= 0, slots.strength > 1
    certain = slots.family | slots.amount | (strong & ~slots.repaired)
    known = situation.payer_family[slots.payment] >= 0
    strange = named & strong & ~slots.family & ~slots.repaired & known
    found = {}
    for name, where in (
        ("open", named & certain & situation.payable(slots.item)),
        ("several", ~named & strong & (slots.hits > 1)),
        ("strange", strange & certain),
        ("strange_amount", strange & slots.amount),
    ):
        mark = np.zeros(len(intake.payments), dtype=np.bool_)
        mark[slots.payment[where]] = True
        found[name] = mark
    return found


def _lines_that_do_not_foot(intake: Intake) -> NDArray[np.bool_]:
    """Payments whose remittance lines state amounts that are not the cash."""
    lines, count = intake.situation.lines, len(intake.payments)
    if not len(lines.payment):
        return np.zeros(count, dtype=np.bool_)
    stated = segment_sum(np.where(lines.given, lines.amount, 0), lines.payment, count)
    has_lines = np.zeros(count, dtype=np.bool_)
    has_lines[lines.payment] = True
    footless: NDArray[np.bool_] = has_lines & (stated != 0) & (stated != intake.situation.cash)
    return footless


def _unusable_items(intake: Intake) -> dict[str, NDArray[np.bool_]]:
    """Payments that name, with payer or amount agreeing, an item nothing can be applied to."""
    slots, index = intake.situation.slots, intake.index
    certain = slots.family | slots.amount | ((slots.strength > 1) & ~slots.repaired)
    status = np.where((slots.item >= 0) & certain, pick(index.status, slots.item), OPEN)
    found = {code: np.zeros(len(intake.payments), dtype=np.bool_) for code in _UNUSABLE}
    if np.count_nonzero(status != OPEN):
        for code, closed in _UNUSABLE.items():
            found[code][slots.payment[status == closed]] = True
    return found


def _large_ledgers(intake: Intake) -> NDArray[np.bool_]:
    """Payers with more items than combinations are searched in."""
    situation, index = intake.situation, intake.index
    ledger = index.ledger_of(situation.payer, situation.currency)
    if not len(index.ledger_start):
        return ledger >= 0
    size = index.ledger_end[ledger] - index.ledger_start[ledger]
    return (ledger >= 0) & (size > CHOICES_BITS_MAX)


def _batch(
    intake: Intake,
    conclusion: Conclusion,
    returns: Returns,
    payment: NDArray[np.int64],
    code: NDArray[np.int64],
) -> ExceptionBatch:
    if not len(payment):
        return ExceptionBatch.empty()
    rows = pa.array(payment)
    ids = intake.payments.text("payment_id").take(rows)
    conversions = intake.conversions
    cash = conversions.matched(intake.situation.cash, conversions.paid)[payment]
    rest = cash - conversions.spent(conclusion.applied)[payment]
    codes = _CODES.take(pa.array(code))
    missing = _MISSING_FACTS.take(pa.array(code))
    # Of several sets that fit, one fact may tell most apart: that is what is missing.
    asked = distinguishing_questions(intake, conclusion.proposed, conclusion.ranks)
    if not are_empty(asked):
        asked = asked.take(rows)
        is_asked = pc.and_(pc.starts_with(codes, "AMB-"), pc.not_equal(asked, ""))
        missing = pc.if_else(is_asked, asked, missing)
    # A payment has each code once.
    return ExceptionBatch.from_distinct(
        {
            "exception_id": pc.binary_join_element_wise(ids, codes, _DASH),
            "payment_id": ids,
            "source_file": intake.payments.text("source_file").take(rows),
            "code": codes,
            "is_primary": first_of_runs(payment),
            "amount_minor": np.where(rest != 0, rest, cash),
            "currency": intake.payments.text("currency").take(rows),
            "message": exception_messages(intake, conclusion, returns, payment, code),
            "missing_fact": missing,
            "suggested_action": _SUGGESTED_ACTIONS.take(pa.array(code)),
            "proposal_ranks": _proposal_ranks(conclusion, len(intake.payments)).take(rows),
        }
    )


def _proposal_ranks(conclusion: Conclusion, count: int) -> pa.StringArray:
    """Ranks as text, `1;2;3` for three proposals (shape: payments)."""
    size = np.bincount(conclusion.proposed.payment, minlength=count)
    table = [
        ";".join(str(rank) for rank in range(1, top + 1))
        for top in range(int(size.max(initial=0)) + 1)
    ]
    return pa.array(table, pa.string()).take(pa.array(size))


def orphan_exceptions(orphans: Sequence[OrphanAdvice]) -> ExceptionBatch:
    """Advices without a payment; the amount is that of the lines where their currency is known."""
    entry = EXCEPTION_CODES["RMT-ORPHAN"]
    count = len(orphans)
    scale = np.power(
        np.int64(10),
        ADVICE_SCALE
        - exponents_of(pa.array([one.currency or "CLF" for one in orphans], pa.string())),
    )
    total = np.array([one.total_scaled for one in orphans], dtype=np.int64)
    is_known = np.array([bool(one.currency) for one in orphans], dtype=np.bool_)
    is_known &= total % scale == 0
    return ExceptionBatch.from_columns(
        {
            "exception_id": _orphan_keys(orphans, entry.code),
            "source_file": [one.source_file for one in orphans],
            "remittance_id": [one.remittance_id for one in orphans],
            "code": [entry.code] * count,
            "is_primary": [True] * count,
            "amount_minor": np.where(is_known, total // scale, 0),
            "currency": [
                one.currency if known else ""
                for one, known in zip(orphans, is_known.tolist(), strict=True)
            ],
            "message": [_orphan_message(one) for one in orphans],
            "missing_fact": [entry.missing_fact] * count,
            "suggested_action": [entry.suggested_action] * count,
        }
    )


def _orphan_keys(orphans: Sequence[OrphanAdvice], code: str) -> list[str]:
    """Ids of their exceptions; an advice that shares its id is told apart by file and number."""
    shared = Counter(one.remittance_id for one in orphans)
    return [
        f"{one.remittance_id}-{code}"
        if shared[one.remittance_id] == 1
        else f"{one.remittance_id}-{one.file_id[:16]}-{one.advice_number}-{code}"
        for one in orphans
    ]


def _orphan_message(orphan: OrphanAdvice) -> str:
    place = f" of {orphan.source_file}" if orphan.source_file else ""
    total = format_minor(orphan.total_scaled, "CLF")
    money = f"{total[:-2]}{total[-2:].rstrip('0')} {orphan.currency}".rstrip()
    worth = f" ({money})" if orphan.total_scaled else ""
    return f"No payment was found for remittance advice {orphan.remittance_id}{place}{worth}"
