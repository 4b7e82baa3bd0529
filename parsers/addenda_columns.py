r"""Plain RMR segments of many payments at once: one whole segment per text line.

The same as `parsers.remittance_text` reads from `RMR*IV*INV-1**139.87*142.72*2.85\`; a line that is
anything else (several segments, a segment over two lines, adjustments) is not `is_plain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.limits import AMOUNT_MINOR_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets

__all__ = ["ENTRY_KINDS", "AddendaColumns", "cut_addenda"]

ENTRY_KINDS: Final = ("document", "purchase_order", "credit_memo")
"""Kinds of remittance lines, by their number in `AddendaColumns.kind`."""

_MINUS: Final = ord("-")
_ENDS: Final = b"\\~"
_PREFIX: Final = b"RMR*"
_PREFIX_WORD: Final = np.uint64(int.from_bytes(_PREFIX, "little"))
_PREFIX_MASK: Final = np.uint64((1 << 8 * len(_PREFIX)) - 1)
_STARS_MIN, _STARS_MAX = 4, 6
_DIGITS_MAX: Final = 12


class AddendaColumns(msgspec.Struct, frozen=True):
    """Segments cut into columns, one entry per line; they hold where `is_plain`.

    Amounts are minor units; `has_amount` is False where the segment names none.
    """

    is_plain: NDArray[np.bool_]
    reference: tuple[Offsets, Offsets]
    kind: Offsets
    amount_minor: Offsets
    has_amount: NDArray[np.bool_]
    discount_minor: Offsets


def cut_addenda(
    text: ByteText, starts: Offsets, stops: Offsets, exponents: Offsets
) -> AddendaColumns:
    """Cut the lines `starts` to `stops`; `exponents` are of their payments' currencies."""
    plain = stops - starts > len(_PREFIX)
    plain &= (text.words(starts) & _PREFIX_MASK) == _PREFIX_WORD
    last = text.at(stops - 1)
    plain &= (last == _ENDS[0]) | (last == _ENDS[1])
    ends = stops - 1
    plain &= text.positions(_ENDS)[text.next_index(_ENDS, starts)] >= ends
    star, at_star = text.positions(b"*"), text.next_index(b"*", starts)
    count = text.next_index(b"*", ends) - at_star
    plain &= (count >= _STARS_MIN) & (count <= _STARS_MAX)

    def element(number: int) -> tuple[Offsets, Offsets]:
        """Range of an element, empty where the segment is shorter."""
        begin = np.where(plain, star[np.minimum(at_star + number - 1, len(star) - 1)] + 1, 0)
        after = np.where(plain, star[np.minimum(at_star + number, len(star) - 1)], 0)
        begin, after = np.minimum(begin, ends), np.minimum(after, ends)
        return np.where(plain, begin, 0), np.where(plain, after, 0)

    parts = [element(number) for number in (4, 5, 6)]
    minor, given, is_read = _decimals(
        text,
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.tile(exponents, len(parts)),
    )
    (amount, _, discount), has_amount = np.split(minor, len(parts)), given[: len(starts)]
    begin, after = element(1)
    first, second = text.at(begin), text.at(begin + 1)
    is_order = (after - begin == 2) & (first == ord("P")) & (second == ord("O"))
    is_credit = (after - begin == 2) & (first == ord("C"))
    is_credit &= (second == ord("M")) | (second == ord("R"))
    is_credit |= has_amount & (amount < 0)
    return AddendaColumns(
        is_plain=plain & np.logical_and.reduce(np.split(is_read, len(parts))),
        reference=text.trimmed(*element(2)),
        kind=np.where(is_order, 1, np.where(is_credit, 2, 0)),
        amount_minor=amount,
        has_amount=has_amount,
        discount_minor=np.abs(discount),
    )


def _decimals(
    text: ByteText, starts: Offsets, stops: Offsets, exponents: Offsets
) -> tuple[Offsets, NDArray[np.bool_], NDArray[np.bool_]]:
    """Minor units of each range, whether it names an amount, and whether it can be read here."""
    given = starts < stops
    is_negative = given & (text.at(starts) == _MINUS)
    begin = starts + is_negative
    point = text.positions(b".")[text.next_index(b".", begin)]
    has_point = point < stops
    whole, is_whole = text.numbers(begin, np.where(has_point, point, stops), _DIGITS_MAX)
    after = np.where(has_point, point + 1, stops)
    fraction, is_fraction = text.numbers(after, stops, 4)
    fits = ~has_point | (is_fraction & (stops - after == exponents))
    minor = whole * 10**exponents + np.where(has_point, fraction, 0)
    fits &= minor <= AMOUNT_MINOR_MAX
    minor = np.where(is_negative, -minor, minor)
    return np.where(given, minor, 0), given, ~given | (is_whole & fits)
