"""What rests on a fact about a payer: the payments that carry its name or account. In a worker."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from desk.fact_reach import carriers
from rpc.caller import current_caller
from rpc.errors import FactNotFoundError
from rpc.fact_messages import fact_message
from tieout.v1 import fact_service_pb2 as contract

if TYPE_CHECKING:
    from engine.policy import PolicyBook
    from store.repository import Booking, Repository
    from store.taught_facts import TaughtFact

__all__ = ["fact_report", "found_fact", "standing_fact"]

_DAYS: Final = 365
_SHOWN_MAX: Final = 200


def fact_report(
    store: Repository, request: contract.GetFactRequest, policy: PolicyBook, now_ms: int
) -> contract.GetFactResponse:
    """The fact and its payments; raises `FactNotFoundError` or `CompanyNotPermittedError`."""
    since_ms = now_ms - _DAYS * 86_400_000
    with store.reading():
        fact = found_fact(store, request.case_id, request.line_number)
        current_caller().check_company(fact.company_id)
        payments = store.facts.payments_since(fact.company_id, since_ms)
        met = carriers(fact.kind, fact.value, payments)
        rows = payments.record_batch.filter(met).to_pylist()
        told = store.facts.outcomes([row["payment_id"] for row in rows])
    found = [_payment(row, told.get(row["payment_id"], ("", False)), fact) for row in rows]
    found.sort(key=lambda one: (one.value_date, one.payment_id), reverse=True)
    after = [one for one in found if one.is_after]
    good = [one for one in after if one.customer_id == fact.customer_id and not one.is_reversed]
    return contract.GetFactResponse(
        fact=fact_message(fact, policy),
        payments=found[:_SHOWN_MAX],
        before_count=len(found) - len(after),
        yield_count=len(good),
        false_count=len(after) - len(good),
    )


def found_fact(store: Repository | Booking, case_id: str, line_number: int) -> TaughtFact:
    """The fact that a line taught, taken back or not; raises `FactNotFoundError`."""
    fact = store.facts.find_fact(case_id, line_number)
    if fact is None:
        message = f"no fact was taught by line {line_number} of {case_id!r}"
        raise FactNotFoundError(message, case_id=case_id)
    return fact


def standing_fact(store: Repository | Booking, case_id: str, line_number: int) -> TaughtFact:
    """The same; a fact that was taken back is none."""
    fact = found_fact(store, case_id, line_number)
    if fact.revoked_at_ms:
        message = f"the fact of line {line_number} of {case_id!r} was taken back; teach it again"
        raise FactNotFoundError(message, case_id=case_id)
    return fact


def _payment(row: dict[str, Any], told: tuple[str, bool], fact: Any) -> contract.FactPayment:
    day = row["value_date"] or row["booking_date"]
    learned = datetime.date(1970, 1, 1) + datetime.timedelta(days=fact.learned_day)
    is_after = day is not None and day >= learned and row["payment_id"] != fact.payment_id
    return contract.FactPayment(
        payment_id=row["payment_id"],
        value_date=day.isoformat() if day else "",
        currency_code=row["currency"],
        amount_minor=row["amount_minor"],
        customer_id=told[0],
        is_after=is_after,
        is_reversed=told[1],
    )
