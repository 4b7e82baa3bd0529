"""Scenarios whose payer names what it pays, well or badly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.drafts import Draft, Line
from tieout.worlds.references import DAMAGES, serial_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.planner import Planner

__all__ = ["REFERENCE_SCENARIOS"]

_DIGITS_READ_MIN: Final = 5
"""Digits from which on a number in free text is taken for a reference, whatever stands around."""

_LOOSE: Final = ("ref_digit_wrong", "ref_digits_swapped", "ref_clipped")


def _several(plan: Planner) -> int:
    """How many references one payment names: mostly two to four, sometimes a dozen."""
    count = 2
    while count < 16 and plan.dice.chance(0.55):
        count += 1
    return count


def _group(plan: Planner) -> list[int] | None:
    return plan.seed_group(_several(plan))


def _documents(plan: Planner, rows: list[int]) -> list[str]:
    return [plan.items.document[row] for row in rows]


def _ref_structured(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None:
        return None
    draft = plan.draft("ref_structured", rows, form="structured")
    draft.lines = plan.lines(rows)
    return [draft]


def _ref_text(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    return None if rows is None else [_in_text(plan, "ref_text", rows)]


def _in_text(plan: Planner, scenario: str, rows: list[int]) -> Draft:
    draft = plan.draft(scenario, rows, form="text")
    country = plan.country(draft.company)
    draft.text = texts.reference_sentence(plan.dice, country, _documents(plan, rows))
    return draft


def _ref_text_distractors(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1 + plan.dice.below(2))
    if rows is None:
        return None
    draft = plan.draft("ref_text_distractors", rows, form="text")
    country = plan.country(draft.company)
    draft.text = texts.distracted_sentence(
        plan.dice, country, _documents(plan, rows), draft.day, draft.amount
    )
    return [draft]


def _multi_structured(plan: Planner) -> list[Draft] | None:
    rows = _group(plan)
    if rows is None:
        return None
    draft = plan.draft("multi_structured", rows, form="structured")
    draft.lines = plan.lines(rows)
    return [draft]


def _multi_text(plan: Planner) -> list[Draft] | None:
    rows = _group(plan)
    return None if rows is None else [_in_text(plan, "multi_text", rows)]


def _multi_text_amounts(plan: Planner) -> list[Draft] | None:
    rows = _group(plan)
    if rows is None:
        return None
    draft = plan.draft("multi_text_amounts", rows, form="text")
    pairs = [(plan.items.document[row], plan.items.face[row]) for row in rows]
    draft.text = texts.list_with_amounts(plan.dice, plan.country(draft.company), pairs)
    return [draft]


def _by_other_key(plan: Planner, scenario: str, pool: str, key: str, kind: str) -> Draft | None:
    rows = plan.seed_group(1, pool)
    if rows is None:
        return None
    row = rows[0]
    values = plan.items.purchase_order if key == "purchase_order" else plan.items.references
    structured = plan.dice.chance(0.5)
    draft = plan.draft(scenario, rows, form="structured" if structured else "text")
    if structured:
        draft.lines = [Line(values[row], plan.items.face[row], kind=kind)]
    else:
        country = plan.country(draft.company)
        label = "PO " if kind == "purchase_order" else ""
        draft.text = f"{label}{values[row]} {texts.empty_sentence(plan.dice, country)}".strip()
    return draft


def _purchase_order(plan: Planner) -> list[Draft] | None:
    draft = _by_other_key(plan, "purchase_order", "ordered", "purchase_order", "purchase_order")
    return None if draft is None else [draft]


def _creditor_reference(plan: Planner) -> list[Draft] | None:
    draft = _by_other_key(
        plan, "creditor_reference", "creditor", "references", "creditor_reference"
    )
    return None if draft is None else [draft]


def _other_reference(plan: Planner) -> list[Draft] | None:
    draft = _by_other_key(plan, "other_reference", "delivery", "references", "document")
    return None if draft is None else [draft]


def _names_own_equal(plan: Planner, rows: list[int], document: str) -> bool:
    """Whether `document` is the number of another open item of the customer, of the same amount.

    A debtor says which of his debts he pays: who names one of his own, with its exact amount, pays
    that one, whatever he had in mind. Nobody can see a slip in it, and it is not played as one.
    """
    items = plan.items
    hit = plan.item_called(items.company[rows[0]], document)
    return (
        hit is not None
        and items.customer[hit] == items.customer[rows[0]]
        and items.open_minor(hit) == items.face[rows[0]]
    )


def _part_unread(written: list[str], *, structured: bool) -> str:
    """Codes of a payment of several items of which one number, the first, cannot be used.

    On lines of advice that is a line of several. In free text what is left of a clipped number may
    be too short to be one: then nothing says that the rest is not simply too much.
    """
    if len(written) == 1:
        return ""
    short = sum(character.isdigit() for character in written[0]) < _DIGITS_READ_MIN
    return "RMT-PARTIAL" if structured else "AMT-OVER" if short else ""


def _damaged(scenario: str) -> Callable[[Planner], list[Draft] | None]:
    damage = DAMAGES[scenario]

    def build(plan: Planner) -> list[Draft] | None:
        rows = plan.seed_group(2 if plan.dice.chance(0.3) else 1)
        if rows is None:
            return None
        written = _documents(plan, rows)
        written[0] = damage(plan.dice, written[0])
        if written[0] == plan.items.document[rows[0]] or _names_own_equal(plan, rows, written[0]):
            return None
        structured = plan.dice.chance(0.4)
        draft = plan.draft(scenario, rows, form="structured" if structured else "text")
        if structured:
            faces = [plan.items.face[row] for row in rows]
            draft.lines = [Line(text, face) for text, face in zip(written, faces, strict=True)]
        else:
            country = plan.country(draft.company)
            draft.text = texts.reference_sentence(plan.dice, country, written)
        if scenario in _LOOSE:
            draft.expect, draft.by_amount = "auto_if_unique", True
            draft.codes = _part_unread(written, structured=structured)
            draft.damaged = written[0]
        return [draft]

    return build


def _ref_glued(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(2 + plan.dice.below(2))
    if rows is None:
        return None
    draft = plan.draft("ref_glued", rows, form="text")
    draft.text = "".join(_documents(plan, rows))
    return [draft]


def _ref_range(plan: Planner) -> list[Draft] | None:
    first = plan.seed("payable")
    if first is None:
        return None
    items = plan.items
    rows = [first]
    while (
        rows[-1] + 1 < len(items)
        and items.customer[rows[-1] + 1] == items.customer[first]
        and _is_next(items.document[rows[-1]], items.document[rows[-1] + 1])
        and plan.is_free(rows[-1] + 1)
        and items.is_payable(rows[-1] + 1)
    ):
        rows.append(rows[-1] + 1)
    if len(rows) < 2:
        return None
    draft = plan.draft("ref_range", rows, form="text")
    last = items.document[rows[-1]]
    upper = last if plan.dice.chance(0.5) else serial_of(last)[1]
    between = plan.dice.pick((" - ", "-", " to ", " bis ", " t/m "))
    draft.text = f"{items.document[first]}{between}{upper}"
    return [draft]


def _is_next(document: str, following: str) -> bool:
    head, serial = serial_of(document)
    other_head, other_serial = serial_of(following)
    return head == other_head and int(other_serial) == int(serial) + 1


def _customer_number(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1 + plan.dice.below(2))
    if rows is None:
        return None
    draft = plan.draft("customer_number", rows, form="text")
    draft.expect, draft.by_amount = "auto_if_unique", True
    number = plan.customers.customer_id[draft.customer]
    draft.text = texts.customer_number_sentence(plan.dice, plan.country(draft.company), number)
    return [draft]


def _parent_pays_child(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1 + plan.dice.below(3), "child")
    if rows is None:
        return None
    structured = plan.dice.chance(0.6)
    if structured:
        draft = plan.draft("parent_pays_child", rows, form="structured")
        draft.lines = plan.lines(rows)
    else:
        draft = _in_text(plan, "parent_pays_child", rows)
    draft.payer = plan.customers.parent[draft.customer]
    return [draft]


def _credit_ref(plan: Planner) -> list[Draft] | None:
    credit = plan.seed("credit")
    if credit is None:
        return None
    items = plan.items
    owed = [row for row in plan.free(items.customer[credit]) if items.kind[row] == "invoice"]
    rows = plan.dice.sample(owed, 1 + plan.dice.below(3))
    if sum(items.face[row] for row in rows) + items.face[credit] <= 0:
        return None
    structured = plan.dice.chance(0.6)
    draft = plan.draft("credit_ref", [*rows, credit], form="structured" if structured else "text")
    if structured:
        draft.lines = plan.lines([*rows, credit])
    else:
        country = plan.country(draft.company)
        draft.text = texts.credit_sentence(
            plan.dice, country, _documents(plan, rows), items.document[credit]
        )
    return [draft]


REFERENCE_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "ref_structured": _ref_structured,
    "ref_text": _ref_text,
    "ref_text_distractors": _ref_text_distractors,
    "multi_structured": _multi_structured,
    "multi_text": _multi_text,
    "multi_text_amounts": _multi_text_amounts,
    "creditor_reference": _creditor_reference,
    "other_reference": _other_reference,
    "purchase_order": _purchase_order,
    **{scenario: _damaged(scenario) for scenario in DAMAGES},
    "ref_glued": _ref_glued,
    "ref_range": _ref_range,
    "customer_number": _customer_number,
    "parent_pays_child": _parent_pays_child,
    "credit_ref": _credit_ref,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
