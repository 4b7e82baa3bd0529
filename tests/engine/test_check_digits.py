"""Structured references: read across blanks, by check digits computed here one by one."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.check_digits import (
    body_windows,
    check_digit_is_right,
    creditor_references,
    iso_is_right,
    kid_is_right,
    swiss_is_right,
    whole_windows,
)
from engine.readings import NumberShape, read_numbers
from engine.tokens import TextChunk, text_bytes
from tieout.worlds.accounts import creditor_reference

_CARRY = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)
BODY = st.from_regex(r"[0-9A-Z]{1,21}", fullmatch=True)
DIGITS = st.from_regex(r"[0-9]{26}", fullmatch=True)


def swiss(digits: str) -> str:
    """The 27-digit reference of 26 digits."""
    carry = 0
    for digit in digits:
        carry = _CARRY[(carry + int(digit)) % 10]
    return f"{digits}{-carry % 10}"


def grouped(text: str, first: int, size: int) -> str:
    """`text` in groups, as it is printed."""
    groups = [text[:first], *(text[at : at + size] for at in range(first, len(text), size))]
    return " ".join(groups)


def read(text: str, shapes=(), *, marked=False):
    """Places of structured references, their keys, and the keys of their bodies."""
    chunk = TextChunk.of(*text_bytes(pa.array([text])))
    numbers = read_numbers(chunk)
    found = creditor_references(chunk, numbers)
    whole = whole_windows(chunk, *found)
    said = np.full(len(numbers), marked)
    body = body_windows(chunk, *found, (said, numbers), shapes)
    places = list(zip(whole.start.tolist(), whole.end.tolist(), strict=True))
    return places, whole.key.tolist(), body.key.tolist()


@CALM
@given(BODY)
def test_an_iso_reference_is_read_in_groups_and_whole_alike(body):
    reference = creditor_reference(body)
    places, keys, bodies = read(f"pay {reference}, thanks")
    assert places == [(4, 4 + len(reference))]
    printed = grouped(reference, 4, 4).lower()
    assert read(f"pay {printed}, thanks") == ([(4, 4 + len(printed))], keys, bodies)
    if body.isdigit():
        assert bodies == [int(body) % 2**64]


@CALM
@given(BODY, st.integers(1, 96))
def test_an_iso_reference_with_wrong_check_digits_is_none(body, off):
    right = creditor_reference(body)
    check = (int(right[2:4]) + off) % 97 + 1
    if check != int(right[2:4]) and (check - int(right[2:4])) % 97:
        assert read(f"RF{check:02d}{body}")[0] == []


@CALM
@given(DIGITS)
def test_a_swiss_reference_is_its_number_and_its_body_ends_with_the_document(digits):
    reference = swiss(digits)
    shapes = (NumberShape(1, 8, 8), NumberShape(2, 2, 6))
    places, keys, bodies = read(f"x {reference}", shapes)
    assert places == [(2, 29)]
    assert keys == [int(reference) % 2**64]
    assert bodies == [int(digits[-8:]), int(digits) % 2**64]
    printed = grouped(reference, 2, 5)
    assert read(f"x {printed}", shapes) == ([(2, 2 + len(printed))], keys, bodies)


@CALM
@given(DIGITS, st.integers(1, 9))
def test_a_swiss_reference_with_another_check_digit_is_none(digits, off):
    right = swiss(digits)
    assert read(right[:-1] + str((int(right[-1]) + off) % 10)) == ([], [], [])


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return total % 10 == 0


def _weighted(digits: str, weights, modulus: int) -> bool:
    total = sum(
        int(digit) * weights[place % len(weights)]
        for place, digit in enumerate(reversed(digits[:-1]))
    )
    return -total % modulus == int(digits[-1])


@CALM
@given(st.lists(st.from_regex(r"[0-9]{1,19}", fullmatch=True), min_size=1))
def test_check_digits_of_numbers_are_those_of_kid_ocr_and_viite(numbers):
    value = np.array([int(digits) for digits in numbers], dtype=np.uint64)
    size = np.array([len(digits) for digits in numbers])
    expected = [
        len(digits) >= 5
        and (
            _luhn(digits)
            or _weighted(digits, (2, 3, 4, 5, 6, 7), 11)
            or _weighted(digits, (7, 3, 1), 10)
        )
        for digits in numbers
    ]
    assert check_digit_is_right(value, size).tolist() == expected


def test_a_number_is_cut_by_its_check_digit_only_where_the_payer_says_what_it_is():
    assert read("1234567897", marked=True)[2] == [123456789]
    assert read("1234567897")[2] == []


def test_a_belgian_reference_ends_with_the_remainder():
    body = "1234567890"
    text = f"{body}{int(body) % 97 or 97:02d}"
    assert int(body) in {key for key in read(text, marked=True)[2]} or _luhn(text)


def test_nothing_is_read_into_other_texts():
    for text in ("", "RF", "RF1", "RFQ 2026-1", "PRF18539007547034", "RF18 5390 0754 7035"):
        assert read(text) == ([], [], [])


def _right(judge, texts):
    content, offsets = text_bytes(pa.array(texts, pa.string()))
    return judge(content, offsets[:-1], offsets[1:]).tolist()


def _iso(text):
    if not re.fullmatch("RF[0-9]{2}[0-9A-Z]{1,21}", text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _kid(text):
    if not re.fullmatch("[0-9]{4,25}", text):
        return False
    digits = [int(letter) for letter in reversed(text)]
    doubled = sum(sum(divmod(digit * (1 + at % 2), 10)) for at, digit in enumerate(digits))
    weights = [1, *((at % 6) + 2 for at in range(len(digits) - 1))]
    weighted = sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
    return doubled % 10 == 0 or weighted % 11 == 0


PACKED = (
    BODY.map(creditor_reference)
    | DIGITS.map(swiss)
    | st.from_regex(r"[0-9]{3,28}", fullmatch=True)
    | st.from_regex(r"RF[0-9A-Z]{0,24}", fullmatch=True)
    | st.from_regex(r"[0-9A-Z]{0,28}", fullmatch=True)
)


@CALM
@given(st.lists(PACKED, max_size=6))
def test_stretches_of_any_length_are_judged_together_as_one_by_one(texts):
    assert _right(iso_is_right, texts) == [_iso(text) for text in texts]
    assert _right(kid_is_right, texts) == [_kid(text) for text in texts]
    assert _right(swiss_is_right, texts) == [
        bool(re.fullmatch("[0-9]{27}", text)) and text == swiss(text[:-1]) for text in texts
    ]
