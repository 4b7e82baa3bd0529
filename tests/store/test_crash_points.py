"""A booking that fails after any of its calls to the database leaves the store as it was."""

from contextlib import contextmanager

import pytest

from store import open_database
from store.addresses import parse_address
from store.checking import check_store
from store.decision_records import CashMove
from store.repository import Repository
from tests.store.kept_postings import keep_cash, keep_items, person, postings, robot
from tests.store.stored_files import file_result

TABLES = ("payment", "payment_balance", "open_item", "posting", "cash_move", "customer", "booking")
CALLS = (
    "rows",
    "change",
    "execute_many",
    "insert_table",
    "merge_table",
    "change_all",
    "read_table",
    "run_script",
)


class CrashError(BaseException):
    """The process ends here."""


class CrashingDatabase:
    """A database whose user ends after a number of calls; blocks are the database's own."""

    def __init__(self, database, calls):
        self.database = database
        self.left = calls
        self.dialect = database.dialect
        for name in CALLS:
            setattr(self, name, self.counted(getattr(database, name)))

    def counted(self, call):
        def counting(*values, **named):
            found = call(*values, **named)
            self.left -= 1
            if self.left < 0:
                raise CrashError
            return found

        return counting

    @contextmanager
    def writing(self):
        with self.database.writing():
            yield

    @contextmanager
    def reading(self):
        with self.database.reading():
            yield


def book(repository):
    """One booking that touches every topic."""
    with repository.booking() as booking:
        booking.bank_files.keep(
            file_result("tuesday", payments=2, bucket="unapplied_minor", applied=0)
        )
        done = booking.decisions.post(
            postings(("tuesday-0", "A", 500), ("monday-0", "B", 700)), robot()
        )
        booking.decisions.reverse([done.first_number], person())
        cash = {"from_bucket": "unapplied", "to_bucket": "suspense", "amount_minor": 5}
        booking.decisions.move_cash([CashMove(payment_id="tuesday-1", **cash)], person())
        booking.open_items.remove([("K", "C")])


def state(database):
    return {name: sorted(map(repr, database.rows(f"SELECT * FROM {name}"))) for name in TABLES}


@pytest.fixture
def database(store_url):
    opened = open_database(parse_address(store_url))
    repository = Repository(opened)
    keep_cash(repository)
    keep_items(repository, A=6_000, B=9_000, C=1)
    yield opened
    opened.close()


def test_a_booking_is_whole_or_absent_whichever_call_is_its_last(database):
    before = state(database)
    crashes = 0
    while True:
        crashing = CrashingDatabase(database, calls=10**6)
        repository = Repository(crashing)
        crashing.left = crashes
        try:
            book(repository)
        except CrashError:
            assert state(database) == before, f"after call {crashes}"
            crashes += 1
        else:
            break
    assert crashes >= 20, "every call of the booking was its last once"
    assert check_store(database) == ()
    after = state(database)
    assert all(after[name] != before[name] for name in TABLES if name != "customer")
