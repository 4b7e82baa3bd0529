"""What surrounds every call: it is counted and timed, and its error becomes a status, once."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from rpc.errors import JobFailedError, ServiceError
from rpc.limits import STATUS_MESSAGE_LENGTH_MAX
from rpc.status import INTERNAL, code_of, trailers_of
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rpc.metrics import Metrics

__all__ = ["CallInterceptor"]

_PREFIX: Final = "/tieout.v1."

_log = logging.getLogger(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our own services; health and reflection are left alone."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into `metrics`."""
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of the call, wrapped."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(_PREFIX):
            return handler
        name = method.removeprefix(_PREFIX)
        serializers = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            call = self._one_answer(name, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(call, **serializers)
        if handler.stream_unary:
            call = self._one_answer(name, handler.stream_unary)
            return grpc.stream_unary_rpc_method_handler(call, **serializers)
        if handler.unary_stream:
            stream = self._many_answers(name, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(stream, **serializers)
        stream = self._many_answers(name, handler.stream_stream)
        return grpc.stream_stream_rpc_method_handler(stream, **serializers)

    def _one_answer(self, name: str, behaviour: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            ending = _Ending(name, self._metrics)
            try:
                answer = await behaviour(request, context)
            except BaseException as error:
                await ending.fail(error, context)
                raise
            ending.succeed()
            return answer

        return call

    def _many_answers(self, name: str, behaviour: Any) -> Any:
        async def stream(
            request: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            ending = _Ending(name, self._metrics)
            try:
                async for answer in behaviour(request, context):
                    yield answer
            except BaseException as error:
                await ending.fail(error, context)
                raise
            ending.succeed()

        return stream


class _Ending:
    """One call from its start to its end."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        self._name = name
        self._metrics = metrics
        self._began = time.perf_counter()
        metrics.count("grpc_server_started_total", grpc_method=name)

    def succeed(self) -> None:
        self._handled(grpc.StatusCode.OK)

    async def fail(self, error: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """End the call with the status of `error`; what is not ours is left to be raised again."""
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._handled(grpc.StatusCode.CANCELLED)
            return
        if not isinstance(error, (ServiceError, StoreError)):
            if not isinstance(error, Exception):
                return
            _log.error("%s failed", self._name, exc_info=error)
            error = JobFailedError(INTERNAL, f"internal error: {type(error).__name__}")
        code = code_of(error.reason)
        self._handled(code)
        self._metrics.count("tieout_errors_total", reason=error.reason)
        await context.abort(code, str(error)[:STATUS_MESSAGE_LENGTH_MAX], trailers_of(error))

    def _handled(self, code: grpc.StatusCode) -> None:
        seconds = time.perf_counter() - self._began
        name = self._name
        self._metrics.count("grpc_server_handled_total", grpc_method=name, grpc_code=code.name)
        self._metrics.observe("grpc_server_handling_seconds", seconds, grpc_method=name)
