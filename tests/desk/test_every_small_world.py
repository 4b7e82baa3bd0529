"""Small worlds explored to the end: no reachable state loses a cent or lets one person do both."""

from __future__ import annotations

import pytest
from small_worlds import MONEY, TURNS, World, case_of, explore

from desk.acts import ACT_NAMES
from desk.states import ALLOWED
from desk.transitions import PERMISSION_OF_ACT

STATES = frozenset().union(*ALLOWED.values())


def states(worlds):
    return {world.case.state for world in worlds}


def test_whose_turn_it_is_and_four_eyes():
    worlds, tried = explore(World(case_of(1)), 2, TURNS)
    assert tried > 50_000
    assert {"parked", "escalated", "rejected", "pending_approval", "in_work"} <= states(worlds)


@pytest.mark.parametrize(("amount", "lines"), [(2, 1), (1, 2)])
def test_every_way_the_money_can_go(amount, lines):
    worlds, tried = explore(World(case_of(amount)), lines, MONEY)
    assert tried > 20_000
    reached = states(worlds)
    assert {"approved", "posting", "posted", "confirmed", "post_failed", "rejected"} <= reached
    assert ("reversed" in reached) is (lines > 1)
    applied = {world.opened for world in worlds}
    assert len(applied) > 1


def test_money_of_an_unknown_payer():
    worlds, _ = explore(World(case_of(2, customer="")), 1, MONEY)
    assert {"approved", "pending_approval", "open"} <= states(worlds)


@pytest.mark.long
def test_every_way_the_money_can_go_in_two_steps():
    worlds, tried = explore(World(case_of(2)), 2, MONEY)
    assert tried > 1_000_000
    assert states(worlds) == STATES - {"parked", "escalated"}


def test_every_act_has_states_and_a_permission():
    assert set(ALLOWED) == set(ACT_NAMES) == set(PERMISSION_OF_ACT)
