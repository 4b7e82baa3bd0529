"""Columns of texts that are empty, or constant, or few: what is known of them without a scan.

A function of Arrow's costs as much as dozens of looks at an array, however few rows there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["are_empty", "blanks", "has_byte", "is_empty", "text_of", "texts_at"]

_BLANKS: Final = pa.repeat(pa.scalar(""), 1024)


def blanks(count: int) -> pa.StringArray:
    """So many empty texts."""
    return _BLANKS[:count] if count <= len(_BLANKS) else pa.repeat(pa.scalar(""), count)


def are_empty(texts: pa.StringArray) -> bool:
    """Whether no text has a letter."""
    if not len(texts):
        return True
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    return bool(offsets[texts.offset] == offsets[texts.offset + len(texts)])


def is_empty(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Which texts have no letter."""
    if not len(texts):
        return np.zeros(0, dtype=np.bool_)
    start = texts.offset
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[start : start + len(texts) + 1]
    empty: NDArray[np.bool_] = offsets[1:] == offsets[:-1]
    return empty


def has_byte(texts: pa.StringArray, wanted: NDArray[np.bool_]) -> bool:
    """Whether any text has a byte that is `wanted` (one entry per byte)."""
    if are_empty(texts):
        return False
    _, places, content = texts.buffers()
    offsets = np.frombuffer(places, dtype=np.int32)
    start, end = offsets[texts.offset], offsets[texts.offset + len(texts)]
    return bool(wanted[np.frombuffer(content, dtype=np.uint8)[start:end]].any())


def texts_at(texts: pa.StringArray, rows: NDArray[np.int64]) -> pa.StringArray:
    """The texts at `rows`, empty where a row is below 0."""
    nowhere = rows < 0
    if not nowhere.any():
        return texts.take(pa.array(rows))
    if nowhere.all():
        return blanks(len(rows))
    return pc.fill_null(texts.take(pa.array(rows, mask=nowhere)), "")


def text_of(
    flags: NDArray[np.bool_], text: pa.StringArray, other: pa.StringArray
) -> pa.StringArray:
    """`text` where a row is flagged, `other` where not."""
    if not flags.any():
        return other
    return text if flags.all() else pc.if_else(pa.array(flags), text, other)
