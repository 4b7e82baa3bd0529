"""ACH entries with their addenda to rows: payments, returns, advice, or rows that are only counted.

Addenda are joined as they stand, 80 characters each, before anything looks at them: a blank at the
boundary of two belongs to what the payer wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from engine.batches import ADVICE_SCALE
from parsers.nacha_layout import (
    ADDENDA_NOTIFICATION,
    ADDENDA_RETURN,
    INFORMATION_LENGTH,
    INTERNATIONAL_ADDENDA,
    NOTIFICATION_CLASS,
    RETURN_ADDENDA,
    RETURN_REASONS,
    WITH_CHECK_NUMBER,
    TransactionCode,
    transaction_code,
)
from parsers.remittance_text import PayerText, read_payer_text
from parsers.x12_embedded import looks_like_x12, read_embedded
from parsers.x12_orders import joined_account
from parsers.x12_remittance import decimal_minor
from parsers.x12_rows import add_advice_lines, add_lines
from parsers.x12_totals import NO_RULE, SUM_RULES, settle_lines

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from parsers.collector import FileCollector
    from parsers.x12_orders import Order
    from parsers.x12_totals import SettledLines

__all__ = ["Batch", "Entry", "EntryRows"]

_CURRENCY: Final = "USD"
_EXPONENT: Final = 2
_REVERSAL: Final = "REVERSAL"
_DISHONOURED: Final = tuple(f"R{number}" for number in range(61, 71))
"""Returns the first bank sends back: the money they took comes again."""


class Batch(msgspec.Struct, frozen=True):
    """What a batch header says of its entries."""

    company: str
    company_id: str
    entry_class: str
    description: str
    effective: dt.date | None
    settled: dt.date | None


class Entry(msgspec.Struct):
    """One entry: its own fields, the texts of its addenda, and where it stands."""

    batch: Batch
    code: str
    routing: str
    account: str
    amount: int
    identification: str
    name: str
    trace: str
    offset: int
    line: int
    end: int
    codes: list[str] = []  # msgspec copies mutable defaults
    information: list[str] = []  # msgspec copies mutable defaults
    others: list[str] = []  # msgspec copies mutable defaults

    @property
    def text(self) -> str:
        """The payer's text: addenda joined as they stand."""
        return "".join(self.information)


class _Reading(msgspec.Struct):
    """What is made of an entry: its kind of row, its text's facts, its lines by index."""

    kind: str
    order: Order | None = None
    payer: PayerText | None = None
    amount: int = 0
    original: str = ""
    reason: str = ""
    codes: set[str] = set()  # msgspec copies mutable defaults


