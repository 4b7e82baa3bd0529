"""People sign in with a password on a real server: two tenants whose users have the same names."""

import re

import grpc
import pytest

from tests.server.local_users import add_user, tieout
from tests.server.running_server import RunningServer
from tests.store.raw_rows import raw_rows
from tieout.v1 import (
    exception_service_pb2,
    exception_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)

pytestmark = pytest.mark.xdist_group("password")

SETTINGS = """
[store]
url_file = "store.url"
[server]
workers = 1
spool = "."
[authentication]
local_users = true
[tenants.acme]
[tenants.globex]
"""
ACME, GLOBEX, NEW = "correct horse battery", "another horse at all", "a new word of my own"


class Door:
    """Stubs of the server, and what its users hold."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.channel = grpc.insecure_channel(server.address)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(self.channel)
        self.users = user_service_pb2_grpc.UserServiceStub(self.channel)
        self.desk = exception_service_pb2_grpc.ExceptionServiceStub(self.channel)

    def sign_in(self, name, password, tenant="acme"):
        return self.sessions.SignIn(
            session_service_pb2.SignInRequest(user_name=name, password=password, tenant=tenant),
            timeout=20,
        )

    def settled(self, name, password, tenant="acme"):
        """A token whose owner has replaced the first password by the same with a full stop."""
        token = self.sign_in(name, password, tenant).token
        self.sessions.ChangePassword(
            session_service_pb2.ChangePasswordRequest(
                current_password=password, new_password=password + "."
            ),
            metadata=bearer(token),
            timeout=20,
        )
        return token

    def who(self, token):
        return self.sessions.GetSession(
            session_service_pb2.GetSessionRequest(), metadata=bearer(token), timeout=20
        )


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return dict(caught.value.trailing_metadata())["tieout-reason"], caught.value.details()


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    folder = tmp_path_factory.mktemp("password")
    add_user(folder, "acme", "Root", ACME, "--role", "admin")
    add_user(
        folder, "acme", "weber", ACME, "--role", "clerk", "--company", "K", "--limit", "EUR=10.00"
    )
    add_user(folder, "acme", "slow", ACME, "--role", "viewer")
    add_user(folder, "globex", "weber", GLOBEX, "--role", "auditor")
    (folder / "store.url").write_text(f"sqlite:///{folder / 'store.db'}")
    with RunningServer(folder, SETTINGS) as server:
        yield Door(folder, server)


def test_a_name_means_another_person_in_another_tenant(door):
    first = door.sign_in("Weber ", ACME)
    assert (first.identity.tenant, list(first.identity.roles)) == ("acme", ["clerk"])
    assert list(first.identity.company_ids) == ["K"]
    assert dict(first.identity.amount_limits_minor) == {"EUR": 1_000}
    second = door.sign_in("weber", GLOBEX, "globex")
    assert (second.identity.tenant, list(second.identity.roles)) == ("globex", ["auditor"])
    assert second.identity.all_companies
    reason, _ = refused(lambda: door.sign_in("weber", ACME, "globex"))
    assert reason == "CREDENTIALS_INVALID"
    moved = first.token.replace("ts_acme", "ts_globex")
    assert refused(lambda: door.who(moved))[0] == "CREDENTIALS_INVALID"


def test_what_was_wrong_is_not_told(door):
    said = {
        refused(lambda: door.sign_in("weber", "not the password")),
        refused(lambda: door.sign_in("nobody", ACME)),
        refused(lambda: door.sign_in("weber", ACME, "initech")),
        refused(lambda: door.sign_in("x" * 5_000, "y" * 5_000)),
    }
    assert said == {("CREDENTIALS_INVALID", "the name or the password is not right")}


def test_the_first_password_must_be_replaced_before_anything_else(door):
    token = door.sign_in("root", ACME).token
    assert door.who(token).identity.must_change_password

    def look():
        return door.desk.CountCases(
            exception_service_pb2.CountCasesRequest(), metadata=bearer(token), timeout=20
        )

    def change(current, new):
        request = session_service_pb2.ChangePasswordRequest(
            current_password=current, new_password=new
        )
        return door.sessions.ChangePassword(request, metadata=bearer(token), timeout=20)

    assert refused(look)[0] == "PASSWORD_CHANGE_REQUIRED"
    for bad in ("short", "aaaaaaaaaaaaaaaa", "my name is root, hello", ACME):
        assert refused(lambda bad=bad: change(ACME, bad))[0] == "FIELD_INVALID"
    assert refused(lambda: change("not it at all", NEW))[0] == "CREDENTIALS_INVALID"
    other = door.sign_in("root", ACME).token
    change(ACME, NEW)
    look()
    assert refused(lambda: door.who(other))[0] == "CREDENTIALS_EXPIRED"
    assert refused(lambda: door.sign_in("root", ACME))[0] == "CREDENTIALS_INVALID"
    assert not door.sign_in("root", NEW).identity.must_change_password


def test_sessions_are_listed_and_ended_by_their_owner_alone(door):
    token = door.settled("slow", ACME)
    other = door.sign_in("slow", ACME + ".").token

    def listed(by):
        answer = door.sessions.ListSessions(
            session_service_pb2.ListSessionsRequest(), metadata=bearer(by), timeout=20
        )
        return {one.session_id: one.is_current for one in answer.sessions}

    def revoke(by, session_id):
        request = session_service_pb2.RevokeSessionRequest(session_id=session_id)
        door.sessions.RevokeSession(request, metadata=bearer(by), timeout=20)

    own, theirs = door.who(token).session, door.who(other).session
    assert listed(token) == {own.session_id: True, theirs.session_id: False}
    assert own.source == "127.0.0.1"
    stranger = door.sign_in("weber", GLOBEX, "globex").token
    assert refused(lambda: revoke(stranger, own.session_id))[0] == "SESSION_NOT_FOUND"
    revoke(token, theirs.session_id)
    assert refused(lambda: door.who(other))[0] == "CREDENTIALS_EXPIRED"
    door.sessions.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(token), timeout=20)
    assert refused(lambda: door.who(token))[0] == "CREDENTIALS_EXPIRED"
    assert refused(lambda: door.who("ts_acme.never"))[0] == "CREDENTIALS_INVALID"


def test_admins_administer_their_tenant_and_the_last_one_stays(door):
    add_user(door.folder, "globex", "boss", GLOBEX, "--role", "admin")
    token = door.settled("boss", GLOBEX, "globex")
    metadata = bearer(token)

    def create(request_id, **fields):
        user = user_service_pb2.User(**{"user_name": "new", "roles": ["clerk"]} | fields)
        request = user_service_pb2.CreateUserRequest(
            user=user, password="a good long sentence", request_id=request_id
        )
        return door.users.CreateUser(request, metadata=metadata, timeout=20).user

    made = create("U-1", all_companies=True, display_name="Nia Newman")
    assert create("U-1", all_companies=True, display_name="Nia Newman") == made
    assert refused(lambda: create("U-1", roles=["admin"]))[0] == "REQUEST_ID_REUSED"
    assert refused(lambda: create("U-2"))[0] == "USER_EXISTS"
    assert refused(lambda: create("U-3", user_name="other", roles=["king"]))[0] == "FIELD_INVALID"
    assert refused(lambda: create("", user_name="a b"))[0] == "FIELD_INVALID"

    def names(**page):
        request = user_service_pb2.ListUsersRequest(**page)
        answer = door.users.ListUsers(request, metadata=metadata, timeout=20)
        return [user.user_name for user in answer.users], answer.next_page_token

    assert names()[0] == ["boss", "new", "weber"]
    found, further = names(page_size=2)
    assert found == ["boss", "new"]
    assert names(page_size=2, page_token=further) == (["weber"], "")

    def update(**fields):
        request = user_service_pb2.UpdateUserRequest(user=user_service_pb2.User(**fields))
        return door.users.UpdateUser(request, metadata=metadata, timeout=20).user

    late = door.sign_in("new", "a good long sentence", "globex").token
    off = {"user_name": "new", "roles": ["clerk"], "is_disabled": True}
    changed = update(**off, etag=made.etag)
    assert changed.is_disabled
    assert refused(lambda: update(**off, etag=made.etag))[0] == "STALE_ROW"
    assert refused(lambda: door.who(late))[0] == "CREDENTIALS_INVALID"
    wrong = refused(lambda: door.sign_in("new", "a good long sentence", "globex"))
    assert wrong[0] == "CREDENTIALS_INVALID"
    assert refused(lambda: update(user_name="boss", roles=["clerk"]))[0] == "LAST_ADMIN"
    assert refused(lambda: update(user_name="ghost", roles=["clerk"]))[0] == "USER_NOT_FOUND"


def test_who_is_no_admin_administers_nobody_and_whoever_guesses_waits(door):
    token = door.settled("weber", GLOBEX, "globex")
    request = user_service_pb2.ListUsersRequest()
    calls = (token, bearer("ts_globex.guess"))
    assert (
        refused(lambda: door.users.ListUsers(request, metadata=bearer(token)))[0] == "ROLE_MISSING"
    )
    assert calls
    # The wait grows with each guess, until it is longer than a busy machine takes for one.
    reasons = []
    while reasons[-1:] != ["SIGN_IN_THROTTLED"]:
        reasons.append(refused(lambda: door.sign_in("victim", "guess"))[0])
        assert len(reasons) < 20
    assert reasons[:5] == ["CREDENTIALS_INVALID"] * 5


def test_nothing_secret_is_kept_or_logged(door):
    log = door.server.log.read_text("utf-8")
    add_user(door.folder, "acme", "quiet", ACME, "--role", "viewer")
    token = door.sign_in("quiet", ACME).token
    files = (door.folder / "store.db.tenants").glob("acme.db*")
    kept = b"".join(path.read_bytes() for path in files)
    for secret in (ACME, NEW, token, token.partition(".")[2]):
        assert secret not in log
        assert secret.encode() not in kept
    url = f"sqlite:///{door.folder / 'store.db'}"
    leaves = raw_rows(url, "SELECT body FROM audit_leaf WHERE kind = 'user'", tenant="acme")
    told = " ".join(body for (body,) in leaves)
    assert '"what":"added"' in told
    assert '"actor":"operator"' in told
    assert "argon2" not in told


def test_the_command_line_works_on_the_store(tmp_path):
    add_user(tmp_path, "default", "root", ACME, "--role", "admin", "--display-name", "Rosa Root")
    _, listed = tieout(tmp_path, "users", "list", "--json")
    assert '"user_name":"root"' in listed
    assert "argon2" not in listed
    assert re.search(r"root +admin", tieout(tmp_path, "users", "list")[1])
    codes = {
        "again": ("users", "add", "root", "--role", "admin", "--file", "-"),
        "disable": ("users", "disable", "root"),
        "missing": ("users", "enable", "ghost"),
        "roles": ("users", "roles", "root", "--role", "admin", "--role", "clerk"),
        "password": ("users", "password", "root", "--file", "-"),
    }
    found = {
        name: tieout(tmp_path, *arguments, password=NEW)[0] for name, arguments in codes.items()
    }
    assert found == {"again": 5, "disable": 3, "missing": 66, "roles": 0, "password": 0}
    assert tieout(tmp_path, *codes["password"], password="short\n")[0] == 2
