"""What the kernel knows about our processes."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Final

__all__ = ["answer_at_once", "die_with_parent", "give_way", "resident_bytes"]

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

_SET_PARENT_DEATH_SIGNAL: Final = 1
"""`PR_SET_PDEATHSIG` of Linux's prctl."""

_PARENT_CHECK_SECONDS: Final = 1.0

_NICENESS: Final = 5
"""A third of the share of a process that is not nice, where both want a core: the front is woken
at once, and neighbours on a busy machine do not starve a worker."""


_SET_SCHEDULING: Final = {"x86_64": 314, "aarch64": 274}
"""The number of Linux's `sched_setattr`, which has no function in the C library, by machine."""

_SCHEDULING: Final = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`: size, policy, flags, niceness, priority, then three times in nanoseconds."""

_SLICE_NS: Final = 100_000
"""The shortest slice there is: less than what one call costs the front."""

_TURN_SECONDS: Final = 0.0005
"""How long a thread of the front may keep the interpreter from the one that answers callers: a
tenth of what is usual. What reads a store for a caller runs in such threads."""

_ORDINARY: Final = 0
_BATCH: Final = 3
"""Policies of Linux: work like any other; work that nobody waits for within milliseconds."""


def resident_bytes(process_id: int) -> int:
    """Memory that a process has in RAM; 0 where it is gone, or the system does not say."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * _PAGE_BYTES


def answer_at_once() -> None:
    """Have this thread, and those it starts, woken before others have used up what they were given.

    A thread that asks for short slices need not wait for the end of the one that runs, three
    milliseconds here, and gets no more of a core for it. Kernels before 6.12 pay no attention.
    Threads of this process take turns as soon.
    """
    sys.setswitchinterval(_TURN_SECONDS)
    _schedule(_ORDINARY, _SLICE_NS)


def give_way() -> None:
    """Let processes that answer callers have a core before this one, which computes."""
    os.nice(_NICENESS)
    _schedule(_BATCH, 0)


def _schedule(policy: int, slice_ns: int) -> None:
    """Ask the kernel for a policy and a slice (0: the usual one); elsewhere nothing happens."""
    number = _SET_SCHEDULING.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return
    asked = _SCHEDULING.pack(_SCHEDULING.size, policy, 0, os.nice(0), 0, slice_ns, 0, 0)
    # A kernel that refuses leaves everything as it was: slower, and just as right.
    ctypes.CDLL(None).syscall(number, 0, asked, 0)


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the server dies; elsewhere look once a second."""
    # Ctrl-C reaches the whole process group; the server drains and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
