"""How entries of one shape are read: learned from one of them by the reader of single entries.

A shape is learned on a probe: an entry of that shape whose free texts are markers, whose amounts
and dates occur nowhere else. What the careful reader makes of the probe shows, column by column,
which text it took from where; the others of the shape are then read without looking at their tags
again. Where the result is anything but payments or counted rows without a word to say, the shape is
not ordinary, and its entries are left to the careful reader.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from lxml import etree

from engine.errors import MoneyError
from engine.money import CURRENCY_EXPONENTS, format_minor
from parsers.camt_balances import Statement
from parsers.camt_entry import EntryReader
from parsers.camt_entry_parts import detail_minor, money_of, parts_of_entry
from parsers.camt_places import Place
from parsers.camt_remittance import read_structure
from parsers.camt_vocabulary import DATES
from parsers.camt_xml import LOCAL_NAMES

if TYPE_CHECKING:
    from lxml.etree import _Element

    from parsers.camt_entry import Entry
    from parsers.camt_markup import EntryMarkup, Units

__all__ = [
    "AMOUNT_COLUMNS",
    "DATE_COLUMNS",
    "UNIT_SLOTS",
    "EntryPlan",
    "StructurePlan",
    "learn_entry",
    "learn_structure",
]

UNIT_SLOTS: Final = 1 << 16
"""Tags a unit may have. Slot n of an entry's frame is its n-th tag, of a detail's frame the tag
n - `UNIT_SLOTS`."""

AMOUNT_COLUMNS: Final = ("amount_minor", "instructed_minor", "charges_minor")
"""Columns of a payment that hold minor units."""

DATE_COLUMNS: Final = ("booking_date", "value_date")
"""Columns of a payment that hold dates."""

_PLACED: Final = ("source_line", "source_offset", "source_length", "bank_account")
_NESTED: Final = frozenset({"Ntry", "TxDtls", "Strd", "Ustrd"})
_PARENT_OF: Final = {"NtryDtls": "Ntry", "Btch": "NtryDtls", "RmtInf": "TxDtls"}
_CODED_BY_ID: Final = frozenset({"Tp", "CdOrPrtry", "RfrdDocTp", "CdtrRefTp", "Rsn", "Sts"})
_MARKER: Final = re.compile("\ue000(\\d+)\ue001")
_FIRST_DAY: Final = dt.date(1200, 1, 1)
_SPREAD: Final = 0x9E3779B97F4A7C15
_CURRENCY: Final = re.compile(rb' Ccy="([A-Z]{3})">\Z')
_NAME: Final = re.compile(rb"</?(?:[\w.\-]+:)?([\w.\-]+)")


class EntryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How entries of one shape are read; slots are numbers of tags, None where there is none.

    `reason` counts rows that are no payments and is empty for payments. `entry_amount` and
    `detail_amount` have to agree, or to add up where details are several. `constants` and `texts`
    are text columns, `dates` and `amounts` the others, each with its slot. `declared` is the slot
    of `NbOfTxs`.
    """

    reason: str
    direction: str
    currency: str
    is_booked: bool
    has_status: bool
    entry_amount: int
    detail_amount: int | None
    declared: int | None
    constants: dict[str, str]
    texts: dict[str, int]
    dates: dict[str, int]
    amounts: dict[str, int]


class StructurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a `Strd` of one shape is read; slots are numbers of its tags, None where there is none.

    `kind` is that of the document line. `roles` are the amounts of the document by role;
    `adjustment` is an amount withheld, `is_added` where it was added instead.
    """

    document: int | None
    kind: str
    roles: dict[str, int]
    adjustment: int | None
    is_added: bool
    reason: tuple[str | int, ...]
    creditor: int | None
    creditor_kind: str
    creditor_code: str
    creditor_issuer: str
    further: int | None


class _NotOrdinaryError(Exception):
    """The shape has to be read with care; never leaves this module."""


class _Recorder:
    """Takes what the careful reader says about a probe."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.rules: list[str] = []

    def diagnose(self, code: str, message: str, **_place: Any) -> None:
        self.said.append(f"{code}: {message}")

    def check(self, **facts: Any) -> None:
        self.rules.append(facts["rule"])
        if not facts["ok"]:
            self.said.append(facts["rule"])

    def hold_file(self, code: str) -> None:
        self.said.append(code)


