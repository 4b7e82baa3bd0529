"""`tieout users`: people who sign in with a name and a password, kept in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.store import JSON_OPTION, STORE_OPTION, say, with_store
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from store.addresses import StoreAddress
    from store.repository import Booking, Repository
    from store.users import LocalUser

__all__ = ["users_command"]

_ACTOR = "operator"
_ROLES = ("submitter", "viewer", "clerk", "approver", "admin", "auditor")
_HELP = """People who sign in with a name and a password.

The commands work on the store itself, also while a server runs, and whoever may write the store
may use them: so the first admin is made. A server lets users in with authentication.local_users.

\b
Example:
  tieout users add m.weber --role admin --store sqlite:///tieout.db
  tieout users list
  tieout users roles m.weber --role clerk --company 1100 --limit EUR=10000.00
  tieout users password m.weber --file password.txt
  tieout users disable m.weber
"""
_ADD_HELP = """Add a user, who changes the password at the first sign-in.

The password is asked for, or is the first line of a file (--file, - is stdin). It is never an
argument: those are seen by every user of the machine.

\b
Exit codes:
  0   added
  2   wrong usage, or a name or password that is not accepted
  5   there is a user of that name already
  78  no such store
"""
_RESET_HELP = """Give a user another password, to be changed at the next sign-in.

All sessions of the user end.
"""


@click.group("users", help=_HELP)
def users_command() -> None:
    """The group of commands."""


_tenant = click.option("--tenant", default="default", show_default=True)
_name = click.argument("name")
_file = click.option(
    "--file", "path", type=click.Path(path_type=Path, allow_dash=True), help="Its first line."
)
_grants = [
    click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES)),
    click.option("--company", "companies", multiple=True, help="Only these companies; else all."),
    click.option(
        "--limit", "limits", multiple=True, metavar="CUR=AMOUNT", help="Largest decision."
    ),
]


def _with_grant(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_grants):
        command = option(command)
    return command


@users_command.command("add", help=_ADD_HELP)
@_name
@_with_grant
@click.option("--display-name", default="", help="Name for people.")
@_file
@_tenant
@STORE_OPTION
def _add_command(
    *, name: str, display_name: str, path: Path | None, tenant: str, url: str, **grant: Any
) -> int:
    """Add a user; gives the exit code."""
    from rpc.local_users import add_user, checked_user, user_key
    from store.users import LocalUser

    user = LocalUser(
        user_name=user_key(name),
        display_name=display_name,
        password_hash="",
        must_change_password=True,
        **_grant(**grant),
    )
    _usage(lambda: checked_user(user))
    kept = _asked_hash(user.user_name, path)

    def add(booking: Booking, now_ms: int) -> str:
        import msgspec

        add_user(booking, msgspec.structs.replace(user, password_hash=kept), _ACTOR, now_ms)
        return f"{user.user_name} may sign in, and changes the password then"

    return _change(url, tenant, add)


@users_command.command("list")
@_tenant
@STORE_OPTION
@JSON_OPTION
def _list_command(*, tenant: str, url: str, as_json: bool) -> int:
    """List users, their roles and bounds; gives the exit code."""

    def show(repository: Repository) -> int:
        import msgspec

        users = repository.users.list_users("", 1_000_000)
        rows = [msgspec.to_builtins(user) for user in users]
        for row in rows:
            del row["password_hash"]
        say({"users": rows}, ["  ".join(_columns(user)) for user in users], as_json=as_json)
        return int(ExitCode.DONE)

    return _opened(url, tenant, show)


@users_command.command("roles")
@_name
@_with_grant
@_tenant
@STORE_OPTION
def _roles_command(*, name: str, tenant: str, url: str, **grant: Any) -> int:
    """Replace a user's roles, companies and limits; gives the exit code."""
    return _replace(url, tenant, name, _grant(**grant))


@users_command.command("disable")
@_name
@_tenant
@STORE_OPTION
def _disable_command(*, name: str, tenant: str, url: str) -> int:
    """Refuse a user's sign-in from now on and end its sessions; gives the exit code."""
    return _replace(url, tenant, name, {"is_disabled": True})


