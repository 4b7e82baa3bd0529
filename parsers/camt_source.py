"""The bytes of a camt file before XML: documents in one stream, encodings, places of entries.

`split_documents` cuts a stream into XML documents and makes each readable (leading blanks, wrong
or missing encoding, control characters), saying what it mended. `EntryPlaces` tells where the k-th
entry of a document stands, exactly or not at all.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EntryPlaces", "Place", "XmlDocument", "split_documents"]

_DECLARATION: Final = re.compile(rb"<\?xml[\s][^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DECLARATION_LENGTH_MAX: Final = 512
_CONTROL: Final = bytes(set(range(32)) - {9, 10, 13})
"""Bytes XML 1.0 forbids everywhere."""

_TO_BLANK: Final = bytes(32 if value in _CONTROL else value for value in range(256))
_BLANK: Final = b" \t\r\n"
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\x00", b"\x00<")


_IRREGULAR: Final = (b"<!", b"Ntry ", b"Ntry/", b"Ntry\t", b"Ntry\n", b"Ntry\r")
"""Where none of these occurs every entry starts with `<Ntry>` and ends with `</Ntry>`."""


class XmlDocument(msgspec.Struct, frozen=True):
    """One XML document of a file, ready for an XML parser.

    `offset` and `line` place its first byte in the file (0-based, 0-based). `encoding` overrides
    the declared one where set. `notes` are pairs of diagnostic code and sentence about repairs.
    `is_wide` is true of UTF-16, whose bytes cannot be searched for tags.
    """

    content: bytes
    offset: int
    line: int
    encoding: str | None
    is_wide: bool
    notes: tuple[tuple[str, str], ...]


class Place(msgspec.Struct, frozen=True):
    """Byte offset and length of an element in the file, and the 1-based line it starts on."""

    offset: int
    length: int
    line: int


def split_documents(content: bytes) -> Iterator[XmlDocument]:
    """The XML documents of `content` in order: one, unless declarations show several."""
    if content.startswith(_WIDE_MARKS):
        yield XmlDocument(content, 0, 0, None, is_wide=True, notes=())
        return
    starts = [0]
    for found in re.finditer(rb"<\?xml[\s]", content):
        before = content[starts[-1] : found.start()].rstrip(_BLANK)
        if before.endswith(b">") and b"<![CDATA[" not in before:
            starts.append(found.start())
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        yield _document(content, start, end)


def _document(content: bytes, start: int, end: int) -> XmlDocument:
    piece = content[start:end]
    notes: list[tuple[str, str]] = []
    stripped = piece.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK).removeprefix(codecs.BOM_UTF8)
    skipped = len(piece) - len(stripped)
    if piece[:skipped].strip(_BLANK) != piece[:skipped]:
        notes.append(("CAMT-ENCODING", f"{skipped} bytes stand before the XML; they are skipped"))
    if len(stripped.translate(None, _CONTROL)) != len(stripped):
        notes.append(("CAMT-CONTROL", "control characters that XML forbids are read as blanks"))
        stripped = stripped.translate(_TO_BLANK)
    encoding, note = _encoding(stripped)
    if note:
        notes.append(("CAMT-ENCODING", note))
    offset = start + skipped
    line = content.count(b"\n", 0, offset)
    return XmlDocument(stripped, offset, line, encoding, is_wide=False, notes=tuple(notes))


def _encoding(content: bytes) -> tuple[str | None, str]:
    """Encoding to impose (None: the document's own) and what was wrong with the declared one."""
    declared = _DECLARATION.match(content[:_DECLARATION_LENGTH_MAX])
    name = declared[1].decode("ascii", "replace") if declared else ""
    codec = _codec(name or "utf-8")
    if codec is None or codec.startswith(("utf-16", "utf-32")):
        return _unlabelled(content, f"declares encoding {name!r}, which its bytes are not")
    if content.isascii():
        return None, ""
    if _is_utf_8(content):
        if codec == "utf-8" or not codec.startswith(("iso8859", "cp125")):
            return None, ""
        return "utf-8", f"declares {name!r} and is UTF-8; read as UTF-8"
    if codec == "utf-8":
        claim = f"declares {name!r}" if name else "declares no encoding"
        return _unlabelled(content, f"{claim} and is not UTF-8")
    return None, ""


def _unlabelled(content: bytes, claim: str) -> tuple[str, str]:
    if content.isascii() or _is_utf_8(content):
        return "utf-8", f"{claim}; read as UTF-8"
    single = "iso-8859-1" if content.translate(None, bytes(range(0x80, 0xA0))) == content else ""
    chosen = single or "windows-1252"
    return chosen, f"{claim}; read as {chosen}"


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class EntryPlaces:
    """Places of the `Ntry` elements of one document, in order, found in its raw bytes.

    Comments, CDATA and processing instructions are stepped over; where a document type declaration
    or a wide encoding makes bytes a poor witness, every place is None.
    """

    def __init__(self, document: XmlDocument) -> None:
        """Start at the first entry of `document`."""
        content = document.content
        self._document = document
        self._position = self._line_position = 0
        self._line = document.line + 1
        self._is_known = not document.is_wide and b"<!DOCTYPE" not in content
        has_instructions = content.count(b"<?") != content.startswith(b"<?")
        self._is_plain = not has_instructions and not any(mark in content for mark in _IRREGULAR)

    def next_place(self, prefix: str | None) -> Place | None:
        """The next entry, written with `prefix`; None where its bytes cannot be told."""
        if not self._is_known:
            return None
        name = f"{prefix}:Ntry".encode() if prefix else b"Ntry"
        found = self._plain(name) if self._is_plain else self._careful(name)
        if found is None:
            self._is_known = False
            return None
        start, end = found
        content = self._document.content
        self._line += content.count(b"\n", self._line_position, start)
        self._line_position = start
        self._position = end
        return Place(self._document.offset + start, end - start, self._line)

    def entries_left(self) -> int:
        """Entries that start behind the last place given; a truncated one counts."""
        pattern = rb"<(?:[\w.\-]+:)?Ntry[\s/>]"
        return len(re.findall(pattern, self._document.content[self._position :]))

    def _plain(self, name: bytes) -> tuple[int, int] | None:
        content = self._document.content
        start = content.find(b"<" + name + b">", self._position)
        end = content.find(b"</" + name + b">", start)
        return None if start < 0 or end < 0 else (start, end + len(name) + 3)

    def _careful(self, name: bytes) -> tuple[int, int] | None:
        pattern = re.compile(
            rb"<(?:!--.*?-->|!\[CDATA\[.*?\]\]>|\?.*?\?>|(/?)" + re.escape(name) + rb"(?=[\s/>])"
            rb"[^>]*>)",
            re.DOTALL,
        )
        start = -1
        for found in pattern.finditer(self._document.content, self._position):
            if found[1] is None:
                continue
            if found[1]:
                return (start, found.end()) if start >= 0 else None
            if found[0].endswith(b"/>"):
                return found.span()
            start = found.start()
        return None
