"""The independent check of every transition: it shares nothing with the code that makes them.

It reads cases and lines and knows nothing of states, acts or authority. What it proves:

- lines are append-only, but for where they are on their way to the ledger;
- the money of the case is the same, and the amount is the sum of all lines and of what is left;
- a line that takes another back negates it to the cent, and every line is taken back once at most;
- what is left undecided never changes its sign, and never exceeds the amount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk.cases import Buckets, Case, Line

__all__ = ["DeskConservationError", "check_conserved"]

_MONEY: Final = ("cash_minor", "discount_minor", "deduction_minor", "write_off_minor")
_PLACE: Final = ("kind", "company_id", "customer_id", "open_item_id", "fact_kind", "value")
_OWNERSHIP: Final = ("case_id", "payment_id", "company_id", "currency", "amount_minor")


class DeskConservationError(AssertionError):
    """A cent was lost, made or moved without a line; nothing of the act may be kept."""

    reason = "CONSERVATION"

    def __init__(self, case_id: str, rule: str) -> None:
        """Name the case and the rule that was broken."""
        super().__init__(f"case {case_id}: {rule}")
        self.metadata = {"case_id": case_id, "rule": rule}


def check_conserved(before: Case, after: Case, added: tuple[Line, ...], held: Buckets) -> None:
    """Raise `DeskConservationError` unless `after` is `before` and `added`, to the cent.

    `held` is where the money of `after` is said to be.
    """

    def insist(holds: bool, rule: str) -> None:  # noqa: FBT001 - a condition and its name
        if not holds:
            raise DeskConservationError(before.case_id, rule)

    for name in _OWNERSHIP:
        insist(getattr(before, name) == getattr(after, name), f"{name} changed")
    old = len(before.lines)
    insist(len(after.lines) >= old, "a line was removed")
    for was, became in zip(before.lines, after.lines, strict=False):
        insist(_without_delivery(was) == _without_delivery(became), f"line {was.number} changed")
    insist(after.lines[old:] == added, "the lines added are not the lines told")
    insist([one.number for one in after.lines] == [*range(1, len(after.lines) + 1)], "numbering")
    _check_reversals(after, insist)
    left = after.amount_minor
    for line in after.lines:
        left -= line.cash_minor
    insist(min(0, after.amount_minor) <= left <= max(0, after.amount_minor), "overspent")
    told = [getattr(held, name) for name in type(held).__struct_fields__]
    insist(sum(told) == after.amount_minor, "the buckets do not add up to the amount")
    undecided = held.unapplied_minor + held.unidentified_minor + held.suspense_minor
    insist(undecided == left, "the undecided buckets are not what the lines leave")


def _check_reversals(case: Case, insist: Callable[[bool, str], None]) -> None:
    lines = {line.number: line for line in case.lines}
    taken: set[int] = set()
    for line in case.lines:
        if not line.reverses:
            continue
        insist(line.reverses in lines and line.reverses < line.number, "it reverses no line")
        original = lines[line.reverses]
        insist(not original.reverses, "a reversal was reversed")
        insist(line.reverses not in taken, "a line was reversed twice")
        taken.add(line.reverses)
        for name in _MONEY:
            insist(getattr(line, name) == -getattr(original, name), f"{name} is not negated")
        for name in _PLACE:
            insist(getattr(line, name) == getattr(original, name), f"{name} differs")


def _without_delivery(line: Line) -> tuple[object, ...]:
    names = type(line).__struct_fields__
    return tuple(getattr(line, name) for name in names if name != "delivery")
