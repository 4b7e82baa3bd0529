"""Batches that outlive a run, each in a Parquet file of a memory directory.

A file is replaced at once or not at all: a run that dies while it writes leaves the one before.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.parquet

from engine.batches import Batch
from tieout.exit_codes import MemoryFileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_memory_file", "write_memory_file"]

AnyBatch = TypeVar("AnyBatch", bound=Batch)


def read_memory_file(path: Path, kind: type[AnyBatch], what: str) -> AnyBatch:
    """The batch in `path`, an empty one where there is no file; raises `MemoryFileError`, which
    says that it is no memory of `what`.
    """
    if not path.exists():
        return kind.empty()
    try:
        table = pyarrow.parquet.read_table(path).combine_chunks()
        return kind.from_columns({name: table[name] for name in kind.SCHEMA.names})
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        message = f"{path} is no memory of {what}: {error}"
        raise MemoryFileError(message) from None


def write_memory_file(path: Path, batch: Batch) -> None:
    """Replace what `path` holds."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        table = pa.Table.from_batches([batch.record_batch])
        pyarrow.parquet.write_table(table, partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
