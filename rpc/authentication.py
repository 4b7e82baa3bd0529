"""Who makes a call: credentials of the call → `Caller`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rpc.caller import LOCAL_CALLER, Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc.aio

__all__ = ["Authenticator", "OpenDoor"]


class Authenticator(Protocol):
    """Finds the caller of a call."""

    async def caller_of(
        self,
        metadata: Mapping[str, str | bytes],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> Caller:
        """The caller; raises an `UnauthenticatedError`."""


class OpenDoor:
    """Everybody is `local`, an admin: a server on this machine, before sign-in is configured."""

    async def caller_of(
        self,
        metadata: Mapping[str, str | bytes],  # noqa: ARG002 - nothing is asked
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - nothing is asked
    ) -> Caller:
        """The local admin."""
        return LOCAL_CALLER
