"""`python -m bench.bucket_memory FOLDER COUNT`: match the first COUNT buckets of a run as one.

FOLDER is what a run on a cluster has kept of its stages. `bench.cluster` starts this as a process
of its own and looks at its peak memory: of few items and of many, which tells what an item costs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from cluster.bucket_match import second_round
from cluster.lay_out import of_bucket
from cluster.mapped_values import mapped_value
from cluster.places import Place
from tieout.cluster_output import tables_of_match

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "rows_of_buckets"]


def rows_of_buckets(folder: Path) -> list[tuple[int, int]]:
    """Payments and open items of each bucket of the run in `folder`, those without any last."""
    count: int = mapped_value(Place.of(folder) / "values" / "buckets.bin").count
    rows = [tuple(map(len, of_bucket(Place.of(folder), bucket))) for bucket in range(count)]
    return [(payments, items) for payments, items in rows]


def main(arguments: Sequence[str]) -> int:
    """Match; gives the exit code."""
    folder, count = Place.of(Path(arguments[0])), int(arguments[1])
    known, facts = (
        mapped_value(folder / "values" / f"{name}.bin") for name in ("customers", "facts")
    )
    tables = zip(*(of_bucket(folder, bucket) for bucket in range(count)), strict=True)
    payments, items = (pa.concat_tables(some) for some in tables)
    second_round(payments, items, known, facts, tables_of_match)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
