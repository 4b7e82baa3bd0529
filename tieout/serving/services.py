"""Every service of the contract on one gRPC server, and what they share."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from desk.authority import DEFAULT_AUTHORITY, Authority
from rpc.application_service import ApplicationService
from rpc.audit_service import AuditService
from rpc.bank_file_service import BankFileService
from rpc.caller import current_caller
from rpc.customer_service import CustomerService
from rpc.desk_acts import DeskActs
from rpc.desk_work import DeskWork
from rpc.event_service import EventService
from rpc.exception_service import ExceptionService
from rpc.fact_service import FactService
from rpc.jobs import BankFileDone, BankFileJob, PostResultsDone
from rpc.match_batches import MatchBatcher
from rpc.match_service import MatchService
from rpc.open_item_service import OpenItemService
from rpc.person_service import PersonService
from rpc.report_service import ReportService
from rpc.reproposing import Reproposer
from rpc.result_posting import ResultPosting, count_conflicts
from rpc.row_imports import RowImports
from rpc.run_service import RunService
from rpc.runs import RunKeeper
from rpc.team_service import TeamService
from rpc.uploads import Uploads
from rpc.view_service import ViewService
from store.key_ring import read_key_ring
from tieout.serving.background import Background
from tieout.serving.folders import kept_folder
from tieout.v1 import (
    application_service_pb2,
    application_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    bank_file_service_pb2,
    bank_file_service_pb2_grpc,
    customer_service_pb2,
    customer_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    exception_service_pb2,
    exception_service_pb2_grpc,
    fact_service_pb2,
    fact_service_pb2_grpc,
    match_service_pb2,
    match_service_pb2_grpc,
    open_item_service_pb2,
    open_item_service_pb2_grpc,
    person_service_pb2,
    person_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    session_service_pb2,
    team_service_pb2,
    team_service_pb2_grpc,
    user_service_pb2,
    view_service_pb2,
    view_service_pb2_grpc,
    webhook_service_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import grpc.aio

    from engine.outcomes import Outcomes
    from engine.policy import PolicyBook
    from rpc.draining import Draining
    from rpc.errors import ServiceError
    from rpc.jobs import LoadTablesJob
    from rpc.metrics import Metrics
    from rpc.reading import StoreReader
    from rpc.runs import RunDone, RunJob
    from rpc.snapshots import SnapshotKeeper
    from rpc.workers import WorkerPool
    from tieout.configuration import Configuration

__all__ = ["SERVICES", "ServedTenant", "add_services"]

SERVICES: Final = (
    match_service_pb2.DESCRIPTOR.services_by_name["MatchService"].full_name,
    bank_file_service_pb2.DESCRIPTOR.services_by_name["BankFileService"].full_name,
    exception_service_pb2.DESCRIPTOR.services_by_name["ExceptionService"].full_name,
    event_service_pb2.DESCRIPTOR.services_by_name["EventService"].full_name,
    run_service_pb2.DESCRIPTOR.services_by_name["RunService"].full_name,
    report_service_pb2.DESCRIPTOR.services_by_name["ReportService"].full_name,
    application_service_pb2.DESCRIPTOR.services_by_name["ApplicationService"].full_name,
    open_item_service_pb2.DESCRIPTOR.services_by_name["OpenItemService"].full_name,
    customer_service_pb2.DESCRIPTOR.services_by_name["CustomerService"].full_name,
    session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
    audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name,
    fact_service_pb2.DESCRIPTOR.services_by_name["FactService"].full_name,
    team_service_pb2.DESCRIPTOR.services_by_name["TeamService"].full_name,
    person_service_pb2.DESCRIPTOR.services_by_name["PersonService"].full_name,
    user_service_pb2.DESCRIPTOR.services_by_name["UserService"].full_name,
    view_service_pb2.DESCRIPTOR.services_by_name["ViewService"].full_name,
    webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"].full_name,
)

"""Names of the services, as health and reflection know them."""

_AFTER_ACT_SECONDS: Final = 0.25
"""After the act of a clerk: the next page is drawn first, and acts in a row make one snapshot."""


class ServedTenant(msgspec.Struct, frozen=True):
    """What one tenant's payments are matched against, by which rules, what outcomes
    have taught, and who may decide what.
    """

    tables: LoadTablesJob
    policy: PolicyBook
    outcomes: Outcomes
    authority: Authority


def add_services(
    server: grpc.aio.Server,
    configuration: Configuration,
    tenants: Mapping[str, ServedTenant],
    pool: WorkerPool,
    snapshots: Mapping[str, SnapshotKeeper],
    reader: StoreReader,
    writer: StoreReader,
    metrics: Metrics,
    spool: Path,
    draining: Draining,
    now_ms: Callable[[], int],
) -> Background:
    """Answer every service of the contract on `server`; `now_ms` is the clock they share.

    Calls that wait for what is to come end when `draining` begins. Gives what goes on beside, to be
    started before the server and stopped after it.
    """
    workers = configuration.server.workers
    batchers = {
        name: MatchBatcher(pool, keeper, metrics, passes_max=workers)
        for name, keeper in snapshots.items()
    }
    match_service_pb2_grpc.add_MatchServiceServicer_to_server(
        MatchService(pool, batchers, metrics, spool), server
    )

    reproposers = tuple(Reproposer(pool, keeper, metrics, now_ms) for keeper in snapshots.values())

    def on_changed(tenant: str) -> None:
        snapshots[tenant].changed()

    def on_posted(tenant: str) -> None:
        snapshots[tenant].changed(_AFTER_ACT_SECONDS)

    own = {name: one.authority for name, one in tenants.items()}
    desk = DeskWork(DEFAULT_AUTHORITY, now_ms, own)
    acts = _desk_acts(reader, writer, desk, metrics, on_posted)
    exceptions = ExceptionService(
        reader=reader,
        acts=acts,
        workers=pool,
        desk=desk,
        now_ms=now_ms,
        snapshot_path=lambda tenant: snapshots[tenant].current.path,
    )
    exception_service_pb2_grpc.add_ExceptionServiceServicer_to_server(exceptions, server)
    bookings = asyncio.Semaphore(max(1, workers - 1))
    policies = {name: tenant.policy for name, tenant in tenants.items()}
    _add_records(server, pool, reader, writer, policies, draining, now_ms)
    indexed = partial(_with_snapshot, snapshots)
    shared = (pool, reader, writer, metrics, spool, bookings, now_ms, on_changed, indexed)
    runs = _add_intake(server, configuration, *shared)
    results = ResultPosting(
        workers=pool,
        spool_folder=spool,
        bookings=bookings,
        now_ms=now_ms,
        on_changed=on_changed,
        runs=runs,
        metrics=metrics,
    )
    applications = ApplicationService(
        reader=reader, acts=acts, desk=desk, results=results, now_ms=now_ms
    )
    application_service_pb2_grpc.add_ApplicationServiceServicer_to_server(applications, server)
    run_service_pb2_grpc.add_RunServiceServicer_to_server(
        RunService(reader, runs, draining), server
    )
    return Background(runs, reproposers)


def _desk_acts(
    reader: StoreReader,
    writer: StoreReader,
    desk: DeskWork,
    metrics: Metrics,
    on_posted: Callable[[str], None],
) -> DeskActs:
    return DeskActs(
        reader=reader,
        writer=writer,
        desk=desk,
        on_posted=on_posted,
        on_decided=partial(metrics.observe, "tieout_exception_age_seconds"),
        on_conflict=partial(metrics.count, "tieout_posting_conflicts_total", source="desk"),
    )


def _with_snapshot(snapshots: Mapping[str, SnapshotKeeper], job: RunJob) -> RunJob:
    """A job that a file is taken in by, told what is indexed now."""
    if not isinstance(job, BankFileJob):
        return job
    path = snapshots[current_caller().tenant].current.path
    return msgspec.structs.replace(job, snapshot_path=path)


def _add_records(
    server: grpc.aio.Server,
    pool: WorkerPool,
    reader: StoreReader,
    writer: StoreReader,
    policies: Mapping[str, PolicyBook],
    draining: Draining,
    now_ms: Callable[[], int],
) -> None:
    """Services that tell what happened, what was learned of it, and whose work it is."""
    facts = FactService(
        reader=reader, writer=writer, workers=pool, policies=policies, now_ms=now_ms
    )
    fact_service_pb2_grpc.add_FactServiceServicer_to_server(facts, server)
    views = ViewService(reader, writer, now_ms)
    view_service_pb2_grpc.add_ViewServiceServicer_to_server(views, server)
    event_service_pb2_grpc.add_EventServiceServicer_to_server(
        EventService(reader, draining), server
    )
    report_service_pb2_grpc.add_ReportServiceServicer_to_server(
        ReportService(reader, pool, now_ms), server
    )
    audit_service_pb2_grpc.add_AuditServiceServicer_to_server(AuditService(reader), server)
    team_service_pb2_grpc.add_TeamServiceServicer_to_server(
        TeamService(reader, writer, now_ms), server
    )
    person_service_pb2_grpc.add_PersonServiceServicer_to_server(
        PersonService(reader, writer, now_ms), server
    )


def _add_intake(
    server: grpc.aio.Server,
    configuration: Configuration,
    pool: WorkerPool,
    reader: StoreReader,
    writer: StoreReader,
    metrics: Metrics,
    spool: Path,
    bookings: asyncio.Semaphore,
    now_ms: Callable[[], int],
    on_changed: Callable[[str], None],
    indexed: Callable[[RunJob], RunJob],
) -> RunKeeper:
    """Services that bring something in, now or as runs; `bookings` lets in so many at once."""
    # What was accepted outlives the server; the spool does not.
    kept = kept_folder(configuration)
    key_file = configuration.store.encryption_key_file
    ring = read_key_ring(Path(key_file)) if key_file else None

    def on_done(done: RunDone) -> None:
        if isinstance(done, BankFileDone):
            bank_files.count_done(done)
            return
        if isinstance(done, PostResultsDone):
            count_conflicts(metrics, done)
        if done.changed:
            on_changed(current_caller().tenant)

    def on_failed(job: RunJob, error: ServiceError) -> None:
        bank_files.count_refused(job, error)

    runs = RunKeeper(
        workers=pool,
        writer=writer,
        folder=kept / "runs",
        working=spool,
        bookings=bookings,
        now_ms=now_ms,
        on_done=on_done,
        on_failed=on_failed,
        indexed=indexed,
    )
    imports = RowImports(
        workers=pool,
        spool_folder=spool,
        bookings=bookings,
        now_ms=now_ms,
        on_changed=on_changed,
        runs=runs,
    )
    open_item_service_pb2_grpc.add_OpenItemServiceServicer_to_server(
        OpenItemService(reader, imports), server
    )
    customer_service_pb2_grpc.add_CustomerServiceServicer_to_server(
        CustomerService(reader, imports), server
    )
    bank_files = BankFileService(
        workers=pool,
        reader=reader,
        metrics=metrics,
        spool_folder=spool,
        now_ms=now_ms,
        bookings=bookings,
        on_kept=on_changed,
        runs=runs,
        uploads=Uploads(kept / "uploads", now_ms, ring),
        indexed=indexed,
    )
    bank_file_service_pb2_grpc.add_BankFileServiceServicer_to_server(bank_files, server)
    return runs
