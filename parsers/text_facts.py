r"""What a payer wrote, fact by fact, with the places it stands at.

`TextReading` reads the lines of text of one payment: one key per line (`ORG:=ACME`), several keys
in a line, the sentences of large banks, X12 segments that run over lines
(`RMR*IV*INV-1**139.87\`), and free text. Every value knows its key as written and its ranges, so
that a person can be shown where a fact comes from; no letter of the text is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.text_dialects import LINE_DIALECTS, TEXT_DIALECTS, cut_text, narrative_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "BANK_DESCRIPTORS",
    "INLINE_KEY_PATTERN",
    "TEXT_KEYS",
    "Span",
    "TextFact",
    "TextReading",
    "key_of",
]

TEXT_KEYS: Final[dict[str, tuple[str, str]]] = {
    key: (fact, name)
    for name in LINE_DIALECTS
    for fact, keys in TEXT_DIALECTS[name].keys.items()
    for key in keys
}
"""Key of a text line (before `:` or `:=`) → the fact it gives, and its dialect."""

BANK_DESCRIPTORS: Final = frozenset(
    {
        "ACH CREDIT",
        "ACH CREDIT PAYMENT",
        "ACH CREDIT RECEIVED",
        "INCOMING MONEY TRANSFER",
        "INCOMING WIRE",
        "LOCKBOX DEPOSIT",
        "PREAUTHORIZED ACH CREDIT",
        "RTP CREDIT",
        "WIRE CREDIT",
        "WIRE TRANSFER CREDIT",
    }
)
"""What banks write on every row of a kind; the type code says the same."""

_X12: Final = TEXT_DIALECTS["x12.remittance.1"]
_INLINE_KEYS: Final = "|".join(
    sorted(
        (key for name in LINE_DIALECTS for key in TEXT_DIALECTS[name].within),
        key=lambda key: (-len(key), key),
    )
)
INLINE_KEY_PATTERN: Final = f"(?:^|[^,] )(?:{_INLINE_KEYS}):"
"""A key that may stand within a line; as Arrow and `re` understand it.

