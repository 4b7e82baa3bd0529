"""What clerks do, by the keyboard alone, in a real browser; of three tasks keys are counted."""

import pytest

from tests.browser.screens import plain_case, ready, state_of

pytestmark = pytest.mark.xdist_group("workbench")


def test_accepting_the_right_suggestion_takes_one_key(clerk, ids, world):
    identity = ids["NORDLICHT HANDEL"]
    mia = clerk().open(identity)
    ready(mia).press("a")
    mia.sees("#status", "NORDLICHT HANDEL")
    assert mia.keys <= 2
    case = world.case(identity).case
    assert (case.buckets.applied_minor, case.summary.undecided_minor) == (55_000, 0)
    assert case.lines[-1].prepared_by == ["mia"]
    # The next exception is there already, and what was done can be taken back from it.
    mia.sees("h1", "Exception")
    mia.leads("u").sees(".history", "took back")
    assert world.case(identity).case.summary.undecided_minor == 55_000


def test_the_second_suggestion_takes_two_keys(clerk, ids, world):
    identity = ids["ACME ROBOTICS BV"]
    mia = clerk().open(identity)
    ready(mia).press("2")
    mia.sees(".offer.chosen", "INV-55002")
    mia.press("a").sees("#status", "ACME ROBOTICS")
    assert mia.keys <= 2
    assert world.case(identity).case.lines[-1].entry.open_item_id == "OI-55002"


def test_a_short_payment_becomes_a_deduction_in_five_keys(clerk, ids, world):
    identity = plain_case(ids, 1)
    mia = clerk().open(identity)
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.press("d")
    mia.has_focus("#deduction-reason")
    mia.press("f", "Enter").sees("#picks .chip", "deduction")
    mia.press("a").sees("#status", "TESTER 01")
    assert mia.keys <= 5
    (line,) = world.case(identity).case.lines
    assert (line.entry.cash_minor, line.entry.deduction_minor) == (29_140, 2_000)
    assert line.entry.deduction_reason == "freight"


def test_one_payment_over_two_customers_takes_eight_keys(clerk, world):
    cases = world.call("ListCases", page_size=1000).cases
    identity = next(one.case_id for one in cases if one.amount_minor == 220_000)
    mia = clerk().open(identity)
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.press("+")
    mia.has_focus("#find")
    mia.type("süd").press("Enter").sees("#picks", "C-10778")
    mia.has_focus("#pick-OI-40512")
    mia.press("Space")
    mia.sees("#pick-OI-40512[checked]")
    mia.press("a").sees("#status", "waits for approval")
    assert mia.keys <= 8
    assert [one.power for one in world.case(identity).case.draft.demands] == ["cross_customer"]
    bob = clerk("bob").open(identity)
    bob.sees(".decided", "Waits for a second person")
    bob.press("a").sees("#status", "KONTOR NORD")
    owners = {line.entry.customer_id for line in world.case(identity).case.lines}
    assert owners == {"C-10777", "C-10778"}


def test_a_small_difference_is_written_off_with_a_reason(clerk, ids, world):
    identity = ids["MUELLER SOEHNE GMBH"]
    mia = clerk().open(identity)
    mia.focus("#pick-OI-85010")
    mia.press("Space").sees("#picks", "kept as a draft by mia")
    mia.press("e")
    mia.has_focus("#write_off-reason")
    mia.press("r", "Enter").sees("#picks .chip", "write-off")
    mia.press("a").sees("#status", "MUELLER")
    (line,) = world.case(identity).case.lines
    assert (line.entry.write_off_minor, line.entry.write_off_reason) == (600, "rounding")


def test_pasted_numbers_become_picks(clerk, ids, world):
    identity = plain_case(ids, 2)
    mia = clerk(permissions=["clipboard-read", "clipboard-write"]).open(identity)
    ready(mia)
    mia.page.evaluate("navigator.clipboard.writeText('our invoice: INV 90002; and XYZ-1')")
    mia.press("Control+v").sees(".answer", "1 item was read")
    mia.has_focus("button:focus", "Take these")
    mia.press("Enter").sees("#picks", "kept as a draft by mia")
    mia.press("a").sees("#status", "TESTER 02")
    assert world.case(identity).case.lines[-1].entry.open_item_id == "OI-90002"


