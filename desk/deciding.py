"""Acts about where the money goes: prepare, decide, approve, reject, undo, deliver, resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from desk.cases import Draft, Entry, Line, standing_lines, undecided_minor
from desk.gates import demands_of, exercises_of, refused_entries, split_between_customers
from desk.outcomes import Event, Performed
from desk.reason_codes import RESOLUTIONS
from desk.refusals import Refusal, refuse
from desk.remainders import with_remainder
from desk.states import DECIDED, decided_state, resting_state, unworked_state
from desk.undoing import taken_back

if TYPE_CHECKING:
    from desk.acts import Approve, Decide, Deliver, Prepare, Reject, Resolve, Undo, Withdraw
    from desk.cases import Case, Delivery, Exercise, State
    from desk.facts import Facts
    from desk.outcomes import Step

__all__ = ["approve", "decide", "deliver", "prepare", "reject", "resolve", "undo", "withdraw"]

_AFTER: Final[dict[Delivery, frozenset[Delivery]]] = {
    "posting": frozenset({"none", "failed"}),
    "posted": frozenset({"posting"}),
    "failed": frozenset({"posting"}),
    "confirmed": frozenset({"posted"}),
}
"""Where a line may go on its way to the ledger, and from where."""

_TOLD: Final = {"refund": "refund.requested", "fact": "fact.learned"}


def prepare(step: Step, act: Prepare) -> Performed | Refusal:
    """Keep picks as they are, right or not yet; the actor works on the case."""
    chosen = _chosen(step, act)
    if isinstance(chosen, Refusal):
        return chosen
    entries = with_remainder(step.case, chosen, step.facts, act.remainder)
    hands = _hands(step.case.draft, step.actor.name) if entries else ()
    draft = Draft(
        entries=entries,
        prepared_by=hands,
        proposal_rank=act.rank,
        confidence_bps=_confidence_bps(step.facts, entries),
    )
    return step.told(
        "case.prepared", state="in_work", lease=step.lease(), parking=None, draft=draft
    )


def decide(step: Step, act: Decide) -> Performed | Refusal:
    """Decide what was proposed, picked or drafted; what needs a second person waits for one."""
    draft = step.case.draft
    chosen = _chosen(step, act) if act.entries or act.rank else draft.entries
    if isinstance(chosen, Refusal):
        return chosen
    entries = with_remainder(step.case, chosen, step.facts, act.remainder)
    if not entries:
        return refuse("NOTHING_TO_DECIDE", "there are no entries, no proposal and no draft")
    draft = Draft(
        entries=entries,
        prepared_by=_hands(draft, step.actor.name),
        proposal_rank=act.rank or (0 if act.entries else draft.proposal_rank),
        confidence_bps=_confidence_bps(step.facts, entries),
    )
    return _submitted(step, draft, hold=act.hold)


def approve(step: Step, act: Approve) -> Performed | Refusal:
    """Let the draft come true: with authority for all it demands, and no hand in it."""
    case, actor, draft = step.case, step.actor, step.case.draft
    judged = _judged(step, draft)
    if isinstance(judged, Refusal):
        return judged
    alone = demands_of(case, _all(judged), step.authority, actor)
    if not draft.demands and not alone:
        return _approved(step, draft, judged, approved_by="", detail=act.comment)
    if actor.name in draft.prepared_by:
        return refuse(
            "FOUR_EYES",
            f"{actor.name} had a hand in it; somebody else must approve",
            prepared_by=", ".join(draft.prepared_by),
        )
    for demand in {one.power: one for one in (*draft.demands, *alone)}.values():
        ceiling = step.authority.approve_minor(actor, demand.power, case.currency)
        if ceiling is not None and demand.amount_minor > ceiling:
            return refuse(
                "AUTHORITY_EXCEEDED",
                f"{actor.name} may approve {demand.power} up to {ceiling} minor units, "
                f"this is {demand.amount_minor}",
                power=demand.power,
                amount_minor=demand.amount_minor,
                ceiling_minor=ceiling,
            )
    return _approved(step, draft, judged, approved_by=actor.name, detail=act.comment)


def reject(step: Step, act: Reject) -> Performed | Refusal:
    """Back to who prepared it, with the reason; the draft stays."""
    if not act.reason:
        return refuse("REASON_MISSING", "say why it is rejected", field="reason")
    hands = step.case.draft.prepared_by
    if _only_reversals(step.case.draft):
        return step.told(
            "case.rejected",
            *hands,
            detail=act.reason,
            state=resting_state(step.case),
            draft=Draft(),
        )
    return step.told(
        "case.rejected",
        *hands,
        detail=act.reason,
        state="rejected",
        rejection=act.reason,
        assignee=step.case.assignee or (hands[-1] if hands else ""),
    )


def withdraw(step: Step, act: Withdraw) -> Performed | Refusal:  # noqa: ARG001 - every act has one shape
    """Who prepared it takes it back to change it."""
    if step.actor.name not in step.case.draft.prepared_by:
        return refuse("ACT_NOT_ALLOWED", "only who prepared it may withdraw it", act="withdraw")
    if _only_reversals(step.case.draft):
        return step.told("case.withdrawn", state=resting_state(step.case), draft=Draft())
    return step.told("case.withdrawn", state="in_work", lease=step.lease())


def undo(step: Step, act: Undo) -> Performed | Refusal:
    """Take lines back, or what another act did to the case."""
    lines = tuple(
        line
        for line in standing_lines(step.case)
        if line.act_number == act.act_number
        and (not act.line_numbers or line.number in act.line_numbers)
    )
    missing = set(act.line_numbers) - {line.number for line in lines}
    if missing:
        return refuse(
            "ALREADY_REVERSED",
            f"act {act.act_number} has no standing line {min(missing)}",
            line=min(missing),
        )
    if not lines:
        return taken_back(step, act)
    entries = tuple(
        Entry(company_id=line.company_id, kind=line.kind, reverses=line.number) for line in lines
    )
    draft = Draft(entries=entries, prepared_by=(step.actor.name,))
    judged = _judged(step, draft)
    if isinstance(judged, Refusal):
        return judged
    demands = demands_of(step.case, _all(judged), step.authority, step.actor)
    if demands and step.case.draft.entries:
        return refuse("DRAFT_IN_PROGRESS", "the undo needs approval; drop the picks first")
    return _submitted(step, draft, hold=False)


def deliver(step: Step, act: Deliver) -> Performed | Refusal:
    """The ledger answered about lines: as far as they go, so far goes the case."""
    case = step.case
    allowed = _AFTER.get(act.delivery, frozenset())
    numbers = set(act.line_numbers)
    for line in case.lines:
        if line.number in numbers and line.delivery not in allowed:
            return refuse(
                "ACT_NOT_ALLOWED",
                f"line {line.number} is {line.delivery} and cannot become {act.delivery}",
                line=line.number,
                act="deliver",
                state=case.state,
            )
    if not numbers <= {line.number for line in case.lines}:
        return refuse("ENTRY_MALFORMED", "the case has no such line", lines=sorted(numbers))
    lines = tuple(
        msgspec.structs.replace(line, delivery=act.delivery) if line.number in numbers else line
        for line in case.lines
    )
    moved = msgspec.structs.replace(case, lines=lines)
    if case.state in DECIDED:
        moved = msgspec.structs.replace(moved, state=decided_state(lines))
    event = Event(
        kind=f"lines.{act.delivery}", line_numbers=tuple(sorted(numbers)), detail=act.detail
    )
    return Performed(case=moved, events=(event,))


def resolve(step: Step, act: Resolve) -> Performed | Refusal:
    """Close a case whose money, if it has any, is decided."""
    left = undecided_minor(step.case)
    if left:
        return refuse("UNDECIDED_MONEY", f"{left} minor units are undecided", undecided_minor=left)
    if act.resolution not in RESOLUTIONS:
        return refuse(
            "REASON_UNKNOWN",
            f"resolution {act.resolution!r} is not one of {', '.join(RESOLUTIONS)}",
            field="resolution",
            value=act.resolution,
        )
    return step.told(
        "case.resolved",
        detail=act.resolution,
        state=decided_state(step.case.lines),
        resolution=act.resolution,
        lease=None,
        parking=None,
        draft=Draft(),
    )


def _submitted(step: Step, draft: Draft, *, hold: bool) -> Performed | Refusal:
    """Approved at once where the actor may do it alone; else it waits."""
    judged = _judged(step, draft)
    if isinstance(judged, Refusal):
        return judged
    demands = demands_of(step.case, _all(judged), step.authority, step.actor)
    if not demands and not hold:
        return _approved(step, draft, judged, approved_by="", detail="")
    return step.told(
        "case.submitted" if demands else "case.proposed",
        detail=", ".join(one.power for one in demands),
        state="pending_approval" if demands else "proposed",
        lease=None,
        parking=None,
        draft=msgspec.structs.replace(draft, demands=demands),
    )


def _judged(step: Step, draft: Draft) -> list[tuple[Entry, tuple[Exercise, ...]]] | Refusal:
    """Each entry with the powers it needs now, or why it cannot be."""
    facts = step.facts
    entries = tuple(_negated(step.case, one) if one.reverses else one for one in draft.entries)
    refusal = refused_entries(step.case, entries, facts, step.actor)
    if refusal is not None:
        return refusal
    floor = step.authority.confidence_floor_bps
    judged = [(one, exercises_of(step.case, one, facts, draft, floor)) for one in entries]
    split = split_between_customers(step.case, entries, facts)
    if split is not None:
        judged[0] = (judged[0][0], (*judged[0][1], split))
    return judged


def _all(judged: list[tuple[Entry, tuple[Exercise, ...]]]) -> tuple[Exercise, ...]:
    return tuple(exercise for _, exercises in judged for exercise in exercises)


def _approved(
    step: Step,
    draft: Draft,
    judged: list[tuple[Entry, tuple[Exercise, ...]]],
    *,
    approved_by: str,
    detail: str,
) -> Performed:
    """Entries become lines; lines taken back before they were sent never will be."""
    case = step.case
    first = len(case.lines) + 1
    added = tuple(
        _line(case, entry, exercises, number, step.act_number, draft, approved_by)
        for number, (entry, exercises) in enumerate(judged, first)
    )
    unsent = {line.reverses for line in added if line.delivery == "cancelled" and line.reverses}
    kept = tuple(
        msgspec.structs.replace(line, delivery="cancelled") if line.number in unsent else line
        for line in case.lines
    )
    after = msgspec.structs.replace(
        case,
        lines=(*kept, *added),
        lease=None,
        parking=None,
        escalation=None,
        rejection="",
        draft=_draft_after(step, draft),
    )
    after = msgspec.structs.replace(after, state=_state_after(case, after, added))
    told = [Event(kind="case.decided", line_numbers=_numbers(added), detail=detail)]
    told += [
        Event(
            kind="line.reversed" if line.reverses else _TOLD.get(line.kind, "deduction.opened"),
            names=(line.customer_id,),
            line_numbers=(line.number,),
            detail=line.deduction_reason,
        )
        for line in added
        if line.reverses or line.kind in _TOLD or line.deduction_minor
    ]
    return Performed(case=after, lines=added, events=tuple(told))


def _state_after(before: Case, after: Case, added: tuple[Line, ...]) -> State:
    """Facts alone decide nothing about the money: the case stays where it was."""
    if any(line.kind != "fact" for line in added):
        return resting_state(after)
    return before.state if before.state in DECIDED else unworked_state(after)


def _only_reversals(draft: Draft) -> bool:
    return all(entry.reverses for entry in draft.entries)


def _draft_after(step: Step, draft: Draft) -> Draft:
    """An undo done at once leaves picks alone; everything else has used them up."""
    waiting = step.case.state in ("proposed", "pending_approval")
    return step.case.draft if _only_reversals(draft) and not waiting else Draft()


def _line(
    case: Case,
    entry: Entry,
    exercises: tuple[Exercise, ...],
    number: int,
    act_number: int,
    draft: Draft,
    approved_by: str,
) -> Line:
    delivery: Delivery = "local" if entry.kind == "fact" else "none"
    if entry.reverses:
        original = case.lines[entry.reverses - 1]
        if original.delivery in ("none", "failed"):
            delivery = "cancelled"
    return Line(
        **msgspec.structs.asdict(entry),
        number=number,
        act_number=act_number,
        delivery=delivery,
        prepared_by=draft.prepared_by,
        approved_by=approved_by,
        exercises=exercises,
    )


def _negated(case: Case, entry: Entry) -> Entry:
    """The entry that takes a line back, in full."""
    if not 1 <= entry.reverses <= len(case.lines):
        return entry
    line = case.lines[entry.reverses - 1]
    fields = {name: getattr(line, name) for name in Entry.__struct_fields__}
    money = {name: -fields[name] for name in fields if name.endswith("_minor")}
    return Entry(**(fields | money | {"reverses": line.number}))


def _hands(draft: Draft, name: str) -> tuple[str, ...]:
    return draft.prepared_by if name in draft.prepared_by else (*draft.prepared_by, name)


def _numbers(lines: tuple[Line, ...]) -> tuple[int, ...]:
    return tuple(line.number for line in lines)


def _chosen(step: Step, act: Prepare | Decide) -> tuple[Entry, ...] | Refusal:
    """The entries of an act, those of the proposal it names first."""
    if not act.rank:
        return act.entries
    for proposal in step.facts.proposals:
        if proposal.rank == act.rank:
            return (*proposal.entries, *act.entries)
    return refuse(
        "PROPOSAL_UNKNOWN", f"the payment has no proposal of rank {act.rank}", rank=act.rank
    )


def _confidence_bps(facts: Facts, entries: tuple[Entry, ...]) -> int:
    """What the engine thinks of these items; picking them by hand does not make it think better."""
    picked = _items(entries)
    for proposal in facts.proposals:
        if picked and _items(proposal.entries) == picked:
            return proposal.confidence_bps
    return 10_000


def _items(entries: tuple[Entry, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (one.company_id, one.open_item_id)
        for one in entries
        if one.kind == "item" and not one.reverses
    )
