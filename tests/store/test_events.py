"""Events are there with their effect, in its order, and a reader with a cursor loses none."""

import psycopg
import pytest

from store import open_repository
from store.errors import CursorError
from store.events import EVENT_KINDS, START, EventCursor
from tests.store.raw_rows import raw_rows


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    yield opened
    opened.close()


def add(repository, *subjects, kind="bank_file.processed"):
    for subject in subjects:
        with repository.booking() as booking:
            booking.events.add(kind, subject, 1_000, {"b": 1, "a": 2})


def read(repository, cursor=START, limit=100, kinds=()):
    events, after = repository.events.after(cursor, limit, kinds)
    return [event.subject for event in events], after


def test_events_are_read_once_page_by_page_in_order(repository):
    add(repository, "F-1", "F-2", "F-3")
    first, cursor = read(repository, limit=2)
    second, cursor = read(repository, EventCursor.of(str(cursor)))
    assert (first, second) == (["F-1", "F-2"], ["F-3"])
    assert read(repository, cursor) == ([], cursor)
    add(repository, "F-4")
    assert read(repository, cursor)[0] == ["F-4"]


def test_events_behind_a_cursor_are_counted(repository):
    assert repository.events.count_after(START) == 0
    add(repository, "a", "b", "c")
    assert repository.events.count_after(START) == 3
    _, cursor = repository.events.after(START, 2)
    assert repository.events.count_after(cursor) == 1
    assert repository.events.count_after(repository.events.end()) == 0


def test_an_event_says_what_when_and_about_what(repository):
    add(repository, "F-1")
    ((event,), _) = repository.events.after(START, 10)
    assert (event.kind, event.subject, event.occurred_at_ms) == (
        "bank_file.processed",
        "F-1",
        1_000,
    )
    assert event.payload == '{"a":2,"b":1}'


def test_only_the_wanted_kinds_are_given(repository):
    add(repository, "F-1")
    add(repository, "P-1", kind="posting.posted")
    assert read(repository, kinds=("posting.posted",))[0] == ["P-1"]


def test_an_effect_that_fails_has_no_event(repository):
    def fail(booking):
        booking.events.add("posting.posted", "P-1", 1, {})
        raise KeyError

    with pytest.raises(KeyError), repository.booking() as booking:
        fail(booking)
    assert read(repository) == ([], START)


def test_a_kind_nobody_documented_is_refused(repository):
    with pytest.raises(ValueError, match="no kind of event"), repository.booking() as booking:
        booking.events.add("surprise", "F-1", 1, {})
    assert all(text.endswith(".") for text in EVENT_KINDS.values())


@pytest.mark.parametrize("text", ["x", "1", "1.2.3", "-1.2", "1.²"])
def test_a_cursor_nobody_gave_out_is_refused(text):
    with pytest.raises(CursorError):
        EventCursor.of(text)


def test_an_event_is_never_changed(repository, store_url):
    add(repository, "F-1")
    with pytest.raises(Exception, match="append-only"):
        raw_rows(store_url, "UPDATE event SET kind = kind")


def test_old_events_are_forgotten_and_cursors_stay_good(repository):
    add(repository, "F-1")
    _, cursor = read(repository)
    with repository.booking() as booking:
        booking.events.add("posting.posted", "P-2", 5_000, {})
        assert booking.events.forget_before(5_000) == 1
    assert read(repository, cursor)[0] == ["P-2"]


def test_transactions_that_overlap_lose_no_event(postgresql):
    """Reader, A takes a number, B takes the next and commits first, then A: both are read.

    Our bookings cannot overlap: other writers can, and led by numbers alone A's would be lost.
    """
    url = postgresql.new_database()
    repository = open_repository(url)
    insert = (
        "INSERT INTO tieout_default.event (kind, subject, occurred_at_ms, payload) "
        "VALUES ('posting.posted', %s, 1, '{}')"
    )
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute(insert, ("A",))
        other.execute(insert, ("B",))
        other.commit()
        early, cursor = read(repository)
        one.commit()
    late, _ = read(repository, cursor)
    repository.close()
    assert sorted(early + late) == ["A", "B"]
    assert early == []