@users_command.command("enable")
@_name
@_tenant
@STORE_OPTION
def _enable_command(*, name: str, tenant: str, url: str) -> int:
    """Let a disabled user sign in again; gives the exit code."""
    return _replace(url, tenant, name, {"is_disabled": False})


@users_command.command("password", help=_RESET_HELP)
@_name
@_file
@_tenant
@STORE_OPTION
def _password_command(*, name: str, path: Path | None, tenant: str, url: str) -> int:
    """Replace a user's password; gives the exit code."""
    from rpc.local_users import set_password, user_key

    user_name = user_key(name)
    kept = _asked_hash(user_name, path)

    def change(booking: Booking, now_ms: int) -> str:
        set_password(booking, user_name, kept, _ACTOR, now_ms)
        return f"{user_name} signs in with the new password, and changes it then"

    return _change(url, tenant, change)


def _replace(url: str, tenant: str, name: str, changes: dict[str, Any]) -> int:
    from rpc.local_users import found_user, replace_user, user_key

    def change(booking: Booking, now_ms: int) -> str:
        import msgspec

        before = found_user(booking.users, user_key(name))
        user = replace_user(booking, msgspec.structs.replace(before, **changes), _ACTOR, now_ms)
        return "  ".join(_columns(user))

    return _change(url, tenant, change)


def _change(url: str, tenant: str, change: Callable[[Booking, int], str]) -> int:
    def book(repository: Repository) -> int:
        import time

        with repository.booking() as booking:
            said = change(booking, time.time_ns() // 1_000_000)
        click.echo(said)
        return int(ExitCode.DONE)

    return _opened(url, tenant, book)


def _opened(url: str, tenant: str, act: Callable[[Repository], int]) -> int:
    """Run `act` on the tenant's store; gives its exit code, or that of the error it met."""
    from rpc.errors import FieldError, ServiceError
    from store import open_repository
    from store.errors import UserExistsError

    def use(address: StoreAddress) -> int:
        repository = open_repository(address.url, tenant=tenant, busy_seconds=30)
        try:
            return act(repository)
        except FieldError as error:
            raise click.UsageError(str(error)) from None
        except ServiceError as error:
            click.echo(f"tieout: {error}", err=True)
            return int(ExitCode.MISSING if isinstance(error, LookupError) else ExitCode.GATE)
        except UserExistsError as error:
            click.echo(f"tieout: {error}", err=True)
            return int(ExitCode.CONFLICT)
        finally:
            repository.close()

    return with_store(url, use)


def _asked_hash(user_name: str, path: Path | None) -> str:
    """The hash of the password that was asked for, or stands in a file."""
    import asyncio

    from rpc.passwords import PasswordChecks, password_problem

    if path is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        with click.open_file(str(path), encoding="utf-8") as file:
            password = file.readline().rstrip("\r\n")
    problem = password_problem(password, user_name)
    if problem:
        raise click.UsageError(problem)
    checks = PasswordChecks()
    try:
        return asyncio.run(checks.hash(password))
    finally:
        checks.close()


def _grant(roles: Sequence[str], companies: Sequence[str], limits: Sequence[str]) -> dict[str, Any]:
    """Roles and bounds as a user has them."""
    from tieout.commands.keys import limit_of

    return {
        "roles": tuple(sorted(set(roles))),
        "companies": tuple(sorted(set(companies))) or None,
        "amount_limits": dict(limit_of(text) for text in limits) or None,
    }


def _usage(check: Callable[[], object]) -> None:
    from rpc.errors import FieldError

    try:
        check()
    except FieldError as error:
        raise click.UsageError(str(error)) from None


def _columns(user: LocalUser) -> list[str]:
    limits = " ".join(f"{name}={text}" for name, text in sorted((user.amount_limits or {}).items()))
    states = ["disabled"] * user.is_disabled + ["must change password"] * user.must_change_password
    return [
        user.user_name,
        ",".join(user.roles),
        f"companies {'all' if user.companies is None else ','.join(user.companies)}",
        f"limits {limits or 'none'}",
        ", ".join(states) or "active",
    ]
