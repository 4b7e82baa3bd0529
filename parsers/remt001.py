"""remt.001, remittance advice of ISO 20022 that is sent apart from the payment, of every version.

Elements are known by local name, whatever the namespace, prefix or envelope around the message.
One `RmtInf` after another becomes lines of advice and is dropped. Document type declarations are
never loaded, entities never expanded, nothing is fetched; what libxml2 bounds ends the reading.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final, cast

from lxml import etree

from parsers.byte_source import windows
from parsers.camt_xml import forget, local_name, text_at
from parsers.remt001_advice import read_advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["read_remt001"]

_CHUNK_BYTES: Final = 1 << 15
_HEAD_BYTES: Final = 1 << 16
_MESSAGE: Final = "RmtAdvc"
_TAGS: Final = ("{*}RmtInf", "{*}RmtAdvc", "{*}GrpHdr")
_VERSION: Final = re.compile(r"remt\.001\.\d{3}\.\d{2,}")
_START: Final = re.compile(rb">\s*(<\?xml\s)")
_START_LENGTH_MAX: Final = 4_096
"""Blanks between two messages of one stream that are still seen to be between them."""

_DECLARED: Final = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_BLANK: Final = b" \t\r\n"
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\x00", b"\x00<")


def read_remt001(
    source: ByteSource, collector: FileCollector, _options: ReadOptions
) -> Iterator[None]:
    """Read a remt.001 file as far as it goes; what may be wrong becomes a diagnostic."""
    collector.source_format = "remt.001"
    reader = _FileReader(source, collector)
    for start, stop in _messages(source):
        yield from reader.read_message(start, stop)
    reader.finish()


def _messages(source: ByteSource) -> Iterator[tuple[int, int]]:
    """Byte ranges of the XML documents of `source`: one, unless declarations show several."""
    bounds = [0]
    before = b""
    for offset, window in windows(source):
        text = before + window
        for found in _START.finditer(text):
            begin = offset - len(before) + found.start(1)
            if begin > bounds[-1]:
                bounds.append(begin)
        before = text[-_START_LENGTH_MAX:]
    yield from zip(bounds, [*bounds[1:], source.size], strict=True)


class _FileReader:
    """Reads the messages of one file into its collector."""

    def __init__(self, source: ByteSource, collector: FileCollector) -> None:
        self._source = source
        self._collector = collector
        self._message_id = ""
        self._dialect = ""
        self._messages = 0
        self._advices = 0
        self._line = 0

    def finish(self) -> None:
        """Close the file."""
        if not self._advices:
            self._collector.diagnose("REMT-EMPTY", "the message holds no remittance information")
        self._collector.close(dialect=self._dialect or "remt.001", statement_count=self._messages)

    def read_message(self, start: int, stop: int) -> Iterator[None]:
        """Read one XML document as far as it is well-formed; `start` and `stop` are its bytes."""
        parser = self._parser(start, stop)
        self._message_id = ""
        position = start + self._skipped(start)
        try:
            for begin in range(position, stop, _CHUNK_BYTES):
                parser.feed(self._source.read(begin, min(begin + _CHUNK_BYTES, stop)))
                yield from self._read_events(parser)
            parser.close()
            yield from self._read_events(parser)
        except etree.XMLSyntaxError as error:
            yield from self._read_events(parser)
            self._break_off(error)
        self._line += _line_count(self._source, start, stop)

    def _parser(self, start: int, stop: int) -> etree.XMLPullParser:
        head = self._source.read(start, min(start + _HEAD_BYTES, stop))
        if b"<!DOCTYPE" in head:
            self._collector.diagnose(
                "CAMT-DTD", "a document type declaration; nothing of it is used", line=1
            )
        return etree.XMLPullParser(
            events=("end",),
            tag=_TAGS,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
            encoding=self._encoding(head, start, stop),
        )

    def _skipped(self, start: int) -> int:
        """Bytes before the markup: blanks, which XML forbids there."""
        head = self._source.read(start, start + _HEAD_BYTES)
        if head.startswith(_WIDE):
            return 0
        return len(head) - len(head.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK))

    def _encoding(self, head: bytes, start: int, stop: int) -> str | None:
        """Encoding to impose where the declared one is not that of the bytes, else None."""
        if head.startswith(_WIDE):
            return None
        declared = _DECLARED.search(head)
        name = declared[1].decode("ascii", "replace") if declared else "utf-8"
        if _is_utf_8(self._source, start, stop):
            return "utf-8"
        try:
            codec = codecs.lookup(name).name
        except (LookupError, ValueError):
            codec = "utf-8"
        if codec.startswith(("iso8859", "cp125")):
            return None
        self._collector.diagnose(
            "CAMT-ENCODING", f"declares {name!r} and is not; read as windows-1252", line=1
        )
        return "windows-1252"

    def _read_events(self, parser: etree.XMLPullParser) -> Iterator[None]:
        for event in parser.read_events():
            element = cast("_Element", event[1])
            name, parent = local_name(element), element.getparent()
            if name == _MESSAGE:
                self._messages += 1
                forget(element)
                continue
            if parent is None or local_name(parent) != _MESSAGE:
                continue
            if name == "GrpHdr":
                self._read_header(element, parent)
                continue
            self._advices += 1
            read_advice(element, self._message_id, self._collector, self._line)
            forget(element)
            before = element.getprevious()
            if before is not None and local_name(before) == "RmtInf":
                parent.remove(before)
            yield

    def _read_header(self, element: _Element, message: _Element) -> None:
        self._message_id = text_at(element, "MsgId")
        if not self._dialect:
            version = _VERSION.search(str(message.tag))
            self._dialect = version[0] if version else ""

    def _break_off(self, error: etree.XMLSyntaxError) -> None:
        """The document ends here: say where, and hold the file."""
        row, column = error.position
        self._collector.diagnose(
            "FILE-TRUNCATED",
            f"the XML breaks off or is not well-formed ({error.msg})",
            line=row + self._line,
            column=column,
            expected="well-formed XML up to the end tag of its root",
        )
        self._collector.hold_file("IN-TOTAL")


def _is_utf_8(source: ByteSource, start: int, stop: int) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(start, stop, 1 << 20):
            decoder.decode(source.read(begin, min(begin + (1 << 20), stop)))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _line_count(source: ByteSource, start: int, stop: int) -> int:
    steps = range(start, stop, 1 << 20)
    return sum(source.read(at, min(at + (1 << 20), stop)).count(b"\n") for at in steps)
