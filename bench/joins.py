"""A million references looked up among resident open items, beside joins of other engines.

All of them on all cores, in turn, round by round: what disturbs the machine disturbs all. Peers
keep their tables loaded in processes of their own. Each joins several times in a row, as whoever
reads a batch looks up window after window: what begins alone waits for a second core to be given to
it, as long as a whole look-up takes.
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
from engine.key_table import KeyTable, scrambled
from engine.reference_keys import STRONG, ReferenceKeys
from engine.segments import mix64
from tieout.cores import CoreMap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex

__all__ = ["PEER_PYTHON", "Join", "Peer", "measure_hashed_join", "measure_join"]

ROOT: Final = Path(__file__).resolve().parents[1]
PEER_PYTHON: Final = ROOT / ".cache" / "peers" / "bin" / "python"
_PIECE: Final = 1 << 17
"""References asked for at once; the pieces are spread over the cores."""
_IN_A_ROW: Final = 8
"""Joins of which the average is taken."""


class Join(msgspec.Struct, frozen=True):
    """One of several joins in a row: wall clock, seconds of all threads on a core, rows found."""

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
        """Join several times."""
        assert self._process.stdin is not None
        print(_IN_A_ROW, file=self._process.stdin, flush=True)
        return msgspec.convert(json.loads(self._answer()), Join)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            message = f"a peer ended with code {self._process.wait()}; what it said is above"
            raise RuntimeError(message)
        return line.strip()


def measure_join(index: OpenItemIndex, references: int, rounds: int) -> JoinMeasure:
    """References that are numbers, among everything that items are called: number, runs of digits,
    word, each a row of the peers' tables as it is one of ours.
    """
    item, key = index.reference_keys.by_item()
    strength = index.reference_keys.strength()
    items = pa.table({"key": key.view(np.int64), "item": item, "strength": strength})
    return _measure(items, index.joined_digits, index.reference_keys, references, rounds)


def measure_hashed_join(items: int, references: int, rounds: int) -> JoinMeasure:
    """References that are hashes of 64 bits, as those of letters and of several numbers are, of
    items in another order than that of their numbers, as a ledger by customer is.
    """
    order = np.random.default_rng(7).permutation(items)
    key = mix64(order)
    item = np.arange(items)
    table = KeyTable.of(key, item.astype(np.uint64) << np.uint64(2))
    strength = np.full(items, STRONG, dtype=np.int8)
    rows = pa.table({"key": scrambled(key).view(np.int64), "item": item, "strength": strength})
    return _measure(rows, key, ReferenceKeys(table), references, rounds)


def _measure(
    items: pa.Table,
    keys: NDArray[np.uint64],
    table: ReferenceKeys,
    references: int,
    rounds: int,
) -> JoinMeasure:
    """Ours, duckdb and polars in turn, `rounds` times after one that warms up; medians.

    items: what the peers join with (key as the table keeps it, item, strength); keys: one of each
    item, of which some are asked for.
    """
    place = np.random.default_rng(5).integers(0, len(keys), references)
    asked = keys[place]
    numbers = np.arange(len(keys))
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        pq.write_table(items, folder / "items.parquet")
        columns = {"key": scrambled(asked).view(np.int64), "place": np.arange(references)}
        pq.write_table(pa.table(columns), folder / "references.parquet")
        cores = held.enter_context(CoreMap())
        duckdb = held.enter_context(Peer("duckdb", folder))
        polars = held.enter_context(Peer("polars", folder))
        runs: list[tuple[Join, ...]] = []
        for _ in range(rounds + 1):
            floor = _timed(lambda: len(np.take(numbers, place)))
            ours = _timed(lambda: _look_up(table, asked, cores))
            runs.append((ours, floor, duckdb.join(), polars.join()))
        assert len({one.rows for run in runs for one in run}) == 1
        versions = duckdb.version, polars.version
    seconds = [statistics.median(one.seconds for one in of) for of in zip(*runs[1:], strict=True)]
    spent = [statistics.median(one.cpu_seconds for one in of) for of in zip(*runs[1:], strict=True)]
    return JoinMeasure(
        references=references,
        items=len(keys),
        keys=len(items),
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


def _look_up(table: ReferenceKeys, keys: NDArray[np.uint64], cores: CoreMap) -> int:
    """Items found, as the engine finds them: piece by piece on all cores, all of them kept."""
    pieces = [keys[first : first + _PIECE] for first in range(0, len(keys), _PIECE)]
    found = list(cores(table.find, pieces))
    return sum(len(one.item) for one in found)


def _timed(run: Callable[[], int]) -> Join:
    began, spent = time.perf_counter(), time.process_time()
    (rows,) = {run() for _ in range(_IN_A_ROW)}
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - spent
    return Join(seconds / _IN_A_ROW, cpu_seconds / _IN_A_ROW, rows)
