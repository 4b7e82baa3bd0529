"""`tieout parse`: bank files to payments and diagnostics, offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import bank_accounts_option, json_option
from tieout.loading import loading

if TYPE_CHECKING:
    from tieout.parse_job import ParseOutcome

__all__ = ["parse_command"]

_PATH = click.Path(path_type=Path, allow_dash=True)
_HELP = """Read bank files: payments, control totals, diagnostics; no open items, no server.

FILE is told by its content; gzip and ZIP are unpacked; `-` reads standard input. The summary of
each file goes to stdout, what is wrong with it to stderr. A single file is read and written part by
part: a gigabyte needs little more memory than a megabyte.

\b
Examples:
  tieout parse statement.bai
  tieout parse bank/* --out parsed --format csv
  tieout parse statement.bai --show 1204

\b
Exit codes:
  0   every file was read; diagnostics may exist
  2   no payment answers to --show
  4   some files were refused; the others were read
  65  no file could be used
  66  no such file
  78  the lockbox layouts are not understood
"""


@click.command("parse", help=_HELP)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PATH)
@bank_accounts_option
@click.option("--lockbox-layout", type=_PATH, help="Own layouts of lockbox files (TOML).")
@click.option("--schema", type=_PATH, help="Folder of camt XSDs: report what violates them.")
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
@click.option(
    "--show",
    metavar="ID|LINE",
    help="Show one payment's record, by its id or a line of it, and where each fact stands.",
)
@json_option
def parse_command(
    *,
    files: tuple[Path, ...],
    bank_accounts: Path | None,
    lockbox_layout: Path | None,
    schema: Path | None,
    out: Path | None,
    overwrite: bool,
    file_format: Any,
    show: str | None,
    as_json: bool,
) -> int:
    """Read the files and print, or write, what they hold; gives the exit code."""
    if show is not None:
        return _show(files, bank_accounts, show, as_json=as_json)
    with loading():
        from tieout.exit_codes import ExitCode
        from tieout.output_directory import check_output_directory
        from tieout.parse_job import ParseJob, run_parse_job
        from tieout.progress import ByteProgress

    if out is not None:
        check_output_directory(out, overwrite=overwrite)
    given: dict[str, Any] = {}
    if bank_accounts is not None:
        from parsers.tables import read_bank_accounts

        given["bank_accounts"] = read_bank_accounts(bank_accounts)
    if lockbox_layout is not None:
        from tieout.own_layouts import read_own_layouts

        given["lockbox_layouts"] = read_own_layouts(lockbox_layout).layouts
    if schema is not None:
        from tieout.own_schemas import read_schemas

        given["camt_schemas"] = read_schemas(schema)
    job = ParseJob(files=files, out=out, overwrite=overwrite, format=file_format, **given)
    with ByteProgress() as progress:
        outcome = run_parse_job(job, stdin=sys.stdin.buffer, observe=progress)
    _print(outcome, as_json=as_json)
    for refused in outcome.refused:
        click.echo(f"tieout: {refused.message}", err=True)
    return int(ExitCode.PARTIAL if outcome.refused else ExitCode.DONE)


def _show(
    files: tuple[Path, ...], bank_accounts: Path | None, wanted: str, *, as_json: bool
) -> int:
    """Print the records of the payments `wanted`."""
    import msgspec

    from parsers.read_options import ReadOptions
    from tieout.record_search import find_records
    from tieout.record_view import RecordNotFoundError, record_lines

    options = ReadOptions()
    if bank_accounts is not None:
        from parsers.tables import read_bank_accounts

        options = ReadOptions(bank_accounts=read_bank_accounts(bank_accounts))
    try:
        found = find_records(files, wanted, options, sys.stdin.buffer)
    except RecordNotFoundError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode({"payments": found}))
        return 0
    for shown in found:
        row = shown.payment
        payer = row["payer_name"] or "an unnamed payer"
        head = f"Payment {row['payment_id']}: {row['amount']} {row['currency']} from {payer}"
        click.echo("\n".join([head, *record_lines(shown.record)]))
    return 0


def _print(outcome: ParseOutcome, *, as_json: bool) -> None:
    import msgspec

    from tieout.parse_report import report_table

    found = outcome.diagnostics
    if as_json:
        told = {"diagnostics": found.rows(), "diagnostics_left_out": found.left_out()}
        click.echo(msgspec.json.encode(msgspec.to_builtins(outcome.report) | told))
        return
    click.echo(report_table(outcome.report))
    for text in found.texts():
        click.echo(text, err=True)
