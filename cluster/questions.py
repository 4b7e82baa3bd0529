"""What payments ask of all open items, and the items that answer.

Payments ask by keys: of references they may name, of creditor references that tell the payer, of
amounts a damaged number is looked for by. Items have keys of the same kinds. A key of more items
than the engine allows answers nothing; it is told apart, so that no part takes it for a rare one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.rows import batch_of, lines_of, lists_of, seen
from engine.batches import OpenItemBatch, PaymentBatch
from engine.creditor_references import creditor_references_of, creditor_references_on
from engine.damaged_numbers import clipped, distances
from engine.identify import companies_of
from engine.intake import sorted_lines
from engine.key_table import scrambled
from engine.limits import DOCUMENT_FREQUENCY_MAX, SAME_AMOUNT_MAX
from engine.reference_keys import joined_digits
from engine.references import asked_keys
from engine.segments import expand_ranges, first_of_runs, mix64
from engine.text_hashes import text_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.identify import OurAccounts
    from engine.readings import NumberShape

__all__ = [
    "AMOUNT",
    "AMOUNT_KEY",
    "ANSWER",
    "CREDITOR",
    "KEY",
    "OWNER_KEY",
    "QUESTION",
    "REFERENCE",
    "WRITTEN",
    "amount_keys_of_items",
    "answers",
    "asked_again",
    "creditor_keys_of_items",
    "distinct_keys",
    "frequent_of",
    "near_answers",
    "part_of",
    "part_of_rows",
    "questions_of_payments",
    "reference_keys_of_items",
    "written_for",
]

REFERENCE, AMOUNT, CREDITOR = range(3)
"""Kinds of keys."""

_NO_PAYMENT: Final = -1
_NEAR_MAX: Final = 3
_ENDINGS: Final = (100_000, 1_000_000)
_COMPARED_AT_ONCE: Final = 1 << 20
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_PART_SHIFT: Final = np.uint64(32)

QUESTION: Final = pa.schema(
    [
        pa.field("kind", pa.int8()),
        pa.field("key", pa.int64()),
        pa.field("payment_no", pa.int64()),
    ]
)
"""A key a payment asks for."""

KEY: Final = pa.schema(
    [pa.field("kind", pa.int8()), pa.field("key", pa.int64()), pa.field("item_no", pa.int64())]
)
"""A key an item is found by."""

AMOUNT_KEY: Final = pa.schema([pa.field(name, pa.int64()) for name in ("key", "item_no", "number")])
"""An amount of an item, and the digits of its document number: few of its amount are near."""

WRITTEN: Final = pa.schema([pa.field(name, pa.int64()) for name in ("payment_no", "number")])
"""A number that a payment writes which asks for amounts."""

OWNER_KEY: Final = pa.schema(
    [pa.field(name, pa.int64()) for name in ("key", "item_no", "customer")]
)
"""A creditor reference of an item, and whose item it is: that is what is asked for."""

ANSWER: Final = pa.schema(
    [
        pa.field("kind", pa.int8()),
        pa.field("payment_no", pa.int64()),
        pa.field("item_no", pa.int64()),
    ]
)
"""An item a payment asked for; or, of payment -1, a key of too many items in the item's place."""


def questions_of_payments(
    table: pa.Table,
    shapes: tuple[NumberShape, ...],
    ours: OurAccounts,
    companies: Sequence[str],
) -> pa.Table:
    """All that reading the payments in `table` may ask for."""
    payments, lines = batch_of(PaymentBatch, table), lines_of(table)
    sorted_, owner = sorted_lines(payments, lines)
    asked, key = asked_keys(payments, sorted_, owner, shapes)
    found = [(asked, scrambled(key), REFERENCE)]
    company = companies_of(payments, ours, list(companies))
    names = pa.array([*companies, ""], pa.string())
    for texts, row in creditor_references_of(payments, sorted_, owner):
        known = pc.and_(pc.not_equal(texts, ""), pa.array(company[row] >= 0))
        at = np.flatnonzero(known.to_numpy(zero_copy_only=False))
        scope = names.take(pa.array(company[row[at]]))
        found.append((row[at], _creditor_keys(scope, texts.take(pa.array(at))), CREDITOR))
    number = table.column("payment_no").to_numpy()
    return _questions([(number[row], key, kind) for row, key, kind in found])


def asked_again(table: pa.Table) -> pa.Table:
    """What payments ask for once they were read: numbers inside ranges, amounts."""
    number = table.column("payment_no").to_numpy()
    found = []
    for name, kind in (("numbers_between", REFERENCE), ("amounts_asked", AMOUNT)):
        owner, values = lists_of(table, name)
        found.append((number[owner], scrambled(seen(values.column(name))), kind))
    return _questions(found)


