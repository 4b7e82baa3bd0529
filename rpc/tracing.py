"""Spans of calls, batches and the stages of a match, for those who collect them (OpenTelemetry).

A span costs 20 µs, so there is one per call, batch and stage, never one per payment. It carries
method, tenant, code, stage and row counts; nothing of a payment. Without a collector none is made.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from rpc.caller import caller_or_none
from rpc.configuration_errors import ConfigurationError
from rpc.request_ids import current_request_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.trace import Span

    from rpc.jobs import StageTiming

__all__ = ["BATCH", "CallSpan", "Tracing", "open_tracing", "trace_stages"]

BATCH: Final = "batch"
"""Name of the span of a match that several calls share, or none."""

_NANOSECONDS: Final = 1_000_000_000

_call_span: ContextVar[CallSpan | None] = ContextVar("call_span", default=None)


class Tracing:
    """Begins the spans of calls, by a provider of OpenTelemetry's SDK."""

    def __init__(self, provider: Any) -> None:
        """Make spans by `provider`, which is shut down by `close`."""
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an extra
            TraceContextTextMapPropagator,
        )

        self._provider = provider
        self._tracer = provider.get_tracer("tieout")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, labels: Mapping[str, str], metadata: Mapping[str, str | bytes]) -> CallSpan:
        """The span of a call that begins now, below the caller's own where it sent one."""
        texts = {name: value for name, value in metadata.items() if isinstance(value, str)}
        span = self._tracer.start_span(
            f"{labels['grpc_service']}/{labels['grpc_method']}",
            context=self._propagator.extract(texts),
            attributes={
                "rpc.system": "grpc",
                "rpc.service": labels["grpc_service"],
                "rpc.method": labels["grpc_method"],
            },
        )
        call = CallSpan(self._tracer, span)
        _call_span.set(call)
        return call

    def batch(self, timings: Iterable[StageTiming]) -> None:
        """A match that is nobody's own call, such as a pass of small calls, and its stages.

        It ended just now, is below no other span, and is sampled by itself.
        """
        done = list(timings)
        now = time.time_ns()
        span = self._tracer.start_span(
            BATCH,
            start_time=now - _nanoseconds(done),
            attributes={"tieout.rows": max((one.row_count for one in done), default=0)},
        )
        _add_stages(self._tracer, span, done, now)
        span.end(end_time=now)

    def close(self) -> None:
        """Send what waits to be sent."""
        self._provider.shutdown()


class CallSpan:
    """One call, until it ends."""

    def __init__(self, tracer: Any, span: Span) -> None:
        """Wrap `span`, made by `tracer`."""
        self._tracer = tracer
        self._span = span

    def stages(self, timings: Iterable[StageTiming]) -> None:
        """Add the stages of a match, which ended just now, one after the other."""
        _add_stages(self._tracer, self._span, list(timings), time.time_ns())

    def end(self, code: str, reason: str) -> None:
        """The call ended with `code`, and `reason` where it is an error."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

        caller = caller_or_none()
        self._span.set_attribute("rpc.grpc.status", code)
        self._span.set_attribute("tieout.request_id", current_request_id())
        if caller is not None:
            self._span.set_attribute("tieout.tenant", caller.tenant)
        if reason:
            self._span.set_attribute("tieout.reason", reason)
            self._span.set_status(StatusCode.ERROR, reason)
        self._span.end()


def trace_stages(timings: Iterable[StageTiming], tracing: Tracing | None = None) -> None:
    """Add stages to the span of the current call; where there is none, to one made by `tracing`."""
    call = _call_span.get()
    if call is not None:
        call.stages(timings)
    elif tracing is not None:
        tracing.batch(timings)


def _add_stages(tracer: Any, span: Span, timings: Sequence[StageTiming], ended_at: int) -> None:
    """Spans of stages that followed each other, the last until `ended_at`, below `span`."""
    from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - an extra

    context = set_span_in_context(span)
    at = ended_at - _nanoseconds(timings)
    for timing in timings:
        stage = tracer.start_span(
            timing.stage,
            context=context,
            start_time=at,
            attributes={"tieout.rows": timing.row_count},
        )
        at += int(timing.seconds * _NANOSECONDS)
        stage.end(end_time=at)


def _nanoseconds(timings: Sequence[StageTiming]) -> int:
    return sum(int(timing.seconds * _NANOSECONDS) for timing in timings)


def open_tracing(endpoint: str, sample_ratio: float, service_name: str) -> Tracing:
    """Send spans to the collector at `endpoint` (OTLP over HTTP).

    Raises `ConfigurationError` where the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415 - an extra
            ParentBased,
            TraceIdRatioBased,
        )
    except ImportError as error:
        message = f"telemetry.otlp_endpoint needs tieout[otel], which is not installed: {error}"
        raise ConfigurationError(message) from error
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        resource=Resource.create({"service.name": service_name}),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)
