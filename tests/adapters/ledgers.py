"""Ledgers to be posted: a few payments a person can follow, and random ones with their truth.

The truth is kept beside the batches, in plain Python, so that readers of documents are compared
with what was meant, not with what the adapters understood.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field

from adapters.ledger_rows import PostingInput
from engine.batches import (
    ApplicationBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    ReversalBatch,
)

COMPANIES = {"A1": "USD", "J1": "JPY", "K1": "KWD"}
CREDITS = ("credit_memo", "on_account")
DAY = dt.date(2026, 9, 30)


@dataclass
class Money:
    """Money as a reader of documents sees it, in minor units.

    bank: by currency; closed: what is taken off items; credit: left on customers' accounts;
    differences: closed without cash, by currency; moved: new items of deductions, by customer.
    """

    bank: Counter = field(default_factory=Counter)
    closed: Counter = field(default_factory=Counter)
    credit: Counter = field(default_factory=Counter)
    differences: Counter = field(default_factory=Counter)
    moved: Counter = field(default_factory=Counter)

    def cleaned(self):
        """Without zeros."""
        return {
            name: {key: value for key, value in counter.items() if value}
            for name, counter in vars(self).items()
        }


@dataclass
class Book:
    """Rows of the batches as dictionaries."""

    items: list = field(default_factory=list)
    payments: list = field(default_factory=list)
    outcomes: list = field(default_factory=list)
    applications: list = field(default_factory=list)
    reversals: list = field(default_factory=list)
    companies = COMPANIES

    def item(self, identity, customer, number, amount, **more):
        """An open item; its company's currency."""
        company = more.pop("company_id", "A1")
        kind = "invoice" if amount > 0 else "credit_memo"
        self.items.append(
            {
                "open_item_id": identity,
                "company_id": company,
                "customer_id": customer,
                "document_number": number,
                "document_type": kind,
                "currency": COMPANIES.get(company, "USD"),
                "original_minor": amount,
                "open_minor": amount,
                "status": "open",
                "due_date": dt.date(2026, 9, 15),
            }
            | more
        )

    def payment(self, identity, customer, amount, rows=(), company="A1", **more):
        """A payment, what it does to items (id, cash, and differences by name), and its buckets."""
        given = {name: more.pop(name) for name in list(more) if name in PaymentBatch.SCHEMA.names}
        source = {
            "payment_id": identity,
            "company_id": company,
            "bank_account": "7730041952",
            "value_date": DAY,
            "amount_minor": amount,
            "currency": COMPANIES[company],
            "method": "wire",
            "payer_name": "Orchard Supply Co",
            "bank_reference": f"BK{identity}",
        }
        self.payments.append(source | given)
        owners = {one["open_item_id"]: one["customer_id"] for one in self.items}
        for item, cash, differences in rows:
            row = {"payment_id": identity, "open_item_id": item, "applied_minor": cash}
            row |= {"customer_id": owners[item], "currency": COMPANIES[company]}
            self.applications.append(row | {"decision": "auto", "proposal_rank": 1} | differences)
        outcome = {
            "payment_id": identity,
            "company_id": company,
            "currency": COMPANIES[company],
            "customer_id": customer,
            "payer_customer_id": customer,
            "status": "applied",
            "applied_minor": sum(cash for _, cash, _ in rows),
        }
        self.outcomes.append(outcome | more)

    def comes_back(self, identity, original, company="A1"):
        """A return of a payment of this book, which re-opens what it closed."""
        (paid,) = [one for one in self.payments if one["payment_id"] == original]
        self.payments.append(paid | {"payment_id": identity, "amount_minor": -paid["amount_minor"]})
        (was,) = [one for one in self.outcomes if one["payment_id"] == original]
        self.outcomes.append(
            {
                "payment_id": identity,
                "company_id": company,
                "currency": COMPANIES[company],
                "customer_id": was["customer_id"],
                "status": "returned",
                "returned_minor": -paid["amount_minor"],
            }
        )
        for row in [one for one in self.applications if one["payment_id"] == original]:
            self.reversals.append(
                {
                    "payment_id": identity,
                    "original_payment_id": original,
                    "open_item_id": row["open_item_id"],
                    "currency": row["currency"],
                    "amount_minor": closed_minor(row),
                }
            )

    def given(self):
        """The batches."""
        return PostingInput(
            payments=batch(PaymentBatch, self.payments),
            outcomes=batch(PaymentOutcomeBatch, self.outcomes),
            applications=batch(ApplicationBatch, self.applications),
            open_items=batch(OpenItemBatch, self.items),
            reversals=batch(ReversalBatch, self.reversals),
        )


def batch(kind, rows):
    """Rows as a batch; what a row does not say is empty."""
    names = {name for row in rows for name in row}
    empty = {name: 0 if name.endswith("_minor") else "" for name in names}
    empty |= {name: None for name in names if name.endswith("_date")}
    columns = {name: [row.get(name, empty[name]) for row in rows] for name in names}
    return kind.from_columns(columns, len(rows))


def closed_minor(row):
    """What an application takes off its item."""
    parts = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
    return sum(row.get(name, 0) for name in parts)


