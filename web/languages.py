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

__all__ = [
    "CATALOGUES",
    "DOMAIN",
    "LANGUAGES",
    "REGIONS",
    "chosen_region",
    "language_of",
    "marked",
    "translations",
]

DOMAIN: Final = "tieout"
CATALOGUES: Final = Path(__file__).with_name("locales")
LANGUAGES: Final = ("en", "de")
"""Languages with a catalogue. The first is what the source is written in."""

REGIONS: Final = {
    "en-US": "English (United States)",
    "en-GB": "English (United Kingdom)",
    "en-CA": "English (Canada)",
    "en-AU": "English (Australia)",
    "de-DE": "Deutsch (Deutschland)",
    "de-AT": "Deutsch (Österreich)",
    "de-CH": "Deutsch (Schweiz)",
}
"""What people may choose, each by its own name: a language, and how money and dates are written.

Of a language without a region the first one counts.
"""


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


def chosen_region(preferred: str, accepted: str) -> str:
    """The region a person chose, else the first a browser accepts that there is."""
    chosen = _region(preferred)
    if chosen:
        return chosen
    offers = []
    for place, offer in enumerate(accepted.split(",")):
        tag, _, quality = offer.strip().partition(";q=")
        weight = _weight(quality)
        region = _region(tag)
        if region and weight:
            offers.append((-weight, place, region))
    return min(offers)[2] if offers else next(iter(REGIONS))


def language_of(region: str) -> str:
    """The language of a region."""
    return region.partition("-")[0]


def _region(tag: str) -> str:
    """The region that a tag names, else the first of its language; empty where there is none."""
    known = {one.lower(): one for one in reversed(REGIONS)}
    known |= {language_of(one): one for one in reversed(REGIONS)}
    wanted = tag.lower()
    return known.get(wanted) or known.get(language_of(wanted), "")


def _weight(quality: str) -> int:
    """Thousandths of a quality value; without one, all of them."""
    if not quality:
        return 1000
    whole, _, part = quality.strip().partition(".")
    digits = f"{whole or '0'}{part[:3]:0<3}"
    return int(digits) if digits.isdecimal() else 0
