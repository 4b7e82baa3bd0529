"""When a call is made again, and how long after."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.client import ClientError, Retrying
from tieout.client.retrying import Attempts

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
WORTH_IT = {UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def failed(code=UNAVAILABLE, reason="", retry_seconds=None):
    return ClientError(code, reason, "failed", retry_seconds=retry_seconds)


def pauses(rules, timeout_seconds, errors, chance):
    """Every pause until the error is let go."""
    clock = Clock()
    attempts = Attempts(rules, timeout_seconds, clock, lambda: chance)
    made = []
    for error in errors:
        try:
            made.append(attempts.pause_after(error))
        except ClientError:
            return made
        clock.seconds += made[-1]
    return made


@pytest.mark.parametrize("code", [one for one in grpc.StatusCode if one not in WORTH_IT])
def test_an_end_that_says_something_about_the_request_is_final(code):
    assert pauses(Retrying(), 60, [failed(code)], 0.5) == []


def test_a_search_that_took_too_much_memory_would_again():
    end = failed(grpc.StatusCode.RESOURCE_EXHAUSTED, "MEMORY_LIMIT")
    assert pauses(Retrying(), 60, [end], 0.5) == []


def test_pauses_double_up_to_the_longest():
    rules = Retrying(attempts=7, first_seconds=1, longest_seconds=10)
    assert pauses(rules, 1_000, [failed()] * 7, 1.0) == [1, 2, 4, 8, 10, 10]
    assert pauses(rules, 1_000, [failed()] * 7, 0.0) == [0.5, 1, 2, 4, 5, 5]


def test_the_server_is_asked_again_no_earlier_than_it_says():
    assert pauses(Retrying(), 60, [failed(retry_seconds=7.5)], 0.5) == [7.5]


def test_there_is_no_attempt_that_could_not_end_in_time():
    assert pauses(Retrying(), 5, [failed(retry_seconds=5.0)], 0.5) == []


@given(
    attempts=st.integers(1, 8),
    first=st.floats(0.01, 5),
    longest=st.floats(0.01, 60),
    timeout=st.floats(0.1, 100),
    chance=st.floats(0, 0.999),
    asked=st.lists(st.none() | st.floats(0, 30), min_size=10, max_size=10),
)
def test_all_attempts_and_pauses_fit_into_the_timeout(
    attempts, first, longest, timeout, chance, asked
):
    rules = Retrying(attempts=attempts, first_seconds=first, longest_seconds=longest)
    made = pauses(rules, timeout, [failed(retry_seconds=one) for one in asked], chance)
    assert len(made) < attempts
    assert sum(made) < timeout
    for pause, said in zip(made, asked, strict=False):
        assert pause >= (said or 0.0)
        assert pause <= max(longest, said or 0.0)
