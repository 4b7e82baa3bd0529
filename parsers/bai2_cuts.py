"""A window of a BAI2 stream cut into records and rows: pure, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from parsers.bai2_columns import DetailColumns, cut_details, detail_rows
from parsers.bai2_records import RecordTable, record_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.bai2_windows import RecordWindow
    from parsers.byte_slices import Offsets

__all__ = ["WindowCut", "cut_window"]

_CONTINUATION = 88
_DETAIL = 16


class WindowCut(msgspec.Struct, frozen=True):
    """A window's records. `first` and `after` are its 16 records with their 88 lines; `structure`
    its other records that are no 88, `structure_after` where their 88 lines end, and `rows_before`
    how many 16 records stand before each. `columns` is None where rows are read one by one.
    `bad_byte` is the offset, in the window, of a byte that is no UTF-8.
    """

    window: RecordWindow
    table: RecordTable
    first: Offsets
    after: Offsets
    structure: list[int]
    structure_after: list[int]
    rows_before: list[int]
    columns: DetailColumns | None
    bad_byte: int | None


def cut_window(window: RecordWindow) -> WindowCut:
    """Cut `window` into records, and its ordinary rows into columns."""
    table = record_table(window)
    first, after = detail_rows(table)
    columns = None
    if table.text is not None and len(first):
        columns = cut_details(table, first, after)
    heads = np.flatnonzero(table.codes != _CONTINUATION)
    is_structure = table.codes[heads] != _DETAIL
    structure = heads[is_structure]
    return WindowCut(
        window=window,
        table=table,
        first=first,
        after=after,
        structure=structure.tolist(),
        structure_after=_ends(heads, len(table.codes))[is_structure].tolist(),
        rows_before=np.searchsorted(first, structure).tolist(),
        columns=columns,
        bad_byte=None if table.text is not None else _bad_byte(window.content),
    )


def _ends(heads: Offsets, count: int) -> NDArray[np.int64]:
    """Where the next record begins."""
    return np.append(heads[1:], count) if len(heads) else heads


def _bad_byte(content: bytes) -> int | None:
    """Where the first byte that is no UTF-8 stands."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None
