"""Topic facts: what people taught about payers, as the engine reads it; undone with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import pyarrow as pa

from engine.batches import LearnedFactBatch, PaymentBatch
from store.act_log import effect_of
from store.content_etags import check_etag, content_etag
from store.key_scopes import master_scope
from store.row_tables import batch_of, quoted_columns
from store.sealed_text import ERASED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desk.cases import Case, Line
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["PAYMENTS_MAX", "FactFilter", "TaughtFact", "TaughtFactChanges", "TaughtFacts"]

_STANDING: Final = """
SELECT f.case_id, f.line_number, f.effect || '#' || CAST(f.line_number AS TEXT), f.kind,
    f.company_id, f.value, f.customer_id, f.learned_by, f.learned_day, f.payment_id,
    coalesce(t.last_day, 0), coalesce(t.set_at_ms, 0)
FROM learned_fact f LEFT JOIN case_line r
    ON r.case_id = f.case_id AND r.reverses = f.line_number
LEFT JOIN fact_term t ON t.row_number = (
    SELECT max(x.row_number) FROM fact_term x
    WHERE x.case_id = f.case_id AND x.line_number = f.line_number)
WHERE r.case_id IS NULL ORDER BY f.row_number
"""

_LISTED: Final = """
SELECT f.row_number, f.case_id, f.line_number, f.kind, f.company_id, f.value, f.customer_id,
    f.learned_by, f.learned_day, f.payment_id, coalesce(a.performed_at_ms, 0),
    coalesce(b.performed_at_ms, 0), coalesce(b.actor, ''), coalesce(t.last_day, 0),
    coalesce(t.set_by, '')
FROM learned_fact f
LEFT JOIN fact_term t ON t.row_number = (
    SELECT max(x.row_number) FROM fact_term x
    WHERE x.case_id = f.case_id AND x.line_number = f.line_number)
LEFT JOIN case_act a ON a.effect = f.effect
LEFT JOIN case_line r ON r.case_id = f.case_id AND r.reverses = f.line_number
LEFT JOIN case_act b ON b.case_id = r.case_id AND b.act_number = r.act_number
"""
_FIRST: Final = 1 << 62
_DAY_MS: Final = 86_400_000
_IDS_PER_QUERY: Final = 500

PAYMENTS_MAX: Final = 50_000
"""Payments a fact is held against: a busy quarter of a large company."""


class TaughtFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact, who taught it and when, and the act that took it back (0: it stands).

    Days count from 1970; `last_day` 0: nobody set one, the rules say how long it counts. The
    `case_id` and `line_number` are its key.
    """

    number: int
    case_id: str
    line_number: int
    kind: str
    company_id: str
    value: str
    customer_id: str
    learned_by: str
    learned_day: int
    payment_id: str
    taught_at_ms: int
    revoked_at_ms: int
    revoked_by: str
    last_day: int
    term_set_by: str

    @property
    def etag(self) -> str:
        """Its version: whether and until when it counts, and who said so."""
        return content_etag(self.revoked_at_ms, self.last_day, self.term_set_by)


class FactFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts; what is empty does not narrow. `companies` None: all."""

    kind: str = ""
    company_id: str = ""
    customer_id: str = ""
    with_revoked: bool = False
    companies: tuple[str, ...] | None = None


class TaughtFacts:
    """What may be asked about facts."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Ask `database`; `personal` opens what is sealed there."""
        self._database = database
        self._personal = personal

    def read(self) -> LearnedFactBatch:
        """The facts that stand: said by a clerk, not taken back, and not erased.

        Who sets until when a fact counts confirms it that day, and revokes it for the day after.
        """
        found = self._database.rows(_STANDING)
        values = self._opened([(row[0], row[1], row[5]) for row in found])
        rows = [
            (*row[2:5], value, *row[6:])
            for row, value in zip(found, values, strict=True)
            if value != ERASED
        ]
        names = ("fact_id", "kind", "company_id", "value", "customer_id", "learned_by")
        columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        days = pa.array([row[6] for row in rows], pa.int32()).cast(pa.date32())
        many = len(rows)
        confirmed = [max(row[6], row[9] // _DAY_MS) for row in rows]
        ends = [row[8] + 1 if row[8] else None for row in rows]
        table = pa.table(
            {
                **columns,
                "open_item_ids": [""] * many,
                "source": ["clerk"] * many,
                "learned_on": days,
                "confirmed_on": pa.array(confirmed, pa.int32()).cast(pa.date32()),
                "confirmations": [1] * many,
                "revoked_on": pa.array(ends, pa.int32()).cast(pa.date32()),
                "revoked_by": [""] * many,
                "evidence": [row[7] for row in rows],
            }
        )
        if not many:
            return LearnedFactBatch.empty()
        ordered = table.select(LearnedFactBatch.SCHEMA.names)
        return cast("LearnedFactBatch", batch_of(LearnedFactBatch, ordered))

    def list_facts(self, wanted: FactFilter, before_number: int, limit: int) -> list[TaughtFact]:
        """At most `limit` facts, the latest first, before a number (0: from the latest)."""
        conditions = ["f.row_number < ?"]
        values: list[Any] = [before_number or _FIRST]
        for name in ("kind", "company_id", "customer_id"):
            value = getattr(wanted, name)
            if value:
                conditions.append(f"f.{name} = ?")
                values.append(value)
        if not wanted.with_revoked:
            conditions.append("r.case_id IS NULL")
        if wanted.companies is not None:
            marks = ", ".join("?" * len(wanted.companies)) or "NULL"
            conditions.append(f"f.company_id IN ({marks})")
            values += wanted.companies
        return self._listed(" AND ".join(conditions), limit, *values)

    def find_fact(self, case_id: str, line_number: int) -> TaughtFact | None:
        """One fact, whether it stands or not."""
        found = self._listed("f.case_id = ? AND f.line_number = ?", 1, case_id, line_number)
        return found[0] if found else None

    def payments_since(self, company_id: str, since_ms: int) -> PaymentBatch:
        """Payments of a company that came since then, the last `PAYMENTS_MAX` of them."""
        question = (
            f"SELECT {quoted_columns(PaymentBatch)} FROM payment WHERE payment_id IN ("  # noqa: S608 - schema names
            "SELECT o.payment_id FROM payment_outcome o JOIN bank_file b ON b.file_id = o.file_id "
            "WHERE o.company_id = ? AND b.received_at_ms >= ? "
            f"ORDER BY o.row_number DESC LIMIT {PAYMENTS_MAX})"
        )
        rows = self._database.read_table(question, PaymentBatch.SCHEMA, company_id, since_ms)
        return self._personal.opened(cast("PaymentBatch", batch_of(PaymentBatch, rows)))

    def outcomes(self, payment_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Payment → its customer, and whether something that was applied of it was taken back."""
        found: dict[str, tuple[str, bool]] = {}
        for at in range(0, len(payment_ids), _IDS_PER_QUERY):
            part = payment_ids[at : at + _IDS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            rows = self._database.rows(
                "SELECT o.payment_id, coalesce(nullif(c.customer_id, ''), o.customer_id), "  # noqa: S608 - marks
                "(SELECT count(*) FROM posting_line p WHERE p.payment_id = o.payment_id "
                "AND p.kind = 'reversal') FROM payment_outcome o "
                "LEFT JOIN exception_case c ON c.case_id = o.payment_id "
                f"WHERE o.payment_id IN ({marks})",
                *part,
            )
            found |= {payment: (customer, bool(count)) for payment, customer, count in rows}
        return found

    def _listed(self, condition: str, limit: int, *values: Any) -> list[TaughtFact]:
        rows = self._database.rows(
            f"{_LISTED} WHERE {condition} ORDER BY f.row_number DESC LIMIT ?", *values, limit
        )
        names = TaughtFact.__struct_fields__
        facts = [TaughtFact(**dict(zip(names, row, strict=True))) for row in rows]
        told = self._opened([(one.case_id, one.line_number, one.value) for one in facts])
        return [
            msgspec.structs.replace(fact, value=opened)
            for fact, opened in zip(facts, told, strict=True)
        ]

    def _opened(self, stored: Sequence[tuple[str, int, str]]) -> Sequence[str]:
        """The values of facts of a case and line."""
        places = [_place(case_id, line_number) for case_id, line_number, _ in stored]
        return self._personal.opened_texts([value for _, _, value in stored], places)


class TaughtFactChanges(TaughtFacts):
    """What a booking may do about facts."""

    def learn(
        self, case: Case, lines: tuple[Line, ...], learned_day: int, *, now_ms: int = 0
    ) -> None:
        """Keep the facts among `lines`, learned from the case's payment.

        What they are about is sealed by the lasting key of their customer: a fact holds until
        somebody takes it back.
        """
        facts = [line for line in lines if line.kind == "fact" and not line.reverses]
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
                    self._sealed(case, line, now_ms),
                    line.customer_id,
                    line.prepared_by[-1] if line.prepared_by else "",
                    learned_day,
                    case.payment_id,
                )
                for line in facts
            ],
        )

    def set_term(
        self, fact: TaughtFact, last_day: int, set_by: str, now_ms: int, seen: str = ""
    ) -> None:
        """Have a fact count up to `last_day`, whatever was said before.

        Raises `StaleRowError` where the fact is not what was `seen` (its etag; empty: whichever).
        """
        check_etag(seen, fact.etag, "learned_fact", fact.case_id)
        self._database.rows(
            "INSERT INTO fact_term (case_id, line_number, last_day, set_by, set_at_ms) "
            "VALUES (?, ?, ?, ?, ?)",
            *(fact.case_id, fact.line_number, last_day, set_by, now_ms),
        )

    def _sealed(self, case: Case, line: Line, now_ms: int) -> str:
        scope = master_scope(line.company_id or case.company_id, line.customer_id)
        number = self._personal.number(scope, now_ms)
        place = _place(case.case_id, line.number)
        return self._personal.sealed_texts([line.value], number, [place])[0]


def _place(case_id: str, line_number: int) -> str:
    return f"learned_fact.value/{case_id}/{line_number}"
