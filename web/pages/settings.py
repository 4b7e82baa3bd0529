"""Settings: how a person likes the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from tieout.v1 import person_service_pb2 as contract
from web.calls import ask
from web.frame import frame_of, go_to
from web.keyboard import KEYS
from web.preferences import PAGE_ROWS, Preferences, as_message, keep_preferences
from web.sessions import door_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "preferences_from"]


async def _show(request: Request) -> Response:
    etag = ""
    if getattr(request.state, "person", ""):
        kept = await ask(request, "persons", "GetPreferences", contract.GetPreferencesRequest())
        etag = kept.etag
    return _page(request, saved="saved" in request.query_params, etag=etag)


def _page(
    request: Request,
    *,
    saved: bool = False,
    problems: Sequence[str] = (),
    etag: str = "",
    status: int = 200,
) -> Response:
    return frame_of(request).page(
        request,
        "settings.html",
        status=status,
        saved=saved,
        problems=problems,
        etag=etag,
        page_rows=sorted(PAGE_ROWS),
    )


async def _save(request: Request) -> Response:
    form = await request.form()
    etag = str(form.get("etag", ""))
    preferences, doubled = preferences_from({name: str(form[name]) for name in form})
    if doubled:
        frame = frame_of(request)
        said = frame.say(
            request, "The key %(key)s would do two things; nothing was saved.", key=doubled
        )
        return _page(request, problems=[said], etag=etag, status=422)
    if getattr(request.state, "person", ""):
        wanted = contract.SavePreferencesRequest(preferences=as_message(preferences), etag=etag)
        await ask(request, "persons", "SavePreferences", wanted)
        door_of(request).forget()
    response = go_to("/settings?saved")
    # The cookie as well: before sign-in the browser alone knows how its person likes it.
    keep_preferences(response, preferences, secure=request.url.scheme == "https")
    return response


def preferences_from(given: Mapping[str, str]) -> tuple[Preferences, str]:
    """What a form says, and the first key that would do two things (empty: none)."""
    keys = {}
    taken: set[str] = set()
    doubled = ""
    for one in KEYS:
        if len(one.key) > 1:
            continue
        key = given.get(f"key-{one.act}", "").strip()[:1] or one.key
        doubled = doubled or (key if key in taken else "")
        taken.add(key)
        if key != one.key:
            keys[one.act] = key
    said: dict[str, Any] = {name: given[name] for name in _CHOICES if name in given}
    said |= {"single_keys": "single_keys" in given, "keys": keys}
    rows = given.get("page_rows", "")
    if rows.isascii() and rows.isdecimal():
        said["page_rows"] = int(rows)
    try:
        return msgspec.convert(said, Preferences), doubled
    except msgspec.ValidationError:
        return Preferences(single_keys="single_keys" in given, keys=keys), doubled


_CHOICES: Final = ("language", "theme", "density")

ROUTES: Final = [
    Route("/settings", _show, methods=["GET"]),
    Route("/settings", _save, methods=["POST"]),
]
"""What answers."""
