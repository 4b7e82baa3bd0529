"""The record a payment was read from, as it stands in the bank's file, with carets under its facts.

4 | 16,195,15000,Z,BK9001,,WIRE CREDIT
  |    ^^^ ^^^^^   ^^^^^^
  |    type_code, amount, bank_reference
5 | 88,ORG:=ACME INC
  |         ^^^^^^^^
  |    payer_name (ORG:=, fedwire.1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from parsers.byte_source import content_hash
from parsers.excerpts import decoded
from parsers.line_index import LineIndex
from parsers.record_facts import record_facts
from parsers.record_nodes import plain_record
from tieout.screen_text import printable, screen_width
from tieout.sources import open_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from parsers.byte_source import ByteSource
    from parsers.record_facts import RecordFact

__all__ = [
    "FoundFact",
    "RawRecord",
    "RecordNotFoundError",
    "open_bank_file",
    "raw_record",
    "record_lines",
]

_SHOWN_WIDTH: Final = 100
_HASH_SHOWN: Final = 12


class RecordNotFoundError(LookupError):
    """The record of a payment cannot be shown; the sentence says what is missing."""


class FoundFact(msgspec.Struct, frozen=True):
    """A fact and its ranges in the letters of the record; `dialect` names the table of its key."""

    name: str
    key: str
    value: str
    spans: tuple[tuple[int, int], ...]
    dialect: str


class RawRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where the record stands in the file, its bytes as text, and the facts in it."""

    source_file: str
    first_line: int
    offset: int
    length: int
    text: str
    facts: tuple[FoundFact, ...]


def open_bank_file(path: Path, payment: Mapping[str, Any]) -> ByteSource:
    """The file `payment` was read from, at `path` or inside an archive there.

    Raises `FileNotFoundError`, and `RecordNotFoundError` where it is another file.
    """
    hashes = []
    for member in open_sources(path):
        if member.source is None:
            hashes.append(f"{member.name} cannot be read: {member.error}")
            continue
        found = content_hash(member.source)
        if found == payment["file_id"]:
            return member.source
        hashes.append(f"{member.name} has {found[:_HASH_SHOWN]}…")
    message = (
        f"{path} is not the file this payment was read from: that was {payment['source_file']} "
        f"with content hash {str(payment['file_id'])[:_HASH_SHOWN]}…; {', '.join(hashes)}"
    )
    raise RecordNotFoundError(message)


def raw_record(
    source: ByteSource, payment: Mapping[str, Any], dialect: str, references: Sequence[str]
) -> RawRecord:
    """The record of `payment` in its file; raises `RecordNotFoundError` where it has no place.

    `payment` has the columns of the payments table, `references` are those of its lines.
    """
    offset, length = payment["source_offset"], payment["source_length"]
    if offset is None or length is None:
        message = (
            f"payment {payment['payment_id']} was read from {payment['source_file']} without a "
            "place in its bytes: it comes from a table, or its encoding hides it"
        )
        raise RecordNotFoundError(message)
    raw = plain_record(source.read(offset, offset + length), payment["source_format"])
    facts = record_facts(raw, payment["source_format"], dialect, payment, references)
    return RawRecord(
        source_file=payment["source_file"],
        first_line=LineIndex(source).line_at(offset),
        offset=offset,
        length=length,
        text=decoded(raw),
        facts=tuple(FoundFact(*_in_letters(raw, fact)) for fact in facts),
    )


def _in_letters(raw: bytes, fact: RecordFact) -> tuple[Any, ...]:
    """A fact with its ranges counted in letters of the record's text."""
    encoding = "utf-8" if raw.decode("utf-8", "replace") == decoded(raw) else "latin-1"
    spans = tuple(
        (len(raw[:start].decode(encoding)), len(raw[:stop].decode(encoding)))
        for start, stop in fact.spans
    )
    return fact.name, fact.key, fact.value, spans, fact.dialect


def record_lines(record: RawRecord) -> Iterator[str]:
    """The record line by line under the numbers of the file, carets and names below each."""
    at, number = 0, record.first_line
    width = len(str(record.first_line + record.text.count("\n")))
    for line in record.text.split("\n"):
        for begin in range(0, max(len(line), 1), _SHOWN_WIDTH):
            piece = line[begin : begin + _SHOWN_WIDTH]
            label = str(number) if not begin else ""
            yield f"{label:>{width}} | {printable(piece)}".rstrip()
            yield from _marks(record.facts, piece, at + begin, " " * width + " | ")
        at += len(line) + 1
        number += 1


def _marks(facts: Sequence[FoundFact], piece: str, start: int, margin: str) -> Iterator[str]:
    """Carets under the facts of a piece of a line, and their names in the same order."""
    marked = [" "] * len(piece)
    names: list[tuple[int, str]] = []
    for fact in facts:
        for number, (begin, end) in enumerate(fact.spans):
            low, high = max(begin - start, 0), min(end - start, len(piece))
            if low < high:
                marked[low:high] = "^" * (high - low)
                if not number or begin >= start:
                    names.append((low, _name_of(fact)))
    if not names:
        return
    carets = "".join(
        "\t" if letter == "\t" and mark == " " else mark * screen_width(letter)
        for letter, mark in zip(piece, marked, strict=True)
    )
    yield margin + click.style(carets.rstrip(), fg="cyan")
    told = dict.fromkeys(name for _, name in sorted(names))
    yield f"{margin}{' ' * min(low for low, _ in names)}{', '.join(told)}"


def _name_of(fact: FoundFact) -> str:
    known = ", ".join(filter(None, (printable(fact.key), fact.dialect)))
    return f"{fact.name} ({known})" if fact.dialect else fact.name
