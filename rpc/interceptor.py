"""What surrounds every call, in this order: an id, the caller, the right to call, its share,
then the service.

All of it is counted and timed, and an error becomes a status once, here; a refusal is counted like
any other ending. Handlers are wrapped when they are first called and kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from rpc.caller import NOBODY, set_caller
from rpc.caller_limits import RATE_LIMIT_KEY
from rpc.errors import (
    JobFailedError,
    OverloadedError,
    ServiceError,
    TenantNotServedError,
    ThrottledError,
)
from rpc.limits import STATUS_MESSAGE_LENGTH_MAX
from rpc.messages import read_message
from rpc.metrics import CallMeasure
from rpc.permissions import PROBE_RPCS, PUBLIC_RPCS, check_permission
from rpc.request_ids import REQUEST_ID_KEY, begin_request
from rpc.status import INTERNAL, code_of, status_code, trailers_of
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rpc.authentication import Authenticator
    from rpc.caller import Caller
    from rpc.caller_limits import CallerLimits
    from rpc.metrics import Metrics
    from rpc.tracing import CallSpan, Tracing

__all__ = ["CallInterceptor"]

_TYPES: Final = {
    "unary_unary": "unary",
    "stream_unary": "client_stream",
    "unary_stream": "server_stream",
    "stream_stream": "bidi_stream",
}
"""Kinds of methods, as gRPC's handlers name them → in the words of metrics."""

_log = logging.getLogger(__name__)

_HEADER_ACCEPTED: Final = (("tieout-header", "accepted"),)
"""Initial metadata of a stream whose first message was accepted; a call that ends has none."""

