"""Lessons: what a run's own references suggest about payers, and what a clerk's decisions say."""

from __future__ import annotations

import csv
import datetime
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import LearnedFactBatch
from engine.learned_facts import fact_keys
from tieout.exit_codes import DecisionFileError
from tieout.payer_memory import Lesson, RelianceBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from engine.matcher import MatchInput, MatchResult

__all__ = [
    "Decision",
    "lessons_of_decisions",
    "lessons_of_run",
    "read_decisions",
    "reliance_of_run",
]

_SURE: Final = ("remittance_detail", "references", "references_net")
"""Strategies whose decisions lean on whole numbers that add up to the payment alone."""

_UNKNOWN: Final = ("", "references", "name_like")
_WEAK_NAMES: Final = ("name_clipped", "name_misspelt")
_LEARNED: Final = {"learned_account": "payer_account", "learned_alias": "alias"}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a clerk decided about a payment: it is (`accept`) or is not (`reject`) the customer's;
    with `open_items` a rejection is of that set.
    """

    payment_id: str
    decision: str
    customer_id: str = ""
    open_items: str = ""
    decided_by: str = ""
    decided_on: datetime.date


def read_decisions(path: Path, by: str, on: datetime.date) -> list[Decision]:
    """The decisions of a CSV file; raises `DecisionFileError` that names row and value.

    Columns `payment_id`, `decision`, `customer_id`, `open_items`, `decided_by`, `decided_on`; the
    last two are `by` and `on` where the file does not say.
    """
    found = []
    with path.open(encoding="utf-8-sig", newline="") as source:
        reader = csv.DictReader(source)
        missing = {"payment_id", "decision"} - set(reader.fieldnames or ())
        if missing:
            message = f"{path.name} has no column {min(missing)}"
            raise DecisionFileError(message)
        for number, row in enumerate(reader, start=2):
            found.append(_decision(f"{path.name}:{number}", row, by, on))
    return found


def _decision(place: str, row: dict[str, str], by: str, on: datetime.date) -> Decision:
    said = {name: (row.get(name) or "").strip() for name in Decision.__struct_fields__}
    if said["decision"] not in ("accept", "reject"):
        message = f"{place}: decision is {said['decision']!r}, expected accept or reject"
        raise DecisionFileError(message)
    if said["decision"] == "accept" and not said["customer_id"]:
        message = f"{place}: an accepted payment needs its customer_id"
        raise DecisionFileError(message)
    try:
        day = datetime.date.fromisoformat(said["decided_on"]) if said["decided_on"] else on
    except ValueError:
        message = f"{place}: decided_on is {said['decided_on']!r}, expected an ISO 8601 date"
        raise DecisionFileError(message) from None
    return Decision(
        payment_id=said["payment_id"],
        decision=said["decision"],
        customer_id=said["customer_id"],
        open_items=said["open_items"],
        decided_by=said["decided_by"] or by,
        decided_on=day,
    )


def lessons_of_decisions(decisions: list[Decision], payments: pa.Table) -> list[Lesson]:
    """What `decisions` teach about the payers of a run's `payments` table; raises
    `DecisionFileError` for a payment that is not there.
    """
    columns = ("payment_id", "company_id", "payer_name", "payer_account", "payer_customer_id")
    rows = {row["payment_id"]: row for row in payments.select(list(columns)).to_pylist()}
    lessons: list[Lesson] = []
    for one in decisions:
        row = rows.get(one.payment_id)
        if row is None:
            message = f"the run has no payment {one.payment_id}"
            raise DecisionFileError(message)
        lessons += _lessons(one, {name: value or "" for name, value in row.items()})
    return lessons


def _lessons(one: Decision, row: dict[str, str]) -> Iterator[Lesson]:
    accepted = one.decision == "accept"
    if not accepted and one.open_items:
        items = ";".join(sorted(part.strip() for part in one.open_items.split(";") if part.strip()))
        yield _lesson(one, row, "not_items", one.payment_id, items)
        return
    if not one.customer_id:
        return
    payer = row["payer_customer_id"]
    if accepted and payer not in ("", one.customer_id):
        # Somebody known pays for another: that is a relation, not a second name.
        yield _lesson(one, row, "pays_for", payer)
        return
    for value, kind in (
        (row["payer_name"], "alias" if accepted else "not_alias"),
        (row["payer_account"], "payer_account" if accepted else "not_account"),
    ):
        if value:
            yield _lesson(one, row, kind, value)


def _lesson(
    one: Decision, row: dict[str, str], kind: str, value: str, open_items: str = ""
) -> Lesson:
    return Lesson(
        kind=kind,
        company_id=row["company_id"],
        value=value,
        customer_id=one.customer_id,
        open_item_ids=open_items,
        source="clerk",
        said_by=one.decided_by,
        said_on=one.decided_on,
        payment_id=one.payment_id,
    )


def lessons_of_run(match_input: MatchInput, result: MatchResult) -> list[Lesson]:
    """What references suggest: payments decided by whole numbers alone, and accounts and names that
    no evidence but those references connects with the customer. Confirms learned facts alike.
    """
    day = match_input.as_of
    if day is None:
        return []
    rows = result.applications.record_batch
    sure = pc.and_(
        pc.equal(rows.column("decision"), "auto"),
        pc.is_in(rows.column("strategy"), value_set=_text_array(_SURE)),
    )
    decided = pc.is_in(
        result.outcomes.text("payment_id"), value_set=rows.filter(sure).column("payment_id")
    )
    outcomes = result.outcomes.record_batch.filter(decided).to_pylist()
    payments = {
        row["payment_id"]: row
        for row in match_input.payments.record_batch.select(
            ["payment_id", "payer_name", "payer_account"]
        )
        .filter(pc.is_in(match_input.payments.text("payment_id"), _ids(outcomes)))
        .to_pylist()
    }
    return [
        Lesson(
            kind=kind,
            company_id=outcome["company_id"],
            value=value,
            customer_id=outcome["customer_id"],
            source="references",
            said_by="references",
            said_on=day,
            payment_id=outcome["payment_id"],
        )
        for outcome in outcomes
        if outcome["customer_id"] and outcome["payer_customer_id"] == outcome["customer_id"]
        for kind, value in _suggested(outcome["identified_by"], payments[outcome["payment_id"]])
    ]


def _suggested(identified_by: str, payment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Values the payment would teach: accounts unless the account told the payer, names only where
    nothing of the name did.
    """
    known_account = ("bank_account", "account_number", "virtual_account")
    if payment["payer_account"] and identified_by not in known_account:
        yield "payer_account", payment["payer_account"]
    if payment["payer_name"] and identified_by in (*_UNKNOWN, *_WEAK_NAMES, *_LEARNED):
        yield "alias", payment["payer_name"]


