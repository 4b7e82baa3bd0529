"""Differences: what closes an item besides its cash, by policy, and what a clerk must hear of.

Order of judgement, on an item of `open` against `cash`: exact → earned discount → discount in grace
→ stated bank fee or deduction → tolerance → fee-like shortfall → short payment; and on the other
side tolerance → surplus. Amount AND percent of a limit must hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.exception_codes import code_number

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
    short = open_minor - cash
    size = np.abs(open_minor)
    positive = open_minor > 0
    zero = np.zeros(count, dtype=np.int64)
    discount, write_off, reason, code = zero.copy(), zero.copy(), zero.copy(), zero.copy()

    in_time = pay_day <= discount_day
    in_grace = pay_day <= discount_day + rules.grace_days[rule]
    # Discount first, then tolerance: what is short beyond the discount may be written off, and a
    # discount taken a little too small is simply that.
    beyond = short - offered
    slack = _within(beyond, size, rules.under_minor[rule], rules.under_ppm[rule])
    slack |= _within(-beyond, size, rules.over_minor[rule], rules.over_ppm[rule])
    took = positive & (offered > 0) & (short > 0) & ((beyond == 0) | slack)
    granted = took & (in_grace | rules.allow_unearned[rule])
    discount[granted] = np.minimum(short, offered)[granted]
    rounded = granted & (beyond > 0)
    write_off[rounded] = beyond[rounded]
    reason[rounded] = _TOLERANCE
    code[granted & ~in_time] = code_number("DSC-GRACE")
    late = took & ~granted
    code[late] = code_number("DSC-LATE")

    left = positive & (short > 0) & ~took
    excess = left & in_grace & (offered > 0) & (stated_discount >= offered) & (beyond > 0)
    discount[excess] = offered[excess]
    code[excess] = code_number("DSC-EXCESS")
    left &= ~excess
    coded = left & ((stated_deduction > 0) | stated_reason) & ~stated_fee
    code[coded] = code_number("DED-CODED")
    book = coded & rules.book_deduction[rule] & (short == stated_deduction)
    left &= ~coded
    small = _within(short, size, rules.under_minor[rule], rules.under_ppm[rule])
    fee = _within(short, size, rules.fee_minor[rule], rules.fee_ppm[rule])
    by_tolerance = left & small & ~stated_fee
    by_fee = left & fee & ~by_tolerance & (stated_fee | (short % _FEE_STEP_MINOR == 0))
    write_off[by_tolerance | by_fee] = short[by_tolerance | by_fee]
    reason[by_tolerance], reason[by_fee] = _TOLERANCE, _BANK_CHARGE
    code[by_fee] = code_number("AMT-BANKFEE")
    code[left & ~by_tolerance & ~by_fee] = code_number("AMT-SHORT")

    over = positive & (short < 0)
    by_over = over & _within(-short, size, rules.over_minor[rule], rules.over_ppm[rule])
    write_off[by_over] = short[by_over]
    reason[by_over] = _TOLERANCE
    surplus = np.where(over & ~by_over, -short, 0)
    code[surplus > 0] = code_number("AMT-OVER")
    # A credit memo is used as far as the payer says, never beyond what it is worth.
    overdrawn = ~positive & (short > 0)
    surplus[overdrawn] = -short[overdrawn]
    code[overdrawn] = code_number("AMT-NOMATCH")
    return Settlement(
        cash=cash - surplus,
        discount=discount,
        deduction=np.where(book, short, 0),
        write_off=write_off,
        reason=reason,
        surplus=surplus,
        code=code,
    )


def _within(
    difference: NDArray[np.int64],
    size: NDArray[np.int64],
    limit_minor: NDArray[np.int64],
    limit_ppm: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Difference ≤ amount AND ≤ percent of size, exactly (integers, no rounding)."""
    shown = np.minimum(difference, _SCALABLE_MAX)
    return (difference > 0) & (difference <= limit_minor) & (
        shown * 1_000_000 <= np.minimum(size, _SCALABLE_MAX) * limit_ppm
    )
