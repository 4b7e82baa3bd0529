"""The composition root: settings, signals, clock and logging meet the services here, nowhere else.

One process answers calls and never computes; worker processes read, match and keep. SIGTERM or
SIGINT drains: health says NOT_SERVING, calls in progress end, the process ends with code 0.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import platform
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import msgspec
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from rpc.caller_limits import CallerLimits
from rpc.configuration_errors import ConfigurationError
from rpc.draining import Draining
from rpc.generic_methods import found_by_name
from rpc.health import HealthService
from rpc.http_status import StatusPages
from rpc.interceptor import CallInterceptor
from rpc.jobs import LoadTablesDone, LoadTablesJob, TenantSettings, WorkerSettings
from rpc.known_types import learn_types
from rpc.limits import IDENTITY_ONLY, MESSAGE_BYTES_MAX, METADATA_BYTES_MAX, RPCS_MAX
from rpc.listening import listen
from rpc.log_lines import Mask, log_to
from rpc.metrics import Metrics
from rpc.processes import answer_at_once, resident_bytes
from rpc.readiness import Readiness
from rpc.reading import StoreReader
from rpc.reflection import ReflectionService
from rpc.secret_files import Secret
from rpc.snapshots import SnapshotKeeper
from rpc.spool import clear_folder
from rpc.supervised_process import SupervisedProcess
from rpc.upkeep import Upkeep
from rpc.workers import Lane, WorkerPool
from store import open_repository
from store.addresses import parse_address
from store.audit_keys import read_signer
from store.locking import held_store
from tieout.configuration import OVERRIDES, authority_of, policy_of, read_configuration
from tieout.server_doors import (
    authenticator_of,
    certificate_files,
    check_doors,
    mask_key_of,
    tracing_of,
)
from tieout.serving.folders import is_in_memory, placed, spool_folder
from tieout.serving.leftovers import Leftover, left_behind, left_in, remove_left
from tieout.serving.resident import resident_folders
from tieout.serving.services import SERVICES, ServedTenant, add_services
from tieout.serving.sign_in import PasswordDoor
from tieout.serving.web_door import WebDoor
from tieout.serving.webhook_door import WebhookDoor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rpc.resident_folder import ResidentFolder
    from rpc.user_sessions import UserSessions
    from store.addresses import StoreAddress
    from tieout.configuration import Configuration, TenantTable

__all__ = ["configuration_from_environment", "main", "overrides_in", "run"]

DRAIN_SECONDS: Final = 30.0
"""How long calls in progress may take to end; orchestrators kill after 30 seconds by custom."""

_UPKEEP_BUSY_SECONDS: Final = 0.5
"""How long upkeep waits for a booking before it tries again later."""

_DECISION_SECONDS: Final = 30.0
"""How long a person's decision waits for a booking that is under way."""

_MIB: Final = 1 << 20

_log = logging.getLogger("tieout.server")


def overrides_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings that `TIEOUT_…` variables replace, by the names of `OVERRIDES`."""
    named = {name: environment.get(f"TIEOUT_{name.upper()}") for name in OVERRIDES}
    return {name: text for name, text in named.items() if text is not None}


def configuration_from_environment(environment: Mapping[str, str]) -> Configuration:
    """The configuration that `TIEOUT_…` variables name and replace."""
    path = environment.get("TIEOUT_CONFIG")
    return read_configuration(Path(path) if path else None, overrides_in(environment))


def run(configuration: Configuration) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code.

    Raises `ConfigurationError`, `PolicyError`, `StoreError`, `FileNotFoundError`, or
    `JobFailedError` for a table that is malformed.
    """
    answer_at_once()
    learn_types()
    configuration = placed(configuration, os.environ)
    check_doors(configuration)
    mask_key = mask_key_of(configuration.logs)
    log_to(sys.stderr, configuration.logs.level, Mask(Secret(mask_key)))
    tenants = {
        name: ServedTenant(_table_paths(table), *policy_of(table), authority=authority_of(table))
        for name, table in configuration.served_tenants().items()
    }
    address = parse_address(configuration.store_url()).absolute()
    with held_store(address):
        asyncio.run(_serve(configuration, tenants, address, mask_key))
    return 0


def main() -> int:
    """Serve with the configuration of the environment."""
    return run(configuration_from_environment(os.environ))


