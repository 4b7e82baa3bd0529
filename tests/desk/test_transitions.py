"""What people do to a case, act by act."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import (
    ANN,
    AUTHORITY,
    BOB,
    CAT,
    COMPANY,
    DOUBTFUL,
    FAR,
    LEDGER,
    VIEWER,
    World,
    case_of,
    on,
)

from desk.acts import (
    Act,
    Approve,
    Assign,
    AttachRemittance,
    Claim,
    Decide,
    Deliver,
    Escalate,
    Identify,
    Note,
    Park,
    Prepare,
    Reject,
    Release,
    Remainder,
    Resolve,
    TakeOver,
    Undo,
    Wake,
    Withdraw,
)
from desk.cases import Case, Entry, buckets, standing_lines, undecided_minor
from desk.facts import Facts, ItemFact, LoggedAct
from desk.outcomes import Performed
from desk.refusals import Refusal
from desk.transitions import perform

FACTS = World(case_of(2)).facts()
REFUND = Entry(kind="refund", company_id=COMPANY, cash_minor=1)


def done(case, act, actor=ANN, facts=FACTS, now=0, authority=AUTHORITY):
    """The case after an act that must be performed."""
    outcome = perform(case, act, actor, now, facts, authority)
    assert isinstance(outcome, Performed), outcome
    return outcome.case


def refused(case, act, actor=ANN, facts=FACTS, now=0):
    """Why an act was refused."""
    outcome = perform(case, act, actor, now, facts, AUTHORITY)
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def events(case, act, actor=ANN, facts=FACTS):
    outcome = perform(case, act, actor, 0, facts, AUTHORITY)
    return [event.kind for event in outcome.events]


def facts_of(**more):
    """One invoice of 100.00 with 2.00 discount until day 10, and what else a test says."""
    item = ItemFact(
        company_id=COMPANY,
        open_item_id="INV",
        customer_id="C1",
        currency="EUR",
        original_minor=10_000,
        open_minor=10_000,
        discount_minor=200,
        discount_day=10,
    )
    item = msgspec.structs.replace(item, **more.pop("item", {}))
    return Facts(items={(COMPANY, "INV"): item}, **more)


def pay(cash, **more):
    return Entry(company_id=COMPANY, customer_id="C1", open_item_id="INV", cash_minor=cash, **more)


def fact(kind, value):
    return Entry(kind="fact", fact_kind=kind, value=value, customer_id="C1")


def test_a_case_is_claimed_worked_on_and_released():
    case = done(case_of(2), Claim())
    assert (case.state, case.lease.holder, case.version) == ("in_work", "ann", 1)
    assert refused(case, Claim(), BOB) == "LEASED"
    assert done(case, Release()).state == "open"


def test_a_lease_runs_out_and_the_draft_stays():
    case = done(case_of(2), Prepare(entries=(on("I1", 1),)))
    later = done(case, Claim(), BOB, now=FAR)
    assert later.lease.holder == "bob"
    assert later.draft.entries == case.draft.entries
    assert later.draft.prepared_by == ("ann",)


def test_taking_over_needs_the_permission():
    case = done(case_of(2), Claim())
    assert refused(case, TakeOver(), ANN) == "AUTHORITY_EXCEEDED"
    assert done(case, TakeOver(), BOB).lease.holder == "bob"


def test_a_clerk_decides_alone_what_clerks_may():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    assert case.state == "approved"
    assert buckets(case).applied_minor == 2
    assert case.lines[0].prepared_by == ("ann",)
    assert case.lines[0].approved_by == ""


def test_what_is_left_undecided_stays_in_the_queue():
    case = done(case_of(2), Decide(entries=(on("I1", 1),)))
    assert (case.state, undecided_minor(case)) == ("open", 1)
    assert done(case, Decide(entries=(on("I1", 1),))).state == "approved"


def test_a_refund_waits_for_a_second_person():
    case = done(case_of(1), Decide(entries=(REFUND,)))
    assert case.state == "pending_approval"
    assert [one.power for one in case.draft.demands] == ["refund"]
    assert refused(case, Approve(), ANN) == "FOUR_EYES"
    approved = done(case, Approve(), BOB)
    assert (approved.state, approved.lines[0].approved_by) == ("approved", "bob")


def test_even_an_approver_does_not_approve_their_own():
    case = done(case_of(1), Decide(entries=(REFUND,)), BOB)
    assert refused(case, Approve(), BOB) == "FOUR_EYES"
    assert done(case, Approve(), CAT).state == "approved"


def test_who_drafted_a_part_has_a_hand_in_it():
    case = done(case_of(1), Prepare(entries=(REFUND,)), BOB)
    case = done(case, Decide(), ANN, now=FAR)
    assert case.draft.prepared_by == ("bob", "ann")
    assert refused(case, Approve(), BOB) == "FOUR_EYES"


def test_a_clerk_cannot_approve():
    case = done(case_of(1), Decide(entries=(REFUND,)), BOB)
    assert refused(case, Approve(), ANN) == "AUTHORITY_EXCEEDED"


def test_small_steps_do_not_add_up_to_a_large_one():
    facts = facts_of()
    case = msgspec.structs.replace(case_of(10_000), amount_minor=10_000)
    grants = dict(AUTHORITY.roles["clerk"].grants)
    grants["write_off"] = msgspec.convert({"alone": "10.00"}, type(grants["apply"]))
    role = msgspec.structs.replace(AUTHORITY.roles["clerk"], grants=grants)
    authority = msgspec.structs.replace(AUTHORITY, roles=AUTHORITY.roles | {"clerk": role})
    first = pay(100, write_off_minor=600, write_off_reason="goodwill")
    case = done(case, Decide(entries=(first,)), facts=facts, authority=authority)
    assert case.state == "open"
    left = facts_of(item={"open_minor": 9_300})
    case = done(case, Decide(entries=(first,)), facts=left, authority=authority)
    assert case.state == "pending_approval"
    assert case.draft.demands[0].amount_minor == 1_200


def test_a_rejected_draft_goes_back_with_its_reason():
    case = done(case_of(1), Decide(entries=(REFUND,)))
    assert refused(case, Reject(reason=""), BOB) == "REASON_MISSING"
    case = done(case, Reject(reason="ask the customer first"), BOB)
    assert (case.state, case.rejection, case.assignee) == (
        "rejected",
        "ask the customer first",
        "ann",
    )
    assert done(case, Decide()).state == "pending_approval"


def test_who_prepared_it_may_withdraw_it():
    case = done(case_of(1), Decide(entries=(REFUND,)))
    assert refused(case, Withdraw(), BOB) == "ACT_NOT_ALLOWED"
    assert done(case, Withdraw()).state == "in_work"


def test_held_decisions_are_approved_by_the_preparer_where_nobody_else_is_needed():
    case = done(case_of(2), Decide(entries=(on("I1", 2),), hold=True))
    assert case.state == "proposed"
    assert done(case, Approve()).state == "approved"


def test_a_parked_payment_waits_in_suspense_and_comes_back():
    assert refused(case_of(2), Park(reason="?")) == "UNTIL_INVALID"
    assert refused(case_of(2), Park(reason="", event="advice")) == "REASON_MISSING"
    assert refused(case_of(2), Park(reason="?", event="comet")) == "REASON_UNKNOWN"
    case = done(case_of(2), Park(reason="asked", event="advice"))
    assert buckets(case).suspense_minor == 2
    assert refused(case, Wake(event="bank"), LEDGER) == "ACT_NOT_ALLOWED"
    woken = done(case, Wake(event="advice", subject="A-1"), LEDGER)
    assert (woken.state, buckets(woken).unapplied_minor) == ("open", 2)
    assert done(case, Claim(), now=FAR).state == "in_work"


def test_a_late_advice_wakes_the_case():
    case = done(case_of(2), Park(reason="asked", event="advice"))
    assert done(case, AttachRemittance(remittance_id="A-1", line_count=2)).state == "open"


def test_buckets_follow_the_customer():
    case = done(case_of(2, customer=""), Identify(customer_id="C1"))
    assert buckets(case).unapplied_minor == 2
    case = done(case, Identify(customer_id=""))
    assert buckets(case).unidentified_minor == 2


def test_escalation_names_who_and_why():
    assert refused(case_of(2), Escalate(to="bob", reason="")) == "REASON_MISSING"
    case = done(case_of(2), Escalate(to="bob", reason="large"))
    assert (case.state, case.assignee, case.escalation.reason) == ("escalated", "bob", "large")


def test_clerks_take_cases_and_others_hand_them_out():
    assert done(case_of(2), Assign(assignee="ann")).state == "open"
    assert refused(case_of(2), Assign(assignee="bob")) == "AUTHORITY_EXCEEDED"
    case = done(case_of(2), Assign(assignee="ann", backup="cat", due_ms=7), BOB)
    assert (case.assignee, case.backup, case.due_ms) == ("ann", "cat", 7)


def test_notes_reach_who_is_mentioned():
    assert events(case_of(2), Note(text="look", mentions=("bob",))) == [
        "case.noted",
        "case.mentioned",
    ]
    assert refused(case_of(2), Note(text=" ")) == "ENTRY_MALFORMED"
    assert refused(case_of(2), Note(text="hello"), VIEWER) == "AUTHORITY_EXCEEDED"


def test_the_ledger_moves_lines_and_the_case_follows():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    for delivery in ("posting", "failed", "posting", "posted", "confirmed"):
        case = done(case, Deliver(line_numbers=(1,), delivery=delivery), LEDGER)
        assert case.state == {"failed": "post_failed"}.get(delivery, delivery)
    assert refused(case, Deliver(line_numbers=(1,), delivery="posted"), LEDGER)
    assert refused(case, Deliver(line_numbers=(9,), delivery="posted"), LEDGER)
    assert refused(case, Deliver(line_numbers=(1,), delivery="posted"), ANN) == "AUTHORITY_EXCEEDED"


def test_undo_before_posting_leaves_nothing_to_send():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    case = done(case, Undo(act_number=1), facts=FACTS)
    assert (case.state, undecided_minor(case)) == ("open", 2)
    assert {line.delivery for line in case.lines} == {"cancelled"}


def test_undo_while_posting_waits():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    case = done(case, Deliver(line_numbers=(1,), delivery="posting"), LEDGER)
    assert refused(case, Undo(act_number=1)) == "LINE_UNDER_WAY"


def test_undo_after_posting_is_a_reversal_to_be_posted():
    account = Entry(kind="on_account", company_id=COMPANY, customer_id="C1", cash_minor=1)
    case = done(case_of(2), Decide(entries=(on("I1", 1), account)))
    for delivery in ("posting", "posted"):
        case = done(case, Deliver(line_numbers=(1, 2), delivery=delivery), LEDGER)
    case = done(case, Undo(act_number=1, line_numbers=(1,)))
    assert case.state == "pending_approval"
    case = done(case, Approve(), CAT)
    reversal = case.lines[-1]
    assert (reversal.reverses, reversal.cash_minor, reversal.delivery) == (1, -1, "none")
    assert [line.number for line in standing_lines(case)] == [2]
    assert refused(case, Undo(act_number=1, line_numbers=(1,))) == "ALREADY_REVERSED"


def test_one_side_of_a_netting_is_not_taken_back_alone():
    case = done(case_of(2), Decide(entries=DOUBTFUL))
    case = done(case, Approve(), BOB)
    assert refused(case, Undo(act_number=2, line_numbers=(1,))) == "OVERSPENT"
    assert undecided_minor(done(case, Undo(act_number=2))) == 2


def test_an_undo_that_is_rejected_leaves_the_case_as_it_was():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    for delivery in ("posting", "posted"):
        case = done(case, Deliver(line_numbers=(1,), delivery=delivery), LEDGER)
    pending = done(case, Undo(act_number=1))
    assert pending.state == "pending_approval"
    back = done(pending, Reject(reason="it was right"), BOB)
    assert (back.state, back.lines, back.draft.entries) == ("posted", case.lines, ())


def test_everything_taken_back_after_posting_is_reversed():
    case = done(case_of(2), Decide(entries=(on("I1", 2),)))
    for delivery in ("posting", "posted"):
        case = done(case, Deliver(line_numbers=(1,), delivery=delivery), LEDGER)
    case = done(done(case, Undo(act_number=1)), Approve(), BOB)
    assert case.state == "reversed"
    assert done(case, Claim()).state == "in_work"


@pytest.mark.parametrize(
    ("act", "before", "expected"),
    [
        (Park(reason="x", event="bank"), {}, ("state", "open")),
        (Escalate(to="bob", reason="x"), {"assignee_before": "cat"}, ("assignee", "cat")),
        (Identify(customer_id="C9"), {"customer_before": "C1"}, ("customer_id", "C1")),
        (Assign(assignee="ann"), {"assignee_before": ""}, ("assignee", "")),
    ],
)
def test_acts_that_move_no_money_are_undone(act, before, expected):
    case = done(case_of(2), act)
    facts = Facts(logged=LoggedAct(number=1, actor="ann", act=act, **before))
    case = done(case, Undo(act_number=1), facts=facts)
    assert getattr(case, expected[0]) == expected[1]
    assert refused(case, Undo(act_number=9)) == "NOTHING_TO_UNDO"


def test_a_case_without_money_is_resolved_and_reopened():
    case = Case(case_id="F-1", company_id=COMPANY)
    assert refused(case_of(2), Resolve(resolution="duplicate")) == "UNDECIDED_MONEY"
    assert refused(case, Resolve(resolution="whatever")) == "REASON_UNKNOWN"
    act = Resolve(resolution="duplicate")
    closed = done(case, act)
    assert closed.state == "confirmed"
    facts = Facts(logged=LoggedAct(number=1, actor="ann", act=act))
    assert done(closed, Undo(act_number=1), facts=facts).state == "open"


@pytest.mark.parametrize(
    ("entry", "facts", "reason"),
    [
        (pay(10_001), facts_of(), "ITEM_OVERAPPLIED"),
        (pay(-1), facts_of(), "ITEM_OVERAPPLIED"),
        (pay(0), facts_of(), "ENTRY_MALFORMED"),
        (pay(1), facts_of(item={"currency": "USD"}), "CURRENCY_MISMATCH"),
        (pay(1), facts_of(item={"status": "paid"}), "ITEM_CLOSED"),
        (pay(1), Facts(), "ITEM_UNKNOWN"),
        (pay(1, write_off_minor=1), facts_of(), "REASON_MISSING"),
        (pay(1, write_off_minor=1, write_off_reason="mood"), facts_of(), "REASON_UNKNOWN"),
        (pay(1, deduction_minor=1), facts_of(), "REASON_MISSING"),
        (Entry(kind="on_account", cash_minor=1), facts_of(), "CUSTOMER_MISSING"),
        (Entry(kind="on_account", cash_minor=-1, customer_id="C1"), facts_of(), "ENTRY_MALFORMED"),
        (Entry(kind="returned", cash_minor=1), facts_of(), "ENTRY_MALFORMED"),
        (Entry(kind="refund", cash_minor=20_000), facts_of(), "OVERSPENT"),
        (Entry(kind="refund", cash_minor=1, open_item_id="INV"), facts_of(), "ENTRY_MALFORMED"),
        (fact("alias", ""), Facts(), "ENTRY_MALFORMED"),
        (fact("rumour", "X"), Facts(), "ENTRY_MALFORMED"),
        (Entry(reverses=4), facts_of(), "ALREADY_REVERSED"),
    ],
)  # fmt: skip
def test_what_no_authority_lifts(entry, facts, reason):
    case = msgspec.structs.replace(case_of(10_000), amount_minor=10_000)
    assert refused(case, Decide(entries=(entry,)), BOB, facts) == reason


def test_an_item_is_named_once():
    facts = facts_of()
    case = msgspec.structs.replace(case_of(10_000), amount_minor=10_000)
    assert refused(case, Decide(entries=(pay(1), pay(1))), facts=facts) == "ENTRY_MALFORMED"


@pytest.mark.parametrize(
    ("entry", "facts", "powers"),
    [
        (pay(9_800, discount_minor=200), facts_of(value_day=10), []),
        (pay(9_800, discount_minor=200), facts_of(value_day=11), ["late_discount"]),
        (pay(9_700, discount_minor=300), facts_of(value_day=10), ["late_discount"]),
        (pay(5_000), facts_of(item={"status": "disputed"}), ["release_hold"]),
        (pay(5_000), facts_of(held=True), ["release_hold"]),
        (pay(5_000), facts_of(item={"customer_id": "C2"}), ["cross_customer"]),
        (pay(5_000), facts_of(item={"customer_id": "C2"}, related_customers=("C2",)), []),
        (Entry(kind="non_ar", cash_minor=1), facts_of(), ["non_ar"]),
    ],
)
def test_what_needs_a_second_person(entry, facts, powers):
    case = msgspec.structs.replace(case_of(10_000), amount_minor=10_000)
    case = done(case, Decide(entries=(entry,)), facts=facts)
    assert [one.power for one in case.draft.demands] == powers


def test_an_item_of_another_company_needs_a_second_person():
    item = msgspec.structs.replace(facts_of().items[COMPANY, "INV"], company_id="2000")
    facts = Facts(items={("2000", "INV"): item})
    entry = msgspec.structs.replace(pay(5), company_id="2000")
    case = done(case_of(5), Decide(entries=(entry,)), facts=facts)
    assert [one.power for one in case.draft.demands] == ["cross_company"]


def test_companies_bound_what_a_person_sees_and_does():
    here = msgspec.structs.replace(ANN, companies=("2000",))
    assert refused(case_of(2), Claim(), here) == "COMPANY_OUT_OF_SCOPE"
    there = msgspec.structs.replace(ANN, companies=(COMPANY,))
    entry = msgspec.structs.replace(on("I1", 1), company_id="2000")
    assert refused(case_of(2), Decide(entries=(entry,)), there) == "COMPANY_OUT_OF_SCOPE"


def test_a_limit_of_ones_own_is_above_all_grants():
    limited = msgspec.structs.replace(ANN, amount_limits_minor={"EUR": 1})
    case = done(case_of(2), Decide(entries=(on("I1", 2),)), limited)
    assert [one.power for one in case.draft.demands] == ["apply"]


def test_against_the_advice_of_the_engine_by_rank_or_by_hand():
    for act in (Decide(rank=1), Decide(entries=DOUBTFUL), Prepare(rank=1)):
        case = done(case_of(2), act)
        if isinstance(act, Prepare):
            case = done(case, Decide())
        assert [one.power for one in case.draft.demands] == ["override_confidence"], act
    assert refused(case_of(2), Decide(rank=2)) == "PROPOSAL_UNKNOWN"
    assert refused(case_of(2), Decide()) == "NOTHING_TO_DECIDE"


@pytest.mark.parametrize(
    ("amount", "cash", "remainder", "expected"),
    [
        (9_900, 9_900, Remainder(kind="write_off", reason="rounding"), {"write_off_minor": 100}),
        (9_900, 9_900, Remainder(kind="deduction", reason="freight"), {"deduction_minor": 100}),
        (9_800, 9_800, Remainder(kind="discount"), {"discount_minor": 200}),
        (10_030, 10_000, Remainder(kind="write_off", reason="rounding"), {"write_off_minor": -30}),
    ],
)
def test_the_difference_is_closed_on_the_item(amount, cash, remainder, expected):
    case = msgspec.structs.replace(case_of(amount), amount_minor=amount)
    act = Decide(entries=(pay(cash),), remainder=remainder)
    case = done(case, act, BOB, facts_of())
    (entry,) = case.draft.entries or case.lines
    assert {name: getattr(entry, name) for name in expected} == expected
    assert entry.settled_minor == 10_000
    assert entry.cash_minor == amount


def test_surplus_cash_goes_where_it_is_sent():
    case = msgspec.structs.replace(case_of(12_000), amount_minor=12_000)
    act = Decide(entries=(pay(10_000),), remainder=Remainder(kind="on_account"))
    case = done(case, act, facts=facts_of())
    assert (case.state, buckets(case).on_account_minor) == ("approved", 2_000)


def test_money_of_an_unknown_payer_for_several_customers_needs_two_people():
    case = done(case_of(2, customer=""), Decide(entries=(on("I1", 1), on("I2", 1))))
    assert [one.power for one in case.draft.demands] == ["cross_customer"]


def test_a_returned_payment_re_opens_what_it_had_settled():
    facts = facts_of(item={"open_minor": 0, "status": "paid"})
    case = msgspec.structs.replace(case_of(-10_000), amount_minor=-10_000)
    assert done(case, Decide(entries=(pay(-10_000),)), facts=facts).state == "approved"
    assert refused(case, Decide(entries=(pay(-10_001),)), facts=facts) == "ITEM_OVERAPPLIED"


def test_a_fact_is_learned_with_the_case_left_where_it_was_and_revoked_by_undo():
    fact = Entry(kind="fact", company_id=COMPANY, fact_kind="alias", value="ACME", customer_id="C1")
    assert "fact.learned" in events(case_of(2), Decide(entries=(fact,)))
    case = done(case_of(2), Decide(entries=(fact,)))
    assert (case.state, case.lines[0].delivery) == ("open", "local")
    case = done(case, Undo(act_number=1))
    assert case.lines[-1].reverses == 1


def test_an_undo_that_needs_approval_does_not_lose_picks():
    case = done(case_of(2), Decide(entries=(on("I1", 1),)))
    for delivery in ("posting", "posted"):
        case = done(case, Deliver(line_numbers=(1,), delivery=delivery), LEDGER)
    case = done(case, Prepare(entries=(on("I1", 1),)))
    assert refused(case, Undo(act_number=1)) == "DRAFT_IN_PROGRESS"


def test_cases_and_acts_survive_json():
    case = done(case_of(1), Decide(entries=(REFUND,)))
    assert msgspec.json.decode(msgspec.json.encode(case), type=Case) == case
    act = Decide(entries=(REFUND,), remainder=Remainder(kind="refund"))
    assert msgspec.json.decode(msgspec.json.encode(act), type=Act) == act
