"""New evidence: open cases it may concern are matched again, each alone. Runs in a worker.

Evidence is whatever a match rests on: items that came, changed or were paid, customers, facts about
payers. Cases on which somebody works are left alone, and what people decided or drafted is never
touched: only the proposals for what is undecided become those of today, with a line in the history.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from desk.acts import Repropose
from desk.cases import undecided_minor
from engine.apart import Apart, match_apart
from rpc.desk_work import EVENTS, Command, DeskWork, current_summary
from rpc.errors import RefusedError
from rpc.jobs import ReproposeDone, ReproposeJob, ReproposeRound
from rpc.limits import REPROPOSED_MAX
from rpc.remittance_job import as_proposals, undecided_payment
from store.errors import StaleRowError
from store.late_remittances import rows_as_json
from store.reproposals import Followed, Reproposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desk.authority import Authority
    from desk.cases import Case
    from engine.batches import ApplicationBatch
    from engine.resident import Resident
    from store.repository import Repository

__all__ = ["run_repropose"]

_COMPARED: Final = (
    *("proposal_rank", "open_item_id", "customer_id", "applied_minor", "discount_minor"),
    *("deduction_minor", "write_off_minor", "cash_minor"),
)
"""What makes a proposal another one; how sure it is does not."""

_NAMED_MAX: Final = 3
"""Documents named in a history; the rest are counted."""


class _Changes(msgspec.Struct, frozen=True):
    """What has changed since cases were matched the last time."""

    followed: Followed
    companies: frozenset[str]
    customers: frozenset[tuple[str, str]]
    facts: bool

    def rank(self, company: str, customer: str) -> int | None:
        """How near the change is to a case; None where it cannot concern it."""
        if (company, customer) in self.customers:
            return 0
        if not self.facts and company and company not in self.companies:
            return None
        return 2 if customer else 1


class _Open(msgspec.Struct, frozen=True):
    """An open case as it was when it was matched."""

    case: Case
    part: Apart
    proposed: ApplicationBatch


def run_repropose(
    store: Repository, job: ReproposeJob, resident: Resident, booked: int, authority: Authority
) -> ReproposeDone:
    """Follow what has changed up to the booking `booked`, the last one that `resident` knows of;
    at most `REPROPOSED_MAX` cases, the nearest first.

    Where more are concerned the change counts as followed only after a later look at the last of
    them: a server that starts anew meanwhile begins the round again.
    """
    began = time.process_time()
    with store.reading():
        changes = _changes(store, booked)
        if changes is None:
            return ReproposeDone(examined_count=0, reproposed_count=0)
        concerned = _concerned(store, changes, job)
        wanted = concerned[:REPROPOSED_MAX]
        found = [_open_case(store, payment, job.now_ms) for payment in wanted]
        learned = store.facts.read()
    cases = [one for one in found if one is not None]
    results = match_apart(resident, [one.part for one in cases], _quiet, learned)
    desk = DeskWork(authority, lambda: job.now_ms)
    count = 0
    for one, result in zip(cases, results, strict=True):
        proposals = as_proposals(result.alone().applications)
        if _shape(proposals) != _shape(one.proposed):
            count += _keep(store, desk, one, proposals)
    now = _round_with(job.round, changes, wanted)
    left = now if len(concerned) > len(wanted) else None
    if left is None:
        with store.booking() as booking:
            booking.reproposals.follow(Followed(now.booking_number, now.facts_state))
    return ReproposeDone(
        examined_count=len(cases),
        reproposed_count=count,
        cpu_seconds=time.process_time() - began,
        round=left,
    )


def _round_with(
    before: ReproposeRound | None, changes: _Changes, examined: list[str]
) -> ReproposeRound:
    """The round with what this look has examined.

    It follows what its first look knew of: what changed since is the next round's.
    """
    if before is None:
        return ReproposeRound(
            booking_number=changes.followed.booking_number,
            facts_state=changes.followed.facts_state,
            examined=tuple(examined),
        )
    return msgspec.structs.replace(before, examined=(*before.examined, *examined))


def _changes(store: Repository, booked: int) -> _Changes | None:
    """What has changed; None where nothing has.

    What was booked after `booked` counts as not yet followed: it would be matched against items as
    they were before, and nobody would look again.
    """
    now = Followed(booked, store.reproposals.facts_state())
    then = store.reproposals.followed()
    if then == now:
        return None
    number = 0 if then is None else then.booking_number
    items = store.open_items.changes_after(number)
    customers = store.customers.changes_after(number)
    rows = items.changed.rows
    keys = set(zip(rows.strings("company_id"), rows.strings("customer_id"), strict=True))
    people = customers.changed.rows
    keys |= set(zip(people.strings("company_id"), people.strings("customer_id"), strict=True))
    keys |= set(customers.removed)
    companies = {company for company, _ in keys} | {company for company, _ in items.removed}
    taught = then is None or then.facts_state != now.facts_state
    if not companies and not taught:
        return _Changes(now, frozenset(), frozenset(), facts=False)
    return _Changes(now, frozenset(companies), frozenset(keys), facts=taught)


def _concerned(store: Repository, changes: _Changes, job: ReproposeJob) -> list[str]:
    """Payments of the open cases that the changes may concern, the nearest first; without those
    that were examined earlier in the round.
    """
    done = frozenset(job.round.examined) if job.round else frozenset()
    ranked = [
        (rank, place, payment)
        for place, (payment, company, customer) in enumerate(store.cases.to_repropose(job.now_ms))
        if payment not in done and (rank := changes.rank(company, customer)) is not None
    ]
    return [payment for _, _, payment in sorted(ranked)]


def _open_case(store: Repository, payment_id: str, now_ms: int) -> _Open | None:
    summary = current_summary(store, payment_id, now_ms)
    case = store.cases.load(summary)
    payment = store.cases.payment_of(payment_id)
    amount_minor = undecided_minor(case)
    if not len(payment) or amount_minor <= 0:
        return None
    texts = [one.content_text for one in store.late.attached_to(payment_id)]
    part = Apart(
        payments=undecided_payment(payment, amount_minor, texts),
        remittances=store.cases.remittances_of(payment_id),
    )
    return _Open(case, part, store.cases.proposals_of(payment_id))


def _keep(store: Repository, desk: DeskWork, one: _Open, proposals: ApplicationBatch) -> int:
    """Keep new proposals unless the case has moved meanwhile; gives how many cases have them."""
    act = Repropose(
        because=_because(store, one, proposals),
        proposal_count=len(set(proposals.int64("proposal_rank").tolist())),
    )
    command = Command(
        identity=one.case.case_id,
        act=act,
        actor=EVENTS,
        etag=str(one.case.version),
        reproposal=Reproposal(payment_id=one.case.payment_id, proposals=rows_as_json(proposals)),
    )
    try:
        with store.booking() as booking:
            desk.perform(booking, command)
    except (RefusedError, StaleRowError):
        return 0
    return 1


def _because(store: Repository, one: _Open, proposals: ApplicationBatch) -> str:
    """What came or went, by the documents that proposals name now and did not, or no longer do."""
    before = set(one.proposed.strings("open_item_id"))
    after = set(proposals.strings("open_item_id"))
    company = one.case.company_id
    came = _documents(store, company, sorted(after - before))
    if came:
        return f"{came} came or changed"
    gone = _documents(store, company, sorted(before - after))
    return f"{gone} changed or is no longer open" if gone else "other evidence"


def _documents(store: Repository, company: str, items: Sequence[str]) -> str:
    """Numbers of the documents of items, as far as they are known."""
    if not items:
        return ""
    rows = store.open_items.find([(company, one) for one in items]).rows
    names = dict(zip(rows.strings("open_item_id"), rows.strings("document_number"), strict=True))
    shown = ", ".join(names.get(one) or one for one in items[:_NAMED_MAX])
    more = len(items) - _NAMED_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _shape(proposals: ApplicationBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = proposals.record_batch.select(list(_COMPARED)).to_pylist()
    return sorted(rows, key=lambda row: (row["proposal_rank"], row["open_item_id"]))


def _quiet(stage: str, row_count: int) -> None:
    del stage, row_count
