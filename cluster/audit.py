"""The whole result is checked again, over the cluster: both equations, by arithmetic of its own.

Nothing that matches is called here (of the engine only how many digits a currency has, and the hash
that says which task looks after a key). What is read are the tables as they will be passed on, and
the inputs as they came in; money is whole numbers of a ten-thousandth. What does not pass is no
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.errors import AuditError
from cluster.flow import begun, gathered, passed
from cluster.packets import packed, scattered
from cluster.places import Place, files_below
from cluster.questions import part_of
from cluster.read_inputs import given_place
from engine.money import CURRENCY_EXPONENTS
from engine.text_hashes import text_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from cluster.packets import Packet, Received
    from cluster.run import Run

__all__ = ["audit_result"]

_BUCKETS: Final = (
    *("applied_amount", "on_account_amount", "unapplied_amount", "unidentified_amount"),
    *("suspense_amount", "non_ar_amount", "refund_amount", "returned_amount"),
)
_CLOSES: Final = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")
_MONEY: Final = pa.decimal128(38, 4)
_PLACES: Final = 4

_TEXT: Final = pa.string()
_GIVEN: Final = pa.schema(
    [("payment_id", _TEXT), ("amount_minor", pa.int64()), ("currency", _TEXT)]
)
_PAYMENT: Final = pa.schema(
    [(name, _TEXT) for name in ("payment_id", "company_id", "currency")]
    + [(name, _MONEY) for name in ("amount", *_BUCKETS)]
)
_DECIDED: Final = pa.schema(
    [(name, _TEXT) for name in ("payment_id", "open_item_id")]
    + [(name, _MONEY) for name in (*_CLOSES, "cash_amount")]
)
_REVERSAL: Final = pa.schema(
    [("original_payment_id", _TEXT), ("open_item_id", _TEXT), ("amount", _MONEY)]
)
_ITEM: Final = pa.schema(
    [(name, _TEXT) for name in ("company_id", "open_item_id", "currency")]
    + [("open_minor", pa.int64())]
)
_CLOSED: Final = pa.schema(
    [(name, _TEXT) for name in ("company_id", "open_item_id", "currency")]
    + [("net", pa.int64()), ("converted", pa.bool_())]
)
_CHECKED: Final = pa.schema(
    [("what", _TEXT), ("problem", _TEXT), ("rows", pa.int64()), ("first", _TEXT)]
)
_READ: Final = {
    "payments": (_PAYMENT, "payment_id"),
    "applications": (_DECIDED, "payment_id"),
    "reversals": (_REVERSAL, "original_payment_id"),
}

_NOT_GIVEN: Final = "came in with one amount and goes out with another, or not at all"
_TWICE: Final = "stands more than once in the result"
_NOT_PAYMENT: Final = "is applied, but is none"
_NOT_ROWS: Final = "is not the sum of its rows"
_NOT_BUCKETS: Final = "is not the sum of its buckets"
_MISSING: Final = "is no open item of the company"
_BEYOND: Final = "is closed further than it was open"
_STRANGE: Final = "is paid in another currency, undeclared"


def audit_result(run: Run) -> dict[str, int]:
    """Raise `AuditError` unless every payment and every open item balances."""
    folder = run.folder
    files = [(name, file.uri) for name in _READ for file in _parquet(folder / "written" / name)]
    given = _parquet(given_place(folder, "payments"))
    files += [("given", file.uri) for file in given]
    items = [file.uri for file in _parquet(given_place(folder, "open_items"))]
    parts = max(run.parts, len(items))

    def read(number: int) -> Iterator[Packet]:
        name, uri = files[number]
        schema, key = _READ.get(name, (_GIVEN, "payment_id"))
        rows = _rows(uri, schema, decided=name == "applications")
        yield from scattered(name, rows, _part(rows[key], parts))

    def read_items(number: int) -> Iterator[Packet]:
        rows = _rows(items[number], _ITEM)
        yield from scattered("items", rows, _part(rows["open_item_id"], parts))

    def check(part: int, received: Received) -> Iterator[Packet]:
        checked, closed = _checked_payments(received)
        yield from packed({"checked": checked}, part)
        yield from scattered("closed", closed, _part(closed["open_item_id"], parts))

    def check_items(_: int, received: Received) -> Iterator[Packet]:
        tables = [received.table("checked", _CHECKED), _checked_items(received)]
        yield from packed({"checked": pa.concat_tables(tables)})

    closing = passed(begun(run.spark, len(files), read), parts, check)
    both = closing.unionByName(begun(run.spark, len(items), read_items))
    return _counted(gathered(passed(both, parts, check_items)).table("checked", _CHECKED))


def _parquet(place: Place) -> list[Any]:
    return files_below(place.uri, (".parquet",)) if place.exists() else []


def _rows(uri: str, schema: pa.Schema, *, decided: bool = False) -> pa.Table:
    """The columns of `schema` in the file `uri`; `decided`: of rows that were."""
    names = [*schema.names, *(["decision"] if decided else [])]
    rows = pq.read_table(pa.BufferReader(Place(uri).read()), columns=names)
    if decided:
        rows = rows.filter(pc.equal(rows["decision"], "auto"))
    columns = []
    for field in schema:
        column = rows[field.name].cast(field.type)
        columns.append(pc.fill_null(column, "") if field.type == _TEXT else column)
    return pa.table(columns, schema=schema)


def _part(keys: pa.ChunkedArray, parts: int) -> NDArray[np.int64]:
    return part_of(text_hashes(keys.combine_chunks()), parts)


def _checked_payments(received: Received) -> tuple[pa.Table, pa.Table]:
    """Payments as they came in, as they go out and as they are applied: what is wrong, by problem;
    and what each closes of each item.

    Every payment that came in stands in the result once, with its amount; the amount is what is
    applied and every bucket; what is applied is the sum of the payment's rows.
    """
    given, ours = received.table("given", _GIVEN), received.table("payments", _PAYMENT)
    decided = received.table("applications", _DECIDED)
    keys, (came, goes, applied) = _codes([table["payment_id"] for table in (given, ours, decided)])
    _, (currency, paid_in) = _codes([given["currency"], ours["currency"]])
    times = np.bincount(goes, minlength=len(keys))
    is_given = np.bincount(came, minlength=len(keys)) > 0
    amount, stated = (np.zeros(len(keys), dtype=np.int64) for _ in range(2))
    money, said = (np.full(len(keys), -1, dtype=np.int64) for _ in range(2))
    amount[goes], money[goes] = _units(ours["amount"]), paid_in
    stated[came], said[came] = _minor(given["amount_minor"], given["currency"]), currency
    cash = pc.coalesce(decided["cash_amount"], decided["amount_applied"])
    of_rows = _summed(_units(cash), applied, len(keys))
    sums = [_summed(_units(ours[name]), goes, len(keys)) for name in _BUCKETS]
    problem = _first_of(
        [
            (_NOT_PAYMENT, ~is_given & (times == 0)),
            (_NOT_GIVEN, ~is_given | (times == 0) | (money != said) | (amount != stated)),
            (_TWICE, times != 1),
            (_NOT_ROWS, of_rows != sums[0]),
            (_NOT_BUCKETS, np.sum(sums, axis=0, dtype=np.int64) != amount),
        ]
    )
    checked = [_by_problem("payments", keys, problem)]
    checked.append(_by_problem("applications", decided["payment_id"].combine_chunks(), None))
    home = np.full(len(keys), -1, dtype=np.int64)
    home[goes] = np.arange(len(goes))
    return pa.concat_tables(checked), _closed(received, ours, home[applied])


def _closed(received: Received, ours: pa.Table, home: NDArray[np.int64]) -> pa.Table:
    """What each payment closes of each item (`_CLOSED`), less what returns open again; `home` is
    the row among `ours` of each decided one's payment.
    """
    decided, back = received.table("applications", _DECIDED), received.table("reversals", _REVERSAL)
    rows = decided.filter(pa.array(home >= 0))
    home = home[home >= 0]
    value = _units(rows[_CLOSES[0]])
    for name in _CLOSES[1:]:
        value = value + _units(rows[name])
    _, (payment, of_back) = _codes([rows["payment_id"], back["original_payment_id"]])
    items, (item, of_item) = _codes([rows["open_item_id"], back["open_item_id"]])
    pair, opened = payment * (len(items) + 1) + item, of_back * (len(items) + 1) + of_item
    distinct, head, group = np.unique(pair, return_index=True, return_inverse=True)
    net = _summed(value, group, len(distinct))
    known = np.isin(opened, distinct)
    net -= _summed(
        _units(back["amount"])[known], np.searchsorted(distinct, opened[known]), len(distinct)
    )
    converted = np.zeros(len(distinct), dtype=np.bool_)
    np.logical_or.at(converted, group, pc.is_valid(rows["cash_amount"]).to_numpy())
    first = pa.array(home[head])
    columns = [ours["company_id"].take(first), rows["open_item_id"].take(pa.array(head))]
    columns += [ours["currency"].take(first), net, converted]
    return pa.table(columns, schema=_CLOSED)


def _checked_items(received: Received) -> pa.Table:
    """Items that are closed, and what is wrong: none is closed further than it was open, in another
    currency, or past its sign.
    """
    items, closed = received.table("items", _ITEM), received.table("closed", _CLOSED)
    names = [
        pc.binary_join_element_wise(table["company_id"], table["open_item_id"], "\x1f")
        for table in (closed, items)
    ]
    keys, (closes, opens) = _codes(names)
    _, (paid_in, owed_in) = _codes([closed["currency"], items["currency"]])
    opened, currency = np.zeros(len(keys), np.int64), np.full(len(keys), -1, np.int64)
    opened[opens], currency[opens] = _minor(items["open_minor"], items["currency"]), owed_in
    net = _summed(closed["net"].to_numpy(), closes, len(keys))
    strange, converted = (np.zeros(len(keys), dtype=np.bool_) for _ in range(2))
    np.logical_or.at(strange, closes, paid_in != currency[closes])
    np.logical_or.at(converted, closes, closed["converted"].to_numpy())
    problem = _first_of(
        [
            (_MISSING, np.bincount(opens, minlength=len(keys)) == 0),
            (_BEYOND, (np.abs(net) > np.abs(opened)) | (np.sign(net) * np.sign(opened) < 0)),
            (_STRANGE, strange & ~converted),
        ]
    )
    touched = np.bincount(closes, minlength=len(keys)) > 0
    shown = pc.list_element(pc.split_pattern(keys.filter(pa.array(touched)), "\x1f"), 1)
    return _by_problem("open_items", shown, problem[touched])


def _codes(columns: Sequence[Any]) -> tuple[pa.StringArray, list[NDArray[np.int64]]]:
    """The distinct texts of several columns, and each column as numbers of them."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, _TEXT).combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum([len(column) for column in columns])
    return encoded.dictionary, np.split(codes, ends[:-1])


