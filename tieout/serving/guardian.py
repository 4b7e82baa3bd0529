"""Beside a server that keeps readable files in memory: a process that empties their folder when the
server is gone, however it ended.

It holds the folder itself, not its name: a server that starts at once makes the folder anew, and
keeps what it puts there.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Final

__all__ = ["main"]

_LATER_SECONDS: Final = 2.0
"""How long a worker may outlive its server, where the kernel does not end it."""

_PAUSE_SECONDS: Final = 0.1


def main() -> None:
    """Read a folder from standard input, say `ready`, and empty it when the input ends."""
    # Ctrl-C reaches the whole process group; the server ends this process when it has cleared up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = sys.stdin.buffer.readline().rstrip(b"\n")
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.write(1, b"ready\n")
    sys.stdin.buffer.read()
    end = time.monotonic() + _LATER_SECONDS
    _empty(folder)
    while time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
        _empty(folder)


def _empty(folder: int) -> None:
    """Remove all that is in the open `folder`; what somebody else removes meanwhile is no error."""
    for name in os.listdir(folder):
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            _remove_folder(name, folder)
        except FileNotFoundError:
            continue


def _remove_folder(name: str, parent: int) -> None:
    try:
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        _empty(folder)
        os.rmdir(name, dir_fd=parent)
    except OSError:
        # Something was put there meanwhile: the next round finds it.
        return
    finally:
        os.close(folder)


if __name__ == "__main__":
    main()
