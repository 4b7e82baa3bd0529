"""Resident open items: kept true by what changed; what a file's match has to post."""

from engine.batches import ApplicationBatch, PaymentOutcomeBatch, ReversalBatch, SettledBatch
from rpc.resident_tables import ResidentTables, file_postings, with_changes
from store import open_repository
from store.open_items import item_totals
from tests.server.requests import items


def test_resident_items_with_what_changed_are_those_of_the_store(tmp_path):
    repository = open_repository(f"sqlite:///{tmp_path / 'store.db'}")

    def book(act):
        with repository.booking() as booking:
            act(booking.open_items)

    book(lambda topic: topic.upsert(items()))
    feed = repository.open_items.read()
    tables = ResidentTables(
        open_items=feed.changed.rows,
        customers=None,
        bank_accounts=None,
        number=feed.number,
    )

    def current():
        return with_changes(tables.open_items, repository.open_items.changes_after(feed.number))

    assert current() == feed.changed.rows
    changed = items(open_minor=[1, 25_050, 7_525])
    book(lambda topic: topic.upsert(changed))
    book(lambda topic: topic.remove([("K", "I-3")]))
    stored = repository.open_items.read().changed.rows
    assert len(stored) == 2
    assert item_totals(current()) == item_totals(stored)
    assert sorted(current().strings("open_item_id")) == stored.strings("open_item_id")
    repository.close()


def test_a_file_takes_cash_discounts_deductions_and_write_offs_and_gives_reversals_back():
    outcomes = PaymentOutcomeBatch.from_columns(
        {
            "payment_id": ["P-1", "P-2"],
            "company_id": ["K", "L"],
            "identification_confidence": [1.0, 1.0],
        }
    )
    applications = ApplicationBatch.from_columns(
        {
            "payment_id": ["P-1", "P-1", "P-1"],
            "open_item_id": ["I-1", "I-2", "I-2"],
            "decision": ["auto", "auto", "proposed"],
            "applied_minor": [9_700, 5_000, 777],
            "discount_minor": [200, 0, 0],
            "deduction_minor": [60, 0, 0],
            "write_off_minor": [40, 0, 0],
            "confidence": [1.0, 1.0, 0.4],
        }
    )
    reversals = ReversalBatch.from_columns(
        {
            "payment_id": ["P-3"],
            "original_payment_id": ["P-2"],
            "open_item_id": ["I-9"],
            "amount_minor": [300],
        }
    )
    applied, returned = file_postings(
        items(), outcomes, applications, reversals, SettledBatch.empty()
    )
    assert applied.strings("open_item_id") == ["I-1", "I-2"]
    assert applied.strings("company_id") == ["K", "K"]
    assert applied.strings("expected_status") == ["open", "open"]
    assert applied.int64("write_off_minor").tolist() == [40, 0]
    assert returned.strings("company_id") == ["L"]
    assert returned.int64("applied_minor").tolist() == [-300]


def test_a_file_without_applications_posts_nothing():
    posted = file_postings(
        items(),
        PaymentOutcomeBatch.empty(),
        ApplicationBatch.empty(),
        ReversalBatch.empty(),
        SettledBatch.empty(),
    )
    assert [len(one) for one in posted] == [0, 0]
