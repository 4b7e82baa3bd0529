"""Checks an audit chain and every row under it, and names the first that is not as it was written.

The check needs no key but the public one of the signatures, and no server: it reads a store, or a
bundle that was exported from one, through `AuditSource`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import msgspec

from store.audit_chain import FIRST_PREVIOUS, AuditBlock, block_hash, merkle_root
from store.audit_leaves import (
    AuditLeaf,
    LeafRows,
    compare_rows,
    leaf_hash,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from store.audit_keys import AuditVerifier

__all__ = [
    "FINDINGS_MAX",
    "AuditFinding",
    "AuditHead",
    "AuditReport",
    "AuditSource",
    "StoredLeaf",
    "head_of",
    "verify_audit",
]

FINDINGS_MAX: Final = 100
"""Findings a report lists; the first says where to look, the rest how far it goes."""

_leaf_decoder = msgspec.json.Decoder(AuditLeaf)

FindingKind = Literal[
    "row_changed",
    "row_inserted",
    "row_deleted",
    "row_reordered",
    "row_without_leaf",
    "leaf_changed",
    "leaf_deleted",
    "leaf_reordered",
    "digests_changed",
    "block_changed",
    "block_deleted",
    "signature_wrong",
    "signature_missing",
    "head_differs",
]


class AuditFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was. Numbers are 0 where they do not apply; `row` counts from 1.

    `row_values` are the row as it stands now, by column; empty where it is gone.
    """

    kind: FindingKind
    message: str
    block: int = 0
    leaf: int = 0
    table: str = ""
    subject: str = ""
    row: int = 0
    row_values: dict[str, Any] = {}


class AuditHead(msgspec.Struct, frozen=True, kw_only=True):
    """The last block, as it is kept elsewhere: whoever has it can prove what came before."""

    block_number: int
    block_hash: str
    sealed_at_ms: int
    key_id: str
    signature: str


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked, and what was found; sound where nothing was."""

    block_count: int
    leaf_count: int
    unsealed_leaf_count: int
    row_count: int
    signed_block_count: int
    head: AuditHead | None
    findings: tuple[AuditFinding, ...]


class StoredLeaf(msgspec.Struct, frozen=True):
    """A leaf as stored: its number, its canonical JSON, and digests of its rows, set by set."""

    number: int
    body: bytes
    digests: tuple[bytes, ...]


class AuditSource(Protocol):
    """Where leaves, blocks and rows are read from."""

    def blocks(self) -> Iterable[AuditBlock]:
        """Every block, by number."""

    def leaves(self, numbers: Sequence[int]) -> Iterable[StoredLeaf]:
        """Those of the leaves `numbers` that are there, in that order."""

    def leaf_numbers(self) -> Iterable[int]:
        """Numbers of all leaves, ascending."""

    def audited_columns(self) -> Iterable[tuple[str, str]]:
        """Table and column of every selection a leaf may make: no row there is without a leaf."""

    def selected_rows(self, rows: LeafRows) -> Iterable[Sequence[Any]]:
        """Values of the columns of a leaf's rows as they are now, in order."""

    def selection_values(self, table: str, column: str) -> Iterable[str]:
        """Every distinct value of a column that leaves select rows by."""


def head_of(block: AuditBlock) -> AuditHead:
    """The head that `block` is."""
    return AuditHead(
        block_number=block.number,
        block_hash=block_hash(block),
        sealed_at_ms=block.sealed_at_ms,
        key_id=block.key_id,
        signature=block.signature,
    )


def verify_audit(
    source: AuditSource, verifier: AuditVerifier | None = None, known_head: AuditHead | None = None
) -> AuditReport:
    """Check all of `source`, against `known_head` where one was kept elsewhere.

    With a `verifier` every block must carry its key's signature.
    """
    return _Verification(source, verifier, known_head).run()


