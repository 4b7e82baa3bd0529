"""`tieout watch`: bank files that are dropped into a folder, sent to a server and acknowledged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tieout.commands.server_options import (
    SERVER_OPTION,
    credentials_options,
    exit_code_of_call,
    named,
)
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from tieout.client import Client, Credentials
    from tieout.drop_folder import Claim, DropFolder

__all__ = ["watch_command"]

_HELP = """Send every bank file that is dropped into DIR to a server, and acknowledge it.

A file is taken once it is whole: its size has not changed for --settle seconds, or a file named as
it and .done, .ok or .sha256 (sha256sum's format, verified) lies beside it. Names that begin with a
dot or end in .tmp, .part, .partial or .filepart are left alone. Processed files go to DIR/done,
refused ones to DIR/error, each with NAME.ack.json: outcome, counts, sums, control totals,
duplicates, and every reason with its line and offset. Nothing is deleted; killed at any moment, the
next start finishes what was begun, and nothing is applied twice.

\b
Examples:
  tieout watch /srv/bank/in --server treasury:50051 --api-key-file watch.key
  tieout watch /srv/bank/in --once --pattern '*.bai' --needs-trigger

\b
Exit codes (with --once, or where it cannot go on):
  0   every file is processed, now or before
  4   some files were refused
  65  every file was refused
  66  no such folder
  69  the server cannot be reached; what was taken is sent the next time
  75  the server is busy, or another process watches DIR
  77  not permitted
  78  DIR, --done-dir and --error-dir are not on one file system
"""
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
_TRANSIENT: Final = (ExitCode.UNREACHABLE, ExitCode.RETRY)


@click.command("watch", help=_HELP)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--done-dir", type=_FOLDER, help="Where processed files go.  [default: DIR/done]")
@click.option("--error-dir", type=_FOLDER, help="Where refused files go.  [default: DIR/error]")
@click.option("--pattern", "patterns", multiple=True, help="Names to take, such as '*.bai'.")
@click.option(
    "--settle", "settle_seconds", type=click.FloatRange(0), default=10.0, show_default=True
)
@click.option(
    "--every", "poll_seconds", type=click.FloatRange(0.05), default=5.0, show_default=True
)
@click.option(
    "--needs-trigger", is_flag=True, help="Take a file only with NAME.done, .ok, .sha256."
)
@click.option("--once", is_flag=True, help="End when everything that is there was taken.")
@click.option(
    "--format", "file_format", type=click.Choice(["json", "csv"]), default="json", show_default=True
)
@SERVER_OPTION
@credentials_options
def watch_command(
    *,
    folder: Path,
    done_dir: Path | None,
    error_dir: Path | None,
    patterns: tuple[str, ...],
    settle_seconds: float,
    poll_seconds: float,
    needs_trigger: bool,
    once: bool,
    file_format: str,
    server: str,
    credentials: Credentials,
) -> int:
    """Watch until told to stop; gives the exit code."""
    from tieout.client import Client
    from tieout.drop_folder import DropFolder, FolderRules

    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder", str(folder))
    rules = FolderRules(
        patterns=patterns or ("*",), settle_seconds=settle_seconds, needs_trigger=needs_trigger
    )
    drops = DropFolder(
        folder, done_dir or folder / "done", error_dir or folder / "error", rules, time.monotonic
    )
    codes: set[ExitCode] = set()
    try:
        with Client(server, credentials=credentials) as client:
            while True:
                drops.take()
                found = {_send(client, drops, claim, file_format) for claim in drops.claims()}
                codes |= found
                if ExitCode.FORBIDDEN in found or (once and _is_held_up(found)):
                    break
                if once and not drops.waiting():
                    break
                if once and needs_trigger:
                    break
                time.sleep(poll_seconds if not once else min(poll_seconds, settle_seconds or 0.05))
        for name in drops.empty():
            click.echo(f"tieout: {name}: empty, left where it is", err=True)
    finally:
        drops.close()
    return int(_exit_code(codes))


def _send(client: Client, drops: DropFolder, claim: Claim, file_format: str) -> ExitCode:
    """Send one file and file it away; what the server has no time for stays where it is."""
    from tieout.client import ClientError
    from tieout.commands.acknowledgements import acknowledged, content_of, refused

    suffix = f".ack.{file_format}"
    wrong = drops.mismatch(claim)
    if wrong:
        told, target, code = (
            refused(claim.name, wrong, claim.claim_id),
            drops.error,
            ExitCode.MALFORMED,
        )
    else:
        try:
            answer = client.submit_bank_file(
                claim.path, claim.name, request_id=f"watch-{claim.claim_id}"
            )
        except ClientError as error:
            code = exit_code_of_call(error)
            click.echo(f"tieout: {named(claim.name, error)}", err=True)
            if code is not ExitCode.MALFORMED:
                return code
            told, target = refused(claim.name, error, claim.claim_id), drops.error
        else:
            told = acknowledged(
                claim.name,
                answer.bank_file,
                already_processed=answer.already_processed,
                claim_id=claim.claim_id,
            )
            target, code = drops.done, ExitCode.DONE
    written = drops.file(claim, target, content_of(told, file_format), suffix)
    click.echo(f"{claim.name}: {told['outcome']}, {written}")
    return code


def _is_held_up(codes: set[ExitCode]) -> bool:
    return any(one in codes for one in _TRANSIENT)


def _exit_code(codes: set[ExitCode]) -> ExitCode:
    for one in (ExitCode.FORBIDDEN, ExitCode.INTERNAL, *_TRANSIENT, ExitCode.CONFLICT):
        if one in codes:
            return one
    if ExitCode.MALFORMED in codes:
        return ExitCode.PARTIAL if ExitCode.DONE in codes else ExitCode.MALFORMED
    return ExitCode.DONE
