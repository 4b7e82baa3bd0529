"""Open items and customers in the store: upserts, tombstones, snapshots, the feed of changes."""

import datetime

import pytest

from engine.batches import OpenItemBatch
from store import open_repository
from store.errors import SnapshotMismatchError, StaleRowError
from store.keyed_rows import ANY_VERSION
from store.open_items import ItemFilter, ItemTotal, item_totals
from tests.store.item_rows import customers, items, items_of
from tests.store.raw_rows import raw_rows


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url, busy_seconds=0.05)
    yield opened
    opened.close()


def upsert(repository, batch, versions=None):
    with repository.booking() as booking:
        return booking.open_items.upsert(batch, versions)


def remove(repository, *names, company="K"):
    with repository.booking() as booking:
        return booking.open_items.remove([(company, name) for name in names])


def replace(repository, batch, declared=None):
    with repository.booking() as booking:
        return booking.open_items.replace(batch, declared or item_totals(batch))


def open_of(feed):
    rows = feed.changed.rows
    amounts = rows.int64("open_minor").tolist()
    return dict(zip(rows.strings("open_item_id"), amounts, strict=True))


def test_items_come_back_with_every_column(repository):
    batch = OpenItemBatch.from_columns(
        {
            "open_item_id": ["I-1", "I-2"],
            "company_id": ["K", "K"],
            "customer_id": ["C-1", "C-2"],
            "document_number": ['INV "1"', "INV,2\nb"],
            "document_type": ["invoice", "credit_memo"],
            "currency": ["USD", "JPY"],
            "original_minor": [10_000, -500],
            "open_minor": [9_000, -500],
            "document_date": [datetime.date(2026, 11, 1), None],
            "due_date": [None, datetime.date(2026, 12, 1)],
            "discount_date": [None, None],
            "discount_minor": [200, 0],
            "purchase_order": ["PO-1", ""],
            "references": ["SO-1;DN-2", ""],
            "installment": ["1/3", ""],
            "status": ["disputed", "open"],
        }
    )
    assert upsert(repository, batch) == (2, 0, 0)
    feed = repository.open_items.read()
    assert feed.changed.rows == batch
    assert feed.changed.versions.tolist() == [1, 1]


@pytest.mark.parametrize("rows", [3, 500])
def test_an_upsert_counts_what_it_did_and_leaves_equal_rows_alone(repository, rows):
    first = {f"I-{number:04d}": 100 for number in range(rows)}
    assert upsert(repository, items_of("K", first)) == (rows, 0, 0)
    second = first | {"I-0000": 90, "N-1": 5}
    assert upsert(repository, items_of("K", second)) == (1, 1, rows - 1)
    found = repository.open_items.find([("K", "I-0000"), ("K", "I-0001"), ("K", "nobody")])
    assert found.rows.int64("open_minor").tolist() == [90, 100]
    assert found.versions.tolist() == [2, 1]


def test_a_booking_may_upsert_in_parts(repository):
    with repository.booking() as booking:
        assert booking.open_items.upsert(items(A=1, B=2)) == (2, 0, 0)
        assert booking.open_items.upsert(items(B=2, C=3)) == (1, 0, 1)
        assert booking.open_items.upsert(items(C=4)) == (0, 1, 0)
    assert open_of(repository.open_items.read()) == {"A": 1, "B": 2, "C": 4}


def test_ids_are_keys_within_their_company(repository):
    upsert(repository, items_of("K", {"I-1": 100}))
    upsert(repository, items_of("L", {"I-1": 7}, currency="EUR"))
    remove(repository, "I-1", company="L")
    assert open_of(repository.open_items.read()) == {"I-1": 100}
    assert repository.open_items.totals() == (ItemTotal("K", "USD", 1, 100),)


def test_a_tombstone_takes_an_item_away_and_an_upsert_brings_it_back(repository):
    upsert(repository, items(A=1, B=2))
    assert remove(repository, "A", "nobody") == 1
    assert remove(repository, "A") == 0
    assert open_of(repository.open_items.read()) == {"B": 2}
    assert len(repository.open_items.find([("K", "A")]).rows) == 0
    assert upsert(repository, items(A=1)) == (0, 1, 0)
    assert repository.open_items.find([("K", "A")]).versions.tolist() == [3]


def test_what_changed_since_is_read_once_and_in_full(repository):
    upsert(repository, items(A=1, B=2, C=3))
    start = repository.open_items.read().number
    assert repository.open_items.changes_after(start).changed.rows == OpenItemBatch.empty()
    upsert(repository, items(B=5, A=1))
    remove(repository, "C")
    feed = repository.open_items.changes_after(start)
    assert open_of(feed) == {"B": 5}
    assert feed.removed == (("K", "C"),)
    again = repository.open_items.changes_after(feed.number)
    assert (open_of(again), again.removed, again.number) == ({}, (), feed.number)


