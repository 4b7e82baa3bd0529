"""Columns of texts that are empty, or constant, or few: what is known of them without a scan.

A function of Arrow's costs as much as dozens of looks at an array, however few rows there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BEYOND_ASCII",
    "are_empty",
    "blanks",
    "byte_set",
    "content_of",
    "has_byte",
    "is_empty",
    "rows_with_byte",
    "text_of",
    "texts_at",
]

_NO_BYTES: Final = np.empty(0, dtype=np.uint8)
_BLANKS: Final = pa.repeat(pa.scalar(""), 1024)

BEYOND_ASCII: Final = np.arange(256) >= 128
"""One entry per byte: whether it is of a character that is no ASCII."""


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


def byte_set(characters: str) -> NDArray[np.bool_]:
    """One entry per byte: whether it is one of these ASCII characters."""
    wanted = np.zeros(256, dtype=np.bool_)
    wanted[[*characters.encode("ascii")]] = True
    return wanted


def content_of(texts: pa.StringArray) -> NDArray[np.uint8]:
    """The bytes of all texts, one behind the other."""
    _, places, content = texts.buffers()
    if content is None or not len(texts):
        return _NO_BYTES
    offsets = np.frombuffer(places, dtype=np.int32)
    start, end = offsets[texts.offset], offsets[texts.offset + len(texts)]
    return np.frombuffer(content, dtype=np.uint8)[start:end]


def has_byte(texts: pa.StringArray, wanted: NDArray[np.bool_]) -> bool:
    """Whether any text has a byte that is `wanted` (one entry per byte)."""
    return bool(np.count_nonzero(wanted[content_of(texts)]))


def rows_with_byte(texts: pa.StringArray, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which texts have a byte that is `wanted` (one entry per byte)."""
    if are_empty(texts):
        return np.zeros(len(texts), dtype=np.bool_)
    _, places, content = texts.buffers()
    start = texts.offset
    offsets = np.frombuffer(places, dtype=np.int32)[start : start + len(texts) + 1]
    marked = wanted[np.frombuffer(content, dtype=np.uint8)[offsets[0] : offsets[-1]]]
    before = np.zeros(len(marked) + 1, dtype=np.int64)
    marked.cumsum(out=before[1:])
    counts = before[offsets - offsets[0]]
    found: NDArray[np.bool_] = counts[1:] > counts[:-1]
    return found


def texts_at(texts: pa.StringArray, rows: NDArray[np.int64]) -> pa.StringArray:
    """The texts at `rows`, empty where a row is below 0."""
    nowhere = rows < 0
    if not np.count_nonzero(nowhere):
        return arrow.take(texts, pa.array(rows))
    if nowhere.all():
        return blanks(len(rows))
    return arrow.fill_null(arrow.take(texts, pa.array(rows, mask=nowhere)), "")


def text_of(
    flags: NDArray[np.bool_], text: pa.StringArray, other: pa.StringArray
) -> pa.StringArray:
    """`text` where a row is flagged, `other` where not."""
    if not np.count_nonzero(flags):
        return other
    return text if flags.all() else arrow.if_else(pa.array(flags), text, other)
