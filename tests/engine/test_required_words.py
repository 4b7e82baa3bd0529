"""A look at the letters a pattern needs never says it finds nothing where it finds something."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.creditor_references import _QR, _RF
from engine.missing_references import _ADVICE
from engine.payment_words import FEE, FEE_REASON, NOT_RECEIVABLE, REASON, TAX, says
from engine.required_words import may_find, required_letters
from engine.returns import _RECALL

PATTERNS = {
    "fee": FEE,
    "fee as a reason": FEE_REASON,
    "tax": TAX,
    "reason": REASON,
    "not receivable": NOT_RECEIVABLE,
    "advice": _ADVICE,
    "recall": _RECALL,
    "creditor reference": _RF,
    "swiss reference": _QR,
    "intake code": "IN-NONAR",
}
AROUND = st.text("lesBANKx -./\n", max_size=12)


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=40)
@given(st.data())
def test_what_a_pattern_finds_is_looked_for(name, data):
    pattern = PATTERNS[name]
    said = data.draw(st.from_regex(re.compile(pattern)))
    text = data.draw(AROUND) + data.draw(st.sampled_from([said, said.upper(), said.lower()]))
    texts = pa.array(["", text, data.draw(AROUND)], pa.string())
    found = pc.match_substring_regex(texts, pattern)
    assert may_find(texts, pattern) or not pc.any(found).as_py()
    assert says(texts, pattern).tolist() == found.to_pylist()


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        ("(?i)colou?r", {"colo"}),
        ("(?i)ab|cde", {"ab", "cde"}),
        ("(?:ab|cd)? ?ef", {"ef"}),
        ("(?:ab|cd)x*", {"ab", "cd"}),
        (r"\babc\w*", {"abc"}),
        ("a[bc]+def", {"def"}),
        ("ab{0,4}c", {"a"}),
        ("(?P<found>AB)[0-9]{2}", {"ab"}),
        ("straße", {"stra"}),
        ("(?:ü|ö)l", {"l"}),
        ("abc|[0-9]+", set()),
        ("ü", set()),
    ],
)
def test_letters_that_must_be_there(pattern, letters):
    assert {one.decode() for one in required_letters(pattern)} == letters


def test_texts_that_need_a_pattern_are_told_apart():
    for text, may in (("Invoice 4711", False), ("less 2 %", True), ("ſhort", True), ("", False)):
        assert may_find(pa.array([text], pa.string()), REASON) == may
    long = pa.array(["Invoice 4711"] * 10_000, pa.string())
    assert may_find(long, REASON)
