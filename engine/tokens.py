"""Text to runs of digits, runs of letters, and words: array scans over the UTF-8 bytes.

Everything that reads references (document numbers of open items, remittance lines, free text) goes
through here, so that both sides of a comparison are read alike. No string object is made. Scans go
over chunks of texts that fit the processor's cache: over a whole column each pass would fetch it
from memory again, which is three times as slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "DIGIT",
    "FIRST",
    "GLUE",
    "LETTER",
    "LOOSE",
    "Runs",
    "TextChunk",
    "Words",
    "confusable_digits",
    "eight_bytes",
    "number_words",
    "run_hashes",
    "run_values",
    "scan_digits",
    "scan_letters",
    "scan_words",
    "text_bytes",
    "text_chunks",
    "words_of_chunk",
]

DIGIT, LETTER, GLUE, LOOSE, FIRST = 1, 2, 4, 8, 16
"""Bits of a byte's class: what numbers and words are made of, what stands inside a written number
(`-/._#:`), what stands between two of them; and whether a text begins here."""

_CLASS: Final = np.zeros(256, dtype=np.uint8)
_CLASS[ord("0") : ord("9") + 1] = DIGIT
_CLASS[ord("A") : ord("Z") + 1] = LETTER
_CLASS[128:] = LETTER  # every byte of a non-ASCII character belongs to a word
_CLASS[np.frombuffer(b"-/._#:", dtype=np.uint8)] = GLUE
_CLASS[np.frombuffer(b" \t\r\n,;+&|", dtype=np.uint8)] = LOOSE

_LOOKALIKE: Final = np.zeros(256, dtype=np.uint8)
for _letter, _digit in zip("OQILSBZ", "0011582", strict=True):
    _LOOKALIKE[ord(_letter)] = ord(_digit)

_CHUNK_ROWS: Final = 1 << 15
_CHUNK_BYTES: Final = 1 << 19
_HASH_A, _HASH_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Runs(msgspec.Struct, frozen=True):
    """Runs of one kind of bytes in reading order: where each starts and ends in the bytes."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.start)

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Runs:
        """The given runs."""
        return Runs(self.start[rows], self.end[rows])


class TextChunk(msgspec.Struct, frozen=True):
    """Neighbouring texts, few enough to stay in the processor's cache while they are scanned.

    first_row, base: their place among all texts and all bytes; content: upper-cased UTF-8 bytes;
    classes: what each byte is; offsets: where each text begins in `content` (shape: rows + 1).
    """

    first_row: int
    base: int
    content: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        content: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        first_row: int = 0,
        base: int = 0,
    ) -> TextChunk:
        """The texts of `content` (upper-cased, see `text_bytes`) as one chunk."""
        classes = np.take(_CLASS, content)
        begins = offsets[:-1]
        classes[begins[begins < len(content)]] |= FIRST
        return cls(first_row, base, content, classes, offsets)

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.offsets) - 1

    def row_of(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The text that each place of the bytes is in, counted within the chunk."""
        return self.offsets.searchsorted(place, side="right") - 1

    def with_rows(self, rows: NDArray[np.int64]) -> TextChunk:
        """Only the texts in `rows`, which are sorted; the others are empty."""
        kept = np.zeros(len(self), dtype=np.bool_)
        kept[rows] = True
        size = np.diff(self.offsets)
        inside = np.repeat(kept, size)
        offsets = np.concatenate([[0], np.where(kept, size, 0).cumsum()])
        return msgspec.structs.replace(
            self, content=self.content[inside], classes=self.classes[inside], offsets=offsets
        )


class Words(msgspec.Struct, frozen=True):
    """Alphanumeric words: what stands between blanks and list separators, punctuation dropped.

    value: a hash of the letters and digits; letter_count, digit_count: bytes of each.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.uint64]
    digit_count: NDArray[np.int32]
    letter_count: NDArray[np.int32]


def text_chunks(
    texts: pa.StringArray, groups: NDArray[np.int64] | None = None
) -> Iterator[TextChunk]:
    """`texts` in chunks, in order; those of one of the `groups`, which ascend, stay together."""
    raw, offsets = _raw_bytes(texts)
    for first, last in _cut(offsets, np.arange(len(texts)) if groups is None else groups):
        base = int(offsets[first])
        content = _upper_cased(raw[base : offsets[last]])
        yield TextChunk.of(content, offsets[first : last + 1] - base, first, base)


