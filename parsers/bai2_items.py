"""Deposits and the items in them: only one of the two levels is a payment."""

from __future__ import annotations

__all__ = ["leave_one_level"]


def leave_one_level(
    levels: list[tuple[int, bool, int]],
) -> tuple[dict[int, str], list[int]]:
    """Which of deposits and items (position, is item, amount) to leave out, and why.

    Items follow or precede their deposit, or add up over the account. Gives position → reason, and
    the positions of deposits whose items do not add up.
    """
    if all(is_item for _, is_item, _ in levels):
        return {}, []
    in_order = _grouped(levels)
    for groups in (in_order, _grouped(levels[::-1])):
        if all(_adds_up(group) for group in groups):
            return {group[0][0]: "summary" for group in groups if len(group) > 1}, []
    if not sum(amount if is_item else -amount for _, is_item, amount in levels):
        return {position: "summary" for position, is_item, _ in levels if not is_item}, []
    dropped: dict[int, str] = {}
    mismatches = []
    for group in in_order:
        if _adds_up(group):
            dropped.update({group[0][0]: "summary"} if len(group) > 1 else {})
        else:
            mismatches.append(group[0][0])
            dropped.update({position: "item" for position, is_item, _ in group if is_item})
    return dropped, mismatches


def _grouped(levels: list[tuple[int, bool, int]]) -> list[list[tuple[int, bool, int]]]:
    """Each deposit with the items after it; items before the first deposit are a group alone."""
    groups: list[list[tuple[int, bool, int]]] = []
    for level in levels:
        if not level[1] or not groups:
            groups.append([])
        groups[-1].append(level)
    return groups


def _adds_up(group: list[tuple[int, bool, int]]) -> bool:
    """Whether a deposit without items, or with items of its sum, leads the group."""
    (_, leads_with_item, amount), *rest = group
    return not leads_with_item and (not rest or sum(item[2] for item in rest) == amount)
