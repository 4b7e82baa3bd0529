"""What the bank wrote, cut into plain parts and parts that a suggestion rests on, with offsets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BankText", "Mark", "TextPart", "marked_text", "readable"]

_MARKS_MAX: Final = 2_000
_GAP_MAX: Final = 3
_TAG: Final = re.compile(r"<[^<>]{1,100}>")
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
    """Places of marks that do not overlap, longer ones first.

    A mark is found by its letters and digits: signs between them may differ, and what a bank cut
    into two elements of its file is still one.
    """
    letters, places = _letters(text)
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(letters))
    wanted = {("".join(filter(str.isalnum, one.text)).upper(), one.kind) for one in marks}
    for sought, kind in sorted(wanted, key=lambda one: (-len(one[0]), one))[:_MARKS_MAX]:
        if len(sought) < _LENGTH_MIN:
            continue
        at = letters.find(sought)
        while at >= 0:
            end = at + len(sought)
            if not any(taken[at:end]) and _stands_alone(text, places, at, end):
                taken[at:end] = b"\x01" * len(sought)
                found += _pieces(places, at, end, kind)
            at = letters.find(sought, at + 1)
    return sorted(found)


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters and digits of `text` in upper case, and where each stands; those of tags left out."""
    letters, places = [], []
    tags = [match.span() for match in _TAG.finditer(text)]
    inside = iter(tags)
    tag = next(inside, None)
    for at, one in enumerate(text):
        while tag is not None and at >= tag[1]:
            tag = next(inside, None)
        if one.isalnum() and (tag is None or at < tag[0]):
            upper = one.upper()
            letters.append(upper if len(upper) == 1 else one)
            places.append(at)
    return "".join(letters), places


def _stands_alone(text: str, places: list[int], at: int, end: int) -> bool:
    """Whether no letter or digit stands before or after, and no long gap within."""
    first, last = places[at], places[end - 1]
    if (first and text[first - 1].isalnum()) or text[last + 1 : last + 2].isalnum():
        return False
    gaps = zip(places[at : end - 1], places[at + 1 : end], strict=True)
    return all(
        after - before <= _GAP_MAX or "><" in "".join(text[before + 1 : after].split())
        for before, after in gaps
    )


def _pieces(places: list[int], at: int, end: int, kind: str) -> list[tuple[int, int, str]]:
    """The span, in pieces where a tag stands within."""
    pieces = []
    begin = places[at]
    for before, after in zip(places[at : end - 1], places[at + 1 : end], strict=True):
        if after - before > _GAP_MAX:
            pieces.append((begin, before + 1, kind))
            begin = after
    pieces.append((begin, places[end - 1] + 1, kind))
    return pieces


def _edge(content: bytes, *, last: bool) -> str:
    """What stands around the record, a character that was cut left out."""
    text = content.decode("utf-8", "ignore")
    if not text and content:
        text = content.decode("latin-1")
    lines = text.translate(_CONTROL).splitlines(keepends=True)
    kept = lines[-4:] if last else lines[:4]
    return "".join(kept)
