"""Ordinary camt entries to payments and remittance lines, a whole stretch of a file at once.

An entry is ordinary where its units are of known shapes (`parsers.camt_shapes`) and its values
agree with what the shapes were learned on: amounts add up, dates are dates, texts need no cleaning.
All others are left out here and are read one by one (`parsers.camt_entry`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.money import CURRENCY_EXPONENTS
from parsers.byte_slices import ByteText
from parsers.camt_fields import FieldReader
from parsers.camt_markup import cut_entries, distinct
from parsers.camt_shapes import AMOUNT_COLUMNS, DATE_COLUMNS, UNIT_SLOTS
from parsers.camt_structures import OrdinaryLines, read_structures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.camt_markup import EntryMarkup, Units
    from parsers.camt_shape_book import ShapeBook
    from parsers.camt_shapes import EntryPlan

__all__ = ["OrdinaryEntries", "read_ordinary"]

_NO_SLOT: Final = -1
_CUT_LENGTH: Final = 140
"""A `Ustrd` of this length goes on in the next one; the careful reader joins them."""

_SCHEMA_TEXTS: Final = (
    "type_code",
    "method",
    "payer_name",
    "payer_account",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "intake_codes",
    "ultimate_payer_name",
    "remittance_id",
    "instructed_currency",
    "exchange_rate",
)
_ACCOUNTS: Final = frozenset({"payer_account"})
"""Columns whose texts the careful reader takes the blanks out of."""


class OrdinaryEntries(msgspec.Struct, frozen=True, kw_only=True):
    """The ordinary entries of a stretch, in its order, as arrays; offsets are within the stretch.

    `lines_before` counts line ends before each entry. `plans` say per entry how it counts;
    `minor` is its amount, `rows` the number of rows it holds
    (`detail_counts`, or 1), `declared` what its batch declares
    (0: nothing). `payments` are columns of payments with the entry each belongs to in
    `payment_entries`; `lines` are their remittance lines.
    """

    starts: Offsets
    stops: Offsets
    lines_before: Offsets
    plans: list[EntryPlan]
    plan_of: Offsets
    minor: Offsets
    rows: Offsets
    detail_counts: Offsets
    declared: Offsets
    payments: dict[str, pa.Array]
    payment_entries: Offsets
    lines: OrdinaryLines


class _Rows(msgspec.Struct, frozen=True):
    """The details of a stretch, and the entries without any, as rows of the same kind.

    `detail` is -1 for an entry without details; `plan` is an index into the plans.
    """

    entry: Offsets
    detail: Offsets
    plan: Offsets


def read_ordinary(content: bytes, book: ShapeBook) -> OrdinaryEntries | None:
    """The ordinary entries of `content`, whole tags; None where there is none."""
    markup = cut_entries(content, book.vocabulary)
    if markup is None:
        return None
    return _Stretch(markup, book).read()


class _Stretch:
    """One stretch while its entries are read; `is_bad` marks those that are not ordinary."""

    def __init__(self, markup: EntryMarkup, book: ShapeBook) -> None:
        self._markup, self._book = markup, book
        self._text = ByteText(markup.content)
        self._fields = FieldReader(markup.bytes, self._text)
        self._is_bad = markup.is_odd.copy()
        self._detail_counts = np.bincount(markup.details.owners, minlength=len(markup.is_odd))

    def read(self) -> OrdinaryEntries | None:
        """The entries that are ordinary."""
        markup = self._markup
        currencies = self._book.currencies(markup)
        owners = markup.structures.owners
        of_entry = markup.details.owners[owners] if len(owners) else owners
        structures = read_structures(markup, self._fields, self._book, currencies, of_entry)
        self._is_bad[of_entry[structures.is_bad]] = True
        text_counts = np.bincount(markup.text_owners, minlength=len(markup.details.owners))
        has_text = text_counts > 0
        has_text[owners[structures.has_further]] = True
        rows, plans = self._plan(has_text)
        if not plans:
            return None
        self._reject_entries(rows, plans, currencies)
        minor = self._amounts(rows, plans)
        declared = self._declared(rows, plans)
        facts = self._facts(rows, plans, structures.further, text_counts)
        if self._is_bad.all():
            return None
        return self._result(rows, plans, minor, declared, facts, structures.lines)

    def _plan(self, has_text: NDArray[np.bool_]) -> tuple[_Rows, list[EntryPlan]]:
        """Each detail, or entry without details, and how it is read."""
        markup = self._markup
        details, shapes = markup.details, markup.entries.shapes
        bare = np.flatnonzero(self._detail_counts == 0)
        several = self._detail_counts[details.owners] > 1
        kinds = (1 + several + 2 * has_text).astype(np.uint64)
        mixed = self._book.vocabulary.mixed
        keys = np.concatenate(
            [
                mixed(mixed(shapes[details.owners], details.shapes), kinds),
                mixed(shapes[bare], np.zeros(len(bare), np.uint64)),
            ]
        )
        entry = np.concatenate([details.owners, bare])
        detail = np.concatenate([np.arange(len(details.owners)), np.full(len(bare), -1)])
        shapes_met = distinct(keys)
        found: list[EntryPlan] = []
        number = np.full(len(shapes_met.keys), _NO_SLOT)
        for at, (key, row, count) in enumerate(
            zip(
                shapes_met.keys.tolist(),
                shapes_met.first.tolist(),
                shapes_met.counts.tolist(),
                strict=True,
            )
        ):
            is_detail = row < len(details.owners)
            learned = self._book.entry_plan(
                key,
                markup,
                int(entry[row]),
                row if is_detail else None,
                is_several=is_detail and bool(several[row]),
                has_text=is_detail and bool(has_text[row]),
                count=count,
            )
            if learned is not None:
                number[at] = len(found)
                found.append(learned)
        plan = number[shapes_met.number]
        self._is_bad[entry[plan < 0]] = True
        order = np.argsort(entry, kind="stable")
        order = order[~self._is_bad[entry[order]]]
        return _Rows(entry[order], detail[order], plan[order]), found

    def _reject_entries(
        self, rows: _Rows, plans: list[EntryPlan], currencies: tuple[list[str], Offsets]
    ) -> None:
        """Entries whose details do not agree on how the entry counts are not ordinary."""
        kinds = {
            (plan.reason, plan.direction, plan.currency, plan.is_booked, plan.has_status): at
            for at, plan in enumerate(plans)
        }
        kind = np.array(
            [
                kinds[plan.reason, plan.direction, plan.currency, plan.is_booked, plan.has_status]
                for plan in plans
            ]
        )[rows.plan]
        changes = np.flatnonzero((rows.entry[1:] == rows.entry[:-1]) & (kind[1:] != kind[:-1]))
        self._is_bad[rows.entry[changes]] = True
        codes, stated = currencies
        own = [codes.index(plan.currency) if plan.currency in codes else -1 for plan in plans]
        self._is_bad[rows.entry[np.array(own)[rows.plan] != stated[rows.entry]]] = True

    def _tags(self, rows: _Rows, slots: Offsets) -> Offsets:
        """The tag of each row's slot, 0 where it has none."""
        markup = self._markup

        def tag(units: Units, unit: Offsets, slot: Offsets) -> Offsets:
            found: Offsets = units.tags[units.firsts[unit] + slot]
            return found

        found = np.zeros(len(slots), np.int64)
        own = np.flatnonzero((slots >= 0) & (slots < UNIT_SLOTS))
        found[own] = tag(markup.entries, rows.entry[own], slots[own])
        inner = np.flatnonzero(slots >= UNIT_SLOTS)
        found[inner] = tag(markup.details, rows.detail[inner], slots[inner] - UNIT_SLOTS)
        return found

    def _ranges(self, rows: _Rows, slots: Offsets) -> tuple[Offsets, Offsets]:
        """The text of each row's slot, empty where it has none."""
        tags = self._tags(rows, slots)
        starts = self._markup.stops[tags]
        return starts, np.where(slots >= 0, self._markup.starts[tags + 1], starts)

    def _amounts(self, rows: _Rows, plans: list[EntryPlan]) -> Offsets:
        """The amount of each entry, compared with those of its details."""
        exponents = np.array([CURRENCY_EXPONENTS[plan.currency] for plan in plans])[rows.plan]
        whole, is_good = self._fields.amounts(
            *self._ranges(rows, _slots(plans, rows, "entry_amount")), exponents
        )
        minor = np.zeros(len(self._is_bad), np.int64)
        minor[rows.entry] = whole
        slots = _slots(plans, rows, "detail_amount")
        part, is_read = self._fields.amounts(*self._ranges(rows, slots), exponents)
        stated = slots >= 0
        is_good &= (is_read & (part > 0)) | ~stated
        is_good &= whole > 0
        totals = np.zeros(len(minor), np.int64)
        np.add.at(totals, rows.entry, np.where(stated, part, whole))
        is_payment = np.array([not plan.reason for plan in plans])[rows.plan]
        is_good &= ~is_payment | (totals[rows.entry] == whole)
        self._is_bad[rows.entry[~is_good]] = True
        return minor

    def _declared(self, rows: _Rows, plans: list[EntryPlan]) -> Offsets:
        """The number of details each batch declares; it has to be that of those given."""
        slots = _slots(plans, rows, "declared")
        stated = np.flatnonzero(slots >= 0)
        found = np.zeros(len(self._is_bad), np.int64)
        starts, stops = self._ranges(rows, slots)
        values, is_good = self._text.numbers(starts[stated], stops[stated], 9)
        entry = rows.entry[stated]
        found[entry] = values
        present = self._detail_counts[entry]
        bad = (is_good == 0) | ((values != present) & (present > 0) & (values > 0))
        self._is_bad[entry[bad]] = True
        return found

    def _facts(
        self,
        rows: _Rows,
        plans: list[EntryPlan],
        further: tuple[Offsets, Offsets, Offsets],
        text_counts: Offsets,
    ) -> dict[str, Any]:
        """Columns of all rows, whether they are payments or not."""
        columns: dict[str, Any] = {}
        for name in _SCHEMA_TEXTS:
            columns[name] = self._text_column(rows, plans, name)
        for name in DATE_COLUMNS:
            slots = _slots_of(plans, rows, "dates", name)
            days, is_good = self._fields.dates(*self._ranges(rows, slots))
            self._is_bad[rows.entry[~is_good & (slots >= 0)]] = True
            columns[name] = pa.array(days, mask=slots < 0).cast(pa.date32())
        columns["value_date"] = columns["value_date"].fill_null(columns["booking_date"])
        for name in AMOUNT_COLUMNS:
            columns[name] = self._amount_column(rows, plans, name)
        columns["remittance_text"] = self._remittance_texts(rows, plans, further, text_counts)
        return columns

    def _text_column(self, rows: _Rows, plans: list[EntryPlan], name: str) -> pa.Array:
        constants = [plan.constants.get(name, "") for plan in plans]
        slots = _slots_of(plans, rows, "texts", name)
        has_slot = slots >= 0
        if not has_slot.any():
            return pa.array(constants, pa.string()).take(pa.array(rows.plan))
        starts, stops = self._ranges(rows, slots)
        starts, stops, is_good = self._fields.clean(starts, stops, no_blanks=name in _ACCOUNTS)
        self._is_bad[rows.entry[~is_good & has_slot]] = True
        texts, bad = self._fields.strings(starts, stops)
        self._is_bad[rows.entry[bad]] = True
        if any(constants):
            fixed = pa.array(constants, pa.string()).take(pa.array(rows.plan))
            texts = pa.compute.if_else(pa.array(has_slot), texts, fixed)
        return texts

    def _amount_column(self, rows: _Rows, plans: list[EntryPlan], name: str) -> pa.Array:
        slots = _slots_of(plans, rows, "amounts", name)
        has_slot = slots >= 0
        if not has_slot.any():
            return pa.nulls(len(slots), pa.int64())
        own = name == "instructed_minor"
        codes = [
            plan.constants.get("instructed_currency", "") if own else plan.currency
            for plan in plans
        ]
        exponents = np.array([CURRENCY_EXPONENTS.get(code, 0) for code in codes])[rows.plan]
        minor, is_good = self._fields.amounts(*self._ranges(rows, slots), exponents)
        self._is_bad[rows.entry[~is_good & has_slot]] = True
        return pa.array(minor, mask=~has_slot)

    def _remittance_texts(
        self,
        rows: _Rows,
        plans: list[EntryPlan],
        further: tuple[Offsets, Offsets, Offsets],
        text_counts: Offsets,
    ) -> pa.Array:
        """The text of each row: its own lines, then those of its structures, or another text."""
        markup = self._markup
        row_of = np.full(len(markup.details.owners) + 1, -1)
        row_of[rows.detail] = np.arange(len(rows.detail))
        row_of[-1] = -1
        starts, stops = markup.stops[markup.texts], markup.starts[markup.texts + 1]
        is_long = (stops - starts >= _CUT_LENGTH) & (text_counts[markup.text_owners] > 1)
        slots = _slots_of(plans, rows, "texts", "remittance_text")
        other = np.flatnonzero(slots >= 0)
        other_starts, other_stops = self._ranges(rows, slots)
        row = np.concatenate([row_of[markup.text_owners], row_of[further[0]], other])
        begin = np.concatenate([starts, further[1], other_starts[other]])
        end = np.concatenate([stops, further[2], other_stops[other]])
        begin, end, is_good = self._fields.clean(begin, end, no_blanks=False)
        is_good[: len(is_long)] &= ~is_long
        known = row >= 0
        self._is_bad[rows.entry[row[known & ~is_good]]] = True
        row, begin, end = row[known], begin[known], end[known]
        order = np.argsort(row, kind="stable")
        texts, bad = self._fields.joined(row[order], begin[order], end[order], len(slots))
        self._is_bad[rows.entry[bad]] = True
        return texts

    def _result(
        self,
        rows: _Rows,
        plans: list[EntryPlan],
        minor: Offsets,
        declared: Offsets,
        columns: dict[str, Any],
        lines: OrdinaryLines,
    ) -> OrdinaryEntries:
        """What is left when entries that turned out not to be ordinary are taken out."""
        markup, text = self._markup, self._text
        kept = np.flatnonzero(~self._is_bad)
        number = np.full(len(self._is_bad), -1)
        number[kept] = np.arange(len(kept))
        plan_of = np.zeros(len(self._is_bad), np.int64)
        plan_of[rows.entry] = rows.plan
        is_payment = np.array([not plan.reason for plan in plans])[rows.plan]
        good = np.flatnonzero(is_payment & (number[rows.entry] >= 0))
        entry = rows.entry[good]
        starts, stops = markup.spans[0][kept], markup.spans[1][kept]
        taken = pa.array(good)
        payments = {name: column.take(taken) for name, column in columns.items()}
        currencies = pa.array([plan.currency for plan in plans], pa.string())
        payments["currency"] = currencies.take(pa.array(rows.plan[good]))
        payments["source_offset"] = pa.array(markup.spans[0][entry])
        payments["source_length"] = pa.array(markup.spans[1][entry] - markup.spans[0][entry])
        is_split = self._detail_counts[entry] > 0
        opening = (
            markup.details.tags[markup.details.firsts[np.maximum(rows.detail[good], 0)]]
            if len(markup.details.owners)
            else np.zeros(len(good), np.int64)
        )
        at = np.where(is_split, markup.starts[opening], markup.spans[0][entry])
        payments["source_line"] = pa.array(text.next_index(b"\n", at))
        row_of = np.full(len(markup.details.owners) + 1, -1)
        row_of[rows.detail[good]] = np.arange(len(good))
        row_of[-1] = -1
        return OrdinaryEntries(
            starts=starts,
            stops=stops,
            lines_before=text.next_index(b"\n", starts),
            plans=plans,
            plan_of=plan_of[kept],
            minor=minor[kept],
            rows=np.maximum(self._detail_counts[kept], 1),
            detail_counts=self._detail_counts[kept],
            declared=declared[kept],
            payments=payments,
            payment_entries=number[entry],
            lines=lines.owned(row_of),
        )


def _slots(plans: list[EntryPlan], rows: _Rows, name: str) -> Offsets:
    """The slot each row's plan gives under that attribute, -1 for none."""
    given = [getattr(plan, name) for plan in plans]
    return np.array([_NO_SLOT if slot is None else slot for slot in given])[rows.plan]


def _slots_of(plans: list[EntryPlan], rows: _Rows, kind: str, name: str) -> Offsets:
    """The slot each row's plan gives for a column, -1 for none."""
    return np.array([getattr(plan, kind).get(name, _NO_SLOT) for plan in plans])[rows.plan]
