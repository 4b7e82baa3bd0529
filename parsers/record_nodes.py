"""The record of a payment cut into its smallest pieces, each with its place, by format.

Nothing is decided here: a piece is what stands between the separators of its format, under the key
or name it has there, and perhaps the fact it would be. `parsers.record_facts` finds in the pieces
what the reader of the file made of them.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.parsers import expat

from parsers.bai2_types import RETURNS
from parsers.excerpts import decoded
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS
from parsers.nacha_layout import (
    ADDENDA_INFORMATION,
    ADDENDA_TYPE,
    INFORMATION,
    INTERNATIONAL_ADDENDA,
    RETURN_ADDENDA,
    entry_layout,
)
from parsers.text_dialects import TEXT_DIALECTS, cut_text
from parsers.text_facts import TextReading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.lockbox_layouts import CheckLayout, Mark, OverflowLayout

__all__ = ["Node", "plain_record", "record_nodes"]


class Node(NamedTuple):
    """A piece of a record: the fact it may be (or empty), its key, its byte ranges, what it says.

    `group` numbers the transactions of a record that holds several (0: what they share).
    """

    name: str
    key: str
    spans: tuple[tuple[int, int], ...]
    value: str
    dialect: str = ""
    group: int = 0


def record_nodes(raw: bytes, source_format: str, dialect: str) -> list[Node]:
    """The pieces of the record `raw` of a file of that format and dialect."""
    for prefix, cut in _CUTTERS:
        if source_format.startswith(prefix):
            return list(cut(raw, dialect))
    return list(_words(raw, dialect))


_EBCDIC: Final = "cp037"
_EBCDIC_DIGITS: Final = range(0xF0, 0xFA)


def plain_record(raw: bytes, source_format: str) -> bytes:
    """`raw` as bytes a person can read, place by place: EBCDIC records become Latin-1."""
    if source_format == "lockbox" and raw and raw[0] in _EBCDIC_DIGITS:
        return raw.decode(_EBCDIC).encode("latin-1", "replace")
    return raw


def _node(raw: bytes, name: str, key: str, start: int, stop: int, dialect: str = "") -> Node:
    """A piece without the blanks around it."""
    piece = raw[start:stop]
    start += len(piece) - len(piece.lstrip(_BLANKS))
    stop = start + len(piece.strip(_BLANKS))
    return Node(name, key, ((start, stop),), decoded(raw[start:stop]), dialect)


_BLANKS: Final = b" \t\r\n"

# BAI2

_BAI2_LINE: Final = re.compile(rb"(?:^|(?<=[\n/]))[ \t\r]*(88[,: ;.])?([^\n]*?)(?=\n|/ *88,|$)")
_BAI2_FIELDS: Final = ("", "type_code", "amount", "funds")
_NAME_OF_TEXT: Final = {"text": "remittance_text", "payer_routing": "payer_account"}


def _bai2(raw: bytes, _dialect: str) -> Iterator[Node]:
    """Fields of a 16 record up to the text, which may begin anywhere behind the funds type."""
    lines: list[tuple[int, int]] = []
    for found in _BAI2_LINE.finditer(raw):
        start, stop = found.span(2)
        kept = raw[start:stop].rstrip(b" \t\r\x00\x1a\x0c")
        if kept or not lines:
            lines.append((start, start + len(kept)))
    commas = 0
    for start, stop in lines:
        at = start
        for piece in raw[start:stop].split(b","):
            name = _BAI2_FIELDS[commas] if commas < len(_BAI2_FIELDS) else ""
            end = at + len(piece)
            yield _node(raw, name, f"field {commas}", at, end - piece.endswith(b"/"))
            at = end + 1
            commas += 1
    is_return = raw[3:6].decode("latin-1") in RETURNS
    for first in range(raw.count(b",", *lines[0]) + 1):
        yield from _bai2_text(raw, lines, first, is_return=is_return)


def _bai2_text(
    raw: bytes, lines: Sequence[tuple[int, int]], commas: int, *, is_return: bool
) -> Iterator[Node]:
    """The facts of the text, where `commas` commas of the first line stand before it."""
    start, stop = lines[0]
    for _ in range(commas):
        start = raw.find(b",", start, stop) + 1
    places = [(start, stop), *lines[1:]]
    texts = []
    for begin, end in places:
        piece = raw[begin:end].decode("latin-1")
        texts.append(piece[:-1].removesuffix(",") if piece.endswith("/") else piece)
    for fact in TextReading(texts, is_return=is_return).facts():
        spans = tuple((places[n][0] + a, places[n][0] + b) for n, a, b in fact.spans if a < b)
        name = _NAME_OF_TEXT.get(fact.name, fact.name)
        value = "".join(decoded(raw[a:b]) for a, b in spans)
        if spans:
            yield Node(name, fact.key.strip(), spans, value, fact.dialect)


# BAI lockbox


def _lockbox(raw: bytes, dialect: str) -> Iterator[Node]:
    """Fields of the records by the layout of the file; words where the layout is not ours."""
    layout = LOCKBOX_LAYOUTS.get(dialect.removeprefix("lockbox."))
    if layout is not None:
        for start, stop in _lockbox_lines(raw, layout.width):
            records: tuple[CheckLayout | OverflowLayout, ...] = (layout.check, *layout.overflow)
            for record in records:
                if _is_marked(raw[start:stop], record.marks):
                    for name, begin, end in _columns_of(record, ""):
                        after = min(start + end, stop)
                        if start + begin < after:
                            fact = _LOCKBOX_FACTS.get(name, "")
                            yield _node(raw, fact, name, start + begin, after)
    yield from _words(raw, dialect)


def _lockbox_lines(raw: bytes, width: int) -> Iterator[tuple[int, int]]:
    """Where the records stand: a line each, or `width` bytes where there are no lines."""
    if b"\n" not in raw and len(raw) > width and not len(raw) % width:
        for start in range(0, len(raw), width):
            yield start, start + width
        return
    start = 0
    for line in raw.split(b"\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _is_marked(line: bytes, marks: Sequence[Mark]) -> bool:
    return all(
        line[mark.columns[0] : mark.columns[1]] == mark.text.encode("latin-1") for mark in marks
    )


_LOCKBOX_FACTS: Final = {
    "amount": "amount",
    "routing": "payer_account",
    "account": "payer_account",
    "check_number": "check_number",
    "remitter": "payer_name",
    "document": "reference",
    "memo": "remittance_text",
}


def _columns_of(table: object, name: str) -> Iterator[tuple[str, int, int]]:
    """(field, begin, end) of every pair of columns in a layout, whatever it is nested in."""
    if isinstance(table, tuple) and len(table) == 2 and all(type(at) is int for at in table):
        yield name, *table
    elif isinstance(table, tuple):
        for inner in table:
            yield from _columns_of(inner, name)
    else:
        for field in getattr(table, "__struct_fields__", ()):
            yield from _columns_of(getattr(table, field), field)


# camt

_CAMT_FACTS: Final = {
    "AcctSvcrRef": "bank_reference",
    "InstrId": "customer_reference",
    "EndToEndId": "end_to_end_id",
    "ChqNb": "check_number",
    "UETR": "uetr",
    "ClrSysRef": "trace_number",
    "TxId": "trace_number",
    "Nb": "reference",
    "RfrdDocNb": "reference",
    "Ref": "reference",
    "CdtrRef": "reference",
    "Ustrd": "remittance_text",
    "AddtlRmtInf": "remittance_text",
    "AddtlNtryInf": "remittance_text",
    "AddtlTxInf": "remittance_text",
    "Nm": "payer_name",
    "IBAN": "payer_account",
    "Amt": "amount",
}


def _camt(raw: bytes, _dialect: str) -> Iterator[Node]:
    """The texts of an entry's elements, each under its path."""
    for encoding in ("utf-8", "iso-8859-1"):
        reader = _XmlTexts(raw, encoding)
        if reader.read():
            break
    for path, group, start, stop in reader.found:
        node = _node(raw, _camt_fact(path), path, start, stop)
        value = " ".join(html.unescape(node.value).split())
        if value:
            yield node._replace(value=value, group=group)


