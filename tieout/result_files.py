"""The files of a result on disk, with the manifest that stands for them.

A cluster writes its manifest; the directory of `tieout match` has none, so one is made of what lies
there: the same files give the same manifest, and the same hash, whenever they are posted.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow.parquet

from parsers.result_bundles import Manifest, ManifestFile
from tieout.exit_codes import RunDirectoryError
from tieout.run_directory import RunDirectory
from tieout.run_tables import TABLE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ResultFiles"]

_MANIFEST: Final = "manifest.json"
_READ_BYTES: Final = 1 << 20
_SUMS: Final = (
    *("amount", "applied_amount", "on_account_amount", "unapplied_amount"),
    *("unidentified_amount", "suspense_amount", "non_ar_amount", "refund_amount"),
    "returned_amount",
)


class ResultFiles(msgspec.Struct, frozen=True):
    """A result: its folder, its manifest as bytes, and the paths it names."""

    folder: Path
    manifest: bytes
    paths: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> ResultFiles:
        """The result in `folder`; raises `FileNotFoundError` or `RunDirectoryError`."""
        given = folder / _MANIFEST
        if given.is_file():
            content = given.read_bytes()
            try:
                manifest = msgspec.json.decode(content, type=Manifest)
            except msgspec.DecodeError as error:
                message = f"{given}: no manifest of a result: {error}"
                raise RunDirectoryError(message) from None
        else:
            manifest = _manifest_of(RunDirectory.open(folder))
            content = msgspec.json.encode(manifest)
        return cls(folder, content, tuple(one.path for one in manifest.files))

    @property
    def sha256(self) -> str:
        """The hash that stands for the result."""
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files; raises `FileNotFoundError`."""
        return sum((self.folder / path).stat().st_size for path in self.paths)

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Path and bytes, the manifest first."""
        yield _MANIFEST, self.manifest
        for path in self.paths:
            with (self.folder / path).open("rb") as file:
                while chunk := file.read(_READ_BYTES):
                    yield path, chunk


def _manifest_of(run: RunDirectory) -> Manifest:
    """The manifest of a directory of `tieout match`; raises `RunDirectoryError`."""
    if run.file_format != "parquet":
        message = (
            f"{run.path} holds {run.file_format} tables; a result is posted as Parquet: "
            "run `tieout match` with --format parquet"
        )
        raise RunDirectoryError(message)
    summary = run.summary()
    files = []
    for name in TABLE_NAMES:
        path = run.path / f"{name}.parquet"
        if not path.is_file():
            message = f"{run.path} holds no table {name}: it was not written by `tieout match`"
            raise RunDirectoryError(message)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows = pyarrow.parquet.ParquetFile(path).metadata.num_rows
        files.append(
            ManifestFile(
                table=name, path=path.name, rows=rows, bytes=path.stat().st_size, sha256=digest
            )
        )
    with (run.path / "summary.json").open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()
    return Manifest(
        run=key,
        tieout=summary.versions.tieout,
        as_of=summary.as_of,
        rows={one.table: one.rows for one in files},
        sums=_sums(run),
        exceptions={},
        files=tuple(files),
    )


def _sums(run: RunDirectory) -> dict[str, dict[str, str]]:
    """Money by currency and column, exact."""
    sums = run.table("payments").group_by("currency").aggregate([(name, "sum") for name in _SUMS])
    return {
        row["currency"] or "": {name: f"{row[f'{name}_sum'] or Decimal(0):f}" for name in _SUMS}
        for row in sums.sort_by("currency").to_pylist()
    }