def test_a_version_the_caller_did_not_see_is_refused_and_nothing_changes(repository):
    upsert(repository, items(A=1, B=2))
    upsert(repository, items(A=10))
    with pytest.raises(StaleRowError, match=r"'A' of company 'K' has version 2, not the one"):
        upsert(repository, items(A=11, B=12), [1, 1])
    with pytest.raises(StaleRowError, match="'N' of company 'K' is not there"):
        upsert(repository, items(N=1), [4])
    with pytest.raises(StaleRowError):
        upsert(repository, items(A=1), [0])
    assert open_of(repository.open_items.read()) == {"A": 10, "B": 2}
    assert upsert(repository, items(A=11, B=12, N=1), [2, ANY_VERSION, 0]) == (1, 2, 0)


def test_a_snapshot_is_all_there_is_in_its_companies(repository):
    upsert(repository, items(A=1, B=2))
    upsert(repository, items_of("L", {"X": 9}))
    done = replace(repository, items(B=3, C=4))
    assert (done.inserted, done.updated, done.unchanged, done.removed) == (1, 1, 0, 1)
    assert open_of(repository.open_items.read()) == {"B": 3, "C": 4, "X": 9}


def test_a_company_without_items_is_declared_with_none(repository):
    upsert(repository, items(A=1))
    assert replace(repository, items(), [ItemTotal("K", "USD", 0, 0)]).removed == 1
    assert open_of(repository.open_items.read()) == {}


@pytest.mark.parametrize(
    "declared",
    [
        [ItemTotal("K", "USD", 2, 4)],
        [ItemTotal("K", "USD", 3, 3)],
        [ItemTotal("K", "EUR", 2, 3)],
        [ItemTotal("K", "USD", 2, 3), ItemTotal("K", "EUR", 1, 0)],
        [ItemTotal("L", "USD", 2, 3)],
    ],
)
def test_a_snapshot_that_is_not_what_it_declares_changes_nothing(repository, declared):
    upsert(repository, items(A=1, Z=9))
    with pytest.raises(SnapshotMismatchError, match="nothing was changed"):
        replace(repository, items(A=1, B=2), declared)
    assert open_of(repository.open_items.read()) == {"A": 1, "Z": 9}


def test_pages_and_filters(repository):
    upsert(repository, items_of("K", {f"A-{n}": n for n in range(5)}))
    upsert(repository, items_of("K", {"D-1": 7}, status="disputed", customer_id="C-2"))
    upsert(repository, items_of("L", {"A-1": 8}, currency="EUR"))

    def listed(**wanted):
        found, after = [], None
        while True:
            page, after = repository.open_items.list_items(ItemFilter(**wanted), after, 2)
            found += zip(
                page.rows.strings("company_id"), page.rows.strings("open_item_id"), strict=True
            )
            if after is None:
                return found

    everything = [*(("K", f"A-{n}") for n in range(5)), ("K", "D-1"), ("L", "A-1")]
    assert listed() == everything
    assert listed(company_id="L") == [("L", "A-1")]
    assert listed(customer_id="C-2") == [("K", "D-1")] == listed(status="disputed")
    assert listed(document_number="INV-A-1", currency="USD") == [("K", "A-1")]


def test_rows_are_never_deleted(store_url, repository):
    upsert(repository, items(A=1))
    with pytest.raises(Exception, match="keeps its rows"):
        raw_rows(store_url, "DELETE FROM open_item")


def test_customers_are_kept_the_same_way(repository):
    with repository.booking() as booking:
        assert booking.customers.upsert(customers(C_1="Acme", C_2="Beta")) == (2, 0, 0)
    start = repository.customers.read().number
    with repository.booking() as booking:
        done = booking.customers.replace(customers(C_2="Beta Ltd", C_3="Gamma"), {"K": 2})
    assert (done.inserted, done.updated, done.removed) == (1, 1, 1)
    feed = repository.customers.changes_after(start)
    assert feed.changed.rows.strings("name") == ["Beta Ltd", "Gamma"]
    assert feed.removed == (("K", "C_1"),)
    page, after = repository.customers.list_customers("K", None, 1)
    assert (page.rows.strings("customer_id"), after) == (["C_2"], ("K", "C_2"))
    with pytest.raises(SnapshotMismatchError), repository.booking() as booking:
        booking.customers.replace(customers(C_2="Beta"), {"K": 2})


def test_a_reader_that_asks_while_bookings_commit_misses_nothing(store_url, repository):
    other = open_repository(store_url, busy_seconds=5)
    seen, number = {}, 0
    for step in range(20):
        writer = (repository, other)[step % 2]
        with writer.booking() as booking:
            booking.open_items.upsert(items_of("K", {f"I-{step % 7}": step}))
            before = repository.open_items if writer is other else other.open_items
            feed = before.changes_after(number)
            seen |= open_of(feed)
            number = feed.number
    seen |= open_of(repository.open_items.changes_after(number))
    assert seen == open_of(repository.open_items.read())
    other.close()