def test_a_late_advice_brings_new_suggestions(clerk, ids, world):
    identity = plain_case(ids, 18)
    mia = clerk().open(identity)
    ready(mia)
    mia.focus("summary", "Attach an advice")
    mia.press("Enter").focus("#advice-text")
    mia.type("Invoice INV-90018 308.40").press("Control+Enter")
    mia.sees(".history", "attached an advice")
    acts = [act.name for act in world.case(identity).acts]
    assert "attach_remittance" in acts


def test_an_unknown_payer_is_found_and_its_name_learned(clerk, ids, world):
    identity = ids["HENNING BARGELD"]
    mia = clerk().open(identity)
    mia.sees("h2", "HENNING")
    mia.press("+")
    mia.has_focus("#find")
    mia.type("Tester 03").press("Enter").sees(".facts", "C-20003")
    mia.press("l")
    mia.has_focus("#learn")
    mia.press("Enter").sees(".answer", "It would have told")
    mia.has_focus("button:focus", "Learn it")
    mia.press("Enter").sees(".history", "learned")
    fact = world.case(identity).case.lines[-1].entry
    assert (fact.fact_kind, fact.value, fact.customer_id) == ("alias", "HENNING BARGELD", "C-20003")


def test_what_is_over_goes_on_account_or_waits_as_a_refund(clerk, ids, world):
    identity = ids["BALTIC FISHING AS"]
    mia = clerk().open(identity)
    ready(mia).press("o")
    mia.has_focus("button:focus", "On account")
    mia.press("Enter").sees("#picks tr.chosen", "On account")
    mia.press("a").sees("#status", "BALTIC")
    assert world.case(identity).case.buckets.on_account_minor == 10_000
    other = ids["ORSTED SALG"]
    ready(mia.open(other)).press("r")
    mia.has_focus("button:focus", "Refund")
    mia.press("Enter").sees("#picks tr.chosen", "Refund")
    mia.press("a").sees("#status", "waits for approval")
    assert state_of(world, other) == "pending_approval"


def test_a_part_is_paid_and_the_rest_stays_open(clerk, ids, world):
    identity = plain_case(ids, 4)
    mia = clerk().open(identity)
    ready(mia).press("Space")
    mia.sees("#picks", "kept as a draft by mia")
    mia.press("p")
    mia.has_focus("input.cash:focus")
    mia.press("Control+a").type("100.40").press("Tab")
    # The draft is on its way; what is pressed meanwhile waits for it.
    mia.press("a").sees("#status", "TESTER 04")
    case = world.case(identity).case
    assert (case.buckets.applied_minor, case.summary.undecided_minor) == (10_040, 19_400)


def test_an_exception_is_parked_and_brought_back(clerk, ids, world):
    identity = plain_case(ids, 5)
    mia = clerk().open(identity)
    ready(mia).press("s")
    mia.has_focus("#park-event")
    mia.press("Control+Enter").sees("#status", "parked")
    assert state_of(world, identity) == "parked"
    mia.press("u").sees(".history", "took back")
    assert state_of(world, identity) == "open"


def test_notes_assignment_and_escalation(clerk, ids, world):
    identity = plain_case(ids, 6)
    mia = clerk().open(identity)
    ready(mia).press("n")
    mia.has_focus("#note-text")
    mia.type("ask @bob").press("Control+Enter").sees(".history", "ask @bob")
    mia.press("m").sees(".amount-line", "yours until")
    mia.press("t")
    mia.has_focus("#assignee")
    mia.type("mia").leads("Enter").sees(".facts", "mia")
    mia.press("!")
    mia.has_focus("#escalate-to")
    mia.type("bob").press("Tab").type("no idea").press("Enter").sees("#status", "escalated")
    acts = [act for act in world.case(identity).acts]
    assert [act.name for act in acts] == ["note", "claim", "assign", "escalate"]
    assert "bob" in acts[0].content


def test_who_is_mentioned_finds_it_and_says_that_it_was_read(clerk, ids, world):
    identity = plain_case(ids, 22)
    world.call("NoteException", "bob", exception_id=identity, text="@zoe yours?", mentions=["zoe"])
    zoe = clerk("zoe").go("/")
    zoe.focus(".facets a", "Mentioned you 1")
    zoe.leads("Enter").sees(".answer", "@zoe yours?")
    zoe.sees("h2", "1 exception")
    zoe.focus("tbody a", "TESTER 22")
    zoe.leads("Enter").sees(".mention", "@zoe yours?")
    zoe.focus("button", "I have read it")
    zoe.leads("Enter").sees(".history", "@zoe yours?")
    zoe.sees_count(".mention", 0)
    zoe.go("/?mentioned=1").sees("main", "Nothing to read")
    clerk("otto").go("/?mentioned=1").sees("main", "Nothing to read")


