"""The line of messages: nothing lost, nothing sent for ever, on both databases and by a clock of
the test's own."""

import asyncio
import json

import pytest

from rpc.webhooks.deliverer import Deliverer, ping_body
from rpc.webhooks.sending import Answer
from store import open_repository
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.errors import KeyMissingError, StaleRowError
from store.key_ring import add_master_key
from store.webhook_records import DeliveryFilter, WebhookRecord
from tests.store.raw_rows import raw_rows

NOW = 1_774_915_200_000
HOUR = 3_600_000
SECRET = bytes(range(32))
TAKEN = Answer(outcome="delivered", status=200)
BROKEN = Answer(outcome="failed", status=500)
GONE = Answer(outcome="gone", status=410)


class Receivers:
    """Instead of a network: answers by address, and what came."""

    def __init__(self, **answers):
        self.answers = {f"https://{name}/": list(said) for name, said in answers.items()}
        self.received = []
        self.hanging = asyncio.Event()

    async def send(self, url, headers, body):
        self.received.append((url, headers["webhook-id"], json.loads(body)))
        said = self.answers[url]
        answer = said.pop(0) if len(said) > 1 else said[0]
        if answer == "hang":
            await asyncio.Event().wait()
        return answer

    def events(self):
        return [content["data"]["subject"] for _, _, content in self.received]


class World:
    """A store, its deliverer, and a clock."""

    def __init__(self, url, key_file):
        self.opening = {"url": url, "encryption_key_file": str(key_file)}
        self.repository = open_repository(**self.opening)
        self.now_ms = NOW

    def webhook(self, name, kinds=()):
        end = self.repository.events.end()
        record = WebhookRecord(
            webhook_id=f"wh_{name}",
            url=f"https://{name}/",
            description="",
            kinds=kinds,
            state="active",
            disabled_because="",
            created_by="admin",
            created_at_ms=self.now_ms,
            proven_at_ms=None,
            cursor_transaction=end.transaction,
            cursor_number=end.number,
            version=1,
        )
        with self.repository.booking() as booking:
            booking.webhooks.add(record, SECRET)

    def events(self, *subjects, kind="bank_file.processed"):
        for subject in subjects:
            with self.repository.booking() as booking:
                booking.events.add(kind, subject, NOW, {"payment_count": 3})

    def deliver(self, receivers, looks=1):
        """Look so often, with all attempts ended before the last of it is written down."""

        async def run():
            deliverer = self.deliverer(receivers)
            for _ in range(looks):
                await deliverer.look()
                await asyncio.sleep(0)
                await deliverer.finish(5)

        asyncio.run(run())

    def deliverer(self, receivers):
        async def ask(question):
            return question()

        return Deliverer(
            "acme",
            self.repository,
            receivers,
            now_ms=lambda: self.now_ms,
            chance=lambda: 0.0,
            ask=ask,
        )

    def states(self, name, state=""):
        found = self.repository.webhooks.deliveries(
            DeliveryFilter(webhook_id=f"wh_{name}", state=state), 0, 100
        )
        return {one.event_number: one for one in found}

    def found(self, name):
        return self.repository.webhooks.find(f"wh_{name}")


@pytest.fixture
def world(store_url, tmp_path):
    key_file = tmp_path / "keys"
    add_master_key(key_file, "k1")
    made = World(store_url, key_file)
    yield made
    made.repository.close()


def test_events_become_messages_in_order_each_once(world):
    world.events("before")
    world.webhook("erp")
    world.events("F-1", "F-2", "F-3")
    receivers = Receivers(erp=[TAKEN])
    world.deliver(receivers, looks=3)
    assert receivers.events() == ["F-1", "F-2", "F-3"]
    _, identity, content = receivers.received[0]
    assert content == {
        "type": "bank_file.processed",
        "timestamp": "2026-03-31T00:00:00.000Z",
        "data": {
            "tenant": "acme",
            "event_number": content["data"]["event_number"],
            "subject": "F-1",
            "payload": {"payment_count": 3},
        },
    }
    assert identity == f"wh_erp_{content['data']['event_number']}"
    assert {one.state for one in world.states("erp").values()} == {"delivered"}
    world.deliver(receivers, looks=2)
    assert len(receivers.received) == 3


