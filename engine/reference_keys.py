"""What open items are called: their document numbers, purchase orders and further references, as
keys that readings of payments are looked up by.

A document number has up to three keys: all its digits as one number, its digit runs as a sequence
(zeros in front of each gone), and the whole word. How much a key proves is its strength.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.key_table import KeyTable
from engine.limits import DOCUMENT_FREQUENCY_MAX
from engine.readings import NumberShape, power_of_ten, read_numbers
from engine.segments import first_of_runs, mix64
from engine.tokens import text_chunks, words_of_chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch
    from engine.match_input import MapOrdered
    from engine.tokens import TextChunk

__all__ = [
    "ALTERNATIVE",
    "STRONG",
    "WEAK",
    "Documents",
    "ReferenceKeys",
    "common_shapes",
    "joined_digits",
    "summed_shapes",
]

WEAK, ALTERNATIVE, STRONG = 1, 2, 3
"""Too short or only an ending; another reference of the item; the document number."""

_STRENGTH_BITS: Final = np.uint64(2)
_STRENGTH_MASK: Final = np.uint64(3)
_STRONG_DIGITS_MIN = 5
_SHORT_NUMBER: Final = np.uint64(10 ** (_STRONG_DIGITS_MIN - 1))
_ALTERNATIVE_MIN: Final = np.uint64(1000)
_IN_GROUPS: Final = "^ *RF[0-9]{2}[ 0-9A-Z]*$|^[0-9][ 0-9]{26,}$"
_SHAPE_SHARE = 100
_SHAPE_DIGITS_MIN = 4
_SHAPE_MAX = 99


class _Found(msgspec.Struct, frozen=True):
    """Items found: which question each answers, the item, and how much the key proves."""

    owner: NDArray[np.int64]
    item: NDArray[np.int64]
    strength: NDArray[np.int8]


class ReferenceKeys(msgspec.Struct, frozen=True):
    """Keys of references, and the items each leads to with its strength, as one value: the item
    above, how far the strength is from the greatest below.
    """

    table: KeyTable

    @classmethod
    def of(cls, parts: list[_Keys]) -> ReferenceKeys:
        """Sort and index `parts`; of equal keys of one item the strongest counts."""
        key, item, strength = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in _Keys.__struct_fields__
        )
        value = item.astype(np.uint64) << _STRENGTH_BITS | (STRONG - strength).astype(np.uint64)
        return cls(KeyTable.of(key, value))

    def changed(self, moved: NDArray[np.int64], added: ReferenceKeys) -> ReferenceKeys:
        """The keys after items came and went, without sorting or reading anything again.

        moved: the number each item has from now on, -1 where it is gone; added: keys of the new
        ones, numbered so already.
        """
        key, value = self.table.rows()
        item = moved[(value >> _STRENGTH_BITS).astype(np.int64)]
        kept = (item >= 0).nonzero()[0]
        old = key[kept]
        value = item[kept].astype(np.uint64) << _STRENGTH_BITS | value[kept] & _STRENGTH_MASK
        new, fresh = added.table.rows()
        at = old.searchsorted(new, side="right")
        return ReferenceKeys(
            KeyTable.of_sorted(np.insert(old, at, new), np.insert(value, at, fresh))
        )

    def by_item(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Every key as the table keeps it, beside the item it leads to: item, key."""
        key, value = self.table.rows()
        return (value >> _STRENGTH_BITS).astype(np.int64), key

    def strength(self) -> NDArray[np.int8]:
        """How much each key proves of its item; rows as `by_item` gives them."""
        _, value = self.table.rows()
        return np.int8(STRONG) - (value & _STRENGTH_MASK).astype(np.int8)

    def find(self, keys: NDArray[np.uint64]) -> _Found:
        """Items of each of `keys`; a key of too many items is evidence of none."""
        owner, value = self.table.find(keys, DOCUMENT_FREQUENCY_MAX)
        if np.count_nonzero(owner[1:] == owner[:-1]):
            item = (value >> _STRENGTH_BITS).view(np.int64)
            kept = first_of_runs(owner, item).nonzero()[0]
            owner, value = owner[kept], value[kept]
        # What the answer is made of is what it was found in: memory not yet used costs as much as
        # the look-up.
        below = value.astype(np.uint8) & np.uint8(_STRENGTH_MASK)
        value >>= _STRENGTH_BITS
        return _Found(owner, value.view(np.int64), np.int8(STRONG) - below.view(np.int8))


