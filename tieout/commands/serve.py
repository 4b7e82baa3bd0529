"""`tieout serve`: the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tieout.exit_codes import ExitCode

__all__ = ["serve_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Run the server: gRPC, the workbench and JSON over HTTP, metrics, one store.

Settings come from --config, a TOML file; an option, or its variable TIEOUT_… (TIEOUT_STORE),
replaces one of them. The addresses it listens on go to stderr, one line each; port 0 takes a free
one. SIGTERM drains: calls in progress end, then the process does.

Without sign-in everybody is an admin, so it listens on this machine only; [authentication] and
[tls] of the file open it to others.

\b
Examples:
  tieout serve --open-items open_items.parquet --customers customers.csv
  tieout serve --http-address 127.0.0.1:8080
  tieout serve --store postgresql://tieout@db.internal/tieout --spool /var/spool/tieout
  tieout serve --config /etc/tieout/tieout.toml

\b
Exit codes:
  0   drained after SIGTERM or SIGINT
  65  a table is malformed
  66  no such file
  78  bad configuration: a setting, store, policy, certificate or address
"""


@click.command("serve", help=_HELP, context_settings={"auto_envvar_prefix": "TIEOUT"})
@click.option("--config", type=_PATH, help="The settings: tieout.toml.")
@click.option("--grpc-address", metavar="H:P", help="Default: 127.0.0.1:50051.")
@click.option(
    "--http-address", metavar="H:P", help="Workbench and JSON. Default: 127.0.0.1:50080; '' is off."
)
@click.option("--metrics-address", metavar="H:P", help="Default: 127.0.0.1:9464.")
@click.option(
    "--store",
    metavar="URL",
    help="Where bank files and decisions are kept: sqlite:///FILE (default sqlite:///tieout.db) "
    "or postgresql://HOST/NAME.",
)
@click.option(
    "--spool",
    type=_PATH,
    help="Folder for files on their way; default: beside the store, for PostgreSQL below "
    "~/.local/state/tieout.",
)
@click.option("--open-items", type=_PATH, help="The open items to match bank files against.")
@click.option("--customers", type=_PATH, help="The customers.")
@click.option("--bank-accounts", type=_PATH, help="Our own bank accounts.")
@click.option("--policy", type=_PATH, help="The matching rules, as TOML.")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes that read and match; default: 2."
)
def serve_command(*, config: Path | None, **options: Any) -> int:
    """Serve until told to stop; gives the exit code."""
    from rpc.errors import JobFailedError
    from server import run
    from store.errors import StoreError
    from tieout.configuration import read_configuration

    given = {name: str(value) for name, value in options.items() if value is not None}
    try:
        return run(read_configuration(config, given))
    except StoreError as error:
        click.echo(f"tieout: {error}", err=True)
        return int(ExitCode.CONFIG)
    except JobFailedError as error:
        click.echo(f"tieout: {error}", err=True)
        malformed = error.reason == "TABLE_MALFORMED"
        return int(ExitCode.MALFORMED if malformed else ExitCode.INTERNAL)
