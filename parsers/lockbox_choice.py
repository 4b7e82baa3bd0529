"""Which layout a lockbox file follows.

Every layout is tried on the first records of the file, and four things are compared, in this
weight: how many records it knows, how many control totals foot, how many checks are the sum of
their invoices, how many fields look like what the layout says they are. Own layouts come first: the
first of them that explains the file is taken. Where the totals foot under two layouts that read the
file differently, the choice rests on looks alone, and is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.fixed_columns import block_numbers, is_blank
from parsers.lockbox_fields import cut_text, read_masked_date, read_number
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS
from parsers.lockbox_layouts import CheckLayout, OverflowLayout
from parsers.lockbox_marks import KIND_CODES, kind_codes, table_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.fixed_columns import Block
    from parsers.lockbox_layouts import Columns, DateField, LockboxLayout, TotalLayout

__all__ = ["PROBE_RECORDS", "Choice", "choose_layout", "layout_widths", "may_follow", "own_layout"]

PROBE_RECORDS: Final = 2_000
"""Records a layout is tried on: enough for the totals of most batches."""

_FULL: Final = 1000
_EXPLAINED: Final = 950
"""Share of records and fields, in thousandths, that an own layout must explain to be taken."""
_MEMO_AMOUNT_WIDTH: Final = 10
_COMPARED_RECORDS: Final = 400
_WIDTH_MAX: Final = 512
_NUMBER_MAX: Final = 10**15
_DIGITS_MAX: Final = 18


class _Evidence(msgspec.Struct, frozen=True, order=True):
    """How well a layout explains a file, each in thousandths; compared from the first on.

    `known` records, `totals` that foot, checks that are the sum of their invoices (`tied`), fields
    that look right (`plausible`); 0 where there is nothing to judge.
    """

    score: int
    known: int
    totals: int
    tied: int
    plausible: int
    totals_seen: bool


class Choice(msgspec.Struct, frozen=True):
    """The layout taken, the next best one, and why the choice is in doubt (empty: it is not)."""

    layout: LockboxLayout
    runner_up: LockboxLayout | None
    doubt: str


def layout_widths(layouts: Sequence[LockboxLayout]) -> tuple[int, ...]:
    """The usual record lengths of `layouts`, each once."""
    return tuple(dict.fromkeys(layout.width for layout in layouts))


def may_follow(records: Sequence[str], own: Sequence[LockboxLayout]) -> bool:
    """Whether the first `records` of a file may follow one of `own` layouts, damaged perhaps."""
    found = [_Probe(records).evidence(layout) for layout in own]
    return any(one.known >= _EXPLAINED and 2 * one.plausible >= _FULL for one in found)


def own_layout(records: Sequence[str], own: Sequence[LockboxLayout]) -> LockboxLayout | None:
    """The first of `own` layouts that explains the first `records` of a file; None: none does."""
    probe = _Probe(records)
    return next((layout for layout in own if _explains(probe.evidence(layout))), None)


def choose_layout(records: Sequence[str], own: Sequence[LockboxLayout] = ()) -> Choice:
    """The layout that explains the first `records` of a file best; own layouts are tried first."""
    taken = own_layout(records, own)
    if taken is not None:
        return Choice(taken, None, "")
    probe = _Probe(records)
    layouts = [*own, *LOCKBOX_LAYOUTS.values()]
    ranked = sorted(
        ((probe.evidence(layout), -number, layout) for number, layout in enumerate(layouts)),
        key=lambda entry: (entry[0].score, entry[1]),
        reverse=True,
    )
    (best, _, layout), (second, _, runner_up) = ranked[:2]
    return Choice(layout, runner_up, _doubt(best, second, layout, runner_up, records))


def _explains(found: _Evidence) -> bool:
    foots = found.totals == _FULL or not found.totals_seen
    return foots and min(found.known, found.plausible) >= _EXPLAINED


def _doubt(
    best: _Evidence,
    second: _Evidence,
    layout: LockboxLayout,
    runner_up: LockboxLayout,
    records: Sequence[str],
) -> str:
    """Why `layout` may be the wrong one; empty where it is not in doubt."""
    if best.totals_seen and not best.totals:
        return "no total foots under any known layout"
    if (best.known, best.totals, best.tied) > (second.known, second.totals, second.tied):
        return ""
    if best.plausible > second.plausible:
        return ""
    compared = records[:_COMPARED_RECORDS]
    if _reading(compared, layout) == _reading(compared, runner_up):
        return ""
    return "it explains the file no better than the next one, which reads it differently"


def _reading(records: Sequence[str], layout: LockboxLayout) -> list[tuple[str, ...]]:
    """What a layout reads in checks and overflow, to see whether two layouts differ."""
    table_of = table_reader(layout)
    found = []
    for line in records:
        record = table_of(line)
        if isinstance(record, CheckLayout):
            names = (record.amount, record.routing, record.account, record.check_number)
            columns: list[Columns | None] = [*names, record.remitter]
        elif isinstance(record, OverflowLayout):
            columns = [record.memo]
        else:
            continue
        for entry in record.entries:
            columns += [entry.document, entry.amount]
        texts = [cut_text(line, one).lstrip("0") for one in columns]
        found.append(tuple(text for text in texts if text))
    return found


class _Probe:
    """The first records of a file as one matrix."""

    def __init__(self, records: Sequence[str]) -> None:
        records = records[:PROBE_RECORDS]
        self._records = records
        text = "".join([line[:_WIDTH_MAX].ljust(_WIDTH_MAX) for line in records])
        letters = np.frombuffer(text.encode("latin-1"), np.uint8)
        self._block: Block = letters.reshape(len(records), _WIDTH_MAX)
        self._read: dict[tuple[int, int, bytes], tuple[NDArray[np.int64], NDArray[np.bool_]]] = {}
        self._lengths = np.array([len(line.rstrip(" ")) for line in records], np.int64)

    def evidence(self, layout: LockboxLayout) -> _Evidence:
        """How well `layout` explains the records."""
        kinds = kind_codes(self._block, layout)
        checks = np.flatnonzero(kinds == KIND_CODES["check"])
        known = (kinds != 0) & (self._lengths <= layout.width)
        amounts, are_plain = self._numbers(checks, layout.check.amount)
        totals = self._totals(layout, kinds, checks, amounts)
        looks = _Looks()
        looks.add(are_plain & (amounts > 0))
        self._look_at_checks(layout.check, checks, looks)
        tied = self._look_at_overflow(layout, kinds, checks, amounts, looks)
        shares = (
            _share(int(known.sum()), len(known)),
            _share(sum(totals), len(totals)),
            _share(*tied),
            looks.share(),
        )
        score = 8 * shares[0] + 4 * shares[1] + 2 * shares[2] + shares[3]
        return _Evidence(score, *shares, bool(totals))

    def _numbers(
        self, rows: Offsets, columns: Columns
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Numbers at `rows`, and whether they are any: those that are not plain are looked at.

        Layouts have many fields in common, and each is read once.
        """
        key = (*columns, rows.tobytes())
        known = self._read.get(key)
        if known is not None:
            return known
        values, are_numbers = block_numbers(self._block[rows, columns[0] : columns[1]])
        for place in np.flatnonzero(~are_numbers).tolist():
            number = read_number(self._records[int(rows[place])], columns)
            are_numbers[place] = number is not None
            values[place] = 0 if number is None else min(abs(number.digits), _NUMBER_MAX)
        self._read[key] = values, are_numbers
        return values, are_numbers

    def _totals(
        self,
        layout: LockboxLayout,
        kinds: NDArray[np.uint8],
        checks: Offsets,
        amounts: NDArray[np.int64],
    ) -> list[bool]:
        """Whether each total of batch and lockbox is the sum of the checks it is about."""
        sums = np.zeros(len(kinds) + 1, np.int64)
        np.add.at(sums, checks + 1, amounts)
        until = np.cumsum(sums)
        found: list[bool] = []
        for kind in ("batch_total", "lockbox_total"):
            rows = np.flatnonzero(kinds == KIND_CODES[kind])
            if not len(rows):
                continue
            table: TotalLayout = getattr(layout, kind)
            declared, are_plain = self._numbers(rows, table.total)
            width = min(table.total[1] - table.total[0], _DIGITS_MAX)
            computed = np.diff(until[rows], prepend=0) % 10**width
            found += (are_plain & (declared == computed)).tolist()
        return found

    def _look_at_checks(self, check: CheckLayout, checks: Offsets, looks: _Looks) -> None:
        for columns in (check.routing, check.account, check.check_number):
            if columns is not None:
                looks.add(self._numbers(checks, columns)[1])
        if check.currency is not None:
            letters = self._block[checks, check.currency[0] : check.currency[1]]
            is_letter = (letters >= ord("A")) & (letters <= ord("Z"))
            looks.add(np.asarray(is_letter.all(axis=1)))
        if check.date is not None:
            looks.add(self._dates(checks, check.date))

    def _dates(self, rows: Offsets, field: DateField) -> NDArray[np.bool_]:
        start, stop = field.columns
        tokens = [self._records[row][start:stop] for row in rows.tolist()]
        good = [read_masked_date(token, field.mask) is not None for token in tokens]
        return np.array(good, np.bool_)

    def _look_at_overflow(
        self,
        layout: LockboxLayout,
        kinds: NDArray[np.uint8],
        checks: Offsets,
        amounts: NDArray[np.int64],
        looks: _Looks,
    ) -> tuple[int, int]:
        """(checks that are the sum of their invoices, checks with amounts of invoices)."""
        paid = np.zeros(len(checks), np.int64)
        has_amounts = np.zeros(len(checks), np.bool_)
        records: list[tuple[str, CheckLayout | OverflowLayout]] = [("check", layout.check)]
        records += [("overflow", overflow) for overflow in layout.overflow]
        for kind, record in records:
            rows = np.flatnonzero(kinds == KIND_CODES[kind]) if record.entries else checks[:0]
            rows = rows[rows >= checks[0]] if len(checks) else rows[:0]
            owner = np.searchsorted(checks, rows, "right") - 1
            for entry in record.entries:
                for columns in filter(None, (entry.amount, entry.deduction, entry.discount)):
                    looks.add(self._numbers(rows, columns)[1])
                if entry.document is None or entry.amount is None:
                    continue
                values, are_plain = self._numbers(rows, entry.amount)
                named = ~is_blank(self._block[rows, entry.document[0] : entry.document[1]])
                stated = are_plain & ~is_blank(self._block[rows, entry.amount[0] : entry.amount[1]])
                looks.add(stated[named])
                np.add.at(paid, owner, np.where(are_plain, values, 0))
                has_amounts[owner[stated & (values != 0)]] = True
        for overflow in layout.overflow:
            if overflow.memo is not None:
                noted = np.flatnonzero(kinds == KIND_CODES["overflow"]).tolist()
                memos = [self._is_memo(row, overflow.memo) for row in noted]
                looks.add(np.array(memos, np.bool_))
        return int((has_amounts & (paid == amounts)).sum()), int(has_amounts.sum())

    def _is_memo(self, row: int, columns: Columns) -> bool:
        """Whether free text does not end like a document number beside its amount."""
        words = self._records[row][columns[0] : columns[1]].rstrip(" ").split(" ")
        last = words[-1]
        return not (len(words) > 1 and last.isdecimal() and len(last) >= _MEMO_AMOUNT_WIDTH)


class _Looks:
    """Fields that look like what they should be, and all that were looked at."""

    def __init__(self) -> None:
        self._good = self._all = 0

    def add(self, good: NDArray[np.bool_]) -> None:
        """Count one field of several records."""
        self._good += int(good.sum())
        self._all += len(good)

    def share(self) -> int:
        """The good ones among all, in thousandths."""
        return _share(self._good, self._all)


def _share(right: int, total: int) -> int:
    """`right` out of all, in thousandths; 0 where there is nothing to judge."""
    return _FULL * right // total if total else 0
