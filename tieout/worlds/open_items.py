"""The open items of a world: drawn as columns, then held as lists that scenarios may look into."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.worlds.accounts import creditor_reference
from tieout.worlds.customers import company_shares
from tieout.worlds.references import DOCUMENT_STYLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.worlds.customers import CustomerBook
    from tieout.worlds.dice import Dice
    from tieout.worlds.spec import WorldSpec

__all__ = ["EPOCH", "NOT_LISTED", "OpenItems", "build_open_items"]

EPOCH: Final = dt.date(1970, 1, 1)
"""Day 0 of every `day` in this package."""

NOT_LISTED: Final = "not listed"
"""Status of an item that exists, that somebody pays, and that the open items do not have."""

_TERMS: Final = (
    # text, days net, discount days, discount in tenths of a percent, weight
    ("net 30", 30, 0, 0, 0.36),
    ("net 45", 45, 0, 0, 0.12),
    ("net 14", 14, 0, 0, 0.10),
    ("net 60", 60, 0, 0, 0.07),
    ("2/10 net 30", 30, 10, 20, 0.18),
    ("3/14 net 45", 45, 14, 30, 0.10),
    ("1/8 net 30", 30, 8, 10, 0.07),
)
_DOCUMENT_TYPES: Final = ("invoice", "credit_memo", "debit_memo", "finance_charge", "on_account")
_TYPE_WEIGHTS: Final = (0.912, 0.055, 0.018, 0.009, 0.006)
_STATUSES: Final = ("open", "paid", "cancelled", "disputed")
_STATUS_WEIGHTS: Final = (0.885, 0.085, 0.012, 0.018)
_OWED: Final = ("open", "disputed", "blocked")
_ROUND_SHARE: Final = 0.3
_RUN_SHARE: Final = 0.12
_RECENT_SHARE: Final = 0.42
_SERIAL_FIRST: Final = 31_000


class OpenItems(msgspec.Struct):
    """Open items as parallel lists, amounts in cents, dates in days since `EPOCH`.

    `face` is the amount a clerk would see as open (credit memos negative), also for items that
    are paid or cancelled by now; `open_minor` of those is 0. Where there is no discount,
    `discount_day` is −1 and `discount` 0. `terms_only` items give theirs as payment terms.
    `installment` names those that are one of several of their document.
    """

    company: list[int]
    customer: list[int]
    document: list[str]
    kind: list[str]
    status: list[str]
    face: list[int]
    original: list[int]
    day: list[int]
    due_day: list[int]
    discount_day: list[int]
    discount: list[int]
    terms: list[str]
    terms_only: list[bool]
    purchase_order: list[str]
    references: list[str]
    rows_of_customer: list[list[int]]
    installment: dict[int, str] = {}

    def __len__(self) -> int:
        """How many items."""
        return len(self.company)

    def open_minor(self, row: int) -> int:
        """What is open on `row` in cents."""
        return self.face[row] if self.status[row] in _OWED else 0

    def is_payable(self, row: int) -> bool:
        """Whether a payer could pay `row`: an undisputed open item that it owes."""
        return self.face[row] > 0 and self.status[row] == "open"

    def open_rows(self, customer: int, count_max: int) -> list[int]:
        """Rows of `customer` on which something is open; none where there are over `count_max`."""
        rows: list[int] = []
        for row in self.rows_of_customer[customer]:
            if self.open_minor(row):
                if len(rows) == count_max:
                    return []
                rows.append(row)
        return rows

    def discounted(self, row: int, day: int) -> int:
        """The discount that `row` earns when paid on `day`, in cents."""
        return self.discount[row] if day <= self.discount_day[row] else 0


def build_open_items(spec: WorldSpec, dice: Dice, customers: CustomerBook) -> OpenItems:
    """Every item of the world, company by company, each company's in order of its numbers."""
    rng = dice.generator
    owners = np.array(customers.company)
    parts = []
    for company, count in enumerate(company_shares(spec, spec.open_item_count).tolist()):
        members = np.flatnonzero(owners == company)
        parts.append(_company_columns(spec, rng, company, members, count))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _as_lists(spec, dice, columns, len(customers))


def _company_columns(
    spec: WorldSpec,
    rng: np.random.Generator,
    company: int,
    members: NDArray[np.int64],
    count: int,
) -> dict[str, NDArray[np.int64]]:
    as_of = (spec.as_of - EPOCH).days
    activity = np.minimum(rng.lognormal(0.0, 0.95, len(members)), 14.0)
    customer = members[rng.choice(len(members), size=count, p=activity / activity.sum())]
    age = np.where(
        rng.random(count) < _RECENT_SHARE, rng.integers(4, 24, count), rng.integers(18, 170, count)
    )
    day = np.sort(as_of - age)
    in_run = rng.random(count) < _RUN_SHARE
    in_run[0] = False
    leader = np.maximum.accumulate(np.where(in_run, 0, np.arange(count)))
    customer, day = customer[leader], day[leader]
    step = np.ones(count, np.int64) if spec.dense_numbers else rng.integers(1, 6, count)
    step[in_run] = 1
    terms_of = rng.choice(len(_TERMS), size=int(members.max()) + 1, p=[t[4] for t in _TERMS])
    return {
        "company": np.full(count, company),
        "customer": customer,
        "day": day,
        "serial": _SERIAL_FIRST * (company + 1) + np.cumsum(step),
        "terms": terms_of[customer],
        "kind": rng.choice(len(_DOCUMENT_TYPES), size=count, p=_TYPE_WEIGHTS),
        "status": rng.choice(len(_STATUSES), size=count, p=_STATUS_WEIGHTS),
        "amount": _amounts(spec, rng, customer, count),
    }


