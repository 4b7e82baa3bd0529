"""A worker: one process that reads jobs from its standard input and answers on its standard output.

It ends when its input ends, and with the server that started it, however that ends.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from engine.errors import EngineError
from engine.matcher import match_payments
from parsers.errors import ParserError
from rpc.bank_file_job import BankFileRunner
from rpc.bank_file_matching import Indexed
from rpc.caller import Caller, leave_call, set_caller
from rpc.clearing_job import run_clearing
from rpc.errors import MemoryLimitError, ServiceError, SnapshotError
from rpc.file_results import run_file_result
from rpc.import_job import run_import
from rpc.jobs import (
    AttachRemittanceJob,
    BankFileJob,
    BuildSnapshotJob,
    CheckSnapshotJob,
    ClearingJob,
    FileResultJob,
    ImportRowsJob,
    JobFailure,
    LoadTablesJob,
    MatchJob,
    PaymentBytesJob,
    PostResultsJob,
    QuestionJob,
    ReadReferencesJob,
    Reply,
    ReproposeJob,
    ResidentMatchJob,
    StreamMatchJob,
    TenantSettings,
    WorkerSettings,
    WorkOrder,
)
from rpc.log_lines import Mask, log_to
from rpc.match_job import run_match, run_stream_match
from rpc.pasted_job import read_references_job
from rpc.payment_bytes import payment_bytes_job
from rpc.processes import die_with_parent, give_way
from rpc.question_job import run_question
from rpc.remittance_job import attach_remittance_job
from rpc.reproposing_job import run_repropose
from rpc.request_ids import set_request_id
from rpc.resident_match_job import run_resident_match
from rpc.resident_snapshots import booked_up_to, build_snapshot, check_snapshot
from rpc.resident_tables import ResidentTables, load_tables, open_tables
from rpc.result_job import run_post_results
from rpc.secret_files import Secret
from rpc.snapshot_files import open_snapshot
from rpc.status import INTERNAL
from store import open_repository
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.resident import Resident
    from rpc.match_job import Matcher
    from rpc.snapshot_files import OpenSnapshot
    from store.repository import Repository

__all__ = ["JobRunner", "main"]

_LENGTH: Final = struct.Struct(">Q")

_log = logging.getLogger(__name__)


class JobRunner:
    """Does jobs one after the other, each with what its tenant has and nothing else."""

    def __init__(
        self,
        settings: WorkerSettings,
        match: Matcher = match_payments,
        nearly_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Work by `settings`; `match` is the engine; `nearly_done` hears when a pass is."""
        self._tenants = {
            name: _Tenant(name, own, settings) for name, own in settings.tenants.items()
        }
        self._match = match
        self._nearly_done = nearly_done
        self._act = self._actions()

    def run(self, order: WorkOrder) -> Reply:
        """Do the job of `order`; an error becomes a `JobFailure` with its reason."""
        set_request_id(order.request_id)
        token = set_caller(order.caller or Caller(name="server", tenant=order.tenant))
        try:
            return self._act[type(order.job)](order.job, self._tenants[order.tenant])
        except (ServiceError, StoreError) as error:
            return JobFailure(error.reason, str(error), error.metadata)
        except (EngineError, ParserError) as error:
            return JobFailure(error.reason, str(error), {})
        except MemoryError:
            _log.warning("job %s needs more memory than a worker has", type(order.job).__name__)
            short = MemoryLimitError("the job needs more memory than a worker may take; send less")
            return JobFailure(short.reason, str(short), short.metadata)
        except Exception as error:  # noqa: BLE001 - the process boundary: someone waits
            _log.exception("job %s failed", type(order.job).__name__)
            message = f"internal error: {type(error).__name__}; the server's log has the details"
            return JobFailure(INTERNAL, message, {})
        finally:
            leave_call(token)

    def _actions(self) -> dict[type[Any], Callable[[Any, _Tenant], Reply]]:
        """What is done for each kind of job."""
        match = self._match
        return {
            MatchJob: lambda job, _: run_match(job, match),
            StreamMatchJob: lambda job, tenant: run_stream_match(
                job, match, tenant.resident(job.snapshot_path) if job.snapshot_path else None
            ),
            ResidentMatchJob: lambda job, tenant: run_resident_match(
                job, tenant.resident(job.snapshot_path), self._nearly_done
            ),
            BuildSnapshotJob: lambda job, tenant: build_snapshot(
                job, tenant.store(), tenant.tables(), tenant.settings
            ),
            CheckSnapshotJob: lambda job, tenant: check_snapshot(job, tenant.store()),
            LoadTablesJob: lambda job, tenant: load_tables(
                job, tenant.tables_folder, tenant.store()
            ),
            BankFileJob: lambda job, tenant: tenant.bank_files(match, job.snapshot_path).run(job),
            FileResultJob: lambda job, tenant: run_file_result(tenant.store(), job),
            ReadReferencesJob: lambda job, tenant: read_references_job(tenant.store(), job),
            AttachRemittanceJob: lambda job, tenant: attach_remittance_job(
                tenant.store(), job, tenant.resident(job.snapshot_path), match
            ),
            PaymentBytesJob: lambda job, tenant: payment_bytes_job(tenant.store(), job),
            QuestionJob: lambda job, tenant: run_question(tenant.store(), tenant.policy, job),
            ClearingJob: lambda job, tenant: run_clearing(tenant.store(), job),
            ReproposeJob: lambda job, tenant: run_repropose(
                tenant.store(),
                job,
                tenant.resident(job.snapshot_path),
                booked_up_to(tenant.snapshot(job.snapshot_path)),
                tenant.authority,
            ),
            PostResultsJob: lambda job, tenant: run_post_results(
                tenant.store(), job, tenant.policy
            ),
            ImportRowsJob: lambda job, tenant: run_import(tenant.store(), job, tenant.authority),
        }


