"""`GET /healthz`: whether the web answers and its front does; nothing about anybody's payments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health_pb2
from starlette.responses import JSONResponse
from starlette.routing import Route

from web.limits import CHECK_SECONDS_MAX

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["status_routes"]


def status_routes(front: grpc.aio.Channel) -> list[Route]:
    """The routes for probes and people who look whether it is there."""
    check = front.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )

    async def healthz(_: Request) -> JSONResponse:
        try:
            answer = await check(
                health_pb2.HealthCheckRequest(), timeout=CHECK_SECONDS_MAX, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            return JSONResponse({"front": error.code().name}, 503)
        serves = answer.status == health_pb2.HealthCheckResponse.SERVING
        told = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return JSONResponse({"front": told}, 200 if serves else 503)

    return [Route("/healthz", healthz)]
