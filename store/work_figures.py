"""Topic work figures: how well the automatic keeps, how long people take, what differences cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from store.activity import ActivityFilter
    from store.database import Database

__all__ = ["Accepted", "Difference", "Kept", "WaitTime", "WorkFigures"]

_NEVER_MS: Final = 1 << 62
_YES: Final = True

_KEPT: Final = """
SELECT p.currency, count(DISTINCT p.payment_id),
    count(DISTINCT CASE WHEN r.posting_number IS NOT NULL THEN p.payment_id END),
    sum(p.applied_minor),
    sum(CASE WHEN r.posting_number IS NOT NULL THEN p.applied_minor ELSE 0 END)
FROM posting p LEFT JOIN posting_line r ON r.reverses = p.posting_number
WHERE p.kind = 'application' AND p.is_human = ? AND p.decided_at_ms >= ? AND p.decided_at_ms < ?
    {companies}
GROUP BY p.currency ORDER BY p.currency
"""
_DIFFERENCES: Final = """
SELECT p.currency, '{kind}', p.{kind}_reason, count(*), sum(p.{kind}_minor)
FROM posting p LEFT JOIN posting_line r ON r.reverses = p.posting_number
WHERE p.kind = 'application' AND p.{kind}_minor <> 0 AND r.posting_number IS NULL
    AND p.decided_at_ms >= ? AND p.decided_at_ms < ? {companies}
GROUP BY p.currency, p.{kind}_reason ORDER BY p.currency, p.{kind}_reason
"""
_WAITS: Final = """
SELECT min(p.decided_at_ms) - f.received_at_ms AS waited
FROM posting p JOIN payment m ON m.payment_id = p.payment_id
JOIN bank_file f ON f.file_id = m.file_id
WHERE p.kind = 'application' AND p.is_human = ? AND p.decided_at_ms >= ?
    AND p.decided_at_ms < ? {companies}
GROUP BY p.payment_id, f.received_at_ms ORDER BY waited
"""


_FIRST_RIGHT: Final = """
WITH done AS (
    SELECT DISTINCT p.payment_id, p.open_item_id FROM posting p
    LEFT JOIN posting_line r ON r.reverses = p.posting_number
    WHERE p.kind = 'application' AND p.is_human = ? AND r.posting_number IS NULL
        AND p.decided_at_ms >= ? AND p.decided_at_ms < ? {companies}),
whole AS (SELECT payment_id, count(*) AS items FROM done GROUP BY payment_id),
ranked AS (
    SELECT a.payment_id, a.proposal_rank, count(*) AS items, count(d.open_item_id) AS hits
    FROM whole w JOIN application a ON a.payment_id = w.payment_id AND a.decision = 'proposed'
    LEFT JOIN done d ON d.payment_id = a.payment_id AND d.open_item_id = a.open_item_id
    GROUP BY a.payment_id, a.proposal_rank),
best AS (
    SELECT k.payment_id,
        min(CASE WHEN k.items = w.items AND k.hits = w.items THEN k.proposal_rank END) AS place
    FROM ranked k JOIN whole w ON w.payment_id = k.payment_id GROUP BY k.payment_id)
SELECT count(*), coalesce(sum(CASE WHEN place = 1 THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN place <= 3 THEN 1 ELSE 0 END), 0) FROM best
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Payments decided automatically in the period, and those of which something was taken back."""

    currency: str
    payment_count: int
    reversed_payment_count: int
    applied_minor: int
    reversed_minor: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Differences that stand, of one kind (`write_off` or `deduction`) and reason."""

    currency: str
    kind: str
    reason: str
    line_count: int
    amount_minor: int


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Payments with suggestions whose items people decided, and how many as was suggested."""

    suggested_count: int
    first_count: int
    first_three_count: int


class WaitTime(msgspec.Struct, frozen=True, kw_only=True):
    """From a file's arrival to the first decision of people on each of its payments."""

    payment_count: int
    half_ms: int
    nine_tenths_ms: int


class WorkFigures:
    """What may be asked about work that was done."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def kept(self, wanted: ActivityFilter, *, by_people: bool = False) -> list[Kept]:
        """How much of what was decided automatically, or by people, still stands, by currency."""
        rows = self._rows(_KEPT, wanted, by_people)
        return [
            Kept(currency=row[0], **dict(zip(_KEPT_NAMES, map(int, row[1:]), strict=True)))
            for row in rows
        ]

    def accepted(self, wanted: ActivityFilter) -> Accepted:
        """How often people decided on just the items of a suggestion made with the payment."""
        (found,) = self._rows(_FIRST_RIGHT, wanted, _YES)
        return Accepted(**dict(zip(Accepted.__struct_fields__, map(int, found), strict=True)))

    def differences(self, wanted: ActivityFilter) -> list[Difference]:
        """Write-offs and deductions, by currency and reason."""
        found = []
        for kind in ("write_off", "deduction"):
            question = _DIFFERENCES.replace("{kind}", kind)
            found += [
                Difference(
                    currency=currency,
                    kind=name,
                    reason=reason,
                    line_count=int(count),
                    amount_minor=int(amount),
                )
                for currency, name, reason, count, amount in self._rows(question, wanted)
            ]
        return found

    def waits(self, wanted: ActivityFilter) -> WaitTime:
        """How long payments waited for people: the half that was quicker, and nine tenths."""
        waited = [max(0, int(row[0])) for row in self._rows(_WAITS, wanted, _YES)]
        if not waited:
            return WaitTime(payment_count=0, half_ms=0, nine_tenths_ms=0)
        last = len(waited) - 1
        return WaitTime(
            payment_count=len(waited),
            half_ms=waited[last // 2],
            nine_tenths_ms=waited[last * 9 // 10],
        )

    def _rows(self, question: str, wanted: ActivityFilter, *first: Any) -> list[tuple[Any, ...]]:
        companies = wanted.companies
        condition = ""
        if companies is not None:
            marks = ", ".join("?" * len(companies)) or "NULL"
            condition = f"AND p.company_id IN ({marks})"
        return self._database.rows(
            question.replace("{companies}", condition),
            *first,
            wanted.begin_ms,
            wanted.end_ms or _NEVER_MS,
            *(companies or ()),
        )


_KEPT_NAMES: Final = Kept.__struct_fields__[1:]
