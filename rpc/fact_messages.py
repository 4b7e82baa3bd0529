"""Facts about payers → messages of the contract."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from tieout.v1 import fact_service_pb2 as contract

if TYPE_CHECKING:
    from engine.policy import PolicyBook
    from store.taught_facts import TaughtFact

__all__ = ["fact_message"]

_EPOCH: Final = datetime.date(1970, 1, 1)


def fact_message(fact: TaughtFact, policy: PolicyBook) -> contract.Fact:
    """A fact, with the day until which the tenant's rules count it."""
    days = fact.learned_day + policy.rules_of(fact.company_id, "").learning.confirmed_days
    return contract.Fact(
        case_id=fact.case_id,
        line_number=fact.line_number,
        kind=fact.kind,
        company_id=fact.company_id,
        value=fact.value,
        customer_id=fact.customer_id,
        teacher=fact.learned_by,
        teach_time=_time(fact.taught_at_ms),
        payment_id=fact.payment_id,
        revoke_time=_time(fact.revoked_at_ms),
        revoker=fact.revoked_by,
        expire_date=(_EPOCH + datetime.timedelta(days=days)).isoformat(),
    )


def _time(at_ms: int) -> Timestamp | None:
    if not at_ms:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(at_ms)
    return moment
