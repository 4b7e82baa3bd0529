"""A file is matched while the store goes on; what changed under it is matched again, no more."""

import pytest

from engine.batches import CustomerBatch
from engine.matcher import match_payments
from rpc.jobs import BuildSnapshotDone, BuildSnapshotJob
from store import open_repository
from store.checking import check_store
from store.errors import StoreBusyError
from tests.server.requests import bai2_file
from tests.server.test_repeated_files import Store
from tests.store.item_rows import items_of

TWO = bai2_file((10_000, "INV-20431"), (7_525, "INV-30777"))


class Watched(Store):
    """A store whose matches are watched: `meanwhile` is done before each of them ends."""

    def __init__(self, folder, url):
        self.matched = []
        self.indexed = []
        self.meanwhile = []
        super().__init__(folder, url)

    def restart(self, match=None):
        super().restart(match or self._match)

    def _match(self, match_input, observe):
        result = match_payments(match_input, observe)
        self.indexed.append(match_input.resident is not None)
        texts = match_input.payments.strings("remittance_text")
        self.matched.append([text.split("/")[0] for text in texts])
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return result

    def index(self):
        """Let files be matched with what is indexed now."""
        path = str(self.folder / "1.snapshot")
        done = self.run(BuildSnapshotJob(path=path, base_path="", hashes={}, from_store=False))
        assert isinstance(done, BuildSnapshotDone), done
        self.snapshot_path = path

    def book(self, act):
        """Book beside whoever books; raises `StoreBusyError` at once where somebody does."""
        repository = open_repository(self.settings.store_url, busy_seconds=0.05)
        try:
            with repository.booking() as booking:
                act(booking)
        finally:
            repository.close()

    def send_elsewhere(self, content):
        """Another worker takes a file in."""
        other = Store.__new__(Store)
        other.folder = self.folder / "elsewhere"
        other.folder.mkdir()
        other.settings = self.settings
        other.restart()
        sent = other.send(content)
        other.close()
        return sent

    def applied(self, sent):
        tables = self.result(sent.bank_file.file_id)["applications"]
        rows = [row for one in tables for row in one.messages.applications]
        return {row.open_item_id: row.applied_minor for row in rows if row.decision == "auto"}


@pytest.fixture(params=["indexed for each file", "resident"])
def store(tmp_path, store_url, request):
    found = Watched(tmp_path, store_url)
    if request.param == "resident":
        found.index()
    yield found
    found.close()
    repository = open_repository(store_url)
    assert check_store(repository.database) == ()
    repository.close()


def upsert(customer, **amounts):
    items = items_of("K", amounts, customer_id=customer)
    return lambda booking: booking.open_items.upsert(items)


def test_nobody_waits_for_a_match_and_what_does_not_concern_it_changes_nothing(store):
    store.meanwhile = [lambda: store.book(upsert("C-77", NEW=500))]
    sent = store.send(TWO)
    assert store.applied(sent) == {"I-1": 10_000, "I-3": 7_525}
    assert len(store.matched) == 1


def test_an_item_that_another_file_took_meanwhile_is_not_taken_again(store):
    store.meanwhile = [lambda: store.send_elsewhere(bai2_file((10_000, "INV-20431"), account="X"))]
    sent = store.send(TWO)
    assert store.applied(sent) == {"I-3": 7_525}
    assert store.indexed == [bool(store.snapshot_path)] * 2
    first, again = store.matched
    assert len(first) == 2
    assert len(again) == 1, "only the payment whose customer's items moved is matched again"
    assert store.consumed() == {"I-1": 10_000, "I-3": 7_525}
    assert sent.bank_file.application_count == 1
    assert "REF-CLOSED" in store.exceptions(sent)


def test_an_item_that_came_meanwhile_is_looked_at_before_anything_is_decided(store):
    twin = items_of("K", {"I-9": 10_000}, document_number="INV-20431")
    store.meanwhile = [lambda: store.book(lambda booking: booking.open_items.upsert(twin))]
    sent = store.send(TWO)
    assert store.applied(sent) == {"I-3": 7_525}, "two invoices of one number: a clerk decides"
    assert len(store.matched) == 2


def test_payments_that_another_file_brought_meanwhile_count_once(store):
    again = bai2_file((10_000, "INV-20431"), (7_525, "INV-30777"), (500, "MORE"))
    store.meanwhile = [lambda: store.send_elsewhere(TWO)]
    sent = store.send(again)
    assert sent.bank_file.repeated_payment_count == 2
    assert sent.bank_file.payment_count == 1
    assert store.consumed() == {"I-1": 10_000, "I-3": 7_525}


def test_the_same_file_kept_meanwhile_gives_its_receipt(store):
    store.meanwhile = [lambda: store.send_elsewhere(TWO)]
    assert store.send(TWO).already_processed
    assert store.count("bank_file") == 1


def test_a_store_that_never_stands_still_is_held_in_the_end(store):
    refused = []

    def change(amount):
        def act():
            try:
                store.book(upsert("C-1", **{f"N{amount}": amount}))
            except StoreBusyError:
                refused.append(amount)

        return act

    store.meanwhile = [change(amount) for amount in range(1, 9)]
    sent = store.send(TWO)
    assert store.applied(sent) == {"I-1": 10_000, "I-3": 7_525}
    assert refused == [len(store.matched)], "the last match, and no other, holds the store"


def test_validating_a_file_holds_and_keeps_nothing(store):
    store.meanwhile = [lambda: store.book(upsert("C-1", NEW=500))]
    sent = store.send(TWO, validate_only=True)
    assert sent.bank_file.application_count == 2
    assert store.count("bank_file") == 0


def test_a_snapshot_that_is_gone_or_knows_other_customers_is_not_matched_with(store):
    store.index()
    with_names = store.snapshot_path
    store.snapshot_path = f"{with_names} gone"
    first = store.send(TWO)
    store.snapshot_path = with_names
    customer = CustomerBatch.from_columns(
        {"customer_id": ["C-9"], "company_id": ["K"], "name": ["Nine"]}
    )
    store.book(lambda booking: booking.customers.upsert(customer))
    second = store.send(bai2_file((500, "MORE"), account="B"))
    assert (first.bank_file.payment_count, second.bank_file.payment_count) == (2, 1)
    assert store.indexed == [False, False]
