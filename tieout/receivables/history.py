"""A dated history of items: what was invoiced, when it was due, when and how it was settled.

One row per settlement of an item, or one without a date where nothing was settled yet. Everything
the measures need is worked out from it for any day, so that a month can be looked at as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from parsers.table_columns import TableColumns
from parsers.table_files import amount_spellings, open_table

if TYPE_CHECKING:
    from pathlib import Path

    from parsers.table_files import TableContent

__all__ = ["NEVER", "History", "closed_days", "read_history"]

NEVER: Final = np.iinfo(np.int64).max
"""A day that does not come: the item is not settled."""

_REQUIRED: Final = (
    *("open_item_id", "customer_id", "currency", "document_date", "due_date", "original_amount"),
)
_COLUMNS: Final = (
    *("open_item_id", "company_id", "customer_id", "currency", "document_date", "due_date"),
    *("settled_date", "discount_date"),
    *amount_spellings("original_amount"),
    *amount_spellings("settled_amount"),
    *amount_spellings("discount_taken"),
)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Items (one entry each) and their settlements (`of` is the item's place).

    Days count from 1970-01-01; amounts are minor units. `closed` is the day an item was settled
    whole (`NEVER` where it is open). `customer` and `company` number the names.
    """

    item_ids: pa.StringArray
    customers: list[str]
    companies: list[str]
    currencies: list[str]
    customer: NDArray[np.int64]
    company: NDArray[np.int64]
    currency: NDArray[np.int64]
    document_day: NDArray[np.int64]
    due_day: NDArray[np.int64]
    discount_day: NDArray[np.int64]
    original: NDArray[np.int64]
    closed: NDArray[np.int64]
    of: NDArray[np.int64]
    settled_day: NDArray[np.int64]
    settled: NDArray[np.int64]
    discount_taken: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of items."""
        return len(self.original)

    @property
    def last_day(self) -> int:
        """The latest day anything is known of."""
        return int(max(self.document_day.max(), self.settled_day.max(initial=0)))

    def open_at(self, day: int) -> NDArray[np.int64]:
        """What each item has open at the end of `day`."""
        left = np.where(self.document_day <= day, self.original, 0)
        known = self.settled_day <= day
        np.subtract.at(left, self.of[known], self.settled[known])
        return left


def read_history(path: str | Path | TableContent) -> History:
    """The history in the table `path`; raises `FileNotFoundError` or `TableError`."""
    columns = TableColumns(open_table(path, _COLUMNS, _REQUIRED))
    currency = columns.currency()
    original = columns.amount("original_amount", currency, required=True)
    settled_date = columns.date("settled_date")
    settled = pc.coalesce(columns.amount("settled_amount", currency), original)
    key = pc.binary_join_element_wise(
        columns.text("company_id"), columns.required_text("open_item_id"), "\x1f"
    ).dictionary_encode()
    of = key.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.full(len(key.dictionary), -1, dtype=np.int64)
    first[of[::-1]] = np.arange(len(of))[::-1]
    taken = pa.array(first)
    whole = original.take(taken).to_numpy(zero_copy_only=False)
    if np.any(original.to_numpy(zero_copy_only=False) != whole[of]):
        row = int(np.argmax(original.to_numpy(zero_copy_only=False) != whole[of]))
        columns.table.fail(row, "original_amount", original[row].as_py(), "differs between rows")
    dated = settled_date.is_valid().to_numpy(zero_copy_only=False)
    day = _days(settled_date)[dated]
    amount = settled.to_numpy(zero_copy_only=False)[dated]
    discount = pc.fill_null(columns.amount("discount_taken", currency), 0)
    customers = columns.required_text("customer_id").take(taken).dictionary_encode()
    companies = columns.text("company_id").take(taken).dictionary_encode()
    currencies = currency.take(taken).dictionary_encode()
    return History(
        item_ids=columns.required_text("open_item_id").take(taken),
        customers=customers.dictionary.to_pylist(),
        companies=companies.dictionary.to_pylist(),
        currencies=currencies.dictionary.to_pylist(),
        customer=_codes(customers),
        company=_codes(companies),
        currency=_codes(currencies),
        document_day=_days(columns.date("document_date", required=True).take(taken)),
        due_day=_days(columns.date("due_date", required=True).take(taken)),
        discount_day=_days(columns.date("discount_date").take(taken)),
        original=whole,
        closed=closed_days(whole, of[dated], day, amount),
        of=of[dated],
        settled_day=day,
        settled=amount,
        discount_taken=discount.to_numpy(zero_copy_only=False)[dated],
    )


def _codes(values: pa.DictionaryArray) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = values.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _days(dates: pa.Array) -> NDArray[np.int64]:
    days: NDArray[np.int64] = pc.fill_null(dates.cast(pa.int32()).cast(pa.int64()), NEVER).to_numpy(
        zero_copy_only=False
    )
    return days


def closed_days(
    whole: NDArray[np.int64],
    of: NDArray[np.int64],
    day: NDArray[np.int64],
    amount: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The day the settlements of each item first reach the whole of it."""
    total, last = np.zeros_like(whole), np.full(len(whole), -NEVER, dtype=np.int64)
    np.add.at(total, of, amount)
    np.maximum.at(last, of, day)
    return np.where((total >= whole) & (last > -NEVER), last, NEVER)
