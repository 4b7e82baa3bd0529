"""`tieout store`: what an operator does with a store: bring it up to date, check it, copy it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.addresses import StoreAddress

__all__ = [
    "JSON_OPTION",
    "STORE_OPTION",
    "backup_command",
    "check_command",
    "migrate_command",
    "restore_command",
    "say",
    "store_command",
    "with_store",
]

_MIGRATE_HELP = """Bring the store up to this release: apply the migrations it has not seen.

A server does this when it starts. Run it apart to see what it does, or to keep the time it takes
out of a restart. Each migration is applied whole or not at all; run it again after an interruption.

\b
Exit codes:
  0   up to date
  75  another booking holds the store
  78  no such store, or one written by a newer release
"""
_CHECK_HELP = """Check that the store is whole, and list what is not.

The database's own check, the checksums of the migrations, and every sum again from the rows: each
payment is what is applied, on account, unapplied, unidentified, in suspense, not receivables, to be
refunded or returned; each open item is what the ERP said less what was decided. It only reads, and
may run beside a server.

\b
Exit codes:
  0   whole
  3   something does not hold; the findings are on stdout
  78  no such store
"""
_BACKUP_HELP = """Copy the store into a folder while it runs.

Each tenant is copied in one committed state, with a manifest of sizes and checksums. The folder
must be new or empty; keep it like the store itself: it holds names and accounts.

\b
Example:
  tieout store backup --store postgresql://tieout@db/tieout /var/backups/tieout/2026-10-30
"""
_RESTORE_HELP = """Make a store from a backup, then check it.

The store must not have the tenants of the backup. Files of the backup that are not what its
manifest says are refused before anything is written.

\b
Exit codes:
  0   restored and whole
  3   restored, but something does not hold
  78  no backup, or a store that is in use
"""

STORE_OPTION = click.option(
    "--store",
    "url",
    metavar="URL",
    envvar="TIEOUT_STORE",
    default="sqlite:///tieout.db",
    show_default=True,
    help="sqlite:///FILE or postgresql://HOST/NAME.",
)
_TENANT = click.option(
    "--tenant", "tenants", multiple=True, help="This tenant only; may be given again.  [all]"
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


@click.group("store", help="The store: migrate, check, backup, restore.")
def store_command() -> None:
    """Group the commands."""


@store_command.command("migrate", help=_MIGRATE_HELP)
@STORE_OPTION
@_TENANT
@JSON_OPTION
def migrate_command(*, url: str, tenants: tuple[str, ...], as_json: bool) -> int:
    """Apply missing migrations; gives the exit code."""

    def migrate(address: StoreAddress) -> int:
        from store import open_database
        from store.addresses import DEFAULT_TENANT
        from store.migrations import apply_migrations, read_migrations

        applied = {}
        for tenant in tenants or address.tenants() or (DEFAULT_TENANT,):
            database = open_database(address, tenant)
            try:
                applied[tenant] = apply_migrations(database, read_migrations(database.dialect))
            finally:
                database.close()
        lines = [
            f"{tenant}: {count} migrations applied" if count else f"{tenant}: up to date"
            for tenant, count in applied.items()
        ]
        say({"store": address.shown, "applied": applied}, lines, as_json=as_json)
        return int(ExitCode.DONE)

    return with_store(url, migrate)


@store_command.command("check", help=_CHECK_HELP)
@STORE_OPTION
@_TENANT
@JSON_OPTION
def check_command(*, url: str, tenants: tuple[str, ...], as_json: bool) -> int:
    """Check the store; gives the exit code."""
    return with_store(url, lambda address: _check(address, tenants, as_json=as_json))


@store_command.command("backup", help=_BACKUP_HELP)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@STORE_OPTION
@_TENANT
@JSON_OPTION
def backup_command(*, folder: Path, url: str, tenants: tuple[str, ...], as_json: bool) -> int:
    """Copy the store; gives the exit code."""

    def copy(address: StoreAddress) -> int:
        import msgspec

        from store.backups import back_up

        manifest = back_up(address, folder, tenants)
        size = sum(file.size_bytes for file in manifest.files)
        line = f"{folder}: {', '.join(manifest.tenants)}; {len(manifest.files)} files, {size} bytes"
        say(msgspec.to_builtins(manifest), [line], as_json=as_json)
        return int(ExitCode.DONE)

    return with_store(url, copy)


@store_command.command("restore", help=_RESTORE_HELP)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@STORE_OPTION
@JSON_OPTION
def restore_command(*, folder: Path, url: str, as_json: bool) -> int:
    """Make a store from a backup; gives the exit code."""

    def make(address: StoreAddress) -> int:
        from store.backups import restore

        manifest = restore(folder, address)
        return _check(address, manifest.tenants, as_json=as_json)

    return with_store(url, make)


def _check(address: StoreAddress, tenants: tuple[str, ...], *, as_json: bool) -> int:
    from store import open_database
    from store.checking import check_store

    findings = []
    names = tenants or address.tenants()
    if not names or set(names) - set(address.tenants()):
        click.echo(f"tieout: {address.shown} has no such tenant yet", err=True)
        return int(ExitCode.CONFIG)
    for tenant in names:
        database = open_database(address, tenant)
        try:
            found = check_store(database)
        finally:
            database.close()
        findings += [{"tenant": tenant, "rule": one.rule, "row": one.row} for one in found]
    lines = [f"{one['tenant']}: {one['rule']}: {one['row']}" for one in findings]
    whole = [f"{tenant}: whole" for tenant in names] if not findings else []
    say({"store": address.shown, "findings": findings}, lines + whole, as_json=as_json)
    return int(ExitCode.GATE if findings else ExitCode.DONE)


def with_store(url: str, act: Callable[[StoreAddress], int]) -> int:
    """Run `act` on the store at `url`; gives its exit code, or that of the error it met."""
    from store.addresses import parse_address
    from store.errors import StoreBusyError, StoreError, StoreUnavailableError

    try:
        return act(parse_address(url))
    except StoreError as error:
        click.echo(f"tieout: {error}", err=True)
        if isinstance(error, StoreUnavailableError):
            return int(ExitCode.UNREACHABLE)
        return int(ExitCode.RETRY if isinstance(error, StoreBusyError) else ExitCode.CONFIG)


def say(record: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print `record` as JSON, or the `lines` for people."""
    import msgspec

    click.echo(msgspec.json.encode(record).decode() if as_json else "\n".join(lines))
