"""Statement lines that have found their statement: sums of ranges of them, and their payments."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import AMOUNT_MINOR_MAX
from engine.money import CURRENCY_EXPONENTS
from parsers.check_digits import judge_reference
from parsers.mt94x_entry import AMOUNT_PLACES
from parsers.mt94x_facts import is_iban
from parsers.mt94x_rows import (
    DEBIT,
    EXPECTED,
    MARKS,
    NO_DAY,
    RETURN,
    STRING_COLUMNS,
    UNREADABLE,
    ZERO,
    LineRow,
    RowColumns,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.collector import FileCollector
    from parsers.mt94x_entry import EntryNote

__all__ = [
    "RowRange",
    "RowSums",
    "add_payments",
    "amounts_that_do_not_fit",
    "judge_creditors",
    "replace_row",
]

_REASONS: Final = {
    DEBIT: "debit",
    EXPECTED: "expected",
    ZERO: "zero_amount",
    UNREADABLE: "unreadable",
}
_AMOUNT_SAFE: Final = 2**62
_COUNTRY_OF_CURRENCY: Final = {"CHF": "CH", "NOK": "NO", "SEK": "SE", "DKK": "DK"}
_ISSUERS: Final = frozenset({"BBA"})


class RowRange(msgspec.Struct, frozen=True):
    """Lines `low` to `high` of a piece, all of one statement."""

    low: int
    high: int
    account: str
    currency: str
    codes: str


class RowSums:
    """Numbers and sums of any range of the lines of a piece, by mark."""

    def __init__(self, columns: RowColumns) -> None:
        """Add up the lines of `columns` once."""
        amount: NDArray[Any] = columns.amount
        if len(amount) and int(amount.max()) > _AMOUNT_SAFE // len(amount):
            amount = amount.astype(object)
        rows = len(amount)
        self._counts = np.zeros((len(MARKS), rows + 1), np.int64)
        self._sums = np.zeros((len(MARKS), rows + 1), amount.dtype)
        for mark in range(len(MARKS)):
            chosen = columns.mark == mark
            if chosen.any():
                np.cumsum(chosen, out=self._counts[mark, 1:])
                np.cumsum(np.where(chosen, amount, 0), out=self._sums[mark, 1:])

    def add(self, low: int, high: int, counts: list[int], sums: list[int]) -> None:
        """Add lines `low` to `high` to `counts` and `sums`, which have one place per mark."""
        number = (self._counts[:, high] - self._counts[:, low]).tolist()
        amount = (self._sums[:, high] - self._sums[:, low]).tolist()
        for mark in range(len(MARKS)):
            counts[mark] += number[mark]
            sums[mark] += amount[mark]


def amounts_that_do_not_fit(columns: RowColumns, low: int, high: int, currency: str) -> list[int]:
    """Readable lines of a range whose amount is none of `currency`: too many places, too large."""
    exponent = CURRENCY_EXPONENTS[currency]
    limit = AMOUNT_MINOR_MAX * 10 ** (AMOUNT_PLACES - exponent)
    odd = (columns.places[low:high] > exponent) | (columns.amount[low:high] > limit)
    return (low + np.flatnonzero(odd)).tolist() if odd.any() else []


def replace_row(columns: RowColumns, at: int, row: LineRow) -> None:
    """Put `row` in the place of the payment `at`."""
    for name in STRING_COLUMNS:
        column = columns.strings[name]
        one = pa.array([row.strings[name]], pa.string())
        columns.strings[name] = pa.concat_arrays([column[:at], one, column[at + 1 :]])
    columns.is_receivable[at] = row.is_receivable
    columns.is_sepa[at] = row.is_sepa


def _count_rows(collector: FileCollector, columns: RowColumns) -> None:
    """Count the lines of a piece that are no payments."""
    for kind, reason in _REASONS.items():
        rows = int((columns.kind == kind).sum())
        if rows:
            collector.count(reason, rows)


def add_payments(
    collector: FileCollector,
    columns: RowColumns,
    ranges: list[RowRange],
    *,
    offset: int,
    line: int,
) -> None:
    """Give the payments of a piece that begins at `offset`, line `line`, to the collector."""
    _count_rows(collector, columns)
    still = columns.kind[columns.money] != UNREADABLE
    rows = columns.money[still]
    if not len(rows):
        return
    owner = np.repeat(np.arange(len(ranges)), [one.high - one.low for one in ranges])[rows]
    currencies = pa.array([one.currency for one in ranges], pa.string())
    exponents = np.array([CURRENCY_EXPONENTS.get(one.currency, 0) for one in ranges], np.int64)
    minor = columns.amount[rows] // 10 ** (AMOUNT_PLACES - exponents[owner])
    found: dict[str, Any] = dict(columns.strings)
    if len(rows) < len(still):
        kept = pa.array(still)
        found = {name: column.filter(kept) for name, column in found.items()}
    currency = currencies.take(pa.array(owner))
    found["method"] = _methods(found["method"], currency, columns.is_sepa[still])
    found["currency"] = currency
    found["bank_account"] = pa.array([one.account for one in ranges], pa.string()).take(
        pa.array(owner)
    )
    found["amount_minor"] = np.where(columns.kind[rows] == RETURN, -minor, minor)
    found["booking_date"] = _dates(columns.booking_days[still])
    found["value_date"] = _dates(columns.value_days[still])
    found["intake_codes"] = _intake_codes(columns, still, owner, ranges)
    found["source_line"] = columns.line[rows] + line
    found["source_offset"] = columns.offset[rows] + offset
    found["source_length"] = columns.length[rows]
    places = np.cumsum(still) - 1
    special = [(int(places[at]), row) for at, row in columns.special if still[at]]
    _add_amounts(found, special)
    first = collector.add_payments(found)
    for at, row in special:
        if row.creditor is not None:
            collector.remittance(
                first + at,
                reference=row.creditor[0],
                source="structured",
                reference_kind="creditor_reference",
            )


def _methods(methods: pa.Array, currency: pa.Array, is_sepa: NDArray[np.bool_]) -> pa.Array:
    """A transfer or collection in euro with the facts of SEPA is a payment of SEPA."""
    turned = pc.and_(
        pc.and_(pa.array(is_sepa), pc.equal(currency, "EUR")),
        pc.is_in(methods, value_set=pa.array(["wire", "ach", "other"])),
    )
    return pc.if_else(turned, "sepa", methods)


def _dates(days: NDArray[np.int64]) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32(), mask=days == NO_DAY).cast(pa.date32())


def _intake_codes(
    columns: RowColumns,
    still: NDArray[np.bool_],
    owner: NDArray[np.int64],
    ranges: list[RowRange],
) -> pa.Array:
    """Codes of each payment: those of its statement, and those of the line itself."""
    dated = columns.booking_days[still] != NO_DAY
    receivable = columns.is_receivable[still]
    texts = [
        ";".join(sorted({*filter(None, one.codes.split(";")), *own}))
        for one in ranges
        for own in (("IN-DATE", "IN-NONAR"), ("IN-NONAR",), ("IN-DATE",), ())
    ]
    return pa.array(texts, pa.string()).take(pa.array(owner * 4 + receivable * 2 + dated))


def _add_amounts(found: dict[str, Any], special: list[tuple[int, LineRow]]) -> None:
    """Ordered amounts and charges of the few payments that name them."""
    rows = len(found["amount_minor"])
    if any(row.instructed for _, row in special):
        currencies = [""] * rows
        minors: list[int | None] = [None] * rows
        for at, row in special:
            if row.instructed:
                currencies[at], minors[at] = row.instructed
        found["instructed_currency"] = pa.array(currencies, pa.string())
        found["instructed_minor"] = pa.array(minors, pa.int64())
    if any(row.charges for _, row in special):
        charges: list[int | None] = [None] * rows
        for at, row in special:
            if row.charges and row.charges[0] == found["currency"][at].as_py():
                charges[at] = row.charges[1]
        found["charges_minor"] = pa.array(charges, pa.int64())


def judge_creditors(
    columns: RowColumns, low: int, high: int, account: str, currency: str
) -> list[tuple[int, EntryNote]]:
    """Check digits of the creditor references on lines `low` to `high`, notes on bad ones by line.

    A text that only looks like one stays one where its check digits hold.
    """
    notes: list[tuple[int, EntryNote]] = []
    begin, end = np.searchsorted(columns.money, [low, high]).tolist()
    first = bisect_left(columns.special, begin, key=itemgetter(0))
    for at, row in columns.special[first:]:
        if at >= end:
            break
        if row.creditor is None:
            continue
        reference, stated = row.creditor
        country = account[:2] if is_iban(account) else _COUNTRY_OF_CURRENCY.get(currency, "")
        judged = judge_reference(
            reference,
            type_code="" if stated in _ISSUERS else stated,
            issuer=stated if stated in _ISSUERS else "",
            country=country,
        )
        if not stated and (judged is None or not judged.holds):
            row.creditor = None
        elif judged is not None and not judged.holds:
            sentence = f"the check digit of {reference!r} fails the {judged.scheme} rule"
            line = int(columns.money[at])
            notes.append((line, ("MT94-CHECKDIGIT", sentence, reference, "")))
    return notes
