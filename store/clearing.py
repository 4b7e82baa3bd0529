"""What the rows of a bank file say about its money: sums by currency, straight from the tables.

Asked by the clearing proof, which derives the same sums from the file's bytes. It shares no code
with whoever wrote the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["FileMoney", "StoredClearing"]

_TOTALS: Final = """
SELECT p.currency, count(*), sum(p.amount_minor),
    sum(o.applied_minor + o.on_account_minor + o.unapplied_minor + o.unidentified_minor
        + o.suspense_minor + o.non_ar_minor + o.refund_minor + o.returned_minor)
FROM payment p LEFT JOIN payment_outcome o ON o.payment_id = p.payment_id
WHERE p.file_id = ? GROUP BY p.currency ORDER BY p.currency
"""
_REPEATED: Final = """
SELECT p.currency, count(*), sum(p.amount_minor)
FROM repeated_payment r JOIN payment p ON p.payment_id = r.payment_id
WHERE r.file_id = ? GROUP BY p.currency
"""
_DECLARED: Final = """
SELECT currency, payment_count, amount_minor, applied_minor FROM currency_total WHERE file_id = ?
"""
_APPLIED: Final = """
SELECT p.currency, sum(coalesce(a.cash_minor, a.applied_minor))
FROM application a JOIN payment p ON p.payment_id = a.payment_id
WHERE a.file_id = ? AND p.file_id = ? AND a.decision = 'auto' GROUP BY p.currency
"""
_UNATTENDED: Final = """
SELECT o.payment_id FROM payment_outcome o
WHERE o.file_id = ? AND (o.unapplied_minor <> 0 OR o.unidentified_minor <> 0)
AND NOT EXISTS (SELECT 1 FROM exception_item e WHERE e.payment_id = o.payment_id)
ORDER BY o.row_number LIMIT 1
"""


class FileMoney(msgspec.Struct, frozen=True, kw_only=True):
    """Money of one file in one currency, in minor units; `repeated` came with earlier files."""

    currency: str
    payment_count: int
    amount_minor: int
    bucket_minor: int
    repeated_count: int
    repeated_minor: int
    declared_count: int
    declared_minor: int
    declared_applied_minor: int
    applied_minor: int


class StoredClearing:
    """Sums over one tenant's rows."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def money_of(self, file_id: str) -> list[FileMoney]:
        """The money of a file, by currency."""
        rows = self._database.rows
        totals = {row[0]: row[1:] for row in rows(_TOTALS, file_id)}
        repeated = {row[0]: row[1:] for row in rows(_REPEATED, file_id)}
        declared = {row[0]: row[1:] for row in rows(_DECLARED, file_id)}
        applied = dict(rows(_APPLIED, file_id, file_id))
        found = []
        for currency in sorted({*totals, *repeated, *declared, *applied}):
            count, amount, bucket = totals.get(currency, (0, 0, 0))
            again, again_minor = repeated.get(currency, (0, 0))
            said, said_minor, said_applied = declared.get(currency, (0, 0, 0))
            found.append(
                FileMoney(
                    currency=currency,
                    payment_count=int(count),
                    amount_minor=int(amount),
                    bucket_minor=int(bucket or 0),
                    repeated_count=int(again),
                    repeated_minor=int(again_minor),
                    declared_count=int(said),
                    declared_minor=int(said_minor),
                    declared_applied_minor=int(said_applied),
                    applied_minor=int(applied.get(currency, 0)),
                )
            )
        return found

    def unattended_payment(self, file_id: str) -> str:
        """A payment with money left over that is nobody's work; empty where there is none."""
        found = self._database.rows(_UNATTENDED, file_id)
        return found[0][0] if found else ""
