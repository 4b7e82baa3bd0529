"""Methods found by name, and the few that do not wait in line behind them."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from rpc.generic_methods import found_by_name

CROWD = 300


class NotedServer:
    """Notes what is added to it."""

    def __init__(self):
        self.generic, self.registered = [], {}

    def add_generic_rpc_handlers(self, handlers):
        self.generic += handlers

    def add_registered_method_handlers(self, service, handlers):
        self.registered[service] = set(handlers)


def test_only_what_must_not_wait_has_a_request_of_its_own():
    server = NotedServer()
    servicer = health_pb2_grpc.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, found_by_name(server, {"Check"}))
    assert server.registered == {"grpc.health.v1.Health": {"Check"}}
    assert len(server.generic) == 1


def begun_before_a_probe_is_answered(at_once):
    """Of a crowd of calls sent before a probe, those whose turn had come when it was answered."""
    begun = 0

    async def answer(*_):
        return b""

    async def note(*_):
        nonlocal begun
        begun += 1
        return b""

    handlers = {
        "Check": grpc.unary_unary_rpc_method_handler(answer),
        "List": grpc.unary_unary_rpc_method_handler(note),
    }

    async def probe():
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        methods = found_by_name(server, at_once)
        methods.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("Probed", handlers),)
        )
        methods.add_registered_method_handlers("Probed", handlers)
        await server.start()
        address = f"127.0.0.1:{port}"
        async with (
            grpc.aio.insecure_channel(address) as crowd,
            grpc.aio.insecure_channel(
                address, options=[("grpc.use_local_subchannel_pool", 1)]
            ) as other,
        ):
            await asyncio.gather(crowd.channel_ready(), other.channel_ready())
            crowded = crowd.unary_unary("/Probed/List")
            calls = [crowded(b"") for _ in range(CROWD)]
            await other.unary_unary("/Probed/Check")(b"")
            seen = begun
            await asyncio.gather(*calls)
        await server.stop(None)
        return seen

    return asyncio.run(probe())


def test_a_probe_does_not_wait_for_calls_that_came_before_it():
    at_once = begun_before_a_probe_is_answered({"Check"})
    in_line = begun_before_a_probe_is_answered(())
    assert at_once * 3 < in_line
