"""Which format a file has, by its content alone.

What is no bank file is refused with one sentence that names the file and what was seen in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from parsers.byte_source import BytesSource, windows
from parsers.errors import UnrecognisedFileError
from parsers.lockbox_records import framing_of, split_records
from parsers.x12_delimiters import is_x12

if TYPE_CHECKING:
    from parsers.byte_source import ByteSource

__all__ = ["BankFileFormat", "detect_format"]

BankFileFormat = Literal["bai2", "lockbox", "camt", "mt94x", "x12", "remt001", "nacha"]
"""The families of formats that are read."""

_HEAD_BYTES: Final = 65_536
_SEEN_LENGTH: Final = 40
_PROBE_LINES: Final = 200
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_BAI2_HEADER: Final = re.compile(rb"01,[^,\r\n]*,[^,\r\n]*,[0-9]{6,8},")
_BAI2_RECORD: Final = re.compile(rb"(?:^|[\r\n/])[ \t]*(?:02|03|16|49|98|99),", re.MULTILINE)
_BAI2_START: Final = re.compile(rb"(?:01|02|03|16),")
_LOCKBOX_RECORD: Final = re.compile(
    r"1[0-9A-Z ]{2}.{20}[0-9 ]{6}|2.{20}|5[0-9 ]{6}.{7}[0-9]{6}|6[0-9 ]{6}.{33}"
    r"|4[0-9 ]{6}.{3}|3.{20}[0-9]{9}0[0-9]|[78][0-9 ]{6}.{7}[0-9]{6}[0-9 ]{10}|9[0-9 ]{1,20} *$"
)
_MT94X_TAG: Final = re.compile(
    rb"(?:^|[\r\n])(:(?:20|25P?|28C?|60[FM]|61|62[FM]|34F|90[CD]):"
    rb"|\{1:F[^\r\n]*\{2:[IO]9(?:4[012]|50))"
)
_NACHA_HEADER: Final = re.compile(rb"101[ 0-9][^\r\n]{30}094[ 0-9]{3}")
_XML_ROOT: Final = re.compile(r"<(?:[A-Za-z_][\w.\-]*:)?([A-Za-z_][\w.\-]*)[\s/>]")
_XML_MESSAGE: Final = re.compile(rb"[<:](?:(BkToCstmr)|RmtAdvc[\s/>])")
_MARK_LENGTH: Final = 16
_XML_MARKS: Final[dict[BankFileFormat, tuple[str, ...]]] = {
    "camt": ("BkToCstmr", "camt.052", "camt.053", "camt.054"),
    "remt001": ("<RmtAdvc", ":RmtAdvc", "remt.001"),
}
"""Format → what the beginning of its XML holds."""

_PRINTED: Final = re.compile(rb"[\t\n\r\x20-\x7e]")

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a ZIP archive (or a spreadsheet)"),
    (b"\x1f\x8b", "gzip compressed data"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"II*\x00", "an image"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"UNA", "an EDIFACT interchange, which is not read here"),
    (b"UNB", "an EDIFACT interchange, which is not read here"),
    (b"{1:F", "a SWIFT MT message, which is not read here"),
)


def detect_format(source: ByteSource, source_file: str) -> BankFileFormat:
    """The format of `source`; raises `UnrecognisedFileError` where it is none of a bank file."""
    content = source.read(0, 2 * _HEAD_BYTES)
    head = content.removeprefix(_BYTE_ORDER_MARK)[:_HEAD_BYTES].lstrip(b" \t\r\n")
    if not head.strip(b"\x00\x1a"):
        raise _refusal(source_file, "it is empty" if not content else "it holds only blanks")
    if _is_utf16(content):
        return _detect_utf16(content, source_file)
    if head.startswith(b"<"):
        form = _xml_format(head.decode("latin-1"), source)
        if form is not None:
            return form
        raise _refusal(source_file, _describe_xml(head.decode("latin-1")))
    form = _line_format(head, content)
    if form is not None:
        return form
    raise _refusal(source_file, _describe(head))


def _line_format(head: bytes, content: bytes) -> BankFileFormat | None:
    """The format of a file of lines or segments."""
    found: BankFileFormat | None = None
    if _NACHA_HEADER.match(head):
        found = "nacha"
    elif _is_bai2(head):
        found = "bai2"
    elif is_x12(content):
        found = "x12"
    elif _is_mt94x(head):
        found = "mt94x"
    elif _is_lockbox(head):
        found = "lockbox"
    return found


def _refusal(source_file: str, seen: str) -> UnrecognisedFileError:
    message = (
        f"{source_file} is no bank file: {seen}; "
        "a BAI2, BAI lockbox, camt.052/.053/.054, MT940/942, remt.001, EDI 820/823 or NACHA file "
        "is expected"
    )
    return UnrecognisedFileError(message)


def _is_utf16(content: bytes) -> bool:
    return content.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<"))


def _detect_utf16(content: bytes, source_file: str) -> BankFileFormat:
    """XML may come in UTF-16; the line formats may not."""
    order = "utf-16-be" if content.startswith((b"\xfe\xff", b"\x00<")) else "utf-16-le"
    head = content[: 2 * _HEAD_BYTES].decode(order, "replace").lstrip("\ufeff \t\r\n")
    form = _xml_format(head, None) if head.startswith("<") else None
    if form is not None:
        return form
    raise _refusal(source_file, "it is UTF-16 text; line formats are read as UTF-8")


def _xml_format(head: str, source: ByteSource | None) -> BankFileFormat | None:
    """The format of XML that carries a message that is read, whatever its root or prefixes.

    `source` is searched where the beginning does not tell; None where its bytes cannot be.
    """
    for form, marks in _XML_MARKS.items():
        if any(mark in head for mark in marks):
            return None if _root_of(head).lower().startswith("html") else form
    before = b""
    for _, window in () if source is None else windows(source):
        found = _XML_MESSAGE.search(before + window)
        if found:
            return "camt" if found[1] else "remt001"
        before = window[-_MARK_LENGTH:]
    return None


def _root_of(head: str) -> str:
    found = _XML_ROOT.search(head)
    return found[1] if found else ""


def _describe_xml(head: str) -> str:
    root = _root_of(head)
    if root.lower() == "html" or head[:9].lower() == "<!doctype":
        return "it is an HTML page"
    message = "no camt or remt message"
    return f"it is XML with root {root!r} and {message}" if root else "it is broken XML"


def _is_bai2(head: bytes) -> bool:
    """A file header, or records of a file whose header was lost."""
    if _BAI2_HEADER.match(head):
        return True
    return bool(_BAI2_START.match(head)) and bool(_BAI2_RECORD.search(head, 3))


def _is_mt94x(head: bytes) -> bool:
    """The block header of a statement message, or two different fields that only those have."""
    found = {match[1][:4] for match in _MT94X_TAG.finditer(head)}
    return any(tag.startswith(b"{") for tag in found) or len(found) > 1


def _is_lockbox(head: bytes) -> bool:
    """Records of fixed columns, most of known types, a batch, check or total among them."""
    source = BytesSource(head)
    records = split_records(source, framing_of(source), _PROBE_LINES)
    lines = [line for line in records if line.strip(" ")]
    matches = [line[:1] for line in lines if _LOCKBOX_RECORD.match(line)]
    return bool(set("35678").intersection(matches)) and 2 * len(matches) > len(lines)


def _describe(head: bytes) -> str:
    """What a file that is none of ours looks like."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return f"it is {name}"
    sample = head[:4096]
    if b"\x00" in sample or 10 * len(_PRINTED.findall(sample)) < 7 * len(sample):
        return "it is binary data"
    first = re.split(rb"[\r\n]", sample, maxsplit=1)[0].decode("utf-8", "replace")
    shown = repr(first[:_SEEN_LENGTH])
    if first.startswith(("{", "[{", "[[")):
        return f"it looks like JSON and begins with {shown}"
    if any(first.count(separator) > 1 for separator in ",;\t|"):
        return f"it looks like a table (CSV) and begins with {shown}"
    return f"it is text that begins with {shown}"
