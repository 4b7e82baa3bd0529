"""SWIFT MT940, MT941, MT942 and MT950: customer statements and interim reports.

    {1:…}{2:O940…}{4:        block headers, or a bank's own preamble, or nothing
    :20: :25: :28C:          reference, our account, number and page
    :60F: or :34F:           opening balance (940), or floor limit (942)
      :61: :86:              statement line and its text, repeated
    :62F: or :90D: :90C:     closing balance, or numbers and sums
    - or -}                  end of the message, or nothing

Pieces of the file are read into columns by themselves (`mt94x_rows`); here they are put in order:
each line gets its statement, each statement is compared with its totals. What does not foot, or
ends too early, holds the file (`IN-TOTAL`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.money import CURRENCY_EXPONENTS
from parsers.byte_source import WINDOW_BYTES
from parsers.mt94x_columns import read_columns
from parsers.mt94x_fields import Event, FieldTable, Piece, cut_pieces, scan_fields
from parsers.mt94x_payments import (
    RowRange,
    RowSums,
    add_payments,
    amounts_that_do_not_fit,
    judge_creditors,
    replace_row,
)
from parsers.mt94x_rows import MARKS, UNREADABLE, RowColumns, read_row
from parsers.mt94x_statements import (
    KnownStatements,
    Statement,
    check_balance,
    check_floor,
    check_order,
    check_summary,
    plain_account,
    read_balance,
    read_number,
)
from parsers.mt94x_voice import PieceVoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.mt94x_entry import EntryNote
    from parsers.read_options import ReadOptions

__all__ = ["read_mt94x", "read_mt94x_windows"]

_MESSAGE_TYPE: Final = re.compile(r"\{2:[IO](9\d\d)|^:?(94[0-9]|950)\b", re.MULTILINE)
_INTERIM_FIELDS: Final = (b":34F:", b":90C:", b":90D:")
_FAMILIES: Final = {"940": "940", "941": "942", "942": "942", "950": "940"}
"""Message type → what it is to cash application: a statement, or a report during the day."""


def read_mt94x(
    source: ByteSource, collector: FileCollector, options: ReadOptions
) -> Iterator[None]:
    """Read a file of SWIFT MT94x messages as far as it goes; never raises.

    Our bank accounts give the currency of an interim report that names none.
    """
    return read_mt94x_windows(source, collector, options, WINDOW_BYTES)


def read_mt94x_windows(
    source: ByteSource, collector: FileCollector, options: ReadOptions, window_bytes: int
) -> Iterator[None]:
    """`read_mt94x`, reading `window_bytes` at a time."""
    collector.source_format = "mt940"
    reader = _Reader(collector, options.currencies())
    read = options.map_ordered(_read_piece, cut_pieces(source, window_bytes))
    for number, piece in enumerate(read):
        if not number:
            first_type = _first_type(piece)
            collector.source_format = f"mt{_FAMILIES[first_type]}"
            reader.name_form(f"mt{first_type}")
        reader.read(piece)
        yield
    reader.finish()


class _ReadPiece(msgspec.Struct):
    """A piece, its fields, and its statement lines as columns."""

    piece: Piece
    table: FieldTable
    columns: RowColumns


def _read_piece(piece: Piece) -> _ReadPiece:
    table = scan_fields(piece)
    return _ReadPiece(piece, table, read_columns(table))


def _message_type(text: str) -> str:
    """`940` and its like where a block header or a preamble names it."""
    found = _MESSAGE_TYPE.search(text)
    kind = (found[1] or found[2]) if found is not None else ""
    return kind if kind in _FAMILIES else ""


def _first_type(read: _ReadPiece) -> str:
    """The type of the file's first message; where nothing names it, what its fields say."""
    for event in read.table.events:
        if event.row_count:
            return "940"
        if event.tag in {"{", "-"} and _message_type(event.text):
            return _message_type(event.text)
        if event.tag in {"60F", "60M", "62F", "62M"}:
            return "940"
        if event.tag in {"34F", "90C", "90D"}:
            return "942"
    is_interim = read.piece.following.startswith(_INTERIM_FIELDS) and not len(read.table.entries)
    return "942" if is_interim else "940"


