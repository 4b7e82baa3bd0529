"""Company names made comparable: folded, split into core and legal form.

A legal form is part of who somebody is: "Ember Vertex GmbH" and "Ember Vertex Trust" are two
parties, while "EMBER VERTEX" may be either. So the form is kept beside the core, never thrown away.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEGAL_FORMS", "NormalNames", "normalise_names"]

LEGAL_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("GMBH CO KG", r"GMBH (?:AND |U |UND )?CO(?: KG| OHG)?|MBH CO KG"),
    ("GMBH", r"GMBH|G M B H|MBH"),
    ("AG", r"AG|AKTIENGESELLSCHAFT"),
    ("SE", r"SE"),
    ("KG", r"KG|KOMMANDITGESELLSCHAFT"),
    ("OHG", r"OHG"),
    ("UG", r"UG(?: HAFTUNGSBESCHRAENKT| HAFTUNGSBESCHRANKT)?"),
    ("EK", r"E K|EK"),
    ("BV", r"BV|B V|BESLOTEN VENNOOTSCHAP"),
    ("NV", r"NV|N V"),
    ("SARL", r"SARL|S A R L"),
    ("SAS", r"SAS|S A S"),
    ("SA", r"SA|S A"),
    ("SRL", r"SRL|S R L"),
    ("SPA", r"SPA|S P A"),
    ("SL", r"SL|S L"),
    ("AB", r"AB|AKTIEBOLAG"),
    ("AS", r"AS|A S|APS"),
    ("OY", r"OY|OYJ"),
    ("SPZOO", r"SP Z O O|SP ZOO"),
    ("INC", r"INC|INCORPORATED"),
    ("CORP", r"CORP|CORPORATION"),
    ("LLC", r"LLC|L L C"),
    ("LLP", r"LLP|L L P"),
    ("LP", r"LP|L P"),
    ("PLC", r"PLC|P L C"),
    ("LTD", r"LTD|LIMITED|PTY LTD|PVT LTD"),
    ("CO", r"CO|COMPANY"),
    ("GROUP", r"GROUP|GRP"),
    ("TRUST", r"TRUST"),
    ("FOUNDATION", r"FOUNDATION|STIFTUNG|STICHTING"),
    ("EV", r"E V|EV"),
)
"""Legal form → the spellings it ends a folded name with, longer spellings first."""

_FORM_PATTERN: Final = (
    "^(?P<core>.*?)(?: (?P<form>" + "|".join(pattern for _, pattern in LEGAL_FORMS) + "))?$"
)


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
    """Fold `names` (case, accents, punctuation, "and", a leading THE), split off the legal form."""
    folded = pc.utf8_upper(names)
    for old, new in (("ß", "SS"), ("Ø", "O"), ("Æ", "AE"), ("Ł", "L"), ("Đ", "D")):
        folded = pc.replace_substring(folded, old, new)
    folded = pc.replace_substring_regex(folded, "[&+]", " AND ")
    folded = pc.utf8_normalize(folded, form="NFKD")
    folded = pc.replace_substring_regex(folded, r"\p{Mn}", "")
    folded = pc.replace_substring_regex(folded, r"['’`.]", "")
    folded = pc.replace_substring_regex(folded, r"[^\p{L}\p{N}]+", " ")
    folded = pc.replace_substring_regex(folded, r" (?:AND|UND|ET|EN|Y) ", " AND ")
    folded = pc.utf8_trim_whitespace(folded)
    folded = pc.replace_substring_regex(folded, "^THE ", "")
    parts = pc.extract_regex(folded, _FORM_PATTERN)
    core = pc.fill_null(parts.field("core"), "")
    spelled = pc.fill_null(parts.field("form"), "")
    alone = pc.equal(core, "")
    core = pc.replace_substring(pc.if_else(alone, folded, core), " AND ", " ")
    return NormalNames(full=folded, core=core, form=_form_codes(spelled, alone))


@cache
def _form_code(spelled: str) -> int:
    """Code of the first form that is spelled so, 0 where none is; there are few spellings."""
    for code, (_, pattern) in enumerate(LEGAL_FORMS, start=1):
        if re.fullmatch(pattern, spelled):
            return code
    return 0


def _form_codes(spelled: pa.StringArray, alone: pa.BooleanArray) -> NDArray[np.int64]:
    encoded = spelled.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    codes = np.array([_form_code(text) for text in distinct], dtype=np.int64)
    forms: NDArray[np.int64] = codes[encoded.indices.to_numpy(zero_copy_only=False)]
    forms[alone.to_numpy(zero_copy_only=False)] = 0
    return forms
