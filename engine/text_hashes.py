"""Texts as 64-bit numbers. A hash only narrows a search: who looks a text up by it compares the
text behind the hit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from engine.row_texts import taken
from engine.segments import mix64
from engine.text_columns import texts_at

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from engine.row_texts import Texts

__all__ = ["same_texts", "text_hashes", "word_hashes"]

_WORD = 8
_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(_WORD + 1)], dtype=np.uint64)
_BLANK = 32


def text_hashes(texts: pa.StringArray) -> NDArray[np.uint64]:
    """Hash of the bytes of each text (shape: rows)."""
    content, offsets = _bytes(texts)
    return _hash_ranges(content, offsets[:-1], offsets[1:])


def word_hashes(texts: pa.StringArray) -> NDArray[np.uint64]:
    """Hash of the words of each text in any order; words stand between single blanks."""
    content, offsets = _bytes(texts)
    inside = content[: offsets[-1]] != _BLANK
    edge = np.zeros(len(inside) + 1, dtype=np.bool_)
    edge[1:-1] = inside[1:] != inside[:-1]
    edge[offsets] = True
    edges = edge.nonzero()[0]
    start, end = edges[:-1], edges[1:]
    some = inside[start] if len(start) else np.empty(0, dtype=np.bool_)
    start, end = start[some], end[some]
    row = offsets.searchsorted(start, side="right") - 1
    sums = np.zeros(len(texts), dtype=np.uint64)
    np.add.at(sums, row, mix64(_hash_ranges(content, start, end)))
    return sums


def _bytes(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all texts with a word of zeros behind, and where each text begins and ends."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ].astype(np.int64)
    data = texts.buffers()[2]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    content = raw[offsets[0] : offsets[-1]]
    return np.concatenate([content, np.zeros(_WORD, dtype=np.uint8)]), offsets - offsets[0]


def _hash_ranges(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash of each range of bytes, eight at a time; `content` ends with eight that do not count."""
    words = np.ndarray((len(content) - _WORD + 1,), dtype="<u8", buffer=content, strides=(1,))
    length = end - start
    state = length.astype(np.uint64)
    for step in range(0, int(length.max(initial=0)), _WORD):
        live = (length > step).nonzero()[0]
        word = words[start[live] + step] & _MASKS[np.minimum(length[live] - step, _WORD)]
        state[live] = mix64(state[live], word)
    return state


def same_texts(texts: Texts, others: pa.StringArray, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each text is the one of `others` at its row (False where the row is -1)."""
    there: NDArray[np.bool_] = rows >= 0
    if isinstance(texts, list):
        pairs = zip(texts, taken(others, rows), strict=True)
        there &= np.array([one == two for one, two in pairs], dtype=np.bool_)
    else:
        there &= pc.equal(texts, texts_at(others, rows)).to_numpy(zero_copy_only=False)
    return there
