"""Sign-in through the browser's door: cookies, forms of others, endings, an identity provider."""

import re
import time
from urllib.parse import urlencode

import pytest

from store import open_repository
from tests.server.local_users import add_user
from tests.server.running_server import RunningServer
from tests.web.browser_like import BrowserLike
from tests.web.identity_provider import IdentityProvider

pytestmark = pytest.mark.xdist_group("web sign-in")

WORD = "correct horse battery"
SETTINGS = """
[store]
url_file = "store.url"
[server]
workers = 1
spool = "."
[authentication]
local_users = true
[[authentication.issuers]]
issuer = "{issuer}"
audience = "tieout"
jwks_url = "{issuer}/keys"
[authentication.openid]
issuer = "{issuer}"
client_id = "tieout"
client_secret_file = "client.secret"
redirect_url = "http://127.0.0.1/sign-in/back"
name = "Acme"
"""


class Served:
    """The server, its store, the provider."""

    def __init__(self, folder, server, provider):
        self.server, self.provider = server, provider
        self.store = f"sqlite:///{folder / 'store.db'}"

    def browser(self):
        return BrowserLike(self.server.url)

    def signed_in(self, name):
        browser = self.browser()
        answer = browser.sign_in(name, WORD)
        assert answer.status == 303, answer.body.decode()
        return browser


