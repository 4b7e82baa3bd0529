"""The frame of every page: templates in the reader's language, who reads, where one can go."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web.display import NOTHING, Display
from web.keyboard import key_map, keys_of
from web.languages import REGIONS, chosen_region, language_of, translations
from web.navigation import places_for
from web.preferences import Preferences, preferences_of
from web.static_files import StaticFiles
from web.wording import WORDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["Frame", "Viewer", "frame_of", "go_to", "own_name", "viewer_of"]

_TEMPLATES: Final = Path(__file__).with_name("templates")


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads a page, how they like it, and what they may: pages offer no more than that.

    `region` says how money and dates are written, such as `en-GB`. `person` is empty where nobody
    signs in, `permissions` before somebody has.
    """

    region: str
    preferences: Preferences
    person: str
    csrf_token: str
    permissions: frozenset[str]
    path: str
    address: str

    @property
    def language(self) -> str:
        """The language of the region."""
        return language_of(self.region)


class Frame:
    """Makes pages. One environment per region, so that nothing is decided per word."""

    def __init__(self, static: StaticFiles | None = None) -> None:
        """Read every template and catalogue once."""
        self.static = static or StaticFiles()
        self._displays = {region: Display(region) for region in REGIONS}
        self._environments = {region: self._environment(region) for region in REGIONS}

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """The page that `template` makes of `values`."""
        return HTMLResponse(self.text(request, template, **values), status_code=status)

    def text(self, request: Request, template: str, **values: Any) -> str:
        """The same as text."""
        viewer = viewer_of(request)
        found = self._environments[viewer.region].get_template(template)
        return found.render(
            viewer=viewer,
            is_swap=request.headers.get("hx-request") == "true"
            and request.headers.get("hx-history-restore-request") != "true",
            key_map=msgspec.json.encode(key_map(viewer.preferences)).decode(),
            keys=keys_of(viewer.preferences),
            now=datetime.datetime.now(datetime.UTC),
            navigation=places_for(viewer.permissions),
            **values,
        )

    def say(self, request: Request, text: str, **words: Any) -> str:
        """A sentence of the source in the reader's language."""
        said = self.translate(request)(text)
        return said % words if words else said

    def translate(self, request: Request) -> Callable[[str], str]:
        """Says sentences of the source in the reader's language."""
        found: Callable[[str], str] = translations(viewer_of(request).language).ugettext
        return found

    def display(self, request: Request) -> Display:
        """Money and dates as the reader writes them."""
        return self._displays[viewer_of(request).region]

    def _environment(self, region: str) -> jinja2.Environment:
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
        )
        catalogue = translations(language_of(region))
        display = self._displays[region]
        made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
        made.filters |= display.filters()
        # The empty text is a catalogue's own header.
        made.filters["said"] = lambda text: catalogue.ugettext(text) if text else ""
        made.globals |= {
            "static": self.static.address,
            "regions": REGIONS,
            "nothing": NOTHING,
            "wording": WORDING,
            "age": display.age,
            "share": display.share,
        }
        return made


def frame_of(request: Request) -> Frame:
    """The frame of the application that answers `request`."""
    frame: Frame = request.app.state.frame
    return frame


def viewer_of(request: Request) -> Viewer:
    """Who reads, as sign-in and cookies say; asked for once per request."""
    known: Viewer | None = getattr(request.state, "viewer", None)
    if known is not None:
        return known
    preferences = preferences_of(request)
    query = f"?{request.url.query}" if request.url.query else ""
    made = Viewer(
        region=chosen_region(preferences.language, request.headers.get("accept-language", "")),
        preferences=preferences,
        person=getattr(request.state, "person", ""),
        csrf_token=getattr(request.state, "csrf_token", ""),
        permissions=getattr(request.state, "permissions", frozenset()),
        path=request.url.path,
        address=f"{request.url.path}{query}",
    )
    request.state.viewer = made
    return made


def own_name(request: Request) -> str:
    """The name that the front knows the reader by, which leases and assignments carry."""
    identity = getattr(request.state, "identity", None)
    return str(identity.name) if identity is not None else ""


def go_to(path: str) -> Response:
    """After something was done: have the browser look at `path`."""
    return RedirectResponse(path, status_code=303)
