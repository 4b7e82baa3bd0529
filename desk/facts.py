"""What is known when an act is performed: read from the store, never looked up by the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from desk.acts import Act
    from desk.cases import Entry

__all__ = ["Actor", "Facts", "ItemFact", "LoggedAct", "Proposal"]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts. `companies`: None means all.

    `amount_limits_minor`: the most this person may decide or approve at once, by currency, whatever
    their roles say; a currency that is not named is not theirs. None means no such limit.
    """

    name: str
    roles: tuple[str, ...]
    companies: tuple[str, ...] | None = None
    amount_limits_minor: dict[str, int] | None = None


class ItemFact(msgspec.Struct, frozen=True, kw_only=True):
    """An open item as it is now. Days are days since 1970; 0 where not known."""

    company_id: str
    open_item_id: str
    customer_id: str
    currency: str
    original_minor: int
    open_minor: int
    discount_minor: int = 0
    discount_day: int = 0
    status: str = "open"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One of the engine's proposals for the undecided money."""

    rank: int
    confidence_bps: int
    entries: tuple[Entry, ...]


class LoggedAct(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier act, and what of the case it replaced."""

    number: int
    actor: str
    act: Act
    assignee_before: str = ""
    backup_before: str = ""
    due_ms_before: int = 0
    customer_before: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an act may depend on beside the case.

    related_customers: who may be paid for by this payer without further question; held: an intake
    code forbids automatic application (`IN-TOTAL`, …); value_day: days since 1970; fact_reach:
    money per month that a fact to be learned would have decided alone.
    """

    items: dict[tuple[str, str], ItemFact] = {}
    proposals: tuple[Proposal, ...] = ()
    related_customers: tuple[str, ...] = ()
    held: bool = False
    value_day: int = 0
    fact_reach_minor: int = 0
    logged: LoggedAct | None = None
