"""Sentences of engine and desk are worded in every language, amounts the reader's way."""

from types import SimpleNamespace

import pytest

from desk.cases import Case, Entry, Line
from desk.facts import Facts, ItemFact, Proposal
from desk.why_not import why_not
from engine.candidates import STRATEGIES
from web.display import Display
from web.engine_words import STRATEGY_SENTENCES, is_known, said_anew, suggestion_said
from web.languages import translations
from web.wording import WORDING

CASE = Case(
    case_id="P",
    payment_id="P",
    company_id="K",
    currency="EUR",
    amount_minor=123_456,
    customer_id="C-1",
)
ITEM = ItemFact(
    company_id="K",
    open_item_id="I",
    customer_id="C-1",
    currency="EUR",
    original_minor=123_456,
    open_minor=123_456,
    discount_minor=0,
    discount_day=0,
    status="open",
)


def changed(one, **fields):
    return type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | fields)


def proposal(rank):
    entry = Entry(company_id="K", open_item_id="I")
    return Proposal(rank=rank, confidence_bps=6_100, entries=(entry,))


WORLDS = {
    "unknown": (CASE, None, {}),
    "right": (CASE, ITEM, {"proposals": (proposal(1),)}),
    "second": (CASE, ITEM, {"proposals": (proposal(2),), "held": True}),
    "elsewhere": (CASE, changed(ITEM, company_id="K'2", currency="USD", customer_id="C-2"), {}),
    "closed": (CASE, changed(ITEM, open_minor=0), {}),
    "disputed": (CASE, changed(ITEM, status="disputed", open_minor=7), {}),
    "nobody": (changed(CASE, customer_id=""), ITEM, {}),
    "decided": (
        changed(
            CASE,
            lines=(
                Line(
                    number=1,
                    act_number=0,
                    kind="item",
                    company_id="K",
                    customer_id="C-1",
                    open_item_id="I",
                    cash_minor=123_456,
                ),
            ),
        ),
        ITEM,
        {},
    ),
}


def said_of(name):
    case, item, facts = WORLDS[name]
    given = {"items": {}, "proposals": (), "related_customers": (), "held": False, "value_day": 0}
    verdict = why_not(case, item, Facts(**given | facts), ["INV 'x'", "7"], ["about inv x"])
    return [*verdict.obstacles, *verdict.supports]


def money(minor):
    return Display("de").money(minor, "EUR")


@pytest.mark.parametrize("name", WORLDS)
def test_what_stands_against_an_item_is_worded_in_german(name):
    german = translations("de").ugettext
    for sentence in said_of(name):
        assert is_known(sentence), sentence
        said = said_anew(sentence, german, money, WORDING.item_states)
        assert said != sentence
        assert "%(" not in said
        assert "minor units" not in said


def test_amounts_are_the_readers():
    german = translations("de").ugettext
    said = [said_anew(one, german, money, WORDING.item_states) for one in said_of("disputed")]
    assert "0,07 sind offen, 1.234,56 unentschieden" in said
    same = said_anew("something new", german, money, WORDING.item_states)
    assert same == "something new"


def test_every_strategy_has_its_sentence_in_every_language():
    assert set(STRATEGY_SENTENCES) == set(STRATEGIES)
    german = translations("de").ugettext
    for strategy in STRATEGIES:
        row = SimpleNamespace(
            strategy=strategy,
            applied_minor=123_456,
            discount_minor=200,
            deduction_minor=300,
            write_off_minor=-4,
            explanation="",
        )
        said = suggestion_said(row, "INV-1", german, money)
        assert said != suggestion_said(row, "INV-1", str, money)
        assert "INV-1" in said
        assert said.endswith("Eine Differenz von \u22120,04 wird ausgebucht.")


@pytest.mark.parametrize(
    ("text", "said"),
    [("1234.50", "1.234,50"), ("-7", "\u22127"), ("0", "0"), ("00012", "00012"), ("USD", "USD")],
)
def test_control_totals_are_written_as_the_reader_does(text, said):
    assert Display("de").figure(text) == said
