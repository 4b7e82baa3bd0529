"""What a person likes: language, colours, density, keys. Kept in the browser, in one cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote

import msgspec

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PREFERENCES_COOKIE", "Preferences", "keep_preferences", "preferences_of"]

PREFERENCES_COOKIE: Final = "tieout_preferences"
_YEAR_SECONDS: Final = 31_536_000
_LENGTH_MAX: Final = 2_000

Theme = Literal["auto", "light", "dark"]
Density = Literal["normal", "compact"]


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Choices of one person; `keys` maps the name of an act to the key that is not the usual one.

    `single_keys` False turns keys without a modifier off, as WCAG 2.1.4 wants it.
    """

    language: str = ""
    theme: Theme = "auto"
    density: Density = "normal"
    single_keys: bool = True
    keys: dict[str, str] = {}


def preferences_of(request: Request) -> Preferences:
    """What the cookie says; the usual where there is none or it is not ours."""
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
