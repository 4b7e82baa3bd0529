"""A feed by growing numbers loses rows where transactions commit out of order; ours do not."""

import threading

import psycopg
import pytest

from store import open_repository
from store.errors import StoreBusyError
from tests.store.item_rows import items


@pytest.fixture
def url(postgresql):
    return postgresql.new_database()


def ids(feed):
    return feed.changed.rows.strings("open_item_id")


def test_numbers_of_plain_transactions_lose_a_row(url):
    def connect():
        return psycopg.connect(url, options="-c search_path=public")

    with connect() as early, connect() as late, connect() as reader:
        reader.autocommit = True
        reader.execute("CREATE TABLE fed (number BIGINT GENERATED ALWAYS AS IDENTITY)")
        early.execute("INSERT INTO fed DEFAULT VALUES")
        late.execute("INSERT INTO fed DEFAULT VALUES")
        late.commit()
        question = "SELECT number FROM fed WHERE number > %s ORDER BY 1"
        first = reader.execute(question, [0]).fetchall()
        early.commit()
        second = reader.execute(question, [first[-1][0]]).fetchall()
    assert (first, second) == ([(2,)], []), "number 1 was never read"


def test_bookings_get_their_numbers_in_the_order_of_their_commits(url):
    early, late, reader = (open_repository(url, busy_seconds=30) for _ in range(3))
    order = []

    def book_late():
        with late.booking() as booking:
            order.append(booking.number())
            booking.open_items.upsert(items(B=2))

    with early.booking() as booking:
        order.append(booking.number())
        booking.open_items.upsert(items(A=1))
        thread = threading.Thread(target=book_late)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive(), "the later booking waits for the earlier one"
        first = reader.open_items.changes_after(0)
    thread.join(30)
    second = reader.open_items.changes_after(first.number)
    assert (ids(first), ids(second)) == ([], ["A", "B"])
    assert order == sorted(order)
    for one in (early, late, reader):
        one.close()


def test_a_booking_that_was_undone_leaves_a_gap_and_nothing_else(url):
    repository = open_repository(url)

    def upsert_and_fail(booking):
        booking.open_items.upsert(items(A=1))
        raise KeyError

    with pytest.raises(KeyError), repository.booking() as booking:
        upsert_and_fail(booking)
    with repository.booking() as booking:
        booking.open_items.upsert(items(B=1))
    feed = repository.open_items.changes_after(0)
    assert ids(feed) == ["B"]
    assert ids(repository.open_items.changes_after(feed.number)) == []
    repository.close()


def test_a_booking_that_waits_too_long_gives_up(url):
    first, second = open_repository(url), open_repository(url, busy_seconds=0.05)
    with first.booking() as booking:
        booking.number()
        with pytest.raises(StoreBusyError), second.booking():
            pass
    first.close()
    second.close()
