"""Structured remittance (`Strd`) of many details at once, by the plans of their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.money import CURRENCY_EXPONENTS
from parsers.camt_markup import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.camt_fields import FieldReader
    from parsers.camt_markup import EntryMarkup
    from parsers.camt_shape_book import ShapeBook
    from parsers.camt_shapes import StructurePlan

__all__ = ["OrdinaryLines", "ReadStructures", "read_structures"]

_ROLES: Final = ("due", "discount", "credit_note", "remitted")


class OrdinaryLines(msgspec.Struct, frozen=True, kw_only=True):
    """Remittance lines as columns; `owners` are details, later payments.

    `creditors` are the lines that hold a creditor reference; `codes` and `issuers` are what their
    type says.
    """

    owners: Offsets
    columns: dict[str, pa.Array]
    creditors: Offsets
    codes: pa.Array
    issuers: pa.Array

    def owned(self, row_of: Offsets) -> OrdinaryLines:
        """The lines whose detail has a row, by that row."""
        rows = row_of[self.owners]
        kept = np.flatnonzero(rows >= 0)
        number = np.full(len(rows), -1)
        number[kept] = np.arange(len(kept))
        moved = number[self.creditors]
        is_kept = np.flatnonzero(moved >= 0)
        return OrdinaryLines(
            owners=rows[kept],
            columns={name: column.take(pa.array(kept)) for name, column in self.columns.items()},
            creditors=moved[is_kept],
            codes=self.codes.take(pa.array(is_kept)),
            issuers=self.issuers.take(pa.array(is_kept)),
        )


class ReadStructures(msgspec.Struct, frozen=True):
    """Structures read: their lines, those that are not ordinary, and texts (owner, start, stop)."""

    lines: OrdinaryLines
    is_bad: NDArray[np.bool_]
    has_further: NDArray[np.bool_]
    further: tuple[Offsets, Offsets, Offsets]


def read_structures(
    markup: EntryMarkup,
    fields: FieldReader,
    book: ShapeBook,
    currencies: tuple[list[str], Offsets],
    entries: Offsets,
) -> ReadStructures:
    """Read every `Strd`; `entries` are the entries they belong to, `currencies` those of all."""
    units = markup.structures
    codes, currency = currencies[0], currencies[1][entries]
    keys = book.vocabulary.mixed(units.shapes, currency.astype(np.uint64))
    met = distinct(keys)
    plans: list[StructurePlan] = []
    number = np.full(len(met.keys), -1)
    for at, (row, count) in enumerate(zip(met.first.tolist(), met.counts.tolist(), strict=True)):
        code = codes[currency[row]]
        plan = book.structure_plan((int(units.shapes[row]), code), markup, row, count)
        if plan is not None:
            number[at] = len(plans)
            plans.append(plan)
    exponents = np.array([CURRENCY_EXPONENTS.get(code, 0) for code in codes])[currency]
    return _Structures(markup, fields, plans, number[met.number], exponents).read()


class _Structures:
    """The structures of a stretch; `plan` is an index into `plans`, -1 where there is none."""

    def __init__(
        self,
        markup: EntryMarkup,
        fields: FieldReader,
        plans: list[StructurePlan],
        plan: Offsets,
        exponents: Offsets,
    ) -> None:
        self._markup, self._fields, self._plans = markup, fields, plans
        self._is_bad = plan < 0
        self._rows = np.flatnonzero(~self._is_bad)
        self._plan = plan[self._rows]
        self._exponents = exponents[self._rows]

    def read(self) -> ReadStructures:
        """All of them."""
        further_slots = self._slots([plan.further for plan in self._plans])
        amounts = self._settled()
        reasons = self._reasons()
        owners = self._markup.structures.owners[self._rows]
        has_further = further_slots >= 0
        further = np.flatnonzero(has_further)
        starts, stops = self._ranges(further_slots)
        flags = np.zeros(len(self._is_bad), np.bool_)
        flags[self._rows[further]] = True
        lines = self._lines(owners, amounts, reasons)
        texts = (owners[further], starts[further], stops[further])
        return ReadStructures(lines, self._is_bad, flags, texts)

    def _slots(self, given: list[int | None]) -> Offsets:
        if not given:
            return np.empty(0, np.int64)
        return np.array([-1 if slot is None else slot for slot in given])[self._plan]

    def _ranges(self, slots: Offsets) -> tuple[Offsets, Offsets]:
        units, markup = self._markup.structures, self._markup
        if not len(slots):
            return slots, slots
        tags = units.tags[units.firsts[self._rows] + np.maximum(slots, 0)]
        starts = markup.stops[tags]
        return starts, np.where(slots >= 0, markup.starts[tags + 1], starts)

    def _reject(self, rows: NDArray[np.bool_]) -> None:
        self._is_bad[self._rows[rows]] = True

    def _amount(self, given: list[int | None]) -> tuple[Offsets, NDArray[np.bool_]]:
        """Minor units of each row's slot, 0 where it has none, and whether it has."""
        slots = self._slots(given)
        has_slot = slots >= 0
        minor, is_good = self._fields.amounts(*self._ranges(slots), self._exponents)
        self._reject(has_slot & ~is_good)
        return np.where(has_slot, minor, 0), has_slot

    def _settled(self) -> dict[str, NDArray[Any]]:
        """Cash, discount and deduction of each document, as `Amounts.settle` gives them."""
        roles = {
            role: self._amount([plan.roles.get(role) for plan in self._plans]) for role in _ROLES
        }
        (due, has_due), (discount, _) = roles["due"], roles["discount"]
        (credit, has_credit), (remitted, has_remitted) = roles["credit_note"], roles["remitted"]
        withheld, _ = self._amount([plan.adjustment for plan in self._plans])
        is_added = self._flags([plan.is_added for plan in self._plans])
        withheld = np.where(is_added, -withheld, withheld)
        short = due - remitted - discount - credit
        withheld = np.where(has_due & has_remitted & (short == -withheld), -withheld, withheld)
        is_credit = self._flags([plan.kind == "credit_memo" for plan in self._plans])
        cash = np.where(has_remitted | ~has_due, remitted, due - discount - credit - withheld)
        stated = np.where(has_remitted, remitted, np.where(has_credit, credit, due))
        named = np.where(is_credit, has_remitted | has_credit | has_due, has_remitted | has_due)
        return {
            "amount": np.where(is_credit, -stated, cash),
            "is_named": named,
            "discount": discount,
            "deduction": withheld,
        }

    def _flags(self, given: list[bool]) -> NDArray[np.bool_]:
        return np.array(given, np.bool_)[self._plan] if given else np.empty(0, np.bool_)

    def _reasons(self) -> pa.Array:
        """Why an amount was withheld: constants and texts of the adjustment put together."""
        pieces = max((len(plan.reason) for plan in self._plans), default=0)
        if not pieces:
            return pa.repeat(pa.scalar("", pa.string()), len(self._rows))
        return pc.binary_join_element_wise(*[self._piece(at) for at in range(pieces)], "")

    def _piece(self, at: int) -> pa.Array:
        given = [plan.reason[at] if at < len(plan.reason) else "" for plan in self._plans]
        slots = self._slots([piece if isinstance(piece, int) else None for piece in given])
        fixed = pa.array([piece if isinstance(piece, str) else "" for piece in given], pa.string())
        texts = self._texts(slots)
        return pc.if_else(pa.array(slots >= 0), texts, fixed.take(pa.array(self._plan)))

    def _texts(self, slots: Offsets) -> pa.Array:
        starts, stops, is_good = self._fields.clean(*self._ranges(slots), no_blanks=False)
        self._reject((slots >= 0) & ~is_good)
        texts, bad = self._fields.strings(starts, stops)
        self._is_bad[self._rows[bad]] = True
        return texts

    def _lines(
        self, owners: Offsets, amounts: dict[str, NDArray[Any]], reasons: pa.Array
    ) -> OrdinaryLines:
        """One line per document, one behind it per creditor reference."""
        documents = self._slots([plan.document for plan in self._plans])
        creditors = self._slots([plan.creditor for plan in self._plans])
        first, second = np.flatnonzero(documents >= 0), np.flatnonzero(creditors >= 0)
        order = np.argsort(np.concatenate([first * 2, second * 2 + 1]), kind="stable")
        taken = pa.array(order)
        plan = pa.array(self._plan)
        kinds = [
            pa.array([getattr(one, name) for one in self._plans], pa.string())
            .take(plan)
            .take(pa.array(rows))
            for name, rows in (("kind", first), ("creditor_kind", second))
        ]
        references = [
            self._texts(slots).take(pa.array(rows))
            for slots, rows in ((documents, first), (creditors, second))
        ]
        is_alone = np.concatenate([np.ones(len(first), np.bool_), documents[second] < 0])
        row = np.concatenate([first, second])

        def money(name: str) -> Offsets:
            return np.where(is_alone, amounts[name][row], 0)[order]

        reason = pc.if_else(pa.array(is_alone), reasons.take(pa.array(row)), "")
        named = (is_alone & amounts["is_named"][row])[order]
        columns = {
            "reference": pa.concat_arrays(references).take(taken),
            "reference_kind": pa.concat_arrays(kinds).take(taken),
            "amount_minor": pa.array(money("amount"), mask=~named),
            "discount_minor": pa.array(money("discount")),
            "deduction_minor": pa.array(money("deduction")),
            "deduction_reason": reason.take(taken),
            "source": pa.repeat(pa.scalar("structured", pa.string()), len(row)),
        }
        place = np.flatnonzero(order >= len(first))
        behind = pa.array(second[order[place] - len(first)])
        named_codes = [
            pa.array([getattr(one, name) for one in self._plans], pa.string())
            .take(plan)
            .take(behind)
            for name in ("creditor_code", "creditor_issuer")
        ]
        return OrdinaryLines(
            owners=owners[row][order],
            columns=columns,
            creditors=place,
            codes=named_codes[0],
            issuers=named_codes[1],
        )
