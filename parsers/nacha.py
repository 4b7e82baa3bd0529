"""NACHA files: ACH entries with the remittance in their addenda, records of 94 characters.

1 file
  5 batch: who pays, class, description, dates
    6 entry: our account, amount, trace number
      7 addenda: 80 characters of remittance, a return, a notice
  8 batch: count, hash and sums
9 file: count, hash and sums; then rows of nines
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.bai2_fields import read_date
from parsers.nacha_entries import Batch, Entry, EntryRows
from parsers.nacha_layout import (
    ADDENDA_INFORMATION,
    ADDENDA_RETURN,
    ADDENDA_TYPE,
    BATCH_CONTROL,
    BATCH_HEADER,
    FILE_CONTROL,
    FILE_HEADER,
    INFORMATION,
    INTERNATIONAL,
    INTERNATIONAL_BATCH,
    RECORD_LENGTH,
    entry_layout,
    transaction_code,
)
from parsers.nacha_records import Record, record_windows
from parsers.x12_journal import Journal, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["read_nacha"]

_PADDING_MIN: Final = 20
"""Nines in a row that are no file control, which has a count of blocks in its place."""

_HASH_DIGITS: Final = 10
_DAYS_MAX: Final = 366
_HALF_A_YEAR: Final = 183
_FORMAT: Final = "094101"


def read_nacha(
    source: ByteSource, collector: FileCollector, options: ReadOptions
) -> Iterator[None]:
    """Read a NACHA file as far as it goes; never raises.

    Our bank accounts tell whose account a return concerns.
    """
    collector.source_format = "nacha"
    ours = frozenset(filter(None, options.bank_accounts.strings("bank_account")))
    reader = _Reader(collector, ours)
    for records in record_windows(source):
        reader.read(records)
        yield
    reader.finish(source.size)
    yield


class _Sums(msgspec.Struct):
    """What a batch or a file has to declare; `account` and `identity` are those of a file."""

    records: int = 0
    hash: int = 0
    debit: int = 0
    credit: int = 0
    batches: int = 0
    account: str = ""
    identity: str = ""

    def add(self, other: _Sums) -> None:
        """Take a batch into a file."""
        self.records += other.records
        self.hash += other.hash
        self.debit += other.debit
        self.credit += other.credit
        self.batches += 1


class _Reader:
    """The open file, batch and entry while records go by."""

    def __init__(self, collector: FileCollector, ours: frozenset[str]) -> None:
        self._collector = collector
        self._journal: Journal[Entry] = Journal(collector)
        self._rows = EntryRows(collector, ours)
        self._created: dt.date | None = None
        self._file: _Sums | None = None
        self._batch: Batch | None = None
        self._batch_number = ""
        self._sums = _Sums()
        self._entry: Entry | None = None
        self._layout: dict[str, slice] = entry_layout("")
        self._declared_addenda: int | None = None
        self._batch_count = self._file_count = 0
        self._is_narrow = False
        self._last = Place(0, 1, 0, "")
        self._handlers: dict[str, Callable[[Record], None]] = {
            "1": self._open_file,
            "5": self._open_batch,
            "6": self._open_entry,
            "7": self._add_addenda,
            "8": self._close_batch,
            "9": self._close_file,
        }

    def read(self, records: list[Record]) -> None:
        """Take in the records of a window and give away the entries that are complete."""
        handlers = self._handlers
        for record in records:
            text = record.text
            if not text.strip().strip("9") and len(text.strip()) >= _PADDING_MIN:
                continue
            kind = text[0]
            if kind != "7" and self._entry is not None:
                self._end_entry()
            handler = handlers.get(kind)
            if handler is None:
                message = f"record type {kind!r} is none of a NACHA file"
                self._say("ACH-RECORD", message, record, value=kind, expected="1, 5, 6, 7, 8 or 9")
                self._collector.count("unreadable")
            else:
                self._measure(record)
                handler(record)
        if records:
            self._last = _place(records[-1])
        self._rows.add(self._journal.take())

    def finish(self, size: int) -> None:
        """The file is over."""
        place = self._last
        if self._entry is not None:
            self._end_entry()
        missing = ["batch control (8)"] * (self._batch is not None)
        missing += ["file control (9)"] * (self._file is not None)
        if missing:
            expected = " and ".join(missing)
            message = f"the file ends without its {expected}"
            self._journal.hold("FILE-TRUNCATED", message, place, expected=expected)
        self._rows.add(self._journal.take())
        self._collector.close(dialect="nacha" if size else "", statement_count=self._batch_count)

    def _measure(self, record: Record) -> None:
        """Records of another length are said once; one that is longer must hold blanks there."""
        if record.text[RECORD_LENGTH:].strip():
            message = f"a record has {len(record.text.rstrip())} characters"
            self._say("ACH-RECORD", message, record, expected=f"{RECORD_LENGTH} characters")
        elif not self._is_narrow and len(record.text) == RECORD_LENGTH > record.length:
            self._is_narrow = True
            message = f"records are shorter than {RECORD_LENGTH} characters; blanks are put back"
            self._say(
                "ACH-WIDTH", message, record, value="", expected=f"{RECORD_LENGTH} characters"
            )

    def _say(
        self, code: str, message: str, record: Record, *, value: str = "", expected: str = ""
    ) -> None:
        self._journal.say(code, message, _place(record), value=value, expected=expected)

    def _hold(self, code: str, message: str, record: Record, *, expected: str = "") -> None:
        self._journal.hold(code, message, _place(record), expected=expected)

    # Files and batches

    def _open_file(self, record: Record) -> None:
        self._leave_batch(record)
        if self._file is not None:
            self._hold(
                "ACH-ORDER", "a file begins before the one before ends", record, expected="9"
            )
        cut = {name: record.text[columns].strip() for name, columns in FILE_HEADER.items()}
        identity = "/".join(cut[name] for name in ("from", "time", "modifier"))
        self._file = _Sums(account=cut["to"], identity=identity)
        self._file_count += 1
        self._created = read_date(record.text[FILE_HEADER["created"]])
        form = record.text[FILE_HEADER["format"]]
        if form != _FORMAT:
            message = f"the file header has the format {form!r}"
            self._say("ACH-HEADER", message, record, value=form, expected=_FORMAT)

    def _open_batch(self, record: Record) -> None:
        self._leave_batch(record)
        if self._file is None:
            self._say("ACH-ORDER", "a batch stands in no file", record, expected="1 before it")
        text = record.text
        entry_class = text[BATCH_HEADER["class"]].strip().upper()
        layout = INTERNATIONAL_BATCH if entry_class == INTERNATIONAL else BATCH_HEADER
        cut = {name: text[columns].strip() for name, columns in layout.items()}
        effective = read_date(cut["effective"]) or self._created
        self._batch = Batch(
            company=cut["company"],
            company_id=cut["company_id"],
            entry_class=entry_class,
            description=cut["description"],
            effective=effective,
            settled=_day_of_year(cut["settled"], effective),
        )
        self._batch_number = cut["batch"]
        self._layout = entry_layout(entry_class)
        self._sums = _Sums()
        self._batch_count += 1

    def _close_batch(self, record: Record) -> None:
        if self._batch is None:
            self._hold("ACH-ORDER", "a batch control closes no batch", record, expected="5 before")
            return
        scope = f"batch {self._batch_number}"
        self._check(scope, record, BATCH_CONTROL, self._sums, ("records",))
        number = record.text[BATCH_CONTROL["batch"]].strip()
        if number.lstrip("0") != self._batch_number.lstrip("0"):
            message = f"{scope} is closed by the number {number or '(none)'}"
            self._say("ACH-CONTROL", message, record, value=number, expected=self._batch_number)
        self._end_batch()

    def _end_batch(self) -> None:
        if self._file is not None:
            self._file.add(self._sums)
        self._batch = None
        self._sums = _Sums()

    def _leave_batch(self, record: Record) -> None:
        """Something else begins: a batch still open has no control."""
        if self._batch is not None:
            message = f"batch {self._batch_number} has no control record"
            self._hold("ACH-ORDER", message, record, expected="8")
            self._end_batch()

    def _close_file(self, record: Record) -> None:
        if self._file is None:
            self._hold("ACH-ORDER", "a file control closes no file", record, expected="1 before it")
            return
        totals = self._file
        if self._batch is not None:
            message = f"the file control stands before the end of batch {self._batch_number}"
            self._hold("ACH-ORDER", message, record, expected="8 before it")
            totals = msgspec.structs.replace(totals)
            totals.add(self._sums)
        self._check("file", record, FILE_CONTROL, totals, ("batches", "records"))
        self._collector.statement(
            account=totals.account,
            statement_id=totals.identity,
            date="" if self._created is None else self._created.isoformat(),
            currency="USD",
            total_minor=totals.credit - totals.debit,
        )
        self._file = None

    def _check(
        self,
        scope: str,
        record: Record,
        layout: dict[str, slice],
        sums: _Sums,
        counts: tuple[str, ...],
    ) -> None:
        """Compare what a control record declares with what was read; both have to agree."""
        for kind in (*counts, "hash", "debit", "credit"):
            token = record.text[layout[kind]].strip()
            computed = getattr(sums, kind)
            if kind == "hash":
                computed %= 10**_HASH_DIGITS
            ok = token.isdecimal() and int(token) == computed
            self._journal.check(
                scope=scope,
                kind={"debit": "debit sum", "credit": "credit sum"}.get(kind, kind),
                declared=token,
                computed=computed,
                ok=ok,
            )
            if not ok:
                code = {"hash": "ACH-HASH", "debit": "FILE-TOTAL", "credit": "FILE-TOTAL"}
                message = (
                    f"{scope} declares {kind} {token or '(none)'}, its entries give {computed}"
                )
                self._journal.say(
                    code.get(kind, "FILE-COUNT"),
                    message,
                    _place(record),
                    value=token,
                    expected=str(computed),
                )
                self._collector.hold_file("IN-TOTAL")

    # Entries

    def _open_entry(self, record: Record) -> None:
        text = record.text
        batch = self._batch
        if batch is None:
            self._hold("ACH-ORDER", "an entry stands in no batch", record, expected="5 before it")
            batch = self._batch = Batch("", "", "", "", None, None)
        layout = self._layout
        cut = {name: text[columns].strip() for name, columns in layout.items()}
        self._sums.records += 1
        token = cut["amount"]
        routing = cut["routing"]
        if routing.isdecimal():
            self._sums.hash += int(routing)
        if not token.isdecimal():
            message = f"amount {token!r} of an entry is no number"
            self._hold("ACH-ENTRY", message, record, expected="ten digits, cents")
            self._collector.count("unreadable")
            return
        amount = int(token)
        code = transaction_code(cut["code"])
        if code is None or code.is_credit:
            self._sums.credit += amount
        else:
            self._sums.debit += amount
        declared = cut.get("addenda", "")
        self._declared_addenda = int(declared) if declared.isdecimal() else None
        self._entry = Entry(
            batch=batch,
            code=cut["code"],
            routing=routing,
            account=cut["account"],
            amount=amount,
            identification=cut["id"],
            name=cut["name"],
            trace=cut["trace"],
            offset=record.offset,
            line=record.number,
            end=record.offset + record.length,
        )

    def _add_addenda(self, record: Record) -> None:
        text = record.text
        self._sums.records += 1
        entry = self._entry
        if entry is None:
            self._hold("ACH-ORDER", "addenda stand below no entry", record, expected="6 before it")
            self._collector.count("unreadable")
            return
        entry.end = record.offset + record.length
        if text[ADDENDA_TYPE] != ADDENDA_INFORMATION:
            entry.others.append(text)
            return
        entry.information.append(text[INFORMATION["text"]])
        number, of = text[INFORMATION["sequence"]].strip(), text[INFORMATION["entry"]].strip()
        expected = len(entry.information)
        if number.isdecimal() and int(number) != expected:
            message = f"addenda number {int(number)} stands at place {expected}"
            self._say("ACH-ADDENDA", message, record, value=number, expected=str(expected))
            entry.codes.append("IN-TOTAL")
        elif of.isdecimal() and not entry.trace.endswith(of):
            message = f"addenda belong to entry {of}, they stand below {entry.trace}"
            self._say("ACH-ADDENDA", message, record, value=of, expected=entry.trace[-7:])
            entry.codes.append("IN-TOTAL")

    def _end_entry(self) -> None:
        """All addenda of the open entry are there."""
        entry = self._entry
        assert entry is not None  # noqa: S101 - called with an open entry
        self._entry = None
        declared, found = self._declared_addenda, len(entry.information) + len(entry.others)
        is_return = any(text[ADDENDA_TYPE] == ADDENDA_RETURN for text in entry.others)
        if declared is not None and declared != found and not is_return:
            message = f"the entry declares {declared} addenda, there are {found}"
            place = Place(entry.offset, entry.line, entry.end - entry.offset, "")
            self._journal.say("ACH-ADDENDA", message, place, expected=str(declared))
            entry.codes.append("IN-TOTAL")
        self._journal.add(entry)


def _place(record: Record) -> Place:
    return Place(record.offset, record.number, record.length, record.text)


def _day_of_year(token: str, near: dt.date | None) -> dt.date | None:
    """The settlement day a bank writes as a number of its year, in the year nearest to `near`."""
    if near is None or not token.isdecimal() or not 0 < int(token) <= _DAYS_MAX:
        return None
    days = [dt.date(near.year + year, 1, 1) + dt.timedelta(int(token) - 1) for year in (-1, 0, 1)]
    best = min(days, key=lambda day: abs(day - near))
    return best if abs(best - near).days < _HALF_A_YEAR else None
