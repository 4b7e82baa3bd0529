"""Options of commands that read a ledger's tables and send them to a server."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import credentials_options
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.client import ClientError

__all__ = ["ledger_options", "on_server", "preset_options", "sending_options"]

_EXIT_OF_STATUS: Final = {
    "ABORTED": ExitCode.RETRY,
    "DEADLINE_EXCEEDED": ExitCode.RETRY,
    "RESOURCE_EXHAUSTED": ExitCode.RETRY,
    "UNAVAILABLE": ExitCode.RETRY,
    "PERMISSION_DENIED": ExitCode.FORBIDDEN,
    "UNAUTHENTICATED": ExitCode.FORBIDDEN,
    "ALREADY_EXISTS": ExitCode.CONFLICT,
    "INVALID_ARGUMENT": ExitCode.MALFORMED,
}


def ledger_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a file that an ERP exported."""
    options = (
        click.option("--preset", help="The ERP it comes from, or a TOML file; see presets."),
        click.option(
            "--decimal", type=click.Choice([".", ","]), help="What stands before the decimals."
        ),
        click.option(
            "--date", type=click.Choice(["DMY", "MDY", "YMD"]), help="Order of day, month, year."
        ),
        click.option("--currency", default="", help="Currency where no column says it."),
        click.option("--company", default="", help="Company where no column says it."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def preset_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and how the answer is printed."""
    json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
    return ledger_options(json(command))


def sending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of an import."""
    options = (
        click.option("--snapshot", is_flag=True, help="FILE is all there is in its companies."),
        click.option("--dry-run", is_flag=True, help="Say what would change, change nothing."),
        click.option("--request-id", default="", help="Your own key of this import."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def on_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options of a server and a `client`; errors become exit codes."""

    @wraps(command)
    def run(*, server: str, credentials: Any, **options: Any) -> int:
        from tieout.client import Client, ClientError

        try:
            with Client(server, credentials=credentials) as client:
                code = command(client=client, **options)
        except ClientError as error:
            reason = f" ({error.reason})" if error.reason else ""
            click.echo(f"tieout: {error}{reason}", err=True)
            return int(_exit_code(error))
        return int(code or ExitCode.DONE)

    decorated = credentials_options(run)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
        click.option(
            "--server",
            metavar="H:P",
            default="127.0.0.1:50051",
            show_default=True,
            envvar="TIEOUT_SERVER",
            help="The server's gRPC address.",
        ),
    ):
        decorated = option(decorated)
    return decorated


def _exit_code(error: ClientError) -> ExitCode:
    from tieout.client import UnreachableError

    if isinstance(error, UnreachableError):
        return ExitCode.UNREACHABLE
    code: ExitCode = _EXIT_OF_STATUS.get(error.code.name, ExitCode.INTERNAL)
    return code
