"""Who looks at a page: the session in the browser's cookie, asked about at the front.

A page is shown to nobody whom the front does not know. Whoever is not signed in, or is no longer,
is asked to, and comes back to the same place; what a form said meanwhile is kept in the page and
sent when they say so. Roles only shape what is offered: the front decides with each call.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import grpc
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tieout.v1 import person_service_pb2, session_service_pb2
from web.calls import CallError, ask
from web.csrf import CSRF_FIELD, READS, Body, csrf_token_of
from web.frame import frame_of
from web.preferences import Preferences, from_message
from web.problems import PROBLEM_HANDLERS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from web.channel import Metadata
    from web.settings import WebSettings

__all__ = [
    "KeptForm",
    "Known",
    "SignInDoor",
    "WithSession",
    "door_of",
    "kept_form",
    "own_path",
    "sign_in_values",
    "source_metadata",
]

_REMEMBERED_SECONDS: Final = 3.0
_REMEMBERED_MAX: Final = 10_000
_OWN_PATHS: Final = ("/account", "/sign-out")
"""What somebody may do whose password must be changed first."""


class KeptForm(msgspec.Struct, frozen=True):
    """A form that came when its session had ended: where to, and what it said."""

    path: str
    fields: tuple[tuple[str, str], ...]


class Known(msgspec.Struct, frozen=True):
    """Who somebody is, and how they like the workbench; None where they never said."""

    identity: session_service_pb2.Identity
    preferences: Preferences | None


class SignInDoor:
    """How people sign in here, and who was seen lately."""

    def __init__(self, settings: WebSettings) -> None:
        """As the server was set up."""
        self.settings = settings
        self.cookie_name = (
            "__Host-tieout_session" if settings.cookies_are_secure else "tieout_session"
        )
        self._known: dict[bytes, tuple[Known, float]] = {}

    async def known(self, request: Request, token: str) -> Known:
        """Who `token` is; raises `CallError`."""
        key = hashlib.sha256(token.encode()).digest()
        now = asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is not None and now < known[1]:
            return known[0]
        self._known.pop(key, None)
        answer, preferences = await asyncio.gather(
            ask(request, "sessions", "GetSession", session_service_pb2.GetSessionRequest()),
            self._preferences(request),
        )
        if len(self._known) >= _REMEMBERED_MAX:
            del self._known[next(iter(self._known))]
        found = Known(answer.identity, preferences)
        self._known[key] = (found, now + _REMEMBERED_SECONDS)
        return found

    async def _preferences(self, request: Request) -> Preferences | None:
        """How whoever asks likes the workbench, as the service keeps it."""
        if self.settings.nobody_signs_in:
            return None
        wanted = person_service_pb2.GetPreferencesRequest()
        answer = await ask(request, "persons", "GetPreferences", wanted)
        return from_message(answer.preferences) if answer.HasField("preferences") else None

    def forget(self) -> None:
        """Ask about everybody again: somebody signed out, or changed a password or a choice."""
        self._known.clear()

    def keep(self, response: Response, token: str) -> None:
        """Have the browser carry `token` until it ends, or until it is closed."""
        response.set_cookie(
            self.cookie_name,
            token,
            path="/",
            secure=self.settings.cookies_are_secure,
            httponly=True,
            samesite="strict",
        )

    def drop(self, response: Response) -> None:
        """Have the browser forget its token."""
        response.delete_cookie(
            self.cookie_name,
            path="/",
            secure=self.settings.cookies_are_secure,
            httponly=True,
            samesite="strict",
        )


def door_of(request: Request) -> SignInDoor:
    """The door of the application that answers `request`."""
    door: SignInDoor = request.app.state.door
    return door


class WithSession:
    """Around each page: nobody sees it unknown, nobody sends a form that is not ours."""

    def __init__(self, app: ASGIApp) -> None:
        """Let `app` answer whoever is known."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        door = door_of(request)
        token = request.cookies.get(door.cookie_name, "")
        body = Body(request)
        answer: Response | None = None
        request.state.session_token = token
        if not token and not door.settings.nobody_signs_in:
            answer = await _sign_in_first(request, body)
        else:
            answer = await self._refusal(request, door, token, body)
        if answer is None:
            await self._app(scope, body.receive(), send)
        else:
            await answer(scope, body.receive(), send)

    async def _refusal(
        self, request: Request, door: SignInDoor, token: str, body: Body
    ) -> Response | None:
        """The answer instead of the page; None where the page may answer."""
        try:
            known = await door.known(request, token)
        except CallError as error:
            if error.code is grpc.StatusCode.UNAUTHENTICATED:
                answer = await _sign_in_first(request, body)
                door.drop(answer)
                return answer
            return await _problem(request, error)
        identity = known.identity
        request.state.preferences = known.preferences
        if not door.settings.nobody_signs_in:
            request.state.person = identity.display_name or identity.name
        request.state.identity = identity
        request.state.permissions = frozenset(identity.permissions)
        request.state.csrf_token = csrf_token_of(token)
        if token and request.method not in READS and not await body.is_ours(csrf_token_of(token)):
            return _not_ours(request)
        if identity.must_change_password and request.url.path not in _OWN_PATHS:
            return RedirectResponse("/account", 303)
        return None


