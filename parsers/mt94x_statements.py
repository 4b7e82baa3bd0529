"""Statements of a SWIFT MT94x file: their balances and summaries, and how they follow each other.

opening + credits + reversed debits - debits - reversed credits = closing      (940, 941, 950)
number and sum of debits and of credits                                        (941, 942)
opening of a statement = closing of the one before, numbers without gaps       (per account)
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from engine.money import CURRENCY_EXPONENTS, format_minor
from parsers.limits import KNOWN_STATEMENTS_MAX
from parsers.mt94x_entry import AMOUNT_PLACES, read_amount
from parsers.mt94x_facts import BLANKS, is_iban
from parsers.mt94x_rows import MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.collector import FileCollector

__all__ = [
    "Balance",
    "KnownStatements",
    "Statement",
    "check_balance",
    "check_floor",
    "check_order",
    "check_summary",
    "plain_account",
    "read_balance",
    "read_number",
]

_BALANCE: Final = re.compile(r"([CD])(\d{6}) ?([A-Z]{3})? ?(\d[\d.,]*|[.,]\d+)")
_FLOOR: Final = re.compile(r"([A-Z]{3})([CD]?) ?(\d[\d.,]*|[.,]\d+)?")
_SUMMARY: Final = re.compile(r"(\d{1,5}) ?([A-Z]{3}) ?(\d[\d.,]*|[.,]\d+)")
_NUMBER: Final = re.compile(r"(\d{1,18})(?:/(\d{1,18}))?")
_SUMS_OF_SUMMARY: Final = {
    "90C": (("C",), ("C", "RD"), ("C", "EC"), ("C", "RD", "EC"), ("C", "-RC")),
    "90D": (("D",), ("D", "RC"), ("D", "ED"), ("D", "RC", "ED"), ("D", "-RD")),
}
"""Which marks banks add up in a summary, the usual way first; a minus is subtracted."""


class Balance(msgspec.Struct, frozen=True):
    """A balance: its tag, currency (empty where left out), amount in `AMOUNT_PLACES`, and date."""

    tag: str
    currency: str
    amount: int
    date: str


class Statement(msgspec.Struct):
    """A message while it is read.

    `is_loose` is one that lines outside a message make up. `counts` and `sums` are by the place of
    the mark in `MARKS`. `codes` are intake codes of its payments, `waiting` is text that stood
    before the first statement line.
    """

    line: int
    offset: int
    kind: str = ""
    reference: str = ""
    account: str = ""
    number_text: str = ""
    number: int = 0
    page: int = 0
    moment: str = ""
    currency: str = ""
    floors: dict[str, int] = {}
    opening: Balance | None = None
    opening_text: str = ""
    closing: Balance | None = None
    is_closed: bool = False
    is_summed: bool = False
    has_head: bool = False
    has_rows: bool = False
    has_late_rows: bool = False
    is_loose: bool = False
    is_decidable: bool = True
    codes: str = ""
    waiting: list[str] = []
    counts: list[int] = []
    sums: list[int] = []

    @property
    def label(self) -> str:
        """Name of the statement for messages: `statement 00135/001 of NL08…`."""
        name = self.number_text or self.reference or "?"
        return f"statement {name} of {self.account or 'an unnamed account'}"

    @property
    def is_interim(self) -> bool:
        """Whether it reports during the day, without balances."""
        return self.kind == "942" or (not self.kind and self.opening is None and bool(self.floors))

    def total(self, marks: Sequence[str]) -> tuple[int, int]:
        """Number and sum of the lines of `marks`; those with a minus count against it."""
        count = amount = 0
        for mark in marks:
            at = MARKS.index(mark.removeprefix("-"))
            sign = -1 if mark[0] == "-" else 1
            count += sign * self.counts[at]
            amount += sign * self.sums[at]
        return count, amount

    def shown(self, amount: int) -> str:
        """`amount` in `AMOUNT_PLACES` as decimal text in the statement's currency."""
        exponent = CURRENCY_EXPONENTS[self.currency]
        minor, rest = divmod(abs(amount), 10 ** (AMOUNT_PLACES - exponent))
        if rest:
            return str(amount)
        return format_minor(-minor if amount < 0 else minor, self.currency)


