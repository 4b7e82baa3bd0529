"""Checks of a lockbox file looked at one by one: record 6 and what follows it.

This is the specification of `parsers.lockbox_cut`, which reads ordinary checks column by column and
leaves the others to be read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from engine.errors import MoneyError
from engine.limits import AMOUNT_MINOR_MAX
from engine.money import exponent_of
from parsers.bai2_records import readable
from parsers.lockbox_fields import Number, cut_text, read_masked_date, read_number
from parsers.lockbox_layouts import OverflowLayout

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from parsers.lockbox_layouts import (
        CheckLayout,
        Columns,
        EntryLayout,
        LockboxLayout,
        RecordTable,
    )
    from parsers.lockbox_records import LinePlace
    from parsers.lockbox_report import LockboxReport

__all__ = [
    "Batch",
    "CheckReader",
    "CheckRow",
    "PaidEntry",
    "item_of",
    "known_types",
    "payer_account_of",
]

_LAST_FLAGS: Final = ("9", "")
"""The flag of a last overflow record; a record that ends before its flag is taken as one."""


class Batch(msgspec.Struct):
    """Checks of one lockbox and deposit date: what a header says of them, and their sums.

    `repeated` is what the check before said of its lockbox and date, where checks repeat them.
    """

    number: str
    lockbox: str
    currency: str
    exponent: int
    deposited: dt.date | None
    count: int = 0
    total: int = 0
    repeated: tuple[str, str] = ("", "")


class PaidEntry(msgspec.Struct):
    """One invoice a check pays; amounts in minor units, `amount` None where none can be read."""

    document: str
    amount: int | None
    discount: int
    deduction: int
    reason: str


class CheckRow(NamedTuple):
    """A check that is a payment; `first` and `last` are its records, `lines` what it pays."""

    first: int
    last: int
    amount_minor: int
    currency: str
    booking_date: dt.date | None
    payer_name: str
    payer_account: str
    check_number: str
    customer_reference: str
    remittance_text: str
    intake_codes: str
    lines: tuple[tuple[str, str, int | None, int, int, str], ...]


class _Open:
    """A check while its overflow is read."""

    def __init__(self, item: str) -> None:
        self.item = item
        self.entries: list[PaidEntry] = []
        self.groups: dict[str, PaidEntry] = {}
        self.memos: list[str] = []
        self.facts: dict[str, str] = {}
        self.sequence = 0
        self.is_last = True
        self.last = 0


class CheckReader:
    """Reads checks of one layout."""

    def __init__(
        self,
        layout: LockboxLayout,
        table_of: Callable[[str], RecordTable | None],
        report: LockboxReport,
    ) -> None:
        """`table_of` gives the table of a record; what is wrong goes to `report`."""
        self._layout = layout
        self._check: CheckLayout = layout.check
        self._table_of = table_of
        self._report = report

    def read(self, group: Sequence[LinePlace], first: int, batch: Batch) -> CheckRow | None:
        """The check at the head of `group`, whose first record has the index `first`.

        Its amount is added to the batch; None where it is no payment.
        """
        place, check = group[0], self._check
        line = place.text
        currency, exponent = self._currency(place, batch)
        amount = self._amount(place, exponent)
        batch.count += 1
        batch.total += amount
        open_check = _Open(item_of(line, check.batch, check.item))
        for entry in check.entries:
            self._add_entry(open_check, place, entry, exponent)
        for number, member in enumerate(group[1:], first + 1):
            if self._add_member(open_check, member, exponent):
                open_check.last = number
        if not open_check.is_last:
            message = f"the overflow of item {open_check.item} ends without its last record"
            self._report.say("LBX-OVERFLOW", message, group[-1], expected="a last flag of 9")
        date = self._date(place, batch)
        if not amount:
            self._report.count("zero_amount")
            if open_check.entries:
                self._report.count("remittance_without_payment", len(open_check.entries))
            return None
        facts = open_check.facts
        account = cut_text(line, check.account) or facts.get("account", "")
        customer = cut_text(line, check.customer_number) or facts.get("customer_number", "")
        return CheckRow(
            first=first,
            last=max(first, open_check.last),
            amount_minor=amount,
            currency=currency,
            booking_date=date,
            payer_name=readable(cut_text(line, check.remitter) or facts.get("remitter", "")),
            payer_account=payer_account_of(
                readable(cut_text(line, check.routing)), readable(account)
            ),
            check_number=readable(cut_text(line, check.check_number)),
            customer_reference=readable(customer),
            remittance_text="\n".join(readable(memo) for memo in open_check.memos),
            intake_codes="IN-SIGN" if amount < 0 else "" if date is not None else "IN-DATE",
            lines=_paid_lines(open_check.entries, amount),
        )

    def _amount(self, place: LinePlace, exponent: int) -> int:
        columns = self._check.amount
        token = place.text[slice(*columns)]
        number = read_number(place.text, columns)
        amount = None if number is None else self._minor(number, exponent)
        if amount is None or not token.strip(" "):
            check = cut_text(place.text, self._check.check_number)
            message = f"amount {token!r} of check {check} is no number"
            expected = f"{columns[1] - columns[0]} digits"
            self._report.lost("LBX-AMOUNT", message, place, columns, expected=expected)
            return 0
        return amount

    def _minor(self, number: Number, exponent: int) -> int | None:
        implied = exponent if self._layout.decimals is None else self._layout.decimals
        found = number.minor(implied, exponent)
        return None if found is None or abs(found) > AMOUNT_MINOR_MAX else found

    def _currency(self, place: LinePlace, batch: Batch) -> tuple[str, int]:
        """Currency of a check and its exponent: its own, else that of its batch."""
        columns = self._check.currency
        currency = cut_text(place.text, columns)
        if not currency or currency == batch.currency:
            return batch.currency, batch.exponent
        try:
            return currency, exponent_of(currency)
        except MoneyError as error:
            expected = "an ISO 4217 code"
            self._report.lost("BAI-CURRENCY", str(error), place, columns, expected=expected)
            return batch.currency, batch.exponent

    def _date(self, place: LinePlace, batch: Batch) -> dt.date | None:
        """Deposit date of a check: that of its batch, else its own; says where they differ."""
        check = self._check
        token = "" if check.date is None else place.text[slice(*check.date.columns)]
        lockbox = cut_text(place.text, check.lockbox)
        own = None if check.date is None else read_masked_date(token, check.date.mask)
        is_news = batch.repeated != (lockbox, token)
        batch.repeated = (lockbox, token)
        if is_news and lockbox and lockbox != batch.lockbox:
            message = f"a check of lockbox {lockbox} stands in a batch of lockbox {batch.lockbox}"
            self._report.say("LBX-NUMBER", message, place, check.lockbox, expected=batch.lockbox)
        if check.date is None or not token.strip(" 0"):
            return batch.deposited
        is_wrong = own is None or batch.deposited not in {None, own}
        if is_wrong and (is_news or batch.deposited is None):
            expected = f"a date, {check.date.mask}" if own is None else str(batch.deposited)
            message = f"deposit date {token!r} of a check is not that of its batch"
            self._report.say("LBX-DATE", message, place, check.date.columns, expected=expected)
        return batch.deposited or own

    def _add_member(self, check: _Open, place: LinePlace, exponent: int) -> bool:
        """Read a record after a check; whether it is overflow of this check."""
        table = self._table_of(place.text)
        if not isinstance(table, OverflowLayout):
            self._unknown(place)
            return False
        line = place.text
        item = item_of(line, table.batch, table.item)
        if item != check.item:
            message = f"overflow of item {item!r} does not follow its check"
            self._report.say("LBX-ORDER", message, place, table.item, expected=check.item)
            self._report.count("remittance_without_payment")
            return False
        self._check_chain(check, place, table)
        for entry in table.entries:
            self._add_entry(check, place, entry, exponent, cut_text(line, table.group))
        memo = cut_text(line, table.memo)
        if " " in memo:
            check.memos.append(memo)
        elif memo:
            check.entries.append(PaidEntry(memo, 0, 0, 0, ""))
        for name in ("account", "customer_number", "remitter"):
            fact = cut_text(line, getattr(table, name))
            if fact:
                check.facts.setdefault(name, fact)
        return True

    def _unknown(self, place: LinePlace) -> None:
        if place.text.strip(" "):
            message = f"record type {place.text[:1]!r} is none of this layout"
            self._report.say(
                "LBX-RECORD", message, place, (0, 1), expected=known_types(self._layout)
            )
            self._report.count("unreadable")

    def _check_chain(self, check: _Open, place: LinePlace, table: OverflowLayout) -> None:
        """Overflow records of a check are numbered from 1 and the last one is flagged."""
        line = place.text
        if table.last_flag is not None:
            if check.sequence and check.is_last:
                message = f"overflow of item {check.item} goes on after its last record"
                self._report.say(
                    "LBX-OVERFLOW", message, place, table.last_flag, expected="no more overflow"
                )
            check.is_last = line[slice(*table.last_flag)] in _LAST_FLAGS
        check.sequence += 1
        if table.sequence is None:
            return
        limit = 10 ** (table.sequence[1] - table.sequence[0])
        found, due = cut_text(line, table.sequence), check.sequence % limit
        if found.isdecimal() and int(found) == due:
            return
        is_repeated = found.isdecimal() and int(found) == (check.sequence - 1) % limit
        code = "LBX-DUPLICATE" if is_repeated else "LBX-OVERFLOW"
        message = f"overflow {found} of item {check.item} stands where {due} is due"
        self._report.say(code, message, place, table.sequence, expected=str(due))

    def _add_entry(
        self,
        check: _Open,
        place: LinePlace,
        entry: EntryLayout,
        exponent: int,
        group: str = "",
    ) -> None:
        """One invoice of a record, or the part of it that this record holds; blank is filler."""
        document = cut_text(place.text, entry.document)
        amount = self._entry_number(check, place, entry.amount, document, exponent)
        discount = self._entry_number(check, place, entry.discount, document, exponent)
        deduction = self._entry_number(check, place, entry.deduction, document, exponent)
        reason = cut_text(place.text, entry.reason)
        known = check.groups.get(group) if group else None
        if known is not None:
            known.document = known.document or document
            known.amount = amount if known.amount == 0 else known.amount
            known.discount = known.discount or discount or 0
            known.deduction = known.deduction or deduction or 0
            known.reason = known.reason or reason
        elif document or amount or discount or deduction or None in {amount, discount, deduction}:
            found = PaidEntry(document, amount, discount or 0, deduction or 0, reason)
            check.entries.append(found)
            if group:
                check.groups[group] = found

    def _entry_number(
        self,
        check: _Open,
        place: LinePlace,
        columns: Columns | None,
        document: str,
        exponent: int,
    ) -> int | None:
        """An amount beside an invoice: 0 where it is blank, None where it cannot be read."""
        if columns is None:
            return 0
        number = read_number(place.text, columns)
        found = None if number is None else self._minor(number, exponent)
        if found is None:
            message = f"an amount of invoice {document!r} of item {check.item} is no number"
            expected = f"{columns[1] - columns[0]} digits"
            self._report.say("LBX-AMOUNT", message, place, columns, expected=expected)
        return found


def _paid_lines(
    entries: Sequence[PaidEntry], amount: int
) -> tuple[tuple[str, str, int | None, int, int, str], ...]:
    """(reference, kind, amount, discount, deduction, reason) of each invoice.

    An amount of zero says nothing, unless all of them add up to the check.
    """
    ties = sum(entry.amount or 0 for entry in entries) == amount
    lines = []
    for entry in entries:
        known = entry.amount if entry.amount or (ties and entry.amount is not None) else None
        kind = "credit_memo" if known is not None and known < 0 else "document"
        lines.append(
            (
                readable(entry.document),
                kind,
                known,
                entry.discount,
                entry.deduction,
                readable(entry.reason),
            )
        )
    return tuple(lines)


def payer_account_of(routing: str, account: str) -> str:
    """`routing/account` with the digits of the file; empty where there is no account."""
    if not account.strip("0"):
        return ""
    return f"{routing}/{account}" if routing.strip("0") else account


def item_of(line: str, batch: Columns | None, item: Columns | None) -> str:
    """Batch and item number of a check as they stand; empty where a layout numbers none."""
    if item is None:
        return ""
    number = line[item[0] : item[1]]
    return number if batch is None else line[batch[0] : batch[1]] + number


def known_types(layout: LockboxLayout) -> str:
    """What a record of a layout may begin with, for a diagnostic."""
    letters = {record.marks[0].text for _, record in layout.kinds()}
    return ", ".join(sorted(letters))
