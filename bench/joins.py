"""A million references looked up among resident open items, beside joins of other engines.

All of them on all cores, in turn, round by round: what disturbs the machine disturbs all. Peers
keep their tables loaded in processes of their own and join once per line they are sent.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.references_record import JoinMeasure
from tieout.cores import CoreMap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex

__all__ = ["PEER_PYTHON", "Join", "Peer", "measure_join"]

ROOT: Final = Path(__file__).resolve().parents[1]
PEER_PYTHON: Final = ROOT / ".cache" / "peers" / "bin" / "python"
_PIECES: Final = 8
"""Pieces the references are cut into; they are spread over the cores."""


class Join(msgspec.Struct, frozen=True):
    """One join: wall clock, seconds of all threads on a core, rows found."""

    seconds: float
    cpu_seconds: float
    rows: int


class Peer:
    """Another engine in a process of its own, with the tables of `folder` loaded."""

    def __init__(self, name: str, folder: Path) -> None:
        """Start it; `version` is what it says of itself."""
        script = str(ROOT / "bench" / "join_peers.py")
        self._process = subprocess.Popen(
            [str(PEER_PYTHON), script, name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it: it has nothing more to read."""
        self._process.communicate()

    def join(self) -> Join:
        """Join once."""
        assert self._process.stdin is not None
        print("join", file=self._process.stdin, flush=True)
        return msgspec.convert(json.loads(self._answer()), Join)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            message = f"a peer ended with code {self._process.wait()}; what it said is above"
            raise RuntimeError(message)
        return line.strip()


def measure_join(index: OpenItemIndex, references: int, rounds: int) -> JoinMeasure:
    """Ours, duckdb and polars in turn, `rounds` times after one that warms up; medians."""
    dice = np.random.default_rng(5)
    place = dice.integers(0, len(index), references)
    key = index.joined_digits[place]
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        columns = {"key": index.joined_digits.astype(np.int64), "item": np.arange(len(index))}
        pq.write_table(pa.table(columns), folder / "items.parquet")
        asked = {"key": key.astype(np.int64), "place": np.arange(references)}
        pq.write_table(pa.table(asked), folder / "references.parquet")
        cores = held.enter_context(CoreMap())
        duckdb = held.enter_context(Peer("duckdb", folder))
        polars = held.enter_context(Peer("polars", folder))
        runs: list[tuple[Join, ...]] = []
        for _ in range(rounds + 1):
            floor = _timed(lambda: len(np.take(index.open_minor, place)))
            ours = _timed(lambda: _look_up(index, key, cores))
            runs.append((ours, floor, duckdb.join(), polars.join()))
        assert len({one.rows for run in runs for one in run}) == 1
        versions = duckdb.version, polars.version
    seconds = [statistics.median(one.seconds for one in of) for of in zip(*runs[1:], strict=True)]
    spent = [statistics.median(one.cpu_seconds for one in of) for of in zip(*runs[1:], strict=True)]
    return JoinMeasure(
        references=references,
        items=len(index),
        seconds=seconds[0],
        cpu_seconds=spent[0],
        floor_cpu_seconds=spent[1],
        duckdb_version=versions[0],
        duckdb_seconds=seconds[2],
        duckdb_cpu_seconds=spent[2],
        polars_version=versions[1],
        polars_seconds=seconds[3],
        polars_cpu_seconds=spent[3],
    )


def _look_up(index: OpenItemIndex, key: NDArray[np.uint64], cores: CoreMap) -> int:
    """Items found, as the engine finds them: piece by piece on all cores."""
    found = cores(index.reference_keys.find, np.array_split(key, _PIECES))
    return sum(len(one.item) for one in found)


def _timed(run: Callable[[], int]) -> Join:
    began, spent = time.perf_counter(), time.process_time()
    rows = run()
    return Join(time.perf_counter() - began, time.process_time() - spent, rows)
