"""Text of a file on a terminal: what may be printed, and how many columns it fills."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["printable", "screen_width"]

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_WIDE: Final = frozenset("WF")


def printable(text: str) -> str:
    """`text` on one line, without what would move the cursor or change the terminal."""
    return _UNPRINTABLE.sub("\ufffd", text)


def screen_width(letter: str) -> int:
    """Columns of a terminal that a letter fills."""
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1
