"""The screen of one exception as its template needs it: suggestions, items, lines, history."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.json_format import MessageToJson

from tieout.v1 import cases_pb2
from web.pages.bank_text import Mark, marked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tieout.v1 import exception_service_pb2, rows_pb2
    from web.display import Display
    from web.pages.bank_text import BankText
    from web.pages.case_data import CaseData

__all__ = [
    "HistoryAct",
    "ItemRow",
    "Suggestion",
    "bank_text",
    "document_numbers",
    "history",
    "item_key",
    "item_rows",
    "note_said",
    "other_entries",
    "suggestions",
    "taken_entries",
]

_ENGINE_DEDUCTION, _ENGINE_WRITE_OFF = "unknown", "small_difference"
"""Codes of the table of reasons for what the engine says in its own words."""

_LIKELY: Final = 0.9
_POSSIBLE: Final = 0.6
_ITEM_KINDS: Final = frozenset({cases_pb2.ENTRY_KIND_UNSPECIFIED, cases_pb2.ENTRY_KIND_ITEM})
_SENT: Final = frozenset(
    {cases_pb2.DELIVERY_POSTING, cases_pb2.DELIVERY_POSTED, cases_pb2.DELIVERY_CONFIRMED}
)
_TAKEN_BACK: Final = frozenset({"park", "escalate", "resolve", "assign", "identify"})
"""Acts without lines that can be taken back."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal of the engine; `band` is 3 (likely), 2 (possible) or 1 (weak)."""

    rank: int
    percent: int
    band: int
    item_count: int
    referenced_count: int
    cash_minor: int
    difference_minor: int
    strategy: str
    identified_by: str
    uniqueness: str
    sets_that_fit: int
    numbers: tuple[str, ...]
    explanation: str


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """One open item; `entry` is what is picked of it, None where it is not."""

    key: str
    item: rows_pb2.OpenItem
    entry: cases_pb2.CaseEntry | None
    is_written: bool

    @property
    def left_minor(self) -> int:
        """What stays open of it once the pick is taken."""
        one = self.entry
        if one is None:
            return self.item.open_minor
        taken = one.cash_minor + one.discount_minor + one.deduction_minor + one.write_off_minor
        return self.item.open_minor - taken


class HistoryAct(msgspec.Struct, frozen=True, kw_only=True):
    """An act of the history. `lines` still stand and can be taken back one by one."""

    act: cases_pb2.CaseAct
    lines: tuple[cases_pb2.CaseLine, ...]
    can_undo: bool
    is_sent: bool
    said: str


def item_key(company: str, item: str) -> str:
    """Names an item in a form."""
    return f"{company}/{item}"


def suggestions(
    detail: exception_service_pb2.GetCaseResponse,
    said: Callable[[Any, str], str] = lambda row, _: row.explanation,
) -> tuple[Suggestion, ...]:
    """The proposals, rank by rank, each with the facts it rests on.

    `said` words a row and the number of its item.
    """
    summary = detail.case.summary
    # Once all is decided a suggestion is measured by the payment it was made for.
    undecided = summary.undecided_minor or summary.amount_minor
    found = []
    for rank, group in groupby(detail.proposals, key=lambda row: row.proposal_rank):
        rows = list(group)
        facts = [_facts(row.evidence) for row in rows]
        numbers = [
            str(one.get("document_number") or row.open_item_id)
            for one, row in zip(facts, rows, strict=True)
        ]
        cash = sum(row.applied_minor for row in rows)
        confidence = rows[0].confidence
        found.append(
            Suggestion(
                rank=rank,
                percent=int(confidence * 100),
                band=3 if confidence >= _LIKELY else 2 if confidence >= _POSSIBLE else 1,
                item_count=len(rows),
                referenced_count=sum("reference" in row.strategy for row in rows),
                cash_minor=cash,
                difference_minor=undecided - cash,
                strategy=rows[0].strategy,
                identified_by=str(facts[0].get("identified_by", "")),
                uniqueness=rows[0].uniqueness,
                sets_that_fit=int(facts[0].get("sets_that_fit", 0) or 0),
                numbers=tuple(numbers),
                explanation=said(rows[0], numbers[0]),
            )
        )
    return tuple(found)


def _facts(evidence: str) -> dict[str, Any]:
    try:
        facts = json.loads(evidence) if evidence else {}
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def taken_entries(
    detail: exception_service_pb2.GetCaseResponse, rank: int
) -> list[cases_pb2.CaseEntry]:
    """What would be decided now: the draft, or else the suggestion `rank`."""
    if detail.case.draft.entries:
        return list(detail.case.draft.entries)
    return [
        cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_ITEM,
            company_id=detail.case.summary.company_id,
            customer_id=row.customer_id,
            open_item_id=row.open_item_id,
            cash_minor=row.applied_minor,
            discount_minor=row.discount_minor,
            deduction_minor=row.deduction_minor,
            deduction_reason=_ENGINE_DEDUCTION if row.deduction_minor else "",
            write_off_minor=row.write_off_minor,
            write_off_reason=_ENGINE_WRITE_OFF if row.write_off_minor else "",
        )
        for row in detail.proposals
        if row.proposal_rank == rank
    ]


