"""Groups: payments that are decided together, and those whose references reach beyond one group.

A group is a family of customers with its open items. A payment belongs to the group of its payer as
long as nothing it names, and that payer or amount makes credible, is somebody else's; a number that
merely hits a stranger's item ties nothing together. All other payments (no payer known, items of
several families, families too large to compare a damaged number with) reach beyond.

What a payment's strategies propose depends on that payment and on what is left of the items, never
on another payment. So the payments beyond the groups propose first; each group then proposes and
settles its contests apart from those in which a payment beyond has a part; and one pass over all
groups settles what is left (`engine.rounds`). A group needs its own rows and what payments beyond
want of its items, nothing else: it may be decided anywhere. The result is that of all payments
together, however groups are bundled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import numpy as np

from engine.limits import CHUNK_PAYMENTS, FAMILY_COMPARED_MAX
from engine.segments import expand_ranges, pick
from engine.situation import Lines, Situation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.reference_slots import ReferenceSlots, SharedReferences

    AnyRows = TypeVar("AnyRows", ReferenceSlots, SharedReferences)

__all__ = ["Groups", "Part", "reached_families"]


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """chunks: payments of whole groups, bundled; beyond: payments of no group, or of one that is
    larger than a chunk, in pieces.

    Payment rows ascend within each; group: per payment, its family, or -1 beyond.
    """

    group: NDArray[np.int64]
    chunks: tuple[NDArray[np.int64], ...]
    beyond: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, situation: Situation) -> Self:
        """The payments of `situation` that are open for matching, by group."""
        beyond = _reaches_beyond(situation)
        return cls._cut(situation, np.where(beyond, -1, situation.payer_family))

    @classmethod
    def by_payer(cls, situation: Situation) -> Self:
        """As `of`, where nothing but the items of a known payer's family is looked at."""
        return cls._cut(situation, situation.payer_family)

    @classmethod
    def _cut(cls, situation: Situation, group: NDArray[np.int64]) -> Self:
        todo = situation.open_for_matching.nonzero()[0]
        is_inside = group[todo] >= 0
        inside, outside = todo[is_inside], todo[~is_inside]
        if len(todo) <= CHUNK_PAYMENTS:
            chunks, beyond = ([rows] if len(rows) else [] for rows in (inside, outside))
            return cls(group=group, chunks=tuple(chunks), beyond=tuple(beyond))
        size = np.bincount(group[inside], minlength=int(group.max()) + 1)
        if (size > CHUNK_PAYMENTS).any():
            # Of a family's payments too many for a chunk, pieces propose, and one pass resolves.
            group = np.where((group >= 0) & (np.append(size, 0)[group] > CHUNK_PAYMENTS), -1, group)
            is_inside = group[todo] >= 0
            inside, outside = todo[is_inside], todo[~is_inside]
        order = inside[np.argsort(group[inside], kind="stable")]
        # Cut at the first group that begins in each stretch of rows.
        edge = np.arange(CHUNK_PAYMENTS, len(order), CHUNK_PAYMENTS)
        cuts = group[order].searchsorted(group[order[edge]], side="left")
        chunks = [np.sort(rows) for rows in np.split(order, cuts) if len(rows)]
        pieces = np.arange(CHUNK_PAYMENTS, len(outside), CHUNK_PAYMENTS)
        beyond = [rows for rows in np.split(outside, pieces) if len(rows)]
        return cls(group=group, chunks=tuple(chunks), beyond=tuple(beyond))


def _reaches_beyond(situation: Situation) -> NDArray[np.bool_]:
    """Payments whose payer is not known, or that may settle an item of another family."""
    index, slots, family = situation.index, situation.slots, situation.payer_family
    beyond = family < 0
    size = index.family_bounds[family + 1] - index.family_bounds[family]
    beyond |= size > FAMILY_COMPARED_MAX
    strange = (slots.item >= 0) & situation.credible()
    strange &= pick(index.family, slots.item) != family[slots.payment]
    beyond[slots.payment[strange]] = True
    shared = situation.shared
    if len(shared.payment):
        beyond[shared.payment[index.family[shared.item] != family[shared.payment]]] = True
    return beyond


