"""Clocks: a function several times over, and a whole process with its peak memory."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "ProcessCost",
    "ProcessFailedError",
    "least_cpu_seconds",
    "median_cost",
    "median_seconds",
    "process_cost",
]


_LAUNCHER: Final = """
import os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
code = os.waitstatus_to_exitcode(status)
print(code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""Starts the measured process: a process inherits the peak memory of the one that starts it, so
that one must be small."""


class ProcessFailedError(RuntimeError):
    """A measured process did not end with code 0; its numbers would mean nothing."""


class ProcessCost(msgspec.Struct, frozen=True, kw_only=True):
    """One process from its start to its end: wall clock, seconds of all its threads on a core, and
    peak resident memory.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    """Median wall clock of `repeats` calls after one that warms up; garbage is collected before."""
    if repeats > 1:
        run()
    spent = []
    for _ in range(repeats):
        gc.collect()
        started = time.perf_counter()
        run()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def least_cpu_seconds(run: Callable[[], object], repeats: int) -> float:
    """Least seconds on cores of `repeats` calls after one that warms up: what neither a busy
    machine nor a cold cache disturbed.
    """
    run()
    spent = []
    for _ in range(repeats):
        gc.collect()
        started = time.process_time()
        run()
        spent.append(time.process_time() - started)
    return min(spent)


def process_cost(arguments: Sequence[str]) -> ProcessCost:
    """Run this Python with `arguments`, silently; raises `ProcessFailedError`."""
    command = [sys.executable, *arguments]
    launched = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    found = launched.stdout.split()
    if launched.returncode != 0 or found[0] != b"0":
        message = f"{' '.join(command)} did not end well: {launched}"
        raise ProcessFailedError(message)
    return ProcessCost(
        seconds=float(found[1]), cpu_seconds=float(found[2]), peak_mib=int(found[3]) / 1024
    )


def median_cost(runs: Sequence[Callable[[], ProcessCost]], repeats: int) -> list[ProcessCost]:
    """Median of `repeats` rounds over `runs`, taken in turn: a busy minute hits all alike."""
    rounds = [[run() for run in runs] for _ in range(repeats)]
    return [
        ProcessCost(
            seconds=round(statistics.median(one.seconds for one in costs), 3),
            cpu_seconds=round(statistics.median(one.cpu_seconds for one in costs), 3),
            peak_mib=round(statistics.median(one.peak_mib for one in costs), 1),
        )
        for costs in zip(*rounds, strict=True)
    ]
