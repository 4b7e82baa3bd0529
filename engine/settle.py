"""Differences: what closes an item besides its cash, by policy, and what a clerk must hear of.

Order of judgement, on an item of `open` against `cash`: exact → discount (earned, in grace, late,
excessive, taken twice; unless the payer names a bank's fee) → a fee, tax or withholding known to
the cent (`engine.shortfalls`) → stated deduction → rounding → tolerance → what looks like a bank's
fee → an earlier claim → short payment; and on the other side rounding → tolerance → surplus. Amount
AND percent of a limit must hold. What two explanations of one part fit stays open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.exception_codes import code_number
from engine.shortfalls import equals_known_fee, known_parts, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.policy_table import PolicyTable
    from engine.shortfalls import KnownParts

__all__ = [
    "PROCESSOR_FEE",
    "REASONS",
    "TOLERATED",
    "RowFacts",
    "Settlement",
    "eligible_discount",
    "settle_rows",
]

REASONS: Final = (
    "",
    "tolerance",
    "bank_charge",
    "rounding",
    "tax",
    "withholding",
    "processor_fee",
)
"""Reasons of write-offs and deductions; a row's `reason` is an index into it."""

_TOLERANCE, _BANK_CHARGE, _ROUNDING, _TAX, _WITHHOLDING = range(1, 6)

PROCESSOR_FEE: Final = 6
"""Reason of what a payment processor kept."""

TOLERATED: Final = (_TOLERANCE, _ROUNDING)
"""Reasons the cap of a payment counts."""

_FEE_STEP_MINOR = 50
"""Fees of banks are whole or half units of the currency; other shortfalls are somebody's claim."""


class RowFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of each row before its difference is judged (one entry per row).

    paid: the whole payment; offered: cash discount on offer; gone: a discount no longer on offer,
    because the item is partly paid already; charges: what the bank says it took out of the payment
    (0 unknown or none); stated_…: what the payer says, and whether he gives a cause that is no
    discount; claimed: the shortfall equals an earlier claim of the customer; plain: the cash is
    what it is (oldest first): no difference is closed or explained.
    """

    open_minor: NDArray[np.int64]
    cash: NDArray[np.int64]
    paid: NDArray[np.int64]
    offered: NDArray[np.int64]
    gone: NDArray[np.int64]
    discount_day: NDArray[np.int64]
    pay_day: NDArray[np.int64]
    charges: NDArray[np.int64]
    stated_discount: NDArray[np.int64]
    stated_deduction: NDArray[np.int64]
    stated_fee: NDArray[np.bool_]
    stated_tax: NDArray[np.bool_]
    stated_reason: NDArray[np.bool_]
    stated_cause: NDArray[np.bool_]
    claimed: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    rule: NDArray[np.int64]


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How each row's difference is closed: minor units, and the exception code it raises (0 none).

    cash: what goes on the item (never more than it can take, surplus tolerance apart); surplus:
    what of the row's cash is left over.
    """

    cash: NDArray[np.int64]
    discount: NDArray[np.int64]
    deduction: NDArray[np.int64]
    write_off: NDArray[np.int64]
    reason: NDArray[np.int64]
    surplus: NDArray[np.int64]
    code: NDArray[np.int64]


