"""Readings: the ways a stretch of text can be read as a reference number.

One to three neighbouring digit runs ("INV-2026-015910" is 2026 then 15910), whole words
("F26/54615"), and the pieces of numbers glued together. A *chain* is the longest stretch of runs
that belong to one written number; its digits, read as one number, are what damaged references are
compared by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.segments import mix64
from engine.tokens import Atoms, run_values, scan_atoms, scan_words

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["SUFFIX_LENGTHS", "NumberShape", "Windows", "glued_windows", "read_windows"]

SUFFIX_LENGTHS: Final = (6, 5)
"""Trailing digits by which a clipped number may be recognised, with amount or payer agreeing."""

_WINDOW_MAX = 3
_GAP_MAX = 3
_TIGHT_GAP_MAX = 6
_YEAR_LENGTH_MAX = 4
_GLUED_LENGTH_MIN = 8
_PIECES_MAX = 8

_LOOSE: Final = np.zeros(256, dtype=np.int64)
_LOOSE[np.frombuffer(b" \t\r\n,;+&|", dtype=np.uint8)] = 1


class NumberShape(msgspec.Struct, frozen=True, order=True):
    """How many digit runs a document number has, and how long the first and the last are."""

    runs: int
    first: int
    last: int


class Windows(msgspec.Struct, frozen=True):
    """Readings to look up: text row, byte bounds, key, and the digits covered as one number."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    key: NDArray[np.uint64]
    digits: NDArray[np.uint64]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Windows:
        """The given rows."""
        return Windows(
            self.row[rows], self.start[rows], self.end[rows], self.key[rows], self.digits[rows]
        )

    @classmethod
    def concat(cls, parts: list[Windows]) -> Windows:
        """All rows of `parts`."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__struct_fields__
            )
        )


def read_windows(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[Windows, Windows]:
    """Every reading of the texts in `content` (see `engine.tokens.text_bytes`), and the chains."""
    run = _digit_runs(scan_atoms(content, offsets))
    loose = np.concatenate([[0], np.cumsum(_LOOSE[content])])
    word = scan_words(content, offsets)
    good = word.digit_count > 0
    whole = Windows(
        word.row[good],
        word.start[good],
        word.end[good],
        mix64(word.value[good]),
        np.zeros(int(good.sum()), dtype=np.uint64),
    )
    return Windows.concat([*_run_windows(run, loose), whole]), _chains(run, loose)


def glued_windows(
    content: NDArray[np.uint8], offsets: NDArray[np.int64], shapes: tuple[NumberShape, ...]
) -> Windows:
    """Readings of numbers written without anything between them, cut by the shapes the open items'
    numbers have; only readings that touch a cut number.
    """
    run = _digit_runs(scan_atoms(content, offsets))
    length = run.end - run.start
    cut = np.zeros(len(length), dtype=np.int64)
    for shape in shapes:
        if shape.runs == 1:
            pieces = length // shape.first
            fits = (length % shape.first == 0) & (pieces >= 2) & (pieces <= _PIECES_MAX)
            step = shape.first
        else:
            fits = length == shape.last + shape.first
            step = shape.last
        fits &= (cut == 0) & (length >= _GLUED_LENGTH_MIN)
        cut[fits] = step
    if not cut.any():
        return Windows(run.row[:0], run.start[:0], run.end[:0], run.value[:0], run.value[:0])
    pieces = np.where(cut > 0, -(-length // np.maximum(cut, 1)), 1)
    owner = np.repeat(np.arange(len(length)), pieces)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = run.start[owner] + place * cut[owner]
    end = np.minimum(np.where(cut[owner] > 0, start + cut[owner], run.end[owner]), run.end[owner])
    parts = Atoms(
        run.row[owner],
        start,
        end,
        np.ones(len(owner), dtype=np.bool_),
        run_values(content, start, end),
    )
    loose = np.concatenate([[0], np.cumsum(_LOOSE[content])])
    windows = Windows.concat(_run_windows(parts, loose))
    inside = np.zeros(len(content) + 1, dtype=np.int64)
    glued = cut > 0
    np.add.at(inside, run.start[glued], 1)
    np.add.at(inside, run.end[glued], -1)
    touched = np.concatenate([[0], np.cumsum(np.cumsum(inside)[:-1] > 0)])
    return windows.at(touched[windows.end] > touched[windows.start])


def _digit_runs(atoms: Atoms) -> Atoms:
    digit = atoms.is_digit
    return Atoms(
        atoms.row[digit], atoms.start[digit], atoms.end[digit], digit[digit], atoms.value[digit]
    )


def _run_windows(run: Atoms, loose: NDArray[np.int64]) -> list[Windows]:
    """One, two and three neighbouring runs: joined to one number, and as a sequence of numbers."""
    length = run.end - run.start
    alone = Windows(run.row, run.start, run.end, run.value, run.value)
    clipped = (length >= min(SUFFIX_LENGTHS)) & (length <= max(SUFFIX_LENGTHS))
    ending = alone.at(clipped)
    parts = [
        alone,
        Windows(
            ending.row,
            ending.start,
            ending.end,
            mix64(ending.digits, length[clipped]),
            ending.digits,
        ),
    ]
    follows = _follows(run, loose)
    joined, sequence = run.value, run.value
    near = np.ones(len(run.row), dtype=np.bool_)
    with np.errstate(over="ignore"):
        for width in range(2, _WINDOW_MAX + 1):
            if len(run.row) < width:
                break
            last = slice(width - 1, None)
            head = slice(None, len(run.row) - width + 1)
            near = near[: len(near) - 1] & follows[width - 2 :]
            scale = np.power(np.uint64(10), length[last].astype(np.uint64))
            joined = joined[: len(joined) - 1] * scale + run.value[last]
            sequence = mix64(sequence[: len(sequence) - 1], run.value[last])
            row, start, end = run.row[head][near], run.start[head][near], run.end[last][near]
            both = joined[near]
            parts.append(Windows(row, start, end, both, both))
            parts.append(Windows(row, start, end, sequence[near], both))
    return parts


def _follows(run: Atoms, loose: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each run but the first may continue the number of the run before it."""
    gap = run.start[1:] - run.end[:-1]
    tight = loose[run.start[1:]] == loose[run.end[:-1]]
    near: NDArray[np.bool_] = (gap <= _GAP_MAX) | (tight & (gap <= _TIGHT_GAP_MAX))
    follows: NDArray[np.bool_] = near & (run.row[1:] == run.row[:-1])
    return follows