def _amounts(
    spec: WorldSpec, rng: np.random.Generator, customer: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Invoice amounts in cents in the style of the world, shape (count,)."""
    if spec.amount_style == "rent":
        levels = rng.integers(9, 64, (int(customer.max()) + 1, 2)) * 2_500
        second = (rng.random(count) < 0.25).astype(np.int64)
        return np.asarray(levels[customer, second], dtype=np.int64)
    if spec.amount_style == "price_list":
        prices = rng.integers(3, 120, 30) * 100 - rng.choice([0, 1, 5, 50], 30)
        products = rng.integers(0, 30, (int(customer.max()) + 1, 3))
        product = products[customer, rng.integers(0, 3, count)]
        quantity = rng.choice([1, 2, 4, 5, 6, 10, 12, 20, 24, 50], count)
        return np.asarray(prices[product] * quantity, dtype=np.int64)
    cents = np.clip(rng.lognormal(11.3, 1.15, count), 900, 60_000_000).astype(np.int64)
    if spec.amount_style == "whole_dollar":
        return np.asarray(np.maximum(cents // 100, 5) * 100, dtype=np.int64)
    rounded = np.maximum(cents // 500, 2) * 500
    is_round = rng.random(count) < _ROUND_SHARE
    return np.asarray(np.where(is_round, rounded, cents), dtype=np.int64)


def _as_lists(
    spec: WorldSpec, dice: Dice, columns: dict[str, NDArray[np.int64]], customer_count: int
) -> OpenItems:
    rng = dice.generator
    count = len(columns["company"])
    kind, terms = columns["kind"], columns["terms"]
    amount, status = columns["amount"], columns["status"]
    status[kind != 0] = 0
    credit = (kind == 1) | (kind == 4)
    face = np.where(credit, -np.maximum(amount // rng.integers(3, 12, count), 150), amount)
    part_paid = (kind == 0) & (status == 0) & (rng.random(count) < 0.02)
    face = np.where(part_paid, face * rng.integers(20, 80, count) // 100, face)
    net, window, tenths = (np.array([term[at] for term in _TERMS])[terms] for at in (1, 2, 3))
    offers = (kind == 0) & (window > 0) & ~part_paid
    discount = np.where(offers, (face * tenths + 500) // 1000, 0)
    order = np.argsort(columns["customer"], kind="stable")
    edges = np.searchsorted(columns["customer"][order], np.arange(1, customer_count))
    documents, orders, references = _texts(spec, dice, columns)
    return OpenItems(
        company=columns["company"].tolist(),
        customer=columns["customer"].tolist(),
        document=documents,
        kind=[_DOCUMENT_TYPES[code] for code in kind.tolist()],
        status=[_STATUSES[code] for code in status.tolist()],
        face=face.tolist(),
        original=np.where(part_paid, amount, face).tolist(),
        day=columns["day"].tolist(),
        due_day=(columns["day"] + np.where(credit, 0, net)).tolist(),
        discount_day=np.where(offers, columns["day"] + window, -1).tolist(),
        discount=discount.tolist(),
        terms=[_TERMS[code][0] for code in terms.tolist()],
        terms_only=(offers & (rng.random(count) < 0.3)).tolist(),
        purchase_order=orders,
        references=references,
        rows_of_customer=[rows.tolist() for rows in np.split(order, edges)],
    )


def _texts(
    spec: WorldSpec, dice: Dice, columns: dict[str, NDArray[np.int64]]
) -> tuple[list[str], list[str], list[str]]:
    """Document numbers, purchase orders and further references of each item."""
    count = len(columns["serial"])
    has_order = (dice.generator.random(count) < 0.45).tolist()
    has_more = (dice.generator.random(count) < 0.35).tolist()
    order_number = dice.generator.integers(10_000_000, 99_999_999, count).tolist()
    years = np.where(columns["day"] >= (dt.date(2026, 1, 1) - EPOCH).days, 2026, 2025)
    documents, orders, references = [], [], []
    rows = zip(columns["company"].tolist(), columns["serial"].tolist(), years.tolist(), strict=True)
    for row, (company, serial, year) in enumerate(rows):
        entity = spec.companies[company]
        document = DOCUMENT_STYLES[entity.document_style](serial, year)
        documents.append(document)
        orders.append(f"45{order_number[row]}" if has_order[row] else "")
        more = ""
        if has_more[row]:
            plain = "".join(character for character in document if character.isalnum())
            delivery = f"DN{order_number[row] % 9_000_000 + 1_000_000}"
            more = delivery if entity.country == "US" else creditor_reference(plain)
        references.append(more)
    return documents, orders, references
