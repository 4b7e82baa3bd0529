"""Where a history lies: a directory as a world is written, or files named one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tieout.evaluation.truth_tables import find_table
from tieout.exit_codes import NothingToDoError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["History", "find_history"]

_TABLES: Final = ("payments", "open_items", "customers", "bank_accounts", "remittances")
_BANK: Final = "bank"


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a history; `truth` is a directory, None where nobody knows it."""

    open_items: Path
    bank_files: tuple[Path, ...] = ()
    payments: Path | None = None
    customers: Path | None = None
    bank_accounts: Path | None = None
    remittances: tuple[Path, ...] = ()
    truth: Path | None = None


def find_history(sources: Sequence[Path], given: dict[str, Path | None]) -> History:
    """The history in `sources`: directories with tables and `bank/`, and bank files.

    `given` are tables named by the caller; they go before those of a directory. Raises
    `NothingToDoError` where payments or open items are missing, `FileNotFoundError`.
    """
    found: dict[str, Path | None] = dict.fromkeys(_TABLES)
    bank_files: list[Path] = []
    truth = given.get("truth")
    for source in sources:
        if not source.exists():
            message = f"{source}: no such file or directory"
            raise FileNotFoundError(message)
        if source.is_file():
            bank_files.append(source)
            continue
        for name in _TABLES:
            found[name] = found[name] or find_table(source, name)
        in_bank = source / _BANK
        if in_bank.is_dir():
            bank_files += sorted(path for path in in_bank.rglob("*") if path.is_file())
        if truth is None and find_table(source, "truth") is not None:
            truth = source
    named = {name: path for name, path in given.items() if path is not None}
    tables = found | {name: path for name, path in named.items() if name in _TABLES}
    # A directory that has both says the same payments twice: the bank's own files are the history.
    payments = None if bank_files and "payments" not in named else tables["payments"]
    open_items = tables["open_items"]
    if open_items is None or not (bank_files or payments):
        message = (
            "no history: give a directory with open_items and bank/ or payments, or bank files "
            "and --open-items"
        )
        raise NothingToDoError(message)
    remittances = tables["remittances"]
    return History(
        open_items=open_items,
        bank_files=tuple(bank_files),
        payments=payments,
        customers=tables["customers"],
        bank_accounts=tables["bank_accounts"],
        # Remittances of a payments table name its ids; bank files carry their own lines.
        remittances=(remittances,) if remittances and (payments or "remittances" in named) else (),
        truth=truth,
    )
