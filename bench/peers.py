"""Other readers of the same formats, timed over the same files; runs in an environment of its own.

`python peers.py PEER FILE REPEATS` prints one JSON object: seconds of each repeat, and how many
rows the peer found. Imports only the peer: nothing of ours is installed beside them, because some
of them ask for other versions of what we use.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PEERS", "main"]


def _bai2(path: Path) -> Callable[[], int]:
    """`bai2`: reports as objects, its own integrity checks on."""
    bai2: Any = importlib.import_module("bai2.bai2")
    text = path.read_text("ascii")

    def run() -> int:
        parsed = bai2.parse_from_string(text)
        return sum(len(account.children) for group in parsed.children for account in group.children)

    return run


def _camt(path: Path) -> Callable[[], int]:
    """`bankstatementparser`, eager: a data frame of all entries."""
    module: Any = importlib.import_module("bankstatementparser.camt_parser")
    text = path.read_text("utf-8")
    return lambda: len(module.CamtParser.from_string(text, max_bytes=2 * len(text)).parse())


def _lockbox(path: Path) -> Callable[[], int]:
    """`bai-lockbox`, without its checks: it sums floats and rejects most files that foot."""
    module: Any = importlib.import_module("lockbox.parser")
    for kind in (module.LockboxBatch, module.Lockbox):
        kind.validate = lambda _self: None
    lines = path.read_text("ascii").splitlines()
    return lambda: len(module.LockboxFile.from_lines(lines).checks)


def _mt940(path: Path) -> Callable[[], int]:
    """`mt-940`: transactions of all statements."""
    module: Any = importlib.import_module("mt940")
    text = path.read_text("ascii")
    return lambda: len(module.parse(text).transactions)


def _x12(path: Path) -> Callable[[], int]:
    """`pyx12`: its reader of segments, envelopes counted, nothing interpreted."""
    module: Any = importlib.import_module("pyx12.x12file")
    text = path.read_text("ascii")
    return lambda: sum(1 for _ in module.X12Reader(io.StringIO(text)))


PEERS: Final[dict[str, Callable[[Path], Callable[[], int]]]] = {
    "bai2": _bai2,
    "bankstatementparser": _camt,
    "bai-lockbox": _lockbox,
    "mt-940": _mt940,
    "pyx12": _x12,
}
"""Distribution → a function of the file that gives the run to time."""


def main(arguments: list[str]) -> int:
    """Time one peer on one file."""
    name, path, repeats = arguments
    run = PEERS[name](Path(path))
    seconds, rows = [], 0
    for _ in range(int(repeats)):
        gc.collect()
        started = time.perf_counter()
        rows = run()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
