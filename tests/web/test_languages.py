"""Which language a browser gets, and that catalogues say what pages say."""

import re

import pytest

from web.catalogues import said_by_source, untranslated
from web.frame import Frame
from web.languages import LANGUAGES, REGIONS, chosen_region, language_of, translations

PLACEHOLDER = re.compile(r"%\(\w+\)s")


@pytest.mark.parametrize(
    ("preferred", "accepted", "region"),
    [
        ("", "", "en-US"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de-AT"),
        ("", "fr,en;q=0.5,de;q=0.7", "de-DE"),
        ("", "en-gb,en;q=0.9", "en-GB"),
        ("", "en-NZ,en-GB;q=0.5", "en-US"),
        ("", "fr", "en-US"),
        ("", "de;q=0, en;q=0.1", "en-US"),
        ("", "de;q=x,en;q=0.1", "en-US"),
        ("en", "de", "en-US"),
        ("de-CH", "en", "de-CH"),
        ("xx", "de", "de-DE"),
    ],
)
def test_the_region_is_the_persons_else_the_browsers(preferred, accepted, region):
    assert chosen_region(preferred, accepted) == region


def test_every_region_is_of_a_language_that_there_is():
    assert {language_of(region) for region in REGIONS} == set(LANGUAGES)


def test_every_language_has_a_catalogue():
    for language in LANGUAGES:
        assert translations(language).ugettext("Exceptions")


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_pages_say_is_translated(language):
    assert untranslated(language) == [], "run `python -m web.catalogues`, then translate"


def test_a_sentence_with_words_to_fill_in_has_the_same_ones_in_every_language():
    for message in said_by_source():
        if message.id and isinstance(message.id, str):
            wanted = sorted(PLACEHOLDER.findall(message.id))
            for language in LANGUAGES:
                said = translations(language).ugettext(message.id)
                assert sorted(PLACEHOLDER.findall(said)) == wanted, (language, message.id)


def test_nothing_is_said_of_nothing():
    for region in ("en-US", "de-DE"):
        said = Frame()._environments[region].from_string('{{ ""|said }}')
        assert said.render() == ""
