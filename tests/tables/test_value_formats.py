"""Formats of amounts and dates: taken only where a column proves them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.value_formats import FormatError, amount_of, date_of, date_order, decimal_sign

DAY = dt.date(2026, 9, 14)


@pytest.mark.parametrize(
    ("text", "sign", "amount"),
    [
        ("1,234.56", ".", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("1'234.56", ".", "1234.56"),
        ("1 234,56", ",", "1234.56"),
        ("1\u00a0234,56", ",", "1234.56"),
        ("1,23,456.00", ".", "123456.00"),
        ("$1,234.56", ".", "1234.56"),
        ("€ 12,50", ",", "12.50"),
        ("EUR 12,5", ",", "12.5"),
        ("12.50 USD", ".", "12.50"),
        ("(20.00)", ".", "-20.00"),
        ("20,00-", ",", "-20.00"),
        ("\u221220,00", ",", "-20.00"),
        ("-$5.00", ".", "-5.00"),
        ("+5", ".", "5"),
        (".50", ".", "0.50"),
        ("0.00-", ".", "0.00"),
    ],
)
def test_amounts_as_payers_write_them(text, sign, amount):
    assert amount_of(text, sign) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "abc", "1,23", "1.234.56", "12,34,56", "1.23456", "--5", "5..0", "1 2", "€"]
)
def test_what_is_no_amount_with_a_decimal_point(text):
    assert amount_of(text, ".") is None


def sign_of(*texts, decimals=4):
    return decimal_sign([(text, decimals) for text in texts])


def test_one_value_proves_the_sign_for_the_column():
    assert sign_of("1,234", "5.50") == "."
    assert sign_of("1.234", "5,50") == ","
    assert sign_of("12", "100") is None


def test_a_currency_of_two_places_leaves_no_doubt_about_three_digits():
    assert sign_of("1,234", decimals=2) == "."
    assert sign_of("1.234", decimals=2) == ","


def test_what_can_be_read_in_two_ways_is_not_guessed():
    with pytest.raises(FormatError) as caught:
        sign_of("1,234", "12")
    assert caught.value.is_open
    assert caught.value.values == ("1,234",)


def test_what_contradicts_itself_is_shown():
    with pytest.raises(FormatError) as caught:
        sign_of("1,50", "7", "1.50")
    assert not caught.value.is_open
    assert set(caught.value.values) == {"1,50", "1.50"}


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("2026-09-14", {"DMY", "MDY", "YMD"}),
        ("2026/09/14", {"DMY", "MDY", "YMD"}),
        ("2026-09-14T10:00:00", {"DMY", "MDY", "YMD"}),
        ("20260914", {"DMY", "MDY", "YMD"}),
        ("14.09.2026", {"DMY"}),
        ("14.9.26", {"DMY"}),
        ("14/09/2026", {"DMY"}),
        ("09/14/2026", {"MDY"}),
        ("9/14/26", {"MDY"}),
        ("26-09-14", {"YMD"}),
        ("14-Sep-2026", {"DMY", "MDY", "YMD"}),
        ("Sep 14, 2026", {"DMY", "MDY", "YMD"}),
        ("14. September 2026", {"DMY", "MDY", "YMD"}),
        ("14 septiembre 2026", {"DMY", "MDY", "YMD"}),
        ("31/02/2026", set()),
        ("September", set()),
        ("46279", set()),
    ],
)
def test_dates_as_payers_write_them(text, orders):
    assert {order for order in ("DMY", "MDY", "YMD") if date_of(text, order) == DAY} == orders


def test_one_date_proves_the_order_for_the_column():
    assert date_order(["05/06/2026", "09/14/2026"]) == "MDY"
    assert date_order(["05/06/2026", "14/09/2026"]) == "DMY"
    assert date_order(["05/05/2026"]) is None
    assert date_order(["2026-05-06"]) is None


@pytest.mark.parametrize("text", ["05/06/2026", "05/06/07"])
def test_a_date_that_can_be_read_in_two_ways_is_not_guessed(text):
    with pytest.raises(FormatError) as caught:
        date_order([text])
    assert caught.value.is_open


amounts = st.decimals(-99_999_999, 99_999_999, places=2)


def written(amount, sign):
    text = f"{amount:,.2f}"
    return text if sign == "." else text.translate(str.maketrans(".,", ",."))


@given(st.lists(amounts, min_size=1, max_size=8), st.sampled_from(".,"))
def test_a_column_of_cents_is_always_proven_and_reads_back(values, sign):
    texts = [written(value, sign) for value in values]
    assert sign_of(*texts) == sign
    assert [amount_of(text, sign) for text in texts] == values


@given(st.lists(st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)), min_size=1, max_size=8))
def test_an_order_is_taken_only_where_every_other_fails_or_agrees(days):
    texts = [f"{day:%d/%m/%Y}" for day in days]
    try:
        order = date_order(texts)
    except FormatError:
        swapped = [date_of(text, "MDY") for text in texts]
        assert None not in swapped
        assert swapped != days
    else:
        assert [date_of(text, order or "DMY") for text in texts] == days
