"""Topic late remittances: what payers said after their payment had come, and what it led to.

Lines and proposals are kept as JSON of their rows, sealed as a whole: nobody searches in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import pyarrow as pa

from engine.batches import ApplicationBatch, Batch, RemittanceBatch
from store.row_tables import batch_of

if TYPE_CHECKING:
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["Attachment", "LateRemittanceBatch", "LateRemittances", "rows_as_json", "rows_of_json"]

_B = TypeVar("_B", bound=Batch)


class LateRemittanceBatch(Batch):
    """Late remittances as they are kept."""

    SCHEMA = pa.schema(
        [
            pa.field(name, pa.string(), nullable=False)
            for name in (
                "effect",
                "payment_id",
                "remittance_id",
                "file_name",
                "content_text",
                "lines",
                "proposals",
            )
        ]
    )
    __slots__ = ()


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A remittance attached to a payment; `lines` and `proposals` are JSON of rows."""

    payment_id: str
    remittance_id: str
    file_name: str
    content_text: str
    lines: str
    proposals: str


_NAMES: Final = Attachment.__struct_fields__


def rows_as_json(batch: Batch) -> str:
    """The rows of `batch` as they are kept."""
    return msgspec.json.encode(batch.record_batch.to_pylist()).decode()


def rows_of_json(batch_class: type[_B], text: str) -> _B:
    """The rows that `rows_as_json` wrote."""
    rows: list[dict[str, Any]] = msgspec.json.decode(text)
    columns = {name: [row.get(name) for row in rows] for name in batch_class.SCHEMA.names}
    return batch_class.from_columns(columns, row_count=len(rows))


class LateRemittances:
    """Late remittances of one tenant."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Keep them in `database`, sealed by `personal`."""
        self._database = database
        self._personal = personal

    def attached_to(self, payment_id: str) -> list[Attachment]:
        """What was attached to a payment, the last one last."""
        names = LateRemittanceBatch.SCHEMA.names
        rows = self._database.read_table(
            f"SELECT {', '.join(names)} FROM late_remittance WHERE payment_id = ? "  # noqa: S608 - names
            "ORDER BY row_number",
            LateRemittanceBatch.SCHEMA,
            payment_id,
        )
        kept = cast("LateRemittanceBatch", batch_of(LateRemittanceBatch, rows))
        opened = self._personal.opened(kept).record_batch.select(list(_NAMES)).to_pylist()
        return [Attachment(**row) for row in opened]

    def lines_of(self, payment_id: str) -> RemittanceBatch:
        """The lines of the last remittance attached to a payment; none where there is none."""
        attached = self.attached_to(payment_id)
        if not attached:
            return RemittanceBatch.empty()
        return rows_of_json(RemittanceBatch, attached[-1].lines)

    def last_proposals_of(self, payment_id: str) -> tuple[str, ApplicationBatch] | None:
        """What the last remittance attached led to, and the effect it was kept with."""
        attached = self.attached_to(payment_id)
        if not attached:
            return None
        ((effect,),) = self._database.rows(
            "SELECT effect FROM late_remittance WHERE payment_id = ? "
            "ORDER BY row_number DESC LIMIT 1",
            payment_id,
        )
        return effect, rows_of_json(ApplicationBatch, attached[-1].proposals)

    def keep(
        self, attachment: Attachment, effect: str, owner: tuple[str, str, str], now_ms: int
    ) -> None:
        """Keep an attachment of the act `effect`; called in its write block.

        `owner` are the payment's file, company and customer, whose keys seal it.
        """
        file_id, company_id, customer_id = owner
        own = [(attachment.payment_id, company_id, customer_id)]
        keys = self._personal.keys_of_file(file_id, own, now_ms)
        row = msgspec.structs.asdict(attachment) | {"effect": effect}
        batch = LateRemittanceBatch.from_columns({name: [value] for name, value in row.items()})
        if keys.file_key:
            batch = self._personal.sealed(batch, keys)
        self._database.insert_table("late_remittance", batch.record_batch)
