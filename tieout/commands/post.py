"""`tieout post`: the result of a run made elsewhere, to a server that keeps and posts it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.server_options import on_server
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.client import Client
    from tieout.result_files import ResultFiles
    from tieout.v1 import application_service_pb2 as contract

__all__ = ["post_command"]

_HELP = """Post the result of `tieout match` or `tieout cluster match` on a server.

RUN_DIR is a folder of Parquet tables. The server proves again that every cent is accounted for,
keeps the payments, posts what its open items still allow, and makes cases of the rest. A result is
posted once, by the hash of its manifest: sent again, it gets its first answer and exit code 0.

Lines whose item has changed since the run are stale: their payments are kept undecided, with the
line as a proposal, and are listed here row by row. Payments that the server has already, from a
bank file or another result, are left out.

\b
Examples:
  tieout match statement.bai --open-items items.parquet --out run && tieout post run
  tieout post run --dry-run --json
  tieout post /mnt/results/2026-09-30 --server treasury:50051 --api-key-file erp.key

\b
Exit codes:
  0   everything is posted, now or before
  2   an option or its value is wrong
  4   some lines are stale; the others are posted
  5   the request id was used with another result
  65  the folder is no result, or not what its manifest says
  66  no such folder
  69  the server cannot be reached
  75  the server is busy; send again, nothing is done twice
  77  not permitted
"""
_SHOWN = 20


@click.command("post", help=_HELP)
@click.argument("run_dir", metavar="RUN_DIR", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What it is called, for people.  [the folder's name]")
@click.option("--request-id", default="", help="Your own key of this call.")
@click.option("--dry-run", is_flag=True, help="Say what would be posted; nothing is kept.")
@click.option(
    "--background", is_flag=True, help="Do not wait: the server posts it as a run (`tieout runs`)."
)
@on_server
def post_command(
    *,
    client: Client,
    as_json: bool,
    run_dir: Path,
    name: str,
    request_id: str,
    dry_run: bool,
    background: bool,
) -> int:
    """Send a result; gives the exit code."""
    from tieout.progress import ByteProgress
    from tieout.result_files import ResultFiles
    from tieout.v1 import application_service_pb2 as contract

    result = ResultFiles.open(run_dir)
    header = contract.PostResultsHeader(
        request_id=request_id or uuid.uuid4().hex,
        manifest_sha256=result.sha256,
        name=name or run_dir.resolve().name,
        validate_only=dry_run,
        background=background,
    )
    with ByteProgress() as told:
        answer = client.send(lambda: _parts(header, result, told), contract.PostResultsResponse)
    if as_json:
        from google.protobuf.json_format import MessageToDict

        click.echo(json.dumps(MessageToDict(answer, preserving_proto_field_name=True), indent=2))
    else:
        _print(answer, dry_run=dry_run)
    return int(ExitCode.PARTIAL if answer.stale_line_count else ExitCode.DONE)


def _parts(
    header: contract.PostResultsHeader, result: ResultFiles, told: Any
) -> Iterator[contract.PostResultsRequest]:
    from tieout.v1 import application_service_pb2 as contract

    yield contract.PostResultsRequest(header=header)
    sent, size = 0, result.size_bytes
    for path, content in result.chunks():
        chunk = contract.ResultFileChunk(path=path, content=content)
        yield contract.PostResultsRequest(file=chunk)
        sent += len(content)
        told(min(sent, size), size)


def _print(answer: contract.PostResultsResponse, *, dry_run: bool) -> None:
    if answer.run_id:
        click.echo(f"run {answer.run_id}")
        return
    kept = answer.bank_file
    words = "would be posted" if dry_run else "posted"
    before = ", processed before" if answer.already_processed else ""
    click.echo(f"{kept.file_name}: {kept.payment_count} payments as {kept.file_id}{before}")
    click.echo(
        f"  {answer.posted_count} applications {words}, {kept.exception_count} exceptions, "
        f"{answer.known_payment_count} payments known before"
    )
    if not answer.stale_line_count:
        return
    click.echo(
        f"tieout: {answer.stale_line_count} lines of {answer.stale_payment_count} payments are "
        "stale",
        err=True,
    )
    for line in answer.stale_lines[:_SHOWN]:
        item = f" item {line.open_item_id}" if line.open_item_id else ""
        click.echo(
            f"  row {line.row_index}: payment {line.payment_id}{item}: {line.message} "
            f"({line.reason})",
            err=True,
        )
    if answer.stale_line_count > _SHOWN:
        click.echo("  … --json lists more of them", err=True)