async def _serve(
    configuration: Configuration,
    tenants: Mapping[str, ServedTenant],
    address: StoreAddress,
    mask_key: bytes,
) -> None:
    stop, draining = _stop_event(), Draining()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        spool = await _cleared_spool(configuration, stack)
        web = WebDoor(configuration, spool, mask_key, metrics)
        stack.push_async_callback(web.stop)
        reader, writer = _stores(configuration, tenants, address, stack)
        folders = resident_folders(configuration, tenants, spool)
        settings = _worker_settings(configuration, tenants, address, folders, mask_key)
        pool = await _workers(settings, configuration.server.workers, metrics, stack)
        snapshots = await _snapshots(tenants, folders, pool, metrics, stack)
        upkeep = _upkeep(configuration, tenants, address, pool, metrics)
        stack.push_async_callback(upkeep.stop)
        upkeep.start()
        door = PasswordDoor(configuration.authentication, tenants, reader, writer, _now_ms)
        stack.callback(door.close)
        server = _server_with(configuration, frozenset(tenants), metrics, stack, door.sessions)
        methods = found_by_name(server)
        door.add_services(methods)
        webhooks = WebhookDoor(configuration, tenants, address, mask_key, metrics, stack)
        webhooks.add_service(methods, reader, writer, _now_ms)
        background = add_services(
            methods,
            configuration,
            tenants,
            pool,
            snapshots,
            reader,
            writer,
            metrics,
            spool,
            draining,
            _now_ms,
        )
        stack.push_async_callback(background.stop)
        await background.start(tenants)
        _add_probes(server, draining)
        grpc_address = listen(
            server, configuration.server.grpc_address, certificate_files(configuration)
        )
        web.let_in(server)
        readiness = _readiness(pool, reader, tenants, metrics)
        await readiness.look()
        pages = StatusPages(configuration.server.metrics_address, metrics.registry, readiness)
        stack.callback(pages.close)
        await server.start()
        await web.start()
        await webhooks.begin(reader)
        watching = asyncio.create_task(readiness.watch())
        stack.callback(watching.cancel)
        gc.freeze()
        _say(f"tieout: gRPC on {grpc_address}")
        if web.url:
            _say(f"tieout: workbench and JSON on {web.url}")
        _say(f"tieout: metrics on http://{pages.address}/metrics")
        await stop.wait()
        _log.info("draining")
        readiness.drain()
        draining.begin()
        await web.stop()
        await server.stop(DRAIN_SECONDS)
    _log.info("drained")


async def _cleared_spool(configuration: Configuration, stack: AsyncExitStack) -> Path:
    """The folder a server works in, made anew; of a sealed store it goes with the server, however
    that ends.
    """
    spool = spool_folder(configuration)
    _tell_left(left_in(spool))
    clear_folder(spool)
    held = os.open(spool, os.O_RDONLY | os.O_DIRECTORY)
    stack.callback(os.close, held)
    if configuration.store.encryption_key_file:
        for left in left_behind(time.time(), but=[spool]):
            remove_left(left)
            _tell_left(left)
        stack.callback(shutil.rmtree, spool, ignore_errors=True)
        guardian = SupervisedProcess(
            "tieout.serving.guardian", os.fsencode(spool), on_lost=lambda: None
        )
        stack.push_async_callback(guardian.stop)
        if not await guardian.start():
            message = "the process that clears up after a killed server did not start"
            raise ConfigurationError(message)
        if not is_in_memory(spool):
            _log.warning("the store is sealed, what the server works with is not: %s", spool)
    return spool


def _tell_left(left: Leftover) -> None:
    """Say what a server that was killed has left; it is removed."""
    if left.file_count:
        _log.warning(
            "removed what a killed server left in %s: %d files, %.1f MiB",
            *(left.path, left.file_count, left.size_bytes / _MIB),
        )


async def _workers(
    settings: WorkerSettings, count: int, metrics: Metrics, stack: AsyncExitStack
) -> WorkerPool:
    """The workers, ready, until `stack` ends."""
    pool = WorkerPool(settings, count, on_lost=lambda: metrics.count("tieout_workers_lost_total"))
    stack.push_async_callback(pool.stop)
    for lane in Lane:
        metrics.watch("tieout_queue_depth", partial(pool.waiting_in, lane), queue=lane.value)
    _watch_processes(pool, metrics)
    await pool.start()
    return pool


def _stores(
    configuration: Configuration,
    tenants: Iterable[str],
    address: StoreAddress,
    stack: AsyncExitStack,
) -> tuple[StoreReader, StoreReader]:
    """Connections that read, and those of people's decisions; closed when `stack` ends."""
    key_file = configuration.store.encryption_key_file
    reader = StoreReader(
        {
            name: open_repository(address.url, tenant=name, encryption_key_file=key_file)
            for name in tenants
        }
    )
    stack.callback(reader.close)
    writer = StoreReader(
        {
            name: open_repository(
                address.url,
                tenant=name,
                busy_seconds=_DECISION_SECONDS,
                encryption_key_file=key_file,
            )
            for name in tenants
        }
    )
    stack.callback(writer.close)
    return reader, writer