def _chains(run: Atoms, loose: NDArray[np.int64]) -> Windows:
    """Stretches of runs written as one number: nothing loose between them, or one blank after a
    short run such as a year.
    """
    count = len(run.row)
    if not count:
        return Windows(run.row, run.start, run.end, run.value, run.value)
    length = run.end - run.start
    gap = run.start[1:] - run.end[:-1]
    tight = (loose[run.start[1:]] == loose[run.end[:-1]]) & (gap <= _TIGHT_GAP_MAX)
    blank = (gap == 1) & (length[:-1] <= _YEAR_LENGTH_MAX)
    breaks = np.ones(count, dtype=np.bool_)
    breaks[1:] = (run.row[1:] != run.row[:-1]) | ~(tight | blank)
    chain = np.cumsum(breaks) - 1
    head = np.flatnonzero(breaks)
    place = np.arange(count) - head[chain]
    joined = np.zeros(len(head), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for step in range(int(place.max()) + 1):
            live = np.flatnonzero(place == step)
            of = chain[live]
            scale = np.power(np.uint64(10), length[live].astype(np.uint64))
            joined[of] = joined[of] * scale + run.value[live]
    tail = np.append(head[1:], count) - 1
    return Windows(run.row[head], run.start[head], run.end[tail], joined, joined)
