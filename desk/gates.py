"""Gates: what no authority can lift, and which powers the entries of a draft need.

They bind every path: whoever asks, by whatever call, one by one or in a batch, comes through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from desk.cases import Entry, Exercise, Power, standing_lines, undecided_minor
from desk.reason_codes import DEDUCTION_REASONS, WRITE_OFF_REASONS
from desk.refusals import Refusal, refuse

if TYPE_CHECKING:
    from desk.authority import Authority
    from desk.cases import Case, Draft, Line
    from desk.facts import Actor, Facts, ItemFact

__all__ = ["demands_of", "exercises_of", "refused_entries", "split_between_customers"]

_HELD: Final = ("disputed", "blocked")
_GONE: Final = ("paid", "cancelled")
_CASH_ALONE: Final = {"on_account": "on_account", "refund": "refund", "non_ar": "non_ar"}
_FACT_KINDS: Final = ("alias", "payer_account", "pays_for", "not_alias", "not_account")


def refused_entries(
    case: Case, entries: tuple[Entry, ...], facts: Facts, actor: Actor
) -> Refusal | None:
    """Why `entries` can never be decided, whoever wants it; None where they can."""
    seen: set[tuple[str, str, str]] = set()
    for entry in entries:
        refusal = _refused(case, entry, facts, actor)
        if refusal is not None:
            return refusal
        if not entry.reverses and entry.kind in ("item", "on_account"):
            key = (entry.kind, entry.company_id, entry.open_item_id or entry.customer_id)
            if key in seen:
                return refuse(
                    "ENTRY_MALFORMED",
                    f"{entry.open_item_id or entry.customer_id} is named twice; add both up",
                    open_item_id=entry.open_item_id,
                )
            seen.add(key)
    return _overspent(case, entries)


def _refused(case: Case, entry: Entry, facts: Facts, actor: Actor) -> Refusal | None:
    company = entry.company_id or case.company_id
    if actor.companies is not None and company not in actor.companies:
        return refuse(
            "COMPANY_OUT_OF_SCOPE",
            f"{actor.name} does not work for company {company!r}",
            company_id=company,
        )
    if entry.reverses:
        return _not_reversible(case, entry)
    if entry.kind == "item":
        return _refused_item(case, entry, facts) or _reasons_missing(entry)
    return _malformed(case, entry)


def _malformed(case: Case, entry: Entry) -> Refusal | None:
    """An entry that touches no item."""
    differences = (entry.discount_minor, entry.deduction_minor, entry.write_off_minor)
    problem = ""
    if entry.kind == "fact":
        if entry.fact_kind not in _FACT_KINDS:
            problem = f"fact_kind is {entry.fact_kind!r}, expected one of {', '.join(_FACT_KINDS)}"
        elif not entry.value or not entry.customer_id or entry.cash_minor or any(differences):
            problem = "a fact needs a value and a customer, and moves no cash"
    elif entry.kind == "returned":
        problem = "only the engine says that money was returned"
    elif entry.open_item_id or any(differences):
        problem = f"{entry.kind} takes cash alone, no item and no difference"
    elif not entry.cash_minor or (entry.cash_minor > 0) is not (case.amount_minor > 0):
        problem = f"{entry.kind} of {entry.cash_minor} minor units decides nothing"
    if problem:
        return refuse("ENTRY_MALFORMED", problem, kind=entry.kind)
    if entry.kind == "on_account" and not entry.customer_id:
        return refuse("CUSTOMER_MISSING", "say on whose account the money is put")
    return None


def _refused_item(case: Case, entry: Entry, facts: Facts) -> Refusal | None:
    item = facts.items.get((entry.company_id, entry.open_item_id))
    name = {"open_item_id": entry.open_item_id, "company_id": entry.company_id}
    if item is None:
        return refuse("ITEM_UNKNOWN", f"no open item {entry.open_item_id!r} is known", **name)
    if item.currency != case.currency:
        return refuse(
            "CURRENCY_MISMATCH",
            f"{item.open_item_id} is in {item.currency}, the payment in {case.currency}",
            **name,
        )
    if not entry.settled_minor and not entry.cash_minor:
        return refuse("ENTRY_MALFORMED", f"nothing of {item.open_item_id} is settled", **name)
    left = item.open_minor - entry.settled_minor
    if case.amount_minor < 0:
        low, high = sorted((item.open_minor, item.original_minor))
    else:
        low, high = sorted((0, item.open_minor))
        if item.status in _GONE or not item.open_minor:
            return refuse("ITEM_CLOSED", f"{item.open_item_id} has nothing open", **name)
    if not low <= left <= high:
        return refuse(
            "ITEM_OVERAPPLIED",
            f"{item.open_item_id} has {item.open_minor} minor units open, "
            f"{entry.settled_minor} would be taken",
            open_minor=item.open_minor,
            settled_minor=entry.settled_minor,
            **name,
        )
    return None


def _reasons_missing(entry: Entry) -> Refusal | None:
    for amount, reason, table, what in (
        (entry.write_off_minor, entry.write_off_reason, WRITE_OFF_REASONS, "write_off"),
        (entry.deduction_minor, entry.deduction_reason, DEDUCTION_REASONS, "deduction"),
    ):
        if not amount:
            continue
        if not reason:
            return refuse("REASON_MISSING", f"a {what} needs a reason", field=f"{what}_reason")
        if reason not in table:
            return refuse(
                "REASON_UNKNOWN",
                f"{what}_reason {reason!r} is not one of {', '.join(table)}",
                field=f"{what}_reason",
                value=reason,
            )
    return None


def _not_reversible(case: Case, entry: Entry) -> Refusal | None:
    line = next((one for one in standing_lines(case) if one.number == entry.reverses), None)
    if line is None:
        return refuse(
            "ALREADY_REVERSED",
            f"line {entry.reverses} is not there, was taken back, or takes back another",
            line=entry.reverses,
        )
    if line.delivery == "posting":
        return refuse(
            "LINE_UNDER_WAY",
            f"line {line.number} is being posted; wait for the ledger's answer",
            line=line.number,
        )
    return None


def _overspent(case: Case, entries: tuple[Entry, ...]) -> Refusal | None:
    """Cash beyond what is undecided, or a remainder of the other sign."""
    undecided = undecided_minor(case)
    left = undecided - sum(entry.cash_minor for entry in entries)
    low, high = sorted((0, case.amount_minor))
    if low <= left <= high:
        return None
    return refuse(
        "OVERSPENT",
        f"{undecided} minor units are undecided, the entries would leave {left}",
        undecided_minor=undecided,
        remainder_minor=left,
    )


def exercises_of(
    case: Case, entry: Entry, facts: Facts, draft: Draft, floor_bps: int
) -> tuple[Exercise, ...]:
    """The powers one entry needs, each with its amount."""
    if entry.reverses:
        line = next(one for one in case.lines if one.number == entry.reverses)
        return (Exercise("undo_posted", _weight(line)),) if _sent(line) else ()
    if entry.kind == "fact":
        return (Exercise("learn_fact", max(1, facts.fact_reach_minor)),)
    needed: list[tuple[Power, int]]
    if entry.kind in _CASH_ALONE:
        power: Power = _CASH_ALONE[entry.kind]  # type: ignore[assignment]  # kinds named as powers
        needed = [(power, entry.cash_minor)]
        held = False
    else:
        item = facts.items[entry.company_id, entry.open_item_id]
        needed = _item_powers(case, entry, item, facts)
        held = item.status in _HELD
    if facts.held or held:
        needed.append(("release_hold", entry.cash_minor or entry.settled_minor))
    if draft.confidence_bps < floor_bps:
        needed.append(("override_confidence", entry.cash_minor or entry.settled_minor))
    return tuple(Exercise(name, abs(amount)) for name, amount in needed if amount)


def _item_powers(case: Case, entry: Entry, item: ItemFact, facts: Facts) -> list[tuple[Power, int]]:
    moved = entry.cash_minor or entry.settled_minor
    earned = item.discount_minor if facts.value_day <= item.discount_day else 0
    if abs(entry.settled_minor) < abs(item.open_minor):
        earned = 0
    related = item.customer_id in {case.customer_id, *facts.related_customers}
    return [
        ("apply", moved),
        ("write_off", entry.write_off_minor),
        ("deduction", entry.deduction_minor),
        ("late_discount", max(0, abs(entry.discount_minor) - abs(earned))),
        ("cross_customer", 0 if related or not case.customer_id else moved),
        ("cross_company", 0 if entry.company_id == case.company_id else moved),
    ]


def demands_of(
    case: Case, exercises: tuple[Exercise, ...], authority: Authority, actor: Actor
) -> tuple[Exercise, ...]:
    """What of `exercises` the actor may not do alone. What stands in this case on the word of one
    person counts, so that small steps do not add up to what one step could not be.
    """
    used: dict[Power, int] = {}
    for exercise in exercises:
        used[exercise.power] = used.get(exercise.power, 0) + exercise.amount_minor
    demanded = []
    for power, amount in used.items():
        ceiling = authority.alone_minor(actor, power, case.currency)
        total = amount + _stands_alone(case, power)
        if ceiling is not None and (total > ceiling):
            demanded.append(Exercise(power, total))
    return tuple(demanded)


def split_between_customers(
    case: Case, entries: tuple[Entry, ...], facts: Facts
) -> Exercise | None:
    """Money of an unknown payer that would settle items of several customers."""
    cash: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "item" and not entry.reverses:
            owner = facts.items[entry.company_id, entry.open_item_id].customer_id
            cash[owner] = cash.get(owner, 0) + abs(entry.cash_minor or entry.settled_minor)
    if case.customer_id or len(cash) < 2:
        return None
    return Exercise("cross_customer", sum(cash.values()) - max(cash.values()))


def _stands_alone(case: Case, power: Power) -> int:
    gone = {line.reverses for line in case.lines if line.reverses}
    return sum(
        exercise.amount_minor
        for line in case.lines
        if line.act_number and not line.approved_by and line.number not in gone
        for exercise in line.exercises
        if exercise.power == power
    )


def _sent(line: Line) -> bool:
    return line.delivery in ("posted", "confirmed")


def _weight(line: Line) -> int:
    return max(
        abs(line.cash_minor),
        abs(line.discount_minor),
        abs(line.deduction_minor),
        abs(line.write_off_minor),
    )
