"""Topic users: people who sign in with a name and a password, and what they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from store.audit_leaves import canonical_json
from store.errors import StaleRowError, UserExistsError

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["LocalUser", "UserChanges", "Users"]

_COLUMNS: Final = (
    "user_name, display_name, password_hash, roles, companies, amount_limits, is_disabled, "
    "must_change_password, version, created_at_ms, signed_in_at_ms"
)
_TABLE: Final = "local_user"
_ADMIN: Final = "admin"
_NO: Final = False


class LocalUser(msgspec.Struct, frozen=True, kw_only=True):
    """One user. `companies` None: all; `amount_limits` None: none, else major units by currency.

    `password_hash` proves a password and gives none; the store does not know how it is made.
    """

    user_name: str
    display_name: str = ""
    password_hash: str
    roles: tuple[str, ...]
    companies: tuple[str, ...] | None = None
    amount_limits: dict[str, str] | None = None
    is_disabled: bool = False
    must_change_password: bool = False
    version: int = 1
    created_at_ms: int = 0
    signed_in_at_ms: int = 0


class Users:
    """What may be asked about the users of one tenant."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def find(self, user_name: str) -> LocalUser | None:
        """The user of that name."""
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM local_user WHERE user_name = ?",  # noqa: S608 - a constant
            user_name,
        )
        return _user(found[0]) if found else None

    def list_users(self, after: str, limit: int) -> list[LocalUser]:
        """At most `limit` users by name, behind the name `after`."""
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM local_user WHERE user_name > ? "  # noqa: S608 - a constant
            "ORDER BY user_name LIMIT ?",
            after,
            limit,
        )
        return [_user(row) for row in found]

    def other_admins(self, user_name: str) -> int:
        """How many others may sign in and administer."""
        ((count,),) = self._database.rows(
            "SELECT count(*) FROM local_user WHERE user_name <> ? AND is_disabled = ? "
            "AND ' ' || roles || ' ' LIKE ?",
            user_name,
            _NO,
            f"% {_ADMIN} %",
        )
        return int(count)


class UserChanges(Users):
    """What a booking may do with users."""

    def add(self, user: LocalUser) -> None:
        """Keep a new user; raises `UserExistsError`."""
        if self.find(user.user_name) is not None:
            message = f"there is a user {user.user_name!r} already"
            raise UserExistsError(message, user_name=user.user_name)
        self._database.change(
            f"INSERT INTO local_user ({_COLUMNS}) "  # noqa: S608 - a constant
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            user.user_name,
            user.display_name,
            user.password_hash,
            *_bounds(user),
            user.is_disabled,
            user.must_change_password,
            user.version,
            user.created_at_ms,
            user.signed_in_at_ms,
        )

    def change(self, user: LocalUser) -> None:
        """Replace all of the user but its name, where it still has `user.version`.

        Raises `StaleRowError` where it has another.
        """
        changed = self._database.change(
            "UPDATE local_user SET display_name = ?, password_hash = ?, roles = ?, companies = ?, "
            "amount_limits = ?, is_disabled = ?, must_change_password = ?, version = version + 1 "
            "WHERE user_name = ? AND version = ?",
            user.display_name,
            user.password_hash,
            *_bounds(user),
            user.is_disabled,
            user.must_change_password,
            user.user_name,
            user.version,
        )
        if not changed:
            now = self.find(user.user_name)
            raise StaleRowError.of(_TABLE, "", user.user_name, now.version if now else 0, 1)

    def signed_in(self, user_name: str, now_ms: int) -> None:
        """Keep when the last session began."""
        self._database.change(
            "UPDATE local_user SET signed_in_at_ms = ? WHERE user_name = ?", now_ms, user_name
        )


def _bounds(user: LocalUser) -> tuple[str, str, str]:
    """Roles, companies and limits as columns."""
    return (
        " ".join(sorted(user.roles)),
        "" if user.companies is None else canonical_json(sorted(user.companies)).decode(),
        "" if user.amount_limits is None else canonical_json(user.amount_limits).decode(),
    )


def _user(row: tuple[Any, ...]) -> LocalUser:
    name, display, password, roles, companies, limits, disabled, must_change, *numbers = row
    version, created, signed_in = map(int, numbers)
    return LocalUser(
        user_name=name,
        display_name=display,
        password_hash=password,
        roles=tuple(roles.split()),
        companies=msgspec.json.decode(companies, type=tuple[str, ...]) if companies else None,
        amount_limits=msgspec.json.decode(limits, type=dict[str, str]) if limits else None,
        is_disabled=bool(disabled),
        must_change_password=bool(must_change),
        version=version,
        created_at_ms=created,
        signed_in_at_ms=signed_in,
    )
