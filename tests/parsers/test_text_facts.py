"""Texts of payments: facts by dialect, each at the place it stands, nothing left out."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.remittance_text import payer_columns, read_payer_text
from parsers.text_dialects import (
    FACTS,
    LINE_DIALECTS,
    NARRATIVE_DIALECTS,
    TEXT_DIALECTS,
    cut_text,
)
from parsers.text_facts import TEXT_KEYS, TextReading, key_of

CASES = Path(__file__).with_name("remittance_texts.txt").read_text("utf-8").split("\n\n")[1:]
COLUMNS = ("payer_name", "payer_account", "end_to_end_id", "check_number", "trace_number", "uetr")


def parts_of(case):
    title, *rest = case.strip("\n").split("\n")
    text = [line[2:] for line in rest if line.startswith("| ")]
    facts = [tuple(line[3:].split(": ", 1)) for line in rest if line.startswith("=> ")]
    assert len(text) + len(facts) == len(rest), title
    return title, text, facts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.split("\n")[0])
def test_a_text_gives_its_facts(case):
    title, text, expected = parts_of(case)
    named = re.match(r"\[(.+?)\]", title)
    if named:
        cuts = cut_text(text[0], TEXT_DIALECTS[named[1]])
        found = [(cut.fact, text[0][cut.start : cut.stop].strip()) for cut in cuts]
    else:
        reading = TextReading(text, is_return=title.endswith("(return)"))
        found = [(fact.name, fact.value) for fact in reading.facts()]
    assert [fact for fact in found if fact[0] != "aside" and fact[1]] == expected


def test_every_dialect_has_a_case():
    titles = "\n".join(case.split("\n")[0] for case in CASES)
    assert [name for name in TEXT_DIALECTS if name not in titles] == []


def test_dialects_are_named_by_version_and_speak_of_known_facts():
    for name, dialect in TEXT_DIALECTS.items():
        assert re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*\.[1-9]", name)
        assert {*dialect.keys, dialect.lead} <= FACTS, name
        assert {fact for parts in dialect.parts.values() for fact in parts} <= FACTS, name
        keys = [key for names in dialect.keys.values() for key in names]
        assert len(keys) == len(set(keys)), name
        assert set(dialect.within) <= {*keys, "TRN"}, name
        assert all(key == key.upper() for key in [*keys, *dialect.signature]), name
    assert all(TEXT_DIALECTS[name].signature for name in NARRATIVE_DIALECTS)


def test_no_two_dialects_read_together_claim_one_key():
    keys = [key for n in LINE_DIALECTS for ks in TEXT_DIALECTS[n].keys.values() for key in ks]
    assert sorted(keys) == sorted(TEXT_KEYS)


def test_a_key_behind_a_comma_is_part_of_a_sentence():
    text = 'ACH Credit Reject,Remittance Info: "A", Entry: EXP; -, SEC: CTX, Reason: "R02"'
    assert read_payer_text([text], 1).text == text


def test_a_bank_descriptor_before_the_company_is_no_key():
    assert key_of("ACH CREDIT ORIG CO NAME") == ("payer_name", "ACH CREDIT")
    assert key_of(" orig co name ") == ("payer_name", "")
    assert key_of("SOMETHING") == (None, "")


def test_text_before_a_second_company_is_kept_once():
    found = read_payer_text(["ORG:=ACME", "memo ORIG CO NAME:BIRCH"], 2)
    assert (found.payer_name, found.text) == ("ACME", "memo\nORIG CO NAME:BIRCH")


WORDS = st.sampled_from(
    [
        *(f"{key}{mark}" for key in TEXT_KEYS for mark in (":", ":=", ": ")),
        *(key for n in NARRATIVE_DIALECTS for ks in TEXT_DIALECTS[n].keys.values() for key in ks),
        *(sign for name in NARRATIVE_DIALECTS for sign in TEXT_DIALECTS[name].signature),
        *("RMR*IV*", "RMR*", "ADX*-5*01", "TRN*1*", "N1*PR*", "REF*", "*", "\\", "~", "139.87"),
        *("ACME INC", "INV-4711", " ", "  ", "\t", "/", "x", "ACH CREDIT", "é", "ORIG CO NAME:"),
    ]
)
TEXTS = st.lists(st.lists(WORDS, max_size=6).map("".join), max_size=6)


@given(TEXTS, st.booleans())
def test_facts_stand_where_they_say_apart_and_nothing_is_left_out(texts, is_return):
    covered = [[0] * len(text) for text in texts]
    for fact in TextReading(texts, is_return=is_return).facts():
        assert "".join(texts[line][start:stop] for line, start, stop in fact.spans) == fact.value
        keyed = [fact.keyed] if fact.key else []
        for line, start, stop in {*keyed, *fact.spans}:
            assert 0 <= start <= stop <= len(texts[line])
            for at in range(start, stop):
                covered[line][at] += 1
    for text, counts in zip(texts, covered, strict=True):
        left = "".join(letter for letter, count in zip(text, counts, strict=True) if not count)
        assert set(left) <= set(" \t*\\~")
        assert max(counts, default=0) <= 1


@given(TEXTS, st.booleans())
def test_the_columns_of_a_payment_are_its_facts(texts, is_return):
    found = read_payer_text(texts, 2, is_return=is_return)
    facts = TextReading(texts, is_return=is_return).facts()
    columns = payer_columns((fact.name, fact.value) for fact in facts)
    assert columns.get("remittance_text", "") == found.text
    assert [columns.get(name, "") for name in COLUMNS] == [getattr(found, n) for n in COLUMNS]
    references = [fact.value for fact in facts if fact.name == "reference" and fact.value]
    assert references == [line[0] for line in found.lines if line[0]]


@given(st.sampled_from(list(TEXT_DIALECTS)), TEXTS)
def test_a_dialect_cuts_a_text_without_losing_a_letter(name, texts):
    text = " ".join(texts)
    cuts = list(cut_text(text, TEXT_DIALECTS[name]))
    separator = TEXT_DIALECTS[name].separator
    at = 0
    for cut, several in groupby(cuts):
        assert len(list(several)) == 1
        assert text[at : cut.key_start] in {"", separator}
        assert cut.key_start + len(cut.key) == cut.start <= cut.stop
        assert text[cut.key_start : cut.start] == cut.key
        at = cut.stop
    assert at == len(text)
