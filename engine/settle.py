"""Differences: what closes an item besides its cash, by policy, and what a clerk must hear of.

Order of judgement, on an item of `open` against `cash`: exact → discount (earned, in grace, late,
excessive; unless the payer names a bank's fee) → stated deduction → tolerance → bank's fee → short
payment; and on the other side tolerance → surplus. Amount AND percent of a limit must hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.exception_codes import code_number
from engine.precision_ledger import PRECISION_MODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.policy import Limit, Policy

__all__ = ["REASONS", "PolicyTable", "Settlement", "eligible_discount", "settle_rows"]

REASONS: Final = ("", "tolerance", "bank_charge", "rounding")
"""Reasons of write-offs; a row's `reason` is an index into it."""

_TOLERANCE, _BANK_CHARGE = 1, 2
_SCALABLE_MAX = 9 * 10**12
"""Largest amount that can be multiplied by parts per million within int64."""

_FEE_STEP_MINOR = 50
"""Fees of banks are whole or half units of the currency; other shortfalls are somebody's claim."""


class PolicyTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rules as columns: entry k belongs to the k-th (policy, currency) pair in use."""

    under_minor: NDArray[np.int64]
    under_ppm: NDArray[np.int64]
    over_minor: NDArray[np.int64]
    over_ppm: NDArray[np.int64]
    fee_minor: NDArray[np.int64]
    fee_ppm: NDArray[np.int64]
    grace_days: NDArray[np.int64]
    allow_unearned: NDArray[np.bool_]
    book_deduction: NDArray[np.bool_]
    wrong_budget: NDArray[np.float64]
    apply_unique_amounts: NDArray[np.bool_]
    future_items: NDArray[np.bool_]
    surplus: NDArray[np.int64]
    shadow: NDArray[np.bool_]
    precision: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Policy, str]]) -> PolicyTable:
        """One entry per (policy, currency) pair; `surplus` 0 on account, 1 unapplied, 2 refund."""

        def whole(values: Sequence[int]) -> NDArray[np.int64]:
            return np.array(values, dtype=np.int64)

        def flag(values: Sequence[bool]) -> NDArray[np.bool_]:
            return np.array(values, dtype=np.bool_)

        def limits(which: Sequence[Limit]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            amounts = [
                limit.amount_minor(currency)
                for limit, (_, currency) in zip(which, pairs, strict=True)
            ]
            return whole(amounts), whole([limit.parts_per_million for limit in which])

        under, under_ppm = limits([p.tolerance.under for p, _ in pairs])
        over, over_ppm = limits([p.tolerance.over for p, _ in pairs])
        fee, fee_ppm = limits([p.bank_charges.limit() for p, _ in pairs])
        where = ("on_account", "unapplied", "refund")
        return cls(
            under_minor=under,
            under_ppm=under_ppm,
            over_minor=over,
            over_ppm=over_ppm,
            fee_minor=fee,
            fee_ppm=fee_ppm,
            grace_days=whole([p.discount.grace_days for p, _ in pairs]),
            allow_unearned=flag([p.discount.allow_unearned for p, _ in pairs]),
            book_deduction=flag([p.short_pay.book_deduction for p, _ in pairs]),
            wrong_budget=np.array([p.automation.wrong_budget for p, _ in pairs], dtype=np.float64),
            apply_unique_amounts=flag([p.strategies.unique_amounts == "apply" for p, _ in pairs]),
            future_items=flag([p.strategies.future_items for p, _ in pairs]),
            surplus=whole([where.index(p.overpayment.known_payer) for p, _ in pairs]),
            shadow=flag([p.automation.mode == "shadow" for p, _ in pairs]),
            precision=whole([PRECISION_MODES.index(p.automation.precision) for p, _ in pairs]),
        )


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

    short: NDArray[np.int64]
    size: NDArray[np.int64]
    rules: PolicyTable
    rule: NDArray[np.int64]
    discount: NDArray[np.int64]
    write_off: NDArray[np.int64]
    reason: NDArray[np.int64]
    code: NDArray[np.int64]

    def within(
        self, difference: NDArray[np.int64], amount: NDArray[np.int64], ppm: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Difference ≤ the rule's amount AND ≤ its share of the item."""
        return _within(difference, self.size, amount[self.rule], ppm[self.rule])

    def close(self, where: NDArray[np.bool_], amount: NDArray[np.int64], reason: int) -> None:
        """Write `amount` off where told."""
        self.write_off[where] = amount[where]
        self.reason[where] = reason

    def raise_code(self, where: NDArray[np.bool_], code: str) -> None:
        """Remember an exception code where told."""
        self.code[where] = code_number(code)


