"""What a run needs of the program around it: how tables are read, how results are told.

This package knows parsers and engine only. Who starts a run hands in functions that can be sent to
other machines: module-level ones, by name.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    LearnedFactBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
    SettledBatch,
)
from parsers.table_files import TABLE_FORMATS
from parsers.tables import (
    TableContent,
    read_bank_accounts,
    read_customers,
    read_open_items,
    read_payments,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from engine.match_input import MapOrdered

__all__ = ["EarlierRuns", "Hooks", "MergedBankFiles", "Remembered", "Unseen"]


class MergedBankFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What all bank files of a run hold, money counted once; `refused` are names of files and why;
    `tables` are rows of the result that belong to no payment.
    """

    payments: PaymentBatch
    remittances: RemittanceBatch
    advices: AdviceBatch
    refused: list[tuple[str, str]]
    tables: dict[str, Any]


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that no earlier run has seen; `exceptions` are seen ones with other content."""

    payments: PaymentBatch
    remittances: RemittanceBatch
    exceptions: ExceptionBatch


class Remembered(msgspec.Struct, frozen=True):
    """What a run leaves to the next one: hash of all of it, and how it is written, at once."""

    key: str
    write: Callable[[], None]


class EarlierRuns(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier runs leave to this one, and how a run is remembered.

    key: hash of all of it; learned, settled: what the engine wants to know; facts: what the
    functions want, in any form that can be pickled. unseen: payments without those the facts know;
    reduced: open items at what is left of them; known: which facts are about items of a table.
    tell: what is to be remembered of a match, tables by name (schemas: their columns); closed ones
    tell what an item lost (`cluster.remember`). remember: what they make of earlier runs.
    """

    key: str
    learned: LearnedFactBatch
    settled: SettledBatch
    facts: Any
    unseen: Callable[[Any, PaymentBatch, RemittanceBatch], Unseen]
    reduced: Callable[[Any, OpenItemBatch], OpenItemBatch]
    known: Callable[[Any, OpenItemBatch], pa.BooleanArray]
    tell: Callable[[Any, Any], dict[str, pa.Table]]
    schemas: dict[str, pa.Schema]
    remember: Callable[[dict[str, pa.Table]], Remembered]


def _one_core() -> AbstractContextManager[MapOrdered]:
    return nullcontext(map)


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the program that starts a run.

    tell: from the input and the result of a match to its tables by name; decided: of the cash of
    its receivables (columns currency, decided, total); tell_notes: tables of exceptions without a
    payment; schemas: names of all tables of a result and their columns, sort:
    what each is ordered by; advices: remittance advice that was read; read_bank_file: what a file
    of this name and content holds, in a form that can be pickled, refuse_bank_file: what stands for
    one that cannot be used, and why, merge_bank_files: what all of them hold together with the
    payments of tables beside them. reading: hash of how tables and files are read;
    table_endings: of the files in a folder, those that are tables of items or customers; cores:
    `map` over all cores of a machine, for a family that has a task of its own.
    """

    tell: Callable[[Any, Any], dict[str, Any]]
    decided: Callable[[Any, Any], pa.Table]
    tell_notes: Callable[[ExceptionBatch], dict[str, Any]]
    schemas: dict[str, Any]
    order: dict[str, tuple[str, ...]]
    advices: AdviceBatch = msgspec.field(default_factory=AdviceBatch.empty)
    read_bank_file: Callable[[str, bytes, BankAccountBatch], list[Any]]
    refuse_bank_file: Callable[[str, bytes, str], list[Any]]
    merge_bank_files: Callable[[list[Any], BankAccountBatch, PaymentBatch], MergedBankFiles]
    reading: str = ""
    table_endings: tuple[str, ...] = tuple(TABLE_FORMATS)
    earlier: EarlierRuns | None = None
    cores: Callable[[], AbstractContextManager[MapOrdered]] = _one_core
    read_open_items: Callable[[TableContent], OpenItemBatch] = read_open_items
    read_customers: Callable[[TableContent], CustomerBatch] = read_customers
    read_payments: Callable[[TableContent], PaymentBatch] = read_payments
    read_bank_accounts: Callable[[TableContent], BankAccountBatch] = read_bank_accounts