class _Keys(msgspec.Struct, frozen=True):
    key: NDArray[np.uint64]
    item: NDArray[np.int32]
    strength: NDArray[np.int8]


class Documents(msgspec.Struct, frozen=True):
    """All that open items are called; arrays have one entry per row of the batch they come from.

    parts: their keys, as they were read; joined: all digits of the document number as one number
    (modulo 2^64); digit_count: how many; shape_counts: what numbers look like, and how many look so
    (2 × shapes, see `common_shapes`).
    """

    parts: list[_Keys]
    joined: NDArray[np.uint64]
    digit_count: NDArray[np.int64]
    shape_counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, items: OpenItemBatch, number: NDArray[np.int64], map_ordered: MapOrdered = map
    ) -> Documents:
        """Read the references of `items`; `number` is what each item is called by its keys."""
        count = len(items)
        item = number.astype(np.int32)
        joined = np.zeros(count, dtype=np.uint64)
        digit_count = np.zeros(count, dtype=np.int64)
        shapes: list[NDArray[np.int64]] = []
        nothing = np.empty(0, dtype=np.int32)
        parts = [_Keys(nothing.astype(np.uint64), nothing, nothing.astype(np.int8))]

        def read(chunk: TextChunk) -> tuple[slice, _Read, list[_Keys]]:
            rows = slice(chunk.first_row, chunk.first_row + len(chunk))
            found = _Read.of(chunk)
            return rows, found, _document_keys(chunk, found, item[rows])

        for rows, found, keys in map_ordered(read, text_chunks(items.text("document_number"))):
            joined[rows], digit_count[rows] = found.joined, found.digit_count
            shapes.append(found.shapes())
            parts += keys
        for keys in map_ordered(
            lambda name: _alternative_keys(*_alternatives(items.text(name), item)),
            ("purchase_order", "references"),
        ):
            parts += keys
        return cls(parts, joined, digit_count, summed_shapes(shapes))

    def reference_keys(self) -> ReferenceKeys:
        """The keys, sorted and indexed."""
        return ReferenceKeys.of(self.parts)


