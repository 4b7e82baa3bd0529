"""Company names made comparable: folded, split into core and legal form.

A legal form is part of who somebody is: "Ember Vertex GmbH" and "Ember Vertex Trust" are two
parties, while "EMBER VERTEX" may be either. So the form is kept beside the core, never thrown away.
"""

from __future__ import annotations

import re
from functools import cache
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.required_words import may_find
from engine.row_texts import FEW_ROWS
from engine.text_columns import BEYOND_ASCII, byte_set, has_byte

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEGAL_FORMS", "NormalNames", "normalise_names"]

LEGAL_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("GMBH CO KG", r"GMBH (?:AND |U |UND )?CO(?: KG| OHG)?|MBH CO KG"),
    ("UG CO KG", r"UG (?:HAFTUNGSBESCHRANKT )?(?:AND |U )?CO KG"),
    ("AG CO KG", r"(?:AG|SE) (?:AND |U )?CO(?: KG| OHG)"),
    ("KGAA", r"(?:(?:GMBH |AG |SE )(?:AND |U )?CO )?KGAA"),
    ("GMBH", r"GMBH|G M B H|MBH|GESMBH|GES M B H|GGMBH"),
    ("AG", r"AG|AKTIENGESELLSCHAFT"),
    ("SE", r"SE"),
    ("KG", r"KG|KOMMANDITGESELLSCHAFT"),
    ("OHG", r"OHG"),
    ("UG", r"UG(?: HAFTUNGSBESCHRANKT)?"),
    ("EK", r"E K|EK"),
    ("EG", r"E G|EG|EINGETRAGENE GENOSSENSCHAFT"),
    ("GBR", r"GBR|EGBR"),
    ("PARTG", r"PARTG(?:MBB| MBB)?|PARTNERSCHAFT MBB"),
    ("BV", r"BV|B V|BESLOTEN VENNOOTSCHAP"),
    ("NV", r"NV|N V"),
    ("VOF", r"VOF|V O F|VENNOOTSCHAP ONDER FIRMA"),
    ("SA DE CV", r"SA DE CV|S A DE C V|S DE RL DE CV"),
    ("CV", r"CV|C V"),
    ("COOPERATIE", r"COOPERATIE(?: (?:UA|WA|BA|U A))?|COOP UA|UA|U A"),
    ("BVBA", r"BVBA|SPRL"),
    ("CVBA", r"CVBA|SCRL"),
    ("VZW", r"VZW|ASBL"),
    ("SARL", r"SARL|S A R L|EURL"),
    ("SAS", r"SAS|S A S|SASU"),
    ("SNC", r"SNC|S N C"),
    ("SCI", r"SCI"),
    ("SA", r"SA|S A"),
    ("SRLS", r"SRLS|S R L S"),
    ("SRL", r"SRL|S R L|SAGL"),
    ("SPA", r"SPA|S P A"),
    ("SOC COOP", r"SCARL|SOC COOP(?: A R L| ARL)?|SOCIETA COOPERATIVA"),
    ("SL", r"SL|S L|SLU|S L U|SOCIEDAD LIMITADA"),
    ("LDA", r"LDA|LTDA|LIMITADA"),
    ("AB", r"AB(?: PUBL)?|AKTIEBOLAG(?: PUBL)?"),
    ("HB", r"HB|HANDELSBOLAG"),
    ("KB", r"KB|KOMMANDITBOLAG"),
    ("AS", r"AS|A S"),
    ("ASA", r"ASA"),
    ("APS", r"APS"),
    ("OY", r"OY|OSAKEYHTIO"),
    ("OYJ", r"OYJ"),
    ("SPZOO SPK", r"(?:SP Z O O|SP Z OO|SP ZOO) (?:SP K|SPK)"),
    ("SPZOO", r"SP Z O O|SP Z OO|SP ZOO|SPOLKA Z O O|SPOLKA Z OO"),
    ("SP J", r"SP J|SPJ"),
    ("SRO", r"SRO|S R O|SPOL S RO|SPOL S R O"),
    ("KFT", r"KFT"),
    ("ZRT", r"ZRT|NYRT"),
    ("DOO", r"DOO|D O O"),
    ("OOD", r"OOD|EOOD"),
    ("UAB", r"UAB"),
    ("SIA", r"SIA"),
    ("OU", r"OU"),
    ("LTD STI", r"LTD STI"),
    ("INC", r"INC|INCORPORATED"),
    ("CORP", r"CORP|CORPORATION"),
    ("LLC", r"LLC|L L C|LIMITED LIABILITY COMPANY"),
    ("PLLC", r"PLLC|P L L C"),
    ("LLLP", r"LLLP|L L L P"),
    ("LLP", r"LLP|L L P"),
    ("LP", r"LP|L P"),
    ("PLC", r"PLC|P L C"),
    ("ULC", r"ULC"),
    (
        "LTD",
        r"(?:(?:PTY|PVT|PTE|PROPRIETARY|PRIVATE) )?(?:LTD|LIMITED)|LTEE|LIMITEE",
    ),
    ("SDN BHD", r"SDN BHD|BHD"),
    ("KK", r"KK|K K|KABUSHIKI KAISHA"),
    ("CO", r"CO|COMPANY"),
    ("GROUP", r"GROUP|GRP"),
    ("TRUST", r"TRUST"),
    ("FOUNDATION", r"FOUNDATION|STIFTUNG|STICHTING"),
    ("EV", r"E V|EV"),
)
"""Legal form → the spellings it ends a folded name with, longer spellings first."""

