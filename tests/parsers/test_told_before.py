"""Money that a kept file has told in another format counts once; what may be that is held."""

import pytest

from engine.batches import BankAccountBatch, PaymentBatch
from parsers.told_before import told_before
from tests.parsers.test_same_money import OURS, batch, money

ACCOUNTS = BankAccountBatch.from_columns(OURS)


def told(new, kept):
    return told_before(batch(new), batch(kept), ACCOUNTS)


@pytest.mark.parametrize(
    ("new", "kept"), [("camt.054", "bai2"), ("bai2", "camt.054"), ("mt942", "camt.054")]
)
def test_a_payment_kept_from_another_format_counts_once_whichever_came_first(new, kept):
    found = told(
        [money("N", new, trace_number="T-1"), money("M", new, 500, trace_number="T-2")],
        [money("K", kept, trace_number="T-1")],
    )
    assert found.kept_as == {"N": "K"}
    assert found.payments.strings("payment_id") == ["M"]
    assert found.payments.strings("intake_codes") == [""]
    assert found.diagnostics.strings("code") == ["FILE-SAME-MONEY"]


def test_another_amount_or_day_is_another_payment():
    new = [money("N", "camt.054", trace_number="T-1")]
    for kept in (money("K", "bai2", 1, trace_number="T-1"), money("K", "bai2", trace_number="T-9")):
        found = told(new, [kept])
        assert (found.kept_as, found.payments) == ({}, batch(new))


@pytest.mark.parametrize(("new", "kept"), [("camt.054", "bai2"), ("bai2", "camt.054")])
def test_a_number_that_stands_twice_holds_what_may_be_the_same_money(new, kept):
    twice = [money(name, kept, trace_number="T-1") for name in ("K", "L")]
    found = told([money("N", new, trace_number="T-1"), money("M", new, 700)], twice)
    assert found.kept_as == {}
    assert found.payments.strings("intake_codes") == ["IN-DUPPAY", ""]


def test_a_sum_of_kept_checks_is_held_and_so_are_checks_of_a_kept_sum():
    checks = [
        money(name, "lockbox", amount, method="check", bank_account=OURS["lockbox"][0])
        for name, amount in (("C-1", 6_000), ("C-2", 4_000))
    ]
    total = money("S", "bai2", type_code="115", bank_account=OURS["bank_account"][0])
    other = money("W", "bai2", 123, method="wire", bank_account=OURS["bank_account"][0])
    assert told([total, other], checks).payments.strings("intake_codes") == ["IN-DUPPAY", ""]
    held = told(checks, [total, other])
    assert held.payments.strings("intake_codes") == ["IN-DUPPAY", "IN-DUPPAY"]
    assert held.kept_as == {}


def test_without_kept_payments_nothing_changes():
    new = batch([money("N", "camt.054", trace_number="T-1")])
    assert told_before(new, PaymentBatch.empty(), ACCOUNTS).payments == new
