"""Why a payment went where it went, and why an item was not chosen: read from a run directory.

Nothing is decided again here: what was applied and proposed comes with the evidence the engine
recorded; what is said about an item that was not chosen are facts compared now, each checkable.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow.compute as pc

from parsers.result_columns import currency_exponent

if TYPE_CHECKING:
    import pyarrow as pa

    from tieout.run_directory import RunDirectory

__all__ = [
    "ItemFact",
    "ItemStory",
    "PaymentNotFoundError",
    "PaymentStory",
    "explain_item",
    "explain_payment",
    "named_documents",
]

_FINDERS: Final = ("bank_reference", "check_number", "end_to_end_id", "customer_reference")
_RIVALS_SHOWN: Final = 5
_SHORTEST_REFERENCE: Final = 3
"""Letters and digits a reference needs before finding it in a text says anything."""


class PaymentNotFoundError(LookupError):
    """No payment, or more than one, answers to the name given."""


class PaymentStory(msgspec.Struct, frozen=True, kw_only=True):
    """A payment's row, its applications (decided and proposed), exceptions, reversals, lines.

    Each row has the columns of its table; amounts are decimal text, `evidence` is parsed.
    """

    payment: dict[str, Any]
    applied: list[dict[str, Any]]
    proposals: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]
    reversals: list[dict[str, Any]]
    remittance_lines: list[dict[str, Any]]


class ItemFact(msgspec.Struct, frozen=True):
    """One fact about an item beside a payment; `against` where it speaks against choosing it."""

    topic: str
    sentence: str
    against: bool


class ItemStory(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item for one payment, and the facts that speak for and against it."""

    open_item_id: str
    outcome: str
    item: dict[str, Any]
    facts: list[ItemFact]


def explain_payment(run: RunDirectory, name: str) -> PaymentStory:
    """The story of the payment called `name`: an id, its beginning, or a bank's own reference.

    Raises `PaymentNotFoundError` that says what to write instead.
    """
    payment = _find_payment(run.table("payments"), name)
    applications = _rows_of(run, "applications", payment)
    for row in applications:
        row["evidence"] = json.loads(row["evidence"]) if row["evidence"] else None
    return PaymentStory(
        payment=payment,
        applied=[row for row in applications if row["decision"] == "auto"],
        proposals=[row for row in applications if row["decision"] != "auto"],
        exceptions=_rows_of(run, "exceptions", payment),
        reversals=_rows_of(run, "reversals", payment),
        remittance_lines=_rows_of(run, "remittance_lines", payment),
    )


def explain_item(run: RunDirectory, story: PaymentStory, open_item_id: str) -> ItemStory:
    """Why the item was chosen for the payment of `story`, or what speaks against it."""
    items = run.explain_table("open_items")
    asked = pc.or_(
        pc.equal(items["open_item_id"], open_item_id),
        pc.equal(items["document_number"], open_item_id),
    )
    found = items.filter(asked).to_pylist()
    company = story.payment["company_id"] or ""
    found.sort(key=lambda item: (item["company_id"] != company, item["open_item_id"]))
    if not found:
        message = f"no open item of this run has the id or document number {open_item_id!r}"
        raise PaymentNotFoundError(message)
    item = found[0]
    return ItemStory(
        open_item_id=item["open_item_id"],
        outcome=_outcome(story, item["open_item_id"]),
        item=_shown_item(item),
        facts=[
            *_owner_facts(story, item),
            *_state_facts(run, item),
            *_reference_facts(story, item),
            *_amount_facts(story, item),
            *_reserved_facts(run, story, item),
            *_rival_facts(items, item),
        ],
    )


