"""Charts and figures: well-formed, placed where their values are, and no mistake rounded away."""

from __future__ import annotations

import pytest
from lxml import etree

from tieout.reports.chart import BLUE, Axis, Chart, linear_axis
from tieout.reports.figures import grouped, odds, percent
from tieout.reports.page import html_page, html_table, html_tiles
from tieout.reports.share_bars import share_bars
from tieout.reports.text_table import text_table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0.915, "91.5 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (None, "–"),
        (0.999861, "99.986 %"),
        (0.00013879, "0.014 %"),
        (0.99999986, "99.999986 %"),
    ],
)
def test_a_percentage_never_rounds_a_mistake_away(rate, shown):
    assert percent(rate) == shown


def test_small_rates_are_told_as_odds():
    assert odds(1 / 7205) == "1 in 7,205"
    assert odds(0.25) == "25.0 %"
    assert odds(0.0) == "never"
    assert grouped("1234567.50") == "1,234,567.50"


def test_a_text_table_aligns_numbers_right_and_words_left():
    lines = text_table(("name", "n", "note"), [("a", "10", "x"), ("long one", "7", "")], (0, 2))
    assert lines == [
        "name       n  note",
        "--------  --  ----",
        "a         10  x",
        "long one   7",
    ]


def test_marks_stand_where_their_values_are():
    axis = linear_axis(0.0, 10.0)
    chart = Chart("t", axis, axis, width=206, height=198)  # 100 × 100 between the margins
    chart.dot(0.0, 0.0, BLUE)
    chart.dot(10.0, 10.0, BLUE)
    chart.dot(5.0, 20.0, BLUE)
    dots = etree.fromstring(chart.svg()).findall(f"{SVG}circle")
    assert [(dot.get("cx"), dot.get("cy")) for dot in dots] == [
        ("76", "148"),
        ("176", "48"),
        ("126", "48"),
    ]


def test_ticks_are_round_and_cover_the_axis():
    assert [label for _, label in linear_axis(0, 42_000).ticks] == [
        "0",
        "10 k",
        "20 k",
        "30 k",
        "40 k",
    ]
    assert [value for value, _ in linear_axis(0.2, 0.9).ticks] == pytest.approx(
        [0.2, 0.4, 0.6, 0.8]
    )


def test_the_scale_of_nines_gives_each_nine_the_same_room():
    axis = Axis(low=0.0, high=0.9999, ticks=(), scale="nines")
    places = [axis.place(value) for value in (0.9, 0.99, 0.999)]
    assert places == pytest.approx([0.25, 0.5, 0.75])
    even = Axis(low=0.01, high=0.99, ticks=(), scale="logit")
    assert even.place(0.5) == pytest.approx(0.5)
    assert (even.place(0.0), even.place(1.0)) == (0.0, 1.0)


def test_text_from_outside_cannot_break_a_drawing_or_a_page():
    hostile = "<script>&\"'"
    axis = linear_axis(0, 1, hostile)
    chart = Chart(hostile, axis, axis)
    chart.line([(0, 0), (1, 1)], BLUE, hostile)
    chart.note(0.5, 0.5, hostile)
    etree.fromstring(chart.svg())
    etree.fromstring(share_bars(hostile, [(hostile, BLUE)], [(hostile, (3,))]))
    page = html_page(
        hostile,
        hostile,
        [html_tiles([(hostile,) * 3]), html_table((hostile,), [(hostile,)])],
    )
    assert "<script>" not in page


def test_one_of_ten_thousand_is_still_seen():
    drawing = etree.fromstring(share_bars("t", [("a", BLUE), ("b", "#f00")], [("r", (9_999, 1))]))
    widths = [
        float(one.get("width")) for one in drawing.iter(f"{SVG}rect") if one.get("fill") == "#f00"
    ]
    assert widths[-1] >= 2
