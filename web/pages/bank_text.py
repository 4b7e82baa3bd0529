"""What the bank wrote, cut into plain parts and parts that a suggestion rests on, with offsets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BankText", "Mark", "TextPart", "marked_text", "readable"]

_MARKS_MAX: Final = 500
_LENGTH_MIN: Final = 3
_KINDS: Final = ("reference", "amount", "payer")
_CONTROL: Final = {code: 0x2400 + code for code in range(32) if code not in {10, 13, 9}} | {
    0x7F: 0x2421
}


class Mark(msgspec.Struct, frozen=True):
    """Text to look for, and what it is: `reference`, `amount` or `payer`."""

    text: str
    kind: str


class TextPart(msgspec.Struct, frozen=True):
    """A piece of the text; `kind` is empty where nothing rests on it. `offset` is in the file."""

    text: str
    kind: str
    offset: int


class BankText(msgspec.Struct, frozen=True):
    """The record with what stands around it."""

    before: str
    parts: tuple[TextPart, ...]
    after: str
    kinds: tuple[str, ...]


def readable(content: bytes) -> str:
    """Bytes as text, one character each where they are no UTF-8; control characters as pictures."""
    return _decoded(content)[0].translate(_CONTROL)


def marked_text(
    before: bytes, record: bytes, after: bytes, offset: int, marks: Iterable[Mark]
) -> BankText:
    """The record, which begins at `offset` of its file, with every mark that is in it."""
    text, encoding = _decoded(record)
    parts: list[TextPart] = []
    at, place = 0, offset
    for start, end, kind in [*_spans(text, marks), (len(text), len(text), "")]:
        for piece, own in ((text[at:start], ""), (text[start:end], kind)):
            if piece:
                parts.append(TextPart(piece.translate(_CONTROL), own, place))
                place += len(piece.encode(encoding))
        at = end
    found = {part.kind for part in parts}
    kinds = tuple(kind for kind in _KINDS if kind in found)
    return BankText(_edge(before, last=True), tuple(parts), _edge(after, last=False), kinds)


def _decoded(content: bytes) -> tuple[str, str]:
    """The text, and the encoding it was read in."""
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"


def _spans(text: str, marks: Iterable[Mark]) -> list[tuple[int, int, str]]:
    """Places of marks that do not overlap, longer ones first; signs between letters may differ."""
    found: list[tuple[int, int, str]] = []
    for mark in sorted(set(marks), key=lambda one: (-len(one.text), one.text))[:_MARKS_MAX]:
        letters = [re.escape(one) for one in mark.text if one.isalnum()]
        if len(letters) < _LENGTH_MIN:
            continue
        pattern = r"(?<!\w)" + r"[\W_]{0,2}".join(letters) + r"(?!\w)"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            start, end = match.span()
            if all(end <= one[0] or start >= one[1] for one in found):
                found.append((start, end, mark.kind))
    return sorted(found)


def _edge(content: bytes, *, last: bool) -> str:
    """What stands around the record, a character that was cut left out."""
    text = content.decode("utf-8", "ignore")
    if not text and content:
        text = content.decode("latin-1")
    lines = text.translate(_CONTROL).splitlines(keepends=True)
    kept = lines[-4:] if last else lines[:4]
    return "".join(kept)
