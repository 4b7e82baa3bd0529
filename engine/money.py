"""Money: integer minor units and the exponent of their currency. Never a float.

Whole columns here; one amount at a time, and the currencies, in `engine.currencies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine.currencies import CURRENCY_EXPONENTS, exponent_of, format_minor, minor_from_text
from engine.limits import DECIMAL_SCALE, EXPONENT_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CURRENCY_EXPONENTS",
    "decimal_array",
    "exponent_of",
    "exponents_of",
    "format_minor",
    "minor_from_text",
    "money_texts",
    "rescale_minor",
]


def exponents_of(currencies: pa.Array) -> NDArray[np.int64]:
    """Decimal places of each of `currencies` (shape: one per row); raises `MoneyError`."""
    encoded = currencies.dictionary_encode()
    table = np.array([exponent_of(code) for code in encoded.dictionary.to_pylist()], dtype=np.int64)
    exponents: NDArray[np.int64] = table[encoded.indices.to_numpy(zero_copy_only=False)]
    return exponents


def money_texts(minor: NDArray[np.int64], exponents: NDArray[np.int64]) -> pa.StringArray:
    """Like `format_minor` for whole columns (shapes equal)."""
    if len(minor) and (exponents == exponents[0]).all():
        return arrow.cast(_decimals_of(minor, int(exponents[0])), pa.string())
    parts, places = [pa.array([], pa.string())], []
    for exponent in range(EXPONENT_MAX + 1):
        rows = (exponents == exponent).nonzero()[0]
        if len(rows):
            parts.append(arrow.cast(_decimals_of(minor[rows], exponent), pa.string()))
            places.append(rows)
    if len(places) < 2:
        return parts[-1]
    order = np.argsort(np.concatenate(places), kind="stable")
    return arrow.take(pa.concat_arrays(parts), pa.array(order))


def rescale_minor(
    minor: NDArray[np.int64], exponents: NDArray[np.int64], scale: int = DECIMAL_SCALE
) -> NDArray[np.int64]:
    """`minor` units of `exponents` as integers of `scale` decimal places (elementwise, exact)."""
    factor: NDArray[np.int64] = np.power(np.int64(10), np.int64(scale) - exponents)
    return minor * factor


def decimal_array(minor: NDArray[np.int64], exponents: NDArray[np.int64]) -> pa.Array:
    """`minor` as `decimal128(18, 4)` in major units; shapes equal, no nulls.

    Written as 128-bit two's complement words: the low word is the integer, the high word its sign.
    """
    return _decimals_of(rescale_minor(minor, exponents), DECIMAL_SCALE)


def _decimals_of(unscaled: NDArray[np.int64], scale: int) -> pa.Array:
    words = np.empty((len(unscaled), 2), dtype=np.int64)
    words[:, 0] = unscaled
    words[:, 1] = words[:, 0] >> 63
    return pa.Array.from_buffers(
        pa.decimal128(18, scale), len(unscaled), [None, pa.py_buffer(words)]
    )
