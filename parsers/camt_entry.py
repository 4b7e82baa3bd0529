"""One camt entry: its status, direction and amount, and the payments it holds.

An entry is split into its details only where their amounts add up to it; else it stays one payment
that carries what its details agree on. So the payments of a booked credit always sum to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import MoneyError
from engine.money import format_minor
from parsers.camt_charges import charges_minor, foreign_amounts
from parsers.camt_codes import TransactionCode, read_transaction_code
from parsers.camt_details import DetailFacts, merge_details, read_detail
from parsers.camt_entry_parts import (
    EntryFindings,
    EntryParts,
    amounts_of_details,
    detail_minor,
    money_of,
    parts_of_entry,
)
from parsers.camt_xml import (
    code_of,
    line_of,
    parse_date,
    text_of,
)

if TYPE_CHECKING:
    import datetime as dt

    from lxml.etree import _Element

    from parsers.camt_balances import Statement
    from parsers.camt_places import Place
    from parsers.camt_remittance import RemittanceLine

__all__ = [
    "FACT_COLUMNS",
    "Draft",
    "Entry",
    "EntryReader",
]

FACT_COLUMNS: Final = (
    "amount_minor",
    "currency",
    "booking_date",
    "bank_reference",
    "end_to_end_id",
    "payer_name",
    "remittance_text",
)
"""Columns that tell a payment from others of the same account."""

_REASON_OF_STATUS: Final = {
    "BOOK": "",
    "": "",
    "PDNG": "pending",
    "INFO": "information",
    "FUTR": "future",
}
_TRUE: Final = frozenset({"true", "1"})


class Draft(msgspec.Struct):
    """A payment not yet given to the collector: its columns by name and its lines."""

    columns: dict[str, Any]
    lines: list[RemittanceLine]

    def facts(self) -> tuple[object, ...]:
        """What tells it from other payments of the same account (`FACT_COLUMNS`)."""
        return tuple([self.columns.get(name, "") for name in FACT_COLUMNS])


class Entry(msgspec.Struct):
    """An entry as read: its payments, and how many of its rows were none, by reason.

    `direction` is empty and `minor` 0 where the entry cannot be read.
    """

    direction: str
    minor: int
    currency: str
    is_booked: bool
    drafts: list[Draft]
    counts: dict[str, int]


class _Piece(msgspec.Struct):
    """One detail, or the whole entry, with the amount it stands for."""

    direction: str
    minor: int
    code: TransactionCode
    facts: DetailFacts


class EntryReader:
    """Reads the entries of one file."""

    def __init__(self, collector: EntryFindings) -> None:
        """Report what is wrong with entries to `collector`."""
        self._collector = collector
        self._codes: dict[tuple[object, ...], TransactionCode] = {}
        self._place: Place | None = None

    def read(self, element: _Element, statement: Statement, place: Place | None) -> Entry:
        """Read a complete `Ntry` of `statement` that stands at `place`."""
        self._place = place
        parts = parts_of_entry(element)
        line = line_of(element) if place is None else place.line
        units = max(1, len(parts.details))
        reason = self._reason_of_status(parts.entry.get("Sts"), statement, line)
        try:
            direction, minor, currency = money_of(parts, statement.currency)
        except MoneyError as error:
            if not reason:
                return self._unreadable(statement, str(error), units, line)
            direction, minor, currency = "", 0, ""
        entry = Entry(direction, minor, currency, not reason, [], {})
        codes = self._codes_of(parts)
        if reason or _is_plain_debit(parts, entry, codes):
            entry.counts[reason or "debit"] = units
            return entry
        pieces = self._pieces(parts, entry, codes, statement, line)
        self._draft(entry, pieces, parts, statement, place)
        settled = sum(entry.counts.values()) + len(entry.drafts)
        if units > settled:
            entry.counts["aggregated_detail"] = units - settled
        return entry

    def _reason_of_status(
        self, element: _Element | None, statement: Statement, line: int | None
    ) -> str:
        status = code_of(element).upper()
        if not status:
            statement.without_status += 1
        reason = _REASON_OF_STATUS.get(status)
        if reason is None:
            self._say(
                "CAMT-STATUS",
                f"the entry has status {status!r}; it is counted, not taken as money",
                line=line,
                value=status,
                expected="BOOK, PDNG, INFO or FUTR",
            )
            return "other_status"
        return reason

    def _unreadable(
        self, statement: Statement, sentence: str, units: int, line: int | None
    ) -> Entry:
        statement.is_decidable = False
        self._say(
            "CAMT-AMOUNT",
            f"{statement.label}: a booked entry cannot be read: {sentence}",
            line=line,
            expected="an amount with its ISO 4217 currency, and CRDT or DBIT",
        )
        self._collector.hold_file("IN-TOTAL")
        return Entry("", 0, "", is_booked=False, drafts=[], counts={"unreadable": units})

    def _say(
        self, code: str, message: str, *, line: int | None, value: str = "", expected: str = ""
    ) -> None:
        """Report something about the entry being read, or about the detail of it in `line`."""
        place = self._place
        is_known = place is not None and place.line == line
        self._collector.diagnose(
            code,
            message,
            line=line,
            offset=place.offset if place is not None and is_known else None,
            within=place.length if place is not None and is_known else 0,
            value=value,
            expected=expected,
        )

    def _codes_of(self, parts: EntryParts) -> list[TransactionCode]:
        """The transaction code of each detail, of the entry where it has none."""
        code = read_transaction_code(parts.entry.get("BkTxCd"), self._codes)
        return [
            read_transaction_code(detail["BkTxCd"], self._codes) if "BkTxCd" in detail else code
            for detail in parts.details
        ] or [code]

    def _pieces(
        self,
        parts: EntryParts,
        entry: Entry,
        codes: list[TransactionCode],
        statement: Statement,
        line: int | None,
    ) -> list[_Piece]:
        further = text_of(parts.entry.get("AddtlNtryInf"))
        facts = [
            read_detail(
                detail,
                account=statement.account,
                currency=entry.currency,
                further_text=further,
            )
            for detail in parts.details
        ]
        amounts = self._split(parts, entry, statement, line)
        if amounts:
            return [
                _Piece(direction, minor, code, fact)
                for (direction, minor), code, fact in zip(amounts, codes, facts, strict=True)
            ]
        empty = {"payer_name": "", "payer_account": "", "remittance_text": further}
        whole = merge_details([*facts, DetailFacts(empty, [], [])])
        code = codes[0] if len(set(codes)) == 1 else TransactionCode()
        return [_Piece(entry.direction, entry.minor, code, whole)]

    def _split(
        self, parts: EntryParts, entry: Entry, statement: Statement, line: int | None
    ) -> list[tuple[str, int]]:
        """Direction and amount of each detail; empty where the entry has to stay whole."""
        present = len(parts.details)
        if parts.declared:
            self._check_count(parts, statement, line)
        if not present:
            return []
        if present == 1:
            stated = detail_minor(parts.details[0], entry.currency)
            if stated in {None, entry.minor}:
                return [(entry.direction, entry.minor)]
            self._keep_whole(entry, statement, line, "the amount of its only detail differs")
            return [(entry.direction, entry.minor)] if parts.declared <= 1 else []
        amounts = amounts_of_details(parts.details, entry.direction, entry.minor, entry.currency)
        if not amounts:
            sentence = f"its {present} details lack amounts or do not add up to it"
            self._keep_whole(entry, statement, line, sentence)
        return amounts

    def _check_count(self, parts: EntryParts, statement: Statement, line: int | None) -> None:
        present = len(parts.details)
        ok = present in {0, parts.declared}
        self._collector.check(
            scope=statement.label,
            kind="count",
            declared=parts.declared,
            computed=present,
            ok=ok,
            rule="Btch/NbOfTxs" if present else "Btch/NbOfTxs, no details given",
        )
        if not ok:
            self._say(
                "FILE-COUNT",
                f"{statement.label}: the batch declares {parts.declared} transactions, "
                f"{present} stand there",
                line=line,
                value=str(parts.declared),
                expected=str(present),
            )

    def _keep_whole(
        self, entry: Entry, statement: Statement, line: int | None, sentence: str
    ) -> None:
        self._say(
            "CAMT-BATCH",
            f"{statement.label}: the entry of {format_minor(entry.minor, entry.currency)} "
            f"{entry.currency} stays one payment: {sentence}",
            line=line,
            value=format_minor(entry.minor, entry.currency),
        )

    def _draft(
        self,
        entry: Entry,
        pieces: list[_Piece],
        parts: EntryParts,
        statement: Statement,
        place: Place | None,
    ) -> None:
        common = self._common_columns(parts, entry, statement, place)
        is_reversal = text_of(parts.entry.get("RvslInd")).lower() in _TRUE
        is_split = len(pieces) == len(parts.details)
        start = common["source_line"]
        for row, piece in enumerate(pieces):
            judged = _judge(piece, entry, is_reversal=is_reversal)
            if judged is None:
                entry.counts["debit"] = entry.counts.get("debit", 0) + 1
                continue
            columns = {**common, **piece.facts.columns}
            if not columns.get("bank_reference"):
                columns["bank_reference"] = common["bank_reference"]
            columns["type_code"] = piece.code.type_code
            columns["method"] = piece.code.method
            columns["instructed_minor"] = piece.facts.instructed_minor
            columns["charges_minor"] = piece.facts.charges_minor
            if len(pieces) == 1:
                _add_entry_amounts(columns, parts.entry, entry.currency)
            self._sign(columns, piece, judged, statement)
            if is_split:
                columns["source_line"] = _line_of_detail(parts, place, row, start)
            for code, sentence in piece.facts.notes:
                self._say(code, sentence, line=columns["source_line"])
            entry.drafts.append(Draft(columns, piece.facts.lines))

    def _sign(
        self, columns: dict[str, Any], piece: _Piece, judged: str, statement: Statement
    ) -> None:
        """Amount with its sign, intake codes, and the original's reference on returns only."""
        codes = [judged] if judged else []
        if statement.is_copy:
            codes.append("IN-DUPPAY")
        if columns["booking_date"] is None and columns["value_date"] is None:
            codes.append("IN-DATE")
        if piece.minor < 0:
            codes.append("IN-SIGN")
            self._say(
                "CAMT-SIGN",
                f"{statement.label}: a signed amount; its direction is told by CdtDbtInd",
                line=columns["source_line"],
                value=format_minor(piece.minor, columns["currency"]),
                expected="an amount without sign",
            )
        if piece.direction == "DBIT":
            columns["amount_minor"] = -piece.minor
            if not columns.get("original_reference"):
                columns["original_reference"] = columns["bank_reference"]
        else:
            columns["amount_minor"] = piece.minor
            columns.pop("original_reference", None)
        columns["intake_codes"] = ";".join(sorted(codes))

    def _common_columns(
        self, parts: EntryParts, entry: Entry, statement: Statement, place: Place | None
    ) -> dict[str, Any]:
        line = None if place is None else place.line
        booking = self._date(parts.entry.get("BookgDt"), "BookgDt", line)
        value = self._date(parts.entry.get("ValDt"), "ValDt", line)
        return {
            "bank_account": statement.account,
            "currency": entry.currency,
            "booking_date": booking,
            "value_date": value,
            "bank_reference": text_of(parts.entry.get("AcctSvcrRef")),
            "source_line": line,
            "source_offset": None if place is None else place.offset,
            "source_length": None if place is None else place.length,
        }

    def _date(self, element: _Element | None, name: str, line: int | None) -> dt.date | None:
        if element is None:
            return None
        text = text_of(element[0]) if len(element) else text_of(element)
        date = parse_date(text)
        if date is None:
            self._say(
                "CAMT-DATE",
                f"{name} {text!r} is no date; it is left empty",
                line=line,
                value=text,
                expected="a date such as 2026-09-30",
            )
        return date


