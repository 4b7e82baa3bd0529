"""When a message is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.webhooks.schedule import next_attempt_ms

SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]


def test_ten_attempts_over_three_days():
    pauses = [next_attempt_ms(count, 0, 0.0) for count in range(1, 11)]
    assert pauses == [*(one * 1000 for one in SECONDS), None]
    assert sum(SECONDS) / 3600 == pytest.approx(75.6, abs=0.1)


@given(st.integers(1, 9), st.floats(0, 0.9999), st.none() | st.floats(0, 1e9))
def test_a_pause_grows_by_a_fifth_at_most_unless_the_receiver_asks_for_more(count, chance, asked):
    now_ms = 1_774_915_200_000
    pause = (next_attempt_ms(count, now_ms, chance, asked) - now_ms) / 1000
    least = SECONDS[count - 1]
    wanted = min(asked or 0, 86_400)
    assert pause >= max(least, wanted) - 0.001
    assert pause <= max(least * 1.2, wanted) + 0.001
