"""Writes a world as a directory: the bank's files, the ERP's tables, and the truth."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from tieout.worlds.generator import World

__all__ = ["write_world"]

_TRUTH: Final = ("truth", "truth_payments")


def write_world(
    world: World, directory: str | Path, table_format: Literal["csv", "parquet"] = "csv"
) -> list[Path]:
    """Write `world` into `directory` (made if absent) and give the paths written.

    Bank files go to `bank/`; tables are `<name>.csv` or `<name>.parquet`, the truth is always CSV.
    `world.json` records the spec, `policy.toml` holds the rules it is made for where they are not
    the default. Raises `OSError` where the directory cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if world.bank_files:
        (folder / "bank").mkdir(exist_ok=True)
    for name, content in world.bank_files.items():
        written.append(folder / "bank" / name)
        written[-1].write_bytes(content)
    for name, table in world.tables.items():
        suffix = "csv" if name in _TRUTH else table_format
        written.append(folder / f"{name}.{suffix}")
        _write_table(table, written[-1])
    if world.spec.policy:
        written.append(folder / "policy.toml")
        written[-1].write_text(world.spec.policy, encoding="utf-8")
    written.append(folder / "world.json")
    written[-1].write_bytes(msgspec.json.format(msgspec.json.encode(world.spec), indent=2) + b"\n")
    return written


def _write_table(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
        return
    columns = [pc.fill_null(column.cast(pa.string()), "").to_pylist() for column in table.columns]
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(zip(*columns, strict=True))
