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
    from store.repository import Repository

__all__ = ["fact_report"]

_DAYS: Final = 365
_SHOWN_MAX: Final = 200


def fact_report(
    store: Repository, request: contract.GetFactRequest, policy: PolicyBook, now_ms: int
) -> contract.GetFactResponse:
    """The fact and its payments; raises `FactNotFoundError` or `CompanyNotPermittedError`."""
    since_ms = now_ms - _DAYS * 86_400_000
    with store.reading():
        fact = store.facts.find_fact(request.case_id, request.line_number)
        if fact is None:
            message = f"no fact was taught by line {request.line_number} of {request.case_id!r}"
            raise FactNotFoundError(message, case_id=request.case_id)
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
