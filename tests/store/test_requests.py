"""A request that is sent again gets its first answer; another one under its id is refused."""

import pytest

from store import open_repository
from store.errors import RequestIdReusedError, StoreIntegrityError
from store.requests import RequestKey, request_key
from tests.store.raw_rows import raw_rows

KEY = request_key("R-1", "Accept", b"exception 7")


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    yield opened
    opened.close()


def answer(repository, key, bytes_, now_ms=1_000):
    with repository.booking() as booking:
        first = booking.requests.find(key)
        if first is None:
            booking.requests.keep(key, bytes_, now_ms)
        return first


def test_the_first_answer_is_given_again_byte_by_byte(repository):
    assert answer(repository, KEY, b"\x00first") is None
    assert answer(repository, KEY, b"second") == b"\x00first"


@pytest.mark.parametrize(
    "other",
    [request_key("R-1", "Accept", b"exception 8"), request_key("R-1", "Park", b"exception 7")],
    ids=["content", "method"],
)
def test_an_id_that_asked_something_else_is_refused(repository, other):
    answer(repository, KEY, b"first")
    with pytest.raises(RequestIdReusedError) as caught:
        answer(repository, other, b"second")
    assert caught.value.metadata["request_id"] == "R-1"
    assert caught.value.metadata["first_content_sha256"] == KEY.content_sha256


def test_an_effect_that_fails_leaves_no_answer(repository):
    def fail(booking):
        booking.requests.keep(KEY, b"first", 1)
        raise KeyError

    with pytest.raises(KeyError), repository.booking() as booking:
        fail(booking)
    assert repository.requests.find(KEY) is None


def test_an_answer_is_never_changed(repository, store_url):
    answer(repository, KEY, b"first")
    with pytest.raises(StoreIntegrityError), repository.booking() as booking:
        booking.requests.keep(KEY, b"second", 1)
    with pytest.raises(Exception, match="append-only"):
        raw_rows(store_url, "UPDATE request SET answer = answer")
    assert repository.requests.find(KEY) == b"first"


def test_answers_are_forgotten_after_their_time(repository):
    answer(repository, KEY, b"old", now_ms=1_000)
    answer(repository, RequestKey("R-2", "Accept", ""), b"new", now_ms=2_000)
    with repository.booking() as booking:
        assert booking.requests.forget_before(2_000) == 1
    assert repository.requests.find(KEY) is None
    assert repository.requests.find(RequestKey("R-2", "Accept", "")) == b"new"
