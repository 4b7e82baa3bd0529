"""kill -9 at any moment: what was acknowledged is there once, nothing else is there in part.

`TIEOUT_KILL_ROUNDS` shortens the long run for a look.
"""

import os
import random

import pytest

from store import open_repository
from store.checking import check_store
from tests.store.killed_writer import SET_ROWS, fill, write_until_killed

pytestmark = pytest.mark.xdist_group("killed")

ROUNDS = 5
"""Fifteen rounds of whole servers are in `tests/server/test_killed_servers.py`."""

ROUNDS_LONG = int(os.environ.get("TIEOUT_KILL_ROUNDS", "1000"))


def kept_sets(repository):
    """Subject → rows, of every set that is kept."""
    counted = "SELECT subject, count(*) FROM posting WHERE kind = 'application' GROUP BY subject"
    return dict(repository.database.rows(counted))


def kill_writers(url, rounds):
    fill(url)
    chance = random.Random(0)  # noqa: S311 - a seeded test
    repository = open_repository(url)
    expected, in_flight = set(), set()
    for seed in range(rounds):
        said = write_until_killed(url, seed, chance.uniform(0, 0.1))
        kept = kept_sets(repository)
        expected |= set(said)
        assert expected <= kept.keys(), "an acknowledged set is lost"
        assert set(kept.values()) <= {SET_ROWS}, "a set is kept in part, or twice"
        # PostgreSQL ends a commit it was handed, even a moment after its client was killed.
        in_flight.add(f"set-{seed}-{len(said)}")
        unacknowledged = kept.keys() - expected
        assert unacknowledged <= in_flight, "more than one in flight"
        expected |= unacknowledged
        assert check_store(repository.database) == ()
    repository.close()
    return expected


def test_killed_writers_lose_nothing_and_double_nothing(store_url):
    assert len(kill_writers(store_url, ROUNDS)) > ROUNDS


@pytest.mark.long
def test_killed_writers_in_the_long_run(store_url):
    assert len(kill_writers(store_url, ROUNDS_LONG)) > ROUNDS_LONG


def test_a_database_server_killed_with_all_it_has_keeps_what_it_acknowledged(postgresql):
    url = postgresql.new_database()
    fill(url)
    for seed in range(2):
        said = write_until_killed(url, seed, 0.1)
        postgresql.kill()
        postgresql.start()
        repository = open_repository(url)
        kept = kept_sets(repository)
        assert set(said) <= kept.keys()
        assert set(kept.values()) <= {SET_ROWS}
        assert check_store(repository.database) == ()
        repository.close()
