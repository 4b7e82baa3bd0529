"""Control checks and diagnostics of readers are said in the reader's language."""

import pytest

from web.catalogues import titles_by_code
from web.languages import LANGUAGES, translations
from web.reader_words import CHECK_WORDS, check_said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "statement S-of-1 of DE89370400440532013000",
            "Auszug S-of-1 von DE89370400440532013000",
        ),
        ("OPBD + booked entries = CLBD, EUR", "OPBD + gebuchte Umsätze = CLBD, EUR"),
        ("batch 7 of lockbox 123456", "Batch 7 von Lockbox 123456"),
        ("transaction set 820 0001", "Transaktionssatz 820 0001"),
        (":60F: = :62F: of the statement before, EUR", ":60F: = :62F: des vorigen Auszugs, EUR"),
        ("profile-offset", "profile-offset"),
    ],
)
def test_a_check_is_said_in_german_and_its_names_stay(text, said):
    assert check_said(text, translations("de").ugettext) == said
    assert check_said(text, translations("en").ugettext) == text


def test_longer_words_come_before_those_they_begin_with():
    for at, word in enumerate(CHECK_WORDS):
        assert not any(later.startswith(word) for later in CHECK_WORDS[at + 1 :]), word


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_diagnostic_has_a_title_in_every_language(language):
    translate = translations(language).ugettext
    for code, (title, remedy) in titles_by_code().items():
        assert translate(code) not in ("", code)
        assert (translate(code) == title) == (language == "en"), code
        assert (translate(remedy) == remedy) == (language == "en"), code
