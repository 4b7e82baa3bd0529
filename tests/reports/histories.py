"""Made-up histories: customers with habits of their own, seeded."""

from __future__ import annotations

import datetime as dt

import numpy as np

from parsers.table_files import TableContent
from tieout.receivables.history import read_history

START = dt.date(2025, 1, 1)
HEADER = (
    "open_item_id,company_id,customer_id,currency,document_date,due_date,original_amount,"
    "settled_date,settled_amount,discount_date,discount_taken"
)


def seeded_rows(seed=1, customers=40, days=540, items=4000):
    """Rows of a history that ends after `days`: each customer pays around a delay of his own."""
    dice = np.random.default_rng(seed)
    usual = dice.normal(12, 14, customers)
    spread = dice.uniform(1, 8, customers)
    rows = []
    for at in range(items):
        customer = int(dice.integers(customers))
        document = int(dice.integers(0, days))
        due = document + int(dice.choice([14, 30, 30, 60]))
        settled = due + round(dice.normal(usual[customer], spread[customer]))
        settled = max(settled, document + 1)
        amount = int(dice.integers(10_00, 9_000_00))
        shown = [START + dt.timedelta(days=one) for one in (document, due, settled)]
        is_paid = settled <= days
        cells = [f"I{at}", f"CO{customer % 2}", f"C{customer}", "USD", shown[0], shown[1]]
        cells += [f"{amount / 100:.2f}", shown[2] if is_paid else "", "", "", ""]
        rows.append(",".join(str(cell) for cell in cells))
    return rows


def history_of(rows):
    """A history of lines of CSV."""
    return read_history(TableContent("history.csv", "\n".join([HEADER, *rows, ""]).encode()))


def day(text):
    """The number of a day."""
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
