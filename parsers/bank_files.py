"""One bank file of any format, recognised by its content, to a `ParsedFile`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from parsers.detect import detect_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.batches import BankAccountBatch
    from parsers.parsed_file import ParsedFile

__all__ = ["parse_bank_file"]


def parse_bank_file(
    content: bytes, source_file: str, bank_accounts: BankAccountBatch | None = None
) -> ParsedFile:
    """Read `content` as far as it goes; `source_file` only names it in messages.

    `bank_accounts` gives the currency and layout of our lockboxes and accounts where the file does
    not. Raises `UnrecognisedFileError` where the content is no bank file; anything else that is
    wrong becomes a diagnostic.
    """
    form = detect_format(content, source_file)
    if form == "camt":
        return _camt_reader()(content, source_file)
    if form == "lockbox":
        from parsers.lockbox import parse_lockbox  # noqa: PLC0415  # a run reads few formats

        return parse_lockbox(content, source_file, bank_accounts)
    from parsers.bai2 import parse_bai2  # noqa: PLC0415  # a run reads few formats

    return parse_bai2(content, source_file, _currencies(bank_accounts))


def _camt_reader() -> Callable[[bytes, str], ParsedFile]:
    """The camt reader, whose XML library is loaded only where it is needed."""
    reader: Callable[[bytes, str], ParsedFile] = import_module("parsers.camt053").parse_camt
    return reader


def _currencies(bank_accounts: BankAccountBatch | None) -> dict[str, str]:
    """Our account → its currency, where it has only one."""
    if bank_accounts is None:
        return {}
    found: dict[str, str] = {}
    several: set[str] = set()
    for account, currency in zip(
        bank_accounts.strings("bank_account"), bank_accounts.strings("currency"), strict=True
    ):
        if found.setdefault(account, currency) != currency:
            several.add(account)
    return {account: code for account, code in found.items() if code and account not in several}
