"""Diagnostics on the screen: carets under values, repetition counted, nothing that harms."""

from __future__ import annotations

import unicodedata

import click
from hypothesis import given
from hypothesis import strategies as st

from engine.batches import DiagnosticBatch
from tieout.diagnostic_text import DiagnosticDigest


def row(**changes):
    return {
        "source_file": "a.bai",
        "line": 4,
        "column": 8,
        "offset": 104,
        "severity": "error",
        "code": "BAI-AMOUNT",
        "message": "amount '10O00' is no number",
        "value": "10O00",
        "expected": "digits",
        "remedy": "Ask the bank.",
        "excerpt": "16,175,10O00,Z,BK1,C1,text/",
    } | changes


def shown(*rows, limit=50):
    digest = DiagnosticDigest(limit)
    for one in rows:
        digest.add(DiagnosticBatch.from_columns({name: [value] for name, value in one.items()}))
    return [click.unstyle(text) for text in digest.texts()]


def test_a_diagnostic_says_where_what_and_what_to_do():
    assert shown(row()) == [
        "a.bai:4:8: error BAI-AMOUNT amount '10O00' is no number\n"
        "    16,175,10O00,Z,BK1,C1,text/\n"
        "           ^^^^^\n"
        "  expected: digits\n"
        "  remedy: Ask the bank.",
        "1 error in a.bai",
        "about each code: docs/diagnostics/CODE.md",
    ]


def test_the_remedy_of_a_code_stands_once_per_file():
    texts = shown(row(), row(line=5), row(source_file="b.bai"))
    assert [text.count("remedy") for text in texts[:3]] == [1, 0, 1]


def test_what_comes_after_the_first_of_a_code_is_counted():
    texts = shown(*[row(line=n) for n in range(7)], row(code="BAI-DATE"), limit=5)
    assert texts[-3:] == [
        "a.bai: 2 more BAI-AMOUNT are counted, not shown",
        "8 errors in a.bai",
        "about each code: docs/diagnostics/CODE.md",
    ]
    assert len(texts) == 5 + 1 + 3


def test_the_sum_names_every_file_and_severity():
    texts = shown(row(), row(severity="note"), row(severity="warning", source_file="b.bai"), row())
    assert texts[-2] == "2 errors, 1 note in a.bai; 1 warning in b.bai"


def test_no_diagnostic_no_words():
    assert shown() == []


def test_tabs_before_the_value_keep_the_caret_under_it():
    text = shown(row(excerpt="16,\t175\t10O00,Z", column=9))[0]
    excerpt, carets = text.splitlines()[1:3]
    assert carets.expandtabs() == " " * excerpt.expandtabs().index("10O00") + "^^^^^"


def test_without_a_column_the_caret_stands_where_the_value_does_once():
    assert "           ^^^^^" in shown(row(column=None))[0]
    assert "^" not in shown(row(column=None, excerpt="10O00 10O00"))[0]
    assert shown(row(line=None, column=None, excerpt=""))[0].startswith("a.bai: error")


def test_control_characters_of_a_file_do_not_reach_the_terminal():
    harm = "\x1b]0;owned\x07 \x9b31m \u202e\r"
    text = "".join(shown(row(excerpt=harm, message=harm, value=harm, source_file=harm)))
    assert not set(text) & set("\x1b\x07\x9b\u202e\r")


@given(st.text(st.sampled_from("ab é日本\t\u0301ｗ"), max_size=30))
def test_carets_stand_in_the_columns_of_the_value(before):
    text = shown(row(excerpt=f"{before}10O00", column=len(before) + 1))[0]
    excerpt, carets = text.splitlines()[1:3]
    assert carets.strip() == "^^^^^"
    assert screen(carets)[:-5] == screen(excerpt)[:-5]


def screen(line):
    """One entry per column of a terminal: where it stands counts, not what."""
    columns = []
    for letter in line:
        if letter == "\t":
            columns += ["."] * (8 - len(columns) % 8)
        elif not unicodedata.combining(letter):
            columns += ["."] * (2 if unicodedata.east_asian_width(letter) in "WF" else 1)
    return columns
