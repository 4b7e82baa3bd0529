"""Sessions of local users: begun with a password, proven by a token, ended by time or by hand.

A token is `ts_TENANT.SECRET` with 256 random bits; the store has its hash. What was proven is
remembered for a second, so that a call seldom asks the store; what this process ends or changes is
forgotten at once. Whether a name, a password or a tenant was wrong, nobody is told.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.caller import Caller, current_caller
from rpc.errors import (
    CredentialsExpiredError,
    CredentialsInvalidError,
    FieldError,
    SessionNotFoundError,
    SignInNotOfferedError,
)
from rpc.local_users import caller_of_user, found_user, set_password, user_key
from rpc.passwords import password_problem
from rpc.sign_in_throttle import FORGOTTEN_MS, KNOWN_SOURCE_MS, reserve_attempt, settle_success
from store.errors import StoreError
from store.sessions import UserSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rpc.passwords import PasswordChecks
    from rpc.reading import StoreReader
    from store.repository import Repository
    from store.users import LocalUser

__all__ = ["SESSION_PREFIX", "SessionRules", "SignedIn", "UserSessions", "source_of"]

SESSION_PREFIX: Final = "ts_"
"""What tells a session's token from other bearer tokens."""

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 9
_TOKEN_LENGTH_MAX: Final = 200
_REMEMBERED_MS: Final = 1_000
_REMEMBERED_MAX: Final = 10_000
_USED_AGAIN_MS: Final = 60_000
_AGENT_LENGTH_MAX: Final = 200
_NAME_LENGTH_MAX: Final = 200
_WRONG: Final = "the name or the password is not right"

_log = logging.getLogger(__name__)


class SessionRules(msgspec.Struct, frozen=True, kw_only=True):
    """Whether local users sign in at all, and how long a session lasts."""

    is_offered: bool
    idle_ms: int
    length_ms: int


class SignedIn(msgspec.Struct, frozen=True):
    """A session that has begun, its token, and whose it is."""

    token: str
    session: UserSession
    user: LocalUser
    caller: Caller


class _Known(msgspec.Struct, frozen=True):
    session: UserSession
    caller: Caller
    checked_at_ms: int


