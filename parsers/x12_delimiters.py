"""The separators of X12 text: taken from an interchange header, or seen in bare segments.

The standard puts the component separator and the terminator at fixed places of the ISA segment;
files in the wild leave its blanks out, end segments with a line break, or use a separator beyond
ASCII. So elements are counted, and what follows the terminator has to look like a segment.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import msgspec

__all__ = [
    "HEADER_BYTES",
    "Delimiters",
    "find_x12",
    "guess_delimiters",
    "is_x12",
    "read_delimiters",
]

HEADER_BYTES: Final = 4096
"""Bytes that are looked at to find separators: an ISA segment has about 106."""

_HEADER: Final = b"ISA"
_HEADER_ELEMENTS: Final = 16
_STRAY_MAX: Final = 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_INTERCHANGE: Final = re.compile(rb"ISA(?:[\xc2-\xdf][\x80-\xbf]|[^A-Za-z0-9\s])")
_BARE: Final = re.compile(
    rb"(?:GS|ST|BPR|BPS|RMR|DEP)(?:\xc2\xa6|[*|^\xa6\x1d])[A-Z0-9]{1,3}(?:\xc2\xa6|[*|^\xa6\x1d])"
)
_STAND_IN: Final = b"\x1d\x00"
_BLANKS: Final = b" \t\r\n\x00\x1a\\"
_COMPONENT_MAX: Final = 6
_FOLLOWING: Final = re.compile(rb"(?:ISA|GS|TA1|ST|BPR|SE|GE|IEA)[^A-Za-z0-9 ]|$")
_SEGMENT: Final = re.compile(rb"[A-Z][A-Z0-9]{1,2}([\xc2-\xdf][\x80-\xbf]|[^A-Za-z0-9\s])")
_KNOWN: Final = rb"ST|SE|BPR|BPS|TRN|CUR|REF|DTM|N1|N3|N4|PER|ENT|NM1|RMR|ADX|NTE|IT1|SAC|DEP|BAT"
_COMMON_TERMINATORS: Final = b"\\~"
_TERMINATORS: Final = (b"\\", b"~", b"\n", b"\r")


class Delimiters(msgspec.Struct, frozen=True):
    """`element` separates elements (one byte, or one UTF-8 letter); `segment` ends segments."""

    element: bytes
    segment: int

    @property
    def element_byte(self) -> int:
        """The byte that separates elements in `prepared` text."""
        return self.element[0] if len(self.element) == 1 else _STAND_IN[0]

    def prepared(self, content: bytes) -> bytes:
        """`content`, byte for byte as long, with separators of one byte."""
        return content if len(self.element) == 1 else content.replace(self.element, _STAND_IN)


def find_x12(head: bytes) -> int:
    """Where X12 text begins in the `head` of a file, -1 where there is none.

    An interchange may follow a mark, blanks or a transport's header; bare segments only blanks.
    """
    for found in _INTERCHANGE.finditer(head, 0, _STRAY_MAX + len(_HEADER) + 2):
        if read_delimiters(head[found.start() :]) is not None:
            return found.start()
    blank = len(head) - len(head.removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANKS))
    return blank if _BARE.match(head, blank) else -1


def is_x12(head: bytes) -> bool:
    """Whether a file that begins with `head` is X12 text."""
    return find_x12(head) >= 0


def read_delimiters(head: bytes) -> Delimiters | None:
    """Separators by the interchange header `head` begins with; None where it is none."""
    found = _SEGMENT.match(head) if head.startswith(_HEADER) else None
    if found is None or found.start(1) != len(_HEADER):
        return None
    pieces = head[:HEADER_BYTES].split(found[1], _HEADER_ELEMENTS)
    if len(pieces) <= _HEADER_ELEMENTS:
        return None
    rest = pieces[-1]
    places = [at for at in (*range(1, _COMPONENT_MAX), 0) if _may_terminate(rest[at : at + 1])]
    for at in places:
        if _FOLLOWING.match(rest[at + 1 :].lstrip(_BLANKS)):
            return Delimiters(found[1], rest[at])
    return Delimiters(found[1], rest[places[0]]) if places else None


def _may_terminate(letter: bytes) -> bool:
    return bool(letter) and not letter.isalnum() and letter not in b" \t"


def guess_delimiters(head: bytes) -> Delimiters | None:
    """Separators of bare segments, by what stands before the next known one; None without any.

    Where every segment ends with another letter, it is the line break that ends them.
    """
    first = _SEGMENT.match(head)
    if first is None:
        return None
    element = first[1]
    used = [end for end in _TERMINATORS if end in head]
    if len(used) == 1 and used[0] in _COMMON_TERMINATORS and head.endswith(used[0]):
        return Delimiters(element, used[0][0])
    ends = re.findall(rb"(.)([\s\\]*)(?:" + _KNOWN + rb")" + re.escape(element), head, re.DOTALL)
    letters = Counter(end for end, _ in ends if _may_terminate(end))
    breaks = Counter(blanks[:1] for _, blanks in ends if blanks[:1] in (b"\r", b"\n"))
    if letters and 2 * max(letters.values()) > len(ends):
        return Delimiters(element, max(letters, key=lambda end: (letters[end], end))[0])
    if breaks:
        return Delimiters(element, max(breaks, key=lambda end: (breaks[end], end))[0])
    last = head.rstrip(b" \t\r\n")[-1:]
    return Delimiters(element, last[0] if last and last in _COMMON_TERMINATORS else ord("~"))
