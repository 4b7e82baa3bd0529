"""A run directory back as the batches that adapters post from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.ledger_rows import PostingInput
from engine.batches import (
    ApplicationBatch,
    Batch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    ReversalBatch,
)
from engine.limits import DECIMAL_SCALE
from parsers.result_columns import currency_exponent
from tieout.evaluation.run_columns import scaled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tieout.run_directory import RunDirectory

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = ["posting_input"]

_BUCKETS: Final = (
    *("applied", "on_account", "unapplied", "unidentified", "suspense", "non_ar", "refund"),
    "returned",
)
_RENAMED: Final = {
    "amount_minor": "amount",
    "applied_minor": "amount_applied",
    "discount_minor": "discount_taken",
    "deduction_minor": "deduction_amount",
    "write_off_minor": "write_off_amount",
}
_LEFT_OUT: Final = ("instructed_minor", "instructed_currency", "charges_minor", "exchange_rate")
"""Facts of the bank that no document is made of."""

_DOUBTS: Final = ("IN-FORMAT", "IN-TOTAL", "IN-SEQ", "IN-SIGN", "IN-DATE", "IN-CCY", "IN-ACCT")
"""Intake codes that put a payment's own facts in doubt."""


def posting_input(run: RunDirectory) -> PostingInput:
    """What `run` decided, and the items it decided on; raises `RunDirectoryError`."""
    payments = run.table("payments").combine_chunks()
    exponents = _exponents(payments["currency"])
    currency_of = (payments["payment_id"].combine_chunks(), exponents, payments["currency"])
    items = run.explain_table("open_items").combine_chunks()
    outcome_names = {f"{name}_minor": f"{name}_amount" for name in _BUCKETS}
    return PostingInput(
        payments=_batch(
            PaymentBatch, payments, exponents, {"intake_codes": _intake_codes(run, payments)}
        ),
        outcomes=_batch(PaymentOutcomeBatch, payments, exponents, {}, outcome_names),
        applications=_rows(ApplicationBatch, run.table("applications"), currency_of),
        reversals=_rows(ReversalBatch, run.table("reversals"), currency_of),
        open_items=OpenItemBatch.of_distinct(
            pa.RecordBatch.from_arrays(
                [items[name].combine_chunks() for name in OpenItemBatch.SCHEMA.names],
                schema=OpenItemBatch.SCHEMA,
            )
        ),
    )


def _exponents(currencies: pa.ChunkedArray) -> NDArray[np.int64]:
    codes = pc.fill_null(currencies.combine_chunks(), "").dictionary_encode()
    places = [currency_exponent(code) for code in codes.dictionary.to_pylist()]
    table = np.array(places or [0], dtype=np.int64)
    found: NDArray[np.int64] = table[codes.indices.to_numpy(zero_copy_only=False)]
    return found


def _rows(
    kind: type[AnyBatch],
    table: pa.Table,
    currency_of: tuple[pa.Array, NDArray[np.int64], pa.ChunkedArray],
) -> AnyBatch:
    """Rows about payments, whose currency is that of their payment."""
    ids, exponents, currencies = currency_of
    table = table.combine_chunks()
    at = pc.index_in(table["payment_id"].combine_chunks(), value_set=ids)
    rows = at.to_numpy(zero_copy_only=False).astype(np.int64)
    return _batch(kind, table, exponents[rows], {"currency": currencies.combine_chunks().take(at)})


def _batch(
    kind: type[AnyBatch],
    table: pa.Table,
    exponents: NDArray[np.int64],
    given: Mapping[str, pa.Array],
    names: Mapping[str, str] | None = None,
) -> AnyBatch:
    """The columns of `kind` out of a table of the contract: minor units, empty text for null."""
    renamed = _RENAMED if names is None else names
    columns: dict[str, pa.Array] = dict(given)
    for field in kind.SCHEMA:
        name = field.name
        source = renamed.get(name, name)
        if name in columns or name in _LEFT_OUT or source not in table.column_names:
            continue
        column = table[source].combine_chunks()
        if name.endswith("_minor"):
            factor = np.power(np.int64(10), np.int64(DECIMAL_SCALE) - exponents)
            columns[name] = pa.array(scaled(table[source]) // factor)
        elif pa.types.is_string(field.type):
            columns[name] = pc.fill_null(column.cast(pa.string()), "")
        else:
            columns[name] = column
    return kind.from_columns(columns, table.num_rows)


def _intake_codes(run: RunDirectory, payments: pa.Table) -> pa.Array:
    """The doubts about each payment's file, as its reader raised them."""
    told: dict[str, list[str]] = {}
    for row in run.table("exceptions").select(["payment_id", "code"]).to_pylist():
        if row["payment_id"] and row["code"] in _DOUBTS:
            told.setdefault(row["payment_id"], []).append(row["code"])
    codes = [";".join(told.get(one, ())) for one in payments["payment_id"].to_pylist()]
    return pa.array(codes, pa.string())
