"""Subset sums as a join: structured sets of a ledger, looked up by (ledger, sum).

A payer seldom pays an arbitrary set. Single items, pairs, runs of items in order of their due
dates, and everything but one or two are expanded once per ledger into sorted keys; each payment
then costs a few binary searches, whatever the number of sets. Three and four items follow from the
same keys (an item and a pair, two pairs). Counts are exact: a key is the ledger and the sum, not a
hash of them.

Rows of a ledger stand together, in order of their due dates; `bounds` says where each begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.limits import AMOUNT_MINOR_MAX
from engine.segments import expand_ranges
from engine.sum_marks import SumMarks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "KeyTable",
    "StructuredCounts",
    "SumTables",
    "build_sums",
    "count_structured",
    "ledgers_at_once",
    "pair_work",
]

_SUMS_AT_ONCE = 1 << 19


class KeyTable(msgspec.Struct, frozen=True):
    """Sorted keys of (ledger, sum): the ledger in the high bits, the sum, shifted, in the low."""

    key: NDArray[np.int64]
    bits: int

    def keys_of(self, ledger: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.int64]:
        """The key of each (ledger, sum); a sum no table can hold gets the last key of the ledger,
        which none has.
        """
        half = 1 << (self.bits - 1)
        inside: NDArray[np.int64] = total.clip(-half, half - 1)
        return (ledger << self.bits) + (inside + half)

    def count(self, ledger: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many entries of `ledger` have exactly the sum `target`."""
        wanted = self.keys_of(ledger, target)
        counts = np.zeros(len(wanted), dtype=np.int64)
        if not len(self.key):
            return counts
        last = len(self.key) - 1
        first = self.key.searchsorted(wanted)
        hit = (self.key[np.minimum(first, last)] == wanted).nonzero()[0]
        counts[hit] = 1
        # Few sums are made twice: only those are searched for their end.
        after = first[hit] + 1
        again = hit[(after <= last) & (self.key[np.minimum(after, last)] == wanted[hit])]
        counts[again] = self.key.searchsorted(wanted[again], side="right") - first[again]
        return counts

    def between(
        self, ledger: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last (exclusive) entry of `ledger` with a sum from `low` to `high`."""
        first = self.key.searchsorted(self.keys_of(ledger, low), side="left")
        last = self.key.searchsorted(self.keys_of(ledger, high), side="right")
        return first, last

    def sums(self, entries: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sums of the given entries."""
        half = 1 << (self.bits - 1)
        return (self.key[entries] & ((1 << self.bits) - 1)) - half


class SumTables(msgspec.Struct, frozen=True, kw_only=True):
    """What one build knows about many ledgers.

    bounds, value: the ledgers; total, debit, least, most: what each adds up to, its positive
    values alone, its smallest and largest value (not beyond 0); prefix: sum of all values before
    each row (shape: rows + 1, over all ledgers); order: rows in order of the keys of `single`,
    marks: of those keys;
    paired: ledgers whose pairs and runs are expanded. `pair` has an entry per two items, `run` one
    per two or more in a row.
    """

    bounds: NDArray[np.int64]
    value: NDArray[np.int64]
    total: NDArray[np.int64]
    debit: NDArray[np.int64]
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    prefix: NDArray[np.int64]
    order: NDArray[np.int64]
    paired: NDArray[np.bool_]
    marks: SumMarks
    single: KeyTable
    pair: KeyTable
    run: KeyTable

    def size(self) -> NDArray[np.int64]:
        """Items per ledger."""
        return self.bounds[1:] - self.bounds[:-1]


class StructuredCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Per lookup, how many sets of each class have exactly the target.

    Classes overlap on purpose: two items next to each other are a pair and a run, of three items
    all but one are a pair. `all_but_one` needs three items, `all_but_two` four.
    """

    single: NDArray[np.int64]
    pair: NDArray[np.int64]
    run: NDArray[np.int64]
    all_but_one: NDArray[np.int64]
    all_but_two: NDArray[np.int64]


def pair_work(size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of a ledger of `size` items, the unit in which the work of a build is counted."""
    return size * (size - 1) // 2


def ledgers_at_once(bounds: NDArray[np.int64], value: NDArray[np.int64]) -> int:
    """How many such ledgers one build may take: their numbers share 63 bits with the sums.

    Never fewer than 8,192, whatever the amounts.
    """
    return 1 << (63 - _bits(bounds, value))


def _bits(bounds: NDArray[np.int64], value: NDArray[np.int64]) -> int:
    """Bits of a sum: of two items, or of a run as far as a payment can be that large."""
    size = np.abs(value)
    whole = np.concatenate([np.zeros(1, dtype=np.int64), size.cumsum()])
    longest = int((whole[bounds[1:]] - whole[bounds[:-1]]).max(initial=0))
    largest = max(2 * int(size.max(initial=0)), min(longest, AMOUNT_MINOR_MAX), 1)
    return largest.bit_length() + 2


def build_sums(
    bounds: NDArray[np.int64],
    value: NDArray[np.int64],
    paired: NDArray[np.bool_],
    *,
    runs: bool = True,
) -> SumTables:
    """Tables of the ledgers in `value`; pairs and (`runs`) runs only of those in `paired`.

    `ledgers_at_once` says how many ledgers one build may take; more raise `OverflowError`. Runs of
    more than the largest amount there can be are left out: no payment is that large.
    """
    count = len(bounds) - 1
    bits = _bits(bounds, value)
    if count > 1 << (63 - bits):
        message = f"{count} ledgers in one build; amounts of this size allow {1 << (63 - bits)}"
        raise OverflowError(message)
    size = bounds[1:] - bounds[:-1]
    owner = np.arange(count, dtype=np.int64).repeat(size)
    prefix = np.concatenate([np.zeros(1, dtype=np.int64), value.cumsum()])
    reach = 1 << (bits - 1)
    single = (owner << bits) + (value + reach)
    order = single.argsort(kind="stable")
    shift = ((np.arange(count) << bits) + reach).repeat(np.where(paired, pair_work(size), 0))
    pair = _sums_of_two(bounds, value, paired, apart=0)
    pair += shift
    run = pair[:0]
    if runs:
        run = _sums_of_two(bounds, prefix, paired, apart=1)
        fits = np.abs(run) < reach - 1
        run += shift
        run = run if fits.all() else run[fits]
    positive = np.concatenate([np.zeros(1, dtype=np.int64), np.maximum(value, 0).cumsum()])
    least, most = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    np.minimum.at(least, owner, value)
    np.maximum.at(most, owner, value)
    return SumTables(
        bounds=bounds,
        value=value,
        debit=positive[bounds[1:]] - positive[bounds[:-1]],
        least=least,
        most=most,
        total=prefix[bounds[1:]] - prefix[bounds[:-1]],
        prefix=prefix,
        order=order,
        paired=paired,
        marks=SumMarks.of(owner, value),
        single=KeyTable(single[order], bits),
        pair=KeyTable(pair, bits),
        run=KeyTable(run, bits),
    )


def _sums_of_two(
    bounds: NDArray[np.int64], value: NDArray[np.int64], paired: NDArray[np.bool_], *, apart: int
) -> NDArray[np.int64]:
    """Sums of every two rows, ascending within each of the `paired` ledgers, those one by one.

    With `apart` 1 `value` is what stands before each row, and the sums are those of the rows from
    the one to the other. Ledgers of one size are worked on together: their rows are a matrix.
    """
    if not np.count_nonzero(paired):
        return np.empty(0, dtype=np.int64)
    size = bounds[1:] - bounds[:-1]
    work = np.where(paired, pair_work(size), 0)
    place = work.cumsum() - work
    sums = np.empty(int(work.sum()), dtype=np.int64)
    order = size.argsort(kind="stable")
    order = order[work[order] > 0]
    cuts = np.diff(size[order]).nonzero()[0] + 1
    for alike in np.split(order, cuts) if len(order) else []:
        width = int(size[alike[0]])
        one, two = expand_ranges(np.arange(1, width), np.full(width - 1, width))
        step = max(1, _SUMS_AT_ONCE // len(one))
        for begin in range(0, len(alike), step):
            part = alike[begin : begin + step]
            row = value[bounds[part][:, None] + np.arange(width + apart)]
            table = row[:, two + apart]
            table = table - row[:, one] if apart else table + row[:, one]
            table.sort(axis=1)
            sums[place[part][:, None] + np.arange(len(one))] = table
    return sums


def count_structured(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]
) -> StructuredCounts:
    """Exact counts of every class for each (ledger, target); pairs and runs of expanded ledgers."""
    asked = tables.single.keys_of(ledger, target).argsort()
    ledger, target = ledger[asked], target[asked]
    size = tables.size()[ledger]
    excess = tables.total[ledger] - target
    low, high = tables.least[ledger], tables.most[ledger]

    def among(
        table: KeyTable, items: int, wanted: NDArray[np.int64], size_min: int
    ) -> NDArray[np.int64]:
        # No look-up where more or less is wanted than so many items can be.
        able = (wanted >= items * low) & (wanted <= items * high) & (size >= size_min)
        at = able.nonzero()[0]
        counts = np.zeros(len(ledger), dtype=np.int64)
        counts[asked[at]] = table.count(ledger[at], wanted[at])
        return counts

    run = np.zeros(len(ledger), dtype=np.int64)
    at = ((target <= tables.debit[ledger]) & (size >= 2)).nonzero()[0]
    run[asked[at]] = tables.run.count(ledger[at], target[at])
    return StructuredCounts(
        single=among(tables.single, 1, target, 1),
        pair=among(tables.pair, 2, target, 2),
        run=run,
        all_but_one=among(tables.single, 1, excess, 3),
        all_but_two=among(tables.pair, 2, excess, 4),
    )