class _Reader:
    """The open message while pieces go by."""

    def __init__(self, collector: FileCollector, currencies: dict[str, str]) -> None:
        self._collector = collector
        self._currencies = currencies
        self._statement: Statement | None = None
        self._kind = ""
        self._form = "mt940"
        self._is_in_block = False
        self._last: dict[tuple[str, str, bool], Statement] = {}
        self._known = KnownStatements()
        self._statement_count = 0
        self._currency = ""
        self._dialects: dict[str, int] = {}
        self._is_latin = False
        self._voice = PieceVoice(collector)
        self._handlers: dict[str, Callable[[Event], None]] = {
            "-": self._end_message,
            "{": self._read_block,
            "20": self._open_message,
            "25": self._read_account,
            "25P": self._read_account,
            "28": self._read_number,
            "28C": self._read_number,
            "34F": self._read_floor,
            "60F": self._read_opening,
            "60M": self._read_opening,
            "62F": self._read_closing,
            "62M": self._read_closing,
            "90C": self._read_summary,
            "90D": self._read_summary,
            "86": self._read_loose_text,
            "NS": self._count_information,
            "unknown": self._read_unknown,
            "text": self._read_unknown,
        }

    def name_form(self, form: str) -> None:
        """The file's first message is of this type."""
        self._form = form

    def read(self, read: _ReadPiece) -> None:
        """Put the lines and events of a piece in order, and give its payments away."""
        piece, table, columns = read.piece, read.table, read.columns
        self._voice.begin(piece.offset, table)
        sums = RowSums(columns)
        ranges: list[RowRange] = []
        low = 0
        for event in [*table.events, None]:
            high = len(columns.kind) if event is None else event.row_count
            if high > low:
                ranges.append(self._add_range(table, columns, sums, (low, high)))
                low = high
            if event is not None:
                self._handlers.get(event.tag, self._pass_by)(event)
        add_payments(
            self._collector, columns, ranges, offset=self._voice.offset, line=self._voice.line + 1
        )
        for dialect, rows in columns.dialects.items():
            self._dialects[dialect] = self._dialects.get(dialect, 0) + rows
        if piece.dropped_breaks >= 0:
            self._say_cut(columns, piece)
        self._voice.end(max(piece.dropped_breaks - 1, 0))

    def finish(self) -> None:
        """The file has ended."""
        statement = self._statement
        if statement is not None and not statement.is_loose:
            is_whole = statement.is_closed or (statement.is_interim and statement.is_summed)
            if not is_whole or self._is_in_block:
                sentence = "the file ends before the statement does"
                expected = ":62F:, :90D: and :90C:, or the message's end"
                self._voice.hold_statement(statement, "FILE-TRUNCATED", sentence, expected)
                statement.is_closed = True
        self._leave()
        for last in self._last.values():
            if last.closing is not None and last.closing.tag == "62M":
                self._collector.diagnose(
                    "MT94-PAGING",
                    f"{last.label}: further pages follow, they are not in the file",
                    line=last.line,
                    offset=last.offset,
                    value=f"page {last.page}",
                    expected=f"page {last.page + 1}",
                )
        ways = sorted(self._dialects, key=lambda name: (-self._dialects[name], name))
        form = self._form
        self._collector.close(
            dialect=f"{form}.{ways[0]}" if ways else form, statement_count=self._statement_count
        )

    # Statement lines

    def _add_range(
        self, table: FieldTable, columns: RowColumns, sums: RowSums, rows: tuple[int, int]
    ) -> RowRange:
        """Lines in a row, all of the open statement."""
        low, high = rows
        statement = self._statement
        if statement is None:
            statement = self._statement = self._new_statement(int(columns.line[low]))
            statement.currency = self._currency
            statement.is_loose = True
        if not statement.has_rows and not statement.is_loose:
            self._begin_rows(table, columns, low, statement)
        if (statement.is_loose or statement.is_closed) and not statement.has_late_rows:
            where = "outside a message" if statement.is_loose else "behind the closing balance"
            note = ("MT94-ORDER", f"statement lines stand {where}", "", "them before :62F:")
            self._voice.of_row(columns, low, note)
            self._collector.hold_file("IN-TOTAL")
            statement.has_late_rows = True
        unreadable = (low + np.flatnonzero(columns.kind[low:high] == UNREADABLE)).tolist()
        sums.add(low, high, statement.counts, statement.sums)
        if statement.currency not in CURRENCY_EXPONENTS:
            if statement.is_decidable:
                sentence = f"currency {statement.currency!r} is none, its lines cannot be read"
                expected = "an ISO 4217 code in :60F:, :34F: or the bank accounts"
                self._voice.of_statement(statement, "MT94-CURRENCY", sentence, expected)
            unreadable = list(range(low, high))
        notes: list[tuple[int, EntryNote]] = []
        if statement.currency in CURRENCY_EXPONENTS:
            sentence = f"an amount does not fit {statement.currency}: too many places, or too large"
            odd = amounts_that_do_not_fit(columns, low, high, statement.currency)
            notes += [(row, ("MT94-AMOUNT", sentence, "", statement.currency)) for row in odd]
            unreadable += odd
        notes += judge_creditors(columns, low, high, statement.account, statement.currency)
        self._say_notes(columns, low, high, notes)
        statement.has_rows = True
        if unreadable:
            columns.kind[unreadable] = UNREADABLE
            statement.is_decidable = False
            self._collector.hold_file("IN-TOTAL")
        return RowRange(low, high, statement.account, statement.currency, statement.codes)

    def _say_notes(
        self, columns: RowColumns, low: int, high: int, further: list[tuple[int, EntryNote]]
    ) -> None:
        """What is to say about lines of a range, line by line; about the encoding only once."""
        begin = bisect_left(columns.notes, low, key=itemgetter(0))
        end = bisect_left(columns.notes, high, key=itemgetter(0))
        for row, note in sorted([*columns.notes[begin:end], *further], key=itemgetter(0)):
            if note[0] == "MT94-ENCODING":
                if self._is_latin:
                    continue
                self._is_latin = True
            self._voice.of_row(columns, row, note)

    def _begin_rows(
        self, table: FieldTable, columns: RowColumns, row: int, statement: Statement
    ) -> None:
        """The first line of a statement: its head is complete now."""
        self._settle_head(statement)
        if not statement.waiting:
            return
        statement.codes = _merged(statement.codes, "IN-FORMAT")
        note = ("MT94-ORDER", "text stands before the first statement line", "", ":86: after :61:")
        self._voice.of_row(columns, row, note)
        at = int(np.searchsorted(columns.money, row))
        if columns.has_text[row] or at >= len(columns.money) or columns.money[at] != row:
            return
        found = read_row(table, row, "\n".join(statement.waiting))
        if found.kind == columns.kind[row]:
            replace_row(columns, at, found)

    def _settle_head(self, statement: Statement) -> None:
        """Our account and its currency; and whether the same statement stood before."""
        if statement.has_head:
            return
        statement.has_head = True
        statement.currency = statement.currency or self._currencies.get(statement.account, "")
        statement.account = plain_account(statement.account, statement.currency)
        statement.currency = statement.currency or self._currencies.get(statement.account, "")
        self._currency = statement.currency or self._currency
        if not statement.account:
            self._voice.of_statement(
                statement, "MT94-ACCOUNT", "the statement does not name our account", ":25:"
            )
        if self._known.is_known(statement):
            statement.codes = _merged(statement.codes, "IN-DUPPAY")
            sentence = "it stood in the file before; its payments are held as possible duplicates"
            self._voice.of_statement(statement, "MT94-REPEATED", sentence, "each statement once")

    # Messages

    def _new_statement(self, line: int) -> Statement:
        number, offset = self._voice.place_of(line)
        return Statement(
            line=number,
            offset=offset,
            kind=self._kind,
            counts=[0] * len(MARKS),
            sums=[0] * len(MARKS),
            waiting=[],
            floors={},
        )

    def _open(self, event: Event) -> Statement:
        """The open statement that a field of a head belongs to, or a new one."""
        statement = self._statement
        if statement is None or statement.is_loose or statement.is_closed or statement.is_summed:
            statement = self._begin(event)
        return statement

    def _begin(self, event: Event) -> Statement:
        """Leave the open message and open another one."""
        self._leave()
        self._statement_count += 1
        self._statement = self._new_statement(event.line)
        return self._statement

    def _leave(self) -> None:
        """The open message has ended: see whether it was whole, and what it follows."""
        statement, self._statement = self._statement, None
        if statement is None or statement.is_loose:
            return
        self._settle_head(statement)
        if not statement.is_closed and not statement.is_interim:
            sentence = "a balance is missing, nothing proves its lines"
            self._voice.hold_statement(statement, "MT94-BALANCE", sentence, ":60F: and :62F:")
        if statement.currency in CURRENCY_EXPONENTS and statement.account:
            key = (statement.account, statement.currency, statement.is_interim)
            check_order(self._collector, self._last.get(key), statement)
            self._last[key] = statement
            self._identify(statement)

    def _identify(self, statement: Statement) -> None:
        """Say what the bank knows a statement by; its references differ from copy to copy."""
        closing = statement.closing
        self._collector.statement(
            account=statement.account,
            statement_id=statement.number_text or statement.reference,
            date=statement.moment if closing is None else closing.date,
            currency=statement.currency,
            total_minor=sum(statement.sums) if closing is None else closing.amount,
        )

    def _end_message(self, event: Event) -> None:
        self._is_in_block = False
        self._leave()
        self._kind = ""
        self._read_header(event.text)

    def _read_block(self, event: Event) -> None:
        self._leave()
        self._kind = ""
        self._read_header(event.text)

    def _read_header(self, text: str) -> None:
        self._kind = _message_type(text) or self._kind
        self._is_in_block = self._is_in_block or "{4:" in text

    def _open_message(self, event: Event) -> None:
        self._begin(event).reference = _value(event)

    def _read_account(self, event: Event) -> None:
        self._open(event).account = _first_line(event).strip()

    def _read_number(self, event: Event) -> None:
        read_number(_value(event), self._open(event))

    def _read_floor(self, event: Event) -> None:
        check_floor(_value(event), self._open(event))

    def _pass_by(self, event: Event) -> None:
        """Fields that carry no money: references, times, available balances."""
        if event.tag in {"13", "13D"}:
            self._open(event).moment = _value(event)
        elif event.tag == "21":
            self._open(event)

    def _read_opening(self, event: Event) -> None:
        statement = self._open(event)
        if statement.opening is not None or statement.has_rows:
            statement = self._begin(event)
        statement.opening_text = event.text
        statement.opening = read_balance(event.tag, _first_line(event))
        if statement.opening is None:
            self._voice.hold_event(
                event, "MT94-BALANCE", "the opening balance cannot be read", "C260714EUR2500,00"
            )
            return
        statement.currency = statement.opening.currency or statement.currency

    def _read_closing(self, event: Event) -> None:
        statement = self._statement
        if statement is None or statement.is_loose or statement.is_closed:
            sentence = "a closing balance stands outside a statement"
            self._voice.hold_event(event, "MT94-ORDER", sentence, "it once, behind the lines")
            return
        self._settle_head(statement)
        statement.is_closed = True
        closing = read_balance(event.tag, _first_line(event))
        if closing is None or statement.opening is None:
            name = "closing balance cannot be read" if closing is None else "opening is missing"
            self._voice.hold_event(event, "MT94-BALANCE", f"the {name}", "C260714EUR2500,00")
            return
        statement.closing = closing
        if closing.currency and closing.currency != statement.currency:
            sentence = f"opens in {statement.currency} and closes in {closing.currency}"
            self._voice.hold_event(
                event, "MT94-CURRENCY", f"{statement.label} {sentence}", statement.currency
            )
            statement.closing = None
        elif statement.currency in CURRENCY_EXPONENTS:
            check_balance(self._collector, statement)
        elif not statement.has_rows:
            self._voice.of_statement(
                statement,
                "MT94-CURRENCY",
                f"currency {statement.currency!r} is none, its balances cannot be compared",
                "an ISO 4217 code",
            )

    def _read_summary(self, event: Event) -> None:
        statement = self._statement
        if statement is None or statement.is_loose:
            sentence = "a summary stands outside a statement"
            self._voice.of_event(event, "MT94-ORDER", sentence, "it behind the lines")
            return
        statement.is_summed = True
        if not check_summary(self._collector, statement, event.tag, _first_line(event)):
            self._voice.hold_event(event, "MT94-BALANCE", "a summary cannot be read", "3EUR1500,00")

    def _read_loose_text(self, event: Event) -> None:
        """An `:86:` that follows no statement line."""
        statement = self._statement
        is_head = statement is not None and not statement.has_rows and not statement.is_closed
        if statement is not None and is_head and not statement.is_summed:
            statement.waiting.append(_value(event))
        self._count_information(event)

    def _count_information(self, _event: Event) -> None:
        self._collector.count("information")

    def _read_unknown(self, event: Event) -> None:
        is_text = event.tag == "text"
        sentence = (
            "it looks like a field, but cannot stand here; it is read as text"
            if is_text
            else "a field nobody knows is left out"
        )
        self._voice.of_event(event, "MT94-FIELD", sentence, "a field of MT940 or MT942")
        if not is_text:
            self._collector.count("information")

    def _say_cut(self, columns: RowColumns, piece: Piece) -> None:
        """More than a mebibyte stood between two tags."""
        number, offset = self._voice.place_of(int(columns.line[-1]) if len(columns.line) else 0)
        self._collector.diagnose(
            "MT94-LENGTH",
            f"what follows byte {piece.offset + len(piece.content)} is left out: it is too long",
            line=number,
            offset=offset,
        )
        self._collector.hold_file("IN-TOTAL")


def _value(event: Event) -> str:
    """What follows the tag."""
    return event.text[len(event.tag) + 2 :]


def _first_line(event: Event) -> str:
    """What follows the tag on its line."""
    return _value(event).partition("\n")[0]


def _merged(codes: str, code: str) -> str:
    return ";".join(sorted({*filter(None, codes.split(";")), code}))
