"""Diagnostics as a person reads them: place, sentence, excerpt with a caret, what to do.

    statement.bai:4:8: error BAI-AMOUNT amount '10O00' of a row of type 175 is no number
        16,175,10O00,Z,BK9001,C9001,INV-1001/
               ^^^^^
      expected: digits, minor units
      remedy: Ask the bank for the row; it is no payment here and the file is held.

Of one code in one file the first are shown and the others counted, its remedy stands at the first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from engine import arrow_functions as arrow
from parsers.excerpts import caret_index
from tieout.screen_text import printable, screen_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.batches import DiagnosticBatch

__all__ = ["SHOWN_PER_CODE", "DiagnosticDigest"]

SHOWN_PER_CODE: Final = 50
"""Diagnostics of one code in one file that are kept; what comes after them is counted."""

_READ_MORE: Final = "docs/diagnostics/CODE.md"
_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
_SEVERITIES: Final = tuple(_COLOURS)
_INDENT: Final = "    "
_FILES_NAMED_MAX: Final = 8
"""Files the last line names; of more, a person reads the table above."""


class DiagnosticDigest:
    """Diagnostics of any number of files, read part by part: the first of each code, and counts."""

    def __init__(self, shown_per_code: int = SHOWN_PER_CODE) -> None:
        """Nothing yet."""
        self._shown_per_code = shown_per_code
        self._rows: list[dict[str, Any]] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._severities: Counter[tuple[str, str]] = Counter()

    def add(self, diagnostics: DiagnosticBatch) -> None:
        """Take in the diagnostics of a part, or of a whole run."""
        files, codes = diagnostics.strings("source_file"), diagnostics.strings("code")
        wanted = []
        for row, key in enumerate(zip(files, codes, strict=True)):
            self._counts[key] += 1
            if self._counts[key] <= self._shown_per_code:
                wanted.append(row)
        self._severities.update(zip(files, diagnostics.strings("severity"), strict=True))
        if wanted:
            self._rows += arrow.take(diagnostics.record_batch, wanted).to_pylist()

    def rows(self) -> list[dict[str, Any]]:
        """The diagnostics kept, as rows of their table."""
        return list(self._rows)

    def left_out(self) -> dict[str, int]:
        """Code → how many of it are counted only."""
        found: Counter[str] = Counter()
        for (_, code), count in self._counts.items():
            found[code] += max(0, count - self._shown_per_code)
        return {code: count for code, count in sorted(found.items()) if count}

    def texts(self) -> Iterator[str]:
        """One text per diagnostic, then what was left out, the sums, and where to read more."""
        if not self._counts:
            return
        explained: set[tuple[str, str]] = set()
        for row in self._rows:
            key = (row["source_file"], row["code"])
            yield "\n".join(_lines(row, is_first=key not in explained))
            explained.add(key)
        for (source_file, code), count in self._counts.items():
            if count > self._shown_per_code:
                more = count - self._shown_per_code
                yield f"{printable(source_file)}: {more:,} more {code} are counted, not shown"
        yield self._summary()
        yield f"about each code: {_READ_MORE}"

    def _summary(self) -> str:
        """`2 errors, 1 warning in a.bai; 1 note in b.bai`; of many files only how many."""
        files = list(dict.fromkeys(name for name, _ in self._severities))
        if len(files) > _FILES_NAMED_MAX:
            total = Counter[str]()
            for (_, severity), count in self._severities.items():
                total[severity] += count
            return f"{_in_words(total)} in {len(files):,} files"
        parts = []
        for source_file in files:
            counts = {one: self._severities[source_file, one] for one in _SEVERITIES}
            parts.append(f"{_in_words(counts)} in {printable(source_file)}")
        return "; ".join(parts)


def _in_words(counts: Mapping[str, int]) -> str:
    """`2 errors, 1 warning`, the gravest first."""
    found = [_counted(counts[one], one) for one in _SEVERITIES if counts.get(one)]
    return ", ".join(found)


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _lines(row: dict[str, Any], *, is_first: bool) -> Iterator[str]:
    place = ":".join(str(row[name]) for name in ("line", "column") if row[name] is not None)
    name = printable(row["source_file"])
    head = click.style(f"{name}:{place}:" if place else f"{name}:", bold=True)
    severity = click.style(f"{row['severity']} {row['code']}", fg=_COLOURS[row["severity"]])
    yield f"{head} {severity} {printable(row['message'])}"
    excerpt = printable(row["excerpt"])
    if excerpt.strip():
        yield f"{_INDENT}{excerpt}"
        at = _caret_at(row, excerpt)
        if at is not None:
            yield _caret_line(row, excerpt, at)
    if row["expected"]:
        yield f"  expected: {printable(row['expected'])}"
    if row["remedy"] and is_first:
        yield f"  remedy: {row['remedy']}"


def _caret_at(row: dict[str, Any], excerpt: str) -> int | None:
    """Where in the excerpt the value begins; None where nobody can tell."""
    if row["column"] is not None:
        at = caret_index(excerpt, row["column"])
        return at if at <= len(excerpt) else None
    value = printable(row["value"])
    return excerpt.find(value) if value and excerpt.count(value) == 1 else None


def _caret_line(row: dict[str, Any], excerpt: str, at: int) -> str:
    """Carets under the value, or one under its place, whatever width the letters before have."""
    before = "".join(
        "\t" if letter == "\t" else " " * screen_width(letter) for letter in excerpt[:at]
    )
    value = printable(row["value"])
    shown = value if value and excerpt.startswith(value, at) else excerpt[at : at + 1]
    carets = "^" * max(1, sum(map(screen_width, shown.rstrip() or " ")))
    return _INDENT + before + click.style(carets, fg=_COLOURS[row["severity"]])
