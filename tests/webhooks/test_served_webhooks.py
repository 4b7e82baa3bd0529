"""A server, receivers that fail, and kill -9: events are neither lost nor doubled in effect."""

import os
import signal
import time
import urllib.request

import pytest

from store.key_ring import add_master_key
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.webhooks.receivers import Receiver
from tieout.client import Client
from tieout.v1 import webhook_service_pb2 as contract

pytestmark = pytest.mark.xdist_group("server")

SETTINGS = """
[server]
grpc_address = "127.0.0.1:0"
metrics_address = "127.0.0.1:0"
http_address = ""
spool = "."
[store]
url_file = "store.url"
encryption_key_file = "encryption.keys"
[tables]
open_items = "open_items.csv"
[webhooks]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
"""
FILES = {"bank_file.processed"}


@pytest.fixture
def starts(store_url, tmp_path):
    """Starts a server over the same store, again and again."""
    (tmp_path / "store.url").write_text(store_url)
    (tmp_path / "store.url").chmod(0o600)
    add_master_key(tmp_path / "encryption.keys", "k1")
    started = []

    def start():
        started.append(RunningServer(tmp_path, SETTINGS))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


def create(server, url, **fields):
    request = contract.CreateWebhookRequest(url=url, **fields)
    with Client(server.address) as client:
        return client.call(request, contract.CreateWebhookResponse)


def submit(server, *accounts):
    with Client(server.address) as client:
        return [
            client.submit_bank_file(bai2_file((1_000, account), account=account), "f").bank_file
            for account in accounts
        ]


def deliveries(server, webhook_id):
    request = contract.ListWebhookDeliveriesRequest(webhook_id=webhook_id)
    with Client(server.address) as client:
        return client.call(request, contract.ListWebhookDeliveriesResponse).deliveries


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def subjects(receiver):
    """What the receiver did, by the ids of the messages: the effect of each once."""
    effects = {}
    for identity, content in receiver.received:
        effects.setdefault(identity, content["data"]["subject"])
    return list(effects.values())


def test_events_survive_receivers_that_fail_and_a_server_that_is_killed(starts):
    server = starts()
    with Receiver(500, 200) as flaky, Receiver("hang") as hanging, Receiver(410) as gone:
        flaky_id = create(server, flaky.url, kinds=FILES, request_id="W-1").webhook.webhook_id
        again = create(server, flaky.url, kinds=FILES, request_id="W-1")
        assert again.webhook.webhook_id == flaky_id, "asked twice, there is one"
        flaky.secret = again.secret
        hanging_answer = create(server, hanging.url, kinds=FILES)
        hanging.secret = hanging_answer.secret
        gone_id = create(server, gone.url).webhook.webhook_id
        files = [one.file_id for one in submit(server, "A1", "A2")]
        until(lambda: len(flaky.received) >= 2 and len(hanging.received) >= 2)
        until(lambda: len(gone.received) >= 1)
        server.kill()
        server = starts()
        files += [one.file_id for one in submit(server, "A3")]
        hanging.answers[:] = [200]
        hanging.let_go.set()
        hanging_id = hanging_answer.webhook.webhook_id
        for webhook_id in (flaky_id, hanging_id):
            until(
                lambda of=webhook_id: (
                    [one.state for one in deliveries(server, of)]
                    == [contract.DELIVERY_STATE_DELIVERED] * 3
                )
            )
        assert sorted(subjects(flaky)) == sorted(files)
        assert sorted(subjects(hanging)) == sorted(files)
        assert len(hanging.ids) > len(set(hanging.ids)), "what was on its way came again"
        (listed,) = [one for one in all_webhooks(server) if one.webhook_id == gone_id]
        assert (listed.state, listed.disabled_because) == (contract.WEBHOOK_STATE_DISABLED, "gone")
        told = [one.http_status for sent in deliveries(server, gone_id) for one in sent.attempts]
        assert set(told) == {410}, "what came after the first answer is never sent"
        until(lambda: metric(server, "tieout_webhook_waiting") == 0)
        assert server.terminate() == 0


def all_webhooks(server):
    with Client(server.address) as client:
        return client.call(contract.ListWebhooksRequest(), contract.ListWebhooksResponse).webhooks