def eligible_discount(
    discount_minor: NDArray[np.int64],
    discount_day: NDArray[np.int64],
    pay_day: NDArray[np.int64],
    grace_days: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Cash discount each item still offers on `pay_day` (0 where it is late), grace included."""
    return np.where(pay_day <= discount_day + grace_days, discount_minor, 0)


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What `settle_rows` was given, and the columns it fills in place."""

    facts: RowFacts
    short: NDArray[np.int64]
    size: NDArray[np.int64]
    rules: PolicyTable
    discount: NDArray[np.int64]
    deduction: NDArray[np.int64]
    write_off: NDArray[np.int64]
    reason: NDArray[np.int64]
    code: NDArray[np.int64]

    def within(
        self, difference: NDArray[np.int64], amount: NDArray[np.int64], ppm: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Difference ≤ the rule's amount AND ≤ its share of the item."""
        rule = self.facts.rule
        return within(difference, self.size, amount[rule], ppm[rule])

    def is_fee_size(self, difference: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Not more than the policy's bank charges."""
        return self.within(difference, self.rules.fee_minor, self.rules.fee_ppm)

    def close(self, where: NDArray[np.bool_], amount: NDArray[np.int64], reason: int) -> None:
        """Write `amount` off where told."""
        self.write_off[where] = amount[where]
        self.reason[where] = reason

    def deduct(self, where: NDArray[np.bool_], amount: NDArray[np.int64], reason: int) -> None:
        """Book `amount` as a deduction where told."""
        self.deduction[where] = amount[where]
        self.reason[where] = reason

    def raise_code(self, where: NDArray[np.bool_], code: str) -> None:
        """Remember an exception code where told."""
        self.code[where] = code_number(code)


def settle_rows(facts: RowFacts, rules: PolicyTable) -> Settlement:
    """Judge the cash of each row on its item (see module)."""
    count = len(facts.cash)
    discount, deduction, write_off, reason, code = (
        np.zeros(count, dtype=np.int64) for _ in range(5)
    )
    rows = _Rows(
        facts=facts,
        short=facts.open_minor - facts.cash,
        size=np.abs(facts.open_minor),
        rules=rules,
        discount=discount,
        deduction=deduction,
        write_off=write_off,
        reason=reason,
        code=code,
    )
    debit = facts.open_minor > 0
    left = debit & (rows.short > 0) & ~facts.plain
    if left.any():
        _settle_short(rows, left)
    surplus = _settle_surplus(rows, debit)
    return Settlement(
        cash=facts.cash - surplus,
        discount=discount,
        deduction=deduction,
        write_off=write_off,
        reason=reason,
        surplus=surplus,
        code=code,
    )


def _settle_short(rows: _Rows, left: NDArray[np.bool_]) -> None:
    """Everything that closes or explains a shortfall, in its order."""
    facts = rows.facts
    known = known_parts(rows.short, rows.size, facts.charges, rows.rules, facts.rule)
    # A fee the payer names is a fee, even where a discount of about that size was on offer.
    discountable = left & ~facts.stated_fee & ((facts.offered > 0) | (facts.gone > 0))
    if discountable.any():
        left = left & ~_settle_discounts(rows, discountable, known)
    left = left & ~_settle_known(rows, left, known)
    left &= ~_settle_stated(rows, left)
    if left.any():
        _settle_shortfalls(rows, left)


def _settle_discounts(rows: _Rows, left: NDArray[np.bool_], known: KnownParts) -> NDArray[np.bool_]:
    """Rows whose shortfall is a discount, granted or not.

    Discount first, then what is short beyond it: a known fee, or tolerance; a discount taken a
    little too small is simply that. A late discount that is as well something else is unclear.
    Where the payer states a deduction, only a shortfall that is the discount to the cent is one:
    what he says goes before a rest nobody speaks of. A reason he gives, damage or a price, goes
    before the discount as well, even where that has the same amount.
    """
    rules, facts = rows.rules, rows.facts
    rule, offered = facts.rule, facts.offered
    days_late = facts.pay_day - facts.discount_day
    in_grace = days_late <= rules.grace_days[rule]
    grants = in_grace | rules.allow_unearned[rule]
    beyond = rows.short - offered
    slack = rows.within(beyond, rules.under_minor, rules.under_ppm)
    slack |= rows.within(-beyond, rules.over_minor, rules.over_ppm)
    fee_beyond = equals_known_fee(beyond, facts.charges, rules, rule) & rows.is_fee_size(beyond)
    silent = (facts.stated_deduction == 0) & ~facts.stated_reason
    slack &= silent | (beyond == 0)
    fee_beyond &= silent
    some = left & (offered > 0)
    # About the discount and a round amount besides: it may as well be a bank's fee. Nobody knows.
    other = known.fee | known.tax | known.withholding
    unclear = some & slack & (beyond != 0) & _like_a_fee(rows) & ~other
    rows.raise_code(unclear, "AMT-BANKFEE")
    took = some & ((beyond == 0) | slack | fee_beyond) & ~unclear & ~facts.stated_cause
    # Fully explained by something else, and by the discount only with a rest, or too late for it.
    took &= ~other | ((beyond == 0) & grants)
    granted = took & grants
    rows.discount[granted] = np.minimum(rows.short, offered)[granted]
    rows.close(granted & slack & (beyond > 0), beyond, _TOLERANCE)
    rows.raise_code(granted & (days_late > 0), "DSC-GRACE")
    rows.close(granted & fee_beyond, beyond, _BANK_CHARGE)
    rows.raise_code(granted & fee_beyond, "AMT-BANKFEE")
    rows.raise_code(took & ~granted, "DSC-LATE")
    # Discount and deduction, each stated: the one is granted, the other is left to be judged.
    stated = facts.stated_discount
    beside = some & ~took & grants & (stated > 0) & (stated <= offered)
    beside &= (facts.stated_deduction > 0) & (stated + facts.stated_deduction == rows.short)
    beside &= ~other & ~unclear
    rows.discount[beside] = stated[beside]
    excess = some & ~took & in_grace & (stated >= offered) & (beyond > 0) & ~unclear & ~beside
    rows.discount[excess] = offered[excess]
    rows.raise_code(excess, "DSC-EXCESS")
    judged: NDArray[np.bool_] = took | excess | unclear
    again = left & ~judged & (facts.gone > 0) & (rows.short == facts.gone)
    rows.raise_code(again, "DSC-TWICE")
    judged |= again
    return judged


def _settle_known(rows: _Rows, left: NDArray[np.bool_], known: KnownParts) -> NDArray[np.bool_]:
    """Shortfalls equal to a known fee, tax or withholding; closed where policy books them.

    A reason the payer states that is none of these goes before.
    """
    rules, facts = rows.rules, rows.facts
    equal: NDArray[np.bool_] = left & (known.fee | known.tax | known.withholding)
    if not equal.any():
        return equal
    late = (facts.offered > 0) & (rows.short == facts.offered)
    clear = ~known.unclear & ~late
    silent = (facts.stated_deduction == 0) & ~facts.stated_reason
    fee = left & known.fee & (silent | facts.stated_fee)
    rows.raise_code(fee, "AMT-BANKFEE")
    rows.close(fee & clear & rows.is_fee_size(rows.short), rows.short, _BANK_CHARGE)
    may = left & ~fee & ~facts.stated_fee & (silent | facts.stated_tax)
    tax, withholding = may & known.tax, may & known.withholding & ~known.tax
    rows.raise_code(tax, "AMT-TAX")
    rows.deduct(tax & clear & rules.book_tax[facts.rule], rows.short, _TAX)
    rows.raise_code(withholding, "AMT-WHT")
    booked = withholding & clear & rules.book_withholding[facts.rule]
    rows.deduct(booked, rows.short, _WITHHOLDING)
    judged: NDArray[np.bool_] = fee | tax | withholding
    return judged


def _settle_stated(rows: _Rows, left: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Deductions the payer states: with a reason, or only with an amount."""
    facts = rows.facts
    stated = left & ((facts.stated_deduction > 0) | facts.stated_reason) & ~facts.stated_fee
    if not stated.any():
        return stated
    rows.raise_code(stated, "DED-UNCODED")
    coded = stated & facts.stated_reason
    rows.raise_code(coded, "DED-CODED")
    rest = rows.short - rows.discount
    book = coded & rows.rules.book_deduction[facts.rule] & (rest == facts.stated_deduction)
    rows.deduct(book, rest, 0)
    return stated


def _like_a_fee(rows: _Rows) -> NDArray[np.bool_]:
    """Shortfalls of whole or half units within the policy's bank charges."""
    like: NDArray[np.bool_] = rows.is_fee_size(rows.short) & (rows.short % _FEE_STEP_MINOR == 0)
    return like


def _is_rounded(rows: _Rows) -> NDArray[np.bool_]:
    """The item, or all that was paid, rounded to the policy's step."""
    facts = rows.facts
    step = rows.rules.step_minor[facts.rule]
    one = np.maximum(step, 1)
    even = (facts.cash % one == 0) | (facts.paid % one == 0)
    near = (rows.short != 0) & (np.abs(rows.short) * 2 <= step)
    rounded: NDArray[np.bool_] = (step > 1) & even & near
    return rounded


def _settle_shortfalls(rows: _Rows, left: NDArray[np.bool_]) -> None:
    """Rounding, tolerance, then a bank's fee, an earlier claim, else a short payment."""
    rules, stated_fee = rows.rules, rows.facts.stated_fee
    rounded = left & _is_rounded(rows) & ~stated_fee
    small = rows.within(rows.short, rules.under_minor, rules.under_ppm)
    by_tolerance = left & small & ~stated_fee & ~rounded
    fee = rows.is_fee_size(rows.short)
    by_fee = left & ((fee & stated_fee) | _like_a_fee(rows)) & ~by_tolerance & ~rounded
    rows.close(rounded, rows.short, _ROUNDING)
    rows.close(by_tolerance, rows.short, _TOLERANCE)
    rows.close(by_fee, rows.short, _BANK_CHARGE)
    rows.raise_code(by_fee, "AMT-BANKFEE")
    short = left & ~by_tolerance & ~by_fee & ~rounded
    rows.raise_code(short, "AMT-SHORT")
    rows.raise_code(short & rows.facts.claimed, "DED-PRIOR")


def _settle_surplus(rows: _Rows, debit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What is left over of each row's cash, rounding and tolerance apart.

    A credit memo is used as far as the payer says, never beyond what it is worth.
    """
    rules = rows.rules
    over = debit & (rows.short < 0)
    overdrawn = ~debit & (rows.short > 0)
    if not (over | overdrawn).any():
        return np.zeros(len(over), dtype=np.int64)
    rounded = over & _is_rounded(rows) & ~rows.facts.plain
    by_tolerance = over & rows.within(-rows.short, rules.over_minor, rules.over_ppm) & ~rounded
    by_tolerance &= ~rows.facts.plain
    rows.close(rounded, rows.short, _ROUNDING)
    rows.close(by_tolerance, rows.short, _TOLERANCE)
    surplus = np.where(over & ~by_tolerance & ~rounded, -rows.short, 0)
    rows.raise_code(surplus > 0, "AMT-OVER")
    surplus[overdrawn] = -rows.short[overdrawn]
    rows.raise_code(overdrawn, "AMT-NOMATCH")
    return surplus
