"""Structured creditor references: read across their blanks, known by their check digits.

ISO 11649 (`RF18 5390 0754 7034`, modulo 97), the Swiss QR and ESR reference (27 digits, modulo 10
recursive), and the payer's numbers of one run of digits whose last is a check digit: Norwegian KID
(modulo 10 or 11), Finnish viite (weights 7, 3, 1), Swedish OCR (modulo 10), Belgian OGM (the last
two digits, modulo 97). Without its check digits such a reference often is the document number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.readings import NumberShape, Windows
from engine.segments import mix64
from engine.tokens import DIGIT, FIRST, LETTER, Runs, run_hashes, run_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.readings import Numbers
    from engine.tokens import TextChunk

__all__ = [
    "body_windows",
    "check_digit_is_right",
    "creditor_references",
    "iso_is_right",
    "kid_is_right",
    "swiss_is_right",
    "whole_windows",
]

_RF_LENGTH_MIN, _RF_LENGTH_MAX = 5, 25
_RF_BYTES_MAX = _RF_LENGTH_MAX + _RF_LENGTH_MAX // 4 + 1
_QR_DIGITS: Final = 27
_QR_GROUPS: Final = (2, 5, 5, 5, 5, 5)
_CARRY: Final = np.array([0, 9, 4, 6, 8, 2, 7, 1, 3, 5], dtype=np.int64)
_RUN_DIGITS_MIN, _RUN_DIGITS_MAX = 5, 19
_KID_DIGITS_MIN, _KID_DIGITS_MAX = 4, 25
_OGM_DIGITS = 12
_MODULUS = 97

_VALUE: Final = np.full(256, -1, dtype=np.int64)
_VALUE[ord("0") : ord("9") + 1] = np.arange(10)
_VALUE[ord("A") : ord("Z") + 1] = np.arange(10, 36)


def creditor_references(chunk: TextChunk, numbers: Numbers) -> tuple[Runs, Runs]:
    """Where references stand whose check digits are right: ISO 11649, and Swiss of 27 digits."""
    return _iso_references(chunk), _swiss_references(chunk, numbers)


def whole_windows(chunk: TextChunk, iso: Runs, swiss: Runs) -> Windows:
    """The references themselves, without the blanks in them."""
    if not len(iso.start) and not len(swiss.start):
        return Windows(iso.start, iso.end, np.empty(0, dtype=np.uint64))
    packed, place = _packed(chunk)
    return Windows(
        np.concatenate([iso.start, swiss.start]),
        np.concatenate([iso.end, swiss.end]),
        np.concatenate(
            [
                mix64(run_hashes(packed, place[iso.start], place[iso.end])),
                run_values(packed, place[swiss.start], place[swiss.end]),
            ]
        ),
    )


def body_windows(
    chunk: TextChunk,
    iso: Runs,
    swiss: Runs,
    kept: tuple[NDArray[np.bool_], Numbers],
    shapes: tuple[NumberShape, ...],
) -> Windows:
    """What the references say without their check digits: a document number, or one at their end.

    kept: runs of digits that are whole creditor references by what the payer says of them.
    """
    marked, numbers = kept
    if not len(iso.start) and not len(swiss.start) and not np.count_nonzero(marked):
        return Windows(iso.start, iso.end, np.empty(0, dtype=np.uint64))
    packed, place = _packed(chunk)
    first, last = place[iso.start] + 4, place[iso.end]
    digits_before = np.concatenate([[0], (_VALUE[packed] < 10).cumsum()])
    plain = digits_before[last] - digits_before[first] == last - first
    key = mix64(run_hashes(packed, first, last))
    key[plain] = run_values(packed, first[plain], last[plain])
    parts = [Windows(iso.start, iso.end, key)]
    tails = {shape.last for shape in shapes if shape.runs == 1} | {_QR_DIGITS - 1}
    end = place[swiss.end] - 1
    parts += [
        Windows(swiss.start, swiss.end, run_values(packed, end - size, end))
        for size in sorted(tails)
        if size < _QR_DIGITS
    ]
    run, value = numbers.run.at(marked), numbers.value[marked]
    size = run.end - run.start
    checked = check_digit_is_right(value, size)
    by_hundred = (size == _OGM_DIGITS) & ~checked & _ends_with_remainder(value)
    cut = np.where(by_hundred, np.uint64(100), np.uint64(10))
    good = checked | by_hundred
    parts.append(Windows(run.start[good], run.end[good], (value // cut)[good]))
    return Windows.concat(parts)


def check_digit_is_right(value: NDArray[np.uint64], size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The last of `size` digits is a check digit of the others: modulo 10, modulo 11, or 7-3-1."""
    by_ten, by_eleven, by_weights = (np.zeros(len(value), dtype=np.int64) for _ in range(3))
    rest = value // np.uint64(10)
    check = (value - rest * np.uint64(10)).astype(np.int64)
    for step in range(_RUN_DIGITS_MAX - 1):
        after = rest // np.uint64(10)
        digit = (rest - after * np.uint64(10)).astype(np.int64)
        doubled = digit * 2 if step % 2 == 0 else digit
        by_ten += doubled // 10 + doubled % 10
        by_eleven += digit * (2 + step % 6)
        by_weights += digit * (7, 3, 1)[step % 3]
        rest = after
    right = ((-by_ten % 10) == check) | ((-by_weights % 10) == check)
    right |= (-by_eleven % 11) == check
    found: NDArray[np.bool_] = right & (size >= _RUN_DIGITS_MIN) & (size <= _RUN_DIGITS_MAX)
    return found


