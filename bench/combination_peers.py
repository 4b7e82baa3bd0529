"""Other solvers of subset sums, timed on the same problems; runs in an environment of its own.

`python combination_peers.py FILE` reads problems by size and prints one JSON object: per peer and
size the seconds of each problem (processor or elapsed time, whichever is less), how many solutions
it found, and its version. Imports only the peers.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PEERS", "main"]

_ITEMS_MAX: Final = 4
"""Largest set the peers are asked for beyond ten items: all sets would take them hours."""


def _dpss(amounts: list[int], target: int, items_max: int) -> int:
    """`dpss`: every subset of so many items."""
    module: Any = importlib.import_module("dpss")
    return len(module.find_subset(amounts, target, items_max))


def _ortools(amounts: list[int], target: int, items_max: int) -> int:
    """CP-SAT of `ortools`: a model with one switch per item, all solutions enumerated."""
    model_kit: Any = importlib.import_module("ortools.sat.python.cp_model")
    model = model_kit.CpModel()
    taken = [model.NewBoolVar("") for _ in amounts]
    model.Add(sum(amount * one for amount, one in zip(amounts, taken, strict=True)) == target)
    model.Add(sum(taken) <= items_max)
    model.Add(sum(taken) >= 1)

    class Counter(model_kit.CpSolverSolutionCallback):  # type: ignore[misc]  # known at run time
        """Counts solutions."""

        def __init__(self) -> None:
            super().__init__()
            self.found = 0

        def on_solution_callback(self) -> None:
            """One more."""
            self.found += 1

    solver = model_kit.CpSolver()
    solver.parameters.enumerate_all_solutions = True
    solver.parameters.num_workers = 1
    counter = Counter()
    solver.Solve(model, counter)
    return counter.found


PEERS: Final[dict[str, tuple[Callable[[list[int], int, int], int], int]]] = {
    "dpss": (_dpss, 30),
    "ortools": (_ortools, 20),
}
"""Distribution → how it solves one problem, and the largest size it is asked for."""


def main(arguments: list[str]) -> int:
    """Time every peer on the problems of one file."""
    problems: dict[str, list[tuple[list[int], int]]] = json.loads(Path(arguments[0]).read_text())
    found = {}
    for name, (solve, size_max) in PEERS.items():
        solve([1, 2, 3], 3, 3)
        sizes = {}
        for size, several in problems.items():
            if int(size) > size_max:
                continue
            seconds, solutions = [], []
            for amounts, target in several:
                elapsed, used = time.perf_counter(), time.process_time()
                solutions.append(solve(amounts, target, min(int(size), _asked(int(size)))))
                used = time.process_time() - used
                seconds.append(min(time.perf_counter() - elapsed, used))
            sizes[size] = {"seconds": seconds, "solutions": solutions}
        found[name] = {"version": metadata.version(name), "sizes": sizes}
    print(json.dumps(found))
    return 0


def _asked(size: int) -> int:
    """Items a solution may have at most: any number where there are few."""
    return size if size <= 10 else _ITEMS_MAX


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