Behind a comma it is a part of a sentence (`EXP; -, SEC: CCD, Reason: "R02"`), which stays whole.
"""

_INLINE: Final = re.compile(f"(?:^|(?<=[^,] ))({_INLINE_KEYS}):")
_SEGMENT: Final = re.compile(rf"(?:{'|'.join(_X12.keys['aside'])})\*")
_SEGMENT_END: Final = re.compile(r"[\\~]")
_BLANKS: Final = " \t"
_COMPANY_KEY: Final = "ORIG CO NAME"
_ENDS: Final = ("\\", "~")
_SEPARATOR: Final = re.compile(r"[\\~\n]")
_MANY: Final = frozenset({"text", "aside", "reference", "purpose"})
_ONCE: Final = frozenset({"payer_name", "trace_number"})
_SIDED: Final = frozenset(
    f"{side}_{what}" for side in ("payer", "payee") for what in ("name", "account", "routing")
)


class Span(NamedTuple):
    """A range of one line of the text: half-open, in characters."""

    line: int
    start: int
    stop: int


class TextFact(NamedTuple):
    """One fact: its name, the key as written, the value, where they stand, and the dialect.

    A value that runs over lines has several `spans`. `keyed` is where the key begins; the value's
    first span where it has none.
    """

    name: str
    key: str
    value: str
    keyed: Span
    spans: tuple[Span, ...]
    dialect: str


_Found = tuple[str, str, str, int, int, int, int, str]
"""Name, key, value, line (-1: the addenda), begin of the key, begin and end of value, dialect."""

_ADDENDA: Final = -1
_SEGMENT_NAME: Final = "segment"
_LINE_SEGMENTS: Final = frozenset({"RMR", "ADX"})


class TextReading:
    """The text of one payment, read: what it says, and on demand where each fact stands."""

    def __init__(self, texts: Iterable[str], *, is_return: bool = False) -> None:
        """Read `texts`, one entry per line of the source.

        Of a `trace_number` or another fact that a payment has once, the first counts; a second
        one stays text, key and all. Where money goes back (`is_return`) the payee named is the
        payer. `segments` are the RMR and ADX segments by element.
        """
        self._reader = _Reader(list(texts))
        self._reader.read()
        self.segments = self._reader.segments
        self._found = _with_sides(self._reader.found, is_return=is_return)

    def values(self) -> Iterator[tuple[str, str]]:
        """(name, value) of each fact, in the order they were read."""
        for found in self._found:
            yield found[0], found[2]

    def facts(self) -> list[TextFact]:
        """Each fact with its places, in the order they were read."""
        facts: list[TextFact] = []
        for one in self._found:
            if one[0] == _SEGMENT_NAME:
                facts += map(self._placed, self._reader.elements(one[4], one[2]))
            else:
                facts.append(self._placed(one))
        return facts

    def _placed(self, found: _Found) -> TextFact:
        name, key, value, line, key_start, start, stop, dialect = found
        keyed = self._reader.spans(line, key_start, start) if key else ()
        spans = self._reader.spans(line, start, stop)
        return TextFact(name, key, value, (keyed or spans)[0], spans, dialect)


@lru_cache(maxsize=4096)
def key_of(head: str) -> tuple[str | None, str]:
    """The fact that text before a colon announces (None: no key), and what stands before its key.

    `ACH CREDIT ORIG CO NAME` announces `payer_name` behind the text `ACH CREDIT`.
    """
    known = TEXT_KEYS.get(head.strip(_BLANKS).upper())
    if known is not None:
        return known[0], ""
    before, key, rest = head.rpartition(_COMPANY_KEY)
    if key and not rest and before.endswith(" ") and not _INLINE.search(before):
        return "payer_name", before.strip(_BLANKS)
    return None, ""


class _Reader:
    """The lines of one payment's text while they go by; segments gather until the text is over."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._known: set[str] = set()
        self._addenda = ""
        self._chunks: list[tuple[int, int, int]] = []
        self.found: list[_Found] = []
        self.segments: list[list[str]] = []

    def read(self) -> None:
        """Read every line, then the segments they held."""
        for line, piece in enumerate(self._texts):
            start, stop = 0, len(piece)
            if "{" in piece and narrative_of(piece) is not None:
                self._inline(line, start, stop)
                continue
            if "*" in piece or self._addenda:
                stop = self._take_segments(line, piece)
                if stop < len(piece):
                    start, stop = _trimmed(piece, 0, stop)
                if start == stop:
                    continue
            head = piece.find(":", start, stop)
            if head >= 0:
                self._keyed(line, start, head, stop)
            elif piece.find("=", start, stop) >= 0 or piece.find("{", start, stop) >= 0:
                self._inline(line, start, stop)
            else:
                self._add(line, "text", "", start, start, stop)
        if self._addenda:
            self._read_addenda()

    def _add(
        self,
        line: int,
        fact: str,
        key: str,
        key_start: int,
        start: int,
        stop: int,
        dialect: str = "",
    ) -> None:
        """Keep a piece of a line; a second value of a fact stays text, with its key."""
        piece = self._texts[line]
        if fact in self._known and fact not in _MANY:
            fact, key, start, dialect = "text", "", key_start, ""
        self._known.add(fact)
        start, stop = _trimmed(piece, start, stop)
        value = piece[start:stop]
        if fact == "text" and value in BANK_DESCRIPTORS:
            fact = "aside"
        if not value and not key:
            return
        self.found.append((fact, key, value, line, key_start, start, stop, dialect))

    def _keyed(self, line: int, start: int, head: int, stop: int) -> None:
        """A line with a colon: `KEY: value`, several keys within it, or text of the payer."""
        piece = self._texts[line]
        fact, prefix = key_of(piece[start:head])
        is_several = piece.find(":", head + 1, stop) >= 0 and _INLINE.search(piece, start, stop)
        if fact is None or is_several:
            self._inline(line, start, stop)
            return
        key_start = start
        if prefix:
            key_start = head - len(_COMPANY_KEY)
            self._add(line, "text", "", start, start, key_start)
        key_start, _ = _trimmed(piece, key_start, head)
        begin = head + 1
        while begin < stop and piece[begin] == "=":
            begin += 1
        name = TEXT_KEYS[piece[key_start:head].strip(_BLANKS).upper()][1]
        self._add(line, fact, piece[key_start:begin], key_start, begin, stop, name)

    def _inline(self, line: int, start: int, stop: int) -> None:
        """A line that does not begin with a lone key: a sentence of a bank, keys, or text."""
        piece = self._texts[line][start:stop]
        dialect = narrative_of(piece)
        if dialect is not None:
            for fact, key, key_start, begin, end in cut_text(piece, dialect):
                places = (key_start + start, begin + start, end + start)
                self._add(line, fact, key, *places, dialect.name)
            return
        cuts = list(_INLINE.finditer(piece))
        first = cuts[0].start() if cuts else len(piece)
        self._add(line, "text", "", start, start, start + first)
        stops = [*(cut.start() for cut in cuts[1:]), len(piece)]
        for found, end in zip(cuts, stops[: len(cuts)], strict=True):
            fact, name = TEXT_KEYS.get(found[1], ("text", "ach.nacha.1"))
            key_start, begin = found.span()
            places = (key_start + start, begin + start, end + start)
            self._add(line, fact, found[0], *places, name)

    # Segments

    def _take_segments(self, line: int, piece: str) -> int:
        """Move the segments of a line to the addenda; gives where the text before them ends.

        A line that goes on with an open segment belongs to it whole; a new segment closes it.
        """
        is_open = bool(self._addenda) and self._addenda[-1] not in "\\~\n"
        found = _SEGMENT.search(piece)
        start = found.start() if found is not None else len(piece)
        if found is not None and start and piece[start - 1].isalnum():
            start = len(piece)
        elif is_open and (_goes_on(piece) if found is None else piece[:start].endswith(_ENDS)):
            start, is_open = 0, False
        if is_open:
            self._addenda += "\n"
        if start < len(piece):
            self._chunks.append((len(self._addenda), line, start))
            self._addenda += piece[start:]
        return start

    def _read_addenda(self) -> None:
        """Segments to facts, element by element; those without facts stay text."""
        start = 0
        for end in [*(cut.start() for cut in _SEPARATOR.finditer(self._addenda)), None]:
            segment = self._addenda[start:end]
            self._segment(start, segment)
            start += len(segment) + 1

    def _segment(self, start: int, segment: str) -> None:
        elements = segment.strip(_BLANKS).split("*")
        name = elements[0]
        if name in _LINE_SEGMENTS:
            self.segments.append(elements)
            stop = start + len(segment)
            self.found.append((_SEGMENT_NAME, "", segment, _ADDENDA, start, start, stop, _X12.name))
        elif len(elements) > 2 and (name == "TRN" or (name == "N1" and elements[1] == "PR")):
            self.found += self.elements(start, segment)
            self._known.update(found[0] for found in self.found if found[0] in _ONCE)
        else:
            self.found += _element("text", "", start, segment)

    def elements(self, start: int, segment: str) -> list[_Found]:
        """The elements of a segment that begins at `start` of the addenda, each with its fact."""
        found: list[_Found] = []
        name, *elements = segment.strip(_BLANKS).split("*")
        parts = _X12.parts[name]
        start += len(segment) - len(segment.lstrip(_BLANKS)) + len(name) + 1
        key = f"{name}*"
        for at, element in enumerate(elements):
            fact = parts[at] if at < len(parts) else "aside"
            if fact in self._known and fact in _ONCE:
                fact = "aside"
            found += _element(fact, key, start, element)
            start += len(element) + 1
            key = ""
        return found

    def spans(self, line: int, start: int, stop: int) -> tuple[Span, ...]:
        """Where a range of a line, or of the addenda gathered from several, stands in the text."""
        if line != _ADDENDA:
            return (Span(line, start, max(start, stop)),)
        found = []
        ends = [*(offset for offset, _, _ in self._chunks[1:]), len(self._addenda)]
        for (offset, number, begin), end in zip(self._chunks, ends, strict=True):
            low = max(start, offset)
            high = min(stop, end, offset + len(self._texts[number]) - begin)
            if low < high:
                found.append(Span(number, begin + low - offset, begin + high - offset))
        return tuple(found)


