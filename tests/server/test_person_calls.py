"""PersonService over a store: each caller's own mentions and preferences, page by page."""

import asyncio

import pytest

from rpc.caller import set_caller
from rpc.errors import FieldError, PageTokenError
from rpc.person_service import PersonService
from rpc.reading import StoreReader
from store import open_repository
from tests.server.test_case_calls import ANN, BOB, NOW, desk
from tieout.v1 import person_service_pb2 as contract

__all__ = ["desk"]


@pytest.fixture
def persons(desk, store_url):  # noqa: ARG001 - the store has what the desk kept
    reader = StoreReader({"default": open_repository(store_url)})
    service = PersonService(reader, reader, lambda: NOW + 5)

    def call(caller, name, **fields):
        async def answer():
            set_caller(caller)
            request = getattr(contract, f"{name}Request")(**fields)
            return await getattr(service, name)(request, None)

        return asyncio.run(answer())

    yield call
    reader.close()


def test_a_mention_is_found_read_and_gone(desk, persons):
    for case, text in (("monday-0", "one"), ("monday-1", "two"), ("monday-1", "three")):
        desk.act(ANN, "NoteException", case, text=text, mentions=["bob"])
    first = persons(BOB, "ListMentions", page_size=2)
    assert [one.text for one in first.mentions] == ["three", "two"]
    assert (first.unread_count, first.mentions[0].author) == (3, "ann")
    second = persons(BOB, "ListMentions", page_size=2, page_token=first.next_page_token)
    assert [one.text for one in second.mentions] == ["one"]
    assert not second.next_page_token
    with pytest.raises(PageTokenError):
        persons(BOB, "ListMentions", with_read=True, page_token=first.next_page_token)
    assert persons(ANN, "ListMentions").unread_count == 0
    shown = desk.call(BOB, "GetCase", exception_id="monday-1")
    assert list(shown.unread_mentions) == [1, 2]
    listed = desk.call(BOB, "ListCases", filter={"mentions_caller": True})
    assert {one.case_id for one in listed.cases} == {"monday-0", "monday-1"}
    assert persons(BOB, "ReadMentions", case_ids=["monday-1"]).unread_count == 1
    assert not desk.call(BOB, "GetCase", exception_id="monday-1").unread_mentions
    assert not persons(BOB, "ReadMentions").unread_count
    read = persons(BOB, "ListMentions", with_read=True).mentions
    assert [one.read_time.ToMilliseconds() for one in read] == [NOW + 5] * 3


def test_preferences_come_back_to_whoever_kept_them(persons):
    assert not persons(ANN, "GetPreferences").HasField("preferences")
    given = contract.Preferences(language="de-AT", theme="dark", keys={"accept": "y"}, page_rows=50)
    persons(ANN, "SavePreferences", preferences=given)
    assert persons(ANN, "GetPreferences").preferences == given
    assert not persons(BOB, "GetPreferences").HasField("preferences")
    persons(ANN, "SavePreferences", preferences=contract.Preferences())
    assert persons(ANN, "GetPreferences").HasField("preferences")


def test_what_is_too_much_is_refused(persons):
    long = contract.Preferences(keys={str(number): "x" * 20 for number in range(300)})
    with pytest.raises(FieldError, match="at most 4000"):
        persons(ANN, "SavePreferences", preferences=long)
    with pytest.raises(FieldError, match="at most 500"):
        persons(ANN, "ReadMentions", case_ids=["x"] * 501)
