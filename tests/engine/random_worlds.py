"""Small random worlds: few customers, few amounts, so that everything that can collide does.

Amounts come from a short list and their sums, document numbers from a dense series, names differ by
a letter or a legal form, and texts quote numbers rightly, clipped, mistyped or not at all.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
)
from engine.matcher import MatchInput, MatchResult, match_payments
from engine.policy import PolicyBook, read_policy

__all__ = ["CALM", "matched", "policies", "shuffled", "worlds"]

CALM = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Settings of every property here: the same examples each time, no clock."""

_NAMES = (
    "Ember Vertex GmbH",
    "Ember Vertex Trust",
    "Ember Vertex",
    "Northern Printing SA",
    "Northern Printing SARL",
    "Birch & Sons Limited",
    "Bäckerei Müller",
    "Quarry Stone Holding",
)
_AMOUNTS = (4_117_23, 2_050_91, 7_731_07, 100_00, 60_12, 40_25, 19_99, 39_98, 500_00, 1)
_ACCOUNTS = ("DE89370400440532013000", "GB33BUKB20201555555555", "021000021/4402207781")
_DAY = datetime.date(2026, 9, 15)
_TEXTS = (
    "",
    "thank you",
    "payment",
    "less damaged",
    "less bank charges",
    "CREDIT INTEREST",
    "see advice",
    "2026-09-15",
    "12345678",
    "½ §§ ﷽",
    "INV INV INV",
)


def _quiet(stage: str, row_count: int) -> None:
    """Nobody watches."""


def matched(match_input: MatchInput) -> MatchResult:
    """The engine's result."""
    return match_payments(match_input, _quiet)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


@st.composite
def _customers(draw: st.DrawFn, companies: list[str], mark: str) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 4))
    rows = []
    for number in range(count):
        customer = f"{mark}C{number:04d}"
        rows.append(
            {
                "company_id": draw(st.sampled_from(companies)),
                "customer_id": customer,
                "name": mark + draw(st.sampled_from(_NAMES)),
                "aliases": draw(st.sampled_from(["", f"{mark}Alias {number}"])),
                "parent_customer_id": draw(
                    st.sampled_from(["", "", *(f"{mark}C{one:04d}" for one in range(count))])
                ),
                "bank_accounts": draw(st.sampled_from(["", *(mark + a for a in _ACCOUNTS)])),
                "policy": draw(st.sampled_from(["", "", "special"])),
                "status": draw(st.sampled_from(["active"] * 9 + ["blocked"])),
            }
        )
    return rows