def _units(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Decimals of four places as whole numbers; nothing is none."""
    values = pc.fill_null(column.cast(_MONEY), pa.scalar(0, _MONEY)).combine_chunks()
    if not len(values):
        return np.empty(0, dtype=np.int64)
    words = np.frombuffer(values.buffers()[1], dtype="<i8").reshape(-1, 2)
    words = words[values.offset : values.offset + len(values)]
    low = words[:, 0].astype(np.int64)
    if (words[:, 1] != low >> 63).any():
        message = (
            "the audit of the whole failed: an amount is beyond all bounds; nothing was passed on"
        )
        raise AuditError(message)
    return low


def _minor(minor: pa.ChunkedArray, currency: pa.ChunkedArray) -> NDArray[np.int64]:
    """Amounts in minor units as whole numbers of a ten-thousandth."""
    names, (code,) = _codes([currency])
    places = [CURRENCY_EXPONENTS.get(name, 2) for name in names.to_pylist()]
    scale = 10 ** (_PLACES - np.array(places, dtype=np.int64))
    scaled: NDArray[np.int64] = minor.to_numpy() * scale[code]
    return scaled


def _summed(values: NDArray[np.int64], group: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, group, values)
    return sums


def _first_of(problems: Sequence[tuple[str, NDArray[np.bool_]]]) -> NDArray[Any]:
    """The first problem of each row, None where there is none."""
    found = np.full(len(problems[0][1]), None, dtype=object)
    for name, holds in reversed(problems):
        found[holds] = name
    return found


def _by_problem(what: str, keys: pa.Array, problem: NDArray[Any] | None) -> pa.Table:
    """How many rows have each problem, and the first of them by its key."""
    told = pa.array([None] * len(keys) if problem is None else problem, _TEXT)
    rows = pa.table([told, keys], names=["problem", "key"]).group_by("problem")
    counted = rows.aggregate([([], "count_all"), ("key", "min")])
    named = pa.repeat(pa.scalar(what), len(counted))
    columns = [named, counted["problem"], counted["count_all"], counted["key_min"]]
    return pa.table(columns, schema=_CHECKED)


def _counted(checked: pa.Table) -> dict[str, int]:
    """Rows that were checked, by what they are; raises `AuditError` where one has a problem."""
    total = checked.group_by(["what", "problem"]).aggregate([("rows", "sum"), ("first", "min")])
    counts = dict.fromkeys(("payments", "applications", "open_items"), 0)
    for row in total.sort_by([("what", "descending"), ("problem", "ascending")]).to_pylist():
        if row["problem"] is not None:
            more = f" (and {row['rows_sum'] - 1:,} more)" if row["rows_sum"] > 1 else ""
            message = (
                f"the audit of the whole failed: {row['first_min']!r}{more} {row['problem']}; "
                "nothing was passed on"
            )
            raise AuditError(message)
        counts[row["what"]] = row["rows_sum"]
    return counts