def own_path(path: str) -> str:
    """`path` where it is one of this site's pages, else the home page."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_own and "\\" not in path and not path.startswith("/sign-") else "/"


def source_metadata(request: Request) -> Metadata:
    """Where a request comes from, for the front: only this process may say so."""
    address = request.client.host if request.client else ""
    if door_of(request).settings.behind_proxy:
        passed_on = request.headers.get("x-forwarded-for", "")
        address = passed_on.rpartition(",")[2].strip() or address
    agent = request.headers.get("user-agent", "")
    return (("tieout-source", _header(address)), ("tieout-user-agent", _header(agent)))


def kept_form(text: str) -> KeptForm | None:
    """The form that a sign-in page has kept; None where it has none."""
    try:
        found = msgspec.json.decode(text, type=KeptForm) if text else None
    except msgspec.MsgspecError:
        return None
    return found if found is not None and own_path(found.path) == found.path else None


async def _sign_in_first(request: Request, body: Body) -> Response:
    """Ask to sign in; what a form said is kept in the page."""
    query = f"?{request.url.query}" if request.url.query else ""
    if request.method in READS:
        where = f"{request.url.path}{query}"
        address = f"/sign-in?then={quote(where, safe='')}"
        if request.headers.get("hx-request") == "true":
            seen = urlsplit(request.headers.get("hx-current-url", ""))
            shown = f"{seen.path or '/'}{'?' if seen.query else ''}{seen.query}"
            address = f"/sign-in?then={quote(shown, safe='')}"
            return Response(status_code=401, headers={"hx-redirect": address})
        return RedirectResponse(address, 303)
    fields = [(name, text) for name, text in await body.fields() if name != CSRF_FIELD]
    kept = KeptForm(f"{request.url.path}{query}", tuple(fields))
    return frame_of(request).page(
        request, "sign_in.html", status=401, **sign_in_values(request, kept=kept)
    )


def sign_in_values(
    request: Request, *, then: str = "", kept: KeptForm | None = None, problem: str = ""
) -> dict[str, Any]:
    """What the page of sign-in shows."""
    settings = door_of(request).settings
    return {
        "then": then,
        "kept": msgspec.json.encode(kept).decode() if kept else "",
        "problem": problem,
        "local_users": settings.local_users,
        "has_tenants": settings.has_tenants,
        "openid": settings.openid,
    }


def _not_ours(request: Request) -> Response:
    frame = frame_of(request)
    return frame.page(
        request,
        "problem.html",
        status=403,
        title=frame.say(request, "This form was not sent from a page of yours"),
        advice=frame.say(
            request, "Nothing was changed. Load the page again and send it from there."
        ),
        reason="",
    )


async def _problem(request: Request, error: CallError) -> Response:
    answer: Response = await PROBLEM_HANDLERS[CallError](request, error)
    return answer


def _header(text: str) -> str:
    """`text` as a header of a call may hold it."""
    return "".join(sign for sign in text if " " <= sign <= "~")[:200]
