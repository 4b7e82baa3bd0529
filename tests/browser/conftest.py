"""One server, one browser, and clerks who sit before it. Everything by the keyboard is counted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import grpc
import pytest
from playwright.sync_api import expect, sync_playwright

from store import open_repository
from tests.server.local_users import add_user
from tests.server.running_server import RunningServer
from tests.web.clerks_world import BANK_ACCOUNTS_CSV, fill_store, submit_files
from tieout.v1 import exception_service_pb2, exception_service_pb2_grpc, session_service_pb2
from tieout.v1 import session_service_pb2_grpc as session_grpc

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WORD = "correct horse battery"
PEOPLE = {"mia": "clerk", "bob": "approver", "ada": "admin", "otto": "auditor"}
PEOPLE |= {"yan": "clerk", "zoe": "clerk"}
"""Who sits down. What yan and zoe choose stays theirs; the others like what is usual."""
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)
SETTINGS = """
[store]
url_file = "store.url"
[server]
workers = 2
spool = "."
[authentication]
local_users = true
[tables]
bank_accounts = "bank_accounts.csv"
"""


class World:
    """The running server, and what stands in its queue."""

    def __init__(self, server):
        self.url = server.url
        self.server = server
        self.channel = grpc.insecure_channel(server.address)
        self.tokens = {}
        self._exceptions = exception_service_pb2_grpc.ExceptionServiceStub(self.channel)

    def token(self, name):
        if name not in self.tokens:
            sessions = session_grpc.SessionServiceStub(self.channel)
            request = session_service_pb2.SignInRequest(user_name=name, password=WORD)
            self.tokens[name] = sessions.SignIn(request).token
        return self.tokens[name]

    def call(self, call, name="ada", **fields):
        """Any call of ExceptionService as somebody; what a page does is held against it."""
        request = getattr(exception_service_pb2, f"{call}Request")(**fields)
        metadata = (("authorization", f"Bearer {self.token(name)}"),)
        return getattr(self._exceptions, call)(request, metadata=metadata)

    def ids(self):
        """Payer → id of its case; the first of several."""
        found = {}
        for one in self.call("ListCases", page_size=1000).cases:
            found.setdefault(one.payer_name, one.case_id)
        return found

    def case(self, identity):
        return self.call("GetCase", exception_id=identity)


class Clerk:
    """Somebody at a browser. `keys` counts what was pressed."""

    def __init__(self, context, world, name):
        self.context, self.world, self.name = context, world, name
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.problems = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._heard)
        self.keys = 0

    def _heard(self, message):
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.problems.append(message.text)

    def go(self, path):
        self.page.goto(f"{self.world.url}{path}")
        return self

    def open(self, identity, query=""):
        return self.go(f"/exceptions/{identity}{query}")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1
        return self

    def type(self, text):
        """Letter by letter, those that no key of its own stands for as well."""
        for letter in text:
            self.page.keyboard.type(letter)
            self.keys += 1
        return self

    def sees(self, selector, text=None):
        """Wait until the page shows it, with `text`, whose numbers are whole: 1 item is not in 21.

        What was there before is seen at once: after an act wait for what the act brings.
        """
        found = self.page.locator(selector)
        if text is not None:
            spaced = r"\s+".join(map(re.escape, text.split()))
            before = r"(?<!\d)(?<!\d[.,])" if text[0].isdecimal() else ""
            after = r"(?!\d|[.,]\d)" if text[-1].isdecimal() else ""
            words = re.compile(f"{before}{spaced}{after}")
            found = found.filter(has_text=words)
        found.first.wait_for()
        return found.first

    def sees_count(self, selector, count):
        expect(self.page.locator(selector)).to_have_count(count)
        return self

    def has_focus(self, selector, text=None):
        """Wait until it is what keys go to."""
        found = self.page.locator(selector)
        if text is not None:
            found = found.filter(has_text=text)
        expect(found.first).to_be_focused()
        return self

    def focus(self, selector, text=None):
        """Put the focus on what is shown: what is not yet would not take it."""
        found = self.sees(selector, text)
        found.focus()
        expect(found).to_be_focused()
        return self

    def leads(self, *keys):
        """Press keys that lead to another page, or to the same one anew, and wait for that."""
        self.page.evaluate("document.getElementById('page').dataset.left = ''")
        self.press(*keys)
        self.page.locator("#page:not([data-left])").wait_for()
        return self

    def reads(self, selector):
        return self.page.locator(selector).first.inner_text()


@pytest.fixture(scope="package")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workbench")
    url = f"sqlite:///{folder / 'store.db'}"
    for name, role in PEOPLE.items():
        add_user(folder, "default", name, WORD, "--role", role)
    fill_store(url)
    repository = open_repository(url)
    with repository.booking() as booking:
        booking.database.change("UPDATE local_user SET must_change_password = 0")
    repository.close()
    (folder / "store.url").write_text(url)
    (folder / "bank_accounts.csv").write_text(BANK_ACCOUNTS_CSV)
    with RunningServer(folder, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        found = World(server)
        submit_files(server.address, found.token("ada"))
        yield found
        found.channel.close()
        assert '"level":"error"' not in server.log.read_text()


@pytest.fixture(scope="package")
def ids(world):
    """Payer → case, as the queue was when all began."""
    return world.ids()


@pytest.fixture(scope="package")
def browser(world):  # noqa: ARG001 - a loop runs from here on, and commands need their own
    assert Path(CHROMIUM).exists(), "chromium is missing; install it with: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield opened
        opened.close()


@pytest.fixture
def clerk(browser, world):
    """Makes clerks: `clerk("mia")`, with a browser's own settings."""
    opened = []

    def sit_down(name="mia", **settings):
        given = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}} | settings
        context = browser.new_context(**given)
        cookie = {"name": "tieout_session", "value": world.token(name), "url": world.url}
        context.add_cookies([cookie])
        person = Clerk(context, world, name)
        opened.append(person)
        return person

    yield sit_down
    for person in opened:
        assert person.problems == []
        person.context.close()
