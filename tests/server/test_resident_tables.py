"""Resident open items: what earlier files consumed is deducted once."""

import numpy as np
import pytest

from engine.batches import ApplicationBatch, PaymentOutcomeBatch, ReversalBatch
from rpc.resident_tables import consumed_by, deduct_consumed
from store.bank_file_records import ConsumedItemBatch
from tests.server.requests import items


def consumed(baseline, taken, item="I-1"):
    return ConsumedItemBatch.from_columns(
        {
            "company_id": ["K"],
            "open_item_id": [item],
            "baseline_minor": [baseline],
            "consumed_minor": [taken],
        }
    )


@pytest.mark.parametrize(
    ("exported", "baseline", "taken", "left", "why"),
    [
        (100, 100, 30, 70, "the ERP has not posted it"),
        (70, 100, 30, 70, "the ERP has posted it"),
        (90, 100, 30, 70, "the ERP has posted a part"),
        (50, 100, 30, 50, "the ERP has posted it and something else"),
        (120, 100, 30, 90, "the item grew since"),
        (100, 100, 100, 0, "nothing is left"),
        (0, 100, 100, 0, "posted in full"),
        (-100, -100, -40, -60, "a credit memo was netted"),
        (-60, -100, -40, -60, "a credit memo was netted and posted"),
        (0, 0, -50, 50, "a return re-opened a paid item"),
        (50, 0, -50, 50, "a return re-opened it and the ERP did too"),
    ],
)
def test_what_earlier_files_took_is_deducted_once(exported, baseline, taken, left, why):
    before = items(open_minor=[exported, 25_050, 7_525])
    after = deduct_consumed(before, consumed(baseline, taken))
    assert after.int64("open_minor").tolist() == [left, 25_050, 7_525], why


def test_an_item_with_nothing_left_is_remembered_as_paid():
    after = deduct_consumed(items(), consumed(10_000, 10_000))
    assert after.strings("status") == ["paid", "open", "open"]


def test_items_the_erp_no_longer_exports_do_not_matter():
    assert deduct_consumed(items(), consumed(5, 5, item="I-gone")) == items()


def test_rows_stand_in_their_order_whatever_the_order_of_the_keys():
    backwards = items().take(np.array([2, 1, 0]))
    both = ConsumedItemBatch.concat([consumed(7_525, 25, "I-3"), consumed(10_000, 1, "I-1")])
    after = deduct_consumed(backwards, both)
    assert after.int64("open_minor").tolist() == [7_500, 25_050, 9_999]


def test_a_file_takes_cash_discounts_deductions_and_write_offs_and_gives_reversals_back():
    outcomes = PaymentOutcomeBatch.from_columns(
        {
            "payment_id": ["P-1", "P-2"],
            "company_id": ["K", "K"],
            "identification_confidence": [1.0, 1.0],
        }
    )
    applications = ApplicationBatch.from_columns(
        {
            "payment_id": ["P-1", "P-1", "P-1"],
            "open_item_id": ["I-1", "I-2", "I-2"],
            "decision": ["auto", "auto", "proposed"],
            "applied_minor": [9_700, 5_000, 777],
            "discount_minor": [200, 0, 0],
            "deduction_minor": [60, 0, 0],
            "write_off_minor": [40, 0, 0],
            "confidence": [1.0, 1.0, 0.4],
        }
    )
    reversals = ReversalBatch.from_columns(
        {
            "payment_id": ["P-2", "P-2"],
            "open_item_id": ["I-2", "I-9"],
            "amount_minor": [2_000, 300],
        }
    )
    taken = consumed_by(items(), outcomes, applications, reversals)
    assert taken.strings("open_item_id") == ["I-1", "I-2", "I-9"]
    assert taken.int64("consumed_minor").tolist() == [10_000, 3_000, -300]
    assert taken.int64("baseline_minor").tolist() == [10_000, 25_050, 0]


def test_a_file_without_applications_takes_nothing():
    taken = consumed_by(
        items(), PaymentOutcomeBatch.empty(), ApplicationBatch.empty(), ReversalBatch.empty()
    )
    assert len(taken) == 0
