"""The tables of a run as their readers see them: contract names, major units, a stable row order.

`output_tables` turns the batches of parsers and engine into Arrow tables: amounts become
`decimal128(18, 4)` in major units, empty text becomes null, rows are sorted by keys that do not
depend on the order of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine.batches import ADVICE_SCALE
from engine.limits import DECIMAL_SCALE
from engine.money import decimal_array
from parsers.result_columns import (
    ADVICE_LINES,
    APPLICATIONS,
    CURRENCY_OF_AMOUNT,
    EXCEPTIONS,
    PAYMENT_FURTHER,
    PAYMENT_OUTCOME,
    PAYMENT_SOURCE,
    REMITTANCE_LINES,
    REVERSALS,
    Columns,
    RunTables,
    exponents_of_currencies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from engine.batches import (
        AdviceBatch,
        ControlCheckBatch,
        DiagnosticBatch,
        ExceptionBatch,
        PaymentBatch,
        RemittanceBatch,
    )
    from engine.match_input import MapOrdered

__all__ = [
    "PARSED_TABLE_NAMES",
    "TABLE_NAMES",
    "TABLE_ORDER",
    "OutputTable",
    "ParsedRows",
    "RunTables",
    "output_tables",
    "parsed_tables",
]

TABLE_NAMES: Final = (
    "payments",
    "remittance_lines",
    "applications",
    "reversals",
    "exceptions",
    "control_checks",
    "diagnostics",
)
"""The tables of a matching run, in the order of the contract."""

TABLE_ORDER: Final = {
    "payments": ("payment_id",),
    "remittance_lines": ("payment_id", "line_number"),
    "applications": (
        *("payment_id", "decision", "proposal_rank", "open_item_id", "amount_applied"),
    ),
    "reversals": ("payment_id", "original_payment_id", "open_item_id", "amount"),
    "exceptions": ("payment_id", "source_file", "remittance_id", "code", "exception_id"),
    "control_checks": ("source_file", "scope", "kind", "declared", "computed"),
    "diagnostics": ("source_file", "line", "column", "offset", "code", "message"),
}
"""By what columns the rows of each table may be sorted to be compared."""

PARSED_TABLE_NAMES: Final = (
    "payments",
    "remittance_lines",
    "advice_lines",
    "control_checks",
    "diagnostics",
)
"""The tables that parsing alone gives. `advice_lines` are remittances whose payment stands in
another file: the table can be given to `--remittances`."""


class OutputTable(msgspec.Struct, frozen=True):
    """One table to write; `exponents` (one per row) say how its amounts read as text.

    `own_exponents` are those of columns whose amounts have a currency of their own.
    """

    rows: pa.Table
    exponents: NDArray[np.int64]
    own_exponents: dict[str, NDArray[np.int64]] = {}


class ParsedRows(Protocol):
    """Rows that reading gave: a part of a file, a file, or all files of a run."""

    @property
    def payments(self) -> PaymentBatch:
        """Payments and returns."""
        ...

    @property
    def remittances(self) -> RemittanceBatch:
        """Their remittance lines."""
        ...

    @property
    def advices(self) -> AdviceBatch:
        """Remittance lines whose payment stands elsewhere."""
        ...

    @property
    def control_checks(self) -> ControlCheckBatch:
        """Totals and counts."""
        ...

    @property
    def diagnostics(self) -> DiagnosticBatch:
        """What the readers had to say."""
        ...


def parsed_tables(rows: ParsedRows) -> dict[str, OutputTable]:
    """`PARSED_TABLE_NAMES` → rows under the contract's names and types, in the files' order.

    Payments have their source columns only.
    """
    advices = rows.advices.record_batch
    return {
        "payments": _table(rows.payments.record_batch, PAYMENT_SOURCE + PAYMENT_FURTHER, ()),
        "remittance_lines": _table(rows.remittances.record_batch, REMITTANCE_LINES, ()),
        "advice_lines": _table(
            advices, ADVICE_LINES, (), np.full(len(advices), ADVICE_SCALE, dtype=np.int64)
        ),
        "control_checks": _plain(rows.control_checks.record_batch),
        "diagnostics": _plain(rows.diagnostics.record_batch),
    }


def output_tables(tables: RunTables, map_ordered: MapOrdered = map) -> dict[str, OutputTable]:
    """`TABLE_NAMES` → rows under the contract's names and types, sorted."""
    made: dict[str, Callable[[], OutputTable]] = {
        "payments": lambda: _payments(tables),
        "remittance_lines": lambda: _table(
            tables.remittances.record_batch, REMITTANCE_LINES, TABLE_ORDER["remittance_lines"]
        ),
        "control_checks": lambda: _plain(tables.control_checks.record_batch),
        "diagnostics": lambda: _plain(tables.diagnostics.record_batch),
        "applications": lambda: _table(
            tables.applications.record_batch, APPLICATIONS, TABLE_ORDER["applications"]
        ),
        "reversals": lambda: _table(
            tables.reversals.record_batch, REVERSALS, TABLE_ORDER["reversals"]
        ),
        "exceptions": lambda: _exceptions(tables.exceptions),
    }
    found = map_ordered(lambda name: made[name](), TABLE_NAMES)
    return dict(zip(TABLE_NAMES, found, strict=True))


