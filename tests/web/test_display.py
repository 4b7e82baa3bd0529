"""Money and dates as people write them, held against Babel's own formatting."""

from decimal import Decimal

import pytest
from babel.numbers import format_decimal, get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from engine.money import CURRENCY_EXPONENTS
from web.display import NOTHING, Display
from web.errors import AmountTextError

CURRENCIES = ("EUR", "JPY", "KWD", "CLF", "USD")
DISPLAYS = {region: Display(region) for region in ("en", "de", "en-GB", "de-CH", "de-AT")}


@given(
    st.integers(min_value=-(10**14), max_value=10**14),
    st.sampled_from(CURRENCIES),
    st.sampled_from(tuple(DISPLAYS)),
)
def test_amounts_are_written_as_babel_writes_them_and_read_back(minor, currency, region):
    display = DISPLAYS[region]
    exponent = get_currency_precision(currency)
    pattern = "#,##0" + ("." + "0" * exponent if exponent else "")
    expected = format_decimal(Decimal(minor).scaleb(-exponent), pattern, region.replace("-", "_"))
    text = display.money(minor, currency)
    assert text.replace("\u2212", "-") == expected
    assert display.minor(text, currency) == minor


def test_exponents_are_the_engines():
    wrong = {
        code: (exponent, get_currency_precision(code))
        for code, exponent in CURRENCY_EXPONENTS.items()
        if code in {"EUR", "USD", "GBP", "CHF", "JPY", "KRW", "KWD", "BHD", "TND", "CLF", "CLP"}
        if get_currency_precision(code) != exponent
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("language", "text", "currency", "minor"),
    [
        ("de", "77.109,66", "EUR", 7_710_966),
        ("de", "77109,6", "EUR", 7_710_960),
        ("de", " 1 000 ", "JPY", 1_000),
        ("en", "1,234.5", "USD", 123_450),
        ("en", "-0.50", "USD", -50),
        ("en", "\u22121'000.00", "USD", -100_000),
        ("en", "12.5000", "USD", 1_250),
        ("en", ".5", "USD", 50),
    ],
)
def test_amounts_are_read_in_any_usual_shape(language, text, currency, minor):
    assert DISPLAYS[language].minor(text, currency) == minor


@pytest.mark.parametrize("text", ["", "-", ".", "abc", "1.234", "12e3", "1..2", "9" * 20])
def test_what_is_no_amount_is_refused_with_an_example(text):
    with pytest.raises(AmountTextError, match="write it like"):
        DISPLAYS["en"].minor(text, "EUR")


def test_days_are_shown_and_nothing_where_there_is_none():
    assert DISPLAYS["de"].date("2026-03-31") == "31.03.2026"
    assert DISPLAYS["en"].date("2026-03-31") == "Mar 31, 2026"
    assert DISPLAYS["en-GB"].date("2026-03-31") == "31 Mar 2026"
    assert DISPLAYS["en"].date("") == DISPLAYS["en"].date("31/3") == NOTHING
