"""The two databases behind the store do the same, value by value and block by block."""

import datetime

import pyarrow as pa
import pytest

from store import open_database
from store.addresses import parse_address
from store.errors import StoreBusyError, StoreIntegrityError

ROWS = pa.table(
    {
        "name": pa.array(["", 'a "quoted", name', "two\nlines\r\n", "\\.", "Ünïcødé 名"]),
        "amount": pa.array([0, -(2**63), 2**63 - 1, None, 7], pa.int64()),
        "share": pa.array([0.1, 1 / 3, 1e-300, -2.5, 5e-324], pa.float64()),
        "yes": pa.array([True, False, True, False, True]),
        "day": pa.array([datetime.date(2026, 11, 26), None, None, datetime.date(1, 1, 1), None]),
    }
)
TABLE = "CREATE TABLE kept (name TEXT NOT NULL UNIQUE, amount BIGINT, share {}, yes {}, day {})"
TYPES = {"sqlite": ("REAL", "INTEGER", "TEXT"), "postgresql": ("FLOAT8", "BOOLEAN", "DATE")}


@pytest.fixture
def database(store_url):
    opened = open_database(parse_address(store_url), busy_seconds=0.05)
    opened.run_script(TABLE.format(*TYPES[opened.dialect]))
    yield opened
    opened.close()


@pytest.fixture
def other(store_url):
    opened = open_database(parse_address(store_url), busy_seconds=0.05)
    yield opened
    opened.close()


def count(database):
    return database.rows("SELECT count(*) FROM kept")[0][0]


def test_columns_come_back_as_they_went_in(database):
    with database.writing():
        database.insert_table("kept", ROWS)
    question = "SELECT name, amount, share, yes, day FROM kept WHERE name <> ? ORDER BY share"
    found = database.read_table(question, ROWS.schema, "it's nobody?")
    assert found.equals(ROWS.sort_by("share"))


def test_single_rows_are_whole_numbers_text_and_dates_as_text(database):
    row = ("a?b", 2**40, 0.5, True, "2026-11-26")
    database.rows("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", *row)
    database.execute_many("INSERT INTO kept (name, amount) VALUES (?, ?)", [("b", 1), ("c", None)])
    found = database.rows("SELECT * FROM kept WHERE name = 'a?b' AND amount > ?", 3)
    assert found == [row]
    sums = database.rows("SELECT sum(amount), count(*) FROM kept")
    assert sums == [(2**40 + 1, 3)]
    assert type(sums[0][0]) is int


def test_no_rows_are_columns_too(database):
    with database.writing():
        database.insert_table("kept", ROWS.slice(0, 0))
    found = database.read_table("SELECT name, amount, share, yes, day FROM kept", ROWS.schema)
    assert found.equals(ROWS.slice(0, 0))


def test_an_error_undoes_the_whole_block(database):
    def fail():
        database.insert_table("kept", ROWS)
        raise KeyError

    with pytest.raises(KeyError), database.writing():
        fail()
    assert count(database) == 0


def test_a_broken_rule_is_told_as_such_whichever_way_rows_came(database):
    with database.writing():
        database.insert_table("kept", ROWS)
    ways = (
        lambda: database.rows("INSERT INTO kept (name) VALUES (?)", "\\."),
        lambda: database.execute_many("INSERT INTO kept (name) VALUES (?)", [("x",), ("",)]),
        lambda: database.insert_table("kept", ROWS.slice(1, 1)),
    )
    for way in ways:
        with pytest.raises(StoreIntegrityError), database.writing():
            way()
    assert count(database) == len(ROWS)


def test_others_see_a_block_when_it_ended(database, other):
    with database.writing():
        database.insert_table("kept", ROWS)
        assert count(other) == 0
    assert count(other) == len(ROWS)


def test_a_reading_block_sees_one_state(database, other):
    with database.reading():
        assert count(database) == 0
        with other.writing():
            other.insert_table("kept", ROWS)
        with database.reading():
            assert count(database) == 0
    assert count(database) == len(ROWS)


def test_a_second_writer_waits_and_then_gives_up(database, other):
    with (
        database.writing(),
        pytest.raises(StoreBusyError, match="another booking"),
        other.writing(),
    ):
        pass
    with other.writing():
        other.insert_table("kept", ROWS)


def test_a_reading_block_within_a_writing_block_sees_its_changes(database):
    with database.writing():
        database.insert_table("kept", ROWS)
        with database.reading():
            assert count(database) == len(ROWS)
