"""Distances between written numbers, against alignment by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracles.name_oracle import alignment_distance
from random_worlds import CALM

from engine.damaged_numbers import FAR, clipped, digit_counts, distances

NUMBERS = st.integers(0, 10**6) | st.integers(0, 2**63) | st.sampled_from([0, 10**19, 2**64 - 1])


@st.composite
def damaged(draw):
    """A number and what keying errors made of it."""
    digits = draw(st.from_regex(r"[1-9][0-9]{2,11}", fullmatch=True))
    written = digits
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(written) - 2, 0)))
        digit = draw(st.sampled_from("0123456789"))
        written = draw(
            st.sampled_from(
                [
                    written[:at] + digit + written[at + 1 :],
                    written[:at] + digit + written[at:],
                    written[:at] + written[at + 1 :],
                    written[:at]
                    + written[at + 1 : at + 2]
                    + written[at : at + 1]
                    + written[at + 2 :],
                ]
            )
        )
    return int(digits), int(written or "0")


@CALM
@given(st.lists(damaged() | st.tuples(NUMBERS, NUMBERS), min_size=1), st.integers(1, 3))
def test_distances_are_those_of_alignment_as_far_as_they_are_asked_for(pairs, at_most):
    one, two = (np.array(column, dtype=np.uint64) for column in zip(*pairs, strict=True))
    expected = [alignment_distance(str(left), str(right)) for left, right in pairs]
    found = distances(one, two, at_most).tolist()
    assert found == [distance if distance <= at_most else FAR for distance in expected]


@CALM
@given(st.lists(NUMBERS, min_size=1))
def test_digits_are_counted_like_by_hand(numbers):
    counted = digit_counts(np.array(numbers, dtype=np.uint64)).tolist()
    for number, packed in zip(numbers, counted, strict=True):
        written = str(number) if number else ""
        assert [packed >> 6 * digit & 63 for digit in range(10)] == [
            written.count(str(digit)) for digit in range(10)
        ]


@CALM
@given(st.lists(damaged() | st.tuples(NUMBERS, NUMBERS), min_size=1))
def test_a_clipped_number_is_an_end_or_a_beginning(pairs):
    one, two = (np.array(column, dtype=np.uint64) for column in zip(*pairs, strict=True))
    for (left, right), cut in zip(pairs, clipped(one, two).tolist(), strict=True):
        part, whole = str(left), str(right)
        shorter = len(part) < len(whole)
        ends = whole.endswith(part) and len(part) >= 3
        # Zeros in front of an ending are gone in the number: "0042" is read as 42.
        ends |= int(whole[-len(part) :]) == left and len(part) >= 3
        assert cut == (shorter and (ends or (whole.startswith(part) and len(part) >= 5)))
