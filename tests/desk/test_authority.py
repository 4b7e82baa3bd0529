"""Authority as data: what ships, what an operator writes, and what is refused."""

from __future__ import annotations

import pytest

from desk.authority import DEFAULT_AUTHORITY, read_authority
from desk.facts import Actor
from engine.errors import PolicyError

CLERK = Actor(name="ann", roles=("clerk",))
BOTH = Actor(name="bob", roles=("clerk", "approver"))


def test_what_ships():
    assert DEFAULT_AUTHORITY.alone_minor(CLERK, "apply", "EUR") is None
    assert DEFAULT_AUTHORITY.alone_minor(CLERK, "write_off", "EUR") == 1_000
    assert DEFAULT_AUTHORITY.alone_minor(CLERK, "refund", "EUR") == 0
    assert DEFAULT_AUTHORITY.approve_minor(CLERK, "refund", "EUR") == 0
    assert DEFAULT_AUTHORITY.approve_minor(BOTH, "refund", "EUR") is None
    assert DEFAULT_AUTHORITY.alone_minor(BOTH, "refund", "EUR") == 0
    assert not DEFAULT_AUTHORITY.permits(Actor(name="eve", roles=("auditor",)), "work")


def test_amounts_follow_the_exponent_and_the_scale_of_a_currency():
    authority = read_authority({"scale": {"JPY": "150"}})
    assert authority.alone_minor(CLERK, "write_off", "JPY") == 1_500
    assert authority.alone_minor(CLERK, "write_off", "KWD") == 10_000


def test_an_operator_changes_one_power_and_keeps_the_rest():
    content = {"roles": {"clerk": {"grants": {"write_off": {"alone": "2.50"}}}}}
    authority = read_authority(content)
    assert authority.alone_minor(CLERK, "write_off", "EUR") == 250
    assert authority.alone_minor(CLERK, "deduction", "EUR") is None


@pytest.mark.parametrize(
    "content",
    [
        {"roles": {"clerk": {"grants": {"write_off": {"alone": "lots"}}}}},
        {"roles": {"clerk": {"grants": {"write_off": {"alone": "-1"}}}}},
        {"roles": {"clerk": {"grants": {"fly": {"alone": "1"}}}}},
        {"roles": {"clerk": {"permissions": ["everything"]}}},
        {"lease_seconds_max": 1},
        {"no_such_key": 1},
    ],
)
def test_what_is_wrong_is_refused(content):
    with pytest.raises(PolicyError):
        read_authority(content)