def item_rows(data: CaseData, entries: Iterable[cases_pb2.CaseEntry]) -> tuple[ItemRow, ...]:
    """Open items to pick from: what the payer wrote or the engine suggests first, then by due date.

    Picking moves nothing: rows stay where the eye left them.
    """
    picked = {
        item_key(one.company_id, one.open_item_id): one
        for one in entries
        if one.kind in _ITEM_KINDS and not one.reverses
    }
    text = _compact(_texts(data))
    items = {item_key(one.company_id, one.open_item_id): one for one in data.items}
    for one in data.detail.open_items:
        key = item_key(one.company_id, one.open_item_id)
        if key in picked or (one.open_minor and one.currency_code == _currency(data)):
            items.setdefault(key, one)
    rows = [
        ItemRow(
            key=key,
            item=item,
            entry=picked.get(key),
            is_written=_is_written(item, text),
        )
        for key, item in items.items()
    ]
    offered = {row.open_item_id for row in data.detail.proposals}
    return tuple(
        sorted(rows, key=lambda row: not row.is_written and row.item.open_item_id not in offered)
    )


def _currency(data: CaseData) -> str:
    currency: str = data.detail.case.summary.currency_code
    return currency


def _texts(data: CaseData) -> str:
    payment = data.detail.payment
    lines = (line.reference for line in data.detail.remittance_lines)
    return "\n".join((payment.remittance_text, payment.end_to_end_id, *lines))


def _compact(text: str) -> str:
    return "".join(filter(str.isalnum, text)).upper()


def _is_written(item: rows_pb2.OpenItem, text: str) -> bool:
    """Whether the payer wrote the item's number, its letters left out or not."""
    number = _compact(item.document_number)
    digits = number.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return bool(number) and (number in text or (len(digits) > 3 and digits in text))


def other_entries(entries: Iterable[cases_pb2.CaseEntry]) -> list[tuple[cases_pb2.CaseEntry, str]]:
    """Entries that are on no item, each with itself as JSON, which a form carries along."""
    return [
        (one, MessageToJson(one, indent=None, preserving_proto_field_name=True))
        for one in entries
        if one.kind not in _ITEM_KINDS
    ]


def document_numbers(detail: exception_service_pb2.GetCaseResponse) -> dict[str, str]:
    """Open item → the number people know it by, of what a case has to do with."""
    return {one.open_item_id: one.document_number or one.open_item_id for one in detail.open_items}


def bank_text(data: CaseData, rows: Iterable[ItemRow], display: Display) -> BankText | None:
    """The bank's bytes, with what suggestions, picks and payer rest on marked in them."""
    if data.record is None or not data.record.record:
        return None
    payment = data.detail.payment
    marks = [Mark(payment.payer_name, "payer"), Mark(payment.payer_account, "payer")]
    currency = payment.currency_code
    amount = display.money(payment.amount_minor, currency)
    digits = str(abs(payment.amount_minor))
    marks += [Mark(amount, "amount"), Mark(digits, "amount")]
    marks += [Mark(line.reference, "reference") for line in data.detail.remittance_lines]
    for row in rows:
        if row.entry is not None or row.is_written:
            number = row.item.document_number
            marks += [Mark(number, "reference"), Mark(_digits(number), "reference")]
    return marked_text(
        data.record.before,
        data.record.record,
        data.record.after,
        data.record.source_offset,
        [mark for mark in marks if mark.text],
    )


def _digits(number: str) -> str:
    digits = "".join(filter(str.isdecimal, number))
    return digits if len(digits) > 3 else ""


def note_said(act: cases_pb2.CaseAct) -> str:
    """The text of a note."""
    return str(_facts(act.content).get("text", ""))


def history(detail: exception_service_pb2.GetCaseResponse) -> tuple[HistoryAct, ...]:
    """What was done, the last act first; of picks only the last, they replace each other."""
    reversed_lines = {line.entry.reverses for line in detail.case.lines if line.entry.reverses}
    standing = [
        line
        for line in detail.case.lines
        if not line.entry.reverses
        and line.line_number not in reversed_lines
        and line.delivery != cases_pb2.DELIVERY_CANCELLED
    ]
    shown = []
    acts = list(detail.acts)
    for place, act in enumerate(acts):
        if act.name == "prepare" and any(one.name == "prepare" for one in acts[place + 1 :]):
            continue
        lines = tuple(line for line in standing if line.act_number == act.act_number)
        said = _facts(act.content)
        shown.append(
            HistoryAct(
                act=act,
                lines=lines,
                can_undo=bool(lines) or act.name in _TAKEN_BACK,
                is_sent=any(line.delivery in _SENT for line in lines),
                said=" ".join(str(said[name]) for name in _SAID if said.get(name)),
            )
        )
    engine = tuple(line for line in standing if line.act_number == 0)
    if engine:
        shown.insert(
            0,
            HistoryAct(
                act=cases_pb2.CaseAct(actor="", name="decide"),
                lines=engine,
                can_undo=True,
                is_sent=any(line.delivery in _SENT for line in engine),
                said="",
            ),
        )
    return tuple(reversed(shown))


_SAID: Final = ("text", "reason", "comment", "to", "assignee", "customer_id", "resolution", "event")
"""Words of an act that history shows."""
