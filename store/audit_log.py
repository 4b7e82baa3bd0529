"""Topic audit: leaves written with each effect, blocks sealed over them later.

`record` runs in the write block of the effect and reads the rows back as they are stored, but for
postings, which the booking still has as it wrote them. Sealing takes a write block of its own, some
time after, and never delays a booking.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from store.audit_chain import AuditBlock, block_hash, seal_block
from store.audit_leaves import (
    VALUE_SEPARATOR,
    AuditLeaf,
    LeafRows,
    RowSelection,
    canonical_json,
    leaf_hash,
    rows_of,
)
from store.audit_verification import AuditHead, StoredLeaf, head_of
from store.audited_tables import AUDITED_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from store.audit_keys import AuditSigner
    from store.database import Database
    from store.written_postings import WrittenPostings

__all__ = ["BLOCK_LEAVES_MAX", "AuditLog", "LeafMark", "StoredAudit"]

BLOCK_LEAVES_MAX: Final = 10_000
"""Leaves of one block: a busy second of single decisions, 1 MiB of numbers and hashes."""

_LEAVES_PER_READ: Final = 500
_block_decoder = msgspec.json.Decoder(AuditBlock)


class LeafMark(msgspec.Struct, frozen=True):
    """A leaf by its number and hash."""

    number: int
    sha256: str


class AuditLog:
    """Writes leaves and blocks of one tenant."""

    def __init__(self, database: Database, written: WrittenPostings | None = None) -> None:
        """Write to `database`; `written` are the postings of the booking that is open."""
        self._database = database
        self._written = written

    def record(
        self,
        kind: str,
        subject: str,
        *,
        actor: str,
        recorded_at_ms: int,
        selections: Sequence[RowSelection] = (),
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Add the leaf of an effect; called in its write block, after its rows are written."""
        parts = [self._rows_of(selection) for selection in selections]
        leaf = AuditLeaf(
            kind=kind,
            subject=subject,
            actor=actor,
            recorded_at_ms=recorded_at_ms,
            rows=tuple(part.rows for part in parts),
            facts=dict(facts or {}),
        )
        ((number,),) = self._database.rows(
            "INSERT INTO audit_leaf (kind, subject, body, digests) VALUES (?, ?, ?, ?) "
            "RETURNING leaf_number",
            kind,
            subject,
            canonical_json(leaf).decode(),
            msgspec.msgpack.encode([part.digests for part in parts]),
        )
        self._database.change(
            "INSERT INTO audit_entry (leaf_number, kind, actor, recorded_at_ms) "
            "VALUES (?, ?, ?, ?)",
            number,
            kind,
            actor,
            recorded_at_ms,
        )

    def _rows_of(self, selection: RowSelection) -> Any:
        columns = AUDITED_TABLES[selection.table].columns
        rows = None if self._written is None else self._written.rows(selection)
        if rows is None:
            rows = self._database.rows(_select(columns, selection), *_values(selection))
        return rows_of(selection, columns, rows)

    def seal(
        self, now_ms: int, signer: AuditSigner | None, leaves_max: int = BLOCK_LEAVES_MAX
    ) -> AuditHead | None:
        """Seal the leaves that are in no block yet; None where there are none."""
        if not self._unsealed(1):
            return None
        with self._database.writing():
            last = self._last_block()
            waiting = self._unsealed(leaves_max)
            if not waiting:
                return None
            leaves = [(number, leaf_hash(body.encode())) for number, body in waiting]
            block = seal_block(last, leaves, now_ms, signer)
            self._database.rows(
                "INSERT INTO audit_block (block_number, last_leaf, block_hash, body) "
                "VALUES (?, ?, ?, ?)",
                block.number,
                block.leaf_numbers[-1],
                block_hash(block),
                canonical_json(block).decode(),
            )
        return head_of(block)

    def unsealed_count(self) -> int:
        """Leaves that are in no block yet."""
        counted = self._database.rows(
            "SELECT count(*) FROM audit_leaf WHERE leaf_number > "
            "(SELECT coalesce(max(last_leaf), 0) FROM audit_block)"
        )
        return int(counted[0][0])

    def head(self) -> AuditHead | None:
        """The last block sealed."""
        last = self._last_block()
        return None if last is None else head_of(last)

    def last_leaf(self) -> LeafMark | None:
        """The last leaf there is, sealed or not: what a copy of the store was made after."""
        found = self._database.rows(
            "SELECT leaf_number, body FROM audit_leaf ORDER BY leaf_number DESC LIMIT 1"
        )
        return LeafMark(found[0][0], leaf_hash(found[0][1].encode()).hex()) if found else None

    def has_leaf(self, mark: LeafMark) -> bool:
        """Whether this store has that very leaf; one restored to a time before has none, or another
        one of its number.
        """
        found = self._database.rows(
            "SELECT body FROM audit_leaf WHERE leaf_number = ?", mark.number
        )
        return bool(found) and leaf_hash(found[0][0].encode()).hex() == mark.sha256

    def _last_block(self) -> AuditBlock | None:
        found = self._database.rows(
            "SELECT body FROM audit_block ORDER BY block_number DESC LIMIT 1"
        )
        return _block_decoder.decode(found[0][0]) if found else None

    def _unsealed(self, limit: int) -> list[tuple[int, str]]:
        """Write blocks of a tenant follow each other: numbers are in the order of commits."""
        rows = self._database.rows(
            "SELECT leaf_number, body FROM audit_leaf WHERE leaf_number > "
            "(SELECT coalesce(max(last_leaf), 0) FROM audit_block) ORDER BY leaf_number LIMIT ?",
            limit,
        )
        return [(number, body) for number, body in rows]


