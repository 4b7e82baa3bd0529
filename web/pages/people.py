"""People: local users, what each may, and the passwords an admin gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from tieout.v1 import user_service_pb2 as contract
from web.calls import CallError, ask
from web.frame import frame_of, go_to
from web.given import given, sent
from web.problems import refusal_words, status_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "user_in"]

_ROLES: Final = ("clerk", "approver", "admin", "auditor", "viewer", "submitter")
_PAGE_ROWS: Final = 200


async def _list(request: Request) -> Response:
    return await _page(request, "", 200)


async def _page(request: Request, problem: str, status: int) -> Response:
    said = given(request)
    page = await ask(
        request,
        "users",
        "ListUsers",
        contract.ListUsersRequest(page_size=_PAGE_ROWS, page_token=said.text("after")),
    )
    return frame_of(request).page(
        request,
        "people.html",
        status=status,
        said=said,
        users=page.users,
        next_token=page.next_page_token,
        roles=_ROLES,
        problem=problem,
        done=said.text("done"),
        signs_in=request.app.state.door.settings.local_users,
    )


def user_in(form: Any) -> contract.User:
    """The user that a form says; limits stand one per line as `EUR 10000.00`."""
    companies = str(form.get("companies", "")).replace(",", " ").split()
    limits = {}
    for line in str(form.get("limits", "")).splitlines():
        currency, _, amount = line.strip().partition(" ")
        if currency:
            limits[currency.upper()] = amount.strip()
    return contract.User(
        user_name=str(form.get("user_name", "")),
        display_name=str(form.get("display_name", "")),
        roles=[str(role) for role in form.getlist("role")],
        company_ids=companies,
        all_companies=not companies,
        amount_limits=limits,
        is_disabled=form.get("is_disabled") == "1",
        etag=str(form.get("etag", "")),
    )


async def _create(request: Request) -> Response:
    form = await request.form()
    wanted = contract.CreateUserRequest(user=user_in(form), password=str(form.get("password", "")))
    return await _done(request, "CreateUser", wanted)


async def _update(request: Request) -> Response:
    form = await request.form()
    return await _done(request, "UpdateUser", contract.UpdateUserRequest(user=user_in(form)))


async def _reset(request: Request) -> Response:
    form = await sent(request)
    wanted = contract.ResetPasswordRequest(
        user_name=form.text("user_name"),
        password=form.text("password"),
        etag=form.text("etag"),
    )
    return await _done(request, "ResetPassword", wanted)


async def _done(request: Request, call: str, wanted: Any) -> Response:
    try:
        await ask(request, "users", call, wanted)
    except CallError as error:
        return await _page(request, refusal_words(request, error), status_of(error))
    request.app.state.door.forget()
    return go_to("/people?done=1")


ROUTES: Final = [
    Route("/people", _list, methods=["GET"]),
    Route("/people", _create, methods=["POST"]),
    Route("/people/change", _update, methods=["POST"]),
    Route("/people/password", _reset, methods=["POST"]),
]
"""What answers."""
