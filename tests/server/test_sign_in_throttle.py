"""Who guesses waits; who does not, does not: a clock that the test turns, both databases."""

import pytest

from rpc.errors import SignInThrottledError
from rpc.sign_in_throttle import FORGOTTEN_MS, reserve_attempt, settle_success, wait_ms
from store import open_repository
from store.sessions import Failures, UserSession
from store.users import LocalUser

HOME, AWAY = "10.0.0.7", "203.0.113.9"


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    user = LocalUser(user_name="weber", password_hash="h", roles=("clerk",))
    with opened.booking() as booking:
        booking.users.add(user)
    yield opened
    opened.close()


def attempt(repository, now_ms, source=AWAY, user="weber", *, right=False):
    """One attempt; gives the seconds to wait where it came too early."""
    try:
        with repository.booking() as booking:
            reserve_attempt(booking.sessions, user, source, now_ms)
    except SignInThrottledError as error:
        return error.retry_seconds
    if right:
        with repository.booking() as booking:
            settle_success(booking.sessions, user, source)
    return 0


def guess(repository, seconds, source, users):
    """Guess as often as one may for so long; gives how many guesses there were."""
    made, now_ms = 0, 0
    while now_ms < seconds * 1000:
        wait = attempt(repository, now_ms, source, next(users))
        made += not wait
        now_ms += int(wait * 1000)
    return made


def test_each_failure_beyond_five_doubles_the_wait_to_a_quarter_of_an_hour():
    waits = [wait_ms("pair", Failures(count, 0), 0) for count in range(18)]
    assert waits[:9] == [0, 0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000]
    assert waits[-1] == waits[-2] == 900_000
    assert wait_ms("pair", Failures(9, 0), 10_000) == 6_000
    assert wait_ms("pair", Failures(1_000_000, 0), FORGOTTEN_MS) == 0


def test_guesses_at_one_user_from_one_place_are_few(repository):
    users = iter(["weber"] * 10_000)
    assert guess(repository, 24 * 3600, AWAY, users) < 120


def test_a_name_that_nobody_has_waits_as_long(repository):
    known = [attempt(repository, at, user="weber") for at in range(9)]
    unknown = [attempt(repository, at, AWAY + "1", user="nobody") for at in range(9)]
    assert known == unknown
    assert known[5:] != [0] * 4


def test_many_names_from_one_place_are_held_to_one_a_minute(repository):
    users = iter(f"user{number}" for number in range(100_000))
    assert 20 <= guess(repository, 3600, AWAY, users) <= 20 + 60 + 10


def test_a_right_password_forgets_the_failures_of_the_pair(repository):
    for _ in range(5):
        assert not attempt(repository, 0)
    assert attempt(repository, 0) == 1
    assert not attempt(repository, 1_000, right=True)
    assert [attempt(repository, 2_000) for _ in range(5)] == [0] * 5


def test_an_attempt_that_came_too_early_counts_nothing(repository):
    for _ in range(5):
        attempt(repository, 0)
    for _ in range(50):
        assert attempt(repository, 500) == 1
    assert not attempt(repository, 1_000)


def test_strangers_cannot_lock_a_user_out_of_its_own_place(repository):
    session = UserSession(
        session_id="S",
        token_sha256="0" * 64,
        user_name="weber",
        begun_at_ms=0,
        used_at_ms=0,
        ends_at_ms=9,
        source=HOME,
    )
    with repository.booking() as booking:
        booking.sessions.begin(session)
    for number in range(200):
        attempt(repository, 1_000, f"203.0.113.{number}")
    for number in range(60):
        attempt(repository, 1_000, HOME, f"other{number}")
    assert not attempt(repository, 1_000, HOME, right=True)
    new_place = attempt(repository, 1_000, "198.51.100.1")
    assert 0 < new_place <= 30


def test_many_at_once_are_as_slow_as_one_after_another(repository):
    reserved = [attempt(repository, 0) for _ in range(100)]
    assert reserved.count(0) == 5
