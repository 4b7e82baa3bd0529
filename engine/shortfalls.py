"""What a shortfall is exactly equal to: a fee known to the cent, a rate of tax or withholding.

Each explanation is tried alone, the fewest parts first; a shortfall two of them explain equally is
explained by none. Amounts are minor units; a share may be rounded either way by whoever worked it
out, so one minor unit to either side is still exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.policy_table import PolicyTable

__all__ = ["SCALABLE_MAX", "KnownParts", "equals_known_fee", "known_parts", "within"]

SCALABLE_MAX = 9 * 10**12
"""Largest amount that can be multiplied by parts per million within int64."""

_MILLION = 1_000_000


class KnownParts(msgspec.Struct, frozen=True, kw_only=True):
    """Per row, what its shortfall equals; `unclear` where it equals more than one of them."""

    fee: NDArray[np.bool_]
    tax: NDArray[np.bool_]
    withholding: NDArray[np.bool_]
    unclear: NDArray[np.bool_]


def known_parts(
    short: NDArray[np.int64],
    size: NDArray[np.int64],
    charges: NDArray[np.int64],
    rules: PolicyTable,
    rule: NDArray[np.int64],
) -> KnownParts:
    """What `short` of an item of `size` equals; `charges` are those the bank states (0 none)."""
    fee = equals_known_fee(short, charges, rules, rule)
    tax = _equals_share(short, size, rules.tax_ppm, rule, of_net=True)
    withholding = _equals_share(short, size, rules.withholding_ppm, rule, of_net=False)
    unclear = fee.astype(np.int64) + tax + withholding > 1
    return KnownParts(fee=fee, tax=tax, withholding=withholding, unclear=unclear)


def equals_known_fee(
    short: NDArray[np.int64],
    charges: NDArray[np.int64],
    rules: PolicyTable,
    rule: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """A fee of the policy's schedule, or the charges the bank says it took."""
    listed = (rules.fees_minor[rule] == short[:, None]).any(axis=1)
    known: NDArray[np.bool_] = (short > 0) & (listed | (charges == short))
    return known


def within(
    difference: NDArray[np.int64],
    size: NDArray[np.int64],
    limit_minor: NDArray[np.int64],
    limit_ppm: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Difference ≤ amount AND ≤ percent of size, exactly (integers, no rounding)."""
    shown = np.minimum(difference, SCALABLE_MAX)
    share = np.minimum(size, SCALABLE_MAX) * limit_ppm
    fits: NDArray[np.bool_] = (
        (difference > 0) & (difference <= limit_minor) & (shown * _MILLION <= share)
    )
    return fits


def _equals_share(
    short: NDArray[np.int64],
    size: NDArray[np.int64],
    rates_ppm: NDArray[np.int64],
    rule: NDArray[np.int64],
    *,
    of_net: bool,
) -> NDArray[np.bool_]:
    """`short` is a rate of the item, or (`of_net`) the rate that was added to reach the item."""
    rates = rates_ppm[rule]
    some = (rates > 0) & ((size <= SCALABLE_MAX) & (short > 0))[:, None]
    if not some.any():
        return np.zeros(len(short), dtype=np.bool_)
    ppm = np.where(some, rates, 0)
    whole = np.minimum(size, SCALABLE_MAX)[:, None] * ppm
    equal = np.abs(short[:, None] - (whole + _MILLION // 2) // _MILLION) <= 1
    if of_net:
        base = _MILLION + ppm
        equal |= np.abs(short[:, None] - (whole + base // 2) // base) <= 1
    found: NDArray[np.bool_] = (equal & some).any(axis=1)
    return found
