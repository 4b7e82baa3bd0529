"""The markup of many camt entries at once: tags, and the units of entries that repeat in shape.

An entry is made of units: its frame (the entry without its details), each detail's frame (without
its remittance), each `Strd` and each `Ustrd`. The shape of a unit is everything it says but its
free texts: every tag with its attributes, in order, and every code. Two units with one shape differ
in names, references, dates and amounts only, so one of them, read with care, tells how to read all.

Shapes are told apart by 64 bits that depend on the file's own hash: no file can be made to have two
shapes that agree in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.camt_vocabulary import TAG_BYTES_MAX, TagKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.camt_vocabulary import Vocabulary

__all__ = ["Distinct", "EntryMarkup", "Units", "cut_entries", "distinct", "words_of"]

_LESS: Final = 60
_GREATER: Final = 62
_SLASH: Final = 47
_BRACKET: Final = 93
_PADDING: Final = 2 * TAG_BYTES_MAX
_BLANK_BYTES: Final = np.uint64(0x5F5F5F5F5F5F5F5F)
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_LOW_CASE: Final = np.uint64(0x2020202020202020)
_WORD_MASKS: Final = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_MARKS: Final = (33, 63)
"""What makes a `<` the beginning of a comment, CDATA, declaration or instruction."""

_FORBIDDEN: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
"""Characters XML forbids, beside control characters."""

_CURRENCY: Final = b' Ccy="EUR">'
_ABSENT_LENGTHS: Final = (6, 11, 12)


class Units(msgspec.Struct, frozen=True):
    """Units of one kind: their tags, those of the first unit first.

    `tags` are indices into the markup; the tags of unit k are `tags[firsts[k]:firsts[k + 1]]`.
    `shapes` is one number per unit; `owners` is the unit around it (an entry, a detail).
    """

    tags: Offsets
    firsts: Offsets
    shapes: NDArray[np.uint64]
    owners: Offsets


class EntryMarkup(msgspec.Struct, frozen=True):
    """The tags of a stretch of bytes, and its entries by units.

    Tag i is `content[starts[i]:stops[i]]`; the text behind it ends where the next begins.
    `is_free` marks tags behind which a text of its own stands. `spans` are byte ranges of entries.
    `is_odd` marks entries that are not made like this and have to be read with care.
    `texts` are the tags of `Ustrd` with their detail in `text_owners`.
    """

    content: bytes
    bytes: NDArray[np.uint8]
    starts: Offsets
    stops: Offsets
    is_free: NDArray[np.bool_]
    spans: tuple[Offsets, Offsets]
    is_odd: NDArray[np.bool_]
    entries: Units
    details: Units
    structures: Units
    texts: Offsets
    text_owners: Offsets


class _Tags(msgspec.Struct, frozen=True):
    """Tags while they are looked at; `kind` is one of `TagKind`."""

    starts: Offsets
    stops: Offsets
    kind: NDArray[np.uint8]
    key: NDArray[np.uint64]
    is_free: NDArray[np.bool_]
    is_odd: NDArray[np.bool_]


def cut_entries(content: bytes, vocabulary: Vocabulary) -> EntryMarkup | None:
    """Cut `content` from its first entry on; None where that is not plain markup."""
    if not content.isascii() and any(letter in content for letter in _FORBIDDEN):
        return None
    raw = np.frombuffer(content + b" " * _PADDING, np.uint8)
    begin = content.find(vocabulary.entry)
    bounds = None if begin < 0 else _tag_bounds(raw, begin)
    if bounds is None or not len(bounds[0]):
        return None
    second = raw[bounds[0] + 1]
    if any((second == mark).any() for mark in _MARKS):
        return None
    tags = _read_tags(raw, *bounds, second == _SLASH, vocabulary)
    return _units_of(content, raw, tags, vocabulary)


class Distinct(msgspec.Struct, frozen=True):
    """The distinct ones of many numbers: where each comes first, how often, and which one is where.

    `number[row]` is the index of the distinct number in `row`.
    """

    keys: NDArray[np.uint64]
    first: Offsets
    counts: Offsets
    number: Offsets


def distinct(keys: NDArray[np.uint64]) -> Distinct:
    """The distinct ones of `keys`, ascending."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_new = np.append(np.ones(min(1, len(keys)), np.bool_), ordered[1:] != ordered[:-1])
    heads = np.flatnonzero(is_new)
    number = np.empty(len(keys), np.int64)
    number[order] = np.cumsum(is_new) - 1
    counts = np.diff(np.append(heads, len(keys)))
    return Distinct(ordered[heads], order[heads], counts, number)


