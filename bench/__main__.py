"""`python -m bench`: measure the whole job, print it, add one line to the history.

`--quick` measures a tiny world and keeps nothing unless `--history` says where.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.inputs import make_inputs
from bench.report import print_report
from bench.runs import measure_job, measure_quality, measure_stages
from bench.sizes import FULL, QUICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.sizes import Sizes

__all__ = ["main", "measure"]

_CACHE = Path(__file__).resolve().parents[1] / ".cache" / "bench"


def measure(sizes: Sizes, date: str, cache: Path, observe: Callable[[str], None]) -> records.Record:
    """Run every measurement of `sizes`; `date` is the caller's, `observe` hears of each step."""
    inputs = make_inputs(sizes, cache, observe)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        job = measure_job(inputs, sizes, Path(folder), observe)
        observe("compare with the truth")
        quality = measure_quality(inputs, Path(folder))
        stages = measure_stages(inputs, sizes, Path(folder), observe)
    return records.Record(
        date=date,
        size=sizes.name,
        machine=records.this_machine(),
        versions=records.installed_versions(),
        stages=stages,
        job=job,
        quality=quality,
        ratios=records.ratios_of(job),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench", __doc__, "a tiny world")
    reader.add_argument("--cache", type=Path, default=_CACHE, help="where worlds are kept")
    chosen = reader.parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    date = date_of(chosen)
    chosen.cache.mkdir(parents=True, exist_ok=True)
    with _progress(_step_count(sizes)) as observe:
        record = measure(sizes, date, chosen.cache, observe)
    print_report(record)
    keep(record, chosen)
    if not chosen.quick:
        from bench.pictures import PICTURES, draw_stages  # noqa: PLC0415 - matplotlib is slow

        draw_stages(record, PICTURES / "stages.svg")
        print("drawn docs/pictures/stages.svg; docs/generate.py puts the numbers into the README")
    return 0


def _step_count(sizes: Sizes) -> int:
    """Steps `measure` reports when every input is in the cache."""
    return 2 + sizes.job_repeats


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar where stderr is a terminal, a line per step elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda step: print(step, file=sys.stderr, flush=True)
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed}/{task.total} {task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("begin", total=steps)
        done = 0

        def step(name: str) -> None:
            nonlocal done
            bar.update(task, description=name, completed=min(done, steps))
            done += 1

        yield step


if __name__ == "__main__":
    sys.exit(main())
