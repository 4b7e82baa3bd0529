"""Acts on cases, from the request to what is kept, in one transaction each. Runs beside the store.

Everything an act may depend on is read within the transaction it is kept in. A refusal by the desk
becomes an error with the desk's own reason; nothing is kept then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from desk.acts import Act, Decide, Identify, Prepare, Undo, Wake, act_name
from desk.cases import Case, Line  # noqa: TC001 - msgspec reads annotations
from desk.fact_reach import REACH_DAYS, FactReach, fact_reach
from desk.facts import Actor, Facts
from desk.refusals import Refusal
from desk.states import DECIDED, awakened
from desk.transitions import perform
from engine.batches import (  # noqa: TC001 - msgspec reads annotations
    ApplicationBatch,
    OpenItemBatch,
)
from rpc.caller import caller_or_none
from rpc.case_messages import case_message
from rpc.errors import CaseNotFoundError, RefusedError
from store.act_log import effect_of
from store.audit_leaves import RowSelection
from store.audited_tables import CASE_TABLES, posting_selections
from store.case_facts import entry_keys, facts_of, logged_act, proposals_of
from store.case_records import ActRecord, CaseSummary
from store.case_settlements import settle_case
from store.case_texts import case_scope
from store.decision_records import Decision
from store.errors import StaleRowError
from store.key_scopes import customer_scope, payment_scope
from store.late_remittances import Attachment  # noqa: TC001 - msgspec reads annotations
from store.reproposals import Reproposal  # noqa: TC001 - msgspec reads annotations
from store.requests import RequestKey, request_key
from tieout.v1 import cases_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from desk.authority import Authority
    from desk.facts import ItemFact
    from desk.outcomes import Performed
    from rpc.caller import Caller
    from store.key_scopes import KeyScope
    from store.repository import Booking, Repository

__all__ = [
    "EVENTS",
    "Answer",
    "Command",
    "DeskWork",
    "Preview",
    "actor_of",
    "current_summary",
    "first_answer",
    "keep_answer",
    "key_of",
    "keyed",
    "performed",
]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An act of somebody on a case. `etag` is empty where whatever version will do."""

    identity: str
    act: Act
    actor: Actor
    etag: str = ""
    batch_id: str = ""
    request: RequestKey | None = None
    attachment: Attachment | None = None
    reproposal: Reproposal | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did or would do: a case with its new lines, or a refusal.

    `decided_after_ms`: it left nothing to decide, so long after the exception was raised.
    """

    case: Case | None = None
    message: cases_pb2.Case | None = None
    lines: tuple[Line, ...] = ()
    refusal: Refusal | None = None
    decided_after_ms: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """The answer to a request made of many acts, encoded, and what these did."""

    content: bytes
    acts: Sequence[Preview]


def key_of(call: str, request: Any, caller: Caller) -> RequestKey | None:
    """The key of a request that has an id: the id, the call, its caller, and all else it says."""
    if not request.request_id:
        return None
    said = type(request)()
    said.CopyFrom(request)
    said.ClearField("request_id")
    content = caller.name.encode() + b"\0" + said.SerializeToString(deterministic=True)
    return request_key(request.request_id, call, content)


def first_answer(store: Repository, key: RequestKey | None) -> bytes | None:
    """The answer that a request has got before; raises `RequestIdReusedError`."""
    return store.requests.find(key) if key else None


def keep_answer(store: Repository, key: RequestKey | None, answer: Answer, now_ms: int) -> None:
    """Keep the answer of a request made of many acts, each of which is kept already."""
    if key is not None:
        owners = {
            _owner_of(one.message.summary, now_ms) for one in answer.acts if one.message is not None
        }
        with store.booking() as booking:
            if booking.requests.find(key) is None:
                booking.requests.keep(key, answer.content, now_ms, concerning=owners)


def _owner_of(summary: cases_pb2.CaseSummary, now_ms: int) -> KeyScope:
    """Whose a case is: its customer's, else its payment's."""
    if summary.customer_id:
        return customer_scope(summary.company_id, summary.customer_id, now_ms)
    return payment_scope(summary.payment_id or summary.case_id)


def keyed(command: Command, request_id: str, number: int) -> Command:
    """A command of a batch: its key is the batch's and its place in it."""
    said = [command.actor.name, command.identity, command.act, command.etag]
    content = msgspec.json.encode(said)
    key = request_key(f"{request_id}/{number}", "Batch", content) if request_id else None
    return msgspec.structs.replace(command, request=key)


def actor_of(caller: Caller) -> Actor:
    """The caller, as the desk knows people."""
    return Actor(
        name=caller.name,
        roles=tuple(sorted(str(role) for role in caller.roles)),
        companies=None if caller.companies is None else tuple(sorted(caller.companies)),
        amount_limits_minor=caller.amount_limits_minor,
    )


