"""`tieout demo`: a seeded world, matched and scored against its truth, on one screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.commands.options import json_option

if TYPE_CHECKING:
    from rich.console import Console

    from engine.matcher import StageObserver
    from tieout.commands.demo_report import DemoResult

__all__ = ["demo_command", "make_demo", "run_demo"]

_DEFAULT_SEED = 1
_STAGES = 16
"""Stages of generation and matching together: the length of the progress bar."""
_HELP = """Generate a seeded world, match it, show the result.

The world is made up: four legal entities in two currencies, more than 5,000 payments in BAI2, BAI
lockbox and camt.053 files against more than 30,000 open items, and the truth of each payment. The
same seed gives the same world and the same result.

\b
Examples:
  tieout demo
  tieout demo --out my-demo --seed 7
  tieout demo --serve                 a server filled with that world, and the workbench
  tieout demo --serve --reset

\b
Exit codes:
  0   done
  2   --out is not empty
"""


@click.command("demo", help=_HELP)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the world and the run go: new or empty. A new temporary directory if not given.",
)
@click.option("--seed", type=click.IntRange(min=0), default=_DEFAULT_SEED, show_default=True)
@click.option("--serve", is_flag=True, help="Fill a server with the world and keep it running.")
@click.option(
    "--reset", is_flag=True, help="With --serve: forget what the sandbox has, begin anew."
)
@click.option("--payments", type=click.IntRange(200), help="With --serve: a world of that size.")
@click.option("--browser/--no-browser", default=True, help="With --serve: open the workbench.")
@click.option("--grpc-address", default="127.0.0.1:50051", show_default=True, metavar="H:P")
@click.option("--http-address", default="127.0.0.1:50080", show_default=True, metavar="H:P")
@json_option
def demo_command(
    *,
    out: Path | None,
    seed: int,
    serve: bool,
    reset: bool,
    payments: int | None,
    browser: bool,
    grpc_address: str,
    http_address: str,
    as_json: bool,
) -> int:
    """Run the demo; gives the exit code."""
    if serve:
        from tieout.commands.sandbox import run_sandbox

        return run_sandbox(
            out or Path("tieout-sandbox"),
            seed,
            payments or 0,
            reset=reset,
            browser=browser,
            addresses={"grpc": grpc_address, "http": http_address},
        )
    from rich.console import Console

    if as_json:
        import msgspec

        result = make_demo(out, seed)
        click.echo(msgspec.json.encode(result, enc_hook=str))
        return 0
    return run_demo(out, seed, Console())


def run_demo(out_dir: Path | None, seed: int, console: Console) -> int:
    """Make the demo under `out_dir` (a new temporary directory where None) and print it.

    Progress goes to `console` while it is a terminal. Gives the exit code of the matching job;
    raises `OutputDirectoryError` where `out_dir` is not empty.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tieout.commands.demo_report import print_report

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("starting", total=_STAGES)

        def observe(stage: str, row_count: int) -> None:
            rows = f" {row_count:,}" if row_count else ""
            progress.update(task, description=f"{stage.replace('_', ' ')}{rows}", advance=1)

        result = make_demo(out_dir, seed, observe)
    print_report(result, console)
    return int(result.exit_code)


def make_demo(out_dir: Path | None, seed: int, observe: StageObserver | None = None) -> DemoResult:
    """Generate, match and score the demo world; the files stay in `out_dir`/world and /run."""
    import tempfile
    import time

    import msgspec

    from tieout.commands.demo_report import DemoResult, StageSeconds
    from tieout.matching_job import MatchingJob, run_matching_job
    from tieout.output_directory import check_output_directory
    from tieout.progress import quiet
    from tieout.worlds import generate_world, named_spec, score_run, write_world

    observe = quiet if observe is None else observe
    if out_dir is not None:
        check_output_directory(out_dir, overwrite=False)
    folder = Path(tempfile.mkdtemp(prefix="tieout-demo-")) if out_dir is None else out_dir
    spec = msgspec.structs.replace(named_spec("demo"), seed=seed)
    started = time.perf_counter()
    world = generate_world(spec, observe)
    observe("write_world", 0)
    write_world(world, folder / "world")
    generated = time.perf_counter() - started
    files = folder / "world"
    job = MatchingJob(
        open_items=files / "open_items.csv",
        bank_files=tuple(sorted((files / "bank").iterdir())),
        customers=files / "customers.csv",
        bank_accounts=files / "bank_accounts.csv",
        out=folder / "run",
    )
    report = run_matching_job(job, observe)
    stages = [StageSeconds("generate the world", generated, spec.payment_count)]
    stages += [StageSeconds(one.stage, one.seconds, one.rows) for one in report.timings.stages]
    return DemoResult(
        folder=folder,
        seed=seed,
        exit_code=int(report.exit_code),
        companies=[f"{one.company_id} {one.currency}" for one in spec.companies],
        table_rows={name: table.num_rows for name, table in world.tables.items()},
        bank_files={name: len(content) for name, content in world.bank_files.items()},
        summary=report.summary,
        stages=stages,
        score=score_run(files, folder / "run"),
    )
