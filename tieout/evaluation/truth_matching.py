"""Which payment does a key of the truth mean?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["keys_of_payments", "payments_of_keys"]

_REFERENCES: Final = ("payment_id", "bank_reference", "check_number", "end_to_end_id")
"""Columns of a payment a key may be, in the order they are tried."""

_KEY_DIGITS: Final = 9


def keys_of_payments(
    keys: pa.StringArray, column: Callable[[str], pa.StringArray]
) -> NDArray[np.int64]:
    """Row of `keys` that each payment answers to, −1 for none; `column` gives payments' columns.

    A key is a payment's id or one of its references, or the digits of a bank reference or check
    number (nine of them, as worlds number their payments).
    """
    found = pa.nulls(len(column("payment_id")), pa.int32())
    for name in _REFERENCES:
        found = pc.coalesce(found, pc.index_in(column(name), value_set=keys))
    bank = column("bank_reference")
    numbered = pc.starts_with(bank, "BK")
    digits = pc.if_else(numbered, pc.utf8_slice_codeunits(bank, 2), column("check_number"))
    short = pc.utf8_lpad(pc.utf8_slice_codeunits(digits, -_KEY_DIGITS), _KEY_DIGITS, "0")
    known = pc.if_else(pc.equal(digits, ""), "", short)
    found = pc.coalesce(found, pc.index_in(known, value_set=keys))
    rows: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64)


def payments_of_keys(
    keys: pa.StringArray, column: Callable[[str], pa.StringArray]
) -> NDArray[np.int64]:
    """Payment row of each of `keys`, −1 for none; the last one where several answer."""
    row = keys_of_payments(keys, column)
    of_key = np.full(len(keys) + 1, -1)
    of_key[row] = np.arange(len(row))
    return of_key[:-1]
