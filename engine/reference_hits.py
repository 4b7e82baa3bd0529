"""Hits: readings of one chunk of texts beside the open items their keys lead to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.check_digits import body_windows, creditor_references, whole_windows
from engine.distractors import distractions
from engine.readings import (
    ENDING_LENGTHS,
    Chains,
    Windows,
    chains_of,
    glued_windows,
    number_windows,
    read_numbers,
    word_windows,
)
from engine.reference_keys import STRONG, WEAK
from engine.segments import first_of_runs
from engine.tokens import TextChunk, confusable_digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.readings import Numbers, NumberShape
    from engine.tokens import Runs

__all__ = [
    "Hits",
    "Payers",
    "amount_agrees",
    "asked_windows",
    "cover",
    "look_up",
    "reachable",
    "widest",
]

_LENGTH_MAX = 999
_REPAIRED_COST = 500
_BETTER_BITS = 13


class Hits(msgspec.Struct, frozen=True):
    """A reading beside an item its key leads to: byte bounds, item, strength of the key, and
    whether letters were read as digits.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    item: NDArray[np.int64]
    strength: NDArray[np.int64]
    repaired: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of hits."""
        return len(self.item)

    @classmethod
    @cache
    def none(cls) -> Hits:
        """No hit: the same each time."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing, nothing, nothing.astype(np.bool_))

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Hits:
        """The given hits."""
        if rows.dtype == np.bool_ and rows.all():
            return self
        return Hits(*(getattr(self, name)[rows] for name in self.__struct_fields__))

    @classmethod
    def concat(cls, parts: list[Hits]) -> Hits:
        """All hits of `parts`."""
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else cls.none()
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__struct_fields__
            )
        )


class Payers(msgspec.Struct, frozen=True):
    """Per text: payment; company and family of the payer, or -1; currency; cash stated for it, and
    that before discount and deduction; and whether the text is said to be a creditor reference.

    sisters: whose items a payment of each company may settle (companies × companies, both with a
    last place for a company that is not known).
    """

    payment: NDArray[np.int64]
    company: NDArray[np.int64]
    family: NDArray[np.int64]
    currency: NDArray[np.int64]
    cash: NDArray[np.int64]
    gross: NDArray[np.int64]
    creditor: NDArray[np.bool_]
    sisters: NDArray[np.bool_]


def look_up(
    chunk: TextChunk, payers: Payers, index: OpenItemIndex
) -> tuple[Hits, Chains, NDArray[np.bool_]]:
    """Hits of the plain reading; of endings, glued numbers and look-alike letters where the plain
    one has no strong hit; the chains, and which of them may be references.
    """
    numbers = read_numbers(chunk)
    run = numbers.run.at(distractions(chunk, numbers) > 0)
    distracting = cover(run, len(chunk.content))
    structured = creditor_references(chunk, numbers)
    windows = _plain_windows(chunk, numbers, structured)
    plain = _found(windows, index, repaired=False)
    plain = plain.at(_meant(plain, distracting, chunk, payers, index))
    ours, same_money = reachable(plain, chunk, payers, index)
    strong = plain.at(ours & same_money & (plain.strength > WEAK))
    covered = distracting + cover(strong, len(chunk.content))
    hits = [plain, _ending_hits(chunk, numbers, covered, payers, strong, index)]
    said = payers.creditor[chunk.row_of(numbers.run.start)]
    bodies = body_windows(chunk, *structured, (said, numbers), index.shapes)
    others = [(bodies, False), *_other_windows(chunk, numbers, covered, index.shapes)]
    for windows, repaired in others:
        free = covered[windows.end] == covered[windows.start]
        if not np.count_nonzero(free):
            continue
        found = _found(windows.at(free), index, repaired=repaired)
        hits.append(found.at(found.strength > WEAK))
    chains = chains_of(numbers)
    return Hits.concat(hits), chains, distracting[chains.end] == distracting[chains.start]


def asked_windows(
    chunk: TextChunk, creditor: NDArray[np.bool_], shapes: tuple[NumberShape, ...]
) -> Windows:
    """Every reading `look_up` may look up, whatever it finds; `creditor` tells the texts that are
    said to be creditor references, `shapes` what numbers of open items look like.
    """
    numbers = read_numbers(chunk)
    structured = creditor_references(chunk, numbers)
    said = creditor[chunk.row_of(numbers.run.start)]
    nothing = np.zeros(len(chunk.content) + 1, dtype=np.int64)
    others = _other_windows(chunk, numbers, nothing, shapes)
    return Windows.concat(
        [
            _plain_windows(chunk, numbers, structured),
            body_windows(chunk, *structured, (said, numbers), shapes),
            *(windows for windows, _ in others),
        ]
    )