def current_summary(store: Repository | Booking, identity: str, now_ms: int) -> CaseSummary:
    """The case that `identity` names; raises `CaseNotFoundError`."""
    summary = store.cases.find(identity, now_ms)
    if summary is None:
        message = f"no case, payment or exception {identity!r} is kept here"
        raise CaseNotFoundError(message, exception_id=identity)
    return summary


class _Read(msgspec.Struct, frozen=True):
    """A case as it stands, and what an act on it may depend on."""

    summary: CaseSummary
    case: Case
    facts: Facts
    proposed: ApplicationBatch
    items: OpenItemBatch


class DeskWork:
    """Performs acts by the authority of a tenant and one clock (milliseconds since 1970 UTC)."""

    def __init__(
        self,
        authority: Authority,
        now_ms: Callable[[], int],
        own: Mapping[str, Authority] | None = None,
    ) -> None:
        """Go by `own` of the caller's tenant, by `authority` where a tenant has none of its own."""
        self._authority = authority
        self._now_ms = now_ms
        self._own = dict(own or {})

    def read(self, store: Repository | Booking, identity: str, act: Act) -> _Read:
        """The case with all that `act` may depend on; raises `CaseNotFoundError`."""
        summary = current_summary(store, identity, self._now_ms())
        case = store.cases.load(summary)
        proposed = store.cases.proposals_of(case.payment_id)
        proposals = proposals_of(case, proposed)
        entries = list(case.draft.entries)
        if isinstance(act, Decide | Prepare):
            entries += act.entries
        entries += [entry for one in proposals for entry in one.entries]
        items = store.open_items.find(entry_keys(entries)).rows
        logged = store.cases.act(case.case_id, act.act_number) if isinstance(act, Undo) else None
        facts = facts_of(store.database, case, items, proposals, logged_act(logged))
        reach = sum(
            self.reach(store, case, entry.fact_kind, entry.value).monthly_minor
            for entry in entries
            if entry.kind == "fact"
        )
        facts = msgspec.structs.replace(facts, fact_reach_minor=reach)
        return _Read(summary, case, facts, proposed, items)

    def reach(
        self, store: Repository | Booking, case: Case, fact_kind: str, value: str
    ) -> FactReach:
        """How far a fact would have reached lately."""
        since_ms = self._now_ms() - REACH_DAYS * _DAY_MS
        return fact_reach(fact_kind, value, store.cases.recent_payments(case, since_ms))

    def perform(self, booking: Booking, command: Command) -> Preview:
        """Perform and keep; raises `CaseNotFoundError`, `RefusedError` or a `StoreError`."""
        now_ms = self._now_ms()
        answer = booking.requests.find(command.request) if command.request else None
        if answer is not None:
            return Preview(message=cases_pb2.Case.FromString(answer))
        read = self.read(booking, command.identity, command.act)
        outcome = self._outcome(read, command, now_ms)
        if isinstance(outcome, Refusal):
            raise RefusedError.of(outcome)
        record = ActRecord(
            case_id=read.case.case_id,
            act_number=outcome.case.version,
            actor=command.actor.name,
            performed_at_ms=now_ms,
            batch_id=command.batch_id,
            act=command.act,
            events=outcome.events,
            assignee_before=read.case.assignee,
            backup_before=read.case.backup,
            due_at_ms_before=read.case.due_ms,
            customer_before=read.case.customer_id,
        )
        if outcome.lines:
            booking.halts.check()
        settle_case(
            booking.decisions,
            outcome.case,
            outcome.lines,
            {key: item.status for key, item in read.facts.items.items()},
            Decision(
                decided_by=command.actor.name,
                decided_at_ms=now_ms,
                subject=read.case.case_id,
                is_human=True,
            ),
        )
        booking.cases.save(read.summary, outcome.case, outcome.lines, record)
        _keep_evidence(booking, command, read.summary, record)
        if isinstance(command.act, Identify) and outcome.case.payment_id:
            # A payment of nobody has a key of its own, which goes when its customer is erased.
            booking.keys.attribute(
                outcome.case.payment_id, outcome.case.company_id, outcome.case.customer_id
            )
        learned_day = read.facts.value_day or now_ms // _DAY_MS
        booking.facts.learn(outcome.case, outcome.lines, learned_day, now_ms=now_ms)
        for line in outcome.lines:
            if line.kind == "fact":
                company = line.company_id or read.case.company_id
                self.wake(booking, "fact", company, line.customer_id, read.case.case_id)
        told = _told(read.summary, outcome)
        _leave_traces(booking, record, outcome)
        if command.request and told.message is not None:
            answer, owner = told.message.SerializeToString(), case_scope(outcome.case, now_ms)
            booking.requests.keep(command.request, answer, now_ms, owner)
        if outcome.case.state in DECIDED and read.case.state not in DECIDED:
            age_ms = now_ms - read.summary.raised_at_ms
            return msgspec.structs.replace(told, decided_after_ms=age_ms)
        return told

    def wake(
        self, booking: Booking, event: str, company_id: str, customer_id: str, subject: str
    ) -> int:
        """Bring back parked cases that wait for `event`, and give how many; `subject` brought it.

        Those of the customer, and those whose customer is not known.
        """
        waiting = booking.cases.waiting_for(event, company_id, customer_id)
        act = Wake(event=event, subject=subject)
        for case_id in waiting:
            self.perform(booking, Command(identity=case_id, act=act, actor=EVENTS))
        return len(waiting)

    def preview(self, store: Repository, commands: Sequence[Command]) -> list[Preview]:
        """What `commands` would do, one after another; nothing is kept.

        What an earlier one would take from an item a later one no longer finds there.
        """
        now_ms = self._now_ms()
        taken: dict[tuple[str, str], int] = {}
        cases: dict[str, Case] = {}
        previews = []
        with store.reading():
            for command in commands:
                try:
                    read = self.read(store, command.identity, command.act)
                except CaseNotFoundError as error:
                    refusal = Refusal(reason=error.reason, message=str(error))
                    previews.append(Preview(refusal=refusal))
                    continue
                case = cases.get(read.case.case_id, read.case)
                facts = msgspec.structs.replace(read.facts, items=_less(read.facts.items, taken))
                read = msgspec.structs.replace(read, case=case, facts=facts)
                outcome = self._outcome(read, command, now_ms)
                if isinstance(outcome, Refusal):
                    previews.append(Preview(refusal=outcome))
                    continue
                cases[case.case_id] = outcome.case
                for line in outcome.lines:
                    key = (line.company_id, line.open_item_id)
                    taken[key] = taken.get(key, 0) + line.settled_minor
                previews.append(_told(read.summary, outcome))
        return previews

    def _outcome(self, read: _Read, command: Command, now_ms: int) -> Performed | Refusal:
        if command.etag and command.etag != str(read.case.version):
            case = read.case
            raise StaleRowError.of(_CASE, case.company_id, case.case_id, case.version, 1)
        caller = caller_or_none()
        authority = self._own.get(caller.tenant if caller else "", self._authority)
        return perform(read.case, command.act, command.actor, now_ms, read.facts, authority)

    def as_of_now(self, case: Case) -> Case:
        """The case with leases that ran out and days that came."""
        return awakened(case, self._now_ms())


