"""Facts about payers → messages of the contract."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from tieout.v1 import fact_service_pb2 as contract

if TYPE_CHECKING:
    from engine.policy import PolicyBook
    from store.taught_facts import TaughtFact

__all__ = ["counted_days", "fact_message"]

_EPOCH: Final = datetime.date(1970, 1, 1)


def fact_message(fact: TaughtFact, policy: PolicyBook) -> contract.Fact:
    """A fact, with the day until which it counts: by somebody's word, or by the tenant's rules."""
    days = fact.last_day or fact.learned_day + counted_days(fact.company_id, policy)
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
        expire_date_setter=fact.term_set_by,
        etag=fact.etag,
        expire_date=(_EPOCH + datetime.timedelta(days=days)).isoformat(),
    )


def counted_days(company_id: str, policy: PolicyBook) -> int:
    """How many days a company's rules count a fact after it was taught or confirmed."""
    return policy.rules_of(company_id, "").learning.confirmed_days


def _time(at_ms: int) -> Timestamp | None:
    if not at_ms:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(at_ms)
    return moment
