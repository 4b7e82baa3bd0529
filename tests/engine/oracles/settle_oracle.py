"""One row at a time, with decimals and sentences: what `engine.settle` must decide.

Stated fees; else discount first, then what is known to the cent, stated deductions, rounding,
tolerance, what looks like a bank fee at last; what is left is short. The other side: rounding,
tolerance, then surplus.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
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
    stated_cause: bool
    stated_tax: bool
    charges: int
    gone: int
    claimed: bool


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
    if _rounds(row, policy):
        return Settled(row.cash, write_off=-over, reason="rounding")
    if _within(over, row.open_minor, policy.tolerance.over):
        return Settled(row.cash, write_off=-over, reason="tolerance")
    return Settled(row.open_minor, surplus=over, code="AMT-OVER")


def _too_little(row: Row, short: int, policy: Policy) -> Settled:
    offered = row.offered > 0 and not row.stated_fee  # a fee the payer names is a fee
    as_discount = _discount(row, short, policy) if offered else None
    if as_discount is not None:
        return as_discount
    if row.gone > 0 and short == row.gone and not row.stated_fee:
        return Settled(row.cash, code="DSC-TWICE")
    as_known = _known(row, short, policy)
    if as_known is not None:
        return as_known
    if (row.stated_deduction > 0 or row.stated_reason) and not row.stated_fee:
        booked = policy.short_pay.book_deduction and short == row.stated_deduction
        if not row.stated_reason:
            return Settled(row.cash, code="DED-UNCODED")
        return Settled(row.cash, deduction=short if booked else 0, code="DED-CODED")
    if not row.stated_fee and _rounds(row, policy):
        return Settled(row.cash, write_off=short, reason="rounding")
    if not row.stated_fee and _within(short, row.open_minor, policy.tolerance.under):
        return Settled(row.cash, write_off=short, reason="tolerance")
    likely = row.stated_fee or short % _FEE_STEP == 0
    if likely and _within(short, row.open_minor, policy.bank_charges.limit()):
        return Settled(row.cash, write_off=short, reason="bank_charge", code="AMT-BANKFEE")
    return Settled(row.cash, code="DED-PRIOR" if row.claimed else "AMT-SHORT")


def _explanations(row: Row, short: int, policy: Policy) -> list[str]:
    """Everything the shortfall equals to the cent (a share may be rounded either way)."""
    size = Decimal(row.open_minor)
    found = []
    if _is_known_fee(row, short, policy):
        found.append("fee")
    for rate in policy.tax.rates:
        of_gross, of_net = size * Decimal(rate) / 100, size * Decimal(rate) / (100 + Decimal(rate))
        if _near(short, of_gross) or _near(short, of_net):
            found.append("tax")
    if any(_near(short, size * Decimal(rate) / 100) for rate in policy.withholding.rates):
        found.append("withholding")
    return sorted(set(found))


def _is_known_fee(row: Row, short: int, policy: Policy) -> bool:
    listed = [Decimal(fee) * 100 for fee in policy.bank_charges.schedule]
    return short > 0 and (short in listed or short == row.charges)


def _near(short: int, share: Decimal) -> bool:
    return abs(short - share.quantize(Decimal(1), ROUND_HALF_UP)) <= 1


def _known(row: Row, short: int, policy: Policy) -> Settled | None:
    """A fee, a tax, a withholding known to the cent; closed only where nothing else fits as well
    and policy books it. A reason the payer states that is none of these goes before.
    """
    found = _explanations(row, short, policy)
    alone = len(found) == 1 and not (row.offered > 0 and short == row.offered)
    silent = row.stated_deduction == 0 and not row.stated_reason
    if "fee" in found and (silent or row.stated_fee):
        small = _within(short, row.open_minor, policy.bank_charges.limit())
        if alone and small:
            return Settled(row.cash, write_off=short, reason="bank_charge", code="AMT-BANKFEE")
        return Settled(row.cash, code="AMT-BANKFEE")
    if row.stated_fee or not (silent or row.stated_tax):
        return None
    for kind, code, rates in (
        ("tax", "AMT-TAX", policy.tax),
        ("withholding", "AMT-WHT", policy.withholding),
    ):
        if kind in found:
            booked = alone and rates.book
            return Settled(
                row.cash, 0, short if booked else 0, reason=kind if booked else "", code=code
            )
    return None


def _rounds(row: Row, policy: Policy) -> bool:
    """Paid is the item rounded to the nearest step."""
    step = Decimal(policy.rounding.step) * 100
    if step <= 1:
        return False
    off = abs(row.open_minor - row.cash)
    return row.cash % step == 0 and off > 0 and off * 2 <= step


def _discount(row: Row, short: int, policy: Policy) -> Settled | None:
    """The shortfall as a discount: nearly what is offered, or stated and too much; else nothing.

    Where a deduction is stated, nearly is not enough.
    """
    silent = row.stated_deduction == 0 and not row.stated_reason
    in_time = row.days_late <= policy.discount.grace_days
    grants = in_time or policy.discount.allow_unearned
    excess = short - row.offered
    small = silent and _within(excess, row.open_minor, policy.tolerance.under)
    less = silent and _within(-excess, row.open_minor, policy.tolerance.over)
    fee = (
        silent
        and _is_known_fee(row, excess, policy)
        and _within(excess, row.open_minor, policy.bank_charges.limit())
    )
    round_fee = short % _FEE_STEP == 0 and _within(
        short, row.open_minor, policy.bank_charges.limit()
    )
    something_else = bool(_explanations(row, short, policy))
    if (small or less) and round_fee and not something_else:
        return Settled(row.cash, code="AMT-BANKFEE")  # discount or fee: nobody knows
    as_discount = excess == 0 or small or less or fee
    if row.stated_reason and row.stated_cause:
        as_discount = False
    if as_discount and (not something_else or (excess == 0 and grants)):
        return _granted(row, short, fee=fee, small=small, grants=grants)
    both = row.stated_discount + row.stated_deduction == short and row.stated_deduction > 0
    if grants and both and 0 < row.stated_discount <= row.offered and not something_else:
        booked = policy.short_pay.book_deduction and row.stated_reason
        deduction = row.stated_deduction if booked else 0
        code = "DED-CODED" if row.stated_reason else "DED-UNCODED"
        return Settled(row.cash, row.stated_discount, deduction, code=code)
    if in_time and excess > 0 and row.stated_discount >= row.offered:
        return Settled(row.cash, row.offered, code="DSC-EXCESS")
    return None


def _granted(row: Row, short: int, *, fee: bool, small: bool, grants: bool) -> Settled:
    if not grants:
        return Settled(row.cash, code="DSC-LATE")
    excess = short - row.offered
    note = "DSC-GRACE" if row.days_late > 0 else ""
    if fee:
        return Settled(row.cash, row.offered, 0, excess, "bank_charge", code="AMT-BANKFEE")
    if small:
        return Settled(row.cash, row.offered, 0, excess, "tolerance", code=note)
    return Settled(row.cash, min(short, row.offered), code=note)


def _within(difference: int, size: int, limit: Limit) -> bool:
    allowed = Decimal(limit.percent) * size / 100
    return 0 < difference <= min(Decimal(limit.amount) * 100, allowed)
