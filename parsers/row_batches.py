"""Rows a reader gathered one by one, as batches: advice, control checks, diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.batches import AdviceBatch, ControlCheckBatch, DiagnosticBatch
from parsers.column_chunks import column_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CheckRow", "advice_batch", "check_batch", "diagnostic_batch"]

CheckRow = tuple[str, str, str, str, str, bool]
"""The columns of a control check without its file, in the order of `_CHECK_COLUMNS`."""

_CHECK_COLUMNS: Final = ("scope", "kind", "declared", "computed", "rule", "ok")
_ADVICE_KINDS: Final = column_kinds(AdviceBatch.SCHEMA, AdviceBatch.SCHEMA.names)


def advice_batch(rows: Sequence[Mapping[str, Any]]) -> AdviceBatch:
    """Lines of advice by name of column; what a line does not give is empty."""
    columns = {
        name: [row.get(name, empty) for row in rows]
        for name, empty in ((name, kind.empty.as_py()) for name, kind in _ADVICE_KINDS.items())
    }
    return AdviceBatch.from_columns(columns)


def check_batch(source_file: str, rows: Sequence[CheckRow]) -> ControlCheckBatch:
    """Control checks of one file."""
    if not rows:
        return ControlCheckBatch.empty()
    columns = dict(zip(_CHECK_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    return ControlCheckBatch.from_columns({"source_file": [source_file] * len(rows), **columns})


def diagnostic_batch(rows: Sequence[Mapping[str, Any]]) -> DiagnosticBatch:
    """Diagnostics by name of column, each with all of them."""
    if not rows:
        return DiagnosticBatch.empty()
    names = DiagnosticBatch.SCHEMA.names
    return DiagnosticBatch.from_columns({name: [row[name] for row in rows] for name in names})
