"""What must be true of every result, over small random worlds in which everything collides."""

from __future__ import annotations

import datetime

import msgspec
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.amount_oracle import BY_AMOUNT, fitting_sets
from oracles.conservation_oracle import violations
from random_worlds import CALM, matched, shuffled, worlds

from engine.batches import (
    AdviceBatch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
)
from engine.exception_codes import EXCEPTION_CODES
from engine.limits import AMOUNT_MINOR_MAX
from engine.matcher import MatchInput

BUCKETS = ("applied", "on_account", "unapplied", "unidentified", "suspense", "non_ar", "refund")


def _rows(batch):
    return batch.record_batch.to_pylist()


def _automatic(result):
    return [row for row in _rows(result.applications) if row["decision"] == "auto"]


def _status(outcome, amount):
    """Contract §6, from the buckets alone."""
    held = {bucket: outcome[f"{bucket}_minor"] for bucket in BUCKETS}
    if outcome["returned_minor"]:
        return "returned"
    if held["non_ar"]:
        return "non_ar"
    if held["applied"]:
        return "applied" if held["applied"] == amount else "partially_applied"
    names = {"refund": "refund_due"}
    (filled,) = [bucket for bucket, minor in held.items() if minor]
    return names.get(filled, filled)


def promise_both_equations_of_the_contract_hold(world, result):
    assert violations(world, result) == []


def promise_every_payment_has_one_outcome_in_its_place_and_no_bucket_is_negative(world, result):
    outcomes = result.outcomes
    assert outcomes.strings("payment_id") == world.payments.strings("payment_id")
    amounts = world.payments.int64("amount_minor")
    for row, amount in zip(_rows(outcomes), amounts.tolist(), strict=True):
        assert all(row[f"{bucket}_minor"] >= 0 for bucket in BUCKETS)
        assert row["returned_minor"] == min(amount, 0)
        assert not (row["unapplied_minor"] and row["unidentified_minor"])


def promise_statuses_follow_from_the_buckets_alone(world, result):
    amounts = world.payments.int64("amount_minor").tolist()
    for row, amount in zip(_rows(result.outcomes), amounts, strict=True):
        assert row["status"] == _status(row, amount)


def promise_unidentified_money_has_no_customer_and_unapplied_money_has_one(_world, result):
    for row in _rows(result.outcomes):
        if row["unidentified_minor"]:
            assert row["customer_id"] == ""
        if row["unapplied_minor"] or row["on_account_minor"] or row["refund_minor"]:
            assert row["customer_id"]


def promise_nothing_is_applied_to_items_that_are_not_to_be_paid(world, result):
    items = {(row["company_id"], row["open_item_id"]): row for row in _rows(world.open_items)}
    outcomes = {row["payment_id"]: row for row in _rows(result.outcomes)}
    given_company = dict(
        zip(world.payments.strings("payment_id"), world.payments.strings("company_id"), strict=True)
    )
    for row in _automatic(result):
        outcome = outcomes[row["payment_id"]]
        item = items[outcome["company_id"], row["open_item_id"]]
        assert item["status"] == "open"
        assert item["currency"] == outcome["currency"] == row["currency"]
        assert item["customer_id"] == row["customer_id"]
        assert given_company[row["payment_id"]] in ("", item["company_id"])


def promise_held_and_foreign_payments_apply_nothing(world, result):
    held = {
        row["payment_id"]
        for row in _rows(world.payments)
        if row["intake_codes"] or row["amount_minor"] < 0
    }
    assert not held & {row["payment_id"] for row in _automatic(result)}


def promise_the_amount_alone_needs_a_payer_known_by_other_evidence(_world, result):
    outcomes = {row["payment_id"]: row for row in _rows(result.outcomes)}
    for row in _automatic(result):
        if row["strategy"] in BY_AMOUNT:
            outcome = outcomes[row["payment_id"]]
            assert outcome["identified_by"] not in ("", "references")
            assert outcome["payer_customer_id"] == row["customer_id"]
            assert row["uniqueness"] in ("unique_set", "unique_amounts")


def promise_no_uniqueness_is_claimed_that_trying_every_set_refutes(world, result):
    claims = {}
    for row in _automatic(result):
        if row["strategy"] in BY_AMOUNT and row["uniqueness"] == "unique_set":
            claim = claims.setdefault((row["payment_id"], row["customer_id"]), set())
            claim.add((row["open_item_id"], row["applied_minor"]))
    for (payment, customer), claim in claims.items():
        assert fitting_sets(world, result, payment, customer) == {frozenset(claim)}


def promise_exceptions_have_one_primary_per_payment_the_first_by_code(_world, result):
    order = {code: number for number, code in enumerate(EXCEPTION_CODES)}
    raised = {}
    for row in _rows(result.exceptions):
        if row["payment_id"]:
            raised.setdefault(row["payment_id"], []).append(row)
    for rows in raised.values():
        primary = [row["code"] for row in rows if row["is_primary"]]
        assert primary == [min((row["code"] for row in rows), key=order.__getitem__)]
        assert len({row["code"] for row in rows}) == len(rows)
    for row in _rows(result.outcomes):
        undecided = row["unapplied_minor"] or row["unidentified_minor"]
        if undecided or row["returned_minor"] or row["non_ar_minor"]:
            assert row["payment_id"] in raised


