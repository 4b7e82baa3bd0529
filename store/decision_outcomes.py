"""Topic decision outcomes: what became of what the engine decided and proposed.

An outcome is known of a payment where people have taken back what was decided for it; where people
had a hand in it and none of its money waits any more; and where nobody has objected to what was
decided for it since a given moment. What stands then is the answer, what was put forward is judged
by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec
import pyarrow as pa

from engine.batches import ApplicationBatch
from store.row_tables import batch_of, quoted_columns

if TYPE_CHECKING:
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["DecisionOutcomes", "KnownOutcomes"]

_YES: Final = True
_NO: Final = False

_KNOWN: Final = """
SELECT b.payment_id,
    b.pinned_by <> '' AND b.unapplied_minor + b.unidentified_minor + b.suspense_minor = 0
FROM payment_balance b
LEFT JOIN (
    SELECT DISTINCT p.payment_id FROM posting p JOIN posting r ON r.reverses = p.posting_number
    WHERE p.is_human = ? AND r.is_human = ?
) t ON t.payment_id = b.payment_id
LEFT JOIN (
    SELECT payment_id, max(decided_at_ms) AS last_ms FROM posting
    WHERE kind = 'application' AND is_human = ? GROUP BY payment_id
) a ON a.payment_id = b.payment_id
WHERE b.amount_minor > 0 AND (
    t.payment_id IS NOT NULL
    OR (b.pinned_by <> '' AND b.unapplied_minor + b.unidentified_minor + b.suspense_minor = 0)
    OR (b.pinned_by = '' AND a.last_ms <= ?))
ORDER BY b.payment_id
"""
_KNOWN_SCHEMA: Final = pa.schema([("payment_id", pa.string()), ("is_complete", pa.bool_())])
_STANDING: Final = """
SELECT p.payment_id, p.open_item_id, p.currency, p.applied_minor, p.discount_minor,
    p.deduction_minor, p.write_off_minor
FROM posting p LEFT JOIN posting r ON r.reverses = p.posting_number
WHERE p.kind = 'application' AND r.posting_number IS NULL
ORDER BY p.posting_number
"""
_AMOUNTS: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
_STANDING_SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("payment_id", "open_item_id", "currency")),
        *((name, pa.int64()) for name in _AMOUNTS),
    ]
)


class KnownOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """payments: those whose outcome is known, and whether all of their money has its place
    (`is_complete`), so that what was proposed can be judged too; standing: what is applied now, of
    any payment; put_forward: what was decided and proposed for any payment when its file came.
    """

    payments: pa.Table
    standing: pa.Table
    put_forward: ApplicationBatch


class DecisionOutcomes:
    """What may be asked about outcomes."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Ask `database`; `personal` opens what is sealed there."""
        self._database = database
        self._personal = personal

    def read(self, settled_until_ms: int) -> KnownOutcomes:
        """The outcomes that are known; what was decided alone, and stands, counts where that was at
        most at `settled_until_ms`.
        """
        with self._database.reading():
            payments = self._database.read_table(
                _KNOWN, _KNOWN_SCHEMA, _NO, _YES, _NO, settled_until_ms
            )
            standing = self._database.read_table(_STANDING, _STANDING_SCHEMA)
            rows = self._database.read_table(
                f"SELECT {quoted_columns(ApplicationBatch)} FROM application ORDER BY row_number",  # noqa: S608 - schema names
                ApplicationBatch.SCHEMA,
            )
        put_forward = cast("ApplicationBatch", batch_of(ApplicationBatch, rows))
        return KnownOutcomes(
            payments=payments,
            standing=standing,
            put_forward=self._personal.opened(put_forward),
        )
