"""Sign-in and sign-out of people, with a password or at an identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tieout.v1 import session_service_pb2
from web.calls import CallError, ask
from web.csrf import csrf_token_of
from web.errors import SignInError
from web.frame import frame_of, go_to
from web.openid import OPENID_COOKIE, OPENID_SECONDS, OpenId
from web.sessions import door_of, kept_form, own_path, sign_in_values, source_metadata

if TYPE_CHECKING:
    from starlette.requests import Request

    from web.sessions import KeptForm

__all__ = ["OWN_ROUTES", "ROUTES"]


async def _show(request: Request) -> Response:
    if door_of(request).settings.nobody_signs_in:
        return go_to("/")
    then = own_path(request.query_params.get("then", "/"))
    return frame_of(request).page(request, "sign_in.html", **sign_in_values(request, then=then))


async def _sign_in(request: Request) -> Response:
    form = await request.form()
    said = {name: str(form[name]) for name in form}
    then = own_path(said.get("then", "/"))
    kept = kept_form(said.get("kept", ""))
    wanted = session_service_pb2.SignInRequest(
        user_name=said.get("user_name", ""),
        password=said.get("password", ""),
        tenant=said.get("tenant", "").strip(),
    )
    try:
        begun = await ask(request, "sessions", "SignIn", wanted, source_metadata(request))
    except CallError as error:
        return _refused(request, error, then, kept)
    response = _resend(request, begun.token, kept) if kept else go_to(then)
    door_of(request).keep(response, begun.token)
    return response


def _refused(request: Request, error: CallError, then: str, kept: KeptForm | None) -> Response:
    frame = frame_of(request)
    said = {
        "CREDENTIALS_INVALID": frame.say(request, "The name or the password is not right."),
        "SIGN_IN_THROTTLED": frame.say(
            request, "Sign-in failed too often. Wait a little before the next try."
        ),
    }
    if error.reason not in said:
        raise error
    status = 401 if error.reason == "CREDENTIALS_INVALID" else 429
    values = sign_in_values(request, then=then, kept=kept, problem=said[error.reason])
    return frame.page(request, "sign_in.html", status=status, **values)


def _resend(request: Request, token: str, kept: KeptForm) -> Response:
    """What a form said when its session had ended, to be sent by the person."""
    request.state.csrf_token = csrf_token_of(token)
    return frame_of(request).page(request, "resend.html", form=kept)


async def _to_provider(request: Request) -> Response:
    openid: OpenId | None = request.app.state.openid
    if openid is None:
        return go_to("/sign-in")
    then = own_path(request.query_params.get("then", "/"))
    try:
        address, cookie = await openid.start(then)
    except SignInError as error:
        return _failed(request, error, then)
    response = RedirectResponse(address, 303)
    # Lax: the provider sends the browser back from its own site.
    response.set_cookie(
        OPENID_COOKIE,
        cookie,
        max_age=OPENID_SECONDS,
        path="/sign-in",
        secure=door_of(request).settings.cookies_are_secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def _back(request: Request) -> Response:
    openid: OpenId | None = request.app.state.openid
    if openid is None:
        return go_to("/sign-in")
    try:
        token, then = await openid.finish(
            request.cookies.get(OPENID_COOKIE, ""), dict(request.query_params)
        )
        request.state.session_token = token
        await ask(request, "sessions", "GetSession", session_service_pb2.GetSessionRequest())
    except (SignInError, CallError) as error:
        return _failed(request, error, "/")
    # A page of our own goes on: a redirect would still count as the provider's, and the browser
    # would not send the session's cookie with it.
    response = frame_of(request).page(request, "signed_in.html", then=own_path(then))
    response.delete_cookie(OPENID_COOKIE, path="/sign-in")
    door_of(request).keep(response, token)
    return response


def _failed(request: Request, error: Exception, then: str) -> Response:
    values = sign_in_values(request, then=then, problem=str(error))
    return frame_of(request).page(request, "sign_in.html", status=401, **values)


async def _sign_out(request: Request) -> Response:
    door = door_of(request)
    await ask(request, "sessions", "SignOut", session_service_pb2.SignOutRequest())
    door.forget()
    response = go_to("/sign-in")
    door.drop(response)
    return response


async def _account(request: Request) -> Response:
    return await _account_page(request, "saved" in request.query_params, "", 200)


async def _account_page(request: Request, saved: bool, problem: str, status: int) -> Response:  # noqa: FBT001 - of one template
    found = await ask(
        request, "sessions", "ListSessions", session_service_pb2.ListSessionsRequest()
    )
    return frame_of(request).page(
        request,
        "account.html",
        status=status,
        identity=request.state.identity,
        sessions=found.sessions,
        saved=saved,
        problem=problem,
    )


async def _change_password(request: Request) -> Response:
    form = await request.form()
    new = str(form.get("new_password", ""))
    frame = frame_of(request)
    if new != str(form.get("new_password_again", "")):
        said = frame.say(request, "The new password was written in two ways.")
        return await _account_page(request, saved=False, problem=said, status=422)
    wanted = session_service_pb2.ChangePasswordRequest(
        current_password=str(form.get("current_password", "")), new_password=new
    )
    try:
        await ask(request, "sessions", "ChangePassword", wanted, source_metadata(request))
    except CallError as error:
        return await _account_page(request, saved=False, problem=str(error), status=422)
    door_of(request).forget()
    return go_to("/account?saved")


async def _end_session(request: Request) -> Response:
    wanted = session_service_pb2.RevokeSessionRequest(session_id=request.path_params["session_id"])
    await ask(request, "sessions", "RevokeSession", wanted)
    door_of(request).forget()
    return go_to("/account")


ROUTES: Final = [
    Route("/sign-in", _show, methods=["GET"]),
    Route("/sign-in", _sign_in, methods=["POST"]),
    Route("/sign-in/provider", _to_provider, methods=["GET"]),
    Route("/sign-in/back", _back, methods=["GET"]),
]
"""What answers anybody."""

OWN_ROUTES: Final = [
    Route("/sign-out", _sign_out, methods=["POST"]),
    Route("/account", _account, methods=["GET"]),
    Route("/account", _change_password, methods=["POST"]),
    Route("/account/sessions/{session_id}", _end_session, methods=["POST"]),
]
"""What answers whoever is signed in."""
