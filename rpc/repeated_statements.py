"""Statements that come again: the same file in other bytes, or money that must not count twice.

A file all of whose statements and payments one earlier file brought is that file: its receipt is
given. A payment that is new, in a statement that is not, is held (`IN-DUPFILE`): the bank may have
changed a text, and the money would be applied twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from engine.batches import PaymentBatch
from store.identities import KeptStatement

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.parsed_file import ParsedFile

__all__ = ["RepeatedStatements", "find_repeated", "hold_repeated", "kept_statements"]

_CODE = "IN-DUPFILE"


class RepeatedStatements(msgspec.Struct, frozen=True):
    """Which of a file's statements were kept before.

    `first_file` brought all of them, empty where no single file did. `accounts` are those whose
    statements in this file are all known.
    """

    first_file: str
    is_whole: bool
    accounts: frozenset[tuple[str, str]]


def kept_statements(parsed: ParsedFile) -> list[KeptStatement]:
    """The statements of a file as the store keeps them."""
    return [KeptStatement(**msgspec.structs.asdict(one)) for one in parsed.statements]


def find_repeated(
    parsed: ParsedFile, files_of: Callable[[KeptStatement], list[str]]
) -> RepeatedStatements:
    """What of `parsed` came before; `files_of` are the files that brought a statement."""
    statements = kept_statements(parsed)
    brought = [set(files_of(one)) if one.is_telling else set() for one in statements]
    common = set.intersection(*brought) if brought else set()
    first = next((one for one in files_of(statements[0]) if one in common), "") if common else ""
    accounts = {(one.account, one.currency) for one in statements}
    news = {
        (one.account, one.currency)
        for one, files in zip(statements, brought, strict=True)
        if not files
    }
    return RepeatedStatements(
        first_file=first,
        is_whole=bool(statements) and not news,
        accounts=frozenset(accounts - news),
    )


def hold_repeated(payments: PaymentBatch, repeated: RepeatedStatements) -> PaymentBatch:
    """New `payments` of known statements, held: nothing of them is applied automatically."""
    if not repeated.accounts or not len(payments):
        return payments
    columns = (payments.strings(name) for name in ("bank_account", "currency", "intake_codes"))
    held = [
        _with_code(codes)
        if repeated.is_whole or (account, currency) in repeated.accounts
        else codes
        for account, currency, codes in zip(*columns, strict=True)
    ]
    at = PaymentBatch.SCHEMA.get_field_index("intake_codes")
    column = pa.array(held, pa.string())
    field = PaymentBatch.SCHEMA.field(at)
    return PaymentBatch.of_distinct(payments.record_batch.set_column(at, field, column))


def _with_code(codes: str) -> str:
    given = [code for code in codes.split(";") if code]
    return ";".join([_CODE, *(code for code in given if code != _CODE)])