def text_bytes(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Upper-cased UTF-8 bytes of all texts joined, and the offset of each (shape: rows + 1)."""
    raw, offsets = _raw_bytes(texts)
    return _upper_cased(raw), offsets


def _raw_bytes(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ].astype(np.int64)
    data = texts.buffers()[2]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    return raw[offsets[0] : offsets[-1]], offsets - offsets[0]


def _upper_cased(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    lower = (raw - np.uint8(ord("a"))) < 26  # letters of the alphabet
    return raw - (lower.view(np.uint8) << 5)


def _cut(offsets: NDArray[np.int64], groups: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Rows (first, behind the last) of each chunk; the texts decide, nothing else."""
    count, first = len(offsets) - 1, 0
    while first < count:
        last = int(offsets.searchsorted(offsets[first] + _CHUNK_BYTES, side="right")) - 1
        last = min(max(last, first + 1), first + _CHUNK_ROWS, count)
        if last < count:
            begin = int(groups.searchsorted(groups[last]))
            end = int(groups.searchsorted(groups[last], side="right"))
            last = begin if begin > first else end
        yield first, last
        first = last


def confusable_digits(chunk: TextChunk) -> NDArray[np.uint8]:
    """The bytes of texts, with O, Q, I, L, S, B, Z read as 0, 0, 1, 1, 5, 8, 2 where they touch a
    digit of their own text.

    Two passes, so that two such letters in a row ("2OO6") are read as well.
    """
    changed = chunk.content.copy()
    lookalike = np.take(_LOOKALIKE, chunk.content)
    begins = np.zeros(len(changed) + 1, dtype=np.bool_)
    begins[chunk.offsets] = True
    goes_on = ~begins[1:-1]
    for _ in range(2):
        digit = (changed - np.uint8(48)) < 10  # decimal digits
        touches = np.zeros(len(changed), dtype=np.bool_)
        touches[1:] |= digit[:-1] & goes_on
        touches[:-1] |= digit[1:] & goes_on
        swap = (touches & ~digit & (lookalike > 0)).nonzero()[0]
        changed[swap] = lookalike[swap]
    return changed


def scan_digits(chunk: TextChunk) -> Runs:
    """Maximal runs of digits."""
    return _runs((chunk.classes & DIGIT).view(np.bool_), chunk.offsets)


def scan_letters(chunk: TextChunk) -> Runs:
    """Maximal runs of letters."""
    return _runs((chunk.classes & LETTER) > 0, chunk.offsets)


def scan_words(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Words:
    """Words of letters and digits, ignoring `-/._#:` inside them ("INV-2026/7" is INV20267)."""
    parts = []
    for first, last in _cut(offsets, np.arange(len(offsets) - 1)):
        if last - first == len(offsets) - 1:
            return words_of_chunk(TextChunk.of(content, offsets))
        base = offsets[first]
        piece = TextChunk.of(content[base : offsets[last]], offsets[first : last + 1] - base)
        word = words_of_chunk(piece)
        parts.append(
            msgspec.structs.replace(
                word, row=word.row + first, start=word.start + base, end=word.end + base
            )
        )
    if not parts:
        none = np.empty(0, dtype=np.int64)
        counts = none.astype(np.int32)
        return Words(none, none, none, none.astype(np.uint64), counts, counts)
    return Words(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Words.__struct_fields__
        )
    )


def words_of_chunk(chunk: TextChunk) -> Words:
    """As `scan_words`, of one chunk."""
    run = _runs((chunk.classes & (DIGIT | LETTER | GLUE)) > 0, chunk.offsets)
    digit_count = _counted(_before(chunk.classes & DIGIT), run)
    kept = _before((chunk.classes & (DIGIT | LETTER)) > 0)
    size = _counted(kept, run)
    some = size.nonzero()[0]
    run, size, digit_count = run.at(some), size[some], digit_count[some]
    value = _word_hashes(chunk, run, kept)
    return Words(
        chunk.row_of(run.start), run.start, run.end, value, digit_count, size - digit_count
    )


def number_words(chunk: TextChunk, digits_max: int) -> tuple[Runs, NDArray[np.uint64]]:
    """Words with digits in them and their hashes; of only digits those that begin with a zero or
    have at most `digits_max`: others are read as numbers, and as words would say nothing else.
    """
    run = _runs((chunk.classes & (DIGIT | LETTER | GLUE)) > 0, chunk.offsets)
    digit_count = _counted(_before(chunk.classes & DIGIT), run)
    some = digit_count.nonzero()[0]
    run, digit_count = run.at(some), digit_count[some]
    kept = _before((chunk.classes & (DIGIT | LETTER)) > 0)
    lettered = _counted(kept, run) > digit_count
    chosen = lettered | (digit_count <= digits_max) | (chunk.content[run.start] == ord("0"))
    run = run.at(chosen.nonzero()[0])
    return run, _word_hashes(chunk, run, kept)


def _word_hashes(chunk: TextChunk, run: Runs, kept: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Hashes of the letters and digits of each word; `kept` counts those before each place."""
    value = run_hashes(chunk.content, run.start, run.end)
    glued = (_counted(kept, run) < run.end - run.start).nonzero()[0]
    # Words with punctuation inside are hashed from bytes packed without it.
    packed = chunk.content[(chunk.classes & (DIGIT | LETTER)) > 0]
    value[glued] = run_hashes(packed, kept[run.start[glued]], kept[run.end[glued]])
    return value


def _before(mark: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> NDArray[np.int32]:
    """Marked bytes before each place (shape: bytes + 1)."""
    before = np.zeros(len(mark) + 1, dtype=np.int32)
    np.cumsum(mark, out=before[1:])
    return before


def _counted(before: NDArray[np.int32], run: Runs) -> NDArray[np.int32]:
    return before[run.end] - before[run.start]


def eight_bytes(content: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Entry i: the eight bytes before place i as one number, the last the highest; zeros in front
    of the content (shape: bytes + 1). A view: no entry is made until it is asked for.
    """
    padded = np.zeros(len(content) + 8, dtype=np.uint8)
    padded[8:] = content
    return np.ndarray((len(content) + 1,), "<u8", padded, 0, (1,))


def run_values(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The number each run of digits writes, modulo 2^64; zeros in front are gone."""
    ending = eight_bytes(content)
    length = end - start
    value = _eight_digits(ending[end], length)
    for block in range(1, (int(length.max(initial=0)) + 7) // 8):
        live = (length > 8 * block).nonzero()[0]
        scale = np.uint64(10 ** (8 * block) % 2**64)
        part = _eight_digits(ending[end[live] - 8 * block], length[live] - 8 * block)
        value[live] += part * scale
    return value


def run_hashes(
    content: NDArray[np.uint8], start: NDArray[np.integer[Any]], end: NDArray[np.integer[Any]]
) -> NDArray[np.uint64]:
    """A 64-bit hash of the bytes of each run; equal runs have equal ones."""
    ending = eight_bytes(content)
    length = end - start
    value = _folded(_last_bytes(ending[end], length), np.uint64(0))
    for block in range(1, (int(length.max(initial=0)) + 7) // 8):
        live = (length > 8 * block).nonzero()[0]
        part = _last_bytes(ending[end[live] - 8 * block], length[live] - 8 * block)
        value[live] = _folded(part, value[live])
    return value


def _folded(block: NDArray[np.uint64], state: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    value = (block ^ state) * _HASH_A
    value ^= value >> np.uint64(32)
    value *= _HASH_B
    value ^= value >> np.uint64(29)
    return value


def _last_bytes(block: NDArray[np.uint64], length: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """`block` with all but the last `length` bytes zero."""
    drop: NDArray[np.uint64] = ((8 - np.minimum(length, 8)) << 3).astype(np.uint64)
    return (block >> drop) << drop


def _eight_digits(block: NDArray[np.uint64], length: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The number that the last `length` bytes of `block` write: neighbours are joined to pairs,
    pairs to fours, fours to eight, all within one word.
    """
    value = _last_bytes(block & np.uint64(0x0F0F0F0F0F0F0F0F), length)
    value *= np.uint64(2561)
    value >>= np.uint64(8)
    value &= np.uint64(0x00FF00FF00FF00FF)
    value *= np.uint64(6553601)
    value >>= np.uint64(16)
    value &= np.uint64(0x0000FFFF0000FFFF)
    value *= np.uint64(42949672960001)
    value >>= np.uint64(32)
    return value


def _runs(inside: NDArray[np.bool_], offsets: NDArray[np.int64]) -> Runs:
    """Maximal runs of true entries; they never cross a text's end."""
    if not len(inside):
        empty = np.empty(0, dtype=np.int64)
        return Runs(empty, empty)
    joined = np.empty(len(inside) + 1, dtype=np.bool_)
    joined[0] = joined[-1] = False
    np.logical_and(inside[1:], inside[:-1], out=joined[1:-1])
    joined[offsets] = False
    start = (inside & ~joined[:-1]).nonzero()[0]
    end = (inside & ~joined[1:]).nonzero()[0]
    end += 1
    return Runs(start, end)
