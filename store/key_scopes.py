"""What a data key is for: a customer and year, a customer for good, a file, a payment, a month.

Whose key seals a thing says what erases it: destroying a customer's keys, a purge of what is older,
or the end of a run.
"""

from __future__ import annotations

import datetime
from typing import Final, Literal

import msgspec

__all__ = [
    "ANSWERS",
    "RUNS",
    "SEPARATOR",
    "KeyScope",
    "answers_scope",
    "customer_scope",
    "file_scope",
    "master_scope",
    "month_of",
    "payment_scope",
    "run_scope",
    "runs_scope",
    "shared_scope",
    "subject_of",
    "subject_of_owner",
]

SEPARATOR: Final = "\x1f"
"""Between company and customer in the subject of a key."""

ANSWERS: Final = "answers"
"""Subject of the keys of first answers, one a month."""

RUNS: Final = "runs"
"""Subject of the keys of what runs gave, one a month."""


class KeyScope(msgspec.Struct, frozen=True):
    """What one data key is for. `period` is the year of a customer's key, the month of what is
    kept by the month, else empty.
    """

    scope: Literal["customer", "file", "payment"]
    subject: str
    period: str = ""


def customer_scope(company_id: str, customer_id: str, at_ms: int) -> KeyScope:
    """The key of what a customer does in the year of `at_ms`; ids are keys within a company."""
    year = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).year
    return KeyScope("customer", subject_of(company_id, customer_id), str(year))


def master_scope(company_id: str, customer_id: str) -> KeyScope:
    """The key of what is known of a customer for as long as he is one, whatever the year."""
    return KeyScope("customer", subject_of(company_id, customer_id))


def answers_scope(at_ms: int) -> KeyScope:
    """The key of first answers that are nobody's alone, of the month of `at_ms`."""
    return KeyScope("file", ANSWERS, month_of(at_ms))


def runs_scope(at_ms: int) -> KeyScope:
    """The key of what runs gave, of the month of `at_ms`."""
    return KeyScope("file", RUNS, month_of(at_ms))


def run_scope(run_id: str) -> KeyScope:
    """The key of what a run was given to do, until it has ended."""
    return KeyScope("file", f"run {run_id}")


def file_scope(file_id: str) -> KeyScope:
    """The key of a bank file."""
    return KeyScope("file", file_id)


def payment_scope(payment_id: str) -> KeyScope:
    """The key of a payment whose payer was not known when it was kept."""
    return KeyScope("payment", payment_id)


def shared_scope(by_month: KeyScope, identity: str) -> KeyScope:
    """The key of one thing that is several customers': it goes with its month, or with the first of
    them who is erased.
    """
    return KeyScope("file", f"{by_month.subject} {identity}", by_month.period)


def subject_of_owner(owner: KeyScope) -> str:
    """Whom a shared key goes with: a customer, or a payment until its customer is known."""
    if owner.scope == "customer":
        return owner.subject
    return f"{owner.scope}{SEPARATOR}{SEPARATOR}{owner.subject}"


def subject_of(company_id: str, customer_id: str) -> str:
    """A customer as the subject of keys; ids are keys within a company."""
    return f"{company_id}{SEPARATOR}{customer_id}"


def month_of(at_ms: int) -> str:
    """The month of a moment, as a period: `2026-03`."""
    return f"{datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC):%Y-%m}"
