"""Which camt tags mean what to the reading of many entries at once.

Free are the texts that differ from payment to payment and never decide how it is read: names,
numbers, dates, amounts. Every other text belongs to the shape of its entry.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["DATES", "TAG_BYTES_MAX", "TagKind", "Vocabulary"]

TAG_BYTES_MAX: Final = 64
"""Longest tag, and longest code, that is looked at here; an entry with a longer one is odd."""


class TagKind(enum.IntEnum):
    """What a tag is; tags of no interest (closing ones, containers) are `CODE` too."""

    CODE = 0
    FREE = 1
    ENTRY = 2
    ENTRY_END = 3
    DETAIL = 4
    DETAIL_END = 5
    STRUCTURE = 6
    STRUCTURE_END = 7
    TEXT = 8
    TEXT_END = 9
    DETAILS = 10
    BATCH_END = 11
    REMITTANCE = 12
    AMOUNT = 13


DATES: Final = frozenset({"Dt", "DtTm"})
"""Free texts that hold a date."""

_UNITS: Final = {
    "<Ntry>": TagKind.ENTRY,
    "</Ntry>": TagKind.ENTRY_END,
    "<TxDtls>": TagKind.DETAIL,
    "</TxDtls>": TagKind.DETAIL_END,
    "<Strd>": TagKind.STRUCTURE,
    "</Strd>": TagKind.STRUCTURE_END,
    "<Ustrd>": TagKind.TEXT,
    "</Ustrd>": TagKind.TEXT_END,
    "<NtryDtls>": TagKind.DETAILS,
    "</Btch>": TagKind.BATCH_END,
    "<RmtInf>": TagKind.REMITTANCE,
}
_BEFORE_DETAIL: Final = (TagKind.DETAILS, TagKind.BATCH_END, TagKind.DETAIL_END)
_BEFORE_REMITTANCE: Final = (TagKind.REMITTANCE, TagKind.TEXT_END, TagKind.STRUCTURE_END)

_TEXTS: Final = (
    "AcctOwnrTxId AcctSvcrRef AcctSvcrTxId AddtlInf AddtlNtryInf AddtlRmtInf AddtlTxInf AdrLine "
    "AnyBIC BBAN BIC BICFI BICOrBEI BldgNb BldgNm BirthDt ChqNb CityOfBirth ClrSysRef CreDtTm "
    "CstmrNb CtrctId Ctry CtrySubDvsn Dept Desc DstrctNm Dt DtTm ElctrncAdr EmailAdr EndToEndId "
    "FaxNb FrDt Flr IBAN Id InstrCpy InstrId IntrBkSttlmDt LEI MktInfrstrctrTxId MmbId MndtId "
    "MobNb MsgId Nb NbOfTxs Nm NtryRef PhneNb PmtInfId PrcgId PstBx PstCd QtnDt Ref RefNb "
    "RfrdDocNb RfrdDocRltdDt RltdDt RmtId Room RtrId SaleRefNb SeqNb ShrtNm StrtNm SubDept ToDt "
    "TownNm TwnLctnNm TwnNm TxDtTm TxId TxRef UETR UPIC Ustrd XchgRate CdtrRef"
)
_SLOT_BITS: Final = 12
_SLOT_SHIFT: Final = np.uint64(64 - _SLOT_BITS)
_MULTIPLIER: Final = 0x9E3779B97F4A7C15
_ALL: Final = (1 << 64) - 1
_WORD_MASKS: Final = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_FOLD: Final = np.uint64(32)


class Vocabulary:
    """The tags of a document whose elements carry `prefix` (`ns2:` or nothing), under one hash.

    `seed` makes the hash that of one file.
    """

    def __init__(self, prefix: str, seed: int) -> None:
        """Hash the tags that are of interest."""
        self.prefix = prefix
        self.entry = f"<{prefix}Ntry>".encode()
        odd = (seed | 1) & _ALL
        self._odd = np.uint64(odd)
        self._start = np.uint64(seed >> 64 & _ALL)
        self._step = np.uint64((odd * _MULTIPLIER | 1) & _ALL)
        tags = {_prefixed(tag, prefix): kind for tag, kind in _UNITS.items()}
        for name in _TEXTS.split():
            tags.setdefault(f"<{prefix}{name}>".encode(), TagKind.FREE)
        keys = self._hashes_of(list(tags))
        self._table = _Table(keys, np.array(list(tags.values()), np.uint8))
        self.may_precede_detail = _members(_BEFORE_DETAIL)
        self.may_precede_remittance = _members(_BEFORE_REMITTANCE)

    def hashed(
        self, words: NDArray[np.uint64], starts: Offsets, lengths: Offsets
    ) -> NDArray[np.uint64]:
        """A number for the bytes of each range of at most `TAG_BYTES_MAX` bytes."""
        found = (lengths.astype(np.uint64) + self._start) * self._odd
        rows: Offsets | slice = slice(None)
        at = 0
        while True:
            left = lengths[rows] - at
            word = words[starts[rows] + at] & _WORD_MASKS[np.minimum(left, 8)]
            value = (found[rows] ^ word) * self._odd
            value ^= value >> _FOLD
            found[rows] = value * self._step
            at += 8
            rows = np.flatnonzero(lengths > at)
            if not len(rows):
                return found ^ (found >> _FOLD)

    def mixed(self, key: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """A number for each pair of numbers."""
        found = (key + other * self._step) * self._odd
        found ^= found >> _FOLD
        found *= self._step
        found ^= found >> _FOLD
        return found

    def kinds(self, key: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """The kind of each tag, given by its number."""
        return self._table.look_up(key)

    def _hashes_of(self, tags: list[bytes]) -> NDArray[np.uint64]:
        lengths = np.array([len(tag) for tag in tags])
        raw = np.frombuffer(b"".join(tags) + b" " * (TAG_BYTES_MAX + 8), np.uint8)
        words = np.ndarray((len(raw) - 8,), "<u8", raw, strides=(1,))
        return self.hashed(words, np.cumsum(lengths) - lengths, lengths)


class _Table:
    """Numbers → kinds, each in a slot of its own."""

    def __init__(self, keys: NDArray[np.uint64], kinds: NDArray[np.uint8]) -> None:
        factor = _MULTIPLIER
        while len(set((keys * np.uint64(factor) >> _SLOT_SHIFT).tolist())) < len(keys):
            factor = factor * _MULTIPLIER + 2 & _ALL
        self._factor = np.uint64(factor)
        slots = keys * self._factor >> _SLOT_SHIFT
        self._keys = np.zeros(1 << _SLOT_BITS, np.uint64)
        self._kinds = np.zeros(1 << _SLOT_BITS, np.uint8)
        self._keys[slots], self._kinds[slots] = keys, kinds

    def look_up(self, keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
        slots = keys * self._factor >> _SLOT_SHIFT
        return np.where(self._keys[slots] == keys, self._kinds[slots], np.uint8(0))


def _prefixed(tag: str, prefix: str) -> bytes:
    mark = "</" if tag.startswith("</") else "<"
    return f"{mark}{prefix}{tag.removeprefix(mark)}".encode()


def _members(kinds: tuple[TagKind, ...]) -> NDArray[np.bool_]:
    found = np.zeros(len(TagKind), np.bool_)
    found[list(kinds)] = True
    return found
