"""Money: decimal text to minor units and back, exactly, for every exponent there is."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.errors import MoneyError
from engine.limits import AMOUNT_MINOR_MAX, EXPONENT_MAX
from engine.money import (
    CURRENCY_EXPONENTS,
    decimal_array,
    exponent_of,
    exponents_of,
    format_minor,
    minor_from_text,
    money_texts,
    rescale_minor,
)

CURRENCIES = st.sampled_from(["JPY", "USD", "EUR", "KWD", "CLF"])
MINOR = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234.50", "USD", 123450),
        ("-1234.5", "EUR", -123450),
        ("+7", "USD", 700),
        (".5", "USD", 50),
        ("5.", "USD", 500),
        ("12.500", "EUR", 1250),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("-0.00", "USD", 0),
        (" 10.00 ", "USD", 1000),
        ("007.10", "USD", 710),
    ],
)
def test_decimal_text_becomes_minor_units(text, currency, minor):
    assert minor_from_text(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "complaint"),
    [
        ("", "USD", "is no amount"),
        ("-", "USD", "is no amount"),
        (".", "USD", "is no amount"),
        ("1,234.50", "USD", "is no amount"),
        ("1e3", "USD", "is no amount"),
        ("NaN", "USD", "is no amount"),
        ("--1", "USD", "is no amount"),
        ("12.345", "USD", "more than the 2 decimal places of USD"),
        ("0.5", "JPY", "more than the 0 decimal places of JPY"),
        ("1000000000000.00", "USD", "larger than any amount"),
        ("10.00", "XYZ", "'XYZ' is no ISO 4217 code"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_value(text, currency, complaint):
    with pytest.raises(MoneyError, match=complaint):
        minor_from_text(text, currency)


def test_the_largest_amount_is_accepted_and_one_more_is_not():
    largest = format_minor(AMOUNT_MINOR_MAX, "USD")
    assert minor_from_text(largest, "USD") == AMOUNT_MINOR_MAX
    with pytest.raises(MoneyError):
        minor_from_text(format_minor(AMOUNT_MINOR_MAX + 1, "USD"), "USD")


@CALM
@given(MINOR, CURRENCIES)
def test_formatting_and_reading_are_inverse(minor, currency):
    text = format_minor(minor, currency)
    assert minor_from_text(text, currency) == minor
    assert Decimal(text) == Decimal(minor).scaleb(-exponent_of(currency))


@CALM
@given(st.lists(st.tuples(MINOR, CURRENCIES), max_size=20))
def test_columns_of_texts_and_decimals_say_what_single_amounts_say(amounts):
    minor = np.array([amount for amount, _ in amounts], dtype=np.int64)
    exponents = exponents_of(pa.array([currency for _, currency in amounts], pa.string()))
    texts = [format_minor(amount, currency) for amount, currency in amounts]
    assert money_texts(minor, exponents).to_pylist() == texts
    decimals = decimal_array(minor, exponents)
    assert decimals.type == pa.decimal128(18, 4)
    assert decimals.to_pylist() == [Decimal(text) for text in texts]


def test_amounts_of_no_rows_are_no_texts_and_no_decimals():
    nothing = np.empty(0, dtype=np.int64)
    assert money_texts(nothing, nothing).to_pylist() == []
    assert decimal_array(nothing, nothing).to_pylist() == []


def test_every_currency_has_an_exponent_files_can_hold():
    assert set(CURRENCY_EXPONENTS.values()) == {0, 2, 3, 4}
    assert max(CURRENCY_EXPONENTS.values()) == EXPONENT_MAX
    assert all(len(code) == 3 and code.isupper() for code in CURRENCY_EXPONENTS)


def test_an_unknown_currency_in_a_column_is_refused():
    with pytest.raises(MoneyError, match="XYZ"):
        exponents_of(pa.array(["USD", "XYZ"]))


def test_rescaling_is_exact_at_the_limit():
    minor = np.array([AMOUNT_MINOR_MAX, -AMOUNT_MINOR_MAX])
    assert rescale_minor(minor, np.array([2, 2])).tolist() == [
        AMOUNT_MINOR_MAX * 100,
        -AMOUNT_MINOR_MAX * 100,
    ]
