"""Topic cases: the clerk's state of every exception, acts as they were said, lines as decided.

A case has one row that changes, under its version: who writes with an old one writes nothing.
Acts and lines are only ever added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from desk.cases import Case, undecided_minor
from desk.states import CLAIMABLE
from engine.batches import (
    ApplicationBatch,
    Batch,
    ExceptionBatch,
    PaymentBatch,
    RemittanceBatch,
)
from store.act_log import ActLog, act_number_of, effect_of
from store.case_census import CaseCensus
from store.case_origins import original_case, untouched_summary_sql
from store.case_payments import listed_payments
from store.case_records import (
    CaseFilter,
    CaseOrder,
    CasePage,
    CaseSummary,
    Facet,
    FacetCount,
)
from store.case_search import CaseSearch
from store.case_texts import case_scope, opened_json, sealed_json
from store.case_words import add_words, rows_of_payments
from store.errors import StaleRowError
from store.late_remittances import LateRemittances
from store.mentions import Mentions, keep_mentions
from store.reproposals import Reproposals
from store.row_tables import ROW_TABLES, batch_of, quoted_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from desk.cases import Line
    from store.case_payments import ListedPayment
    from store.case_records import ActRecord
    from store.customer_names import CustomerNames
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = [
    "DUE_AFTER_MS",
    "RECENT_PAYMENTS_MAX",
    "CaseChanges",
    "Cases",
]

RECENT_PAYMENTS_MAX: Final = 20_000
"""Payments a fact is tried on: a busy quarter of a company, some 0.1 s."""

DUE_AFTER_MS: Final = 172_800_000
"""A case is due two days after it was raised, unless somebody says otherwise."""

_B = TypeVar("_B", bound=Batch)

_TABLE: Final = "exception_case"
_NAMES: Final = CaseSummary.__struct_fields__
_STATE_NOW: Final = (
    "CASE WHEN state = 'in_work' AND lease_until_ms <= ? OR "
    "state = 'parked' AND parked_until_ms <= ? THEN 'open' ELSE state END"
)
"""A lease that ran out and a day that came count without anybody writing them down."""

_OPEN: Final = """
INSERT INTO exception_case (case_id, payment_id, file_id, company_id, customer_id, currency,
    amount_minor, undecided_minor, code, raised_at_ms, due_at_ms, change_number)
SELECT CASE WHEN e.payment_id <> '' THEN e.payment_id ELSE e.exception_id END, e.payment_id,
    e.file_id, coalesce(o.company_id, ''), coalesce(o.customer_id, ''),
    coalesce(p.currency, e.currency),
    coalesce(p.amount_minor, 0),
    coalesce(o.unapplied_minor + o.unidentified_minor + o.suspense_minor, 0),
    e.code, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT)