def metric(server, name):
    with urllib.request.urlopen(server.metrics, timeout=10) as answer:  # noqa: S310  # our own
        lines = answer.read().decode().splitlines()
    return sum(float(one.split()[-1]) for one in lines if one.startswith((f"{name} ", f"{name}{{")))


def test_a_receiver_that_was_killed_gets_everything_once_it_is_back(starts):
    server = starts()
    with Receiver(200) as receiver:
        answer = create(server, receiver.url, kinds=FILES)
        receiver.secret = answer.secret
        submit(server, "B1")
        until(lambda: len(receiver.received) == 1)
        port = receiver.port
    webhook_id = answer.webhook.webhook_id
    submit(server, "B2", "B3")
    until(lambda: [len(one.attempts) > 0 for one in deliveries(server, webhook_id)] == [True] * 3)
    latest = deliveries(server, webhook_id)[0]
    assert latest.attempts[0].outcome == "unreachable"
    with Receiver(200, port=port) as back:
        back.secret = answer.secret
        numbers = [one.event_number for one in deliveries(server, webhook_id)][:2]
        request = contract.ResendWebhookDeliveriesRequest(
            webhook_id=webhook_id, event_numbers=numbers
        )
        with Client(server.address) as client:
            told = client.call(request, contract.ResendWebhookDeliveriesResponse)
        assert told.resent_count == 2
        until(lambda: len(back.received) == 2)
    assert len(set(receiver.ids + back.ids)) == 3


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_from_a_terminal(starts, tmp_path, capsys, monkeypatch):
    from tieout.commands import main  # noqa: PLC0415 - the command line reads the environment

    monkeypatch.setattr("signal.signal", lambda *_: None)
    server = starts()

    def tieout(*words, code=0):
        assert main(["webhooks", *words, "--server", server.address]) == code
        return capsys.readouterr()

    with Receiver(302) as receiver:
        secret_file = tmp_path / "secret.txt"
        made = tieout("add", receiver.url, "--kind", "bank_file.processed")
        secret_file.write_text(made.out)
        webhook_id = made.err.split()[1]
        receiver.secret = made.out.strip()
        submit(server, "C1")
        until(lambda: len(receiver.received) == 1)
        until(lambda: "redirected 302" in tieout("log", webhook_id).out)
        assert "1 wait, 0 given up" in tieout("list").out
        assert "is disabled" in tieout("disable", webhook_id).out
        assert "(by_hand)" in tieout("list").out
        assert "is active" in tieout("enable", webhook_id).out
        again = tieout("rotate", webhook_id, "--secret-file", str(secret_file))
        assert again.out == ""
        receiver.answers[:] = [200]
        assert "1 messages wait" in tieout("resend", webhook_id, "--event", event_of(receiver)).out
        until(lambda: len(receiver.received) == 2)
        pinged = tieout("ping", webhook_id)
        assert pinged.out == f"{webhook_id}_ping1: delivered, HTTP 200\n"
        assert receiver.received[-1][1]["type"] == "webhook.ping"
        assert receiver.received[-1][1]["data"]["payload"] == {"asked_by": "local"}
        receiver.answers[:] = [503]
        assert "HTTP 503" in tieout("ping", webhook_id, code=4).out
        tieout("disable", webhook_id)
        assert "enable it first" in tieout("ping", webhook_id, code=3).err
        assert "0 messages that waited" in tieout("delete", webhook_id).out
        assert tieout("list").out == ""
        assert "there is no webhook" in tieout("delete", webhook_id, code=66).err
    assert tieout("add", "http://10.0.0.1/", code=65).err.count("no public address") == 1
    assert "there is no webhook" in tieout("log", "wh_none", code=66).err


def event_of(receiver):
    return str(receiver.received[0][1]["data"]["event_number"])


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_process_of_its_own_is_there_once_there_is_a_webhook_and_is_replaced(starts):
    server = starts()
    before = set(server.workers())
    with Receiver(200) as receiver:
        receiver.secret = create(server, receiver.url, kinds=FILES).secret
        submit(server, "D1")
        until(lambda: len(receiver.received) == 1)
        (process,) = set(server.workers()) - before
        os.kill(process, signal.SIGKILL)
        until(lambda: metric(server, "tieout_webhooks_lost_total") == 1)
        submit(server, "D2")
        until(lambda: len(set(receiver.ids)) == 2)
        until(lambda: metric(server, "tieout_webhook_attempts_total") >= 1)
    assert server.terminate() == 0
