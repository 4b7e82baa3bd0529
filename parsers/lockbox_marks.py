"""How the records of a lockbox layout are told apart: by text in certain columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from parsers.lockbox_layouts import RECORD_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parsers.fixed_columns import Block
    from parsers.lockbox_layouts import LockboxLayout, RecordTable

__all__ = ["KIND_CODES", "boundary_test", "first_letters", "kind_codes", "table_reader"]

KIND_CODES: Final = {kind: code for code, kind in enumerate(RECORD_KINDS, 1)}
"""Kind of a record → its number; 0 is a record no mark tells."""


def table_reader(layout: LockboxLayout) -> Callable[[str], RecordTable | None]:
    """A function from a record to its table in the layout; None where it is unknown."""
    told = [
        (record, [(slice(*mark.columns), mark.text) for mark in record.marks])
        for _, record in layout.kinds()
    ]

    def read(line: str) -> RecordTable | None:
        for record, marks in told:
            if all(line[columns] == text for columns, text in marks):
                return record
        return None

    return read


def first_letters(layout: LockboxLayout) -> NDArray[np.uint8] | None:
    """Kind by the first letter of a record, where that tells it in this layout; else None."""
    found = np.zeros(256, np.uint8)
    for kind, record in layout.kinds():
        if len(record.marks) != 1 or record.marks[0].columns != (0, 1):
            return None
        found[ord(record.marks[0].text) & 0xFF] = KIND_CODES[kind]
    return found


def kind_codes(block: Block, layout: LockboxLayout) -> NDArray[np.uint8]:
    """The kind of each row of a block of records, as in `KIND_CODES`."""
    codes = np.zeros(len(block), np.uint8)
    for kind, record in layout.kinds():
        matches = np.ones(len(block), np.bool_)
        for mark in record.marks:
            letters = np.frombuffer(mark.text.encode("latin-1", "replace"), np.uint8)
            matches &= (block[:, mark.columns[0] : mark.columns[1]] == letters).all(axis=1)
        codes[matches] = KIND_CODES[kind]
    return codes


def boundary_test(layout: LockboxLayout) -> Callable[[bytes], bool]:
    """Whether a record belongs to the one before it.

    Checks and control records do not; overflow does, and so does anything unknown.
    """
    own = [
        [(slice(*mark.columns), mark.text.encode("latin-1", "replace")) for mark in record.marks]
        for kind, record in layout.kinds()
        if kind != "overflow"
    ]

    def is_continued(record: bytes) -> bool:
        return not any(
            all(record[columns] == letters for columns, letters in marks) for marks in own
        )

    return is_continued
