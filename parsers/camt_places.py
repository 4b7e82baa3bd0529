"""Where entries stand: places found in raw bytes, piece by piece, in the order an XML parser goes.

Comments, CDATA sections and processing instructions are stepped over, also where they begin in one
piece and end in another. Where a document type declaration makes bytes a poor witness, every place
is unknown.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.camt_documents import LineCounter

if TYPE_CHECKING:
    from parsers.camt_documents import Piece

__all__ = ["Place", "PlaceFinder"]

_MARKUP: Final = re.compile(
    rb"<(?:(!--)|(!\[CDATA\[)|(\?)"
    rb"|(/?)(?:[\w.\-]+:)?(Ntry|TxDtls|Stmt|Rpt|Ntfctn)(?=[\s/>])[^>]*>)"
)
_ENDS: Final = (b"-->", b"]]>", b"?>")
_TAG_LENGTH_MAX: Final = 4096
"""A tag that is longer is not looked for across pieces."""

_DETAILS_MAX: Final = 1 << 20
"""Details of one entry whose lines are remembered."""


class Place(msgspec.Struct, frozen=True):
    """Byte offset and length of an entry in the file, its 1-based line and those of its details."""

    offset: int
    length: int
    line: int
    detail_lines: tuple[int, ...] = ()


class PlaceFinder:
    """Finds the places of entries, and the lines of statements, in pieces given in order."""

    def __init__(self, *, is_known: bool) -> None:
        """Start a document; with `is_known` false every place is unknown."""
        self._is_known = is_known
        self._construct = b""
        self._held = b""
        self._entries: deque[Place] = deque()
        self._statements: deque[int] = deque()
        self._opened: tuple[int, int] | None = None
        self._detail_lines: list[int] = []
        self._counted = 0
        self._lines = LineCounter()

    @property
    def is_between(self) -> bool:
        """Whether what was looked at last ended outside of entries, comments and the like."""
        return not self._construct and not self._held and self._opened is None

    @property
    def waiting(self) -> int:
        """Entries that begin in what was looked at and were not asked for."""
        return self._counted + len(self._entries) + (self._opened is not None)

    def next_entry(self) -> Place | None:
        """The place of the next entry; None where it is unknown."""
        if not self._entries:
            self._is_known = False
            return None
        found = self._entries.popleft()
        return found if self._is_known else None

    def next_statement(self) -> int | None:
        """The 1-based line of the next statement; None where it is unknown."""
        return self._statements.popleft() if self._statements else None

    def count_rest(self, piece: Piece, start: int) -> None:
        """Look at what nobody will ask about: entries are counted, their places forgotten."""
        self.look_at(piece, start, len(piece.content))
        self._counted += len(self._entries)
        self._entries.clear()
        self._statements.clear()

    def look_at(self, piece: Piece, start: int, stop: int) -> None:
        """Look at `piece.content[start:stop]`."""
        begin = start - len(self._held)
        content = self._held + piece.content[start:stop]
        marks: list[tuple[int, bytes, bool, int]] = []
        at = self._find(content, marks)
        self._held = content[at:] if len(content) - at <= _TAG_LENGTH_MAX else b""
        if not marks:
            return
        inner = np.array([max(begin + mark[0], 0) for mark in marks])
        ends = np.array([begin + mark[3] for mark in marks])
        offsets, stops = piece.offsets(inner).tolist(), piece.offsets(ends).tolist()
        line, counted = self._lines.line_at(piece, start) + 1, 0
        line -= content.count(b"\n", 0, start - begin)
        for (place, name, is_end, _), offset, after in zip(marks, offsets, stops, strict=True):
            line += content.count(b"\n", counted, place)
            counted = place
            early = min(begin + place, 0) * max(piece.unit_bytes, 1)
            self._note(name, line, offset + early, after, is_end=is_end, tag=content[place:])

    def _find(self, content: bytes, marks: list[tuple[int, bytes, bool, int]]) -> int:
        """Collect tags of interest; gives where what has to be looked at again begins."""
        at = 0
        while True:
            if self._construct:
                end = content.find(self._construct, at)
                if end < 0:
                    return max(at, len(content) - len(self._construct) + 1)
                at = end + len(self._construct)
                self._construct = b""
            found = _MARKUP.search(content, at)
            if found is None:
                break
            at = found.end()
            for number, end_mark in enumerate(_ENDS, 1):
                if found[number] is not None:
                    self._construct = end_mark
            if not self._construct:
                marks.append((found.start(), found[5], bool(found[4]), at))
        begun = content.rfind(b"<", at)
        is_open = begun >= 0 and content.find(b">", begun) < 0
        return begun if is_open else len(content)

    def _note(
        self, name: bytes, line: int, offset: int, stop: int, *, is_end: bool, tag: bytes
    ) -> None:
        if name == b"TxDtls":
            if not is_end and len(self._detail_lines) < _DETAILS_MAX:
                self._detail_lines.append(line)
        elif name != b"Ntry":
            if not is_end:
                self._statements.append(line)
        elif is_end:
            if self._opened is not None:
                self._close(*self._opened, stop)
        elif tag[: tag.index(b">")].endswith(b"/"):
            self._entries.append(Place(offset, stop - offset, line))
        else:
            self._opened = (offset, line)
            self._detail_lines = []

    def _close(self, offset: int, line: int, stop: int) -> None:
        self._entries.append(Place(offset, stop - offset, line, tuple(self._detail_lines)))
        self._opened = None
