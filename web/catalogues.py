"""Catalogues of translations: what the source says, and bringing the files up to it.

Run as a program it writes `web/locales/*/LC_MESSAGES/tieout.po` anew: what is new stands there
untranslated, what is no longer said is gone, what was translated stays. Diagnostics of the readers
stand there by their codes, with the titles of their table.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from web.languages import CATALOGUES, DOMAIN, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["said_by_source", "titles_by_code", "untranslated", "write_catalogues"]

_SOURCE: Final = Path(__file__).parent
_DIAGNOSTICS: Final = _SOURCE.parent / "parsers" / "diagnostic_codes.toml"
_METHODS: Final = [
    ("**/catalogues.py", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
]
_OPTIONS: Final = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
_KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2), "say": (2,), "marked": None}


def said_by_source() -> Catalog:
    """Everything that pages say, in the order of the source."""
    catalogue = Catalog(domain=DOMAIN)
    found = extract_from_dir(_SOURCE, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS)
    for _, _, message, _, _ in found:
        catalogue.add(message)
    for code, (_, remedy) in titles_by_code().items():
        catalogue.add(code)
        catalogue.add(remedy)
    return catalogue


def titles_by_code() -> dict[str, tuple[str, str]]:
    """Code of a diagnostic of the readers → its title and what to do, as their table says."""
    table = tomllib.loads(_DIAGNOSTICS.read_text("utf-8"))
    return {code: (said["title"], said["remedy"]) for code, said in table.items()}


def untranslated(language: str) -> list[str]:
    """What pages say and the catalogue of `language` does not have; the source needs none."""
    if language == next(iter(LANGUAGES)):
        return []
    known = _read(language)
    return sorted(
        _first(message.id)
        for message in said_by_source()
        if message.id and not _is_translated(known, message.id)
    )


def write_catalogues() -> None:
    """Bring the file of every language up to the source."""
    said, titles = said_by_source(), titles_by_code()
    for language in LANGUAGES:
        known = _read(language)
        fresh = Catalog(locale=language, domain=DOMAIN, fuzzy=False)
        for message in sorted((one for one in said if one.id), key=lambda one: _first(one.id)):
            old = known.get(message.id) if known else None
            string = old.string if old else None
            if language == next(iter(LANGUAGES)) and message.id in titles:
                string = titles[str(message.id)][0]
            fresh.add(message.id, string)
        path = _path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, fresh, no_location=True, omit_header=True, width=100)


def _path(language: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _read(language: str) -> Catalog:
    path = _path(language)
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def _first(message: str | Iterable[str]) -> str:
    return message if isinstance(message, str) else next(iter(message))


def _is_translated(known: Catalog, message: str | Iterable[str]) -> bool:
    found = known.get(message)  # type: ignore[arg-type]  # babel takes both shapes
    string = found.string if found else None
    strings = (string,) if isinstance(string, str) else tuple(string or ())
    return bool(strings) and all(strings)


if __name__ == "__main__":
    write_catalogues()
