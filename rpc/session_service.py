"""SessionService: people sign in with a password, and every caller may ask who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rpc.caller import current_caller
from rpc.identity_messages import identity_message, session_message
from rpc.user_sessions import source_of
from tieout.v1 import session_service_pb2 as contract
from tieout.v1 import session_service_pb2_grpc

if TYPE_CHECKING:
    import grpc.aio

    from rpc.user_sessions import UserSessions

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["SessionService"]


class SessionService(session_service_pb2_grpc.SessionServiceServicer):
    """Answers `tieout.v1.SessionService`."""

    def __init__(self, sessions: UserSessions) -> None:
        """Begin and end `sessions`."""
        self._sessions = sessions

    async def SignIn(  # noqa: N802 - the contract's name
        self, request: contract.SignInRequest, context: _Context
    ) -> contract.SignInResponse:
        """Begin a session."""
        source, agent = source_of(context.peer(), dict(context.invocation_metadata() or ()))
        begun = await self._sessions.sign_in(
            request.tenant, request.user_name, request.password, source, agent
        )
        return contract.SignInResponse(
            token=begun.token,
            session=session_message(begun.session, begun.session.session_id),
            identity=identity_message(begun.caller, begun.user.display_name),
        )

    async def SignOut(  # noqa: N802 - the contract's name
        self,
        request: contract.SignOutRequest,  # noqa: ARG002 - gRPC passes it
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.SignOutResponse:
        """End the session of the call."""
        caller = current_caller()
        if caller.session_id:
            await self._sessions.end(caller.session_id)
        return contract.SignOutResponse()

    async def GetSession(  # noqa: N802 - the contract's name
        self,
        request: contract.GetSessionRequest,  # noqa: ARG002 - gRPC passes it
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetSessionResponse:
        """Say who the caller is."""
        caller = current_caller()
        user, session = await self._sessions.current()
        return contract.GetSessionResponse(
            identity=identity_message(caller, user.display_name if user else ""),
            session=session_message(session, caller.session_id) if session else None,
        )

    async def ChangePassword(  # noqa: N802 - the contract's name
        self, request: contract.ChangePasswordRequest, context: _Context
    ) -> contract.ChangePasswordResponse:
        """Replace the caller's own password."""
        source, _ = source_of(context.peer(), dict(context.invocation_metadata() or ()))
        await self._sessions.change_password(request.current_password, request.new_password, source)
        return contract.ChangePasswordResponse()

    async def ListSessions(  # noqa: N802 - the contract's name
        self,
        request: contract.ListSessionsRequest,  # noqa: ARG002 - gRPC passes it
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListSessionsResponse:
        """List the caller's own sessions."""
        current_id = current_caller().session_id
        found = await self._sessions.list_own()
        return contract.ListSessionsResponse(
            sessions=[session_message(one, current_id) for one in found]
        )

    async def RevokeSession(  # noqa: N802 - the contract's name
        self,
        request: contract.RevokeSessionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.RevokeSessionResponse:
        """End one of the caller's own sessions."""
        await self._sessions.end(request.session_id)
        return contract.RevokeSessionResponse()
