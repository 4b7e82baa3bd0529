"""Batches that outlive a run, each in a Parquet file of a memory directory.

What one run leaves is replaced at once or not at all, however many files it is: they are written
into a folder beside, which is given the name of what is decided, and then moved to their places. A
run that dies before leaves the memory as it was; one that dies after is finished by the next.
"""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet

from engine.batches import Batch
from tieout.exit_codes import MemoryFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["finish_memory_files", "read_memory_file", "write_memory_files"]

_DECIDED: Final = ".decided"
"""Files in a folder of this name replace those of the memory."""

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


def write_memory_files(folder: Path, files: Mapping[str, Batch]) -> None:
    """Replace those `files` of the memory in `folder`, all of them or none."""
    partial = folder / f".{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir()
        for name, batch in files.items():
            table = pa.Table.from_batches([batch.record_batch])
            pyarrow.parquet.write_table(table, partial / name, compression="zstd")
        partial.replace(folder / _DECIDED)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    finish_memory_files(folder)


def finish_memory_files(folder: Path) -> None:
    """Move to their places what was decided, by whomever; nothing where nothing was."""
    decided = folder / _DECIDED
    if not decided.is_dir():
        return
    for path in sorted(decided.iterdir()):
        path.replace(folder / path.name)
    decided.rmdir()