FROM exception_item e
LEFT JOIN payment p ON p.payment_id = e.payment_id
LEFT JOIN payment_outcome o ON o.payment_id = e.payment_id
WHERE e.file_id = ? AND (CAST(e.is_primary AS INTEGER) = 1 OR e.payment_id = '')
ORDER BY e.row_number
ON CONFLICT (case_id) DO NOTHING
"""
_LINE_COLUMNS: Final = (
    "kind",
    "company_id",
    "customer_id",
    "open_item_id",
    "cash_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
    "write_off_minor",
    "write_off_reason",
    "link",
    "reverses",
    "approved_by",
)


class Cases:
    """What may be asked about cases."""

    def __init__(self, database: Database, personal: PersonalData, names: CustomerNames) -> None:
        """Ask `database`; `personal` opens what is sealed there, `names` are the customers'."""
        self._database = database
        self._personal = personal
        self._acts = ActLog(database, personal)
        self._census = CaseCensus()
        self._search = CaseSearch(self._census, names)

    def find(self, identity: str, now_ms: int) -> CaseSummary | None:
        """The case with that id, of that payment, or of that exception; None where there is none.

        A payment without exceptions has a case as well, untouched until somebody acts on it.
        """
        found = self._summaries("case_id = ? ORDER BY row_number", now_ms, identity)
        if not found:
            found = self._summaries(
                "case_id IN (SELECT payment_id FROM exception_item WHERE exception_id = ?) "
                "ORDER BY row_number LIMIT 1",
                now_ms,
                identity,
            )
        if not found:
            rows = self._database.rows(untouched_summary_sql(), identity)
            found = [_summary(row) for row in rows]
        return found[0] if found else None

    def load(self, summary: CaseSummary) -> Case:
        """The whole case."""
        rows = self._database.rows(
            "SELECT content FROM exception_case WHERE case_id = ?", summary.case_id
        )
        if not rows or not rows[0][0]:
            return original_case(self._database, summary)
        case: Case = opened_json(rows[0][0], _place(summary.case_id), Case, self._personal)
        return case

    def list_cases(
        self,
        wanted: CaseFilter,
        order: CaseOrder,
        after: tuple[int, int] | None,
        limit: int,
        now_ms: int,
    ) -> CasePage:
        """At most `limit` cases in `order`, after a place given by an earlier page."""
        with self._database.reading():
            self._census.refresh(self._database)
            mask = self._census.chosen(wanted, now_ms, self._found(wanted))
            keys = self._census.page(mask, order, after, limit + 1)
            page = self._numbered([number for _, number in keys[:limit]], now_ms)
        further = keys[limit - 1] if len(keys) > limit else None
        return CasePage(page, further, int(mask.sum()))

    def count_cases(
        self, wanted: CaseFilter, facets: Sequence[Facet], now_ms: int, values_max: int
    ) -> list[FacetCount]:
        """How many cases have each value of each facet, the most frequent `values_max` of each.

        A facet is counted under the other filters, so that what else could be chosen is seen.
        """
        counts = []
        with self._database.reading():
            self._census.refresh(self._database)
            found = self._found(wanted)
            for facet in facets:
                mask = self._census.chosen(wanted, now_ms, found, facet)
                values = self._census.counts(mask, facet, now_ms, values_max)
                files = [value for value, _ in values] if facet == "file_id" else []
                labels = self.file_names(files)
                counts += [
                    FacetCount(facet, value, count, labels.get(value, ""))
                    for value, count in values
                ]
        return counts

    def _found(self, wanted: CaseFilter) -> NDArray[np.bool_] | None:
        """Which rows of the census have the words and the mention that are wanted; None: any."""
        found = self._search.mask(self._database, wanted.text)
        if not wanted.mentioned:
            return found
        rows = Mentions(self._database).rows_of_cases(wanted.mentioned)
        own = self._census.mask_of(rows)
        return own if found is None else found & own

    def listed_payments(self, summaries: Sequence[CaseSummary]) -> dict[str, ListedPayment]:
        """Payment → what lists show of it, of those of `summaries`."""
        return listed_payments(self._database, self._personal, summaries)

    def payments(self, identities: Sequence[str]) -> PaymentBatch:
        """The payments with these ids, in any order; of cases, theirs."""
        marks = ", ".join("?" * len(identities)) or "NULL"
        return self._batch(PaymentBatch, f"payment_id IN ({marks})", *identities)

    def _numbered(self, numbers: Sequence[int], now_ms: int) -> tuple[CaseSummary, ...]:
        """The cases of these rows, in their order."""
        marks = ", ".join("?" * len(numbers)) or "NULL"
        found = self._summaries(f"row_number IN ({marks})", now_ms, *numbers)
        by_number = {one.number: one for one in found}
        return tuple(by_number[number] for number in numbers)

    def file_names(self, files: Sequence[str]) -> dict[str, str]:
        """The names that bank files came with."""
        marks = ", ".join("?" * len(files)) or "NULL"
        rows = self._database.rows(
            f"SELECT file_id, file_name FROM bank_file WHERE file_id IN ({marks})",  # noqa: S608 - marks alone
            *files,
        )
        return dict(rows)

    def waiting_for(self, event: str, company_id: str, customer_id: str) -> list[str]:
        """Parked cases that wait for `event`, of a company and of a customer, or of none yet."""
        rows = self._database.rows(
            "SELECT case_id FROM exception_case WHERE state = 'parked' AND awaited_event = ? "
            "AND company_id = ? AND customer_id IN (?, '') ORDER BY row_number",
            event,
            company_id,
            customer_id,
        )
        return [row[0] for row in rows]

    def awaited_customers(self, event: str) -> list[tuple[str, str]]:
        """Companies and customers (empty: not known) whose parked cases wait for `event`."""
        rows = self._database.rows(
            "SELECT DISTINCT company_id, customer_id FROM exception_case "
            "WHERE state = 'parked' AND awaited_event = ? ORDER BY company_id, customer_id",
            event,
        )
        return [(company_id, customer_id) for company_id, customer_id in rows]

    def acts(self, case_id: str, after: int, limit: int) -> list[ActRecord]:
        """The acts on a case after act `after`, in their order."""
        return self._acts.select(
            "case_id = ? AND act_number > ? ORDER BY act_number LIMIT ?", case_id, after, limit
        )

    def to_repropose(self, now_ms: int) -> list[tuple[str, str, str]]:
        """Payment, company and customer of cases with undecided money nobody works on, the latest
        first.
        """
        states = ", ".join(f"'{state}'" for state in sorted(CLAIMABLE))
        rows = self._database.rows(
            f"SELECT payment_id, company_id, customer_id, {_STATE_NOW} AS now "  # noqa: S608 - words of ours
            "FROM exception_case WHERE payment_id <> '' AND undecided_minor > 0 "
            f"AND (state IN ({states}) OR state = 'in_work' AND lease_until_ms <= ?) "
            "ORDER BY row_number DESC",
            now_ms,
            now_ms,
            now_ms,
        )
        return [(payment, company, customer) for payment, company, customer, _ in rows]

    def act(self, case_id: str, act_number: int) -> ActRecord | None:
        """One act."""
        found = self._acts.select("case_id = ? AND act_number = ?", case_id, act_number)
        return found[0] if found else None

    def acts_of_batch(self, batch_id: str) -> list[ActRecord]:
        """The acts of one batch."""
        return self._acts.select("batch_id = ? ORDER BY row_number", batch_id)

    def exceptions_of(self, summary: CaseSummary) -> ExceptionBatch:
        """The exceptions of a case, the primary one first."""
        if summary.payment_id:
            condition = "payment_id = ? ORDER BY is_primary DESC, row_number"
            return self._batch(ExceptionBatch, condition, summary.payment_id)
        condition = "exception_id = ? ORDER BY row_number LIMIT 1"
        return self._batch(ExceptionBatch, condition, summary.case_id)

    def recent_payments(self, case: Case, since_ms: int) -> PaymentBatch:
        """Payments of the case's company and currency that needed a clerk since then.

        At most `RECENT_PAYMENTS_MAX`, the last ones.
        """
        condition = (
            "payment_id IN (SELECT payment_id FROM exception_case WHERE company_id = ? "  # noqa: S608 - a number of ours
            "AND currency = ? AND raised_at_ms >= ? AND payment_id <> '' "
            f"ORDER BY row_number DESC LIMIT {RECENT_PAYMENTS_MAX})"
        )
        values = (case.company_id, case.currency, since_ms)
        return self._batch(PaymentBatch, condition, *values)

    def payments_of_file(self, file_id: str) -> list[str]:
        """The payments of a bank file, in its order."""
        rows = self._database.rows(
            "SELECT payment_id FROM payment WHERE file_id = ? ORDER BY row_number", file_id
        )
        return [row[0] for row in rows]

    def payment_of(self, payment_id: str) -> PaymentBatch:
        """The payment, if there is one."""
        return self._batch(PaymentBatch, "payment_id = ?", payment_id)

    def remittances_of(self, payment_id: str) -> RemittanceBatch:
        """What the payer said it pays: what came late counts, else what came with the payment."""
        late = LateRemittances(self._database, self._personal).lines_of(payment_id)
        if len(late):
            return late
        condition = "payment_id = ? ORDER BY line_number, row_number"
        return self._batch(RemittanceBatch, condition, payment_id)

    def proposals_of(self, payment_id: str) -> ApplicationBatch:
        """The engine's proposals, rank by rank: the last ones it made, for whatever reason."""
        late = LateRemittances(self._database, self._personal).last_proposals_of(payment_id)
        again = Reproposals(self._database, self._personal).last_of(payment_id)
        made = [one for one in (late, again) if one is not None]
        if made:
            return max(made, key=lambda one: act_number_of(one[0]))[1]
        condition = "payment_id = ? AND decision = 'proposed' ORDER BY proposal_rank, row_number"
        return self._batch(ApplicationBatch, condition, payment_id)

    def _batch(self, batch_class: type[_B], condition: str, *values: Any) -> _B:
        question = (
            f"SELECT {quoted_columns(batch_class)} "  # noqa: S608 - schema names
            f"FROM {ROW_TABLES[batch_class].name} WHERE {condition}"
        )
        rows = self._database.read_table(question, batch_class.SCHEMA, *values)
        return self._personal.opened(cast("_B", batch_of(batch_class, rows)))

    def _summaries(self, condition: str, now_ms: int, *values: Any) -> list[CaseSummary]:
        names = ["row_number", *_NAMES[1:]]
        columns = [f"{_STATE_NOW}" if name == "state" else name for name in names]
        rows = self._database.rows(
            f"SELECT {', '.join(columns)} FROM exception_case WHERE {condition}",  # noqa: S608 - names of ours
            now_ms,
            now_ms,
            *values,
        )
        return [_summary(row) for row in rows]


