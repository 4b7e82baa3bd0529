"""Looks ahead in a BAI2 account that is longer than a window: are there items of deposits in it?

Whether a deposit or the items in it are the payments is known when the account has ended, but rows
are given away window by window. So an account that goes beyond its window and holds deposits is
read twice: once to decide, once for its payments. Most accounts hold no items, and that is seen by
a glance at the bytes ahead: each byte of a stream is glanced at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine.limits import AMOUNT_MINOR_MAX
from parsers.bai2_cuts import cut_window
from parsers.bai2_fields import plain_fields, read_amount, read_detail
from parsers.bai2_items import IS_ITEM, PAIR_OF_CODE, ItemLedger, split_levels
from parsers.bai2_types import ITEMS_OF_PARENT, PARENTS_OF_ITEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.bai2_accounts import AccountState
    from parsers.bai2_columns import DetailColumns
    from parsers.bai2_cuts import WindowCut
    from parsers.bai2_items import ItemVerdict, Levels
    from parsers.bai2_windows import RecordWindow, WindowCutter

__all__ = ["ItemSurvey", "gather_levels", "verdicts_of"]

_UNKNOWN: Final = -1
_NO_ROWS: Final = np.empty(0, np.int64)
_PADDING: Final = b"\0" * 8
_SIX_AND_COMMA: Final = int.from_bytes(b"6,", "little")
_FILE_HEADER: Final = b"01,"
_ONE_AND_COMMA: Final = int.from_bytes(b"1,", "little")
_BYTE, _TEN = np.uint64(0xFF), np.uint64(10)
_ZERO, _ONE = np.uint64(ord("0")), np.uint64(ord("1"))
_SECOND: Final = np.uint64(8)
_IS_GAP: Final = np.isin(np.arange(256), list(b" ,/\r\n\t\x00\x0c\x1a"))
_GAP: Final = r"[ ,/\r\n\t\x00\x0c\x1a]*"
_ITEM_ROW: Final = rf"16,{_GAP}(?:88[,:;. ]{_GAP})*(?:{'|'.join(PARENTS_OF_ITEM)})"


class ItemSurvey:
    """Decides on deposits and items of accounts that go beyond a window."""

    def __init__(self, cutter: WindowCutter) -> None:
        """Look ahead in the stream of `cutter`."""
        self._cutter = cutter
        self._clear_from: int | None = None
        self._seen_at = _UNKNOWN

    def verdicts(
        self, account: AccountState, cut: WindowCut, levels: dict[int, Levels]
    ) -> dict[int, ItemVerdict]:
        """The decisions on `account`, which is open at the end of `cut` and has `levels` there."""
        has_items = any(pair.is_item.any() for pair in levels.values())
        if not has_items and not self._may_follow(cut.window):
            return {}
        ledgers: dict[int, ItemLedger] = {}
        _enter(ledgers, levels)
        for window in self._cutter.windows(cut.window):
            ahead = cut_window(window)
            ends = [
                rows
                for first, rows in zip(ahead.structure, ahead.rows_before, strict=True)
                if ahead.table.codes[first] != _UNKNOWN
            ]
            until = ends[0] if ends else len(ahead.first)
            _enter(ledgers, _levels_ahead(ahead, until, account))
            if ends:
                break
        return {pair: ledger.verdict() for pair, ledger in ledgers.items()}

    def _may_follow(self, window: RecordWindow) -> bool:
        """Whether something that reads like an item stands behind `window`."""
        if self._clear_from is not None and window.after >= self._clear_from:
            return False
        if self._seen_at >= window.after:
            return True
        for ahead in self._cutter.windows(window):
            if _may_hold_items(ahead):
                self._seen_at = ahead.offset
                return True
        self._clear_from = window.after
        return False


def gather_levels(
    columns: DetailColumns | None,
    spans: list[tuple[int, int]],
    odd: list[tuple[int, int, int, int]],
) -> dict[int, Levels]:
    """Deposits and items in their order, by the number of their pair.

    Ordinary rows are those of `spans` of `columns`; `odd` are others: (place, type code, amount,
    number), of any type.
    """
    parts = [_NO_ROWS]
    if columns is not None and len(columns.levels):
        for low, high in spans:
            begin, end = np.searchsorted(columns.levels, [low, high])
            parts.append(columns.levels[begin:end])
    places = np.concatenate(parts)
    levels = [row for row in odd if PAIR_OF_CODE[row[1]] >= 0]
    if not len(places) and not levels:
        return {}
    numbers = np.full(len(places), -1)
    codes, amounts = _NO_ROWS, _NO_ROWS
    if columns is not None:
        codes, amounts = columns.code[places], columns.amount[places]
    if levels:
        others = np.array(levels, np.int64).T
        places, codes, amounts, numbers = (
            np.concatenate(pair)
            for pair in zip((places, codes, amounts, numbers), others, strict=True)
        )
    order = np.argsort(places)
    return split_levels(places[order], codes[order], amounts[order], numbers[order])


def verdicts_of(levels: dict[int, Levels]) -> dict[int, ItemVerdict]:
    """The decisions on an account whose deposits and items are all in one window."""
    ledgers: dict[int, ItemLedger] = {}
    _enter(ledgers, {pair: found for pair, found in levels.items() if found.is_item.any()})
    return {pair: ledger.verdict() for pair, ledger in ledgers.items()}


def _enter(ledgers: dict[int, ItemLedger], levels: dict[int, Levels]) -> None:
    for pair, found in levels.items():
        ledgers.setdefault(pair, ItemLedger()).add(found.is_item, found.amounts)


def _levels_ahead(cut: WindowCut, until: int, account: AccountState) -> dict[int, Levels]:
    """Deposits and items among the first `until` rows of a window, which belong to `account`."""
    columns = cut.columns if account.scale == (1, 1) else None
    lines, odd = cut.table.lines, []
    for place in range(until) if columns is None else columns.odd_between(0, until):
        first, after = int(cut.first[place]), int(cut.after[place])
        code, written = _glance(lines[first], lines[first + 1 : after], account)
        if written:
            odd.append((place, int(code), written, place))
    return gather_levels(columns, [(0, until)], odd)


def _glance(line: str, continuations: Sequence[str], account: AccountState) -> tuple[str, int]:
    """(type code, amount as written) of a row; 0 where it is no payment."""
    plain = plain_fields(line)
    if plain is not None:
        code, written = plain[:2]
    else:
        detail = read_detail(line, continuations)
        code = detail.code.zfill(3)
        written = read_amount(detail.amount, account.decimals)[0] or 0
    factor, divisor = account.scale
    minor, rest = divmod(abs(written) * factor, divisor)
    is_payment = code in PARENTS_OF_ITEM or code in ITEMS_OF_PARENT
    return code, written if is_payment and not rest and minor <= AMOUNT_MINOR_MAX else 0


def _may_hold_items(window: RecordWindow) -> bool:
    """Whether a row of `window`, however it is cut, may be an item; seldom true where none is.

    Looks for `16,` and a code behind it. Where something else stands there, or where records of a
    fixed length (which a file header declares) may begin behind any letter, an expression looks.
    """
    content = window.content
    if window.shape is not None or content.startswith(_FILE_HEADER):
        return _has_item_row(content)
    padded = _PADDING + content + _PADDING
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    for shift in (0, 1):
        pairs = np.frombuffer(padded, "<u2", (len(padded) - shift) // 2, shift)
        headers = words[2 * np.flatnonzero(pairs == _ONE_AND_COMMA) + shift - 2]
        is_digit = (headers & _BYTE) - _ZERO < _TEN
        if ((headers >> _SECOND) & _BYTE == _ZERO)[~is_digit].any():
            return _has_item_row(content)
        found = words[2 * np.flatnonzero(pairs == _SIX_AND_COMMA) + shift - 2]
        found = found[(found >> _SECOND) & _BYTE == _ONE]
        digits = [((found >> np.uint64(8 * byte)) & _BYTE) - _ZERO for byte in (4, 5, 6)]
        is_code = (digits[0] < _TEN) & (digits[1] < _TEN) & (digits[2] < _TEN)
        code = np.where(is_code, digits[0] * _TEN * _TEN + digits[1] * _TEN + digits[2], 0)
        is_gap = _IS_GAP.take(((found >> np.uint64(32)) & _BYTE).astype(np.int64))
        is_gap &= (found & _BYTE) - _ZERO >= _TEN
        if is_gap.any() or IS_ITEM[code.astype(np.int64)].any():
            return _has_item_row(content)
    return False


def _has_item_row(content: bytes) -> bool:
    window = pa.array([content], pa.binary())
    return bool(arrow.match_substring_regex(window, _ITEM_ROW)[0].as_py())
