"""The options every command has that calls a server: where it is, and who calls."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.client import Credentials

__all__ = ["credentials_from", "credentials_options"]

_FILE: Final = click.Path(path_type=Path, dir_okay=False)

_OPTIONS: Final = (
    ("--api-key-file", "TIEOUT_API_KEY_FILE", "File with the API key."),
    ("--token-file", "TIEOUT_TOKEN_FILE", "File with a bearer token."),
    ("--ca-file", "TIEOUT_CA_FILE", "Certificate (PEM) of the server's authority: use TLS."),
    ("--certificate-file", "TIEOUT_CERTIFICATE_FILE", "Our own certificate (PEM)."),
    ("--private-key-file", "TIEOUT_PRIVATE_KEY_FILE", "The key of our own certificate (PEM)."),
)


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
