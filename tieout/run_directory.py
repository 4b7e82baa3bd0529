"""The directory of a run: seven tables, `summary.json`, `timings.json`, and what `explain` needs.

A run directory appears whole or not at all: it is written beside its place under a hidden name and
then renamed. An earlier run may be replaced; a directory that is no run is never touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet

from engine.batches import (
    AdviceBatch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
)
from tieout.exit_codes import RunDirectoryError
from tieout.output_directory import RUN_MARK, new_directory
from tieout.run_formats import FILE_FORMATS, FileFormat, read_table, table_bytes
from tieout.run_summary import Summary
from tieout.run_tables import TABLE_NAMES, OutputTable, RunTables, output_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.batches import Batch
    from engine.match_input import MapOrdered
    from engine.policy import PolicyBook

__all__ = [
    "EXPLAIN_POLICY",
    "EXPLAIN_TABLES",
    "TABLE_NAMES",
    "RunDirectory",
    "RunTables",
    "output_tables",
    "write_run",
]

EXPLAIN_TABLES: Final[dict[str, type[Batch]]] = {
    "advices": AdviceBatch,
    "customers": CustomerBatch,
    "open_items": OpenItemBatch,
}
"""The inputs kept for `explain`, in the engine's own columns, under `explain/`."""

EXPLAIN_POLICY: Final = "explain/policy.json"
"""The rules of the run, for `explain`."""


def write_run(
    out: Path,
    tables: Mapping[str, OutputTable],
    *,
    file_format: FileFormat = "parquet",
    documents: Callable[[], Mapping[str, bytes]],
    explain: Mapping[str, Batch],
    overwrite: bool = False,
    map_ordered: MapOrdered = map,
) -> Path:
    """Write `tables`, `explain` batches and then `documents` (file name → content); gives `out`.

    Raises `OutputDirectoryError`; whatever it raises, `out` is as it was.
    """
    with new_directory(out, overwrite=overwrite) as partial:
        if explain:
            (partial / "explain").mkdir()
        files: dict[Path, OutputTable | Batch] = {
            partial / "explain" / f"{name}.parquet": batch for name, batch in explain.items()
        }
        files |= {partial / f"{name}.{file_format}": table for name, table in tables.items()}
        # The largest first: no core waits long for another one at the end.
        by_size = sorted(files, key=lambda path: -_row_count(files[path]))
        for _ in map_ordered(lambda path: _write_file(path, files[path], file_format), by_size):
            pass
        for name, content in documents().items():
            (partial / name).write_bytes(content)
    return out.resolve()


def _row_count(content: OutputTable | Batch) -> int:
    return content.rows.num_rows if isinstance(content, OutputTable) else len(content)


def _write_file(path: Path, content: OutputTable | Batch, file_format: FileFormat) -> None:
    if isinstance(content, OutputTable):
        path.write_bytes(table_bytes(content, file_format))
        return
    table = pa.Table.from_batches([content.record_batch])
    pyarrow.parquet.write_table(table, path, compression="zstd")


class RunDirectory:
    """A run that was written earlier, opened for reading."""

    def __init__(self, path: Path, file_format: FileFormat) -> None:
        """A run at `path`; use `open`, which finds the format."""
        self.path = path
        self.file_format = file_format

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open the run at `path`; raises `FileNotFoundError` or `RunDirectoryError`."""
        path = Path(path)
        if not path.exists():
            message = f"{path}: no such run directory"
            raise FileNotFoundError(message)
        for file_format in FILE_FORMATS:
            if (path / f"payments.{file_format}").is_file():
                return cls(path, file_format)
        message = f"{path} holds no payments table: it is no run directory"
        raise RunDirectoryError(message)

    def summary(self) -> Summary:
        """What `summary.json` says; raises `RunDirectoryError` where it is none."""
        try:
            return msgspec.json.decode((self.path / RUN_MARK).read_bytes(), type=Summary)
        except (FileNotFoundError, msgspec.DecodeError) as error:
            message = f"{self.path}: {RUN_MARK} cannot be read: {error}"
            raise RunDirectoryError(message) from None

    def table(self, name: str) -> pa.Table:
        """Table `name` with the same columns and types whatever its file format."""
        path = self.path / f"{name}.{self.file_format}"
        if not path.is_file():
            message = f"{self.path} holds no table {name}: it was not written by `tieout match`"
            raise RunDirectoryError(message)
        return read_table(path, self.file_format, _schemas()[name])

    def explain_table(self, name: str) -> pa.Table:
        """An input kept for `explain` (`EXPLAIN_TABLES`), in the engine's own columns."""
        path = self.path / "explain" / f"{name}.parquet"
        if not path.is_file():
            message = f"{self.path} holds no explain/{name}.parquet: it was not written by match"
            raise RunDirectoryError(message)
        return pyarrow.parquet.read_table(path)

    def policy(self) -> PolicyBook:
        """The rules of the run; raises `RunDirectoryError` where they were not kept."""
        from engine.policy import PolicyBook  # noqa: PLC0415 - who only writes a run needs no rules

        try:
            return msgspec.json.decode((self.path / EXPLAIN_POLICY).read_bytes(), type=PolicyBook)
        except (FileNotFoundError, msgspec.DecodeError) as error:
            message = f"{self.path}: {EXPLAIN_POLICY} cannot be read: {error}"
            raise RunDirectoryError(message) from None


def _schemas() -> dict[str, pa.Schema]:
    """Columns and types of each table."""
    nothing = RunTables(payments=PaymentBatch.empty(), outcomes=PaymentOutcomeBatch.empty())
    return {name: table.rows.schema for name, table in output_tables(nothing).items()}
