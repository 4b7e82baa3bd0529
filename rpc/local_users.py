"""Local users: what makes a good one, what one is worth as a caller, and every change of one.

Each change is one booking with its audit leaf and its event, whether it comes over the wire or from
an operator at the store.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.caller import DEFAULT_TENANT, Caller
from rpc.errors import FieldError, LastAdminError, UserNotFoundError
from rpc.sign_in_rules import Grant, caller_of

if TYPE_CHECKING:
    from store.repository import Booking
    from store.users import LocalUser, Users

__all__ = [
    "NAME_SHAPE",
    "add_user",
    "caller_of_user",
    "checked_user",
    "found_user",
    "replace_user",
    "set_password",
    "user_key",
]

NAME_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
"""Names of users, after their letters were made small."""

_DISPLAY_LENGTH_MAX: Final = 200
_ADMIN: Final = "admin"


def user_key(text: str) -> str:
    """The name that somebody meant who typed `text`."""
    return text.strip().casefold()


def checked_user(user: LocalUser) -> LocalUser:
    """`user` as it may be kept; raises `FieldError` that names what may not."""
    if NAME_SHAPE.fullmatch(user.user_name) is None:
        message = (
            f"user_name is {user.user_name!r}, expected 1 to 100 lower-case letters, digits and "
            "any of . _ @ + -, beginning with a letter or digit"
        )
        raise FieldError(message, field="user_name", value=user.user_name)
    if len(user.display_name) > _DISPLAY_LENGTH_MAX or not user.display_name.isprintable():
        message = f"display_name is more than {_DISPLAY_LENGTH_MAX} characters or not printable"
        raise FieldError(message, field="display_name")
    _grant_of(user, DEFAULT_TENANT)
    return user


def caller_of_user(user: LocalUser, tenant: str, session_id: str) -> Caller:
    """The caller that the user is."""
    return msgspec.structs.replace(
        caller_of(user.user_name, _grant_of(user, tenant)),
        session_id=session_id,
        must_change_password=user.must_change_password,
    )


def _grant_of(user: LocalUser, tenant: str) -> Grant:
    try:
        return msgspec.convert(
            {
                "tenant": tenant,
                "roles": user.roles,
                "companies": user.companies,
                "amount_limits": user.amount_limits,
            },
            Grant,
        )
    except (msgspec.ValidationError, ValueError) as error:
        message = f"user {user.user_name!r}: {error}"
        raise FieldError(message, field="user", value=user.user_name) from error


def found_user(users: Users, user_name: str) -> LocalUser:
    """The user of that name; raises `UserNotFoundError`."""
    found = users.find(user_name)
    if found is None:
        message = f"there is no user {user_name!r}"
        raise UserNotFoundError(message, user_name=user_name)
    return found


def add_user(booking: Booking, user: LocalUser, actor: str, now_ms: int) -> LocalUser:
    """Keep a new user; raises `FieldError` or `UserExistsError`."""
    user = msgspec.structs.replace(checked_user(user), created_at_ms=now_ms, version=1)
    booking.users.add(user)
    _leave_traces(booking, "added", user, actor, now_ms)
    return user


def replace_user(booking: Booking, user: LocalUser, actor: str, now_ms: int) -> LocalUser:
    """Change a user but for its password; `version` is the one that was seen, 0: whichever.

    Whom it disables is signed out. Raises `FieldError`, `UserNotFoundError`, `StaleRowError`, or
    `LastAdminError` where nobody could administer any more.
    """
    before = found_user(booking.users, user.user_name)
    after = msgspec.structs.replace(
        checked_user(user),
        password_hash=before.password_hash,
        must_change_password=before.must_change_password,
        version=user.version or before.version,
    )
    was_admin = _ADMIN in before.roles and not before.is_disabled
    is_admin = _ADMIN in after.roles and not after.is_disabled
    if was_admin and not is_admin and not booking.users.other_admins(user.user_name):
        message = f"{user.user_name!r} is the last who may administer users; make another one first"
        raise LastAdminError(message, user_name=user.user_name)
    booking.users.change(after)
    if after.is_disabled:
        booking.sessions.end_others(user.user_name, "", now_ms)
    _leave_traces(booking, "changed", after, actor, now_ms)
    return found_user(booking.users, user.user_name)


def set_password(
    booking: Booking,
    user_name: str,
    password_hash: str,
    actor: str,
    now_ms: int,
    *,
    kept_session_id: str = "",
    version: int = 0,
) -> None:
    """Replace a password and end the user's sessions but `kept_session_id`.

    Where somebody else sets it, the user must change it again. `version` is the one that was seen,
    0: whichever. Raises `UserNotFoundError`, or `StaleRowError` where it is another.
    """
    before = found_user(booking.users, user_name)
    after = msgspec.structs.replace(
        before,
        password_hash=password_hash,
        must_change_password=actor != user_name,
        version=version or before.version,
    )
    booking.users.change(after)
    booking.sessions.end_others(user_name, kept_session_id, now_ms)
    _leave_traces(booking, "password", after, actor, now_ms)


def _leave_traces(booking: Booking, what: str, user: LocalUser, actor: str, now_ms: int) -> None:
    limits = user.amount_limits
    facts = {
        "what": what,
        "roles": " ".join(sorted(user.roles)),
        "companies": "all" if user.companies is None else " ".join(sorted(user.companies)),
        "amount_limits": "none"
        if limits is None
        else " ".join(f"{currency}={limits[currency]}" for currency in sorted(limits)),
        "is_disabled": "yes" if user.is_disabled else "no",
    }
    booking.audit.record("user", user.user_name, actor=actor, recorded_at_ms=now_ms, facts=facts)
    booking.events.add("user.changed", user.user_name, now_ms, {"what": what, "actor": actor})
