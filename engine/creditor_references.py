"""Creditor references: numbers with check digits that we printed on the invoice and get back.

RF references (ISO 11649) are recognised in any text, Swiss QR references by their 27 digits; other
numbers with a check digit (KID, OCR) only where a remittance line says it holds one. A reference
that verifies and belongs to items of one customer says whose account is paid, whoever pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.check_digits import iso_is_right, kid_is_right, swiss_is_right
from engine.owner_table import NOBODY, OwnerTable
from engine.required_words import may_find
from engine.segments import inverse
from engine.text_columns import blanks
from engine.tokens import text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch, PaymentBatch, RemittanceBatch
    from engine.open_item_index import OpenItemIndex

__all__ = [
    "creditor_owners",
    "creditor_references_of",
    "creditor_references_on",
    "customers_by_creditor_reference",
    "owners_by_creditor_reference",
]

_RF: Final = r"(?P<found>\bRF ?[0-9]{2}(?: ?[0-9A-Z]){1,21}\b)"
_QR: Final = r"(?:^|[^0-9])(?P<found>[0-9]{2}(?: ?[0-9]{5}){5})(?:[^0-9]|$)"


def customers_by_creditor_reference(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    company: NDArray[np.int64],
    owners: OwnerTable,
) -> NDArray[np.int64]:
    """Customer whose items bear the creditor references of each payment; `NOBODY`, `SEVERAL`.
    `owners` are those of all items (`owners_by_creditor_reference`).
    """
    nobody = np.full(len(payments), NOBODY, dtype=np.int64)
    if not len(owners.keys):
        return nobody
    low = np.full(len(payments), np.iinfo(np.int64).max)
    high = nobody.copy()
    for key, payment in creditor_references_of(payments, remittances, line_payment):
        customer = owners.look_up(_scoped(key, company[payment]))
        hit = customer >= 0
        np.minimum.at(low, payment[hit], customer[hit])
        np.maximum.at(high, payment[hit], customer[hit])
    return np.where(high < 0, NOBODY, np.where(low == high, high, -2))


def creditor_references_of(
    payments: PaymentBatch, remittances: RemittanceBatch, line_payment: NDArray[np.int64]
) -> list[tuple[pa.StringArray, NDArray[np.int64]]]:
    """What may be such references, packed (empty where it is none), and the payment of each."""
    every = np.arange(len(payments), dtype=np.int64)
    stated = pc.equal(remittances.text("reference_kind"), "creditor_reference")
    lines = remittances.text("reference")
    return [
        (_packed(pc.if_else(stated, lines, "")), line_payment),
        *(
            (_found_in(text, pattern), rows)
            for pattern in (_RF, _QR)
            for text, rows in (
                (lines, line_payment),
                (payments.text("remittance_text"), every),
                (payments.text("customer_reference"), every),
                (payments.text("end_to_end_id"), every),
            )
        ),
    ]


def owners_by_creditor_reference(index: OpenItemIndex) -> OwnerTable:
    """Customers by the creditor references their items bear, within each company."""
    row = inverse(index.order)
    return creditor_owners(index.source, index.company[row], index.customer[row])


def creditor_owners(
    items: OpenItemBatch, company: NDArray[np.int64], customer: NDArray[np.int64]
) -> OwnerTable:
    """Customers by the creditor references their items bear, within each company; `company` and
    `customer` are numbers, one per row of `items`.
    """
    keys, row = creditor_references_on(items)
    return OwnerTable.of(_scoped(keys, company[row]), customer[row])


def creditor_references_on(items: OpenItemBatch) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """What items carry that verifies: packed text, row."""
    references = items.text("references")
    some = pc.not_equal(references, "").to_numpy(zero_copy_only=False).nonzero()[0]
    lists = pc.split_pattern(references.take(pa.array(some)), ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    packed = _packed(pc.list_flatten(lists))
    content, offsets = text_bytes(packed)
    verified = _verifies(packed) | kid_is_right(content, offsets[:-1], offsets[1:])
    return packed.filter(pa.array(verified)), some[owner[verified]]


def _found_in(texts: pa.StringArray, pattern: str) -> pa.StringArray:
    """The first place of each text the pattern finds, packed; empty where none verifies."""
    if not may_find(texts, pattern):
        return blanks(len(texts))
    upper = pc.utf8_upper(texts)
    likely = pc.match_substring_regex(upper, pattern)
    rows = likely.to_numpy(zero_copy_only=False).nonzero()[0]
    if not len(rows):
        return blanks(len(texts))
    found = _packed(pc.struct_field(pc.extract_regex(upper.take(pa.array(rows)), pattern), "found"))
    values = pa.array(np.where(_verifies(found), np.arange(len(rows)), len(rows)))
    chosen = pa.concat_arrays([found, pa.array([""], pa.string())]).take(values)
    place = np.full(len(texts), len(rows), dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return pa.concat_arrays([chosen, pa.array([""], pa.string())]).take(pa.array(place))


def _packed(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(pc.utf8_upper(texts), "[^A-Z0-9]+", "")


def _scoped(keys: pa.StringArray, company: NDArray[np.int64]) -> pa.StringArray:
    scope = pa.array(company).cast(pa.string())
    return pc.if_else(pc.equal(keys, ""), "", pc.binary_join_element_wise(scope, keys, "\x1f"))


def _verifies(packed: pa.StringArray) -> NDArray[np.bool_]:
    """RF references by 97, twenty-seven digits by the carry table of Swiss references."""
    content, offsets = text_bytes(packed)
    told = (content, offsets[:-1], offsets[1:])
    return iso_is_right(*told) | swiss_is_right(*told)
