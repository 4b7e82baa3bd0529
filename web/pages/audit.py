"""Audit trail: who did what, when and why; filtered, and saved for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from tieout.v1 import audit_service_pb2 as contract
from web.calls import ask
from web.csv_text import csv_answer
from web.frame import frame_of
from web.given import given, period

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from web.given import Given

__all__ = ["ROUTES"]

_PAGE_ROWS: Final = 100
_EXPORTED_MAX: Final = 100_000
_EXPORT_PAGE: Final = 1_000
_COLUMNS: Final = (
    *("entry_number", "record_time", "actor", "kind", "act", "subject", "subject_name", "reason"),
    *("facts", "rows", "block_number", "block_hash"),
)


async def _show(request: Request) -> Response:
    said = given(request)
    page = await ask(request, "audit", "ListAuditEntries", _wanted(said, said.text("after")))
    return frame_of(request).page(
        request,
        "audit.html",
        said=said,
        entries=page.entries,
        kinds=page.kinds,
        next_token=page.next_page_token,
    )


def _wanted(said: Given, token: str, rows: int = _PAGE_ROWS) -> contract.ListAuditEntriesRequest:
    begin, end = period(said, "from", "to")
    return contract.ListAuditEntriesRequest(
        actor=said.text("actor"),
        kind=said.text("kind"),
        subject=said.text("subject"),
        record_time_min=begin,
        record_time_end=end,
        page_size=rows,
        page_token=token,
    )


async def _export(request: Request) -> Response:
    said = given(request)
    rows = [_row(entry) async for entry in _entries(request, said)]
    return csv_answer("audit.csv", _COLUMNS, rows)


async def _entries(request: Request, said: Given) -> AsyncIterator[contract.AuditEntry]:
    """Every entry that fits, at most `_EXPORTED_MAX`."""
    token = ""
    for _ in range(_EXPORTED_MAX // _EXPORT_PAGE):
        page = await ask(request, "audit", "ListAuditEntries", _wanted(said, token, _EXPORT_PAGE))
        for entry in page.entries:
            yield entry
        token = page.next_page_token
        if not token:
            return


def _row(entry: contract.AuditEntry) -> list[Any]:
    return [
        entry.entry_number,
        entry.record_time.ToJsonString(),
        entry.actor,
        entry.kind,
        entry.act,
        entry.subject,
        entry.subject_name,
        entry.reason,
        "; ".join(f"{name}={entry.facts[name]}" for name in sorted(entry.facts)),
        "; ".join(f"{name}={entry.row_counts[name]}" for name in sorted(entry.row_counts)),
        entry.block_number or "",
        entry.block_hash,
    ]


ROUTES: Final = [
    Route("/audit", _show, methods=["GET"]),
    Route("/audit.csv", _export, methods=["GET"]),
]
"""What answers."""
