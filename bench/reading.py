"""`python -m bench.reading`: every reader of bank files beside its floor and a peer.

The same file, the same run, medians. Peers run in an environment of their own
(`make .cache/peers/.ready` installs them by hash); the floor is the least that touches every field.
"""

from __future__ import annotations

import functools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.floors import FLOORS
from bench.measures import median_seconds, process_cost
from bench.parser_files import MEASURED_FILES, MeasuredFile, make_file
from bench.reading_record import PeerMeasure, ReadingMeasure, ReadingRecord, reading_ratios
from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.read_options import ReadOptions
from tieout.cores import CoreMap

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "measure_reading", "print_reading"]

ROOT: Final = Path(__file__).resolve().parents[1]
_CACHE: Final = ROOT / ".cache" / "bench"
_PEER_PYTHON: Final = ROOT / ".cache" / "peers" / "bin" / "python"
_PEER_OF: Final = {
    "bai2": "bai2",
    "camt.053": "bankstatementparser",
    "lockbox": "bai-lockbox",
    "mt940": "mt-940",
    "x12-820": "pyx12",
}
_REPEATS: Final = 5
_PEER_REPEATS: Final = 3
_QUICK_ROWS: Final = 200
_IMPORTS: Final = (
    "import sys, tieout.parse_job, pyarrow.parquet; from parsers.bank_files import parse_source;"
    "from parsers.byte_source import BytesSource; from pathlib import Path;"
    "parse_source(BytesSource(Path(sys.argv[1]).read_bytes()), 'small')"
)
"""What a process needs before its first window: every library loaded, a tiny file read."""

_COMMAND: Final = "import sys; from tieout.commands import main; sys.exit(main())"


def measure_reading(measured: MeasuredFile, rows: int, repeats: int, cache: Path) -> ReadingMeasure:
    """One file of `rows` rows."""
    path = make_file(measured, rows, cache)
    content = path.read_bytes()
    source = BytesSource(content)
    parsed = parse_source(source, path.name)
    found = max(len(parsed.payments), len(parsed.remittances))
    assert found == rows, measured.name
    assert parsed.control_checks.record_batch.column("ok").to_pylist().count(False) == 0
    floor, walk = FLOORS[measured.format]
    with CoreMap() as cores:
        options = ReadOptions(map_ordered=cores)
        seconds = median_seconds(
            functools.partial(parse_source, source, path.name, options), repeats
        )
    return ReadingMeasure(
        name=measured.name,
        title=measured.title,
        bytes=len(content),
        rows=rows,
        payments=len(parsed.payments),
        remittance_lines=len(parsed.remittances),
        seconds=seconds,
        one_core_seconds=median_seconds(
            functools.partial(parse_source, source, path.name), repeats
        ),
        peak_mib=_peak_mib(measured, path, cache),
        floor=floor,
        floor_seconds=median_seconds(functools.partial(walk, content), repeats),
        peer=_peer(_PEER_OF[measured.format], path, min(repeats, _PEER_REPEATS)),
    )


def _peak_mib(measured: MeasuredFile, path: Path, cache: Path) -> float:
    """Memory of the command above that of a process that has loaded the same libraries."""
    small = make_file(measured, _QUICK_ROWS, cache)
    before = process_cost(["-c", _IMPORTS, str(small)])
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        out = str(Path(folder) / "out")
        after = process_cost(["-c", _COMMAND, "parse", str(path), "--out", out])
    return round(max(after.peak_mib - before.peak_mib, 0), 1)


def _peer(name: str, path: Path, repeats: int) -> PeerMeasure:
    command = [str(_PEER_PYTHON), str(ROOT / "bench" / "peers.py"), name, str(path), str(repeats)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    version = subprocess.run(
        [
            str(_PEER_PYTHON),
            "-c",
            "import sys; from importlib.metadata import version; print(version(sys.argv[1]))",
            name,
        ],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    return PeerMeasure(
        name=name,
        version=version,
        rows=found["rows"],
        seconds=statistics.median(found["seconds"]),
    )


def print_reading(record: ReadingRecord, console: Console | None = None) -> None:
    """Print every file of `record`."""
    console = console or Console(highlight=False)
    table = Table(title="Readers of bank files", title_justify="left", title_style="bold")
    columns = [
        "file",
        "MB",
        "MB/s",
        "one core",
        "rows/s",
        "above imports",
        "× peer",
        "peer",
        "of floor",
        "floor",
    ]
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for one in record.files:
        megabytes = one.bytes / 1e6
        table.add_row(
            one.title,
            f"{megabytes:,.1f}",
            f"{megabytes / one.seconds:,.1f}",
            f"{megabytes / one.one_core_seconds:,.1f}",
            f"{one.rows / one.seconds:,.0f}",
            f"{one.peak_mib:,.0f} MiB",
            f"{one.peer.seconds / one.seconds:,.1f}",
            f"{one.peer.name} {one.peer.version}: {megabytes / one.peer.seconds:,.1f} MB/s",
            f"{one.floor_seconds / one.seconds:.2f}",
            f"{one.floor}: {megabytes / one.floor_seconds:,.0f} MB/s",
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.reading", __doc__, "tiny files")
    reader.add_argument("--cache", type=Path, default=_CACHE, help="where files are kept")
    reader.add_argument("--only", help="measure only the file of this name; nothing is kept")
    chosen = reader.parse_args(arguments)
    chosen.cache.mkdir(parents=True, exist_ok=True)
    if not _PEER_PYTHON.exists():
        print("the peers are not installed: make .cache/peers/.ready", file=sys.stderr)
        return 2
    files = []
    for measured in MEASURED_FILES:
        if chosen.only in (None, measured.name):
            print(f"read {measured.title}", file=sys.stderr, flush=True)
            rows = _QUICK_ROWS if chosen.quick else measured.rows
            repeats = 1 if chosen.quick else _REPEATS
            files.append(measure_reading(measured, rows, repeats, chosen.cache))
    record = ReadingRecord(
        date=date_of(chosen),
        size="quick" if chosen.quick else "full",
        machine=records.this_machine(),
        versions=records.installed_versions(),
        files=tuple(files),
        ratios=reading_ratios(tuple(files)),
    )
    print_reading(record)
    keep(record, chosen, whole=chosen.only is None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