def reliance_of_run(
    match_input: MatchInput, result: MatchResult, facts: LearnedFactBatch
) -> RelianceBatch:
    """Automatic applications of payments whose payer was known by one of `facts`."""
    outcomes = result.outcomes
    relied = pc.is_in(outcomes.text("identified_by"), value_set=_text_array(_LEARNED))
    known = outcomes.record_batch.filter(relied).to_pylist()
    if not known:
        return RelianceBatch.empty()
    by_key = {
        (row["kind"], row["company_id"], key, row["customer_id"]): row["fact_id"]
        for row, key in zip(
            facts.record_batch.to_pylist(), fact_keys(facts).to_pylist(), strict=True
        )
    }
    ids = _ids(known)
    values = match_input.payments.record_batch.filter(
        pc.is_in(match_input.payments.text("payment_id"), ids)
    ).to_pylist()
    fact_of = _facts_of(known, {row["payment_id"]: row for row in values}, by_key)
    rows = result.applications.record_batch
    rows = rows.filter(
        pc.and_(pc.equal(rows.column("decision"), "auto"), pc.is_in(rows.column("payment_id"), ids))
    )
    found = [
        {
            "fact_id": fact_of[row["payment_id"]],
            "payment_id": row["payment_id"],
            "open_item_id": row["open_item_id"],
            "customer_id": row["customer_id"],
            "currency": row["currency"],
            "amount_minor": row["applied_minor"],
            "matched_on": match_input.as_of,
        }
        for row in rows.to_pylist()
        if row["payment_id"] in fact_of
    ]
    columns = {name: [row[name] for row in found] for name in RelianceBatch.SCHEMA.names}
    return RelianceBatch.from_columns(columns) if found else RelianceBatch.empty()


def _facts_of(
    outcomes: list[dict[str, str]],
    payments: dict[str, dict[str, str]],
    by_key: dict[tuple[str, str, str, str], str],
) -> dict[str, str]:
    """Fact id by payment id, where the payer's very fact is found."""
    kinds = [_LEARNED[row["identified_by"]] for row in outcomes]
    column = {"payer_account": "payer_account", "alias": "payer_name"}
    values = [
        payments[row["payment_id"]][column[kind]] for row, kind in zip(outcomes, kinds, strict=True)
    ]
    numbers = [str(number) for number in range(len(kinds))]
    asked = fact_keys(
        LearnedFactBatch.from_columns({"fact_id": numbers, "kind": kinds, "value": values})
    ).to_pylist()
    found = {}
    for row, kind, key in zip(outcomes, kinds, asked, strict=True):
        fact = by_key.get((kind, row["company_id"], key, row["payer_customer_id"]))
        if fact is not None:
            found[row["payment_id"]] = fact
    return found


def _ids(rows: list[dict[str, str]]) -> pa.StringArray:
    return _text_array([row["payment_id"] for row in rows])


def _text_array(values: Iterable[str]) -> pa.StringArray:
    return pa.array(list(values), pa.string())