def _find_payment(payments: pa.Table, name: str) -> dict[str, Any]:
    """The one row whose id is or begins with `name`, or whose reference is `name`."""
    asked = [pc.equal(payments["payment_id"], name)]
    asked += [pc.equal(payments[column], name) for column in _FINDERS]
    asked.append(pc.starts_with(payments["payment_id"], name))
    for mask in asked:
        rows = payments.filter(pc.fill_null(mask, False))  # noqa: FBT003  # Arrow's own signature
        if rows.num_rows == 1:
            row: dict[str, Any] = rows.to_pylist()[0]
            return _plain(row, row["currency"])
        if rows.num_rows > 1:
            shown = ", ".join(rows["payment_id"].slice(0, _RIVALS_SHOWN).to_pylist())
            message = f"{rows.num_rows} payments answer to {name!r}: {shown}; give more of the id"
            raise PaymentNotFoundError(message)
    message = (
        f"no payment answers to {name!r}; give a payment_id or its beginning, a bank reference, "
        f"a check number, an end-to-end id or a customer reference"
    )
    raise PaymentNotFoundError(message)


def _rows_of(run: RunDirectory, table: str, payment: dict[str, Any]) -> list[dict[str, Any]]:
    rows = run.table(table)
    own = rows.filter(pc.equal(rows["payment_id"], payment["payment_id"]))
    return [_plain(row, payment["currency"]) for row in own.to_pylist()]


def _plain(row: dict[str, Any], currency: str) -> dict[str, Any]:
    """Amounts and dates as text, the rest as it is."""
    return {
        name: f"{_rounded(value, currency):f}" if isinstance(value, Decimal) else _text(value)
        for name, value in row.items()
    }


def _rounded(amount: Decimal, currency: str) -> Decimal:
    """`amount` with the places of `currency`; tables hold four, the others are zeros."""
    return amount.quantize(Decimal(1).scaleb(-currency_exponent(currency)))