def _upkeep(
    configuration: Configuration,
    tenants: Iterable[str],
    address: StoreAddress,
    pool: WorkerPool,
    metrics: Metrics,
) -> Upkeep:
    """Sealing and proving, over connections that wait for no booking."""
    store = configuration.store
    return Upkeep(
        {
            name: open_repository(
                address.url,
                tenant=name,
                busy_seconds=_UPKEEP_BUSY_SECONDS,
                encryption_key_file=store.encryption_key_file,
            )
            for name in tenants
        },
        workers=pool,
        metrics=metrics,
        now_ms=_now_ms,
        signer=read_signer(Path(store.audit_key_file)) if store.audit_key_file else None,
        retention=configuration.retention,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _snapshots(
    tenants: Mapping[str, ServedTenant],
    folders: Mapping[str, ResidentFolder],
    pool: WorkerPool,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> dict[str, SnapshotKeeper]:
    """What is resident of each tenant, loaded, indexed, and kept so until `stack` ends."""
    await _load_tables(tenants, pool, folders, metrics)
    keepers = {
        name: SnapshotKeeper(pool, folder, metrics, name) for name, folder in folders.items()
    }
    metrics.watch(
        "tieout_snapshot_lag_seconds", lambda: max(one.lag_seconds() for one in keepers.values())
    )
    for keeper in keepers.values():
        stack.push_async_callback(keeper.stop)
        await keeper.start()
    return keepers


def _worker_settings(
    configuration: Configuration,
    tenants: Mapping[str, ServedTenant],
    address: StoreAddress,
    folders: Mapping[str, ResidentFolder],
    mask_key: bytes,
) -> WorkerSettings:
    own = {
        name: TenantSettings(
            tables_folder=str(folders[name].tables),
            policy=tenant.policy,
            outcomes=tenant.outcomes,
            authority=tenant.authority,
        )
        for name, tenant in tenants.items()
    }
    return WorkerSettings(
        store_url=address.url,
        tenants=own,
        memory_bytes=configuration.limits.worker_memory_bytes,
        log_level=configuration.logs.level,
        mask_key=mask_key,
        encryption_key_file=configuration.store.encryption_key_file,
    )


def _server_with(
    configuration: Configuration,
    tenants: frozenset[str],
    metrics: Metrics,
    stack: AsyncExitStack,
    sessions: UserSessions,
) -> grpc.aio.Server:
    limits = CallerLimits(
        per_second=configuration.limits.calls_per_second,
        burst=configuration.limits.calls_burst,
        at_once=configuration.limits.calls_at_once,
        now=time.monotonic,
    )
    authenticator = authenticator_of(configuration.authentication, time.time, sessions)
    tracing = tracing_of(configuration.telemetry)
    metrics.trace_by(tracing)
    if tracing is not None:
        stack.callback(tracing.close)
    return grpc.aio.server(
        interceptors=[CallInterceptor(metrics, authenticator, limits, tenants, tracing)],
        maximum_concurrent_rpcs=RPCS_MAX,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.compression_enabled_algorithms_bitset", IDENTITY_ONLY),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ],
    )


def _add_probes(server: grpc.aio.Server, draining: Draining) -> None:
    """Health and reflection."""
    names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    methods = found_by_name(server)
    probed = found_by_name(server, at_once={"Check"})
    health_pb2_grpc.add_HealthServicer_to_server(HealthService(SERVICES, draining), probed)
    add_reflection: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    add_reflection(ReflectionService(names, draining), methods)


def _table_paths(table: TenantTable) -> LoadTablesJob:
    """The tables' paths, absolute; raises `FileNotFoundError`."""

    def absolute(path: str) -> str:
        return str(Path(path).resolve(strict=True)) if path else ""

    return LoadTablesJob(
        open_items=absolute(table.open_items),
        customers=absolute(table.customers),
        bank_accounts=absolute(table.bank_accounts),
    )


async def _load_tables(
    tenants: Mapping[str, ServedTenant],
    pool: WorkerPool,
    folders: Mapping[str, ResidentFolder],
    metrics: Metrics,
) -> None:
    counts = Counter[str]()
    for name, tenant in tenants.items():
        manifest = folders[name].manifest()
        job = msgspec.structs.replace(tenant.tables, hashes=manifest.tables, loaded_at_ms=_now_ms())
        done = await pool.run(job, tenant=name)
        assert isinstance(done, LoadTablesDone)  # noqa: S101 - a worker answers in kind
        folders[name].write(msgspec.structs.replace(manifest, tables=done.hashes))
        counts.update(done.row_counts)
        for table, rows in done.row_counts.items():
            _log.info("tenant %s, %s: %d rows", name, table, rows)
    for table, rows in counts.items():
        metrics.set("tieout_resident_rows", rows, table=table)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _readiness(
    pool: WorkerPool, reader: StoreReader, tenants: Mapping[str, ServedTenant], metrics: Metrics
) -> Readiness:
    """Ready while a worker is there and the store of every tenant answers."""

    async def worker_is_there() -> bool:
        return bool(pool.process_ids())

    async def store_answers() -> bool:
        return all([await reader.answers(tenant) for tenant in tenants])

    return Readiness({"workers": worker_is_there, "store": store_answers}, metrics)


def _watch_processes(pool: WorkerPool, metrics: Metrics) -> None:
    metrics.watch("tieout_workers", lambda: len(pool.process_ids()))
    metrics.watch(
        "tieout_worker_memory_bytes", lambda: sum(map(resident_bytes, pool.process_ids()))
    )
    metrics.watch("tieout_server_memory_bytes", lambda: resident_bytes(os.getpid()))
    loop = asyncio.get_running_loop()
    metrics.watch("tieout_server_tasks", lambda: len(asyncio.all_tasks(loop)))
    metrics.set("tieout_build_info", 1, version=version("tieout"), python=platform.python_version())


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
