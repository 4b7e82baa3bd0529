"""A server that finds methods by name, however many there are.

For each method that is registered apart, gRPC's asyncio server keeps a request open, and whenever
a call comes it waits anew for all of them: with a hundred methods that costs as much as everything
else a call does. Methods found by name have one such request for all, and calls of them wait in
one line to be taken in, a few turns of the loop each. What must not wait behind them has a request
of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import grpc
    import grpc.aio

__all__ = ["found_by_name"]


class _FoundByName:
    """What generated code sees of a server: it can add methods, which are found by name."""

    def __init__(self, server: grpc.aio.Server, at_once: Container[str]) -> None:
        self._server = server
        self._at_once = at_once

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers(tuple(handlers))

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Those that are taken in at once; generated code adds all of them as generic ones too."""
        own = {name: handler for name, handler in handlers.items() if name in self._at_once}
        self._server.add_registered_method_handlers(service, own)


def found_by_name(server: grpc.aio.Server, at_once: Container[str] = ()) -> grpc.aio.Server:
    """`server` for `add_…Servicer_to_server`, which then registers no method apart but those named
    in `at_once`: few, and called often, for every call of any other method pays for each of them.
    """
    return cast("grpc.aio.Server", _FoundByName(server, at_once))
