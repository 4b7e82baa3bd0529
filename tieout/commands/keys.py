"""`tieout keys`: API keys of a server, made, listed and revoked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rpc.api_keys import KeyRecord

__all__ = ["keys_command", "limit_of"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_ROLES = ("submitter", "viewer", "clerk", "approver", "admin", "auditor")
_HELP = """Make, list and revoke the API keys of a server.

A key is shown once, on stdout; the file keeps a keyed hash. A running server reads the file again
when it changes.

\b
Example:
  tieout keys new --keys keys.toml --secret keys.secret --name erp --role submitter
  tieout keys list --keys keys.toml
  tieout keys revoke --keys keys.toml tk_5f0c81d2a97b
"""
_NEW_HELP = """Make a key and write its entry into the keys file.

The secret that hashes are made with is in a file of its own (--secret), made where it is absent;
give both to the server as authentication.keys_file and authentication.keys_secret_file.

\b
Examples:
  tieout keys new --keys keys.toml --secret keys.secret --name erp --role submitter
  tieout keys new --keys keys.toml --secret keys.secret --name m.weber --role clerk \\
    --company 1100 --limit EUR=10000.00 --expires 2027-12-31

\b
Exit codes:
  0   the key is on stdout, its entry in the file
  2   wrong usage
  78  the keys file or the secret cannot be read
"""


@click.group("keys", help=_HELP)
def keys_command() -> None:
    """The group of commands."""


_keys_option = click.option("--keys", type=_FILE, required=True, help="The keys file.")


@keys_command.command("new", help=_NEW_HELP)
@_keys_option
@click.option("--secret", type=_FILE, required=True, help="The file with the secret of the hashes.")
@click.option("--name", required=True, help="Who calls, as logs and decisions name it.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES))
@click.option("--tenant", default="default", show_default=True)
@click.option("--company", "companies", multiple=True, help="Only these companies; else all.")
@click.option("--limit", "limits", multiple=True, metavar="CUR=AMOUNT", help="Largest decision.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day, UTC; else never.")
def _new_command(
    *,
    keys: Path,
    secret: Path,
    expires: datetime | None,
    limits: Sequence[str],
    **who: Any,
) -> int:
    """Make a key; gives the exit code."""
    import datetime
    import secrets

    import msgspec

    from rpc.api_keys import KeyRecord, hash_of_key, new_key, read_keys, write_keys
    from rpc.secret_files import read_secret, write_privately

    if not secret.exists():
        write_privately(secret, secrets.token_urlsafe(48).encode() + b"\n")
    records = read_keys(keys) if keys.exists() else ()
    key, prefix = new_key()
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    last = expires and expires.replace(tzinfo=datetime.UTC) + datetime.timedelta(days=1)
    entry = who | {
        "companies": who["companies"] or None,
        "amount_limits": dict(limit_of(text) for text in limits) or None,
        "prefix": prefix,
        "hash": hash_of_key(key, read_secret(secret)),
        "created_at": now,
        "expires_at": last,
    }
    try:
        record = msgspec.convert(entry, KeyRecord)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    write_keys(keys, (*records, record))
    click.echo(key)
    click.echo(f"tieout: {prefix} for {record.name!r}; it is not shown again", err=True)
    return int(ExitCode.DONE)


@keys_command.command("list")
@_keys_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array on stdout.")
def _list_command(*, keys: Path, as_json: bool) -> int:
    """List the keys of a file; gives the exit code."""
    import msgspec

    from rpc.api_keys import read_keys

    records = read_keys(keys)
    if as_json:
        rows = [msgspec.to_builtins(record) for record in records]
        for row in rows:
            del row["hash"]
        click.echo(msgspec.json.encode(rows).decode())
        return int(ExitCode.DONE)
    for record in records:
        click.echo("  ".join(_columns(record)))
    return int(ExitCode.DONE)


@keys_command.command("revoke")
@_keys_option
@click.argument("prefix")
def _revoke_command(*, keys: Path, prefix: str) -> int:
    """Remove a key from the file, by its prefix; gives the exit code."""
    from rpc.api_keys import read_keys, write_keys

    records = read_keys(keys)
    kept = tuple(record for record in records if record.prefix != prefix.partition(".")[0])
    if len(kept) == len(records):
        click.echo(f"tieout: {keys} has no key {prefix.partition('.')[0]!r}", err=True)
        return int(ExitCode.MISSING)
    write_keys(keys, kept)
    return int(ExitCode.DONE)


def limit_of(text: str) -> tuple[str, str]:
    """Currency and amount of an option `CURRENCY=AMOUNT`; raises `click.UsageError`."""
    currency, equals, amount = text.partition("=")
    if not equals:
        message = f"--limit {text!r}: CURRENCY=AMOUNT is expected, such as EUR=10000.00"
        raise click.UsageError(message)
    return currency, amount


def _columns(record: KeyRecord) -> list[str]:
    companies = "all" if record.companies is None else ",".join(record.companies)
    limits = " ".join(f"{name}={text}" for name, text in (record.amount_limits or {}).items())
    return [
        record.prefix,
        record.name,
        record.tenant,
        ",".join(record.roles),
        f"companies {companies}",
        f"limits {limits or 'none'}",
        f"expires {record.expires_at or 'never'}",
    ]
