"""The page on webhooks: its receiver verifies, its schedule and kinds are the code's."""

import re
import time
from pathlib import Path

import msgspec

from rpc.webhooks.schedule import SCHEDULE_SECONDS
from rpc.webhooks.sending import TIMEOUT_SECONDS
from rpc.webhooks.signatures import new_secret, secret_text, signatures
from store.webhook_records import ATTEMPT_OUTCOMES
from tieout.commands import cli
from tieout.configuration import WebhooksTable

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_receiver_of_the_page_takes_our_messages_and_no_others():
    found = {}
    (code,) = blocks("python")
    exec(compile(code, "docs/webhooks.md", "exec"), found)  # noqa: S102 - the page's own example
    first, second, now = new_secret(), new_secret(), int(time.time())
    body = b'{"type":"bank_file.processed"}'

    def headers(secrets, moment=now):
        return {
            "webhook-id": "wh_1",
            "webhook-timestamp": str(moment),
            "webhook-signature": signatures(secrets, "wh_1", moment, body),
        }

    is_ours = found["is_ours"]
    assert is_ours(secret_text(first), headers([first]), body)
    assert is_ours(secret_text(first), headers([second, first]), body)
    assert not is_ours(secret_text(first), headers([second]), body)
    assert not is_ours(secret_text(first), headers([first]), body + b" ")
    assert not is_ours(secret_text(first), headers([first], now - 301), body)


def test_the_schedule_of_the_page_is_the_codes():
    pauses = re.search(r"then after (.*?), each\s+pause", PAGE, re.DOTALL)[1]
    seconds = {"s": 1, "min": 60, "h": 3_600}
    told = [
        int(number) * seconds[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", pauses)
    ]
    assert tuple(told) == SCHEDULE_SECONDS
    assert f"within {TIMEOUT_SECONDS:g} seconds" in PAGE


def test_every_command_of_the_page_is_one():
    group = cli.get_command(None, "webhooks")
    shown = {
        line.split()[2]
        for block in blocks("bash")
        for line in block.splitlines()
        if "webhooks" in line
    }
    assert shown == set(group.commands)


def test_settings_of_the_page_are_settings():
    import tomllib  # noqa: PLC0415 - only here

    (content,) = blocks("toml")
    msgspec.convert(tomllib.loads(content)["webhooks"], WebhooksTable)


def test_every_outcome_is_told_in_the_contract():
    contract = Path(__file__).resolve().parents[2] / "proto/tieout/v1/webhook_service.proto"
    for outcome in ATTEMPT_OUTCOMES:
        assert f"`{outcome}`" in contract.read_text("utf-8"), outcome