@st.composite
def _items(
    draw: st.DrawFn, customers: list[dict[str, Any]], currencies: list[str], base: int, mark: str
) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(1, 8))):
        customer = draw(st.sampled_from(customers))
        credit = draw(st.integers(0, 5)) == 0
        amount = draw(st.sampled_from(_AMOUNTS)) * (-1 if credit else 1)
        status = draw(st.sampled_from(["open"] * 8 + ["disputed", "blocked", "paid", "cancelled"]))
        rows.append(
            {
                "open_item_id": f"{mark}I{number}",
                "company_id": customer["company_id"],
                "customer_id": customer["customer_id"],
                "document_number": f"{mark}INV-{base + draw(st.integers(0, 12))}",
                "document_type": "credit_memo" if credit else "invoice",
                "currency": draw(st.sampled_from(currencies)),
                "original_minor": amount,
                "open_minor": 0 if status in ("paid", "cancelled") else amount,
                "document_date": _DAY + datetime.timedelta(days=draw(st.sampled_from([-40, 9]))),
                "due_date": _DAY + datetime.timedelta(days=draw(st.sampled_from([-9, 0, 9]))),
                "discount_date": _DAY + datetime.timedelta(days=draw(st.sampled_from([-3, 0, 9]))),
                "discount_minor": draw(st.sampled_from([0, 0, max(amount // 50, 0)])),
                "purchase_order": draw(st.sampled_from(["", f"{mark}PO{base * 10 + number}"])),
                "references": "",
                "status": status,
            }
        )
    return rows


@st.composite
def _amount(draw: st.DrawFn, items: list[dict[str, Any]]) -> int:
    """The sum of `items`, gross or net, sometimes a little off, or anything."""
    net = draw(st.booleans())
    amount = sum(item["original_minor"] - net * item["discount_minor"] for item in items)
    amount += draw(st.sampled_from([0] * 6 + [-1, 1, -50, 40, 12_345]))
    return amount if amount > 0 else draw(st.sampled_from(_AMOUNTS))


@st.composite
def _text(draw: st.DrawFn, items: list[dict[str, Any]]) -> str:
    words = [draw(st.sampled_from(_TEXTS))]
    for item in draw(st.sampled_from([items, items, []])):
        number = item["document_number"]
        damaged = number[:-2] + number[-1] + number[-2]
        choices = (number, number, number.lower(), number[-5:], damaged, item["purchase_order"])
        words.append(draw(st.sampled_from(choices)))
    return draw(st.sampled_from([" ", "/", ", ", "\n"])).join(words)


@st.composite
def _intent(
    draw: st.DrawFn, customers: list[dict[str, Any]], items: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What somebody wants to pay, and who: some items of one customer, now and then of several."""
    payer = draw(st.sampled_from(customers))
    own = [item for item in items if item["customer_id"] == payer["customer_id"]]
    pool = draw(st.sampled_from([own, own, own, items])) or items
    return draw(st.lists(st.sampled_from(pool), max_size=4, unique_by=id)), payer


@st.composite
def _payments(
    draw: st.DrawFn,
    customers: list[dict[str, Any]],
    items: list[dict[str, Any]],
    companies: list[str],
    currencies: list[str],
    mark: str,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 6))):
        wanted, payer = draw(_intent(customers, items))
        own = [payer["name"]] * 4
        name = draw(st.sampled_from([*own, "", f"{mark}Nobody Known", customers[0]["name"]]))
        account = draw(st.sampled_from(["", "", payer["bank_accounts"], mark + _ACCOUNTS[0]]))
        day = _DAY + datetime.timedelta(days=draw(st.integers(0, 4)))
        money = wanted[0]["currency"] if wanted else draw(st.sampled_from(currencies))
        rows.append(
            {
                "payment_id": f"{mark}P{number}",
                "company_id": draw(st.sampled_from([payer["company_id"], *companies])),
                "booking_date": day,
                "value_date": day,
                "amount_minor": draw(_amount(wanted)),
                "currency": money,
                "payer_name": name,
                "payer_account": account,
                "bank_reference": draw(st.sampled_from(["", f"{mark}B{number}"])),
                "check_number": draw(st.sampled_from(["", "", f"{mark}4711"])),
                "remittance_text": draw(_text(wanted)),
                "original_reference": "",
                "intake_codes": draw(st.sampled_from([""] * 12 + ["IN-TOTAL", "IN-NONAR"])),
            }
        )
    return rows + draw(_returns(rows, mark))


@st.composite
def _returns(draw: st.DrawFn, payments: list[dict[str, Any]], mark: str) -> list[dict[str, Any]]:
    """Some of the payments come back, now and then twice, in part, or under no known number."""
    if not payments:
        return []
    back = draw(st.sampled_from([[], [], draw(st.lists(st.sampled_from(payments), max_size=2))]))
    return [
        payment
        | {
            "payment_id": f"{mark}R{number}",
            "amount_minor": -payment["amount_minor"] + draw(st.sampled_from([0, 0, 0, -1])),
            "bank_reference": "",
            "original_reference": payment["bank_reference"],
            "intake_codes": "",
        }
        for number, payment in enumerate(back)
    ]


@st.composite
def _remittances(
    draw: st.DrawFn, payments: list[dict[str, Any]], items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    rows = []
    for payment in payments:
        lined = items and draw(st.integers(0, 3)) == 0
        lines = draw(st.lists(st.sampled_from(items), max_size=3)) if lined else []
        for number, item in enumerate(lines, start=1):
            taken = draw(st.sampled_from([0, 0, item["discount_minor"]]))
            amount = item["original_minor"] - taken
            rows.append(
                {
                    "payment_id": payment["payment_id"],
                    "line_number": number,
                    "reference": item["document_number"],
                    "amount_minor": draw(st.sampled_from([None, amount, amount, amount - 50])),
                    "discount_minor": taken,
                    "deduction_minor": draw(st.sampled_from([0, 0, 50])),
                    "deduction_reason": draw(st.sampled_from(["", "damaged", "bank fee"])),
                    "currency": payment["currency"],
                }
            )
    return rows


@st.composite
def _advices(
    draw: st.DrawFn, payments: list[dict[str, Any]], items: list[dict[str, Any]], mark: str
) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(0, 2))):
        for line in range(draw(st.integers(1, 2)) if items else 0):
            item = draw(st.sampled_from(items))
            payment = draw(st.sampled_from(["", *(row["payment_id"] for row in payments)]))
            rows.append(
                {
                    "remittance_id": f"{mark}A{number}",
                    "line_number": line + 1,
                    "payment_reference": payment,
                    "check_number": draw(st.sampled_from(["", f"{mark}4711"])),
                    "reference": item["document_number"],
                    "amount_minor": item["original_minor"] * 100,
                }
            )
    return rows


@st.composite
def policies(draw: st.DrawFn) -> PolicyBook:
    """Rules with some of their switches turned."""
    limit = {
        "amount": draw(st.sampled_from(["0", "1.00", "20.00"])),
        "percent": draw(st.sampled_from(["0.5", "10"])),
    }
    common = {
        "automation": {
            "wrong_budget": draw(st.sampled_from([0.0001, 0.0001, 0.2, 1.0])),
            "amount_limit": draw(st.sampled_from(["", "", "", "500.00"])),
        },
        "bank_charges": {"schedule": draw(st.sampled_from([[], ["7.35"], ["5.00", "20.00"]]))},
        "tax": {"rates": draw(st.sampled_from([[], ["19"], ["5", "10"]])), "book": False},
        "withholding": {
            "rates": draw(st.sampled_from([[], ["10"], ["2", "5"]])),
            "book": draw(st.booleans()),
        },
        "rounding": {"step": draw(st.sampled_from(["0", "0", "0.05", "1.00"]))},
        "tolerance": {"under": limit, "over": limit},
        "discount": {
            "grace_days": draw(st.sampled_from([0, 3])),
            "allow_unearned": draw(st.booleans()),
        },
        "short_pay": {"book_deduction": draw(st.booleans())},
        "overpayment": {
            "known_payer": draw(st.sampled_from(["on_account", "unapplied", "refund"]))
        },
        "strategies": {
            "unique_amounts": draw(st.sampled_from(["propose", "apply"])),
            "future_items": draw(st.booleans()),
            "oldest_first": draw(st.sampled_from([False, False, True])),
        },
        "profile": {
            "special": {
                "tolerance": {"under": {"amount": "50.00"}},
                "automation": {"mode": draw(st.sampled_from(["apply", "apply", "shadow"]))},
            }
        },
    }
    return read_policy(common)


@st.composite
def worlds(
    draw: st.DrawFn,
    companies: tuple[str, ...] = ("", "US01"),
    currencies: tuple[str, ...] = ("USD", "EUR", "JPY"),
    mark: str = "",
    base: int = 20_010_000,
) -> MatchInput:
    """One world: everything of it begins with `mark`, its documents are numbered from `base`."""
    owners = draw(st.sampled_from([companies[:1], companies]))
    money = draw(st.sampled_from([currencies[:1], currencies]))
    customers = draw(_customers(list(owners), mark))
    items = draw(_items(customers, list(money), base, mark))
    payments = draw(_payments(customers, items, list(owners), list(money), mark))
    return MatchInput(
        payments=PaymentBatch.from_columns(_columns(payments)),
        open_items=OpenItemBatch.from_columns(_columns(items)),
        remittances=RemittanceBatch.from_columns(_columns(draw(_remittances(payments, items)))),
        advices=AdviceBatch.from_columns(_columns(draw(_advices(payments, items, mark)))),
        customers=CustomerBatch.from_columns(_columns(customers)),
        bank_accounts=BankAccountBatch.empty(),
        policy=draw(policies()),
        as_of=draw(st.sampled_from([None, _DAY])),
    )


@st.composite
def shuffled(draw: st.DrawFn, match_input: MatchInput) -> MatchInput:
    """The same world, every table's rows in another order."""
    tables = {}
    for name in ("payments", "open_items", "remittances", "advices", "customers", "bank_accounts"):
        batch = getattr(match_input, name)
        order = draw(st.permutations(range(len(batch))))
        tables[name] = batch.take(np.array(order, dtype=np.int64))
    return MatchInput(policy=match_input.policy, as_of=match_input.as_of, **tables)
