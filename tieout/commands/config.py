"""`tieout config`: settings of a server, checked before it starts."""

from __future__ import annotations

from pathlib import Path

import click

from tieout.exit_codes import ExitCode

__all__ = ["config_command"]

_HELP = "Check the settings of a server."
_CHECK_HELP = """Read the settings as the server would, and every file that they name.

\b
Example:
  tieout config check /etc/tieout/tieout.toml

\b
Exit codes:
  0   the server would start with them (remarks may stand on stderr)
  66  no such file
  78  a setting, or a file that it names, cannot be used; the sentence names it
"""


@click.group("config", help=_HELP)
def config_command() -> None:
    """The group of commands."""


@config_command.command("check", help=_CHECK_HELP)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def _check_command(*, path: Path, as_json: bool) -> int:
    """Check a file of settings; gives the exit code."""
    import msgspec

    from tieout.configuration import authority_of, policy_of, read_configuration
    from tieout.server_doors import check_all

    if not path.exists():
        raise FileNotFoundError(2, "no such file", str(path))
    configuration = read_configuration(path, {})
    remarks = check_all(configuration)
    for table in configuration.served_tenants().values():
        policy_of(table)
        authority_of(table)
        for name in (table.open_items, table.customers, table.bank_accounts):
            if name:
                Path(name).resolve(strict=True)
    tenants = sorted(configuration.served_tenants())
    if as_json:
        told = {"path": str(path), "ok": True, "tenants": tenants, "remarks": remarks}
        click.echo(msgspec.json.encode(told).decode())
    else:
        for remark in remarks:
            click.echo(f"tieout: {remark}", err=True)
        click.echo(f"{path}: fine; tenants: {', '.join(tenants)}")
    return int(ExitCode.DONE)
