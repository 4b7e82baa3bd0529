"""Document numbers, and what happens to them between an invoice and a bank statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.dice import Dice

__all__ = ["DAMAGES", "DOCUMENT_STYLES", "serial_of"]


def _dashed(serial: int, year: int) -> str:  # noqa: ARG001  # one signature for every style
    return f"SI-{serial:06d}"


def _plain(serial: int, year: int) -> str:  # noqa: ARG001  # one signature for every style
    return f"7{serial:07d}"


def _slashed(serial: int, year: int) -> str:
    return f"{year % 100}/VK/{serial:06d}"


def _lettered(serial: int, year: int) -> str:
    return f"FV{year % 100}{serial:06d}"


DOCUMENT_STYLES: Final[dict[str, Callable[[int, int], str]]] = {
    "dashed": _dashed,
    "lettered": _lettered,
    "plain": _plain,
    "slashed": _slashed,
}
"""How each style writes a serial number of a year."""


def serial_of(document: str) -> tuple[str, str]:
    """`document` split before its serial: what stands before the last six digits (more, where the
    company has written over a million documents), and those.
    """
    width = 6
    if document.startswith("FV"):
        width = len(document) - len("FV26")
    elif not document.isdigit():
        width = len(document) - 1 - max(document.rfind("-"), document.rfind("/"))
    return document[:-width], document[-width:]


def _separators(dice: Dice, document: str) -> str:
    head, serial = serial_of(document)
    letters = "".join(character if character.isalnum() else " " for character in head).strip()
    if not letters or letters.isdigit():
        parts = (f"{document[:2]} {document[2:5]} {document[5:]}", f"{document[:4]}-{document[4:]}")
        return dice.pick((*parts, f"{document[:4]} {document[4:]}"))
    tight = letters.replace(" ", "")
    return dice.pick(
        (
            f"{letters} {serial}",
            f"{tight}{serial}" if tight + serial != document else f"{tight}-{serial}",
            f"{letters.replace(' ', '-')}_{serial}",
            f"{tight.lower()}/{serial}",
            f"{letters.replace(' ', '.')}.{serial}",
        )
    )


def _prefix_dropped(dice: Dice, document: str) -> str:
    head, serial = serial_of(document)
    if head.isdigit():
        return document
    return f"VK/{serial}" if "/VK/" in document and dice.chance(0.4) else serial


def _zeros_dropped(dice: Dice, document: str) -> str:  # noqa: ARG001  # one signature for all
    head, serial = serial_of(document)
    if not serial.startswith("0") or head.isdigit() or head[-1:].isdigit():
        return document
    return head + serial.lstrip("0")


def _letter_for_digit(dice: Dice, document: str) -> str:
    head, serial = serial_of(document)
    for digit, letters in dice.sample((("0", "Oo"), ("1", "Il"), ("5", "S"), ("8", "B")), 4):
        if digit in serial:
            return head + serial.replace(digit, dice.pick(letters), 1)
    return document


def _digit_wrong(dice: Dice, document: str) -> str:
    head, serial = serial_of(document)
    at = dice.below(len(serial))
    digit = (int(serial[at]) + dice.between(1, 9)) % 10
    return f"{head}{serial[:at]}{digit}{serial[at + 1 :]}"


def _digits_swapped(dice: Dice, document: str) -> str:
    head, serial = serial_of(document)
    places = [at for at in range(len(serial) - 1) if serial[at] != serial[at + 1]]
    if not places:
        return document
    at = dice.pick(places)
    return f"{head}{serial[:at]}{serial[at + 1]}{serial[at]}{serial[at + 2 :]}"


def _clipped(dice: Dice, document: str) -> str:
    return document[:-1] if dice.chance(0.55) else document[-dice.between(4, 5) :]


DAMAGES: Final[dict[str, Callable[[Dice, str], str]]] = {
    "ref_separators": _separators,
    "ref_prefix_dropped": _prefix_dropped,
    "ref_zeros_dropped": _zeros_dropped,
    "ref_letter_for_digit": _letter_for_digit,
    "ref_digit_wrong": _digit_wrong,
    "ref_digits_swapped": _digits_swapped,
    "ref_clipped": _clipped,
}
"""Scenario → how it damages a document number; an unchanged number means: not possible here."""
