"""What payments kept before settled, so that their return re-opens exactly that.

Asked by what the return calls its original: any reference of a payment, or its id. What a person
has taken back since is not settled any more, and a payment comes back once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from engine.batches import SettledBatch
from store.row_tables import batch_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from store.database import Database

__all__ = ["SettledPayments"]

_REFERENCES_PER_QUERY: Final = 200

_NAMES: Final = (
    "payment_id",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
_QUESTION: Final = """
SELECT p.payment_id, coalesce(s.company_id, b.company_id), coalesce(s.open_item_id, ''),
    p.currency, p.amount_minor, coalesce(s.applied_minor, 0), coalesce(s.closed_minor, 0),
    p.value_date, p.bank_reference, p.customer_reference, p.end_to_end_id, p.check_number,
    p.trace_number, p.uetr
FROM payment p JOIN payment_balance b ON b.payment_id = p.payment_id
LEFT JOIN (
    SELECT a.payment_id, a.company_id, a.open_item_id, a.currency,
        sum(a.applied_minor) AS applied_minor, sum(a.taken_minor) AS closed_minor
    FROM posting_line a LEFT JOIN posting_line r ON r.reverses = a.posting_number
    WHERE a.kind = 'application' AND r.posting_number IS NULL AND a.payment_id IN ({found})
    GROUP BY a.payment_id, a.company_id, a.open_item_id, a.currency
) s ON s.payment_id = p.payment_id AND s.currency = p.currency
WHERE p.payment_id IN ({found}) AND p.amount_minor > 0
    AND NOT EXISTS (SELECT 1 FROM reversal v WHERE v.original_payment_id = p.payment_id)
ORDER BY p.payment_id, s.company_id, s.open_item_id
"""
"""Items of another currency are left out: what a return of their payment re-opens is a person's to
say."""


class SettledPayments:
    """What may be asked about payments that may come back."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def named(self, references: Collection[str]) -> SettledBatch:
        """What every payment settled that one of `references` names; empty ones name nobody."""
        wanted = sorted({one for one in references if one})
        found: set[str] = set()
        for start in range(0, len(wanted), _REFERENCES_PER_QUERY):
            part = wanted[start : start + _REFERENCES_PER_QUERY]
            marks = ", ".join("?" * len(part))
            for name in _NAMES:
                rows = self._database.rows(
                    f"SELECT payment_id FROM payment WHERE {name} IN ({marks}) AND {name} <> ''",  # noqa: S608 - names of ours
                    *part,
                )
                found.update(row[0] for row in rows)
        return self.by_payments(sorted(found))

    def by_payments(self, payment_ids: Sequence[str]) -> SettledBatch:
        """What these payments settled; those that are not kept, or came back, are left out."""
        tables = [SettledBatch.SCHEMA.empty_table()]
        for start in range(0, len(payment_ids), _REFERENCES_PER_QUERY):
            part = payment_ids[start : start + _REFERENCES_PER_QUERY]
            question = _QUESTION.format(found=", ".join("?" * len(part)))
            tables.append(
                self._database.read_table(question.strip(), SettledBatch.SCHEMA, *part, *part)
            )
        return cast("SettledBatch", batch_of(SettledBatch, pa.concat_tables(tables)))
