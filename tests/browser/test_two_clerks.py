"""Two clerks on one queue, reloads in mid-work, and a browser that runs no script."""

import pytest

from tests.browser.screens import plain_case, ready, state_of
from tieout.v1 import application_service_pb2 as contract
from tieout.v1 import application_service_pb2_grpc as service
from tieout.v1 import cases_pb2

pytestmark = pytest.mark.xdist_group("workbench")


def test_a_lease_shows_its_owner_and_can_be_taken_over(clerk, ids, world):
    identity = plain_case(ids, 9)
    mia = clerk().open(identity)
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    bob = clerk("bob").open(identity)
    bob.sees("[role=alert]", "mia works on it")
    bob.focus("[data-item]")
    bob.press("Space").sees("[role=alert]", "Somebody else works on it")
    assert world.case(identity).case.draft.prepared_by == ["mia"]
    bob.focus("button", "Take over")
    bob.press("Enter").sees(".amount-line", "yours until")
    assert [act.name for act in world.case(identity).acts][-1] == "take_over"
    assert [one.open_item_id for one in world.case(identity).case.draft.entries] == ["OI-90009"]


def test_who_comes_late_is_told_and_overwrites_nothing(clerk, ids, world):
    identity = plain_case(ids, 10)
    mia, bob = clerk().open(identity), clerk("bob").open(identity)
    ready(mia)
    ready(bob).press("n")
    bob.has_focus("#note-text")
    bob.type("first").press("Control+Enter").sees(".history", "first")
    mia.press("o")
    mia.has_focus("button:focus", "On account")
    mia.press("Enter").sees("[role=alert]", "Somebody else changed this")
    mia.sees(".history", "first")
    case = world.case(identity)
    assert [act.name for act in case.acts] == ["note"]
    assert not case.case.draft.entries


def fetched_next(person):
    """Accept, and wait for the next exception; says whether it was shown as it was fetched."""
    with person.page.expect_response(lambda one: one.request.method == "POST") as answered:
        person.leads("a")
    return "tieout-fetched" in answered.value.headers


def test_the_next_exception_is_shown_as_it_was_fetched_unless_it_changed(clerk, ids, world):
    identity = plain_case(ids, 16)

    def picked(person):
        """On the exception with its item picked, the next one fetched; gives who is next."""
        ready(person.open(identity, "?q=handels&sort=raised"))
        if not person.page.locator("[data-item]").first.is_checked():
            person.leads("Space").sees("#picks", "kept as a draft by mia")
        link = person.sees("a[data-prefetch=held]")
        return link.get_attribute("href").partition("?")[0].rpartition("/")[2]

    mia = clerk()
    following = picked(mia)
    assert fetched_next(mia)
    mia.sees("#status", "TESTER 16")
    mia.sees(f".strip-list a[aria-current][href*='{following}']")
    mia.sees_count(f".strip-list a[href*='{identity}']", 0)
    mia.leads("u").sees(".history", "took back")
    assert picked(mia) == following
    world.call("NoteException", "bob", exception_id=following, text="seen on Friday")
    assert not fetched_next(mia)
    mia.sees("#status", "TESTER 16")
    mia.sees(".history", "seen on Friday")


def test_a_reload_in_mid_work_loses_nothing(clerk, ids):
    identity = plain_case(ids, 11)
    mia = clerk().open(identity, "?sort=amount")
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.press("d")
    mia.has_focus("#deduction-reason")
    mia.press("f", "Enter").sees("#picks .chip", "deduction")
    mia.page.reload()
    mia.sees("#picks .chip", "deduction")
    assert mia.page.locator("[data-item]").first.is_checked()
    assert mia.page.locator("input.cash").input_value() == "301.40"
    assert "sort=amount" in mia.page.url
    mia.sees_count(".strip-list a[aria-current]", 1)


def test_who_is_faster_than_the_server_loses_nothing(clerk, ids, world):
    identity = ids["GES F VERFAHRENSTECHNIK"]
    mia = clerk().open(identity)
    ready(mia)
    mia.press("Space", "ArrowDown", "Space", "ArrowDown", "Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.sees_count("#picks tr.chosen", 197)
    mia.sees_count("[data-item][checked]", 197)
    left = {entry.open_item_id for entry in world.case(identity).case.draft.entries}
    assert len(left) == 197
    assert not left & {"OI-50000", "OI-50001", "OI-50002"}


def test_after_posting_an_undo_is_a_reversal(clerk, ids, world):
    identity = plain_case(ids, 12)
    mia = clerk().open(identity)
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.press("a").sees("#status", "TESTER 12")
    deliver(world, identity, "posting", "posted")
    mia.open(identity).sees(".history .chip", "posted")
    mia.press("Control+z").sees(".history", "Reverse what was posted")
    mia.press("u").sees(".history", "took back")
    assert state_of(world, identity) in {"reversed", "open", "approved", "posting"}
    lines = world.case(identity).case.lines
    assert [line.entry.reverses for line in lines] == [0, 1]


def deliver(world, identity, *steps):
    stub = service.ApplicationServiceStub(world.channel)
    metadata = (("authorization", f"Bearer {world.token('ada')}"),)
    for step in steps:
        request = contract.ReportDeliveryRequest(
            payment_id=identity,
            line_numbers=[1],
            delivery=cases_pb2.Delivery.Value(f"DELIVERY_{step.upper()}"),
        )
        stub.ReportDelivery(request, metadata=metadata)


def test_everything_works_without_script(clerk, ids, world):
    identity = plain_case(ids, 13)
    mia = clerk(java_script_enabled=False).open(identity)
    mia.page.locator("[data-item]").first.check()
    mia.page.locator("button", has_text="Keep the picks").click()
    mia.sees("#picks", "kept as a draft by mia")
    mia.page.locator("summary", has_text="Deduction").click()
    mia.page.locator("#deduction-reason").select_option("freight")
    mia.page.locator("[data-act=deduction] button").click()
    mia.sees("#picks .chip", "deduction")
    mia.page.locator("button[data-act=accept]").click()
    mia.sees("#status", "TESTER 13")
    assert world.case(identity).case.lines[-1].entry.deduction_minor == 2_000


def test_who_may_only_look_is_offered_no_act(clerk, ids):
    otto = clerk("otto").open(plain_case(ids, 14))
    otto.sees("#picks")
    assert otto.page.locator(".actions button").count() == 0
    assert otto.page.locator("[data-item]").first.is_disabled()
