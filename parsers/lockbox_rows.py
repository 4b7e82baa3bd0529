"""Payments of a window of a lockbox file, ordinary and other ones, in the order of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from engine import schemas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector
    from parsers.lockbox_checks import Batch, CheckRow
    from parsers.lockbox_cut import WindowCut

__all__ = ["WindowRows"]

_TEXTS: Final = (
    "payer_name",
    "payer_account",
    "check_number",
    "customer_reference",
    "remittance_text",
)
_LINE_NAMES: Final = (
    "reference",
    "reference_kind",
    "amount_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
)


class WindowRows:
    """Which checks of a window are payments of which batch."""

    def __init__(self, cut: WindowCut, line_base: int) -> None:
        """Nothing yet; `line_base` lines of the file stand before the window."""
        self._cut = cut
        self._line_base = line_base
        self._batches: list[Batch] = []
        self._batch_of = np.full(len(cut.checks.first), -1, np.int64)
        self._rows: list[CheckRow] = []
        self._row_batches: list[int] = []

    def add_ordinary(self, low: int, high: int, batch: Batch) -> None:
        """The ordinary checks from `low` to `high` are payments of `batch`."""
        self._batch_of[low:high] = self._number(batch)

    def add(self, row: CheckRow, batch: Batch) -> None:
        """A check that was looked at."""
        self._rows.append(row)
        self._row_batches.append(self._number(batch))

    def _number(self, batch: Batch) -> int:
        if not self._batches or self._batches[-1] is not batch:
            self._batches.append(batch)
        return len(self._batches) - 1

    def flush(self, collector: FileCollector) -> None:
        """Give all rows and their lines to the collector."""
        checks = self._cut.checks
        kept = np.flatnonzero(self._batch_of >= 0)
        count = len(kept) + len(self._rows)
        if not count:
            return
        is_whole = len(kept) == len(checks.first)
        columns = self._ordinary_columns(kept, is_whole=is_whole)
        owner = checks.owner
        lines = checks.lines
        if not is_whole:
            lines, owner = _kept_lines(lines, owner, self._batch_of >= 0)
        if self._rows:
            columns, lines, owner = self._merged(columns, lines, owner)
        first, last = columns.pop("first"), columns.pop("last")
        spans = self._cut.spans
        columns["source_line"] = spans.lines[first] + (self._line_base + 1)
        columns["source_offset"] = spans.starts[first] + self._cut.window.offset
        columns["source_length"] = spans.stops[last] - spans.starts[first]
        columns["value_date"] = columns["booking_date"]
        columns["method"] = pa.repeat("check", count)
        columns["type_code"] = pa.repeat("lockbox", count)
        begin = collector.add_payments(columns)
        if len(owner):
            source = pa.repeat("overflow", len(owner))
            collector.add_remittances(owner + begin, lines | {"source": source})

    def _ordinary_columns(self, kept: Offsets, *, is_whole: bool) -> dict[str, Any]:
        checks, batches = self._cut.checks, self._batches
        batch = pa.array(self._batch_of if is_whole else self._batch_of[kept])
        rows = len(kept)
        found: dict[str, Any] = {
            "first": checks.first[kept],
            "last": checks.last[kept],
            "amount_minor": checks.amount[kept],
            "bank_account": pa.array([one.lockbox for one in batches], pa.string()).take(batch),
            "currency": pa.array([one.currency for one in batches], pa.string()).take(batch),
            "booking_date": pa.array([one.deposited for one in batches], pa.date32()).take(batch),
            "intake_codes": pa.array(
                ["" if one.deposited is not None else "IN-DATE" for one in batches], pa.string()
            ).take(batch),
        }
        for name in _TEXTS:
            values = checks.columns.get(name)
            if values is None:
                found[name] = pa.repeat("", rows)
            else:
                found[name] = values if is_whole else values.take(pa.array(kept))
        return found

    def _merged(
        self, columns: dict[str, Any], lines: dict[str, Any], owner: Offsets
    ) -> tuple[dict[str, Any], dict[str, Any], Offsets]:
        """Ordinary rows and those that were looked at, by their place in the file."""
        mine, others = len(columns["first"]), self._looked_columns()
        first = np.concatenate([columns["first"], others["first"]])
        order = np.argsort(first, kind="stable")
        taken = pa.array(order)
        merged: dict[str, Any] = {}
        for name, values in columns.items():
            if isinstance(values, np.ndarray):
                merged[name] = np.concatenate([values, others[name]])[order]
            else:
                merged[name] = pa.concat_arrays([values, others[name]]).take(taken)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        more = [(mine + at, line) for at, row in enumerate(self._rows) for line in row.lines]
        if not more:
            return merged, lines, place[owner]
        values_of = zip(*[line for _, line in more], strict=True)
        added = {
            name: pa.array(list(values), schemas.REMITTANCE_LINE.field(name).type)
            for name, values in zip(_LINE_NAMES, values_of, strict=True)
        }
        owners = place[np.concatenate([owner, [at for at, _ in more]]).astype(np.int64)]
        by_owner = np.argsort(owners, kind="stable")
        joined = {
            name: pa.concat_arrays([lines[name], values]) if lines else values
            for name, values in added.items()
        }
        ordered = pa.array(by_owner)
        return (
            merged,
            {name: values.take(ordered) for name, values in joined.items()},
            owners[by_owner],
        )

    def _looked_columns(self) -> dict[str, Any]:
        rows, batches = self._rows, self._batches
        accounts = [batches[number].lockbox for number in self._row_batches]
        found: dict[str, Any] = {
            name: np.array([getattr(row, name) for row in rows], np.int64)
            for name in ("first", "last", "amount_minor")
        }
        found["bank_account"] = pa.array(accounts, pa.string())
        found["booking_date"] = pa.array([row.booking_date for row in rows], pa.date32())
        for name in ("currency", "intake_codes", *_TEXTS):
            found[name] = pa.array([getattr(row, name) for row in rows], pa.string())
        return found


def _kept_lines(
    lines: dict[str, Any], owner: Offsets, is_kept: NDArray[np.bool_]
) -> tuple[dict[str, Any], Offsets]:
    """The lines of kept checks, their owners counted among the kept ones."""
    if not len(owner):
        return lines, owner
    kept = np.flatnonzero(is_kept[owner])
    number = np.cumsum(is_kept) - 1
    taken = pa.array(kept)
    return {name: values.take(taken) for name, values in lines.items()}, number[owner[kept]]
