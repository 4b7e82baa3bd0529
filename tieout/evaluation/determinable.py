"""Could anybody have told? An oracle for payments that were left: is the true set the only answer.

A truth that nothing observable distinguishes cannot be ranked first but by luck: of twelve rents of
800.00 a payment of 800.00 pays one, and the payment does not say which. So the share of first
proposals that are right is given twice: of everything left, and of what is *determinable*.

A left payment is determinable unless a *rival* is found: another set of at most as many of the
customer's items, as the run left them, that makes the amount as well, gross or less discounts still
on offer. Sets that differ only in items of one document type, amount and due date are one answer.
Rivals are looked for among sets of up to three items and, around larger truths, by swapping one
item for its twin. Whoever writes a number of four digits or more, other than his own customer
number, is taken to have named something. All of this errs one way: a payment is called determinable
that is not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from engine.batches import NO_DATE, OpenItemBatch
from engine.limits import DECIMAL_SCALE
from engine.money import exponents_of
from tieout.evaluation.judgement import LEFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tieout.evaluation.judgement import Judgement
    from tieout.evaluation.run_columns import RunColumns
    from tieout.evaluation.truth_tables import Truth
    from tieout.run_directory import RunDirectory

__all__ = ["Determinable", "find_determinable", "has_rival"]

_NUMBER: Final = re.compile(r"\d{4}")
_PAIR_OPTIONS_MAX: Final = 2_000
_TRIPLE_OPTIONS_MAX: Final = 120

Option = tuple[int, int]
"""Amount an item would take, and the item's row."""

Answer = tuple[tuple[str, int, int], ...]
"""Document type, amount and due day of every item of a set, sorted: what can be told apart."""


class Determinable(msgspec.Struct, frozen=True, kw_only=True):
    """Per payment of the truth: left with items to settle; the truth is the only answer; the first
    proposal is the truth but for items nobody could tell apart.
    """

    left: NDArray[np.bool_]
    clear: NDArray[np.bool_]
    first_alike: NDArray[np.bool_]


class _Ledger:
    """The open items of one run, less what it applied; amounts in 10⁻⁴ major units."""

    def __init__(self, batch: OpenItemBatch, taken: dict[str, int]) -> None:
        places = exponents_of(batch.text("currency"))
        factor = np.power(np.int64(10), np.int64(DECIMAL_SCALE) - places)
        self._ids = batch.strings("open_item_id")
        self.row_of = {name: row for row, name in enumerate(self._ids)}
        gone = np.array([taken.get(name, 0) for name in self._ids], dtype=np.int64)
        self._left = batch.int64("open_minor") * factor - gone
        self._discount = batch.int64("discount_minor") * factor
        self._discount_day = batch.days("discount_date")
        self._due = batch.days("due_date")
        self._types = batch.strings("document_type")
        self._owner = list(
            zip(
                batch.strings("company_id"),
                batch.strings("customer_id"),
                batch.strings("currency"),
                strict=True,
            )
        )
        self._rows: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for row in np.flatnonzero(self._left).tolist():
            self._rows[self._owner[row]].append(row)

    def options(self, items: Sequence[int], day: int) -> list[Option]:
        """What each item of the owners of `items` may take on `day`: all of it, or net."""
        found = []
        for owner in sorted({self._owner[row] for row in items}):
            for row in self._rows[owner]:
                left, discount = int(self._left[row]), int(self._discount[row])
                found.append((left, row))
                offered = day != NO_DATE and day <= self._discount_day[row]
                if discount and offered:
                    found.append((left - discount, row))
        return found

    def answer(self, rows: Sequence[Option]) -> Answer:
        """What of a set can be told apart."""
        return tuple(sorted((self._types[row], cash, int(self._due[row])) for cash, row in rows))


def find_determinable(
    truth: Truth, runs: RunColumns, judged: Judgement, directories: Sequence[RunDirectory]
) -> Determinable:
    """Which left payments only one answer fits (see module)."""
    left = (judged.state == LEFT) & (judged.lines_true > 0) & (judged.run_row >= 0)
    clear, alike = left.copy(), np.zeros(len(left), dtype=np.bool_)
    bounds = np.cumsum([0, *(one.table("payments").num_rows for one in directories)])
    days = _days(runs)
    for number, one in enumerate(directories):
        inside = (judged.run_row >= bounds[number]) & (judged.run_row < bounds[number + 1])
        ledger = _Ledger(OpenItemBatch.from_columns(_columns(one)), _taken(runs))
        texts = _texts(one, runs)
        for row in np.flatnonzero(left & inside).tolist():
            run_row = int(judged.run_row[row])
            wanted = _wanted(truth, row, ledger)
            if wanted is None:
                continue
            day = int(days[run_row])
            options = ledger.options([item for _, item in wanted], day)
            own = truth.customers[row].as_py()
            text = texts[run_row].replace(own, " ") if own else texts[run_row]
            if not _NUMBER.search(text):
                clear[row] = not has_rival(options, wanted, ledger.answer)
            if judged.first_wrong[row]:
                first = _first_proposal(runs, run_row, ledger)
                alike[row] = ledger.answer(first) == ledger.answer(wanted)
    return Determinable(left=left, clear=clear, first_alike=alike)


