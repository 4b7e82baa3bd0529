"""Preferences: what a form says, and what the cookie keeps."""

import msgspec

from tieout.v1 import person_service_pb2 as contract
from web.keyboard import KEYS, key_map
from web.pages.settings import preferences_from
from web.preferences import Preferences, as_message, from_message

OWN = {f"key-{one.act}": one.key for one in KEYS if len(one.key) == 1}


def test_usual_keys_are_not_kept():
    preferences, doubled = preferences_from({**OWN, "single_keys": "1", "theme": "dark"})
    assert (preferences, doubled) == (Preferences(theme="dark"), "")


def test_a_key_of_ones_own_replaces_the_usual_one():
    preferences, doubled = preferences_from({**OWN, "single_keys": "1", "key-accept": "y"})
    assert doubled == ""
    keys = key_map(preferences)
    assert keys["y"] == "accept"
    assert "a" not in keys


def test_one_key_for_two_things_is_refused():
    _, doubled = preferences_from({**OWN, "key-accept": "n"})
    assert doubled == "n"


def test_single_keys_can_be_turned_off_and_others_stay():
    preferences, _ = preferences_from(OWN)
    assert not preferences.single_keys
    assert set(key_map(preferences)) == {one.key for one in KEYS if len(one.key) > 1}


def test_what_is_no_choice_falls_back_to_the_usual():
    preferences, _ = preferences_from({**OWN, "single_keys": "1", "theme": "pink"})
    assert preferences.theme == "auto"


def test_keys_of_browsers_are_never_taken():
    taken = {"Control+p", "Control+b", "Control+s", "Control+t", "Control+w", "F5"}
    assert not taken & {one.key for one in KEYS}
    assert len({one.key for one in KEYS}) == len(KEYS)


def test_preferences_survive_the_cookie_and_the_service():
    given = Preferences(
        language="de-AT", theme="dark", single_keys=False, page_rows=200, keys={"accept": "y"}
    )
    assert msgspec.json.decode(msgspec.json.encode(given), type=Preferences) == given
    assert from_message(as_message(given)) == given


def test_what_another_program_kept_is_as_usual_where_it_is_no_choice_here():
    assert from_message(contract.Preferences()) == Preferences()
    strange = contract.Preferences(theme="pink", page_rows=7, keys={"accept": "y"})
    assert from_message(strange) == Preferences(keys={"accept": "y"})


def test_rows_of_a_page_are_one_of_the_choices():
    preferences, _ = preferences_from({**OWN, "single_keys": "1", "page_rows": "25"})
    assert preferences.page_rows == 25
    preferences, _ = preferences_from({**OWN, "single_keys": "1", "page_rows": "26"})
    assert preferences.page_rows == 50
