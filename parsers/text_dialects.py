"""The dialects of free text as data: which keys there are, how they are written, what they mean.

They stand in `text_dialects.toml`, named `origin.kind.version`; a dialect never changes once
released. How a text is read by one is the business of `parsers.text_facts`.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FACTS",
    "LINE_DIALECTS",
    "NARRATIVE_DIALECTS",
    "TEXT_DIALECTS",
    "Cut",
    "TextDialect",
    "cut_text",
    "narrative_of",
]

FACTS: Final = frozenset(
    {
        "payer_name",
        "payer_account",
        "payer_routing",
        "payee_name",
        "payee_account",
        "payee_routing",
        "end_to_end_id",
        "check_number",
        "trace_number",
        "uetr",
        "customer_reference",
        "reference",
        "line_amount",
        "line_discount",
        "line_deduction",
        "deduction_reason",
        "text",
        "purpose",
        "aside",
    }
)
"""What a key may say; the table of dialects explains them."""

LINE_DIALECTS: Final = ("fedwire.1", "goldman.1", "ach.nacha.1", "check.1")
"""Dialects with one key per line of text, all of them read together."""

NARRATIVE_DIALECTS: Final = (
    "chase.wire.1",
    "chase.rtp.1",
    "bofa.wire.1",
    "bofa.ach.1",
    "wells.wire.1",
    "fedwire.tags.1",
)
"""Dialects with several keys in a line, each told by its signature."""


class TextDialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `text_dialects.toml`; `name` is filled from its key."""

    title: str
    keys: dict[str, tuple[str, ...]]
    marks: tuple[str, ...] = ("",)
    opening: str = ""
    signature: tuple[str, ...] = ()
    lead: str = "text"
    separator: str = "*"
    within: tuple[str, ...] = ()
    follows: dict[str, dict[str, tuple[str, ...]]] = {}
    parts: dict[str, tuple[str, ...]] = {}
    name: str = ""

    def fact_of(self, key: str, before: str = "") -> str:
        """The fact `key` announces, behind the key `before`; `text` where it is none of ours."""
        key, before = key.upper(), before.upper()
        for keys in (self.follows.get(before, {}), self.keys):
            for fact, names in keys.items():
                if key in names:
                    return fact
        return "text"


class Cut(NamedTuple):
    """A piece of text: the fact it gives, its key and mark as written, and where they stand.

    `key` is empty and `key_start` the beginning of the value where no key announces it.
    """

    fact: str
    key: str
    key_start: int
    start: int
    stop: int


def _load() -> dict[str, TextDialect]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    tables = msgspec.convert(tomllib.loads(text), dict[str, TextDialect])
    return {name: msgspec.structs.replace(table, name=name) for name, table in tables.items()}


TEXT_DIALECTS: Final[dict[str, TextDialect]] = _load()
"""Name → dialect, in the order of the table."""

_SIGNATURES: Final = tuple(
    (signature, TEXT_DIALECTS[name])
    for name in NARRATIVE_DIALECTS
    for signature in TEXT_DIALECTS[name].signature
)

NARRATIVE_PATTERN: Final = "|".join(re.escape(signature) for signature, _ in _SIGNATURES)
"""What tells a dialect of several keys in a line, in letters of any case, as Arrow understands."""


def narrative_of(text: str) -> TextDialect | None:
    """The dialect of several keys in a line that `text` is written in; None where it is in none."""
    capitals = text.upper()
    for signature, dialect in _SIGNATURES:
        if signature in capitals:
            return dialect
    return None


def cut_text(text: str, dialect: TextDialect) -> Iterator[Cut]:
    """The whole of `text` in pieces: what stands before the first key, then each key's value."""
    cuts = list(_pattern(dialect.name).finditer(text))
    first = cuts[0].start() if cuts else len(text)
    if first:
        yield Cut(dialect.lead if cuts else "text", "", 0, 0, first)
    stops = [*(cut.start() for cut in cuts[1:]), len(text)][: len(cuts)]
    before = ""
    for cut, stop in zip(cuts, stops, strict=True):
        parts = dialect.parts.get(cut[1].upper())
        if parts:
            yield from _elements(text, cut, stop, parts, dialect.separator)
        else:
            yield Cut(dialect.fact_of(cut[1], before), cut[0], cut.start(), cut.end(), stop)
        before = cut[1]


def _elements(
    text: str, cut: re.Match[str], stop: int, parts: tuple[str, ...], separator: str
) -> Iterator[Cut]:
    """The elements of a value; what has no fact of its own is the last one's."""
    start = cut.end()
    for at, fact in enumerate(parts):
        end = text.find(separator, start, stop) if at < len(parts) - 1 else stop
        end = stop if end < 0 else end
        key_start = start if at else cut.start()
        yield Cut(fact, "" if at else cut[0], key_start, start, end)
        start = end + len(separator)
        if start > stop:
            return


@lru_cache(maxsize=len(TEXT_DIALECTS))
def _pattern(name: str) -> re.Pattern[str]:
    """A key of the dialect with its opening and its mark, at the beginning of a word."""
    dialect = TEXT_DIALECTS[name]
    keys = sorted({key for names in dialect.keys.values() for key in names}, key=len, reverse=True)
    before = re.escape(dialect.opening) if dialect.opening else r"(?<![A-Za-z0-9])"
    marks = "|".join(map(re.escape, dialect.marks))
    return re.compile(f"{before}({'|'.join(map(re.escape, keys))})(?:{marks})", re.IGNORECASE)
