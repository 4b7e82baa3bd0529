"""`python -m bench.combinations`: subset sums beside `dpss` and CP-SAT, in one run.

Amounts are log-normal in cents (median 1,500.00, sigma 1.5), targets the sum of three items. Peers
run in an environment of their own (`make .cache/combination-peers/.ready`). Times are of the
processor, so that a busy machine measures the same.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from rich.console import Console

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.combination_record import (
    CombinationRecord,
    CountMeasure,
    JoinMeasure,
    PeerCombinations,
    combination_ratios,
)
from bench.combination_report import print_combinations
from engine.solution_counts import count_solutions, ways_to_sum
from engine.sum_join import build_sums, count_structured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Sizes", "main", "make_ledgers", "make_problems", "measure_combinations"]

ROOT: Final = Path(__file__).resolve().parents[1]
_PEER_PYTHON: Final = ROOT / ".cache" / "combination-peers" / "bin" / "python"
_MEDIAN_CENTS: Final = 150_000
_SIGMA: Final = 1.5
_PAID: Final = 3


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured: single problems per size, batched problems per size."""

    name: str
    ledgers: int
    payments: int
    repeats: int
    alone: dict[int, int]
    batches: dict[int, int]
    certificate: int


FULL: Final = Sizes(
    name="full",
    ledgers=20_000,
    payments=100_000,
    repeats=5,
    alone={10: 40, 20: 15, 30: 3},
    batches={5: 10_000, 8: 10_000, 10: 10_000, 12: 10_000, 16: 2_000, 20: 1_000, 40: 4},
    certificate=500,
)
QUICK: Final = Sizes(
    name="quick",
    ledgers=200,
    payments=500,
    repeats=1,
    alone={10: 2, 12: 1},
    batches={5: 50, 12: 20},
    certificate=60,
)


def _amounts(rng: np.random.Generator, *shape: int) -> NDArray[np.int64]:
    drawn = rng.lognormal(np.log(_MEDIAN_CENTS), _SIGMA, shape).astype(np.int64)
    return np.maximum(drawn, 100)


def make_problems(sizes: dict[int, int], seed: int = 7) -> dict[int, list[tuple[list[int], int]]]:
    """Problems by size: amounts and a target that three of them make."""
    rng = np.random.default_rng(seed)
    problems = {}
    for size, count in sizes.items():
        drawn = _amounts(rng, count, size)
        problems[size] = [(row.tolist(), int(row[:_PAID].sum())) for row in drawn]
    return problems