def _camt_fact(path: str) -> str:
    """The fact an element's text may be, by its name and those around it."""
    fact = _CAMT_FACTS.get(path.rpartition("/")[2], "")
    if "BkTxCd" in path:
        return "type_code"
    return "" if fact.startswith("payer") and "Dbtr" not in path else fact


class _XmlTexts:
    """Where the text of every element of a piece of XML stands; nothing is expanded or fetched."""

    def __init__(self, raw: bytes, encoding: str) -> None:
        self._raw = raw
        self._parser = expat.ParserCreate(encoding)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._path: list[str] = []
        self._begin: int | None = None
        self._group = self._groups = 0
        self.found: list[tuple[str, int, int, int]] = []

    def read(self) -> bool:
        """Go through it; False where it is not well-formed in this encoding."""
        try:
            self._parser.Parse(self._raw, True)  # noqa: FBT003 - expat's own signature
        except expat.ExpatError:
            return False
        return True

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._path.append(local)
        self._begin = None
        if local == "TxDtls":
            self._groups += 1
            self._group = self._groups

    def _text(self, _text: str) -> None:
        if self._begin is None:
            self._begin = self._parser.CurrentByteIndex

    def _end(self, name: str) -> None:
        if self._begin is not None:
            path = "/".join(self._path[1:])
            place = (path, self._group, self._begin, self._parser.CurrentByteIndex)
            self.found.append(place)
        self._begin = None
        self._path.pop()
        if name.rpartition(":")[2] == "TxDtls":
            self._group = 0


