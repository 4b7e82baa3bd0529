"""`python -m bench.serving_echo SIZE`: the least a gRPC server in Python does.

Unary calls are answered with SIZE bytes; the first message of a stream says how many bytes to send
back, in pieces of 1 MiB, once all others are there. No interceptor, no message classes, one
process. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["STREAM", "UNARY", "main"]

UNARY: Final = "/bench.Echo/Unary"
STREAM: Final = "/bench.Echo/Stream"

_PIECE_BYTES: Final = 1 << 20


async def _serve(answer: bytes) -> None:
    async def unary(request: bytes, context: Any) -> bytes:  # noqa: ARG001 - gRPC passes them
        return answer

    async def stream(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        kept = [request async for request in requests]
        left = int(kept[0])
        while left > 0:
            yield bytes(min(left, _PIECE_BYTES))
            left -= _PIECE_BYTES

    handlers: dict[str, Any] = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Echo", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


def main() -> int:
    """Serve until the input ends."""
    asyncio.run(_serve(bytes(int(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
