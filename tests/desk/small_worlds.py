"""A tiny world of one payment and three items, walked through every act by every person.

The world keeps its own books: what each line took from which item, and who had a hand in what is
being prepared. It shares nothing with the desk but the words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from desk.acts import (
    Approve,
    Assign,
    Claim,
    Decide,
    Deliver,
    Escalate,
    Park,
    Prepare,
    Reject,
    Release,
    Remainder,
    Resolve,
    TakeOver,
    Undo,
    Wake,
    Withdraw,
)
from desk.authority import UNLIMITED, Authority, Grant, RoleAuthority
from desk.cases import Case, Entry
from desk.facts import Actor, Facts, ItemFact, Proposal
from desk.outcomes import Performed
from desk.states import awakened
from desk.transitions import perform

COMPANY = "1000"
ANN = Actor(name="ann", roles=("clerk",))
BOB = Actor(name="bob", roles=("approver",))
CAT = Actor(name="cat", roles=("approver",))
LEDGER = Actor(name="ledger", roles=("system",))
VIEWER = Actor(name="eve", roles=("auditor",))
PEOPLE = (ANN, BOB, CAT)
FAR = 10**15

_CLERK = {name: Grant(UNLIMITED) for name in ("apply", "deduction", "on_account", "learn_fact")}
_RISKY = ("write_off", "refund", "non_ar", "cross_customer", "undo_posted", "override_confidence")
AUTHORITY = Authority(
    roles={
        "clerk": RoleAuthority(("work", "comment"), _CLERK),
        "approver": RoleAuthority(
            ("work", "comment", "assign_others", "take_over"),
            _CLERK | {name: Grant("0", UNLIMITED) for name in _RISKY},
        ),
        "system": RoleAuthority(("deliver",)),
    }
)

ITEMS = (
    ItemFact(
        company_id=COMPANY,
        open_item_id="I1",
        customer_id="C1",
        currency="EUR",
        original_minor=2,
        open_minor=2,
    ),
    ItemFact(
        company_id=COMPANY,
        open_item_id="I2",
        customer_id="C2",
        currency="EUR",
        original_minor=1,
        open_minor=1,
    ),
    ItemFact(
        company_id=COMPANY,
        open_item_id="CM",
        customer_id="C1",
        currency="EUR",
        original_minor=-1,
        open_minor=-1,
    ),
)


def on(item: str, cash: int, **more) -> Entry:
    """Cash on an item of the world."""
    owner = next(one.customer_id for one in ITEMS if one.open_item_id == item)
    return Entry(company_id=COMPANY, customer_id=owner, open_item_id=item, cash_minor=cash, **more)


def case_of(amount: int, customer: str = "C1") -> Case:
    """An untouched case."""
    return Case(
        case_id="P1",
        payment_id="P1",
        company_id=COMPANY,
        currency="EUR",
        amount_minor=amount,
        customer_id=customer,
    )


DOUBTFUL = (on("I1", 2), on("CM", -1))


@dataclass(frozen=True)
class World:
    """The case, the open amounts as the lines left them, and whose hands the draft went through."""

    case: Case
    opened: tuple[int, ...] = tuple(item.open_minor for item in ITEMS)
    hands: frozenset[str] = frozenset()

    def facts(self) -> Facts:
        items = {
            (item.company_id, item.open_item_id): msgspec.structs.replace(item, open_minor=left)
            for item, left in zip(ITEMS, self.opened, strict=True)
        }
        doubtful = Proposal(rank=1, confidence_bps=100, entries=DOUBTFUL)
        return Facts(items=items, proposals=(doubtful,))

    def key(self) -> World:
        """The world with its acts renumbered: worlds that differ in history alone are one."""
        acts = sorted({0, *(line.act_number for line in self.case.lines)})
        number = {act: place for place, act in enumerate(acts)}
        lines = tuple(
            msgspec.structs.replace(line, act_number=number[line.act_number])
            for line in self.case.lines
        )
        case = msgspec.structs.replace(self.case, lines=lines, version=len(acts) - 1)
        return replace(self, case=case)


DECISIONS = (
    (on("I1", 2),),
    (on("I1", 1),),
    (on("I2", 1),),
    DOUBTFUL,
    (on("I1", 1, write_off_minor=1, write_off_reason="rounding"),),
    (on("I1", 1, deduction_minor=1, deduction_reason="freight"),),
    (Entry(kind="on_account", company_id=COMPANY, customer_id="C1", cash_minor=1),),
    (Entry(kind="refund", company_id=COMPANY, cash_minor=1),),
)


MONEY = "money"
TURNS = "turns"


def acts_of(case: Case, lines_max: int, about: str):
    """Every act worth trying, with who tries it: two people about money, three about turns."""
    yield from ((act, who) for who in PEOPLE for act in turns_of() if about == TURNS)
    deciding = len(case.lines) < lines_max
    for person in (ANN, BOB) if about == MONEY else PEOPLE:
        yield from ((act, person) for act in (Claim(), Withdraw(), Approve(), Reject(reason="no")))
        if deciding:
            yield from ((act, person) for act in decisions(case, about))
    for line in case.lines:
        for delivery in ("posting", "posted", "failed", "confirmed"):
            yield Deliver(line_numbers=(line.number,), delivery=delivery), LEDGER


def turns_of():
    """Acts that move no money."""
    yield Release()
    yield TakeOver()
    yield Park(until_ms=10, event="advice", reason="waiting")
    yield Escalate(to="bob", reason="help")
    yield Assign(assignee="ann")
    yield Resolve(resolution="nothing_to_do")
    yield Wake(event="advice")


def decisions(case: Case, about: str):
    """Acts that move money, or will."""
    if about == TURNS:
        yield Prepare(entries=DECISIONS[-1])
        yield Decide()
        return
    yield Prepare(entries=DECISIONS[2])
    yield Decide()
    yield from (Decide(entries=entries) for entries in DECISIONS)
    yield Decide(rank=1)
    yield Decide(entries=DECISIONS[0], hold=True)
    yield Decide(entries=DECISIONS[1], remainder=Remainder(kind="refund"))
    for line in case.lines:
        yield Undo(act_number=line.act_number, line_numbers=(line.number,))


def after(world: World, act, actor: Actor) -> World | None:
    """The world after an act, its books kept by hand; None where the act was refused."""
    outcome = perform(world.case, act, actor, 0, world.facts(), AUTHORITY)
    if not isinstance(outcome, Performed):
        return None
    opened = list(world.opened)
    for line in outcome.lines:
        for place, item in enumerate(ITEMS):
            if line.kind == "item" and line.open_item_id == item.open_item_id:
                opened[place] -= (
                    line.cash_minor
                    + line.discount_minor
                    + line.deduction_minor
                    + line.write_off_minor
                )
    hands = world.hands
    if isinstance(act, Prepare | Decide | Undo):
        hands |= {actor.name}
    check_books(world, outcome, tuple(opened), hands, actor)
    if not outcome.case.draft.entries:
        hands = frozenset()
    return World(outcome.case, tuple(opened), hands).key()


def check_books(world: World, outcome: Performed, opened, hands, actor: Actor) -> None:
    """No cent lost, none made, and nobody did both halves."""
    for item, left in zip(ITEMS, opened, strict=True):
        low, high = sorted((0, item.original_minor))
        assert low <= left <= high, (item.open_item_id, left)
    lines = outcome.case.lines
    taken = sum(item.original_minor for item in ITEMS) - sum(opened)
    differences = sum(
        line.discount_minor + line.deduction_minor + line.write_off_minor for line in lines
    )
    on_items = sum(line.cash_minor for line in lines if line.kind == "item")
    assert taken == on_items + differences
    spent = sum(line.cash_minor for line in lines)
    low, high = sorted((0, outcome.case.amount_minor))
    assert low <= spent <= high
    for line in outcome.lines:
        if is_risky(world, line, outcome.lines):
            assert line.approved_by == actor.name, line
            assert "approver" in actor.roles, line
            assert actor.name not in hands, (line, hands)


def is_risky(world: World, line, added) -> bool:
    """Whether a line needs two people, in this world's own words."""
    if line.reverses:
        return world.case.lines[line.reverses - 1].delivery in ("posted", "confirmed")
    doubtful = {one.open_item_id for one in added if one.kind == "item"} == {"I1", "CM"}
    owners = {one.customer_id for one in added if one.kind == "item"}
    payer = world.case.customer_id
    other = bool(owners - {payer}) if payer else len(owners) > 1
    return line.kind in ("refund", "non_ar") or bool(line.write_off_minor) or other or doubtful


def explore(start: World, lines_max: int, about: str) -> tuple[set[World], int]:
    """Every world within reach of `start`, and how many acts were tried."""
    seen = {start.key()}
    waiting = [start.key()]
    tried = 0
    while waiting:
        world = waiting.pop()
        found = [after(world, act, actor) for act, actor in acts_of(world.case, lines_max, about)]
        tried += len(found)
        later = awakened(world.case, FAR)
        found.append(replace(world, case=later).key())
        for one in found:
            if one is not None and one not in seen:
                seen.add(one)
                waiting.append(one)
    return seen, tried
