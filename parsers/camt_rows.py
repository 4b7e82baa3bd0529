"""Payments of one piece of a camt file, in its order: read one by one or as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.schemas import PAYMENT

if TYPE_CHECKING:
    from parsers.byte_slices import Offsets
    from parsers.camt_documents import Piece
    from parsers.camt_entry import Draft
    from parsers.camt_ordinary import OrdinaryEntries
    from parsers.collector import FileCollector

__all__ = ["OrdinaryRun", "PieceRows"]

_TEXT: Final = pa.string()
_GIVEN: Final = ("payment_id", "file_id", "source_file", "source_format", "company_id")


class OrdinaryRun(msgspec.Struct, frozen=True):
    """Ordinary entries of a piece that follow each other: all by index ranges."""

    piece: Piece
    found: OrdinaryEntries
    entries: tuple[int, int]
    payments: tuple[int, int]
    lines: tuple[int, int]


class _Part(msgspec.Struct, frozen=True):
    """Rows of a run with what their statement says of all of them."""

    run: OrdinaryRun
    account: str
    codes: str
    own_codes: dict[int, str]


class PieceRows:
    """Collects the payments of a piece; runs of it share one `OrdinaryEntries`."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._parts: list[_Part | Draft] = []

    def add_draft(self, draft: Draft) -> None:
        """Add a payment that was read by itself."""
        self._parts.append(draft)

    def add_run(
        self, run: OrdinaryRun, account: str, codes: str, own_codes: dict[int, str]
    ) -> None:
        """Add a run's payments: our account, intake codes of all, and of single ones by index."""
        if run.payments[0] < run.payments[1]:
            self._parts.append(_Part(run, account, codes, own_codes))

    def give(self, collector: FileCollector, first_line: int, offsets: Offsets | None) -> None:
        """Put all rows into `collector`.

        `first_line` is the 1-based line the piece begins on, `offsets` those of ordinary payments
        (start, then end of each).
        """
        if not any(isinstance(part, _Part) for part in self._parts):
            for part in self._parts:
                if not isinstance(part, _Part):
                    _give_draft(collector, part)
        elif self._parts:
            self._give_merged(collector, first_line, offsets)
        self._parts = []

    def _give_merged(
        self, collector: FileCollector, first_line: int, offsets: Offsets | None
    ) -> None:
        runs = [part for part in self._parts if isinstance(part, _Part)]
        drafts = [part for part in self._parts if not isinstance(part, _Part)]
        columns = _columns_of(runs, first_line, offsets)
        places = self._places()
        if drafts:
            columns = _merged(columns, drafts, np.argsort(places, kind="stable"))
        first = collector.add_payments(columns)
        number = 0
        for part in runs:
            low, high = part.run.lines
            owners = part.run.found.lines.owners[low:high] - part.run.payments[0]
            lines = part.run.found.lines.columns
            if low < high:
                collector.add_remittances(
                    first + places[number + owners],
                    {name: column.slice(low, high - low) for name, column in lines.items()},
                )
            number += part.run.payments[1] - part.run.payments[0]
        for at, draft in enumerate(drafts):
            _give_lines(collector, first + int(places[number + at]), draft)

    def _places(self) -> Offsets:
        """The row of each payment: first those of runs, then the drafts."""
        runs: list[Offsets] = []
        drafts: list[int] = []
        row = 0
        for part in self._parts:
            if isinstance(part, _Part):
                size = part.run.payments[1] - part.run.payments[0]
                runs.append(np.arange(row, row + size))
                row += size
            else:
                drafts.append(row)
                row += 1
        return np.concatenate([*runs, np.array(drafts, np.int64)])


def _columns_of(
    parts: list[_Part], first_line: int, offsets: Offsets | None
) -> dict[str, pa.Array]:
    """Columns of the payments of all runs."""
    found = parts[0].run.found.payments
    bounds = [part.run.payments for part in parts]
    whole = bounds[0][0], bounds[-1][1]
    sizes = [high - low for low, high in bounds]
    if sum(sizes) == whole[1] - whole[0]:
        rows = np.arange(*whole)
        columns = {name: column.slice(*_extent(whole)) for name, column in found.items()}
    else:
        rows = np.concatenate([np.arange(*bound) for bound in bounds])
        taken = pa.array(rows)
        columns = {name: column.take(taken) for name, column in found.items()}
    owner = pa.array(np.repeat(np.arange(len(parts)), sizes))
    accounts = pa.array([part.account for part in parts], _TEXT)
    columns["bank_account"] = accounts.take(owner)
    columns["intake_codes"] = _codes(columns["intake_codes"], parts, sizes)
    columns["source_line"] = pc.add(columns["source_line"], first_line)
    if offsets is not None:
        starts, stops = offsets[rows], offsets[len(offsets) // 2 + rows]
        columns["source_offset"] = pa.array(starts)
        columns["source_length"] = pa.array(stops - starts)
    return columns


def _extent(bounds: tuple[int, int]) -> tuple[int, int]:
    return bounds[0], bounds[1] - bounds[0]


def _codes(own: pa.Array, parts: list[_Part], sizes: list[int]) -> pa.Array:
    """Intake codes of each payment: its own, its statement's, and those of single rows."""
    if not any(part.codes or part.own_codes for part in parts):
        return own
    texts = own.to_pylist()
    row = 0
    for part, size in zip(parts, sizes, strict=True):
        for at in range(row, row + size):
            added = part.own_codes.get(part.run.payments[0] + at - row, "")
            codes = {*texts[at].split(";"), *part.codes.split(";"), *added.split(";")} - {""}
            texts[at] = ";".join(sorted(codes))
        row += size
    return pa.array(texts, _TEXT)


def _merged(
    columns: dict[str, pa.Array], drafts: list[Draft], order: Offsets
) -> dict[str, pa.Array]:
    """Columns of runs and drafts together, in the file's order."""
    taken = pa.array(order)
    found = {}
    size = len(columns["amount_minor"])
    for field in PAYMENT:
        if field.name in _GIVEN:
            continue
        empty = "" if pa.types.is_string(field.type) else None
        values = [draft.columns.get(field.name) for draft in drafts]
        if field.name == "value_date":
            values = [_value_date(draft.columns) for draft in drafts]
        own = pa.array([empty if value is None else value for value in values], field.type)
        column = columns.get(field.name)
        if column is None:
            if not any(values):
                continue
            column = pa.repeat(pa.scalar(empty, field.type), size)
        found[field.name] = pa.concat_arrays([column.cast(field.type), own]).take(taken)
    return found


def _value_date(columns: dict[str, Any]) -> Any:
    value = columns["value_date"]
    return columns["booking_date"] if value is None else value


def _give_draft(collector: FileCollector, draft: Draft) -> None:
    _give_lines(collector, collector.payment(**draft.columns), draft)


def _give_lines(collector: FileCollector, payment: int, draft: Draft) -> None:
    for line in draft.lines:
        collector.remittance(
            payment,
            reference=line.reference,
            source="structured",
            reference_kind=line.reference_kind,
            amount_minor=line.amount_minor,
            discount_minor=line.discount_minor,
            deduction_minor=line.deduction_minor,
            deduction_reason=line.deduction_reason,
        )
