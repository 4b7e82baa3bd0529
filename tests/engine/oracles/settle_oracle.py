"""One row at a time, with decimals and sentences: what `engine.settle` must decide.

Stated fees; else discount first, stated deductions, tolerance, what looks like a bank fee at last;
what is left is short. The other side: tolerance, then surplus.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.policy import Limit, Policy

__all__ = ["Row", "Settled", "settle_one"]

_FEE_STEP = 50


class Row(NamedTuple):
    """What is known of one row, minor units of a currency with two decimal places."""

    open_minor: int
    cash: int
    offered: int
    days_late: int
    stated_discount: int
    stated_deduction: int
    stated_fee: bool
    stated_reason: bool


class Settled(NamedTuple):
    """What closes besides the cash that stays on the item, and the code to raise."""

    cash: int
    discount: int = 0
    deduction: int = 0
    write_off: int = 0
    reason: str = ""
    surplus: int = 0
    code: str = ""


def settle_one(row: Row, policy: Policy) -> Settled:
    """How policy closes the difference between cash and item."""
    short = row.open_minor - row.cash
    if row.open_minor <= 0:
        if short > 0:
            return Settled(row.cash + short, surplus=-short, code="AMT-NOMATCH")
        return Settled(row.cash)
    if short < 0:
        return _too_much(row, -short, policy)
    if short == 0:
        return Settled(row.cash)
    return _too_little(row, short, policy)


def _too_much(row: Row, over: int, policy: Policy) -> Settled:
    if _within(over, row.open_minor, policy.tolerance.over):
        return Settled(row.cash, write_off=-over, reason="tolerance")
    return Settled(row.open_minor, surplus=over, code="AMT-OVER")


def _too_little(row: Row, short: int, policy: Policy) -> Settled:
    offered = row.offered > 0 and not row.stated_fee  # a fee the payer names is a fee
    as_discount = _discount(row, short, policy) if offered else None
    if as_discount is not None:
        return as_discount
    if (row.stated_deduction > 0 or row.stated_reason) and not row.stated_fee:
        booked = policy.short_pay.book_deduction and short == row.stated_deduction
        return Settled(row.cash, deduction=short if booked else 0, code="DED-CODED")
    if not row.stated_fee and _within(short, row.open_minor, policy.tolerance.under):
        return Settled(row.cash, write_off=short, reason="tolerance")
    likely = row.stated_fee or short % _FEE_STEP == 0
    if likely and _within(short, row.open_minor, policy.bank_charges.limit()):
        return Settled(row.cash, write_off=short, reason="bank_charge", code="AMT-BANKFEE")
    return Settled(row.cash, code="AMT-SHORT")


def _discount(row: Row, short: int, policy: Policy) -> Settled | None:
    """The shortfall as a discount: nearly what is offered, or stated and too much; else nothing."""
    in_time = row.days_late <= policy.discount.grace_days
    excess = short - row.offered
    small = _within(excess, row.open_minor, policy.tolerance.under)
    less = _within(-excess, row.open_minor, policy.tolerance.over)
    round_fee = short % _FEE_STEP == 0 and _within(
        short, row.open_minor, policy.bank_charges.limit()
    )
    if (small or less) and round_fee:
        return Settled(row.cash, code="AMT-BANKFEE")  # discount or fee: nobody knows
    if excess == 0 or small or less:
        if not (in_time or policy.discount.allow_unearned):
            return Settled(row.cash, code="DSC-LATE")
        note = "DSC-GRACE" if row.days_late > 0 else ""
        if small:
            return Settled(row.cash, row.offered, 0, excess, "tolerance", code=note)
        return Settled(row.cash, min(short, row.offered), code=note)
    if in_time and excess > 0 and row.stated_discount >= row.offered:
        return Settled(row.cash, row.offered, code="DSC-EXCESS")
    return None


def _within(difference: int, size: int, limit: Limit) -> bool:
    allowed = Decimal(limit.percent) * size / 100
    return 0 < difference <= min(Decimal(limit.amount) * 100, allowed)
