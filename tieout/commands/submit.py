"""`tieout submit`: bank files to a server."""

from __future__ import annotations

import glob
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from tieout.commands.server_options import (
    SERVER_OPTION,
    credentials_options,
    exit_code_of_call,
    named,
)
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.client import Client, ClientError, Credentials
    from tieout.v1 import bank_file_service_pb2

__all__ = ["submit_command"]

_HELP = """Send bank files to a server and print their receipts.

A file is processed once, by its content: sent again, it gets its first receipt and exit code 0.
FILE `-` reads standard input; a pattern the shell left alone is expanded here. A transfer that
breaks off is taken up again for --patience seconds, and by the next `tieout submit` of the same
file: large files go on where they stopped. Receipts go to stdout, refusals to stderr.

\b
Examples:
  tieout submit statement.bai
  tieout submit 'bank/*.bai' --server treasury:50051 --json
  tieout submit large.xml --no-wait
  tieout submit bank/* --server treasury:50051 --ca-file ca.pem --api-key-file erp.key

\b
Exit codes:
  0   every file is processed, now or before
  4   some files were refused; the others are processed
  5   the request id was used with another content
  65  no file could be used
  66  no such file; nothing was sent
  69  the server cannot be reached
  75  the server is busy; send again, nothing is done twice
  77  not permitted
"""


@click.command("submit", help=_HELP)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
)
@SERVER_OPTION
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Wait for the receipt (default), or end when the server has the file: see `status`.",
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds to go on trying where the server is away or busy.",
)
@click.option("--request-id", default="", help="Your own key of this submission; one FILE only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@credentials_options
def submit_command(
    *,
    files: tuple[Path, ...],
    server: str,
    wait: bool,
    patience: float,
    request_id: str,
    as_json: bool,
    credentials: Credentials,
) -> int:
    """Send the files one after the other; gives the exit code."""
    from tieout.client import Client, Retrying

    files = tuple(_expanded(files))
    if request_id and len(files) > 1:
        message = "--request-id is the key of one file; send the others on their own"
        raise click.UsageError(message)
    for path in files:
        if str(path) != "-" and not path.is_file():
            what = "is a directory; name its files, or use `tieout watch`"
            raise FileNotFoundError(2, what if path.is_dir() else "no such file", str(path))
    retrying = Retrying(attempts=_attempts(patience), longest_seconds=5)
    with Client(server, credentials=credentials, retrying=retrying) as client:
        results = [_send(client, path, request_id, wait=wait) for path in files]
    if as_json:
        _print_json(results)
    else:
        for result in results:
            _print(result)
    return int(_exit_code(results))


class _Result:
    """What became of one file: a receipt, or an error."""

    def __init__(
        self,
        name: str,
        response: bank_file_service_pb2.SubmitBankFileResponse | None,
        error: ClientError | None,
    ) -> None:
        self.name = name
        self.response = response
        self.error = error

    @property
    def exit_code(self) -> ExitCode:
        return exit_code_of_call(self.error) if self.error else ExitCode.DONE


def _expanded(files: tuple[Path, ...]) -> Iterator[Path]:
    """The files, with patterns that no shell expanded in their place, in order of their names."""
    for path in files:
        text = str(path)
        found = [] if text == "-" or path.exists() else sorted(glob.glob(text))  # noqa: PTH207 - as a shell
        yield from (map(Path, found) if found else (path,))


def _attempts(patience: float) -> int:
    """How often to try so that the pauses are about so long: 0.15, 0.3, … up to 5 seconds."""
    attempts, waited, pause = 1, 0.0, 0.15
    while waited + pause <= patience:
        waited += pause
        attempts, pause = attempts + 1, min(2 * pause, 3.75)
    return attempts


def _send(client: Client, path: Path, request_id: str, *, wait: bool) -> _Result:
    from tieout.client import ClientError

    name = "standard input" if str(path) == "-" else path.name
    content: BinaryIO = io.BytesIO(sys.stdin.buffer.read()) if str(path) == "-" else path.open("rb")
    with content:
        try:
            response = client.submit_bank_file(
                content, name, request_id=request_id, background=not wait
            )
        except ClientError as error:
            return _Result(name, None, error)
    return _Result(name, response, None)


def _exit_code(results: list[_Result]) -> ExitCode:
    """The gravest: what stops everything first, then whether all or some were refused."""
    codes = {result.exit_code for result in results}
    for code in (
        ExitCode.UNREACHABLE,
        ExitCode.FORBIDDEN,
        ExitCode.INTERNAL,
        ExitCode.RETRY,
        ExitCode.CONFLICT,
    ):
        if code in codes:
            return code
    if ExitCode.MALFORMED in codes:
        return ExitCode.PARTIAL if ExitCode.DONE in codes else ExitCode.MALFORMED
    return ExitCode.DONE


def _print(result: _Result) -> None:
    from engine.currencies import format_minor
    from tieout.v1 import bank_file_service_pb2 as contract

    if result.response is None:
        click.echo(f"tieout: {named(result.name, result.error)}", err=True)
        return
    if result.response.run_id:
        click.echo(f"{result.name}: run {result.response.run_id}")
        return
    receipt = result.response.bank_file
    state = contract.BankFileState.Name(receipt.state).removeprefix("BANK_FILE_STATE_").lower()
    again = "already processed, " if result.response.already_processed else ""
    click.echo(f"{result.name}: {again}{state} as {receipt.file_id}")
    click.echo(
        f"  {receipt.payment_count} payments, {receipt.application_count} applications, "
        f"{receipt.proposal_count} proposals, {receipt.exception_count} exceptions"
        + (f", {receipt.repeated_payment_count} seen before" * bool(receipt.repeated_payment_count))
    )
    for total in receipt.currency_totals:
        code = total.currency_code
        amount, applied = (
            format_minor(minor, code) for minor in (total.amount_minor, total.applied_minor)
        )
        click.echo(f"  {code} {amount} received, {applied} applied")
    for diagnostic in receipt.diagnostics:
        line = f" line {diagnostic.line}" if diagnostic.HasField("line") else ""
        click.echo(f"{result.name}{line}: {diagnostic.code}: {diagnostic.message}", err=True)


def _print_json(results: list[_Result]) -> None:
    import json

    click.echo(json.dumps({"files": [_as_json(result) for result in results]}, indent=2))


def _as_json(result: _Result) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    if result.response is None or result.error is not None:
        reason = result.error.reason if result.error else ""
        return {
            "name": result.name,
            "error": {"reason": reason, "message": str(result.error)},
        }
    if result.response.run_id:
        return {"name": result.name, "run_id": result.response.run_id}
    return {
        "name": result.name,
        "already_processed": result.response.already_processed,
        "receipt": MessageToDict(
            result.response.bank_file,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        ),
    }
