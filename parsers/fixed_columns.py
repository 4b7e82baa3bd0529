"""Columns of fixed-width records: numbers and text of many records at once.

A block is a matrix of letters, one row per record, blank where a record ends early. Everything here
is an operation over whole blocks; what is no plain number is only told apart, not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.bai2_records import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["Block", "FixedRecords", "block_numbers", "block_texts", "is_blank"]

if TYPE_CHECKING:
    Block = NDArray[np.uint8]
    """Letters, one row per record."""

    Flags = NDArray[np.bool_]
else:
    Block = np.ndarray

_ASCII_MAX: Final = 127
_BLANK: Final = 32
_ZERO: Final = 48
_MINUS: Final = 45


class FixedRecords:
    """Records of a text, by where they begin and end in it."""

    def __init__(self, text: bytes, starts: Offsets, stops: Offsets, width_max: int) -> None:
        """Look at `text`; no block may be wider than `width_max`."""
        self._letters = np.frombuffer(text + b" " * (width_max + 1), np.uint8)
        self.starts, self.stops = starts, stops

    @property
    def first_letters(self) -> NDArray[np.uint8]:
        """The letter each record begins with."""
        found: NDArray[np.uint8] = self._letters[self.starts]
        return found

    def block(self, rows: Offsets, width: int) -> Block:
        """The first `width` columns of the records at `rows`."""
        starts = self.starts[rows]
        pieces = np.ndarray(
            (len(self._letters) - width + 1,), f"V{width}", self._letters.data, strides=(1,)
        )
        found = pieces[starts].view(np.uint8).reshape(len(starts), width)
        lengths = self.stops[rows] - starts
        short = np.flatnonzero(lengths < width)
        if len(short):
            piece = found[short]
            piece[np.arange(width) >= lengths[short, None]] = _BLANK
            found[short] = piece
        return found


def is_blank(block: Block) -> Flags:
    """Whether all columns of a row are blank."""
    blank: NDArray[np.bool_] = (block == _BLANK).all(axis=1)
    return blank


def block_numbers(block: Block) -> tuple[NDArray[np.int64], Flags]:
    """(number, whether it is plain): digits padded with blanks or zeros in front, or a minus sign.

    A blank row is a plain 0.
    """
    columns = np.ascontiguousarray(block.T)
    digits = columns - np.uint8(_ZERO)
    is_digit = digits < 10
    if is_digit.all():
        return _positional(digits), np.ones(len(block), np.bool_)
    blank = columns == _BLANK
    negative = columns[0] == _MINUS
    begins = is_digit.copy()
    begins[0] |= negative
    begun = np.logical_or.accumulate(begins)
    plain = (begins | (blank & ~begun)).all(axis=0) & (~negative | is_digit[-1])
    digits[~is_digit] = 0
    values = _positional(digits)
    return np.where(negative, -values, values), plain


def _positional(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    powers = np.power(10, np.arange(len(digits) - 1, -1, -1), dtype=np.int64)
    values: NDArray[np.int64] = np.einsum("i,ij->j", powers, digits)
    return values


def block_texts(block: Block) -> pa.StringArray:
    """The text of each row without the blanks around it: UTF-8 where it is, else Latin-1."""
    rows, width = block.shape
    letters = np.ascontiguousarray(block)
    if letters.size and letters.max() > _ASCII_MAX:
        return _texts_beyond_ascii(letters)
    bounds = np.arange(0, rows * width + 1, width, dtype=np.int32)
    texts = pa.StringArray.from_buffers(rows, pa.py_buffer(bounds), pa.py_buffer(letters))
    if not rows or _is_full(block):
        return texts
    return pc.ascii_trim(texts, characters=" ")


def _texts_beyond_ascii(block: Block) -> pa.StringArray:
    """`block_texts` where some rows have letters that are not ASCII: those are read one by one."""
    beyond = block > _ASCII_MAX
    texts = block_texts(np.where(beyond, np.uint8(_BLANK + 1), block))
    rows = np.flatnonzero(beyond.any(axis=1))
    values = [readable(block[row].tobytes().decode("latin-1").strip(" ")) for row in rows.tolist()]
    is_beyond = np.zeros(len(block), np.bool_)
    is_beyond[rows] = True
    return pc.replace_with_mask(texts, pa.array(is_beyond), pa.array(values, pa.string()))


def _is_full(block: Block) -> bool:
    """Whether no row has a blank at either end."""
    return not (block[:, 0] == _BLANK).any() and not (block[:, -1] == _BLANK).any()