def reached_families(
    situation: Situation, family_of: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Families whose items payments may settle or be settled with: payment, family; the payer's
    own (`family_of` each customer; where two facts name two payers the first one's), and, of what
    is named, all that payer or amount makes credible, or that nobody contradicts.

    Payments that reach no family in common have no part in each other's results: those of families
    that are tied together so may be matched apart from all others.
    """
    index, slots, shared = situation.index, situation.slots, situation.shared
    unknown = situation.payer_family[slots.payment] < 0
    named = slots.item >= 0
    named &= situation.credible() | ((slots.strength > 1) & unknown)
    own = pick(family_of, situation.payer, none=-1)
    own = np.where(own < 0, situation.payer_family, own)
    known = (own >= 0).nonzero()[0]
    return (
        np.concatenate([known, slots.payment[named], shared.payment]),
        np.concatenate([own[known], index.family[slots.item[named]], index.family[shared.item]]),
    )


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A situation cut down to some payments, and the way back to the whole one.

    payment: row of each payment in the whole situation; slot: row of each slot; line_shift: what to
    add to a line's number, per payment, to get its number in the whole.
    """

    situation: Situation
    payment: NDArray[np.int64]
    slot: NDArray[np.int64]
    line_shift: NDArray[np.int64]

    @classmethod
    def of(cls, situation: Situation, payment: NDArray[np.int64]) -> Self:
        """Only the given payments (ascending rows); items stay as they are."""
        lines, slots, shared = situation.lines, situation.slots, situation.shared
        if len(payment) == len(situation):
            slot = np.arange(len(slots.payment))
            shift = np.zeros(len(payment), dtype=np.int64)
            return cls(situation=situation, payment=payment, slot=slot, line_shift=shift)
        line_owner, line = _rows_of(lines.payment, payment)
        slot_owner, slot = _rows_of(slots.payment, payment)
        shared_owner, common = _rows_of(shared.payment, payment)
        shift = lines.payment.searchsorted(payment) - line_owner.searchsorted(
            np.arange(len(payment))
        )
        columns = {
            name: values[payment]
            for name, values in _columns(situation).items()
            if name not in _WHOLE and name not in _OWNED
        }
        own_slots = _taken(slots, slot, slot_owner, shift)
        own_shared = _taken(shared, common, shared_owner, shift)
        own_lines = Lines(
            **{name: values[line] for name, values in _columns(lines).items() if name != "payment"},
            payment=line_owner,
        )
        cut = msgspec.structs.replace(
            situation, **columns, slots=own_slots, shared=own_shared, lines=own_lines
        )
        return cls(situation=cut, payment=payment, slot=slot, line_shift=shift)

    def back(self, candidates: Candidates) -> Candidates:
        """`candidates` of this part with the rows of the whole situation."""
        rows = candidates.rows
        shift = self.line_shift[candidates.payment[rows.candidate]]
        line = np.where(rows.line >= 0, rows.line + shift, rows.line)
        return msgspec.structs.replace(
            candidates,
            payment=self.payment[candidates.payment],
            rows=msgspec.structs.replace(rows, line=line),
        )


_WHOLE = ("rules", "index", "remaining", "claims")
_OWNED = ("slots", "shared", "lines")


def _columns(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _rows_of(
    owner: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the sorted `owner` that belong to each of `wanted`: its place there, and the row."""
    return expand_ranges(
        owner.searchsorted(wanted, side="left"), owner.searchsorted(wanted, side="right")
    )


def _taken(
    rows: AnyRows, at: NDArray[np.int64], payment: NDArray[np.int64], shift: NDArray[np.int64]
) -> AnyRows:
    """The rows `at` of slots or shared references, their payments and lines renumbered."""
    columns = {name: values[at] for name, values in _columns(rows).items()}
    line = columns["line"]
    columns |= {"payment": payment, "line": np.where(line >= 0, line - shift[payment], line)}
    return msgspec.structs.replace(rows, **columns)
