"""UserService: administration of local users."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rpc.caller import current_caller
from rpc.errors import FieldError, PageTokenError
from rpc.etags import version_in
from rpc.identity_messages import user_message, user_of
from rpc.local_users import add_user, found_user, replace_user, set_password, user_key
from rpc.page_tokens import page_limit
from rpc.passwords import password_problem
from store.requests import request_key
from tieout.v1 import user_service_pb2 as contract
from tieout.v1 import user_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio
    from google.protobuf.message import Message

    from rpc.passwords import PasswordChecks
    from rpc.reading import StoreReader
    from rpc.user_sessions import UserSessions
    from store.repository import Booking, Repository
    from store.users import LocalUser

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["UserService"]


class UserService(user_service_pb2_grpc.UserServiceServicer):
    """Answers `tieout.v1.UserService`."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        writer: StoreReader,
        sessions: UserSessions,
        checks: PasswordChecks,
        now_ms: Callable[[], int],
    ) -> None:
        """Ask `reader`, change through `writer`, and let `sessions` forget what has changed."""
        self._reader = reader
        self._writer = writer
        self._sessions = sessions
        self._checks = checks
        self._now_ms = now_ms

    async def ListUsers(  # noqa: N802 - the contract's name
        self,
        request: contract.ListUsersRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListUsersResponse:
        """One page of users."""
        limit = page_limit(request.page_size)
        after = _name_in(request.page_token)
        found = await self._reader.ask(lambda store: store.users.list_users(after, limit + 1))
        further = found[limit - 1].user_name if len(found) > limit else ""
        return contract.ListUsersResponse(
            users=[user_message(user) for user in found[:limit]],
            next_page_token=base64.urlsafe_b64encode(further.encode()).decode(),
        )

    async def CreateUser(  # noqa: N802 - the contract's name
        self,
        request: contract.CreateUserRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.CreateUserResponse:
        """Add a user."""
        kept = await self._hash(request.password, request.user.user_name)
        user = user_of(request.user, 1, kept)
        actor = current_caller().name

        def change(booking: Booking, now_ms: int) -> LocalUser:
            return add_user(booking, user, actor, now_ms)

        message = await self._change("CreateUser", request, change)
        return contract.CreateUserResponse(user=message)

    async def UpdateUser(  # noqa: N802 - the contract's name
        self,
        request: contract.UpdateUserRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.UpdateUserResponse:
        """Change a user."""
        user = user_of(request.user, version_in(request.user.etag, "user.etag") or 0)
        actor = current_caller().name

        def change(booking: Booking, now_ms: int) -> LocalUser:
            return replace_user(booking, user, actor, now_ms)

        changed = await self._change("UpdateUser", request, change)
        return contract.UpdateUserResponse(user=changed)

    async def ResetPassword(  # noqa: N802 - the contract's name
        self,
        request: contract.ResetPasswordRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ResetPasswordResponse:
        """Give a user another password."""
        name = user_key(request.user_name)
        version = version_in(request.etag) or 0
        await self._reader.ask(lambda store: found_user(store.users, name))
        kept = await self._hash(request.password, name)
        actor = current_caller().name

        def change(booking: Booking, now_ms: int) -> LocalUser:
            set_password(booking, name, kept, actor, now_ms, version=version)
            return found_user(booking.users, name)

        await self._change("ResetPassword", request, change)
        return contract.ResetPasswordResponse()

    async def _hash(self, password: str, user_name: str) -> str:
        problem = password_problem(password, user_key(user_name))
        if problem:
            raise FieldError(problem, field="password")
        return await self._checks.hash(password)

    async def _change(
        self, call: str, request: Any, change: Callable[[Booking, int], LocalUser]
    ) -> contract.User:
        """Perform `change` once for each request id, and give the user as a message."""
        now_ms = self._now_ms()
        key = request_key(request.request_id, call, _content(request))

        def book(store: Repository) -> bytes:
            with store.booking() as booking:
                first = booking.requests.find(key) if key.request_id else None
                if first is not None:
                    return first
                answer = user_message(change(booking, now_ms)).SerializeToString()
                if key.request_id:
                    booking.requests.keep(key, answer, now_ms)
                return answer

        answer = await self._writer.ask(book)
        self._sessions.forget()
        return contract.User.FromString(answer)


def _content(request: Message) -> bytes:
    """What a request says, without its id and without a password: hashes of guesses would tell."""
    said = type(request)()
    said.CopyFrom(request)
    for name in ("request_id", "password"):
        if name in said.DESCRIPTOR.fields_by_name:
            said.ClearField(name)
    return said.SerializeToString(deterministic=True)


def _name_in(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:  # no base64, or no text in it
        message = f"page_token {token!r} was never given out; start without one"
        raise PageTokenError(message, page_token=token) from None
