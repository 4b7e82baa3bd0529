"""Topic facts: what people taught about payers, as the engine reads it; undone with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import pyarrow as pa

from engine.batches import LearnedFactBatch
from store.cases import effect_of
from store.row_tables import batch_of

if TYPE_CHECKING:
    from desk.cases import Case, Line
    from store.database import Database

__all__ = ["TaughtFactChanges", "TaughtFacts"]

_STANDING: Final = """
SELECT f.effect || '#' || CAST(f.line_number AS TEXT), f.kind, f.company_id, f.value,
    f.customer_id, f.learned_by, f.learned_day, f.payment_id
FROM learned_fact f LEFT JOIN case_line r
    ON r.case_id = f.case_id AND r.reverses = f.line_number
WHERE r.case_id IS NULL ORDER BY f.row_number
"""


class TaughtFacts:
    """What may be asked about facts."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def read(self) -> LearnedFactBatch:
        """The facts that stand: said by a clerk, and not taken back."""
        rows = self._database.rows(_STANDING)
        names = ("fact_id", "kind", "company_id", "value", "customer_id", "learned_by")
        columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        days = pa.array([row[6] for row in rows], pa.int32()).cast(pa.date32())
        many = len(rows)
        nothing = pa.nulls(many, pa.date32())
        table = pa.table(
            {
                **columns,
                "open_item_ids": [""] * many,
                "source": ["clerk"] * many,
                "learned_on": days,
                "confirmed_on": days,
                "confirmations": [1] * many,
                "revoked_on": nothing,
                "revoked_by": [""] * many,
                "evidence": [row[7] for row in rows],
            }
        )
        if not many:
            return LearnedFactBatch.empty()
        ordered = table.select(LearnedFactBatch.SCHEMA.names)
        return cast("LearnedFactBatch", batch_of(LearnedFactBatch, ordered))


class TaughtFactChanges(TaughtFacts):
    """What a booking may do about facts."""

    def learn(self, case: Case, lines: tuple[Line, ...], learned_day: int) -> None:
        """Keep the facts among `lines`, learned from the case's payment."""
        self._database.execute_many(
            "INSERT INTO learned_fact (case_id, line_number, effect, kind, company_id, value, "
            "customer_id, learned_by, learned_day, payment_id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    case.case_id,
                    line.number,
                    effect_of(case.case_id, line.act_number),
                    line.fact_kind,
                    line.company_id or case.company_id,
                    line.value,
                    line.customer_id,
                    line.prepared_by[-1] if line.prepared_by else "",
                    learned_day,
                    case.payment_id,
                )
                for line in lines
                if line.kind == "fact" and not line.reverses
            ],
        )