class _Verification:
    """One run over a source: what was counted so far, and what was found."""

    def __init__(
        self, source: AuditSource, verifier: AuditVerifier | None, known_head: AuditHead | None
    ) -> None:
        self._source = source
        self._verifier = verifier
        self._known_head = known_head
        self._findings: list[AuditFinding] = []
        self._sealed: set[int] = set()
        self._selected: dict[tuple[str, str], set[str]] = {
            pair: set() for pair in source.audited_columns()
        }
        self._blocks = self._rows = self._signed = self._unsealed = 0
        self._last: AuditBlock | None = None

    def run(self) -> AuditReport:
        for block in self._source.blocks():
            self._check_block(block)
        self._check_known_head()
        waiting = [one for one in self._source.leaf_numbers() if one not in self._sealed]
        self._unsealed = len(waiting)
        for leaf in self._source.leaves(waiting):
            self._check_rows(leaf, 0)
        self._check_strays()
        return AuditReport(
            block_count=self._blocks,
            leaf_count=len(self._sealed) + self._unsealed,
            unsealed_leaf_count=self._unsealed,
            row_count=self._rows,
            signed_block_count=self._signed,
            head=None if self._last is None else head_of(self._last),
            findings=tuple(self._findings),
        )

    def _find(self, kind: FindingKind, message: str, **facts: Any) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(AuditFinding(kind=kind, message=message, **facts))

    def _check_block(self, block: AuditBlock) -> None:
        last = self._last
        expected = 1 if last is None else last.number + 1
        number = block.number
        if number != expected:
            missing = f"block {expected} is missing: the next one is {number}"
            self._find("block_deleted", missing, block=expected)
        elif block.previous_hash != (FIRST_PREVIOUS if last is None else block_hash(last)):
            self._find(
                "block_changed",
                f"block {expected - 1} is not the one that block {number} was sealed after",
                block=expected - 1,
            )
        self._check_signature(block)
        self._check_leaves(block)
        self._last = block
        self._blocks += 1

    def _check_signature(self, block: AuditBlock) -> None:
        verifier = self._verifier
        if verifier is None:
            self._signed += bool(block.signature)
        elif not block.signature:
            self._find(
                "signature_missing", f"block {block.number} is not signed", block=block.number
            )
        elif verifier.is_signed(block_hash(block), block.signature):
            self._signed += 1
        else:
            self._find(
                "signature_wrong",
                f"block {block.number} is not signed by the key {verifier.key_id} "
                f"(it names {block.key_id})",
                block=block.number,
            )

    def _check_leaves(self, block: AuditBlock) -> None:
        self._sealed.update(block.leaf_numbers)
        hashes = [bytes.fromhex(one) for one in block.leaf_hashes]
        if merkle_root(hashes).hex() != block.leaf_root or len(hashes) != len(block.leaf_numbers):
            self._find(
                "block_changed",
                f"block {block.number}: its list of leaf hashes was changed",
                block=block.number,
            )
        expected = dict(zip(block.leaf_numbers, hashes, strict=False))
        seen = set()
        for leaf in self._source.leaves(block.leaf_numbers):
            seen.add(leaf.number)
            found = leaf_hash(leaf.body)
            if found != expected.get(leaf.number, found):
                moved = found in hashes
                self._find(
                    "leaf_reordered" if moved else "leaf_changed",
                    f"leaf {leaf.number} of block {block.number} was "
                    + ("moved to another place" if moved else "changed after it was sealed"),
                    block=block.number,
                    leaf=leaf.number,
                )
            else:
                self._check_rows(leaf, block.number)
        for number in block.leaf_numbers:
            if number not in seen:
                message = f"leaf {number} of block {block.number} is gone"
                self._find("leaf_deleted", message, block=block.number, leaf=number)

    def _check_rows(self, stored: StoredLeaf, block: int) -> None:
        leaf = _leaf_decoder.decode(stored.body)
        for rows, digests in zip(leaf.rows, stored.digests, strict=True):
            chosen = rows.selection
            self._selected.setdefault((chosen.table, chosen.column), set()).add(chosen.value)
            place = {"block": block, "leaf": stored.number, "table": chosen.table}
            if hashlib.sha256(digests).hexdigest() != rows.sha256:
                self._find(
                    "digests_changed",
                    f"leaf {stored.number}: the digests of its {chosen.table} rows were changed",
                    **place,
                    subject=leaf.subject,
                )
                continue
            self._compare(leaf, rows, digests, place)

    def _compare(
        self, leaf: AuditLeaf, rows: LeafRows, digests: bytes, place: dict[str, Any]
    ) -> None:
        now = list(self._source.selected_rows(rows))
        self._rows += len(now)
        difference = compare_rows(digests, rows_of(rows.selection, rows.columns, now).digests)
        if difference is None:
            return
        at = difference.place
        values = dict(zip(rows.columns, now[at], strict=True)) if at < len(now) else {}
        chosen = rows.selection
        self._find(
            f"row_{difference.kind}",  # type: ignore[arg-type]  # both are closed lists of words
            f"{chosen.table}: row {at + 1} of {chosen.column} {chosen.value} was "
            f"{difference.kind} after leaf {place['leaf']} was written "
            f"({rows.row_count} rows then, {len(now)} now)",
            **place,
            subject=leaf.subject,
            row=at + 1,
            row_values={} if difference.kind == "deleted" else values,
        )

    def _check_strays(self) -> None:
        for (table, column), known in sorted(self._selected.items()):
            for value in self._source.selection_values(table, column):
                if value not in known:
                    self._find(
                        "row_without_leaf",
                        f"{table}: rows of {column} {value} were inserted past the audit",
                        table=table,
                        subject=value,
                    )

    def _check_known_head(self) -> None:
        head = self._known_head
        if head is None:
            return
        if self._last is None or self._last.number < head.block_number:
            self._find(
                "block_deleted",
                f"the head kept elsewhere is block {head.block_number}; the chain ends at "
                f"{self._last.number if self._last else 0}",
                block=head.block_number,
            )
            return
        found = next(one for one in self._source.blocks() if one.number == head.block_number)
        if block_hash(found) != head.block_hash:
            self._find(
                "head_differs",
                f"block {head.block_number} is not the one whose head was kept elsewhere: "
                "the chain was written anew",
                block=head.block_number,
            )
