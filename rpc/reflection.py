"""Reflection by the standard protocol: what the server can be called for, to its end.

Tools keep that stream open as long as they run; a server that drains does not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc_reflection.v1alpha import reflection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    import grpc.aio
    from grpc_reflection.v1alpha import reflection_pb2

    from rpc.draining import Draining

__all__ = ["ReflectionService"]


class ReflectionService(reflection.aio.ReflectionServicer):
    """Answers `grpc.reflection.v1alpha.ServerReflection`."""

    def __init__(self, services: Iterable[str], draining: Draining) -> None:
        """Tell of `services` until `draining` begins."""
        super().__init__(services)
        self._draining = draining

    async def ServerReflectionInfo(  # type: ignore[override]  # stubs  # noqa: N802 - as above
        self,
        request_iterator: AsyncGenerator[reflection_pb2.ServerReflectionRequest, None],
        unused_context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
        """An answer to each question."""
        asked = self._draining.followed(request_iterator)
        answers: Any = super().ServerReflectionInfo(asked, unused_context)
        async for answer in answers:
            yield answer
