"""Lists of BankFileService: receipts, and the rows that a receipt has no room for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.batches import ControlCheckBatch, DiagnosticBatch
from rpc.caller import current_caller
from rpc.errors import BankFileNotFoundError, FieldError
from rpc.page_tokens import page_limit, page_token, read_page_token
from rpc.receipt_messages import (
    bank_file_message,
    control_check_messages,
    diagnostic_messages,
    stored_state,
)
from rpc.scope import check_file
from store.file_lists import FileFilter
from tieout.v1 import bank_file_service_pb2 as contract
from tieout.v1 import bank_file_service_pb2_grpc

if TYPE_CHECKING:
    import grpc.aio

    from engine.batches import Batch
    from rpc.reading import StoreReader
    from store.repository import Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["BankFileLists", "checked_file_id"]

_FILE_ID: Final = re.compile(r"[0-9a-f]{64}")


def checked_file_id(text: str) -> str:
    """`text` as the id of a file; raises `FieldError`."""
    if _FILE_ID.fullmatch(text) is None:
        message = f"file_id is {text!r}, expected 64 hexadecimal digits in lower case"
        raise FieldError(message, field="file_id", value=text)
    return text


class BankFileLists(bank_file_service_pb2_grpc.BankFileServiceServicer):
    """The calls of BankFileService that list."""

    def __init__(self, reader: StoreReader) -> None:
        """Ask `reader`."""
        self._reader = reader

    async def ListBankFiles(  # noqa: N802 - the contract's name
        self,
        request: contract.ListBankFilesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListBankFilesResponse:
        """One page of receipts."""
        companies = current_caller().companies
        wanted = FileFilter(
            state=stored_state(request.state),
            source_format=request.source_format,
            file_name=request.file_name,
            received_from_ms=request.receive_time_from.ToMilliseconds(),
            received_before_ms=request.receive_time_before.ToMilliseconds(),
            with_exceptions=request.with_exceptions,
            with_failed_checks=request.with_failed_checks,
            companies=None if companies is None else tuple(sorted(companies)),
        )
        place = read_page_token(request.page_token, wanted, "latest")
        limit = page_limit(request.page_size)
        receipts, more = await self._reader.ask(
            lambda store: store.file_lists.list_files(wanted, place[0] if place else None, limit)
        )
        return contract.ListBankFilesResponse(
            bank_files=[bank_file_message(one) for one in receipts],
            next_page_token=page_token(_place(more), wanted, "latest"),
        )

    async def ListDiagnostics(  # noqa: N802 - the contract's name
        self,
        request: contract.ListDiagnosticsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListDiagnosticsResponse:
        """One page of what the reader had to say."""
        rows, token = await self._rows(request, DiagnosticBatch, failed_only=False)
        return contract.ListDiagnosticsResponse(
            diagnostics=diagnostic_messages(rows), next_page_token=token
        )

    async def ListControlChecks(  # noqa: N802 - the contract's name
        self,
        request: contract.ListControlChecksRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListControlChecksResponse:
        """One page of declared against computed totals."""
        rows, token = await self._rows(request, ControlCheckBatch, failed_only=request.failed_only)
        return contract.ListControlChecksResponse(
            control_checks=control_check_messages(rows), next_page_token=token
        )

    async def _rows(
        self, request: Any, batch_class: type[Batch], *, failed_only: bool
    ) -> tuple[Batch, str]:
        file_id = checked_file_id(request.file_id)
        order = f"{batch_class.__name__} {failed_only}"
        wanted = _Rows(file_id=file_id)
        place = read_page_token(request.page_token, wanted, order)
        limit = page_limit(request.page_size)

        def page(store: Repository) -> tuple[Batch, int | None]:
            if store.bank_files.find_file(file_id) is None:
                message = f"no bank file {file_id!r} is kept here"
                raise BankFileNotFoundError(message, file_id=file_id)
            check_file(store.bank_files, file_id)
            return store.file_lists.list_rows(
                file_id, batch_class, place[0] if place else 0, limit, failed_only=failed_only
            )

        rows, more = await self._reader.ask(page)
        return rows, page_token(_place(more), wanted, order)


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a token of rows is bound to."""

    file_id: str


def _place(number: int | None) -> tuple[int, int] | None:
    return None if number is None else (number, 0)
