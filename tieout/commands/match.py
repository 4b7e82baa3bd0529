"""`tieout match`: the whole job in one process, no server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import (
    gate_options,
    json_option,
    ledger_options,
    outcome_options,
    preset_options,
    progress_option,
    remittance_format_options,
    table_options,
)

if TYPE_CHECKING:
    import datetime
    from decimal import Decimal

    from tieout.matching_job import JobReport

__all__ = ["match_command"]

_PATH = click.Path(path_type=Path, allow_dash=True)


_HELP = """Match bank files, or payments parsed elsewhere, against open items.

BANKFILE is BAI2, BAI lockbox, camt.053 or MT940, told by its content; `-` reads standard input.
Tables are CSV, Parquet, Arrow or JSON lines, told by their extension.

\b
Example:
  tieout match bank/*.bai --open-items open_items.csv \\
      --customers customers.csv --out runs/2026-09-30

\b
Exit codes:
  0   done; exceptions may exist
  3   a gate failed; the result is written
  4   some bank files were refused; the others are done
  65  no bank file could be used, or a table is malformed
  66  no such file
  75  another run holds --memory; try again
  78  the policy, a lockbox layout, --calibration or --precision is not understood

Whatever stops a run leaves nothing half-written.
"""


@click.command("match", help=_HELP)
@click.argument("bank_files", metavar="[BANKFILE]...", nargs=-1, type=_PATH)
@table_options(open_items_help="Open items, as a table.", is_required=True)
@click.option("--lockbox-layout", type=_PATH, help="Own layouts of lockbox files (TOML).")
@click.option(
    "--remittances",
    type=_PATH,
    multiple=True,
    help="Remittance advice as payers send it: a table, a spreadsheet, remt.001; may be repeated.",
)
@remittance_format_options
@preset_options
@click.option("--policy", type=_PATH, help="Rules and tolerances (tieout.toml).")
@outcome_options
@click.option("--memory", type=_PATH, help="What earlier runs saw and applied; kept up to date.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Date of the run; the latest booking date of the input where not given.",
)
@click.option("--out", type=_PATH, help="Run directory to write: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv", "jsonl"]),
    default="parquet",
    show_default=True,
    help="How the tables are written.",
)
@click.option("--dry-run", is_flag=True, help="Do everything, write nothing.")
@gate_options
@progress_option
@json_option
def match_command(
    *,
    bank_files: tuple[Path, ...],
    payments: Path | None,
    open_items: Path,
    customers: Path | None,
    bank_accounts: Path | None,
    lockbox_layout: Path | None,
    remittances: tuple[Path, ...],
    remittance_preset: str | None,
    remittance_decimal: Any,
    remittance_date: Any,
    policy: Path | None,
    calibration: str | None,
    precision: str | None,
    memory: Path | None,
    as_of: datetime.datetime | None,
    out: Path | None,
    overwrite: bool,
    file_format: Any,
    dry_run: bool,
    max_exceptions: int | None,
    min_value_rate: Decimal | None,
    progress: Any,
    as_json: bool,
    **ledger: Any,
) -> int:
    """Run the job the options describe; gives the exit code."""
    if out is None and not dry_run:
        message = "give --out DIR, or --dry-run to write nothing"
        raise click.UsageError(message)
    if not bank_files and payments is None:
        message = "give at least one BANKFILE, or --payments"
        raise click.UsageError(message)
    import pyarrow as pa

    from tieout.gates import Gates
    from tieout.matching_job import MatchingJob, run_matching_job
    from tieout.progress import ProgressReporter
    from tieout.remittance_inputs import RemittanceOptions

    job = MatchingJob(
        open_items=open_items,
        bank_files=bank_files,
        payments=payments,
        customers=customers,
        bank_accounts=bank_accounts,
        lockbox_layout=lockbox_layout,
        remittances=remittances,
        remittance_options=RemittanceOptions(
            preset=remittance_preset, decimal=remittance_decimal, date=remittance_date
        ),
        ledger_options=ledger_options(**ledger),
        policy=policy,
        calibration=calibration,
        precision=precision,
        memory=memory,
        as_of=as_of.date() if as_of else None,
        out=None if dry_run else out,
        overwrite=overwrite,
        format=file_format,
        gates=Gates(exceptions_max=max_exceptions, value_rate_min=min_value_rate),
    )
    # Arrow's own pool gives memory back at once and takes it again: an eighth of a run's core time.
    pa.set_memory_pool(pa.system_memory_pool())
    with ProgressReporter(progress) as reporter:
        report = run_matching_job(job, reporter, stdin=sys.stdin.buffer)
    _print_report(report, as_json=as_json)
    return int(report.exit_code)


def _print_report(report: JobReport, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(report, enc_hook=str))
    else:
        from tieout.summary_text import summary_text

        click.echo(summary_text(report.summary, report.out))
    for file in report.refused:
        click.echo(f"tieout: {file.message}", err=True)
    for fault in report.faults:
        click.echo(f"tieout: {fault}", err=True)
    for gate in report.failed_gates:
        click.echo(f"tieout: gate failed: {gate}", err=True)