def _plain_windows(chunk: TextChunk, numbers: Numbers, structured: tuple[Runs, Runs]) -> Windows:
    return Windows.concat(
        [number_windows(numbers), word_windows(chunk), whole_windows(chunk, *structured)]
    )


def _meant(
    hits: Hits,
    distracting: NDArray[np.int64],
    chunk: TextChunk,
    payers: Payers,
    index: OpenItemIndex,
) -> NDArray[np.bool_]:
    """Hits that are no date, amount or the like; or are of the payer and exactly of the amount."""
    meant: NDArray[np.bool_] = distracting[hits.end] == distracting[hits.start]
    at = (~meant).nonzero()[0]
    if not len(at):
        return meant
    row, item = chunk.row_of(hits.start[at]), hits.item[at]
    family = payers.family[row]
    meant[at] = amount_agrees(item, payers.cash[row], payers.gross[row], index)
    meant[at] &= (family < 0) | (index.family[item] == family)
    return meant


def amount_agrees(
    item: NDArray[np.int64], cash: NDArray[np.int64], gross: NDArray[np.int64], index: OpenItemIndex
) -> NDArray[np.bool_]:
    """The line's cash (with discount and deduction), else the payment's, is the item's amount."""
    opened = index.open_minor[item]
    closed = opened == 0
    net = opened - index.discount_minor[item]
    agrees = (cash == opened) | (gross == opened) | (cash == net)
    paid_twice = closed & (cash == index.original_minor[item])
    fits: NDArray[np.bool_] = (agrees & ~closed) | paid_twice
    return fits