class _Probe:
    """Texts put into the free places of units, and what place each value stands for."""

    def __init__(self, markup: EntryMarkup) -> None:
        self._markup = markup
        self._slot_of_amount: dict[int, int] = {}
        self._slot_of_date: dict[dt.date, int] = {}
        self._written: list[str] = []
        self.declared: list[int] = []

    def fill(self, units: Units, unit: int, base: int, *, count: int) -> list[bytes]:
        """The unit as pieces, tag and text in turn; slots count from `base`."""
        markup = self._markup
        tags = units.tags[units.firsts[unit] : units.firsts[unit + 1]].tolist()
        if len(tags) >= UNIT_SLOTS:
            raise _NotOrdinaryError
        pieces: list[bytes] = []
        for rank, tag in enumerate(tags):
            start, stop = int(markup.starts[tag]), int(markup.stops[tag])
            written = markup.content[start:stop]
            pieces.append(written)
            follows = rank + 1 < len(tags) and tags[rank + 1] == tag + 1
            if not follows:
                continue
            if markup.is_free[tag]:
                text = self._text(written, base + rank, count)
            else:
                text = markup.content[stop : int(markup.starts[tag + 1])]
            pieces.append(text)
        return pieces

    def _text(self, tag: bytes, slot: int, count: int) -> bytes:
        name = _NAME.match(tag)
        written = name[1].decode() if name else ""
        currency = _CURRENCY.search(tag)
        if currency is not None:
            text = self._amount(slot, currency[1].decode())
        elif written in DATES:
            date = _FIRST_DAY + dt.timedelta(len(self._slot_of_date))
            self._slot_of_date[date] = slot
            text = date.isoformat()
        elif written == "NbOfTxs":
            self.declared.append(slot)
            return b"%d" % count
        else:
            return f"\ue000{slot}\ue001".encode()
        self._written.append(text)
        return text.encode()

    def _amount(self, slot: int, currency: str) -> str:
        if currency not in CURRENCY_EXPONENTS:
            raise _NotOrdinaryError
        minor = ((slot + 1) * _SPREAD & (1 << 64) - 1) >> 26 | 1
        self._slot_of_amount[minor] = slot
        return format_minor(minor, currency)

    def slot_of_amount(self, minor: int) -> int:
        """Where an amount came from, as it stands there."""
        slot = self._slot_of_amount.get(minor)
        if slot is None:
            raise _NotOrdinaryError
        return slot

    def slot_of_date(self, date: dt.date) -> int:
        """Where a date came from."""
        slot = self._slot_of_date.get(date)
        if slot is None:
            raise _NotOrdinaryError
        return slot

    def pattern(self, text: str) -> tuple[str | int, ...]:
        """Constants and slots a text is made of."""
        if any(written in text for written in self._written):
            raise _NotOrdinaryError
        pieces = _MARKER.split(text)
        found = [int(piece) if at % 2 else piece for at, piece in enumerate(pieces)]
        return tuple(piece for piece in found if piece != "")


def learn_entry(
    markup: EntryMarkup, entry: int, detail: int | None, *, is_several: bool, has_text: bool
) -> EntryPlan | None:
    """How entries like `entry` are read whose details are like `detail`; None: with care.

    `has_text` tells of a detail that brings text, `is_several` of one among others.
    """
    try:
        return _EntryLesson(markup, entry, detail, is_several, has_text).plan()
    except (_NotOrdinaryError, MoneyError, etree.XMLSyntaxError):
        return None


