"""What tests of screens say again and again."""

import os

from tieout.v1 import cases_pb2

__all__ = ["plain_case", "ready", "refund_of", "state_of"]


def state_of(world, identity):
    state = world.case(identity).case.summary.state
    return cases_pb2.CaseState.Name(state).removeprefix("CASE_STATE_").lower()


_TAKEN = {}


def plain_case(ids, number):
    """One of many alike: 20.00 less than the customer's only item. Each is of one test alone.

    What two tests did to one case would depend on which of them came first.
    """
    test = os.environ["PYTEST_CURRENT_TEST"].partition("[")[0].partition(" ")[0]
    assert _TAKEN.setdefault(number, test) == test, (
        f"{number} is already the case of {_TAKEN[number]}"
    )
    return ids[f"TESTER {number:02d} HANDELS GMBH"]


def ready(person):
    """The screen with its items, and the focus on the first of them; keys count from here."""
    person.has_focus("[data-item]:focus")
    person.keys = 0
    return person


def refund_of(world, identity):
    """A refund of everything: mia prepares it, nobody may alone."""
    minor = world.case(identity).case.summary.undecided_minor
    entry = cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_REFUND, cash_minor=minor)
    world.call("DecideException", "mia", exception_id=identity, entries=[entry])