def test_why_not_this_invoice(clerk, ids):
    mia = clerk().open(plain_case(ids, 7))
    ready(mia).press("w")
    mia.has_focus("#why")
    mia.type("INV-61001").press("Enter")
    mia.sees(".answer .why", "it is of customer C-10501")


def test_the_banks_bytes_are_marked_and_shown_in_their_file(clerk, ids):
    identity = ids["GES F VERFAHRENSTECHNIK"]
    mia = clerk().open(identity)
    marked = "".join(mia.page.locator("#raw mark.reference").all_inner_texts())
    assert marked == "".join(str(50_000 + number) for number in range(200))
    assert mia.reads("#raw mark.amount") == "39932.90"
    offset = int(mia.page.locator("#raw mark.reference").first.get_attribute("title")[2:])
    mia.press("v").sees("table.bytes", "39932.90")
    first = mia.page.locator("table.bytes tr.chosen").first.inner_text()
    assert int(first.split()[0].replace(",", "")) <= offset


def test_many_are_accepted_with_a_preview_and_each_can_be_undone(clerk, ids, world):
    mia = clerk().go("/?q=lodz")
    mia.has_focus("tbody a:focus")
    mia.press("x", "b")
    mia.has_focus("#bulk-act")
    mia.press("Enter").sees("h1", "Preview: nothing is done yet")
    assert state_of(world, ids["ZAKLADY MECHANICZNE LODZ"]) == "new"
    mia.has_focus("button:focus", "Do it")
    mia.press("Enter").sees("h1", "What was done")
    assert world.case(ids["ZAKLADY MECHANICZNE LODZ"]).case.summary.undecided_minor == 0
    mia.focus("table button", "Undo")
    # The list stays, so that the next one can be taken back as well.
    mia.press("Enter").sees("table .chip", "taken back")
    mia.has_focus("tr a:focus", "LODZ").sees("h1", "What was done")
    assert world.case(ids["ZAKLADY MECHANICZNE LODZ"]).case.summary.undecided_minor == 441_000


def test_the_queue_is_searched_filtered_kept_and_walked(clerk):
    mia = clerk().go("/")
    mia.has_focus("tbody a:focus")
    mia.press("/")
    mia.has_focus("#q")
    mia.type("tester 307.40").leads("Enter").sees("h2", "1 exception")
    # The hit is in focus, so that the next key walks or opens it.
    mia.has_focus("tbody a:focus")
    mia.focus("summary", "Keep this view")
    mia.press("Enter")
    mia.focus("#view-name:visible")
    mia.type("seventeen").press("Enter").sees(".facets", "seventeen")
    mia.go("/").focus(".facets a", "seventeen").leads("Enter").sees("h2", "1 exception")
    mia.sees(".facets summary", "Reason")
    mia.go("/?q=handels&sort=amount").has_focus("tbody a:focus")
    rows = mia.page.locator("tbody th a").all_inner_texts()
    mia.press("j").leads("Enter").sees("h1", rows[1])
    assert "q=handels" in mia.page.url
    assert "sort=amount" in mia.page.url
    mia.leads("j").sees("h1", rows[2])
    mia.leads("k").sees("h1", rows[1])
    mia.leads("Escape").sees("h2", "exceptions")
    assert mia.page.locator("tbody th a").all_inner_texts() == rows


def test_help_palette_panes_and_keys_turned_off(clerk, ids):
    mia = clerk("yan").open(plain_case(ids, 8))
    ready(mia).press("?").sees(".help dl", "Accept")
    mia.press("Escape").press("Control+k")
    mia.has_focus("#palette-text")
    mia.type("settings").press("Enter").sees("h1", "Settings")
    mia.press("F6")
    assert mia.page.evaluate("document.activeElement.hasAttribute('data-pane')")
    mia.focus("#single_keys")
    mia.press("Space", "Control+Enter")
    mia.sees("#status", "Saved")
    mia.open(plain_case(ids, 8)).sees("#picks")
    mia.press("n")
    assert mia.page.locator("details[open][data-act=note]").count() == 0
    mia.press("Control+k")
    mia.has_focus("#palette-text")
