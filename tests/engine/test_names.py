"""Names of payers and customers, folded: the fast way says what the tables of Unicode say."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from engine.names import LEGAL_FORMS, normalise_names
from engine.row_texts import FEW_ROWS

TEXT = """
THE GMBH CO KG G M B H AND UND & + LTD limited PTY S.A. S A E V Müller Ørsted ß Łódź 中文 Ελλάς
MUELLER UEE a\u0301 ﬁ ª Inc. LLC B V - 's ‘ Y co UG Straße 𝔸 ٣ trust ² Ⅳ ſ K GmbH&Co.KG
"""
WORDS = TEXT.split()


def by_unicode(name):
    """Folded name, core and form, character by character."""
    folded = "".join(one.upper() if len(one.upper()) == 1 else one for one in name)
    for old, new in (("ß", "SS"), ("ẞ", "SS"), ("Ø", "O"), ("Æ", "AE"), ("Ł", "L"), ("Đ", "D")):
        folded = folded.replace(old, new)
    folded = unicodedata.normalize("NFKD", re.sub("[&+]", " AND ", folded))
    folded = "".join(one for one in folded if unicodedata.category(one) != "Mn")
    folded = re.sub("['’`.]", "", folded)
    kept = [one if unicodedata.category(one)[0] in "LN" else " " for one in folded]
    folded = re.sub(" +", " ", "".join(kept))
    folded = re.sub(" (?:AND|UND|ET|EN|Y) ", " AND ", folded).strip(" ")
    folded = re.sub("^THE ", "", folded)
    folded = folded.replace("AE", "A").replace("OE", "O").replace("UE", "U")
    for length in range(1, len(folded)):
        for code, (_, pattern) in enumerate(LEGAL_FORMS, start=1):
            if folded[length] == " " and re.fullmatch(pattern, folded[length + 1 :]):
                return folded, folded[:length].replace(" AND ", " "), code
    return folded, folded.replace(" AND ", " "), 0


@given(
    st.lists(
        st.one_of(
            st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
            st.lists(st.sampled_from([word for word in WORDS if word.isascii()]), max_size=5).map(
                " ".join
            ),
        ),
        max_size=6,
    )
)
def test_names_are_folded_as_unicode_says(names):
    expected = [by_unicode(name) for name in names]
    # A few names are folded one by one, many as a column.
    for more in ([], ["MORE"] * FEW_ROWS):
        found = normalise_names(pa.array(names + more, pa.string()))
        rows = zip(found.full.to_pylist(), found.core.to_pylist(), found.form.tolist(), strict=True)
        assert list(rows)[: len(names)] == expected


def test_legal_forms_are_split_off_however_they_are_written():
    of = [
        ("Melmere Elektro V.O.F.", "MELMERE ELEKTRO", "VOF"),
        ("Melmere Elektro Coöperatie U.A.", "MELMERE ELEKTRO", "COOPERATIE"),
        ("Wolna Huta Sp. z o.o.", "WOLNA HUTA", "SPZOO"),
        ("Ember spol. s r.o.", "EMBER", "SRO"),
        ("Vertex Pty Limited", "VERTEX", "LTD"),
        ("Vertex Pte. Ltd.", "VERTEX", "LTD"),
        ("Brook Ges.m.b.H.", "BROOK", "GMBH"),
        ("Brook GmbH & Co. KGaA", "BROOK", "KGAA"),
        ("Sundby ApS", "SUNDBY", "APS"),
        ("Sundby A/S", "SUNDBY", "AS"),
        ("Norrholt AB (publ)", "NORRHOLT", "AB"),
        ("Prado S.A. de C.V.", "PRADO", "SA DE CV"),
        ("Bürobedarf Süd UG (haftungsbeschränkt)", "BUROBEDARF SUD", "UG"),
        ("BUEROBEDARF SUED UG HAFTUNGSBESCHRAENKT", "BUROBEDARF SUD", "UG"),
    ]
    found = normalise_names(pa.array([name for name, _, _ in of]))
    forms = [LEGAL_FORMS[code - 1][0] for code in found.form.tolist()]
    assert list(zip(found.core.to_pylist(), forms, strict=True)) == [
        (core, form) for _, core, form in of
    ]
