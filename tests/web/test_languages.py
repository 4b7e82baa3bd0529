"""Which language a browser gets, and that catalogues say what pages say."""

import re

import pytest

from web.catalogues import said_by_source, untranslated
from web.frame import Frame
from web.languages import LANGUAGES, chosen_language, translations

PLACEHOLDER = re.compile(r"%\(\w+\)s")


@pytest.mark.parametrize(
    ("preferred", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr,en;q=0.5,de;q=0.7", "de"),
        ("", "fr", "en"),
        ("", "de;q=0, en;q=0.1", "en"),
        ("", "de;q=x,en;q=0.1", "en"),
        ("en", "de", "en"),
        ("xx", "de", "de"),
    ],
)
def test_the_language_is_the_persons_else_the_browsers(preferred, accepted, language):
    assert chosen_language(preferred, accepted) == language


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
    for language in LANGUAGES:
        said = Frame()._environments[language].from_string('{{ ""|said }}')
        assert said.render() == ""
