"""The XML documents of a camt file, and their bytes piece by piece.

`documents` cuts a stream into XML documents and finds out how each has to be read (leading blanks,
wrong or missing encoding, control characters), saying what is mended. `pieces` gives a document's
bytes as UTF-8 wherever that is possible, in pieces that end behind an entry.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parsers.byte_source import ByteSource

__all__ = ["DocumentError", "LineCounter", "Piece", "XmlDocument", "documents", "pieces"]

_DECLARATION: Final = re.compile(rb"<\?xml[\s][^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DECLARATION_LENGTH_MAX: Final = 512
_CONTROL: Final = bytes(set(range(32)) - {9, 10, 13})
"""Bytes XML 1.0 forbids everywhere."""

_TO_BLANK: Final = bytes(32 if value in _CONTROL else value for value in range(256))
_BLANK: Final = b" \t\r\n"
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\x00", b"\x00<")
_BIG_ENDIAN_MARKS: Final = (codecs.BOM_UTF16_BE, b"\x00<")
_START: Final = re.compile(rb"<\?xml[\s]")
_OVERLAP: Final = 16
"""Longer than any mark that is searched for, so that none is cut in two."""

_SINGLE_BYTE: Final = ("iso8859", "cp125")
_ENTRY: Final = re.compile(rb"<((?:[\w.\-]+:)?)Ntry[\s/>]")
_PREFIX_LENGTH_MAX: Final = 128
_WINDOWS_MAX: Final = 4
"""Windows without the end of an entry after which a piece ends anywhere."""


class DocumentError(Exception):
    """The bytes of a document cannot be decoded from `offset` on; what came before was given."""

    def __init__(self, message: str, offset: int) -> None:
        """Say why and where."""
        super().__init__(message)
        self.offset = offset


class XmlDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One XML document of a file: the bytes `offset` to `stop`, from the 0-based `line` on.

    `encoding` overrides the declared one where set; `codec` is the one its bytes are turned from
    into UTF-8 beforehand, each character having been `unit_bytes` (per UTF-16 unit) long.
    `notes` are pairs of diagnostic code and sentence about what is mended.
    """

    offset: int
    stop: int
    line: int
    encoding: str | None
    codec: str | None
    unit_bytes: int
    has_controls: bool
    has_declarations: bool
    has_entities: bool
    notes: tuple[tuple[str, str], ...]


