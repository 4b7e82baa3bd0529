"""Why an open item was chosen for a payment, or what speaks against it: facts anybody can check."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.money import exponents_of, money_texts
from rpc.conversions import REQUEST_TABLES, row_messages
from tieout.v1 import match_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.apart import Apart
    from engine.batches import OpenItemBatch
    from engine.match_input import MatchResult
    from engine.resident import Resident

__all__ = ["explained"]

_KIND: Final = next(kind for kind in REQUEST_TABLES if kind.field == "open_items")
_SHORTEST_REFERENCE: Final = 3
_RIVALS_SHOWN: Final = 5

_Fact = match_service_pb2.ItemFact


def explained(
    resident: Resident, part: Apart, result: MatchResult, asked: Sequence[str]
) -> Iterator[match_service_pb2.ItemExplanation]:
    """One explanation per item `asked` for, by id or document number, in that order."""
    if not asked:
        return
    company = result.outcomes.strings("company_id")[0]
    found = _rows_of(resident.open_items, company, asked)
    for name in asked:
        row = found.get(name)
        if row is None:
            yield match_service_pb2.ItemExplanation(
                asked=name, outcome=match_service_pb2.ITEM_OUTCOME_NOT_FOUND
            )
            continue
        item = resident.open_items.take(np.array([row]))
        outcome, rank = _outcome(result, item.strings("open_item_id")[0])
        yield match_service_pb2.ItemExplanation(
            asked=name,
            outcome=outcome,
            proposal_rank=rank,
            open_item=row_messages(_KIND, item)[0],
            facts=_facts(resident, part, result, item, row),
        )


def _rows_of(items: OpenItemBatch, company: str, asked: Sequence[str]) -> dict[str, int]:
    """Row of each item asked for: one of the payment's own company before others, ids before
    document numbers.
    """
    wanted = pa.array(asked, pa.string())
    rows: dict[str, tuple[bool, int, int]] = {}
    for order, name in enumerate(("open_item_id", "document_number")):
        hit = np.flatnonzero(pc.is_in(items.text(name), value_set=wanted).to_numpy(False))  # noqa: FBT003 - Arrow's own signature
        at = pa.array(hit)
        for row, text, owner in zip(
            hit.tolist(),
            items.text(name).take(at).to_pylist(),
            items.text("company_id").take(at).to_pylist(),
            strict=True,
        ):
            place = (owner != company, order, row)
            rows[text] = min(rows.get(text, place), place)
    return {text: row for text, (_, _, row) in rows.items()}


def _outcome(
    result: MatchResult, open_item_id: str
) -> tuple[match_service_pb2.ItemOutcome.ValueType, int]:
    rows = result.applications
    ranks = [
        (decision, rank)
        for item, decision, rank in zip(
            rows.strings("open_item_id"),
            rows.strings("decision"),
            rows.int64("proposal_rank").tolist(),
            strict=True,
        )
        if item == open_item_id
    ]
    if any(decision == "auto" for decision, _ in ranks):
        return match_service_pb2.ITEM_OUTCOME_APPLIED, 0
    if ranks:
        return match_service_pb2.ITEM_OUTCOME_PROPOSED, min(rank for _, rank in ranks)
    return match_service_pb2.ITEM_OUTCOME_NOT_CHOSEN, 0


def _facts(
    resident: Resident, part: Apart, result: MatchResult, item: OpenItemBatch, row: int
) -> list[_Fact]:
    payment: dict[str, Any] = part.payments.record_batch.to_pylist()[0]
    outcome: dict[str, Any] = result.outcomes.record_batch.to_pylist()[0]
    of: dict[str, Any] = item.record_batch.to_pylist()[0]
    return [
        *_owner_facts(payment, outcome, of),
        *_state_facts(of),
        _reference_fact(payment, part.remittances.strings("reference"), of),
        *_amount_facts(payment, of),
        *_rival_facts(resident, of, row),
    ]


def _owner_facts(
    payment: dict[str, Any], outcome: dict[str, Any], item: dict[str, Any]
) -> Iterator[_Fact]:
    company = outcome["company_id"] or payment["company_id"]
    for topic, ours, its in (
        ("company", company, item["company_id"]),
        ("currency", payment["currency"], item["currency"]),
    ):
        if ours and ours != its:
            sentence = f"the item's {topic} is {its}, the payment's is {ours}"
            yield _Fact(topic=topic, sentence=sentence, against=True)
    owner, customer = item["customer_id"], outcome["customer_id"]
    if not customer:
        sentence = f"nobody was identified as payer; the item belongs to {owner}"
        yield _Fact(topic="customer", sentence=sentence, against=True)
        return
    same = owner in {customer, outcome["payer_customer_id"]}
    sentence = f"the item belongs to {owner}, the payment settles {customer}"
    yield _Fact(topic="customer", sentence=sentence, against=not same)


def _state_facts(item: dict[str, Any]) -> Iterator[_Fact]:
    if item["status"] != "open" or not item["open_minor"]:
        nothing = "" if item["open_minor"] else ", nothing is open"
        yield _Fact(topic="status", sentence=f"the item is {item['status']}{nothing}", against=True)


def _reference_fact(
    payment: dict[str, Any], references: Sequence[str], item: dict[str, Any]
) -> _Fact:
    told = (payment["remittance_text"], payment["customer_reference"], *references)
    said = _letters(" ".join(told))
    names = [item["document_number"], item["purchase_order"], *item["references"].split(";")]
    named = [name for name in names if len(_letters(name)) >= _SHORTEST_REFERENCE]
    found = [name for name in named if _letters(name) in said]
    if found:
        sentence = f"the payment names {', '.join(found)}"
        return _Fact(topic="reference", sentence=sentence, against=False)
    listed = ", ".join(named) or "its numbers"
    sentence = f"the payment does not name {listed} literally"
    return _Fact(topic="reference", sentence=sentence, against=True)


def _letters(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", text.upper())


def _amount_facts(payment: dict[str, Any], item: dict[str, Any]) -> Iterator[_Fact]:
    if payment["currency"] != item["currency"]:
        return
    paid, still_open = payment["amount_minor"], item["open_minor"]
    shown = _money(still_open, item["currency"])
    if paid == still_open:
        sentence = f"the payment is exactly its open amount {shown}"
        yield _Fact(topic="amount", sentence=sentence, against=False)
        return
    word = "more" if paid > still_open else "less"
    short = _money(abs(paid - still_open), item["currency"])
    sentence = f"the payment is {short} {word} than its open amount {shown}"
    yield _Fact(topic="amount", sentence=sentence, against=True)
    if item["discount_minor"]:
        yield _discount_fact(payment, item)


def _discount_fact(payment: dict[str, Any], item: dict[str, Any]) -> _Fact:
    until, paid = item["discount_date"], payment["value_date"] or payment["booking_date"]
    discount = _money(item["discount_minor"], item["currency"])
    late = (paid - until).days if until and paid else 0
    sentence = f"it offers a discount of {discount} until {until or 'an unstated date'}"
    if late > 0:
        sentence += f", {late} day{'s' if late > 1 else ''} before the payment"
    return _Fact(topic="discount", sentence=sentence, against=late > 0)


def _rival_facts(resident: Resident, item: dict[str, Any], row: int) -> Iterator[_Fact]:
    """Other open items of the same customer, currency and amount: alone, the amount cannot tell."""
    index = resident.index
    at = np.flatnonzero(index.order == row)
    ledger = int(index.ledger[at[0]])
    near = np.arange(index.ledger_start[ledger], index.ledger_end[ledger])
    same = near[(index.open_minor[near] == item["open_minor"]) & (near != at[0])]
    if not len(same) or not item["open_minor"]:
        return
    shown = ", ".join(sorted(index.text("open_item_id", same).to_pylist())[:_RIVALS_SHOWN])
    sentence = f"{len(same)} other items of the customer have the same open amount: {shown}"
    yield _Fact(topic="ambiguous", sentence=sentence, against=True)


def _money(amount_minor: int, currency: str) -> str:
    exponents = exponents_of(pa.array([currency], pa.string()))
    text: str = money_texts(np.array([amount_minor], dtype=np.int64), exponents)[0].as_py()
    return f"{text} {currency}"
