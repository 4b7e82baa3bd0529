r"""A SWIFT MT94x file cut into pieces, and a piece into its fields.

A field is a tag at the beginning of a line (`:61:`) and what follows up to the next one. Pieces
begin at tags that can be nothing else, so that each holds whole statement lines however the file is
read. What looks like a tag inside a statement line but cannot be one there stays its text:

    :86:…AUFTRAG VOM 12-09-2014T16
    :26:37 FOLGENR. 007
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.limits import STATEMENT_UNIT_BYTES_MAX
from parsers.mt94x_strings import word_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.byte_source import ByteSource

__all__ = [
    "ENTRY",
    "ENTRY_MORE",
    "NUMBERED",
    "NUMBERED_MORE",
    "TEXT",
    "TEXT_MORE",
    "Event",
    "FieldTable",
    "Piece",
    "cut_pieces",
    "decode_lines",
    "rows_of",
    "scan_fields",
]

ENTRY, ENTRY_MORE, TEXT, TEXT_MORE, NUMBERED, NUMBERED_MORE = range(1, 7)
"""What a line is to its statement line: `:61:`, `:86:`, `:NS:`, or what continues them; 0: nothing.
"""

_CUTS: Final = (b":61:", b":60F:", b":60M:", b":62F:", b":62M:", b":34F:", b":90C:", b":90D:")
_CUT: Final = re.compile(rb"[\r\n](?=:(?:61:|60[FM]:|62[FM]:|34F:|90[CD]:))")
_CUT_LENGTH: Final = 6
_BREAK: Final = re.compile(rb"\r\n|\n|\r")
_TAG: Final = re.compile(rb":(\d\d[A-Z]?|NS):")
_PREAMBLE: Final = re.compile(rb":\d{3}:")
_TIME: Final = re.compile(rb":[0-5]\d:[0-5]\d(?!\d)")
_END: Final = re.compile(rb"-(?:[\x00-\x20]*$|\}|X{3})")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_CONTROLS: Final = dict.fromkeys((*range(9), *range(11, 32), 127), " ")

_OPENING: Final = frozenset({"60F", "60M", "34F"})
_CLOSING: Final = frozenset({"62F", "62M", "90C", "90D", "64", "65"})
_HEADING: Final = frozenset({"20", "21", "25", "25P", "28", "28C", "13", "13D"})
_AFTER_ROWS: Final = frozenset({"61", "86", "NS", *_CLOSING})
_COLON, _MINUS, _BRACE = b":-{"
_ENTRY_HEAD, _TEXT_HEAD = word_of(":61:"), word_of(":86:")
_HEAD, _HEAD_LENGTH = np.uint64(0xFFFFFFFF), 4
_PADDING: Final = b"\0" * 8
_LF, _CR = b"\n\r"


class Piece(msgspec.Struct, frozen=True):
    """Bytes of the file from `offset` on; `following` is what stands behind them.

    `dropped_breaks` are line breaks that were left out behind them (-1: nothing was left out).
    """

    offset: int
    content: bytes
    following: bytes
    dropped_breaks: int = -1


class Event(msgspec.Struct, frozen=True):
    """A field that belongs to no statement line: its tag, place, text, and the lines before it.

    Tags are those of the file, further `-` (a message ends), `{` (a block of SWIFT), `text` (what
    looked like a tag and is none) and `unknown`.
    """

    tag: str
    line: int
    row_count: int
    text: str


class FieldTable(msgspec.Struct):
    """The lines of a piece: where they stand and what each is to which statement line.

    `entries` are the lines of `:61:`, `ends` the lines behind the last that belongs to each.
    """

    content: bytes
    starts: Offsets
    stops: Offsets
    parts: NDArray[np.int8]
    entries: Offsets
    ends: Offsets
    events: list[Event]


def cut_pieces(source: ByteSource, window_bytes: int) -> Iterator[Piece]:
    """All of `source`, read `window_bytes` at a time; pieces do not depend on where windows end."""
    window_bytes = min(window_bytes, STATEMENT_UNIT_BYTES_MAX)
    held, begin, read = b"", 0, 0
    while read < source.size:
        window = source.read(read, read + window_bytes)
        search = max(len(held) - _CUT_LENGTH, 0)
        held += window
        read += len(window)
        first = _CUT.search(held, search)
        if (len(held) if first is None else first.end()) > STATEMENT_UNIT_BYTES_MAX:
            content = held[:STATEMENT_UNIT_BYTES_MAX]
            held, stop, read, breaks = _drop_rest(
                source, begin + STATEMENT_UNIT_BYTES_MAX, window_bytes
            )
            yield Piece(begin, content, held[:_CUT_LENGTH], breaks)
            begin = stop
            continue
        # What is read to its end needs no cut: a small file is one piece, not two.
        last = _last_cut(held) if read < source.size else 0
        if last:
            yield Piece(begin, held[:last], held[last : last + _CUT_LENGTH])
            begin += last
            held = held[last:]
    if held:
        yield Piece(begin, held, b"")


def _last_cut(held: bytes) -> int:
    """Where the last tag begins that a piece may begin at; 0 where there is none."""
    last = 0
    for tag in _CUTS:
        at = held.rfind(tag, last)
        while at > last:
            if held[at - 1] in b"\r\n":
                last = at
                break
            at = held.rfind(tag, last, at)
    return last


def _drop_rest(source: ByteSource, start: int, window_bytes: int) -> tuple[bytes, int, int, int]:
    """Leave out what follows `start` up to the next cut.

    Gives the bytes held from there, their offset, how far was read, and the line breaks left out.
    """
    held, breaks, begin = b"", 0, start
    while start < source.size:
        window = source.read(start, start + window_bytes)
        held += window
        start += len(window)
        found = _CUT.search(held)
        if found is not None:
            breaks += len(_BREAK.findall(held, 0, found.end()))
            return held[found.end() :], begin + found.end(), start, breaks
        keep = min(len(held), _CUT_LENGTH)
        done = len(held) - keep
        if done and held[done - 1] == _CR:
            done -= 1
        breaks += len(_BREAK.findall(held, 0, done))
        held, begin = held[done:], begin + done
    return b"", begin + len(held), start, breaks + len(_BREAK.findall(held))


def decode_lines(content: bytes) -> tuple[list[str], bool]:
    """The lines of `content` as text, and whether they are UTF-8 (else Latin-1 is taken)."""
    try:
        text, is_utf8 = content.decode("utf-8"), True
    except UnicodeDecodeError:
        text, is_utf8 = content.decode("latin-1"), False
    lines = re.split("\r\n|\n|\r", text)
    if not text.isprintable():
        lines = [line.translate(_CONTROLS) for line in lines]
    return lines, is_utf8


def scan_fields(piece: Piece) -> FieldTable:
    """Lines, fields and events of a piece."""
    content = piece.content
    starts, stops = _lines(content, piece.offset)
    heads = words_of(np.frombuffer(content + _PADDING, np.uint8))[starts] & _HEAD
    is_whole = stops - starts >= _HEAD_LENGTH
    entries = np.flatnonzero((heads == _ENTRY_HEAD) & is_whole)
    texts = np.flatnonzero((heads == _TEXT_HEAD) & is_whole)
    first = heads.astype(np.uint8)
    is_other = (first == _MINUS) | (first == _BRACE) | ((first == _COLON) & is_whole)
    is_other[entries] = False
    is_other[texts] = False
    judge = _Judge(content, starts, stops, entries, piece.following)
    judge.read(np.flatnonzero(is_other).tolist())
    return _table(content, starts, stops, entries, texts, judge)


def rows_of(table: FieldTable, places: Offsets) -> Offsets:
    """The statement lines in which ascending `places` are, without those before the first."""
    rows: Offsets = np.searchsorted(table.starts[table.entries], places, "right") - 1
    found: Offsets = rows[rows >= 0]
    return found


def _lines(content: bytes, offset: int) -> tuple[Offsets, Offsets]:
    """Where lines begin and end; CR, LF and CRLF all end one."""
    data = np.frombuffer(content, np.uint8)
    feeds = np.flatnonzero(data == _LF)
    stops = feeds
    if b"\r" in content:
        after_return = (data[feeds - 1] == _CR) & (feeds > 0)
        stops = feeds - after_return
        if np.count_nonzero(after_return) < content.count(b"\r"):
            returns = np.flatnonzero(data == _CR)
            lone = returns[np.append(data[1:], 0)[returns] != _LF]
            order = np.argsort(np.concatenate([feeds, lone]), kind="stable")
            stops = np.concatenate([stops, lone])[order]
            feeds = np.concatenate([feeds, lone])[order]
    skip = len(_BYTE_ORDER_MARK) if not offset and content.startswith(_BYTE_ORDER_MARK) else 0
    starts = np.concatenate([[skip], feeds + 1]).astype(np.int64)
    stops = np.append(stops, len(content)).astype(np.int64)
    if starts[-1] >= len(content):
        starts, stops = starts[:-1], stops[:-1]
    return starts, np.maximum(starts, stops)


class _Judge:
    """Decides, line by line, what begins a field beside `:61:` and `:86:`."""

    def __init__(
        self, content: bytes, starts: Offsets, stops: Offsets, entries: Offsets, following: bytes
    ) -> None:
        self._content = content
        self._starts = starts
        self._stops = stops
        self._entries = entries
        self._following = following
        self.accepted: list[tuple[int, str]] = []
        self.notes: list[int] = []

    def read(self, candidates: list[int]) -> None:
        """Look at every line that might be a tag, in order."""
        before = np.searchsorted(self._entries, candidates).tolist()
        in_rows, rows = False, 0
        for at, line in enumerate(candidates):
            in_rows = in_rows or before[at] > rows
            tag = self._tag(line, in_rows=in_rows)
            if not tag:
                continue
            self.accepted.append((line, tag))
            if tag not in {"NS", "unknown"}:
                in_rows, rows = False, before[at]

    def _line(self, line: int) -> bytes:
        return self._content[self._starts[line] : self._stops[line]]

    def _tag(self, line: int, *, in_rows: bool) -> str:
        """The tag at `line`; nothing where it is none."""
        content = self._line(line)
        is_found = False
        if content[:1] == b"-":
            is_found = _END.match(content) is not None and not (in_rows and self._goes_on(line))
            return "-" if is_found else ""
        found = _TAG.match(content)
        if found is not None:
            return self._tag_of_field(line, found[1].decode(), in_rows=in_rows)
        if content[:1] == b"{":
            is_found = content[1:2].isdigit() and content[2:3] == b":"
            is_found = is_found and (not in_rows or content[1:2] == b"1")
        elif not in_rows:
            is_found = _PREAMBLE.match(content) is not None
        return "{" if is_found else ""

    def _tag_of_field(self, line: int, tag: str, *, in_rows: bool) -> str:
        """`tag` where it can stand at `line`, `unknown` where nobody knows it, or nothing."""
        if tag in _OPENING or tag in _CLOSING or tag == "NS":
            return tag
        if not in_rows:
            return tag if tag in _HEADING else "unknown"
        if tag == "20" and self._begins_message(line):
            return tag
        if tag not in _HEADING and len(tag) == 3:
            return "unknown"
        if not _TIME.match(self._line(line)):
            self.notes.append(line)
        return ""

    def _begins_message(self, line: int) -> bool:
        """Whether the next line is a further field of a message's head."""
        if line + 1 < len(self._starts):
            found = _TAG.match(self._line(line + 1))
        else:
            found = _TAG.match(self._following)
        return found is not None and found[1].decode() in {*_HEADING, *_OPENING} - {"20"}

    def _goes_on(self, line: int) -> bool:
        """Whether the statement goes on behind a lone `-`: the next tag is no message's head."""
        for later in range(line + 1, len(self._starts)):
            found = _TAG.match(self._line(later))
            if found is not None:
                return found[1].decode() in _AFTER_ROWS
            if self._line(later)[:1] in {b"{", b"-"}:
                return False
        found = _TAG.match(self._following)
        return found is not None and found[1].decode() in _AFTER_ROWS