def settle_rows(
    *,
    open_minor: NDArray[np.int64],
    cash: NDArray[np.int64],
    offered: NDArray[np.int64],
    discount_day: NDArray[np.int64],
    pay_day: NDArray[np.int64],
    stated_discount: NDArray[np.int64],
    stated_deduction: NDArray[np.int64],
    stated_fee: NDArray[np.bool_],
    stated_reason: NDArray[np.bool_],
    rules: PolicyTable,
    rule: NDArray[np.int64],
) -> Settlement:
    """Judge `cash` on items worth `open_minor` (all arrays: one entry per row; see module)."""
    count = len(cash)
    rows = _Rows(
        short=open_minor - cash,
        size=np.abs(open_minor),
        rules=rules,
        rule=rule,
        discount=np.zeros(count, dtype=np.int64),
        write_off=np.zeros(count, dtype=np.int64),
        reason=np.zeros(count, dtype=np.int64),
        code=np.zeros(count, dtype=np.int64),
    )
    debit = open_minor > 0
    left = debit & (rows.short > 0)
    # A fee the payer names is a fee, even where a discount of about that size was on offer.
    days_late = pay_day - discount_day
    left &= ~_settle_discounts(rows, left & ~stated_fee, offered, days_late, stated_discount)
    coded = left & ((stated_deduction > 0) | stated_reason) & ~stated_fee
    rows.raise_code(coded, "DED-CODED")
    book = coded & rules.book_deduction[rule] & (rows.short == stated_deduction)
    _settle_shortfalls(rows, left & ~coded, stated_fee)
    surplus = _settle_surplus(rows, debit)
    return Settlement(
        cash=cash - surplus,
        discount=rows.discount,
        deduction=np.where(book, rows.short, 0),
        write_off=rows.write_off,
        reason=rows.reason,
        surplus=surplus,
        code=rows.code,
    )


def _settle_discounts(
    rows: _Rows,
    left: NDArray[np.bool_],
    offered: NDArray[np.int64],
    days_late: NDArray[np.int64],
    stated: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Rows whose shortfall is a discount, granted or not.

    Discount first, then tolerance: what is short beyond the discount may be written off, and a
    discount taken a little too small is simply that.
    """
    rules, rule = rows.rules, rows.rule
    beyond = rows.short - offered
    slack = rows.within(beyond, rules.under_minor, rules.under_ppm)
    slack |= rows.within(-beyond, rules.over_minor, rules.over_ppm)
    # About the discount and a round amount besides: it may as well be a bank's fee. Nobody knows.
    unclear = left & slack & (beyond != 0) & (offered > 0) & _like_a_fee(rows)
    rows.raise_code(unclear, "AMT-BANKFEE")
    took = left & (offered > 0) & ((beyond == 0) | slack) & ~unclear
    in_grace = days_late <= rules.grace_days[rule]
    granted = took & (in_grace | rules.allow_unearned[rule])
    rows.discount[granted] = np.minimum(rows.short, offered)[granted]
    rows.close(granted & (beyond > 0), beyond, _TOLERANCE)
    rows.raise_code(granted & (days_late > 0), "DSC-GRACE")
    rows.raise_code(took & ~granted, "DSC-LATE")
    excess = left & ~took & in_grace & (offered > 0) & (stated >= offered) & (beyond > 0)
    rows.discount[excess] = offered[excess]
    rows.raise_code(excess, "DSC-EXCESS")
    judged: NDArray[np.bool_] = took | excess | unclear
    return judged


def _like_a_fee(rows: _Rows) -> NDArray[np.bool_]:
    """Shortfalls of whole or half units within the policy's bank charges."""
    fee = rows.within(rows.short, rows.rules.fee_minor, rows.rules.fee_ppm)
    like: NDArray[np.bool_] = fee & (rows.short % _FEE_STEP_MINOR == 0)
    return like


def _settle_shortfalls(rows: _Rows, left: NDArray[np.bool_], stated_fee: NDArray[np.bool_]) -> None:
    """Tolerance, then a bank's fee, else a short payment."""
    rules = rows.rules
    small = rows.within(rows.short, rules.under_minor, rules.under_ppm)
    by_tolerance = left & small & ~stated_fee
    fee = rows.within(rows.short, rules.fee_minor, rules.fee_ppm)
    by_fee = left & ((fee & stated_fee) | _like_a_fee(rows)) & ~by_tolerance
    rows.close(by_tolerance, rows.short, _TOLERANCE)
    rows.close(by_fee, rows.short, _BANK_CHARGE)
    rows.raise_code(by_fee, "AMT-BANKFEE")
    rows.raise_code(left & ~by_tolerance & ~by_fee, "AMT-SHORT")


def _settle_surplus(rows: _Rows, debit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What is left over of each row's cash, tolerance apart.

    A credit memo is used as far as the payer says, never beyond what it is worth.
    """
    rules = rows.rules
    over = debit & (rows.short < 0)
    by_tolerance = over & rows.within(-rows.short, rules.over_minor, rules.over_ppm)
    rows.close(by_tolerance, rows.short, _TOLERANCE)
    surplus = np.where(over & ~by_tolerance, -rows.short, 0)
    rows.raise_code(surplus > 0, "AMT-OVER")
    overdrawn = ~debit & (rows.short > 0)
    surplus[overdrawn] = -rows.short[overdrawn]
    rows.raise_code(overdrawn, "AMT-NOMATCH")
    return surplus


def _within(
    difference: NDArray[np.int64],
    size: NDArray[np.int64],
    limit_minor: NDArray[np.int64],
    limit_ppm: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Difference ≤ amount AND ≤ percent of size, exactly (integers, no rounding)."""
    shown = np.minimum(difference, _SCALABLE_MAX)
    share = np.minimum(size, _SCALABLE_MAX) * limit_ppm
    fits: NDArray[np.bool_] = (
        (difference > 0) & (difference <= limit_minor) & (shown * 1_000_000 <= share)
    )
    return fits