# SWIFT statements, X12, NACHA, and whatever comes

_SWIFT_TAG: Final = re.compile(rb"^:(\d\d[A-Z]?|NS):", re.MULTILINE)
_SWIFT_ENTRY: Final = re.compile(
    rb"(?P<value_date>\d{6})(?:\d{4})?R?E?[CD][A-Z]?(?P<amount>[\d,.]+)(?P<type_code>[A-Z]\w{3})"
    rb"(?P<customer_reference>[^\n]*?)(?://(?P<bank_reference>[^\n]*))?(?:\r?$|\n(?P<more>.*))",
    re.DOTALL,
)
_SUBFIELD: Final = re.compile(rb"[?<>~\x5e](\d\d)")
_SWIFT_DIALECTS: Final = ("sepa.de.1", "sepa.nl.1", "swift.remit.1")


def _swift(raw: bytes, _dialect: str) -> Iterator[Node]:
    """Fields of a :61:, subfields, keys and lines of a :86:."""
    for tag, start, stop in _between(raw, _SWIFT_TAG):
        if tag == "61":
            entry = _SWIFT_ENTRY.match(raw, start, stop)
            for name, value in entry.groupdict().items() if entry else ():
                if value and entry is not None:
                    yield _node(raw, name.replace("more", ""), f":61: {name}", *entry.span(name))
            continue
        for name in _SWIFT_DIALECTS:
            yield from _keyed(raw, start, stop, name)
        for key, begin, end in _between(raw[:stop], _SUBFIELD, start):
            yield _node(raw, "", f"?{key}", begin, end)
            yield from _keyed(raw, begin, end, "sepa.de.1")
        at = start
        for line in raw[start:stop].split(b"\n"):
            yield _node(raw, "", f":{tag}:", at, at + len(line))
            at += len(line) + 1


def _between(
    raw: bytes, pattern: re.Pattern[bytes], begin: int = 0
) -> Iterator[tuple[str, int, int]]:
    """(key, begin, end) of what stands behind each match up to the next."""
    found = list(pattern.finditer(raw, begin))
    stops = [*(one.start() for one in found[1:]), len(raw)][: len(found)]
    for one, stop in zip(found, stops, strict=True):
        yield one[1].decode("latin-1"), one.end(), stop


