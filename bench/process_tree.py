"""This process and all below it: seconds on cores, and the most memory they held at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final, Self

__all__ = ["MemoryWatch", "cpu_seconds_of_tree"]

_PAUSE_SECONDS: Final = 1.0
_PROCESSES: Final = Path("/proc")


def cpu_seconds_of_tree() -> float:
    """Seconds on cores of this process and of all below it, ended ones among them."""
    stats = _stats()
    ticks = sum(sum(int(stats[pid][place]) for place in range(11, 15)) for pid in _tree(stats))
    return ticks / os.sysconf("SC_CLK_TCK")


class MemoryWatch:
    """Looks at the memory of the tree every second while it is entered.

    most_mib: proportional set of all processes together at the worst moment; worker_most_mib: of
    the largest Python process below this one at any; stage: what is going on, for who says so;
    worker_most_by_stage: the same of each.
    """

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self.most_mib = 0.0
        self.worker_most_mib = 0.0
        self.stage = ""
        self.worker_most_by_stage: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE_SECONDS):
            stats = _stats()
            held = {pid: _held_mib(pid) for pid in _tree(stats)}
            self.most_mib = max(self.most_mib, sum(held.values()))
            workers = [mib for pid, mib in held.items() if pid != os.getpid() and _is_python(pid)]
            self.worker_most_mib = max([self.worker_most_mib, *workers])
            before = self.worker_most_by_stage.get(self.stage, 0.0)
            self.worker_most_by_stage[self.stage] = max([before, *workers])


def _stats() -> dict[int, list[str]]:
    """The fields of every process after its name, by its id."""
    found = {}
    for stat in _PROCESSES.glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        found[int(stat.parent.name)] = text.rpartition(")")[2].split()
    return found


def _tree(stats: dict[int, list[str]]) -> set[int]:
    ours = {os.getpid()}
    while more := {pid for pid, fields in stats.items() if int(fields[1]) in ours} - ours:
        ours |= more
    return ours & stats.keys()


def _held_mib(pid: int) -> float:
    try:
        text = (_PROCESSES / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if "Pss:" in line), 0.0)


def _is_python(pid: int) -> bool:
    try:
        return "python" in (_PROCESSES / str(pid) / "comm").read_text(encoding="utf-8")
    except OSError:
        return False
