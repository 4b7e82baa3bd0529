"""Spans of calls and stages, as a collector would get them."""

import asyncio
import contextvars
import inspect
import sys
import types

import grpc.aio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from rpc.authentication import OpenDoor
from rpc.caller_limits import CallerLimits
from rpc.configuration_errors import ConfigurationError
from rpc.errors import FieldError
from rpc.interceptor import CallInterceptor
from rpc.jobs import ResidentAnswer, ResidentMatchDone, ResidentRequest, StageTiming
from rpc.match_batches import MatchBatcher
from rpc.metrics import Metrics
from rpc.payment_counts import PaymentCounts
from rpc.tracing import BATCH, Tracing, open_tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RPC = "tieout.v1.MatchService/MatchPayments"


def collected():
    """A tracing, and who gets what it makes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider), exporter


def spans_of(behaviour, *metadata):
    """Spans that a call answered by `behaviour` leaves."""
    tracing, exporter = collected()
    metrics = Metrics()
    metrics.trace_by(tracing)

    async def answer(request, context):
        del request, context
        told = behaviour(metrics)
        return await told if inspect.isawaitable(told) else told

    async def serve():
        limits = CallerLimits(per_second=1e6, burst=10, at_once=10, now=lambda: 0.0)
        interceptor = CallInterceptor(metrics, OpenDoor(), limits, frozenset({"default"}), tracing)
        server = grpc.aio.server(interceptors=[interceptor])
        service, _, method = RPC.partition("/")
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(f"/{RPC}")
            try:
                await call(b"", metadata=metadata, timeout=10)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017 - both ways end
        await server.stop(None)

    asyncio.run(serve())
    return exporter.get_finished_spans()


def test_a_call_is_a_span_below_the_callers_and_its_stages_below_it():
    def match(metrics):
        metrics.observe_stages([StageTiming("parse", 10, 0.25), StageTiming("audit", 7, 0.5)])
        return b""

    parse, audit, call = spans_of(match, ("traceparent", PARENT), ("x-request-id", "erp-1"))
    assert call.name == RPC
    assert f"{call.parent.span_id:016x}" == "b7ad6b7169203331"
    assert f"{call.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert call.attributes["rpc.grpc.status"] == "OK"
    assert call.attributes["tieout.tenant"] == "default"
    assert call.attributes["tieout.request_id"] == "erp-1"
    assert [parse.name, audit.name] == ["parse", "audit"]
    for stage, rows, seconds in ((parse, 10, 0.25), (audit, 7, 0.5)):
        assert stage.parent.span_id == call.context.span_id
        assert stage.attributes["tieout.rows"] == rows
        assert stage.end_time - stage.start_time == pytest.approx(seconds * 1e9, rel=1e-3)
    assert parse.end_time == audit.start_time


class Workers:
    """A worker that matches whatever comes, in two stages."""

    async def run(self, job, *_, **__):
        timings = [StageTiming("identify", 3, 0.125), StageTiming("audit", 2, 0.25)]
        answers = [ResidentAnswer(b"done", None) for _ in job.requests]
        return ResidentMatchDone(answers=answers, payments=PaymentCounts(auto=3), timings=timings)


class Snapshots:
    """Something is resident."""

    tenant = "default"
    current = types.SimpleNamespace(path="", version=1)


def test_a_pass_is_a_span_of_its_own_with_its_stages_and_of_no_caller():
    async def match(metrics):
        batcher = MatchBatcher(Workers(), Snapshots(), metrics, 1)
        answers = [
            batcher.answer(ResidentRequest(b"", explain=False, companies=None), None)
            for _ in range(3)
        ]
        assert await asyncio.gather(*answers) == [b"done"] * 3
        return b""

    spans = spans_of(match, ("traceparent", PARENT))
    call = next(one for one in spans if one.name == RPC)
    passes = [one for one in spans if one.name == BATCH]
    assert len(spans) == 1 + 3 * len(passes)
    assert passes
    for one in passes:
        assert one.parent is None
        assert one.context.trace_id != call.context.trace_id
        assert one.attributes["tieout.rows"] == 3
        identify, audit = (
            stage for stage in spans if stage.parent and stage.parent.span_id == one.context.span_id
        )
        assert [identify.name, audit.name] == ["identify", "audit"]
        assert one.start_time == identify.start_time
        assert identify.end_time == audit.start_time
        assert audit.end_time == one.end_time
        assert one.end_time - one.start_time == 375_000_000


def test_without_a_collector_a_pass_leaves_no_span():
    tracing, exporter = collected()
    metrics = Metrics()
    contextvars.Context().run(metrics.observe_stages, [StageTiming("parse", 1, 0.5)])
    metrics.trace_by(tracing)
    contextvars.Context().run(metrics.observe_stages, [])
    assert [one.name for one in exporter.get_finished_spans()] == [BATCH]


def test_an_error_is_a_span_with_its_reason_and_without_its_words():
    def fail(_):
        message = "payer 9876543210 wrote GRAZIE"
        raise FieldError(message, value="GRAZIE")

    (call,) = spans_of(fail)
    assert call.parent is None
    assert call.status.status_code is StatusCode.ERROR
    assert call.attributes["tieout.reason"] == "FIELD_INVALID"
    assert "GRAZIE" not in call.to_json()
    assert "9876543210" not in call.to_json()


def test_without_the_extra_the_setting_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"tieout\[otel\]"):
        open_tracing("http://127.0.0.1:4318/v1/traces", 1.0, "tieout")