if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]
    _Context = grpc.aio.ServicerContext[Any, Any]
    _Reader = Callable[[Any, _Context], Any]
    _Labels = dict[str, str]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler but those of probes (`PROBE_RPCS`)."""

    def __init__(
        self,
        metrics: Metrics,
        authenticator: Authenticator,
        limits: CallerLimits,
        tenants: frozenset[str],
        tracing: Tracing | None = None,
    ) -> None:
        """Count into `metrics`, ask `authenticator` who calls, hold callers to `limits`.

        `tenants` are those that this server has; callers of others are turned away.
        """
        self._metrics = metrics
        self._authenticator = authenticator
        self._limits = limits
        self._tenants = tenants
        self._tracing = tracing
        self._wrapped: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        """The handler of the call, wrapped."""
        rpc = handler_call_details.method.removeprefix("/")
        wrapped = self._wrapped.get(rpc)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or rpc in PROBE_RPCS:
            return handler
        wrapped = self._wrap(rpc, handler)
        self._wrapped[rpc] = wrapped
        return wrapped

    def _wrap(self, rpc: str, handler: _Handler) -> _Handler:
        kind, behaviour = _behaviour(handler)
        raw = getattr(behaviour, "takes_bytes", False)
        decode = bytes if raw else handler.request_deserializer or bytes
        read = _reader(decode, streamed=kind.startswith("stream"))
        measure = CallMeasure(self._metrics, _labels(rpc, kind))
        wrap = self._many_answers if kind.endswith("stream") else self._one_answer
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        wrapped: _Handler = make(
            wrap(rpc, behaviour, measure, read),
            response_serializer=None if raw else handler.response_serializer,
        )
        return wrapped

    def _begin(self, measure: CallMeasure, context: _Context) -> _Ending:
        span = None
        if self._tracing is not None:
            span = self._tracing.begin(measure.labels, dict(context.invocation_metadata() or ()))
        return _Ending(measure, self._metrics, span)

    async def _admit(self, rpc: str, context: _Context) -> Caller | None:
        """Give the call its id and its caller; raises where the caller is unknown or may not.

        Whoever is admitted is counted in and must be counted out; None for a call that answers
        anyone, which is not.
        """
        metadata = dict(context.invocation_metadata() or ())
        context.set_trailing_metadata(((REQUEST_ID_KEY, begin_request(metadata)),))
        if rpc in PUBLIC_RPCS:
            set_caller(NOBODY)
            return None
        caller = await self._authenticator.caller_of(metadata, context)
        set_caller(caller)
        if caller.tenant not in self._tenants:
            message = f"{caller.name!r} belongs to tenant {caller.tenant!r}, not served here"
            raise TenantNotServedError(message, caller=caller.name, tenant=caller.tenant)
        check_permission(caller, rpc)
        try:
            self._limits.enter(caller)
        finally:
            if RATE_LIMIT_KEY in metadata:
                told = (*context.trailing_metadata(), *self._limits.standing(caller))
                context.set_trailing_metadata(told)
        return caller

    def _one_answer(self, rpc: str, behaviour: Any, measure: CallMeasure, read: _Reader) -> Any:
        async def call(request: Any, context: _Context) -> Any:
            ending = self._begin(measure, context)
            admitted: Caller | None = None
            try:
                admitted = await self._admit(rpc, context)
                answer = await behaviour(read(request, context), context)
            except BaseException as error:
                await ending.fail(error, context)
                raise
            finally:
                if admitted is not None:
                    self._limits.leave(admitted)
            ending.succeed()
            return answer

        return call

    def _many_answers(self, rpc: str, behaviour: Any, measure: CallMeasure, read: _Reader) -> Any:
        async def stream(request: Any, context: _Context) -> AsyncIterator[Any]:
            ending = self._begin(measure, context)
            admitted: Caller | None = None
            try:
                admitted = await self._admit(rpc, context)
                async for answer in behaviour(read(request, context), context):
                    yield answer
            except BaseException as error:
                await ending.fail(error, context)
                raise
            finally:
                if admitted is not None:
                    self._limits.leave(admitted)
            ending.succeed()

        return stream


def _labels(rpc: str, kind: str) -> _Labels:
    """What every metric of a call is labelled with, in the words of other gRPC servers."""
    service, _, method = rpc.partition("/")
    return {"grpc_type": _TYPES[kind], "grpc_service": service, "grpc_method": method}


def _behaviour(handler: _Handler) -> tuple[str, Any]:
    """The kind of a method, and what it does."""
    for kind in _TYPES:
        if (behaviour := getattr(handler, kind)) is not None:
            return kind, behaviour
    message = "a handler of no kind"
    raise TypeError(message)


def _reader(decode: Callable[[bytes], Any], *, streamed: bool) -> _Reader:
    """Bytes of a call's request → its message, or the stream of them; raises a `RequestError`.

    Of a stream the caller gets initial metadata once its first message, the header, was accepted.
    """

    async def messages(contents: AsyncIterator[bytes], context: _Context) -> AsyncIterator[Any]:
        is_header = True
        async for content in contents:
            yield read_message(decode, content)
            if is_header:  # whoever asks for more has accepted it, and the caller may know
                is_header = False
                with suppress(grpc.aio.UsageError):  # where an answer is under way it knows already
                    await context.send_initial_metadata(_HEADER_ACCEPTED)

    return messages if streamed else lambda content, _: read_message(decode, content)


class _Ending:
    """One call from its start to its end."""

    def __init__(self, measure: CallMeasure, metrics: Metrics, span: CallSpan | None) -> None:
        self._measure = measure
        self._span = span
        self._metrics = metrics
        self._began = time.perf_counter()
        measure.started()

    def succeed(self) -> None:
        self._handled(grpc.StatusCode.OK)

    async def fail(self, error: BaseException, context: _Context) -> None:
        """End the call with the status of `error`; what is not ours is left to be raised again."""
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._handled(grpc.StatusCode.CANCELLED)
            return
        if isinstance(error, grpc.aio.AbortError):  # the service has ended the call itself
            self._handled(status_code(context.code()))
            return
        if not isinstance(error, (ServiceError, StoreError)):
            if not isinstance(error, Exception):
                return
            _log.error("%s failed", self._measure.labels["grpc_method"], exc_info=error)
            error = JobFailedError(INTERNAL, f"internal error: {type(error).__name__}")
        code = code_of(error.reason)
        self._handled(code, error.reason)
        self._metrics.count("tieout_errors_total", reason=error.reason)
        if isinstance(error, (OverloadedError, ThrottledError)):
            self._metrics.count("tieout_shed_total", reason=error.reason)
        trailers = (*context.trailing_metadata(), *trailers_of(error))
        await context.abort(code, str(error)[:STATUS_MESSAGE_LENGTH_MAX], trailers)

    def _handled(self, code: grpc.StatusCode, reason: str = "") -> None:
        if self._span is not None:
            self._span.end(code.name, reason)
        self._measure.handled(code.name, time.perf_counter() - self._began)
