"""Every bound of the engine, once, with its derivation.

Limits count work, never time: a slow machine takes longer and decides the same.
"""

from __future__ import annotations

__all__ = [
    "AMOUNT_MINOR_MAX",
    "CANDIDATE_CUSTOMERS_MAX",
    "CHUNK_ROWS",
    "DECIMAL_SCALE",
    "DOCUMENT_FREQUENCY_MAX",
    "EXPONENT_MAX",
    "LINES_PER_PAYMENT_MAX",
    "PROPOSALS_MAX",
    "REFERENCE_LENGTH_MAX",
    "SUBSET_ALWAYS_MAX",
    "SUBSET_COMBINATIONS_MAX",
    "SUBSET_ITEMS_MAX",
]

DECIMAL_SCALE = 4
"""Decimal places of amounts written to files: the largest ISO 4217 exponent in use (CLF, UYW)."""

EXPONENT_MAX = 4
"""No ISO 4217 currency has more than four decimal places."""

AMOUNT_MINOR_MAX = 10**14 - 1
"""Largest amount in minor units: `decimal128(18, 4)` holds 10^14 major units, and the sum of
90,000 such amounts still fits int64. Twice the yearly world product in cents is beyond it; no
invoice is."""

CHUNK_ROWS = 65_536
"""Rows handled at once by text kernels: keeps their working set within a core's L2 cache."""

REFERENCE_LENGTH_MAX = 64
"""Longest reference that may identify an open item. ISO 20022 document numbers end at 35
characters, X12 RMR02 at 50."""

LINES_PER_PAYMENT_MAX = 9_999
"""Remittance lines of one payment: the CTX addenda limit, the largest of all carriers."""

CANDIDATE_CUSTOMERS_MAX = 20
"""Customers a name is rescored against. Recall at 20 was 0.99 of recall at all (100,000 names)."""

DOCUMENT_FREQUENCY_MAX = 50
"""Open items one reference key may point at before it stops being evidence of any of them."""

SUBSET_ALWAYS_MAX = 14
"""Items up to which combinations are counted even where a single item or a total fits already: a
competing combination of so few items is worth a clerk's look, one of more is an accident."""

SUBSET_ITEMS_MAX = 20
"""Open items one exact subset count may range over. Beyond about 25 items of odd-cent amounts the
expected number of accidental combinations passes 1, so a longer search finds wrong answers; at 20 a
complete search costs about 0.4 ms, at 24 four times that."""

SUBSET_COMBINATIONS_MAX = 1 << 22
"""Partial sums one chunk of a subset count may hold at once (32 MiB of int64)."""

PROPOSALS_MAX = 5
"""Proposals shown for one payment; the contract's bound."""
