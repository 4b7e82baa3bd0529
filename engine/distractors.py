"""Numbers in a text that are something else than references: dates, amounts, telephone numbers.

A number is known by its shape ("14.09.2026", "1,234.50", an IBAN whose check digits are right) or
by the word in front of it (`engine.number_labels`). What is known to be something else is no
reference nobody could read, and counts as one only where it is an open item of exactly the amount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.number_labels import label_code, labels_after, labels_before
from engine.tokens import DIGIT, FIRST, LETTER, scan_letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.readings import Numbers
    from engine.tokens import Runs, TextChunk

__all__ = ["DISTRACTIONS", "distractions"]

DISTRACTIONS: Final = (
    "",
    "date",
    "amount",
    "percentage",
    "phone number",
    "bank account",
    "customer number",
    "tax number",
    "number of the payer's own",
)
"""What a number may be instead of a reference; its code is its place here."""

_DATE, _AMOUNT, _PERCENTAGE, _PHONE, _ACCOUNT, _CUSTOMER, _TAX, _OWN = range(1, 9)

_IBAN_LENGTHS: Final = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT's registry of IBANs)."""

_COUNTRY_LETTERS: Final = 2
_IBAN_MAX: Final = 34
_COUNTRY_LENGTH: Final = np.zeros(1 << 16, dtype=np.int64)
for _country, _length in _IBAN_LENGTHS.items():
    _COUNTRY_LENGTH[int.from_bytes(_country.encode(), "big")] = _length
_GERMANY, _NETHERLANDS = (int.from_bytes(country, "big") for country in (b"DE", b"NL"))
_CHECK_VALUE: Final = np.full(256, -1, dtype=np.int64)
_CHECK_VALUE[ord("0") : ord("9") + 1] = np.arange(10)
_CHECK_VALUE[ord("A") : ord("Z") + 1] = np.arange(10, 36)
_SPREAD_ROUNDS = 8
_TAX_DIGITS = 9
_CURRENCY_GAP = 6
_PHONE_GROUP_MAX, _ACCOUNT_GROUP_MAX = 8, 4
_YEAR_FIRST, _YEAR_LAST = 1990, 2099


def distractions(chunk: TextChunk, numbers: Numbers) -> NDArray[np.int8]:
    """What each run of digits is instead of a reference, 0 where nothing says so."""
    around = _Around(chunk, numbers)
    kind = np.zeros(len(numbers), dtype=np.int8)

    def mark(code: int, where: NDArray[np.bool_]) -> None:
        kind[where & (kind == 0)] = code

    letters = scan_letters(chunk)
    run = numbers.run
    floor = chunk.offsets[chunk.row_of(run.start)]
    floor[1:] = np.maximum(floor[1:], run.end[: max(len(run) - 1, 0)])
    label = labels_before(chunk, letters, run.start, floor)
    _mark_accounts(chunk, letters, numbers, mark)
    if around.has_joined:
        mark(_DATE, around.dates())
    if np.count_nonzero(label):
        mark(_DATE, around.labelled_dates(label == _DATE_LABEL))
    if np.count_nonzero(chunk.content == ord("%")):
        mark(_PERCENTAGE, around.percentages())
    money = (label == _AMOUNT_LABEL) | ((label == _CURRENCY_LABEL) & ~around.after_cents())
    behind = labels_after(chunk, letters, run.end) == _CURRENCY_LABEL
    # "1001 EUR 200.00": the currency belongs to the amount behind it.
    behind[:-1] &= numbers.gap[1:] > _CURRENCY_GAP
    mark(_AMOUNT, around.amounts(money, behind, label == _DOCUMENT_LABEL))
    for name, code in _LABELLED:
        labelled = label == name
        if np.count_nonzero(labelled):
            mark(code, around.spread(labelled, _GROUP_MAX.get(code, 0)))
    mark(_PHONE, around.phones())
    return kind


_DATE_LABEL, _AMOUNT_LABEL, _CURRENCY_LABEL, _DOCUMENT_LABEL = (
    label_code(name) for name in ("date", "amount", "currency", "document")
)
_LABELLED: Final = (
    (label_code("phone"), _PHONE),
    (label_code("account"), _ACCOUNT),
    (label_code("customer"), _CUSTOMER),
    (label_code("tax"), _TAX),
    (label_code("own"), _OWN),
)