def words_of(raw: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight bytes from each position on as one little-endian number."""
    return np.ndarray((len(raw) - 8,), "<u8", raw, strides=(1,))


def _tag_bounds(raw: NDArray[np.uint8], begin: int) -> tuple[Offsets, Offsets] | None:
    """Where each tag from `begin` on starts and stops; None where a `<` opens none."""
    starts = begin + np.flatnonzero(raw[begin:] == _LESS)
    ends = begin + np.flatnonzero(raw[begin:] == _GREATER)
    if not len(ends):
        return None
    if len(starts) != len(ends) or not (starts < ends).all():
        at = np.searchsorted(ends, starts)
        if (len(at) and at[-1] >= len(ends)) or _closes_section(raw, ends):
            return None
        ends = ends[at]
    if not (ends[:-1] < starts[1:]).all():
        return None
    return starts, ends + 1


def _closes_section(raw: NDArray[np.uint8], ends: Offsets) -> bool:
    """Whether `]]>` stands anywhere, which XML forbids in texts."""
    before = np.maximum(ends - 2, 0)
    return bool(((raw[ends - 1] == _BRACKET) & (raw[before] == _BRACKET)).any())


def _read_tags(
    raw: NDArray[np.uint8],
    starts: Offsets,
    stops: Offsets,
    is_close: NDArray[np.bool_],
    vocabulary: Vocabulary,
) -> _Tags:
    words = words_of(raw)
    lengths = stops - starts
    key = vocabulary.hashed(words, starts, np.minimum(lengths, TAG_BYTES_MAX))
    kind = vocabulary.kinds(key)
    is_open = ~is_close & (raw[stops - 2] != _SLASH)
    is_leaf = np.zeros(len(starts), np.bool_)
    is_leaf[:-1] = is_open[:-1] & is_close[1:]
    texts = np.zeros(len(starts), np.int64)
    texts[:-1] = starts[1:] - stops[:-1]
    is_odd = lengths > TAG_BYTES_MAX
    gaps = np.flatnonzero(~is_leaf & (texts > 0))
    is_odd[gaps] |= ~_is_blank(words, stops[gaps], texts[gaps])
    amounts = np.flatnonzero(is_leaf & (kind == TagKind.CODE) & (lengths > len(_CURRENCY)))
    kind[amounts[_has_currency(words, stops[amounts])]] = TagKind.AMOUNT
    is_free = is_leaf & (kind != TagKind.CODE)
    fixed = is_leaf & ((kind == TagKind.CODE) | (texts == 0) | _is_absent(words, stops, texts))
    rows = np.flatnonzero(fixed & (kind != TagKind.TEXT))
    sizes = texts[rows]
    is_odd[rows] |= sizes > TAG_BYTES_MAX
    written = vocabulary.hashed(words, stops[rows], np.minimum(sizes, TAG_BYTES_MAX))
    key[rows] = vocabulary.mixed(key[rows], written)
    is_free[rows] = False
    return _Tags(starts, stops, kind, key, is_free, is_odd)


def _has_currency(words: NDArray[np.uint64], stops: Offsets) -> NDArray[np.bool_]:
    """Whether each tag ends with a currency and nothing else behind it."""
    at = stops - len(_CURRENCY)
    name = (words[at] & _WORD_MASKS[6]) == int.from_bytes(_CURRENCY[:6], "little")
    is_end = (words[at + 9] & _WORD_MASKS[2]) == int.from_bytes(_CURRENCY[9:], "little")
    found: NDArray[np.bool_] = name & is_end
    return found


def _is_blank(words: NDArray[np.uint64], starts: Offsets, lengths: Offsets) -> NDArray[np.bool_]:
    """Whether each range holds nothing but blanks, tabs and line ends (eight bytes at a time)."""
    blank = np.ones(len(starts), np.bool_)
    rows = np.arange(len(starts))
    at = 0
    while len(rows):
        sizes = np.minimum(lengths[rows] - at, 8)
        word = words[starts[rows] + at] & _WORD_MASKS[sizes]
        bad = ((word | (word + _BLANK_BYTES)) & _HIGH_BITS) != 0
        blank[rows[bad]] = False
        at += 8
        rows = rows[~bad & (lengths[rows] > at)]
    return blank


def _is_absent(words: NDArray[np.uint64], starts: Offsets, lengths: Offsets) -> NDArray[np.bool_]:
    """Whether each text is a word that stands for an absent reference, in letters of any case."""
    absent = np.zeros(len(starts), np.bool_)
    for size in _ABSENT_LENGTHS:
        rows = np.flatnonzero(lengths == size)
        first = words[starts[rows]] & _WORD_MASKS[min(size, 8)]
        first = (first | _LOW_CASE) & _WORD_MASKS[min(size, 8)]
        wanted = {6: b"nonref", 11: b"notprovi", 12: b"not prov"}[size]
        absent[rows[first == int.from_bytes(wanted, "little")]] = True
    return absent


def _units_of(
    content: bytes, raw: NDArray[np.uint8], tags: _Tags, vocabulary: Vocabulary
) -> EntryMarkup | None:
    kind = tags.kind
    entries = _ranges(kind, TagKind.ENTRY, TagKind.ENTRY_END)
    details = _ranges(kind, TagKind.DETAIL, TagKind.DETAIL_END)
    structures = _ranges(kind, TagKind.STRUCTURE, TagKind.STRUCTURE_END)
    if entries is None or details is None or structures is None or not len(entries[0]):
        return None
    (entry, entry_end), (detail, detail_end), (structure, structure_end) = (
        entries,
        details,
        structures,
    )
    entry_of = np.cumsum(kind == TagKind.ENTRY) - 1
    inside = (entry_of >= 0) & (np.arange(len(kind)) <= entry_end[entry_of])
    detail_of = np.cumsum(kind == TagKind.DETAIL) - 1
    in_detail = _inside(kind, TagKind.DETAIL, TagKind.DETAIL_END)
    in_structure = _inside(kind, TagKind.STRUCTURE, TagKind.STRUCTURE_END)
    is_nested = (
        inside[detail].all()
        and (entry_of[detail] == entry_of[detail_end]).all()
        and (detail_end <= entry_end[entry_of[detail]]).all()
        and in_detail[structure].all()
        and (detail_of[structure] == detail_of[structure_end]).all()
        and (structure_end <= detail_end[detail_of[structure]]).all()
    )
    if not is_nested:
        return None
    text = np.flatnonzero(kind == TagKind.TEXT)
    is_text = (kind == TagKind.TEXT) | (kind == TagKind.TEXT_END)
    odd = tags.is_odd | (is_text & (in_structure | ~in_detail))
    odd[text] |= ~tags.is_free[text] | (kind[text + 1] != TagKind.TEXT_END)
    ends = np.flatnonzero(kind == TagKind.TEXT_END)
    odd[ends] |= kind[ends - 1] != TagKind.TEXT
    odd[detail] |= ~vocabulary.may_precede_detail[kind[detail - 1]]
    odd[text] |= ~vocabulary.may_precede_remittance[kind[text - 1]]
    odd[structure] |= ~vocabulary.may_precede_remittance[kind[structure - 1]]
    is_odd = np.zeros(len(entry), np.bool_)
    is_odd[entry_of[np.flatnonzero(odd & inside)]] = True
    in_frame = inside & ~in_detail
    in_detail_frame = in_detail & ~in_structure & ~is_text
    return EntryMarkup(
        content=content,
        bytes=raw,
        starts=tags.starts,
        stops=tags.stops,
        is_free=tags.is_free,
        spans=(tags.starts[entry], tags.stops[entry_end]),
        is_odd=is_odd,
        entries=_units(in_frame, entry, np.arange(len(entry)), tags.key, vocabulary),
        details=_units(in_detail_frame, detail, entry_of[detail], tags.key, vocabulary),
        structures=_units(in_structure, structure, detail_of[structure], tags.key, vocabulary),
        texts=text[in_detail[text]],
        text_owners=detail_of[text[in_detail[text]]],
    )


def _ranges(
    kind: NDArray[np.uint8], first: TagKind, last: TagKind
) -> tuple[Offsets, Offsets] | None:
    """Opening and closing tags of one kind; None where they do not alternate."""
    opening, closing = np.flatnonzero(kind == first), np.flatnonzero(kind == last)
    if len(opening) != len(closing):
        return None
    if not ((opening < closing).all() and (closing[:-1] < opening[1:]).all()):
        return None
    return opening, closing


def _inside(kind: NDArray[np.uint8], first: TagKind, last: TagKind) -> NDArray[np.bool_]:
    """Whether each tag belongs to an element of that kind, its own two tags included."""
    is_last = kind == last
    depth = np.cumsum((kind == first).astype(np.int8) - is_last.astype(np.int8), dtype=np.int32)
    inside: NDArray[np.bool_] = (depth > 0) | is_last
    return inside


def _units(
    is_own: NDArray[np.bool_],
    openings: Offsets,
    owners: Offsets,
    key: NDArray[np.uint64],
    vocabulary: Vocabulary,
) -> Units:
    own = np.flatnonzero(is_own)
    firsts = np.append(np.searchsorted(own, openings), len(own))
    if not len(openings):
        return Units(own, firsts, np.empty(0, np.uint64), owners)
    rank = np.arange(len(own)) - np.repeat(firsts[:-1], np.diff(firsts))
    mixed = vocabulary.mixed(key[own], rank.astype(np.uint64))
    return Units(own, firsts, np.add.reduceat(mixed, firsts[:-1]), owners)
