"""What the ERP says again and again, and what we decided meanwhile: open is what is left."""

import pytest

from store import open_repository
from tests.store.item_rows import items_of
from tests.store.kept_postings import (
    keep_cash,
    open_amounts,
    person,
    postings,
    robot,
    violations,
)


@pytest.fixture
def store(store_url):
    repository = open_repository(store_url, busy_seconds=0.05)
    keep_cash(repository, payments=9, amount=100_000)
    yield Store(repository)
    assert violations(repository) == []
    repository.close()


class Store:
    """One item, A, as the ERP shows it and as cash goes on it."""

    def __init__(self, repository):
        self.repository = repository
        self.payments = iter(range(9))

    def erp(self, amount):
        with self.repository.booking() as booking:
            booking.open_items.upsert(items_of("K", {"A": amount}))
        return self.open

    def apply(self, amount):
        payment = f"monday-{next(self.payments)}"
        with self.repository.booking() as booking:
            done = booking.decisions.post(postings((payment, "A", amount)), robot())
        return done.first_number

    def undo(self, number):
        with self.repository.booking() as booking:
            booking.decisions.reverse([number], person())

    @property
    def open(self):
        return open_amounts(self.repository)["A"]


def test_yesterdays_export_read_again_opens_nothing_twice(store):
    store.erp(100)
    store.apply(100)
    assert store.open == 0
    assert store.erp(100) == 0


def test_when_the_erp_has_posted_what_we_decided_nothing_is_taken_off_again(store):
    store.erp(100)
    store.apply(60)
    assert store.erp(100) == 40, "not posted yet"
    assert store.erp(70) == 40, "half posted"
    assert store.erp(40) == 40, "posted"
    assert store.erp(100) == 40, "an old export"


def test_only_what_an_item_grew_by_since_is_open_again(store):
    store.erp(100)
    store.apply(100)
    assert store.erp(160) == 60
    store.apply(60)
    assert store.open == 0
    assert store.erp(160) == 0


def test_what_was_paid_elsewhere_is_gone_as_well(store):
    store.erp(100)
    store.apply(40)
    assert store.erp(20) == 20, "our 40 and 40 of somebody else"
    store.apply(20)
    assert store.open == 0
    assert store.erp(0) == 0


def test_a_reversal_before_the_erp_posted(store):
    store.erp(100)
    number = store.apply(100)
    store.undo(number)
    assert store.open == 100
    assert store.erp(100) == 100
    store.apply(100)
    assert store.erp(100) == 0


def test_a_reversal_after_the_erp_posted_opens_at_once_and_not_twice(store):
    store.erp(100)
    number = store.apply(100)
    assert store.erp(0) == 0
    store.undo(number)
    assert store.open == 100, "the ERP has not taken its posting back yet"
    assert store.erp(0) == 100
    assert store.erp(100) == 100, "now it has"
    store.apply(60)
    assert store.open == 40
    assert store.erp(40) == 40


def test_a_credit_memo_is_used_up_the_same_way(store):
    store.erp(-50)
    with store.repository.booking() as booking:
        booking.open_items.upsert(items_of("K", {"B": 500}))
        booking.decisions.post(postings(("monday-0", "A", -50), ("monday-0", "B", 500)), robot())
    assert open_amounts(store.repository) == {"A": 0, "B": 0}
    assert store.erp(-50) == 0
    assert store.erp(0) == 0


def test_an_item_the_erp_drops_comes_back_with_what_we_took(store):
    store.erp(100)
    store.apply(60)
    with store.repository.booking() as booking:
        booking.open_items.remove([("K", "A")])
    page = store.repository.open_items.find([("K", "A")])
    assert page.rows.strings("status") == ["paid"], "a second payment of it is recognised"
    assert page.rows.int64("open_minor").tolist() == [0]
    assert store.erp(100) == 40