def settle(url, *names):
    """Let users keep the password that the test gave them."""
    repository = open_repository(url)
    with repository.booking() as booking:
        for name in names:
            booking.database.change(
                "UPDATE local_user SET must_change_password = 0 WHERE user_name = ?", name
            )
    repository.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sign-in")
    provider = IdentityProvider(folder)
    roles = {"mia": "clerk", "ada": "admin", "otto": "auditor", "new": "clerk", "gone": "clerk"}
    for name, role in roles.items():
        add_user(folder, "default", name, WORD, "--role", role)
    (folder / "store.url").write_text(f"sqlite:///{folder / 'store.db'}")
    (folder / "client.secret").write_text(provider.client_secret)
    settle(f"sqlite:///{folder / 'store.db'}", "mia", "ada", "otto", "gone")
    settings = SETTINGS.format(issuer=provider.issuer)
    with RunningServer(folder, settings, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        yield Served(folder, server, provider)
    provider.close()


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(served):
    browser = served.browser()
    asked = browser.get("/settings?x=1")
    assert (asked.status, browser.place(asked)) == (303, "/sign-in?then=%2Fsettings%3Fx%3D1")
    page = browser.get(browser.place(asked))
    assert page.status == 200
    assert "Exceptions" not in page.body.decode()
    wrong = browser.sign_in("mia", "not it", then="/settings?x=1")
    assert wrong.status == 401
    assert "not right" in wrong.body.decode()
    assert not browser.cookies
    right = browser.sign_in("mia", WORD, then="/settings?x=1")
    assert (right.status, browser.place(right)) == (303, "/settings?x=1")
    assert browser.get("/settings").status == 200


def test_the_cookie_is_of_no_use_to_scripts_and_other_sites(served):
    browser = served.signed_in("mia")
    flags = browser.set_cookie.lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "path=/" in flags
    assert "secure" not in flags


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example", "/\\evil.example", "x"])
def test_nobody_is_sent_to_another_site(served, then):
    browser = served.browser()
    assert browser.place(browser.sign_in("mia", WORD, then=then)) == "/"


def test_a_form_without_the_token_of_its_session_changes_nothing(served):
    browser = served.signed_in("mia")
    token = browser.token(browser.get("/settings"))
    other = served.signed_in("mia")
    assert len(token) == 64
    assert browser.post("/settings", {"theme": "dark"}).status == 403
    strange = other.token(other.get("/settings"))
    assert browser.post("/settings", {"theme": "dark", "csrf_token": strange}).status == 403
    assert browser.post("/settings", {"theme": "dark", "csrf_token": token}).status == 303
    assert browser.post("/settings", {"theme": "dark"}, x_csrf_token=token).status == 303
    foreign = browser.post(
        "/settings", {"theme": "dark", "csrf_token": token}, origin="https://evil.example"
    )
    assert foreign.status == 403


def test_who_signs_out_is_out_and_a_kept_cookie_is_worth_nothing(served):
    browser = served.signed_in("mia")
    kept = dict(browser.cookies)
    token = browser.token(browser.get("/account"))
    assert browser.post("/sign-out", {"csrf_token": token}).status == 303
    assert not browser.cookies
    browser.cookies = kept
    assert browser.place(browser.get("/settings")).startswith("/sign-in")


def test_what_was_sent_when_the_session_had_ended_is_kept_and_sent_again(served):
    browser = served.signed_in("gone")
    repository = open_repository(served.store)
    with repository.booking() as booking:
        booking.sessions.end_others("gone", "", 1)
    repository.close()
    fields = {"theme": "dark", "language": "de", "csrf_token": "old"}
    asked = browser.post("/account", fields)
    for _ in range(100):
        if asked.status == 401:
            break
        time.sleep(0.1)  # the web knows a session for a moment without asking
        asked = browser.post("/account", fields)
    assert asked.status == 401
    kept = browser.hidden(asked)["kept"]
    assert '"theme"' in kept
    assert "csrf_token" not in kept
    page = browser.sign_in("gone", WORD, kept=kept)
    assert page.status == 200
    again = browser.hidden(page)
    assert again["theme"] == "dark"
    assert again["csrf_token"] == browser.token(page)
    assert len(browser.token(page)) == 64
    assert 'action="/account"' in page.body.decode()
    evil = kept.replace("/account", "https://evil.example/")
    assert browser.sign_in("gone", WORD, kept=evil).status == 303


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(served):
    answer = served.browser().get(
        "/settings", hx_request="true", hx_current_url=f"{served.server.url}/?state=open"
    )
    assert answer.status == 401
    assert answer.headers["hx-redirect"] == "/sign-in?then=%2F%3Fstate%3Dopen"


def test_a_first_password_is_replaced_before_anything_is_shown(served):
    browser = served.signed_in("new")
    assert browser.place(browser.get("/")) == "/account"
    page = browser.get("/account").body.decode()
    assert "Choose a password of your own first" in page

    def change(**fields):
        given = {
            "current_password": WORD,
            "new_password": "some other words",
            "new_password_again": "some other words",
        }
        return browser.submit("/account", given | fields)

    assert change(new_password_again="some other word").status == 422
    assert change(current_password="not it").status == 422
    assert change(new_password="short", new_password_again="short").status == 422
    assert change().status == 303
    assert browser.get("/settings").status == 200


def test_own_sessions_are_seen_and_ended(served):
    first, second = served.signed_in("otto"), served.signed_in("otto")
    page = first.get("/account").body.decode()
    (path,) = re.findall(r'action="(/account/sessions/[^"]+)"', page)
    assert "127.0.0.1" in page
    assert first.post(path, {"csrf_token": first.token(first.get("/account"))}).status == 303
    assert first.get("/account").status == 200
    assert second.place(second.get("/account")).startswith("/sign-in")


def test_somebody_signs_in_at_the_identity_provider(served):
    browser = served.browser()
    assert "Sign in with Acme" in browser.get("/sign-in").body.decode()
    sent = browser.get("/sign-in/provider?then=/settings")
    assert "SameSite=lax" in browser.set_cookie
    back = served.provider.approve(sent.headers["location"])
    page = browser.get(f"/sign-in/back?{urlencode(back)}")
    assert page.status == 200
    assert "url=/settings" in page.body.decode()
    shown = browser.get("/account").body.decode()
    assert "mia" in shown
    assert "Change the password" not in shown


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "another"}, "another sign-in"),
        ({"code": "guessed"}, "answers with 400"),
        ({"code": ""}, "no code came"),
        ({"error": "access_denied"}, "access_denied"),
    ],
)
def test_an_answer_that_is_not_of_this_sign_in_is_refused(served, changes, told):
    browser = served.browser()
    sent = browser.get("/sign-in/provider")
    back = served.provider.approve(sent.headers["location"]) | changes
    page = browser.get(f"/sign-in/back?{urlencode(back)}")
    assert page.status == 401
    assert told in page.body.decode()
    assert "tieout_session" not in browser.cookies


def test_a_code_of_another_browser_and_a_token_of_another_sign_in_are_refused(served):
    victim, thief = served.browser(), served.browser()
    sent = victim.get("/sign-in/provider")
    back = served.provider.approve(sent.headers["location"])
    assert thief.get(f"/sign-in/back?{urlencode(back)}").status == 401
    again = victim.get("/sign-in/provider")
    nonce = served.provider.approve(again.headers["location"], nonce="replayed")
    page = victim.get(f"/sign-in/back?{urlencode(nonce)}")
    assert "id token is of another sign-in" in page.body.decode()


def test_whom_the_front_does_not_believe_is_not_signed_in(served):
    browser = served.browser()
    sent = browser.get("/sign-in/provider")
    served.provider.claims = {"sub": "eve", "roles": ["king"]}
    try:
        back = served.provider.approve(sent.headers["location"])
        page = browser.get(f"/sign-in/back?{urlencode(back)}")
    finally:
        served.provider.claims = {"sub": "mia", "roles": ["clerk"]}
    assert page.status == 401
    assert "tieout_session" not in browser.cookies