def reference_keys_of_items(table: pa.Table) -> pa.Table:
    """The reference keys of the items in `table` (`ITEM_ROW`)."""
    row, keys = lists_of(table, "keys")
    return _keys(REFERENCE, seen(keys.column("keys")), table.column("item_no").to_numpy()[row])


def amount_keys_of_items(table: pa.Table, currencies: Sequence[str]) -> pa.Table:
    """Their keys of currency and amount (`AMOUNT_KEY`)."""
    items, number = batch_of(OpenItemBatch, table), table.column("item_no").to_numpy()
    code = pc.index_in(items.text("currency"), value_set=pa.array(currencies, pa.string()))
    opened = items.int64("open_minor")
    amount = np.where(opened == 0, items.int64("original_minor"), opened)
    key = mix64(code.to_numpy(zero_copy_only=False).astype(np.int64), amount)
    written = joined_digits(items.text("document_number")).view(np.int64)
    return pa.table([scrambled(key).view(np.int64), number, written], schema=AMOUNT_KEY)


def written_for(
    asked: pa.Table, part: NDArray[np.int64], table: pa.Table
) -> tuple[pa.Table, NDArray[np.int64]]:
    """What payments of `table` write (`WRITTEN`), for each part of all keys that one of them asks
    for an amount: the rows, and their parts.
    """
    by_amount = pc.equal(asked["kind"], AMOUNT).to_numpy()
    payment, part = asked["payment_no"].to_numpy()[by_amount], part[by_amount]
    order = np.lexsort((part, payment))
    payment, part = payment[order], part[order]
    if len(payment):
        once = first_of_runs(payment, part)
        payment, part = payment[once], part[once]
    owner, values = lists_of(table, "numbers_written")
    writer = table["payment_no"].to_numpy()[owner]
    low, high = (np.searchsorted(writer, payment, side=side) for side in ("left", "right"))
    row, place = expand_ranges(low, high)
    number = values["numbers_written"].to_numpy()[place]
    return pa.table([payment[row], number], schema=WRITTEN), part[row]


def creditor_keys_of_items(table: pa.Table, customer: NDArray[np.int64]) -> pa.Table:
    """Their creditor references (`OWNER_KEY`); `customer` is the number of each item's."""
    items, number = batch_of(OpenItemBatch, table), table.column("item_no").to_numpy()
    texts, row = creditor_references_on(items)
    rows = pa.array(row)
    key = _creditor_keys(items.text("company_id").take(rows), texts)
    return pa.table([key.view(np.int64), number[row], customer[row]], schema=OWNER_KEY)


def _keys(kind: int, key: NDArray[np.uint64], item_no: NDArray[np.int64]) -> pa.Table:
    kinds = np.full(len(key), kind, dtype=np.int8)
    return pa.table([kinds, key.view(np.int64), item_no], schema=KEY)


def answers(questions: pa.Table, keys: pa.Table, owner_keys: pa.Table) -> pa.Table:
    """The items each question of one part leads to (`ANSWER`), of the keys of that part."""
    asked = _of_kind(questions, REFERENCE)
    payment, low, high, (item,), frequent = _ranges(asked, keys, DOCUMENT_FREQUENCY_MAX)
    owner, place = expand_ranges(low, high)
    owners = _owners(_of_kind(questions, CREDITOR), owner_keys)
    found = (REFERENCE, payment[owner], item[place])
    return _answer([found, _frequent_rows(REFERENCE, frequent), *owners])


def near_answers(questions: pa.Table, keys: pa.Table, written: pa.Table) -> pa.Table:
    """The items of each amount that is asked for (`ANSWER`) whose number is near one the payment
    writes (`WRITTEN`): near enough for it to be that number, cut off or mistyped.
    """
    asked = _of_kind(questions, AMOUNT)
    payment, low, high, (item, number), frequent = _ranges(asked, keys, SAME_AMOUNT_MAX)
    writer, text = (written[name].to_numpy() for name in WRITTEN.names)
    order = np.argsort(writer, kind="stable")
    writer, text = writer[order], text[order].view(np.uint64)
    first, last = (np.searchsorted(writer, payment, side=side) for side in ("left", "right"))
    work = np.cumsum((high - low) * (last - first)) // _COMPARED_AT_ONCE
    found = [_frequent_rows(AMOUNT, frequent)]
    for some in np.split(np.arange(len(payment)), np.flatnonzero(np.diff(work)) + 1):
        owner, place = expand_ranges(low[some], high[some])
        owner = some[owner]
        pair, at = expand_ranges(first[owner], last[owner])
        close = _is_near(text[at], number[place[pair]].view(np.uint64))
        near = np.zeros(len(owner), dtype=np.bool_)
        near[pair[close]] = True
        found.append((AMOUNT, payment[owner[near]], item[place[near]]))
    return _answer(found)


