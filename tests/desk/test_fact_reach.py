"""What a fact would have told, had it been known."""

from __future__ import annotations

import pytest

from desk.fact_reach import FactReach, fact_reach
from engine.batches import PaymentBatch

PAYMENTS = PaymentBatch.from_columns(
    {
        "payment_id": ["A", "B", "C"],
        "payer_name": ["ACME Holding", "Acme  HOLDING", "Other"],
        "payer_account": ["DE89370400440532013000", "", "DE89 3704 0044 0532 0130 00"],
        "amount_minor": [100, 201, 50],
        "currency": ["EUR"] * 3,
    }
)


@pytest.mark.parametrize(
    ("kind", "value", "count", "amount"),
    [
        ("alias", "acme holding", 2, 301),
        ("alias", "nobody", 0, 0),
        ("alias", "", 0, 0),
        ("payer_account", "DE89370400440532013000", 2, 150),
        ("pays_for", "C-1", 0, 0),
    ],
)
def test_the_reach_of_a_fact(kind, value, count, amount):
    assert fact_reach(kind, value, PAYMENTS) == FactReach(count, amount)


def test_money_per_month_is_rounded_up():
    assert FactReach(2, 301).monthly_minor == 101
    assert FactReach(0, 0).monthly_minor == 0