_CASE: Final = "case"
EVENTS: Final = Actor(name="system", roles=("system",))
"""Who acts where something has happened."""

_DAY_MS: Final = 86_400_000


def _keep_evidence(
    booking: Booking, command: Command, summary: CaseSummary, record: ActRecord
) -> None:
    """What an act brings beside itself: an advice, new proposals."""
    owner = (summary.file_id, summary.company_id, summary.customer_id)
    effect = effect_of(record.case_id, record.act_number)
    if command.attachment is not None:
        booking.late.keep(command.attachment, effect, owner, record.performed_at_ms)
    if command.reproposal is not None:
        booking.reproposals.keep(command.reproposal, effect, owner, record.performed_at_ms)


def _leave_traces(booking: Booking, record: ActRecord, outcome: Performed) -> None:
    """The event and the audit leaf of an act; texts that people wrote stay out of the event."""
    on_items = [line for line in outcome.lines if line.kind == "item"]
    kinds = ["exception.changed"]
    kinds += ["posting.posted"] * any(not line.reverses for line in on_items)
    kinds += ["posting.reversed"] * any(line.reverses for line in on_items)
    payload = {
        "act": act_name(record.act),
        "act_number": record.act_number,
        "actor": record.actor,
        "state": outcome.case.state,
        "payment_id": outcome.case.payment_id,
        "line_numbers": [line.number for line in outcome.lines],
        "told": [event.kind for event in outcome.events],
    }
    for kind in kinds:
        booking.events.add(kind, record.case_id, record.performed_at_ms, payload)
    effect = effect_of(record.case_id, record.act_number)
    selections = [RowSelection(table.name, table.column, effect) for table in CASE_TABLES]
    # Cash moves without a line as well: into suspense and back.
    selections += posting_selections(booking.number(), record.case_id)
    booking.audit.record(
        "case",
        record.case_id,
        actor=record.actor,
        recorded_at_ms=record.performed_at_ms,
        selections=selections,
    )


def performed(desk: DeskWork, store: Repository, command: Command) -> Preview:
    """Perform `command` in a booking of its own; raises as `DeskWork.perform`."""
    with store.booking() as booking:
        return desk.perform(booking, command)


def _told(summary: CaseSummary, outcome: Performed) -> Preview:
    return Preview(
        case=outcome.case, message=case_message(summary, outcome.case), lines=outcome.lines
    )


def _less(
    items: dict[tuple[str, str], ItemFact], taken: dict[tuple[str, str], int]
) -> dict[tuple[str, str], ItemFact]:
    return {
        key: msgspec.structs.replace(item, open_minor=item.open_minor - taken.get(key, 0))
        for key, item in items.items()
    }
