"""A check finds what is not whole, row by row; and a whole store has nothing to say."""

import apsw
import psycopg
import pytest

from store import open_repository
from store.checking import RULES, check_store
from store.decision_records import CashMove
from tests.store.kept_postings import keep_cash, keep_items, person, postings, robot

DAMAGE = {
    "payment: its buckets add up to its amount": (
        "UPDATE payment SET amount_minor = amount_minor + 1 WHERE payment_id = 'monday-0'",
        "monday-0",
    ),
    "payment: applied is what its file and decisions made it": (
        "UPDATE posting_line SET bucket = '' WHERE payment_id = 'monday-2'",
        "monday-2",
    ),
    "payment: on_account is what its file and decisions made it": (
        "UPDATE cash_move SET to_bucket = 'refund'",
        "monday-1",
    ),
    "payment: unapplied is what its file and decisions made it": (
        "DELETE FROM cash_move",
        "monday-1",
    ),
    "payment: what is applied is the sum of its postings": (
        "DELETE FROM posting_line WHERE payment_id = 'monday-2'",
        "monday-2",
    ),
    "open item: what decisions took is the sum of its postings": (
        "UPDATE open_item SET decided_minor = decided_minor - 1 WHERE open_item_id = 'A'",
        "K / A",
    ),
    "open item: open is what the ERP said, less what it has not posted": (
        "UPDATE open_item SET open_minor = open_minor + 1 WHERE open_item_id = 'B'",
        "K / B",
    ),
    "reversal: takes back one posting, the same amounts, once": (
        "UPDATE posting_line SET applied_minor = applied_minor - 1, taken_minor = taken_minor - 1 "
        "WHERE kind = 'reversal'",
        "3",
    ),
    "posting: each belongs to a set that says who decided it": (
        "DELETE FROM posting_set WHERE set_number = 1",
        "1",
    ),
    "posting: its payment is kept, in its currency and company": (
        "UPDATE posting_line SET currency = 'EUR' WHERE payment_id = 'monday-2'",
        "2",
    ),
    "bank file: its totals are those of its payments": (
        "UPDATE currency_total SET payment_count = 7",
        "USD",
    ),
    "bank file: every payment has a file and an outcome": (
        "DELETE FROM payment_outcome WHERE payment_id = 'monday-3'",
        "monday-3",
    ),
}


@pytest.fixture
def repository(store_url):
    """A store with a bit of everything."""
    opened = open_repository(store_url)
    keep_cash(opened, payments=4)
    keep_items(opened, A=6_000, B=9_000)
    with opened.booking() as booking:
        done = booking.decisions.post(
            postings(("monday-0", "A", 6_000), ("monday-2", "B", 4_000)), robot()
        )
        booking.decisions.reverse([done.first_number], person())
        cash = {"from_bucket": "unapplied", "to_bucket": "on_account"}
        booking.decisions.move_cash(
            [CashMove(payment_id="monday-1", amount_minor=500, **cash)], person()
        )
    yield opened
    opened.close()


def damage(postgresql, url, statement):
    """Do what triggers and grants refuse: as somebody who owns the machine."""
    if url.startswith("sqlite"):
        connection = apsw.Connection(url.removeprefix("sqlite:///"))
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.close()
        return
    with psycopg.connect(
        url.replace("tieout@", "admin@"), options="-c search_path=tieout_default"
    ) as connection:
        assert postgresql.process.poll() is None
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)


def test_a_store_with_a_bit_of_everything_is_whole(repository):
    assert check_store(repository.database) == ()


@pytest.mark.parametrize("rule", DAMAGE)
def test_each_rule_finds_its_damage(postgresql, store_url, repository, rule):
    statement, row = DAMAGE[rule]
    damage(postgresql, store_url, statement)
    found = {(one.rule, one.row) for one in check_store(repository.database)}
    assert [shown for name, shown in found if name == rule and shown.endswith(row)], found


def test_every_rule_can_turn_red():
    bucket = "payment: {} is what its file and decisions made it"
    alike = {bucket.format(name) for name in ("unidentified", "suspense", "non_ar", "refund")}
    alike.add(bucket.format("returned"))
    assert set(RULES) == set(DAMAGE) | alike


def test_a_migration_that_is_missing_is_found(postgresql, store_url, repository):
    damage(postgresql, store_url, "DELETE FROM migration WHERE number = 2")
    assert [one.row for one in check_store(repository.database)] == ["0002_payment_facts.sql"]
