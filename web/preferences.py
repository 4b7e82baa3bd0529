"""What a person likes: language, colours, density, keys, rows of a page.

Of whoever signs in it is kept by the service, so that every browser of theirs has it. Where nobody
signs in, all people are one: then each browser keeps its own, in a cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast
from urllib.parse import quote, unquote

import msgspec

from tieout.v1 import person_service_pb2 as contract

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = [
    "PAGE_ROWS",
    "PREFERENCES_COOKIE",
    "Preferences",
    "as_message",
    "from_message",
    "keep_preferences",
    "preferences_of",
]

PREFERENCES_COOKIE: Final = "tieout_preferences"
_YEAR_SECONDS: Final = 31_536_000
_LENGTH_MAX: Final = 2_000

PAGE_ROWS: Final = (50, 25, 100, 200)
"""Rows of one page of the queue that may be chosen, the usual ones first."""

Theme = Literal["auto", "light", "dark"]
Density = Literal["normal", "compact"]


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Choices of one person; `keys` maps the name of an act to the key that is not the usual one.

    `language` is a region, such as `en-GB`, or empty. `single_keys` False turns keys without a
    modifier off, as WCAG 2.1.4 wants it.
    """

    language: str = ""
    theme: Theme = "auto"
    density: Density = "normal"
    single_keys: bool = True
    page_rows: Literal[25, 50, 100, 200] = 50
    keys: dict[str, str] = {}


def preferences_of(request: Request) -> Preferences:
    """The reader's own: as the service keeps them, else what the cookie says, else the usual."""
    kept: Preferences | None = getattr(request.state, "preferences", None)
    if kept is not None:
        return kept
    text = unquote(request.cookies.get(PREFERENCES_COOKIE, ""))
    if not text or len(text) > _LENGTH_MAX:
        return Preferences()
    try:
        return msgspec.json.decode(text, type=Preferences)
    except msgspec.MsgspecError:
        return Preferences()


def keep_preferences(response: Response, preferences: Preferences, *, secure: bool) -> None:
    """Have the browser keep `preferences` for a year."""
    response.set_cookie(
        PREFERENCES_COOKIE,
        quote(msgspec.json.encode(preferences)),
        max_age=_YEAR_SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def as_message(preferences: Preferences) -> contract.Preferences:
    """As the service keeps them."""
    return contract.Preferences(
        language=preferences.language,
        theme=preferences.theme,
        density=preferences.density,
        without_single_keys=not preferences.single_keys,
        keys=preferences.keys,
        page_rows=preferences.page_rows,
    )


def from_message(message: contract.Preferences) -> Preferences:
    """As the service gives them; what it says that is no choice here is as usual."""
    said = {
        "language": message.language,
        "theme": message.theme or "auto",
        "density": message.density or "normal",
        "single_keys": not message.without_single_keys,
        "page_rows": message.page_rows or PAGE_ROWS[0],
        "keys": dict(message.keys),
    }
    try:
        return msgspec.convert(said, Preferences)
    except msgspec.ValidationError:
        return Preferences(keys=cast("dict[str, str]", said["keys"]))