def _mark_accounts(
    chunk: TextChunk,
    letters: Runs,
    numbers: Numbers,
    mark: Callable[[int, NDArray[np.bool_]], None],
) -> None:
    """IBANs with right check digits, in groups or not; tax numbers by their country's shape."""
    content, run = chunk.content, numbers.run
    at = np.minimum(letters.end.searchsorted(run.start), max(len(letters) - 1, 0))
    if not len(at) or not len(letters):
        return
    begin = letters.start[at]
    size = np.where(letters.end[at] == run.start, run.start - begin, 0)
    if not np.count_nonzero(size == _COUNTRY_LETTERS):
        return
    code = content[begin].astype(np.int64) << 8
    code |= content[np.minimum(begin + 1, len(content) - 1)]
    begins = (size == _COUNTRY_LETTERS) & _begins_word(chunk, begin)
    candidate = (begins & (_COUNTRY_LENGTH[code] > 0)).nonzero()[0]
    if len(candidate):
        last = chunk.offsets[chunk.row_of(begin[candidate]) + 1]
        end = _iban_end(content, begin[candidate], last, _COUNTRY_LENGTH[code[candidate]])
        proven = end > 0
        edges = np.zeros(len(content) + 1, dtype=np.int64)
        edges[begin[candidate[proven]]] += 1
        edges[end[proven]] -= 1
        mark(_ACCOUNT, edges.cumsum()[run.start] > 0)
    nine = begins & (run.end - run.start == _TAX_DIGITS)
    behind = np.append(chunk.classes, FIRST)[run.end]
    whole = ((behind & FIRST) > 0) | ((behind & (LETTER | DIGIT)) == 0)
    with_b = ~whole & (np.append(content, np.uint8(0))[run.end] == ord("B"))
    mark(_TAX, nine & (((code == _GERMANY) & whole) | ((code == _NETHERLANDS) & with_b)))