def _element(fact: str, key: str, start: int, element: str) -> Iterator[_Found]:
    """An element, or a whole segment, that begins at `start` of the addenda; none where blank."""
    value = element.strip(_BLANKS)
    if not value and not key:
        return
    key_start = start - len(key)
    start += len(element) - len(element.lstrip(_BLANKS))
    if fact == "text" and value in BANK_DESCRIPTORS:
        fact = "aside"
    name = _X12.name if key or fact != "text" else ""
    yield fact, key, value, _ADDENDA, key_start, start, start + len(value), name


def _goes_on(piece: str) -> bool:
    """Whether a line without a new segment belongs to the open one before it."""
    return ("*" in piece or bool(_SEGMENT_END.search(piece))) and ":=" not in piece


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    """The range without blanks and tabs at either end."""
    while start < stop and text[start] in _BLANKS:
        start += 1
    while start < stop and text[stop - 1] in _BLANKS:
        stop -= 1
    return start, stop


def _with_sides(found: list[_Found], *, is_return: bool) -> list[_Found]:
    """The facts with one payer: the payee where money goes back and one is named."""
    names = {one[0] for one in found}
    if names.isdisjoint(_SIDED):
        return found
    side = "payee" if is_return and "payee_name" in names else "payer"
    account = f"{side}_account"
    has_account = account in names and any(one[2] for one in found if one[0] == account)
    sided: list[_Found] = []
    for one in found:
        if one[0] in _SIDED:
            who, what = one[0].split("_")
            is_used = who == side and (what != "routing" or has_account)
            sided.append((f"payer_{what}" if is_used else "aside", *one[1:]))
        else:
            sided.append(one)
    return sided
