"""By when items are paid: learned from what is decided, and used for ranking alone."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pytest
from random_worlds import matched

from engine.batches import NO_DATE, CustomerBatch, OpenItemBatch, PaymentBatch, SettledBatch
from engine.due_habits import AGE_EDGES, DueDays, DueHabits
from engine.matcher import MatchInput

DAY = datetime.date(2026, 9, 15)


@dataclass
class _Index:
    """What habits are counted from."""

    customer: np.ndarray
    due_day: np.ndarray
    open_minor: np.ndarray


def _habits(index, customers, paid):
    """Of payments on day 1,000 that settled the items `paid`."""
    owed = DueDays.of(index).shares(1_000)
    return DueHabits.of(index, owed, customers, paid, np.full(len(paid), 1_000))


@pytest.mark.parametrize("count", [0, 1, 400])
@pytest.mark.parametrize("day", [900, 1_000, 5_000, NO_DATE])
def test_shares_of_ages_are_counted_from_all_that_is_open(count, day):
    dice = np.random.default_rng(count)
    due = np.where(dice.random(count) < 0.1, NO_DATE, dice.integers(800, 1_100, count))
    index = _Index(due, due, dice.integers(-2, 3, count))
    owed = due[(index.open_minor > 0) & (due != NO_DATE)]
    ages = np.searchsorted(AGE_EDGES, day - owed, side="right")
    counts = np.bincount(ages, minlength=len(AGE_EDGES) + 1) + 1.0
    assert np.array_equal(DueDays.of(index).shares(day), counts / counts.sum())


def test_an_age_that_is_paid_more_often_than_it_is_open_is_likelier():
    ages = np.array([0] * 30 + [60] * 30)
    index = _Index(
        customer=np.zeros(60, dtype=np.int64),
        due_day=1_000 - ages,
        open_minor=np.ones(60, dtype=np.int64),
    )
    paid = np.arange(20)
    habits = _habits(index, 2, paid)
    tilt = habits.tilt(np.array([1_000, 940]), np.array([1_000, 1_000]), np.array([1, 1]))
    assert tilt[0] > 0.3
    assert tilt[1] < -0.3


def test_a_customers_own_habit_outweighs_that_of_all():
    count = 40
    index = _Index(
        customer=np.array([0] * 20 + [1] * 20),
        due_day=np.array([1_000] * 20 + [960] * 20),
        open_minor=np.ones(count, dtype=np.int64),
    )
    habits = _habits(index, 2, np.arange(count))
    due, pay_day = np.array([1_000, 960]), np.array([1_000, 1_000])
    prompt = habits.tilt(due, pay_day, np.array([0, 0]))
    late = habits.tilt(due, pay_day, np.array([1, 1]))
    assert prompt[0] > prompt[1]
    assert late[1] > late[0]


def test_without_outcomes_and_dates_nothing_is_likelier():
    index = _Index(
        customer=np.zeros(9, dtype=np.int64),
        due_day=np.array([900] * 8 + [990]),
        open_minor=np.ones(9, dtype=np.int64),
    )
    none = np.zeros(0, dtype=np.int64)
    habits = _habits(index, 1, none)
    every_age = 1_000 - np.array([*AGE_EDGES, 500])
    tilt = habits.tilt(every_age, np.full(len(every_age), 1_000), np.zeros(len(every_age), int))
    assert np.allclose(tilt, 0)


def _rents(earlier):
    """Six equal rents, and a payment of one of them that names nothing."""
    days = [DAY - datetime.timedelta(days=age) for age in (75, 45, 15, -15, -45)]
    paid = [DAY - datetime.timedelta(days=age) for age in (135, 105)]
    items = [
        {
            "open_item_id": f"R{number}",
            "customer_id": "ACME",
            "document_number": f"{70_000 + number * 137}",
            "currency": "USD",
            "open_minor": 80_000 if due in days else 0,
            "original_minor": 80_000,
            "due_date": due,
            "status": "open" if due in days else "paid",
        }
        for number, due in enumerate([*paid, *days])
    ]
    result = matched(
        MatchInput(
            payments=PaymentBatch.from_columns(
                {
                    "payment_id": ["P-1"],
                    "amount_minor": [80_000],
                    "currency": ["USD"],
                    "value_date": [DAY],
                    "payer_name": ["ACME Limited"],
                }
            ),
            open_items=OpenItemBatch.from_columns(
                {name: [item[name] for item in items] for name in items[0]}
            ),
            customers=CustomerBatch.from_columns(
                {"customer_id": ["ACME"], "name": ["ACME Limited"]}
            ),
            earlier=earlier,
        )
    )
    rows = result.applications.record_batch.to_pylist()
    assert {row["decision"] for row in rows} == {"proposed"}
    return next(row["open_item_id"] for row in rows if row["proposal_rank"] == 1)


def test_the_oldest_of_equal_items_is_proposed_first_where_nothing_is_known():
    assert _rents(SettledBatch.empty()) == "R2"


def test_what_earlier_runs_settled_tells_when_a_payer_pays():
    known = [(f"OLD-{number}", f"R{number}") for number in range(2)]
    earlier = SettledBatch.from_columns(
        {
            "payment_id": [payment for payment, _ in known],
            "open_item_id": [item for _, item in known],
            "currency": ["USD"] * 2,
            "paid_minor": [80_000] * 2,
            "applied_minor": [80_000] * 2,
            "closed_minor": [80_000] * 2,
            "value_date": [DAY - datetime.timedelta(days=age) for age in (120, 90)],
        }
    )
    assert _rents(earlier) == "R4"
