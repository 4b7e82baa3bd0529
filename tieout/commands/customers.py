"""`tieout customers`: an ERP's customers sent to a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.ledger_options import export_options, ledger_options, sending_options
from tieout.commands.server_options import on_server

if TYPE_CHECKING:
    from tieout.client import Client

__all__ = ["customers_command", "import_command"]

_IMPORT_HELP = """Send the customers of FILE to a server, in one transaction.

Rows are new or changed ones; all others stay. With --snapshot FILE is every customer of the
companies it names: who is not in it is gone.

\b
Examples:
  tieout customers import customers.csv --snapshot
  tieout customers import customers.xlsx --preset sap --server treasury:50051 --json

\b
Exit codes:
  0   imported (with --dry-run: it could be)
  5   the request id was used with another content
  65  FILE or a row of it is malformed; nothing was changed
  66  no such file
  69  the server cannot be reached
  75  the server is busy; send again
  77  not permitted
"""


@click.group("customers", help="Customers of a server.")
def customers_command() -> None:
    """Group the commands."""


@customers_command.command("import", help=_IMPORT_HELP)
@click.argument("file", type=click.Path(path_type=Path))
@sending_options
@ledger_options
@on_server
def import_command(
    *,
    file: Path,
    client: Client,
    preset: str | None,
    decimal: Any,
    date: Any,
    currency: str,
    company: str,
    as_json: bool,
    **sending: Any,
) -> int:
    """Read the file and send it; gives the exit code."""
    from tieout.commands.server_ledger import print_summary, send_customers
    from tieout.ledger_inputs import read_customer_table

    options = export_options(
        preset=preset, decimal=decimal, date=date, currency=currency, company=company
    )
    customers = read_customer_table(file, options)
    return int(print_summary(send_customers(client, customers, **sending), as_json=as_json))