def test_each_webhook_gets_the_kinds_it_wants(world):
    world.webhook("erp")
    world.webhook("files", kinds=("bank_file.processed",))
    world.events("F-1")
    world.events("C-1", kind="exception.changed")
    receivers = Receivers(erp=[TAKEN], files=[TAKEN])
    world.deliver(receivers, looks=2)
    got = sorted((url, content["data"]["subject"]) for url, _, content in receivers.received)
    assert got == [("https://erp/", "C-1"), ("https://erp/", "F-1"), ("https://files/", "F-1")]


def test_a_message_is_tried_ten_times_over_three_days_and_then_given_up(world):
    world.webhook("erp")
    world.events("F-1")
    receivers = Receivers(erp=[BROKEN])
    made_at = []
    for _ in range(80 * 60):
        before = len(receivers.received)
        world.deliver(receivers)
        made_at += [world.now_ms - NOW] * (len(receivers.received) - before)
        waiting = world.states("erp", "waiting")
        if not waiting:
            break
        world.now_ms = min(one.next_attempt_at_ms for one in waiting.values())
    assert [one // 1000 for one in made_at] == [
        *(0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105)
    ]
    assert len({identity for _, identity, _ in receivers.received}) == 1
    (failed,) = world.states("erp").values()
    assert (failed.state, failed.failed_count, len(failed.attempts)) == ("failed", 10, 10)
    assert (world.found("erp").state, world.found("erp").disabled_because) == (
        "disabled",
        "exhausted",
    )


def test_one_that_is_given_up_does_not_stop_a_webhook_that_takes_others(world):
    world.webhook("erp")
    world.events("F-1")
    world.deliver(Receivers(erp=[BROKEN]))
    with world.repository.booking() as booking:
        booking.database.rows("UPDATE webhook_delivery SET failed_count = 9")
    world.now_ms += HOUR
    world.events("F-2")
    receivers = Receivers(erp=[TAKEN, BROKEN])
    world.deliver(receivers)
    assert receivers.events() == ["F-2", "F-1"], "what is new goes before what failed"
    assert world.found("erp").state == "active"
    assert [one.state for one in world.states("erp", "failed").values()] == ["failed"]


def test_one_that_is_gone_is_disabled_and_nothing_more_is_sent(world):
    world.webhook("erp")
    world.events("F-1")
    receivers = Receivers(erp=[GONE, TAKEN])
    world.deliver(receivers, looks=2)
    world.events("F-2")
    world.now_ms += 100 * HOUR
    world.deliver(receivers, looks=2)
    assert receivers.events() == ["F-1"]
    assert world.found("erp").disabled_because == "gone"
    told = raw_rows(
        world.opening["url"], "SELECT kind, subject FROM event WHERE kind = 'webhook.changed'"
    )
    assert told == [("webhook.changed", "wh_erp")]
    with world.repository.booking() as booking:
        booking.webhooks.set_state("wh_erp", "active", "", None)
    world.deliver(receivers, looks=2)
    assert receivers.events() == ["F-1", "wh_erp", "F-2", "F-1"], "nothing was lost meanwhile"


def test_a_receiver_that_says_when_to_come_is_asked_no_earlier(world):
    world.webhook("erp")
    world.events("F-1")
    busy = Answer(outcome="failed", status=503, retry_after_seconds=600)
    receivers = Receivers(erp=[busy, TAKEN])
    world.deliver(receivers)
    world.now_ms += 599_000
    world.deliver(receivers)
    assert len(receivers.received) == 1
    world.now_ms += 2_000
    world.deliver(receivers)
    assert [one.state for one in world.states("erp").values()] == ["delivered"]


def test_what_was_on_its_way_when_the_process_died_is_sent_again_with_the_same_id(world):
    world.webhook("erp")
    world.events("F-1", "F-2")
    first = Receivers(erp=["hang"])

    async def die():
        deliverer = world.deliverer(first)
        await deliverer.look()
        await asyncio.sleep(0.01)

    asyncio.run(die())
    assert first.events() == ["F-1", "F-2"]
    again = Receivers(erp=[TAKEN])
    world.deliver(again)
    assert [one[1] for one in again.received] == [one[1] for one in first.received]
    assert {one.state for one in world.states("erp").values()} == {"delivered"}


def test_a_process_that_died_between_an_answer_and_writing_it_down_sends_again(world):
    world.webhook("erp")
    world.events("F-1")
    receivers = Receivers(erp=[TAKEN])

    async def die():
        deliverer = world.deliverer(receivers)
        await deliverer.look()
        await asyncio.sleep(0.01)

    asyncio.run(die())
    world.deliver(receivers)
    world.deliver(receivers)
    ids = [identity for _, identity, _ in receivers.received]
    assert len(ids) == 2
    assert len(set(ids)) == 1, "a receiver that keeps ids does it once"