def _is_near(written: NDArray[np.uint64], number: NDArray[np.uint64]) -> NDArray[np.bool_]:
    near = (distances(written, number, _NEAR_MAX) <= _NEAR_MAX) | clipped(written, number)
    for size in _ENDINGS:
        near |= number % np.uint64(size) == written
    return near


def _answer(found: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]]) -> pa.Table:
    """Kinds, payments and items as `ANSWER`."""
    kinds = [np.full(len(item), kind, dtype=np.int8) for kind, _, item in found]
    payment, item = (np.concatenate([one[place] for one in found]) for place in (1, 2))
    return pa.table([np.concatenate(kinds), payment, item], schema=ANSWER)


def _frequent_rows(
    kind: int, keys: NDArray[np.int64]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    return kind, np.full(len(keys), _NO_PAYMENT), keys


def _ranges(
    questions: pa.Table, keys: pa.Table, most: int
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    list[NDArray[np.int64]],
    NDArray[np.int64],
]:
    """Payments that ask, and from where to where in the rest of the columns of `keys`, sorted by
    key, their items stand: at most so many; and the keys of more.
    """
    key = keys["key"].to_numpy()
    order = np.argsort(key, kind="stable")
    key = key[order]
    rest = [
        keys[name].to_numpy()[order] for name in keys.column_names if name not in ("kind", "key")
    ]
    asked, payment = questions["key"].to_numpy(), questions["payment_no"].to_numpy()
    low, high = (np.searchsorted(key, asked, side=side) for side in ("left", "right"))
    rare = high - low <= most
    frequent = np.sort(asked[~rare])
    frequent = frequent[first_of_runs(frequent)] if len(frequent) else frequent
    return payment[rare], low[rare], high[rare], rest, frequent


def _owners(
    questions: pa.Table, keys: pa.Table
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """One item of the first, and one of the last customer whose items have the key: whether it is
    one customer's is all that is asked.
    """
    columns = ("key", "customer", "item_no")
    key, customer, item = (keys.column(name).to_numpy() for name in columns)
    order = np.lexsort((item, customer, key))
    key, item = key[order], item[order]
    asked = questions.column("key").to_numpy()
    payment = questions.column("payment_no").to_numpy()
    low, high = (np.searchsorted(key, asked, side=side) for side in ("left", "right"))
    some = high > low
    return [
        (CREDITOR, payment[some], item[low[some]]),
        (CREDITOR, payment[some], item[high[some] - 1]),
    ]


def _of_kind(table: pa.Table, kind: int) -> pa.Table:
    return table.filter(pc.equal(table.column("kind"), kind))


def _questions(found: Sequence[tuple[NDArray[np.int64], NDArray[np.uint64], int]]) -> pa.Table:
    columns = [
        [np.full(len(key), kind, dtype=np.int8), key.view(np.int64), payment]
        for payment, key, kind in found
    ]
    return pa.table(
        [np.concatenate(column) for column in zip(*columns, strict=True)], schema=QUESTION
    )


def _creditor_keys(scope: pa.StringArray, texts: pa.StringArray) -> NDArray[np.uint64]:
    return text_hashes(pc.binary_join_element_wise(scope, texts, "\x1f"))


def part_of(key: NDArray[np.uint64], parts: int) -> NDArray[np.int64]:
    """Which of `parts` tasks looks after each key."""
    with np.errstate(over="ignore"):
        spread = key * _GOLDEN >> _PART_SHIFT
    return (spread % np.uint64(parts)).astype(np.int64)


def part_of_rows(rows: pa.Table, parts: int) -> NDArray[np.int64]:
    """Which of `parts` tasks looks after the key of each row."""
    return part_of(seen(rows.column("key")), parts)


def frequent_of(table: pa.Table, kind: int) -> NDArray[np.uint64]:
    """The keys of a kind that too many items have, sorted; `table` holds answers (`ANSWER`)."""
    mask = pc.and_(
        pc.equal(table.column("payment_no"), _NO_PAYMENT), pc.equal(table.column("kind"), kind)
    )
    return distinct_keys(table.filter(mask).column("item_no"))


def distinct_keys(keys: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Each of `keys` once, sorted."""
    found = np.sort(seen(keys))
    return found[first_of_runs(found.view(np.int64))] if len(found) else found
