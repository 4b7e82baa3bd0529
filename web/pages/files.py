"""Files: what banks sent, whether it foots, what it became, and the bytes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.routing import Route

from tieout.v1 import bank_file_service_pb2 as contract
from web.calls import CallError, ask
from web.frame import frame_of
from web.given import given, period
from web.reader_words import CHECK_KINDS, check_said

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "ByteLine", "byte_lines"]

_PAGE_ROWS: Final = 50
_SHOWN_BYTES: Final = 4_096
_STATES: Final = {
    contract.BANK_FILE_STATE_PROCESSED: "processed",
    contract.BANK_FILE_STATE_HELD: "held",
}
_SEVERITIES: Final = {
    contract.SEVERITY_ERROR: "error",
    contract.SEVERITY_WARNING: "warning",
    contract.SEVERITY_NOTE: "note",
}
_GONE: Final = "BANK_FILE_NOT_FOUND"


class ByteLine(msgspec.Struct, frozen=True):
    """A line of a file as it stands there: its number, where it begins, its text."""

    number: int
    offset: int
    text: str
    is_place: bool = False


async def _list(request: Request) -> Response:
    said = given(request)
    begin, end = period(said, "from", "to")
    state = {name: number for number, name in _STATES.items()}.get(said.text("state"), 0)
    page = await ask(
        request,
        "bank_files",
        "ListBankFiles",
        contract.ListBankFilesRequest(
            page_size=_PAGE_ROWS,
            page_token=said.text("after"),
            state=contract.BankFileState.ValueType(state),
            file_name=said.text("name"),
            receive_time_from=begin,
            receive_time_before=end,
            with_exceptions=said.text("exceptions") == "1",
            with_failed_checks=said.text("failed") == "1",
        ),
    )
    return frame_of(request).page(
        request,
        "files.html",
        said=said,
        files=page.bank_files,
        next_token=page.next_page_token,
        states=_STATES,
    )


async def _show(request: Request) -> Response:
    file_id = request.path_params["file_id"]
    found = await ask(
        request, "bank_files", "GetBankFile", contract.GetBankFileRequest(file_id=file_id)
    )
    frame = frame_of(request)
    translate = frame.translate(request)
    return frame.page(
        request,
        "file.html",
        file=found.bank_file,
        states=_STATES,
        severities=_SEVERITIES,
        kinds=CHECK_KINDS,
        check_said=lambda text: check_said(text, translate),
    )


async def _bytes(request: Request) -> Response:
    said = given(request)
    wanted = contract.GetBankFileBytesRequest(
        file_id=request.path_params["file_id"],
        offset=max(0, said.number("offset") - (_SHOWN_BYTES // 4 if said.text("around") else 0)),
        size_bytes=_SHOWN_BYTES,
        line=said.number("line"),
    )
    try:
        part = await ask(request, "bank_files", "GetBankFileBytes", wanted)
    except CallError as error:
        if error.reason != _GONE:
            raise
        part = None
    place = said.number("offset", -1) if said.text("around") else -1
    return frame_of(request).page(
        request,
        "file_bytes.html",
        said=said,
        file_id=wanted.file_id,
        part=part,
        lines=byte_lines(part, place) if part else [],
        step=_SHOWN_BYTES,
    )


def byte_lines(part: contract.GetBankFileBytesResponse, place: int) -> list[ByteLine]:
    """The lines of a part of a file; the one that holds the byte `place` (-1: none) is marked.

    Bytes that are no text of the bank's usual alphabet are shown by their codes.
    """
    lines = []
    offset, number = part.offset, part.line
    for piece in part.content.removesuffix(b"\n").split(b"\n"):
        end = offset + len(piece) + 1
        text = piece.rstrip(b"\r").decode("utf-8", "backslashreplace")
        shown = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
        lines.append(ByteLine(number, offset, shown, is_place=offset <= place < end))
        offset, number = end, number + 1
    return lines


ROUTES: Final = [
    Route("/files", _list, methods=["GET"]),
    Route("/files/{file_id}", _show, methods=["GET"]),
    Route("/files/{file_id}/bytes", _bytes, methods=["GET"]),
]
"""What answers."""
