"""Statements of a camt message: their header, and the totals a bank declares about them.

`Statement` gathers what its entries add up to; `check_statement` compares that with the balances
and the transaction summary, `check_sequences` looks at the statements of a file together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.errors import MoneyError
from engine.money import CURRENCY_EXPONENTS, format_minor
from parsers.camt_xml import account_of, code_of, local_name, minor_of, parts_of, text_at, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element

    from parsers.collector import FileCollector

__all__ = ["Balance", "Statement", "check_sequences", "check_statement", "read_statement"]

_COPIES: Final = frozenset({"COPY", "DUPL", "CODU"})
_SEQUENCES: Final = ("ElctrncSeqNb", "LglSeqNb")
_OPENINGS: Final = ("OPBD", "PRCD")


class Balance(msgspec.Struct, frozen=True):
    """One booked balance: ISO code (`OPBD`), currency, signed minor units, ISO date text.

    `is_signed` is False where the file does not say debit or credit.
    """

    code: str
    currency: str
    minor: int
    date: str
    is_signed: bool


class Statement(msgspec.Struct):
    """A `Stmt`, `Rpt` or `Ntfctn` while it is read.

    `sequence_name` is the element its number comes from; `bounds` are its booked opening and
    closing balance per currency. `booked` holds the signed sum of booked entries per currency;
    `sums` counts and adds them by direction, once booked only and once with every status.
    """

    kind: str
    line: int | None
    identity: str = ""
    account: str = ""
    currency: str = ""
    sequence: int | None = None
    sequence_name: str = "ElctrncSeqNb"
    page: int = 1
    is_last_page: bool = True
    copy_code: str = ""
    booked: dict[str, int] = {}
    counts: dict[tuple[str, bool], int] = {}
    sums: dict[tuple[str, bool], int] = {}
    bounds: dict[str, tuple[int, int]] = {}
    is_decidable: bool = True
    without_status: int = 0

    @property
    def is_copy(self) -> bool:
        """Whether the bank calls it a copy or duplicate of another one."""
        return self.copy_code in _COPIES

    @property
    def label(self) -> str:
        """Name of the statement for messages: `statement 0007 of DE89…`."""
        return f"statement {self.identity or '?'} of {self.account or 'an unnamed account'}"

    def add(
        self, direction: str, minor: int, currency: str, *, is_booked: bool, entries: int = 1
    ) -> None:
        """Take entries of `direction` (CRDT, DBIT), together of `minor`, into the totals."""
        every = (direction, False)
        self.counts[every] = self.counts.get(every, 0) + entries
        self.sums[every] = self.sums.get(every, 0) + minor
        if is_booked:
            booked = (direction, True)
            self.counts[booked] = self.counts.get(booked, 0) + entries
            self.sums[booked] = self.sums.get(booked, 0) + minor
            signed = minor if direction == "CRDT" else -minor
            self.booked[currency] = self.booked.get(currency, 0) + signed


def read_statement(element: _Element, stop: _Element | None, line: int | None) -> Statement:
    """The header of a statement: its children up to `stop`, its first entry."""
    parts: dict[str, _Element] = {}
    for child in element:
        if child is stop:
            break
        parts.setdefault(local_name(child), child)
    account = parts.get("Acct")
    paging = parts_of(parts.get("StmtPgntn", parts.get("NtfctnPgntn", parts.get("RptPgntn"))))
    name = next((name for name in _SEQUENCES if _is_count(text_of(parts.get(name)))), _SEQUENCES[0])
    sequence = text_of(parts.get(name))
    if not paging:
        paging = _message_paging(element)
    page = text_of(paging.get("PgNb"))
    return Statement(
        kind=local_name(element),
        line=line,
        identity=text_of(parts.get("Id")),
        account=account_of(account),
        currency=text_at(account, "Ccy"),
        sequence=int(sequence) if _is_count(sequence) else None,
        sequence_name=name,
        page=int(page) if _is_count(page) else 1,
        is_last_page=text_of(paging.get("LastPgInd")) not in {"false", "0"},
        copy_code=text_of(parts.get("CpyDplctInd")),
        booked={},
        counts={},
        sums={},
        bounds={},
    )


def _message_paging(element: _Element) -> dict[str, _Element]:
    """The paging of the whole message (version .02), as children by name."""
    message = element.getparent()
    for child in () if message is None else message:
        if local_name(child) == "GrpHdr":
            return parts_of(parts_of(child).get("MsgPgntn"))
    return {}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def check_statement(collector: FileCollector, statement: Statement, element: _Element) -> None:
    """Compare declared with computed totals of a complete statement; failures hold the file."""
    balances = [
        balance
        for child in element
        if local_name(child) == "Bal" and (balance := _read_balance(child, statement)) is not None
    ]
    for currency in sorted({balance.currency for balance in balances}):
        own = [balance for balance in balances if balance.currency == currency]
        _check_balance(collector, statement, currency, own)
    for child in element:
        if local_name(child) == "TxsSummry":
            _check_summary(collector, statement, child)


def _read_balance(element: _Element, statement: Statement) -> Balance | None:
    parts = parts_of(element)
    amount = parts.get("Amt")
    if amount is None or "SubTp" in parts_of(parts.get("Tp")):
        return None
    currency = amount.get("Ccy", statement.currency)
    try:
        minor = minor_of(amount, currency)
    except MoneyError:
        return None
    direction = text_of(parts.get("CdtDbtInd"))
    return Balance(
        code=code_of(parts.get("Tp")),
        currency=currency,
        minor=-minor if direction == "DBIT" else minor,
        date=text_at(parts.get("Dt"), "Dt") or text_at(parts.get("Dt"), "DtTm"),
        is_signed=direction in {"CRDT", "DBIT"},
    )


def _equation(
    balances: Sequence[Balance], *, may_be_interim: bool
) -> tuple[Balance, Balance] | None:
    """Opening and closing balance; None where the file does not give both."""
    by_date = sorted(balances, key=lambda balance: balance.date[:10])
    interim = [balance for balance in by_date if balance.code == "ITBD"]
    opening = next(
        (balance for code in _OPENINGS for balance in by_date if balance.code == code), None
    )
    closing = next((balance for balance in reversed(by_date) if balance.code == "CLBD"), None)
    if may_be_interim and closing is None and opening is not None and interim:
        closing = interim[-1]
    elif may_be_interim and opening is None and closing is not None and interim:
        opening = interim[0]
    elif may_be_interim and opening is None and len(interim) >= 2:
        opening, closing = interim[0], interim[-1]
    return None if opening is None or closing is None else (opening, closing)


def _check_balance(
    collector: FileCollector, statement: Statement, currency: str, balances: Sequence[Balance]
) -> None:
    equation = _equation(balances, may_be_interim=True)
    if equation is None or not statement.is_decidable:
        return
    opening, closing = equation
    booked = statement.booked.get(currency, 0)
    computed = opening.minor + booked
    is_interim = "ITBD" in (opening.code, closing.code)
    is_certain = statement.kind == "Stmt" and not is_interim and closing.is_signed
    ok = computed == closing.minor
    if is_certain and opening.is_signed:
        statement.bounds[currency] = (opening.minor, closing.minor)
    if not ok and not (is_certain and opening.is_signed):
        return
    collector.check(
        scope=statement.label,
        kind="balance",
        declared=format_minor(closing.minor, currency),
        computed=format_minor(computed, currency),
        ok=ok,
        rule=f"{opening.code} + booked entries = {closing.code}, {currency}",
    )
    if not ok:
        _fail(
            collector,
            statement,
            f"{opening.code} {format_minor(opening.minor, currency)} and booked entries of "
            f"{format_minor(booked, currency)} {currency} do not give {closing.code}",
            declared=format_minor(closing.minor, currency),
            computed=format_minor(computed, currency),
        )


def _fail(
    collector: FileCollector, statement: Statement, sentence: str, *, declared: str, computed: str
) -> None:
    collector.diagnose(
        "FILE-TOTAL",
        f"{statement.label}: {sentence}",
        line=statement.line,
        value=declared,
        expected=computed,
    )
    collector.hold_file("IN-TOTAL")


def _check_summary(collector: FileCollector, statement: Statement, element: _Element) -> None:
    if statement.kind != "Stmt" and not statement.counts:
        return  # a report may summarise a day without listing it
    for child in element:
        directions = {
            "TtlNtries": ("CRDT", "DBIT"),
            "TtlCdtNtries": ("CRDT",),
            "TtlDbtNtries": ("DBIT",),
        }.get(local_name(child))
        if directions is None or not statement.is_decidable:
            continue
        parts = parts_of(child)
        name = local_name(child)
        _check_count(collector, statement, name, directions, text_of(parts.get("NbOfNtries")))
        currency = _one_currency(statement)
        if currency and "Sum" in parts:
            _check_sum(collector, statement, directions, parts["Sum"], f"{name}/Sum {currency}")


def _one_currency(statement: Statement) -> str:
    """The currency of every booked entry; empty where there are several or an unknown one."""
    currencies = set(statement.booked) or {statement.currency}
    only = currencies.pop()
    return only if not currencies and only in CURRENCY_EXPONENTS else ""


def _check_count(
    collector: FileCollector,
    statement: Statement,
    name: str,
    directions: tuple[str, ...],
    declared: str,
) -> None:
    if not _is_count(declared):
        return
    computed = {
        sum(statement.counts.get((direction, booked_only), 0) for direction in directions)
        for booked_only in (True, False)
    }
    ok = int(declared) in computed
    if not ok and _is_paged(statement):
        return
    shown = declared if ok else str(min(computed))
    collector.check(
        scope=statement.label,
        kind="count",
        declared=declared,
        computed=shown,
        ok=ok,
        rule=f"TxsSummry/{name}/NbOfNtries",
    )
    if not ok:
        collector.diagnose(
            "FILE-COUNT",
            f"{statement.label}: {name} declares {declared} entries, {shown} stand there",
            line=statement.line,
            value=declared,
            expected=shown,
        )


def _check_sum(
    collector: FileCollector,
    statement: Statement,
    directions: tuple[str, ...],
    element: _Element,
    rule: str,
) -> None:
    currency = rule[-3:]
    try:
        declared = minor_of(element, currency)
    except MoneyError:
        return
    candidates: list[int] = []
    for booked_only in (True, False):
        amounts = [statement.sums.get((way, booked_only), 0) for way in directions]
        candidates += [sum(amounts), abs(amounts[0] - sum(amounts[1:]))]
    ok = declared in candidates
    if not ok and _is_paged(statement):
        return
    computed = declared if ok else candidates[0]
    collector.check(
        scope=statement.label,
        kind="sum",
        declared=format_minor(declared, currency),
        computed=format_minor(computed, currency),
        ok=ok,
        rule=f"TxsSummry/{rule}",
    )
    if not ok:
        _fail(
            collector,
            statement,
            f"{rule} is not the sum of its entries",
            declared=format_minor(declared, currency),
            computed=format_minor(computed, currency),
        )


def _is_paged(statement: Statement) -> bool:
    """Whether declared totals may speak of pages that are not here."""
    return statement.page > 1 or not statement.is_last_page


def check_sequences(collector: FileCollector, statements: Sequence[Statement]) -> None:
    """Report gaps between the statements of an account and pages that are missing."""
    last: dict[tuple[str, str], Statement] = {}
    open_pages: dict[tuple[str, str], Statement] = {}
    for statement in statements:
        page_key = (statement.account, statement.identity)
        open_pages.pop(page_key, None)
        if not statement.is_last_page:
            open_pages[page_key] = statement
        if statement.sequence is None:
            continue
        key = (statement.account, statement.kind)
        before = last.get(key)
        last[key] = statement
        if before is not None and before.sequence is not None:
            _check_step(collector, before.sequence, statement)
            _check_chain(collector, before, statement)
    for statement in open_pages.values():
        collector.diagnose(
            "CAMT-PAGING",
            f"{statement.label}: page {statement.page} is not the last, the next is not here",
            line=statement.line,
            value=f"page {statement.page}",
            expected=f"page {statement.page + 1}",
        )


def _check_step(collector: FileCollector, before: int, statement: Statement) -> None:
    sequence = statement.sequence or 0
    if sequence <= before:  # further pages repeat the number, a new year starts it again
        return
    ok = sequence == before + 1
    collector.check(
        scope=statement.label,
        kind="sequence",
        declared=sequence,
        computed=before + 1,
        ok=ok,
        rule=f"{statement.sequence_name} follows its predecessor in the file",
    )
    if not ok:
        collector.diagnose(
            "CAMT-SEQUENCE",
            f"{statement.label}: number {sequence} follows {before}; statements are missing",
            line=statement.line,
            value=str(sequence),
            expected=str(before + 1),
        )


def _check_chain(collector: FileCollector, before: Statement, statement: Statement) -> None:
    """A statement begins with what the one numbered before it ended with."""
    if statement.sequence is None or statement.sequence - 1 != before.sequence:
        return
    for currency in sorted(statement.bounds.keys() & before.bounds.keys()):
        closing, opening = before.bounds[currency][1], statement.bounds[currency][0]
        declared, computed = format_minor(opening, currency), format_minor(closing, currency)
        collector.check(
            scope=statement.label,
            kind="balance",
            declared=declared,
            computed=computed,
            ok=opening == closing,
            rule=f"opens with the closing balance of the statement before, {currency}",
        )
        if opening != closing:
            collector.diagnose(
                "CAMT-CHAIN",
                f"{statement.label}: it opens with {declared} {currency}, "
                f"the statement before closed with {computed}",
                line=statement.line,
                value=declared,
                expected=computed,
            )
