"""Payment terms such as `2/10 net 30`: the cash discount they offer and until when.

Understood: a percentage, then days, then optionally the net days, in the usual spellings
(`2/10 net 30`, `2/10, n/30`, `2% 10 net 30`, `2 % 10 days, net 30`, `1.5/15`). Terms without a
discount (`net 30`, `due on receipt`) and terms nobody can read offer none.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DiscountTerms", "discount_terms", "discounts_of_terms"]

_TERMS: Final = re.compile(
    r"""
    \s*(?P<percent>\d{1,2}(?:[.,]\d{1,4})?)      # 2, 1.5
    \s*(?:%\s*/?|/|\bpercent\b)                  # 2/10 or 2% 10
    \s*(?P<days>\d{1,3})\s*(?:d|days?)?\b
    (?:[\s,;/]*(?:n|net)?[\s/]*\d{1,3}\s*(?:d|days?)?)?   # net 30
    \s*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MILLION: Final = 1_000_000


class DiscountTerms(msgspec.Struct, frozen=True):
    """A discount of `parts_per_million` of the original amount, for `days` after its date."""

    parts_per_million: int
    days: int


def discount_terms(terms: str) -> DiscountTerms | None:
    """The discount `terms` offer, None where they offer none."""
    found = _TERMS.fullmatch(terms)
    if found is None:
        return None
    percent = Decimal(found["percent"].replace(",", "."))
    if not 0 < percent < 100:
        return None
    return DiscountTerms(int(percent * 10_000), int(found["days"]))


def discounts_of_terms(
    terms: pa.Array, original_minor: pa.Array, document_date: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Discount date (date32, null where none) and discount in minor units (0 where none) per row.

    The discount is rounded half up to the minor unit. Rows without a document date or with an
    amount ≤ 0 (credit memos) get none. All three arrays have one entry per row.
    """
    encoded = terms.dictionary_encode()
    parsed = [discount_terms(text) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    rates = np.array([t.parts_per_million if t else 0 for t in parsed], dtype=np.int64)[codes]
    days = np.array([t.days if t else 0 for t in parsed], dtype=np.int32)[codes]
    amount = original_minor.to_numpy(zero_copy_only=False)
    dated = document_date.is_valid().to_numpy(zero_copy_only=False)
    rates = np.where(dated & (amount > 0), rates, 0)
    whole, rest = np.divmod(amount, _MILLION)  # amount × rate alone would leave int64
    discount = whole * rates + (rest * rates + _MILLION // 2) // _MILLION
    start = pc.fill_null(document_date.cast(pa.int32()), 0).to_numpy(zero_copy_only=False)
    until = pa.array(start + days, pa.int32(), mask=rates == 0).cast(pa.date32())
    return until, pa.array(discount, pa.int64())
