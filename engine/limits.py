"""Every bound of the engine, once, with its derivation.

Limits count work, never time: a slow machine takes longer and decides the same.
"""

from __future__ import annotations

__all__ = [
    "AMOUNT_MINOR_MAX",
    "CANDIDATE_CUSTOMERS_MAX",
    "CERTIFICATE_WORK_MAX",
    "CHOICES_ALWAYS_BITS",
    "CHOICES_BITS_MAX",
    "CHUNK_PAYMENTS",
    "CHUNK_ROWS",
    "COMBINATIONS_SHOWN_MAX",
    "CONTEST_CHOICES_MAX",
    "CONTEST_EXACT_MAX",
    "COUNTED_ITEMS_MAX",
    "DECIMAL_SCALE",
    "DOCUMENT_FREQUENCY_MAX",
    "EXPONENT_MAX",
    "FAMILY_COMPARED_MAX",
    "FOUR_ITEMS_MAX",
    "LEFT_OUT_MAX",
    "PAIR_ITEMS_MAX",
    "PROPOSALS_MAX",
    "PROVEN_ACCIDENTS_MAX",
    "PROVEN_WORK_MAX",
    "SAME_AMOUNT_MAX",
    "SUBSET_COMBINATIONS_MAX",
    "TRIPLE_ITEMS_MAX",
    "UNLISTED_SAMPLE",
]

DECIMAL_SCALE = 4
"""Decimal places of amounts written to files: the largest ISO 4217 exponent in use (CLF, UYW)."""

EXPONENT_MAX = 4
"""No ISO 4217 currency has more than four decimal places."""

AMOUNT_MINOR_MAX = 10**14 - 1
"""Largest amount in minor units: `decimal128(18, 4)` holds 10^14 major units, and the sum of
90,000 such amounts still fits int64. Twice the yearly world product in cents is beyond it; no
invoice is."""

FAMILY_COMPARED_MAX = 5_000
"""Open items of a family a damaged number is compared with one by one; in larger families only
those of exactly the amount. At 5,000 the comparison of one number costs about a millisecond."""

LEFT_OUT_MAX = 8
"""Items of one ledger that could be the one left out of a total: more are all alike, and each would
lay out the whole ledger again."""

CANDIDATE_CUSTOMERS_MAX = 24
"""Names a payer's name is compared with letter by letter. Of 10,000 damaged names against 100,000
customers 0.953 find theirs with 24 candidates, 0.964 with 40 and twice the effort before."""

DOCUMENT_FREQUENCY_MAX = 50
"""Open items one reference key may point at before it stops being evidence of any of them."""

SAME_AMOUNT_MAX = 2_000
"""Open items of one currency and amount among which a damaged number is looked for. More are rents
or list prices: a number one digit away from another is found among them by chance."""

CHOICES_ALWAYS_BITS = 14.0
"""Choices (as a power of two) up to which every set is tried even where a single item or a total
fits already: a competing combination of so few items is worth a clerk's look, one of more is an
accident."""

CHOICES_BITS_MAX = 20.0
"""Choices (as a power of two) one complete search may range over: twenty different items, or more
where some are equal. Beyond about 25 items of odd-cent amounts the expected number of accidental
combinations passes 1, so a longer search finds wrong answers; at 20 it costs about 0.1 ms."""

PAIR_ITEMS_MAX = 500
"""Items of a ledger up to which pairs are looked up: of more, one of 125,000 pairs has nearly any
amount of a few thousand by accident."""

TRIPLE_ITEMS_MAX = 200
"""Items up to which three are looked up: at 200 odd-cent items 0.7 of them are accidents, and the
pairs of one ledger are 20,000 keys."""

FOUR_ITEMS_MAX = 100
"""Items up to which four are looked up: at 100 odd-cent items about one in two is an accident."""

NEAR_NUMBERS_MAX = 4_096
"""Pairs of an unread number and an item of a set that fits, compared for one payment: a few sets of
a few items; each comparison costs about half a microsecond."""

COMBINATIONS_SHOWN_MAX = 5
"""Sets spelt out of those that differ only in which of equal items they take; as many as are
proposed. The others are counted."""

SUBSET_COMBINATIONS_MAX = 1 << 22
"""Partial sums one chunk of a subset count may hold at once (32 MiB of int64)."""

PROPOSALS_MAX = 5
"""Proposals shown for one payment; the contract's bound."""

CHUNK_PAYMENTS = 1 << 16
"""Payments a chunk of whole groups aims at: its arrays of eight bytes are 512 KiB each and stay in
a core's cache while a round works on them. Results do not depend on it."""

CHUNK_ROWS = 1 << 17
"""Rows of output composed at once: their texts are some 100 MiB. Results do not depend on it."""

CONTEST_EXACT_MAX = 16
"""Competing candidates of which every choice is tried (65,536 choices, about a millisecond per item
in dispute). More payments than that over the same items are no choice to be made by a rule."""

CONTEST_CHOICES_MAX = 1 << 20
"""Choices weighed at once (8 MiB of int64)."""

COUNTED_ITEMS_MAX = 40
"""Amounts whose subsets can be counted one problem at a time: 2^20 sums per half, 24 ms."""

CERTIFICATE_WORK_MAX = 1 << 32
"""Bits times amounts of one certificate of uniqueness: 500 amounts against 85,899.34 in cents, or
200 against ten million units, about 0.2 s."""

PROVEN_ACCIDENTS_MAX = 0.5
"""Expected accidental sets of any size up to which a set found by a limited search is counted to
the end: with more of them a second one would be found, for nothing."""

PROVEN_WORK_MAX = 1 << 27
"""Bits times amounts of a certificate within a match, about 5 ms: few payments get so far."""

UNLISTED_SAMPLE = 1 << 12
"""Payments of a run, at least, of which those left to amounts are searched once before any is
decided; half of a run below twice as many, so that it is at most twice this. A thousand amounts
tell a share of two in a hundred to within one."""
