"""The screens beside the queue in a real browser: keys, two people, sign-in, what is refused."""

import pytest

from tests.browser.conftest import WORD
from tests.browser.screens import plain_case, refund_of, state_of
from tieout.v1 import cases_pb2

pytestmark = pytest.mark.xdist_group("workbench")

POST = """async ([path, headers]) => (await fetch(path, {
    method: "POST", headers, body: new URLSearchParams({theme: "dark"})})).status"""


def signed_out(clerk):
    """Somebody at the sign-in page, whose browser knows nobody."""
    person = clerk()
    person.context.clear_cookies()
    return person


def test_people_sign_in_by_keys_and_come_back_to_where_they_were(clerk):
    person = signed_out(clerk).go("/figures?company=1000")
    person.has_focus("#user_name")
    person.type("mia").press("Tab").type(WORD).press("Enter")
    person.sees("h1", "Figures")
    assert person.page.url.endswith("/figures?company=1000")
    cookie = next(one for one in person.context.cookies() if one["name"] == "tieout_session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert "tieout_session" not in person.page.evaluate("document.cookie")
    person.focus("summary", "mia")
    person.press("Enter")
    person.focus("button", "Sign out")
    person.press("Enter").sees("h1", "Sign in")
    person.go("/files").sees("h1", "Sign in")


def test_a_session_that_ended_keeps_what_was_sent(clerk):
    person = clerk("zoe").go("/settings")
    person.sees("h1", "Settings")
    person.context.clear_cookies()
    person.page.locator("#density").select_option("compact")
    person.page.locator("button", has_text="Save").click()
    person.sees("main", "What you sent is kept in this page")
    person.page.locator("#user_name").fill("zoe")
    person.page.locator("#password").fill(WORD)
    person.press("Enter").sees("h1", "Send it now?")
    person.focus("button", "Send it")
    person.press("Enter").sees("#status", "Saved.")
    assert person.page.locator("html").get_attribute("data-density") == "compact"
    # It is kept with the person: a browser that never saw it has it as well.
    other = clerk("zoe").go("/files")
    other.sees("html[data-density=compact] h1", "Files")


def test_a_script_without_the_token_of_the_page_changes_nothing(clerk):
    person = clerk("zoe").go("/settings")
    person.sees("h1", "Settings")
    token = person.page.locator("input[name=csrf_token]").first.get_attribute("value")
    assert person.page.evaluate(POST, ["/settings", {}]) == 403
    assert person.page.evaluate(POST, ["/settings", {"x-csrf-token": "0" * 64}]) == 403
    assert person.page.evaluate(POST, ["/settings", {"x-csrf-token": token}]) == 200


def test_who_prepared_it_cannot_approve_it_and_another_can_by_keys(clerk, ids, world):
    identity = plain_case(ids, 23)
    refund_of(world, identity)
    mia = clerk("mia").go("/approvals")
    mia.sees(".approval", "you had a hand in it")
    assert mia.page.locator("button", has_text="Approve").count() == 0
    bob = clerk("bob").go("/approvals")
    card = bob.sees(".approval", "TESTER 23")
    assert "refund" in card.inner_text()
    card.locator("button", has_text="Approve").focus()
    bob.has_focus("button:focus", "Approve")
    bob.press("Enter").sees("#status", "Approved.")
    assert state_of(world, identity) == "approved"
    bob.go("/postings?state=approved").sees("table", "TESTER 23")


def test_an_admin_who_prepared_it_is_refused_by_the_service_as_well(clerk, ids, world):
    identity = plain_case(ids, 24)
    minor = world.case(identity).case.summary.undecided_minor
    entry = cases_pb2.CaseEntry(kind=cases_pb2.ENTRY_KIND_REFUND, cash_minor=minor)
    world.call("DecideException", "ada", exception_id=identity, entries=[entry])
    ada = clerk("ada").go("/approvals")
    button = ada.page.locator(".approval", has_text="TESTER 24").locator("button.primary")
    assert button.is_disabled()
    button.evaluate("element => { element.disabled = false; element.click(); }")
    ada.sees("[role=alert]", "somebody else must approve")
    assert state_of(world, identity) in ("proposed", "pending_approval")


def test_lists_are_walked_by_keys_and_open_with_enter(clerk):
    mia = clerk().go("/files")
    mia.sees("h1", "Files")
    mia.press("j").has_focus("tr a:focus")
    mia.leads("Enter").sees("h2", "Receipt")
    mia.go("/customers").press("/").has_focus("input[name=text]")
    mia.type("kontor").leads("Enter").sees("table", "Kontor Nord")
    mia.press("j").has_focus("tr a:focus").leads("Enter").sees("h2", "Habits")


def test_an_auditor_looks_and_is_offered_nothing_to_do(clerk, ids):
    otto = clerk("otto")
    for path in (
        "/team",
        "/rules",
        "/approvals",
        "/postings",
        f"/exceptions/{plain_case(ids, 19)}",
    ):
        otto.go(path).sees("main h1, main h2")
        forms = otto.page.locator("main form[method=post]").evaluate_all(
            "forms => forms.map(form => new URL(form.action).pathname)"
        )
        assert [one for one in forms if "/picks" not in one] == [], path
    otto.go("/audit").sees("table", "bank file")
    with otto.page.expect_download() as saved:
        otto.page.locator("a", has_text="Save as CSV").click()
    assert saved.value.suggested_filename == "audit.csv"


def test_nothing_is_cut_off_at_200_percent(clerk):
    ada = clerk("ada", viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for path in (
        "/figures",
        "/figures/expected",
        "/team",
        "/people",
        "/files",
        "/audit",
        "/approvals",
        "/runs",
    ):
        ada.go(path)
        assert ada.page.evaluate("document.documentElement.scrollWidth") <= 640, path