def _begins_word(chunk: TextChunk, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    before = chunk.classes[np.maximum(place - 1, 0)] & (LETTER | DIGIT)
    first: NDArray[np.bool_] = (chunk.classes[place] & FIRST) > 0
    begins: NDArray[np.bool_] = first | (before == 0)
    return begins


def _iban_end(
    content: NDArray[np.uint8],
    begin: NDArray[np.int64],
    text_end: NDArray[np.int64],
    length: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Where the IBAN that begins at each place ends, 0 where its check digits are wrong."""
    found = np.zeros(len(begin), dtype=np.int64)
    # Blanks may stand between groups of four: at most one more byte for each.
    wide = np.arange(_IBAN_MAX + _IBAN_MAX // 4)
    place = begin[:, None] + wide
    byte = np.where(place < text_end[:, None], content[np.minimum(place, len(content) - 1)], 0)
    value = _CHECK_VALUE[byte]
    broken = np.cumsum((value < 0) & (byte != ord(" ")), axis=1) > 0
    kept = (value >= 0) & ~broken
    count = np.cumsum(kept, axis=1)
    rest = np.zeros(len(begin), dtype=np.int64)
    # The first four characters count last.
    for front in (False, True):
        for column in range(len(wide)):
            taken = kept[:, column] & ((count[:, column] <= 4) == front)
            taken &= count[:, column] <= length
            scale = np.where(value[:, column] > 9, 100, 10)
            rest = np.where(taken, (rest * scale + value[:, column]) % 97, rest)
    complete = (count[:, -1] >= length) & (rest == 1)
    at = np.argmax(count >= length[:, None], axis=1)
    found[complete] = place[np.arange(len(begin)), at][complete] + 1
    return found


_GROUP_MAX: Final = {_PHONE: _PHONE_GROUP_MAX, _ACCOUNT: _ACCOUNT_GROUP_MAX}
"""Digits of a group that may follow behind a blank."""


class _Around:
    """The bytes before and behind each run of digits, and how it joins the one before."""

    def __init__(self, chunk: TextChunk, numbers: Numbers) -> None:
        padded = np.zeros(len(chunk.content) + 6, dtype=np.uint8)
        padded[3:-3] = chunk.content
        run = numbers.run
        self._content = padded
        self._gap = numbers.gap
        self._length, self._value = run.end - run.start, numbers.value
        row = chunk.row_of(run.start)
        first, last = chunk.offsets[row], chunk.offsets[row + 1]
        self._before = np.where(run.start > first, padded[run.start + 2], 0)
        self._before_that = np.where(run.start > first + 1, padded[run.start + 1], 0)
        self._behind = np.where(run.end < last, padded[run.end + 3], 0)
        self._behind_that = np.where(run.end + 1 < last, padded[run.end + 4], 0)
        # Joined: one byte stands between this run and the one before it.
        self._joined = numbers.follows & (numbers.gap == 1)
        self._near = numbers.follows & (numbers.gap <= 2)
        self.has_joined = bool(self._joined.any())

    def _next(self, values: NDArray[np.bool_], steps: int = 1) -> NDArray[np.bool_]:
        """`values` of the run so many places further on."""
        moved = np.zeros_like(values)
        if steps < len(values):
            moved[:-steps] = values[steps:]
        return moved

    def _over(self, head: NDArray[np.bool_], runs: int) -> NDArray[np.bool_]:
        """True for `runs` runs from each `head` on."""
        marked = head.copy()
        for step in range(1, runs):
            marked[step:] |= head[:-step]
        return marked

    def _is(self, byte: NDArray[np.uint8], characters: bytes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = byte == characters[0]
        for character in characters[1:]:
            found |= byte == character
        return found

    def _ends_free(self) -> NDArray[np.bool_]:
        """No letter behind the run, and no further number joined to it."""
        joined: NDArray[np.bool_] = self._next(self._joined) & self._is(self._behind, b".,-/:")
        return ~joined & ~_is_letter(self._behind)

    def dates(self) -> NDArray[np.bool_]:
        """Three runs with one separator that a calendar allows."""
        size, value = self._length, self._value.astype(np.int64)
        separator = self._is(self._before, b"./-") & self._joined
        second = self._next(separator) & self._next(separator, 2)
        second[:-1] &= self._before[1:] == np.append(self._before[2:], np.uint8(0))
        middle, last = np.roll(size, -1), np.roll(size, -2)
        month, year = np.roll(value, -1), np.roll(value, -2)
        short = (size <= 2) & (middle <= 2) & ((last == 2) | (last == 4))
        short &= (value >= 1) & (month >= 1) & (value <= 31) & (month <= 31)
        short &= ((value <= 12) | (month <= 12)) & ((last == 2) | _is_year(year))
        long = (size == 4) & (middle == 2) & (last == 2) & _is_year(value)
        long &= (month >= 1) & (month <= 12) & (year >= 1) & (year <= 31)
        head = second & (short | long) & ~separator & ~_is_letter(self._before)
        head &= ~self._is(self._before, b"-/.") & self._next(self._ends_free(), 2)
        return self._over(head, 3)

    def labelled_dates(self, label: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Six or eight digits behind a word like "dated" that a calendar allows."""
        value, size = self._value.astype(np.int64), self._length
        day, month, year = value // 10**6, value // 10**4 % 100, value % 10**4
        eight = _is_year(year) & (day <= 31) & (month <= 12)
        eight |= _is_year(value // 10**4) & (_month_of(value) <= 12) & (value % 100 <= 31)
        six = (value // 10**4 <= 31) | (value % 100 <= 31)
        dated: NDArray[np.bool_] = label & (((size == 8) & eight) | ((size == 6) & six))
        return dated

    def percentages(self) -> NDArray[np.bool_]:
        """In front of a percent sign, decimals and what is before them."""
        sign = (self._behind == ord("%")) | (
            (self._behind == ord(" ")) & (self._behind_that == ord("%"))
        )
        sign &= self._length <= 3
        decimals = self._next(sign & self._joined & self._is(self._before, b".,"))
        rate: NDArray[np.bool_] = sign | (decimals & (self._length <= 3))
        return rate

    def amounts(
        self,
        money: NDArray[np.bool_],
        currency: NDArray[np.bool_],
        document: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Two decimals, perhaps thousands in groups; or whole, beside a currency or a word."""
        said: NDArray[np.bool_] = money | self._is(self._before, b"$") | currency
        if not self.has_joined and not np.count_nonzero(said):
            return said
        mark = self._joined & self._is(self._before, b".,")
        cents = mark & (self._length == 2) & self._ends_free()
        group = mark & (self._length == 3)
        free = ~_is_letter(self._before) & ~self._is(self._before, b"-/:#_")
        whole = ~mark & free & self._next(cents)
        # A long number with two digits behind a point may be an invoice's installment.
        whole &= (self._length <= 4) | said | (np.roll(self._before, -1) == ord(","))
        head = ~mark & free & (self._length <= 3) & self._next(group)
        plain = (money | self._is(self._before, b"$") | (currency & ~document)) & free
        plain &= ~self._next(mark) & self._ends_free()
        grouped = head.copy()
        for _ in range(_SPREAD_ROUNDS // 2):
            grouped[1:] |= grouped[:-1] & (group | cents)[1:]
        closed = grouped & self._next_closed(grouped, cents, said)
        marked: NDArray[np.bool_] = closed | whole | plain
        marked[1:] |= whole[:-1] & cents[1:]
        return marked

    def after_cents(self) -> NDArray[np.bool_]:
        """Shortly behind two decimals: a currency between belongs to those ("1.50 EUR 10001")."""
        after: NDArray[np.bool_] = np.zeros(len(self._length), dtype=np.bool_)
        if not self.has_joined:
            return after
        cents = self._joined & self._is(self._before, b".,") & (self._length == 2)
        after[1:] = cents[:-1] & (self._gap[1:] <= _CURRENCY_GAP)
        return after

    def _next_closed(
        self, grouped: NDArray[np.bool_], cents: NDArray[np.bool_], said: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Groups of thousands that end in cents, or beside a currency."""
        chain = (~(grouped & np.append(False, grouped[:-1]) & self._joined)).cumsum()
        proven = np.zeros(int(chain[-1]) + 1 if len(chain) else 1, dtype=np.bool_)
        proven[chain[grouped & (cents | said)]] = True
        closed: NDArray[np.bool_] = proven[chain]
        return closed

    def spread(self, label: NDArray[np.bool_], group_max: int) -> NDArray[np.bool_]:
        """A labelled run and the groups written on behind it, behind blanks up to so long ones."""
        on = self._joined & self._is(self._before, b"-/.")
        grouped = self._joined | self._is(self._before_that, b" -/.()")
        grouped &= self._near & self._is(self._before, b" -/.()")
        on |= grouped & (self._length <= group_max)
        marked = label.copy()
        for _ in range(_SPREAD_ROUNDS):
            marked[1:] |= marked[:-1] & on[1:]
        spread: NDArray[np.bool_] = marked
        return spread

    def phones(self) -> NDArray[np.bool_]:
        """With a plus and a country in front, or three, three and four digits."""
        if not np.count_nonzero(self._near):
            return self._near
        plus = (self._before == ord("+")) & (self._length <= 3)
        plus &= ~_is_digit(self._before_that) & self._next(self._near)
        dashed = self._joined & self._is(self._before, b"-.")
        size = self._length
        area = (size == 3) & ~dashed & ~_is_letter(self._before)
        area &= ~self._is(self._before, b"-/.")
        area &= self._next(self._near & (size == 3)) & self._next(dashed & (size == 4), 2)
        area &= self._next(dashed) | (self._behind == ord(")"))
        return self.spread(plus, _PHONE_GROUP_MAX) | self._over(
            area & self._next(self._ends_free(), 2), 3
        )


def _month_of(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """Month of a date written as a number, year first."""
    return value // 100 % 100


def _is_year(value: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (value >= _YEAR_FIRST) & (value <= _YEAR_LAST)


def _is_letter(byte: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return ((byte >= ord("A")) & (byte <= ord("Z"))) | (byte >= 128)


def _is_digit(byte: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (byte >= ord("0")) & (byte <= ord("9"))
