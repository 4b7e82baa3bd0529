"""Company names: coined place-like stems, trades and legal forms, and how banks mangle them.

Every name is coined from syllables; none is taken from a register, none is a person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from tieout.worlds.dice import Dice

__all__ = [
    "CompanyName",
    "abbreviate",
    "clip",
    "coin_name",
    "other_legal_form",
    "transliterate",
    "typo",
]


def _listed(text: str, between: str = "|") -> list[str]:
    """The words of `text`, so that long lists stay readable."""
    return text.split(between)


_HEADS: Final = _listed(
    "Bram Cald Dren Elst Fen Gar Hol Ister Jarn Kest Lun Mor Nor Oster Pell Quar Rav Stur "
    "Tol Ulm Vard Wex Yar Zell Ash Birk Cor Dal Eck Fal Grim Har Ingel Ket Lang Mel Nes Ors "
    "Pern Rod Sel Thorn Upp Ven Wald",
    " ",
)
_TAILS: Final = _listed(
    "ford holt mere wick stead gate brook haven moor burn field ridge dale mark lund beck "
    "stone well ton by feld au hagen rode berg ing sund dorp horst kamp",
    " ",
)
_TRADES: Final[dict[str, list[str]]] = {
    "US": _listed(
        "Bearings|Coatings|Castings|Cold Storage|Compressors|Conveyors|Crane Rental|Dry Goods|"
        "Elevators|Fabrication|Fixtures|Gaskets|Grain|HVAC Supply|Hydraulics|Insulation|Laundry|"
        "Lumber|Machine Works|Millwork|Nurseries|Office Interiors|Orthopedics|Packaging|Pallets|"
        "Pipe & Valve|Plating|Pumps|Refrigeration|Roofing|Rubber|Sealants|Sheet Metal|Signage|"
        "Stampings|Tooling|Trailers|Uniforms|Water Systems|Wire & Cable"
    ),
    "DE": _listed(
        "Antriebstechnik|Apparatebau|Beschläge|Blechverarbeitung|Bürobedarf|Dämmstoffe|"
        "Drahtwerk|Edelstahl|Fördertechnik|Gerätebau|Großküchen|Hebetechnik|Kältetechnik|"
        "Kunststoffe|Lackiererei|Maschinenbau|Messtechnik|Möbelwerk|Oberflächentechnik|"
        "Schließanlagen|Spedition|Stahlbau|Textilpflege|Verpackungen|Werkzeugbau|Ziegelei"
    ),
    "NL": _listed(
        "Bouwstoffen|Drukwerk|Elektro|Groothandel|Installatie|Kassenbouw|Koeltechniek|"
        "Machinefabriek|Meubelen|Papier|Scheepswerf|Staal|Technische Handel|Textiel|Transport|"
        "Verpakkingen|Zaden|Zuivel"
    ),
}
_LEGAL_FORMS: Final[dict[str, list[str]]] = {
    "US": ["Inc.", "LLC", "Corp.", "Co.", "Ltd.", "LP", "Incorporated", "L.L.C."],
    "DE": ["GmbH", "AG", "GmbH & Co. KG", "KG", "SE", "OHG", "UG (haftungsbeschränkt)"],
    "NL": ["B.V.", "N.V.", "V.O.F.", "Coöperatie U.A.", "BV"],
}
_PLACES: Final[dict[str, list[str]]] = {
    "US": ["of Ohio", "West", "Gulf Coast", "Great Lakes", "Plains", "Northeast", "No. 2"],
    "DE": ["Nord", "Süd", "Rhein-Ruhr", "Sachsen", "Weser", "International"],
    "NL": ["Noord", "Zuid", "Benelux", "Holding", "Twente"],
}
_SHORT_WORDS: Final = {
    "INTERNATIONAL": "INTL",
    "REFRIGERATION": "REFRIG",
    "FABRICATION": "FAB",
    "HYDRAULICS": "HYD",
    "MACHINE": "MACH",
    "WORKS": "WKS",
    "OFFICE": "OFC",
    "SYSTEMS": "SYS",
    "SUPPLY": "SUP",
    "PACKAGING": "PKG",
    "MASCHINENBAU": "MASCHB",
    "VERPACKUNGEN": "VERP",
    "TECHNISCHE": "TECHN",
    "HANDEL": "HDL",
    "GROOTHANDEL": "GROOTH",
    "STORAGE": "STG",
    "RENTAL": "RNTL",
    "NORTHEAST": "NE",
}
_SPELLED_OUT: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "AE", "Ö": "OE", "Ü": "UE"}
)
_FLATTENED: Final = str.maketrans("äöüÄÖÜß", "aouAOUs")
_KEYS_BESIDE: Final = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "SVXFRGHJOKLKNMPOWTDYIBECTX",
        strict=True,
    )
)


class CompanyName(msgspec.Struct, frozen=True):
    """A company's name: `core` identifies it, `legal_form` distinguishes namesakes."""

    core: str
    legal_form: str
    country: str

    @property
    def full(self) -> str:
        """The registered name."""
        return f"{self.core} {self.legal_form}"


def coin_name(dice: Dice, country: str) -> CompanyName:
    """A new name in the manner of `country`; the caller sees to it that it is not taken."""
    stem = dice.pick(_HEADS) + dice.pick(_TAILS)
    style = dice.unit()
    trade = dice.pick(_TRADES[country])
    if style < 0.08:
        stem = f"{stem} & {dice.pick(_HEADS)}{dice.pick(_TAILS)}"
    core = f"{trade} {stem}" if country != "US" and style > 0.75 else f"{stem} {trade}"
    if dice.chance(0.16):
        core = f"{core} {dice.pick(_PLACES[country])}"
    return CompanyName(core, dice.pick(_LEGAL_FORMS[country]), country)


def other_legal_form(dice: Dice, name: CompanyName) -> CompanyName:
    """A namesake: the same core, a legal form that is really another one."""
    bare = _letters(name.legal_form)
    forms = [form for form in _LEGAL_FORMS[name.country] if not _same_form(bare, _letters(form))]
    return CompanyName(name.core, dice.pick(forms), name.country)


def transliterate(dice: Dice, text: str) -> str:
    """`text` without umlauts, spelled out (`ue`) or flattened (`u`)."""
    return text.translate(_SPELLED_OUT if dice.chance(0.7) else _FLATTENED)


def abbreviate(text: str) -> str:
    """`text` in capitals, long words shortened the way accounts payable departments do."""
    return " ".join(_SHORT_WORDS.get(word, word) for word in text.upper().split())


def clip(text: str, length: int) -> str:
    """The first `length` characters, as a fixed field would keep them."""
    return text[:length].rstrip()


def typo(dice: Dice, text: str) -> str:
    """`text` with one keying error after its first letter: swapped, left out, doubled or beside."""
    places = [at for at in range(1, len(text) - 1) if text[at].isalpha()]
    if not places:
        return text
    at, kind = dice.pick(places), dice.below(4)
    letter = text[at]
    if kind == 0 and text[at + 1].isalpha() and text[at + 1] != letter:
        return text[:at] + text[at + 1] + letter + text[at + 2 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + letter + text[at:]
    beside = _KEYS_BESIDE.get(letter.upper(), "X")
    return text[:at] + (beside if letter.isupper() else beside.lower()) + text[at + 1 :]


def _letters(form: str) -> str:
    return "".join(character for character in form.upper() if character.isalpha())


def _same_form(left: str, right: str) -> bool:
    return left[:3] == right[:3]
