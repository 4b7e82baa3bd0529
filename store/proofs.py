"""Topic proofs: when each file's money was last derived again from its bytes, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["ClearingProof", "ClearingProofs", "ProofOutcome"]

ProofOutcome = Literal["proven", "partly", "unreadable", "violated"]


class ClearingProof(msgspec.Struct, frozen=True, kw_only=True):
    """The last proof of a file. `partly`: its bytes are purged, or erased for some customer."""

    file_id: str
    proven_at_ms: int
    outcome: ProofOutcome
    message: str


class ClearingProofs:
    """Proofs of one tenant's files."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def oldest(self, proven_before_ms: int) -> str | None:
        """The file whose proof is the oldest, one without a proof first; None where none is due."""
        unproven = self._database.rows(
            "SELECT f.file_id FROM bank_file f WHERE NOT EXISTS "
            "(SELECT 1 FROM clearing_proof p WHERE p.file_id = f.file_id) "
            "ORDER BY f.row_number LIMIT 1"
        )
        found = unproven or self._database.rows(
            "SELECT file_id FROM clearing_proof WHERE proven_at_ms < ? "
            "ORDER BY proven_at_ms, file_id LIMIT 1",
            proven_before_ms,
        )
        return found[0][0] if found else None

    def all_files(self) -> list[str]:
        """Every kept file, in the order they came."""
        rows = self._database.rows("SELECT file_id FROM bank_file ORDER BY row_number")
        return [row[0] for row in rows]

    def keep(self, proof: ClearingProof) -> None:
        """Keep the last proof of a file; called in a write block."""
        self._database.rows(
            "INSERT INTO clearing_proof (file_id, proven_at_ms, outcome, message) "
            "VALUES (?, ?, ?, ?) ON CONFLICT (file_id) DO UPDATE SET "
            "proven_at_ms = excluded.proven_at_ms, outcome = excluded.outcome, "
            "message = excluded.message",
            proof.file_id,
            proof.proven_at_ms,
            proof.outcome,
            proof.message,
        )

    def counts(self) -> dict[str, int]:
        """Files by the outcome of their last proof."""
        rows = self._database.rows("SELECT outcome, count(*) FROM clearing_proof GROUP BY outcome")
        return {outcome: int(count) for outcome, count in rows}
