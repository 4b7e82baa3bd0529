"""Health by the standard protocol: serving until the server drains, not from then on.

Who watches is told so last, and the stream ends: no load balancer holds the server up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc

from rpc.status import UNKNOWN_SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import grpc.aio

    from rpc.draining import Draining

__all__ = ["HealthService"]

_Answer: Final = health_pb2.HealthCheckResponse


class HealthService(health_pb2_grpc.HealthServicer):
    """Answers `grpc.health.v1.Health` for the server, whose name is empty, and for its services."""

    def __init__(self, services: Iterable[str], draining: Draining) -> None:
        """Be healthy until `draining` begins."""
        self._names = frozenset(("", *services))
        self._draining = draining

    async def Check(  # noqa: N802 - the contract's name
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> health_pb2.HealthCheckResponse:
        """The state now."""
        if request.service not in self._names:
            await context.abort(UNKNOWN_SERVICE)
        return self._state()

    async def Watch(  # noqa: N802 - the contract's name
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The state now and at the server's end; a service that is not there may be watched."""
        if request.service not in self._names:
            yield _Answer(status=_Answer.SERVICE_UNKNOWN)
        elif not self._draining.has_begun:
            yield self._state()
        await self._draining.wait()
        if request.service in self._names:
            yield self._state()

    def _state(self) -> health_pb2.HealthCheckResponse:
        is_over = self._draining.has_begun
        return _Answer(status=_Answer.NOT_SERVING if is_over else _Answer.SERVING)
