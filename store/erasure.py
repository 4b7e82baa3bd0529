"""To erase a customer: his keys are destroyed, and everybody who remembers him hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.repository import Booking

__all__ = ["erase_customer"]


def erase_customer(
    booking: Booking, company_id: str, customer_id: str, now_ms: int, actor: str
) -> list[int]:
    """Destroy every key of a customer and give their numbers; told and audited by number alone.

    What sealed his name, his accounts, payments, notes, facts and answers cannot be read again. His
    row counts as changed, so that a server that has him in memory reads it anew.
    """
    numbers = booking.keys.destroy_customer(company_id, customer_id, now_ms)
    if numbers:
        booking.customers.touch((company_id, customer_id))
    subject = f"keys:{numbers[0] if numbers else 0}"
    booking.events.add("customer.erased", subject, now_ms, {"key_count": len(numbers)})
    facts = {"keys": ",".join(map(str, numbers))}
    booking.audit.record(
        "customer_erased", subject, actor=actor, recorded_at_ms=now_ms, facts=facts
    )
    return numbers
