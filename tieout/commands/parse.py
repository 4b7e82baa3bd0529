"""`tieout parse`: bank files to payments and diagnostics, offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tieout.intake import Intake

__all__ = ["parse_command"]

_PATH = click.Path(path_type=Path, allow_dash=True)
_HELP = """Read bank files: payments, control totals, diagnostics; no open items, no server.

FILE is BAI2, BAI lockbox or camt.053, told by its content; `-` reads standard input. The summary
of each file goes to stdout, what is wrong with it to stderr.

\b
Examples:
  tieout parse statement.bai
  tieout parse bank/* --out parsed --format csv

\b
Exit codes:
  0   every file was read; diagnostics may exist
  4   some files were refused; the others were read
  65  no file could be used
  66  no such file
"""


@click.command("parse", help=_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PATH)
@click.option("--bank-accounts", type=_PATH, help="Our own bank accounts, as a table.")
@click.option("--out", type=_PATH, help="Directory for the tables: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote to --out.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv", "jsonl"]),
    default="parquet",
    show_default=True,
    help="How the tables are written.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def parse_command(
    *,
    files: tuple[Path, ...],
    bank_accounts: Path | None,
    out: Path | None,
    overwrite: bool,
    file_format: Any,
    as_json: bool,
) -> int:
    """Read the files and print, or write, what they hold; gives the exit code."""
    from parsers.tables import read_bank_accounts
    from tieout.exit_codes import ExitCode
    from tieout.intake import read_bank_files
    from tieout.run_directory import check_output_directory

    if out is not None:
        check_output_directory(out, overwrite=overwrite)
    accounts = None if bank_accounts is None else read_bank_accounts(bank_accounts)
    intake = read_bank_files(files, accounts, sys.stdin.buffer)
    intake.require_usable()
    if out is not None:
        _write(intake, out, file_format=file_format, overwrite=overwrite)
    _print(intake, as_json=as_json)
    for refused in intake.refused:
        click.echo(f"tieout: {refused.message}", err=True)
    return int(ExitCode.PARTIAL if intake.refused else ExitCode.DONE)


def _write(intake: Intake, out: Path, *, file_format: Any, overwrite: bool) -> None:
    import msgspec

    from parsers.table_identity import in_key_order
    from tieout.parse_report import parse_report
    from tieout.run_directory import RunTables, output_tables, write_run

    tables = RunTables(
        payments=in_key_order(intake.payments),
        remittances=in_key_order(intake.remittances),
        control_checks=intake.control_checks,
        diagnostics=intake.diagnostics,
    )
    report = msgspec.json.format(msgspec.json.encode(parse_report(intake)), indent=2) + b"\n"
    write_run(
        out,
        output_tables(tables),
        file_format=file_format,
        documents=lambda: {"summary.json": report},
        explain={},
        overwrite=overwrite,
    )


def _print(intake: Intake, *, as_json: bool) -> None:
    import msgspec

    from tieout.parse_report import diagnostic_texts, parse_report, report_table

    report = parse_report(intake)
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    click.echo(report_table(report))
    for text in diagnostic_texts(intake.diagnostics):
        click.echo(text, err=True)
