"""Cases, their lines and acts ↔ messages of the contract; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from desk.acts import Remainder, act_name
from desk.cases import Case, Delivery, Entry, EntryKind, State, buckets, undecided_minor
from rpc.errors import FieldError
from store.case_records import CaseFilter
from tieout.v1 import cases_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from desk.cases import Draft, Line
    from desk.outcomes import Event
    from rpc.caller import Caller
    from store.case_payments import ListedPayment
    from store.case_records import ActRecord, CasePage, CaseSummary, FacetCount

__all__ = [
    "act_message",
    "case_filter",
    "case_message",
    "delivery_of",
    "entries_of",
    "entry_message",
    "facet_message",
    "listed_messages",
    "milliseconds",
    "remainder_of",
    "summary_message",
]

_STATES: Final = {
    state: contract.CaseState.Value(f"CASE_STATE_{state.upper()}") for state in get_args(State)
}
_KINDS: Final = {
    kind: contract.EntryKind.Value(f"ENTRY_KIND_{kind.upper()}") for kind in get_args(EntryKind)
}
_DELIVERIES: Final = {
    one: contract.Delivery.Value(f"DELIVERY_{one.upper()}") for one in get_args(Delivery)
}
_KIND_OF: Final = {number: kind for kind, number in _KINDS.items()} | {0: "item"}
_STATE_OF: Final = {number: state for state, number in _STATES.items()}
_MONEY_AND_TEXT: Final = tuple(name for name in Entry.__struct_fields__ if name != "kind")


def milliseconds(message: Any, field: str) -> int:
    """Milliseconds since 1970 of a timestamp field; 0 where it is not set."""
    found: int = getattr(message, field).ToMilliseconds() if message.HasField(field) else 0
    return found


def delivery_of(number: int) -> Delivery:
    """How far a line is; raises `FieldError` for what nobody knows."""
    for delivery, own in _DELIVERIES.items():
        if own == number:
            found: Delivery = delivery
            return found
    message = f"delivery is {number}, which is none"
    raise FieldError(message, field="delivery", value=str(number))


def entries_of(messages: Iterable[contract.CaseEntry]) -> tuple[Entry, ...]:
    """Entries as the desk wants them; raises `FieldError` for a kind nobody knows."""
    entries = []
    for message in messages:
        kind = _KIND_OF.get(message.kind)
        if kind is None:
            text = f"kind is {message.kind}, which is no kind of entry"
            raise FieldError(text, field="entries.kind", value=str(message.kind))
        fields = {name: getattr(message, name) for name in _MONEY_AND_TEXT}
        entries.append(Entry(kind=kind, **fields))  # type: ignore[arg-type]  # names of EntryKind
    return tuple(entries)


def remainder_of(message: contract.Remainder) -> Remainder:
    """What becomes of the difference; raises `FieldError` for a kind nobody knows."""
    if message.kind not in contract.RemainderKind.values():
        text = f"remainder.kind is {message.kind}, which is none"
        raise FieldError(text, field="remainder.kind", value=str(message.kind))
    name = contract.RemainderKind.Name(message.kind).removeprefix("REMAINDER_KIND_").lower()
    return msgspec.convert(
        {
            "kind": "leave" if message.kind == 0 else name,
            "reason": message.reason,
            "link": message.link,
            "customer_id": message.customer_id,
        },
        Remainder,
    )


def case_filter(message: contract.CaseFilter, caller: Caller) -> CaseFilter:
    """The filter of a request, within the companies of its `caller`."""
    return CaseFilter(
        states=tuple(_STATE_OF[one] for one in message.states if one in _STATE_OF),
        codes=tuple(message.codes),
        company_ids=tuple(message.company_ids),
        currencies=tuple(message.currency_codes),
        customer_ids=tuple(message.customer_ids),
        assignees=tuple(message.assignees),
        file_ids=tuple(message.file_ids),
        bank_accounts=tuple(message.bank_accounts),
        ages=tuple(message.ages),
        amount_bands=tuple(message.amount_bands),
        text=message.text,
        mentioned=caller.name if message.mentions_caller else "",
        amount_min_minor=message.amount_min_minor,
        amount_max_minor=message.amount_max_minor,
        due_before_ms=milliseconds(message, "due_before"),
        raised_before_ms=milliseconds(message, "raised_before"),
        companies=None if caller.companies is None else tuple(sorted(caller.companies)),
    )


def summary_message(summary: CaseSummary) -> contract.CaseSummary:
    """A row of a queue."""
    return contract.CaseSummary(
        case_id=summary.case_id,
        payment_id=summary.payment_id,
        file_id=summary.file_id,
        company_id=summary.company_id,
        customer_id=summary.customer_id,
        currency_code=summary.currency,
        amount_minor=summary.amount_minor,
        undecided_minor=summary.undecided_minor,
        code=summary.code,
        state=_STATES[summary.state],
        etag=str(summary.version),
        assignee=summary.assignee,
        lease_holder=summary.lease_holder if summary.state == "in_work" else "",
        lease_end_time=_time(summary.lease_until_ms if summary.state == "in_work" else 0),
        raise_time=_time(summary.raised_at_ms),
        due_time=_time(summary.due_at_ms),
        parked_until_time=_time(summary.parked_until_ms if summary.state == "parked" else 0),
        awaited_event=summary.awaited_event if summary.state == "parked" else "",
    )


def listed_messages(
    page: CasePage, payments: Mapping[str, ListedPayment]
) -> list[contract.CaseSummary]:
    """The rows of a page, with what lists show of `payments`."""
    messages = []
    for summary in page.cases:
        message = summary_message(summary)
        shown = payments.get(summary.payment_id)
        if shown is not None:
            message.payer_name = shown.payer_name
            message.bank_account = shown.bank_account
            message.value_date = shown.value_date
            message.proposal_confidence = shown.first_confidence
        messages.append(message)
    return messages


def case_message(summary: CaseSummary, case: Case) -> contract.Case:
    """A whole case; `summary` is as it was read, the rest as `case` is now."""
    now = msgspec.structs.replace(
        summary,
        customer_id=case.customer_id,
        undecided_minor=undecided_minor(case),
        state=case.state,
        version=case.version,
        assignee=case.assignee,
        due_at_ms=case.due_ms,
        lease_holder=case.lease.holder if case.lease else "",
        lease_until_ms=case.lease.until_ms if case.lease else 0,
        parked_until_ms=case.parking.until_ms if case.parking else 0,
        awaited_event=case.parking.event if case.parking else "",
    )
    return contract.Case(
        summary=summary_message(now),
        backup=case.backup,
        parking_reason=case.parking.reason if case.parking else "",
        escalated_to=case.escalation.to if case.escalation else "",
        escalation_reason=case.escalation.reason if case.escalation else "",
        rejection=case.rejection,
        resolution=case.resolution,
        draft=_draft_message(case.draft),
        lines=[_line_message(line) for line in case.lines],
        buckets=contract.CaseBuckets(**msgspec.structs.asdict(buckets(case))),
    )


def act_message(record: ActRecord) -> contract.CaseAct:
    """An act of the log."""
    return contract.CaseAct(
        act_number=record.act_number,
        actor=record.actor,
        perform_time=_time(record.performed_at_ms),
        batch_id=record.batch_id,
        name=act_name(record.act),
        content=msgspec.json.encode(record.act).decode(),
        events=[_event_message(event) for event in record.events],
    )


def facet_message(count: FacetCount) -> contract.FacetCount:
    """One value of a facet."""
    return contract.FacetCount(
        facet=count.facet, value=count.value, case_count=count.case_count, label=count.label
    )


def entry_message(entry: Entry) -> contract.CaseEntry:
    """An entry, or what a line decides."""
    fields = {name: getattr(entry, name) for name in _MONEY_AND_TEXT}
    return contract.CaseEntry(kind=_KINDS[entry.kind], **fields)


def _draft_message(draft: Draft) -> contract.CaseDraft:
    return contract.CaseDraft(
        entries=[entry_message(entry) for entry in draft.entries],
        prepared_by=draft.prepared_by,
        proposal_rank=draft.proposal_rank,
        demands=[
            contract.Demand(power=one.power, amount_minor=one.amount_minor) for one in draft.demands
        ],
    )


def _line_message(line: Line) -> contract.CaseLine:
    return contract.CaseLine(
        line_number=line.number,
        act_number=line.act_number,
        entry=entry_message(line),
        delivery=_DELIVERIES[line.delivery],
        prepared_by=line.prepared_by,
        approved_by=line.approved_by,
    )


def _event_message(event: Event) -> contract.CaseEvent:
    return contract.CaseEvent(
        kind=event.kind,
        names=event.names,
        line_numbers=event.line_numbers,
        detail=event.detail,
    )


def _time(at_ms: int) -> Timestamp | None:
    if not at_ms:
        return None
    time = Timestamp()
    time.FromMilliseconds(at_ms)
    return time