def test_one_that_hangs_holds_up_nobody_else_and_never_gets_more_than_a_few(world):
    world.webhook("slow")
    world.webhook("erp")
    world.events(*(f"F-{one}" for one in range(10)))
    receivers = Receivers(slow=["hang"], erp=[TAKEN])

    async def run():
        deliverer = world.deliverer(receivers)
        for _ in range(6):
            await deliverer.look()
            await asyncio.sleep(0.01)

    asyncio.run(run())
    counts = [url for url, _, _ in receivers.received]
    assert counts.count("https://erp/") == 10
    assert counts.count("https://slow/") == 4


def test_one_that_keeps_failing_gets_one_at_a_time(world):
    world.webhook("erp")
    world.events(*(f"F-{one}" for one in range(12)))
    receivers = Receivers(erp=[BROKEN])
    per_look = []

    async def run():
        deliverer = world.deliverer(receivers)
        for _ in range(4):
            before = len(receivers.received)
            await deliverer.look()
            await asyncio.sleep(0.01)
            await deliverer.finish(1)
            per_look.append(len(receivers.received) - before)
        receivers.answers["https://erp/"] = [TAKEN]
        await deliverer.look()
        await asyncio.sleep(0.01)
        await deliverer.finish(1)
        before = len(receivers.received)
        await deliverer.look()
        await asyncio.sleep(0.01)
        per_look.append(len(receivers.received) - before)
        await deliverer.finish(1)

    asyncio.run(run())
    assert per_look == [4, 1, 1, 1, 4]


def test_a_message_can_be_sent_again_by_hand(world):
    world.webhook("erp")
    world.events("F-1", "F-2")
    receivers = Receivers(erp=[TAKEN])
    world.deliver(receivers)
    number = min(world.states("erp"))
    with world.repository.booking() as booking:
        assert booking.webhooks.resend("wh_erp", [number], world.now_ms) == 1
        assert booking.webhooks.resend("wh_erp", [], world.now_ms) == 0
    world.deliver(receivers)
    assert receivers.events() == ["F-1", "F-2", "F-1"]
    assert len(world.states("erp")[number].attempts) == 2


