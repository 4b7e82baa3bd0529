"""What the kernel knows about our processes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

__all__ = ["die_with_parent", "give_way", "resident_bytes"]

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

_SET_PARENT_DEATH_SIGNAL: Final = 1
"""`PR_SET_PDEATHSIG` of Linux's prctl."""

_PARENT_CHECK_SECONDS: Final = 1.0

_NICENESS: Final = 5
"""A third of the share of a process that is not nice, where both want a core: the front is woken
at once, and neighbours on a busy machine do not starve a worker."""


def resident_bytes(process_id: int) -> int:
    """Memory that a process has in RAM; 0 where it is gone, or the system does not say."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * _PAGE_BYTES


def give_way() -> None:
    """Let processes that answer callers have a core before this one, which computes."""
    os.nice(_NICENESS)


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