def _payments(tables: RunTables) -> OutputTable:
    """Payments beside their outcomes; the company is the one whose items were settled."""
    source, outcomes = tables.payments.record_batch, tables.outcomes.record_batch
    if not outcomes.column("payment_id").equals(source.column("payment_id")):
        rows = arrow.index_in(source.column("payment_id"), outcomes.column("payment_id"))
        outcomes = arrow.take(outcomes, rows)
    company = outcomes.column("company_id")
    company = arrow.if_else(arrow.equal(company, ""), source.column("company_id"), company)
    added = {name: outcomes.column(name) for _, name, _ in PAYMENT_OUTCOME}
    kept = {name: source.column(name) for name in source.schema.names if name not in added}
    source = pa.RecordBatch.from_pydict(kept | {"company_id": company} | added)
    spec = PAYMENT_SOURCE + PAYMENT_OUTCOME + PAYMENT_FURTHER
    return _table(source, spec, TABLE_ORDER["payments"])


def _exceptions(exceptions: ExceptionBatch) -> OutputTable:
    """Exceptions by payment, the primary one first; those of files come before all payments."""
    batch = exceptions.record_batch
    keys = ["payment_id", "source_file", "remittance_id"]
    order = arrow.sort_indices(
        batch,
        [
            *((name, "ascending") for name in keys),
            ("is_primary", "descending"),
            ("code", "ascending"),
            ("exception_id", "ascending"),
        ],
    )
    return _table(arrow.take(batch, order), EXCEPTIONS, ())


def _table(
    batch: pa.RecordBatch,
    spec: Columns,
    order: Sequence[str],
    exponents: NDArray[np.int64] | None = None,
) -> OutputTable:
    if exponents is None:
        exponents = exponents_of_currencies(batch.column("currency"))
    columns = {}
    own: dict[str, NDArray[np.int64]] = {}
    for name, source, is_amount in spec:
        column = batch.column(source)
        if name in CURRENCY_OF_AMOUNT:
            own[name] = exponents_of_currencies(batch.column(CURRENCY_OF_AMOUNT[name]))
        places = own.get(name, exponents)
        columns[name] = _decimals(column, places) if is_amount else _nullable(column)
    rows = pa.table(columns)
    if order and len(batch) > 1:
        indices = arrow.sort_indices(rows, [(name, "ascending") for name in order])
        at = indices.to_numpy()
        rows, exponents = arrow.take(rows, indices), exponents[at]
        own = {name: places[at] for name, places in own.items()}
    return OutputTable(rows.combine_chunks(), exponents, own)


def _plain(batch: pa.RecordBatch) -> OutputTable:
    """Rows without amounts, by file; within a file as they were found."""
    rows = pa.table({name: _nullable(batch.column(name)) for name in batch.schema.names})
    if len(batch) > 1:
        order = arrow.sort_indices(rows, [("source_file", "ascending")])
        rows = arrow.take(rows, order).combine_chunks()
    return OutputTable(rows, np.zeros(len(batch), dtype=np.int64))


def _nullable(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return column
    return arrow.if_else(arrow.equal(column, ""), pa.scalar(None, pa.string()), column)


def _decimals(minor: pa.Array, exponents: NDArray[np.int64]) -> pa.Array:
    filled = arrow.fill_null(minor, 0).to_numpy(zero_copy_only=False)
    decimals = decimal_array(filled, exponents)
    if not minor.null_count:
        return decimals
    return arrow.if_else(
        arrow.is_valid(minor), decimals, pa.scalar(None, pa.decimal128(18, DECIMAL_SCALE))
    )
