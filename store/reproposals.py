"""Topic reproposals: what the engine proposed again, and how far changes have been followed.

Proposals are kept as JSON of their rows, sealed as a whole, as those of late remittances are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec
import pyarrow as pa

from engine.batches import ApplicationBatch, Batch
from store.late_remittances import rows_of_json
from store.row_tables import batch_of

if TYPE_CHECKING:
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["Followed", "Reproposal", "ReproposalBatch", "Reproposals"]

_NAMES: Final = ("effect", "payment_id", "proposals")


class ReproposalBatch(Batch):
    """Reproposals as they are kept."""

    SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in _NAMES])
    __slots__ = ()


class Reproposal(msgspec.Struct, frozen=True, kw_only=True):
    """New proposals for a payment, JSON of rows."""

    payment_id: str
    proposals: str


class Followed(msgspec.Struct, frozen=True):
    """How far changes have been followed: the last booking, and the state of what was taught."""

    booking_number: int
    facts_state: str


class Reproposals:
    """Reproposals of one tenant."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Keep them in `database`, sealed by `personal`."""
        self._database = database
        self._personal = personal

    def last_of(self, payment_id: str) -> tuple[str, ApplicationBatch] | None:
        """The last reproposal of a payment, and the effect it was kept with."""
        rows = self._database.read_table(
            f"SELECT {', '.join(_NAMES)} FROM reproposal WHERE payment_id = ? "  # noqa: S608 - names
            "ORDER BY row_number DESC LIMIT 1",
            ReproposalBatch.SCHEMA,
            payment_id,
        )
        if not rows.num_rows:
            return None
        kept = cast("ReproposalBatch", batch_of(ReproposalBatch, rows))
        (row,) = self._personal.opened(kept).record_batch.to_pylist()
        return row["effect"], rows_of_json(ApplicationBatch, row["proposals"])

    def keep(
        self, reproposal: Reproposal, effect: str, owner: tuple[str, str, str], now_ms: int
    ) -> None:
        """Keep the reproposal of the act `effect`; called in its write block.

        `owner` are the payment's file, company and customer, whose keys seal it.
        """
        file_id, company_id, customer_id = owner
        own = [(reproposal.payment_id, company_id, customer_id)]
        keys = self._personal.keys_of_file(file_id, own, now_ms)
        row = msgspec.structs.asdict(reproposal) | {"effect": effect}
        batch = ReproposalBatch.from_columns({name: [row[name]] for name in _NAMES})
        if keys.file_key:
            batch = self._personal.sealed(batch, keys)
        self._database.insert_table("reproposal", batch.record_batch)

    def followed(self) -> Followed | None:
        """How far changes have been followed; None before the first time."""
        rows = self._database.rows("SELECT booking_number, facts_state FROM reproposed_up_to")
        return Followed(*rows[0]) if rows else None

    def follow(self, followed: Followed) -> None:
        """Changes have been followed so far; called in a write block."""
        self._database.rows(
            "INSERT INTO reproposed_up_to (row_number, booking_number, facts_state) "
            "VALUES (1, ?, ?) ON CONFLICT (row_number) DO UPDATE SET "
            "booking_number = excluded.booking_number, facts_state = excluded.facts_state",
            followed.booking_number,
            followed.facts_state,
        )

    def facts_state(self) -> str:
        """What was taught and taken back, in a word that is another one after every change."""
        ((taught, undone),) = self._database.rows(
            "SELECT (SELECT coalesce(max(row_number), 0) FROM learned_fact), "
            "(SELECT count(*) FROM learned_fact f JOIN case_line r "
            "ON r.case_id = f.case_id AND r.reverses = f.line_number)"
        )
        return f"{taught}/{undone}"
