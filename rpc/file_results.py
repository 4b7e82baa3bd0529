"""What became of a kept bank file, as frames to send: table after table. Runs in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.batches import ExceptionBatch
from rpc.conversions import ANSWER_TABLES, REQUEST_TABLES, TableKind, encode_tables
from rpc.errors import BankFileNotFoundError
from rpc.jobs import FileResultDone, FileResultJob
from rpc.receipt_messages import exception_messages
from rpc.scope import check_file
from rpc.spool import FrameWriter
from store.bank_file_records import ExceptionFilter
from tieout.v1 import bank_file_service_pb2 as contract
from tieout.v1 import rows_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.repository import Repository

__all__ = ["run_file_result"]

_ROWS_PER_READ: Final = 10_000
_EXCEPTIONS_PER_READ: Final = 1_000

_RESULT_TABLES: Final = {
    kind.field: kind
    for name in (
        "payments",
        "remittance_lines",
        "payment_outcomes",
        "applications",
        "exceptions",
        "reversals",
    )
    for kind in (*REQUEST_TABLES, *ANSWER_TABLES)
    if kind.field == name
}
"""Tables of a kept file, in the order they are sent."""


def run_file_result(repository: Repository, job: FileResultJob) -> FileResultDone:
    """Write what became of a kept file; raises `BankFileNotFoundError`."""
    if repository.bank_files.find_file(job.file_id) is None:
        message = f"no bank file {job.file_id!r} is kept here"
        raise BankFileNotFoundError(message, file_id=job.file_id)
    check_file(repository.bank_files, job.file_id)
    frames = 0
    with FrameWriter(Path(job.responses_path)) as writer:
        for kind in _RESULT_TABLES.values():
            for table in _stored_tables(repository, job, kind):
                response = contract.GetBankFileResultResponse(**{kind.field: table})
                writer.write(response.SerializeToString())
                frames += 1
    return FileResultDone(frames)


def _stored_tables(repository: Repository, job: FileResultJob, kind: TableKind) -> Iterator[Any]:
    if kind.batch_class is ExceptionBatch and not job.arrow:
        yield from _stored_exceptions(repository, job.file_id)
        return
    empty = True
    for batch in repository.bank_files.read_table(job.file_id, kind.batch_class, _ROWS_PER_READ):
        empty = False
        yield from encode_tables(kind, batch, arrow=job.arrow)
    if empty:
        yield from encode_tables(kind, kind.batch_class.empty(), arrow=job.arrow)


def _stored_exceptions(
    repository: Repository, file_id: str
) -> Iterator[rows_pb2.ExceptionItemTable]:
    after: int | None = 0
    while after is not None:
        page = repository.bank_files.list_exceptions(
            ExceptionFilter(file_id=file_id), after, _EXCEPTIONS_PER_READ
        )
        items = exception_messages(page)
        yield rows_pb2.ExceptionItemTable(
            row_count=len(items), messages=rows_pb2.ExceptionItemRows(exception_items=items)
        )
        after = page.last_number
