"""`tieout bench`: how fast, and how well, this machine matches a seeded world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tieout.commands.options import json_option

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bench_command"]

_MEBIBYTE: Final = 1 << 20
_HELP = """Match a seeded world on this machine, and say what each stage took.

The world is made up and the same for the same seed and size, so that machines, settings and
releases can be compared; what of it was decided is judged by its truth. Making the world is not
counted, and nothing is kept. Seconds are those of the clock: run it on a machine at rest.

\b
Examples:
  tieout bench
  tieout bench --payments 100000 --json

\b
Exit codes:
  0   measured
  2   wrong usage
"""


class _Figures(NamedTuple):
    """What was measured; `stages` are seconds by name."""

    payments: int
    open_items: int
    seed: int
    cores: int
    stages: dict[str, float]
    seconds: float
    payments_per_second: int
    memory_mib: int
    decided: int
    wrong: int


@click.command("bench", help=_HELP)
@click.option("--payments", type=click.IntRange(200, 1_000_000), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@json_option
def bench_command(*, payments: int, seed: int, as_json: bool) -> int:
    """Make the world, match it, print what it took; gives the exit code."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder:
        measured = _measure(Path(folder), payments, seed)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(measured._asdict()))
        return 0
    for stage, seconds in measured.stages.items():
        click.echo(f"  {stage.replace('_', ' '):<22} {seconds:8.3f} s")
    click.echo(
        f"{measured.payments:,} payments against {measured.open_items:,} open items: "
        f"{measured.seconds:.2f} s, {measured.payments_per_second:,} payments a second, "
        f"{measured.memory_mib:,} MiB"
    )
    click.echo(
        f"decided alone {measured.decided:,}, of these wrong {measured.wrong:,}; "
        f"{measured.cores} cores"
    )
    return 0


def _measure(folder: Path, payments: int, seed: int) -> _Figures:
    """One job from tables to tables; the figures of it."""
    import os

    import msgspec

    from tieout.matching_job import MatchingJob, run_matching_job
    from tieout.worlds import generate_world, named_spec, score_run, write_world
    from tieout.worlds.spec import scaled_spec

    spec = msgspec.structs.replace(named_spec("demo"), seed=seed)
    items = spec.open_item_count * payments // spec.payment_count
    spec = scaled_spec(spec, payments, items, with_bank_files=True)
    world = folder / "world"
    write_world(generate_world(spec), world)
    report = run_matching_job(
        MatchingJob(
            open_items=world / "open_items.csv",
            bank_files=tuple(sorted((world / "bank").iterdir())),
            customers=world / "customers.csv",
            bank_accounts=world / "bank_accounts.csv",
            out=folder / "run",
        )
    )
    score = score_run(world, folder / "run")
    seconds = report.timings.total_seconds
    return _Figures(
        payments=score.payment_count,
        open_items=items,
        seed=seed,
        cores=len(os.sched_getaffinity(0)),
        stages={one.stage: round(one.seconds, 4) for one in report.timings.stages},
        seconds=round(seconds, 4),
        payments_per_second=round(score.payment_count / seconds),
        memory_mib=report.timings.peak_memory_bytes // _MEBIBYTE,
        decided=score.automatic_count,
        wrong=score.wrong_count,
    )