class EntryRows:
    """Puts entries into a collector, in their order."""

    def __init__(self, collector: FileCollector, ours: frozenset[str]) -> None:
        """Add rows to `collector`; `ours` are our accounts, empty where nobody told them."""
        self._collector = collector
        self._ours = ours

    def add(self, rows: Sequence[Entry | Callable[[], None]]) -> None:
        """Add entries, and what was said between them."""
        entries = [row for row in rows if isinstance(row, Entry)]
        readings = [self._judge(entry) for entry in entries]
        settled, odd = self._read_addenda(entries, readings)
        target = np.full(len(entries), -1)
        payments: list[dict[str, Any]] = []
        advices: list[int] = []
        at = -1
        for row in rows:
            if not isinstance(row, Entry):
                row()
                continue
            at += 1
            reading = readings[at]
            self._say_about(row, reading, odd.get(at, []))
            if at in settled.places:
                self._check(row, reading, settled, settled.places[at])
            if reading.kind == "payment":
                target[at] = len(payments)
                payments.append(self._payment(row, reading))
            elif reading.kind == "advice" and at in settled.places:
                advices.append(at)
            else:
                self._count(row, reading)
        if payments:
            self._add_payments(payments, readings, settled, target)
        if advices:
            self._add_advices(advices, entries, readings, settled)

    # What kind of row an entry is

    def _judge(self, entry: Entry) -> _Reading:
        """By transaction code, addenda, class and description."""
        code = transaction_code(entry.code)
        kinds = [text[1:3] for text in entry.others]
        if entry.batch.entry_class == NOTIFICATION_CLASS or ADDENDA_NOTIFICATION in kinds:
            return _Reading("notification")
        if ADDENDA_RETURN in kinds or (code is not None and code.kind == "return"):
            return self._judge_return(entry, is_credit=code is None or code.is_credit)
        return _Reading("unreadable") if code is None else self._judge_live(entry, code)

    def _judge_live(self, entry: Entry, code: TransactionCode) -> _Reading:
        """An entry that is neither a return nor a notice."""
        if code.kind == "prenote":
            return _Reading("prenote")
        if code.kind == "zero" or not entry.amount:
            return _Reading("advice" if entry.information and code.is_credit else "zero_dollar")
        if entry.batch.description.upper() == _REVERSAL:
            amount = entry.amount if code.is_credit else -entry.amount
            codes = {"IN-NONAR"} if code.is_credit else set[str]()
            return _Reading("payment", amount=amount, codes=codes)
        return _Reading("payment", amount=entry.amount) if code.is_credit else _Reading("debit")

    def _judge_return(self, entry: Entry, *, is_credit: bool) -> _Reading:
        """A return takes back money we got: a credit to our account, or what we had collected.

        What we had paid and get back is no receivable; who we are, our accounts say.
        """
        last = next((one for one in reversed(entry.others) if one[1:3] == ADDENDA_RETURN), "")
        cut = {name: last[columns].strip() for name, columns in RETURN_ADDENDA.items()}
        if not entry.amount:
            return _Reading("zero_dollar")
        is_ours = entry.account in self._ours
        reading = _Reading(
            "payment", amount=-entry.amount, original=cut["original"], reason=cut["reason"]
        )
        if is_ours and not is_credit:
            reading.kind = "debit"
        elif is_credit and self._ours and not is_ours:
            reading.amount, reading.codes = entry.amount, {"IN-NONAR"}
        elif cut["reason"] in _DISHONOURED:
            reading.amount, reading.codes = entry.amount, {"IN-SIGN"}
        return reading

    # What the addenda say

    def _read_addenda(
        self, entries: Sequence[Entry], readings: Sequence[_Reading]
    ) -> tuple[_SettledEntries, dict[int, list[str]]]:
        """Lines of all entries whose addenda are X12; facts of all others."""
        places: dict[int, int] = {}
        texts: list[str] = []
        for at, (entry, reading) in enumerate(zip(entries, readings, strict=True)):
            if reading.kind not in {"payment", "advice"} or reading.original:
                continue
            text = entry.text
            if looks_like_x12(text):
                places[at] = len(texts)
                texts.append(text)
            elif text:
                reading.payer = read_payer_text(_text_lines(entry.information), _EXPONENT)
        found = read_embedded(texts)
        for at, place in places.items():
            readings[at].order = found.orders[place]
        settled = settle_lines(
            found.lines,
            np.array([order.first_line for order in found.orders], np.int64),
            np.array([order.stop_line for order in found.orders], np.int64),
            np.array([entries[at].amount for at in places], np.int64),
        )
        odd = {at: found.odd[place] for at, place in places.items()}
        return _SettledEntries(places, settled), odd

    def _check(self, entry: Entry, reading: _Reading, settled: _SettledEntries, place: int) -> None:
        """The lines, and the order among the addenda, have to give the amount of the entry."""
        lines, order = settled.lines, reading.order
        assert order is not None  # noqa: S101 - entries with a place have one
        ordered = decimal_minor(order.element(2), _EXPONENT)
        if order.beginning and ordered != entry.amount:
            message = f"the order in the addenda pays {order.element(2) or 'nothing'}"
            message += f", the entry {entry.amount} minor units"
            self._diagnose(entry, "ACH-AMOUNT", message, order.element(2), str(entry.amount))
            reading.codes.add("IN-TOTAL")
        if not lines.has_lines[place]:
            return
        rule, complete = int(lines.rule[place]), bool(lines.is_complete[place])
        ok = rule != NO_RULE or not complete
        computed = int(lines.computed[place])
        said = SUM_RULES[rule] if rule != NO_RULE else "lines without an amount" if ok else ""
        self._collector.check(
            scope=f"entry {entry.trace}",
            kind="sum",
            declared=entry.amount,
            computed=computed,
            ok=ok,
            rule=said,
        )
        if not ok:
            message = f"the entry pays {entry.amount} minor units, its lines give {computed}"
            self._diagnose(entry, "EDI-SUM", message, "", str(entry.amount))
            reading.codes.add("IN-TOTAL")

    def _say_about(self, entry: Entry, reading: _Reading, odd: Sequence[str]) -> None:
        tokens = [*odd, *(reading.payer.odd if reading.payer is not None else ())]
        for token in tokens:
            message = f"addenda hold the amount {token!r}, which is no number"
            self._diagnose(entry, "EDI-LINE", message, token, "such as 1234.50")
        if reading.kind == "unreadable":
            message = f"transaction code {entry.code!r} is unknown"
            self._diagnose(entry, "ACH-CODE", message, entry.code, "22, 27, 32, 37 …")
            self._collector.hold_file("IN-TOTAL")
        elif reading.kind == "notification":
            note = " ".join(one[3:79].strip() for one in entry.others)
            message = f"bank data of {entry.name or entry.account} have changed: {note}"
            self._diagnose(entry, "ACH-NOTIFICATION", message, "", "")

    def _diagnose(self, entry: Entry, code: str, message: str, value: str, expected: str) -> None:
        self._collector.diagnose(
            code,
            message,
            line=entry.line,
            offset=entry.offset,
            within=entry.end - entry.offset,
            value=value,
            expected=expected,
        )

    def _count(self, entry: Entry, reading: _Reading) -> None:
        """A row that is no payment, and its addenda."""
        kind = "zero_dollar" if reading.kind == "advice" else reading.kind
        self._collector.count(kind)
        details = len(entry.information) + len(entry.others)
        if details:
            self._collector.count(f"{kind}_detail", details)

    # Rows

    def _payment(self, entry: Entry, reading: _Reading) -> dict[str, Any]:
        """All columns of a payment."""
        batch, order, payer = entry.batch, reading.order, reading.payer or PayerText()
        names = order.names if order is not None else {}
        abroad = _international(entry)
        account = joined_account(order.element(7), order.element(9)) if order is not None else ""
        is_check = batch.entry_class in WITH_CHECK_NUMBER
        booked = batch.settled or batch.effective
        codes = {*entry.codes, *reading.codes, *(() if booked else ("IN-DATE",))}
        references = order.references if order is not None else []
        texts = [batch.description, reading.reason and _reason_text(entry, reading)]
        texts += [payer.text, *(order.texts if order is not None else ()), abroad.get("text", "")]
        return {
            "amount_minor": reading.amount,
            "currency": _CURRENCY,
            "booking_date": booked,
            "value_date": batch.effective or booked,
            "bank_account": entry.account,
            "method": "ach",
            "type_code": f"{batch.entry_class}/{entry.code}",
            "payer_name": names.get("PR")
            or payer.payer_name
            or abroad.get("payer", "")
            or batch.company,
            "payer_account": account or payer.payer_account or batch.company_id,
            "customer_reference": ";".join(
                dict.fromkeys(
                    filter(None, (*(() if is_check else (entry.identification,)), *references))
                )
            ),
            "check_number": entry.identification if is_check else payer.check_number,
            "trace_number": entry.trace,
            "end_to_end_id": (order.trace if order is not None else "")
            or payer.end_to_end_id
            or payer.trace_number,
            "remittance_text": "\n".join(filter(None, texts)),
            "original_reference": reading.original,
            "intake_codes": ";".join(sorted(codes)),
            "source_line": entry.line,
            "source_offset": entry.offset,
            "source_length": entry.end - entry.offset,
        }

    def _add_payments(
        self,
        payments: list[dict[str, Any]],
        readings: Sequence[_Reading],
        settled: _SettledEntries,
        target: np.ndarray[Any, np.dtype[np.int64]],
    ) -> None:
        names = payments[0]
        first = self._collector.add_payments(
            {name: [row[name] for row in payments] for name in names}
        )
        entry_of = np.array([*settled.places, -1], np.int64)
        owner = settled.lines.owner
        payment = np.append(target, -1)[entry_of[owner]]
        rows = np.flatnonzero(payment >= 0)
        add_lines(self._collector, settled.lines.lines, rows, first + payment[rows], "addenda")
        for at, reading in enumerate(readings):
            if reading.payer is not None and target[at] >= 0:
                for line in reading.payer.lines:
                    reference, kind, amount, discount, deduction, reason = line
                    self._collector.remittance(
                        first + int(target[at]),
                        reference=reference,
                        reference_kind=kind,
                        amount_minor=amount,
                        discount_minor=discount,
                        deduction_minor=deduction,
                        deduction_reason=reason,
                        source="addenda",
                    )

    def _add_advices(
        self,
        advices: Sequence[int],
        entries: Sequence[Entry],
        readings: Sequence[_Reading],
        settled: _SettledEntries,
    ) -> None:
        """Remittance information of entries that move nothing."""
        keys: list[dict[str, Any]] = []
        number_of = np.full(len(entries) + 1, -1)
        for at in advices:
            entry, order = entries[at], readings[at].order
            assert order is not None  # noqa: S101 - advice has lines
            number_of[at] = len(keys)
            self._count(entry, readings[at])
            stated = decimal_minor(order.element(2), _EXPONENT)
            scale = 10 ** (ADVICE_SCALE - _EXPONENT)
            keys.append(
                {
                    "remittance_id": order.trace or entry.trace,
                    "trace_number": order.trace,
                    "check_number": order.check,
                    "payer_name": order.names.get("PR") or entry.batch.company,
                    "payment_amount_minor": stated * scale if stated else None,
                    "payment_date": entry.batch.effective,
                    "currency": _CURRENCY,
                    "scale": scale,
                }
            )
        entry_of = np.array([*settled.places, -1], np.int64)
        advice = number_of[entry_of[settled.lines.owner]]
        rows = np.flatnonzero(advice >= 0)
        add_advice_lines(self._collector, keys, settled.lines.lines, rows, advice[rows])


class _SettledEntries(msgspec.Struct, frozen=True):
    """Lines of the entries whose addenda are X12: index of the entry → number of its order."""

    places: dict[int, int]
    lines: SettledLines


def _international(entry: Entry) -> dict[str, str]:
    """What the addenda of an international entry tell."""
    found: dict[str, str] = {}
    for text in entry.others:
        name, columns = INTERNATIONAL_ADDENDA.get(text[1:3], ("", slice(0, 0)))
        value = text[columns].strip()
        if name and value:
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def _reason_text(entry: Entry, reading: _Reading) -> str:
    """The reason of a return, in words, and what the bank adds to it."""
    added = [one[RETURN_ADDENDA["text"]].strip() for one in entry.others]
    words = RETURN_REASONS.get(reading.reason, "")
    return " ".join(one for one in (reading.reason, words, *added) if one)


def _text_lines(information: Sequence[str]) -> list[str]:
    """Addenda of free text: one that is filled to its last character goes on in the next."""
    lines = [""]
    for text in information:
        lines[-1] += text
        if len(text) < INFORMATION_LENGTH or text.endswith(" "):
            lines.append("")
    return [line.strip() for line in lines if line.strip()]
