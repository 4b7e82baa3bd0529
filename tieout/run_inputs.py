"""The engine's inputs back from a run directory: one payment beside the items that concern it.

What other payments of the run took of the items is taken off, so that matching the payment alone
asks what the run asked of it. In large runs only items of customers that have to do with the
payment are laid out: its family's, those proposed, and those whose number its text holds.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch, RemittanceBatch
from engine.match_input import MatchInput
from engine.money import minor_from_text
from parsers.result_columns import currency_exponent
from tieout.evaluation.run_columns import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.explanation import PaymentStory
    from tieout.run_directory import RunDirectory

__all__ = ["input_of_payment"]

_ITEMS_WHOLE_MAX: Final = 4_000
"""Items up to which all of a run's are laid out; beyond, only those that concern the payment."""

_CLOSES: Final = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")
_HELD: Final = ("IN-FORMAT", "IN-TOTAL", "IN-SEQ", "IN-SIGN", "IN-DATE", "IN-CCY")
_AMOUNTS: Final = {"amount_minor": "amount", "charges_minor": "charges_amount"}
_DIGITS: Final = re.compile(r"\d{4,}")


def input_of_payment(run: RunDirectory, story: PaymentStory) -> MatchInput:
    """What the engine would be given to match the payment of `story` alone."""
    customers = CustomerBatch.from_columns(_columns(run.explain_table("customers")))
    as_of = run.summary().as_of
    return MatchInput(
        payments=_payment(story),
        remittances=_lines(story),
        open_items=_items(run, story, customers),
        customers=customers,
        policy=run.policy(),
        as_of=datetime.date.fromisoformat(as_of) if as_of else None,
    )


def _columns(table: pa.Table) -> dict[str, pa.Array]:
    return {name: table[name].combine_chunks() for name in table.column_names}


def _minor(text: str | None, currency: str) -> int | None:
    return None if text is None else minor_from_text(text, currency)


def _payment(story: PaymentStory) -> PaymentBatch:
    told, currency = story.payment, story.payment["currency"]
    columns: dict[str, list[Any]] = {}
    for field in PaymentBatch.SCHEMA:
        name = field.name
        if name in _AMOUNTS:
            columns[name] = [_minor(told.get(_AMOUNTS[name]), currency)]
        elif pa.types.is_date(field.type):
            given = told.get(name)
            columns[name] = [datetime.date.fromisoformat(given) if given else None]
        elif pa.types.is_string(field.type):
            columns[name] = [told.get(name) or ""]
        else:
            columns[name] = [told.get(name)]
    held = [row["code"] for row in story.exceptions if row["code"] in _HELD]
    columns["intake_codes"] = [";".join(held)]
    return PaymentBatch.from_columns(columns)


def _lines(story: PaymentStory) -> RemittanceBatch:
    currency = story.payment["currency"]
    rows = story.remittance_lines
    columns: dict[str, list[Any]] = {}
    for field in RemittanceBatch.SCHEMA:
        name = field.name
        if name.endswith("_minor"):
            source = {"amount_minor": "amount"}.get(name, name.replace("_minor", "_amount"))
            values = [_minor(row.get(source), currency) for row in rows]
            columns[name] = values if name == "amount_minor" else [value or 0 for value in values]
        elif pa.types.is_string(field.type):
            columns[name] = [row.get(name) or "" for row in rows]
        else:
            columns[name] = [row.get(name) for row in rows]
    return RemittanceBatch.from_columns(columns, len(rows))


def _items(run: RunDirectory, story: PaymentStory, customers: CustomerBatch) -> OpenItemBatch:
    columns = _columns(run.explain_table("open_items"))
    taken = _taken_by_others(run, story, columns)
    was_open = columns["open_minor"].to_numpy()
    left = was_open - taken
    columns["open_minor"] = pa.array(left)
    settled = pa.array((was_open != 0) & (left == 0))
    columns["status"] = pc.if_else(settled, "paid", columns["status"])
    batch = OpenItemBatch.from_columns(columns)
    if len(batch) <= _ITEMS_WHOLE_MAX:
        return batch
    return batch.take(np.flatnonzero(_concerned(story, batch, customers)))


def _taken_by_others(
    run: RunDirectory, story: PaymentStory, columns: dict[str, pa.Array]
) -> NDArray[np.int64]:
    """Minor units other payments of the run took of each item."""
    rows = run.table("applications")
    mask = pc.and_(
        pc.equal(rows["decision"], "auto"),
        pc.not_equal(rows["payment_id"], story.payment["payment_id"]),
    )
    rows = rows.filter(mask)
    taken = np.zeros(len(columns["open_minor"]), dtype=np.int64)
    if not rows.num_rows:
        return taken
    found = pc.index_in(rows["open_item_id"].combine_chunks(), value_set=columns["open_item_id"])
    at = pc.fill_null(found, 0).to_numpy(zero_copy_only=False)
    closed = np.sum([scaled(rows[name]) for name in _CLOSES], axis=0)
    codes = columns["currency"].dictionary_encode()
    places = np.array([currency_exponent(code) for code in codes.dictionary.to_pylist()])
    factor = 10 ** (4 - places[codes.indices.to_numpy(zero_copy_only=False)])
    known = found.is_valid().to_numpy(zero_copy_only=False)
    np.add.at(taken, at[known], closed[known])
    minor: NDArray[np.int64] = taken // factor
    return minor


def _concerned(
    story: PaymentStory, items: OpenItemBatch, customers: CustomerBatch
) -> NDArray[np.bool_]:
    payment = story.payment
    people = {payment["customer_id"], payment["payer_customer_id"]}
    people |= {row["customer_id"] for row in [*story.applied, *story.proposals]}
    ids = customers.text("customer_id")
    parents = customers.text("parent_customer_id")
    for _ in range(2):  # parents and children, and theirs
        mine = pa.array(sorted(one for one in people if one), pa.string())
        related = pc.or_(pc.is_in(ids, value_set=mine), pc.is_in(parents, value_set=mine))
        people |= {*ids.filter(related).to_pylist(), *parents.filter(related).to_pylist()}
    own = pc.is_in(
        items.text("customer_id"), value_set=pa.array(sorted(one for one in people if one))
    )
    texts = [
        payment["remittance_text"] or "",
        *(row["reference"] or "" for row in story.remittance_lines),
    ]
    numbers = pa.array(
        sorted({run for text in texts for run in _DIGITS.findall(text)}), pa.string()
    )
    digits = pc.replace_substring_regex(items.text("document_number"), r"\D", "")
    named = pc.is_in(digits, value_set=numbers)
    concerned: NDArray[np.bool_] = pc.or_(own, named).to_numpy(zero_copy_only=False)
    return concerned
