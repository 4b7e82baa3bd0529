"""Users keep their rows, sessions end, failures are counted: the same on every database."""

import msgspec
import pytest

from store import open_repository
from store.errors import StaleRowError, StoreIntegrityError, UserExistsError
from store.sessions import Failures, UserSession
from store.users import LocalUser
from tests.store.raw_rows import raw_rows

WEBER = LocalUser(
    user_name="m.weber",
    display_name="Mia Weber",
    password_hash="$argon2id$one",
    roles=("approver", "clerk"),
    companies=("1100", "1200"),
    amount_limits={"EUR": "10000.00", "JPY": "5"},
    must_change_password=True,
    created_at_ms=1_000,
)
ROOT = LocalUser(user_name="root", password_hash="h", roles=("admin",), created_at_ms=1)


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    yield opened
    opened.close()


def booked(repository, act):
    with repository.booking() as booking:
        return act(booking)


def session(number=1, **changes):
    made = UserSession(
        session_id=f"S{number}",
        token_sha256=f"{number:064x}",
        user_name="m.weber",
        begun_at_ms=1_000 + number,
        used_at_ms=1_000 + number,
        ends_at_ms=9_000,
        source="10.0.0.7",
        user_agent="test",
    )
    return msgspec.structs.replace(made, **changes)


def test_a_user_is_read_as_it_was_kept(repository):
    for user in (WEBER, ROOT):
        booked(repository, lambda booking, user=user: booking.users.add(user))
        assert repository.users.find(user.user_name) == user
    assert repository.users.find("nobody") is None
    assert repository.users.list_users("", 10) == [WEBER, ROOT]
    assert repository.users.list_users("m.weber", 10) == [ROOT]
    assert repository.users.list_users("", 1) == [WEBER]


def test_a_name_is_given_once(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    with pytest.raises(UserExistsError, match=r"m\.weber"):
        booked(repository, lambda booking: booking.users.add(WEBER))


def test_who_was_slower_changes_nothing(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    other = msgspec.structs.replace(WEBER, roles=("auditor",), companies=None, amount_limits=None)
    booked(repository, lambda booking: booking.users.change(other))
    assert repository.users.find("m.weber") == msgspec.structs.replace(other, version=2)
    with pytest.raises(StaleRowError, match="version 2"):
        booked(repository, lambda booking: booking.users.change(WEBER))
    assert repository.users.find("m.weber").roles == ("auditor",)


def test_users_are_disabled_and_never_deleted(repository, store_url):
    booked(repository, lambda booking: booking.users.add(WEBER))
    with pytest.raises(Exception, match="keeps its rows"):
        raw_rows(store_url, "DELETE FROM local_user")


def test_other_admins_are_counted_as_those_who_may_sign_in(repository):
    near = msgspec.structs.replace(ROOT, user_name="near", roles=("administrator",))
    other = msgspec.structs.replace(ROOT, user_name="other", roles=("admin", "clerk"))
    off = msgspec.structs.replace(ROOT, user_name="off", is_disabled=True)
    for user in (ROOT, near, other, off):
        booked(repository, lambda booking, user=user: booking.users.add(user))
    assert repository.users.other_admins("root") == 1
    assert repository.users.other_admins("nobody") == 2


def test_a_session_lives_until_it_ends(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    for number in (1, 2, 3):
        one = session(number)
        booked(repository, lambda booking, one=one: booking.sessions.begin(one))
    assert repository.sessions.find(f"{2:064x}") == session(2)
    assert repository.sessions.find("0" * 64) is None

    def live(now_ms, used_after_ms=0):
        found = repository.sessions.of_user("m.weber", now_ms, used_after_ms)
        return [one.session_id for one in found]

    assert live(2_000) == ["S3", "S2", "S1"]
    assert live(9_000) == []
    assert live(2_000, used_after_ms=1_001) == ["S3", "S2"]
    assert not booked(repository, lambda booking: booking.sessions.end("other", "S1", 2_000))
    assert booked(repository, lambda booking: booking.sessions.end("m.weber", "S1", 2_000))
    assert not booked(repository, lambda booking: booking.sessions.end("m.weber", "S1", 3_000))
    assert live(2_000) == ["S3", "S2"]
    assert booked(repository, lambda booking: booking.sessions.end_others("m.weber", "S3", 1)) == 1
    assert live(2_000) == ["S3"]
    booked(repository, lambda booking: booking.sessions.use(f"{3:064x}", 5_000))
    booked(repository, lambda booking: booking.sessions.use(f"{3:064x}", 4_000))
    assert repository.sessions.find(f"{3:064x}").used_at_ms == 5_000
    booked(repository, lambda booking: booking.sessions.use(f"{1:064x}", 5_000))
    assert repository.sessions.find(f"{1:064x}").used_at_ms == 1_001


def test_one_token_proves_one_session(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    booked(repository, lambda booking: booking.sessions.begin(session(1)))
    again = session(1, session_id="S9")
    with pytest.raises(StoreIntegrityError):
        booked(repository, lambda booking: booking.sessions.begin(again))


def test_sources_of_a_user_are_known_for_a_while(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    booked(repository, lambda booking: booking.sessions.begin(session(1)))
    ask = repository.sessions.has_come_from
    assert ask("m.weber", "10.0.0.7", 1_001)
    assert not ask("m.weber", "10.0.0.7", 1_002)
    assert not ask("m.weber", "10.0.0.8", 0)
    assert not ask("root", "10.0.0.7", 0)


def test_failures_are_kept_and_forgotten(repository):
    def fail(subject, count, last_ms):
        kept = Failures(count, last_ms)
        booked(repository, lambda booking: booking.sessions.set_failures(subject, kept))

    fail("a", 1, 1_000)
    fail("a", 2, 2_000)
    fail("b", 7, 500)
    ask = repository.sessions.failures
    assert ask(["a", "x", "b"]) == [Failures(2, 2_000), Failures(), Failures(7, 500)]
    booked(repository, lambda booking: booking.sessions.forget_before(0, 600))
    assert ask(["a", "b"]) == [Failures(2, 2_000), Failures()]
    fail("a", 0, 9)
    assert ask(["a"]) == [Failures()]


def test_sessions_that_are_long_over_are_forgotten(repository):
    booked(repository, lambda booking: booking.users.add(WEBER))
    booked(repository, lambda booking: booking.sessions.begin(session(1)))
    booked(repository, lambda booking: booking.sessions.forget_before(9_000, 0))
    assert repository.sessions.find(f"{1:064x}") is not None
    booked(repository, lambda booking: booking.sessions.forget_before(9_001, 0))
    assert repository.sessions.find(f"{1:064x}") is None
