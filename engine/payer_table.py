"""Who paid, told from one match to another: numbers of customers and companies as names, and back.

Payers may be looked for among all customers in one place, and matched against some customers' items
in another one. Numbers of customers differ there; names do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import PayerBatch
from engine.errors import SchemaError
from engine.identify import Payers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch
    from engine.customer_directory import CustomerDirectory

__all__ = ["payers_by_name", "payers_by_number"]

_CUSTOMERS: Final = ("payer", "rival", "nearest")
_KINDS: Final = ("by", "rival_by")
_FLAGS: Final = ("tentative", "stale", "several", "conflict", "new_account", "namesake")


def payers_by_name(
    payers: Payers, payments: PaymentBatch, directory: CustomerDirectory
) -> PayerBatch:
    """The payers of `payments`, row by row, by names out of `directory`."""
    companies = pa.array(directory.companies, pa.string())
    columns = {name: getattr(payers, name) for name in (*_KINDS, *_FLAGS)}
    return PayerBatch.from_distinct(
        columns
        | {name: _named(directory.keys, getattr(payers, name)) for name in _CUSTOMERS}
        | {
            "payment_id": payments.text("payment_id"),
            "company_id": _named(companies, payers.company),
            "homed": payers.company >= 0,
        }
    )


def payers_by_number(
    told: PayerBatch, payments: PaymentBatch, directory: CustomerDirectory
) -> Payers:
    """The payers of `payments`, row by row, by the numbers `directory` gives them.

    Raises `SchemaError` where it lacks a customer, or a payment has no payer told.
    """
    row = pc.index_in(payments.text("payment_id"), value_set=told.text("payment_id"))
    if row.null_count:
        message = f"{row.null_count} of {len(payments)} payments are not among those told of"
        raise SchemaError(message)
    rows = told.take(row.to_numpy(zero_copy_only=False).astype(np.int64))
    columns = rows.record_batch
    names = pa.array(directory.companies, pa.string())
    code = pc.fill_null(pc.index_in(columns.column("company_id"), value_set=names), -1)
    homed = columns.column("homed").to_numpy(zero_copy_only=False)
    numbers: dict[str, NDArray[Any]] = {
        "company": np.where(homed, code.to_numpy(zero_copy_only=False), -1).astype(np.int64),
        **{name: _numbers(columns.column(name), directory) for name in _CUSTOMERS},
        **{name: rows.int64(name) for name in _KINDS},
        **{name: columns.column(name).to_numpy(zero_copy_only=False) for name in _FLAGS},
    }
    return Payers(**numbers)


def _named(names: pa.StringArray, number: NDArray[np.int64]) -> pa.StringArray:
    return pc.fill_null(names.take(pa.array(number, mask=number < 0)), "")


def _numbers(keys: pa.StringArray, directory: CustomerDirectory) -> NDArray[np.int64]:
    """Number of each customer, -1 where none is named."""
    number = directory.numbers.look_up(keys)
    named = pc.not_equal(keys, "").to_numpy(zero_copy_only=False)
    lost = ((number < 0) & named).nonzero()[0]
    if len(lost):
        message = f"customer {keys[int(lost[0])].as_py()!r} is not among those of the match"
        raise SchemaError(message)
    return number