def make_ledgers(
    sizes: Sizes, seed: int = 11
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Bounds and values of ledgers (median 9 items, at most 300), and payments: ledger, amount.

    A quarter each pays one item, two, a run of three, and something no ledger has on purpose.
    """
    rng = np.random.default_rng(seed)
    size = np.clip(rng.lognormal(np.log(10), 1.0, sizes.ledgers).astype(np.int64), 1, 300)
    bounds = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    value = _amounts(rng, int(size.sum()))
    ledger = rng.integers(0, sizes.ledgers, sizes.payments)
    first = bounds[ledger] + (rng.random(sizes.payments) * size[ledger]).astype(np.int64)
    other = bounds[ledger] + (rng.random(sizes.payments) * size[ledger]).astype(np.int64)
    last = np.minimum(first + 2, bounds[ledger + 1] - 1)
    prefix = np.concatenate([[0], np.cumsum(value)])
    kind = rng.integers(0, 4, sizes.payments)
    pair = value[first] + np.where(first == other, 0, value[other])
    run = prefix[last + 1] - prefix[first]
    stray = _amounts(rng, sizes.payments)
    target = np.choose(kind, [value[first], pair, run, stray])
    return bounds, value, ledger, target


def _least(run: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest of `repeats` runs."""
    found = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return min(found)


def _measure_join(sizes: Sizes) -> JoinMeasure:
    bounds, value, ledger, target = make_ledgers(sizes)
    every = np.ones(sizes.ledgers, dtype=np.bool_)
    started = time.process_time()
    tables = build_sums(bounds, value, every)
    build_seconds = time.process_time() - started
    counts = count_structured(tables, ledger, target)
    found = sum(getattr(counts, name) for name in counts.__struct_fields__)
    return JoinMeasure(
        ledgers=sizes.ledgers,
        items=len(value),
        sets=len(tables.single.key) + len(tables.pair.key) + len(tables.run.key),
        payments=sizes.payments,
        hits=int(np.count_nonzero(found)),
        build_seconds=build_seconds,
        lookup_seconds=_least(lambda: count_structured(tables, ledger, target), sizes.repeats),
    )


def _measure_batches(sizes: Sizes) -> tuple[CountMeasure, ...]:
    rng = np.random.default_rng(13)
    measures = []
    for size, count in sizes.batches.items():
        amounts = _amounts(rng, count, size)
        targets = amounts[:, :_PAID].sum(axis=1)
        seconds = _least(lambda a=amounts, t=targets: count_solutions(a, t), sizes.repeats)  # type: ignore[misc]  # defaults bind the loop's values
        measures.append(CountMeasure(size=size, problems=count, seconds=seconds / count))
    return tuple(measures)


def _measure_alone(
    problems: dict[int, list[tuple[list[int], int]]], sizes: Sizes
) -> tuple[tuple[CountMeasure, ...], dict[int, list[int]]]:
    """Median seconds of single problems, as a peer is asked them, and the counts found."""
    measures: list[CountMeasure] = []
    counts: dict[int, list[int]] = {}
    for size, several in problems.items():
        seconds, counts[size] = [], []
        for amounts, target in several:
            row, wanted = np.array([amounts]), np.array([target])
            counts[size].append(int(count_solutions(row, wanted)[0]))
            seconds.append(_least(lambda r=row, w=wanted: count_solutions(r, w), sizes.repeats))  # type: ignore[misc]  # defaults bind the loop's values
        median = statistics.median(seconds)
        measures.append(CountMeasure(size=size, problems=1, seconds=median))
    return tuple(measures), counts


def _run_peers(problems: dict[int, list[tuple[list[int], int]]]) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(problems, file)
        file.flush()
        command = [str(_PEER_PYTHON), str(ROOT / "bench" / "combination_peers.py"), file.name]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _peer_measures(
    found: dict[str, Any], counts: dict[int, list[int]]
) -> tuple[PeerCombinations, ...]:
    """Medians by peer and size; where a peer looks for all solutions, it must find as many."""
    measures = []
    for name, peer in found.items():
        for size, one in peer["sizes"].items():
            ours = counts[int(size)]
            same = one["solutions"] == ours if int(size) <= 10 else one["solutions"] <= ours
            if not same:
                message = f"{name} finds {one['solutions']} of {size} items, we count {ours}"
                raise AssertionError(message)
            measures.append(
                PeerCombinations(
                    name=name,
                    version=peer["version"],
                    size=int(size),
                    seconds=statistics.median(one["seconds"]),
                )
            )
    return tuple(measures)


def measure_combinations(sizes: Sizes, date: str) -> CombinationRecord:
    """Every measurement of `sizes`; `date` is the caller's."""
    problems = make_problems(sizes.alone)
    join = _measure_join(sizes)
    singles, counts = _measure_alone(problems, sizes)
    peers = _peer_measures(_run_peers(problems), counts)
    values = _amounts(np.random.default_rng(17), sizes.certificate).tolist()
    target = sum(sorted(values)[: sizes.certificate // 5])
    return CombinationRecord(
        date=date,
        size=sizes.name,
        machine=records.this_machine(),
        versions=records.installed_versions(),
        join=join,
        batches=_measure_batches(sizes),
        singles=singles,
        certificate_size=sizes.certificate,
        certificate_seconds=_least(lambda: ways_to_sum(values, target), sizes.repeats),
        peers=peers,
        ratios=combination_ratios(join, singles, peers),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.combinations", __doc__, "few problems")
    chosen = reader.parse_args(arguments)
    if not _PEER_PYTHON.exists():
        print("the peers are not installed: make .cache/combination-peers/.ready", file=sys.stderr)
        return 2
    date = date_of(chosen)
    record = measure_combinations(QUICK if chosen.quick else FULL, date)
    print_combinations(record, Console(highlight=False))
    keep(record, chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