class StoredAudit:
    """The audit of a store, to be verified: `store.audit_verification.AuditSource`."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    def blocks(self) -> Iterator[AuditBlock]:
        """Every block, by number."""
        after = 0
        while rows := self._database.rows(
            "SELECT block_number, body FROM audit_block WHERE block_number > ? "
            "ORDER BY block_number LIMIT 100",
            after,
        ):
            after = rows[-1][0]
            yield from (_block_decoder.decode(body) for _, body in rows)

    def leaves(self, numbers: Sequence[int]) -> Iterator[StoredLeaf]:
        """Those of the leaves `numbers` that are there, in that order."""
        wanted = iter(numbers)
        while part := list(islice(wanted, _LEAVES_PER_READ)):
            marks = ", ".join("?" * len(part))
            rows = self._database.rows(
                f"SELECT leaf_number, body, digests FROM audit_leaf WHERE leaf_number IN ({marks})",  # noqa: S608 - marks
                *part,
            )
            found = {
                number: StoredLeaf(
                    number,
                    body.encode(),
                    tuple(msgspec.msgpack.decode(digests, type=list[bytes])),
                )
                for number, body, digests in rows
            }
            yield from (found[number] for number in part if number in found)

    def leaf_numbers(self) -> Iterator[int]:
        """Numbers of all leaves, ascending."""
        query = "SELECT leaf_number FROM audit_leaf ORDER BY leaf_number"
        yield from (row[0] for row in self._database.rows(query))

    def audited_columns(self) -> Iterable[tuple[str, str]]:
        """Table and column of every selection a leaf may make."""
        return [(table.name, table.column) for table in AUDITED_TABLES.values()]

    def selected_rows(self, rows: LeafRows) -> Iterable[Sequence[Any]]:
        """Values of the columns of a leaf's rows as they are now, in order."""
        question = _select(rows.columns, rows.selection)
        return self._database.rows(question, *_values(rows.selection))

    def selection_values(self, table: str, column: str) -> Iterator[str]:
        """Every distinct value of a column that leaves select rows by."""
        query = f"SELECT DISTINCT {column} FROM {table} ORDER BY 1"  # noqa: S608 - audited tables
        yield from (VALUE_SEPARATOR.join(map(str, row)) for row in self._database.rows(query))


def _values(selection: RowSelection) -> list[str]:
    return selection.value.split(VALUE_SEPARATOR)


def _select(columns: Sequence[str], selection: RowSelection) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    conditions = " AND ".join(f"{name} = ?" for name in selection.column.split(","))
    order = AUDITED_TABLES[selection.table].order
    return (
        f"SELECT {names} FROM {selection.table} "  # noqa: S608 - audited tables and their columns
        f"WHERE {conditions} ORDER BY {order}"
    )
