"""What one day settles and learns, the next day of a replay knows."""

from __future__ import annotations

import datetime

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.matcher import MatchInput
from tieout.progress import quiet
from tieout.replay.periods import match_by_period

MONDAY = datetime.date(2026, 9, 14)


def _history(rows):
    items = [("A", 412_50), ("B", 310_00), ("C", 77_10), ("D", 58_31), ("E", 91_77)]
    return MatchInput(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": [row[0] for row in rows],
                "amount_minor": [row[1] for row in rows],
                "currency": ["USD"] * len(rows),
                "value_date": [MONDAY + datetime.timedelta(days=row[2]) for row in rows],
                "booking_date": [MONDAY + datetime.timedelta(days=row[2]) for row in rows],
                "payer_name": [row[3] for row in rows],
                "payer_account": [row[4] for row in rows],
                "remittance_text": [row[5] for row in rows],
                "bank_reference": [row[6] for row in rows],
                "original_reference": [row[7] for row in rows],
            }
        ),
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": [name for name, _ in items],
                "customer_id": ["ACME"] * len(items),
                "document_number": [f"INV-7{name}10{at}23" for at, (name, _) in enumerate(items)],
                "currency": ["USD"] * len(items),
                "open_minor": [amount for _, amount in items],
                "original_minor": [amount for _, amount in items],
                "status": ["open"] * len(items),
            }
        ),
        customers=CustomerBatch.from_columns({"customer_id": ["ACME"], "name": ["ACME Limited"]}),
    )


def test_a_return_of_wednesday_reopens_what_monday_settled():
    document = "INV-7A10023"
    history = _history(
        [
            ("P-1", 412_50, 0, "ACME Limited", "", document, "BK1", ""),
            ("R-1", -412_50, 2, "", "", "", "BK2", "BK1"),
        ]
    )
    result = match_by_period(history, quiet, "day")
    reopened = result.reversals.record_batch.to_pylist()
    assert [(row["original_payment_id"], row["amount_minor"]) for row in reopened] == [
        ("P-1", 412_50)
    ]
    codes = {
        row["payment_id"]: row["code"]
        for row in result.exceptions.record_batch.to_pylist()
        if row["is_primary"]
    }
    assert codes["R-1"] == "RET-POSTED"


def test_an_account_seen_with_references_three_days_running_is_known_on_the_fourth():
    account = "DE02120300000000202051"
    named = [
        (f"P-{at}", amount, at, "Zahlstelle Nord", account, f"INV-7{name}10{at}23", f"BK{at}", "")
        for at, (name, amount) in enumerate([("A", 412_50), ("B", 310_00), ("C", 77_10)])
    ]
    silent = ("P-9", 91_77, 4, "Zahlstelle Nord", account, "", "BK9", "")
    result = match_by_period(_history([*named, silent]), quiet, "day")
    last = {row["payment_id"]: row for row in result.outcomes.record_batch.to_pylist()}["P-9"]
    assert (last["customer_id"], last["identified_by"]) == ("ACME", "learned_account")
    alone = match_by_period(_history([silent]), quiet, "day")
    assert alone.outcomes.strings("customer_id") == [""]
