"""The truth about payments as columns: what each settles, and what a clerk would expect of it.

`truth` has one row per payment and open item, `truth_payments` one per payment; the second may be
absent, then the payments of the first are judged. A ledger's own postings, written in these
columns, are a truth as good as a made-up world's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from parsers.errors import TableError
from parsers.table_columns import TableColumns
from parsers.table_files import TABLE_FORMATS, open_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AMOUNT_NAMES", "Truth", "find_table", "read_truth"]

AMOUNT_NAMES: Final = ("cash", "discount", "deduction", "write_off")
"""What an item may be closed by, in the order of every array of amounts here."""

_LINES: Final = ("key", "open_item_id", *AMOUNT_NAMES, "reason")
_PAYMENTS: Final = ("key", "scenario", "expect", "expected_codes", "amount", "customer_id")
_NO_SCENARIO: Final = "all"


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Payments (by row) and their lines; amounts are integers of 10⁻⁴ major units.

    line_payment: payment row of each line, sorted; line_amounts: lines × `AMOUNT_NAMES`. `amounts`
    are 0 and `customers`, `codes`, `expects` empty where the truth does not say.
    """

    keys: pa.StringArray
    scenarios: pa.StringArray
    expects: pa.StringArray
    codes: pa.StringArray
    amounts: NDArray[np.int64]
    customers: pa.StringArray
    line_payment: NDArray[np.int64]
    line_item: pa.StringArray
    line_amounts: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of payments."""
        return len(self.keys)


def find_table(folder: Path, name: str) -> Path | None:
    """The file of table `name` in `folder`, in any format tables are read in."""
    found = [folder / f"{name}{suffix}" for suffix in TABLE_FORMATS]
    return next((path for path in found if path.is_file()), None)


def read_truth(folder: Path) -> Truth:
    """The truth in `folder`; raises `FileNotFoundError` or `TableError`."""
    path = find_table(folder, "truth")
    if path is None:
        message = f"{folder}: no truth.csv, truth.parquet or truth.jsonl"
        raise FileNotFoundError(message)
    lines = TableColumns(open_table(path, _LINES, ("key", "open_item_id", "cash")))
    line_key = lines.required_text("key")
    of_payments = find_table(folder, "truth_payments")
    if of_payments is None:
        keys = line_key.unique()
        columns = {name: pa.repeat("", len(keys)) for name in _PAYMENTS[1:]}
        columns |= {"scenario": pa.repeat(_NO_SCENARIO, len(keys))}
        amounts = np.zeros(len(keys), dtype=np.int64)
    else:
        payments = TableColumns(open_table(of_payments, _PAYMENTS, ("key",)))
        keys = payments.required_text("key")
        _refuse_repeated(payments, keys)
        columns = {name: payments.text(name) for name in _PAYMENTS[1:] if name != "amount"}
        columns |= {"scenario": payments.text("scenario", _NO_SCENARIO)}
        amounts = _amount(payments, "amount")
    row = pc.index_in(line_key, value_set=keys)
    lines.refuse_rows(row.is_null(), "key", "is no payment of truth_payments", line_key)
    line_payment = row.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(line_payment, kind="stable")
    return Truth(
        keys=keys,
        scenarios=columns["scenario"],
        expects=columns["expect"],
        codes=columns["expected_codes"],
        amounts=amounts,
        customers=columns["customer_id"],
        line_payment=line_payment[order],
        line_item=lines.required_text("open_item_id").take(pa.array(order)),
        line_amounts=np.stack([_amount(lines, name)[order] for name in AMOUNT_NAMES], axis=1),
    )


def _amount(table: TableColumns, name: str) -> NDArray[np.int64]:
    scaled: NDArray[np.int64] = pc.fill_null(table.advice_amount(name), 0).to_numpy(
        zero_copy_only=False
    )
    return scaled


def _refuse_repeated(table: TableColumns, keys: pa.StringArray) -> None:
    counts = keys.value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        row = pc.index(keys, repeated[0]).as_py()
        where = table.table.place(row)
        message = f"{table.table.name}: {where}, column key: {repeated[0]} stands there twice"
        raise TableError(message)
