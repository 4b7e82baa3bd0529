"""The way out for events: a process of its own, there once a tenant has a webhook."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.supervised_process import SupervisedProcess
from rpc.webhook_service import WebhookService
from rpc.webhooks.deliverer import DelivererReport
from rpc.webhooks.destinations import Guard
from rpc.webhooks.settings import WebhookSettings
from tieout.v1 import webhook_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AsyncExitStack

    import grpc.aio

    from rpc.metrics import Metrics
    from rpc.reading import StoreReader
    from store.addresses import StoreAddress
    from tieout.configuration import Configuration

__all__ = ["WebhookDoor"]

_RETRY_SECONDS: Final = 5.0
"""Before a process that did not start is started again."""

_log = logging.getLogger("tieout.server")


class WebhookDoor:
    """Starts the process when there is something to send, and keeps it until the server ends."""

    def __init__(
        self,
        configuration: Configuration,
        tenants: Iterable[str],
        address: StoreAddress,
        mask_key: bytes,
        metrics: Metrics,
        stack: AsyncExitStack,
    ) -> None:
        """Not started yet; ended with `stack`."""
        stack.push_async_callback(self.stop)
        webhooks = configuration.webhooks
        self._guard = Guard(tuple(webhooks.allowed_networks), webhooks.allow_http)
        self._metrics = metrics
        self._reports: dict[str, DelivererReport] = {}
        settings = WebhookSettings(
            store_url=address.url,
            tenants=tuple(tenants),
            encryption_key_file=configuration.store.encryption_key_file,
            allowed_networks=tuple(webhooks.allowed_networks),
            allow_http=webhooks.allow_http,
            ca_file=webhooks.ca_file,
            log_level=configuration.logs.level,
            mask_key=mask_key,
        )
        self._process = SupervisedProcess(
            "rpc.webhooks.process",
            msgspec.json.encode(settings),
            on_lost=lambda: metrics.count("tieout_webhooks_lost_total"),
            on_line=self._heard,
        )
        self._starting: asyncio.Task[None] | None = None
        metrics.watch("tieout_webhook_waiting", self._waiting)
        metrics.watch("tieout_outbox_pending", self._pending)
        metrics.watch("tieout_webhook_oldest_seconds", self._oldest_seconds)

    def add_service(
        self,
        server: grpc.aio.Server,
        reader: StoreReader,
        writer: StoreReader,
        now_ms: Callable[[], int],
    ) -> None:
        """Let `server` answer the service of webhooks."""
        service = WebhookService(
            reader=reader, writer=writer, guard=self._guard, now_ms=now_ms, on_work=self.wake
        )
        webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server(service, server)

    async def begin(self, reader: StoreReader) -> None:
        """Wake where any tenant has a webhook already."""
        if await reader.any_tenant(lambda store: store.webhooks.has_work()):
            self.wake()

    def wake(self) -> None:
        """There is something to send, or will be; needs a running event loop."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def stop(self) -> None:
        """Let attempts under way end, then the process."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
            await self._process.stop()

    async def _start(self) -> None:
        while not await self._process.start():
            _log.error("the process of webhooks did not start; its reason stands above")
            self._metrics.count("tieout_webhooks_lost_total")
            await asyncio.sleep(_RETRY_SECONDS)

    def _heard(self, line: bytes) -> None:
        report = msgspec.json.decode(line, type=DelivererReport)
        self._reports[report.tenant] = report
        for outcome, count in report.attempts.items():
            self._metrics.count("tieout_webhook_attempts_total", count, outcome=outcome)
        for after_ms in report.delivered_after_ms:
            self._metrics.observe("tieout_outbox_delivery_seconds", after_ms / 1000)

    def _pending(self) -> float:
        return sum(one.pending for one in self._reports.values())

    def _waiting(self) -> float:
        return sum(one.waiting for one in self._reports.values())

    def _oldest_seconds(self) -> float:
        found = [one.oldest_waiting_ms for one in self._reports.values() if one.oldest_waiting_ms]
        return max(0.0, time.time() - min(found) / 1000) if found else 0.0
