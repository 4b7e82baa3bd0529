"""Customer names and how payers write them: a seeded set of both, with the truth.

Every name is coined; none is taken from a register. Damage, in shares of the payers' names: legal
form lost or changed 45 %, abbreviations 30 %, one typo 30 %, two 15 %, words swapped 12 %, blanks
lost 10 %, a word lost 8 %, cut to 22 letters 15 %, everything cut to 35.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

__all__ = ["NameWorld", "make_names"]


def _listed(text: str) -> list[str]:
    return text.split()


_ONSETS: Final = _listed("B Br C Cl D Dr F Fl G Gr H J K Kr L M N P Pr Qu R S St T Tr V W Z Sch Th")
_VOWELS: Final = _listed("a e i o u ar el en er in or un ai ou al am")
_MIDDLES: Final = _listed("b d f g k l m n p r s t v z ld nd rt st mb ng ll")
_ENDINGS: Final = _listed(
    "ford holt mere wick stead gate brook haven moor burn field ridge dale mark lund beck stone "
    "well ton by feld au hagen rode berg sund dorp horst kamp a o is us ex er ini ski sen man"
)
_TRADES: Final = _listed(
    "Trading Industries Services International Manufacturing Technologies Systems Logistics "
    "Engineering Foods Medical Supply Packaging Electronics Plastics Machinery Construction "
    "Transport Chemicals Automotive Consulting Energy Metals Textiles Furniture Printing Tools "
    "Hydraulics Bearings Coatings Castings Refrigeration Laboratories Instruments Materials "
    "Maschinenbau Werkzeugbau Stahlbau Verpackungen Spedition Kunststoffe Messtechnik Elektro "
    "Groothandel Bouwstoffen Koeltechniek Machinefabriek Papier Transporte Apparatebau Foods "
    "Distribution Equipment Solutions Pharma Optics Ceramics Lumber Roofing Paper Steel Glass "
    "Aviation Software Media Water Security Dental Rubber Wire Cable Pumps Valves Controls"
)
_PLACES: Final = _listed("Nord West Ost Central Pacific Atlantic Europe Ohio Texas Midwest Benelux")
_FORMS: Final = {
    "Inc": 20, "LLC": 20, "Corp": 8, "Ltd": 12, "Co": 4, "GmbH": 16, "AG": 4, "GmbH & Co. KG": 5,
    "B.V.": 6, "S.A.": 4, "S.r.l.": 3, "SARL": 3, "AB": 2, "Limited": 3,
}  # fmt: skip
_SHORT: Final = {
    "Trading": "Trdg", "Industries": "Ind", "Services": "Svcs", "International": "Intl",
    "Manufacturing": "Mfg", "Technologies": "Tech", "Systems": "Sys", "Engineering": "Eng",
    "Medical": "Med", "Packaging": "Pkg", "Electronics": "Elec", "Machinery": "Mach",
    "Construction": "Constr", "Transport": "Trans", "Chemicals": "Chem", "Consulting": "Cons",
    "Laboratories": "Labs", "Distribution": "Distr", "Equipment": "Equip", "Solutions": "Sol",
    "Maschinenbau": "Maschb", "Verpackungen": "Verp", "Refrigeration": "Refrig",
    "Manufactory": "Mfy", "Logistics": "Log", "Supply": "Sup", "Central": "Ctr",
}  # fmt: skip
_CUT, _FIELD = 22, 35


class NameWorld(NamedTuple):
    """`customers`, `payers` as a bank shows them, and the customer of each (-1: none of them)."""

    customers: list[str]
    payers: list[str]
    truth: list[int]


def make_names(customers: int, payers: int, *, unknown_share: float, seed: int) -> NameWorld:
    """A world of distinct customers; `unknown_share` of the payers are none of them."""
    dice = random.Random(seed)  # noqa: S311 - a world is seeded on purpose
    taken: set[str] = set()
    known = [_new_name(dice, taken) for _ in range(customers)]
    written, truth = [], []
    for _ in range(payers):
        if dice.random() < unknown_share:
            core, form = _new_name(dice, taken)
            truth.append(-1)
        else:
            truth.append(dice.randrange(customers))
            core, form = known[truth[-1]]
        written.append(_as_written(dice, core, form))
    return NameWorld([" ".join((*core, form)) for core, form in known], written, truth)


def _new_name(dice: random.Random, taken: set[str]) -> tuple[tuple[str, ...], str]:
    while True:
        words = [_stem(dice)]
        if dice.random() < 0.25:
            words.append(_stem(dice))
        words += dice.choices(
            _TRADES, weights=range(len(_TRADES), 0, -1), k=1 + (dice.random() < 0.3)
        )
        if dice.random() < 0.15:
            words.append(dice.choice(_PLACES))
        core = " ".join(words).upper()
        if core not in taken:
            taken.add(core)
            return tuple(words), dice.choices(list(_FORMS), weights=list(_FORMS.values()))[0]


def _stem(dice: random.Random) -> str:
    middle = dice.choice(_VOWELS) + dice.choice(_MIDDLES) if dice.random() < 0.5 else ""
    return dice.choice(_ONSETS) + middle + dice.choice(_VOWELS) + dice.choice(_ENDINGS)


def _as_written(dice: random.Random, core: tuple[str, ...], form: str) -> str:
    words = list(core)
    if dice.random() < 0.30:
        words = [_SHORT.get(word, word) for word in words]
    if len(words) > 2 and dice.random() < 0.08:
        del words[dice.randrange(1, len(words))]
    if len(words) > 1 and dice.random() < 0.12:
        at = dice.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    if dice.random() < 0.45:
        form = "" if dice.random() < 0.7 else dice.choice(list(_FORMS))
    text = " ".join([*words, form]).strip()
    roll = dice.random()
    for _ in range((roll < 0.45) + (roll < 0.15)):
        text = _typo(dice, text)
    if dice.random() < 0.10:
        text = text.replace(" ", "")
    if dice.random() < 0.6:
        text = text.upper()
    return text[: _CUT if dice.random() < 0.15 else _FIELD].strip()


def _typo(dice: random.Random, text: str) -> str:
    """One letter swapped, dropped, doubled or replaced; anywhere."""
    at = dice.randrange(len(text) - 1)
    letter = dice.choice("abcdefghijklmnopqrstuvwxyz")
    kind = dice.randrange(4)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + letter + text[at:]
    return text[:at] + letter + text[at + 1 :]