class Piece(msgspec.Struct, frozen=True):
    """Consecutive bytes of a document: where they start in the file, on which 0-based line.

    `prefix` is that of the document's entries (`ns2:`); None before the first one.
    """

    content: bytes
    offset: int
    line: int
    unit_bytes: int
    prefix: str | None

    def offsets(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Offsets in the file of positions in `content`."""
        if not self.unit_bytes:
            return self.offset + positions
        raw = np.frombuffer(self.content, np.uint8)
        is_first = (raw & 0xC0) != 0x80
        units = is_first.astype(np.int64) + (raw >= 0xF0) * (self.unit_bytes == 2)
        before = np.append(0, np.cumsum(units))
        found: NDArray[np.int64] = self.offset + self.unit_bytes * before[positions]
        return found


class _Traits(msgspec.Struct):
    """What a document's bytes are like, as far as they were looked at."""

    is_ascii: bool = True
    is_utf_8: bool = True
    has_c1: bool = False
    has_controls: bool = False
    has_sections: bool = False
    has_declarations: bool = False
    has_entities: bool = False
    lines: int = 0
    last: bytes = b""


def documents(source: ByteSource, window_bytes: int) -> Iterator[XmlDocument]:
    """The XML documents of `source` in order: one, unless declarations show several."""
    head = source.read(0, 4)
    if head.startswith(_WIDE_MARKS):
        yield _wide_document(source, head, window_bytes)
        return
    start = line = 0
    while start < source.size or not start:
        stop, traits = _survey(source, start, window_bytes)
        yield _document(source, start, stop, line, traits)
        start, line = stop, line + traits.lines
        if stop >= source.size:
            return


def _wide_document(source: ByteSource, head: bytes, window_bytes: int) -> XmlDocument:
    order = "utf-16-be" if head.startswith(_BIG_ENDIAN_MARKS) else "utf-16-le"
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    found = XmlDocument(
        offset=2 if marked else 0,
        stop=source.size,
        line=0,
        encoding="utf-8",
        codec=order,
        unit_bytes=2,
        has_controls=True,
        has_declarations=False,
        has_entities=False,
        notes=(),
    )
    traits = _Traits()
    before = b""
    with contextlib.suppress(DocumentError):  # it is told when the document is read
        for window in _windows(source, found, window_bytes):
            _look_for_declarations(before + window, traits)
            before = window[-_OVERLAP:]
    return msgspec.structs.replace(
        found, has_declarations=traits.has_declarations, has_entities=traits.has_entities
    )


def _survey(source: ByteSource, start: int, window_bytes: int) -> tuple[int, _Traits]:
    """Where the document from `start` on ends, and what its bytes are like."""
    traits = _Traits()
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(start, source.size, window_bytes):
        overlapped = source.read(at, at + window_bytes + _OVERLAP)
        size = min(window_bytes, source.size - at)
        _look_for_declarations(overlapped, traits)
        stop = _next_document(overlapped, size, start - at, traits)
        window = overlapped[: size if stop is None else stop]
        _look_at(window, traits, decoder)
        if stop is not None:
            return at + stop, traits
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        traits.is_utf_8 = False
    return source.size, traits


def _next_document(window: bytes, size: int, start: int, traits: _Traits) -> int | None:
    """Where in a window a further document is declared; `start` is where this one began."""
    at = window.find(b"<?xml", max(start + 1, 0)) if b"?" in window else -1
    while 0 <= at < size:
        before = window[max(start, 0) : at].rstrip(_BLANK)[-1:] or traits.last
        is_declared = _START.match(window, at) is not None
        if is_declared and before == b">" and not traits.has_sections:
            return at
        at = window.find(b"<?xml", at + 1)
    return None


def _look_for_declarations(window: bytes, traits: _Traits) -> None:
    if b"!" in window and b"<!" in window:
        traits.has_sections |= b"<![CDATA[" in window
        traits.has_declarations |= b"<!DOCTYPE" in window
        traits.has_entities |= b"<!ENTITY" in window


def _look_at(window: bytes, traits: _Traits, decoder: codecs.IncrementalDecoder) -> None:
    traits.lines += window.count(b"\n")
    tail = window[-_OVERLAP:].rstrip(_BLANK) or window.rstrip(_BLANK)
    traits.last = tail[-1:] or traits.last
    raw = np.frombuffer(window, np.uint8)
    low = int(np.count_nonzero(raw < 32))
    traits.has_controls |= low != sum(window.count(byte) for byte in (b"\t", b"\n", b"\r"))
    if window.isascii() and not decoder.getstate()[0]:
        return
    traits.is_ascii = False
    traits.has_c1 |= bool(((raw & 0xE0) == 0x80).any())
    if traits.is_utf_8:
        try:
            decoder.decode(window)
        except UnicodeDecodeError:
            traits.is_utf_8 = False


def _document(source: ByteSource, start: int, stop: int, line: int, traits: _Traits) -> XmlDocument:
    skipped, head = _skipped(source, start, stop)
    notes: list[tuple[str, str]] = []
    lead = source.read(start, start + min(skipped, _DECLARATION_LENGTH_MAX))
    if lead.strip(_BLANK) != lead:
        notes.append(("CAMT-ENCODING", f"{skipped} bytes stand before the XML; they are skipped"))
    if traits.has_controls:
        notes.append(("CAMT-CONTROL", "control characters that XML forbids are read as blanks"))
    encoding, note = _encoding(head.translate(_TO_BLANK), traits)
    if note:
        notes.append(("CAMT-ENCODING", note))
    declared = _DECLARATION.match(head)
    stated = _codec(encoding or (declared[1].decode("ascii", "replace") if declared else "utf-8"))
    is_single = stated is not None and stated.startswith(_SINGLE_BYTE) and not traits.is_ascii
    return XmlDocument(
        offset=start + skipped,
        stop=stop,
        line=line + source.read(start, start + skipped).count(b"\n"),
        encoding="utf-8" if is_single else encoding,
        codec=stated if is_single else None,
        unit_bytes=1 if is_single else 0,
        has_controls=traits.has_controls,
        has_declarations=traits.has_declarations,
        has_entities=traits.has_entities,
        notes=tuple(notes),
    )


def _skipped(source: ByteSource, start: int, stop: int) -> tuple[int, bytes]:
    """How many bytes stand before the XML, and its beginning."""
    size = _DECLARATION_LENGTH_MAX
    while True:
        piece = source.read(start, min(start + size, stop))
        marked = piece.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)
        rest = marked.removeprefix(codecs.BOM_UTF8)
        if rest or start + size >= stop:
            skipped = len(piece) - len(rest)
            first = start + skipped
            return skipped, source.read(first, min(first + _DECLARATION_LENGTH_MAX, stop))
        size *= 2


