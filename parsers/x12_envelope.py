"""Interchange, group and transaction set around X12 segments: who opens, who closes, what counts.

    ISA interchange … IEA groups, control number
      GS group … GE sets, control number
        ST transaction set … SE segments, control number

A count or number that differs is a diagnostic. Segments lost within a set hold its payments; lost
sets or groups hold the file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.collector import FileCollector
    from parsers.x12_journal import Journal, Place
    from parsers.x12_rows import Closed

__all__ = ["Envelope", "TransactionSet"]

_TEST_FLAG: Final = "T"
_KEY_BYTES: Final = 8


class TransactionSet(msgspec.Struct):
    """An open ST, or segments that stand without one (`control` is empty)."""

    form: str
    control: str
    first: int
    is_bare: bool = False

    @property
    def name(self) -> str:
        """How messages and control checks call it."""
        return f"transaction set {self.form} {self.control}".rstrip()


class _Level(msgspec.Struct):
    name: str
    control: str
    count: int = 0
    account: str = ""
    identity: str = ""
    date: str = ""


class Envelope:
    """The open levels of a file, what they have declared and how often they close."""

    def __init__(self, collector: FileCollector, journal: Journal[Closed]) -> None:
        """Hold files of `collector`, report to `journal`."""
        self._collector = collector
        self._journal = journal
        self._interchange: _Level | None = None
        self._group: _Level | None = None
        self._seen: set[int] = set()
        self.set: TransactionSet | None = None
        self.set_count = 0
        self.dialect = ""
        self._version = ""
        self.codes: list[str] = []

    def open_interchange(self, elements: Sequence[str], place: Place) -> None:
        """ISA: a test, or one seen before, holds its payments."""
        self._leave("interchange", place)
        control = _element(elements, 13)
        self._interchange = _Level(
            "interchange",
            control,
            account=_element(elements, 8),
            identity="/".join(_element(elements, at) for at in (6, 10, 13)),
            date=_element(elements, 9),
        )
        self.codes = []
        key = "\x1f".join(_element(elements, at) for at in (5, 6, 7, 8, 9, 10, 13))
        digest = hashlib.blake2b(key.encode(), digest_size=_KEY_BYTES).digest()
        known = int.from_bytes(digest, "big")
        if known in self._seen:
            message = f"interchange {control} of the same sender and time stands in the file before"
            self._journal.say("EDI-REPEATED", message, place, value=control)
            self.codes.append("IN-DUPFILE")
        self._seen.add(known)
        if _element(elements, 15).upper() == _TEST_FLAG:
            message = f"interchange {control} is marked as a test (ISA15)"
            self._journal.say("EDI-TEST", message, place, value=_TEST_FLAG, expected="P")
            self.codes.append("IN-FORMAT")

    def close_interchange(self, elements: Sequence[str], place: Place) -> None:
        """IEA."""
        self._leave("group", place)
        if self._interchange is None:
            self._journal.hold(
                "EDI-ORDER", "an IEA closes no interchange", place, expected="ISA before it"
            )
            return
        interchange, self._interchange = self._interchange, None
        self._close(interchange, elements, place, "groups")
        self._collector.statement(
            account=interchange.account,
            statement_id=interchange.identity,
            date=interchange.date,
            currency="",
            total_minor=0,
        )

    def open_group(self, elements: Sequence[str], place: Place) -> None:
        """GS."""
        self._leave("group", place)
        if self._interchange is None:
            self._journal.say(
                "EDI-ENVELOPE", "a group stands in no interchange", place, expected="ISA"
            )
        else:
            self._interchange.count += 1
        self._group = _Level("group", _element(elements, 6))
        self._version = _element(elements, 8)

    def close_group(self, elements: Sequence[str], place: Place) -> None:
        """GE."""
        self._leave("transaction set", place)
        if self._group is None:
            self._journal.hold("EDI-ORDER", "a GE closes no group", place, expected="GS before it")
            return
        self._close(self._group, elements, place, "sets")
        self._group = None

    def open_set(self, form: str, control: str, first: int, place: Place) -> TransactionSet:
        """ST, whose segment has the number `first` in the file."""
        self._leave("transaction set", place)
        if self._group is None:
            if not self.set_count:
                message = "the transaction set stands in no group and interchange"
                self._journal.say("EDI-ENVELOPE", message, place, expected="ISA and GS before it")
        else:
            self._group.count += 1
        self.set_count += 1
        self._name(form)
        self.set = TransactionSet(form, control, first)
        return self.set

    @property
    def is_ordinary(self) -> bool:
        """Whether a set that is whole would give rise to no remark and no doubt."""
        return self.set is None and self._group is not None and not self.codes

    def count_set(self, form: str) -> None:
        """A whole set has gone by that needs no walking."""
        assert self._group is not None  # noqa: S101 - asked before
        self._group.count += 1
        self.set_count += 1
        self._name(form)

    def _name(self, form: str) -> None:
        self.dialect = self.dialect or ".".join(one for one in ("x12", form, self._version) if one)

    def open_bare(self, form: str, first: int, place: Place) -> TransactionSet:
        """Segments that stand in no transaction set."""
        self._journal.say(
            "EDI-ENVELOPE",
            "segments stand in no transaction set",
            place,
            value=place.text[:3],
            expected=f"ST*{form}*…",
        )
        self.set_count += 1
        self.dialect = self.dialect or f"x12.{form}"
        self.set = TransactionSet(form, "", first, is_bare=True)
        return self.set

    def close_set(self, elements: Sequence[str], number: int, place: Place) -> bool:
        """SE, the segment of that number in the file; gives whether the set is whole."""
        opened = self.set
        if opened is None or opened.is_bare:
            self._journal.hold(
                "EDI-ORDER", "an SE closes no transaction set", place, expected="ST before"
            )
            self.set = None
            return False
        computed = number - opened.first + 1
        whole = self._count(opened.name, "segments", _element(elements, 1), computed, place)
        same = self._same_control(opened.name, opened.control, _element(elements, 2), place)
        self.set = None
        return whole and same

    def finish(self, place: Place) -> bool:
        """The file is over; gives whether something was cut off."""
        missing = []
        if self.set is not None and not self.set.is_bare:
            missing.append("SE")
        missing += ["GE"] * (self._group is not None) + ["IEA"] * (self._interchange is not None)
        if missing:
            expected = ", ".join(missing)
            self._journal.hold(
                "FILE-TRUNCATED", f"the file ends without {expected}", place, expected=expected
            )
        return bool(missing)

    def _leave(self, name: str, place: Place) -> None:
        """Something begins or ends outside `name`: what is open of it lacks its end."""
        if self.set is not None and not self.set.is_bare:
            self._lost(self.set.name, "SE", place)
        self.set = None
        if name != "transaction set" and self._group is not None:
            self._lost(f"group {self._group.control}", "GE", place)
            self._group = None
        if name == "interchange" and self._interchange is not None:
            self._lost(f"interchange {self._interchange.control}", "IEA", place)
            self._interchange = None

    def _lost(self, scope: str, trailer: str, place: Place) -> None:
        self._journal.hold("EDI-TRAILER", f"{scope} has no {trailer}", place, expected=trailer)

    def _close(self, level: _Level, elements: Sequence[str], place: Place, kind: str) -> None:
        scope = f"{level.name} {level.control}"
        if not self._count(scope, kind, _element(elements, 1), level.count, place):
            self._collector.hold_file("IN-TOTAL")
        self._same_control(scope, level.control, _element(elements, 2), place)

    def _count(self, scope: str, kind: str, declared: str, computed: int, place: Place) -> bool:
        ok = declared.isdecimal() and int(declared) == computed
        self._journal.check(scope=scope, kind=kind, declared=declared, computed=computed, ok=ok)
        if not ok:
            message = f"{scope} declares {declared or 'no'} {kind}, there are {computed}"
            self._journal.say("FILE-COUNT", message, place, value=declared, expected=str(computed))
        return ok

    def _same_control(self, scope: str, opened: str, closed: str, place: Place) -> bool:
        same = opened == closed or opened.lstrip("0") == closed.lstrip("0")
        if not same:
            message = f"{scope} is closed by the number {closed or '(none)'}"
            self._journal.say("EDI-CONTROL", message, place, value=closed, expected=opened)
        return same


def _element(elements: Sequence[str], at: int) -> str:
    return elements[at] if at < len(elements) else ""