class _EntryLesson:
    """The learning of one entry's shape."""

    def __init__(
        self,
        markup: EntryMarkup,
        entry: int,
        detail: int | None,
        is_several: bool,  # noqa: FBT001 - one caller, which names the fact
        has_text: bool,  # noqa: FBT001 - one caller, which names the fact
    ) -> None:
        self._markup, self._entry, self._detail = markup, entry, detail
        self._copies = 0 if detail is None else 1 + is_several
        self._has_text = has_text

    def plan(self) -> EntryPlan:
        probe, element = self._probe()
        parts = parts_of_entry(element)
        direction, minor, currency = money_of(parts, "")
        entry_amount = probe.slot_of_amount(minor)
        stated = [detail_minor(detail, currency) for detail in parts.details]
        detail_amount = None
        if stated and stated[0] is not None:
            detail_amount = probe.slot_of_amount(stated[0])
            total = sum(amount or 0 for amount in stated)
            parts.entry["Amt"].text = format_minor(total, currency)
        recorder = _Recorder()
        statement = Statement("Stmt", 1)
        read = EntryReader(recorder).read(element, statement, Place(0, 0, 1))
        self._require_silence(recorder, read, probe)
        reason = "" if read.drafts else next(iter(read.counts), "debit")
        columns = read.drafts[0].columns if read.drafts else {}
        if self._copies > 1 and detail_amount is None and not reason:
            raise _NotOrdinaryError
        found = EntryPlan(
            reason=reason,
            direction=direction,
            currency=currency,
            is_booked=read.is_booked,
            has_status=not statement.without_status,
            entry_amount=entry_amount,
            detail_amount=detail_amount,
            declared=probe.declared[0] if probe.declared else None,
            constants={},
            texts={},
            dates={},
            amounts={},
        )
        for name, value in columns.items():
            self._place(name, value, found, probe)
        return found

    def _probe(self) -> tuple[_Probe, _Element]:
        """An entry like the one to be learned from, with as many details as it takes."""
        probe, markup = _Probe(self._markup), self._markup
        count = self._copies
        pieces = probe.fill(markup.entries, self._entry, 0, count=count)
        for copy in range(count):
            base = (1 + copy) * UNIT_SLOTS
            assert self._detail is not None  # noqa: S101 - copies are of a detail
            detail = probe.fill(markup.details, self._detail, base, count=count)
            if self._has_text:
                detail = _with_text(detail)
            at = _place_of_details(pieces)
            pieces[at:at] = detail
        element = _parsed(b"".join(pieces))
        _require_known_places(
            element, {"Ntry": 1, "TxDtls": count, "Ustrd": count * self._has_text}
        )
        return probe, element

    def _require_silence(self, recorder: _Recorder, read: Entry, probe: _Probe) -> None:
        expected = ["Btch/NbOfTxs" if self._copies else "Btch/NbOfTxs, no details given"]
        if recorder.said or len(probe.declared) > 1 or recorder.rules not in ([], expected):
            raise _NotOrdinaryError
        if read.drafts:
            if read.counts or len(read.drafts) != max(1, self._copies) or read.drafts[0].lines:
                raise _NotOrdinaryError
        elif list(read.counts.values()) != [max(1, self._copies)]:
            raise _NotOrdinaryError

    def _place(self, name: str, value: object, found: EntryPlan, probe: _Probe) -> None:
        """Note where the value of a column came from."""
        if name in _PLACED or value is None:
            return
        if isinstance(value, dt.date):
            found.dates[name] = probe.slot_of_date(value)
        elif isinstance(value, int):
            own = found.entry_amount if found.detail_amount is None else found.detail_amount
            is_whole = name == "amount_minor" and self._copies <= 1 and value > 0
            found.amounts[name] = own if is_whole else probe.slot_of_amount(value)
        elif name == "remittance_text" and self._has_text:
            if probe.pattern(str(value)) != (3 * UNIT_SLOTS,):
                raise _NotOrdinaryError
        else:
            pattern = probe.pattern(str(value))
            if len(pattern) == 1 and isinstance(pattern[0], int):
                found.texts[name] = pattern[0]
            elif all(isinstance(piece, str) for piece in pattern):
                found.constants[name] = "".join(map(str, pattern))
            else:
                raise _NotOrdinaryError


def _with_text(detail: list[bytes]) -> list[bytes]:
    """A detail's frame with a text of its own in its remittance."""
    marker = f"\ue000{3 * UNIT_SLOTS}\ue001".encode()
    for at, piece in enumerate(detail):
        name = _NAME.match(piece)
        if name is not None and name[1] == b"RmtInf":
            prefix = piece[1 : name.start(1)]
            text = [b"<", prefix, b"Ustrd>", marker, b"</", prefix, b"Ustrd>"]
            return [*detail[: at + 1], *text, *detail[at + 1 :]]
    raise _NotOrdinaryError