def promise_proposals_are_at_most_five_ranked_without_a_gap_on_undecided_money(_world, result):
    decided = {row["payment_id"] for row in _automatic(result)}
    ranks = {}
    for row in _rows(result.applications):
        assert 0 <= row["confidence"] <= 1
        assert row["explanation"].endswith(".")
        assert msgspec.json.decode(row["evidence"])["strategy"] == row["strategy"]
        if row["decision"] == "proposed":
            ranks.setdefault(row["payment_id"], set()).add(row["proposal_rank"])
        else:
            assert row["proposal_rank"] == 1
    for payment, seen in ranks.items():
        assert seen == set(range(1, len(seen) + 1))
        assert len(seen) <= 5
        assert payment not in decided


def promise_no_item_stands_twice_in_one_set(_world, result):
    rows = _rows(result.applications)
    keys = [
        (row["payment_id"], row["decision"], row["proposal_rank"], row["open_item_id"])
        for row in rows
    ]
    assert len(set(keys)) == len(keys)


PROMISES = [value for name, value in sorted(globals().items()) if name.startswith("promise_")]


@settings(CALM, max_examples=150)
@given(worlds())
def test_every_result_keeps_every_promise(world):
    result = matched(world)
    for promise in PROMISES:
        promise(world, result)


def _sorted_outcomes(result):
    return sorted(_rows(result.outcomes), key=lambda row: row["payment_id"])


def _comparable(result):
    return (
        _sorted_outcomes(result),
        _rows(result.applications),
        _rows(result.reversals),
        _rows(result.exceptions),
    )


@CALM
@given(st.data())
def test_the_order_of_input_rows_plays_no_part(data):
    world = data.draw(worlds())
    other = data.draw(shuffled(world))
    assert _comparable(matched(world)) == _comparable(matched(other))


@CALM
@given(worlds())
def test_matching_twice_gives_the_same(world):
    assert matched(world) == matched(world)


def _together(one, two):
    def both(name, kind):
        return kind.of(
            pa.concat_batches([getattr(one, name).record_batch, getattr(two, name).record_batch])
        )

    return MatchInput(
        payments=both("payments", PaymentBatch),
        open_items=both("open_items", OpenItemBatch),
        remittances=both("remittances", RemittanceBatch),
        advices=both("advices", AdviceBatch),
        customers=both("customers", CustomerBatch),
        policy=one.policy,
        as_of=one.as_of,
    )


@CALM
@given(
    worlds(companies=("US01",), currencies=("USD",), mark="a", base=20_010_000),
    worlds(companies=("DE01",), currencies=("EUR",), mark="Z", base=77_530_000),
)
def test_companies_that_share_nothing_do_not_touch_each_other(one, two):
    alone, beside = matched(one), matched(_together(one, two))
    ours = set(one.payments.strings("payment_id"))
    advices = set(one.advices.strings("remittance_id"))

    def of_one(batch):
        return [
            row
            for row in _rows(batch)
            if row["payment_id"] in ours or row.get("remittance_id") in advices
        ]

    for name in ("outcomes", "applications", "reversals", "exceptions"):
        assert of_one(getattr(beside, name)) == _rows(getattr(alone, name))


TEXT = st.text(max_size=24) | st.sampled_from(["\x1f", ";", "\x00", "%", "\\", '"', "9" * 40, "İß"])
MONEY = st.sampled_from([1, 100, AMOUNT_MINOR_MAX - 1, AMOUNT_MINOR_MAX])


@CALM
@given(st.data())
def test_no_text_and_no_amount_breaks_the_engine(data):
    def texts(count):
        return data.draw(st.lists(TEXT, min_size=count, max_size=count))

    items, payments, customers = (data.draw(st.integers(1, 4)) for _ in range(3))
    day = datetime.date(2026, 9, 15)
    ids = [f"C{number}" for number in range(customers)]
    world = MatchInput(
        customers=CustomerBatch.from_columns(
            {
                "customer_id": ids,
                "name": texts(customers),
                "aliases": texts(customers),
                "bank_accounts": texts(customers),
                "parent_customer_id": texts(customers),
            }
        ),
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": [f"I{number}" for number in range(items)],
                "customer_id": [data.draw(st.sampled_from(ids)) for _ in range(items)],
                "document_number": texts(items),
                "purchase_order": texts(items),
                "references": texts(items),
                "currency": ["USD"] * items,
                "status": ["open"] * items,
                "open_minor": [data.draw(MONEY) for _ in range(items)],
            }
        ),
        payments=PaymentBatch.from_columns(
            {
                "payment_id": [f"P{number}" for number in range(payments)],
                "payer_name": texts(payments),
                "payer_account": texts(payments),
                "remittance_text": texts(payments),
                "customer_reference": texts(payments),
                "end_to_end_id": texts(payments),
                "currency": ["USD"] * payments,
                "value_date": [day] * payments,
                "amount_minor": [data.draw(MONEY) for _ in range(payments)],
            }
        ),
    )
    result = matched(world)
    assert violations(world, result) == []
    for evidence in result.applications.strings("evidence"):
        assert msgspec.json.decode(evidence)


def test_nothing_in_nothing_out():
    empty = MatchInput(payments=PaymentBatch.empty(), open_items=OpenItemBatch.empty())
    result = matched(empty)
    assert [len(batch) for batch in (result.outcomes, result.applications, result.exceptions)] == [
        0,
        0,
        0,
    ]


def test_payments_without_a_single_open_item_all_wait():
    payments = PaymentBatch.from_columns(
        {"payment_id": ["P-1", "P-2"], "amount_minor": [100, -100], "currency": ["USD", "JPY"]}
    )
    result = matched(MatchInput(payments=payments, open_items=OpenItemBatch.empty()))
    assert result.outcomes.strings("status") == ["unidentified", "returned"]
    assert result.exceptions.strings("code") == ["PAY-UNKNOWN", "RET-NOPAYMENT"]