def _text(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def _major(item: dict[str, Any], name: str) -> Decimal:
    return Decimal(item[name]).scaleb(-currency_exponent(item["currency"]))


def _shown_item(item: dict[str, Any]) -> dict[str, Any]:
    """An open item under the contract's names."""
    amounts = {"original_minor": "original_amount", "open_minor": "open_amount"}
    amounts["discount_minor"] = "discount_amount"
    return {
        amounts.get(name, name): f"{_major(item, name):f}" if name in amounts else _text(value)
        for name, value in item.items()
    }


def _outcome(story: PaymentStory, identity: str) -> str:
    for row in story.applied:
        if row["open_item_id"] == identity:
            return f"applied automatically: {row['amount_applied']} by {row['strategy']}"
    ranks = [row["proposal_rank"] for row in story.proposals if row["open_item_id"] == identity]
    if ranks:
        return f"proposed, not decided: rank {', '.join(map(str, ranks))}"
    return "not chosen"


def _owner_facts(story: PaymentStory, item: dict[str, Any]) -> list[ItemFact]:
    payment, facts = story.payment, []
    for topic, column in (("company", "company_id"), ("currency", "currency")):
        ours = payment[column] or ""
        if ours and ours != item[column]:
            said = f"the item's {topic} is {item[column]}, the payment's is {ours}"
            facts.append(ItemFact(topic, said, against=True))
    customer = payment["customer_id"]
    owner = item["customer_id"]
    if not customer:
        said = f"nobody was identified as payer; the item belongs to {owner}"
        facts.append(ItemFact("customer", said, against=True))
    else:
        same = owner in {customer, payment["payer_customer_id"]}
        said = f"the item belongs to {owner}, the payment settles {customer}"
        facts.append(ItemFact("customer", said, against=not same))
    return facts


def _state_facts(run: RunDirectory, item: dict[str, Any]) -> list[ItemFact]:
    facts = []
    if item["status"] != "open":
        said = f"the item is {item['status']}" + ("" if item["open_minor"] else ", nothing is open")
        facts.append(ItemFact("status", said, against=True))
    as_of = run.summary().as_of
    dated = item["document_date"]
    if as_of and dated and dated.isoformat() > as_of:
        said = f"the item is dated {dated}, after the date of the run ({as_of})"
        facts.append(ItemFact("date", said, against=True))
    return facts


def named_documents(story: PaymentStory, documents: list[str]) -> list[str]:
    """Those of `documents` that stand in the payment's text or lines, spelling aside."""
    said = _said(story)
    return [
        name
        for name in documents
        if len(_letters(name)) >= _SHORTEST_REFERENCE and _letters(name) in said
    ]


def _said(story: PaymentStory) -> str:
    return _letters(
        " ".join(
            [story.payment["remittance_text"] or "", story.payment["customer_reference"] or ""]
            + [line["reference"] or "" for line in story.remittance_lines]
        )
    )


def _reference_facts(story: PaymentStory, item: dict[str, Any]) -> list[ItemFact]:
    """Whether any reference of the item stands in the payment's text or lines, spelling aside."""
    said = _said(story)
    names = [item["document_number"], item["purchase_order"], *item["references"].split(";")]
    named = [name for name in names if len(_letters(name)) >= _SHORTEST_REFERENCE]
    found = [name for name in named if _letters(name) in said]
    if found:
        return [ItemFact("reference", f"the payment names {', '.join(found)}", against=False)]
    listed = ", ".join(named) or "its numbers"
    return [ItemFact("reference", f"the payment does not name {listed} literally", against=True)]


def _letters(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def _amount_facts(story: PaymentStory, item: dict[str, Any]) -> list[ItemFact]:
    if story.payment["currency"] != item["currency"]:
        return []
    paid, still_open = Decimal(story.payment["amount"]), _major(item, "open_minor")
    difference = paid - still_open
    if not difference:
        said = f"the payment is exactly its open amount {still_open}"
        return [ItemFact("amount", said, against=False)]
    word = "more" if difference > 0 else "less"
    said = f"the payment is {abs(difference):f} {word} than its open amount {still_open}"
    facts = [ItemFact("amount", said, against=True)]
    if item["discount_minor"]:
        facts.append(_discount_fact(story, item))
    return facts


def _discount_fact(story: PaymentStory, item: dict[str, Any]) -> ItemFact:
    until = item["discount_date"]
    said = f"it offers a discount of {_major(item, 'discount_minor'):f}"
    if until is None:
        return ItemFact("discount", f"{said} until an unstated date", against=False)
    paid = story.payment["value_date"] or story.payment["booking_date"] or ""
    late = (datetime.date.fromisoformat(paid) - until).days if paid else 0
    if late <= 0:
        return ItemFact("discount", f"{said} until {until}", against=False)
    days = f"{late} day{'s' if late > 1 else ''}"
    return ItemFact("discount", f"{said} that expired {days} before ({until})", against=True)


def _reserved_facts(run: RunDirectory, story: PaymentStory, item: dict[str, Any]) -> list[ItemFact]:
    """What other payments of the run took of the item."""
    rows = run.table("applications")
    mask = pc.and_(
        pc.equal(rows["open_item_id"], item["open_item_id"]),
        pc.and_(
            pc.equal(rows["decision"], "auto"),
            pc.not_equal(rows["payment_id"], story.payment["payment_id"]),
        ),
    )
    return [
        ItemFact("reserved", f"payment {row['payment_id']} took {amount:f} of it", against=True)
        for row in rows.filter(mask).to_pylist()
        for amount in (_rounded(row["amount_applied"], item["currency"]),)
    ]


def _rival_facts(items: pa.Table, item: dict[str, Any]) -> list[ItemFact]:
    """Other open items of the same customer, currency and amount: alone, the amount cannot tell."""
    mask = pc.and_(
        pc.equal(items["open_minor"], item["open_minor"]), pc.equal(items["status"], "open")
    )
    for name in ("customer_id", "company_id", "currency"):
        mask = pc.and_(mask, pc.equal(items[name], item[name]))
    found = items.filter(mask)["open_item_id"].to_pylist()
    rivals = [identity for identity in found if identity != item["open_item_id"]]
    if not rivals or not item["open_minor"]:
        return []
    shown = ", ".join(sorted(rivals)[:_RIVALS_SHOWN])
    said = f"{len(rivals)} other open items of the customer have the same amount: {shown}"
    return [ItemFact("ambiguous", said, against=True)]
