"""What is known of columns of texts without a scan, against lists."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from engine.text_columns import (
    are_empty,
    blanks,
    byte_set,
    has_byte,
    is_empty,
    rows_with_byte,
    text_of,
    texts_at,
)

TEXTS = st.lists(st.text("aB7 é", max_size=4), max_size=6)
WANTED = byte_set("a7")


@st.composite
def columns(draw):
    """A column as slices of longer ones are, and its texts."""
    before, texts, behind = draw(TEXTS), draw(TEXTS), draw(TEXTS)
    column = pa.array([*before, *texts, *behind], pa.string())
    return column.slice(len(before), len(texts)), texts


@given(columns())
def test_columns_say_what_their_texts_say(column_and_texts):
    column, texts = column_and_texts
    assert are_empty(column) == (not any(texts))
    assert is_empty(column).tolist() == [not text for text in texts]
    wanted = ["a" in text or "7" in text for text in texts]
    assert rows_with_byte(column, WANTED).tolist() == wanted
    assert has_byte(column, WANTED) == any(wanted)


@given(columns(), st.data())
def test_texts_are_looked_up_or_empty(column_and_texts, data):
    column, texts = column_and_texts
    rows = data.draw(st.lists(st.integers(-1, len(texts) - 1), max_size=8))
    found = texts_at(column, np.array(rows, dtype=np.int64))
    assert found.to_pylist() == ["" if row < 0 else texts[row] for row in rows]


@given(columns(), st.data())
def test_one_text_or_another(column_and_texts, data):
    column, texts = column_and_texts
    flags = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    others = pa.array([text + "!" for text in texts], pa.string())
    chosen = text_of(np.array(flags, dtype=np.bool_), column, others)
    expected = [
        a if flag else b for flag, a, b in zip(flags, texts, others.to_pylist(), strict=True)
    ]
    assert chosen.to_pylist() == expected


def test_empty_texts_are_there_in_any_number():
    for count in (0, 1, 1024, 1025, 5000):
        assert blanks(count).to_pylist() == [""] * count
        assert blanks(count).type == pa.string()