def _encoding(head: bytes, traits: _Traits) -> tuple[str | None, str]:
    """Encoding to impose (None: the document's own) and what was wrong with the declared one."""
    declared = _DECLARATION.match(head)
    name = declared[1].decode("ascii", "replace") if declared else ""
    codec = _codec(name or "utf-8")
    if codec is None or codec.startswith(("utf-16", "utf-32")):
        return _unlabelled(traits, f"declares encoding {name!r}, which its bytes are not")
    if traits.is_ascii:
        return None, ""
    if traits.is_utf_8:
        if codec == "utf-8" or not codec.startswith(_SINGLE_BYTE):
            return None, ""
        return "utf-8", f"declares {name!r} and is UTF-8; read as UTF-8"
    if codec == "utf-8":
        claim = f"declares {name!r}" if name else "declares no encoding"
        return _unlabelled(traits, f"{claim} and is not UTF-8")
    return None, ""


def _unlabelled(traits: _Traits, claim: str) -> tuple[str, str]:
    if traits.is_ascii or traits.is_utf_8:
        return "utf-8", f"{claim}; read as UTF-8"
    chosen = "windows-1252" if traits.has_c1 else "iso-8859-1"
    return chosen, f"{claim}; read as {chosen}"


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return None


def _windows(source: ByteSource, document: XmlDocument, window_bytes: int) -> Iterator[bytes]:
    """The document's bytes, in UTF-8 where it has a codec, with control characters blanked."""
    decoder = None
    if document.codec is not None:
        decoder = codecs.getincrementaldecoder(document.codec)()
    for at in range(document.offset, document.stop, window_bytes):
        window = source.read(at, min(at + window_bytes, document.stop))
        broken = None
        if decoder is not None:
            try:
                window = decoder.decode(window).encode()
            except UnicodeDecodeError as error:
                first = at + len(window) - len(error.object)
                window = codecs.decode(error.object[: error.start], document.codec or "").encode()
                broken = first + error.start
        yield window.translate(_TO_BLANK) if document.has_controls else window
        if broken is not None:
            raise _undecodable(document, broken)
    if decoder is not None and (held := decoder.getstate()[0]):
        raise _undecodable(document, document.stop - len(held))


def _undecodable(document: XmlDocument, offset: int) -> DocumentError:
    return DocumentError(f"byte {offset} is no character of {document.codec}", offset)


def pieces(source: ByteSource, document: XmlDocument, window_bytes: int) -> Iterator[Piece]:
    """The bytes of `document` in pieces that end behind an entry, where there is one to end at."""
    cutter = _Cutter(document, window_bytes)
    broken = None
    try:
        for window in _windows(source, document, window_bytes):
            piece = cutter.take(window)
            if piece is not None:
                yield piece
    except DocumentError as error:
        broken = error
    piece = cutter.rest()
    if piece is not None:
        yield piece
    if broken is not None:
        raise broken


class LineCounter:
    """Counts lines at ascending positions of pieces, each byte once."""

    def __init__(self) -> None:
        """No piece yet."""
        self._piece: Piece | None = None
        self._position = self._line = 0

    def line_at(self, piece: Piece, position: int) -> int:
        """The 0-based line of a position; positions of one piece ascend."""
        if piece is not self._piece:
            self._piece, self._position, self._line = piece, 0, piece.line
        self._line += piece.content.count(b"\n", self._position, position)
        self._position = position
        return self._line


class _Cutter:
    """Cuts a document's windows behind entries."""

    def __init__(self, document: XmlDocument, window_bytes: int) -> None:
        self._offset, self._line = document.offset, document.line
        self._unit_bytes = document.unit_bytes
        self._size_max = _WINDOWS_MAX * window_bytes + _PREFIX_LENGTH_MAX
        self._held = b""
        self._prefix: str | None = None
        self._end = b""

    def take(self, window: bytes) -> Piece | None:
        """Add a window; a piece where one is complete."""
        held = self._held = self._held + window
        if self._prefix is None:
            found = _ENTRY.search(held)
            if found is None:
                return self._cut(len(held) - _PREFIX_LENGTH_MAX)
            self._prefix = found[1].decode()
            self._end = f"</{self._prefix}Ntry>".encode()
        at = held.rfind(self._end)
        if at >= 0:
            return self._cut(at + len(self._end))
        return self._cut(len(held) if len(held) > self._size_max else 0)

    def rest(self) -> Piece | None:
        """What is left at the end."""
        return self._cut(len(self._held))

    def _cut(self, size: int) -> Piece | None:
        if size <= 0:
            return None
        content, self._held = self._held[:size], self._held[size:]
        piece = Piece(content, self._offset, self._line, self._unit_bytes, self._prefix)
        self._offset = int(piece.offsets(np.array([size]))[0])
        self._line += content.count(b"\n")
        return piece