class CaseChanges(Cases):
    """What a booking may do about cases."""

    def __init__(
        self,
        database: Database,
        personal: PersonalData,
        names: CustomerNames,
        booking_number: Callable[[], int],
    ) -> None:
        """Change cases in the booking whose number `booking_number` gives."""
        super().__init__(database, personal, names)
        self._booking_number = booking_number

    def open_for_file(self, file_id: str, raised_at_ms: int) -> None:
        """A case for every payment and every other thing of the file that has an exception."""
        due_at_ms = raised_at_ms + DUE_AFTER_MS
        self._database.rows(_OPEN, raised_at_ms, due_at_ms, self._booking_number(), file_id)
        of_cases = (
            "payment_id IN (SELECT payment_id FROM exception_case "
            "WHERE file_id = ? AND payment_id <> '') ORDER BY row_number"
        )
        add_words(
            self._database,
            rows_of_payments(self._database, file_id),
            self._batch(PaymentBatch, of_cases, file_id),
            self._batch(RemittanceBatch, of_cases, file_id),
            is_sealing=self._personal.is_sealing,
        )

    def save(
        self, summary: CaseSummary, after: Case, lines: tuple[Line, ...], act: ActRecord
    ) -> None:
        """Keep what an act made of a case, with the act and its lines.

        Raises `StaleRowError` where the case is not what `summary` was read from.
        """
        if not summary.number:
            self._insert(summary)
        key = self._personal.number(case_scope(after, act.performed_at_ms), act.performed_at_ms)
        content = sealed_json(after, _place(after.case_id), key, self._personal)
        rows = self._database.rows(
            "UPDATE exception_case SET state = ?, version = ?, customer_id = ?, "
            "undecided_minor = ?, assignee = ?, due_at_ms = ?, lease_holder = ?, "
            "lease_until_ms = ?, parked_until_ms = ?, awaited_event = ?, content = ?, "
            "change_number = ? WHERE case_id = ? AND version = ? RETURNING row_number",
            after.state,
            after.version,
            after.customer_id,
            undecided_minor(after),
            after.assignee,
            after.due_ms,
            after.lease.holder if after.lease else "",
            after.lease.until_ms if after.lease else 0,
            after.parking.until_ms if after.parking else 0,
            after.parking.event if after.parking else "",
            content,
            self._booking_number(),
            after.case_id,
            summary.version,
        )
        if not rows:
            now = self._database.rows(
                "SELECT version FROM exception_case WHERE case_id = ?", after.case_id
            )
            version = now[0][0] if now else 0
            raise StaleRowError.of(_TABLE, after.company_id, after.case_id, version, 1)
        effect = effect_of(act.case_id, act.act_number)
        self._acts.add(act, effect, key)
        keep_mentions(self._database, act)
        self._add_lines(after, lines, effect)

    def _insert(self, summary: CaseSummary) -> None:
        names = _NAMES[1:]
        marks = ", ".join("?" * len(names))
        row = msgspec.structs.asdict(summary)
        self._database.rows(
            f"INSERT INTO exception_case ({', '.join(names)}) VALUES ({marks}) "  # noqa: S608 - names of ours
            "ON CONFLICT (case_id) DO NOTHING",
            *(row[name] for name in names),
        )

    def _add_lines(self, case: Case, lines: tuple[Line, ...], effect: str) -> None:
        names = (
            "effect",
            "case_id",
            "line_number",
            "act_number",
            "payment_id",
            "currency",
            "prepared_by",
        )
        marks = ", ".join("?" * (len(names) + len(_LINE_COLUMNS)))
        self._database.execute_many(
            f"INSERT INTO case_line ({', '.join((*names, *_LINE_COLUMNS))}) VALUES ({marks})",  # noqa: S608 - names of ours
            [
                (
                    effect,
                    case.case_id,
                    line.number,
                    line.act_number,
                    case.payment_id,
                    case.currency,
                    msgspec.json.encode(line.prepared_by).decode(),
                    *(getattr(line, name) for name in _LINE_COLUMNS),
                )
                for line in lines
            ],
        )


def _place(case_id: str) -> str:
    return f"{_TABLE}/{case_id}"


def _summary(row: Sequence[Any]) -> CaseSummary:
    return CaseSummary(**dict(zip(_NAMES, row, strict=True)))