def reachable(
    hits: Hits, chunk: TextChunk, payers: Payers, index: OpenItemIndex
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each hit is of the payment's company, as far as that is known; of its currency."""
    row = chunk.row_of(hits.start)
    ours: NDArray[np.bool_] = payers.sisters[payers.company[row], index.company[hits.item]]
    same_money: NDArray[np.bool_] = index.currency[hits.item] == payers.currency[row]
    return ours, same_money


def _found(windows: Windows, index: OpenItemIndex, *, repaired: bool) -> Hits:
    found = index.reference_keys.find(windows.key)
    return Hits(
        windows.start[found.owner],
        windows.end[found.owner],
        found.item,
        found.strength.astype(np.int64),
        np.full(len(found.owner), repaired),
    )


def _ending_hits(
    chunk: TextChunk,
    numbers: Numbers,
    covered: NDArray[np.int64],
    payers: Payers,
    strong: Hits,
    index: OpenItemIndex,
) -> Hits:
    """Numbers that are the end of longer ones of the payer's family, or of items of the amount;
    `strong` says whose family that is where no payer is known.
    """
    run = numbers.run
    length = run.end - run.start
    of_length = (length >= min(ENDING_LENGTHS)) & (length <= max(ENDING_LENGTHS))
    # Two zeros in front leave so few digits that the ending says nothing.
    of_length &= numbers.value >= np.power(10, np.maximum(length - 2, 0)).astype(np.uint64)
    some = (of_length & (covered[run.end] == covered[run.start])).nonzero()[0]
    if not len(some):
        return Hits.none()
    row = chunk.row_of(run.start[some])
    family = _families(strong, chunk, payers, index)[row]
    owner, item = index.endings.find(family, numbers.value[some], length[some])
    stranger = (payers.family[row] < 0).nonzero()[0]
    other, of_amount = index.amounts.find(
        payers.currency[row[stranger]], payers.cash[row[stranger]]
    )
    at = np.concatenate([some[owner], some[stranger[other]]])
    item = np.concatenate([item, of_amount])
    ending = index.joined_digits[item] % np.power(10, length[at]).astype(np.uint64)
    # The whole number is no ending of itself.
    longer = (index.digit_count[item] > length[at]) & (ending == numbers.value[at])
    at, item = at[longer], item[longer]
    return Hits(
        run.start[at],
        run.end[at],
        item,
        np.full(len(at), WEAK),
        np.zeros(len(at), dtype=np.bool_),
    )


def _families(
    strong: Hits, chunk: TextChunk, payers: Payers, index: OpenItemIndex
) -> NDArray[np.int64]:
    """Family of each text's payer; where nobody is known, that of all items the payment names."""
    first = payers.payment[0] if len(payers.payment) else 0
    payment = payers.payment - first
    low = np.full(int(payment.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    named = payment[chunk.row_of(strong.start)]
    family = index.family[strong.item]
    np.minimum.at(low, named, family)
    np.maximum.at(high, named, family)
    claimed = np.where(low == high, low, -1)[payment]
    return np.where(payers.family >= 0, payers.family, claimed)


def _other_windows(
    chunk: TextChunk,
    numbers: Numbers,
    covered: NDArray[np.int64],
    shapes: tuple[NumberShape, ...],
) -> list[tuple[Windows, bool]]:
    """Readings of the texts in which something is left unread: cut numbers; look-alike letters."""
    run = numbers.run
    free = covered[run.end] == covered[run.start]
    found = []
    long = free & (run.end - run.start >= _glued_length(shapes))
    if np.count_nonzero(long):
        part, back = _only(chunk, run.start[long])
        windows = glued_windows(part, shapes)
        found.append((_moved(windows, back), False))
    changed = confusable_digits(chunk)
    places = (changed != chunk.content).nonzero()[0]
    places = places[covered[places + 1] == covered[places]]
    if len(places):
        part, back = _only(msgspec.structs.replace(chunk, content=changed), places)
        lookalike = TextChunk.of(part.content, part.offsets)
        windows = Windows.concat([number_windows(read_numbers(lookalike)), word_windows(lookalike)])
        windows = _moved(windows, back)
        differs = np.concatenate([[0], (changed != chunk.content).cumsum()])
        touched = differs[windows.end] > differs[windows.start]
        found.append((windows.at(touched), True))
    return found


def _glued_length(shapes: tuple[NumberShape, ...]) -> int:
    return min((shape.last + max(shape.first, 1) for shape in shapes), default=_LENGTH_MAX)


def _only(chunk: TextChunk, places: NDArray[np.int64]) -> tuple[TextChunk, NDArray[np.int64]]:
    """The chunk with only the texts that `places` are in; and where each of its bytes was."""
    rows = chunk.row_of(places)
    rows = rows[first_of_runs(rows)]
    part = chunk.with_rows(rows)
    moved = np.repeat(chunk.offsets[:-1] - part.offsets[:-1], np.diff(part.offsets))
    return part, moved


def _moved(windows: Windows, moved: NDArray[np.int64]) -> Windows:
    """`windows` at the places their bytes had before."""
    if not len(windows):
        return windows
    by = moved[windows.start]
    return Windows(windows.start + by, windows.end + by, windows.key)


def cover(hits: Hits | Runs, size: int) -> NDArray[np.int64]:
    """Running count of bytes inside the readings (shape: size + 1)."""
    if not len(hits):
        return np.zeros(size + 1, dtype=np.int64)
    edges = np.bincount(hits.start, minlength=size + 1) - np.bincount(hits.end, minlength=size + 1)
    before = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(edges[:-1].cumsum() > 0, out=before[1:])
    return before


def widest(hits: Hits, chunk: TextChunk) -> Hits:
    """Drop readings that overlap a better one of their text: stronger first, then longer."""
    if not len(hits):
        return hits
    better = hits.strength * (_LENGTH_MAX + 1) + np.minimum(hits.end - hits.start, _LENGTH_MAX)
    better[hits.repaired] -= _REPAIRED_COST
    worse = (STRONG + 1) * (_LENGTH_MAX + 1) - better
    row = chunk.row_of(hits.start)
    order = np.lexsort((hits.start, (row << _BETTER_BITS) + worse))
    # Sweep by text in rounds: the best remaining reading of each stays, what overlaps it goes.
    row, start, end = row[order], hits.start[order], hits.end[order]
    kept = []
    live = np.arange(len(order))
    while len(live):
        heads = first_of_runs(row[live])
        lead = live[heads][heads.cumsum() - 1]
        same = (start[live] == start[lead]) & (end[live] == end[lead])
        overlap = (start[live] < end[lead]) & (end[live] > start[lead])
        kept.append(live[same])
        live = live[~overlap]
    return hits.at(np.sort(order[np.concatenate(kept)]))