_FORM_AT_END: Final = re.compile(" (" + "|".join(form for _, form in LEGAL_FORMS) + ")$")
_AND, _DROPPED, _BETWEEN_WORDS = "[&+]", "['’`.]", "[^A-Za-z0-9]+"
_BETWEEN: Final = " AND | UND | ET | EN | Y "
_ARTICLE: Final = "^THE "
_UMLAUT: Final = "([AOU])E"
_RUN_OF_OTHERS, _WORD_BETWEEN = re.compile(_BETWEEN_WORDS), re.compile(_BETWEEN)
_SIGNS: Final = str.maketrans(dict.fromkeys("&+", " AND ") | dict.fromkeys("'`.", ""))
_JOINING, _LEFT_OUT = byte_set("&+"), byte_set("'`.")
_OTHERS: Final = ~byte_set(ascii_letters + digits + " ")
_ACCENTS: Final = "[\u0300-\u036f]"
"""The marks that European letters come apart into: nearly all there are."""


class NormalNames(msgspec.Struct, frozen=True):
    """Folded names: `full` text, `core` without legal form, `form` code (0 = none named)."""

    full: pa.StringArray
    core: pa.StringArray
    form: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> NormalNames:
        """The given rows, in that order."""
        at = pa.array(rows)
        return NormalNames(self.full.take(at), self.core.take(at), self.form[rows])


def normalise_names(names: pa.StringArray) -> NormalNames:
    """Fold `names` (case, accents, umlauts, punctuation, "and", a leading THE), split off the legal
    form.
    """
    if len(names) <= FEW_ROWS and not has_byte(names, BEYOND_ASCII):
        few = [_folded(name) for name in names.to_pylist()]
        return _split(few, pa.array(few, pa.string()))
    folded = _folded_column(names)
    return _split(folded.to_pylist(), folded)


def _folded(name: str) -> str:
    """A name in ASCII, folded: in the time a function of Arrow's takes to begin."""
    folded = _RUN_OF_OTHERS.sub(" ", name.upper().translate(_SIGNS))
    folded = _WORD_BETWEEN.sub(" AND ", folded).strip(" ").removeprefix("THE ")
    return folded.replace("AE", "A").replace("OE", "O").replace("UE", "U")


def _folded_column(names: pa.StringArray) -> pa.StringArray:
    """Names of whatever letters, folded."""
    folded = pc.utf8_upper(names)
    is_ascii = not has_byte(folded, BEYOND_ASCII)
    if not is_ascii:
        for old, new in (("ẞ", "SS"), ("Ø", "O"), ("Æ", "AE"), ("Ł", "L"), ("Đ", "D")):
            folded = pc.replace_substring(folded, old, new)
    if has_byte(folded, _JOINING):
        folded = pc.replace_substring_regex(folded, _AND, " AND ")
    if not is_ascii:
        folded = _without_marks(pc.utf8_normalize(folded, form="NFKD"))
    if not is_ascii or has_byte(folded, _LEFT_OUT):
        folded = pc.replace_substring_regex(folded, _DROPPED, "")
    if has_byte(folded, _OTHERS) or may_find(folded, "  "):
        # To know all letters and digits of the world takes milliseconds.
        others = _BETWEEN_WORDS if _is_ascii(folded) else r"[^\p{L}\p{N}]+"
        folded = pc.replace_substring_regex(folded, others, " ")
    if may_find(folded, _BETWEEN):
        folded = pc.replace_substring_regex(folded, _BETWEEN, " AND ")
    folded = pc.utf8_trim_whitespace(folded)
    if may_find(folded, _ARTICLE):
        folded = pc.replace_substring_regex(folded, _ARTICLE, "")
    # What banks make of Ü is U or UE: both are the one letter.
    if may_find(folded, _UMLAUT):
        folded = pc.replace_substring_regex(folded, _UMLAUT, r"\1")
    return folded


def _without_marks(decomposed: pa.StringArray) -> pa.StringArray:
    if _is_ascii(decomposed):
        return decomposed
    plain = pc.replace_substring_regex(decomposed, _ACCENTS, "")
    return plain if _is_ascii(plain) else pc.replace_substring_regex(plain, r"\p{Mn}", "")


def _is_ascii(texts: pa.StringArray) -> bool:
    return pc.all(pc.string_is_ascii(texts)).as_py() is not False


def _split(names: list[str], full: pa.StringArray) -> NormalNames:
    """Core and legal form of each name, given as texts and as a column; a name that is nothing but
    a legal form is its own core.
    """
    found = [_FORM_AT_END.search(name) for name in names]
    cores = [
        (name[: form.start()] if form else name).replace(" AND ", " ")
        for name, form in zip(names, found, strict=True)
    ]
    codes = np.array([_form_code(form[1]) if form else 0 for form in found], dtype=np.int64)
    return NormalNames(full=full, core=pa.array(cores, pa.string()), form=codes)


@cache
def _form_code(spelled: str) -> int:
    """Code of the first form that is spelled so, 0 where none is; there are few spellings."""
    for code, (_, pattern) in enumerate(LEGAL_FORMS, start=1):
        if re.fullmatch(pattern, spelled):
            return code
    return 0