def _keyed(raw: bytes, start: int, stop: int, name: str) -> Iterator[Node]:
    """The values of a dialect's keys; line breaks within a value are no part of it."""
    text = raw[start:stop].decode("latin-1")
    for cut in cut_text(text, TEXT_DIALECTS[name]):
        fact = _NAME_OF_TEXT.get(cut.fact, cut.fact)
        node = _node(raw, fact, cut.key, start + cut.start, start + cut.stop, name)
        if cut.key and node.value:
            yield node


_ELEMENTS: Final = re.compile(rb"[^*|~\\\r\n\xa6\x1c\x1d^]+")


def _segments(raw: bytes, dialect: str) -> Iterator[Node]:
    """Elements of X12 segments and fields of fixed columns, as the words between separators."""
    segment, number = "", 0
    for found in _ELEMENTS.finditer(raw):
        before = raw[max(0, found.start() - 1) : found.start()]
        if before in {b"", b"~", b"\n", b"\r", b"\\"} or found.start() == 0:
            segment, number = decoded(found[0]), 0
            continue
        number += 1
        yield _node(raw, "", f"{segment}{number:02}", *found.span())
    yield from _words(raw, dialect)


_NACHA_FACTS: Final = {
    "amount": "amount",
    "id": "customer_reference",
    "name": "payer_name",
    "trace": "trace_number",
    "account": "payer_account",
}
_ENTRY_CLASSES: Final = ("", "CTX", "CIE", "IAT")


def _nacha(raw: bytes, _dialect: str) -> Iterator[Node]:
    """Fields of an entry by every class's layout, and elements of segments in its addenda.

    The batch that names the company stands before the entry, outside its record.
    """
    joined, chunks = b"", []
    start = 0
    for line in raw.split(b"\n"):
        kind, addenda = line[:1], line[ADDENDA_TYPE].decode("latin-1")
        tables: list[dict[str, slice]] = []
        if kind == b"6":
            tables = [entry_layout(name) for name in _ENTRY_CLASSES]
        elif kind == b"7" and addenda == ADDENDA_INFORMATION:
            text = INFORMATION["text"]
            chunks.append((len(joined), start + text.start))
            joined += line[text]
        elif kind == b"7":
            one = INTERNATIONAL_ADDENDA.get(addenda)
            tables = [RETURN_ADDENDA if one is None else dict([one])]
        for table in tables:
            for name, columns in table.items():
                place = (start + columns.start, start + min(columns.stop, len(line)))
                yield _node(raw, _NACHA_FACTS.get(name, ""), name, *place)
        start += len(line) + 1
    for node in _segments(joined, ""):
        spans = tuple(_in_chunks(*node.spans[0], chunks, len(joined)))
        if spans:
            yield node._replace(spans=spans)
    yield from _words(raw, "")


def _in_chunks(
    start: int, stop: int, chunks: list[tuple[int, int]], length: int
) -> Iterator[tuple[int, int]]:
    """Where a range of joined pieces stands; `chunks` are (offset, place) of each piece."""
    ends = [*(offset for offset, _ in chunks[1:]), length]
    for (offset, place), end in zip(chunks, ends, strict=True):
        low, high = max(start, offset), min(stop, end)
        if low < high:
            yield place + low - offset, place + high - offset


def _words(raw: bytes, _dialect: str) -> Iterator[Node]:
    """The lines, and the words in them that blanks of two or more keep apart."""
    at = 0
    for line in raw.split(b"\n"):
        if line.strip():
            yield _node(raw, "", "", at, at + len(line))
        at += len(line) + 1
    for found in re.finditer(rb"\S+(?: \S+)*", raw):
        yield _node(raw, "", "", *found.span())


_CUTTERS: Final[tuple[tuple[str, Callable[[bytes, str], Iterator[Node]]], ...]] = (
    ("bai2", _bai2),
    ("lockbox", _lockbox),
    ("camt", _camt),
    ("mt94", _swift),
    ("x12", _segments),
    ("edi", _segments),
    ("nacha", _nacha),
)
"""Beginning of a format's name → what cuts its records."""
