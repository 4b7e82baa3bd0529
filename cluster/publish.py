"""The result appears as a whole: parts, and a manifest with the hash of each, in one rename.

The manifest names every file with its rows, size and SHA-256, and says what the run was. Its own
hash stands for the whole result: who posts it into a ledger names that hash, and posting the same
result twice is seen.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet
from pyspark.sql import functions as sf

from cluster.errors import PlaceError
from cluster.places import Place, files_below
from cluster.spark_rows import collected, each_number
from parsers.result_bundles import Manifest, ManifestFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.places import FileAt
    from cluster.run import Run

__all__ = ["MANIFEST", "manifest_sha256", "publish"]

MANIFEST: Final = "manifest.json"
"""Name of the manifest in the folder of a result; a folder without it is no result."""

_FILE: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("table", "path", "sha256")),
        *(pa.field(name, pa.int64()) for name in ("rows", "bytes")),
    ]
)
_SUMS: Final = ("amount", "applied_amount", "on_account_amount", "unapplied_amount")
_FURTHER_SUMS: Final = (
    *("unidentified_amount", "suspense_amount", "non_ar_amount", "refund_amount"),
    "returned_amount",
)


def publish(run: Run) -> dict[str, int]:
    """Hash the parts, write the manifest, and put the result in its place."""
    out, result = Place.of(run.job.out), run.work / "result"
    if (out / MANIFEST).exists() and _read(out).run == run.key:
        return _counted(_read(out).files)
    files = _hashed(run, files_below(result.uri, (".parquet",)))
    manifest = Manifest(
        run=run.key,
        tieout=metadata.version("tieout"),
        as_of=run.job.as_of.isoformat() if run.job.as_of else None,
        rows=_rows(files),
        sums=_sums(run),
        exceptions=_exceptions(run),
        files=files,
    )
    (result / MANIFEST).write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    _put_in_place(run, result, out)
    return _counted(files)


def _counted(files: tuple[ManifestFile, ...]) -> dict[str, int]:
    return {"files": len(files), "bytes": sum(file.bytes for file in files)}


def _read(out: Place) -> Manifest:
    return msgspec.json.decode((out / MANIFEST).read(), type=Manifest)


def manifest_sha256(out: Place) -> str:
    """The hash that stands for the result at `out`."""
    return hashlib.sha256((out / MANIFEST).read()).hexdigest()


def _hashed(run: Run, found: list[FileAt]) -> tuple[ManifestFile, ...]:
    """What there is to say of each file, found out where the cluster can read it."""
    uris = [file.uri for file in found]

    def look(number: int) -> Iterator[pa.Table]:
        content = Place(uris[number]).read()
        rows = pyarrow.parquet.ParquetFile(pa.BufferReader(content)).metadata.num_rows
        *_, table, name = uris[number].split("/")
        digest = hashlib.sha256(content).hexdigest()
        row = [[table], [f"{table}/{name}"], [digest], [rows], [len(content)]]
        yield pa.table(row, schema=_FILE)

    told = collected(each_number(run.spark, len(uris), look, _FILE).orderBy("path"))
    return tuple(ManifestFile(**row) for row in told.to_pylist())


def _rows(files: tuple[ManifestFile, ...]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for file in files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    return rows


def _sums(run: Run) -> dict[str, dict[str, str]]:
    """Money in and out by currency."""
    payments = run.spark.read.parquet((run.work / "result" / "payments").uri)
    names = (*_SUMS, *_FURTHER_SUMS)
    rows = payments.groupBy("currency").agg(*(sf.sum(name).alias(name) for name in names))
    return {
        row["currency"]: {name: f"{row[name]:f}" for name in names}
        for row in collected(rows.orderBy("currency")).to_pylist()
    }


def _exceptions(run: Run) -> dict[str, int]:
    exceptions = run.spark.read.parquet((run.work / "result" / "exceptions").uri)
    counted: Any = collected(exceptions.where("is_primary").groupBy("code").count().orderBy("code"))
    return dict(zip(counted["code"].to_pylist(), counted["count"].to_pylist(), strict=True))


def _put_in_place(run: Run, result: Place, out: Place) -> None:
    """Rename the folder to its place; an earlier result stays until the new one stands."""
    earlier = Place(f"{out.uri}.earlier")
    earlier.remove()
    if out.exists():
        if out.is_empty():
            out.remove()
        elif run.job.overwrite and (out / MANIFEST).exists():
            out.move_to(earlier)
        else:
            message = f"{out} is not empty; give --out a new folder, or --overwrite"
            raise PlaceError(message)
    result.move_to(out)
    earlier.remove()
