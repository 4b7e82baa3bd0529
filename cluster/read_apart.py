"""A bank file that takes its reader's process with it is found out, and the others are read.

A mark stands as long as a file is read. Whoever finds one knows that somebody began to read this
file and may not have come back: because a machine was lost, or because of the file. So it has the
file read in a process of its own. What comes back is what the first one would have given; where
nothing does, the file is to blame, whoever tries.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from pyspark import cloudpickle

from cluster.errors import ReaderDiedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.places import Place

__all__ = ["read_marked"]


def read_marked(mark: Place, read: Callable[[], Any]) -> Any:
    """What `read` gives, here or in a process of its own (see module); raises `ReaderDiedError`
    where it ends that process.
    """
    if mark.exists():
        return _read_apart(read)
    mark.write(b"")
    found = read()
    mark.remove()
    return found


def _read_apart(read: Callable[[], Any]) -> Any:
    """What `read` gives in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "cluster.read_apart"],
        input=cloudpickle.dumps(read),  # type: ignore[no-untyped-call]  # pyspark has no types here
        env=os.environ | {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
        capture_output=True,
        check=False,
    )
    if ended.returncode < 0:
        message = f"its reader ended its process ({signal.Signals(-ended.returncode).name})"
        raise ReaderDiedError(message)
    # Anything else is no fault of the file: a process that could not be started, a library missing.
    ended.check_returncode()
    return pickle.loads(ended.stdout)  # noqa: S301 - written by the process begun here


def _main() -> None:
    told = os.dup(1)
    # What a reader prints is none of what it gives.
    os.dup2(2, 1)
    found = pickle.dumps(cloudpickle.load(sys.stdin.buffer)())
    with os.fdopen(told, "wb") as sink:
        sink.write(found)


if __name__ == "__main__":
    _main()
