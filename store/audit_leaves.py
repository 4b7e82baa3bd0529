"""Leaves of the audit chain: one per effect, over the rows it wrote, as the store holds them.

A leaf names every table its effect wrote to, the columns it hashed, and how the rows are found
again (`RowSelection`). Each row has a digest of its own, so that a later check can name the one
that differs. Digests are over stored values: sealed text is hashed sealed, and stays true when the
key to it is destroyed (docs/decisions/0017-audit-and-erasure.md).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DIGEST_BYTES",
    "VALUE_SEPARATOR",
    "AuditLeaf",
    "LeafRows",
    "LeafRowsInput",
    "RowDifference",
    "RowSelection",
    "canonical_json",
    "compare_rows",
    "leaf_hash",
    "rows_of",
    "split_digests",
]

DIGEST_BYTES: Final = 32
VALUE_SEPARATOR: Final = "\x1f"
"""Between the values of a selection by several columns."""

_LEAF_PREFIX: Final = b"\x00"
"""As in RFC 6962: a leaf can never be taken for an inner node of the tree over leaves."""


class RowSelection(msgspec.Struct, frozen=True):
    """Rows of one effect: those of `table` whose `column` is `value`, in the order of the table.

    Several columns are named with commas between them, their values with `VALUE_SEPARATOR`.
    """

    table: str
    column: str
    value: str


class LeafRows(msgspec.Struct, frozen=True):
    """What a leaf says of one table: which rows, which of their columns, and what they were."""

    selection: RowSelection
    columns: tuple[str, ...]
    row_count: int
    sha256: str


class AuditLeaf(msgspec.Struct, frozen=True, kw_only=True):
    """One effect. `subject` is what it is about: a file, a posting, a customer's key.

    `facts` are what no table keeps, as text by name. `actor` is who caused it: a caller's name.
    """

    kind: str
    subject: str
    actor: str
    recorded_at_ms: int
    rows: tuple[LeafRows, ...] = ()
    facts: dict[str, str] = {}


class LeafRowsInput(msgspec.Struct, frozen=True):
    """Rows of one table as they were written, in order, with a digest each."""

    rows: LeafRows
    digests: bytes


class RowDifference(msgspec.Struct, frozen=True):
    """How rows differ from their leaf, and the first place (from 0) at which they do."""

    kind: Literal["changed", "inserted", "deleted", "reordered"]
    place: int


_encoder = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: object) -> bytes:
    """`value` as JSON, the same bytes each time: members in order, no space."""
    return _encoder.encode(value)


def leaf_hash(body: bytes) -> bytes:
    """SHA-256 of a leaf, from its canonical JSON as stored."""
    return hashlib.sha256(_LEAF_PREFIX + body).digest()


def rows_of(
    selection: RowSelection, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> LeafRowsInput:
    """The part of a leaf over `rows`, whose values are those of `columns`, in stored order."""
    encode, sha256 = _encoder.encode, hashlib.sha256
    digests = [sha256(encode(row)).digest() for row in rows]
    joined = b"".join(digests)
    return LeafRowsInput(
        LeafRows(selection, tuple(columns), len(digests), sha256(joined).hexdigest()), joined
    )


def split_digests(digests: bytes) -> list[bytes]:
    """The digests of single rows."""
    return [digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)]


def compare_rows(expected: bytes, found: bytes) -> RowDifference | None:
    """How the rows with digests `found` differ from those a leaf had; None where they do not."""
    if expected == found:
        return None
    before, after = split_digests(expected), split_digests(found)
    pairs = zip(before, after, strict=False)
    place = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    if place is None:
        place = min(len(before), len(after))
        return RowDifference("inserted" if len(after) > len(before) else "deleted", place)
    if sorted(before) == sorted(after):
        return RowDifference("reordered", place)
    if len(after) > len(before):
        return RowDifference("inserted", place)
    if len(after) < len(before):
        return RowDifference("deleted", place)
    return RowDifference("changed", place)
