"""`tieout status`, `results`, `ack`: what a server has made of bank files."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import on_server
from tieout.exit_codes import OutputDirectoryError

if TYPE_CHECKING:
    from tieout.client import Client
    from tieout.run_tables import RunTables
    from tieout.v1 import bank_file_service_pb2

__all__ = ["ack_command", "results_command", "status_command"]

_ID: Final = re.compile("[0-9a-f]{64}")
_RUN: Final = re.compile("[0-9a-f]{32}")
_CODES: Final = """
\b
Exit codes:
  0   done
  2   an option or its value is wrong
  66  the server does not know the file
  69  the server cannot be reached
  75  the server is busy; ask again
  77  not permitted
"""
_FILE_HELP: Final = "FILE is a file's id (64 digits of a receipt), or the file itself."


@click.command(
    "status",
    help="Say what became of bank files; without FILE, of the latest ones.\n\n"
    f"{_FILE_HELP} A run's id works as well.\n\n\b\nExamples:\n"
    "  tieout status\n  tieout status statement.bai --server treasury:50051\n" + _CODES,
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@on_server
def status_command(*, client: Client, as_json: bool, files: tuple[str, ...], limit: int) -> None:
    """Print receipts."""
    from tieout.v1 import bank_file_service_pb2 as contract

    runs = [one for one in files if _RUN.fullmatch(one)]
    receipts = [client.get_bank_file(_file_id(one)) for one in files if one not in runs]
    if not files:
        request = contract.ListBankFilesRequest(page_size=limit)
        receipts = list(client.call(request, contract.ListBankFilesResponse).bank_files)
    told = [_run(client, one) for one in runs] + [_shown(one) for one in receipts]
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    for one in told:
        name = one["file_name"] or "-"
        click.echo(f"{name}: {one['state']}, {one['received_at'][:19]}Z as {one['id']}")
        click.echo(f"  {one['words']}")


@click.command(
    "results",
    help="Write what became of a bank file's payments: the tables of `tieout match`.\n\n"
    f"{_FILE_HELP} With --table one table goes to stdout (or --out), else --out is a folder that "
    "must be empty or new.\n\n\b\nExamples:\n"
    "  tieout results statement.bai --table applications --format csv\n"
    "  tieout results statement.bai --format parquet --out results\n" + _CODES,
)
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
)
@click.option("--table", help="payments, remittance_lines, applications, reversals, exceptions, …")
@click.option("--out", type=click.Path(path_type=Path), help="Where to; stdout where not given.")
@on_server
def results_command(
    *,
    client: Client,
    as_json: bool,
    file: str,
    file_format: Any,
    table: str | None,
    out: Path | None,
) -> None:
    """Write tables."""
    from tieout.run_formats import table_bytes
    from tieout.run_tables import TABLE_NAMES, output_tables

    if table is not None and table not in TABLE_NAMES:
        message = f"--table {table!r} is none of {', '.join(TABLE_NAMES)}"
        raise click.UsageError(message)
    if table is None and out is None:
        message = "say which --table goes to stdout, or --out a folder for all of them"
        raise click.UsageError(message)
    if table is None and out is not None and out.exists() and any(out.iterdir()):
        message = f"{out} is not empty; results go into a new folder"
        raise OutputDirectoryError(message)
    tables = output_tables(_tables(client, _file_id(file)))
    if table is not None:
        content = table_bytes(tables[table], file_format)
        if out is None:
            sys.stdout.buffer.write(content)
        else:
            out.write_bytes(content)
        return
    assert out is not None  # noqa: S101 - asked for above
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, rows in tables.items():
        (out / f"{name}.{file_format}").write_bytes(table_bytes(rows, file_format))
        counts[name] = rows.rows.num_rows
    if as_json:
        click.echo(json.dumps(counts))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()), err=True)


@click.command(
    "ack",
    help="Write the acknowledgement of a bank file: outcome, counts, sums, control totals, "
    "duplicates, and every reason with its line and offset.\n\n"
    f"{_FILE_HELP}\n\n\b\nExample:\n  tieout ack statement.bai > statement.bai.ack.json\n" + _CODES,
)
@click.argument("file", metavar="FILE")
@click.option(
    "--format", "file_format", type=click.Choice(["json", "csv"]), default="json", show_default=True
)
@on_server
def ack_command(*, client: Client, as_json: bool, file: str, file_format: str) -> None:
    """Write the acknowledgement to stdout."""
    from tieout.commands.acknowledgements import acknowledged, content_of

    receipt = client.get_bank_file(_file_id(file))
    name = receipt.file_name if _ID.fullmatch(file) else Path(file).name
    told = acknowledged(name, receipt, already_processed=False)
    sys.stdout.buffer.write(content_of(told, "json" if as_json else file_format))


def _file_id(text: str) -> str:
    """The id in `text`, or that of the file it names; raises `FileNotFoundError`."""
    if _ID.fullmatch(text):
        return text
    with Path(text).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(receipt: bank_file_service_pb2.BankFile) -> dict[str, Any]:
    from tieout.commands.acknowledgements import acknowledged

    told = acknowledged(receipt.file_name, receipt, already_processed=False)
    counts = told["counts"]
    words = (
        f"{counts['payments']} payments, {counts['applications']} applications, "
        f"{counts['proposals']} proposals, {counts['exceptions']} exceptions"
    )
    kept = {name: told[name] for name in ("file_name", "state", "received_at", "counts", "sums")}
    return {"id": receipt.file_id, "kind": "bank_file", "words": words} | kept


def _run(client: Client, run_id: str) -> dict[str, Any]:
    from tieout.commands.runs import shown_run
    from tieout.v1 import run_service_pb2 as contract

    run = client.call(contract.GetRunRequest(run_id=run_id), contract.GetRunResponse).run
    shown = shown_run(run)
    words = shown["words"] or "not kept yet"
    return shown | {"kind": "run", "received_at": shown["create_time"], "words": words}


def _tables(client: Client, file_id: str) -> RunTables:
    """Everything of a file, as a run of `tieout match` has it."""
    import pyarrow as pa

    from engine import batches
    from tieout.run_tables import RunTables
    from tieout.v1 import bank_file_service_pb2 as contract

    receipt = client.get_bank_file(file_id)
    found = client.bank_file_tables(file_id)

    def batch(kind: Any, name: str) -> Any:
        table = found[name].select(kind.SCHEMA.names).cast(kind.SCHEMA).combine_chunks()
        rows = table.to_batches()
        return kind.of_distinct(rows[0]) if rows else kind.empty()

    checks: list[Any] = []
    asked = contract.ListControlChecksRequest(file_id=file_id, page_size=1_000)
    for page in client.pages(asked, contract.ListControlChecksResponse):
        checks += page.control_checks
    notes: list[Any] = []
    wanted = contract.ListDiagnosticsRequest(file_id=file_id, page_size=1_000)
    for other in client.pages(wanted, contract.ListDiagnosticsResponse):
        notes += other.diagnostics
    return RunTables(
        payments=batch(batches.PaymentBatch, "payments"),
        outcomes=batch(batches.PaymentOutcomeBatch, "payment_outcomes"),
        remittances=batch(batches.RemittanceBatch, "remittance_lines"),
        applications=batch(batches.ApplicationBatch, "applications"),
        reversals=batch(batches.ReversalBatch, "reversals"),
        exceptions=batch(batches.ExceptionBatch, "exceptions"),
        control_checks=_rows(batches.ControlCheckBatch, checks, receipt.file_name, pa),
        diagnostics=_rows(batches.DiagnosticBatch, notes, receipt.file_name, pa),
    )


def _rows(kind: Any, messages: list[Any], source_file: str, pa: Any) -> Any:
    """A batch of messages whose fields are its columns."""
    columns: dict[str, list[Any]] = {}
    for field in kind.SCHEMA:
        values = [_value(one, field.name, source_file) for one in messages]
        columns[field.name] = values
    return kind.of_distinct(pa.RecordBatch.from_pydict(columns, schema=kind.SCHEMA))


def _value(message: Any, name: str, source_file: str) -> Any:
    from tieout.v1 import bank_file_service_pb2 as contract

    if name == "source_file":
        return source_file
    if name == "severity":
        return contract.Severity.Name(message.severity).removeprefix("SEVERITY_").lower()
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.has_presence and not message.HasField(name):
        return None
    return getattr(message, name)
