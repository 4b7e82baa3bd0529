"""Closing the difference: what picked items leave open, or what cash is left beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from desk.cases import Entry, undecided_minor

if TYPE_CHECKING:
    from desk.acts import Remainder
    from desk.cases import Case, EntryKind
    from desk.facts import Facts

__all__ = ["with_remainder"]

_CASH_KINDS: dict[str, EntryKind] = {
    "on_account": "on_account",
    "refund": "refund",
    "non_ar": "non_ar",
}
_CLOSING = {
    "write_off": ("write_off_minor", "write_off_reason"),
    "deduction": ("deduction_minor", "deduction_reason"),
    "discount": ("discount_minor", ""),
}


def with_remainder(
    case: Case, entries: tuple[Entry, ...], facts: Facts, remainder: Remainder
) -> tuple[Entry, ...]:
    """`entries` and what `remainder` makes of the difference.

    Surplus cash goes where `remainder` says, or with `write_off` onto the last item. A shortfall is
    closed on every picked item that has something left. Items nobody knows are left as they are:
    the gates will name them.
    """
    if remainder.kind == "leave":
        return entries
    left = undecided_minor(case) - sum(entry.cash_minor for entry in entries)
    kind = _CASH_KINDS.get(remainder.kind)
    if kind is not None:
        if not left:
            return entries
        customer = remainder.customer_id or case.customer_id if kind == "on_account" else ""
        rest = Entry(
            kind=kind,
            company_id=case.company_id,
            customer_id=customer,
            cash_minor=left,
            link=remainder.link,
        )
        return (*entries, rest)
    if left and remainder.kind == "write_off":
        return _surplus_written_off(entries, left, remainder)
    return tuple(_closed(entry, facts, remainder) for entry in entries)


def _closed(entry: Entry, facts: Facts, remainder: Remainder) -> Entry:
    item = facts.items.get((entry.company_id, entry.open_item_id))
    if entry.kind != "item" or entry.reverses or item is None:
        return entry
    short = item.open_minor - entry.settled_minor
    if not short:
        return entry
    amount, reason = _CLOSING[remainder.kind]
    changes: dict[str, object] = {amount: getattr(entry, amount) + short}
    if reason:
        changes[reason] = remainder.reason
    if remainder.link:
        changes["link"] = remainder.link
    return msgspec.structs.replace(entry, **changes)


def _surplus_written_off(
    entries: tuple[Entry, ...], left: int, remainder: Remainder
) -> tuple[Entry, ...]:
    """The surplus cash is taken by the last item, and written off there with the other sign."""
    last = next((n for n, one in reversed(list(enumerate(entries))) if one.kind == "item"), None)
    if last is None:
        return entries
    entry = entries[last]
    taken = msgspec.structs.replace(
        entry,
        cash_minor=entry.cash_minor + left,
        write_off_minor=entry.write_off_minor - left,
        write_off_reason=remainder.reason,
    )
    return (*entries[:last], taken, *entries[last + 1 :])