def _table(
    content: bytes,
    starts: Offsets,
    stops: Offsets,
    entries: Offsets,
    texts: Offsets,
    judge: _Judge,
) -> FieldTable:
    """What every line is, and the events between statement lines."""
    count = len(starts)
    kind = np.zeros(count, np.int8)
    kind[entries], kind[texts] = ENTRY, TEXT
    bounds = np.zeros(count, np.int8)
    bounds[entries] = 1
    other = 7
    for line, tag in judge.accepted:
        kind[line] = NUMBERED if tag == "NS" else other
        if tag not in {"NS", "unknown"}:
            bounds[line] = -1
    begins = np.flatnonzero(kind)
    head = int(begins[0]) if len(begins) else count
    parts = np.repeat(kind[begins], np.diff(begins, append=count))
    parts = np.concatenate([np.zeros(head, np.int8), parts])
    parts += (kind == 0) & (parts > 0)
    parts[~_in_rows(bounds) | (parts >= other)] = 0
    owned = np.flatnonzero(parts)
    ends = entries + 1
    ends[np.cumsum(parts[owned] == ENTRY) - 1] = owned + 1
    events = _events(content, starts, stops, entries, begins, parts, judge)
    return FieldTable(content, starts, stops, parts, entries, ends, events)


def _in_rows(bounds: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which lines belong to a statement line: those from a 1 to the next -1."""
    at = np.flatnonzero(bounds)
    if not len(at):
        return np.zeros(len(bounds), np.bool_)
    within = np.repeat(bounds[at] > 0, np.diff(at, append=len(bounds)))
    return np.concatenate([np.zeros(int(at[0]), np.bool_), within])


def _events(
    content: bytes,
    starts: Offsets,
    stops: Offsets,
    entries: Offsets,
    begins: Offsets,
    parts: NDArray[np.int8],
    judge: _Judge,
) -> list[Event]:
    """Fields outside statement lines, with their whole text."""
    tags = dict(judge.accepted)
    outside = begins[parts[begins] == 0]
    place = np.searchsorted(begins, outside)
    after = np.append(begins, len(starts))[place + 1]
    found = []
    head = int(begins[0]) if len(begins) else len(starts)
    if head:  # only the first piece begins with something else than a tag
        lines, _ = decode_lines(content[: stops[head - 1]])
        found.append(Event("{", 0, 0, "\n".join(lines)))
    rows = np.searchsorted(entries, outside).tolist()
    for line, stop, row in zip(outside.tolist(), after.tolist(), rows, strict=True):
        lines, _ = decode_lines(content[starts[line] : stops[stop - 1]])
        found.append(Event(tags.get(line, "86"), line, row, "\n".join(lines)))
    noted = np.array(judge.notes, np.int64)
    for line, row in zip(judge.notes, np.searchsorted(entries, noted).tolist(), strict=True):
        lines, _ = decode_lines(content[starts[line] : stops[line]])
        found.append(Event("text", line, row, lines[0]))
    return sorted(found, key=lambda event: event.line)
