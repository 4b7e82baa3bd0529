"""What a command costs before it does its work, beside a bare interpreter: `make bench-startup`.

Every program is started in turn, many times; the least of each is taken, as processor time and by
the wall clock. What may be compared between machines are the ratios. Programs keep their bytecode,
as installed ones do, whatever this environment says.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.record import HISTORY, Machine, append, installed_versions, this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["StartupRecord", "main"]

_ROUNDS: Final = 15
_TIEOUT: Final = "import sys; from tieout.commands import main; sys.exit(main())"
_PARSE: Final = (
    "import sys, time; from tieout.commands import main; "
    "main(sys.argv[1:]); begun = time.process_time(); code = main(sys.argv[1:]); "
    "sys.stderr.write(f'again {time.process_time() - begun}'); sys.exit(code)"
)
_FILE: Final = """\
01,BANK,US,260331,0800,1,,,2/
02,US,BANK,1,260331,,USD,2/
03,ACC1,USD,010,0,,/
16,165,10000,0,BR1,CR1,INV-1/
49,10000,3/
98,10000,1,5/
99,10000,1,7/
"""


class StartupRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="startup"):
    """Least milliseconds of each program, and shares of bare Python."""

    date: str
    machine: Machine
    versions: dict[str, str]
    cpu_ms: dict[str, float]
    wall_ms: dict[str, float]
    ratios: dict[str, float]


def main() -> int:
    """Measure, print, append to the history; gives the exit code: 1 where it is too slow."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.bai"
        path.write_text(_FILE, "ascii")
        out = str(Path(folder) / "out")
        parse = ("parse", str(path), "--json", "--out", out, "--overwrite")
        programs = {
            "python": ("-c", "pass"),
            "click": ("-c", "import click"),
            "tieout --help": ("-c", _TIEOUT, "--help"),
            "tieout submit --help": ("-c", _TIEOUT, "submit", "--help"),
            "tieout parse": ("-c", _TIEOUT, *parse),
        }
        cpu: dict[str, float] = {}
        wall: dict[str, float] = {}
        for _ in range(_ROUNDS):
            for name, words in programs.items():
                seconds, clock = _cost(words)
                cpu[name] = min(cpu.get(name, seconds), seconds)
                wall[name] = min(wall.get(name, clock), clock)
        again = _parse_alone(parse)
    bare = cpu["python"]
    record = StartupRecord(
        date=datetime.now(UTC).date().isoformat(),
        machine=this_machine(),
        versions=installed_versions(),
        cpu_ms={name: round(1000 * one, 1) for name, one in (cpu | {"the parse": again}).items()},
        wall_ms={name: round(1000 * one, 1) for name, one in wall.items()},
        ratios={name: round(one / bare, 2) for name, one in cpu.items()},
    )
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(record)).decode() + "\n")
    append(record, HISTORY)
    above = cpu["tieout parse"] - again - bare
    sys.stdout.write(f"parse starts {1000 * above:.0f} ms of processor time above the parse\n")
    return int(cpu["tieout --help"] > 0.120 or above > 0.250)


def _cost(words: Sequence[str]) -> tuple[float, float]:
    """Processor and wall seconds of one start."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=_as_installed())
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def _as_installed() -> dict[str, str]:
    """The environment without the wish that nothing compiled be kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _parse_alone(words: Sequence[str]) -> float:
    """Processor seconds of the same parse where everything is loaded already."""
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, *words],
        check=True,
        capture_output=True,
        text=True,
        env=_as_installed(),
    )
    return float(done.stderr.rpartition("again ")[2])


if __name__ == "__main__":
    sys.exit(main())