class _Read(msgspec.Struct, frozen=True):
    """Digit runs of a chunk of document numbers: per text their number, and joined digits."""

    length: NDArray[np.int64]
    value: NDArray[np.uint64]
    first: NDArray[np.int64]
    runs: NDArray[np.int64]
    joined: NDArray[np.uint64]
    digit_count: NDArray[np.int64]

    @classmethod
    def of(cls, chunk: TextChunk) -> _Read:
        numbers = read_numbers(chunk)
        value, length = numbers.value, numbers.run.end - numbers.run.start
        bounds = numbers.run.start.searchsorted(chunk.offsets)
        first, runs = bounds[:-1], np.diff(bounds)
        joined = np.zeros(len(chunk), dtype=np.uint64)
        digit_count = np.zeros(len(chunk), dtype=np.int64)
        for step in range(int(runs.max(initial=0))):
            live = (runs > step).nonzero()[0]
            at = first[live] + step
            with np.errstate(over="ignore"):
                joined[live] = joined[live] * power_of_ten(length[at]) + value[at]
            digit_count[live] += length[at]
        return cls(length, value, first, runs, joined, digit_count)

    def sequences(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Texts of several digit runs, and a hash of those in order."""
        several = (self.runs > 1).nonzero()[0]
        state = self.value[self.first[several]]
        runs = self.runs[several]
        for step in range(1, int(runs.max(initial=0))):
            live = (runs > step).nonzero()[0]
            state[live] = mix64(state[live], self.value[self.first[several[live]] + step])
        return several, state

    def shapes(self) -> NDArray[np.int64]:
        """Shapes as numbers (see `common_shapes`); how often each occurs (shape: 2 × shapes)."""
        some = self.runs.nonzero()[0]
        first = self.length[self.first[some]]
        last = self.length[self.first[some] + self.runs[some] - 1]
        step = _SHAPE_MAX + 1
        runs, first, last = (
            np.minimum(part, _SHAPE_MAX) for part in (self.runs[some], first, last)
        )
        code = np.sort((runs * step + first) * step + last)
        head = first_of_runs(code).nonzero()[0] if len(code) else code
        return np.stack([code[head], np.diff(np.append(head, len(code)))])


def joined_digits(texts: pa.StringArray) -> NDArray[np.uint64]:
    """All digits of each text as one number, 0 where it has none."""
    parts = [_Read.of(chunk).joined for chunk in text_chunks(texts)]
    return np.concatenate([*parts, np.empty(0, dtype=np.uint64)])


def _document_keys(chunk: TextChunk, read: _Read, item: NDArray[np.int32]) -> list[_Keys]:
    significant = read.joined >= _SHORT_NUMBER
    some = read.digit_count.nonzero()[0]
    several, sequence = read.sequences()
    own = np.where(significant, STRONG, WEAK).astype(np.int8)
    words = words_of_chunk(chunk)
    alone = np.bincount(words.row, minlength=len(chunk))[words.row] == 1
    # A long number without letters is found as a number already.
    whole = (words.digit_count > 0) & alone
    whole &= (words.letter_count > 0) | ~significant[words.row]
    word_row = words.row[whole]
    return [
        _Keys(read.joined[some], item[some], own[some]),
        _Keys(sequence, item[several], own[several]),
        _Keys(mix64(words.value[whole]), item[word_row], _strengths(STRONG, len(word_row))),
    ]


def _alternatives(
    texts: pa.StringArray, item: NDArray[np.int32]
) -> tuple[pa.StringArray, NDArray[np.int32]]:
    """Every purchase order, or further reference, beside the item it belongs to."""
    some = pc.not_equal(texts, "").to_numpy(zero_copy_only=False).nonzero()[0]
    lists = pc.split_pattern(texts.take(pa.array(some)), ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.utf8_upper(pc.list_flatten(lists))
    # Printed in groups of four; a payer's is read across its blanks too.
    grouped = pc.match_substring_regex(values, _IN_GROUPS)
    packed = pc.replace_substring(values, " ", "")
    return pc.if_else(grouped, packed, values), item[some[owner]]


def _alternative_keys(texts: pa.StringArray, owner: NDArray[np.int32]) -> list[_Keys]:
    parts = []
    for chunk in text_chunks(texts):
        item = owner[chunk.first_row : chunk.first_row + len(chunk)]
        read = _Read.of(chunk)
        good = (
            (read.digit_count >= _STRONG_DIGITS_MIN) & (read.joined >= _ALTERNATIVE_MIN)
        ).nonzero()[0]
        words = words_of_chunk(chunk)
        long = words.digit_count >= _STRONG_DIGITS_MIN
        long &= (words.letter_count > 0) | (read.joined[words.row] < _ALTERNATIVE_MIN)
        parts += [
            _Keys(read.joined[good], item[good], _strengths(ALTERNATIVE, len(good))),
            _Keys(
                mix64(words.value[long]),
                item[words.row[long]],
                _strengths(ALTERNATIVE, int(long.sum())),
            ),
        ]
    return parts


def _strengths(strength: int, count: int) -> NDArray[np.int8]:
    return np.full(count, strength, dtype=np.int8)


def summed_shapes(found: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Counts of shapes of several sets of numbers together; shapes nobody has left are left out."""
    every = np.concatenate([*found, np.empty((2, 0), dtype=np.int64)], axis=1)
    order = np.argsort(every[0], kind="stable")
    code, times = every[:, order]
    if not len(code):
        return every
    head = first_of_runs(code).nonzero()[0]
    summed = np.stack([code[head], np.add.reduceat(times, head)])
    return summed[:, summed[1] > 0]


def common_shapes(counts: NDArray[np.int64], item_count: int) -> tuple[NumberShape, ...]:
    """Shapes that at least one document number in a hundred has, long numbers only."""
    common = counts[0, counts[1] >= max(1, item_count // _SHAPE_SHARE)].tolist()
    step = _SHAPE_MAX + 1
    shapes = [NumberShape(code // step**2, code // step % step, code % step) for code in common]
    return tuple(sorted(shape for shape in shapes if shape.last >= _SHAPE_DIGITS_MIN))
