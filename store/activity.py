"""Topic activity: counts, sums and rates over what was kept, as SQL, by company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["Activity", "ActivityFilter", "CashPosition", "StraightThrough", "WaitingCases"]

_DAY_MS: Final = 24 * 3600 * 1000
_NEVER_MS: Final = 1 << 62
_YES: Final = True

_FILES: Final = """
SELECT source_format, state, count(*) FROM bank_file f
WHERE f.received_at_ms >= ? AND f.received_at_ms < ? {companies}
GROUP BY source_format, state ORDER BY source_format, state
"""
_WITH_PAYMENTS: Final = """
AND EXISTS (SELECT 1 FROM payment_outcome o WHERE o.file_id = f.file_id {companies})
"""
_RECEIVABLES: Final = """
SELECT p.currency, count(*),
    sum(CASE WHEN o.applied_minor + o.on_account_minor = p.amount_minor THEN 1 ELSE 0 END),
    sum(p.amount_minor), sum(o.applied_minor + o.on_account_minor)
FROM payment p JOIN payment_outcome o ON o.payment_id = p.payment_id
JOIN bank_file f ON f.file_id = p.file_id
WHERE f.received_at_ms >= ? AND f.received_at_ms < ? AND p.amount_minor > 0
    AND o.non_ar_minor = 0 AND o.returned_minor = 0
    AND p.intake_codes NOT LIKE '%IN-DUP%' AND p.intake_codes NOT LIKE '%IN-NONAR%' {companies}
GROUP BY p.currency
"""
_AUTOMATIC_LINES: Final = """
SELECT p.currency, count(*)
FROM application a JOIN payment p ON p.payment_id = a.payment_id
JOIN payment_outcome o ON o.payment_id = p.payment_id
JOIN bank_file f ON f.file_id = p.file_id
WHERE f.received_at_ms >= ? AND f.received_at_ms < ? AND a.decision = 'auto' {companies}
GROUP BY p.currency
"""
_HUMAN_LINES: Final = """
SELECT g.currency, count(*)
FROM posting g JOIN payment p ON p.payment_id = g.payment_id
JOIN payment_outcome o ON o.payment_id = p.payment_id
JOIN bank_file f ON f.file_id = p.file_id
LEFT JOIN posting_line r ON r.reverses = g.posting_number
WHERE f.received_at_ms >= ? AND f.received_at_ms < ? AND g.kind = 'application'
    AND g.is_human = ? AND r.posting_number IS NULL {companies}
GROUP BY g.currency
"""
_CASH: Final = """
SELECT o.currency, sum(o.amount_minor), sum(o.applied_minor), sum(o.on_account_minor),
    sum(o.unapplied_minor), sum(o.unidentified_minor), sum(o.suspense_minor), sum(o.non_ar_minor),
    sum(o.refund_minor), sum(o.returned_minor)
FROM payment_balance o WHERE 1 = 1 {companies} GROUP BY o.currency ORDER BY o.currency
"""
_WAITING: Final = """
SELECT o.code, o.currency, CASE WHEN o.raised_at_ms > ? THEN 0 WHEN o.raised_at_ms > ? THEN 1
    WHEN o.raised_at_ms > ? THEN 3 WHEN o.raised_at_ms > ? THEN 7 ELSE 30 END AS days_min,
    count(*), sum(o.undecided_minor)
FROM exception_case o
WHERE o.state NOT IN ('posted', 'confirmed', 'posting', 'reversed') {companies}
GROUP BY o.code, o.currency, days_min ORDER BY o.code, o.currency, days_min
"""


class ActivityFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Files received from `begin_ms` to before `end_ms` (0: open), of `companies` (None: all)."""

    begin_ms: int = 0
    end_ms: int = 0
    companies: tuple[str, ...] | None = None


class StraightThrough(msgspec.Struct, frozen=True, kw_only=True):
    """Receivables in one currency, and those nobody had to look at."""

    currency_code: str
    payment_count: int = 0
    automatic_payment_count: int = 0
    line_count: int = 0
    automatic_line_count: int = 0
    amount_minor: int = 0
    automatic_minor: int = 0


class CashPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Cash in one currency by where it is now."""

    currency_code: str
    amount_minor: int
    applied_minor: int
    on_account_minor: int
    unapplied_minor: int
    unidentified_minor: int
    suspense_minor: int
    non_ar_minor: int
    refund_minor: int
    returned_minor: int


class WaitingCases(msgspec.Struct, frozen=True, kw_only=True):
    """Cases that wait, of one code, currency and age of at least `days_min`."""

    code: str
    currency_code: str
    days_min: int
    case_count: int
    undecided_minor: int


class Activity:
    """Reports over one tenant's store."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def files(self, wanted: ActivityFilter) -> list[tuple[str, str, int]]:
        """Format, state and number of files; of companies, the files that have payments of them."""
        condition, values = _companies(wanted, "o.company_id")
        if condition:
            condition = _WITH_PAYMENTS.format(companies=condition)
        rows = self._rows(_FILES, condition, *_period(wanted), *values)
        return [(row[0], row[1], int(row[2])) for row in rows]

    def straight_through(self, wanted: ActivityFilter) -> list[StraightThrough]:
        """How much of the receivables needed nobody, by currency."""
        condition, values = _companies(wanted, "o.company_id")
        period = _period(wanted)
        automatic = dict(self._rows(_AUTOMATIC_LINES, condition, *period, *values))
        human = dict(self._rows(_HUMAN_LINES, condition, *period, _YES, *values))
        found = {}
        for currency, count, whole, amount, decided in self._rows(
            _RECEIVABLES, condition, *period, *values
        ):
            automatic_count = int(automatic.get(currency, 0))
            found[currency] = StraightThrough(
                currency_code=currency,
                payment_count=int(count),
                automatic_payment_count=int(whole),
                line_count=automatic_count + int(human.get(currency, 0)),
                automatic_line_count=automatic_count,
                amount_minor=int(amount),
                automatic_minor=int(decided),
            )
        return [found[currency] for currency in sorted(found)]

    def cash(self, wanted: ActivityFilter) -> list[CashPosition]:
        """Where the cash is now, by currency."""
        condition, values = _companies(wanted, "o.company_id")
        names = CashPosition.__struct_fields__
        return [
            CashPosition(**dict(zip(names, (row[0], *map(int, row[1:])), strict=True)))
            for row in self._rows(_CASH, condition, *values)
        ]

    def waiting(self, wanted: ActivityFilter, now_ms: int) -> list[WaitingCases]:
        """Cases that wait, by code, currency and age."""
        condition, values = _companies(wanted, "o.company_id")
        ages = [now_ms - days * _DAY_MS for days in (1, 3, 7, 30)]
        return [
            WaitingCases(
                code=code,
                currency_code=currency,
                days_min=days,
                case_count=int(count),
                undecided_minor=int(undecided),
            )
            for code, currency, days, count, undecided in self._rows(
                _WAITING, condition, *ages, *values
            )
        ]

    def _rows(self, question: str, companies: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.rows(question.format(companies=companies), *values)


def _period(wanted: ActivityFilter) -> tuple[int, int]:
    return wanted.begin_ms, wanted.end_ms or _NEVER_MS


def _companies(wanted: ActivityFilter, column: str) -> tuple[str, tuple[str, ...]]:
    """The condition on companies, and its values."""
    if wanted.companies is None:
        return "", ()
    marks = ", ".join("?" * len(wanted.companies)) or "NULL"
    return f"AND {column} IN ({marks})", wanted.companies
