"""Runs: what the server works on while nobody waits for it, how far it is, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from tieout.v1 import run_service_pb2 as contract
from web.calls import ask
from web.frame import frame_of, go_to
from web.given import given
from web.languages import marked as _

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["KINDS", "REASONS", "ROUTES", "STATES"]

_PAGE_ROWS: Final = 100

STATES: Final = {
    contract.RUN_STATE_WAITING: _("waiting"),
    contract.RUN_STATE_RUNNING: _("running"),
    contract.RUN_STATE_DONE: _("done"),
    contract.RUN_STATE_FAILED: _("failed"),
    contract.RUN_STATE_CANCELLED: _("cancelled"),
}
"""State of a run → its words."""

KINDS: Final = {
    contract.RUN_KIND_BANK_FILE: _("bank file"),
    contract.RUN_KIND_OPEN_ITEMS: _("open items"),
    contract.RUN_KIND_CUSTOMERS: _("customers"),
    contract.RUN_KIND_RESULTS: _("results made elsewhere"),
}
"""Kind of a run → its words."""


REASONS: Final = {
    "NOT_A_BANK_FILE": _("That is no bank file that is known here."),
    "ARCHIVE_UNREADABLE": _("The archive cannot be read."),
    "EXPANSION_TOO_LARGE": _("Unpacked it would be too large."),
    "FILE_TOO_LARGE": _("The file is too large."),
    "TABLE_MALFORMED": _("A row or a column of the table is not as it should be."),
    "DUPLICATE_KEY": _("Two rows have the same key."),
    "TOO_MANY_ROWS": _("The table has too many rows."),
    "STALE_ROW": _("A row was changed by somebody else since."),
    "COMPANY_NOT_PERMITTED": _("It is of a company that whoever sent it does not work for."),
    "JOB_TIMEOUT": _("It took too long and was given up."),
    "MEMORY_LIMIT": _("It needed more memory than it may have."),
    "WORKER_LOST": _("The process that worked on it ended. Send it again."),
    "STORE_BUSY": _("The store was busy for too long. Send it again."),
    "CONSERVATION": _("Its money did not add up after matching; nothing of it was kept."),
}
"""Why a run failed → its words; the service's own sentence stands beside them."""


async def _show(request: Request) -> Response:
    said = given(request)
    state = said.text("state")
    message = contract.ListRunsRequest(
        page_size=_PAGE_ROWS,
        page_token=said.text("after"),
        state=int(state) if state.isdecimal() and int(state) in STATES else 0,  # type: ignore[arg-type]  # a number of the enum
    )
    page = await ask(request, "runs", "ListRuns", message)
    return frame_of(request).page(
        request,
        "runs.html",
        said=said,
        runs=page.runs,
        states=STATES,
        kinds=KINDS,
        reasons=REASONS,
        next_token=page.next_page_token,
    )


async def _cancel(request: Request) -> Response:
    message = contract.CancelRunRequest(run_id=request.path_params["run_id"])
    await ask(request, "runs", "CancelRun", message)
    return go_to("/runs")


ROUTES: Final = [
    Route("/runs", _show, methods=["GET"]),
    Route("/runs/{run_id}/cancel", _cancel, methods=["POST"]),
]
"""What answers."""