def truth(book, posted):
    """The money of the payments `posted`, straight from the rows."""
    money = Money()
    for payment in book.payments:
        if payment["payment_id"] in posted:
            money.bank[payment["currency"]] += payment["amount_minor"]
    for row in book.applications:
        if row["payment_id"] not in posted:
            continue
        key = (row["currency"], row["customer_id"], row["open_item_id"])
        money.closed[key] += closed_minor(row)
        money.differences[row["currency"]] += closed_minor(row) - row["applied_minor"]
        money.moved[row["currency"], row["customer_id"]] += row.get("deduction_minor", 0)
    for row in book.outcomes:
        if row["payment_id"] in posted:
            left = ("on_account_minor", "unapplied_minor", "refund_minor")
            money.credit[row["currency"], row["customer_id"]] += sum(
                row.get(name, 0) for name in left
            )
    return money


def small_book():
    """Every kind of line once, in payments a person can follow."""
    book = Book()
    book.item("I1", "C1", "INV-1001", 100_00)
    book.item("I2", "C1", "INV-1002", 250_50)
    book.item("I3", "C1", "INV-1003", 98_00)
    book.item("M1", "C1", "CM-2001", -30_00)
    book.item("I4", "C2", "INV-1004", 500_00)
    book.item("I5", "C3", "INV-1005", 75_25)
    book.item("I6", "C3", "INV-1006", 1_000_00, original_minor=1_200_00)
    book.item("J1", "C9", "JP-1", 5_000, company_id="J1")
    book.payment("P1", "C1", 100_00, [("I1", 100_00, {})])
    book.payment("P2", "C1", 218_10, [("I2", 248_10, {"discount_minor": 2_40}), ("M1", -30_00, {})])
    tolerated = {"write_off_minor": 40, "write_off_reason": "tolerance"}
    book.payment("P3", "C1", 97_60, [("I3", 97_60, tolerated)])
    damaged = {"deduction_minor": 100_00, "deduction_reason": "damaged goods"}
    book.payment("P4", "C2", 400_00, [("I4", 400_00, damaged)])
    over = {"write_off_minor": -30, "write_off_reason": "tolerance"}
    book.payment("P5", "C3", 75_55, [("I5", 75_55, over)], check_number="00042", method="check")
    book.payment("P6", "C3", 320_00, [("I6", 300_00, {})], on_account_minor=20_00)
    book.payment("P7", "C9", 5_000, [("J1", 5_000, {})], company="J1")
    book.payment("P8", "", 12_00, unidentified_minor=12_00, status="unidentified")
    book.payment("P9", "", 99_00, non_ar_minor=99_00, status="non_ar")
    book.comes_back("R1", "P3")
    return book


def random_book(seed, payments=12):
    """Payments of three currencies, several customers, every kind of difference."""
    dice = random.Random(seed)  # noqa: S311 - made-up money needs no secrecy
    book = Book()
    for at in range(payments):
        company = dice.choice(list(COMPANIES))
        customers = [f"{company}C{dice.randrange(3)}"]
        if dice.random() < 0.2:
            customers.append(f"{company}C{dice.randrange(3)}")
        rows = [
            one
            for place in range(dice.randrange(5))
            for one in _row(book, dice, f"{at}.{place}", dice.choice(customers), company)
        ]
        credit = dice.choice([0, 0, 0, dice.randrange(1, 50_000)])
        amount = credit + sum(cash for _, cash, _ in rows)
        told = {"on_account_minor": credit}
        if not rows and not credit:
            amount = dice.randrange(1, 90_000)
            told = {"unapplied_minor": amount, "status": "unapplied"}
        book.payment(f"P{at:03d}", customers[0], amount, rows, company, **told)
        if rows and amount > 0 and dice.random() < 0.15:
            book.comes_back(f"R{at:03d}", f"P{at:03d}", company)
    return book


def _row(book, dice, mark, customer, company):
    """An invoice that is paid, maybe in part or with a difference, and maybe a credit beside it."""
    amount = dice.randrange(1_000, 900_000)
    kind = dice.choice(["invoice", "invoice", "debit_memo", "finance_charge"])
    earlier = dice.choice([0, 0, 0, 500])
    book.item(
        f"I{mark}",
        customer,
        f"INV-{mark}",
        amount,
        company_id=company,
        document_type=kind,
        original_minor=amount + earlier,
    )
    differences = {}
    cash = amount if dice.random() < 0.8 else dice.randrange(100, amount)
    if cash == amount:
        share = dice.randrange(1, 400)
        differences = dice.choice(
            [
                {},
                {},
                {"discount_minor": share},
                {"write_off_minor": share, "write_off_reason": "bank_charge"},
                {"write_off_minor": -share, "write_off_reason": "tolerance"},
                {"deduction_minor": share, "deduction_reason": "price"},
                {
                    "discount_minor": share,
                    "write_off_minor": 1,
                    "write_off_reason": "rounding",
                },
            ]
        )
        cash -= sum(value for value in differences.values() if isinstance(value, int))
    yield f"I{mark}", cash, differences
    if dice.random() < 0.2:
        credit = dice.randrange(1, cash)
        kind = dice.choice(CREDITS)
        told = {"company_id": company, "document_type": kind}
        book.item(f"M{mark}", customer, f"CM-{mark}", -credit, **told)
        yield f"M{mark}", -credit, {}
