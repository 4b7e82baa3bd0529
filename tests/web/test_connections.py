"""Connections that say nothing, or never finish to ask, lose their place."""

import asyncio
import contextlib
import socket

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from web.connections import BoundedConnection


async def answer_slowly(_):
    await asyncio.sleep(0.5)
    return PlainTextResponse("done")


async def exchange(port, *pieces, pause=0.0):
    """What the server says to `pieces` until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


ASK = b"GET / HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("pieces", "seconds_max", "answer"),
    [
        ((), 0.1, b""),
        ((b"GET / HT",), 0.1, b""),
        ((ASK, b"a: b\r\n", b"c: d\r\n"), 0.1, b""),
        ((ASK + b"connection: close\r\n\r\n",), 0.3, b"done"),
        ((ASK + b"\r\n", b"GET / HT"), 0.3, b"done"),
    ],
)
def test_a_request_that_never_comes_is_not_waited_for(pieces, seconds_max, answer):
    class Connection(BoundedConnection):
        header_seconds_max = seconds_max

    async def run():
        app = Starlette(routes=[Route("/", answer_slowly)])
        config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await server.startup([listener])
            said = await exchange(listener.getsockname()[1], *pieces, pause=0.6 if answer else 0)
            await server.shutdown()
        return said

    said = asyncio.run(run())
    assert said.endswith(answer)
    assert bool(answer) == said.startswith(b"HTTP/1.1 200")
