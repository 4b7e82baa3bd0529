"""`tieout cluster`: the whole job on a Spark cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import (
    gate_options,
    json_option,
    outcome_options,
    preset_options,
    progress_option,
    remittance_format_options,
)
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    import datetime
    from decimal import Decimal

    from cluster.settings import ClusterJob, ClusterReport
    from tieout.cluster_inputs import ClusterReading
    from tieout.gates import Gates
    from tieout.remittance_inputs import RemittanceOptions

__all__ = ["cluster_command", "match_command"]

_FOLDER = click.Path(path_type=Path, file_okay=False)

_HELP = """Match on a Spark cluster what one machine cannot hold.

Places are paths or URIs (hdfs://, s3://, abfs://); a table is a file or a folder of part files.
The result is what `tieout match` would give, row for row, as folders of Parquet parts beside a
manifest with the hash of each; it appears as a whole or not at all.

Needs the extra `tieout[spark]` and Java 17 or later. Where it runs says --master, or
`spark-submit`, or --remote for Spark Connect.

\b
Example:
  tieout cluster match --payments hdfs:///ar/payments --open-items hdfs:///ar/items \\
      --customers hdfs:///ar/customers --out hdfs:///ar/results/2026-09-30
"""


@click.group("cluster", help=_HELP)
def cluster_command() -> None:
    """Work on a Spark cluster."""


_MATCH_HELP = """Match bank files, or payments parsed elsewhere, against open items, on a cluster.

A run that was stopped goes on after its last finished stage when it is started again.

Of the options of `tieout match` two are missing. --format: the parts of a result are Parquet, which
keeps amounts exact, is what the audit reads again and what `tieout post` takes. `-` for standard
input: tasks on other machines cannot read it.

\b
Exit codes:
  0   done; exceptions may exist
  3   a gate failed; the result is written
  4   some bank files were refused; the others are done
  65  a table is malformed, or a key stands twice in it
  66  no such file
  75  Spark gave up, or a disk is full: start again, finished stages are kept; or another run
      holds --memory
  78  the policy, a lockbox layout, --calibration or --precision is not understood
"""


@cluster_command.command("match", help=_MATCH_HELP)
@click.argument("bank_files", metavar="[BANKFILE]...", nargs=-1)
@click.option("--payments", help="Payments parsed elsewhere: a table, or its parts.")
@click.option("--open-items", required=True, help="Open items: a table, or its parts.")
@click.option("--customers", help="Customer master: a table, or its parts.")
@click.option("--bank-accounts", help="Our own bank accounts: a table.")
@click.option("--remittances", multiple=True, help="Remittance advice; may be repeated.")
@remittance_format_options
@preset_options
@click.option("--lockbox-layout", help="Own layouts of lockbox files (TOML).")
@click.option("--policy", help="Rules and tolerances (tieout.toml).")
@outcome_options
@click.option("--memory", type=_FOLDER, help="What earlier runs saw and applied; kept up to date.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Date of the run; the latest booking date of the input where not given.",
)
@click.option("--out", help="Folder of the result: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier result in --out.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Do everything up to the audit; pass nothing on, remember nothing.",
)
@gate_options
@click.option("--work", help="Folder of what stages have finished; beside --out where not given.")
@click.option("--keep-work", is_flag=True, help="Leave the working folder behind.")
@click.option(
    "--bucket-items",
    type=click.IntRange(min=1_000),
    default=200_000,
    show_default=True,
    help="Open items that are matched together in one task.",
)
@click.option(
    "--parts", type=click.IntRange(min=1), help="Tasks of a stage; two per core where not given."
)
@click.option("--master", help="Where Spark runs: local[4], yarn, k8s://…")
@click.option("--remote", help="A Spark Connect server: sc://host:15002.")
@progress_option
@json_option
def match_command(
    *,
    bank_files: tuple[str, ...],
    payments: str | None,
    open_items: str,
    customers: str | None,
    bank_accounts: str | None,
    remittances: tuple[str, ...],
    lockbox_layout: str | None,
    policy: str | None,
    calibration: str | None,
    precision: str | None,
    memory: Path | None,
    as_of: datetime.datetime | None,
    out: str | None,
    overwrite: bool,
    dry_run: bool,
    max_exceptions: int | None,
    min_value_rate: Decimal | None,
    work: str | None,
    keep_work: bool,
    bucket_items: int,
    parts: int | None,
    master: str | None,
    remote: str | None,
    progress: Any,
    as_json: bool,
    **formats: Any,
) -> int:
    """Run the job the options describe; gives the exit code."""
    if not bank_files and payments is None:
        message = "give at least one BANKFILE (file or folder), or --payments"
        raise click.UsageError(message)
    place = out or (work if dry_run else None)
    if place is None:
        message = "give --out FOLDER; or --dry-run, and --work FOLDER for what stages keep"
        raise click.UsageError(message)
    from cluster.settings import ClusterJob, Cuts
    from tieout.cluster_inputs import policy_of
    from tieout.gates import Gates

    rules, outcomes = policy_of(policy, calibration, precision)
    job = ClusterJob(
        open_items=open_items,
        out=place,
        payments=payments,
        bank_files=bank_files,
        customers=customers,
        bank_accounts=bank_accounts,
        policy=rules,
        outcomes=outcomes,
        as_of=as_of.date() if as_of else None,
        overwrite=overwrite,
        dry_run=dry_run,
        work=work,
        keep_work=keep_work,
        cuts=Cuts(parts=parts or 0, bucket_items=bucket_items),
    )
    formats |= {"lockbox_layout": lockbox_layout, "remittances": remittances}
    report = _matched(job, memory, (master, remote), progress, **formats)
    gates = Gates(exceptions_max=max_exceptions, value_rate_min=min_value_rate)
    return _told(report, gates, as_json=as_json)


def _matched(
    job: ClusterJob,
    memory: Path | None,
    session: tuple[str | None, str | None],
    progress: Any,
    *,
    lockbox_layout: str | None,
    remittances: tuple[str, ...],
    **formats: Any,
) -> ClusterReport:
    """Run `job` in a `session` of Spark (master, remote)."""
    from contextlib import ExitStack

    from cluster.job import match_on_cluster
    from tieout.cluster_inputs import read_remittance_places
    from tieout.cluster_memory import earlier_runs
    from tieout.cluster_output import cluster_hooks
    from tieout.cluster_session import spark_session
    from tieout.progress import ProgressReporter
    from tieout.run_memory import locked_memory

    reading, advice_options = _reading(lockbox_layout, **formats)
    advices = read_remittance_places(remittances, advice_options)
    with ExitStack() as held:
        if memory is not None:
            held.enter_context(locked_memory(memory))
        earlier = None if memory is None else earlier_runs(memory)
        spark = held.enter_context(spark_session(*session))
        reporter = held.enter_context(ProgressReporter(progress))
        return match_on_cluster(spark, job, cluster_hooks(advices, reading, earlier), reporter)


def _told(report: ClusterReport, gates: Gates, *, as_json: bool) -> int:
    """Print what came of it; gives the exit code."""
    from tieout.gates import failed_gates
    from tieout.run_summary import rates_by_value

    failed = failed_gates(gates, report.exceptions, rates_by_value(report.decided))
    _print_report(report, as_json=as_json)
    for name, message in report.refused:
        click.echo(f"tieout: {message or name}", err=True)
    for gate in failed:
        click.echo(f"tieout: gate failed: {gate}", err=True)
    code = ExitCode.PARTIAL if report.refused else ExitCode.GATE if failed else ExitCode.DONE
    return int(code)


def _reading(
    lockbox_layout: str | None,
    *,
    remittance_preset: str | None,
    remittance_decimal: Any,
    remittance_date: Any,
    **ledger: Any,
) -> tuple[ClusterReading, RemittanceOptions]:
    from tieout.cluster_inputs import reading_of
    from tieout.commands.options import ledger_options
    from tieout.remittance_inputs import RemittanceOptions

    advice = RemittanceOptions(
        preset=remittance_preset, decimal=remittance_decimal, date=remittance_date
    )
    return reading_of(lockbox_layout, ledger_options(**ledger)), advice


def _print_report(report: ClusterReport, *, as_json: bool) -> None:
    import msgspec

    from tieout.summary_text import exception_line

    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    for stage in report.stages:
        rows = ", ".join(
            f"{count:,} {name.replace('_', ' ')}" for name, count in stage.rows.items()
        )
        done = "was done" if stage.resumed else f"{stage.seconds:.1f} s"
        click.echo(f"{stage.stage:<20} {done:>10}  {rows}")
    click.echo(exception_line(report.exceptions))
    if report.out is None:
        click.echo("nothing passed on (dry run)")
        return
    click.echo(f"written to {report.out}, manifest {report.manifest_sha256}")