class _Tenant:
    """One tenant's store and tables, each opened by the first job that needs it."""

    def __init__(self, name: str, own: TenantSettings, settings: WorkerSettings) -> None:
        self.settings = own
        self.policy = own.policy
        self.authority = own.authority
        self.tables_folder = Path(own.tables_folder)
        self._name = name
        self._process = settings
        self._repository: Repository | None = None
        self._tables: ResidentTables | None = None
        self._snapshot: tuple[str, OpenSnapshot] | None = None

    def store(self) -> Repository:
        if self._repository is None:
            self._repository = open_repository(
                self._process.store_url,
                tenant=self._name,
                encryption_key_file=self._process.encryption_key_file,
            )
        return self._repository

    def tables(self) -> ResidentTables:
        if self._tables is None:
            self._tables = open_tables(self.tables_folder)
        return self._tables

    def bank_files(self, match: Matcher, snapshot_path: str) -> BankFileRunner:
        indexed = self._indexed(snapshot_path)
        return BankFileRunner(self.store(), self.tables(), self.settings, match, indexed)

    def _indexed(self, snapshot_path: str) -> Indexed | None:
        """What a file is matched with; None where the file's turn came after the snapshot's end."""
        if not snapshot_path:
            return None
        try:
            snapshot = self.snapshot(snapshot_path)
        except (SnapshotError, OSError):
            return None
        return Indexed(snapshot.resident, booked_up_to(snapshot))

    def snapshot(self, path: str) -> OpenSnapshot:
        """The snapshot at `path`; the one before is let go."""
        if self._snapshot is None or self._snapshot[0] != path:
            self._snapshot = (path, open_snapshot(Path(path)))
        return self._snapshot[1]

    def resident(self, path: str) -> Resident:
        """What is resident as of the snapshot at `path`."""
        return self.snapshot(path).resident


def main() -> None:
    """Serve jobs until the input ends."""
    die_with_parent()
    give_way()
    jobs, replies = _take_streams()
    settings = msgspec.msgpack.decode(_read_frame(jobs), type=WorkerSettings)
    log_to(sys.stderr, settings.log_level, Mask(Secret(settings.mask_key)))
    _limit_memory(settings.memory_bytes)
    runner = JobRunner(settings, nearly_done=lambda: _write_frame(replies, b""))
    decoder = msgspec.msgpack.Decoder(WorkOrder)
    gc.freeze()
    _write_frame(replies, b"ready")
    while frame := _read_frame(jobs):
        _write_frame(replies, msgspec.msgpack.encode(runner.run(decoder.decode(frame))))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the server; what anything prints goes to standard error from now on."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, replies


def _read_frame(stream: BinaryIO) -> bytes:
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _write_frame(stream: BinaryIO, content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _limit_memory(memory_bytes: int) -> None:
    """Let the kernel refuse memory beyond `memory_bytes`; mapped files are not counted."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


if __name__ == "__main__":
    main()
