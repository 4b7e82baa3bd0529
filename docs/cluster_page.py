"""`docs/operating/cluster.md` with what the last run of its bench measured, where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.cluster_record import ClusterRecord, cluster_table
from bench.cluster_simulation import night_table
from bench.record import HISTORY, last_line

__all__ = ["cluster_page"]

_PAGE: Final = Path(__file__).resolve().parent / "operating" / "cluster.md"
_RUNS, _NIGHT, _END = "<!-- cluster -->", "<!-- night -->", "<!-- end -->"
_NONE: Final = "Not measured yet with the whole bench: `make bench-cluster`, then `make docs`."
_PICTURE: Final = "![Sizes of buckets, and hours by cores](../pictures/cluster_night.svg)"


def cluster_page(history: Path = HISTORY) -> str:
    """The page, its two tables as `history` says."""
    text = _PAGE.read_text("utf-8")
    try:
        record = last_line(ClusterRecord, history)
    except ValueError:
        return _between(_between(text, _RUNS, _NONE), _NIGHT, _NONE)
    night = f"{night_table(record)}\n\n{_PICTURE}"
    return _between(_between(text, _RUNS, cluster_table(record)), _NIGHT, night)


def _between(text: str, begin: str, table: str) -> str:
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n{_END}{rest.split(_END, 1)[1]}"
