"""A plain read-join-write of a world's tables: what moving the same columns costs without matching.

Payments, their remittance lines and the open items those name, equal text only; one Parquet file
out. Run as `python -m bench.plain_join pyarrow|duckdb WORLD OUT`, so that peers start as we do.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PEERS", "TABLES"]

TABLES: Final = ("payments", "open_items", "customers", "bank_accounts", "remittances")
"""The tables `tieout match` reads from a world."""


def join_with_pyarrow(world: Path, out: Path) -> None:
    """Read every column with Arrow, join by its hash join, write Parquet."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - each peer's process imports its own library

    read = {name: pq.read_table(world / f"{name}.parquet") for name in TABLES}
    lines = read["remittances"].join(
        read["open_items"], ["reference"], ["document_number"], right_suffix="_item"
    )
    joined = read["payments"].join(
        lines, ["payment_id"], ["payment_reference"], right_suffix="_line"
    )
    pq.write_table(joined, out)


def join_with_duckdb(world: Path, out: Path) -> None:
    """Read every column with DuckDB, join and write Parquet in one statement."""
    import duckdb  # noqa: PLC0415 - each peer's process imports its own library

    with duckdb.connect() as connection:
        for name in TABLES:
            path = world / f"{name}.parquet"
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
        connection.execute(
            "COPY (SELECT p.*, r.* EXCLUDE (payment_reference), o.* FROM payments p "
            "LEFT JOIN remittances r ON r.payment_reference = p.payment_id "
            "LEFT JOIN open_items o ON o.document_number = r.reference) "
            f"TO '{out}' (FORMAT parquet)"
        )


PEERS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "pyarrow": join_with_pyarrow,
    "duckdb": join_with_duckdb,
}
"""Peer → its read-join-write."""

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
