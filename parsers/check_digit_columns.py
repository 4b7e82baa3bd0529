"""Check digits of many creditor references at once: which of them surely hold.

Only the two schemes that fill whole files are read here, RF and the Swiss one; `check_digits` knows
all of them and judges every reference this module is not sure of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["surely_hold"]

_SWISS_CODES: Final = ("QRR", "ISR", "ISR REFERENCE")
_SWISS_COUNTRIES: Final = ("CH", "LI")
_SWISS_LENGTHS: Final = (16, 27)
_CARRY: Final = np.array((0, 9, 4, 6, 8, 2, 7, 1, 3, 5))
_PREFIX: Final = b"RF"
_LENGTH_MIN, _LENGTH_MAX = 5, 25
_MODULUS: Final = 97


def surely_hold(
    references: pa.StringArray, codes: pa.StringArray, country: str
) -> NDArray[np.bool_]:
    """Where a reference follows the rule of its scheme; elsewhere it may hold nevertheless.

    `codes` are the stated types, `country` that of our account.
    """
    lengths = pc.binary_length(references).to_numpy(zero_copy_only=False).astype(np.int64)
    width = int(lengths.max(initial=0))
    if not width or width > 2 * _LENGTH_MAX:
        return np.zeros(len(references), np.bool_)
    letters = _table(references, lengths, width)
    sure = _rf_holds(letters, lengths)
    rows = np.flatnonzero(np.isin(lengths, _SWISS_LENGTHS) & (letters[:, 0] != _PREFIX[0]))
    if len(rows):
        stated = pc.is_in(codes, pa.array(_SWISS_CODES, pa.string()))
        is_swiss = stated.to_numpy(zero_copy_only=False) | (country in _SWISS_COUNTRIES)
        rows = rows[is_swiss[rows]]
        sure[rows] = _swiss_holds(letters[rows], lengths[rows])
    return sure


def _table(texts: pa.StringArray, lengths: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """The bytes of each text in a row of its own, 0 behind its end."""
    padded = pc.binary_join_element_wise(texts, pa.scalar("\0" * width), "")
    table = np.zeros((len(texts), width), np.uint8)
    data = np.frombuffer(padded.buffers()[2], np.uint8)
    starts = np.frombuffer(padded.buffers()[1], np.int32)[
        padded.offset : padded.offset + len(texts)
    ]
    for column in range(width):
        table[:, column] = data[starts + column]
    table[np.arange(width) >= lengths[:, None]] = 0
    return table


def _rf_holds(letters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """ISO 11649: the first four characters behind the others, letters as 10 to 35, 1 by 97."""
    sure = (lengths >= _LENGTH_MIN) & (lengths <= _LENGTH_MAX)
    if letters.shape[1] < _LENGTH_MIN:
        return np.zeros(len(letters), np.bool_)
    sure &= (letters[:, 0] == _PREFIX[0]) & (letters[:, 1] == _PREFIX[1])
    remainder = np.zeros(len(letters), np.int64)
    for column in (*range(4, min(letters.shape[1], _LENGTH_MAX)), 0, 1, 2, 3):
        letter = letters[:, column].astype(np.int64)
        is_digit = (letter >= 48) & (letter <= 57)
        is_letter = (letter >= 65) & (letter <= 90) & (column not in (2, 3))
        within = lengths > column
        sure &= ~within | is_digit | is_letter
        value = np.where(is_digit, letter - 48, letter - 55)
        factor = np.where(is_digit, 10, 100)
        remainder = np.where(within, (remainder * factor + value) % _MODULUS, remainder)
    sure &= remainder == 1
    return sure


def _swiss_holds(letters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Recursive modulo 10; the last digit checks."""
    sure = np.ones(len(letters), np.bool_)
    carry = np.zeros(len(letters), np.int64)
    for column in range(letters.shape[1]):
        digit = letters[:, column].astype(np.int64) - 48
        within = column < lengths
        sure &= ~within | ((digit >= 0) & (digit <= 9))
        moved = _CARRY[(carry + np.clip(digit, 0, 9)) % 10]
        carry = np.where(column < lengths - 1, moved, carry)
    last = letters[np.arange(len(letters)), lengths - 1].astype(np.int64) - 48
    sure &= (10 - carry) % 10 == last
    return sure
