"""A small ledger, a bank file, and a matcher simple enough to see through."""

import numpy as np
import pytest

from engine.batches import (
    ApplicationBatch,
    ExceptionBatch,
    PaymentOutcomeBatch,
    ReversalBatch,
)
from engine.matcher import MatchResult

OPEN_ITEMS = (
    "open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date\n"
    "I1,US01,C1,INV-1001,USD,100.00,2026-08-01\n"
    "I2,US01,C1,INV-1002,USD,250.50,2026-08-02\n"
    "I3,US01,C2,INV-1003,USD,250.50,2026-08-03\n"
    "I4,JP01,C3,INV-1004,JPY,5000,2026-08-04\n"
)
CUSTOMERS = "customer_id,company_id,name\nC1,US01,Acme\nC2,US01,Birch\nC3,JP01,Cedar\n"
PAYMENTS = (
    "payment_id,company_id,amount,currency,value_date,bank_reference,check_number,remittance_text\n"
    "P-1,US01,100.00,USD,2026-09-29,BK1,,inv 1001\n"
    "P-2,US01,77.25,USD,2026-09-30,BK2,00042,\n"
    "P-3,JP01,5000,JPY,2026-09-30,BK3,,INV-1004\n"
)
BANK_FILE = (
    "01,BANK,ACME,260930,0800,1,,,2/\n"
    "02,ACME,BANK,1,260930,0800,USD,2/\n"
    "03,4402207781,USD,015,10000,,/\n"
    "16,175,10000,Z,BK9001,C9001,INV-1001/\n"
    "49,20000,3/\n"
    "98,20000,1,5/\n"
    "99,20000,1,7/\n"
)


def match_by_number(match_input, observe, **_):
    """Apply a payment to the one item whose amount and number it names; leave the others."""
    observe("settle", len(match_input.payments))
    payments, items = match_input.payments, match_input.open_items
    ids, texts = payments.strings("payment_id"), payments.strings("remittance_text")
    amounts, currencies = payments.int64("amount_minor"), payments.strings("currency")
    numbers = [number.split("-")[1] for number in items.strings("document_number")]
    keys = list(zip(numbers, items.int64("open_minor").tolist(), strict=True))
    found = [
        next((i for i, (n, a) in enumerate(keys) if n in text and a == amount), None)
        for text, amount in zip(texts, amounts.tolist(), strict=True)
    ]
    applied = np.array([0 if i is None else a for i, a in zip(found, amounts, strict=True)])
    owners = ["" if i is None else items.strings("customer_id")[i] for i in found]
    hits = [k for k, i in enumerate(found) if i is not None]
    left = [k for k, i in enumerate(found) if i is None]
    return MatchResult(
        outcomes=PaymentOutcomeBatch.from_columns(
            {
                "payment_id": ids,
                "company_id": payments.text("company_id"),
                "currency": currencies,
                "customer_id": owners,
                "payer_customer_id": owners,
                "status": ["unidentified" if i is None else "applied" for i in found],
                "applied_minor": applied.astype(np.int64),
                "unidentified_minor": (amounts - applied).astype(np.int64),
            }
        ),
        applications=ApplicationBatch.from_columns(
            {
                "payment_id": [ids[k] for k in hits],
                "open_item_id": [items.strings("open_item_id")[found[k]] for k in hits],
                "customer_id": [owners[k] for k in hits],
                "currency": [currencies[k] for k in hits],
                "decision": ["auto"] * len(hits),
                "proposal_rank": [1] * len(hits),
                "applied_minor": [int(amounts[k]) for k in hits],
                "strategy": ["reference"] * len(hits),
                "uniqueness": ["not_searched"] * len(hits),
                "explanation": ["The payment names the item."] * len(hits),
                "evidence": ['{"number":"literal"}'] * len(hits),
            }
        ),
        reversals=ReversalBatch.empty(),
        exceptions=ExceptionBatch.from_columns(
            {
                "exception_id": [f"E-{ids[k]}" for k in left],
                "payment_id": [ids[k] for k in left],
                "code": ["PAY-UNKNOWN"] * len(left),
                "is_primary": [True] * len(left),
                "amount_minor": [int(amounts[k]) for k in left],
                "currency": [currencies[k] for k in left],
                "message": ["Nobody is known under this name."] * len(left),
                "missing_fact": ["the payer"] * len(left),
                "suggested_action": ["Ask the bank."] * len(left),
            }
        ),
    )


@pytest.fixture
def matcher():
    """The simple matcher, to be handed to a job."""
    return match_by_number


@pytest.fixture
def ledger(tmp_path):
    """A folder with open items, customers, payments, a bank file and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "open_items.csv").write_text(OPEN_ITEMS)
    (folder / "customers.csv").write_text(CUSTOMERS)
    (folder / "payments.csv").write_text(PAYMENTS)
    (folder / "bank.bai").write_text(BANK_FILE)
    (folder / "holiday.bai").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return folder