def test_messages_are_signed_by_both_secrets_while_one_gives_way_to_the_other(world):
    world.webhook("erp")
    webhooks = world.repository.webhooks
    other = bytes(32)
    with world.repository.booking() as booking:
        assert booking.webhooks.rotate("wh_erp", other, NOW, NOW + HOUR) == 2
    assert webhooks.secrets("wh_erp", NOW) == [other, SECRET]
    assert webhooks.secrets("wh_erp", NOW + HOUR) == [other]
    with world.repository.booking() as booking:
        booking.webhooks.rotate("wh_erp", bytes(64), NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert webhooks.secrets("wh_erp", NOW + 2 * HOUR) == [bytes(64)]
    (rows,) = raw_rows(world.opening["url"], "SELECT count(*) FROM webhook_secret")
    assert rows == (1,), "what is not valid any more is not kept"


def test_secrets_lie_there_sealed_and_follow_the_master_key(world, tmp_path):
    world.webhook("erp")
    ((kept,),) = raw_rows(world.opening["url"], "SELECT wrapped FROM webhook_secret")
    assert SECRET not in bytes(kept)
    add_master_key(tmp_path / "keys", "k2")
    world.repository.close()
    world.repository = open_repository(**world.opening)
    with world.repository.booking() as booking:
        assert booking.webhooks.rewrap() == 1
        assert booking.webhooks.rewrap() == 0
    assert world.repository.webhooks.secrets("wh_erp", NOW) == [SECRET]


def test_without_a_key_file_no_secret_is_kept(store_url):
    repository = open_repository(store_url)
    with pytest.raises(KeyMissingError, match=r"store\.encryption_key_file"):
        repository.keys.seal_secret(SECRET, "purpose")
    repository.close()


def test_who_changes_what_somebody_else_has_changed_is_told(world):
    world.webhook("erp")
    with world.repository.booking() as booking:
        booking.webhooks.set_state("wh_erp", "disabled", "by_hand", 1)
    with pytest.raises(StaleRowError), world.repository.booking() as booking:
        booking.webhooks.set_state("wh_erp", "active", "", 1)
    assert world.found("erp").state == "disabled"


def test_the_audit_tells_who_disabled_a_webhook(world):
    world.webhook("erp")
    world.events("F-1")
    world.deliver(Receivers(erp=[GONE]), looks=2)
    world.repository.audit.seal(NOW, None)
    report = verify_audit(StoredAudit(world.repository.database))
    assert report.findings == ()
    kinds = raw_rows(world.opening["url"], "SELECT kind FROM audit_leaf")
    assert ("webhook_disabled",) in kinds


def test_what_ended_long_ago_is_forgotten_with_its_attempts(world):
    world.webhook("erp")
    world.events("F-1")
    world.deliver(Receivers(erp=[TAKEN]))
    world.now_ms += HOUR
    world.events("F-2")
    world.deliver(Receivers(erp=[BROKEN]))
    with world.repository.booking() as booking:
        assert booking.webhooks.forget_before(NOW + 10 * HOUR) == 1
    assert len(world.states("erp")) == 1
    assert raw_rows(world.opening["url"], "SELECT count(*) FROM webhook_attempt") == [(1,)]


def ping(world, name):
    with world.repository.booking() as booking:
        return booking.webhooks.add_ping(
            f"wh_{name}", lambda number: ping_body("acme", number, NOW, "ann"), NOW
        )


def test_a_ping_is_sent_once_between_events_whatever_comes_of_it(world):
    world.webhook("erp", kinds=("bank_file.processed",))
    refused = Answer(outcome="refused", status=503, detail="busy")
    receivers = Receivers(erp=[refused])
    world.events("one")
    assert (ping(world, "erp"), ping(world, "erp")) == (-1, -2)
    world.deliver(receivers, looks=4)
    found = world.states("erp")
    assert {number: one.state for number, one in found.items() if number < 0} == {
        -1: "failed",
        -2: "failed",
    }
    assert [len(found[number].attempts) for number in (-1, -2)] == [1, 1]
    assert found[-1].kind == "webhook.ping"
    assert world.found("erp").state == "active", "a ping that fails disables nothing"
    assert world.repository.webhooks.backlog("wh_erp").failed == 0
    with world.repository.booking() as booking:
        assert booking.webhooks.resend("wh_erp", [], NOW) == 0
    pings = [content for _, _, content in receivers.received if content["type"] == "webhook.ping"]
    assert [one["data"]["payload"] for one in pings] == [{"asked_by": "ann"}] * 2


def test_a_webhook_that_is_deleted_leaves_nothing_but_the_others(world, store_url):
    for name in ("erp", "other"):
        world.webhook(name)
    world.events("one", "two")
    receivers = Receivers(erp=[TAKEN], other=[TAKEN])
    deliverer = world.deliverer(receivers)

    async def deleted_under_way():
        await deliverer.look()
        with world.repository.booking() as booking, pytest.raises(StaleRowError):
            booking.webhooks.remove("wh_erp", 7)
        with world.repository.booking() as booking:
            assert booking.webhooks.remove("wh_erp", 1) == 2
        await asyncio.sleep(0)
        await deliverer.finish(5)

    asyncio.run(deleted_under_way())
    world.events("three")
    world.deliver(receivers, looks=3)
    for table in ("webhook", "webhook_secret", "webhook_delivery"):
        found = raw_rows(store_url, f"SELECT DISTINCT webhook_id FROM {table}")
        assert found == [("wh_other",)]
    (attempts,) = raw_rows(
        store_url,
        "SELECT count(*) FROM webhook_attempt WHERE delivery_number NOT IN "
        "(SELECT delivery_number FROM webhook_delivery)",
    )
    assert attempts == (0,)
    assert [one.state for one in world.states("other").values()] == ["delivered"] * 3


def test_a_report_says_what_receivers_have_yet_to_get_and_how_old_it_was_when_they_got_it(world):
    world.webhook("fast")
    world.webhook("slow")
    receivers = Receivers(fast=[TAKEN], slow=[BROKEN])
    world.events("a", "b")
    deliverer = world.deliverer(receivers)

    async def run():
        before = await deliverer.report()
        world.now_ms = NOW + 2_000
        await deliverer.look()
        await deliverer.finish(5)
        return before, await deliverer.report(), await deliverer.report()

    before, after, later = asyncio.run(run())
    assert (before.pending, before.waiting, before.delivered_after_ms) == (4, 0, [])
    assert (after.pending, after.waiting) == (2, 2)
    assert after.delivered_after_ms == [2_000, 2_000]
    assert (later.pending, later.delivered_after_ms) == (2, [])
