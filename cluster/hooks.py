"""What a run needs of the program around it: how tables are read, how results are told.

This package knows parsers and engine only. Who starts a run hands in functions that can be sent to
other machines: module-level ones, by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    OpenItemBatch,
    PaymentBatch,
)
from parsers.tables import (
    TableContent,
    read_bank_accounts,
    read_customers,
    read_open_items,
    read_payments,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hooks"]


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the program that starts a run.

    tell: from the input and the result of a match to its tables by name; tell_notes: the same for
    exceptions without a payment; schemas: names of all tables of a result and their columns, sort:
    what each is ordered by; advices: remittance advice that was read.
    """

    tell: Callable[[Any, Any], dict[str, Any]]
    tell_notes: Callable[[ExceptionBatch], dict[str, Any]]
    schemas: dict[str, Any]
    order: dict[str, tuple[str, ...]]
    advices: AdviceBatch = msgspec.field(default_factory=AdviceBatch.empty)
    read_open_items: Callable[[TableContent], OpenItemBatch] = read_open_items
    read_customers: Callable[[TableContent], CustomerBatch] = read_customers
    read_payments: Callable[[TableContent], PaymentBatch] = read_payments
    read_bank_accounts: Callable[[TableContent], BankAccountBatch] = read_bank_accounts
