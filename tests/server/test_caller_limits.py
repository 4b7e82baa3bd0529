"""Shares of callers, and log lines that say whose call it was and nobody's account number."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.caller import Caller, leave_call, set_caller
from rpc.caller_limits import CallerLimits
from rpc.errors import CallsAtOnceError, RateLimitedError
from rpc.log_lines import JsonLines, Mask
from rpc.request_ids import set_request_id
from rpc.secret_files import Secret
from rpc.status import trailers_of
from tests.server.identity import Clock

A, B = Caller(name="a"), Caller(name="b")
SAME_NAME = Caller(name="a", tenant="other")
MASK = Mask(Secret(b"a key for the masks of this test"))


def limits(clock, **settings):
    return CallerLimits(**{"per_second": 10, "burst": 3, "at_once": 2, "now": clock} | settings)


def once(limits, caller):
    limits.enter(caller)
    limits.leave(caller)


def test_a_caller_may_know_what_is_left():
    clock = Clock()
    held = limits(clock)
    policy = ("tieout-ratelimit-policy", '"calls";q=3;w=1')
    assert held.standing(A) == (("tieout-ratelimit", '"calls";r=3;t=0'), policy)
    for _ in range(3):
        once(held, A)
    with pytest.raises(RateLimitedError):
        once(held, A)
    assert held.standing(A) == (("tieout-ratelimit", '"calls";r=0;t=1'), policy)
    assert held.standing(B) == (("tieout-ratelimit", '"calls";r=3;t=0'), policy)


def test_a_caller_has_a_burst_and_then_its_rate():
    clock = Clock()
    held = limits(clock)
    for _ in range(3):
        once(held, A)
    with pytest.raises(RateLimitedError) as caught:
        once(held, A)
    assert caught.value.retry_seconds == pytest.approx(0.1)
    assert any(name == "grpc-status-details-bin" for name, _ in trailers_of(caught.value))
    once(held, B)
    once(held, SAME_NAME)
    clock.seconds += 0.1001
    once(held, A)
    clock.seconds += 3_600
    for _ in range(3):
        once(held, A)
    with pytest.raises(RateLimitedError):
        once(held, A)


def test_a_caller_has_so_many_calls_at_once():
    held = limits(Clock(), burst=100)
    held.enter(A)
    held.enter(A)
    with pytest.raises(CallsAtOnceError):
        held.enter(A)
    held.enter(B)
    held.leave(A)
    held.enter(A)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=60))
def test_no_caller_ever_gets_more_than_burst_and_rate(steps):
    clock = Clock()
    held = limits(clock)
    began = clock.seconds
    passed = dict.fromkeys("abc", 0)
    for name, pause in steps:
        clock.seconds += pause
        try:
            once(held, Caller(name=name))
        except RateLimitedError:
            continue
        passed[name] += 1
        assert passed[name] <= 3 + 10 * (clock.seconds - began) + 1e-6


def line(message, *values, error=None, with_error_text=False, level=logging.INFO):
    formatter = JsonLines(MASK, with_error_text=with_error_text)
    raised = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("tieout", level, "f.py", 1, message, values, raised)
    return json.loads(formatter.format(record))


@pytest.mark.parametrize(
    "number",
    [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "NO9386011117947",
        "9876543210",
        "123456",
        "021000021/1234567890",
        "12-3456-789",
    ],
)
def test_account_numbers_are_masked_to_a_hash_and_their_end(number):
    shown = line("payer %s is not known", number)["message"]
    assert number not in shown
    for part in number.split("/"):
        plain = "".join(one for one in part if one.isalnum())
        assert plain not in shown
        assert f"…{plain[-4:]} " in f"{shown} ".replace("/", " ")
    assert shown == line("payer %s is not known", number)["message"]
    other = JsonLines(Mask(Secret(b"another key")), with_error_text=False)
    record = logging.LogRecord("t", 20, "f", 1, f"payer {number} is not known", (), None)
    assert json.loads(other.format(record))["message"] != shown


def test_one_account_has_one_hash_however_it_is_written():
    assert MASK.account("DE89 3704 0044 0532 0130 00") == MASK.account("de89370400440532013000")


@pytest.mark.parametrize(
    "text", ["3 jobs wait", "on 2026-11-26", "gRPC on 127.0.0.1:50051", "a" * 64, "0f" * 32]
)
def test_what_is_no_account_number_stays(text):
    assert line(text)["message"] == text


def test_a_line_carries_the_call_and_its_caller():
    token = set_caller(Caller(name="erp", tenant="acme"))
    set_request_id("R-77")
    told = line("done")
    leave_call(token)
    set_request_id("")
    assert (told["request_id"], told["caller"], told["tenant"]) == ("R-77", "erp", "acme")
    assert not {"request_id", "caller"} & set(line("done"))


def test_what_an_error_says_is_shown_at_debug_only_and_masked():
    def fail():
        message = "cannot read 'GRAZIE 9876543210'"
        raise ValueError(message)

    with pytest.raises(ValueError, match="GRAZIE") as caught:
        fail()
    told = line("failed", error=caught.value)
    shown = line("failed", error=caught.value, with_error_text=True)
    assert told["error"] == "ValueError"
    assert any("test_caller_limits.py" in place for place in told["places"])
    assert "GRAZIE" not in json.dumps(told)
    assert shown["error"].startswith("ValueError: cannot read 'GRAZIE #")
    assert "9876543210" not in json.dumps(shown)


def test_every_line_is_one_line():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(MASK, with_error_text=False))
    handler.handle(logging.LogRecord("t", 20, "f", 1, "two\nlines\r\n", (), None))
    assert stream.getvalue().count("\n") == 1
