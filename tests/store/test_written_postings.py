"""The audit leaf of postings is over rows as they were written: the very rows the store gives."""

import pytest

from store import open_repository
from store.audit_leaves import LeafRows
from store.audit_log import StoredAudit
from store.audited_tables import AUDITED_TABLES, posting_selections
from tests.store.kept_postings import keep_cash, keep_items, person, postings, robot


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url, busy_seconds=0.05)
    keep_cash(opened, payments=80)
    keep_items(opened, **{f"item-{number}": 20_000 for number in range(80)})
    yield opened
    opened.close()


def assert_written_as_read(booking, number, subject):
    """What the booking remembers of `subject`'s postings is what the store reads, to the type."""
    selection = posting_selections(number, subject)[0]
    written = list(booking.decisions.written.rows(selection))
    rows = LeafRows(selection, AUDITED_TABLES["posting"].columns, len(written), "")
    read = list(StoredAudit(booking.database).selected_rows(rows))
    assert [repr(tuple(row)) for row in written] == [repr(row) for row in read]
    return len(written)


def test_sets_and_reversals_are_remembered_as_the_store_reads_them(repository):
    many = postings(*((f"monday-{number}", f"item-{number}", number + 1) for number in range(70)))
    odd = postings(
        ("monday-70", "item-70", 5_000),
        ("monday-71", "item-71", 6_000),
        discount_minor=20,
        deduction_minor=30,
        deduction_reason='damage, "wet"\n',
        write_off_minor=-1,
        write_off_reason="too little",
        customer_id="Ä's & Söhne",
    )
    reason = person(subject="case, 1")
    with repository.booking() as booking:
        posted = booking.decisions.post(many, robot("run-1"))
        booking.decisions.post(odd, robot("run-1"))
        apart = booking.decisions.post(postings(("monday-72", "item-72", 1)), reason)
        assert assert_written_as_read(booking, posted.booking_number, "run-1") == 72
        assert assert_written_as_read(booking, posted.booking_number, "case, 1") == 1
    with repository.booking() as booking:
        back = booking.decisions.reverse([posted.first_number, apart.first_number], reason)
        assert assert_written_as_read(booking, back.booking_number, "case, 1") == 2
        earlier = posting_selections(posted.booking_number, "run-1")[0]
        assert booking.decisions.written.rows(earlier) is None


def test_cash_of_another_currency_is_remembered(repository):
    exchanged = postings(("monday-0", "item-0", 5_000), cash_minor=4_500, cash_currency="USD")
    with repository.booking() as booking:
        posted = booking.decisions.post(exchanged, robot())
        assert assert_written_as_read(booking, posted.booking_number, "run-1") == 1
