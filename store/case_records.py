"""Cases as rows: what queues show of them, what they are filtered by, acts as they were said."""

from __future__ import annotations

from typing import Literal

import msgspec

from desk.acts import Act  # noqa: TC001 - msgspec looks it up to decode
from desk.outcomes import Event  # noqa: TC001 - msgspec looks it up to decode

__all__ = [
    "AGE_BANDS",
    "AMOUNT_BANDS",
    "FACETS",
    "ActRecord",
    "CaseFilter",
    "CaseOrder",
    "CasePage",
    "CaseSummary",
    "Facet",
    "FacetCount",
]

CaseOrder = Literal["raised", "amount", "due"]
Facet = Literal[
    "state",
    "code",
    "company_id",
    "currency",
    "assignee",
    "customer_id",
    "file_id",
    "bank_account",
    "age",
    "amount",
]

FACETS: tuple[Facet, ...] = (
    "state",
    "code",
    "company_id",
    "currency",
    "assignee",
    "customer_id",
    "file_id",
    "bank_account",
    "age",
    "amount",
)
"""What cases are counted by."""

AGE_BANDS = {"0-1": 0, "2-3": 2, "4-7": 4, "8-30": 8, "31-": 31}
"""Bands of age, and the whole days since a case was raised that each begins with."""

AMOUNT_BANDS = {
    "0-99": 0,
    "100-999": 100,
    "1000-9999": 1_000,
    "10000-99999": 10_000,
    "100000-": 100_000,
}
"""Bands of a payment's absolute amount, and the major units that each begins with."""


class CaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a queue, its state as of now. `number` keeps the order cases were raised in."""

    number: int
    case_id: str
    payment_id: str
    file_id: str
    company_id: str
    customer_id: str
    currency: str
    amount_minor: int
    undecided_minor: int
    code: str
    raised_at_ms: int
    due_at_ms: int
    state: str
    version: int
    assignee: str
    lease_holder: str
    lease_until_ms: int
    parked_until_ms: int
    awaited_event: str


class CaseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which cases. Empty: all. Of several values of one kind any may hold, of several kinds all.

    `companies` None: whichever; `ages` and `amount_bands` are names of bands; `text` is searched
    for; amounts are absolute; `due_before_ms` 0: whenever; `mentioned` has something to read there.
    """

    states: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    company_ids: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    file_ids: tuple[str, ...] = ()
    bank_accounts: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()
    amount_bands: tuple[str, ...] = ()
    text: str = ""
    mentioned: str = ""
    amount_min_minor: int = 0
    amount_max_minor: int = 0
    due_before_ms: int = 0
    raised_before_ms: int = 0
    companies: tuple[str, ...] | None = None


class CasePage(msgspec.Struct, frozen=True):
    """One page; `after` continues the list, None where it was the last; `total` is all of it."""

    cases: tuple[CaseSummary, ...]
    after: tuple[int, int] | None
    total: int = 0


class FacetCount(msgspec.Struct, frozen=True):
    """How many cases have a value; `label` says it for people where the value does not."""

    facet: str
    value: str
    case_count: int
    label: str = ""


class ActRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An act of the log."""

    case_id: str
    act_number: int
    actor: str
    performed_at_ms: int
    batch_id: str
    act: Act
    events: tuple[Event, ...]
    assignee_before: str
    backup_before: str
    due_at_ms_before: int
    customer_before: str
