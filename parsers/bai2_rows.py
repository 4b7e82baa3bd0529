"""16 records of one BAI2 window to payments.

A row is cut into its fields, its text is read, and what it is follows from its type code: a
payment, a return (negative), or a counted row that is none. Ordinary rows are read together, column
by column (`parsers.bai2_ordinary`); the others one by one here.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine import schemas
from engine.limits import AMOUNT_MINOR_MAX
from parsers.bai2_accounts import merge_codes
from parsers.bai2_fields import plain_fields, read_amount, read_date, read_detail
from parsers.bai2_items import PARENTS
from parsers.bai2_ordinary import AccountRange, filled, provenance, read_ordinary
from parsers.bai2_records import readable
from parsers.bai2_survey import gather_levels
from parsers.bai2_types import (
    ITEMS_OF_PARENT,
    METHODS,
    NON_RECEIVABLE,
    PARENTS_OF_ITEM,
    RETURNS,
    ROW_KINDS,
    SUMMARY_CREDITS,
    row_kind,
)
from parsers.remittance_text import read_payer_text
from parsers.text_columns import entry_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsers.bai2_accounts import AccountState, RecordVoice
    from parsers.bai2_cuts import WindowCut
    from parsers.bai2_fields import DetailFields
    from parsers.bai2_items import Levels
    from parsers.bai2_ordinary import OrdinaryBlock
    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector
    from parsers.x12_remittance import RemittanceEntry

__all__ = ["DetailRows"]

_NO_ROWS: Final = np.empty(0, np.int64)


class DetailRows:
    """The payments of one window in the making."""

    def __init__(
        self, collector: FileCollector, cut: WindowCut, voice: RecordVoice, first_line: int
    ) -> None:
        """Gather rows of `cut`, which begins in line `first_line`, for `collector`."""
        self._first_line = first_line
        self._collector = collector
        self._cut = cut
        self._table = cut.table
        self._voice = voice
        self._rows: list[dict[str, Any]] = []
        self._places: list[int] = []
        self._entries: list[tuple[int, RemittanceEntry]] = []
        self._odd_values: list[tuple[int, str]] = []
        self._ranges: list[AccountRange] = []
        self._written: list[int] = []
        self._is_kept: list[bool] = []
        self._dropped: list[Offsets] = []
        self._held: list[Offsets] = []

    def add_range(self, low: int, high: int, account: AccountState) -> None:
        """Read the 16 records `low` to `high` of the window, which belong to `account`."""
        columns = self._cut.columns
        odd: Iterable[int] = range(low, high)
        account.spans.append((low, high))
        if columns is not None and account.scale == (1, 1):
            amount, debits, credits_, credit_rows = columns.sums(low, high)
            account.sums.detail += amount
            account.sums.detail_debit += debits
            account.credit_sum += credits_
            account.credit_rows += credit_rows
            self._ranges.append(
                AccountRange(
                    low=low,
                    high=high,
                    number=readable(account.number),
                    currency=account.currency,
                    exponent=account.exponent,
                    booking_date=account.booking_date,
                    codes=account.codes,
                    doubtful_codes=merge_codes(account.codes, "IN-NONAR"),
                )
            )
            odd = columns.odd_between(low, high)
        for place in odd:
            self._add(place, account)

    def _add(self, place: int, account: AccountState) -> None:
        """Read the 16 record `place` of the window."""
        lines = self._table.lines
        first, after = int(self._cut.first[place]), int(self._cut.after[place])
        plain = plain_fields(lines[first])
        if plain is None:
            detail = read_detail(lines[first], lines[first + 1 : after])
            read = self._read_oddly(first, detail, account)
            if read is None:
                return
            written, code, value_token = read, detail.code.zfill(3), detail.value_date
            bank, customer, texts = detail.bank_reference, detail.customer_reference, detail.texts
        else:
            code, written, value_token, bank, customer, text = plain
            texts = [text, *[line[3:] for line in lines[first + 1 : after]]]
        kind = ROW_KINDS[code]
        account.sums.detail += written
        if kind == "credit":
            account.credit_rows += 1
            account.credit_sum += written
        elif kind == "return":
            account.sums.detail_debit += written
        else:
            if kind == "debit":
                account.sums.detail_debit += written
            self._collector.count(kind)
            return
        if not written:
            self._collector.count("zero_amount")
            return
        minor = self._minor(first, code, written, account)
        if minor is not None:
            self._written.append(written)
            self._keep(place, account, (code, minor, value_token, bank, customer), texts)

    def _minor(self, first: int, code: str, written: int, account: AccountState) -> int | None:
        """Minor units of an amount as this bank writes it; None (and reported) if it has none."""
        factor, divisor = account.scale
        minor, rest = divmod(abs(written) * factor, divisor)
        if rest:
            message = f"amount {written} of a row of type {code} is no whole minor unit"
            expected = f"{account.currency} with {account.decimals} decimals, as its layout says"
            self._voice.say(
                "BAI-AMOUNT", message, first, value=str(written), expected=expected, field=2
            )
        elif minor > AMOUNT_MINOR_MAX:
            message = f"amount {written} is beyond {AMOUNT_MINOR_MAX} minor units"
            self._voice.say("BAI-AMOUNT-LIMIT", message, first, value=str(written), field=2)
        else:
            return -minor if written < 0 else minor
        self._collector.count("unreadable")
        self._collector.hold_file("IN-TOTAL")
        return None

    def _read_oddly(self, first: int, detail: DetailFields, account: AccountState) -> int | None:
        """Amount of a row that is not plain, its oddities reported; None where it is lost."""
        say = self._voice.say
        kind = row_kind(detail.code)
        if detail.odd:
            message = f"row of type {detail.code}: {detail.odd_value!r} is not where it belongs"
            expected = "Z, 0, 1, 2, S, V or D"
            at = 0 if detail.odd == "BAI-EXTRA-FIELD" else 3
            say(detail.odd, message, first, value=detail.odd_value, expected=expected, field=at)
        if kind is None:
            message = f"{detail.code!r} is no type code"
            say("BAI-TYPE", message, first, value=detail.code, expected="three digits", field=1)
            self._collector.count("unreadable")
            self._collector.hold_file("IN-TOTAL")
            return None
        if kind == "information" and not detail.amount.strip("0"):
            return 0
        written, odd = read_amount(detail.amount, account.decimals)
        if written is None:
            message = f"amount {detail.amount!r} of a row of type {detail.code} is no number"
            expected = "digits, minor units"
            say("BAI-AMOUNT", message, first, value=detail.amount, expected=expected, field=2)
        elif abs(written) > AMOUNT_MINOR_MAX:
            message = f"amount {detail.amount} is beyond {AMOUNT_MINOR_MAX} minor units"
            expected = f"at most {AMOUNT_MINOR_MAX}"
            say("BAI-AMOUNT-LIMIT", message, first, value=detail.amount, expected=expected, field=2)
            written = None
        elif odd and kind != "status":
            message = (
                f"amount {detail.amount!r} of a row of type {detail.code} is read as {written}"
            )
            expected = "digits, minor units"
            say(odd, message, first, value=detail.amount, expected=expected, field=2)
        if written is None:
            self._collector.count("unreadable")
            self._collector.hold_file("IN-TOTAL")
        return written

    def _keep(
        self,
        place: int,
        account: AccountState,
        fields: tuple[str, int, str, str, str],
        texts: list[str],
    ) -> None:
        """Add a payment or a return of (type, amount, value date, references) and its text."""
        code, minor, value_token, bank, customer = fields
        first = int(self._cut.first[place])
        is_return = code in RETURNS
        texts = [readable(_ended(text)) for text in texts]
        payer = read_payer_text(texts, account.exponent, is_return=is_return)
        codes = account.codes
        bank, customer = readable(bank.strip(" \t")), readable(customer.strip(" \t"))
        original = ""
        if is_return:
            minor = -abs(minor)
            original = customer or payer.end_to_end_id or bank
        elif code in NON_RECEIVABLE or code in SUMMARY_CREDITS or minor < 0:
            codes = self._doubts(first, code, minor, codes)
        value_date = account.booking_date
        if value_token:
            value_date = read_date(value_token) or value_date
            if read_date(value_token) is None:
                message = f"value date {value_token!r} is no date, the as-of date is taken"
                self._voice.say(
                    "BAI-DATE", message, first, value=value_token, expected="YYMMDD", field=4
                )
        self._entries += [(len(self._rows), entry) for entry in payer.lines]
        self._odd_values += [(len(self._rows), value) for value in payer.odd]
        self._places.append(place)
        self._is_kept.append(True)
        self._rows.append(
            {
                "amount_minor": minor,
                "type_code": code,
                "method": METHODS.get(code, "other"),
                "bank_account": readable(account.number),
                "currency": account.currency,
                "booking_date": account.booking_date,
                "value_date": value_date,
                "bank_reference": bank,
                "customer_reference": customer,
                "payer_name": payer.payer_name,
                "payer_account": payer.payer_account,
                "end_to_end_id": payer.end_to_end_id,
                "check_number": payer.check_number,
                "trace_number": payer.trace_number,
                "uetr": payer.uetr,
                "remittance_text": payer.text,
                "original_reference": original,
                "intake_codes": codes,
            }
        )

    def _doubts(self, first: int, code: str, minor: int, codes: str) -> str:
        """Intake codes of a credit that is no receivable, counts twice, or is negative."""
        if code in NON_RECEIVABLE:
            codes = merge_codes(codes, "IN-NONAR")
        if code in SUMMARY_CREDITS:
            codes = merge_codes(codes, "IN-FORMAT")
            message = f"type {code} is a total, but stands on a row of its own"
            self._voice.say("BAI-SUMMARY-ROW", message, first, value=code, field=1)
        if minor < 0:
            codes = merge_codes(codes, "IN-SIGN")
        return codes

    def _say_addenda(self, first: int, value: str) -> None:
        message = f"{value!r} in addenda is no amount"
        self._voice.say("BAI-ADDENDA", message, first, value=value, expected="such as 139.87")

    # Deposits and items

    def settle(self, account: AccountState, found: dict[int, Levels]) -> None:
        """Leave out deposits or the items in them: `found` are the account's in this window."""
        for pair, levels in found.items():
            verdict = account.verdicts.get(pair)
            if verdict is None:
                continue
            fates = verdict.apply(levels.is_item)
            self._report(pair, levels.places[fates.differs | fates.orphans])
            out = fates.summary | fates.item
            account.credit_rows -= int(out.sum())
            account.credit_sum -= int(levels.amounts[out].sum())
            for reason, left in (("summary", fates.summary), ("item", fates.item)):
                if left.any():
                    self._collector.count(reason, int(left.sum()))
            self._dropped.append(levels.places[out & (levels.rows < 0)])
            self._held.append(levels.places[fates.orphans & (levels.rows < 0)])
            for row in levels.rows[out & (levels.rows >= 0)].tolist():
                self._is_kept[row] = False
            for row in levels.rows[fates.orphans & (levels.rows >= 0)].tolist():
                held = self._rows[row]
                held["intake_codes"] = merge_codes(held["intake_codes"], "IN-FORMAT")

    @property
    def may_have_items(self) -> bool:
        """Whether any row of the window is an item in a deposit."""
        columns = self._cut.columns
        if columns is not None and columns.has_items:
            return True
        return any(row["type_code"] in PARENTS_OF_ITEM for row in self._rows)

    def levels(self, account: AccountState) -> dict[int, Levels]:
        """Deposits and items among the account's rows of this window, by the number of their pair.

        Empty where there are none of both.
        """
        if not account.spans:
            return {}
        lowest = account.spans[0][0]
        odd = [
            (self._places[row], int(self._rows[row]["type_code"]), self._written[row], row)
            for row in range(bisect_left(self._places, lowest), len(self._places))
        ]
        columns = self._cut.columns if account.scale == (1, 1) else None
        if not odd and (columns is None or not len(columns.levels)):
            return {}
        return gather_levels(columns, account.spans, odd)

    def _report(self, pair: int, places: Offsets) -> None:
        """Say which deposits differ from their items, and which items belong to no deposit."""
        parent = PARENTS[pair]
        message = (
            f"items of type {ITEMS_OF_PARENT[parent]} do not add up to their deposit ({parent})"
        )
        for place in places.tolist():
            self._voice.say("BAI-ITEMS", message, int(self._cut.first[place]))

    # What the window gives

    def read_together(self) -> tuple[OrdinaryBlock | None, dict[str, int]]:
        """The ordinary rows; touches nothing that other windows do."""
        cut = self._cut
        if not self._ranges:
            return None, {}
        dropped, held = (np.concatenate([_NO_ROWS, *part]) for part in (self._dropped, self._held))
        return read_ordinary(
            cut,
            self._ranges,
            (dropped, held),
            self._first_line,
        )

    def give(self, block: OrdinaryBlock | None, counts: dict[str, int]) -> None:
        """Put all payments and lines of the window into the collector, in the order of the file."""
        for reason, rows in counts.items():
            if rows:
                self._collector.count(reason, rows)
        kept = np.flatnonzero(np.array(self._is_kept, np.bool_))
        mine = len(block.first) if block is not None else 0
        place = np.arange(mine + len(kept))
        for row, value in self._odd_values:
            if self._is_kept[row]:
                self._say_addenda(int(self._cut.first[self._places[row]]), value)
        for record, value in [] if block is None else block.odd:
            self._say_addenda(record, value)
        self._voice.speak()
        if not len(place):
            return
        columns = {} if block is None else block.columns
        if len(kept):
            columns, place = self._merged(block, kept)
        begin = self._collector.add_payments(columns)
        for lines in [] if block is None else block.lines:
            self._collector.add_remittances(begin + place[lines.owner], lines.columns)
        self._give_entries(begin, kept, place[mine:])

    def _give_entries(self, begin: int, kept: Offsets, places: Offsets) -> None:
        """Remittance lines of the rows read one by one."""
        moved = dict(zip(kept.tolist(), places.tolist(), strict=True))
        entries = [(begin + moved[row], entry) for row, entry in self._entries if row in moved]
        if entries:
            lines = entry_columns(entries)
            self._collector.add_remittances(lines.owner, lines.columns)

    def _merged(self, block: OrdinaryBlock | None, kept: Offsets) -> tuple[dict[str, Any], Offsets]:
        """All payments in the order of the file, and the place of each (ordinary ones first)."""
        rows = [self._rows[row] for row in kept.tolist()]
        first = self._cut.first[[self._places[row] for row in kept.tolist()]]
        after = self._cut.after[[self._places[row] for row in kept.tolist()]]
        columns: dict[str, Any] = {
            name: pa.array([row[name] for row in rows], schemas.PAYMENT.field(name).type)
            for name in rows[0]
        } | provenance(self._table, first, after, self._first_line)
        if block is None:
            return columns, np.arange(len(kept))
        mine = len(block.first)
        order = np.argsort(np.concatenate([block.first, first]), kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        taken = pa.array(order)
        merged = {
            name: arrow.take(
                pa.concat_arrays([filled(block.columns.get(name), column.type, mine), column]),
                taken,
            )
            for name, column in columns.items()
        }
        return merged, place


def _ended(text: str) -> str:
    """A text line without the terminator some banks put behind it."""
    if not text.endswith("/"):
        return text
    return text[:-1].removesuffix(",")
