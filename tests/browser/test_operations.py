"""Runs and webhooks in a real browser, by keys: what failed, and sending it again."""

import io
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.browser.axe import broken_on
from tests.browser.conftest import Clerk
from tests.server.running_server import RunningServer
from tests.web.clerks_world import BANK_ACCOUNTS_CSV, fill_store, statement_of
from tieout.client import Client
from tieout.v1 import exception_service_pb2
from tieout.v1 import webhook_service_pb2 as contract

pytestmark = pytest.mark.xdist_group("workbench")

SETTINGS = """
[store]
url_file = "store.url"
encryption_key_file = "store.key"
[server]
workers = 1
spool = "."
[tables]
bank_accounts = "bank_accounts.csv"
[webhooks]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
"""
DELIVERED = contract.DELIVERY_STATE_DELIVERED
ROWS = [("100.00", "SOMEBODY", "DE27100777770209299700", "PRIVATE")]


class Operated:
    """A server that nobody signs in to, and a ledger that listens; `answers` is what it says."""

    def __init__(self, folder):
        operated = self
        self.answers = 503

        class Ledger(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(operated.answers)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.ledger = ThreadingHTTPServer(("127.0.0.1", 0), Ledger)
        Thread(target=self.ledger.serve_forever, daemon=True).start()
        tieout = Path(sys.executable).with_name("tieout")
        key = [tieout, "store", "new-key", folder / "store.key"]
        subprocess.run(key, check=True, capture_output=True)
        url = f"sqlite:///{folder / 'store.db'}"
        fill_store(url)
        (folder / "store.url").write_text(url)
        (folder / "bank_accounts.csv").write_text(BANK_ACCOUNTS_CSV)
        self.server = RunningServer(folder, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0")
        self.url = self.server.url
        self.client = Client(self.server.address, timeout_seconds=60)
        self.client.submit_bank_file(io.BytesIO(statement_of(ROWS, "S-1", "2026-03-16")), "s.xml")

    def token(self, _):
        """Nobody has one."""
        return "none"

    def messages(self, webhook):
        wanted = contract.ListWebhookDeliveriesRequest(webhook_id=webhook)
        return self.client.call(wanted, contract.ListWebhookDeliveriesResponse).deliveries

    def close(self):
        self.client.close()
        self.ledger.shutdown()
        self.ledger.server_close()
        assert self.server.terminate() == 0


@pytest.fixture(scope="module")
def operated(tmp_path_factory):
    found = Operated(tmp_path_factory.mktemp("operated"))
    yield found
    found.close()


@pytest.fixture
def operator(browser, operated):
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    person = Clerk(context, operated, "local")
    yield person
    assert person.problems == []
    context.close()


def until(found):
    """Ask again and again until it is so."""
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_run_that_failed_is_found_with_its_reason(operator, operated):
    content = io.BytesIO(b"\x00\x01 no bank writes this")
    run = operated.client.submit_bank_file(content, "notes.bin", background=True).run_id
    operated.client.wait_run(run)
    operator.go("/runs").sees("tbody tr", "notes.bin")
    operator.focus("select[name=state]")
    # The list follows the choice by itself.
    operator.leads("f").sees("tbody tr .chip", "failed")
    operator.sees("tbody tr", "notes.bin")
    assert "state=4" in operator.page.url


def test_a_message_that_did_not_arrive_is_sent_again(operator, operated, browser):
    wanted = contract.CreateWebhookRequest(
        url=f"http://127.0.0.1:{operated.ledger.server_address[1]}/hook",
        description="ledger",
        kinds=["exception.changed"],
    )
    webhook = operated.client.call(wanted, contract.CreateWebhookResponse).webhook.webhook_id
    service = exception_service_pb2
    listed = operated.client.call(service.ListCasesRequest(), service.ListCasesResponse)
    note = service.NoteExceptionRequest(exception_id=listed.cases[0].case_id, text="tell them")
    operated.client.call(note, service.NoteExceptionResponse)
    until(lambda: any(one.attempts for one in operated.messages(webhook)))
    operator.go("/webhooks").focus("tbody a", "127.0.0.1")
    operator.leads("Enter").sees("h1", "Messages of a webhook")
    operator.sees("tbody tr", "503")
    operated.answers = 204
    operator.focus("tbody button", "Send again")
    operator.leads("Enter").sees("tbody tr", "exception.changed")
    until(lambda: all(one.state == DELIVERED for one in operated.messages(webhook)))
    operator.go(f"/webhooks/{webhook}?state={DELIVERED}").sees("tbody .chip", "delivered")
    for locale in ("en-GB", "de-DE"):
        person = Clerk(browser.new_context(locale=locale), operated, "local")
        for path in (f"/webhooks/{webhook}", "/webhooks", "/runs"):
            person.go(path).sees("table")
            assert broken_on(person, with_colours=locale == "en-GB") == [], path
        person.context.close()


def test_a_webhook_is_tried_and_deleted_by_its_buttons(operator, operated):
    wanted = contract.CreateWebhookRequest(
        url=f"http://127.0.0.1:{operated.ledger.server_address[1]}/tried",
        description="tried",
        kinds=["results.posted"],
    )
    webhook = operated.client.call(wanted, contract.CreateWebhookResponse).webhook.webhook_id
    operated.answers = 204
    operator.go(f"/webhooks/{webhook}").focus("button", "Send a test message")
    # The page comes back when the attempt has ended, or the time is over: then it is asked anew.
    operator.leads("Enter").sees("tbody tr", "webhook.ping")
    until(lambda: all(one.state == DELIVERED for one in operated.messages(webhook)))
    operator.go(f"/webhooks/{webhook}").sees("tbody tr .chip", "delivered")
    operator.focus("summary", "Delete this webhook").press("Enter")
    operator.focus("button", "Delete for good")
    operator.leads("Enter").sees("h1", "Webhooks")
    listed = operated.client.call(contract.ListWebhooksRequest(), contract.ListWebhooksResponse)
    assert webhook not in {one.webhook_id for one in listed.webhooks}
    operator.sees_count(f"a[href*='{webhook}']", 0)