def has_rival(
    options: Sequence[Option],
    wanted: Sequence[Option],
    answer: Callable[[Sequence[Option]], Answer],
) -> bool:
    """Whether a set of at most as many items as `wanted` makes its amount and is another answer."""
    target, own = sum(cash for cash, _ in wanted), answer(wanted)
    members = {row for _, row in wanted}
    for rivals in (
        _swapped(options, wanted, members),
        _singles(options, target),
        _pairs(options, target) if len(wanted) > 1 else (),
        _triples(options, target) if len(wanted) > 2 else (),
    ):
        for rival in rivals:
            if answer(rival) != own:
                return True
    return False


def _swapped(
    options: Sequence[Option], wanted: Sequence[Option], members: set[int]
) -> Iterator[list[Option]]:
    """`wanted` with one item swapped for another that takes the same."""
    twins = defaultdict(list)
    for cash, row in options:
        if row not in members:
            twins[cash].append(row)
    for place, (cash, _) in enumerate(wanted):
        for row in twins[cash]:
            yield [*wanted[:place], (cash, row), *wanted[place + 1 :]]


def _singles(options: Sequence[Option], target: int) -> Iterator[list[Option]]:
    return ([option] for option in options if option[0] == target)


def _pairs(options: Sequence[Option], target: int) -> Iterator[list[Option]]:
    if len(options) > _PAIR_OPTIONS_MAX:
        return
    by_cash = defaultdict(list)
    for place, (cash, _) in enumerate(options):
        by_cash[cash].append(place)
    for place, option in enumerate(options):
        for other in by_cash[target - option[0]]:
            if other > place and options[other][1] != option[1]:
                yield [option, options[other]]


def _triples(options: Sequence[Option], target: int) -> Iterator[list[Option]]:
    if len(options) > _TRIPLE_OPTIONS_MAX:
        return
    for place, option in enumerate(options):
        for pair in _pairs(options[place + 1 :], target - option[0]):
            if option[1] not in (pair[0][1], pair[1][1]):
                yield [option, *pair]


def _columns(one: RunDirectory) -> dict[str, pa.ChunkedArray]:
    table = one.explain_table("open_items")
    return {name: table[name] for name in OpenItemBatch.SCHEMA.names}


def _taken(runs: RunColumns) -> dict[str, int]:
    """What automatic rows took off each item."""
    rows = np.flatnonzero(runs.automatic)
    taken: dict[str, int] = defaultdict(int)
    items = runs.row_item.take(pa.array(rows)).to_pylist()
    for item, amount in zip(items, runs.row_amounts[rows].sum(axis=1).tolist(), strict=True):
        taken[item] += amount
    return taken


def _texts(one: RunDirectory, runs: RunColumns) -> list[str]:
    """What each payment says: its text and the references of its lines."""
    lines = one.table("remittance_lines").select(["payment_id", "reference"]).to_pydict()
    said = defaultdict(list)
    for name, reference in zip(lines["payment_id"], lines["reference"], strict=True):
        said[name].append(reference or "")
    texts = runs.text("remittance_text").to_pylist()
    names = runs.text("payment_id").to_pylist()
    return [" ".join([text, *said[name]]) for text, name in zip(texts, names, strict=True)]


def _days(runs: RunColumns) -> NDArray[np.int64]:
    """Day of each payment's value, `NO_DATE` where it has none."""
    dates = runs.payments["value_date"].combine_chunks().cast(pa.int32())
    days: NDArray[np.int64] = pc.fill_null(dates.cast(pa.int64()), NO_DATE).to_numpy(
        zero_copy_only=False
    )
    return days


def _wanted(truth: Truth, row: int, ledger: _Ledger) -> list[Option] | None:
    """The true set; None where the run does not have one of its items."""
    first, last = np.searchsorted(truth.line_payment, [row, row + 1]).tolist()
    wanted = []
    for line in range(first, last):
        item = ledger.row_of.get(truth.line_item[line].as_py())
        if item is None:
            return None
        wanted.append((int(truth.line_amounts[line, 0]), item))
    return wanted


def _first_proposal(runs: RunColumns, run_row: int, ledger: _Ledger) -> list[Option]:
    rows = np.flatnonzero((runs.row_payment == run_row) & ~runs.automatic & (runs.rank == 1))
    return [
        (int(runs.row_amounts[row, 0]), ledger.row_of[runs.row_item[row].as_py()])
        for row in rows.tolist()
    ]
