"""What tests of screens say again and again."""

from tieout.v1 import cases_pb2

__all__ = ["plain_case", "ready", "state_of"]


def state_of(world, identity):
    state = world.case(identity).case.summary.state
    return cases_pb2.CaseState.Name(state).removeprefix("CASE_STATE_").lower()


def plain_case(ids, number):
    """One of many alike: 20.00 less than the customer's only item."""
    return ids[f"TESTER {number:02d} HANDELS GMBH"]


def ready(person):
    """The screen with its items, and the focus on the first of them; keys count from here."""
    person.page.locator("[data-item]:focus").wait_for()
    person.keys = 0
    return person
