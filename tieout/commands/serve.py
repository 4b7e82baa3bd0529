"""`tieout serve`: the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tieout.exit_codes import ExitCode

__all__ = ["serve_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Run the server: gRPC for callers, metrics over HTTP, one store.

The addresses it listens on go to stderr, one line each; port 0 takes a free one. SIGTERM drains:
calls in progress end, then the process does. Every option has a variable TIEOUT_… (TIEOUT_STORE).

\b
Examples:
  tieout serve --open-items open_items.parquet --customers customers.csv
  tieout serve --store postgresql://tieout@db.internal/tieout --spool /var/spool/tieout
  tieout serve --grpc-address 0.0.0.0:50051 --store sqlite:////var/lib/tieout/tieout.db

\b
Exit codes:
  0   drained after SIGTERM or SIGINT
  65  a table is malformed
  66  no such file
  78  bad configuration: store, policy or address
"""


@click.command("serve", help=_HELP, context_settings={"auto_envvar_prefix": "TIEOUT"})
@click.option("--grpc-address", metavar="H:P", default="127.0.0.1:50051", show_default=True)
@click.option("--metrics-address", metavar="H:P", default="127.0.0.1:9464", show_default=True)
@click.option(
    "--store",
    metavar="URL",
    default="sqlite:///tieout.db",
    show_default=True,
    help="Where bank files and decisions are kept: sqlite:///FILE or postgresql://HOST/NAME.",
)
@click.option(
    "--spool", type=_PATH, help="Folder for files on their way; default: beside the store."
)
@click.option("--open-items", type=_PATH, help="The open items to match bank files against.")
@click.option("--customers", type=_PATH, help="The customers.")
@click.option("--bank-accounts", type=_PATH, help="Our own bank accounts.")
@click.option("--policy", type=_PATH, help="The matching rules, as TOML.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Processes that read and match.",
)
def serve_command(*, policy: Path | None, **options: Any) -> int:
    """Serve until told to stop; gives the exit code."""
    import msgspec

    from engine.policy import read_policy
    from rpc.errors import JobFailedError
    from server import AddressError, Settings, run
    from store.errors import StoreError

    try:
        rules = read_policy(_toml(policy) if policy else {})
        given = {name: str(value) for name, value in options.items() if value is not None}
        settings = msgspec.convert(given | {"policy": rules}, Settings, strict=False)
        return run(settings)
    except (AddressError, StoreError) as error:
        click.echo(f"tieout: {error}", err=True)
        return int(ExitCode.CONFIG)
    except JobFailedError as error:
        click.echo(f"tieout: {error}", err=True)
        malformed = error.reason == "TABLE_MALFORMED"
        return int(ExitCode.MALFORMED if malformed else ExitCode.INTERNAL)


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    from engine.errors import PolicyError

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: no TOML: {error}"
        raise PolicyError(message) from error
