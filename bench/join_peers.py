"""Other engines joining a million references with five million open items; in their environment.

`python join_peers.py PEER FOLDER` reads `items.parquet` (key, item, strength) and
`references.parquet` (key, place) of the folder into the peer's own tables and prints its version.
For each line it then joins as many times in a row as the line says and prints a JSON object, the
average of one: seconds by the wall clock, seconds of all threads on a core, rows found. It imports
the peer and pyarrow only.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JOIN_PEERS", "main"]


def _duckdb(folder: Path) -> Callable[[], int]:
    """`duckdb`, native tables in memory; the result as an Arrow table."""
    duckdb: Any = importlib.import_module("duckdb")
    connection = duckdb.connect()
    for name in ("items", "references"):
        connection.execute(f"CREATE TABLE {name}_ AS SELECT * FROM '{folder / name}.parquet'")
    query = "SELECT place, item, strength FROM references_ JOIN items_ USING (key)"
    return lambda: int(connection.sql(query).to_arrow_table().num_rows)


def _polars(folder: Path) -> Callable[[], int]:
    """`polars`, eager inner join."""
    polars: Any = importlib.import_module("polars")
    items, references = (
        polars.read_parquet(folder / f"{name}.parquet") for name in ("items", "references")
    )
    return lambda: int(references.join(items, on="key", how="inner").height)


JOIN_PEERS: Final[dict[str, Callable[[Path], Callable[[], int]]]] = {
    "duckdb": _duckdb,
    "polars": _polars,
}
"""Distribution → a function of the folder that gives the run to time."""


def main(arguments: list[str]) -> int:
    """Join with one peer as often as lines ask for it."""
    name, folder = arguments
    run = JOIN_PEERS[name](Path(folder))
    print(version(name), flush=True)
    for line in sys.stdin:
        count = int(line)
        gc.collect()
        began, spent = time.perf_counter(), time.process_time()
        (rows,) = {run() for _ in range(count)}
        told = {
            "seconds": (time.perf_counter() - began) / count,
            "cpu_seconds": (time.process_time() - spent) / count,
            "rows": rows,
        }
        print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