def _place_of_details(pieces: list[bytes]) -> int:
    """Behind what else the details element holds."""
    for at, piece in enumerate(pieces):
        name = _NAME.match(piece)
        if name is not None and name[1] == b"NtryDtls" and piece.startswith(b"</"):
            return at
    raise _NotOrdinaryError


def _parsed(content: bytes) -> _Element:
    """`content` as an element; a prefix is declared where its tags carry one."""
    prefix = re.match(rb"<([\w.\-]+):", content)
    around = b' xmlns:%s="urn:x"' % prefix[1] if prefix else b""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    root = etree.fromstring(b"<x%s>%s</x>" % (around, content), parser)
    if len(root) != 1:
        raise _NotOrdinaryError
    return root[0]


def _require_known_places(element: _Element, nested: dict[str, int]) -> None:
    """Nothing stands where the careful reader would look for it and columns would not."""
    names: Counter[str] = Counter()
    for node in element.iter():
        name, parent = LOCAL_NAMES[node.tag], node.getparent()
        above = "" if parent is None else LOCAL_NAMES[parent.tag]
        names[name] += 1
        if name in _PARENT_OF and above != _PARENT_OF[name]:
            raise _NotOrdinaryError
        if name == "Id" and above in _CODED_BY_ID:
            raise _NotOrdinaryError
        if name == "TxDtls" and sum(LOCAL_NAMES[child.tag] == "RmtInf" for child in node) > 1:
            raise _NotOrdinaryError
    if "RtrInf" in names or any(names[name] != nested.get(name, 0) for name in _NESTED):
        raise _NotOrdinaryError


def learn_structure(markup: EntryMarkup, structure: int, currency: str) -> StructurePlan | None:
    """How each `Strd` like `structure` is read in a payment in `currency`; None: with care."""
    try:
        return _structure_plan(markup, structure, currency)
    except (_NotOrdinaryError, MoneyError, etree.XMLSyntaxError):
        return None


def _structure_plan(markup: EntryMarkup, structure: int, currency: str) -> StructurePlan:
    probe = _Probe(markup)
    pieces = probe.fill(markup.structures, structure, 0, count=0)
    element = _parsed(b"".join(pieces))
    _require_known_places(element, {"Strd": 1})
    read = read_structure(element, currency)
    amounts, creditor = read.amounts, read.creditor
    adjustments = amounts.adjustments if amounts is not None else []
    if (
        read.notes
        or read.own_amounts
        or read.others
        or read.document_count != len(read.documents)
        or max(len(read.documents), len(read.further), len(adjustments)) > 1
        or (amounts is not None and not read.documents and creditor is None)
    ):
        raise _NotOrdinaryError
    document = read.documents[0] if read.documents else None
    withheld, reason = adjustments[0] if adjustments else (0, "")
    return StructurePlan(
        document=None if document is None else _only_slot(probe.pattern(document.reference)),
        kind="" if document is None else document.reference_kind,
        roles={
            role: probe.slot_of_amount(minor)
            for role, minor in (amounts.roles if amounts is not None else {}).items()
        },
        adjustment=probe.slot_of_amount(abs(withheld)) if adjustments else None,
        is_added=withheld < 0,
        reason=probe.pattern(reason),
        creditor=None if creditor is None else _only_slot(probe.pattern(creditor.reference)),
        creditor_kind="" if creditor is None else creditor.kind,
        creditor_code="" if creditor is None else _constant(probe.pattern(creditor.code)),
        creditor_issuer="" if creditor is None else _constant(probe.pattern(creditor.issuer)),
        further=_only_slot(probe.pattern(read.further[0])) if read.further else None,
    )


def _only_slot(pattern: tuple[str | int, ...]) -> int:
    if len(pattern) != 1 or not isinstance(pattern[0], int):
        raise _NotOrdinaryError
    return pattern[0]


def _constant(pattern: tuple[str | int, ...]) -> str:
    if any(isinstance(piece, int) for piece in pattern):
        raise _NotOrdinaryError
    return "".join(map(str, pattern))
