"""What every command has that calls a server: where it is, who calls, what its errors end with."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from tieout.client import ClientError, Credentials

__all__ = [
    "SERVER_OPTION",
    "as_dict",
    "credentials_from",
    "credentials_options",
    "exit_code_of_call",
    "named",
    "on_server",
]

_FILE: Final = click.Path(path_type=Path, dir_okay=False)

_OPTIONS: Final = (
    ("--api-key-file", "TIEOUT_API_KEY_FILE", "File with the API key."),
    ("--token-file", "TIEOUT_TOKEN_FILE", "File with a bearer token."),
    ("--ca-file", "TIEOUT_CA_FILE", "Certificate (PEM) of the server's authority: use TLS."),
    ("--certificate-file", "TIEOUT_CERTIFICATE_FILE", "Our own certificate (PEM)."),
    ("--private-key-file", "TIEOUT_PRIVATE_KEY_FILE", "The key of our own certificate (PEM)."),
)

_EXIT_OF_STATUS: Final = {
    "ABORTED": ExitCode.RETRY,
    "DEADLINE_EXCEEDED": ExitCode.RETRY,
    "RESOURCE_EXHAUSTED": ExitCode.RETRY,
    "UNAVAILABLE": ExitCode.RETRY,
    "PERMISSION_DENIED": ExitCode.FORBIDDEN,
    "UNAUTHENTICATED": ExitCode.FORBIDDEN,
    "ALREADY_EXISTS": ExitCode.CONFLICT,
    "INVALID_ARGUMENT": ExitCode.MALFORMED,
    "OUT_OF_RANGE": ExitCode.MALFORMED,
    "NOT_FOUND": ExitCode.MISSING,
    "FAILED_PRECONDITION": ExitCode.GATE,
}
"""Name of a gRPC code → how the command ends; any other one is an internal error."""

SERVER_OPTION: Final = click.option(
    "--server",
    metavar="H:P",
    default="127.0.0.1:50051",
    show_default=True,
    envvar="TIEOUT_SERVER",
    help="The server's gRPC address.",
)


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
            return int(exit_code_of_call(error))
        return int(code or ExitCode.DONE)

    decorated = credentials_options(run)
    json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
    return SERVER_OPTION(json(decorated))


def exit_code_of_call(error: ClientError) -> ExitCode:
    """How a command ends whose call ended with `error`."""
    from tieout.client import UnreachableError

    if isinstance(error, UnreachableError):
        return ExitCode.UNREACHABLE
    code: ExitCode = _EXIT_OF_STATUS.get(error.code.name, ExitCode.INTERNAL)
    return code


def named(name: str, error: object) -> str:
    """What is wrong with the file `name`, its name said once."""
    text = str(error)
    return text if text.startswith(f"{name} ") else f"{name}: {text}"


def credentials_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options; it is called with `credentials`."""

    @wraps(command)
    def with_credentials(**options: Any) -> Any:
        names = [flag.removeprefix("--").replace("-", "_") for flag, _, _ in _OPTIONS]
        files = {name: options.pop(name) for name in names}
        return command(**options, credentials=credentials_from(**files))

    decorated: Callable[..., Any] = with_credentials
    for flag, variable, text in reversed(_OPTIONS):
        decorated = click.option(flag, type=_FILE, envvar=variable, help=text)(decorated)
    return decorated


def credentials_from(**files: Path | None) -> Credentials:
    """Credentials out of the files that options name; raises `OSError`."""
    from tieout.client import Credentials

    return Credentials.from_files(**files)


def as_dict(message: Message) -> dict[str, Any]:
    """An answer as `--json` prints it: names as in the contract."""
    from google.protobuf.json_format import MessageToDict

    return dict(MessageToDict(message, preserving_proto_field_name=True))
