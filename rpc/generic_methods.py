"""A server that finds methods by name, however many there are.

For each method that is registered apart, gRPC's asyncio server keeps a request open, and whenever
a call comes it waits anew for all of them: with a hundred methods that costs as much as everything
else a call does. Methods found by name have one such request for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import grpc
    import grpc.aio

__all__ = ["found_by_name"]


class _FoundByName:
    """What generated code sees of a server: it can add methods, which are found by name."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers(tuple(handlers))

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Nothing: generated code adds the same methods as generic ones."""


def found_by_name(server: grpc.aio.Server) -> grpc.aio.Server:
    """`server` for `add_…Servicer_to_server`, which then registers no method apart."""
    return cast("grpc.aio.Server", _FoundByName(server))