class UserSessions:
    """The sessions of every tenant."""

    def __init__(
        self,
        tenants: tuple[str, ...],
        *,
        reader: StoreReader,
        writer: StoreReader,
        checks: PasswordChecks,
        rules: SessionRules,
        now_ms: Callable[[], int],
    ) -> None:
        """Keep sessions of `tenants` through `writer`, and ask `reader`."""
        self._tenants = tenants
        self._reader = reader
        self._writer = writer
        self._checks = checks
        self._rules = rules
        self._now_ms = now_ms
        self._known: dict[str, _Known] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def sign_in(
        self, tenant: str, user_name: str, password: str, source: str, user_agent: str
    ) -> SignedIn:
        """Begin a session; raises an `UnauthenticatedError` or `SignInThrottledError`."""
        self._check_offered()
        wanted = tenant or (self._tenants[0] if len(self._tenants) == 1 else "default")
        home = wanted if wanted in self._tenants else self._tenants[0]
        name = user_key(user_name)[:_NAME_LENGTH_MAX]
        counted = name if home == wanted else f"{wanted[:_NAME_LENGTH_MAX]}/{name}"
        await self._reserve(home, counted, source)
        user = await self._reader.ask_tenant(home, lambda store: store.users.find(name))
        kept = user if user is not None and home == wanted and not user.is_disabled else None
        right = await self._checks.is_right(password, kept.password_hash if kept else "")
        if kept is None or not right:
            _log.info("a sign-in was refused")
            raise CredentialsInvalidError(_WRONG)
        token = f"{SESSION_PREFIX}{home}.{secrets.token_urlsafe(_SECRET_BYTES)}"
        now_ms = self._now_ms()
        session = UserSession(
            session_id=secrets.token_urlsafe(_ID_BYTES),
            token_sha256=_hash_of(token),
            user_name=name,
            begun_at_ms=now_ms,
            used_at_ms=now_ms,
            ends_at_ms=now_ms + self._rules.length_ms,
            source=source,
            user_agent=user_agent[:_AGENT_LENGTH_MAX],
        )
        await self._writer.ask_tenant(home, lambda store: _begin(store, kept, session, now_ms))
        _log.info("a session of %r has begun", name)
        return SignedIn(token, session, kept, caller_of_user(kept, home, session.session_id))

    async def caller_of(self, token: str) -> Caller:
        """Whose `token` it is; raises an `UnauthenticatedError`."""
        self._check_offered()
        tenant = token.removeprefix(SESSION_PREFIX).partition(".")[0]
        if len(token) > _TOKEN_LENGTH_MAX or tenant not in self._tenants:
            message = "the session is not known here; sign in again"
            raise CredentialsInvalidError(message)
        digest = _hash_of(token)
        now_ms = self._now_ms()
        known = self._known.get(digest)
        if known is None or not 0 <= now_ms - known.checked_at_ms < _REMEMBERED_MS:
            known = await self._reader.ask_tenant(
                tenant, lambda store: _known(store, digest, tenant, now_ms)
            )
            if len(self._known) >= _REMEMBERED_MAX:
                del self._known[next(iter(self._known))]
            self._known[digest] = known
        self._check_times(known.session, now_ms)
        if now_ms - known.session.used_at_ms >= _USED_AGAIN_MS:
            self._use(tenant, digest, now_ms)
        return known.caller

    async def current(self) -> tuple[LocalUser | None, UserSession | None]:
        """The user and the session of the call that is answered, where it has them."""
        caller = current_caller()
        if not caller.session_id:
            return None, None

        def ask(store: Repository) -> tuple[LocalUser | None, UserSession | None]:
            found = self._live(store, caller.name)
            own = next((one for one in found if one.session_id == caller.session_id), None)
            return store.users.find(caller.name), own

        return await self._reader.ask(ask)

    async def list_own(self) -> list[UserSession]:
        """Sessions of the caller that have not ended, the newest first."""
        caller = current_caller()
        if not caller.session_id:
            return []
        return await self._reader.ask(lambda store: self._live(store, caller.name))

    async def end(self, session_id: str) -> None:
        """End a session of the caller; raises `SessionNotFoundError`."""
        caller = current_caller()
        now_ms = self._now_ms()

        def change(store: Repository) -> bool:
            with store.booking() as booking:
                return booking.sessions.end(caller.name, session_id, now_ms)

        ended = bool(caller.session_id) and await self._writer.ask(change)
        self.forget()
        if not ended:
            message = f"you have no session {session_id!r}, or it has ended"
            raise SessionNotFoundError(message, session_id=session_id)

    async def change_password(self, current: str, new: str, source: str) -> None:
        """Replace the caller's own password.

        Raises `CredentialsInvalidError`, `SignInThrottledError`, or `FieldError` for one that is
        not good enough.
        """
        caller = current_caller()
        if not caller.session_id:
            message = "the caller did not sign in here with a password"
            raise SignInNotOfferedError(message)
        problem = password_problem(new, caller.name) or (
            "the new password is the old one" if new == current else ""
        )
        if problem:
            raise FieldError(problem, field="new_password")
        await self._reserve(caller.tenant, caller.name, source)
        user = await self._reader.ask(lambda store: found_user(store.users, caller.name))
        if not await self._checks.is_right(current, user.password_hash):
            message = "the current password is not right"
            raise CredentialsInvalidError(message)
        kept = await self._checks.hash(new)
        now_ms = self._now_ms()

        def change(store: Repository) -> None:
            with store.booking() as booking:
                settle_success(booking.sessions, caller.name, source)
                set_password(
                    booking,
                    caller.name,
                    kept,
                    caller.name,
                    now_ms,
                    kept_session_id=caller.session_id,
                )

        await self._writer.ask(change)
        self.forget()

    def forget(self) -> None:
        """Ask the store again about everybody: users or sessions have changed."""
        self._known.clear()

    def _check_offered(self) -> None:
        if not self._rules.is_offered:
            message = "nobody signs in here with a password; see authentication.local_users"
            raise SignInNotOfferedError(message)

    def _check_times(self, session: UserSession, now_ms: int) -> None:
        if session.ended_at_ms:
            message = "the session was ended; sign in again"
        elif now_ms >= session.ends_at_ms:
            message = "the session has reached its greatest length; sign in again"
        elif now_ms - session.used_at_ms >= self._rules.idle_ms:
            message = "the session was not used for too long; sign in again"
        else:
            return
        raise CredentialsExpiredError(message)

    def _live(self, store: Repository, user_name: str) -> list[UserSession]:
        now_ms = self._now_ms()
        return store.sessions.of_user(user_name, now_ms, now_ms - self._rules.idle_ms)

    async def _reserve(self, tenant: str, user_name: str, source: str) -> None:
        now_ms = self._now_ms()

        def change(store: Repository) -> None:
            with store.booking() as booking:
                reserve_attempt(booking.sessions, user_name, source, now_ms)

        await self._writer.ask_tenant(tenant, change)

    def _use(self, tenant: str, digest: str, now_ms: int) -> None:
        """Keep that the session is used, beside the call: a booking under way must not delay it."""
        known = self._known[digest]
        session = msgspec.structs.replace(known.session, used_at_ms=now_ms)
        self._known[digest] = msgspec.structs.replace(known, session=session)

        def change(store: Repository) -> None:
            with store.booking() as booking:
                booking.sessions.use(digest, now_ms)

        async def keep() -> None:
            try:
                await self._writer.ask_tenant(tenant, change)
            except StoreError as error:
                _log.warning("the use of a session was not kept: %s", error)

        task = asyncio.create_task(keep())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def source_of(peer: str, metadata: Mapping[str, str | bytes]) -> tuple[str, str]:
    """Address and program of whoever calls.

    The server's own web process calls over a unix socket in a folder that only the server's user
    may enter; it says for whom. Nobody else is believed.
    """
    kind, _, rest = peer.partition(":")
    agent = str(metadata.get("user-agent", ""))
    if kind == "unix":
        return str(metadata.get("tieout-source", "local")), str(
            metadata.get("tieout-user-agent", agent)
        )
    return rest.rpartition(":")[0].replace("%5B", "[").replace("%5D", "]"), agent


def _begin(store: Repository, proven: LocalUser, session: UserSession, now_ms: int) -> None:
    """Keep the session, unless the user has changed since the password was checked."""
    with store.booking() as booking:
        user = booking.users.find(session.user_name)
        if user is None or user.is_disabled or user.password_hash != proven.password_hash:
            raise CredentialsInvalidError(_WRONG)
        settle_success(booking.sessions, session.user_name, session.source)
        booking.sessions.begin(session)
        booking.users.signed_in(session.user_name, now_ms)
        booking.sessions.forget_before(now_ms - KNOWN_SOURCE_MS, now_ms - FORGOTTEN_MS)


def _known(store: Repository, digest: str, tenant: str, now_ms: int) -> _Known:
    """The session of that token and its caller; raises `CredentialsInvalidError`."""
    with store.reading():
        session = store.sessions.find(digest)
        user = store.users.find(session.user_name) if session else None
    if session is None or user is None or user.is_disabled:
        message = "the session is not known here; sign in again"
        raise CredentialsInvalidError(message)
    return _Known(session, caller_of_user(user, tenant, session.session_id), now_ms)


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