def _add_entry_amounts(columns: dict[str, Any], parts: dict[str, _Element], currency: str) -> None:
    """Charges and foreign amounts the entry states for its only payment, where that has none."""
    if columns["charges_minor"] is None:
        columns["charges_minor"] = charges_minor(parts, currency)
    minor, stated, rate = foreign_amounts(parts, currency)
    if columns["instructed_minor"] is None:
        columns["instructed_minor"], columns["instructed_currency"] = minor, stated
    columns["exchange_rate"] = columns.get("exchange_rate") or rate


def _line_of_detail(
    parts: EntryParts, place: Place | None, row: int, start: int | None
) -> int | None:
    """The line a detail begins on; the entry's where it is unknown."""
    if place is None:
        return parts.lines[row]
    is_known = len(place.detail_lines) == len(parts.details)
    return place.detail_lines[row] if is_known else start


def _is_plain_debit(parts: EntryParts, entry: Entry, codes: list[TransactionCode]) -> bool:
    """Whether a debit undoes nothing and holds no credit: it is counted without further reading."""
    return (
        entry.direction == "DBIT"
        and text_of(parts.entry.get("RvslInd")).lower() not in _TRUE
        and not any(code.is_return for code in codes)
        and not any(
            "RtrInf" in detail or text_of(detail.get("CdtDbtInd")) == "CRDT"
            for detail in parts.details
        )
    )


def _judge(piece: _Piece, entry: Entry, *, is_reversal: bool) -> str | None:
    """Intake code of a piece or none; None where it is a debit that undoes no customer's payment.

    Reversed or returned debits are credits no customer made. A debit inside a booked credit stays
    a row (negative, non-AR), so that the rows of the credit sum to it.
    """
    undoes = is_reversal or piece.facts.has_return or piece.code.is_return
    if piece.direction == "CRDT":
        return "IN-NONAR" if undoes or not piece.code.is_receivable else ""
    if undoes:
        return "" if piece.code.is_receivable else "IN-NONAR"
    return "IN-NONAR" if entry.direction == "CRDT" else None
