"""Texts of rows against plain strings: a list of them or a column, the same comes out."""

from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import explain, row_texts
from engine.row_texts import (
    Names,
    amounts,
    appended,
    as_column,
    interleaved,
    joined,
    numbers,
    taken,
)

WORDS = ("", "auto", 'a "quoted" \\ word', "é\x07\n")
AT = st.lists(st.integers(-1, len(WORDS) - 1), min_size=1, max_size=9)
AMOUNT = st.tuples(st.integers(-(10**14), 10**14), st.sampled_from((0, 2, 3, 4)))


@pytest.fixture(
    params=[0, row_texts.FEW_ROWS], ids=["as many", "as few"], autouse=True, scope="module"
)
def _few_rows(request):
    """Rows count as many from one on, or as few as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_texts, "FEW_ROWS", request.param)
        yield


def array(values):
    return np.array(values, dtype=np.int64)


def listed(texts):
    return as_column(texts).to_pylist()


def test_the_form_is_that_of_the_number_of_rows():
    form = list if row_texts.FEW_ROWS else pa.StringArray
    assert isinstance(taken(pa.array(WORDS), array([0, 1])), form)
    assert isinstance(numbers(array([0, 1])), form)


@given(AT)
def test_texts_are_looked_up(rows):
    expected = [WORDS[row] if row >= 0 else "" for row in rows]
    assert listed(Names(WORDS).of(array(rows))) == expected
    column = pa.array(("before", *WORDS, "behind")).slice(1, len(WORDS))
    assert listed(taken(column, array(rows))) == expected


@given(st.lists(AMOUNT, min_size=1, max_size=9))
def test_amounts_are_those_of_a_currency(rows):
    minor, exponent = (array(column) for column in zip(*rows, strict=True))
    assert listed(numbers(minor)) == [str(one) for one, _ in rows]
    for text, (one, places) in zip(listed(amounts(minor, exponent)), rows, strict=True):
        assert re.fullmatch(r"-?\d+" + (rf"\.\d{{{places}}}" if places else ""), text)
        assert int(text.replace(".", "")) == one


@given(AT, st.data())
def test_pieces_stand_side_by_side(rows, data):
    applies = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    words = [WORDS[row] if row >= 0 else "" for row in rows]
    texts = Names(WORDS).of(array(rows))
    every = joined("<", texts, "|", texts, ">")
    assert listed(every) == [f"<{word}|{word}>" for word in words]
    longer = appended(every, np.array(applies), " and ", texts)
    assert listed(longer) == [
        f"<{word}|{word}> and {word}" if more else f"<{word}|{word}>"
        for word, more in zip(words, applies, strict=True)
    ]
    assert listed(every) == [f"<{word}|{word}>" for word in words]


@given(st.permutations(range(7)), st.integers(1, 6))
def test_parts_are_put_back_in_order(order, cut):
    places = [array(sorted(order[:cut])), array(sorted(order[cut:]))]
    parts = [numbers(place) for place in places]
    assert listed(interleaved(parts, places)) == [str(row) for row in range(7)]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=6))
def test_what_is_quoted_in_evidence_is_read_as_it_was(texts):
    every = taken(pa.array(texts, pa.string()), np.arange(len(texts)))
    quoted = listed(explain._escaped(every))
    blanked = [re.sub("[\x00-\x1f]", " ", text) for text in texts]
    assert [json.loads(f'"{one}"') for one in quoted] == blanked
