"""Exceptions about files and about rows that were left out: those that belong to no payment."""

from __future__ import annotations

import hashlib
from typing import Any

from engine.batches import DiagnosticBatch, ExceptionBatch

__all__ = ["exception_batch", "file_exception", "file_faults"]


def exception_batch(rows: list[dict[str, Any]]) -> ExceptionBatch:
    """`rows` as a batch; a row is primary and about no amount where it does not say."""
    names = ExceptionBatch.SCHEMA.names
    absent = {"is_primary": True, "amount_minor": 0}
    return ExceptionBatch.from_columns(
        {name: [row.get(name, absent.get(name, "")) for row in rows] for name in names}
    )


def file_exception(code: str, key: str, source_file: str, **facts: Any) -> dict[str, Any]:
    """A row of `EXCEPTION` without payment; its id is the hash of code, `key` and file."""
    about = f"{code}\x1f{key}\x1f{source_file}"
    identity = hashlib.blake2b(about.encode(), digest_size=16).hexdigest()
    return {"exception_id": identity, "code": code, "source_file": source_file} | facts


def file_faults(diagnostics: DiagnosticBatch) -> tuple[str, ...]:
    """One line per file with errors: the first of them, and how many more the run directory has."""
    errors: dict[str, list[dict[str, Any]]] = {}
    for row in diagnostics.record_batch.to_pylist():
        if row["severity"] == "error":
            errors.setdefault(row["source_file"], []).append(row)
    lines = []
    for name, rows in sorted(errors.items()):
        first = min(rows, key=lambda row: (row["line"] or 0, row["code"]))
        place = f"{name}:{first['line']}" if first["line"] else name
        more = f" (and {len(rows) - 1} more in diagnostics)" if len(rows) > 1 else ""
        lines.append(f"{place}: {first['code']}: {first['message']}{more}. {first['remedy']}")
    return tuple(lines)
