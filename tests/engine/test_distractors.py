"""Which numbers of a text may be references, what the others are: a table to read, mixes of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.distractors import DISTRACTIONS, distractions
from engine.number_labels import LABEL_KINDS
from engine.readings import read_numbers
from engine.tokens import TextChunk, text_bytes
from tieout.worlds.accounts import iban

TABLE = Path(__file__).with_name("reference_texts.txt")


def _rows():
    """(text, [(what, digits), …]) of every line of the table."""
    rows = []
    for line in TABLE.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        _, text, said = line.split('"')
        numbers = []
        for group in said.split(";"):
            what, digits = re.fullmatch(r"\s*(\D+?)((?:\s+\d+)+)\s*", group).groups()
            numbers += [(what, number) for number in digits.split()]
        rows.append((text, numbers))
    return rows


ROWS = _rows()


def _read(texts):
    """[(what, digits), …] of every text, read together."""
    chunk = TextChunk.of(*text_bytes(pa.array(texts, pa.string())))
    numbers = read_numbers(chunk)
    found = [[] for _ in texts]
    columns = (chunk.row_of(numbers.run.start), numbers.run.start, numbers.run.end)
    kinds = distractions(chunk, numbers).tolist()
    for row, start, end, kind in zip(*(c.tolist() for c in columns), kinds, strict=True):
        digits = chunk.content[start:end].tobytes().decode()
        found[row].append((DISTRACTIONS[kind] or "reference", digits))
    return found


@pytest.mark.parametrize(("text", "numbers"), ROWS, ids=[text for text, _ in ROWS])
def test_numbers_are_what_a_clerk_would_say(text, numbers):
    assert _read([text]) == [numbers]
    assert _read([text.lower()]) == [numbers]


def test_every_kind_stands_in_the_table():
    assert {what for _, numbers in ROWS for what, _ in numbers} == {"reference", *DISTRACTIONS[1:]}
    assert len(set(LABEL_KINDS)) == len(LABEL_KINDS)


@CALM
@given(st.lists(st.sampled_from(ROWS), max_size=6), st.sampled_from(["; ", "\n", " | "]))
def test_what_stands_beside_it_in_a_list_changes_nothing(rows, between):
    text = between.join(text for text, _ in rows)
    assert _read([text]) == [[number for _, numbers in rows for number in numbers]]


@CALM
@given(st.lists(st.sampled_from(ROWS), max_size=6))
def test_the_text_of_another_payment_changes_nothing(rows):
    assert _read([text for text, _ in rows]) == [numbers for _, numbers in rows]


@CALM
@given(st.lists(st.text(alphabet="0123456789.,-/ %$+()EURDE", max_size=40), max_size=4))
def test_any_text_is_read_and_each_alone_as_together(texts):
    together = _read(texts)
    assert together == [_read([text])[0] for text in texts]


@CALM
@given(st.from_regex(r"[0-9]{18}", fullmatch=True), st.integers(1, 96))
def test_only_right_check_digits_make_an_account(account, off):
    right = iban("DE", account)
    check = (int(right[2:4]) + off) % 98
    wrong = f"DE{check:02d}{account}"
    (found,), (other,) = _read([right]), _read([wrong])
    assert found == [("bank account", right[2:])]
    assert (other == [("bank account", wrong[2:])]) == _is_valid(wrong)


def _is_valid(text):
    moved = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


@CALM
@given(st.dates(), st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%d-%m-%y"]))
def test_dates_are_dates_in_every_style(date, style):
    text = date.strftime(style)
    is_near = 1990 <= date.year <= 2099 or style.endswith("%y")
    (found,) = _read([f"paid {text}"])
    assert np.all([what == "date" for what, _ in found]) == is_near
