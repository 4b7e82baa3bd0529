"""Languages of the workbench: gettext catalogues, and which one a browser gets."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

if TYPE_CHECKING:
    from babel.support import NullTranslations

__all__ = ["CATALOGUES", "DOMAIN", "LANGUAGES", "chosen_language", "marked", "translations"]

DOMAIN: Final = "tieout"
CATALOGUES: Final = Path(__file__).with_name("locales")
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
"""What people may choose, each by its own name. The first is what the source is written in."""

_DEFAULT: Final = "en"


def marked(text: str) -> str:
    """`text` itself; marks it for the catalogues where it is translated later."""
    return text


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of `language`, out of its text; compiled in memory, so it cannot be stale."""
    path = CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def chosen_language(preferred: str, accepted: str) -> str:
    """The language a person chose, else the first a browser accepts that there is."""
    if preferred in LANGUAGES:
        return preferred
    offers = []
    for place, offer in enumerate(accepted.split(",")):
        tag, _, quality = offer.strip().partition(";q=")
        weight = _weight(quality)
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES and weight:
            offers.append((-weight, place, language))
    return min(offers)[2] if offers else _DEFAULT


def _weight(quality: str) -> int:
    """Thousandths of a quality value; without one, all of them."""
    if not quality:
        return 1000
    whole, _, part = quality.strip().partition(".")
    digits = f"{whole or '0'}{part[:3]:0<3}"
    return int(digits) if digits.isdecimal() else 0
