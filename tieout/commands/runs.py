"""`tieout runs`: what a server does while nobody waits, and what became of all it was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import on_server
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.client import Client
    from tieout.v1 import run_service_pb2

__all__ = ["runs_command", "shown_run"]

_CODES: Final = """
\b
Exit codes:
  0   done; of `wait` and `watch`: the run has had its effect
  2   an option or its value is wrong
  3   the run failed, or somebody cancelled it
  66  no such run
  69  the server cannot be reached
  75  the run has not ended yet, or the server is busy; ask again
  77  not permitted
"""
_HELP = (
    """Runs of a server: bank files and imports that were accepted, followed to their end.

\b
Examples:
  tieout runs list --state failed
  tieout submit large.xml --no-wait && tieout runs wait 5f0c81d2a97b3e445f0c81d2a97b3e44
  tieout runs watch 5f0c81d2a97b3e445f0c81d2a97b3e44 --json
  tieout runs cancel 5f0c81d2a97b3e445f0c81d2a97b3e44
"""
    + _CODES
)
_KINDS: Final = ("bank_file", "open_items", "customers")
_STATES: Final = ("waiting", "running", "done", "failed", "cancelled")
_ENDINGS: Final = {
    "done": ExitCode.DONE,
    "failed": ExitCode.GATE,
    "cancelled": ExitCode.GATE,
}
"""State of a run that somebody followed → how the command ends; any other one has not ended."""

_LISTED: Final = 20
_WAIT_SECONDS: Final = 900.0


@click.group("runs", help=_HELP)
def runs_command() -> None:
    """The group of commands."""


def _command(name: str, text: str) -> Callable[[Callable[..., Any]], Any]:
    """A command of the group, with the options of a server."""

    def decorate(run: Callable[..., Any]) -> Any:
        return runs_command.command(name, help=text + "\n" + _CODES)(on_server(run))

    return decorate


_run = click.argument("run", metavar="RUN")


@_command("list", "List runs, the latest first.")
@click.option("--kind", type=click.Choice(_KINDS), help="Such runs only.")
@click.option("--state", type=click.Choice(_STATES), help="Runs in that state only.")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
def _list(
    *, client: Client, as_json: bool, kind: str | None, state: str | None, limit: int
) -> None:
    """List runs."""
    from tieout.v1 import run_service_pb2 as contract

    request = contract.ListRunsRequest(
        page_size=min(limit, 1_000),
        kind=contract.RunKind.Value(f"RUN_KIND_{(kind or 'unspecified').upper()}"),
        state=contract.RunState.Value(f"RUN_STATE_{(state or 'unspecified').upper()}"),
    )
    found: list[run_service_pb2.Run] = []
    for page in client.pages(request, contract.ListRunsResponse):
        found += page.runs
        if len(found) >= limit:
            break
    shown = [shown_run(one) for one in found[:limit]]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    for one in shown:
        click.echo(_line(one))


@_command("show", "Show one run: what it does, where it is, what it came to.")
@_run
def _show(*, client: Client, as_json: bool, run: str) -> None:
    """Show a run."""
    from tieout.v1 import run_service_pb2 as contract

    found = client.call(contract.GetRunRequest(run_id=run), contract.GetRunResponse).run
    _print(shown_run(found), as_json=as_json)


@_command("wait", "Wait until a run has ended, and show it.")
@_run
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=_WAIT_SECONDS,
    show_default=True,
    help="Seconds to wait at most; exit code 75 when they are over.",
)
def _wait(*, client: Client, as_json: bool, run: str, timeout: float) -> int:
    """Wait for a run; gives the exit code."""
    shown = shown_run(client.wait_run(run, timeout))
    _print(shown, as_json=as_json)
    return int(_ENDINGS.get(shown["state"], ExitCode.RETRY))


@_command("watch", "Show a run after every change until it has ended; with --json a line each.")
@_run
def _watch(*, client: Client, as_json: bool, run: str) -> int:
    """Watch a run; gives the exit code."""
    state = ""
    for part in client.watch_run(run):
        shown = shown_run(part.run)
        state = shown["state"]
        click.echo(json.dumps(shown) if as_json else _line(shown))
    return int(_ENDINGS.get(state, ExitCode.RETRY))


@_command(
    "cancel", "End a run before it has had its effect; exit code 3 where it has ended before."
)
@_run
def _cancel(*, client: Client, as_json: bool, run: str) -> int:
    """Cancel a run; gives the exit code."""
    from tieout.v1 import run_service_pb2 as contract

    found = client.call(contract.CancelRunRequest(run_id=run), contract.CancelRunResponse).run
    shown = shown_run(found)
    _print(shown, as_json=as_json)
    return int(ExitCode.DONE if shown["state"] == "cancelled" else ExitCode.GATE)


def shown_run(run: run_service_pb2.Run) -> dict[str, Any]:
    """A run as its JSON object; `words` says what it came to."""
    from google.protobuf.json_format import MessageToDict

    from tieout.v1 import run_service_pb2 as contract

    shown: dict[str, Any] = {
        "id": run.run_id,
        "kind": contract.RunKind.Name(run.kind).removeprefix("RUN_KIND_").lower(),
        "state": contract.RunState.Name(run.state).removeprefix("RUN_STATE_").lower(),
        "file_name": run.file_name,
        "size_bytes": run.size_bytes,
        "started_by": run.started_by,
        "words": _words(run),
    }
    for name in ("create_time", "start_time", "end_time"):
        if run.HasField(name):
            shown[name] = getattr(run, name).ToJsonString()
    result = run.WhichOneof("result")
    if run.HasField("error"):
        shown["error"] = MessageToDict(run.error, preserving_proto_field_name=True)
    if result is not None:
        message = getattr(run, result)
        shown["result"] = MessageToDict(message, preserving_proto_field_name=True)
    return shown


def _words(run: run_service_pb2.Run) -> str:
    if run.HasField("error"):
        return f"{run.error.message} ({run.error.reason})"
    result = run.WhichOneof("result")
    if result == "bank_file":
        kept = run.bank_file.bank_file
        before = ", processed before" if run.bank_file.already_processed else ""
        return f"file {kept.file_id}, {kept.payment_count} payments{before}"
    if result == "imported":
        counts = run.imported
        return (
            f"{counts.inserted_count} inserted, {counts.updated_count} updated, "
            f"{counts.removed_count} removed, {counts.unchanged_count} unchanged"
        )
    return ""


def _line(shown: dict[str, Any]) -> str:
    parts = [shown["id"], shown["state"], shown["kind"], shown["create_time"][:19] + "Z"]
    return "  ".join([*parts, *filter(None, (shown["file_name"], shown["words"]))])


def _print(shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    for name in ("id", "kind", "state", "file_name", "size_bytes", "started_by", "words"):
        if shown[name]:
            click.echo(f"{name.replace('_', ' ')}: {shown[name]}")
    for name in ("create_time", "start_time", "end_time"):
        if name in shown:
            click.echo(f"{name.replace('_', ' ')}: {shown[name][:19]}Z")
