"""The composition root: settings, signals, clock and logging meet the services here, nowhere else.

One process answers calls and never computes; worker processes read, match and keep. SIGTERM or
SIGINT drains: health says NOT_SERVING, calls in progress end, the process ends with code 0.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import grpc
import grpc.aio
import msgspec
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from engine.policy import PolicyBook
from rpc.authentication import OpenDoor
from rpc.bank_file_service import BankFileService
from rpc.exception_service import ExceptionService
from rpc.interceptor import CallInterceptor
from rpc.jobs import LoadTablesDone, LoadTablesJob, WorkerSettings
from rpc.limits import MESSAGE_BYTES_MAX, RPCS_MAX
from rpc.match_service import MatchService
from rpc.metrics import Metrics
from rpc.reading import StoreReader
from rpc.spool import clear_folder
from rpc.workers import WorkerPool
from store import open_repository
from store.addresses import parse_address
from store.locking import held_store
from tieout.v1 import (
    bank_file_service_pb2,
    bank_file_service_pb2_grpc,
    exception_service_pb2,
    exception_service_pb2_grpc,
    match_service_pb2,
    match_service_pb2_grpc,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.addresses import StoreAddress

__all__ = ["AddressError", "Settings", "main", "run", "settings_from_environment"]

DRAIN_SECONDS: Final = 30.0
"""How long calls in progress may take to end; orchestrators kill after 30 seconds by custom."""

SERVICES: Final = (
    match_service_pb2.DESCRIPTOR.services_by_name["MatchService"].full_name,
    bank_file_service_pb2.DESCRIPTOR.services_by_name["BankFileService"].full_name,
    exception_service_pb2.DESCRIPTOR.services_by_name["ExceptionService"].full_name,
)

_log = logging.getLogger("tieout.server")


class AddressError(ValueError):
    """An address that is no `host:port`, or that cannot be listened on."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decides. Addresses are `host:port`, port 0 takes a free one.

    `spool` is where a folder for what is on its way through is made; empty: beside an SQLite store,
    else in the folder the server is started in.
    """

    grpc_address: str = "127.0.0.1:50051"
    metrics_address: str = "127.0.0.1:9464"
    store: str = "sqlite:///tieout.db"
    spool: str = ""
    open_items: str = ""
    customers: str = ""
    bank_accounts: str = ""
    workers: int = 2
    policy: PolicyBook = PolicyBook()


def settings_from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings out of `TIEOUT_…` variables; the policy is the default one."""
    values: dict[str, object] = {}
    for name in Settings.__struct_fields__:
        text = environment.get(f"TIEOUT_{name.upper()}")
        if name != "policy" and text is not None:
            values[name] = text
    return msgspec.convert(values, Settings, strict=False)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code.

    Raises `AddressError`, `StoreError`, `FileNotFoundError`, or `JobFailedError` for a table that
    is malformed.
    """
    _log_to(sys.stderr)
    tables = _table_paths(settings)
    address = parse_address(settings.store).absolute()
    with held_store(address):
        asyncio.run(_serve(settings, tables, address))
    return 0


def main() -> int:
    """Serve with the settings of the environment."""
    return run(settings_from_environment(os.environ))


async def _serve(settings: Settings, tables: LoadTablesJob, address: StoreAddress) -> None:
    stop = _stop_event()
    metrics = Metrics()
    spool = _spool_folder(settings, address)
    clear_folder(spool)
    async with AsyncExitStack() as stack:
        reader = StoreReader(open_repository(address.url))
        stack.callback(reader.close)
        pool = WorkerPool(
            WorkerSettings(store_url=address.url, tables_folder=str(spool), policy=settings.policy),
            settings.workers,
            on_lost=lambda: metrics.count("tieout_workers_lost_total"),
        )
        stack.push_async_callback(pool.stop)
        metrics.watch("tieout_jobs_waiting", lambda: pool.waiting)
        await pool.start()
        await _load_tables(tables, pool, metrics)
        server = _server_with(metrics)
        _add_services(server, settings, pool, reader, metrics, spool)
        health_servicer = await _add_health(server)
        grpc_address = _listen(server, settings.grpc_address)
        metrics_address = _serve_metrics(settings.metrics_address, metrics, stack)
        await server.start()
        gc.freeze()
        _say(f"tieout: gRPC on {grpc_address}")
        _say(f"tieout: metrics on http://{metrics_address}/metrics")
        await stop.wait()
        _log.info("draining")
        await health_servicer.enter_graceful_shutdown()
        await server.stop(DRAIN_SECONDS)
    _log.info("drained")


def _spool_folder(settings: Settings, address: StoreAddress) -> Path:
    if settings.spool:
        return Path(settings.spool, "tieout-spool").resolve()
    return address.beside("spool")


def _server_with(metrics: Metrics) -> grpc.aio.Server:
    return grpc.aio.server(
        interceptors=[CallInterceptor(metrics, OpenDoor())],
        maximum_concurrent_rpcs=RPCS_MAX,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ],
    )


def _add_services(
    server: grpc.aio.Server,
    settings: Settings,
    pool: WorkerPool,
    reader: StoreReader,
    metrics: Metrics,
    spool: Path,
) -> None:
    match_service_pb2_grpc.add_MatchServiceServicer_to_server(
        MatchService(pool, metrics, spool), server
    )
    bank_files = BankFileService(
        workers=pool,
        reader=reader,
        metrics=metrics,
        spool_folder=spool,
        now_ms=lambda: time.time_ns() // 1_000_000,
        bookings_max=max(1, settings.workers - 1),
    )
    bank_file_service_pb2_grpc.add_BankFileServiceServicer_to_server(bank_files, server)
    exception_service_pb2_grpc.add_ExceptionServiceServicer_to_server(
        ExceptionService(reader), server
    )


async def _add_health(server: grpc.aio.Server) -> health.aio.HealthServicer:
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection(
        (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    for name in ("", *SERVICES):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    return servicer


def _table_paths(settings: Settings) -> LoadTablesJob:
    """The tables' paths, absolute; raises `FileNotFoundError`."""

    def absolute(path: str) -> str:
        return str(Path(path).resolve(strict=True)) if path else ""

    return LoadTablesJob(
        open_items=absolute(settings.open_items),
        customers=absolute(settings.customers),
        bank_accounts=absolute(settings.bank_accounts),
    )


async def _load_tables(tables: LoadTablesJob, pool: WorkerPool, metrics: Metrics) -> None:
    done = await pool.run(tables)
    assert isinstance(done, LoadTablesDone)  # noqa: S101 - a worker answers in kind
    for name, rows in done.row_counts.items():
        metrics.set("tieout_resident_rows", rows, table=name)
        _log.info("%s: %d rows", name, rows)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _split_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        message = f"address {address!r} is no host:port such as 127.0.0.1:50051"
        raise AddressError(message)
    return host, int(port)


def _listen(server: grpc.aio.Server, address: str) -> str:
    host, _ = _split_address(address)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        message = f"cannot listen on {address}: {error}"
        raise AddressError(message) from error
    return f"{host}:{port}"


def _serve_metrics(address: str, metrics: Metrics, stack: AsyncExitStack) -> str:
    host, port = _split_address(address)
    try:
        http, thread = start_http_server(port, host.strip("[]"), metrics.registry)
    except OSError as error:
        message = f"cannot listen on {address}: {error.strerror}"
        raise AddressError(message) from error
    stack.callback(thread.join)
    stack.callback(http.server_close)
    stack.callback(http.shutdown)
    return f"{host}:{http.server_port}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class _JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


def _log_to(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


if __name__ == "__main__":
    sys.exit(main())
