"""Bytes of a bank file as the bank wrote them, around a place. Runs in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import BankFileNotFoundError, FieldError
from rpc.scope import check_file
from tieout.v1 import bank_file_service_pb2 as contract

if TYPE_CHECKING:
    from store.repository import Repository

__all__ = ["file_bytes"]

_SIZE: Final = 4_096
_SIZE_MAX: Final = 65_536


def file_bytes(
    store: Repository, request: contract.GetBankFileBytesRequest
) -> contract.GetBankFileBytesResponse:
    """The bytes asked for.

    Raises `FieldError`, `CompanyNotPermittedError`, or `BankFileNotFoundError` where the content
    is not or no longer kept.
    """
    if not 0 <= request.size_bytes <= _SIZE_MAX:
        message = f"size_bytes is {request.size_bytes}, expected 0 to {_SIZE_MAX}"
        raise FieldError(message, field="size_bytes", value=str(request.size_bytes))
    with store.reading():
        check_file(store.bank_files, request.file_id)
        opened = store.contents.read(request.file_id)
    if opened is None:
        message = f"the content of bank file {request.file_id} is not or no longer kept"
        raise BankFileNotFoundError(message, file_id=request.file_id)
    content = opened.content
    offset = _offset_of_line(content, request.line) if request.line else request.offset
    offset = min(max(0, offset), len(content))
    return contract.GetBankFileBytesResponse(
        content=content[offset : offset + (request.size_bytes or _SIZE)],
        offset=offset,
        size_bytes=len(content),
        line=content.count(b"\n", 0, offset) + 1,
        is_erased=bool(opened.erased),
    )


def _offset_of_line(content: bytes, line: int) -> int:
    """Where a line begins; the end of the file where it has fewer."""
    offset = 0
    for _ in range(line - 1):
        found = content.find(b"\n", offset)
        if found < 0:
            return len(content)
        offset = found + 1
    return offset