class KnownStatements:
    """Notices a statement that stood in the file before."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[bytes, None] = {}

    def is_known(self, statement: Statement) -> bool:
        """Whether its account, reference, number and opening stood before; remembers them."""
        facts = (
            statement.account,
            statement.currency,
            statement.reference,
            statement.number_text,
            statement.opening_text,
            statement.moment,
        )
        key = hashlib.blake2b("\x1f".join(facts).encode(), digest_size=16).digest()
        was_known = key in self._known
        self._known[key] = None
        if len(self._known) > KNOWN_STATEMENTS_MAX:
            del self._known[next(iter(self._known))]
        return was_known


def plain_account(text: str, currency: str) -> str:
    """Our account as other formats name it: an IBAN alone, without the bank or the currency."""
    account = text.strip(BLANKS)
    compact = account.replace(" ", "")
    for part in compact.split("/"):
        bare = part[:-3] if currency and part.endswith(currency) else part
        if is_iban(bare) and len(bare) >= 15:
            return bare
    return account


def read_balance(tag: str, text: str) -> Balance | None:
    """`C260714EUR2500,00` as a balance; None where it is none."""
    found = _BALANCE.fullmatch(text.strip())
    if found is None:
        return None
    amount, _ = read_amount(found[4])
    if amount is None:
        return None
    return Balance(tag, found[3] or "", -amount if found[1] == "D" else amount, found[2])


def read_number(text: str, statement: Statement) -> None:
    """`00135/001`: number and page of a statement."""
    statement.number_text = text.strip()
    found = _NUMBER.match(statement.number_text)
    if found is not None:
        statement.number = int(found[1])
        statement.page = int(found[2] or 0)


def check_floor(text: str, statement: Statement) -> None:
    """`EURD5,`: the currency of an interim report, and below which amount it lists no lines."""
    found = _FLOOR.match(text.strip())
    if found is None:
        return
    statement.currency = statement.currency or found[1]
    amount, _ = read_amount(found[3]) if found[3] else (0, 0)
    for way in found[2] or "CD":
        statement.floors[way] = amount or 0


def check_balance(collector: FileCollector, statement: Statement) -> None:
    """Compare the closing balance with the opening one and the lines between; hold on failure."""
    opening, closing = statement.opening, statement.closing
    if opening is None or closing is None or not statement.is_decidable:
        return
    _, booked = statement.total(("C", "RD", "-D", "-RC"))
    computed = opening.amount + booked
    ok = computed == closing.amount
    collector.check(
        scope=statement.label,
        kind="balance",
        declared=statement.shown(closing.amount),
        computed=statement.shown(computed),
        ok=ok,
        rule=f"{opening.tag} + statement lines = {closing.tag}, {statement.currency}",
    )
    if not ok:
        sentence = (
            f"{opening.tag} {statement.shown(opening.amount)} and lines of "
            f"{statement.shown(booked)} {statement.currency} do not give {closing.tag}"
        )
        _fail(collector, statement, sentence, closing.amount, computed)


def _fail(
    collector: FileCollector, statement: Statement, sentence: str, declared: int, computed: int
) -> None:
    collector.diagnose(
        "FILE-TOTAL",
        f"{statement.label}: {sentence}",
        line=statement.line,
        offset=statement.offset,
        value=statement.shown(declared),
        expected=statement.shown(computed),
    )
    collector.hold_file("IN-TOTAL")


def check_summary(collector: FileCollector, statement: Statement, tag: str, text: str) -> bool:
    """Compare `:90C:` or `:90D:` with the lines of its side; False where it is no summary."""
    found = _SUMMARY.fullmatch(text.strip())
    amount = read_amount(found[3])[0] if found is not None else None
    if found is None or amount is None:
        return False
    statement.currency = statement.currency or found[2]
    if statement.currency not in CURRENCY_EXPONENTS or not statement.is_decidable:
        return True
    if not statement.has_rows and statement.kind == "941":
        return True  # a balance report sums lines up that it does not list
    declared = int(found[1])
    ways = [statement.total(marks) for marks in _SUMS_OF_SUMMARY[tag]]
    best = next(
        (way for way in ways if way == (declared, amount)),
        next((way for way in ways if way[1] == amount), ways[0]),
    )
    missing = declared - best[0]
    floor = statement.floors.get(tag[-1], 0)
    is_below_floor = missing > 0 and 0 < amount - best[1] <= missing * floor
    rule = f":{tag}:, lines below the floor limit not listed" if is_below_floor else f":{tag}:"
    _check_count(collector, statement, (declared, best[0]), rule, ok=not missing or is_below_floor)
    ok = amount == best[1] or is_below_floor
    collector.check(
        scope=statement.label,
        kind="sum",
        declared=statement.shown(amount),
        computed=statement.shown(best[1]),
        ok=ok,
        rule=f"{rule}, {statement.currency}",
    )
    if not ok:
        _fail(collector, statement, f":{tag}: is not the sum of its lines", amount, best[1])
    return True


def _check_count(
    collector: FileCollector, statement: Statement, counts: tuple[int, int], rule: str, *, ok: bool
) -> None:
    declared, computed = counts
    collector.check(
        scope=statement.label, kind="count", declared=declared, computed=computed, ok=ok, rule=rule
    )
    if not ok:
        collector.diagnose(
            "FILE-COUNT",
            f"{statement.label}: {rule} declares {declared} lines, {computed} stand there",
            line=statement.line,
            offset=statement.offset,
            value=str(declared),
            expected=str(computed),
        )


def check_order(collector: FileCollector, before: Statement | None, statement: Statement) -> None:
    """Report statements or pages that are missing before `statement`, of the same account."""
    opening = statement.opening
    if before is None:
        if opening is not None and opening.tag == "60M" and statement.page > 1:
            _report_page(collector, statement, f"page {statement.page - 1}")
        return
    is_next = _check_step(collector, before, statement)
    closing = before.closing
    if not is_next or opening is None or closing is None or opening.date < closing.date:
        return
    ok = opening.amount == closing.amount
    collector.check(
        scope=statement.label,
        kind="balance",
        declared=statement.shown(opening.amount),
        computed=statement.shown(closing.amount),
        ok=ok,
        rule=f"{opening.tag} = {closing.tag} of the statement before, {statement.currency}",
    )
    if not ok:
        collector.diagnose(
            "MT94-CHAIN",
            f"{statement.label}: it opens with {statement.shown(opening.amount)}, "
            f"{before.label} closed with {statement.shown(closing.amount)}",
            line=statement.line,
            offset=statement.offset,
            value=statement.shown(opening.amount),
            expected=statement.shown(closing.amount),
        )


def _check_step(collector: FileCollector, before: Statement, statement: Statement) -> bool:
    """Whether `statement` is the next one; a gap in numbers or pages is reported."""
    if not statement.number or not before.number or statement.number < before.number:
        return True  # unnumbered, or a new year has begun
    if statement.number == before.number:
        if statement.page > before.page + 1:
            _report_page(collector, statement, f"page {before.page + 1}")
            return False
        return statement.page == before.page + 1
    expected = before.number + 1
    ok = statement.number == expected
    collector.check(
        scope=statement.label,
        kind="sequence",
        declared=statement.number,
        computed=expected,
        ok=ok,
        rule=":28C: follows its predecessor in the file",
    )
    if not ok:
        collector.diagnose(
            "MT94-SEQUENCE",
            f"{statement.label}: number {statement.number} follows {before.number}; "
            "statements are missing",
            line=statement.line,
            offset=statement.offset,
            value=str(statement.number),
            expected=str(expected),
        )
    return ok


def _report_page(collector: FileCollector, statement: Statement, missing: str) -> None:
    collector.diagnose(
        "MT94-PAGING",
        f"{statement.label}: {missing} is not in the file",
        line=statement.line,
        offset=statement.offset,
        value=f"page {statement.page}",
        expected=missing,
    )