def iso_is_right(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which stretches of letters and digits are "RF", two digits and a body, modulo 97 right."""
    right = np.zeros(len(start), dtype=np.bool_)
    size = end - start
    rows = ((size >= _RF_LENGTH_MIN) & (size <= _RF_LENGTH_MAX)).nonzero()[0]
    rows = rows[(content[start[rows]] == ord("R")) & (content[start[rows] + 1] == ord("F"))]
    first, size = start[rows], size[rows]
    plain = np.ones(len(rows), dtype=np.bool_)
    rest = np.zeros(len(rows), dtype=np.int64)
    for column in range(4, int(size.max(initial=0))):
        inside = column < size
        value = np.where(inside, _VALUE[content[np.where(inside, first + column, 0)]], 0)
        plain &= value >= 0
        scale = np.where(value > 9, 100, 10)
        rest = np.where(inside, (rest * scale + value) % _MODULUS, rest)
    checks = [_VALUE[content[first + place]] for place in (2, 3)]
    for check in checks:
        plain &= (check >= 0) & (check <= 9)
    right[rows] = plain & (_with_check_digits(rest, *checks) == 1)
    return right


def _with_check_digits(
    rest: NDArray[np.int64], tens: NDArray[np.int64], ones: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Remainder by 97 of a body, "RF" and its check digits: 1 where they are right."""
    remainder: NDArray[np.int64] = (rest * 1_000_000 + 271_500 + tens * 10 + ones) % _MODULUS
    return remainder


def swiss_is_right(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which stretches are 27 digits of which the last follows from the others."""
    right = np.zeros(len(start), dtype=np.bool_)
    rows = (end - start == _QR_DIGITS).nonzero()[0]
    digit = content[start[rows, None] + np.arange(_QR_DIGITS)].astype(np.int64) - ord("0")
    plain = ((digit >= 0) & (digit <= 9)).all(axis=1)
    rows, digit = rows[plain], digit[plain]
    carry = np.zeros(len(rows), dtype=np.int64)
    for step in range(_QR_DIGITS - 1):
        carry = _CARRY[(carry + digit[:, step]) % 10]
    right[rows] = -carry % 10 == digit[:, -1]
    return right


def kid_is_right(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which stretches are 4 to 25 digits whose last is right by 10 (every other one doubled, from
    the right) or by 11.
    """
    right = np.zeros(len(start), dtype=np.bool_)
    rows = ((end - start >= _KID_DIGITS_MIN) & (end - start <= _KID_DIGITS_MAX)).nonzero()[0]
    last, size = end[rows] - 1, (end - start)[rows]
    by_ten, by_eleven = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    plain = np.ones(len(rows), dtype=np.bool_)
    for place in range(int(size.max(initial=0))):
        inside = place < size
        digit = np.where(inside, _VALUE[content[np.where(inside, last - place, 0)]], 0)
        plain &= (digit >= 0) & (digit <= 9)
        doubled = digit * (1 + place % 2)
        by_ten += doubled // 10 + doubled % 10
        by_eleven += digit * (1 if place == 0 else (place - 1) % 6 + 2)
    right[rows] = plain & ((by_ten % 10 == 0) | (by_eleven % 11 == 0))
    return right


def _ends_with_remainder(value: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The last two digits are the others modulo 97, 97 for 0."""
    remainder = value // np.uint64(100) % np.uint64(_MODULUS)
    expected = np.where(remainder == 0, np.uint64(_MODULUS), remainder)
    right: NDArray[np.bool_] = value % np.uint64(100) == expected
    return right


def _packed(chunk: TextChunk) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Letters and digits of the chunk, and how many of them stand before each place."""
    inside = (chunk.classes & (LETTER | DIGIT)) > 0
    return chunk.content[inside], np.concatenate([[0], inside.cumsum()])


def _iso_references(chunk: TextChunk) -> Runs:
    """Stretches "RF", two digits, and up to 21 letters and digits in groups, modulo 97 right."""
    content, classes = chunk.content, chunk.classes
    begin = ((content[:-1] == ord("R")) & (content[1:] == ord("F"))).nonzero()[0]
    inside = classes & (LETTER | DIGIT)
    fresh = ((classes[begin] & FIRST) > 0) | (inside[np.maximum(begin - 1, 0)] == 0)
    begin = begin[fresh]
    if not len(begin):
        return Runs(begin, begin)
    text_end = chunk.offsets[chunk.row_of(begin) + 1]
    place = begin[:, None] + np.arange(_RF_BYTES_MAX + 1)
    byte = np.where(place < text_end[:, None], content[np.minimum(place, len(content) - 1)], 0)
    value = _VALUE[byte]
    kept = (value >= 0) & ~(np.cumsum((value < 0) & (byte != ord(" ")), axis=1) > 0)
    count = np.cumsum(kept, axis=1)
    checks = value[:, 2:4] if len(begin) else np.zeros((0, 2), dtype=np.int64)
    numbered = ((checks >= 0) & (checks <= 9)).all(axis=1)
    rest, end = np.zeros(len(begin), dtype=np.int64), np.zeros(len(begin), dtype=np.int64)
    for column in range(4, _RF_BYTES_MAX):
        taken = kept[:, column] & (count[:, column] <= _RF_LENGTH_MAX)
        scale = np.where(value[:, column] > 9, 100, 10)
        rest = np.where(taken, (rest * scale + value[:, column]) % _MODULUS, rest)
        closes = taken & (value[:, column + 1] < 0) & (count[:, column] >= _RF_LENGTH_MIN)
        right = closes & (_with_check_digits(rest, checks[:, 0], checks[:, 1]) == 1)
        end[right] = place[right, column] + 1
    found = numbered & (end > 0)
    return Runs(begin[found], end[found])


def _swiss_references(chunk: TextChunk, numbers: Numbers) -> Runs:
    """27 digits in one run, or in groups of two and five, with the right check digit."""
    run = numbers.run
    size = run.end - run.start
    single = (size == _QR_DIGITS).nonzero()[0]
    heads = (size[: max(len(run) - len(_QR_GROUPS) + 1, 0)] == _QR_GROUPS[0]).nonzero()[0]
    for step, group in enumerate(_QR_GROUPS[1:] if len(heads) else (), 1):
        at = heads + step
        heads = heads[(size[at] == group) & numbers.follows[at] & (numbers.gap[at] == 1)]
    if not len(single) and not len(heads):
        return Runs(single, heads)
    start = np.concatenate([run.start[single], run.start[heads]])
    end = np.concatenate([run.end[single], run.end[heads + len(_QR_GROUPS) - 1]])
    packed, place = _packed(chunk)
    right = swiss_is_right(packed, place[start], place[end])
    return Runs(start[right], end[right])
