"""An audit as a folder of files: exported from a store, verified anywhere, by anybody.

    head.json      the last block, to be compared with heads kept elsewhere
    blocks.jsonl   every block, one a line
    leaves.jsonl   every leaf: its number, its canonical JSON as text, digests of its rows
    rows.jsonl     the rows of every leaf as stored: table, column and value they are found by
    strays.jsonl   per table and column, every value that rows are found by

The texts are those of the store: sealed text stays sealed, and needs no key to be verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from store.audit_chain import AuditBlock
from store.audit_leaves import AuditLeaf, canonical_json
from store.audit_verification import AuditHead, StoredLeaf, head_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from store.audit_leaves import LeafRows
    from store.audit_verification import AuditSource

__all__ = ["BundledAudit", "export_audit", "read_head"]


class _LeafLine(msgspec.Struct, frozen=True):
    number: int
    body: str
    digests: list[str]


class _RowsLine(msgspec.Struct, frozen=True):
    table: str
    column: str
    value: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


class _ValuesLine(msgspec.Struct, frozen=True):
    table: str
    column: str
    values: list[str]


def export_audit(source: AuditSource, folder: Path) -> int:
    """Write all of `source` into `folder`, which must not exist; gives the number of leaves."""
    folder.mkdir(parents=True)
    head: AuditHead | None = None
    with (folder / "blocks.jsonl").open("wb") as file:
        for block in source.blocks():
            head = head_of(block)
            file.write(canonical_json(block) + b"\n")
    (folder / "head.json").write_bytes(canonical_json(head) + b"\n")
    numbers = list(source.leaf_numbers())
    decoder = msgspec.json.Decoder(AuditLeaf)
    with (folder / "leaves.jsonl").open("wb") as leaves, (folder / "rows.jsonl").open("wb") as rows:
        for leaf in source.leaves(numbers):
            line = _LeafLine(leaf.number, leaf.body.decode(), [one.hex() for one in leaf.digests])
            leaves.write(canonical_json(line) + b"\n")
            for part in decoder.decode(leaf.body).rows:
                chosen = part.selection
                found = [list(row) for row in source.selected_rows(part)]
                told = _RowsLine(chosen.table, chosen.column, chosen.value, part.columns, found)
                rows.write(canonical_json(told) + b"\n")
    with (folder / "strays.jsonl").open("wb") as file:
        for table, column in source.audited_columns():
            values = list(source.selection_values(table, column))
            file.write(canonical_json(_ValuesLine(table, column, values)) + b"\n")
    return len(numbers)


def read_head(path: Path) -> AuditHead:
    """A head kept elsewhere: what `tieout audit head --json` printed, or a bundle's head.json."""
    return msgspec.json.decode(path.read_bytes(), type=AuditHead)


class BundledAudit:
    """The audit of a bundle: `store.audit_verification.AuditSource`. Rows stay on disk."""

    def __init__(self, folder: Path) -> None:
        """Read what `export_audit` wrote to `folder`."""
        self._folder = folder
        self._places: dict[tuple[str, str, str], int] = {}
        decoder = msgspec.json.Decoder(_RowsLine)
        place = 0
        with (folder / "rows.jsonl").open("rb") as file:
            for line in file:
                told = decoder.decode(line)
                self._places[told.table, told.column, told.value] = place
                place += len(line)
        self._leaves = {one.number: one for one in self._lines("leaves.jsonl", _LeafLine)}
        self._values = {
            (one.table, one.column): list[str](one.values)
            for one in self._lines("strays.jsonl", _ValuesLine)
        }

    def _lines(self, name: str, kind: type[Any]) -> Iterator[Any]:
        decoder = msgspec.json.Decoder(kind)
        with (self._folder / name).open("rb") as file:
            for line in file:
                yield decoder.decode(line)

    def blocks(self) -> Iterator[AuditBlock]:
        """Every block, by number."""
        return self._lines("blocks.jsonl", AuditBlock)

    def leaves(self, numbers: Sequence[int]) -> Iterator[StoredLeaf]:
        """Those of the leaves `numbers` that are there, in that order."""
        for number in numbers:
            told = self._leaves.get(number)
            if told is not None:
                digests = tuple(bytes.fromhex(one) for one in told.digests)
                yield StoredLeaf(number, told.body.encode(), digests)

    def leaf_numbers(self) -> Iterable[int]:
        """Numbers of all leaves, ascending."""
        return sorted(self._leaves)

    def audited_columns(self) -> Iterable[tuple[str, str]]:
        """Table and column of every selection a leaf may make."""
        return list(self._values)

    def selected_rows(self, rows: LeafRows) -> Iterable[Sequence[Any]]:
        """Values of the columns of a leaf's rows, in order."""
        chosen = rows.selection
        place = self._places.get((chosen.table, chosen.column, chosen.value))
        if place is None:
            return []
        with (self._folder / "rows.jsonl").open("rb") as file:
            file.seek(place)
            return msgspec.json.decode(file.readline(), type=_RowsLine).rows

    def selection_values(self, table: str, column: str) -> Iterable[str]:
        """Every distinct value of a column that leaves select rows by."""
        return self._values.get((table, column), [])
